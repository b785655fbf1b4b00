// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dynptrs of kernel code: windows into records, and null dynptrs.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "ring_fixture.h"

static struct karena_ring *ring_of(struct kunit *test)
{
	return ((struct ring_fixture *)test->priv)->ring;
}

static void window_should_be_the_whole_payload(struct kunit *test)
{
	struct karena_dynptr record;
	char got[5] = "";

	KUNIT_ASSERT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 5, &record), 0);
	KUNIT_EXPECT_FALSE(test, karena_dynptr_is_null(&record));
	KUNIT_EXPECT_FALSE(test, karena_dynptr_is_read_only(&record));
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 5);
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 0, "he", 2), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 2, "llo", 3), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_read(&record, 1, got, 4), 0);
	KUNIT_EXPECT_STREQ(test, got, "ello");
	karena_ring_submit_dynptr(&record, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 5);
	KUNIT_EXPECT_EQ(test, memcmp(rg_record(test, 0) + 1, "hello", 5), 0);
}

static void discard_should_pass_over_the_record(struct kunit *test)
{
	struct karena_dynptr record;

	KUNIT_ASSERT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 5, &record), 0);
	karena_ring_discard_dynptr(&record, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 5 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_TRUE(test, karena_dynptr_is_null(&record));
}

static void access_outside_should_be_an_error_and_no_access(struct kunit *test)
{
	static const size_t outside[][2] = {
		{ 0, 9 }, { 1, 8 }, { 8, 1 }, { 9, 0 }, { 9, 1 }, { 0, SIZE_MAX },
		{ SIZE_MAX, 1 }, { SIZE_MAX, SIZE_MAX }, { 4, SIZE_MAX - 2 }, { 1ull << 32, 1 },
	};
	struct karena_dynptr record;
	u8 *payload, byte = 0xaa;
	int i;

	KUNIT_ASSERT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 8, &record), 0);
	payload = karena_dynptr_slice(&record, 0, 8);
	KUNIT_ASSERT_NOT_NULL(test, payload);
	memset(payload, 0x11, 8);
	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		size_t offset = outside[i][0], length = outside[i][1];

		KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, offset, &byte, length), -ERANGE);
		KUNIT_EXPECT_EQ(test, karena_dynptr_read(&record, offset, &byte, length), -ERANGE);
		KUNIT_EXPECT_NULL(test, karena_dynptr_slice(&record, offset, length));
		KUNIT_EXPECT_NULL(test, karena_dynptr_slice_const(&record, offset, length));
	}
	KUNIT_EXPECT_EQ(test, byte, 0xaa);
	KUNIT_EXPECT_NULL(test, memchr_inv(payload, 0x11, 8));
	/* An empty access at the end is not outside. */
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 8, &byte, 0), 0);
	karena_ring_submit_dynptr(&record, 0);
}

static void adjust_should_move_the_window_not_the_record(struct kunit *test)
{
	struct karena_dynptr record;
	char byte;

	KUNIT_ASSERT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 8, &record), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 0, "abcdefgh", 8), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 0, 9), -ERANGE);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 5, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 2, 7), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 5);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 1, 3), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 2);
	KUNIT_EXPECT_EQ(test, karena_dynptr_read(&record, 0, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 'd');
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 2, "x", 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 2, 2), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 0);
	karena_ring_submit_dynptr(&record, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 8);
}

/* Finishes a dynptr that is not held, hidden from sparse. */
static void end_wrongly(struct karena_dynptr *dynptr,
			void (*end)(struct karena_dynptr *dynptr, u32 flags))
{
	end(dynptr, 0);
}

static void clone_should_be_read_only_and_no_reservation(struct kunit *test)
{
	struct karena_dynptr record, clone;
	char got[3] = "";

	KUNIT_ASSERT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 8, &record), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 0, "abcdefgh", 8), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 2, 4), 0);
	karena_dynptr_clone(&record, &clone);
	KUNIT_EXPECT_TRUE(test, karena_dynptr_is_read_only(&clone));
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&clone), 2);
	KUNIT_EXPECT_EQ(test, karena_dynptr_read(&clone, 0, got, 2), 0);
	KUNIT_EXPECT_STREQ(test, got, "cd");
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&clone, 0, "x", 1), -EPERM);
	KUNIT_EXPECT_NULL(test, karena_dynptr_slice(&clone, 0, 1));
	KUNIT_EXPECT_NOT_NULL(test, karena_dynptr_slice_const(&clone, 0, 1));
	/* The clone has its own window. */
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&clone, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 2);
	end_wrongly(&clone, karena_ring_submit_dynptr);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 8 | KARENA_RECORD_BUSY);
	karena_ring_submit_dynptr(&record, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 8);
}

static void null_should_take_everything_and_do_nothing(struct kunit *test)
{
	struct karena_dynptr record, clone;
	char byte = 0x55;

	KUNIT_EXPECT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), PAGE_SIZE, &record),
			-ENOSPC);
	KUNIT_EXPECT_TRUE(test, karena_dynptr_is_null(&record));
	KUNIT_EXPECT_EQ(test, karena_dynptr_size(&record), 0);
	KUNIT_EXPECT_EQ(test, karena_dynptr_read(&record, 0, &byte, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, karena_dynptr_write(&record, 0, &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, karena_dynptr_adjust(&record, 0, 0), -EINVAL);
	KUNIT_EXPECT_NULL(test, karena_dynptr_slice(&record, 0, 0));
	KUNIT_EXPECT_NULL(test, karena_dynptr_slice_const(&record, 0, 0));
	karena_dynptr_clone(&record, &clone);
	KUNIT_EXPECT_TRUE(test, karena_dynptr_is_null(&clone));
	karena_ring_submit_dynptr(&record, 0);
	end_wrongly(&record, karena_ring_discard_dynptr);

	KUNIT_EXPECT_EQ(test, karena_ring_reserve_dynptr(ring_of(test), 8, &record), 0);
	karena_ring_submit_dynptr(&record, 0);
	end_wrongly(&record, karena_ring_discard_dynptr);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_discarded, 0);
}

static struct kunit_case dynptr_cases[] = {
	KUNIT_CASE(window_should_be_the_whole_payload),
	KUNIT_CASE(discard_should_pass_over_the_record),
	KUNIT_CASE(access_outside_should_be_an_error_and_no_access),
	KUNIT_CASE(adjust_should_move_the_window_not_the_record),
	KUNIT_CASE(clone_should_be_read_only_and_no_reservation),
	KUNIT_CASE(null_should_take_everything_and_do_nothing),
	{}
};

static struct kunit_suite dynptr_suite = {
	.name = "karena_dynptr",
	.init = rg_init,
	.exit = rg_exit,
	.test_cases = dynptr_cases,
};

kunit_test_suite(dynptr_suite);
