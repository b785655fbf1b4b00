// SPDX-License-Identifier: GPL-2.0-only
/*
 * Losses that are not what a full ring is for: kept out of the way of those that are,
 * which ring_loss.h counts.
 */
#include "ring_loss.h"

/**
 * ring_refuse_length() - a record of that length can never fit, or is none
 * @ring:	the ring
 * @length:	payload bytes
 *
 * Context: any.
 * Return: -ENOSPC, and it is counted; -EINVAL for no bytes.
 */
int ring_refuse_length(struct karena_ring *ring, size_t length)
{
	struct karena_ring_producer *page = ring->producer_page;

	if (!length)
		return -EINVAL;
	ring_count_loss(&page->lost_too_big, 1, &page->lost_too_big_bytes, length);
	trace_karena_ring_lost(ring, length, -ENOSPC);
	return -ENOSPC;
}

/**
 * ring_refuse_busy() - an NMI met a reservation under way
 * @ring:	the ring
 * @length:	payload bytes
 *
 * Context: any.
 * Return: -EAGAIN.
 */
int ring_refuse_busy(struct karena_ring *ring, size_t length)
{
	struct karena_ring_producer *page = ring->producer_page;

	ring_count_loss(&page->lost_busy, 1, &page->lost_busy_bytes, length);
	trace_karena_ring_lost(ring, length, -EBUSY);
	return -EAGAIN;
}

/**
 * ring_lost_dead() - owners went and left open records
 * @ring:	the ring
 * @nr:		records
 * @bytes:	their payload bytes
 *
 * Context: any.
 */
void ring_lost_dead(struct karena_ring *ring, unsigned int nr, u64 bytes)
{
	struct karena_ring_producer *page = ring->producer_page;

	ring_count_loss(&page->lost_dead, nr, &page->lost_dead_bytes, bytes);
	trace_karena_ring_abandon(ring, nr);
}

/**
 * ring_lost_stuck() - open records that held consumers up are passed over
 * @ring:	the ring
 * @nr:		records
 * @bytes:	their payload bytes
 *
 * Context: any.
 */
void ring_lost_stuck(struct karena_ring *ring, unsigned int nr, u64 bytes)
{
	struct karena_ring_producer *page = ring->producer_page;

	ring_count_loss(&page->lost_timeout, nr, &page->lost_timeout_bytes, bytes);
	trace_karena_ring_lost(ring, bytes, -ESTALE);
}

/**
 * ring_lost() - records lost, of whatever cause
 * @ring:	the ring
 *
 * Context: any.
 * Return: the sum.
 */
u64 ring_lost(const struct karena_ring *ring)
{
	const struct karena_ring_producer *page = ring->producer_page;

	return READ_ONCE(page->lost_full) + READ_ONCE(page->lost_too_big) +
	       READ_ONCE(page->lost_busy) + READ_ONCE(page->lost_dead) +
	       READ_ONCE(page->lost_timeout);
}
