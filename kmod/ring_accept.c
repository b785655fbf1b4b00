// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the consumer says it has read, and the figures that are taken when the kernel
 * looks at it: they cost records nothing. A look is poll(), WAIT or STAT, or a record of
 * a user that was refused; for the fill also a read() and a record for which there seems
 * to be no space, for the age of what is unread a wake-up.
 */
#include <linux/ktime.h>

#include "compat.h"
#include "ring.h"
#include "ring_short.h"

/*
 * By the consumer's own word, if that can be true: the kernel is late to accept it. But
 * where a record was refused since the last look, it had nothing to accept, and there was
 * less space than that record takes.
 */
static void note_fill(struct karena_ring *ring, u64 claim)
{
	const struct records *r = &ring->records;
	u64 fill = r->producer - record_consumer(r);
	u64 lost = READ_ONCE(ring->producer_page->lost_full);

	if (lost == ring->lost_seen && r->producer - claim < fill)
		fill = r->producer - claim;
	ring->lost_seen = lost;
	if (fill > ring->fill_most)
		ring->fill_most = fill;
}

/**
 * ring_note_unread() - note since when something has been unread
 * @ring:	the ring
 *
 * One moment is kept, and the producer position then, until the consumer has passed
 * that. What is below it is as old, at least.
 *
 * Context: any; under ring->lock.
 */
void ring_note_unread(struct karena_ring *ring)
{
	const struct records *r = &ring->records;
	u64 consumer = record_consumer(r);

	lockdep_assert_held(&ring->lock);
	if (ring->unread_to > consumer || r->producer == consumer)
		return;
	ring->unread_to = r->producer;
	ring->unread_since = ktime_get_mono_fast_ns();
}

/* Is all known to have ended up to a border that the consumer says it has reached? */
static bool reaches_settled(const struct karena_ring *ring, u64 claim)
{
	const struct records *r = &ring->records;
	u64 position = record_consumer(r);

	return ring->settled.position - position - 1 < claim - position &&
	       claim - position <= r->producer - position;
}

/*
 * Without a walk up to there, see ring_settled.c; with one from there on, and where space
 * was kept back for what is stuck.
 */
static noinline bool accept_settled(struct karena_ring *ring, u64 claim)
{
	const struct ring_settled *settled = &ring->settled;
	struct records *r = &ring->records;

	record_advance(r, settled->position, settled->submitted - r->nr_read);
	ring_pass_settled(ring);
	if (claim == settled->position && !r->nr_stuck)
		return false;
	return record_accept(r, claim, RING_STEPS);
}

/**
 * ring_accept() - give back what the consumer says it has read
 * @ring:	the ring
 *
 * Context: any; under ring->lock.
 * Return: whether there is more than one hold of the lock may take.
 */
bool ring_accept(struct karena_ring *ring)
{
	/*
	 * Read once: the value is a user's. Pairs with the release by which the
	 * consumer stored it: it has done with what lies below.
	 */
	u64 claim = smp_load_acquire(&ring->consumer_page->position);
	const struct records *r = &ring->records;

	lockdep_assert_held(&ring->lock);
	note_fill(ring, claim);
	/* Nothing is new, and no space is kept back any more for what was stuck. */
	if (claim == record_consumer(r) && claim == record_given_back(r))
		return false;
	if (reaches_settled(ring, claim))
		return accept_settled(ring, claim);
	return record_accept(&ring->records, claim, RING_STEPS);
}

/**
 * ring_note_woken() - somebody is woken, and may not come
 * @ring:	the ring
 *
 * Context: any but NMI.
 */
void ring_note_woken(struct karena_ring *ring)
{
	unsigned long flags;

	if (!ring_lock(ring, &flags))
		return;
	ring_note_unread(ring);
	ring_unlock(ring, flags);
}

/**
 * ring_look_back() - what looks have met until now
 * @ring:	the ring
 * @history:	out
 *
 * Context: any but NMI.
 */
void ring_look_back(struct karena_ring *ring, struct ring_history *history)
{
	u64 now = ktime_get_mono_fast_ns();
	unsigned long flags;
	u64 since = now;

	ring_lock(ring, &flags);
	history->fill_most = ring->fill_most;
	if (ring->unread_to > record_consumer(&ring->records))
		since = ring->unread_since;
	ring_unlock(ring, flags);
	/* Noted by another after this one's look at the clock, it would be negative. */
	history->unread_ns = since < now ? now - since : 0;
}
