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
 * NO_WAKEUP leaves @armed alone, hence the next record without it wakes. So does a
 * record that the ring's policy holds back; see ring_policy.c.
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
		turn->waiter.wake(&turn->waiter);
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
	ring_policy_init(ring);
}

/**
 * ring_wake_fini() - end what may still wake
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_wake_fini(struct karena_ring *ring)
{
	ring_policy_fini(ring);
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
	/* Whoever sees it set finds the caller queued. Pairs with ring_wake(). */
	smp_store_release(&ring->armed, RING_ARMED);
	/* Before the look. Pairs with the exchange in record_close(). */
	smp_mb();
}
EXPORT_SYMBOL_IF_KUNIT(ring_arm);

/**
 * ring_wake() - wake consumers after a record was finished
 * @ring:	the ring
 * @flags:	KARENA_RING_FORCE_WAKEUP or 0
 *
 * Context: any, NMI included.
 */
void ring_wake(struct karena_ring *ring, u32 flags)
{
	bool force = flags & KARENA_RING_FORCE_WAKEUP;

	if (!force && ring_holds_back(ring))
		return;
	/* Fully ordered. Pairs with the release in ring_arm(). */
	if (!xchg(&ring->armed, 0) && !force)
		return;
	if (can_wake())
		wake_records(ring);
	else
		irq_work_queue(&ring->wake_work);
}
EXPORT_SYMBOL_IF_KUNIT(ring_wake);

/**
 * ring_wake_late() - wake consumers for records that were held back
 * @ring:	the ring
 *
 * Context: interrupt, of a timer or an irq_work.
 */
void ring_wake_late(struct karena_ring *ring)
{
	if (xchg(&ring->armed, 0))
		wake_records(ring);
}

/**
 * ring_wake_end() - wake all pollers and consumers, since the ring may have ended
 * @ring:	the ring
 *
 * Context: may sleep.
 */
void ring_wake_end(struct karena_ring *ring)
{
	ring_wake(ring, KARENA_RING_FORCE_WAKEUP);
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

	ring_unhold(ring);
	spin_lock_irqsave(&space->turns.lock, flags);
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

	ring_unhold(ring);
	turn->granted = false;
	spin_lock_irqsave(&space->turns.lock, flags);
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

	spin_lock_irqsave(&space->turns.lock, flags);
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

	ring_unhold(ring);
	spin_lock_irqsave(&space->turns.lock, flags);
	ungrant(space, turn);
	turn->bytes = bytes;
	update_and_look(ring, flags);
}
EXPORT_SYMBOL_IF_KUNIT(ring_turn_return);
