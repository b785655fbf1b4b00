// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that are locked from the start are populated by mmap(): in full, or not at all
 * where there is not the memory for it.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/stat.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#define CEILING		"/sys/module/karena/parameters/user_max_bytes"
#define USER		54321
#define SPARSE_PAGES	(1ull << 28)

/* Runs @run in a child that has locked its memory, and what it is going to map. */
static int locked_as(uid_t uid, int how, void (*run)(void))
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t pid = fork_child();

	if (!pid) {
		must(setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0);
		must(setresuid(uid, uid, uid) == 0);
		must(mlockall(how) == 0);
		run();
		_exit(0);
	}
	return reap(pid);
}

/* What mmap() of the first pages of an arena comes to: 0 or -errno. */
static int try_map(int fd, uint64_t nr_pages, int flags)
{
	void *map = mmap(NULL, nr_pages * page_size, RDWR, MAP_SHARED | flags, fd, 0);

	return map == MAP_FAILED ? -errno : 0;
}

static void refuse_more_than_there_is(void)
{
	int fd = arena_new(0, SPARSE_PAGES);

	must(try_map(fd, SPARSE_PAGES, 0) == -ENOMEM);
	must(arena_stat(fd).out_populated == 0);
	must(arena_stat(fd).out_allocated == 0);
	/* What is there already is not to be populated again. */
	arena_take(fd, 0, 0, 64);
	must(try_map(fd, 64, 0) == 0);
	must(try_map(fd, SPARSE_PAGES, 0) == -ENOMEM);
	must(arena_stat(fd).out_populated == 64);
}

TEST(a_locked_mapping_of_more_than_there_is_fails_before_the_first_page)
{
	EXPECT_EQ(0, locked_as(0, MCL_CURRENT | MCL_FUTURE, refuse_more_than_there_is));
	EXPECT_EQ(0, locked_as(0, MCL_FUTURE | MCL_ONFAULT, refuse_more_than_there_is));
}

static void populate_what_fits(void)
{
	int fd = arena_new(0, 64);

	must(try_map(fd, 64, 0) == 0);
	must(arena_stat(fd).out_populated == 64);
}

TEST(a_locked_mapping_that_fits_is_populated)
{
	EXPECT_EQ(0, locked_as(0, MCL_CURRENT | MCL_FUTURE, populate_what_fits));
	EXPECT_EQ(0, locked_as(0, MCL_FUTURE | MCL_ONFAULT, populate_what_fits));
}

static void map_what_stops_early(void)
{
	int fd = arena_new(KARENA_ARENA_F_SEGV_ON_FAULT, SPARSE_PAGES);

	must(try_map(fd, SPARSE_PAGES, 0) == 0);
	must(arena_stat(fd).out_populated == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 8);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 9, SPARSE_PAGES - 9);
	must(try_map(fd, SPARSE_PAGES, 0) == 0);
	must(arena_stat(fd).out_populated == 8);
	/* Without the hole it would go on. */
	arena_take(fd, KARENA_ALLOC_F_LAZY, 8, 1);
	must(try_map(fd, SPARSE_PAGES, 0) == -ENOMEM);

	fd = arena_new(0, SPARSE_PAGES);
	must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, 5, 1) == 0);
	must(try_map(fd, SPARSE_PAGES, 0) == 0);
	must(arena_stat(fd).out_populated == 5);
}

TEST(a_locked_mapping_is_populated_up_to_the_first_page_that_cannot_be_touched)
{
	EXPECT_EQ(0, locked_as(0, MCL_FUTURE | MCL_ONFAULT, map_what_stops_early));
}

static void map_inaccessible(void)
{
	int fd = arena_new(0, SPARSE_PAGES);

	must(mmap(NULL, SPARSE_PAGES * page_size, PROT_NONE, MAP_SHARED, fd, 0) != MAP_FAILED);
	must(arena_stat(fd).out_populated == 0);
}

TEST(a_locked_mapping_without_access_is_not_populated)
{
	EXPECT_EQ(0, locked_as(0, MCL_FUTURE, map_inaccessible));
}

TEST(map_locked_is_a_locked_mapping_and_no_other_is)
{
	int fd = arena_new(0, SPARSE_PAGES);

	EXPECT_EQ(-ENOMEM, try_map(fd, SPARSE_PAGES, MAP_LOCKED));
	EXPECT_EQ(0, try_map(fd, SPARSE_PAGES, 0));
	EXPECT_EQ(0, arena_stat(fd).out_populated);
	close(fd);
}

static void meet_the_limit(void)
{
	int fd = arena_new(0, 1024);

	must(try_map(fd, 300, 0) == -ENOMEM);
	must(arena_stat(fd).out_populated == 0);
	must(try_map(fd, 200, 0) == 0);
	must(arena_stat(fd).out_populated == 200);
	must(try_map(fd, 200, 0) == 0);
	must(try_map(fd, 300, 0) == -ENOMEM);
	/* The address of such an arena is still to be chosen. */
	fd = arena_new(KARENA_ARENA_F_FIXED_ADDR, 1024);
	must(try_map(fd, 1024, 0) == -ENOMEM);
	must(arena_stat(fd).out_address == 0);
}

TEST(a_locked_mapping_beyond_the_users_limit_fails)
{
	char was[32] = "", text[32];

	ASSERT_LT(0, read_file(CEILING, was, sizeof(was)));
	snprintf(text, sizeof(text), "%zu", 256 * page_size);
	ASSERT_EQ(0, write_file(CEILING, text));
	ASSERT_EQ(0, chmod(KARENA_DEVICE, 0666));
	EXPECT_EQ(0, locked_as(USER, MCL_CURRENT | MCL_FUTURE, meet_the_limit));
	EXPECT_EQ(0, chmod(KARENA_DEVICE, 0660));
	EXPECT_EQ(0, write_file(CEILING, was));
}

TEST_HARNESS_MAIN
