/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring that is filled in place, and what its records look like before and after
 * their owner is gone.
 */
#ifndef RING_OWNER_H
#define RING_OWNER_H

#include "kselftest_harness.h"
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

#endif /* RING_OWNER_H */
