// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states of pages: the table of docs/arena.md, a case for each cell, and further
 * results of the operations.
 */
#include "arena_fixture.h"

#define LAZY			KARENA_ALLOC_F_LAZY
#define FIXED			KARENA_ALLOC_F_FIXED

/* The operations of the table, on pages 1 to 4 of 6. */

static long op_alloc(struct kunit *test)
{
	return at_alloc_pages(test, 0, 0, 4);
}

static long op_alloc_lazy(struct kunit *test)
{
	return at_alloc_pages(test, LAZY, 0, 4);
}

static long op_alloc_fixed(struct kunit *test)
{
	return at_alloc_pages(test, FIXED, 1, 4);
}

static long op_alloc_fixed_lazy(struct kunit *test)
{
	return at_alloc_pages(test, FIXED | LAZY, 1, 4);
}

static long op_free(struct kunit *test)
{
	return at_free(test, 0, 1, 4);
}

static long op_free_strict(struct kunit *test)
{
	return at_free(test, KARENA_FREE_F_STRICT, 1, 4);
}

static long op_reserve(struct kunit *test)
{
	return at_reserve(test, 0, 1, 4);
}

static long op_guard(struct kunit *test)
{
	return at_reserve(test, KARENA_RESERVE_F_GUARD, 1, 4);
}

static long op_commit(struct kunit *test)
{
	return at_commit(test, 0, 1, 4);
}

static long op_commit_lazy(struct kunit *test)
{
	return at_commit(test, KARENA_COMMIT_F_LAZY, 1, 4);
}

static long op_decommit(struct kunit *test)
{
	return at_decommit(test, 1, 4);
}

/**
 * struct cell - a cell of the table, or a case with pages in several states
 * @name:	operation and state
 * @execute:	the operation
 * @before:	drawing of the arena before
 * @err:	result of the operation
 * @after:	drawing of the arena afterwards; NULL: as before
 */
struct cell {
	const char *name;
	long (*execute)(struct kunit *test);
	const char *before;
	int err;
	const char *after;
};

static const struct cell cells[] = {
	{ "alloc of free", op_alloc, "g....g", 0, "gAAAAg" },
	{ "alloc of populated", op_alloc, "gAAAAg", -ENOSPC },
	{ "alloc of allocated", op_alloc, "gaaaag", -ENOSPC },
	{ "alloc of reserved", op_alloc, "grrrrg", -ENOSPC },
	{ "alloc of guard", op_alloc, "gggggg", -ENOSPC },
	{ "alloc of mixed", op_alloc, "...A..", -ENOSPC },

	{ "alloc LAZY of free", op_alloc_lazy, "g....g", 0, "gaaaag" },
	{ "alloc LAZY of populated", op_alloc_lazy, "gAAAAg", -ENOSPC },
	{ "alloc LAZY of allocated", op_alloc_lazy, "gaaaag", -ENOSPC },
	{ "alloc LAZY of reserved", op_alloc_lazy, "grrrrg", -ENOSPC },
	{ "alloc LAZY of guard", op_alloc_lazy, "gggggg", -ENOSPC },
	{ "alloc LAZY of mixed", op_alloc_lazy, ".r.g.r", -ENOSPC },

	{ "alloc FIXED of free", op_alloc_fixed, "r....a", 0, "rAAAAa" },
	{ "alloc FIXED of populated", op_alloc_fixed, ".AAAA.", -EBUSY },
	{ "alloc FIXED of allocated", op_alloc_fixed, ".aaaa.", -EBUSY },
	{ "alloc FIXED of reserved", op_alloc_fixed, ".rrrr.", -EBUSY },
	{ "alloc FIXED of guard", op_alloc_fixed, ".gggg.", -EBUSY },
	{ "alloc FIXED of mixed, first taken", op_alloc_fixed, ".A....", -EBUSY },
	{ "alloc FIXED of mixed, last taken", op_alloc_fixed, "....r.", -EBUSY },

	{ "alloc FIXED LAZY of free", op_alloc_fixed_lazy, "r....A", 0, "raaaaA" },
	{ "alloc FIXED LAZY of populated", op_alloc_fixed_lazy, ".AAAA.", -EBUSY },
	{ "alloc FIXED LAZY of allocated", op_alloc_fixed_lazy, ".aaaa.", -EBUSY },
	{ "alloc FIXED LAZY of reserved", op_alloc_fixed_lazy, ".rrrr.", -EBUSY },
	{ "alloc FIXED LAZY of guard", op_alloc_fixed_lazy, ".gggg.", -EBUSY },
	{ "alloc FIXED LAZY of mixed", op_alloc_fixed_lazy, "..ag..", -EBUSY },

	{ "free of free", op_free, "r....r", 0 },
	{ "free of populated", op_free, "AAAAAA", 0, "A....A" },
	{ "free of allocated", op_free, "aaaaaa", 0, "a....a" },
	{ "free of reserved", op_free, "rrrrrr", 0, "r....r" },
	{ "free of guard", op_free, "gggggg", 0, "g....g" },
	{ "free of mixed", op_free, "gAa.rg", 0, "g....g" },
	{ "free of mixed with guard", op_free, "argAr.", 0, "a....." },

	{ "free STRICT of free", op_free_strict, "A....A", -ENOENT },
	{ "free STRICT of populated", op_free_strict, "AAAAAA", 0, "A....A" },
	{ "free STRICT of allocated", op_free_strict, "aaaaaa", 0, "a....a" },
	{ "free STRICT of reserved", op_free_strict, "ArrrrA", -ENOENT },
	{ "free STRICT of guard", op_free_strict, "AggggA", -ENOENT },
	{ "free STRICT of both kinds allocated", op_free_strict, ".AaaA.", 0, "......" },
	{ "free STRICT of mixed", op_free_strict, "AAA.AA", -ENOENT },

	{ "reserve of free", op_reserve, "A....g", 0, "Arrrrg" },
	{ "reserve of populated", op_reserve, ".AAAA.", -EBUSY },
	{ "reserve of allocated", op_reserve, ".aaaa.", -EBUSY },
	{ "reserve of reserved", op_reserve, ".rrrr.", -EBUSY },
	{ "reserve of guard", op_reserve, ".gggg.", -EBUSY },
	{ "reserve of mixed", op_reserve, "....r.", -EBUSY },

	{ "reserve GUARD of free", op_guard, "A....r", 0, "Aggggr" },
	{ "reserve GUARD of populated", op_guard, ".AAAA.", -EBUSY },
	{ "reserve GUARD of allocated", op_guard, ".aaaa.", -EBUSY },
	{ "reserve GUARD of reserved", op_guard, ".rrrr.", -EBUSY },
	{ "reserve GUARD of guard", op_guard, ".gggg.", -EBUSY },
	{ "reserve GUARD of mixed", op_guard, ".A....", -EBUSY },

	{ "commit of free", op_commit, "r....r", -EBUSY },
	{ "commit of populated", op_commit, "rAAAAr", -EBUSY },
	{ "commit of allocated", op_commit, "raaaar", -EBUSY },
	{ "commit of reserved", op_commit, "rrrrrr", 0, "rAAAAr" },
	{ "commit of guard", op_commit, "rggggr", -EBUSY },
	{ "commit of mixed", op_commit, "rrr.rr", -EBUSY },

	{ "commit LAZY of free", op_commit_lazy, "r....r", -EBUSY },
	{ "commit LAZY of populated", op_commit_lazy, "rAAAAr", -EBUSY },
	{ "commit LAZY of allocated", op_commit_lazy, "raaaar", -EBUSY },
	{ "commit LAZY of reserved", op_commit_lazy, "rrrrrr", 0, "raaaar" },
	{ "commit LAZY of guard", op_commit_lazy, "rggggr", -EBUSY },
	{ "commit LAZY of mixed", op_commit_lazy, "rrrArr", -EBUSY },

	{ "decommit of free", op_decommit, "A....A", -EBUSY },
	{ "decommit of populated", op_decommit, "AAAAAA", 0, "ArrrrA" },
	{ "decommit of allocated", op_decommit, "aaaaaa", 0, "arrrra" },
	{ "decommit of reserved", op_decommit, ".rrrr.", 0 },
	{ "decommit of guard", op_decommit, "AggggA", -EBUSY },
	{ "decommit of allocated and reserved", op_decommit, "gArarg", 0, "grrrrg" },
	{ "decommit of mixed with free", op_decommit, "AAA.AA", -EBUSY },
	{ "decommit of mixed with guard", op_decommit, "AArgAA", -EBUSY },
};

static void cell_name(const struct cell *cell, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", cell->name);
}

KUNIT_ARRAY_PARAM(cell, cells, cell_name);

static void cell_should_be_as_in_the_table(struct kunit *test)
{
	const struct cell *cell = test->param_value;

	at_draw(test, cell->before);
	KUNIT_EXPECT_EQ(test, cell->execute(test), cell->err);
	at_expect(test, cell->after ?: cell->before);
}

/* Several steps */

static void memory_should_come_zeroed_again(struct kunit *test)
{
	struct page *page;

	at_draw(test, ".A.");
	memset(page_address(at_page(test, 1)), 0xa5, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, at_decommit(test, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, at_commit(test, 0, 1, 1), 0);
	page = at_page(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0, PAGE_SIZE));
}

static void a_pinned_page_should_outlive_free(struct kunit *test)
{
	struct page *page;

	at_draw(test, ".A.");
	page = at_page(test, 1);
	get_page(page);
	memset(page_address(page), 0xa5, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, FIXED, 1, 1), 0);

	KUNIT_EXPECT_PTR_NE(test, page, at_page(test, 1));
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
	KUNIT_EXPECT_PTR_EQ(test, page->mapping, (struct address_space *)NULL);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0xa5, PAGE_SIZE));
	put_page(page);
}

static void operations_should_cut_ranges_anywhere(struct kunit *test)
{
	at_draw(test, "AAAAAAAAAAAA");
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 2, 2), 0);
	KUNIT_EXPECT_EQ(test, at_decommit(test, 6, 3), 0);
	KUNIT_EXPECT_EQ(test, at_commit(test, LAZY, 7, 1), 0);
	KUNIT_EXPECT_EQ(test, at_reserve(test, KARENA_RESERVE_F_GUARD, 3, 1), 0);
	at_expect(test, "AA.gAArarAAA");
}

/* Takes more than one step to remove memory. */
static void free_should_go_through_long_ranges(struct kunit *test)
{
	at_make(test, 3000);
	KUNIT_ASSERT_EQ(test, at_alloc_pages(test, 0, 0, 2500), 0);
	KUNIT_EXPECT_EQ(test, at_decommit(test, 1, 1998), 0);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_reserved, 1998ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated, 502ULL);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 0, 3000), 0);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_allocated, 0ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated, 0ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated_peak, 2500ULL);
}

/* Places of allocations */

static u64 alloc_at(struct kunit *test, unsigned long hint, unsigned long nr,
		    unsigned long align_pages)
{
	struct karena_arena_alloc args = {
		.flags = LAZY,
		.offset = hint * PAGE_SIZE,
		.nr_pages = nr,
		.align = align_pages * PAGE_SIZE,
		.node = KARENA_NODE_ANY,
	};

	KUNIT_EXPECT_EQ(test, at_alloc(test, &args), 0);
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(args.out_offset));
	return args.out_offset / PAGE_SIZE;
}

static void alloc_should_take_the_lowest_gap(struct kunit *test)
{
	at_draw(test, "r.r..r....");
	KUNIT_EXPECT_EQ(test, alloc_at(test, 0, 2, 0), 3ULL);
	at_expect(test, "r.raar....");
}

static void alloc_should_begin_at_the_hint(struct kunit *test)
{
	at_draw(test, "..r.......");
	KUNIT_EXPECT_EQ(test, alloc_at(test, 5, 2, 0), 5ULL);
	KUNIT_EXPECT_EQ(test, alloc_at(test, 9, 2, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, alloc_at(test, 10, 1, 0), 3ULL);
	at_expect(test, "aara.aa...");
}

static void alloc_should_keep_to_the_alignment(struct kunit *test)
{
	at_draw(test, "r.........");
	KUNIT_EXPECT_EQ(test, alloc_at(test, 0, 2, 4), 4ULL);
	KUNIT_EXPECT_EQ(test, alloc_at(test, 0, 1, 8), 8ULL);
	at_expect(test, "r...aa..a.");
}

static void alloc_should_take_a_whole_arena(struct kunit *test)
{
	at_draw(test, "......");
	KUNIT_EXPECT_EQ(test, alloc_at(test, 3, 6, 0), 0ULL);
	at_expect(test, "aaaaaa");
}

static struct kunit_case arena_cases[] = {
	KUNIT_CASE_PARAM(cell_should_be_as_in_the_table, cell_gen_params),
	KUNIT_CASE(memory_should_come_zeroed_again),
	KUNIT_CASE(a_pinned_page_should_outlive_free),
	KUNIT_CASE(operations_should_cut_ranges_anywhere),
	KUNIT_CASE(free_should_go_through_long_ranges),
	KUNIT_CASE(alloc_should_take_the_lowest_gap),
	KUNIT_CASE(alloc_should_begin_at_the_hint),
	KUNIT_CASE(alloc_should_keep_to_the_alignment),
	KUNIT_CASE(alloc_should_take_a_whole_arena),
	{}
};

static struct kunit_suite arena_suite = {
	.name = "karena_arena",
	.init = at_init,
	.exit = at_exit,
	.test_cases = arena_cases,
};

kunit_test_suite(arena_suite);
