/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings of libkarena's, and what their tests send and look at.
 */
#ifndef KARENA_TESTS_LIBRARY_RING_H
#define KARENA_TESTS_LIBRARY_RING_H

#include "kselftest_harness.h"
#include "library_util.h"

/* A page, where pages are largest. */
#define RING_BYTES	65536u
#define MANY		64

FIXTURE(ring) {
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_ring *copy_only;
	struct karena_record records[MANY];
};

FIXTURE_SETUP(ring)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.name = "in-place",
		.flags = KARENA_RING_F_IN_PLACE,
	};

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, &opts, &self->ring));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, NULL, &self->copy_only));
}

FIXTURE_TEARDOWN(ring)
{
	karena_ring_close(self->copy_only);
	karena_ring_close(self->ring);
	karena_close(self->device);
}

#endif /* KARENA_TESTS_LIBRARY_RING_H */
