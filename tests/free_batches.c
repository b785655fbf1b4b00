// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page allocator takes pages that were freed from its list of a CPU with interrupts
 * off, and more each time, unless somebody allocates meanwhile. However many pages an
 * object gives back, few of them are taken at once. A probe of the function that takes
 * them sees how many.
 */
#define _GNU_SOURCE
#include "arena_util.h"
#include "kselftest_harness.h"
#include "ring_util.h"

#define TRACING		"/sys/kernel/tracing/"
#define EVENT		TRACING "events/kprobes/karena_batch/"
#define PROBES		TRACING "kprobe_events"
/* A step of a free gives back 512 and what is left of a leaf; so many were there before. */
#define BATCH_MAX	1100
#define PAGES		many_pages()
#define NO_PROBE	"this kernel cannot probe the page allocator: %s"

/* More than the list takes, an eighth of a node's memory at most, and a power of two. */
static uint64_t many_pages(void)
{
	uint64_t least = sysconf(_SC_PHYS_PAGES) / 8, pages = 1;

	while (pages < least)
		pages *= 2;
	return pages;
}

FIXTURE(batches) {
	char text[1 << 20];
	int err;
};

FIXTURE_SETUP(batches)
{
	char filter[64];

	self->err = write_file(PROBES, "p:karena_batch free_pcppages_bulk nr=$arg2:s32");
	if (self->err)
		return;
	snprintf(filter, sizeof(filter), "common_pid == %d", getpid());
	ASSERT_EQ(0, write_file(EVENT "filter", filter));
	ASSERT_EQ(0, write_file(TRACING "trace", "\n"));
}

FIXTURE_TEARDOWN(batches)
{
	write_file(EVENT "enable", "0");
	write_file(PROBES, "-:karena_batch");
	write_file(TRACING "trace", "\n");
}

static void begin(void)
{
	must(write_file(EVENT "enable", "1") == 0);
}

/* Most pages that were taken at once since begin(), which were several times some. */
static int most_taken(char *text, size_t room)
{
	int nr, most = 0, times = 0;
	char *at;

	must(write_file(EVENT "enable", "0") == 0);
	must(read_file(TRACING "trace", text, room) > 0);
	for (at = text; (at = strstr(at, " nr=")); times++) {
		at += strlen(" nr=");
		nr = atoi(at);
		if (nr > most)
			most = nr;
	}
	printf("# taken %d times, at most %d\n", times, most);
	must(times > 1);
	return most;
}

#define EXPECT_FEW() EXPECT_GT(BATCH_MAX, most_taken(self->text, sizeof(self->text)))

TEST_F(batches, are_small_when_a_ring_is_closed)
{
	int fd = ring_new_fd(0, PAGES * page_size);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	begin();
	close(fd);
	EXPECT_FEW();
}

TEST_F(batches, are_small_when_a_ring_with_slots_is_closed)
{
	int fd = ring_new_fd(KARENA_RING_F_IN_PLACE, PAGES * page_size);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	begin();
	close(fd);
	EXPECT_FEW();
}

TEST_F(batches, are_small_when_an_arena_is_closed)
{
	int fd = arena_new(0, PAGES);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	arena_take(fd, 0, 0, PAGES);
	begin();
	close(fd);
	EXPECT_FEW();
}

TEST_F(batches, are_small_when_pages_are_freed)
{
	int fd = arena_new(0, PAGES);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	arena_take(fd, 0, 0, PAGES);
	begin();
	EXPECT_EQ(0, arena_free(fd, 0, PAGES));
	EXPECT_FEW();
	close(fd);
}

TEST_F(batches, are_small_when_mapped_pages_are_freed)
{
	int fd = arena_new(0, PAGES);
	char *map = arena_map(fd, RDWR, 0, PAGES);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	arena_take(fd, 0, 0, PAGES);
	must(madvise(map, PAGES * page_size, MADV_POPULATE_WRITE) == 0);
	begin();
	EXPECT_EQ(0, arena_free(fd, 0, PAGES));
	EXPECT_FEW();
	munmap(map, PAGES * page_size);
	close(fd);
}

/* The first page is not free: the others were allocated in vain. */
TEST_F(batches, are_small_when_an_alloc_fails)
{
	int fd = arena_new(0, PAGES);

	if (self->err)
		SKIP(return, NO_PROBE, strerror(-self->err));
	arena_take(fd, 0, 0, 1);
	begin();
	EXPECT_EQ(-EBUSY, arena_alloc(fd, KARENA_ALLOC_F_FIXED, 0, PAGES));
	EXPECT_FEW();
	close(fd);
}

TEST_HARNESS_MAIN
