// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking. No wake-up is lost, whatever barriers the consumer uses and however it waits.
 *
 * Records
 * -------
 * Whoever is about to wait for a record, be it by ->poll or in a call, first gets onto
 * the wait queue, then sets @armed, then, after a full barrier, looks for the record.
 * Whoever finishes a record does that by a full barrier and then looks at @armed; if it
 * is set, clears it and wakes all.
 *
 *   waiter                        producer
 *   ------                        --------
 *   [queue]                       [finish the record]
 *   smp_store_release(armed, 1)   full barrier (the exchange that finishes it)
 *   smp_mb()                      read armed
 *   [look for the record]         if set: exchange it for 0, wake all
 *
 * Of the two looks at least one sees the other side's store: either the waiter
 * finds the record, or the producer finds @armed set, and with it, as it was
 * released after queueing, the waiter on the queue.
 *
 * A consumer that waits by edge-triggered epoll relies on more: it is told of
 * data once, reads on its own, and is to be told again of what came later. So
 * ->poll arms also when it finds a record. At any time then either @armed is
 * set, or a wake-up was sent since it was cleared, upon which epoll, and
 * io_uring's multishot poll, calls ->poll again before its caller can sleep. A
 * record that was finished before ->poll armed is one that ->poll's caller sees, since
 * the full barrier lies between; one that was finished after finds @armed set. Nothing
 * in this depends on what the consumer does between, not even on the barrier
 * between its store of the position and its next look: it may miss a record in
 * that look, and is woken for it.
 *
 * @armed is the kernel's own. In shared memory a consumer could forge it, or
 * forget it.
 *
 * NO_WAKEUP leaves @armed alone, hence the next record without it wakes.
 *
 * Held back
 * ---------
 * A consumer that need not be quick asks to be woken when so many bytes or records are
 * there, or after a time; see KARENA_IOC_RING_POLICY. A record that is not enough leaves
 * @armed as it is, so that the next one asks again; the cost is with producers whose
 * consumer sleeps. The first that is held back starts the timer.
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
 * A producer that finds @delaying set read it before somebody cleared it, hence its
 * record was finished before those are woken who have armed, and they look afterwards. One
 * that finds @armed cleared is not held back: somebody else has woken, and whoever
 * waits looks after that. A timer that finds @delaying cleared is of a delay that is over.
 *
 * What cannot go on wakes if anything was held back, whatever the policy: a producer that
 * finds no space or waits for it, or has died. That is once, until something is held back
 * again.
 *
 * Space
 * -----
 * @space_wanted of the producer page is the number of free bytes that some producer waits
 * for. The consumer sees it there, and no user can write it. The consumer has the kernel
 * look when so much is free, as nobody sees what the consumer stores.
 *
 *   producer                      consumer
 *   --------                      --------
 *   [queue]                       store the position
 *   space_wanted = bytes           full barrier
 *   (an exchange: full barrier)   read space_wanted
 *   [look at the position]        if set, and so much is free: have the kernel look
 *
 * Where both look in the kernel, they do so under the ring's lock, which orders them.
 *
 * Producers wait in two ways.
 *
 * A thread that sleeps in a call gets onto @turns and is woken in turn, alone, when what
 * it needs is free beside what those who were woken before it need and have not tried
 * yet. It stays on the queue while it tries, for which it needs nobody else, not even a
 * page of its own memory; then it leaves, and wakes the next if there is still space for
 * that one. So a wake-up that is not used, because of a signal, a timeout, or others who
 * took the space, is handed on. Freed space thus wakes no more threads than it serves, and
 * a thread that needs much is not overtaken by those that came after it and need little.
 *
 * All others are on @wait: pollers, who may do anything once they are woken, or nothing,
 * and calls whose next step depends on a user, be it io_uring commands or a thread that
 * meets a page fault. Nobody may have to wait for them, so all of them are woken when the
 * least that any of them wants is free, and those for whom that is not enough want it anew.
 * ->poll wants half of the ring when less is free; so do users who are refused, since an
 * edge-triggered producer waits only after a refusal.
 *
 * @space_wanted is the lesser of what @wait wants and what the first thread on @turns needs
 * which was not woken. It is written under the lock of @turns only. It may rise at any time:
 * a consumer that has read the old value has the kernel look a little early. It is lowered
 * when as many bytes as the old value are free, so that a consumer that has read that value
 * has the kernel look, or by somebody who looks afterwards.
 */
#include <linux/hardirq.h>

#include "call.h"
#include "compat.h"
#include "ring.h"
#include "ring_wake.h"
#include "trace.h"

/* Threads woken, or passed by as they were, in one hold of the lock; these wake the rest. */
#define TURNS_AT_ONCE	64

static void note_wakeup(struct karena_ring *ring, __poll_t events)
{
	atomic64_inc(&ring->nr_wakeups);
	trace_karena_ring_wake(ring, (__force u32)events);
}

static void wake_all(struct wait_queue_head *queue)
{
	/*
	 * Of no particular events. Told which, io_uring's multishot poll would pass
	 * them on without calling ->poll, and nobody would arm again.
	 */
	__wake_up(queue, TASK_NORMAL, 0, NULL);
}

/* See ring_mix_queues(). */
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

/* What update_wanted() leaves to be done without the lock. */
struct update {
	bool granted;	/* threads on @turns were woken */
	bool served;	/* those on @wait are to be woken */
	bool lowered;	/* the consumer may have read the old value, and not have come for it */
};

/*
 * Wakes threads in turn for which @free bytes suffice. Returns what the first one needs for
 * which they do not; 0: there is none, or those that were woken see to it.
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
 * With interrupts off the caller may hold what a wake-up takes: the locks of a
 * run queue, of a timer, of another wait queue.
 */
static bool can_wake(void)
{
	if (in_nmi() || irqs_disabled())
		return false;
	/* There a wait queue's lock sleeps; what timers and irq_works run can. */
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

/* A new policy may come while it starts, and its producers before it has. */
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

/* With interrupts off the caller may hold what starting a timer takes. */
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

/* Bytes and records are not of one moment, and need not be. */
static bool has_enough(struct karena_ring *ring, unsigned int nr)
{
	struct ring_policy *policy = &ring->policy;
	u32 bytes = READ_ONCE(policy->bytes), records = READ_ONCE(policy->records);
	u32 held = atomic_add_return(nr, &policy->held);

	if (bytes && karena_ring_query(ring, KARENA_RING_AVAILABLE) >= bytes)
		return true;
	return records && held >= records;
}

/* Are so many records, which were finished just now, no reason to wake? */
static bool holds_back(struct karena_ring *ring, unsigned int nr)
{
	if (likely(!READ_ONCE(ring->policy.holds)) || has_enough(ring, nr))
		return false;
	delay(&ring->policy);
	return true;
}

/* Takes @armed away, for whoever is going to wake; the policy begins anew before that. */
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

/* In softirq on every kernel, a realtime one too, where a wait queue's lock may sleep. */
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
 * ring_wake_init() - set up waking; nobody waits
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
 * ring_wake_fini() - end what may still wake
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_wake_fini(struct karena_ring *ring)
{
	/* The first may still start the second. */
	irq_work_sync(&ring->policy.start);
	hrtimer_cancel(&ring->policy.timer);
	irq_work_sync(&ring->wake_work);
	irq_work_sync(&ring->space.work);
}

/**
 * ring_arm() - have the next record wake; a look for a record follows
 * @ring:	the ring
 *
 * Context: any; the caller is on the wait queue.
 */
void ring_arm(struct karena_ring *ring)
{
	/* Whoever sees it set finds the caller queued. Pairs with disarm(). */
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
 * epoll tells a file when it begins to poll, and puts itself on a queue then. It does not
 * tell when EPOLL_CTL_MOD changes the events.
 *
 * Context: any; ring_arm() or ring_want_half() follows, which publishes it.
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
 * Context: any, NMI included; the ring's lock was held since it moved.
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

/* The same where it may be that the consumer's position is to be looked at. */
static void update_and_look(struct karena_ring *ring, unsigned long flags)
	__releases(&ring->space.turns.lock)
{
	struct ring_view view;

	if (update_and_unlock(ring, flags))
		ring_look(ring, &view);
}

/**
 * ring_want_bytes() - have those on @wait of struct ring_space woken for so much space
 * @ring:	the ring
 * @bytes:	up to the size of the ring, not 0
 *
 * Context: may sleep; the caller is on the queue, or knows who may be.
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
 * ring_want_half() - have pollers woken when half of the ring is free
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
 * ring_turn_begin() - get onto the end of the queue of threads that wait for space
 * @ring:	the ring
 * @turn:	its waiter is set up for the calling thread
 *
 * The turn may be granted at once. Only when it is may the caller try; only then or when
 * the wait is over may it end its turn.
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

/* Takes back what was granted. Under the lock. */
static void ungrant(struct ring_space *space, struct ring_turn *turn)
{
	lockdep_assert_held(&space->turns.lock);
	if (!turn->granted)
		return;
	space->granted -= turn->bytes;
	WRITE_ONCE(turn->granted, false);
}

/**
 * ring_turn_end() - leave the queue, and let the next in turn have what space is left
 * @ring:	the ring
 * @turn:	begun
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
 * ring_turn_return() - wait for a turn again, in the same place
 * @ring:	the ring
 * @turn:	was granted, but somebody else has taken the space
 * @bytes:	of space that it needs now
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

/**
 * ring_op_policy() - KARENA_IOC_RING_POLICY
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_policy
 *
 * Context: may sleep.
 * Return: 0 or -EINVAL.
 */
long ring_op_policy(struct karena_call *call, void *argp)
{
	const struct karena_ring_policy *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	struct ring_policy *policy = &ring->policy;

	if (args->__reserved || args->wake_bytes > ring->records.mask + 1)
		return -EINVAL;
	spin_lock(&ring->party_lock);
	WRITE_ONCE(policy->bytes, args->wake_bytes);
	WRITE_ONCE(policy->records, args->wake_records);
	WRITE_ONCE(policy->delay_us, args->wake_delay_us);
	WRITE_ONCE(policy->holds,
		   args->wake_bytes || args->wake_records || args->wake_delay_us);
	spin_unlock(&ring->party_lock);
	/*
	 * By the policy that was they might wait for longer. This ends its delay, and the
	 * next one starts the timer anew.
	 */
	karena_ring_flush(ring);
	return 0;
}

/**
 * ring_op_flush() - KARENA_IOC_RING_FLUSH
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_flush
 *
 * Context: any.
 * Return: 0.
 */
long ring_op_flush(struct karena_call *call, void *argp)
{
	karena_ring_flush(to_ring(call->object));
	return 0;
}
