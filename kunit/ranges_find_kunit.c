// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ranges' search for free pages.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "ranges_fixture.h"

/**
 * struct search - searches in one arena
 * @name:	what they should do
 * @drawing:	the arena
 * @find:	hint, number of pages and alignment, and what is found; no pages: the end
 */
struct search {
	const char *name;
	const char *drawing;
	struct {
		unsigned long hint;
		unsigned long nr;
		unsigned long align;
		long found;
	} find[6];
};

static const struct search searches[] = {
	{ "find should take the lowest gap that fits", "a.a..a...a....",
	  { { 0, 1, 1, 1 }, { 0, 2, 1, 3 }, { 0, 3, 1, 6 }, { 0, 4, 1, 10 },
	    { 0, 5, 1, -ENOSPC } } },
	{ "find should begin at the hint", "....aa......",
	  { { 2, 2, 1, 2 }, { 3, 2, 1, 6 }, { 8, 2, 1, 8 }, { 11, 1, 1, 11 } } },
	{ "find should begin again when nothing follows the hint", "....aa..",
	  { { 5, 3, 1, 0 }, { 2, 4, 1, 0 }, { 7, 2, 1, 0 }, { 8, 1, 1, 0 },
	    { ULONG_MAX, 1, 1, 0 } } },
	{ "find should find nothing in a full arena", "aarrggaa",
	  { { 0, 1, 1, -ENOSPC }, { 7, 1, 1, -ENOSPC } } },
	{ "find should find the last page", "aaaaaaa.",
	  { { 0, 1, 1, 7 }, { 7, 1, 1, 7 } } },
	{ "find should keep to the alignment", "a...............",
	  { { 0, 2, 4, 4 }, { 5, 2, 4, 8 }, { 0, 8, 8, 8 }, { 13, 4, 4, 4 } } },
};

static void search_name(const struct search *search, char *desc)
{
	strscpy(desc, search->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(search, searches, search_name);

static void find_should_find_what_is_said(struct kunit *test)
{
	const struct search *search = test->param_value;
	int i;

	rt_draw(test, search->drawing);
	for (i = 0; search->find[i].nr; i++)
		KUNIT_EXPECT_EQ(test, rt_find(test, search->find[i].hint, search->find[i].nr,
					      search->find[i].align), search->find[i].found);
}

static void find_should_take_a_whole_arena(struct kunit *test)
{
	rt_make(test, 8);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 8, 1), 0L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 1, 8, 1), 0L);
}

static void find_should_not_pass_the_end(struct kunit *test)
{
	rt_draw(test, "........");
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 9, 1), (long)-ENOSPC);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, ULONG_MAX, 1), (long)-ENOSPC);
	rt_set(test, 0, 5, 'a');
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 1), 6L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 3, 1), (long)-ENOSPC);
}

static void find_should_pass_over_gaps_that_lie_badly(struct kunit *test)
{
	rt_draw(test, "a...a...aa..a...");
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 4), (long)-ENOSPC);
	rt_set(test, 12, 12, '.');
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 4), 12L);
}

static void find_should_reject_an_alignment_beyond_the_arena(struct kunit *test)
{
	rt_draw(test, "a...............");
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 32), (long)-ENOSPC);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 1UL << (BITS_PER_LONG - 1)), (long)-ENOSPC);
	rt_set(test, 0, 0, '.');
	KUNIT_EXPECT_EQ(test, rt_find(test, 3, 16, 32), 0L);
}

/* 40 gaps of 2 pages at odd pages, then a wide one. */
static void find_should_soon_take_a_gap_that_must_fit(struct kunit *test)
{
	unsigned long i;

	rt_make(test, 200);
	for (i = 0; i < 40; i++) {
		rt_set(test, 4 * i, 4 * i, 'a');
		rt_set(test, 4 * i + 3, 4 * i + 3, 'a');
	}
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 2), 160L);
}

/* As above, but the pages fit only in a gap of just 2 pages behind the 40. */
static void find_should_look_at_every_gap_before_it_gives_up(struct kunit *test)
{
	unsigned long i;

	rt_make(test, 163);
	for (i = 0; i < 40; i++) {
		rt_set(test, 4 * i, 4 * i, 'a');
		rt_set(test, 4 * i + 3, 4 * i + 3, 'a');
	}
	rt_set(test, 162, 162, 'a');
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 2), 160L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 4), 160L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 2, 64), (long)-ENOSPC);
}

static void find_should_stop_for_a_fatal_signal(struct kunit *test)
{
	long found;

	rt_draw(test, "a..a..a");
	sigaddset(&current->pending.signal, SIGKILL);
	set_thread_flag(TIF_SIGPENDING);
	found = rt_find(test, 0, 2, 8);
	sigdelset(&current->pending.signal, SIGKILL);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, found, (long)-EINTR);
}

static void find_should_leave_pages_below_the_lowest_alone(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	rt_draw(test, "....aa..");
	f->r.lowest = 1;
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 1), 1L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 1, 3, 1), 1L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 4, 1), (long)-ENOSPC);
	KUNIT_EXPECT_EQ(test, rt_find(test, 7, 3, 1), 1L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 2), 2L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 4), (long)-ENOSPC);
	rt_set(test, 1, 3, 'a');
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 1), 6L);
	rt_set(test, 6, 7, 'a');
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, 1, 1), (long)-ENOSPC);
}

static struct kunit_case ranges_find_cases[] = {
	KUNIT_CASE(find_should_leave_pages_below_the_lowest_alone),
	KUNIT_CASE_PARAM(find_should_find_what_is_said, search_gen_params),
	KUNIT_CASE(find_should_take_a_whole_arena),
	KUNIT_CASE(find_should_not_pass_the_end),
	KUNIT_CASE(find_should_pass_over_gaps_that_lie_badly),
	KUNIT_CASE(find_should_reject_an_alignment_beyond_the_arena),
	KUNIT_CASE(find_should_soon_take_a_gap_that_must_fit),
	KUNIT_CASE(find_should_look_at_every_gap_before_it_gives_up),
	KUNIT_CASE(find_should_stop_for_a_fatal_signal),
	{}
};

static struct kunit_suite ranges_find_suite = {
	.name = "karena_ranges_find",
	.init = rt_init,
	.exit = rt_exit,
	.test_cases = ranges_find_cases,
};

kunit_test_suite(ranges_find_suite);
