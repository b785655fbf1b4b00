// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is reported of an arena: stat, walk and fdinfo agree with each other and with
 * what was done.
 */
#define _GNU_SOURCE
#include <sys/uio.h>

#include "arena_util.h"
#include "kselftest_harness.h"

static unsigned long long fdinfo(int fd, const char *key)
{
	char path[64], whole[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(whole, sizeof(whole), "karena-%s:", key);
	return file_number(path, whole);
}

/*
 * stat.
 */
TEST(stat_tells_what_create_was_given)
{
	struct karena_arena_create args = {
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT | KARENA_ARENA_F_INHERIT,
		.length = 77 * page_size,
		.node = 0,
		.fault_pages = 5,
		.name = "fifteen.bytes_!",
	};
	int fd = arena_create(&args);
	struct karena_arena_stat stat;

	ASSERT_LE(0, fd);
	stat = arena_stat(fd);
	EXPECT_EQ(args.flags, stat.out_flags);
	EXPECT_EQ(5, stat.out_fault_pages);
	EXPECT_EQ(77 * page_size, stat.out_length);
	EXPECT_EQ(0, stat.out_address);
	EXPECT_EQ(0, stat.out_node);
	EXPECT_EQ(KARENA_RIGHTS_ARENA, stat.out_rights);
	EXPECT_STREQ("fifteen.bytes_!", stat.out_name);
	EXPECT_EQ(0, stat.out_allocated + stat.out_reserved + stat.out_guard +
		  stat.out_populated + stat.out_populated_peak + stat.out_faults +
		  stat.out_faults_mapped + stat.out_faults_segv + stat.out_faults_bus);
}

TEST(peak_is_the_most_at_once)
{
	int fd = arena_new_batch(0, 512, 1);
	char *map = arena_map(fd, RDWR, 0, 512);

	arena_take(fd, 0, 0, 100);
	EXPECT_EQ(100, arena_stat(fd).out_populated_peak);
	must(arena_free(fd, 10, 60) == 0);
	EXPECT_EQ(40, arena_stat(fd).out_populated);
	EXPECT_EQ(100, arena_stat(fd).out_populated_peak);
	arena_take(fd, 0, 10, 20);
	EXPECT_EQ(100, arena_stat(fd).out_populated_peak);
	memset(map + 200 * page_size, 1, 70 * page_size);
	EXPECT_EQ(130, arena_stat(fd).out_populated_peak);
	must(arena_decommit(fd, 200, 70) == 0);
	/* Reached by touches, and never looked at before it was over. */
	memset(map + 300 * page_size, 1, 90 * page_size);
	must(arena_free(fd, 0, 512) == 0);
	EXPECT_EQ(0, arena_stat(fd).out_populated);
	EXPECT_EQ(150, arena_stat(fd).out_populated_peak);
}

TEST(faults_are_counted_by_kind)
{
	int fd = arena_new_batch(0, 64, 1);
	char *one = arena_map(fd, RDWR, 0, 64);
	char *other = arena_map(fd, RDWR, 0, 64);
	struct karena_arena_stat stat;
	unsigned int i;

	must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, 40, 1) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 4);
	for (i = 0; i < 10; i++)
		one[i * page_size] = 1;
	for (i = 0; i < 7; i++)
		peek(other + i * page_size);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(SIGSEGV, touch_write(one + 40 * page_size, 1).sig);
	stat = arena_stat(fd);
	EXPECT_EQ(10, stat.out_faults);
	EXPECT_EQ(7, stat.out_faults_mapped);
	EXPECT_EQ(3, stat.out_faults_segv);
	EXPECT_EQ(0, stat.out_faults_bus);

	/* What is there already is no fault. */
	one[0] = 2;
	peek(other);
	EXPECT_EQ(10, arena_stat(fd).out_faults);
	EXPECT_EQ(7, arena_stat(fd).out_faults_mapped);
}

static uint64_t pinned(int fd)
{
	uint64_t nr = arena_stat_flags(fd, KARENA_STAT_F_PINNED).out_pinned;

	must(arena_stat(fd).out_pinned == 0);
	must(fdinfo(fd, "pinned") == nr);
	return nr;
}

/* More pages than are looked at in one go; the pins are at both ends. */
TEST(pinned_pages_are_counted_when_asked_for)
{
	const uint64_t nr = 70000;
	int fd = arena_new(0, nr), pipes[2];
	char *map = arena_map(fd, RDWR, 0, nr);
	struct iovec pins[] = {
		{ map, 2 * page_size }, { map + (nr - 3) * page_size, 3 * page_size },
	};

	arena_take(fd, 0, 0, nr);
	EXPECT_EQ(0, pinned(fd));
	must(pipe(pipes) == 0);
	ASSERT_EQ((ssize_t)(5 * page_size), vmsplice(pipes[1], pins, 2, 0));
	EXPECT_EQ(5, pinned(fd));
	/* Of the arena's pages, of which a freed one is none. */
	must(arena_free(fd, 1, 1) == 0);
	EXPECT_EQ(4, pinned(fd));
	close(pipes[0]);
	close(pipes[1]);
	EXPECT_EQ(0, pinned(fd));
}

TEST(rights_are_those_of_the_open_file)
{
	struct karena_rights rights = {
		.size = sizeof(rights),
		.rights = KARENA_RIGHT_MAP | KARENA_RIGHT_FREE,
	};
	int fd = arena_new(0, 4);
	int less = call(fd, KARENA_IOC_REOPEN, &rights);

	EXPECT_EQ(KARENA_RIGHTS_ARENA, arena_stat(fd).out_rights);
	EXPECT_EQ(rights.rights, arena_stat(less).out_rights);
	rights.rights = KARENA_RIGHT_MAP;
	must(call(less, KARENA_IOC_RESTRICT, &rights) == 0);
	EXPECT_EQ(KARENA_RIGHT_MAP, arena_stat(less).out_rights);
	EXPECT_EQ(KARENA_RIGHTS_ARENA, arena_stat(fd).out_rights);
}

/*
 * walk.
 */
#define NR	64

FIXTURE(walk)
{
	int fd;
};

/* 2-5 lazy, 6-7 reserved, 8-9 guard, 20-29 populated but for 25; the last page. */
static const struct expected {
	uint64_t first;
	uint64_t nr;
	uint64_t populated;
	uint32_t state;
} expected[] = {
	{ 2, 4, 1, KARENA_PAGE_ALLOCATED },
	{ 6, 2, 0, KARENA_PAGE_RESERVED },
	{ 8, 2, 0, KARENA_PAGE_GUARD },
	{ 20, 5, 5, KARENA_PAGE_ALLOCATED },
	{ 25, 1, 0, KARENA_PAGE_RESERVED },
	{ 26, 4, 4, KARENA_PAGE_ALLOCATED },
	{ NR - 1, 1, 0, KARENA_PAGE_ALLOCATED },
};

FIXTURE_SETUP(walk)
{
	self->fd = arena_new_batch(0, NR, 1);
	/* In an order that joins neighbours and splits what was one. */
	arena_take(self->fd, KARENA_ALLOC_F_LAZY, 4, 2);
	arena_take(self->fd, KARENA_ALLOC_F_LAZY, 2, 2);
	must(arena_reserve(self->fd, 0, 7, 1) == 0);
	must(arena_reserve(self->fd, 0, 6, 1) == 0);
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 8, 2) == 0);
	arena_take(self->fd, 0, 20, 10);
	must(arena_decommit(self->fd, 25, 1) == 0);
	arena_take(self->fd, KARENA_ALLOC_F_LAZY, NR - 1, 1);
	*arena_map(self->fd, RDWR, 3, 1) = 1;
}

FIXTURE_TEARDOWN(walk)
{
}

static bool entry_is(const struct karena_arena_range *entry, const struct expected *e)
{
	return entry->offset == e->first * page_size && entry->nr_pages == e->nr &&
	       entry->nr_populated == e->populated && entry->state == e->state &&
	       !entry->__reserved;
}

TEST_F(walk, lists_all_that_is_not_free)
{
	struct karena_arena_range ranges[16];
	uint64_t next;
	unsigned int i;

	memset(ranges, 0xaa, sizeof(ranges));
	ASSERT_EQ(ARRAY_SIZE(expected), arena_walk(self->fd, 0, ranges, 16, &next));
	EXPECT_EQ(NR, next);
	for (i = 0; i < ARRAY_SIZE(expected); i++)
		EXPECT_TRUE(entry_is(&ranges[i], &expected[i]));
	/* What was not written to stays as it was. */
	EXPECT_EQ(0xaaaaaaaaaaaaaaaa, ranges[i].offset);
}

TEST_F(walk, goes_on_where_it_stopped)
{
	struct karena_arena_range ranges[3];
	unsigned int room, i, got;
	uint64_t next;

	for (room = 1; room <= 3; room++) {
		next = 0;
		for (i = 0; i < ARRAY_SIZE(expected); i += got) {
			unsigned int k;

			got = arena_walk(self->fd, next, ranges, room, &next);
			ASSERT_LT(0, got);
			for (k = 0; k < got; k++)
				EXPECT_TRUE(entry_is(&ranges[k], &expected[i + k]));
		}
		EXPECT_EQ(0, arena_walk(self->fd, next, ranges, room, &next));
		EXPECT_EQ(NR, next);
	}
}

TEST_F(walk, begins_within_a_range)
{
	struct karena_arena_range range = arena_range(self->fd, 22);

	EXPECT_EQ(22 * page_size, range.offset);
	EXPECT_EQ(3, range.nr_pages);
	EXPECT_EQ(3, range.nr_populated);
	range = arena_range(self->fd, 10);
	EXPECT_EQ(20 * page_size, range.offset);
}

TEST_F(walk, uses_whole_entries_only)
{
	struct karena_arena_range ranges[2];
	struct karena_arena_walk args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)ranges,
		.offset = 6 * page_size,
	};

	memset(ranges, 0xaa, sizeof(ranges));
	for (args.buffer_bytes = 0; args.buffer_bytes < sizeof(ranges[0]);
	     args.buffer_bytes++) {
		ASSERT_EQ(0, call(self->fd, KARENA_IOC_ARENA_WALK, &args));
		EXPECT_EQ(0, args.out_count);
		EXPECT_EQ(6 * page_size, args.out_next);
	}
	EXPECT_EQ(0xaaaaaaaaaaaaaaaa, ranges[0].offset);
	args.buffer_bytes = sizeof(ranges) - 1;
	ASSERT_EQ(0, call(self->fd, KARENA_IOC_ARENA_WALK, &args));
	EXPECT_EQ(1, args.out_count);
	EXPECT_EQ(8 * page_size, args.out_next);
	EXPECT_EQ(0xaaaaaaaaaaaaaaaa, ranges[1].offset);
}

TEST_F(walk, agrees_with_stat)
{
	struct karena_arena_range ranges[16];
	struct karena_arena_stat stat = arena_stat(self->fd);
	uint64_t pages[4] = { 0 }, populated = 0;
	unsigned int i, got;

	got = arena_walk(self->fd, 0, ranges, 16, NULL);
	for (i = 0; i < got; i++) {
		pages[ranges[i].state] += ranges[i].nr_pages;
		populated += ranges[i].nr_populated;
	}
	EXPECT_EQ(0, pages[KARENA_PAGE_FREE]);
	EXPECT_EQ(stat.out_allocated, pages[KARENA_PAGE_ALLOCATED]);
	EXPECT_EQ(stat.out_reserved, pages[KARENA_PAGE_RESERVED]);
	EXPECT_EQ(stat.out_guard, pages[KARENA_PAGE_GUARD]);
	EXPECT_EQ(stat.out_populated, populated);
}

/* More populated pages than are counted in one go come as several entries. */
TEST(walk_of_very_many_pages_adds_up)
{
	const uint64_t nr = 70000;
	struct karena_arena_range ranges[8];
	uint64_t pages = 0, populated = 0;
	int fd = arena_new(0, nr);
	unsigned int i, got;

	arena_take(fd, 0, 0, nr);
	got = arena_walk(fd, 0, ranges, 8, NULL);
	for (i = 0; i < got; i++) {
		EXPECT_EQ(pages * page_size, ranges[i].offset);
		EXPECT_EQ(KARENA_PAGE_ALLOCATED, ranges[i].state);
		pages += ranges[i].nr_pages;
		populated += ranges[i].nr_populated;
	}
	EXPECT_EQ(nr, pages);
	EXPECT_EQ(nr, populated);
}

/*
 * fdinfo.
 */
TEST_F(walk, fdinfo_agrees_with_stat)
{
	struct karena_arena_stat stat = arena_stat(self->fd);
	char path[64], text[4096];

	EXPECT_EQ(stat.out_flags, fdinfo(self->fd, "flags"));
	EXPECT_EQ(stat.out_rights, fdinfo(self->fd, "rights"));
	EXPECT_EQ(stat.out_length, fdinfo(self->fd, "length"));
	EXPECT_EQ(stat.out_address, fdinfo(self->fd, "address"));
	EXPECT_EQ(stat.out_allocated, fdinfo(self->fd, "allocated"));
	EXPECT_EQ(stat.out_reserved, fdinfo(self->fd, "reserved"));
	EXPECT_EQ(stat.out_guard, fdinfo(self->fd, "guard"));
	EXPECT_EQ(stat.out_populated, fdinfo(self->fd, "populated"));
	EXPECT_EQ(stat.out_populated_peak, fdinfo(self->fd, "populated-peak"));
	EXPECT_EQ(stat.out_faults, fdinfo(self->fd, "faults"));
	EXPECT_EQ(stat.out_faults_mapped, fdinfo(self->fd, "faults-mapped"));
	EXPECT_EQ(stat.out_faults_segv, fdinfo(self->fd, "faults-segv"));
	EXPECT_EQ(stat.out_faults_bus, fdinfo(self->fd, "faults-bus"));

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_LT(0, read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "karena-type:\tarena\n"));
	EXPECT_NE(NULL, strstr(text, "karena-name:\ttest\n"));
}

TEST_HARNESS_MAIN
