/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring that is filled in place, and what its records look like before and after
 * their owner is gone.
 */
#ifndef RING_OWNER_H
#define RING_OWNER_H

#include "ring_util.h"

FIXTURE(ring)
{
	struct ring ring;
	int fd;
	int *flag;
	uint64_t *position;
};

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->flag = shared_memory(page_size);
	self->position = shared_memory(page_size);
}

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

#define BUSY(length)		((length) | KARENA_RECORD_BUSY)
#define DISCARDED(length)	((length) | KARENA_RECORD_DISCARD)

/* What a process or an open file leaves behind is seen to when it goes, or soon after. */
static inline bool becomes(const struct ring *ring, uint64_t position, uint32_t word)
{
	int64_t deadline = now_ms() + HUNG_MS;

	while (word_at(ring, position) != word) {
		if (now_ms() > deadline)
			return false;
		pause_ms(1);
	}
	return true;
}

#endif /* RING_OWNER_H */
