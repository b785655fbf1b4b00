// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a ring: nobody is left who could produce, and nothing is open.
 *
 * Whoever goes last has ended all its records, or had them discarded, before it is
 * counted off, and wakes afterwards. Whoever waits is queued before it looks at the
 * count, and looks at the count before it looks for records. So it finds either
 * producers, the last of whom will wake it, or the end, and with that all records.
 */
#include "compat.h"
#include "ring.h"

/**
 * ring_add_producer() - one more can produce
 * @ring:	the ring
 *
 * Context: any.
 */
void ring_add_producer(struct karena_ring *ring)
{
	atomic_inc(&ring->nr_producers);
}

/**
 * ring_drop_producer() - one who could produce cannot any more
 * @ring:	the ring
 *
 * Context: any.
 */
void ring_drop_producer(struct karena_ring *ring)
{
	/* Fully ordered: pairs with the acquire in ring_has_ended(). */
	if (atomic_dec_and_test(&ring->nr_producers) && ring->flags & KARENA_RING_F_END)
		ring_wake_end(ring);
}

/**
 * ring_has_ended() - will there be no more records than there are?
 * @ring:	the ring
 *
 * Never true of one created without KARENA_RING_F_END.
 *
 * Context: any.
 */
bool ring_has_ended(struct karena_ring *ring)
{
	if (!(ring->flags & KARENA_RING_F_END))
		return false;
	/* Before any look for records. Pairs with ring_drop_producer(). */
	return !atomic_read_acquire(&ring->nr_producers) &&
	       ring_all_ended(ring, ring_nr_submitted(ring));
}
