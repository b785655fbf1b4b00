// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record core, case by case: who owns a record, what becomes of it when its owner
 * dies, and when one stands in the way. Records are drawn as they lie: a letter for
 * each 8 bytes, H a header, p payload.
 */
#include <linux/errno.h>

#include "record_fixture.h"

KUNIT_ARRAY_PARAM(record, record_cases, record_case_desc);
/* Owners are known only where slots lie apart. */
KUNIT_ARRAY_PARAM(slot, slot_cases, record_case_desc);

static void find_should_know_only_open_records_of_the_owner(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer;

	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, ALICE, f->r.slots), -EINVAL);
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, RECORD_OWNER_KERNEL));
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, ALICE, f->r.slots), 0);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, BOB, f->r.slots), -EPERM);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, RECORD_OWNER_NOBODY, f->r.slots), -EPERM);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start + 24, ALICE, f->r.slots), -EPERM);
	/* The other position of the first slot, and a second header that is none. */
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start + 8, ALICE, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start + 16, ALICE, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start + 1, ALICE, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start + f->size, ALICE, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start - f->size, ALICE, f->r.slots), -EINVAL);
	rc_close(test, 0, false);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, ALICE, f->r.slots), -EINVAL);
}

static void slots_of_earlier_rounds_should_name_no_record(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	int round;

	for (round = 0; round < 64; round++) {
		KUNIT_ASSERT_TRUE(test, rc_open(test, 1 + round % 24, ALICE));
		KUNIT_ASSERT_TRUE(test, rc_open(test, 1 + round % 7, BOB));
		rc_check(test);
		rc_close(test, 0, round & 1);
		rc_close(test, 1, round & 2);
		rc_accept(test, f->producer);
		rc_check(test);
	}
}

static void abandon_should_discard_that_owners_only(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, RECORD_OWNER_KERNEL));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, false);
	rc_abandon(test, ALICE);
	rc_check(test);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer), 8);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer + 16), 8 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer + 32), 8 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer + 48), 8 | KARENA_RECORD_DISCARD);
}

/* In steps of one record; in between the first two are read. */
static void abandon_should_go_on_behind_a_moved_consumer(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 position = 0;
	u32 alice = ALICE;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, false);
	rc_close(test, 1, false);
	KUNIT_EXPECT_EQ(test, record_abandon(&f->r, rc_is, &alice, &position, 1), 0);
	KUNIT_EXPECT_EQ(test, position, f->consumer + 16);
	rc_accept(test, f->consumer + 32);
	KUNIT_EXPECT_EQ(test, record_abandon(&f->r, rc_is, &alice, &position, 1), 1);
	KUNIT_EXPECT_EQ(test, position, f->producer);
	KUNIT_EXPECT_EQ(test, record_abandon(&f->r, rc_is, &alice, &position, 1), 0);
}

/* As who looked for ALICE's open records may, it is read while it is trimmed. */
static void owner_of_a_trimmed_record_should_be_nobody(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u32 alice = ALICE;
	u64 position = 0;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 40, RECORD_OWNER_KERNEL));
	/* Were it taken for an owner, it would be hers. */
	KUNIT_ASSERT_EQ(test, record_trim(&f->r, record_header(&f->r, f->consumer), 2 * ALICE,
					  true), 0);
	KUNIT_EXPECT_NE(test, record_find(&f->r, f->consumer, ALICE, f->r.slots), 0);
	KUNIT_EXPECT_EQ(test, record_abandon(&f->r, rc_is, &alice, &position, 8), 0);
}

static unsigned int pass_stuck(struct record_fixture *f, u64 below)
{
	u64 payload;

	return record_pass_stuck(&f->r, below, MODEL_RECORDS, &payload);
}

/* Hp Hp, the first one open: passed over, and where it lies nothing else may begin. */
static void stuck_record_should_keep_its_space(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer, payload;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 5, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	rc_close(test, 1, false);
	KUNIT_EXPECT_EQ(test, record_pass_stuck(&f->r, f->producer, 8, &payload), 1);
	KUNIT_EXPECT_EQ(test, payload, 5);
	KUNIT_EXPECT_EQ(test, rc_header(f, start), 5 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, record_front(&f->r), 5 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->producer), 0);

	KUNIT_EXPECT_FALSE(test, record_accept(&f->r, f->producer, 8));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), f->producer);
	KUNIT_EXPECT_EQ(test, f->r.nr_read, 1);
	KUNIT_EXPECT_EQ(test, record_given_back(&f->r), start);
	KUNIT_EXPECT_TRUE(test, record_fits(&f->r, f->size - 32));
	KUNIT_EXPECT_FALSE(test, record_fits(&f->r, f->size - 24));

	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, BOB, f->r.slots), -EPERM);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, ALICE, f->r.slots), -ESTALE);
	record_end_stuck(&f->r, start);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, start, ALICE, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_given_back(&f->r), f->producer);
	KUNIT_EXPECT_TRUE(test, record_fits(&f->r, f->size));
}

static void stuck_records_should_give_back_what_lies_below_the_first(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer;
	u32 alice = ALICE;
	u64 position = 0;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->producer), 3);
	KUNIT_EXPECT_FALSE(test, record_skip(&f->r, 8));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), f->producer);
	record_end_stuck(&f->r, start + 32);
	KUNIT_EXPECT_EQ(test, record_given_back(&f->r), start);
	record_end_stuck(&f->r, start);
	KUNIT_EXPECT_EQ(test, record_given_back(&f->r), start + 16);
	/* Who dies with one that is lost already loses nothing more. */
	KUNIT_EXPECT_EQ(test, record_abandon(&f->r, rc_is, &alice, &position, 8), 0);
	KUNIT_EXPECT_EQ(test, record_given_back(&f->r), f->producer);
	KUNIT_EXPECT_EQ(test, f->r.nr_stuck, 0);
}

static void record_should_be_stuck_only_if_old_and_a_users(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, RECORD_OWNER_KERNEL));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->consumer), 0);
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->producer), 1);
	KUNIT_EXPECT_FALSE(test, record_skip(&f->r, 8));
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->producer), 0);
	/* The kernel is about to end it. */
	KUNIT_ASSERT_EQ(test, record_trim(&f->r, record_header(&f->r, f->consumer + 16), 4,
					  true), 0);
	KUNIT_EXPECT_EQ(test, pass_stuck(f, f->producer), 0);
}

static struct kunit_case record_owner_kunit_cases[] = {
	KUNIT_CASE_PARAM(find_should_know_only_open_records_of_the_owner, slot_gen_params),
	KUNIT_CASE_PARAM(slots_of_earlier_rounds_should_name_no_record, record_gen_params),
	KUNIT_CASE_PARAM(abandon_should_discard_that_owners_only, slot_gen_params),
	KUNIT_CASE_PARAM(abandon_should_go_on_behind_a_moved_consumer, slot_gen_params),
	KUNIT_CASE_PARAM(owner_of_a_trimmed_record_should_be_nobody, slot_gen_params),
	KUNIT_CASE_PARAM(stuck_record_should_keep_its_space, slot_gen_params),
	KUNIT_CASE_PARAM(stuck_records_should_give_back_what_lies_below_the_first, slot_gen_params),
	KUNIT_CASE_PARAM(record_should_be_stuck_only_if_old_and_a_users, slot_gen_params),
	{}
};

static struct kunit_suite record_owner_suite = {
	.name = "karena_record_owner",
	.init = rc_init,
	.test_cases = record_owner_kunit_cases,
};

kunit_test_suite(record_owner_suite);
