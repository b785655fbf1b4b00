// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of records without a walk. To tell whether there was one, headers are made
 * BUSY behind the ring's back: no walk passes them.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/sizes.h>

#include "ring_fixture.h"

#define LENGTH	64
#define RECORD	(LENGTH + KARENA_RECORD_HEADER_BYTES)

static int settled_init(struct kunit *test)
{
	int err = rg_init(test);

	if (!err)
		rg_make(test, SZ_1M, 0);
	return err;
}

/* So many that it is worth to count them, and that one run may have them. */
static unsigned int many(struct kunit *test)
{
	unsigned int nr = nr_cpu_ids * 512 / RECORD + 1;

	KUNIT_ASSERT_LE(test, nr, RING_STEPS);
	return nr;
}

static unsigned int send_many(struct kunit *test)
{
	unsigned int nr = many(test), i;

	for (i = 0; i < nr; i++)
		rg_send(test, LENGTH, i);
	return nr;
}

static void poison(struct kunit *test, u64 position)
{
	struct karena_record_header *header = (void *)rg_record(test, position);

	header->word |= KARENA_RECORD_BUSY;
}

static u64 accepted(struct kunit *test, u64 claim)
{
	rg_consume_to(test, claim);
	return rg_stat(test).out_consumer_position;
}

static u64 end_of_all(struct kunit *test)
{
	return rg_stat(test).out_producer_position;
}

static void settled_records_should_be_given_back_without_a_walk(struct kunit *test)
{
	unsigned int nr = send_many(test);
	u64 end = end_of_all(test);

	poison(test, 0);
	/* What came later does not matter. */
	rg_send(test, LENGTH, 0);
	KUNIT_EXPECT_EQ(test, accepted(test, end), end);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr);
	KUNIT_EXPECT_EQ(test, accepted(test, end + RECORD), end + RECORD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr + 1);
}

static void claim_behind_settled_records_should_be_walked_from_there(struct kunit *test)
{
	unsigned int nr = send_many(test);
	u64 end = end_of_all(test);

	poison(test, 0);
	rg_send(test, LENGTH, 0);
	rg_send(test, LENGTH, 0);
	poison(test, end + RECORD);
	KUNIT_EXPECT_EQ(test, accepted(test, end + 2 * RECORD), end + RECORD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr + 1);
}

static void claim_within_settled_records_should_be_walked(struct kunit *test)
{
	send_many(test);
	end_of_all(test);
	poison(test, 2 * RECORD);
	KUNIT_EXPECT_EQ(test, accepted(test, RECORD + 8), RECORD);
	KUNIT_EXPECT_EQ(test, accepted(test, 5 * RECORD), 2 * RECORD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, 2);
}

static void claim_beyond_the_producer_should_be_none(struct kunit *test)
{
	u64 end;

	send_many(test);
	end = end_of_all(test);
	KUNIT_EXPECT_EQ(test, accepted(test, end + 8), 0);
	KUNIT_EXPECT_EQ(test, accepted(test, end - SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, accepted(test, end), end);
	/* It has been passed since. */
	KUNIT_EXPECT_EQ(test, accepted(test, 0), end);
}

static void few_records_should_be_walked(struct kunit *test)
{
	rg_send(test, LENGTH, 0);
	KUNIT_EXPECT_EQ(test, end_of_all(test), RECORD);
	poison(test, 0);
	KUNIT_EXPECT_EQ(test, accepted(test, RECORD), 0);
}

static void open_record_should_hold_back_those_behind(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	unsigned int nr = send_many(test);
	u64 before = end_of_all(test), end;
	void *open = rg_reserve(test, LENGTH);

	nr += send_many(test);
	end = end_of_all(test);
	KUNIT_EXPECT_EQ(test, accepted(test, end), before);
	karena_ring_submit(f->ring, open, 0);
	KUNIT_EXPECT_EQ(test, accepted(test, end), end);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr + 1);
}

static u64 run_of(struct kunit *test, unsigned int nr, bool take)
{
	struct ring_fixture *f = test->priv;
	struct ring_run run;

	mutex_lock(&f->ring->read_lock);
	KUNIT_EXPECT_EQ(test, ring_read_begin(f->ring, SZ_1M, nr, &run), 0);
	if (take)
		KUNIT_EXPECT_TRUE(test, ring_read_end(f->ring, &run));
	mutex_unlock(&f->ring->read_lock);
	return run.bytes;
}

static void settled_records_should_be_read_in_one_piece(struct kunit *test)
{
	unsigned int nr = send_many(test);

	poison(test, RECORD);
	KUNIT_EXPECT_EQ(test, run_of(test, nr - 1, false), RECORD);
	KUNIT_EXPECT_EQ(test, run_of(test, nr, true), nr * RECORD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr);
}

static int count(void *context, const void *payload, size_t length)
{
	unsigned int *nr = context;

	(*nr)++;
	return 0;
}

/* First they are there, then all that was submitted has been read. */
static void gaps_should_be_in_no_run(struct kunit *test, void (*make)(struct kunit *test),
				     unsigned int kept)
{
	struct ring_fixture *f = test->priv;
	unsigned int nr = send_many(test), seen = 0;

	make(test);
	KUNIT_EXPECT_EQ(test, run_of(test, RING_STEPS, false), nr * RECORD + kept * 16);
	nr += send_many(test);
	while (ring_drain(f->ring, count, &seen, INT_MAX))
		;
	KUNIT_EXPECT_EQ(test, seen, nr + kept);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_read, nr + kept);

	/* These are passed in one go, hence the next ones are known to have none. */
	send_many(test);
	run_of(test, RING_STEPS, true);
	nr = send_many(test);
	poison(test, rg_stat(test).out_consumer_position + RECORD);
	KUNIT_EXPECT_EQ(test, run_of(test, nr, true), nr * RECORD);
}

static void discard(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	karena_ring_discard(f->ring, rg_reserve(test, LENGTH), 0);
}

static void trim(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, karena_ring_submit_trimmed(f->ring, rg_reserve(test, LENGTH), 8, 0),
			0);
}

static void discarded_record_should_be_in_no_run(struct kunit *test)
{
	gaps_should_be_in_no_run(test, discard, 0);
}

static void what_was_cut_off_should_be_in_no_run(struct kunit *test)
{
	gaps_should_be_in_no_run(test, trim, 1);
}

/* It is discarded, and counted so, and open: its space is not free. */
static void stuck_record_should_not_be_given_back(struct kunit *test)
{
	struct ring_fixture *f;
	struct records *r;
	u64 position, end, payload;

	rg_make(test, SZ_1M, KARENA_RING_F_IN_PLACE);
	f = test->priv;
	r = &f->ring->records;
	KUNIT_ASSERT_EQ(test, ring_reserve_for(f->ring, rg_party(test, &f->alice), LENGTH,
					       &position), 0);
	send_many(test);
	KUNIT_EXPECT_EQ(test, record_pass_stuck(r, RECORD, 1, &payload), 1);
	atomic64_inc(&f->ring->nr_discarded);
	end = end_of_all(test);
	KUNIT_EXPECT_EQ(test, accepted(test, end), end);
	KUNIT_EXPECT_EQ(test, r->limit, SZ_1M);
	KUNIT_EXPECT_EQ(test, ring_end_for(f->ring, NULL, position, 0, 0, 0), -EPERM);
	record_end_stuck(r, position);
	KUNIT_EXPECT_EQ(test, accepted(test, end), end);
	KUNIT_EXPECT_EQ(test, r->limit, end + SZ_1M);
	list_first_entry(&f->alice.parties, struct ring_party, in_home)->nr_open--;
}

/* The search may be in an interrupt, or with preemption off. */
static void search_for_space_should_end_at_a_stuck_record(struct kunit *test)
{
	struct ring_fixture *f;
	unsigned int i;
	u64 position, payload;

	rg_make(test, SZ_1M, KARENA_RING_F_IN_PLACE);
	f = test->priv;
	KUNIT_ASSERT_EQ(test, ring_reserve_for(f->ring, rg_party(test, &f->alice), LENGTH,
					       &position), 0);
	for (i = 1; i < 4 * RING_STEPS; i++)
		rg_send(test, LENGTH, i);
	KUNIT_ASSERT_EQ(test, record_pass_stuck(&f->ring->records, RECORD, 1, &payload), 1);
	rg_consume_to(test, 4 * RING_STEPS * RECORD);
	KUNIT_EXPECT_PTR_EQ(test, karena_ring_reserve(f->ring, SZ_1M - 8), ERR_PTR(-EAGAIN));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->ring->records), RING_STEPS * RECORD);
}

static struct kunit_case ring_settled_cases[] = {
	KUNIT_CASE(settled_records_should_be_given_back_without_a_walk),
	KUNIT_CASE(claim_behind_settled_records_should_be_walked_from_there),
	KUNIT_CASE(claim_within_settled_records_should_be_walked),
	KUNIT_CASE(claim_beyond_the_producer_should_be_none),
	KUNIT_CASE(few_records_should_be_walked),
	KUNIT_CASE(open_record_should_hold_back_those_behind),
	KUNIT_CASE(settled_records_should_be_read_in_one_piece),
	KUNIT_CASE(discarded_record_should_be_in_no_run),
	KUNIT_CASE(what_was_cut_off_should_be_in_no_run),
	KUNIT_CASE(stuck_record_should_not_be_given_back),
	KUNIT_CASE(search_for_space_should_end_at_a_stuck_record),
	{}
};

static struct kunit_suite ring_settled_suite = {
	.name = "karena_ring_settled",
	.init = settled_init,
	.exit = rg_exit,
	.test_cases = ring_settled_cases,
};

kunit_test_suite(ring_settled_suite);
