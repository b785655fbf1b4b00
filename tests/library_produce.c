// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: what producers of rings have beside single records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <karena.h>

#include "kselftest_harness.h"

#define RING_BYTES	8192u
#define MANY		64

FIXTURE(produce) {
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_record records[MANY];
};

FIXTURE_SETUP(produce)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.flags = KARENA_RING_F_IN_PLACE,
	};

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, &opts, &self->ring));
}

FIXTURE_TEARDOWN(produce)
{
	karena_ring_close(self->ring);
	karena_close(self->device);
}

TEST_F(produce, record_is_as_long_as_it_was_trimmed_to)
{
	char *payload = karena_ring_reserve(self->ring, 500);

	ASSERT_NE(NULL, payload);
	memset(payload, 'a', 500);
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, 0, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, 501, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, (size_t)1 << 32, 0));
	EXPECT_EQ(0, karena_ring_submit_trimmed(self->ring, payload, 13, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, 13, 0));
	ASSERT_EQ(0, karena_ring_output(self->ring, "next", 4, 0));

	ASSERT_EQ(2, karena_ring_claim(self->ring, self->records, MANY));
	EXPECT_EQ(13, self->records[0].length);
	EXPECT_EQ(0, memcmp("aaaaaaaaaaaaa\0\0", self->records[0].data, 16));
	EXPECT_EQ(4, self->records[1].length);
	karena_ring_release(self->ring);
	EXPECT_EQ(0, karena_ring_claim(self->ring, self->records, MANY));
}

TEST_HARNESS_MAIN
