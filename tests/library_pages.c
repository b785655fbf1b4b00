// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: the pages of an arena. Each call, what it returns, and what it leaves
 * alone when it fails.
 */
#define _GNU_SOURCE
#include "library_arena.h"

TEST_F(library, alloc_gives_pages)
{
	struct karena_alloc_opts opts = {
		.size = sizeof(opts),
		.offset = 64 * self->page,
		.flags = KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY,
	};

	ASSERT_EQ(0, karena_arena_alloc(self->arena, 3, NULL, &self->offset));
	EXPECT_EQ(0, self->offset % self->page);
	EXPECT_EQ(3, arena_stat_of(self->arena).out_populated);
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 2, &opts, &self->offset));
	EXPECT_EQ(64 * self->page, self->offset);
	EXPECT_EQ(5, arena_stat_of(self->arena).out_allocated);
	EXPECT_EQ(3, arena_stat_of(self->arena).out_populated);
	opts.flags = 0;
	opts.align = 32 * self->page;
	opts.node = 0;
	opts.on_node = true;
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 1, &opts, &self->offset));
	EXPECT_EQ(0, self->offset % (32 * self->page));
}

TEST_F(library, alloc_tells_why_it_fails)
{
	struct karena_alloc_opts opts = {
		.size = sizeof(opts),
		.offset = 5 * self->page,
		.flags = KARENA_ALLOC_F_FIXED,
	};
	uint64_t offset = UNTOUCHED;

	ASSERT_EQ(0, karena_arena_reserve(self->arena, 5 * self->page, 1));
	EXPECT_EQ(-EBUSY, karena_arena_alloc(self->arena, 1, &opts, &offset));
	EXPECT_EQ(-ENOSPC, karena_arena_alloc(self->arena, NR_PAGES, NULL, &offset));
	EXPECT_EQ(-EINVAL, karena_arena_alloc(self->arena, 0, NULL, &offset));
	opts.flags = 0;
	opts.align = 3 * self->page;
	EXPECT_EQ(-EINVAL, karena_arena_alloc(self->arena, 1, &opts, &offset));
	opts.align = 0;
	opts.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, karena_arena_alloc(self->arena, 1, &opts, &offset));
	EXPECT_EQ(UNTOUCHED, offset);
}

/* The whole of memory is more than a user may have. */
static int alloc_too_much(void *context)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *device = context;
	struct karena_arena *arena;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), offset;
	int ret;

	ret = karena_query(device, &query);
	if (ret < 0 || query.out_user_left_bytes == UINT64_MAX)
		return -EPROTO;
	ret = karena_arena_create(device, query.out_user_limit_bytes / page * 2 * page, NULL,
				  &arena);
	if (ret < 0)
		return ret;
	return karena_arena_alloc(arena, query.out_user_left_bytes / page + 1, NULL, &offset);
}

TEST_F(library, alloc_beyond_the_users_limit)
{
	EXPECT_EQ(-EDQUOT, as_nobody(alloc_too_much, self->device));
}

TEST_F(library, free_makes_pages_free)
{
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 4, NULL, &self->offset));
	EXPECT_EQ(0, karena_arena_free(self->arena, self->offset, 0, 0));
	EXPECT_EQ(0, karena_arena_free(self->arena, self->offset, 2, 0));
	EXPECT_EQ(2, arena_stat_of(self->arena).out_allocated);
	EXPECT_EQ(2, arena_stat_of(self->arena).out_populated);
	EXPECT_EQ(-ENOENT, karena_arena_free(self->arena, self->offset, 4, KARENA_FREE_F_STRICT));
	EXPECT_EQ(2, arena_stat_of(self->arena).out_allocated);
	EXPECT_EQ(0, karena_arena_free(self->arena, 0, NR_PAGES, 0));
	EXPECT_EQ(0, arena_stat_of(self->arena).out_allocated);
	EXPECT_EQ(-EINVAL, karena_arena_free(self->arena, 1, 1, 0));
	EXPECT_EQ(-EINVAL, karena_arena_free(self->arena, 0, NR_PAGES + 1, 0));
	EXPECT_EQ(-EINVAL, karena_arena_free(self->arena, 0, 1, 1u << 31));
}

TEST_F(library, reserve_and_guard_take_free_pages)
{
	EXPECT_EQ(0, karena_arena_reserve(self->arena, 0, 0));
	EXPECT_EQ(0, karena_arena_reserve(self->arena, 0, 3));
	EXPECT_EQ(-EBUSY, karena_arena_guard(self->arena, 2 * self->page, 2));
	EXPECT_EQ(0, karena_arena_guard(self->arena, 3 * self->page, 2));
	EXPECT_EQ(-EBUSY, karena_arena_reserve(self->arena, 4 * self->page, 1));
	EXPECT_EQ(-EINVAL, karena_arena_reserve(self->arena, 1, 1));
	EXPECT_EQ(-EINVAL, karena_arena_guard(self->arena, NR_PAGES * self->page, 1));
	EXPECT_EQ(3, arena_stat_of(self->arena).out_reserved);
	EXPECT_EQ(2, arena_stat_of(self->arena).out_guard);
}

TEST_F(library, commit_and_decommit_are_each_others_inverse)
{
	struct karena_commit_opts lazy = { .size = sizeof(lazy), .flags = KARENA_COMMIT_F_LAZY };

	ASSERT_EQ(0, karena_arena_reserve(self->arena, 0, 8));
	EXPECT_EQ(0, karena_arena_commit(self->arena, 0, 4, NULL));
	EXPECT_EQ(4, arena_stat_of(self->arena).out_populated);
	EXPECT_EQ(-EBUSY, karena_arena_commit(self->arena, 3 * self->page, 2, NULL));
	EXPECT_EQ(0, karena_arena_commit(self->arena, 4 * self->page, 4, &lazy));
	EXPECT_EQ(8, arena_stat_of(self->arena).out_allocated);
	EXPECT_EQ(4, arena_stat_of(self->arena).out_populated);
	EXPECT_EQ(0, karena_arena_decommit(self->arena, 0, 8));
	EXPECT_EQ(8, arena_stat_of(self->arena).out_reserved);
	EXPECT_EQ(0, arena_stat_of(self->arena).out_populated);
	EXPECT_EQ(-EBUSY, karena_arena_decommit(self->arena, 7 * self->page, 2));
	EXPECT_EQ(-EINVAL, karena_arena_decommit(self->arena, 1, 1));
	lazy.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, karena_arena_commit(self->arena, 0, 1, &lazy));
	EXPECT_EQ(0, karena_arena_commit(self->arena, 0, 0, NULL));
	EXPECT_EQ(0, karena_arena_decommit(self->arena, 0, 0));
}

TEST_F(library, stat_wants_its_size)
{
	struct karena_arena_stat stat = { .size = 8 };

	EXPECT_EQ(-EINVAL, karena_arena_stat(self->arena, &stat));
}

TEST_F(library, walk_of_nothing_ends_at_once)
{
	struct karena_arena_range range = { .offset = 77 };
	struct karena_walk *walk;

	ASSERT_EQ(0, karena_walk_new(self->arena, 0, &walk));
	EXPECT_EQ(0, karena_walk_next(walk, &range));
	EXPECT_EQ(0, karena_walk_next(walk, &range));
	EXPECT_EQ(77, range.offset);
	karena_walk_free(walk);
}

/* More ranges than one call of the kernel gives. */
TEST_F(library, walk_gives_every_range_once)
{
	struct karena_arena_range range;
	struct karena_walk *walk;

	for (uint64_t i = 0; i < NR_PAGES; i += 2)
		ASSERT_EQ(0, karena_arena_reserve(self->arena, i * self->page, 1));
	ASSERT_EQ(0, karena_walk_new(self->arena, 10 * self->page, &walk));
	for (uint64_t i = 10; i < NR_PAGES; i += 2) {
		ASSERT_EQ(1, karena_walk_next(walk, &range));
		EXPECT_EQ(i * self->page, range.offset);
		EXPECT_EQ(1, range.nr_pages);
		EXPECT_EQ(KARENA_PAGE_RESERVED, range.state);
	}
	EXPECT_EQ(0, karena_walk_next(walk, &range));
	karena_walk_free(walk);
}

TEST_F(library, walk_joins_neighbours_in_one_state)
{
	struct karena_alloc_opts opts = { .size = sizeof(opts), .flags = KARENA_ALLOC_F_FIXED };
	struct karena_arena_range range;
	struct karena_walk *walk;

	for (uint64_t i = 0; i < NR_PAGES / 2; i++) {
		opts.offset = i * self->page;
		opts.flags ^= KARENA_ALLOC_F_LAZY;
		ASSERT_EQ(0, karena_arena_alloc(self->arena, 1, &opts, &self->offset));
	}
	ASSERT_EQ(0, karena_arena_guard(self->arena, NR_PAGES / 2 * self->page, 1));
	ASSERT_EQ(0, karena_walk_new(self->arena, 0, &walk));
	ASSERT_EQ(1, karena_walk_next(walk, &range));
	EXPECT_EQ(0, range.offset);
	EXPECT_EQ(NR_PAGES / 2, range.nr_pages);
	EXPECT_EQ(NR_PAGES / 4, range.nr_populated);
	EXPECT_EQ(KARENA_PAGE_ALLOCATED, range.state);
	ASSERT_EQ(1, karena_walk_next(walk, &range));
	EXPECT_EQ(KARENA_PAGE_GUARD, range.state);
	EXPECT_EQ(0, karena_walk_next(walk, &range));
	karena_walk_free(walk);
}

TEST_F(library, walk_tells_why_it_fails)
{
	struct karena_arena_range range;
	struct karena_walk *walk = NULL;

	EXPECT_EQ(-EINVAL, karena_walk_new(self->arena, 1, &walk));
	EXPECT_EQ(-EINVAL, karena_walk_new(self->arena, (NR_PAGES + 1) * self->page, &walk));
	EXPECT_EQ(NULL, walk);
	ASSERT_EQ(0, karena_walk_new(self->arena, 0, &walk));
	ASSERT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHT_ALLOC));
	EXPECT_EQ(-EPERM, karena_walk_next(walk, &range));
	karena_walk_free(walk);
}

TEST_HARNESS_MAIN
