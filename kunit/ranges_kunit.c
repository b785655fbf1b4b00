// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queries of the ranges.
 */
#include <linux/string.h>

#include "ranges_fixture.h"

static void new_ranges_should_be_free(struct kunit *test)
{
	rt_make(test, 4);
	rt_expect(test, "....");
}

/* What is there at a page, and from where to where. */
static const struct look {
	const char *name;
	const char *drawing;
	unsigned long at;
	unsigned long first;
	unsigned long last;
	char letter;
} looks[] = {
	{ "at should give all pages around", "..aaa.rr", 3, 2, 4, 'a' },
	{ "at should give the gap around", "aa...r..", 3, 2, 4, '.' },
	{ "at should end the last gap with the arena", "aa......", 2, 2, 7, '.' },
	{ "at should find the first page", "a.......", 0, 0, 0, 'a' },
	{ "at should find the gap behind the first page", "a.......", 1, 1, 7, '.' },
};

static void look_name(const struct look *look, char *desc)
{
	strscpy(desc, look->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(look, looks, look_name);

static void at_should_give_what_is_around(struct kunit *test)
{
	const struct look *look = test->param_value;

	rt_draw(test, look->drawing);
	rt_expect_range(test, rt_at(test, look->at), look->first, look->last, look->letter);
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

/* Part */

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

/* Next */

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

/* Validate: must find each kind of damage. */

static struct ranges_node *lowest(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	return rb_entry(rb_first(&f->r.root), struct ranges_node, rb);
}

static struct ranges_node *second(struct kunit *test)
{
	return rb_entry(rb_next(&lowest(test)->rb), struct ranges_node, rb);
}

static void equal_neighbours(struct kunit *test)
{
	second(test)->state = KARENA_PAGE_ALLOCATED;
}

static void node_of_free_pages(struct kunit *test)
{
	lowest(test)->state = KARENA_PAGE_FREE;
}

static void state_that_is_none(struct kunit *test)
{
	lowest(test)->state = RANGES_NR_STATES;
}

static void nodes_that_overlap(struct kunit *test)
{
	lowest(test)->last = 5;
}

static void node_of_no_pages(struct kunit *test)
{
	lowest(test)->last = 1;
}

static void pages_past_the_end(struct kunit *test)
{
	lowest(test)->last = 8;
}

static void wrong_gap(struct kunit *test)
{
	lowest(test)->gap = 1;
}

static void wrong_largest_gap(struct kunit *test)
{
	second(test)->max_gap++;
}

static void wrong_count(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	f->r.count[KARENA_PAGE_ALLOCATED]++;
}

static const struct damage {
	const char *name;
	const char *drawing;
	void (*make)(struct kunit *test);
} damages[] = {
	{ "validate should see equal neighbours", "..aarr..", equal_neighbours },
	{ "validate should see a node of free pages", "..aa....", node_of_free_pages },
	{ "validate should see a state that is none", "..aa....", state_that_is_none },
	{ "validate should see nodes that overlap", "..aa.rr.", nodes_that_overlap },
	{ "validate should see a node of no pages", "..aa.rr.", node_of_no_pages },
	{ "validate should see pages past the end", "..aa....", pages_past_the_end },
	{ "validate should see a wrong gap", "..aa.rr.", wrong_gap },
	{ "validate should see a wrong largest gap", "..aa.rr.", wrong_largest_gap },
	{ "validate should see a wrong count", "..aa....", wrong_count },
};

static void damage_name(const struct damage *damage, char *desc)
{
	strscpy(desc, damage->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(damage, damages, damage_name);

static void validate_should_see_damage(struct kunit *test)
{
	const struct damage *damage = test->param_value;

	rt_draw(test, damage->drawing);
	KUNIT_EXPECT_TRUE(test, rt_valid(test));
	damage->make(test);
	KUNIT_EXPECT_FALSE(test, rt_valid(test));
}

static struct kunit_case ranges_cases[] = {
	KUNIT_CASE(new_ranges_should_be_free),
	KUNIT_CASE_PARAM(at_should_give_what_is_around, look_gen_params),
	KUNIT_CASE(an_arena_of_one_page_should_work),
	KUNIT_CASE(the_largest_arena_should_work),
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
	KUNIT_CASE_PARAM(validate_should_see_damage, damage_gen_params),
	{}
};

static struct kunit_suite ranges_suite = {
	.name = "karena_ranges",
	.init = rt_init,
	.exit = rt_exit,
	.test_cases = ranges_cases,
};

kunit_test_suite(ranges_suite);
