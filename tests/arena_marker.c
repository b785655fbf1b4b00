// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries that are neither empty nor of a page: markers, by which userfaultfd
 * write-protects pages that are not mapped. Kernels that let it do so in an arena's
 * mapping are rare, so karena_produce sets them.
 */
#define _GNU_SOURCE
#include "arena_util.h"
#include "kselftest_harness.h"
#include "module/karena_produce.h"
#include "module_util.h"

#define PAGES		64
#define HAS_NONE	77

struct marked {
	int fd;
	char *map;
	int module;
};

static void mark(const struct marked *at, unsigned int first, unsigned int nr, bool on)
{
	struct produce_mark args = {
		.start = (uintptr_t)at->map + first * page_size,
		.bytes = nr * page_size,
		.on = on,
	};

	if (ioctl(at->module, PRODUCE_MARK, &args)) {
		must(errno == EOPNOTSUPP);
		_exit(HAS_NONE);
	}
}

/* An arena with markers in its only mapping. */
static struct marked marked_arena(uint32_t flags, unsigned int first, unsigned int nr)
{
	struct marked at = { .fd = arena_new(flags, PAGES) };

	at.map = arena_map(at.fd, RDWR, 0, PAGES);
	at.module = open(PRODUCE_DEVICE, O_RDWR | O_CLOEXEC);
	must(at.module >= 0);
	mark(&at, first, nr, true);
	return at;
}

static void expect_touches(char *where, int sig)
{
	must(touch_write(where, 1).sig == sig);
	must(touch_read(where).sig == sig);
	must(touch_in_kernel(where, true) == (sig ? EFAULT : 0));
	must(touch_in_kernel(where, false) == (sig ? EFAULT : 0));
}

static void touch_markers(void)
{
	struct marked at = marked_arena(0, 0, PAGES);
	unsigned int i;

	must(arena_reserve(at.fd, 0, 1, 1) == 0);
	arena_take(at.fd, KARENA_ALLOC_F_LAZY, 2, 1);
	for (i = 0; i < PAGES; i++)
		expect_touches(at.map + i * page_size, SIGBUS);
	must(arena_stat(at.fd).out_faults_bus >= 4 * PAGES);
	must(arena_stat(at.fd).out_populated == 0);
	must(arena_stat(at.fd).out_allocated == 1);

	mark(&at, 0, PAGES, false);
	for (i = 0; i < PAGES; i++)
		expect_touches(at.map + i * page_size, 0);
}

static void touch_populated(void)
{
	struct marked at = marked_arena(0, 0, PAGES);
	char *other = arena_map(at.fd, RDWR, 0, PAGES);

	must(touch_write(other, 1).sig == 0);
	expect_touches(at.map, SIGBUS);
	expect_touches(other, 0);
}

static void touch_forbidden(void)
{
	struct marked at = marked_arena(0, 0, PAGES);

	must(arena_reserve(at.fd, KARENA_RESERVE_F_GUARD, 3, 1) == 0);
	expect_touches(at.map + 3 * page_size, SIGSEGV);
	at = marked_arena(KARENA_ARENA_F_SEGV_ON_FAULT, 0, PAGES);
	expect_touches(at.map + 3 * page_size, SIGSEGV);
}

/* A touch populates and maps pages around it, too. */
static void touch_neighbours(void)
{
	struct marked at = marked_arena(0, 7, 3);
	unsigned int i;

	arena_take(at.fd, KARENA_ALLOC_F_LAZY, 0, PAGES);
	for (i = 0; i < PAGES; i++)
		expect_touches(at.map + i * page_size, i >= 7 && i < 10 ? SIGBUS : 0);
	must(arena_stat(at.fd).out_populated == PAGES);
}

static void free_markers(void)
{
	struct marked at = marked_arena(0, 7, 3);

	arena_take(at.fd, 0, 0, PAGES);
	expect_touches(at.map, 0);
	must(arena_free(at.fd, 0, PAGES) == 0);
	must(arena_stat(at.fd).out_populated == 0);
	expect_touches(at.map, 0);
}

/* In a child, as a touch that goes round for ever does not come back. */
static int do_in_child(void (*act)(void))
{
	int64_t end = now_ms() + HUNG_MS;
	int status = 0;
	pid_t pid;

	must(module_load("karena_produce", "") == 0);
	pid = fork_child();
	if (!pid) {
		act();
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end)
			kill(pid, SIGKILL);
		usleep(1000);
	}
	must(module_unload("karena_produce") == 0);
	return status;
}

static bool has_no_markers(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == HAS_NONE;
}

TEST(a_touch_of_a_marker_is_sigbus_and_comes_back)
{
	int status = do_in_child(touch_markers);

	if (has_no_markers(status))
		SKIP(return, "this kernel has no markers");
	EXPECT_EQ(0, status);
}

TEST(a_page_that_is_there_is_not_shown_in_place_of_a_marker)
{
	int status = do_in_child(touch_populated);

	if (has_no_markers(status))
		SKIP(return, "this kernel has no markers");
	EXPECT_EQ(0, status);
}

TEST(a_touch_that_the_state_forbids_is_sigsegv_at_a_marker_too)
{
	int status = do_in_child(touch_forbidden);

	if (has_no_markers(status))
		SKIP(return, "this kernel has no markers");
	EXPECT_EQ(0, status);
}

TEST(markers_do_not_keep_pages_beside_them_from_being_mapped)
{
	int status = do_in_child(touch_neighbours);

	if (has_no_markers(status))
		SKIP(return, "this kernel has no markers");
	EXPECT_EQ(0, status);
}

TEST(pages_around_a_marker_can_be_freed)
{
	int status = do_in_child(free_markers);

	if (has_no_markers(status))
		SKIP(return, "this kernel has no markers");
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
