// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range core: what it tells of pages, and what changes do.
 */
#include <linux/sched.h>

#include "ranges_fixture.h"

static void new_ranges_should_be_free(struct kunit *test)
{
	rt_make(test, 4);
	rt_expect(test, "....");
}

static void at_should_give_all_pages_around(struct kunit *test)
{
	rt_draw(test, "..aaa.rr");
	rt_expect_range(test, rt_at(test, 3), 2, 4, 'a');
}

static void at_should_give_the_gap_around(struct kunit *test)
{
	rt_draw(test, "aa...r..");
	rt_expect_range(test, rt_at(test, 3), 2, 4, '.');
}

static void at_should_end_the_last_gap_with_the_arena(struct kunit *test)
{
	rt_draw(test, "aa......");
	rt_expect_range(test, rt_at(test, 2), 2, 7, '.');
}

static void at_should_find_the_first_page(struct kunit *test)
{
	rt_draw(test, "a.......");
	rt_expect_range(test, rt_at(test, 0), 0, 0, 'a');
	rt_expect_range(test, rt_at(test, 1), 1, 7, '.');
}

static void an_arena_of_one_page_should_work(struct kunit *test)
{
	rt_draw(test, "g");
	rt_expect(test, "g");
	rt_set(test, 0, 0, '.');
	rt_expect(test, ".");
}

static void the_largest_arena_should_work(struct kunit *test)
{
	unsigned long half = 1UL << (BITS_PER_LONG - 1);
	unsigned long nr = ULONG_MAX - 1;

	rt_make(test, nr);
	rt_set(test, nr - 2, nr - 1, 'r');
	rt_expect_range(test, rt_at(test, nr - 1), nr - 2, nr - 1, 'r');
	rt_expect_range(test, rt_at(test, 0), 0, nr - 3, '.');
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_FREE), nr - 2);
	KUNIT_EXPECT_EQ(test, rt_find(test, nr - 3, 1, 1), (long)(nr - 3));
	KUNIT_EXPECT_EQ(test, rt_find(test, nr - 3, 2, 1), 0L);
	KUNIT_EXPECT_EQ(test, rt_find(test, 0, nr - 1, 1), (long)-ENOSPC);
	KUNIT_EXPECT_EQ(test, rt_find(test, half - 1, 1, half), (long)half);
	KUNIT_EXPECT_EQ(test, rt_find(test, half + 1, 1, half), 0L);
	KUNIT_EXPECT_TRUE(test, rt_valid(test));
}

/* Set */

static void set_should_split_a_gap(struct kunit *test)
{
	rt_draw(test, "........");
	rt_set(test, 3, 4, 'a');
	rt_expect(test, "...aa...");
}

static void set_should_split_a_range(struct kunit *test)
{
	rt_draw(test, "aaaaaaaa");
	rt_set(test, 3, 4, 'r');
	rt_expect(test, "aaarraaa");
}

static void set_to_free_should_split_a_range(struct kunit *test)
{
	rt_draw(test, "aaaaaaaa");
	rt_set(test, 3, 4, '.');
	rt_expect(test, "aaa..aaa");
}

static void set_should_join_with_the_range_before(struct kunit *test)
{
	rt_draw(test, ".aa.....");
	rt_set(test, 3, 4, 'a');
	rt_expect(test, ".aaaa...");
}

static void set_should_join_with_the_range_after(struct kunit *test)
{
	rt_draw(test, ".....aa.");
	rt_set(test, 3, 4, 'a');
	rt_expect(test, "...aaaa.");
}

static void set_should_join_with_both_sides(struct kunit *test)
{
	rt_draw(test, ".aarraa.");
	rt_set(test, 3, 4, 'a');
	rt_expect(test, ".aaaaaa.");
}

static void set_should_join_with_what_it_overlaps(struct kunit *test)
{
	rt_draw(test, ".aaa.aaa");
	rt_set(test, 3, 6, 'a');
	rt_expect(test, ".aaaaaaa");
}

static void set_should_not_join_other_states(struct kunit *test)
{
	rt_draw(test, "..rr..gg");
	rt_set(test, 4, 5, 'a');
	rt_expect(test, "..rraagg");
}

static void set_to_free_should_join_gaps(struct kunit *test)
{
	rt_draw(test, "a..r..ga");
	rt_set(test, 3, 3, '.');
	rt_expect(test, "a.....ga");
}

static void set_should_cut_the_ranges_at_its_ends(struct kunit *test)
{
	rt_draw(test, "rrrr.ggg");
	rt_set(test, 2, 5, 'a');
	rt_expect(test, "rraaaagg");
}

static void set_should_replace_all_ranges_between(struct kunit *test)
{
	rt_draw(test, "a.r.g.a.r.g.a.r.g.a.r.g.a.r.g.a.r.g.a.");
	rt_set(test, 1, 36, 'g');
	rt_expect(test, "agggggggggggggggggggggggggggggggggggg.");
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

/* The bound is the caller's, and __GFP_NOFAIL passes it. */
static void set_should_not_make_more_nodes_than_it_may(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	rt_draw(test, "aaaa..gg");
	f->r.max_nodes = 2;
	KUNIT_EXPECT_EQ(test, rt_set_gfp(test, 4, 4, 'r', GFP_KERNEL), -EDQUOT);
	KUNIT_EXPECT_EQ(test, rt_set_gfp(test, 1, 1, '.', GFP_KERNEL), -EDQUOT);
	rt_expect(test, "aaaa..gg");
	rt_set(test, 0, 3, 'r');
	rt_set(test, 4, 5, 'r');
	rt_expect(test, "rrrrrrgg");
	KUNIT_EXPECT_EQ(test, rt_set_gfp(test, 1, 1, '.', GFP_KERNEL | __GFP_NOFAIL), 0);
	rt_expect(test, "r.rrrrgg");
}

#ifdef CONFIG_FAILSLAB
/*
 * Change pages while the nth allocation fails. Returns whether that came to pass,
 * which may have been an allocation that nothing depends on.
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

/* Change part of a range with each allocation failing in turn; how often it did. */
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

/* To split a range takes a node to free pages, two to make them something else. */
static void set_without_memory_should_not_split(struct kunit *test)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	unsigned long i;

	rt_make(test, 4000);
	rt_set(test, 0, 3999, 'a');
	for (i = 0; i < 200; i += 2) {
		KUNIT_EXPECT_EQ(test, fail_each(test, 20 * i + 2, 20 * i + 4, '.', gfp), 1U);
		KUNIT_EXPECT_EQ(test, fail_each(test, 20 * i + 8, 20 * i + 9, 'r', gfp), 2U);
	}
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
	/* Ends move, ranges merge, one is replaced by another, pages are freed. */
	KUNIT_EXPECT_EQ(test, fail_each(test, 4, 5, 'a', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 8, 9, 'r', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 10, 11, 'r', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 0, 5, 'g', gfp), 0U);
	KUNIT_EXPECT_EQ(test, fail_each(test, 0, 2, '.', gfp), 0U);
	rt_expect(test, "...gggrrrrrr");
}

static void set_with_nofail_should_not_fail(struct kunit *test)
{
	unsigned long i;

	rt_make(test, 2000);
	rt_set(test, 0, 1999, 'a');
	for (i = 1; i < 1999; i += 2)
		KUNIT_EXPECT_EQ(test, 0U, fail_each(test, i, i, '.', GFP_KERNEL_ACCOUNT |
						    __GFP_NOFAIL));
	KUNIT_EXPECT_EQ(test, rt_count(test, KARENA_PAGE_FREE), 999UL);
}
#endif

/* All */

static void all_should_be_true_within_one_state(struct kunit *test)
{
	rt_draw(test, "..aaaa..");
	KUNIT_EXPECT_TRUE(test, rt_all(test, 2, 5, BIT(KARENA_PAGE_ALLOCATED)));
	KUNIT_EXPECT_TRUE(test, rt_all(test, 3, 3, BIT(KARENA_PAGE_ALLOCATED)));
	KUNIT_EXPECT_TRUE(test, rt_all(test, 6, 7, BIT(KARENA_PAGE_FREE)));
}

static void all_should_be_false_if_one_page_differs(struct kunit *test)
{
	rt_draw(test, "..aaaa..");
	KUNIT_EXPECT_FALSE(test, rt_all(test, 1, 5, BIT(KARENA_PAGE_ALLOCATED)));
	KUNIT_EXPECT_FALSE(test, rt_all(test, 2, 6, BIT(KARENA_PAGE_ALLOCATED)));
	KUNIT_EXPECT_FALSE(test, rt_all(test, 2, 5, BIT(KARENA_PAGE_FREE)));
}

static void all_should_take_any_state_of_the_mask(struct kunit *test)
{
	u32 mask = BIT(KARENA_PAGE_ALLOCATED) | BIT(KARENA_PAGE_RESERVED);

	rt_draw(test, ".arraag.");
	KUNIT_EXPECT_TRUE(test, rt_all(test, 1, 5, mask));
	KUNIT_EXPECT_FALSE(test, rt_all(test, 1, 6, mask));
	KUNIT_EXPECT_FALSE(test, rt_all(test, 0, 5, mask));
}

/* Next */

static void part_should_end_with_the_last_of_so_many_ranges(struct kunit *test)
{
	rt_draw(test, ".aar.gg..a.");
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 1), 2UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 2), 3UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 3), 6UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 2, 10, 1), 2UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 3, 10, 3), 9UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 4, 10, 1), 6UL);
}

static void part_should_not_pass_the_last_page(struct kunit *test)
{
	rt_draw(test, ".aar.gg..a.");
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 4), 9UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 5), 10UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 10, 100), 10UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 10, 10, 1), 10UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 0, 1), 0UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 5, 3), 5UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 7, 8, 2), 8UL);
	KUNIT_EXPECT_EQ(test, rt_part(test, 0, 1, 1), 1UL);
}

static void next_should_pass_over_free_pages(struct kunit *test)
{
	struct page_range range;

	rt_draw(test, "...rr.a.");
	KUNIT_ASSERT_TRUE(test, rt_next(test, 0, &range));
	rt_expect_range(test, range, 3, 4, 'r');
	KUNIT_ASSERT_TRUE(test, rt_next(test, 5, &range));
	rt_expect_range(test, range, 6, 6, 'a');
}

static void next_should_begin_where_asked(struct kunit *test)
{
	struct page_range range;

	rt_draw(test, "..rrrr..");
	KUNIT_ASSERT_TRUE(test, rt_next(test, 4, &range));
	rt_expect_range(test, range, 4, 5, 'r');
}

static void next_should_tell_the_end(struct kunit *test)
{
	struct page_range range;

	rt_draw(test, "..rrrr..");
	KUNIT_EXPECT_FALSE(test, rt_next(test, 6, &range));
	KUNIT_EXPECT_FALSE(test, rt_next(test, 8, &range));
	KUNIT_EXPECT_FALSE(test, rt_next(test, ULONG_MAX, &range));
}

static void next_should_find_nothing_in_a_new_arena(struct kunit *test)
{
	struct page_range range;

	rt_make(test, 8);
	KUNIT_EXPECT_FALSE(test, rt_next(test, 0, &range));
}

static void next_should_find_the_first_page(struct kunit *test)
{
	struct page_range range;

	rt_draw(test, "a.......");
	KUNIT_ASSERT_TRUE(test, rt_next(test, 0, &range));
	rt_expect_range(test, range, 0, 0, 'a');
	KUNIT_EXPECT_FALSE(test, rt_next(test, 1, &range));
}

/* Validate: it must see what it is there for. */

static struct ranges_node *lowest(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	return rb_entry(rb_first(&f->r.root), struct ranges_node, rb);
}

static struct ranges_node *second(struct kunit *test)
{
	return rb_entry(rb_next(&lowest(test)->rb), struct ranges_node, rb);
}

static void validate_should_see_equal_neighbours(struct kunit *test)
{
	rt_draw(test, "..aarr..");
	second(test)->state = KARENA_PAGE_ALLOCATED;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_state_that_is_none(struct kunit *test)
{
	rt_draw(test, "..aa....");
	lowest(test)->state = KARENA_PAGE_FREE;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
	lowest(test)->state = RANGES_NR_STATES;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_nodes_that_overlap(struct kunit *test)
{
	rt_draw(test, "..aa.rr.");
	lowest(test)->last = 5;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_node_of_no_pages(struct kunit *test)
{
	rt_draw(test, "..aa.rr.");
	lowest(test)->last = 1;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_pages_past_the_end(struct kunit *test)
{
	rt_draw(test, "..aa....");
	lowest(test)->last = 8;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_wrong_gap(struct kunit *test)
{
	rt_draw(test, "..aa.rr.");
	lowest(test)->gap = 1;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_wrong_largest_gap(struct kunit *test)
{
	rt_draw(test, "..aa.rr.");
	second(test)->max_gap++;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_wrong_count(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	rt_draw(test, "..aa....");
	f->r.count[KARENA_PAGE_ALLOCATED]++;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static void validate_should_see_a_wrong_number_of_nodes(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	rt_draw(test, "..aa....");
	f->r.nr_nodes++;
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static struct kunit_case ranges_cases[] = {
	KUNIT_CASE(new_ranges_should_be_free),
	KUNIT_CASE(at_should_give_all_pages_around),
	KUNIT_CASE(at_should_give_the_gap_around),
	KUNIT_CASE(at_should_end_the_last_gap_with_the_arena),
	KUNIT_CASE(at_should_find_the_first_page),
	KUNIT_CASE(an_arena_of_one_page_should_work),
	KUNIT_CASE(the_largest_arena_should_work),
	KUNIT_CASE(set_should_split_a_gap),
	KUNIT_CASE(set_should_split_a_range),
	KUNIT_CASE(set_to_free_should_split_a_range),
	KUNIT_CASE(set_should_join_with_the_range_before),
	KUNIT_CASE(set_should_join_with_the_range_after),
	KUNIT_CASE(set_should_join_with_both_sides),
	KUNIT_CASE(set_should_join_with_what_it_overlaps),
	KUNIT_CASE(set_should_not_join_other_states),
	KUNIT_CASE(set_to_free_should_join_gaps),
	KUNIT_CASE(set_should_cut_the_ranges_at_its_ends),
	KUNIT_CASE(set_should_replace_all_ranges_between),
	KUNIT_CASE(set_should_reach_the_first_and_the_last_page),
	KUNIT_CASE(set_of_all_pages_should_leave_one_range),
	KUNIT_CASE(set_to_the_same_state_should_change_nothing),
	KUNIT_CASE(set_should_make_each_state_of_each),
	KUNIT_CASE(set_should_not_make_more_nodes_than_it_may),
#ifdef CONFIG_FAILSLAB
	KUNIT_CASE(set_without_memory_should_not_split),
	KUNIT_CASE(set_without_memory_should_not_begin_a_range),
	KUNIT_CASE(set_should_need_no_memory_for_what_it_has),
	KUNIT_CASE(set_with_nofail_should_not_fail),
#endif
	KUNIT_CASE(all_should_be_true_within_one_state),
	KUNIT_CASE(all_should_be_false_if_one_page_differs),
	KUNIT_CASE(all_should_take_any_state_of_the_mask),
	KUNIT_CASE(part_should_end_with_the_last_of_so_many_ranges),
	KUNIT_CASE(part_should_not_pass_the_last_page),
	KUNIT_CASE(next_should_pass_over_free_pages),
	KUNIT_CASE(next_should_begin_where_asked),
	KUNIT_CASE(next_should_tell_the_end),
	KUNIT_CASE(next_should_find_nothing_in_a_new_arena),
	KUNIT_CASE(next_should_find_the_first_page),
	KUNIT_CASE(validate_should_see_equal_neighbours),
	KUNIT_CASE(validate_should_see_a_state_that_is_none),
	KUNIT_CASE(validate_should_see_nodes_that_overlap),
	KUNIT_CASE(validate_should_see_a_node_of_no_pages),
	KUNIT_CASE(validate_should_see_pages_past_the_end),
	KUNIT_CASE(validate_should_see_a_wrong_gap),
	KUNIT_CASE(validate_should_see_a_wrong_largest_gap),
	KUNIT_CASE(validate_should_see_a_wrong_count),
	KUNIT_CASE(validate_should_see_a_wrong_number_of_nodes),
	{}
};

static struct kunit_suite ranges_suite = {
	.name = "karena_ranges",
	.init = rt_init,
	.exit = rt_exit,
	.test_cases = ranges_cases,
};

kunit_test_suite(ranges_suite);
