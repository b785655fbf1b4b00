// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: what producers of rings have beside single records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <karena.h>

#include "kselftest_harness.h"

/* A page, where pages are largest. */
#define RING_BYTES	65536u
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
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, SIZE_MAX / 2 + 1, 0));
	EXPECT_EQ(0, karena_ring_submit_trimmed(self->ring, payload, 13, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit_trimmed(self->ring, payload, 13, 0));
	ASSERT_EQ(0, karena_ring_output(self->ring, "next", 4, 0));

	ASSERT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(13, self->records[0].length);
	EXPECT_EQ(0, memcmp("aaaaaaaaaaaaa\0\0", self->records[0].data, 16));
	EXPECT_EQ(4, self->records[1].length);
	karena_ring_release(self->ring);
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
}

TEST_F(produce, batch_of_copies_comes_in_order)
{
	struct {
		struct karena_record_header header;
		char payload[8];
	} two[2] = {
		{ .header.word = 3, .payload = "one" },
		{ .header.word = 4, .payload = "more" },
	};

	EXPECT_EQ(-EINVAL, karena_ring_output_batch(self->ring, two, 8, 0));
	EXPECT_EQ(2, karena_ring_output_batch(self->ring, two, sizeof(two), 0));
	ASSERT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(3, self->records[0].length);
	EXPECT_EQ(0, memcmp("one", self->records[0].data, 3));
	EXPECT_EQ(4, self->records[1].length);
	EXPECT_EQ(0, memcmp("more", self->records[1].data, 4));
	karena_ring_release(self->ring);
}

/* Over more than one round of the ring. */
TEST_F(produce, batch_of_reservations_is_filled_and_ended)
{
	struct karena_finish finish[MANY];
	uint32_t lengths[MANY];
	void *data[MANY];
	int i, round;

	for (i = 0; i < MANY; i++)
		lengths[i] = 1 + i;
	EXPECT_EQ(-EINVAL, karena_ring_reserve_batch(self->ring, lengths, 0, data));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, karena_ring_reserve_batch(self->ring, lengths, MANY, data));
		for (i = 0; i < MANY; i++) {
			memset(data[i], i, lengths[i]);
			finish[i] = (struct karena_finish) {
				.data = data[i],
				.length = i % 3 == 1 ? 1 : 0,
				.discard = i % 3 == 2,
			};
		}
		ASSERT_EQ(MANY, karena_ring_finish_batch(self->ring, finish, MANY, 0));
		EXPECT_EQ(-EINVAL, karena_ring_finish_batch(self->ring, finish, MANY, 0));
		ASSERT_EQ(MANY - MANY / 3, karena_ring_take(self->ring, self->records, MANY));
		for (i = 0; i < MANY - MANY / 3; i++) {
			int nr = i / 2 * 3 + i % 2;

			ASSERT_EQ(nr % 3 == 1 ? 1 : lengths[nr], self->records[i].length);
			ASSERT_EQ(nr, *(const char *)self->records[i].data);
		}
		karena_ring_release(self->ring);
	}
}

TEST_F(produce, batch_tells_how_far_it_came)
{
	const uint32_t lengths[3] = { 8, 8, 8 };
	struct karena_finish finish[3] = { { 0 } };
	void *data[3];
	int i;

	ASSERT_EQ(0, karena_ring_reserve_batch(self->ring, lengths, 3, data));
	for (i = 0; i < 3; i++)
		finish[i].data = data[i];
	finish[1].data = &i;
	EXPECT_EQ(1, karena_ring_finish_batch(self->ring, finish, 3, 0));
	EXPECT_EQ(-EINVAL, karena_ring_finish_batch(self->ring, finish + 1, 2, 0));
	finish[1].data = data[1];
	finish[1].length = 9;
	EXPECT_EQ(-EINVAL, karena_ring_finish_batch(self->ring, finish + 1, 2, 0));
	finish[1].length = 0;
	EXPECT_EQ(2, karena_ring_finish_batch(self->ring, finish + 1, 2, 0));
	EXPECT_EQ(3, karena_ring_take(self->ring, self->records, MANY));
	karena_ring_release(self->ring);
}

TEST_F(produce, wait_for_space_ends_with_it_or_with_the_time)
{
	static const char data[RING_BYTES - 16];
	void *payload;

	ASSERT_EQ(0, karena_ring_output(self->ring, data, sizeof(data), 0));
	EXPECT_EQ(NULL, karena_ring_reserve_wait(self->ring, 8, 20000));
	EXPECT_EQ(ETIMEDOUT, errno);
	EXPECT_EQ(-ETIMEDOUT, karena_ring_output_wait(self->ring, "x", 1, 0, 20000));
	EXPECT_EQ(-ENOSPC, karena_ring_output_wait(self->ring, data, RING_BYTES, 0, 0));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, MANY));
	karena_ring_release(self->ring);
	EXPECT_EQ(0, karena_ring_output_wait(self->ring, "x", 1, 0, 0));
	payload = karena_ring_reserve_wait(self->ring, 8, 0);
	ASSERT_NE(NULL, payload);
	EXPECT_EQ(0, karena_ring_submit(self->ring, payload, 0));
}

TEST_F(produce, policy_and_flush_are_passed_on)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	EXPECT_EQ(-EINVAL, karena_ring_set_policy(self->ring, RING_BYTES + 1, 0, 0));
	EXPECT_EQ(0, karena_ring_set_policy(self->ring, RING_BYTES, 7, 1000));
	ASSERT_EQ(0, karena_ring_stat(self->ring, &stat));
	EXPECT_EQ(RING_BYTES, stat.out_wake_bytes);
	EXPECT_EQ(7, stat.out_wake_records);
	EXPECT_EQ(1000, stat.out_wake_delay_us);
	EXPECT_EQ(0, karena_ring_flush(self->ring));
}

TEST_F(produce, owner_is_told_that_its_record_was_passed_over)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .reserve_timeout_us = 1000 };
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	struct karena_finish finish = { .discard = true };
	struct pollfd pollfd = { .events = POLLIN };
	struct karena_ring *ring;
	void *payload;

	opts.flags = KARENA_RING_F_IN_PLACE;
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, &opts, &ring));
	ASSERT_EQ(0, karena_ring_stat(ring, &stat));
	EXPECT_EQ(1000, stat.out_reserve_timeout_us);

	payload = karena_ring_reserve(ring, 8);
	finish.data = karena_ring_reserve(ring, 8);
	ASSERT_TRUE(payload && finish.data);
	ASSERT_EQ(0, karena_ring_output(ring, "next", 4, 0));
	pollfd.fd = karena_ring_fd(ring);
	ASSERT_EQ(1, poll(&pollfd, 1, -1));
	ASSERT_EQ(1, karena_ring_take(ring, self->records, MANY));
	EXPECT_EQ(0, memcmp("next", self->records[0].data, 4));
	karena_ring_release(ring);
	EXPECT_EQ(-ESTALE, karena_ring_submit(ring, payload, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit(ring, payload, 0));
	EXPECT_EQ(-ESTALE, karena_ring_finish_batch(ring, &finish, 1, 0));
	EXPECT_EQ(-EINVAL, karena_ring_discard(ring, finish.data, 0));
	karena_ring_close(ring);
}

TEST_HARNESS_MAIN
