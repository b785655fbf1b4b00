// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls for other modules: their arguments and results. arena_kunit.c tests what the
 * operations do.
 */
#include <linux/fdtable.h>
#include <linux/file.h>

#include "arena_fixture.h"

#define PAGES		8

static long new_fd(struct kunit *test)
{
	struct karena_arena_create args = {
		.size = sizeof(args),
		.length = PAGES * PAGE_SIZE,
		.node = KARENA_NODE_ANY,
		.name = "kernel",
	};

	return at_execute(test, NULL, KARENA_IOC_ARENA_CREATE, &args, NULL);
}

/* Closes the fd at once, so that only kernel code has a reference. */
static int kapi_init(struct kunit *test)
{
	struct karena_arena *arena;
	long fd = new_fd(test);

	KUNIT_ASSERT_GE(test, fd, 0L);
	arena = karena_arena_get(fd, KARENA_RIGHT_ALLOC | KARENA_RIGHT_FREE);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(arena));
	test->priv = arena;
	return 0;
}

static void kapi_exit(struct kunit *test)
{
	if (test->priv)
		karena_arena_put(test->priv);
	flush_delayed_fput();
}

static void get_should_tell_why_it_fails(struct kunit *test)
{
	long fd = new_fd(test);

	KUNIT_ASSERT_GE(test, fd, 0L);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_get(-1, 0)), (long)-EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_get(fd, KARENA_RIGHT_PRODUCE)),
			(long)-EPERM);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_get(fd, 0)), (long)-EBADF);
}

static void alloc_should_return_the_offset(struct kunit *test)
{
	struct karena_arena *arena = test->priv;

	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 0, 3, 0, KARENA_NODE_ANY, 0), 0LL);
	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 0, 1, 4 * PAGE_SIZE, KARENA_NODE_ANY,
						 KARENA_ALLOC_F_LAZY), 4LL * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 0, 1, 0, KARENA_NODE_ANY,
						 KARENA_ALLOC_F_FIXED), (s64)-EBUSY);
	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 0, 4, 0, KARENA_NODE_ANY, 0),
			(s64)-ENOSPC);
	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 1, 1, 0, KARENA_NODE_ANY, 0),
			(s64)-EINVAL);
	KUNIT_EXPECT_EQ(test, karena_arena_alloc(arena, 0, 1, 0, KARENA_NODE_ANY, ~0),
			(s64)-EINVAL);
}

static void free_should_tell_how_far_it_came(struct kunit *test)
{
	struct karena_arena *arena = test->priv;
	u64 done = ~0ull;

	KUNIT_ASSERT_EQ(test, karena_arena_alloc(arena, 0, 3, 0, KARENA_NODE_ANY, 0), 0LL);
	KUNIT_EXPECT_EQ(test, karena_arena_free(arena, 0, 5, KARENA_FREE_F_STRICT, &done),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, done, 0ull);
	KUNIT_EXPECT_EQ(test, karena_arena_free(arena, 0, 5, 0, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 5ull);
	KUNIT_EXPECT_EQ(test, karena_arena_free(arena, 0, PAGES + 1, 0, &done), -EINVAL);
	KUNIT_EXPECT_EQ(test, done, 0ull);
	KUNIT_EXPECT_EQ(test, karena_arena_free(arena, 0, PAGES, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ranges_count(&arena->ranges, KARENA_PAGE_ALLOCATED), 0ul);
}

static void reserve_commit_and_decommit_should_work(struct kunit *test)
{
	struct karena_arena *arena = test->priv;
	u64 done = ~0ull;

	KUNIT_EXPECT_EQ(test, karena_arena_reserve(arena, PAGE_SIZE, 3, 0), 0);
	KUNIT_EXPECT_EQ(test, karena_arena_reserve(arena, PAGE_SIZE, 1, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, karena_arena_reserve(arena, 5 * PAGE_SIZE, 1,
						   KARENA_RESERVE_F_GUARD), 0);
	KUNIT_EXPECT_EQ(test, karena_arena_commit(arena, PAGE_SIZE, 2, KARENA_NODE_ANY, 0), 0);
	KUNIT_EXPECT_EQ(test, karena_arena_commit(arena, PAGE_SIZE, 2, KARENA_NODE_ANY, 0),
			-EBUSY);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&arena->nr_populated), 2L);
	KUNIT_EXPECT_EQ(test, karena_arena_decommit(arena, 0, 2, &done), -EBUSY);
	KUNIT_EXPECT_EQ(test, done, 0ull);
	KUNIT_EXPECT_EQ(test, karena_arena_decommit(arena, PAGE_SIZE, 3, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 3ull);
	KUNIT_EXPECT_EQ(test, karena_arena_decommit(arena, PAGE_SIZE, 3, NULL), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&arena->nr_populated), 0L);
}

static void map_should_show_the_pages(struct kunit *test)
{
	struct karena_arena *arena = test->priv;
	char *one, *other;

	KUNIT_ASSERT_EQ(test, karena_arena_alloc(arena, 0, 3, 0, KARENA_NODE_ANY,
						 KARENA_ALLOC_F_LAZY), 0LL);
	one = karena_arena_map(arena, 0, 3);
	KUNIT_ASSERT_FALSE(test, IS_ERR(one));
	other = karena_arena_map(arena, PAGE_SIZE, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_NULL(test, memchr_inv(one, 0, 3 * PAGE_SIZE));
	one[PAGE_SIZE] = 'x';
	KUNIT_EXPECT_EQ(test, *other, 'x');

	/* Once freed, the page belongs to the mappings alone; the next one there differs. */
	KUNIT_EXPECT_EQ(test, karena_arena_free(arena, 0, 3, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, *other, 'x');
	karena_arena_unmap(other);
	KUNIT_ASSERT_EQ(test, karena_arena_alloc(arena, 0, 3, 0, KARENA_NODE_ANY, 0), 0LL);
	other = karena_arena_map(arena, PAGE_SIZE, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, *other, 0);
	KUNIT_EXPECT_EQ(test, one[PAGE_SIZE], 'x');
	karena_arena_unmap(other);
	karena_arena_unmap(one);
}

static void map_should_want_allocated_pages(struct kunit *test)
{
	struct karena_arena *arena = test->priv;

	KUNIT_ASSERT_EQ(test, karena_arena_alloc(arena, 0, 2, 0, KARENA_NODE_ANY, 0), 0LL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_map(arena, 0, 3)), (long)-ENOENT);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_map(arena, 0, 0)), (long)-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_map(arena, 1, 1)), (long)-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_arena_map(arena, 0, PAGES + 1)), (long)-EINVAL);
}

static struct kunit_case kapi_cases[] = {
	KUNIT_CASE(get_should_tell_why_it_fails),
	KUNIT_CASE(alloc_should_return_the_offset),
	KUNIT_CASE(free_should_tell_how_far_it_came),
	KUNIT_CASE(reserve_commit_and_decommit_should_work),
	KUNIT_CASE(map_should_show_the_pages),
	KUNIT_CASE(map_should_want_allocated_pages),
	{}
};

static struct kunit_suite kapi_suite = {
	.name = "karena_kapi",
	.init = kapi_init,
	.exit = kapi_exit,
	.test_cases = kapi_cases,
};

kunit_test_suite(kapi_suite);
