// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit of what all objects of one user hold: exact whoever comes to it and
 * however, charged to who created the object, given back by who closes last.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "calls.h"
#include "kselftest_harness.h"

#define CEILING		"/sys/module/karena/parameters/user_max_bytes"
#define PAGES		256
#define BYTES		(PAGES * page_size)

enum { ALICE = 65534, BOB = 1001 };

/* Children become users; the device is opened before, by root. */
FIXTURE(limit) {
	char was[32];
};

static int device;

static void set_limit(size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", bytes);
	must(write_file(CEILING, text) == 0);
}

FIXTURE_SETUP(limit)
{
	ASSERT_LT(0, read_file(CEILING, self->was, sizeof(self->was)));
	set_limit(BYTES);
	device = device_open();
}

FIXTURE_TEARDOWN(limit)
{
	write_file(CEILING, self->was);
	close(device);
}

static __u64 pages_left(void)
{
	__u64 bytes = bytes_left(device);

	must(bytes % page_size == 0);
	return bytes / page_size;
}

static pid_t fork_user(uid_t uid)
{
	pid_t child = fork_child();

	if (!child) {
		must(setresuid(uid, uid, uid) == 0);
		/* A change of ids undid what fork_child() asked for. */
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	}
	return child;
}

/* What @run comes to in a process of @uid, which it may share memory with. */
static int as_user(uid_t uid, int (*run)(void *data), void *data)
{
	pid_t child = fork_user(uid);

	if (!child)
		_exit(run(data));
	return reap(child);
}

static int report_left(void *data)
{
	*(__u64 *)data = pages_left();
	return 0;
}

static __u64 left_to(uid_t uid)
{
	__u64 *left = shared_memory(page_size), answer;

	must(as_user(uid, report_left, left) == 0);
	answer = *left;
	munmap(left, page_size);
	return answer;
}

static int fill_arena(void *data)
{
	int fd = arena_on(device, 2 * PAGES);

	(void)data;
	must(pages_left() == PAGES);
	must(arena_alloc(fd, 0, 0, PAGES + 1) == -EDQUOT);
	must(pages_left() == PAGES);
	arena_take(fd, 0, 0, PAGES - 1);
	must(pages_left() == 1);
	must(arena_alloc(fd, 0, 0, 2) == -EDQUOT);
	arena_take(fd, 0, PAGES, 1);
	must(pages_left() == 0);
	must(arena_alloc(fd, 0, 0, 1) == -EDQUOT);

	must(arena_free(fd, 0, 3) == 0);
	must(pages_left() == 3);
	must(arena_decommit(fd, 3, 4) == 0);
	must(pages_left() == 7);
	must(arena_commit(fd, 0, 3, 4) == 0);
	must(pages_left() == 3);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 3);
	must(arena_reserve(fd, 0, PAGES + 8, 100) == 0);
	must(pages_left() == 3);
	close(fd);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, is_exact_for_arenas)
{
	EXPECT_EQ(0, as_user(ALICE, fill_arena, NULL));
}

/* By touches too, of which the last few bring less than they would. */
static int touch_all(void *data)
{
	int fd = arena_on(device, 2 * PAGES);
	char *map = arena_map(fd, RDWR, 0, 2 * PAGES);
	unsigned int i;

	(void)data;
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, PAGES);
	for (i = 0; i < PAGES; i++)
		must(touch_write(map + i * page_size, 1).sig == 0);
	must(pages_left() == 0);
	must(touch_write(map + PAGES * page_size, 1).sig == SIGBUS);
	must(madvise(map + 7 * page_size, page_size, MADV_REMOVE) == 0);
	must(pages_left() == 1);
	must(touch_write(map + PAGES * page_size, 1).sig == 0);
	must(pages_left() == 0);
	must(touch_write(map + 7 * page_size, 1).sig == SIGBUS);
	close(fd);
	must(pages_left() == 0);
	munmap(map, 2 * PAGES * page_size);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, is_exact_for_touches)
{
	EXPECT_EQ(0, as_user(ALICE, touch_all, NULL));
}

/* Ranges that are charged as a page; an arena's first so many are free of charge. */
#define RANGES		(page_size / 64)

/* A lazy range has no page, but each hole that is made in it makes one range more. */
static int make_holes(void *data)
{
	const __u64 most = (PAGES + 1) * RANGES;
	int fd = arena_on(device, 4 * most);
	__u64 i;

	(void)data;
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 4 * most);
	for (i = 1; i < RANGES; i++)
		must(arena_free(fd, 2 * i, 1) == 0);
	must(pages_left() == PAGES);
	for (; i < most; i++)
		must(arena_free(fd, 2 * i, 1) == 0);
	must(pages_left() == 0);
	must(arena_free(fd, 2 * i, 1) == -EDQUOT);
	must(arena_decommit(fd, 2 * i, 1) == -EDQUOT);
	must(arena_stat(fd).out_allocated == 4 * most - (most - 1));
	must(arena_stat(fd).out_reserved == 0);

	/* At the end of a range there is no hole. */
	must(arena_free(fd, 4 * most - 1, 1) == 0);
	/* Where ranges go, their charge is given back. */
	must(arena_free(fd, 0, 2 * RANGES) == 0);
	must(pages_left() == 1);
	must(arena_reserve(fd, 0, 0, 1) == 0);
	must(pages_left() == 0);
	must(arena_free(fd, 0, 4 * most) == 0);
	must(pages_left() == PAGES);
	must(arena_reserve(fd, 0, 0, 4 * most) == 0);
	for (i = 1; i <= RANGES; i++)
		must(arena_commit(fd, KARENA_COMMIT_F_LAZY, 2 * i, 1) == 0);
	must(pages_left() == PAGES - 2);
	close(fd);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, is_exact_for_ranges)
{
	EXPECT_EQ(0, as_user(ALICE, make_holes, NULL));
}

/* At the limit with ranges too: nothing makes another but what gives a page back. */
static int free_at_the_limit(void *data)
{
	int fd = arena_on(device, 4 * PAGES);
	char *map = arena_map(fd, RDWR, 0, 4 * PAGES);
	__u64 i;

	(void)data;
	arena_take(fd, 0, 0, PAGES - 1);
	for (i = 1; i < RANGES; i++)
		must(arena_reserve(fd, 0, PAGES + 2 * i, 1) == 0);
	must(pages_left() == 1);
	/* The page is there, and none for its range. */
	must(touch_write(map + (4 * PAGES - 1) * page_size, 1).sig == SIGBUS);
	must(arena_alloc(fd, 0, 4 * PAGES - 1, 1) == -EDQUOT);
	must(pages_left() == 1);
	arena_take(fd, 0, PAGES - 1, 1);
	must(pages_left() == 0);
	must(arena_reserve(fd, 0, 4 * PAGES - 1, 1) == -EDQUOT);
	must(arena_alloc(fd, KARENA_ALLOC_F_LAZY, 4 * PAGES - 1, 1) == -EDQUOT);
	must(arena_stat(fd).out_allocated == PAGES);
	must(arena_stat(fd).out_reserved == RANGES - 1);

	must(arena_free(fd, 10, 1) == 0);
	must(pages_left() == 0);
	must(arena_decommit(fd, 20, 1) == 0);
	must(pages_left() == 1);
	must(madvise(map + 30 * page_size, page_size, MADV_REMOVE) == 0);
	must(pages_left() == 2);
	munmap(map, 4 * PAGES * page_size);
	close(fd);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, leaves_whoever_is_at_it_free_to_free)
{
	EXPECT_EQ(0, as_user(ALICE, free_at_the_limit, NULL));
}

/* A ring takes all at once: its data, half as much if IN_PLACE, a few pages. */
static int make_rings(void *data)
{
	__u64 plain, in_place;
	int first, fd;

	(void)data;
	first = ring_create(device, 64 * page_size, 0);
	must(first >= 0);
	plain = PAGES - pages_left();
	must(plain >= 64 && plain < 80);
	fd = ring_create(device, 64 * page_size, KARENA_RING_F_IN_PLACE);
	must(fd >= 0);
	in_place = PAGES - plain - pages_left();
	must(in_place >= 96 && in_place < 112);

	close(first);
	must(pages_left() == PAGES - in_place);
	must(ring_create(device, 256 * page_size, 0) < 0 && errno == EDQUOT);
	must(pages_left() == PAGES - in_place);
	close(fd);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, is_exact_for_rings)
{
	EXPECT_EQ(0, as_user(ALICE, make_rings, NULL));
}

/* Takes what there is, page by page, reports how much and stays. */
static void take_single_pages(int *taken)
{
	int fd = arena_on(device, 2 * PAGES);
	int sum = 0;

	while (arena_alloc(fd, 0, 0, 1) >= 0)
		sum++;
	must(errno == EDQUOT);
	set_flag(taken, sum + 1);
	pause();
}

/* Several processes that come to it at once take all of it and not a page more. */
TEST_F(limit, is_exact_for_processes_at_once)
{
	int *taken = shared_memory(page_size);
	unsigned long round;
	unsigned int i, sum;
	pid_t users[4];

	for (round = 0; round < scaled(5); round++) {
		memset(taken, 0, page_size);
		for (i = 0; i < ARRAY_LEN(users); i++) {
			users[i] = fork_user(ALICE);
			if (!users[i])
				take_single_pages(&taken[i]);
		}
		sum = 0;
		for (i = 0; i < ARRAY_LEN(users); i++) {
			while (!get_flag(&taken[i]))
				pause_ms(1);
			sum += taken[i] - 1;
		}
		EXPECT_EQ(PAGES, sum);
		EXPECT_EQ(0, left_to(ALICE));
		for (i = 0; i < ARRAY_LEN(users); i++)
			end_child(users[i]);
		EXPECT_EQ(PAGES, left_to(ALICE));
	}
}

/* An arena whose first owner is dead is on that owner's account all the same. */
static int fill_and_leave(void *data)
{
	int fd = arena_on(device, PAGES);
	char *map = arena_map(fd, RDWR, 0, PAGES);

	arena_take(fd, 0, 0, 100);
	must(touch_write(map, 1).sig == 0);
	/* To be taken over by the parent. */
	set_flag(data, fd);
	pause();
	return 1;
}

TEST_F(limit, is_given_back_by_who_closes_last)
{
	int *there = shared_memory(page_size);
	int pidfd, fd;
	pid_t child;

	child = fork_user(ALICE);
	if (!child)
		_exit(fill_and_leave(there));
	while (!get_flag(there))
		pause_ms(1);
	pidfd = syscall(SYS_pidfd_open, child, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, *there, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(PAGES - 100, left_to(ALICE));
	EXPECT_EQ(-SIGKILL, end_child(child));
	EXPECT_EQ(PAGES - 100, left_to(ALICE));
	/* What root populates here is on the creator's account too. */
	arena_take(fd, 0, 100, 50);
	EXPECT_EQ(PAGES - 150, left_to(ALICE));
	EXPECT_EQ(0, arena_free(fd, 0, 10));
	EXPECT_EQ(PAGES - 140, left_to(ALICE));
	close(fd);
	EXPECT_EQ(PAGES, left_to(ALICE));
	close(pidfd);
}

static int map_and_close(void *data)
{
	int fd = arena_on(device, PAGES);
	char *map = arena_map(fd, RDWR, 0, PAGES);

	(void)data;
	arena_take(fd, 0, 0, 32);
	close(fd);
	must(pages_left() == PAGES - 32);
	map[200 * page_size] = 1;
	must(pages_left() == PAGES - 33);
	must(munmap(map + page_size, (PAGES - 1) * page_size) == 0);
	must(pages_left() == PAGES - 33);
	must(munmap(map, page_size) == 0);
	must(pages_left() == PAGES);
	return 0;
}

TEST_F(limit, is_given_back_with_the_last_mapping)
{
	EXPECT_EQ(0, as_user(ALICE, map_and_close, NULL));
}

/* Nobody's limit is another's. */
static int bob_takes_of(void *data)
{
	int fd = *(int *)data;

	arena_take(fd, 0, 0, 20);
	must(pages_left() == PAGES);
	return fill_arena(NULL);
}

TEST_F(limit, is_of_who_created_the_object)
{
	int *there = shared_memory(page_size);
	int pidfd, fd;
	pid_t child;

	child = fork_user(ALICE);
	if (!child) {
		set_flag(there, arena_on(device, PAGES));
		pause();
	}
	while (!get_flag(there))
		pause_ms(1);
	pidfd = syscall(SYS_pidfd_open, child, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, *there, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, as_user(BOB, bob_takes_of, &fd));
	EXPECT_EQ(PAGES - 20, left_to(ALICE));
	EXPECT_EQ(PAGES, left_to(BOB));
	end_child(child);
	close(fd);
	close(pidfd);
	EXPECT_EQ(PAGES, left_to(ALICE));
}

/* Lowered below what is held: that stays, and nothing comes on top. */
TEST_F(limit, can_be_lowered_below_what_is_held)
{
	int *there = shared_memory(page_size);
	pid_t child;

	child = fork_user(ALICE);
	if (!child) {
		int fd = arena_on(device, PAGES);

		arena_take(fd, 0, 0, 100);
		set_flag(there, 1);
		wait_until(there, 2);
		must(pages_left() == 0);
		must(arena_alloc(fd, 0, 0, 1) == -EDQUOT);
		must(arena_free(fd, 0, 91) == 0);
		must(pages_left() == 1);
		must(arena_alloc(fd, 0, 0, 2) == -EDQUOT);
		must(arena_alloc(fd, 0, 0, 1) == 0);
		_exit(0);
	}
	wait_until(there, 1);
	set_limit(10 * page_size);
	set_flag(there, 2);
	EXPECT_EQ(0, reap(child));
	set_limit(0);
	EXPECT_EQ((__u64)sysconf(_SC_PHYS_PAGES) / 4, left_to(ALICE));
}

#define NOT_ALLOWED	77

/* The capability must be the initial user namespace's. */
static int unshare_user(void *data)
{
	(void)data;
	if (unshare(CLONE_NEWUSER))
		return NOT_ALLOWED;
	must(pages_left() == PAGES);
	return fill_arena(NULL);
}

TEST_F(limit, is_not_lifted_by_a_user_namespace)
{
	int status = as_user(ALICE, unshare_user, NULL);

	if (status == NOT_ALLOWED)
		SKIP(return, "users may not make user namespaces here");
	EXPECT_EQ(0, status);
}

TEST_F(limit, is_not_for_who_may_lock_memory)
{
	int fd = arena_on(device, 2 * PAGES);

	EXPECT_EQ(~0ull, bytes_left(device));
	EXPECT_EQ(0, arena_alloc(fd, 0, 0, 2 * PAGES));
	EXPECT_EQ(~0ull, bytes_left(device));
	close(fd);
}

TEST_HARNESS_MAIN
