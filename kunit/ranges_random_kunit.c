// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on the ranges, compared with an array of one byte per page; and many
 * ranges.
 */
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "ranges_fixture.h"
#include "../kmod/compat.h"

#define RANDOM_PAGES		1500

static ulong ranges_seed;
module_param(ranges_seed, ulong, 0444);
MODULE_PARM_DESC(ranges_seed, "of the random test of the range core; 0: any");

static uint ranges_operations = 150000;
module_param(ranges_operations, uint, 0444);
MODULE_PARM_DESC(ranges_operations, "of the random test of the range core");

/* With all debug options a million ranges take minutes, mostly in kmemleak. */
static uint ranges_many = 30000;
module_param(ranges_many, uint, 0444);
MODULE_PARM_DESC(ranges_many, "ranges in the case that has many");

struct model {
	struct rnd_state rnd;
	unsigned long nr_pages;
	u8 state[RANDOM_PAGES];
};

static u32 upto(struct model *m, u32 n)
{
	return prandom_u32_state(&m->rnd) % n;
}

/* Picks a few pages, often as long as a range, or ending where one ends. */
static void pick(struct kunit *test, struct model *m, unsigned long *first,
		 unsigned long *last)
{
	struct page_range near;

	*first = upto(m, m->nr_pages);
	*last = *first + upto(m, upto(m, 16) ? 8 : m->nr_pages);
	near = rt_at(test, *first);
	if (upto(m, 3) == 0)
		*first = near.first;
	if (upto(m, 3) == 0)
		*last = near.last;
	*last = clamp(*last, *first, m->nr_pages - 1);
}

static bool model_all(struct model *m, unsigned long first, unsigned long last, u32 mask)
{
	for (; first <= last; first++) {
		if (!(BIT(m->state[first]) & mask))
			return false;
	}
	return true;
}

static struct page_range model_at(struct model *m, unsigned long index)
{
	struct page_range range = { index, index, m->state[index] };

	while (range.first && m->state[range.first - 1] == range.state)
		range.first--;
	while (range.last < m->nr_pages - 1 && m->state[range.last + 1] == range.state)
		range.last++;
	return range;
}

static bool model_next(struct model *m, unsigned long index, struct page_range *range)
{
	while (index < m->nr_pages && m->state[index] == KARENA_PAGE_FREE)
		index++;
	if (index >= m->nr_pages)
		return false;
	*range = model_at(m, index);
	range->first = index;
	return true;
}

static long model_find(struct model *m, unsigned long min, unsigned long n,
		       unsigned long align)
{
	unsigned long i;

	for (i = ALIGN(min, align); i + n <= m->nr_pages; i += align) {
		if (model_all(m, i, i + n - 1, BIT(KARENA_PAGE_FREE)))
			return i;
	}
	return min ? model_find(m, 0, n, align) : -ENOSPC;
}

static bool same(const struct page_range *a, const struct page_range *b)
{
	return a->first == b->first && a->last == b->last && a->state == b->state;
}

static bool try_set(struct kunit *test, struct model *m)
{
	unsigned long first, last;
	u32 state = upto(m, RANGES_NR_STATES);

	pick(test, m, &first, &last);
	memset(m->state + first, state, last - first + 1);
	return !rt_set_gfp(test, first, last, RT_LETTERS[state], GFP_KERNEL);
}

static bool try_at(struct kunit *test, struct model *m)
{
	unsigned long index = upto(m, m->nr_pages);
	struct page_range got = rt_at(test, index);
	struct page_range want = model_at(m, index);

	return same(&got, &want);
}

static bool try_all(struct kunit *test, struct model *m)
{
	u32 mask = upto(m, BIT(RANGES_NR_STATES));
	unsigned long first, last;

	pick(test, m, &first, &last);
	return rt_all(test, first, last, mask) == model_all(m, first, last, mask);
}

static bool try_next(struct kunit *test, struct model *m)
{
	unsigned long index = upto(m, m->nr_pages + 2);
	struct page_range got, want;

	if (!model_next(m, index, &want))
		return !rt_next(test, index, &got);
	return rt_next(test, index, &got) && same(&got, &want);
}

static bool try_find(struct kunit *test, struct model *m)
{
	unsigned long align = upto(m, 2) ? 1 : BIT(upto(m, 8));
	unsigned long hint = upto(m, m->nr_pages + 2);
	unsigned long n = 1 + upto(m, upto(m, 4) ? 6 : m->nr_pages);
	long want = model_find(m, hint, n, align);
	long got = rt_find(test, hint, n, align);

	if (align == 1 || want < 0)
		return got == want;
	return got >= 0 && IS_ALIGNED(got, align) && got + n <= m->nr_pages &&
	       model_all(m, got, got + n - 1, BIT(KARENA_PAGE_FREE));
}

static bool try_one(struct kunit *test, struct model *m)
{
	switch (upto(m, 8)) {
	case 0:
		return try_at(test, m);
	case 1:
		return try_all(test, m);
	case 2:
		return try_next(test, m);
	case 3:
		return try_find(test, m);
	default:
		return try_set(test, m);
	}
}

static bool matches(struct kunit *test, struct model *m)
{
	unsigned long n[RANGES_NR_STATES] = {};
	unsigned long i;

	for (i = 0; i < m->nr_pages; i++)
		n[m->state[i]]++;
	for (i = 0; i < RANGES_NR_STATES; i++) {
		if (rt_count(test, i) != n[i])
			return false;
	}
	return rt_valid(test);
}

static void random_operations_should_match_a_bitmap(struct kunit *test)
{
	u64 seed = ranges_seed ?: get_random_u32();
	struct model *m;
	unsigned int i;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	m->nr_pages = RANDOM_PAGES;
	prandom_seed_state(&m->rnd, seed);
	rt_make(test, m->nr_pages);
	kunit_info(test, "ranges_seed=%llu ranges_operations=%u", seed, ranges_operations);

	for (i = 0; i < ranges_operations; i++) {
		if (!try_one(test, m) || (i % 512 == 0 && !matches(test, m)))
			break;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, i, ranges_operations);
	KUNIT_EXPECT_TRUE(test, matches(test, m));
}

/* Makes a range of every other page. */
static void comb(struct kunit *test, unsigned long teeth, unsigned long nr_pages)
{
	unsigned long i;

	rt_make(test, nr_pages);
	for (i = 0; i < teeth; i++)
		rt_set(test, 2 * i, 2 * i, 'a');
}

static void many_ranges_should_work(struct kunit *test)
{
	unsigned long many = ranges_many;
	unsigned long i;

	comb(test, many, 3 * many);
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_ALLOCATED), many);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 1), 1L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 1), (long)(2 * many - 1));
	KUNIT_EXPECT_EQ(test, rt_find(test, many, 1, 1), (long)(many | 1));
	for (i = 0; i < 2 * many; i += 12345)
		KUNIT_EXPECT_EQ(test, rt_at(test, i).first, i);
	KUNIT_EXPECT_TRUE(test, rt_valid(test));
	rt_set(test, many, 2 * many, 'r');
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_ALLOCATED), (many + 1) / 2);
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_RESERVED), many + 1);
	KUNIT_EXPECT_TRUE(test, rt_valid(test));
}

static struct kunit_case ranges_random_cases[] = {
	KUNIT_CASE(random_operations_should_match_a_bitmap),
	KUNIT_CASE_SLOW(many_ranges_should_work),
	{}
};

static struct kunit_suite ranges_random_suite = {
	.name = "karena_ranges_random",
	.init = rt_init,
	.exit = rt_exit,
	.test_cases = ranges_random_cases,
};

kunit_test_suite(ranges_random_suite);
