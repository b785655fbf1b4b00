// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings in place: whose record it is, and what becomes of it when its owner goes.
 */
#include <linux/err.h>

#include "ring_fixture.h"

static int init(struct kunit *test)
{
	int err = rg_init(test);

	if (!err)
		rg_make(test, PAGE_SIZE, KARENA_RING_F_IN_PLACE);
	return err;
}

static u64 reserve_for(struct kunit *test, struct ring_party *party, size_t length)
{
	struct ring_fixture *f = test->priv;
	u64 position = ~0ull;

	KUNIT_ASSERT_EQ(test, ring_reserve_for(f->ring, party, length, &position), 0);
	return position;
}

static int submit_for(struct kunit *test, struct ring_party *party, u64 position)
{
	struct ring_fixture *f = test->priv;

	return ring_end_for(f->ring, party, position, 0, 0, 0);
}

static void owner_should_submit_and_discard(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	u64 first = reserve_for(test, alice, 8);
	u64 second = reserve_for(test, alice, 8);

	KUNIT_EXPECT_EQ(test, alice->nr_open, 2);
	KUNIT_EXPECT_EQ(test, ring_end_for(f->ring, alice, second, 0, KARENA_RECORD_DISCARD, 0),
			0);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, first), 0);
	KUNIT_EXPECT_EQ(test, alice->nr_open, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, first)->word, 8);
	KUNIT_EXPECT_EQ(test, rg_record(test, second)->word, 8 | KARENA_RECORD_DISCARD);
}

static void others_should_not_end_a_record(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	struct ring_party *bob = rg_party(test, &f->bob);
	u64 position = reserve_for(test, alice, 8);
	void *payload = rg_reserve(test, 8);

	KUNIT_EXPECT_EQ(test, submit_for(test, bob, position), -EPERM);
	KUNIT_EXPECT_EQ(test, submit_for(test, NULL, position), -EPERM);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, position + 16), -EPERM);
	KUNIT_EXPECT_EQ(test, submit_for(test, NULL, position + 16), -EPERM);
	karena_ring_submit(f->ring, payload, 0);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, position), 0);
}

static void stale_and_random_positions_should_be_refused(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	u64 position = reserve_for(test, alice, 8);
	static const u64 wrong[] = { 1, 4, 8, 16, PAGE_SIZE, 1ull << 32, 1ull << 63, ~0ull };
	int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		KUNIT_EXPECT_EQ(test, submit_for(test, alice, position + wrong[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, position), 0);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, position), -EINVAL);
	/* Round once: the same place under another name. */
	rg_consume_to(test, 16);
	rg_send(test, PAGE_SIZE - 2 * 8 - 8, 0);
	rg_consume_to(test, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, reserve_for(test, alice, 8), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, position), -EINVAL);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, PAGE_SIZE), 0);
}

static void retired_party_should_leave_nothing_open(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	struct ring_party *bob = rg_party(test, &f->bob);
	u64 first = reserve_for(test, alice, 8);
	u64 bobs = reserve_for(test, bob, 8);
	u64 done = reserve_for(test, alice, 8);
	u64 last = reserve_for(test, alice, 100);

	KUNIT_EXPECT_EQ(test, submit_for(test, alice, done), 0);
	WRITE_ONCE(f->ring->consumer, alice);
	rg_retire(alice);

	KUNIT_EXPECT_EQ(test, rg_record(test, first)->word, 8 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, rg_record(test, bobs)->word, 8 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, rg_record(test, done)->word, 8);
	KUNIT_EXPECT_EQ(test, rg_record(test, last)->word, 100 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_dead, 2);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_discarded, 2);
	KUNIT_EXPECT_NULL(test, f->ring->consumer);
	KUNIT_EXPECT_EQ(test, submit_for(test, bob, bobs), 0);
}

static void role_of_another_should_outlive_a_retired_party(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	struct ring_party *bob = rg_party(test, &f->bob);

	WRITE_ONCE(f->ring->consumer, bob);
	rg_retire(alice);
	KUNIT_EXPECT_PTR_EQ(test, f->ring->consumer, bob);
}

/* The open record is the last of more than are walked at once. */
static void abandon_should_come_to_records_far_away(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	u64 first = reserve_for(test, alice, 1);
	u64 last;
	int i;

	for (i = 0; i < 2 * RING_STEPS - 2; i++)
		rg_send(test, 1, 0);
	last = reserve_for(test, alice, 1);
	KUNIT_EXPECT_EQ(test, last, PAGE_SIZE - 16);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, first), 0);
	rg_retire(alice);
	KUNIT_EXPECT_EQ(test, rg_record(test, last)->word, 1 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_dead, 1);
}

/* Two parties of a process that dies: the first one's walk discards for both. */
static void parties_that_go_together_should_take_one_walk(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	struct ring_party *other = rg_party(test, &f->alice);
	struct ring_party *bob = rg_party(test, &f->bob);
	u64 bobs;

	reserve_for(test, alice, 8);
	reserve_for(test, other, 8);
	bobs = reserve_for(test, bob, 8);
	reserve_for(test, other, 8);
	reserve_for(test, alice, 8);
	alice->gone = true;
	other->gone = true;
	rg_retire(alice);
	KUNIT_EXPECT_EQ(test, other->nr_open, 0);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_dead, 4);
	rg_retire(other);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_dead, 4);
	KUNIT_EXPECT_EQ(test, bob->nr_open, 1);
	KUNIT_EXPECT_EQ(test, submit_for(test, bob, bobs), 0);
}

/* A number is given again only when no record has it any more. */
static void numbers_of_parties_should_be_apart(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	struct ring_party *bob = rg_party(test, &f->bob);
	u32 number = alice->id;

	KUNIT_EXPECT_NE(test, alice->id, RECORD_OWNER_KERNEL);
	KUNIT_EXPECT_NE(test, alice->id, bob->id);
	reserve_for(test, alice, 8);
	rg_retire(alice);
	alice = rg_party(test, &f->alice);
	KUNIT_EXPECT_EQ(test, alice->id, number);
	KUNIT_EXPECT_EQ(test, submit_for(test, alice, 0), -EINVAL);
}

static void full_ring_should_refuse_parties_too(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *alice = rg_party(test, &f->alice);
	u64 position;

	reserve_for(test, alice, PAGE_SIZE - 8);
	KUNIT_EXPECT_EQ(test, ring_reserve_for(f->ring, alice, 1, &position), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ring_reserve_for(f->ring, alice, 0, &position), -EINVAL);
	KUNIT_EXPECT_EQ(test, ring_reserve_for(f->ring, alice, PAGE_SIZE, &position), -ENOSPC);
	KUNIT_EXPECT_EQ(test, alice->nr_open, 1);
	rg_retire(alice);
	rg_consume_to(test, PAGE_SIZE);
	rg_send(test, PAGE_SIZE - 8, 0);
}

static struct kunit_case ring_party_cases[] = {
	KUNIT_CASE(owner_should_submit_and_discard),
	KUNIT_CASE(others_should_not_end_a_record),
	KUNIT_CASE(stale_and_random_positions_should_be_refused),
	KUNIT_CASE(retired_party_should_leave_nothing_open),
	KUNIT_CASE(role_of_another_should_outlive_a_retired_party),
	KUNIT_CASE(abandon_should_come_to_records_far_away),
	KUNIT_CASE(parties_that_go_together_should_take_one_walk),
	KUNIT_CASE(numbers_of_parties_should_be_apart),
	KUNIT_CASE(full_ring_should_refuse_parties_too),
	{}
};

static struct kunit_suite ring_party_suite = {
	.name = "karena_ring_party",
	.init = init,
	.exit = rg_exit,
	.test_cases = ring_party_cases,
};

kunit_test_suite(ring_party_suite);
