// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long calls: ranges of 2^46 bytes and very many ranges. Whoever is killed in one
 * goes soon, and others come in between. How far a call came that a
 * fatal signal ended is call_signals.c's matter.
 */
#define _GNU_SOURCE
#include "arena_util.h"
#include "kselftest_harness.h"

/*
 * A call that a child makes and is killed in. It lies in shared memory, so that
 * what the kernel wrote there last can be read.
 */
struct doomed {
	union {
		struct karena_arena_free free;
		struct karena_arena_decommit decommit;
		struct karena_arena_walk walk;
	};
	int begun;
	int ended;
};

static pid_t doom(struct doomed *doomed, int fd, unsigned long cmd)
{
	pid_t pid;

	doomed->begun = 0;
	doomed->ended = 0;
	pid = fork_child();
	if (!pid) {
		set_flag(&doomed->begun, 1);
		call(fd, cmd, doomed);
		set_flag(&doomed->ended, 1);
		_exit(0);
	}
	while (!get_flag(&doomed->begun))
		sched_yield();
	return pid;
}

/* Milliseconds from the signal to the end. */
static int64_t time_to_kill(pid_t pid)
{
	int64_t begin = now_ms();

	end_child(pid);
	return now_ms() - begin;
}

/* Waits until others see that the call has come some way; false: it is through. */
static bool under_way(const struct doomed *doomed, int fd, uint64_t allocated)
{
	while (!get_flag(&doomed->ended)) {
		if (arena_stat(fd).out_allocated < allocated)
			return true;
		sched_yield();
	}
	return false;
}

/*
 * Pages that have memory.
 */
#define POPULATED	16384

FIXTURE(populated)
{
	int fd;
};

FIXTURE_SETUP(populated)
{
	self->fd = arena_new(KARENA_ARENA_F_INHERIT, HUGE_PAGES);
}

FIXTURE_TEARDOWN(populated)
{
}

/* A touch of each page by one call, as a populating mmap() makes them. */
TEST_F(populated, touches_killed_keep_what_they_got)
{
	const uint64_t wanted = 3 * POPULATED;
	char *map = arena_map(self->fd, RDWR, 0, wanted);
	struct karena_arena_stat stat;
	pid_t pid;

	/* Until one is caught in it: whoever kills may come too late any number of times. */
	do {
		must(arena_free(self->fd, 0, wanted) == 0);
		pid = fork_child();
		if (!pid) {
			madvise(map, wanted * page_size, MADV_POPULATE_WRITE);
			_exit(0);
		}
		while (!arena_stat(self->fd).out_populated)
			sched_yield();
		EXPECT_GT(HUNG_MS, time_to_kill(pid));
		stat = arena_stat(self->fd);
		EXPECT_EQ(stat.out_allocated, stat.out_populated);
	} while (stat.out_populated == wanted);
}

/* More than the machine has is refused before any is taken. */
TEST_F(populated, more_than_memory_is_refused_at_once)
{
	int64_t begin = now_ms();

	EXPECT_EQ(-ENOMEM, arena_alloc(self->fd, 0, 0, HUGE_PAGES));
	must(arena_reserve(self->fd, 0, 0, HUGE_PAGES) == 0);
	EXPECT_EQ(-ENOMEM, arena_commit(self->fd, 0, 0, HUGE_PAGES));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
	EXPECT_EQ(HUGE_PAGES, arena_stat(self->fd).out_reserved);
	EXPECT_EQ(0, arena_stat(self->fd).out_populated_peak);
}

TEST(a_huge_range_is_one_range)
{
	int fd = arena_new(0, HUGE_PAGES);
	int64_t begin = now_ms();

	EXPECT_EQ(0, arena_reserve(fd, 0, 0, HUGE_PAGES));
	EXPECT_EQ(0, arena_commit(fd, KARENA_COMMIT_F_LAZY, 0, HUGE_PAGES));
	EXPECT_EQ(0, arena_decommit(fd, 0, HUGE_PAGES));
	EXPECT_EQ(0, arena_free(fd, 1, HUGE_PAGES - 2));
	EXPECT_EQ(1, arena_alloc(fd, KARENA_ALLOC_F_LAZY, 0, HUGE_PAGES - 2));
	EXPECT_EQ(0, arena_free_flags(fd, KARENA_FREE_F_STRICT, 1, HUGE_PAGES - 2, NULL));
	EXPECT_EQ(0, arena_free(fd, 0, HUGE_PAGES));
	EXPECT_EQ(0, arena_stat(fd).out_reserved);
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

TEST(a_huge_mapping_goes_at_once)
{
	int fd = arena_new(0, HUGE_PAGES / 2);
	char *map = arena_map(fd, RDWR, 0, HUGE_PAGES / 2);
	int64_t begin;
	pid_t pid;

	map[0] = 1;
	map[(HUGE_PAGES / 2 - 1) * page_size] = 1;
	begin = now_ms();
	EXPECT_EQ(0, madvise(map, HUGE_PAGES / 2 * page_size, MADV_DONTNEED));
	EXPECT_EQ(0, munmap(map, HUGE_PAGES / 2 * page_size));
	EXPECT_GT(HUNG_MS, now_ms() - begin);

	pid = fork_child();
	if (!pid) {
		map = arena_map(fd, RDWR, 0, HUGE_PAGES / 2);
		map[HUGE_PAGES / 4 * page_size] = 1;
		pause();
	}
	while (arena_stat(fd).out_populated < 3)
		pause_ms(1);
	EXPECT_GT(HUNG_MS, time_to_kill(pid));
}

/*
 * Very many ranges: every other page is allocated, without memory.
 */
static unsigned int many_ranges(void)
{
	return scaled(10000);
}

FIXTURE(ranges)
{
	int fd;
	struct doomed *doomed;
	unsigned int nr;
	uint64_t pages;
};

static void make_ranges(int fd, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		arena_take(fd, KARENA_ALLOC_F_LAZY, 2ull * i, 1);
}

FIXTURE_SETUP(ranges)
{
	self->nr = many_ranges();
	self->pages = 2ull * self->nr;
	self->fd = arena_new(0, HUGE_PAGES);
	self->doomed = shared_memory(sizeof(*self->doomed));
	make_ranges(self->fd, self->nr);
}

FIXTURE_TEARDOWN(ranges)
{
}

/* What is left begins where the call says that it stopped. */
static void check_rest(struct __test_metadata *_metadata, int fd, uint64_t done,
		       unsigned int nr)
{
	uint64_t gone = (done + 1) / 2;

	EXPECT_EQ(nr - gone, arena_stat(fd).out_allocated);
	if (gone < nr) {
		EXPECT_EQ(2 * gone * page_size, arena_range(fd, 0).offset);
	}
}

TEST_F(ranges, free_lets_others_in_and_can_be_killed)
{
	bool seen = false;
	uint64_t done;
	pid_t pid;

	while (!seen) {
		self->doomed->free = (struct karena_arena_free) {
			.size = sizeof(self->doomed->free),
			.nr_pages = HUGE_PAGES,
			.out_done = ~0ull,
		};
		pid = doom(self->doomed, self->fd, KARENA_IOC_ARENA_FREE);
		seen = under_way(self->doomed, self->fd, self->nr) &&
		       arena_stat(self->fd).out_allocated;
		EXPECT_GT(HUNG_MS, time_to_kill(pid));
		done = self->doomed->free.out_done;
		if (done != ~0ull && done < self->pages)
			check_rest(_metadata, self->fd, done, self->nr);
		must(arena_free(self->fd, 0, HUGE_PAGES) == 0);
		if (!seen)
			make_ranges(self->fd, self->nr);
	}
}

TEST_F(ranges, decommit_lets_others_in_and_can_be_killed)
{
	bool seen = false;
	unsigned int i;
	pid_t pid;

	while (!seen) {
		for (i = 0; i < self->nr; i++)
			must(arena_reserve(self->fd, 0, 2ull * i + 1, 1) == 0);
		self->doomed->decommit = (struct karena_arena_decommit) {
			.size = sizeof(self->doomed->decommit),
			.nr_pages = self->pages,
			.out_done = ~0ull,
		};
		pid = doom(self->doomed, self->fd, KARENA_IOC_ARENA_DECOMMIT);
		seen = under_way(self->doomed, self->fd, self->nr) &&
		       arena_stat(self->fd).out_allocated;
		EXPECT_GT(HUNG_MS, time_to_kill(pid));
		EXPECT_EQ(self->pages, arena_stat(self->fd).out_allocated +
			  arena_stat(self->fd).out_reserved);
		must(arena_free(self->fd, 0, HUGE_PAGES) == 0);
		if (!seen)
			make_ranges(self->fd, self->nr);
	}
}

TEST_F(ranges, walk_tells_all_and_can_be_killed)
{
	size_t bytes = (self->nr + 10) * sizeof(struct karena_arena_range);
	struct karena_arena_range *ranges = shared_memory(bytes);
	unsigned int i, wrong = 0;
	uint64_t next;
	pid_t pid;

	ASSERT_EQ(self->nr, arena_walk(self->fd, 0, ranges, self->nr + 10, &next));
	EXPECT_EQ(HUGE_PAGES, next);
	for (i = 0; i < self->nr; i++)
		wrong += ranges[i].offset != 2ull * i * page_size || ranges[i].nr_pages != 1 ||
			 ranges[i].state != KARENA_PAGE_ALLOCATED;
	EXPECT_EQ(0, wrong);

	self->doomed->walk = (struct karena_arena_walk) {
		.size = sizeof(self->doomed->walk),
		.buffer = (uintptr_t)ranges,
		.buffer_bytes = bytes,
	};
	pid = doom(self->doomed, self->fd, KARENA_IOC_ARENA_WALK);
	pause_ms(2);
	EXPECT_GT(HUNG_MS, time_to_kill(pid));
}

/* Going away with all of them takes its time, but holds nobody up. */
TEST_F(ranges, are_gone_with_the_arena)
{
	int other = arena_new(0, HUGE_PAGES);
	int64_t begin;

	EXPECT_EQ(0, close(self->fd));
	begin = now_ms();
	EXPECT_EQ(0, arena_reserve(other, 0, 0, HUGE_PAGES));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

TEST_HARNESS_MAIN
