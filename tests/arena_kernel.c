// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver outside karena that shares an arena with a program, by the calls for
 * kernel code: the module of examples/driver, loaded, used and unloaded.
 */
#define _GNU_SOURCE
#include "../examples/driver/tickpage.h"
#include "loader_util.h"
#include "kselftest_harness.h"

#define DRIVER		"tickpage"
#define PAGES		64

FIXTURE(driver) {
	int fd;
	int arena;
};

FIXTURE_SETUP(driver)
{
	ASSERT_EQ(0, module_load(DRIVER, ""));
	self->fd = open(TICKPAGE_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->arena = arena_new(KARENA_ARENA_F_SEGV_ON_FAULT, PAGES);
}

FIXTURE_TEARDOWN(driver)
{
	close(self->arena);
	close(self->fd);
	if (!access(TICKPAGE_DEVICE, F_OK))
		EXPECT_EQ(0, module_unload(DRIVER));
	EXPECT_NE(0, access(TICKPAGE_DEVICE, F_OK));
}

/* Byte offset of the driver's page in the arena, or -errno. */
static long attach(int fd, int arena)
{
	long ret = ioctl(fd, TICKPAGE_IOC_ATTACH, arena);

	return ret < 0 ? -errno : ret;
}

static __u64 ticks_of(const struct tickpage *page)
{
	return __atomic_load_n(&page->ticks, __ATOMIC_ACQUIRE);
}

/* Until the driver ticked again; false if it does not. */
static bool ticks_on(const struct tickpage *page)
{
	__u64 before = ticks_of(page);
	int64_t end = now_ms() + HUNG_MS;

	while (ticks_of(page) == before) {
		if (now_ms() > end)
			return false;
		pause_ms(1);
	}
	return true;
}

TEST_F(driver, shares_a_page_with_a_program)
{
	const struct tickpage *page;
	struct timespec now;
	uint64_t ticked;
	long offset;
	char *map;

	must(arena_reserve(self->arena, 0, 0, 3) == 0);
	offset = attach(self->fd, self->arena);
	ASSERT_EQ(3 * page_size, offset);
	map = arena_map(self->arena, RDWR, 0, PAGES);
	page = (const struct tickpage *)(map + offset);
	EXPECT_TRUE(ticks_on(page));
	EXPECT_TRUE(ticks_on(page));
	ticked = __atomic_load_n(&page->now, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_MONOTONIC, &now);
	EXPECT_LT(0, ticked);
	EXPECT_GE(now.tv_sec * 1000000000ull + now.tv_nsec, ticked);

	/* What a program writes there does not change what the driver goes by. */
	((struct tickpage *)(map + offset))->ticks = 1ull << 63;
	EXPECT_TRUE(ticks_on(page));
	EXPECT_GT(1ull << 63, ticks_of(page));

	EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(self->arena, 3));
	EXPECT_EQ(1, arena_range(self->arena, 3).nr_pinned);
	EXPECT_EQ(-EBUSY, attach(self->fd, self->arena));
}

TEST_F(driver, is_refused_what_the_program_may_not_do)
{
	int less = reopen_with(self->arena, KARENA_RIGHT_MAP | KARENA_RIGHT_FREE);
	int ring = ring_on(device_open(), page_size, 0);

	ASSERT_LE(0, less);
	ASSERT_LE(0, ring);
	EXPECT_EQ(-EPERM, attach(self->fd, less));
	EXPECT_EQ(-ENOTTY, attach(self->fd, ring));
	EXPECT_EQ(-ENOTTY, attach(self->fd, self->fd));
	EXPECT_EQ(-EBADF, attach(self->fd, -1));
	must(arena_reserve(self->arena, 0, 0, PAGES) == 0);
	EXPECT_EQ(-ENOSPC, attach(self->fd, self->arena));
	EXPECT_EQ(PAGES, arena_stat(self->arena).out_reserved);

	/* Once there is room it gets its page. */
	must(arena_free(self->arena, 7, 1) == 0);
	EXPECT_EQ(7 * page_size, attach(self->fd, self->arena));
}

/* A page that the kernel has mapped is pinned: freed, it leaves the arena at once. */
TEST_F(driver, keeps_a_page_that_is_freed_to_itself)
{
	struct tickpage *page;
	long offset;
	char *map;

	offset = attach(self->fd, self->arena);
	ASSERT_EQ(0, offset);
	map = arena_map(self->arena, RDWR, 0, PAGES);
	page = (struct tickpage *)map;
	ASSERT_TRUE(ticks_on(page));
	EXPECT_EQ(0, arena_free(self->arena, 0, 1));
	EXPECT_EQ(SIGSEGV, touch_read(map).sig);
	arena_take(self->arena, 0, 0, 1);
	EXPECT_TRUE(page_is(map, 0));
	pause_ms(20);
	EXPECT_TRUE(page_is(map, 0));
	EXPECT_EQ(0, arena_range(self->arena, 0).nr_pinned);
}

TEST_F(driver, outlives_the_program_s_hold_on_the_arena)
{
	struct tickpage *page;

	ASSERT_EQ(0, attach(self->fd, self->arena));
	page = (struct tickpage *)arena_map(self->arena, PROT_READ, 0, 1);
	EXPECT_EQ(0, close(self->arena));
	EXPECT_TRUE(ticks_on(page));
	EXPECT_EQ(0, munmap(page, page_size));
	pause_ms(20);
	/* The arena's last user is the driver now. */
	EXPECT_EQ(0, close(self->fd));
	self->arena = -1;
	self->fd = -1;
}

TEST_F(driver, and_karena_go_in_their_order)
{
	ASSERT_EQ(0, attach(self->fd, self->arena));
	EXPECT_EQ(EWOULDBLOCK, unload());
	EXPECT_EQ(EWOULDBLOCK, module_unload(DRIVER));
	close(self->fd);
	close(self->arena);
	self->fd = -1;
	self->arena = -1;
	/* It uses karena's symbols as long as it is loaded. */
	EXPECT_EQ(EWOULDBLOCK, unload());
	ASSERT_EQ(0, module_unload(DRIVER));
	ASSERT_EQ(0, unload_soon());
	EXPECT_FALSE(left_behind());
	ASSERT_EQ(0, load(""));
}

TEST_HARNESS_MAIN
