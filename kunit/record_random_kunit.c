// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record core under all short sequences of operations and under long random
 * ones, against the model, which is compared after each.
 */
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "record_fixture.h"
#include "../kmod/compat.h"

KUNIT_ARRAY_PARAM(record, record_cases, record_case_desc);

static ulong record_seed;
module_param(record_seed, ulong, 0444);
MODULE_PARM_DESC(record_seed, "of the random test of the record core; 0: any");

static uint record_operations = 50000;
module_param(record_operations, uint, 0444);
MODULE_PARM_DESC(record_operations, "of each random test of the record core");

static uint record_depth = 5;
module_param(record_depth, uint, 0444);
MODULE_PARM_DESC(record_depth, "length of the sequences of operations that are all tried");

/* The index of the first (or last) open record, or -1. */
static int open_record(const struct record_fixture *f, bool last)
{
	int i, found = -1;

	for (i = 0; i < f->nr; i++) {
		if (f->records[i].state != MODEL_BUSY)
			continue;
		found = i;
		if (!last)
			break;
	}
	return found;
}

static void close_one(struct kunit *test, bool last, bool discard)
{
	int index = open_record(test->priv, last);

	if (index >= 0)
		rc_close(test, index, discard);
}

/* Where owners other than the kernel are known, BOB, else the kernel once more. */
static u32 other_owner(const struct record_fixture *f)
{
	return f->r.slots ? BOB : RECORD_OWNER_KERNEL;
}

#define NR_STEPS 8

static void step(struct kunit *test, unsigned int which)
{
	struct record_fixture *f = test->priv;

	switch (which) {
	case 0:
		rc_open(test, 1, RECORD_OWNER_KERNEL);
		break;
	case 1:
		rc_open(test, 16, other_owner(f));
		break;
	case 2:
		close_one(test, false, false);
		break;
	case 3:
		close_one(test, true, false);
		break;
	case 4:
		close_one(test, false, true);
		break;
	case 5:
		rc_accept(test, f->producer);
		break;
	case 6:
		rc_accept(test, f->consumer + 24);
		break;
	case 7:
		rc_skip(test);
		break;
	}
}

/* In a ring of 64 bytes, which two or three records fill. */
static void all_short_sequences_should_match_the_model(struct kunit *test)
{
	const struct record_case *c = test->param_value;
	unsigned long sequence, rest, nr = 1;
	unsigned int i;

	for (i = 0; i < record_depth; i++)
		nr *= NR_STEPS;
	for (sequence = 0; sequence < nr; sequence++) {
		rc_reset(test->priv, c->start);
		for (i = 0, rest = sequence; i < record_depth; i++, rest /= NR_STEPS)
			step(test, rest % NR_STEPS);
		rc_check(test);
		cond_resched();
	}
}

static u32 below(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

static void random_open(struct kunit *test, struct rnd_state *rnd)
{
	struct record_fixture *f = test->priv;
	u32 owner = f->r.slots ? below(rnd, 3) * ALICE : RECORD_OWNER_KERNEL;
	u32 length = 1 + below(rnd, below(rnd, 4) ? 40 : record_length_max(f->size));

	if (below(rnd, 4))
		rc_open(test, length, owner);
	else if (f->nr + 2 <= MODEL_RECORDS)
		rc_put(test, length);
}

static void random_close(struct kunit *test, struct rnd_state *rnd)
{
	struct record_fixture *f = test->priv;
	u32 index;

	if (!f->nr)
		return;
	index = below(rnd, f->nr);
	if (f->records[index].state == MODEL_BUSY)
		rc_close(test, index, !below(rnd, 4));
}

/* Honest, between borders, out of range, or anything. */
static void random_accept(struct kunit *test, struct rnd_state *rnd)
{
	struct record_fixture *f = test->priv;
	u64 claim = f->producer;

	switch (below(rnd, 4)) {
	case 0:
		claim = f->consumer + below(rnd, f->size + 1);
		break;
	case 1:
		claim = f->consumer + below(rnd, f->size) - f->size / 2;
		break;
	case 2:
		claim = (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
		break;
	}
	rc_accept(test, claim);
}

static void random_operation(struct kunit *test, struct rnd_state *rnd)
{
	u32 what = below(rnd, 100);

	if (what < 40)
		random_open(test, rnd);
	else if (what < 75)
		random_close(test, rnd);
	else if (what < 92)
		random_accept(test, rnd);
	else if (what < 98)
		rc_skip(test);
	else if (((struct record_fixture *)test->priv)->r.slots)
		rc_abandon(test, ALICE);
}

static void random_operations_should_match_the_model(struct kunit *test)
{
	u64 seed = record_seed ?: get_random_u32();
	struct rnd_state rnd;
	unsigned int i;

	kunit_info(test, "record_seed=%llu record_operations=%u", seed, record_operations);
	prandom_seed_state(&rnd, seed);
	rc_make(test, 512);
	for (i = 0; i < record_operations; i++) {
		random_operation(test, &rnd);
		if (i % 64)
			rc_check_walk(test);
		else
			rc_check(test);
		cond_resched();
	}
}

static struct kunit_case record_random_cases[] = {
	KUNIT_CASE_PARAM(all_short_sequences_should_match_the_model, record_gen_params),
	KUNIT_CASE_PARAM(random_operations_should_match_the_model, record_gen_params),
	{}
};

static struct kunit_suite record_random_suite = {
	.name = "karena_record_random",
	.init = rc_init,
	.test_cases = record_random_cases,
};

kunit_test_suite(record_random_suite);
