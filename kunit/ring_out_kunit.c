// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records out of a ring for kernel code, and what it is told of a ring.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "ring_fixture.h"

/* What a drain saw, and when it is to stop. */
struct drained {
	unsigned int nr;
	unsigned int stop_at;
	int stop;
	size_t length[8];
	u8 first[8];
};

static int note(void *context, const void *payload, size_t length)
{
	struct drained *seen = context;

	if (seen->nr < ARRAY_SIZE(seen->length)) {
		seen->length[seen->nr] = length;
		seen->first[seen->nr] = *(const u8 *)payload;
	}
	return ++seen->nr == seen->stop_at ? seen->stop : 0;
}

static long drain(struct kunit *test, struct drained *seen, unsigned int max)
{
	struct ring_fixture *f = test->priv;

	return ring_drain(f->ring, note, seen, max);
}

/* By kernel code, on both kinds of rings: header and payload are those kept. */
static void drain_should_give_what_a_trimmed_record_kept(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	u32 flags;

	for (flags = 0; flags <= KARENA_RING_F_IN_PLACE; flags++) {
		struct drained seen = {};
		u8 *payload;

		rg_make(test, PAGE_SIZE, flags);
		payload = rg_reserve(test, 100);
		memset(payload, 't', 100);
		KUNIT_EXPECT_EQ(test, karena_ring_submit_trimmed(f->ring, payload, 0, 0), -EINVAL);
		KUNIT_EXPECT_EQ(test, karena_ring_submit_trimmed(f->ring, payload, 101, 0),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, karena_ring_submit_trimmed(f->ring, payload, SIZE_MAX, 0),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, karena_ring_submit_trimmed(f->ring, payload, 5, 0), 0);
		KUNIT_EXPECT_EQ(test, payload[5], 0);
		rg_send(test, 3, 'n');
		KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 2);
		KUNIT_EXPECT_EQ(test, seen.length[0], 5);
		KUNIT_EXPECT_EQ(test, seen.first[0], 't');
		KUNIT_EXPECT_EQ(test, seen.length[1], 3);
		KUNIT_EXPECT_EQ(test, rg_stat(test).out_available, 0);
	}
}

static void discard_one(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	karena_ring_discard(f->ring, rg_reserve(test, 5), 0);
}

static void drain_should_give_records_in_order(struct kunit *test)
{
	int flags;

	for (flags = 0; flags <= KARENA_RING_F_IN_PLACE; flags++) {
		struct drained seen = {};

		rg_make(test, PAGE_SIZE, flags);
		KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 0);
		discard_one(test);
		rg_send(test, 1, 'a');
		discard_one(test);
		discard_one(test);
		rg_send(test, 200, 'b');
		rg_send(test, 3, 'c');
		discard_one(test);
		KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 3);
		KUNIT_EXPECT_EQ(test, seen.nr, 3);
		KUNIT_EXPECT_EQ(test, memcmp(seen.first, "abc", 3), 0);
		KUNIT_EXPECT_EQ(test, seen.length[0], 1);
		KUNIT_EXPECT_EQ(test, seen.length[1], 200);
		KUNIT_EXPECT_EQ(test, seen.length[2], 3);
		KUNIT_EXPECT_EQ(test, rg_stat(test).out_available, 0);
	}
}

static void drain_should_stop_where_it_is_told(struct kunit *test)
{
	struct drained one = { .stop_at = 1, .stop = 1 };
	struct drained two = { .stop_at = 2, .stop = -EIO };
	int i;

	for (i = 0; i < 4; i++)
		rg_send(test, 1, i);
	KUNIT_EXPECT_EQ(test, drain(test, &one, 8), 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 16);
	KUNIT_EXPECT_EQ(test, drain(test, &two, 8), -EIO);
	KUNIT_EXPECT_EQ(test, two.nr, 2);
	KUNIT_EXPECT_EQ(test, two.first[0], 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 48);
}

static void drain_should_give_no_more_than_asked(struct kunit *test)
{
	struct drained seen = {};
	int i;

	for (i = 0; i < PAGE_SIZE / 16; i++)
		rg_send(test, 1, i);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, 0), 0);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, 1), 1);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, RING_STEPS + 1), RING_STEPS + 1);
	KUNIT_EXPECT_EQ(test, seen.nr, RING_STEPS + 2);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, UINT_MAX),
			PAGE_SIZE / 16 - RING_STEPS - 2);
}

static void drain_should_stop_at_an_open_record(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct drained seen = {};
	void *payload;

	rg_send(test, 1, 0);
	payload = rg_reserve(test, 1);
	rg_send(test, 1, 0);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 1);
	karena_ring_submit(f->ring, payload, 0);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 2);
}

static void drain_in_place_should_go_by_the_kernels_lengths(struct kunit *test)
{
	struct drained seen = {};

	rg_make(test, PAGE_SIZE, KARENA_RING_F_IN_PLACE);
	rg_send(test, 8, 'a');
	rg_send(test, 16, 'b');
	memset((void *)rg_record(test, 0), 0xff, 8);
	memset((void *)rg_record(test, 16), 0xff, 8);
	KUNIT_EXPECT_EQ(test, drain(test, &seen, 8), 2);
	KUNIT_EXPECT_EQ(test, seen.length[0], 8);
	KUNIT_EXPECT_EQ(test, seen.length[1], 16);
}

static u64 query(struct kunit *test, enum karena_ring_figure what)
{
	struct ring_fixture *f = test->priv;

	return karena_ring_query(f->ring, what);
}

static void query_should_tell_each_figure(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_SIZE), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_AVAILABLE), 0);
	rg_send(test, 8, 0);
	rg_send(test, 9, 0);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_AVAILABLE), 40);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_PRODUCER_POSITION), 40);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_CONSUMER_POSITION), 0);
	rg_consume_to(test, 16);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_CONSUMER_POSITION), 16);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_AVAILABLE), 24);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_LOST), 0);
	karena_ring_reserve(f->ring, PAGE_SIZE);
	karena_ring_reserve(f->ring, PAGE_SIZE - 8);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_LOST), 2);
	KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_LOST + 1), 0);
}

static void query_should_believe_no_forged_position(struct kunit *test)
{
	static const u64 forged[] = { 48, PAGE_SIZE, 1ull << 32, 1ull << 63, ~0 };
	int i;

	rg_send(test, 8, 0);
	rg_send(test, 9, 0);
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		rg_consume_to(test, forged[i]);
		KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_AVAILABLE), 40);
		KUNIT_EXPECT_EQ(test, query(test, KARENA_RING_CONSUMER_POSITION), 0);
	}
}

static void kernel_should_keep_the_role_until_its_last_user_goes(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	ring_kernel_begin(f->ring);
	ring_kernel_begin(f->ring);
	KUNIT_EXPECT_EQ(test, ring_take_role_kernel(f->ring), 0);
	KUNIT_EXPECT_EQ(test, ring_take_role_kernel(f->ring), 0);
	KUNIT_EXPECT_NOT_NULL(test, f->ring->consumer);
	ring_kernel_end(f->ring);
	KUNIT_EXPECT_NOT_NULL(test, f->ring->consumer);
	ring_kernel_end(f->ring);
	KUNIT_EXPECT_NULL(test, f->ring->consumer);
}

static void kernel_should_get_no_role_that_is_taken(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	ring_kernel_begin(f->ring);
	f->ring->consumer = rg_party(test, &f->alice);
	KUNIT_EXPECT_EQ(test, ring_take_role_kernel(f->ring), -EBUSY);
	ring_kernel_end(f->ring);
	KUNIT_EXPECT_NOT_NULL(test, f->ring->consumer);
}

static struct kunit_case ring_out_cases[] = {
	KUNIT_CASE(drain_should_give_records_in_order),
	KUNIT_CASE(drain_should_give_what_a_trimmed_record_kept),
	KUNIT_CASE(drain_should_stop_where_it_is_told),
	KUNIT_CASE(drain_should_give_no_more_than_asked),
	KUNIT_CASE(drain_should_stop_at_an_open_record),
	KUNIT_CASE(drain_in_place_should_go_by_the_kernels_lengths),
	KUNIT_CASE(query_should_tell_each_figure),
	KUNIT_CASE(query_should_believe_no_forged_position),
	KUNIT_CASE(kernel_should_keep_the_role_until_its_last_user_goes),
	KUNIT_CASE(kernel_should_get_no_role_that_is_taken),
	{}
};

static struct kunit_suite ring_out_suite = {
	.name = "karena_ring_out",
	.init = rg_init,
	.exit = rg_exit,
	.test_cases = ring_out_cases,
};

kunit_test_suite(ring_out_suite);
