// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open records that hold consumers up. A producer that is stopped between reserve and
 * submit is not dead, and what it has reserved stays its own. But consumers need not
 * wait for it longer than whoever made the ring has asked for: then the record counts as
 * discarded for them, and they come to those behind it. Its space is given back when
 * the producer has ended it, which is answered by -ESTALE, or has died. So it is with a
 * user's long record that the kernel copies, on rings of either kind: see ring_copy.c.
 *
 * Any look at a ring with an open record starts the timer. The record need not be at the
 * consumer position: who maps the ring comes to it without a call, and may then sleep
 * until it is told of more. When the timer runs, it looks itself: how old the record is,
 * at least, is known from the figures that looks take, see ring_accept.c. A record is
 * passed over as one is that its owner has ended, by a full barrier and then a look at
 * @armed, so nobody sleeps through it.
 *
 * @running is under the lock of the ring, as is each look for open records. Whoever sets it
 * starts the timer; the timer's own run, which alone clears it, goes on for as long as its
 * look, in the same hold of the lock, finds that there is one.
 */
#include <linux/ktime.h>

#include "compat.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_short.h"

/* A timer that has met what it cannot pass over does not run more often than that. */
#define AGAIN_NS	(100 * NSEC_PER_USEC)

static u64 patience_ns(const struct karena_ring *ring)
{
	return (u64)ring->patience.us * NSEC_PER_USEC;
}

static bool held_up(const struct karena_ring *ring)
{
	const struct records *r = &ring->records;

	return r->producer != record_consumer(r) && !record_there(record_front(r));
}

/*
 * Are they, or will they be when they come to it? Perhaps not, if true: a record is counted
 * a little after it has ended.
 */
static bool may_be_held_up(const struct karena_ring *ring)
{
	const struct records *r = &ring->records;

	return r->producer != record_consumer(r) &&
	       !ring_all_ended(ring, ring_nr_submitted(ring));
}

/*
 * Returns for how many nanoseconds more the records that were unread when that was noted
 * may hold consumers up. Under the lock, after a look at a ring that is not empty.
 */
static u64 left_ns(const struct karena_ring *ring)
{
	u64 now = ktime_get_mono_fast_ns();
	/* Another CPU's clock may have been ahead by a little. */
	u64 age = now > ring->unread_since ? now - ring->unread_since : 0;

	lockdep_assert_held(&ring->lock);
	return age < patience_ns(ring) ? patience_ns(ring) - age : 0;
}

/**
 * ring_stuck_pass() - pass over what has held consumers up for too long
 * @ring:	the ring
 * @payload:	out, if any is, payload bytes
 *
 * By whoever looks, not the timer alone: behind a record that was passed over there may be
 * more that are as old, and consumers need not wait for each.
 *
 * Context: under ring->lock, after a look.
 * Return: how many records; ring_stuck_passed() is to follow, without the lock.
 */
unsigned int ring_stuck_pass(struct karena_ring *ring, u64 *payload)
{
	lockdep_assert_held(&ring->lock);
	if (likely(!ring->patience.us) || !held_up(ring) || left_ns(ring))
		return 0;
	return record_pass_stuck(&ring->records, ring->unread_to, RING_STEPS, payload);
}

/**
 * ring_stuck_passed() - count what was passed over, and tell of it
 * @ring:	the ring
 * @nr:		from ring_stuck_pass()
 * @payload:	likewise
 *
 * Context: any but NMI.
 */
void ring_stuck_passed(struct karena_ring *ring, unsigned int nr, u64 payload)
{
	if (likely(!nr))
		return;
	atomic64_add(nr, &ring->nr_discarded);
	ring_lost_stuck(ring, nr, payload);
	ring_tell_many(ring, 0, nr);
	ring_flush_held(ring);
}

/*
 * Under the lock, after a look that has passed over nothing. Returns for how many
 * nanoseconds nothing need be done; 0: consumers are not held up, nor will be.
 */
static u64 nothing_to_do_ns(const struct karena_ring *ring)
{
	if (!held_up(ring))
		return may_be_held_up(ring) ? patience_ns(ring) : 0;
	/* If it was too long, by the kernel's own: it will not be long. */
	return left_ns(ring) ?: patience_ns(ring);
}

static enum hrtimer_restart patience_is_over(struct hrtimer *timer)
{
	struct karena_ring *ring = container_of(timer, struct karena_ring, patience.timer);
	u64 payload = 0, wait = 0;
	unsigned int nr = 0;
	unsigned long flags;
	bool more;

	ring_lock(ring, &flags);
	more = ring_accept(ring);
	ring_note_unread(ring);
	if (!more)
		nr = ring_stuck_pass(ring, &payload);
	if (!more && !nr)
		wait = nothing_to_do_ns(ring);
	ring->patience.running = more || wait;
	ring_unlock(ring, flags);

	ring_stuck_passed(ring, nr, payload);
	ring_tell_space(ring);
	if (!more && !wait)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(max_t(u64, wait, AGAIN_NS)));
	return HRTIMER_RESTART;
}

/**
 * ring_stuck_init() - nobody is held up
 * @ring:	being built
 * @us:		how long an open record may hold consumers up, 0: for ever
 *
 * Context: any.
 */
void ring_stuck_init(struct karena_ring *ring, u32 us)
{
	ring->patience.us = us;
	karena_hrtimer_setup(&ring->patience.timer, patience_is_over, CLOCK_MONOTONIC,
			     HRTIMER_MODE_REL_SOFT);
}

/**
 * ring_stuck_fini() - nobody is held up any more
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_stuck_fini(struct karena_ring *ring)
{
	hrtimer_cancel(&ring->patience.timer);
}

/**
 * ring_stuck_watch() - decide after a look when the timer must run
 * @ring:	the ring
 *
 * Context: under ring->lock.
 * Return: nanoseconds after which the timer is to run, for ring_stuck_start(), which is
 * to follow without the lock; 0: it is not.
 */
u64 ring_stuck_watch(struct karena_ring *ring)
{
	struct ring_patience *patience = &ring->patience;
	u64 ns;

	lockdep_assert_held(&ring->lock);
	if (likely(!patience->us) || patience->running)
		return 0;
	ns = nothing_to_do_ns(ring);
	patience->running = ns;
	return ns;
}

/**
 * ring_stuck_start() - look again when patience may be over
 * @ring:	for which ring_stuck_watch() said so
 * @ns:		what it said
 *
 * Context: any but NMI, interrupts on.
 */
void ring_stuck_start(struct karena_ring *ring, u64 ns)
{
	hrtimer_start(&ring->patience.timer, ns_to_ktime(ns), HRTIMER_MODE_REL_SOFT);
}

/**
 * ring_stuck_look() - look at a ring of which records may be stuck
 * @ring:	the ring
 *
 * For those who else do not look: a kernel consumer that found nothing, and whoever has
 * ended a record that was passed over, as for that alone a bounded part of what it held
 * is given back.
 *
 * Context: may sleep.
 */
void ring_stuck_look(struct karena_ring *ring)
{
	struct ring_view view;

	if (unlikely(ring->patience.us))
		ring_look(ring, &view);
}
