// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who waits, and being woken. No wake-up is lost, whatever barriers the
 * consumer uses and however it waits:
 *
 * Whoever is about to wait for a record, be it by ->poll or in read(), first
 * gets onto the wait queue, then sets @armed, then, after a full barrier, looks
 * for the record. Whoever ends a record does that by a full barrier and then
 * looks at @armed; if it is set, clears it and wakes all.
 *
 *   waiter                        producer
 *   ------                        --------
 *   [queue]                       [end the record]
 *   smp_store_release(armed, 1)   full barrier (the exchange that ends it)
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
 * record that ended before ->poll armed is one that ->poll's caller sees, since
 * the full barrier lies between; one that ended after finds @armed set. Nothing
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
 * Room is told in the same way, by @space_wanted, the least that anybody waits for. It
 * is set to half of the ring by ->poll when less is free and by users who are refused,
 * as an edge-triggered producer waits only after a refusal, and to what a record takes
 * by producers that wait in a call; see ring_room.c. It lies in the producer page,
 * which no user can write, for the consumer to see: nobody sees what the consumer
 * stores.
 *
 *   producer                      consumer
 *   --------                      --------
 *   [queue]                       store the position
 *   space_wanted = bytes           full barrier
 *   (an exchange: full barrier)   read space_wanted
 *   [look at the position]        if set, and so much is free: have the kernel look
 *
 * All are woken, and those for whom it is not enough want it anew. A producer that finds
 * less wanted than it needs stores that again, lest it miss that it was cleared just
 * then: who clears it looks at the queue afterwards.
 *
 * Where both look in the kernel, they do so under the ring's lock, which orders
 * them.
 */
#include <linux/irq_work.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "ring.h"
#include "trace.h"

#define WAKE_RECORD	(EPOLLIN | EPOLLRDNORM)
#define WAKE_ROOM	(EPOLLOUT | EPOLLWRNORM)

static void wake(struct karena_ring *ring, __poll_t events)
{
	if (!wq_has_sleeper(&ring->wait))
		return;
	atomic64_inc(&ring->nr_wakeups);
	ring_note_woken(ring);
	trace_karena_ring_wake(ring, (__force u32)events);
	/*
	 * Of no particular events. Told which, io_uring's multishot poll would pass
	 * them on without calling ->poll, and nobody would arm again.
	 */
	__wake_up(&ring->wait, TASK_NORMAL, 0, NULL);
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

static void wake_or_defer(struct karena_ring *ring, __poll_t events)
{
	if (!can_wake())
		irq_work_queue(&ring->wake_work);
	else
		wake(ring, events);
}

static void wake_deferred(struct irq_work *work)
{
	wake(container_of(work, struct karena_ring, wake_work), WAKE_RECORD | WAKE_ROOM);
}

/**
 * ring_wait_init() - nobody waits
 * @ring:	being built
 *
 * Context: may sleep.
 */
void ring_wait_init(struct karena_ring *ring)
{
	init_waitqueue_head(&ring->wait);
	init_irq_work(&ring->wake_work, wake_deferred);
	ring_policy_init(ring);
}

/**
 * ring_wait_fini() - nobody waits any more
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_wait_fini(struct karena_ring *ring)
{
	ring_policy_fini(ring);
	irq_work_sync(&ring->wake_work);
}

/**
 * ring_arm() - a look for a record follows, and perhaps a wait
 * @ring:	the ring
 *
 * Context: any; the caller is on the wait queue.
 */
void ring_arm(struct karena_ring *ring)
{
	/* Whoever sees it set finds the caller queued. Pairs with ring_wake(). */
	smp_store_release(&ring->armed, RING_ARMED);
	/* Before the look. Pairs with the exchange in record_end(). */
	smp_mb();
}
EXPORT_SYMBOL_IF_KUNIT(ring_arm);

/**
 * ring_wake() - a record ended, and somebody seems to wait
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
	if (xchg(&ring->armed, 0) || force)
		wake_or_defer(ring, WAKE_RECORD);
}
EXPORT_SYMBOL_IF_KUNIT(ring_wake);

/**
 * ring_wake_late() - what was held back is to be so no longer
 * @ring:	the ring
 *
 * Context: interrupt, of a timer or an irq_work.
 */
void ring_wake_late(struct karena_ring *ring)
{
	if (xchg(&ring->armed, 0))
		wake(ring, WAKE_RECORD);
}

static u64 half(const struct karena_ring *ring)
{
	return (ring->records.mask + 1) / 2;
}

/**
 * ring_tell_room() - the consumer position may have moved
 * @ring:	the ring
 *
 * Context: any, NMI included; the ring's lock was held since it moved.
 */
void ring_tell_room(struct karena_ring *ring)
{
	u64 *wanted = &ring->producer_page->space_wanted;
	u64 producer, limit;

	if (likely(!READ_ONCE(*wanted)))
		return;
	limit = READ_ONCE(ring->records.limit);
	producer = READ_ONCE(ring->records.producer);
	if ((s64)(limit - producer) >= (s64)READ_ONCE(*wanted) && xchg(wanted, 0))
		wake_or_defer(ring, WAKE_ROOM);
}

/**
 * ring_want_bytes() - somebody waits for so much room, or will
 * @ring:	the ring
 * @bytes:	up to the size of the ring, not 0
 *
 * Context: may sleep.
 */
void ring_want_bytes(struct karena_ring *ring, u64 bytes)
{
	u64 *wanted = &ring->producer_page->space_wanted;
	struct ring_view view;
	u64 before, least;

	/*
	 * Fully ordered, and done also if nothing changes: the caller is on the queue
	 * before. Pairs with the exchange in ring_tell_room() and with the consumer's
	 * barrier between its position and @space_wanted.
	 */
	do {
		before = READ_ONCE(*wanted);
		least = before ? min(before, bytes) : bytes;
	} while (cmpxchg(wanted, before, least) != before);
	ring_unhold(ring);
	/* Tells if it is there. */
	ring_look(ring, &view);
}

/**
 * ring_want_room() - somebody waits for half of the ring, or will
 * @ring:	the ring
 *
 * Context: may sleep.
 */
void ring_want_room(struct karena_ring *ring)
{
	ring_want_bytes(ring, half(ring));
}
EXPORT_SYMBOL_IF_KUNIT(ring_want_room);

/**
 * ring_wait_record() - sleep until a record is there, or the ring has ended
 * @ring:	the ring
 *
 * Context: may sleep.
 * Return: 0, or -ERESTARTSYS if a signal came.
 */
int ring_wait_record(struct karena_ring *ring)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct ring_view view;
	int err = 0;

	add_wait_queue(&ring->wait, &wait);
	for (;;) {
		ring_arm(ring);
		ring_look(ring, &view);
		if (view.there || view.ended)
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		wait_woken(&wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
	}
	remove_wait_queue(&ring->wait, &wait);
	return err;
}

/**
 * ring_poll() - ->poll of a ring's files
 * @file:	the open file
 * @table:	how to queue, and for what
 *
 * A record that was discarded counts as there: the consumer is to pass over it.
 *
 * Context: may sleep.
 * Return: what is the case.
 */
__poll_t ring_poll(struct file *file, struct poll_table_struct *table)
{
	struct karena_ring *ring = to_ring(karena_file_handle(file)->object);
	struct ring_view view __uninitialized;
	__poll_t events = 0;

	poll_wait(file, &ring->wait, table);
	ring_arm(ring);
	ring_look(ring, &view);
	if (view.room < half(ring) &&
	    poll_requested_events(table) & WAKE_ROOM) {
		ring_want_room(ring);
		ring_look(ring, &view);
	}

	if (view.there || view.ended)
		events |= WAKE_RECORD;
	if (view.ended)
		events |= EPOLLHUP;
	if (view.room >= half(ring))
		events |= WAKE_ROOM;
	return events;
}
