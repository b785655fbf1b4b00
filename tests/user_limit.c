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

/*
 * What is charged beside pages: for a range, and for 64 pages that lie together, with the
 * one node that leads to them in an arena of so few pages.
 */
#define RANGE_BYTES	(64 + sizeof(void *))
#define LEAF_BYTES	(1024 + sizeof(void *) + 576 + sizeof(void *))

enum { ALICE = 65534, BOB = 1001 };

/* Children become users; the device is opened before, by root. */
FIXTURE(limit) {
	char was[32];
};

static int device;
/* An arena of some hundred pages, and room for one that has PAGES pages in a row. */
static __u64 arena_bytes, limit_bytes;

static void set_limit(size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", bytes);
	must(write_file(CEILING, text) == 0);
}

static int report_left(void *data)
{
	*(__u64 *)data = bytes_left(device);
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

static int tell_arena_bytes(void *data)
{
	__u64 left = bytes_left(device);
	int fd = arena_on(device, PAGES);

	*(__u64 *)data = left - bytes_left(device);
	close(fd);
	must(bytes_left(device) == left);
	return 0;
}

FIXTURE_SETUP(limit)
{
	__u64 *told = shared_memory(page_size);

	ASSERT_LT(0, read_file(CEILING, self->was, sizeof(self->was)));
	device = device_open();
	set_limit(PAGES * page_size);
	ASSERT_EQ(0, as_user(ALICE, tell_arena_bytes, told));
	arena_bytes = *told;
	ASSERT_LT(1024, arena_bytes);
	ASSERT_GT(2 * page_size, arena_bytes);
	limit_bytes = arena_bytes + PAGES * page_size + PAGES / 64 * LEAF_BYTES + RANGE_BYTES;
	set_limit(limit_bytes);
}

FIXTURE_TEARDOWN(limit)
{
	write_file(CEILING, self->was);
	close(device);
}

static __u64 left(void)
{
	return bytes_left(device);
}

static int fill_arena(void *data)
{
	int fd = arena_on(device, 2 * PAGES);

	(void)data;
	must(left() == limit_bytes - arena_bytes);
	must(arena_alloc(fd, 0, 0, PAGES + 1) == -EDQUOT);
	must(left() == limit_bytes - arena_bytes);
	arena_take(fd, 0, 0, PAGES - 1);
	must(left() == page_size);
	must(arena_alloc(fd, 0, 0, 2) == -EDQUOT);
	arena_take(fd, 0, PAGES - 1, 1);
	must(left() == 0);
	must(arena_alloc(fd, 0, 0, 1) == -EDQUOT);

	must(arena_free(fd, 0, 3) == 0);
	must(left() == 3 * page_size);
	must(arena_decommit(fd, 3, 4) == 0);
	must(left() == 7 * page_size - RANGE_BYTES);
	must(arena_commit(fd, 0, 3, 4) == 0);
	must(left() == 3 * page_size);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 3);
	must(left() == 3 * page_size);
	must(arena_reserve(fd, 0, PAGES + 8, 100) == 0);
	must(left() == 3 * page_size - RANGE_BYTES);
	close(fd);
	must(left() == limit_bytes);
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
	must(left() == 0);
	must(touch_write(map + PAGES * page_size, 1).sig == SIGBUS);
	must(madvise(map, page_size, MADV_REMOVE) == 0);
	must(left() == page_size);
	/* There is a page for it, but nothing for what leads to the page. */
	must(touch_write(map + PAGES * page_size, 1).sig == SIGBUS);
	must(left() == page_size);
	must(touch_write(map, 1).sig == 0);
	must(left() == 0);
	must(madvise(map + 7 * page_size, page_size, MADV_REMOVE) == 0);
	must(left() == page_size - RANGE_BYTES);
	must(touch_write(map + 7 * page_size, 1).sig == SIGBUS);
	close(fd);
	must(left() == page_size - RANGE_BYTES);
	munmap(map, 2 * PAGES * page_size);
	must(left() == limit_bytes);
	return 0;
}

TEST_F(limit, is_exact_for_touches)
{
	EXPECT_EQ(0, as_user(ALICE, touch_all, NULL));
}

/* A lazy range has no page, but each hole that is made in it makes one range more. */
static int make_holes(void *data)
{
	int fd = arena_on(device, 4 * limit_bytes / RANGE_BYTES);
	__u64 nr_pages = arena_stat(fd).out_length / page_size;
	__u64 begin = left(), most = begin / RANGE_BYTES, i;

	(void)data;
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, nr_pages);
	for (i = 1; i < most; i++)
		must(arena_free(fd, 2 * i, 1) == 0);
	must(left() == begin - most * RANGE_BYTES);
	must(arena_free(fd, 2 * i, 1) == -EDQUOT);
	must(arena_decommit(fd, 2 * i, 1) == -EDQUOT);
	must(arena_stat(fd).out_allocated == nr_pages - (most - 1));
	must(arena_stat(fd).out_reserved == 0);

	/* At the end of a range there is no hole. */
	must(arena_free(fd, nr_pages - 1, 1) == 0);
	/* Where ranges go, what was charged for them comes back. */
	must(arena_free(fd, 0, 21) == 0);
	must(left() == begin - (most - 10) * RANGE_BYTES);
	must(arena_reserve(fd, 0, 0, 1) == 0);
	must(left() == begin - (most - 9) * RANGE_BYTES);
	must(arena_free(fd, 0, nr_pages) == 0);
	must(left() == begin);
	must(arena_reserve(fd, 0, 0, nr_pages) == 0);
	for (i = 1; i <= 20; i++)
		must(arena_commit(fd, KARENA_COMMIT_F_LAZY, 2 * i, 1) == 0);
	must(left() == begin - 41 * RANGE_BYTES);
	close(fd);
	must(left() == limit_bytes);
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
	__u64 begin, i;

	(void)data;
	arena_take(fd, 0, 0, PAGES - 1);
	for (i = 1; left() >= RANGE_BYTES; i++)
		must(arena_reserve(fd, 0, PAGES + 2 * i, 1) == 0);
	begin = left();
	must(touch_write(map + (4 * PAGES - 1) * page_size, 1).sig == SIGBUS);
	must(arena_reserve(fd, 0, 4 * PAGES - 1, 1) == -EDQUOT);
	must(arena_alloc(fd, KARENA_ALLOC_F_LAZY, 4 * PAGES - 1, 1) == -EDQUOT);
	must(arena_stat(fd).out_allocated == PAGES - 1);
	must(arena_stat(fd).out_reserved == i - 1);
	must(left() == begin);

	must(arena_free(fd, 10, 1) == 0);
	must(left() == begin + page_size - RANGE_BYTES);
	must(arena_decommit(fd, 20, 1) == 0);
	must(left() == begin + 2 * page_size - 3 * RANGE_BYTES);
	must(madvise(map + 30 * page_size, page_size, MADV_REMOVE) == 0);
	must(left() == begin + 3 * page_size - 4 * RANGE_BYTES);
	munmap(map, 4 * PAGES * page_size);
	close(fd);
	must(left() == limit_bytes);
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
	first = ring_on(device, 64 * page_size, 0);
	must(first >= 0);
	plain = limit_bytes - left();
	must(plain >= 64 * page_size && plain < 80 * page_size);
	fd = ring_on(device, 64 * page_size, KARENA_RING_F_IN_PLACE);
	must(fd >= 0);
	in_place = limit_bytes - plain - left();
	must(in_place >= 96 * page_size && in_place < 112 * page_size);

	close(first);
	must(left() == limit_bytes - in_place);
	must(ring_on(device, 256 * page_size, 0) < 0 && errno == EDQUOT);
	must(left() == limit_bytes - in_place);
	close(fd);
	must(left() == limit_bytes);
	return 0;
}

TEST_F(limit, is_exact_for_rings)
{
	EXPECT_EQ(0, as_user(ALICE, make_rings, NULL));
}

struct taker {
	int ready;
	int go;
	int taken;
};

/* Takes what there is, page by page, reports how much and stays. */
static void take_single_pages(struct taker *taker)
{
	int fd = arena_on(device, 2 * PAGES);
	int sum = 0;

	set_flag(&taker->ready, 1);
	wait_until(&taker->go, 1);
	while (arena_alloc(fd, 0, 0, 1) >= 0)
		sum++;
	must(errno == EDQUOT);
	set_flag(&taker->taken, sum + 1);
	pause();
}

/* Several processes that come to it at once take all of it and no more. */
TEST_F(limit, is_exact_for_processes_at_once)
{
	struct taker *takers = shared_memory(page_size);
	unsigned long round;
	unsigned int i, sum;
	pid_t users[4];
	__u64 rest;

	for (round = 0; round < scaled(5); round++) {
		memset(takers, 0, page_size);
		for (i = 0; i < ARRAY_LEN(users); i++) {
			users[i] = fork_user(ALICE);
			if (!users[i])
				take_single_pages(&takers[i]);
		}
		for (i = 0; i < ARRAY_LEN(users); i++)
			wait_until(&takers[i].ready, 1);
		for (i = 0; i < ARRAY_LEN(users); i++)
			set_flag(&takers[i].go, 1);
		sum = 0;
		for (i = 0; i < ARRAY_LEN(users); i++) {
			while (!get_flag(&takers[i].taken))
				pause_ms(1);
			sum += takers[i].taken - 1;
		}
		rest = left_to(ALICE);
		EXPECT_LT(rest, page_size + LEAF_BYTES);
		EXPECT_LE(ARRAY_LEN(users) * arena_bytes + sum * page_size, limit_bytes - rest);
		for (i = 0; i < ARRAY_LEN(users); i++)
			end_child(users[i]);
		EXPECT_EQ(limit_bytes, left_to(ALICE));
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
	__u64 rest;

	child = fork_user(ALICE);
	if (!child)
		_exit(fill_and_leave(there));
	while (!get_flag(there))
		pause_ms(1);
	pidfd = syscall(SYS_pidfd_open, child, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, *there, 0);
	ASSERT_GE(fd, 0);
	rest = limit_bytes - arena_bytes - 100 * page_size - 2 * LEAF_BYTES - RANGE_BYTES;
	EXPECT_EQ(rest, left_to(ALICE));
	EXPECT_EQ(-SIGKILL, end_child(child));
	EXPECT_EQ(rest, left_to(ALICE));
	/* What root populates here is on the creator's account too. */
	arena_take(fd, 0, 100, 50);
	rest -= 50 * page_size + LEAF_BYTES;
	EXPECT_EQ(rest, left_to(ALICE));
	EXPECT_EQ(0, arena_free(fd, 0, 10));
	EXPECT_EQ(rest + 10 * page_size, left_to(ALICE));
	close(fd);
	EXPECT_EQ(limit_bytes, left_to(ALICE));
	close(pidfd);
}

static int map_and_close(void *data)
{
	int fd = arena_on(device, PAGES);
	char *map = arena_map(fd, RDWR, 0, PAGES);
	__u64 rest;

	(void)data;
	arena_take(fd, 0, 0, 32);
	rest = limit_bytes - arena_bytes - 32 * page_size - LEAF_BYTES - RANGE_BYTES;
	close(fd);
	must(left() == rest);
	map[200 * page_size] = 1;
	rest -= page_size + LEAF_BYTES + RANGE_BYTES;
	must(left() == rest);
	must(munmap(map + page_size, (PAGES - 1) * page_size) == 0);
	must(left() == rest);
	must(munmap(map, page_size) == 0);
	must(left() == limit_bytes);
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
	must(left() == limit_bytes);
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
	EXPECT_EQ(limit_bytes - arena_bytes - 20 * page_size - LEAF_BYTES - RANGE_BYTES,
		  left_to(ALICE));
	EXPECT_EQ(limit_bytes, left_to(BOB));
	end_child(child);
	close(fd);
	close(pidfd);
	EXPECT_EQ(limit_bytes, left_to(ALICE));
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
		must(left() == 0);
		must(arena_alloc(fd, 0, 0, 1) == -EDQUOT);
		must(arena_free(fd, 0, 89) == 0);
		must(left() == 0);
		must(arena_free(fd, 89, 3) == 0);
		must(left() == 2 * page_size - LEAF_BYTES);
		must(arena_alloc(fd, 0, 0, 2) == -EDQUOT);
		must(arena_alloc(fd, 0, 0, 1) == 0);
		_exit(0);
	}
	wait_until(there, 1);
	set_limit(arena_bytes + LEAF_BYTES + RANGE_BYTES + 10 * page_size);
	set_flag(there, 2);
	EXPECT_EQ(0, reap(child));
}

/* Memory that the kernel itself cannot use is not for objects, either. */
TEST_F(limit, is_a_quarter_of_what_is_not_movable_by_default)
{
	set_limit(0);
	EXPECT_LT(4, unmovable_pages());
	EXPECT_EQ(unmovable_pages() / 4 * page_size, left_to(ALICE));
}

#define NOT_ALLOWED	77

/* The capability must be the initial user namespace's. */
static int unshare_user(void *data)
{
	(void)data;
	if (unshare(CLONE_NEWUSER))
		return NOT_ALLOWED;
	must(left() == limit_bytes);
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
