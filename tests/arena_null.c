// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page 0 of an arena whose offset 0 can stand for none.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#define NR	8

FIXTURE(null) {
	int fd;
};

FIXTURE_SETUP(null)
{
	self->fd = arena_new(KARENA_ARENA_F_NULL_PAGE, NR);
}

FIXTURE_TEARDOWN(null)
{
	close(self->fd);
}

TEST(without_the_flag_page_0_is_as_any)
{
	int fd = arena_new(0, NR);

	EXPECT_EQ(0, arena_alloc(fd, 0, 0, 1));
	close(fd);
}

TEST_F(null, alloc_leaves_page_0_alone)
{
	EXPECT_EQ(KARENA_ARENA_F_NULL_PAGE, arena_stat(self->fd).out_flags);
	EXPECT_EQ(-ENOSPC, arena_alloc(self->fd, 0, 0, NR));
	EXPECT_EQ(1, arena_alloc(self->fd, 0, 0, 1));
	EXPECT_EQ(6, arena_alloc(self->fd, 0, 6, 2));
	/* Nothing is free behind the hint. */
	EXPECT_EQ(2, arena_alloc(self->fd, 0, 7, 1));
	EXPECT_EQ(3, arena_alloc(self->fd, 0, 0, 3));
	EXPECT_EQ(-ENOSPC, arena_alloc(self->fd, 0, 0, 1));
	EXPECT_EQ(NR - 1, arena_stat(self->fd).out_allocated);
}

TEST_F(null, page_0_is_allocated_by_fixed_and_by_touching_and_freed_as_any)
{
	char *at = mmap(NULL, NR * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(0, arena_alloc(self->fd, KARENA_ALLOC_F_FIXED, 0, 1));
	EXPECT_EQ(0, arena_free(self->fd, 0, 1));
	EXPECT_EQ(0, arena_stat(self->fd).out_allocated);
	at[0] = 1;
	EXPECT_EQ(1, arena_stat(self->fd).out_allocated);
	EXPECT_EQ(0, arena_free(self->fd, 0, 1));
	EXPECT_EQ(1, arena_alloc(self->fd, 0, 0, 1));
	munmap(at, NR * page_size);
}

TEST_HARNESS_MAIN
