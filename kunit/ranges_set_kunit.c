// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of state of the ranges, with and without memory.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ranges_fixture.h"

/**
 * struct change - one change of state
 * @name:	what it should do
 * @before:	drawing before
 * @first:	first page that changes
 * @last:	last page that changes
 * @letter:	of the new state
 * @after:	drawing afterwards
 */
struct change {
	const char *name;
	const char *before;
	unsigned long first;
	unsigned long last;
	char letter;
	const char *after;
};

static const struct change changes[] = {
	{ "set should split a gap", "........", 3, 4, 'a', "...aa..." },
	{ "set should split a range", "aaaaaaaa", 3, 4, 'r', "aaarraaa" },
	{ "set to free should split a range", "aaaaaaaa", 3, 4, '.', "aaa..aaa" },
	{ "set should join with the range before", ".aa.....", 3, 4, 'a', ".aaaa..." },
	{ "set should join with the range after", ".....aa.", 3, 4, 'a', "...aaaa." },
	{ "set should join with both sides", ".aarraa.", 3, 4, 'a', ".aaaaaa." },
	{ "set should join with what it overlaps", ".aaa.aaa", 3, 6, 'a', ".aaaaaaa" },
	{ "set should not join other states", "..rr..gg", 4, 5, 'a', "..rraagg" },
	{ "set to free should join gaps", "a..r..ga", 3, 3, '.', "a.....ga" },
	{ "set should cut the ranges at its ends", "rrrr.ggg", 2, 5, 'a', "rraaaagg" },
	{ "set should replace all ranges between",
	  "a.r.g.a.r.g.a.r.g.a.r.g.a.r.g.a.r.g.a.", 1, 36, 'g',
	  "agggggggggggggggggggggggggggggggggggg." },
};

static void change_name(const struct change *change, char *desc)
{
	strscpy(desc, change->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(change, changes, change_name);

static void set_should_leave_what_is_drawn(struct kunit *test)
{
	const struct change *change = test->param_value;

	rt_draw(test, change->before);
	rt_set(test, change->first, change->last, change->letter);
	rt_expect(test, change->after);
}

static void set_should_reach_the_first_and_the_last_page(struct kunit *test)
{
	rt_draw(test, "........");
	rt_set(test, 0, 0, 'a');
	rt_set(test, 7, 7, 'g');
	rt_expect(test, "a......g");
}

static void set_of_all_pages_should_leave_one_range(struct kunit *test)
{
	rt_draw(test, "a.r.g.aa");
	rt_set(test, 0, 7, 'r');
	rt_expect(test, "rrrrrrrr");
	rt_set(test, 0, 7, '.');
	rt_expect(test, "........");
}

static void set_to_the_same_state_should_change_nothing(struct kunit *test)
{
	rt_draw(test, "aaaa....");
	rt_set(test, 1, 2, 'a');
	rt_set(test, 5, 6, '.');
	rt_expect(test, "aaaa....");
}

static void set_should_make_each_state_of_each(struct kunit *test)
{
	unsigned int from, to;
	char drawing[4] = "...";

	rt_make(test, 3);
	for (from = 0; from < RANGES_NR_STATES; from++) {
		for (to = 0; to < RANGES_NR_STATES; to++) {
			rt_set(test, 0, 2, RT_LETTERS[from]);
			rt_set(test, 1, 1, RT_LETTERS[to]);
			drawing[0] = RT_LETTERS[from];
			drawing[2] = RT_LETTERS[from];
			drawing[1] = RT_LETTERS[to];
			rt_expect(test, drawing);
		}
	}
}

/* Leaves exactly @nr spare nodes. */
static void have_spares(struct kunit *test, unsigned int nr)
{
	struct ranges_fixture *f = test->priv;
	struct ranges_node *nodes[RANGES_ADDED_MAX];

	down_write(&f->lock);
	while (f->r.nr_spares > nr)
		kfree(f->r.spare[--f->r.nr_spares]);
	nr -= f->r.nr_spares;
	KUNIT_ASSERT_EQ(test, ranges_alloc_spares(nodes, nr), nr);
	ranges_add_spares(&f->r, nodes, nr);
	up_write(&f->lock);
}

static bool can_set(struct kunit *test, unsigned long first, char letter)
{
	struct ranges_fixture *f = test->priv;
	bool can;

	down_read(&f->lock);
	can = ranges_can_set(&f->r, first, strchr(RT_LETTERS, letter) - RT_LETTERS);
	up_read(&f->lock);
	return can;
}

static void a_node_that_goes_should_be_kept_as_a_spare_one(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	rt_draw(test, "arararar");
	have_spares(test, 0);
	rt_set(test, 1, 1, 'a');
	KUNIT_EXPECT_EQ(test, f->r.nr_spares, 2U);
	rt_set(test, 0, 7, '.');
	KUNIT_EXPECT_EQ(test, f->r.nr_spares, 2U);
	rt_destroy(f);
	rt_draw(test, "aaaaaaaa");
	have_spares(test, 0);
	KUNIT_EXPECT_FALSE(test, can_set(test, 1, 'r'));
	KUNIT_EXPECT_FALSE(test, can_set(test, 1, '.'));
	KUNIT_EXPECT_FALSE(test, can_set(test, 0, 'r'));
	KUNIT_EXPECT_TRUE(test, can_set(test, 0, '.'));
	have_spares(test, 1);
	KUNIT_EXPECT_FALSE(test, can_set(test, 1, 'r'));
	KUNIT_EXPECT_TRUE(test, can_set(test, 1, '.'));
	KUNIT_EXPECT_TRUE(test, can_set(test, 0, 'r'));
}

/* Makes all changes of @drawing in which pages may lose their memory. */
static void take_away_all_ways(struct kunit *test, const char *drawing, char letter)
{
	unsigned long len = strlen(drawing), first, last;
	struct ranges_fixture *f = test->priv;
	unsigned int nr;

	for (first = 0; first < len; first++) {
		for (last = first; last < len; last++) {
			if (letter == 'r' && strchr(".g", drawing[last]))
				break;
			for (nr = 0; nr < RANGES_ADDED_MAX; nr++) {
				rt_destroy(f);
				rt_draw(test, drawing);
				have_spares(test, nr);
				if (!can_set(test, first, letter))
					continue;
				KUNIT_ASSERT_EQ(test, rt_set_gfp(test, first, last, letter,
								 RT_SPARE), 0);
				KUNIT_ASSERT_LE(test, f->r.nr_spares,
						(unsigned int)RANGES_ADDED_MAX);
				KUNIT_ASSERT_TRUE(test, rt_valid(test));
			}
		}
	}
}

static void a_change_that_can_be_set_should_have_spare_nodes_enough(struct kunit *test)
{
	char drawing[6] = {};
	unsigned int n, i, rest;

	rt_make(test, sizeof(drawing) - 1);
	for (n = 0; n < 1024; n++) {
		for (i = 0, rest = n; i < 5; i++, rest /= RANGES_NR_STATES)
			drawing[i] = RT_LETTERS[rest % RANGES_NR_STATES];
		take_away_all_ways(test, drawing, '.');
		take_away_all_ways(test, drawing, 'r');
	}
}

#ifdef CONFIG_FAILSLAB
/*
 * Changes pages while the nth allocation fails. Returns whether that allocation was made,
 * even if nothing depends on it.
 */
static bool set_failing(struct kunit *test, unsigned int nth, unsigned long first,
			unsigned long last, char letter, gfp_t gfp, int *err)
{
	unsigned long was = rt_count(test, KARENA_PAGE_FREE);
	struct page_range before = rt_at(test, first);
	bool failed;

	WRITE_ONCE(current->fail_nth, nth);
	*err = rt_set_gfp(test, first, last, letter, gfp);
	failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);

	KUNIT_EXPECT_TRUE(test, rt_valid(test));
	if (*err) {
		KUNIT_EXPECT_EQ(test, *err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_FREE), was);
		rt_expect_range(test, rt_at(test, first), before.first, before.last,
				RT_LETTERS[before.state]);
	}
	return failed;
}

/* Changes part of a range with each allocation failing in turn; returns their number. */
static unsigned int fail_each(struct kunit *test, unsigned long first,
			      unsigned long last, char letter, gfp_t gfp)
{
	char before = RT_LETTERS[rt_at(test, first).state];
	unsigned int failures = 0;
	unsigned int nth = 0;
	int err;

	while (set_failing(test, ++nth, first, last, letter, gfp, &err)) {
		if (err)
			failures++;
		else
			rt_set(test, first, last, before);
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	return failures;
}

/*
 * Splitting a range takes one node to free pages, two for other states. A slab filled
 * meanwhile adds an allocation, or removes one from the next attempt, so that the second
 * node may be skipped or fail twice; but not each time.
 */
static void set_without_memory_should_not_split(struct kunit *test)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	unsigned int failures, second = 0;
	unsigned long i;

	rt_make(test, 4000);
	rt_set(test, 0, 3999, 'a');
	for (i = 0; i < 200; i += 2) {
		KUNIT_EXPECT_EQ(test, fail_each(test, 20 * i + 2, 20 * i + 4, '.', gfp), 1U);
		failures = fail_each(test, 20 * i + 8, 20 * i + 9, 'r', gfp);
		KUNIT_EXPECT_GE(test, failures, 1U);
		second += failures > 1;
	}
	KUNIT_EXPECT_GT(test, second, 0U);
}

static void set_without_memory_should_not_begin_a_range(struct kunit *test)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	unsigned long i;

	rt_make(test, 2000);
	for (i = 0; i < 200; i++)
		KUNIT_EXPECT_EQ(test, fail_each(test, 10 * i + 2, 10 * i + 4, 'g', gfp), 1U);
}

static void set_should_need_no_memory_for_what_it_has(struct kunit *test)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;

	rt_draw(test, "aaaarrrr..gg");
	/* Ends move, ranges merge, a range replaces another, pages become free. */
	KUNIT_EXPECT_EQ(test, fail_each(test, 4, 5, 'a', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 8, 9, 'r', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 10, 11, 'r', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 0, 5, 'g', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 0, 2, '.', gfp), 0U);
	rt_expect(test, "...gggrrrrrr");
}

static void set_with_spare_nodes_should_need_no_memory(struct kunit *test)
{
	unsigned long i;

	rt_make(test, 2000);
	rt_set(test, 0, 1999, 'a');
	for (i = 1; i < 1998; i += 2) {
		have_spares(test, 2);
		KUNIT_EXPECT_EQ(test, 0U, fail_each(test, i, i, i % 4 == 1 ? '.' : 'r',
						    RT_SPARE));
	}
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_FREE), 500UL);
}
#endif

static struct kunit_case ranges_set_cases[] = {
	KUNIT_CASE_PARAM(set_should_leave_what_is_drawn, change_gen_params),
	KUNIT_CASE(set_should_reach_the_first_and_the_last_page),
	KUNIT_CASE(set_of_all_pages_should_leave_one_range),
	KUNIT_CASE(set_to_the_same_state_should_change_nothing),
	KUNIT_CASE(set_should_make_each_state_of_each),
	KUNIT_CASE(a_node_that_goes_should_be_kept_as_a_spare_one),
	KUNIT_CASE(a_change_that_can_be_set_should_have_spare_nodes_enough),
#ifdef CONFIG_FAILSLAB
	KUNIT_CASE(set_without_memory_should_not_split),
	KUNIT_CASE(set_without_memory_should_not_begin_a_range),
	KUNIT_CASE(set_should_need_no_memory_for_what_it_has),
	KUNIT_CASE(set_with_spare_nodes_should_need_no_memory),
#endif
	{}
};

static struct kunit_suite ranges_set_suite = {
	.name = "karena_ranges_set",
	.init = rt_init,
	.exit = rt_exit,
	.test_cases = ranges_set_cases,
};

kunit_test_suite(ranges_set_suite);
