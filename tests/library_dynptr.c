// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: dynptrs. What is in the window and what is not, clones, and that null
 * ones are harmless.
 */
#define _GNU_SOURCE
#include <karena.h>

#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(dynptr)
{
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_dynptr record;
};

FIXTURE_SETUP(dynptr)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_IN_PLACE };

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, page_size, &opts, &self->ring));
}

FIXTURE_TEARDOWN(dynptr)
{
	karena_ring_close(self->ring);
	karena_close(self->device);
}

static struct karena_ring_stat stat_of(const struct karena_ring *ring)
{
	return ring_stat(karena_ring_fd(ring));
}

TEST_F(dynptr, record_arrives_as_it_was_written)
{
	struct karena_record got;
	char bytes[4];

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 5, &self->record));
	EXPECT_FALSE(karena_dynptr_is_null(&self->record));
	EXPECT_FALSE(karena_dynptr_is_read_only(&self->record));
	EXPECT_EQ(5, karena_dynptr_size(&self->record));
	EXPECT_EQ(0, karena_dynptr_write(&self->record, 0, "he", 2));
	EXPECT_EQ(0, karena_dynptr_write(&self->record, 2, "llo", 3));
	EXPECT_EQ(0, karena_dynptr_read(&self->record, 1, bytes, 4));
	EXPECT_EQ(0, memcmp(bytes, "ello", 4));
	ASSERT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_TRUE(karena_dynptr_is_null(&self->record));
	ASSERT_EQ(1, karena_ring_take(self->ring, &got, 1));
	EXPECT_EQ(5, got.length);
	EXPECT_EQ(0, memcmp(got.data, "hello", 5));
}

TEST_F(dynptr, discarded_record_does_not_arrive)
{
	struct karena_record got;

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 5, &self->record));
	ASSERT_EQ(0, karena_ring_discard_dynptr(&self->record, 0));
	EXPECT_EQ(0, karena_ring_take(self->ring, &got, 1));
	EXPECT_EQ(1, stat_of(self->ring).out_discarded);
}

TEST_F(dynptr, access_outside_is_an_error_and_no_access)
{
	static const size_t outside[][2] = {
		{ 0, 9 }, { 1, 8 }, { 8, 1 }, { 9, 0 }, { 9, 1 }, { 0, SIZE_MAX },
		{ SIZE_MAX, 1 }, { SIZE_MAX, SIZE_MAX }, { 4, SIZE_MAX - 2 },
	};
	char byte = 'x', *payload;
	size_t i;

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 8, &self->record));
	payload = karena_dynptr_slice(&self->record, 0, 8);
	ASSERT_NE(NULL, payload);
	memset(payload, 'a', 8);
	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		size_t offset = outside[i][0], length = outside[i][1];

		EXPECT_EQ(-ERANGE, karena_dynptr_write(&self->record, offset, &byte, length));
		EXPECT_EQ(-ERANGE, karena_dynptr_read(&self->record, offset, &byte, length));
		EXPECT_EQ(NULL, karena_dynptr_slice(&self->record, offset, length));
		EXPECT_EQ(NULL, karena_dynptr_slice_const(&self->record, offset, length));
	}
	EXPECT_EQ('x', byte);
	EXPECT_EQ(0, memcmp(payload, "aaaaaaaa", 8));
	EXPECT_EQ(0, karena_dynptr_write(&self->record, 8, &byte, 0));
	karena_ring_submit_dynptr(&self->record, 0);
}

TEST_F(dynptr, adjust_moves_the_window_not_the_record)
{
	struct karena_record got;
	char byte;

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 8, &self->record));
	ASSERT_EQ(0, karena_dynptr_write(&self->record, 0, "abcdefgh", 8));
	EXPECT_EQ(-ERANGE, karena_dynptr_adjust(&self->record, 0, 9));
	EXPECT_EQ(-EINVAL, karena_dynptr_adjust(&self->record, 5, 4));
	EXPECT_EQ(0, karena_dynptr_adjust(&self->record, 2, 7));
	EXPECT_EQ(0, karena_dynptr_adjust(&self->record, 1, 3));
	EXPECT_EQ(2, karena_dynptr_size(&self->record));
	EXPECT_EQ(0, karena_dynptr_read(&self->record, 0, &byte, 1));
	EXPECT_EQ('d', byte);
	EXPECT_EQ(-ERANGE, karena_dynptr_read(&self->record, 2, &byte, 1));
	EXPECT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	ASSERT_EQ(1, karena_ring_take(self->ring, &got, 1));
	EXPECT_EQ(8, got.length);
}

TEST_F(dynptr, clone_is_read_only_and_no_reservation)
{
	struct karena_dynptr clone;
	char bytes[2];

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 8, &self->record));
	ASSERT_EQ(0, karena_dynptr_write(&self->record, 0, "abcdefgh", 8));
	ASSERT_EQ(0, karena_dynptr_adjust(&self->record, 2, 4));
	karena_dynptr_clone(&self->record, &clone);
	EXPECT_TRUE(karena_dynptr_is_read_only(&clone));
	EXPECT_EQ(0, karena_dynptr_read(&clone, 0, bytes, 2));
	EXPECT_EQ(0, memcmp(bytes, "cd", 2));
	EXPECT_EQ(-EPERM, karena_dynptr_write(&clone, 0, bytes, 1));
	EXPECT_EQ(NULL, karena_dynptr_slice(&clone, 0, 1));
	EXPECT_NE(NULL, karena_dynptr_slice_const(&clone, 0, 1));
	EXPECT_EQ(-EINVAL, karena_ring_submit_dynptr(&clone, 0));
	EXPECT_EQ(0, stat_of(self->ring).out_submitted);
	EXPECT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_EQ(1, stat_of(self->ring).out_submitted);
}

TEST_F(dynptr, null_takes_everything_and_does_nothing)
{
	struct karena_dynptr clone;
	char byte = 'x';

	EXPECT_EQ(-ENOSPC, karena_ring_reserve_dynptr(self->ring, page_size, &self->record));
	EXPECT_TRUE(karena_dynptr_is_null(&self->record));
	EXPECT_EQ(0, karena_dynptr_size(&self->record));
	EXPECT_EQ(-EINVAL, karena_dynptr_read(&self->record, 0, &byte, 0));
	EXPECT_EQ(-EINVAL, karena_dynptr_write(&self->record, 0, &byte, 1));
	EXPECT_EQ(-EINVAL, karena_dynptr_adjust(&self->record, 0, 0));
	EXPECT_EQ(NULL, karena_dynptr_slice(&self->record, 0, 0));
	EXPECT_EQ(NULL, karena_dynptr_slice_const(&self->record, 0, 0));
	karena_dynptr_clone(&self->record, &clone);
	EXPECT_TRUE(karena_dynptr_is_null(&clone));
	EXPECT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_EQ(0, karena_ring_discard_dynptr(&self->record, 0));

	/* Full: the same. */
	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, page_size - 8, &self->record));
	EXPECT_EQ(-EAGAIN, karena_ring_reserve_dynptr(self->ring, 8, &clone));
	EXPECT_EQ(0, karena_ring_discard_dynptr(&clone, 0));
	/* Ended twice. */
	EXPECT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_EQ(0, karena_ring_discard_dynptr(&self->record, 0));
	EXPECT_EQ(1, stat_of(self->ring).out_submitted);
	EXPECT_EQ(0, stat_of(self->ring).out_discarded);
}

/* It can be looked at, filled and finished still. */
static bool holds_hello(struct karena_dynptr *record)
{
	char bytes[5] = "";

	return karena_dynptr_size(record) == 5 && !karena_dynptr_is_read_only(record) &&
	       !karena_dynptr_write(record, 0, "hello", 5) &&
	       !karena_dynptr_read(record, 0, bytes, 5) && !memcmp(bytes, "hello", 5);
}

TEST_F(dynptr, finish_that_fails_leaves_it_to_be_finished)
{
	struct karena_record got;

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 5, &self->record));
	EXPECT_EQ(-EINVAL, karena_ring_submit_dynptr(&self->record, ~0u));
	EXPECT_TRUE(holds_hello(&self->record));
	EXPECT_EQ(-EINVAL, karena_ring_discard_dynptr(&self->record, ~0u));
	EXPECT_TRUE(holds_hello(&self->record));
	ASSERT_EQ(0, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_TRUE(karena_dynptr_is_null(&self->record));
	ASSERT_EQ(1, karena_ring_take(self->ring, &got, 1));
	EXPECT_EQ(0, memcmp(got.data, "hello", 5));
}

TEST_F(dynptr, finish_without_the_right_leaves_it_as_it_is)
{
	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 5, &self->record));
	ASSERT_EQ(0, ring_restrict(karena_ring_fd(self->ring),
				   KARENA_RIGHTS_RING & ~KARENA_RIGHT_PRODUCE));
	EXPECT_EQ(-EPERM, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_TRUE(holds_hello(&self->record));
	EXPECT_EQ(-EPERM, karena_ring_discard_dynptr(&self->record, 0));
	EXPECT_TRUE(holds_hello(&self->record));
}

TEST_F(dynptr, clone_that_cannot_be_finished_stays_a_clone)
{
	struct karena_dynptr clone;

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->ring, 5, &self->record));
	karena_dynptr_clone(&self->record, &clone);
	EXPECT_EQ(-EINVAL, karena_ring_discard_dynptr(&clone, 0));
	EXPECT_TRUE(karena_dynptr_is_read_only(&clone));
	EXPECT_EQ(5, karena_dynptr_size(&clone));
	EXPECT_EQ(0, karena_ring_discard_dynptr(&self->record, 0));
}

/* Told so, its owner has nothing to finish. */
TEST_F(dynptr, record_that_timed_out_ends_with_the_error)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.flags = KARENA_RING_F_IN_PLACE,
		.reserve_timeout_us = 1000,
	};
	struct karena_ring *ring;

	ASSERT_EQ(0, karena_ring_create(self->device, page_size, &opts, &ring));
	ASSERT_EQ(0, karena_ring_reserve_dynptr(ring, 5, &self->record));
	ASSERT_EQ(POLLIN, karena_ring_wait(ring, POLLIN, HUNG_MS));
	EXPECT_EQ(-ESTALE, karena_ring_submit_dynptr(&self->record, 0));
	EXPECT_TRUE(karena_dynptr_is_null(&self->record));
	karena_ring_close(ring);
}

TEST_HARNESS_MAIN
