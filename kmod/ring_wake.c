// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking. No wake-up is lost, whatever barriers the consumer uses and however it waits.
 *
 * Records
 * -------
 * A waiter for records, by ->poll or in a call, first gets onto the wait queue, then sets
 * @armed, then, after a full barrier, looks for a record. A producer finishes a record by an
 * exchange, which is a full barrier, and then looks at @armed. If @armed is set, the producer
 * clears it and wakes all waiters.
 *
 *   waiter                        producer
 *   ------                        --------
 *   [queue]                       [finish the record]
 *   smp_store_release(armed, 1)   full barrier (the exchange that finishes it)
 *   smp_mb()                      read armed
 *   [look for the record]         if set: exchange it for 0, wake all
 *
 * At least one of the two looks sees the other side's store: either the waiter finds the
 * record, or the producer finds @armed set. In the second case the producer also finds the
 * waiter on the queue, since @armed was set by a release after queueing.
 *
 * A consumer that waits by edge-triggered epoll relies on more: epoll tells it once that there
 * is data, the consumer reads on its own, and epoll is to tell it again when more data comes.
 * So ->poll arms also when it finds a record. At any time after that, either @armed is set, or
 * a wake-up was sent after @armed was cleared. On a wake-up epoll, and io_uring's multishot
 * poll, calls ->poll again before its caller can sleep. If a record was finished before ->poll
 * armed, the caller of ->poll sees the record, since the full barrier lies between; if it was
 * finished later, its producer finds @armed set. None of this depends on what the consumer
 * does in the meantime, not even on a barrier between its store of the position and its next
 * look: the consumer may miss a record in that look, but is woken for the record.
 *
 * @armed is in the kernel's own memory. In shared memory a consumer could forge it, or fail to
 * set it.
 *
 * A record with NO_WAKEUP leaves @armed as it is, so the next record without NO_WAKEUP wakes.
 *
 * Held back
 * ---------
 * A consumer that need not be quick asks to be woken when so many bytes or records are
 * there, or after a time; see KARENA_IOC_RING_POLICY. A record that does not make up enough
 * leaves @armed as it is, so that the producer of the next record looks again. Only producers
 * whose consumer sleeps pay for this. The first record that is held back starts the timer.
 *
 *   producer                       whoever wakes, the timer among them
 *   --------                       -----------------------------------
 *   [finish the record]            exchange delaying for 0
 *   full barrier                   exchange armed for 0; if it was set, wake all
 *   read armed: set
 *   read delaying: if not set,
 *     exchange it for 1; if
 *     it was not, start the timer
 *
 * If a producer finds @delaying set, it has read @delaying before somebody clears it. Hence
 * its record is finished before the waiters are woken, and they look for records afterwards.
 * If a producer finds @armed cleared, its record is not held back: somebody else is waking the
 * waiters, and they look after that. If the timer finds @delaying cleared, its delay is over
 * already.
 *
 * A producer that finds no space, waits for space or dies wakes the consumer if anything was
 * held back, whatever the policy. Another such wake-up comes only after something was held back
 * again.
 *
 * Space
 * -----
 * @space_wanted of the producer page is the number of free bytes that some producer waits
 * for. The consumer can read it there, and no user can write it. The kernel does not notice
 * when the consumer stores its position. So when as many bytes are free, the consumer makes a
 * call by which the kernel looks at the position.
 *
 *   producer                      consumer
 *   --------                      --------
 *   [queue]                       store the position
 *   space_wanted = bytes           full barrier
 *   (an exchange: full barrier)   read space_wanted
 *   [look at the position]        if set, and so much is free: have the kernel look
 *
 * If both look in the kernel, they look under the ring's lock, which orders their looks.
 *
 * Producers wait in two ways.
 *
 * A thread that sleeps in a call gets onto @turns and is woken alone, in its turn. It is woken
 * when there is space for it besides the space for those threads that were woken before it and
 * have not tried yet. The thread stays on the queue while it tries. To try it needs nobody
 * else, not even a page of its own memory to be faulted in. Then the thread leaves the queue,
 * and wakes the next one if there is still space for that thread. So if a thread does not use
 * its wake-up, because of a signal, a timeout, or others who took the space, the wake-up is
 * handed on. Freed space thus wakes no more threads than it serves, and a thread that needs
 * much is not overtaken by threads that came later and need little.
 *
 * All other waiters are on @wait: pollers, which once woken may do anything or nothing, and
 * calls whose next step depends on a user, namely io_uring commands and threads that meet a
 * page fault. Nobody may have to wait for these. So all of them are woken when there is space
 * for the one that wants least, and those for which that is not enough want it anew. ->poll
 * wants half of the ring when less is free. So does a user whose record was refused, since an
 * edge-triggered producer begins to wait only after a refusal.
 *
 * @space_wanted is the lesser of @wanted, for @wait, and the need of the first thread on @turns
 * that was not woken. It is written under the lock of @turns only. It may rise at any time: a
 * consumer that has read the old value makes its call a little early. It may be lowered when as
 * many bytes as the old value are free: a consumer that has read the old value makes its call
 * then, too. Whoever lowers it at another time looks at the position afterwards.
 */
#include <linux/hardirq.h>

#include "compat.h"
#include "ring.h"
#include "ring_wake.h"
#include "trace.h"

/*
 * Most turns that are looked at in one hold of the lock, whether they are granted then or were
 * before. The threads that are woken see to the turns behind.
 */
#define TURNS_AT_ONCE	64

static void note_wakeup(struct karena_ring *ring, __poll_t events)
{
	atomic64_inc(&ring->nr_wakeups);
	trace_karena_ring_wake(ring, (__force u32)events);
}

static void wake_all(struct wait_queue_head *queue)
{
	/*
	 * Wakes for no particular events. If it were told the events, io_uring's multishot
	 * poll would pass them on without calling ->poll, and nobody would arm again.
	 */
	__wake_up(queue, TASK_NORMAL, 0, NULL);
}

/* Wakes the other queue, too, if ring_mix_queues() was called. */
static void wake_mixed(struct karena_ring *ring, struct wait_queue_head *other)
{
	if (unlikely(READ_ONCE(ring->mixed)))
		wake_all(other);
}

static void wake_records(struct karena_ring *ring)
{
	wake_mixed(ring, &ring->space.wait);
	if (!wq_has_sleeper(&ring->wait))
		return;
	note_wakeup(ring, RING_POLL_RECORD);
	ring_note_woken(ring);
	wake_all(&ring->wait);
}

/* What update_wanted() has done, and leaves to be done without the lock. */
struct update {
	bool granted;	/* threads on @turns were woken */
	bool served;	/* waiters on @wait are to be woken */
	bool lowered;	/* the consumer may have read the old value, and not call for the new */
};

/*
 * Wakes threads in turn as long as @free bytes suffice for them. Returns the bytes that the
 * first thread needs for which they do not suffice; 0: there is no such thread, or the threads
 * that were woken see to it.
 */
static u64 grant_turns(struct ring_space *space, s64 free, struct update *update)
{
	unsigned int steps = 0;
	struct ring_turn *turn;

	lockdep_assert_held(&space->turns.lock);
	list_for_each_entry(turn, &space->turns.head, waiter.entry.entry) {
		if (steps++ == TURNS_AT_ONCE)
			return 0;
		if (turn->granted)
			continue;
		if ((s64)(space->granted + turn->bytes) > free)
			return turn->bytes;
		WRITE_ONCE(turn->granted, true);
		space->granted += turn->bytes;
		update->granted = true;
		turn->waiter.wake(&turn->waiter, 0);
	}
	return 0;
}

/* Grants turns, and updates @space_wanted. Under the lock of @turns. */
static struct update update_wanted(struct karena_ring *ring)
{
	u64 *page = &ring->producer_page->space_wanted;
	struct ring_space *space = &ring->space;
	u64 limit = READ_ONCE(ring->records.limit);
	s64 free = limit - READ_ONCE(ring->records.producer);
	struct update update = {};
	u64 next = grant_turns(space, free, &update), before = *page;

	update.served = space->wanted && free >= (s64)space->wanted;
	if (update.served)
		space->wanted = 0;
	next = min_not_zero(next, space->wanted);
	update.lowered = next && (!before || (next < before && free < (s64)before));
	/*
	 * Fully ordered: a look may follow. Pairs with the consumer's barrier between its
	 * position and @space_wanted.
	 */
	if (next != before)
		xchg(page, next);
	return update;
}

static void wake_pollers(struct karena_ring *ring)
{
	wake_mixed(ring, &ring->wait);
	if (!wq_has_sleeper(&ring->space.wait))
		return;
	note_wakeup(ring, RING_POLL_SPACE);
	wake_all(&ring->space.wait);
}

/* Returns whether a look at the consumer's position is to follow. */
static bool update_and_unlock(struct karena_ring *ring, unsigned long flags)
	__releases(&ring->space.turns.lock)
{
	struct update update = update_wanted(ring);

	spin_unlock_irqrestore(&ring->space.turns.lock, flags);
	if (update.granted)
		note_wakeup(ring, RING_POLL_SPACE);
	if (update.served)
		wake_pollers(ring);
	return update.lowered;
}

static void wake_producers(struct karena_ring *ring)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->space.turns.lock, flags);
	update_and_unlock(ring, flags);
}

/*
 * May a wake-up be sent in this context? With interrupts off the caller may hold a lock that a
 * wake-up takes: that of a run queue, of a timer, or of another wait queue.
 */
static bool can_wake(void)
{
	if (in_nmi() || irqs_disabled())
		return false;
	/*
	 * With PREEMPT_RT a wait queue's lock may sleep. A task that is preemptible can, and
	 * so can the handlers of soft timers and irq_works.
	 */
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

static void records_deferred(struct irq_work *work)
{
	wake_records(container_of(work, struct karena_ring, wake_work));
}

static void space_deferred(struct irq_work *work)
{
	wake_producers(container_of(work, struct karena_ring, space.work));
}

static struct karena_ring *ring_of(struct ring_policy *policy)
{
	return container_of(policy, struct karena_ring, policy);
}

/* Starts the timer anew if a new policy has come in the meantime. */
static void start_timer(struct ring_policy *policy)
{
	u32 us;

	do {
		us = READ_ONCE(policy->delay_us);
		hrtimer_start(&policy->timer, ns_to_ktime((u64)us * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_SOFT);
	} while (us != READ_ONCE(policy->delay_us));
}

static void start_deferred(struct irq_work *work)
{
	start_timer(container_of(work, struct ring_policy, start));
}

/*
 * Starts the timer, unless it runs or the delay has no limit. With interrupts off the caller may
 * hold a lock that starting a timer takes, so an irq_work starts it.
 */
static void delay(struct ring_policy *policy)
{
	if (!READ_ONCE(policy->delay_us))
		return;
	if (READ_ONCE(policy->delaying) || xchg(&policy->delaying, 1))
		return;
	if (in_nmi() || irqs_disabled())
		irq_work_queue(&policy->start);
	else
		start_timer(policy);
}

/*
 * Are there enough bytes or records to wake, now that @nr more records are finished? The two
 * figures are not of one moment, and need not be.
 */
static bool has_enough(struct karena_ring *ring, unsigned int nr)
{
	struct ring_policy *policy = &ring->policy;
	u32 bytes = READ_ONCE(policy->bytes), records = READ_ONCE(policy->records);
	u32 held = atomic_add_return(nr, &policy->held);

	if (bytes && karena_ring_query(ring, KARENA_RING_AVAILABLE) >= bytes)
		return true;
	return records && held >= records;
}

/* Does the policy hold back the wake-up for @nr records, which were finished just now? */
static bool holds_back(struct karena_ring *ring, unsigned int nr)
{
	if (likely(!READ_ONCE(ring->policy.holds)) || has_enough(ring, nr))
		return false;
	delay(&ring->policy);
	return true;
}

/* Clears @armed for a caller that wakes if it was set; before that the policy begins anew. */
static bool disarm(struct karena_ring *ring)
{
	struct ring_policy *policy = &ring->policy;

	if (atomic_read(&policy->held))
		atomic_set(&policy->held, 0);
	if (READ_ONCE(policy->delaying))
		xchg(&policy->delaying, 0);
	/* Fully ordered. Pairs with the release in ring_arm(). */
	return xchg(&ring->armed, 0);
}

/* Runs in softirq on every kernel; on a realtime one a wait queue's lock may sleep there. */
static enum hrtimer_restart delay_is_over(struct hrtimer *timer)
{
	struct karena_ring *ring = ring_of(container_of(timer, struct ring_policy, timer));

	if (READ_ONCE(ring->policy.delaying) && disarm(ring))
		wake_records(ring);
	return HRTIMER_NORESTART;
}

static void init_policy(struct ring_policy *policy)
{
	karena_hrtimer_setup(&policy->timer, delay_is_over, CLOCK_MONOTONIC,
			     HRTIMER_MODE_REL_SOFT);
	init_irq_work(&policy->start, start_deferred);
}

/**
 * ring_wake_init() - set up queues and policy; nobody waits
 * @ring:	being built
 *
 * Context: may sleep.
 */
void ring_wake_init(struct karena_ring *ring)
{
	init_waitqueue_head(&ring->wait);
	init_waitqueue_head(&ring->space.wait);
	init_waitqueue_head(&ring->space.turns);
	init_irq_work(&ring->wake_work, records_deferred);
	init_irq_work(&ring->space.work, space_deferred);
	init_policy(&ring->policy);
}

/**
 * ring_wake_fini() - wait for the timer and for deferred wake-ups, and end them
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_wake_fini(struct karena_ring *ring)
{
	/* policy.start may still start the timer. */
	irq_work_sync(&ring->policy.start);
	hrtimer_cancel(&ring->policy.timer);
	irq_work_sync(&ring->wake_work);
	irq_work_sync(&ring->space.work);
}

/**
 * ring_arm() - set @armed, so that the next record wakes; the caller looks afterwards
 * @ring:	the ring
 *
 * Context: any; the caller is on the wait queue.
 */
void ring_arm(struct karena_ring *ring)
{
	/* A producer that sees @armed set finds the caller queued. Pairs with disarm(). */
	smp_store_release(&ring->armed, RING_ARMED);
	/* Before the look. Pairs with the exchange in record_end(). */
	smp_mb();
}
EXPORT_SYMBOL_IF_KUNIT(ring_arm);

/**
 * ring_wake() - wake consumers after records were finished
 * @ring:	the ring
 * @flags:	KARENA_RING_FORCE_WAKEUP or 0
 * @nr:		records that were finished since the caller last called this
 *
 * Context: any, NMI included.
 */
void ring_wake(struct karena_ring *ring, u32 flags, unsigned int nr)
{
	bool force = flags & KARENA_RING_FORCE_WAKEUP;

	if (!force && holds_back(ring, nr))
		return;
	if (!disarm(ring) && !force)
		return;
	if (can_wake())
		wake_records(ring);
	else
		irq_work_queue(&ring->wake_work);
}
EXPORT_SYMBOL_IF_KUNIT(ring_wake);

void karena_ring_flush(struct karena_ring *ring)
{
	ring_wake(ring, KARENA_RING_FORCE_WAKEUP, 0);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_flush, KARENA_NS);

/**
 * ring_wake_end() - wake all pollers and consumers, since the ring may have ended
 * @ring:	the ring
 *
 * Context: may sleep.
 */
void ring_wake_end(struct karena_ring *ring)
{
	karena_ring_flush(ring);
	wake_pollers(ring);
}

/**
 * ring_mix_queues() - wake pollers of both queues from now on
 * @ring:	the ring
 *
 * epoll puts itself on a queue when it calls ->poll for the first time. When EPOLL_CTL_MOD
 * changes the events, epoll stays on this queue, although the other queue is woken for the
 * new events.
 *
 * Context: any; ring_arm() or ring_want_half() follows, and publishes the change.
 */
void ring_mix_queues(struct karena_ring *ring)
{
	WRITE_ONCE(ring->mixed, true);
}
EXPORT_SYMBOL_IF_KUNIT(ring_mix_queues);

/**
 * ring_half() - get the space for which pollers wait
 * @ring:	the ring
 *
 * Context: any.
 * Return: bytes.
 */
u64 ring_half(const struct karena_ring *ring)
{
	return (ring->records.mask + 1) / 2;
}

/**
 * ring_tell_space() - wake producers if the consumer position has moved far enough
 * @ring:	the ring
 *
 * Context: any, NMI included; the ring's lock was held since the position moved.
 */
void ring_tell_space(struct karena_ring *ring)
{
	u64 wanted = READ_ONCE(ring->producer_page->space_wanted);
	u64 limit, producer;

	if (likely(!wanted))
		return;
	limit = READ_ONCE(ring->records.limit);
	producer = READ_ONCE(ring->records.producer);
	if ((s64)(limit - producer) < (s64)wanted)
		return;
	if (can_wake())
		wake_producers(ring);
	else
		irq_work_queue(&ring->space.work);
}

/* Updates, unlocks, and looks at the consumer's position if @space_wanted was lowered. */
static void update_and_look(struct karena_ring *ring, unsigned long flags)
	__releases(&ring->space.turns.lock)
{
	struct ring_view view;

	if (update_and_unlock(ring, flags))
		ring_look(ring, &view);
}

/**
 * ring_want_bytes() - ask to wake @wait of struct ring_space when so much is free
 * @ring:	the ring
 * @bytes:	bytes of space that must be free, up to the size of the ring, not 0
 *
 * Context: may sleep; the caller is on the queue, or calls for somebody who may be.
 */
void ring_want_bytes(struct karena_ring *ring, u64 bytes)
{
	struct ring_space *space = &ring->space;
	unsigned long flags;

	ring_flush_held(ring);
	spin_lock_irqsave(&ring->space.turns.lock, flags);
	space->wanted = min_not_zero(space->wanted, bytes);
	update_and_look(ring, flags);
}

/**
 * ring_want_half() - ask to wake pollers when half of the ring is free
 * @ring:	the ring
 *
 * Context: may sleep.
 */
void ring_want_half(struct karena_ring *ring)
{
	ring_want_bytes(ring, ring_half(ring));
}
EXPORT_SYMBOL_IF_KUNIT(ring_want_half);

/**
 * ring_turn_begin() - queue a thread behind those that wait for space
 * @ring:	the ring
 * @turn:	its waiter is set up for the calling thread
 *
 * The turn may be granted at once. The caller may try only after the turn was granted. It ends
 * the turn after that, or when its wait is over.
 *
 * Context: may sleep.
 */
void ring_turn_begin(struct karena_ring *ring, struct ring_turn *turn)
{
	struct ring_space *space = &ring->space;
	unsigned long flags;

	ring_flush_held(ring);
	turn->granted = false;
	spin_lock_irqsave(&ring->space.turns.lock, flags);
	__add_wait_queue_entry_tail(&space->turns, &turn->waiter.entry);
	update_and_look(ring, flags);
}
EXPORT_SYMBOL_IF_KUNIT(ring_turn_begin);

/* Takes back the grant of a turn, if there is one. Under the lock of @turns. */
static void ungrant(struct ring_space *space, struct ring_turn *turn)
{
	lockdep_assert_held(&space->turns.lock);
	if (!turn->granted)
		return;
	space->granted -= turn->bytes;
	WRITE_ONCE(turn->granted, false);
}

/**
 * ring_turn_end() - leave the queue, and grant turns to the next threads if there is space
 * @ring:	the ring
 * @turn:	from ring_turn_begin()
 *
 * Context: may sleep.
 */
void ring_turn_end(struct karena_ring *ring, struct ring_turn *turn)
{
	struct ring_space *space = &ring->space;
	unsigned long flags;

	spin_lock_irqsave(&ring->space.turns.lock, flags);
	ungrant(space, turn);
	__remove_wait_queue(&space->turns, &turn->waiter.entry);
	update_and_look(ring, flags);
}
EXPORT_SYMBOL_IF_KUNIT(ring_turn_end);

/**
 * ring_turn_return() - wait for a turn again, in the same place of the queue
 * @ring:	the ring
 * @turn:	was granted, but somebody else has taken the space
 * @bytes:	number of bytes that the thread needs now
 *
 * Context: may sleep.
 */
void ring_turn_return(struct karena_ring *ring, struct ring_turn *turn, u64 bytes)
{
	struct ring_space *space = &ring->space;
	unsigned long flags;

	ring_flush_held(ring);
	spin_lock_irqsave(&ring->space.turns.lock, flags);
	ungrant(space, turn);
	turn->bytes = bytes;
	update_and_look(ring, flags);
}
EXPORT_SYMBOL_IF_KUNIT(ring_turn_return);
