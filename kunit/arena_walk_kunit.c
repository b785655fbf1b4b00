// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports on an arena: walk and stat.
 */
#include "arena_fixture.h"
#include "../kmod/call.h"

#define ENTRIES			16

/* A walk into an array of kernel memory, which is poisoned before. */
struct walk {
	struct karena_arena_walk args;
	struct karena_arena_range entry[ENTRIES];
};

static long walk(struct kunit *test, struct walk *w, u64 offset, size_t bytes)
{
	struct arena_fixture *f = test->priv;
	struct kvec vec = { .iov_base = w->entry, .iov_len = bytes };
	struct iov_iter payload;

	w->args = (struct karena_arena_walk) { .size = sizeof(w->args), .offset = offset };
	memset(w->entry, 0xcc, sizeof(w->entry));
	iov_iter_kvec(&payload, ITER_DEST, &vec, 1, bytes);
	return at_execute(test, f->file, KARENA_IOC_ARENA_WALK, &w->args, &payload);
}

static struct walk *walk_from(struct kunit *test, unsigned long page, unsigned int entries)
{
	struct walk *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_EXPECT_EQ(test, walk(test, w, page * PAGE_SIZE, entries * sizeof(w->entry[0])), 0);
	return w;
}

static void expect_entry(struct kunit *test, const struct karena_arena_range *entry,
			 unsigned long first, unsigned long nr, unsigned long populated,
			 u32 state)
{
	KUNIT_EXPECT_EQ(test, entry->offset, first * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, entry->nr_pages, nr);
	KUNIT_EXPECT_EQ(test, entry->nr_populated, populated);
	KUNIT_EXPECT_EQ(test, entry->state, state);
	KUNIT_EXPECT_EQ(test, entry->__reserved, 0U);
}

static void walk_should_list_what_is_not_free(struct kunit *test)
{
	struct walk *w;

	at_draw(test, "..AaA.rrg...");
	w = walk_from(test, 0, ENTRIES);
	KUNIT_ASSERT_EQ(test, w->args.out_count, 3U);
	expect_entry(test, &w->entry[0], 2, 3, 2, KARENA_PAGE_ALLOCATED);
	expect_entry(test, &w->entry[1], 6, 2, 0, KARENA_PAGE_RESERVED);
	expect_entry(test, &w->entry[2], 8, 1, 0, KARENA_PAGE_GUARD);
	KUNIT_EXPECT_EQ(test, w->args.out_next, 12 * PAGE_SIZE);
	/* Nothing behind the last entry is written. */
	KUNIT_EXPECT_NULL(test, memchr_inv(&w->entry[3], 0xcc, sizeof(w->entry[3])));
}

static void walk_should_begin_inside_a_range(struct kunit *test)
{
	struct walk *w;

	at_draw(test, "AAAAA.");
	w = walk_from(test, 3, ENTRIES);
	KUNIT_ASSERT_EQ(test, w->args.out_count, 1U);
	expect_entry(test, &w->entry[0], 3, 2, 2, KARENA_PAGE_ALLOCATED);
}

static void walk_should_go_on_where_the_buffer_ended(struct kunit *test)
{
	struct walk *w;

	at_draw(test, "A.r.g.");
	w = walk_from(test, 0, 2);
	KUNIT_EXPECT_EQ(test, w->args.out_count, 2U);
	KUNIT_EXPECT_EQ(test, w->args.out_next, 3 * PAGE_SIZE);
	w = walk_from(test, 3, 2);
	KUNIT_EXPECT_EQ(test, w->args.out_count, 1U);
	expect_entry(test, &w->entry[0], 4, 1, 0, KARENA_PAGE_GUARD);
	KUNIT_EXPECT_EQ(test, w->args.out_next, 6 * PAGE_SIZE);
}

static void walk_should_end_with_the_arena(struct kunit *test)
{
	struct walk *w;

	at_draw(test, "A.....");
	w = walk_from(test, 6, ENTRIES);
	KUNIT_EXPECT_EQ(test, w->args.out_count, 0U);
	KUNIT_EXPECT_EQ(test, w->args.out_next, 6 * PAGE_SIZE);
}

static void walk_should_write_whole_entries_only(struct kunit *test)
{
	struct walk *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	size_t entry = sizeof(w->entry[0]);

	KUNIT_ASSERT_NOT_NULL(test, w);
	at_draw(test, "A.r.g.");
	KUNIT_EXPECT_EQ(test, walk(test, w, 0, entry - 1), 0);
	KUNIT_EXPECT_EQ(test, w->args.out_count, 0U);
	KUNIT_EXPECT_EQ(test, w->args.out_next, 0ULL);
	KUNIT_EXPECT_EQ(test, walk(test, w, 0, 2 * entry + 1), 0);
	KUNIT_EXPECT_EQ(test, w->args.out_count, 2U);
	KUNIT_EXPECT_NULL(test, memchr_inv(&w->entry[2], 0xcc, entry));
}

static void walk_should_turn_down_wrong_arguments(struct kunit *test)
{
	struct arena_fixture *f = test->priv;
	struct karena_arena_walk args = { .size = sizeof(args), .__reserved = 1 };
	struct walk *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct iov_iter payload;

	KUNIT_ASSERT_NOT_NULL(test, w);
	at_draw(test, "A.....");
	KUNIT_EXPECT_EQ(test, walk(test, w, 1, sizeof(w->entry)), -EINVAL);
	KUNIT_EXPECT_EQ(test, walk(test, w, 7 * PAGE_SIZE, sizeof(w->entry)), -EINVAL);
	iov_iter_kvec(&payload, ITER_DEST, NULL, 0, 0);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, KARENA_IOC_ARENA_WALK, &args, &payload),
			-EINVAL);
	args.__reserved = 0;
	args.flags = 1;
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, KARENA_IOC_ARENA_WALK, &args, &payload),
			-EINVAL);
}

static void walk_should_count_pins(struct kunit *test)
{
	struct page *page;
	struct walk *w;

	at_draw(test, "AAA");
	page = at_page(test, 1);
	get_page(page);
	w = walk_from(test, 0, ENTRIES);
	KUNIT_EXPECT_EQ(test, w->entry[0].nr_pinned, 1ULL);
	put_page(page);
	w = walk_from(test, 0, ENTRIES);
	KUNIT_EXPECT_EQ(test, w->entry[0].nr_pinned, 0ULL);
}

static void stat_should_report_what_create_was_given(struct kunit *test)
{
	struct karena_arena_create args = {
		.flags = KARENA_ARENA_F_FIXED_ADDR | KARENA_ARENA_F_INHERIT,
		.length = 5 * PAGE_SIZE,
		.address = 1UL << 30,
		.node = 0,
		.fault_pages = 7,
		.name = "fifteen.letters",
	};
	struct karena_arena_stat stat;

	KUNIT_ASSERT_EQ(test, at_create(test, &args), 0);
	stat = at_stat(test);
	KUNIT_EXPECT_EQ(test, stat.out_flags, args.flags);
	KUNIT_EXPECT_EQ(test, stat.out_length, args.length);
	KUNIT_EXPECT_EQ(test, stat.out_address, args.address);
	KUNIT_EXPECT_EQ(test, stat.out_node, 0);
	KUNIT_EXPECT_EQ(test, stat.out_fault_pages, 7U);
	KUNIT_EXPECT_EQ(test, stat.out_rights, KARENA_RIGHTS_ARENA);
	KUNIT_EXPECT_STREQ(test, stat.out_name, "fifteen.letters");
}

static void stat_should_tell_the_defaults(struct kunit *test)
{
	struct karena_arena_stat stat;

	at_make(test, 5);
	stat = at_stat(test);
	KUNIT_EXPECT_EQ(test, stat.out_flags, 0U);
	KUNIT_EXPECT_EQ(test, stat.out_address, 0ULL);
	KUNIT_EXPECT_EQ(test, stat.out_node, KARENA_NODE_ANY);
	KUNIT_EXPECT_EQ(test, stat.out_fault_pages, KARENA_FAULT_PAGES_DEFAULT);
	KUNIT_EXPECT_EQ(test, stat.out_faults, 0ULL);
}

static void stat_should_remember_the_peak(struct kunit *test)
{
	at_draw(test, "AAAA..");
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated_peak, 4ULL);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 0, 3), 0);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated, 1ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated_peak, 4ULL);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 3), 0);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated_peak, 6ULL);
}

static struct kunit_case arena_walk_cases[] = {
	KUNIT_CASE(walk_should_list_what_is_not_free),
	KUNIT_CASE(walk_should_begin_inside_a_range),
	KUNIT_CASE(walk_should_go_on_where_the_buffer_ended),
	KUNIT_CASE(walk_should_end_with_the_arena),
	KUNIT_CASE(walk_should_write_whole_entries_only),
	KUNIT_CASE(walk_should_turn_down_wrong_arguments),
	KUNIT_CASE(walk_should_count_pins),
	KUNIT_CASE(stat_should_report_what_create_was_given),
	KUNIT_CASE(stat_should_tell_the_defaults),
	KUNIT_CASE(stat_should_remember_the_peak),
	{}
};

static struct kunit_suite arena_walk_suite = {
	.name = "karena_arena_walk",
	.init = at_init,
	.exit = at_exit,
	.test_cases = arena_walk_cases,
};

kunit_test_suite(arena_walk_suite);
