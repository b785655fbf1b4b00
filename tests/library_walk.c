// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: a consumer that goes through records in place.
 */
#define _GNU_SOURCE
#include "library_ring.h"

static struct karena_ring_walk begin(struct karena_ring *ring)
{
	struct karena_ring_walk walk;

	if (karena_ring_walk_begin(ring, &walk))
		abort();
	return walk;
}

static bool next_is(struct karena_ring_walk *walk, char byte, size_t length)
{
	struct karena_record record;

	return karena_ring_walk_next(walk, &record) == 1 && record_is(&record, byte, length);
}

static bool is_over(struct karena_ring_walk *walk)
{
	struct karena_record record;

	return karena_ring_walk_next(walk, &record) == 0;
}

TEST_F(ring, a_walk_meets_nothing_in_an_empty_ring)
{
	struct karena_ring_walk walk = begin(self->ring);

	EXPECT_TRUE(is_over(&walk));
	karena_ring_walk_end(self->ring, &walk);
	EXPECT_EQ(0, ring_stat_of(self->ring).out_consumer_position);
}

TEST_F(ring, a_walk_passes_over_discarded_records_and_stops_at_an_open_one)
{
	struct karena_ring_walk walk;
	void *open;

	ASSERT_EQ(0, send_record(self->ring, 'a', 5));
	ASSERT_EQ(0, karena_ring_discard(self->ring, karena_ring_reserve(self->ring, 5), 0));
	ASSERT_EQ(0, send_record(self->ring, 'b', 6));
	open = karena_ring_reserve(self->ring, 5);
	ASSERT_NE(NULL, open);
	memset(open, 'c', 5);
	ASSERT_EQ(0, send_record(self->ring, 'd', 5));

	walk = begin(self->ring);
	EXPECT_TRUE(next_is(&walk, 'a', 5));
	EXPECT_TRUE(next_is(&walk, 'b', 6));
	EXPECT_TRUE(is_over(&walk));
	ASSERT_EQ(0, karena_ring_submit(self->ring, open, 0));
	EXPECT_TRUE(next_is(&walk, 'c', 5));
	/* More than was there when it began is for the next one. */
	ASSERT_EQ(0, send_record(self->ring, 'e', 5));
	EXPECT_TRUE(next_is(&walk, 'd', 5));
	EXPECT_TRUE(is_over(&walk));
	karena_ring_walk_end(self->ring, &walk);
	EXPECT_EQ(16, ring_stat_of(self->ring).out_available);
	walk = begin(self->ring);
	EXPECT_TRUE(next_is(&walk, 'e', 5));
}

TEST_F(ring, what_is_not_gone_through_stays)
{
	struct karena_ring_walk walk;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 5));
	walk = begin(self->ring);
	EXPECT_TRUE(next_is(&walk, 0, 5));
	EXPECT_EQ(3 * 16, ring_stat_of(self->ring).out_available);
	karena_ring_walk_end(self->ring, &walk);
	/* An end that comes again gives nothing more back. */
	karena_ring_walk_end(self->ring, &walk);
	EXPECT_EQ(2 * 16, ring_stat_of(self->ring).out_available);
	walk = begin(self->ring);
	EXPECT_TRUE(next_is(&walk, 1, 5));
}

TEST_F(ring, a_walk_goes_on_in_one_piece_all_around)
{
	for (unsigned int i = 0; i < 3000; i++) {
		size_t length = 1 + i * 37 % 1200;
		struct karena_ring_walk walk;

		for (int j = 0; j < 3; j++)
			ASSERT_EQ(0, send_record(self->ring, (char)(i + j), length));
		walk = begin(self->ring);
		for (int j = 0; j < 3; j++)
			ASSERT_TRUE(next_is(&walk, (char)(i + j), length));
		ASSERT_TRUE(is_over(&walk));
		karena_ring_walk_end(self->ring, &walk);
	}
	EXPECT_EQ(9000, ring_stat_of(self->ring).out_read);
}

TEST_F(ring, a_walk_meets_a_ring_that_is_full)
{
	struct karena_ring_walk walk;

	ASSERT_EQ(0, send_record(self->ring, 'x', RING_BYTES - KARENA_RECORD_HEADER_BYTES));
	walk = begin(self->ring);
	EXPECT_TRUE(next_is(&walk, 'x', RING_BYTES - KARENA_RECORD_HEADER_BYTES));
	EXPECT_TRUE(is_over(&walk));
	karena_ring_walk_end(self->ring, &walk);
	karena_ring_walk_end(self->ring, &walk);
	EXPECT_EQ(0, ring_stat_of(self->ring).out_available);
	EXPECT_EQ(1, ring_stat_of(self->ring).out_read);
}

TEST_F(ring, a_walk_wants_the_role_and_no_taken_records)
{
	struct karena_ring_walk walk;
	struct karena_ring *producer;

	ASSERT_EQ(0, karena_ring_reopen(self->ring, KARENA_RIGHT_PRODUCE | KARENA_RIGHT_MAP,
					&producer));
	EXPECT_EQ(-EPERM, karena_ring_walk_begin(producer, &walk));
	karena_ring_close(producer);
	ASSERT_EQ(0, send_record(self->ring, 'a', 5));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	EXPECT_EQ(-EINVAL, karena_ring_walk_begin(self->ring, &walk));
	karena_ring_release(self->ring);
	EXPECT_EQ(0, karena_ring_walk_begin(self->ring, &walk));
}

TEST_HARNESS_MAIN
