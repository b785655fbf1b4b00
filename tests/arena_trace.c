// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints of arenas, by what docs/arena.md says to write into tracefs: an event
 * for each change of state and each fault, and a filter for those of interest.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#define TRACING	"/sys/kernel/tracing/"
#define FILTER	TRACING "events/karena/karena_arena_fault/filter"

FIXTURE(trace)
{
	char text[1 << 16];
	int fd;
	unsigned long ino;
	char *map;
};

FIXTURE_SETUP(trace)
{
	struct stat stat;

	ASSERT_EQ(0, write_file(TRACING "trace", "\n"));
	ASSERT_EQ(0, write_file(TRACING "events/karena/enable", "1"));
	/* Around a touch as many are populated as there is memory for. */
	self->fd = arena_new_batch(0, 64, 1);
	must(fstat(self->fd, &stat) == 0);
	self->ino = stat.st_ino;
	self->map = arena_map(self->fd, RDWR, 0, 64);
}

FIXTURE_TEARDOWN(trace)
{
	write_file(TRACING "events/karena/enable", "0");
	write_file(FILTER, "0");
	write_file(TRACING "trace", "\n");
}

static void end_arena(FIXTURE_DATA(trace) * self)
{
	munmap(self->map, 64 * page_size);
	close(self->fd);
	must(read_file(TRACING "trace", self->text, sizeof(self->text)) > 0);
}

/* There is an event whose line ends so. */
static bool traced(const char *text, const char *format, ...)
{
	char wanted[200];
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted) - 1, format, args);
	va_end(args);
	strcat(wanted, "\n");
	return strstr(text, wanted);
}

#define EXPECT_TRACED(...) EXPECT_TRUE(traced(self->text, __VA_ARGS__))

TEST_F(trace, events_tell_what_was_done)
{
	unsigned long ino = self->ino;
	int fd = self->fd;

	arena_take(fd, 0, 8, 3);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 16, 8);
	must(arena_reserve(fd, 0, 32, 5) == 0);
	must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, 40, 1) == 0);
	must(arena_commit(fd, 0, 33, 2) == 0);
	must(arena_decommit(fd, 8, 2) == 0);
	self->map[17 * page_size] = 1;
	peek(self->map + 10 * page_size);
	peek(self->map + 50 * page_size);
	EXPECT_EQ(SIGSEGV, touch_write(self->map + 40 * page_size, 1).sig);
	must(arena_free(fd, 0, 63) == 0);
	/* Nothing happened here. */
	EXPECT_EQ(-EBUSY, arena_commit(fd, 0, 60, 1));
	end_arena(self);

	EXPECT_TRACED("karena_object_create: ino=%lu arena name=test length=%zu", ino,
		      64 * page_size);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=8 nr_pages=3 state=allocated", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=16 nr_pages=8 state=allocated", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=32 nr_pages=5 state=reserved", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=40 nr_pages=1 state=guard", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=33 nr_pages=2 state=allocated", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=8 nr_pages=2 state=reserved", ino);
	EXPECT_TRACED("karena_arena_fault: ino=%lu index=17 write result=1", ino);
	EXPECT_TRACED("karena_arena_fault: ino=%lu index=10 read result=0", ino);
	EXPECT_TRACED("karena_arena_fault: ino=%lu index=50 read result=1", ino);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=50 nr_pages=1 state=allocated", ino);
	EXPECT_TRACED("karena_arena_fault: ino=%lu index=40 write result=%d", ino, -EACCES);
	EXPECT_TRACED("karena_arena_state: ino=%lu first=0 nr_pages=63 state=free", ino);
	EXPECT_TRACED("karena_object_destroy: ino=%lu arena name=test length=%zu", ino,
		      64 * page_size);
	EXPECT_EQ(NULL, strstr(self->text, "first=60"));
}

/* Of one arena, and only what was refused. */
TEST_F(trace, filter_leaves_what_was_asked_for)
{
	char *other = arena_map(arena_new(KARENA_ARENA_F_SEGV_ON_FAULT, 4), RDWR, 0, 4);
	char filter[64];

	snprintf(filter, sizeof(filter), "ino == %lu && result < 0", self->ino);
	ASSERT_EQ(0, write_file(FILTER, filter));
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 40, 1) == 0);
	self->map[20 * page_size] = 1;
	EXPECT_EQ(SIGSEGV, touch_read(self->map + 40 * page_size).sig);
	EXPECT_EQ(SIGSEGV, touch_read(other + page_size).sig);
	end_arena(self);
	EXPECT_TRACED("karena_arena_fault: ino=%lu index=40 read result=%d", self->ino, -EACCES);
	EXPECT_FALSE(traced(self->text, "karena_arena_fault: ino=%lu index=20 write result=1",
			    self->ino));
	EXPECT_EQ(NULL, strstr(self->text, "index=1 read"));
}

TEST_HARNESS_MAIN
