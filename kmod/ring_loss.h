/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What could not be written is counted by cause, in records and in payload bytes, in
 * the producer page: only the kernel writes there, all readers look. Each loss has its
 * errno. All of this in any context, NMI included.
 */
#ifndef KARENA_RING_LOSS_H
#define KARENA_RING_LOSS_H

#include <linux/atomic.h>
#include <linux/errno.h>

#include "ring.h"
#include "trace.h"

static __always_inline void ring_count_loss(u64 *records, u64 nr, u64 *payload, u64 bytes)
{
	atomic64_add(nr, (atomic64_t *)records);
	atomic64_add(bytes, (atomic64_t *)payload);
}

/* Counts @nr records, and their payload bytes, for which there was no space. */
static __always_inline void ring_lost_full(struct karena_ring *ring, unsigned int nr, u64 bytes)
{
	struct karena_ring_producer *page = ring->producer_page;

	ring_count_loss(&page->lost_full, nr, &page->lost_full_bytes, bytes);
	trace_karena_ring_lost(ring, bytes, -EAGAIN);
	ring_flush_held(ring);
}

/* The same for one, told by its errno. */
static __always_inline int ring_refuse_full(struct karena_ring *ring, size_t length)
{
	ring_lost_full(ring, 1, length);
	return -EAGAIN;
}

int ring_refuse_length(struct karena_ring *ring, size_t length);

/* Returns 0, -EINVAL for no bytes, or -ENOSPC for too many to ever fit, which is counted. */
static inline int ring_check_length(struct karena_ring *ring, u64 length)
{
	if (likely(length - 1 < ring->length_max))
		return 0;
	return ring_refuse_length(ring, length);
}

int ring_refuse_busy(struct karena_ring *ring, size_t length);
void ring_lost_dead(struct karena_ring *ring, unsigned int nr, u64 bytes);
void ring_lost_stuck(struct karena_ring *ring, unsigned int nr, u64 bytes);
u64 ring_lost(const struct karena_ring *ring);

#endif /* KARENA_RING_LOSS_H */
