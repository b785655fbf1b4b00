// SPDX-License-Identifier: GPL-2.0-only
/*
 * What device and arenas refuse, by errno, in so far as it is not for the
 * arguments alone: limits of files, of the user, of the memory cgroup, and pages in
 * a state that does not suit. After a refusal all is as before it.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/stat.h>

#include "calls.h"
#include "kselftest_harness.h"

#define NOBODY		65534
#define CEILING		"/sys/module/karena/parameters/user_max_bytes"
#define FILE_MAX	"/proc/sys/fs/file-max"
#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/call_errors"

static union args args;

FIXTURE(errors) {
};

FIXTURE_SETUP(errors)
{
	world_build(&world);
}

FIXTURE_TEARDOWN(errors)
{
	world_end(&world);
}

/* The prepared call fails with @err, and nothing has changed. */
static void refused(struct __test_metadata *_metadata, const struct call *call, int err)
{
	struct snapshot before = take_snapshot(&world), after;

	EXPECT_EQ(err, try_call(world.fd[call_kind(call)], call, &args))
		TH_LOG("%s", call->name);
	after = take_snapshot(&world);
	EXPECT_TRUE(same_snapshot(&before, &after)) TH_LOG("%s", call->name);
}

static void prepare(const struct call *call)
{
	call_prepare(&world, call, &args);
}

TEST_F(errors, emfile_where_the_process_has_no_fd_left)
{
	struct rlimit few, was;
	const struct call *call;
	struct snapshot before, after;
	int err;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &was));
	for (call = calls; call < calls + NR_CALLS; call++) {
		if (!call->makes_fd)
			continue;
		prepare(call);
		before = take_snapshot(&world);
		few = (struct rlimit){ before.next_fd, was.rlim_max };
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
		err = try_call(world.fd[call_kind(call)], call, &args);
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &was));
		after = take_snapshot(&world);
		EXPECT_EQ(EMFILE, err) TH_LOG("%s", call->name);
		EXPECT_TRUE(same_snapshot(&before, &after)) TH_LOG("%s", call->name);
	}
}

/*
 * Without the privilege to go beyond it. There must be some files for the kernel
 * to look at all: it counts them by processor.
 */
TEST_F(errors, enfile_where_the_system_has_no_file_left)
{
	const struct call *call;
	char was[32] = "";
	unsigned int i;
	pid_t child;

	for (i = 0; i < 400; i++)
		ASSERT_LE(0, open("/dev/null", O_RDONLY));
	ASSERT_LT(0, read_file(FILE_MAX, was, sizeof(was)));
	ASSERT_EQ(0, write_file(FILE_MAX, "1"));
	child = fork_child();
	if (!child) {
		must(setuid(NOBODY) == 0);
		for (call = calls; call < calls + NR_CALLS; call++) {
			if (!call->makes_fd)
				continue;
			prepare(call);
			must(try_call(world.fd[call_kind(call)], call, &args) == ENFILE);
			must(bytes_left(world.fd[DEVICE]) != ~0ull);
		}
		_exit(0);
	}
	EXPECT_EQ(0, reap(child));
	EXPECT_EQ(0, write_file(FILE_MAX, was));
}

/* A process of a user who may hold @pages runs @run. */
static int within_limit(unsigned int pages, void (*run)(void))
{
	char text[32], was[32] = "";
	pid_t child;
	int status;

	must(read_file(CEILING, was, sizeof(was)) > 0);
	snprintf(text, sizeof(text), "%lu", (unsigned long)(pages * page_size));
	must(write_file(CEILING, text) == 0);
	child = fork_child();
	if (!child) {
		must(setuid(NOBODY) == 0);
		must(bytes_left(world.fd[DEVICE]) == pages * page_size);
		world_renew(&world);
		run();
		_exit(0);
	}
	status = reap(child);
	must(write_file(CEILING, was) == 0);
	return status;
}

static void must_be_refused(const struct call *call, int err)
{
	struct snapshot before = take_snapshot(&world), after;

	must(try_call(world.fd[call_kind(call)], call, &args) == err);
	after = take_snapshot(&world);
	must(same_snapshot(&before, &after));
}

static void meet_the_limit(void)
{
	/* The world holds four pages of 64, and the ring's. */
	prepare(&calls[CALL_arena_alloc]);
	args.alloc.nr_pages = WORLD_PAGES - 20;
	must_be_refused(&calls[CALL_arena_alloc], EDQUOT);

	while (arena_alloc(world.fd[ARENA], 0, 0, 1) >= 0)
		;
	must(errno == EDQUOT && bytes_left(world.fd[DEVICE]) < 2 * page_size);
	prepare(&calls[CALL_arena_alloc]);
	args.alloc.nr_pages = 1;
	must_be_refused(&calls[CALL_arena_alloc], EDQUOT);
	prepare(&calls[CALL_arena_commit]);
	must_be_refused(&calls[CALL_arena_commit], EDQUOT);
	prepare(&calls[CALL_ring_create]);
	must_be_refused(&calls[CALL_ring_create], EDQUOT);

	/* What is of no size takes less, and is refused in the end. */
	do
		prepare(&calls[CALL_reopen]);
	while (ioctl(world.fd[ARENA], KARENA_IOC_REOPEN, &args) >= 0);
	must(errno == EDQUOT && bytes_left(world.fd[DEVICE]) < 1024);
	must_be_refused(&calls[CALL_reopen], EDQUOT);
	prepare(&calls[CALL_arena_create]);
	must_be_refused(&calls[CALL_arena_create], EDQUOT);
}

TEST_F(errors, edquot_at_the_users_limit)
{
	EXPECT_EQ(0, within_limit(40, meet_the_limit));
}

/* More than the cgroup may have, in a child that is in it. */
static void exceed_cgroup(void)
{
	const __u64 many = 64 << 20;
	int fd = arena_new(0, many / page_size);
	struct snapshot before;

	must(write_file(CGROUP "/cgroup.procs", "0") == 0);
	close(world.fd[ARENA]);
	world.fd[ARENA] = fd;
	must(arena_reserve(fd, 0, 0, many / page_size / 2) == 0);

	prepare(&calls[CALL_arena_alloc]);
	args.alloc.nr_pages = many / page_size / 2;
	before = take_snapshot(&world);
	must(before.arena.out_allocated == 0);
	must_be_refused(&calls[CALL_arena_alloc], ENOMEM);
	prepare(&calls[CALL_arena_commit]);
	args.commit.offset = 0;
	args.commit.nr_pages = many / page_size / 2;
	must_be_refused(&calls[CALL_arena_commit], ENOMEM);
	prepare(&calls[CALL_ring_create]);
	args.ring_create.data_bytes = many;
	must_be_refused(&calls[CALL_ring_create], ENOMEM);
}

TEST_F(errors, enomem_at_the_memory_cgroups_limit)
{
	pid_t child;

	ASSERT_EQ(0, write_file(CGROUPS "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	ASSERT_EQ(0, write_file(CGROUP "/memory.max", "16777216"));
	child = fork_child();
	if (!child) {
		exceed_cgroup();
		_exit(0);
	}
	EXPECT_EQ(0, reap(child));
	remove_cgroup(CGROUP);
	EXPECT_EQ(0, file_number(CGROUPS "/memory.events", "oom_kill ") > 0);
}

/* More than all memory there is: at once, and without taking it from anybody. */
TEST_F(errors, enomem_for_more_than_there_is)
{
	__u64 pages = sysconf(_SC_PHYS_PAGES);
	int64_t begin;

	close(world.fd[ARENA]);
	world.fd[ARENA] = arena_new(0, 1ull << 40);
	ASSERT_EQ(0, arena_reserve(world.fd[ARENA], 0, 0, 1ull << 39));
	begin = now_ms();
	prepare(&calls[CALL_arena_alloc]);
	args.alloc.nr_pages = pages + 1;
	refused(_metadata, &calls[CALL_arena_alloc], ENOMEM);
	args.alloc.nr_pages = 1ull << 39;
	refused(_metadata, &calls[CALL_arena_alloc], ENOMEM);
	prepare(&calls[CALL_arena_commit]);
	args.commit.offset = 0;
	args.commit.nr_pages = 1ull << 39;
	refused(_metadata, &calls[CALL_arena_commit], ENOMEM);
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

/* The first page, one in the middle, the last. */
static const unsigned int places[] = { 0, 1, 3 };

TEST_F(errors, ebusy_where_a_page_is_not_free)
{
	static const unsigned int taken[] = { WORLD_ALLOCATED + 3, WORLD_LAZY, WORLD_RESERVED,
					      WORLD_GUARD };
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(taken); i++) {
		/* Alone between free pages. */
		world_renew(&world);
		ASSERT_EQ(0, arena_free(world.fd[ARENA], 0, taken[i]));
		ASSERT_EQ(0, arena_free(world.fd[ARENA], taken[i] + 1,
					WORLD_PAGES - taken[i] - 1));
		for (k = 0; k < ARRAY_LEN(places); k++) {
			if (places[k] > taken[i])
				continue;
			prepare(&calls[CALL_arena_alloc]);
			args.flags = KARENA_ALLOC_F_FIXED;
			args.alloc.offset = (taken[i] - places[k]) * page_size;
			args.alloc.nr_pages = 4;
			refused(_metadata, &calls[CALL_arena_alloc], EBUSY);
			args.flags |= KARENA_ALLOC_F_LAZY;
			refused(_metadata, &calls[CALL_arena_alloc], EBUSY);
			prepare(&calls[CALL_arena_reserve]);
			args.reserve.offset = (taken[i] - places[k]) * page_size;
			args.reserve.nr_pages = 4;
			refused(_metadata, &calls[CALL_arena_reserve], EBUSY);
			args.flags = KARENA_RESERVE_F_GUARD;
			refused(_metadata, &calls[CALL_arena_reserve], EBUSY);
		}
	}
}

/* One page of four is in another state than all must be. */
TEST_F(errors, ebusy_where_commit_and_decommit_find_another_state)
{
	unsigned int k;

	for (k = 0; k < ARRAY_LEN(places); k++) {
		world_renew(&world);
		ASSERT_EQ(0, arena_free(world.fd[ARENA], WORLD_RESERVED + places[k], 1));
		prepare(&calls[CALL_arena_commit]);
		args.commit.offset = WORLD_RESERVED * page_size;
		args.commit.nr_pages = 4;
		refused(_metadata, &calls[CALL_arena_commit], EBUSY);
		args.flags = KARENA_COMMIT_F_LAZY;
		refused(_metadata, &calls[CALL_arena_commit], EBUSY);

		ASSERT_EQ(0, arena_free(world.fd[ARENA], WORLD_ALLOCATED + places[k], 1));
		prepare(&calls[CALL_arena_decommit]);
		args.decommit.offset = WORLD_ALLOCATED * page_size;
		args.decommit.nr_pages = 4;
		refused(_metadata, &calls[CALL_arena_decommit], EBUSY);
		ASSERT_EQ(0, arena_reserve(world.fd[ARENA], KARENA_RESERVE_F_GUARD,
					   WORLD_ALLOCATED + places[k], 1));
		refused(_metadata, &calls[CALL_arena_decommit], EBUSY);
	}
}

TEST_F(errors, enoent_where_a_strict_free_finds_a_page_not_allocated)
{
	static const unsigned int firsts[] = { WORLD_LAZY, WORLD_LAZY + 1, WORLD_RESERVED,
					       WORLD_GUARD, 40 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(firsts); i++) {
		prepare(&calls[CALL_arena_free]);
		args.flags = KARENA_FREE_F_STRICT;
		args.free.offset = firsts[i] * page_size;
		args.free.nr_pages = 4;
		refused(_metadata, &calls[CALL_arena_free], ENOENT);
	}
	args.free.offset = WORLD_ALLOCATED * page_size;
	args.free.nr_pages = 6;
	EXPECT_EQ(0, try_call(world.fd[ARENA], &calls[CALL_arena_free], &args));
	refused(_metadata, &calls[CALL_arena_free], ENOENT);
}

TEST_F(errors, enospc_where_no_gap_is_large_enough)
{
	/* Free: 6 and 7, 12 and 13, from 15 to the end. */
	prepare(&calls[CALL_arena_alloc]);
	args.alloc.nr_pages = WORLD_PAGES - 15;
	EXPECT_EQ(0, try_call(world.fd[ARENA], &calls[CALL_arena_alloc], &args));
	EXPECT_EQ(15 * page_size, args.alloc.out_offset);
	args.alloc.nr_pages = 3;
	refused(_metadata, &calls[CALL_arena_alloc], ENOSPC);
	args.flags = KARENA_ALLOC_F_LAZY;
	refused(_metadata, &calls[CALL_arena_alloc], ENOSPC);
	args.alloc.nr_pages = 1;
	args.alloc.align = 8 * page_size;
	refused(_metadata, &calls[CALL_arena_alloc], ENOSPC);
	args.alloc.align = 4 * page_size;
	EXPECT_EQ(0, try_call(world.fd[ARENA], &calls[CALL_arena_alloc], &args));
	EXPECT_EQ(12 * page_size, args.alloc.out_offset);
}

TEST_F(errors, einval_for_what_does_not_go_together)
{
	prepare(&calls[CALL_arena_create]);
	args.arena_create.fault_pages = 65;
	refused(_metadata, &calls[CALL_arena_create], EINVAL);
	args.arena_create.fault_pages = 0xffffffff;
	refused(_metadata, &calls[CALL_arena_create], EINVAL);
	args.arena_create.fault_pages = 64;
	EXPECT_EQ(0, try_call(world.fd[DEVICE], &calls[CALL_arena_create], &args));
	args.arena_create.address = 1ull << 32;
	refused(_metadata, &calls[CALL_arena_create], EINVAL);

	/* FIXED, and the offset not as aligned as is asked for. */
	prepare(&calls[CALL_arena_alloc]);
	args.flags = KARENA_ALLOC_F_FIXED;
	args.alloc.offset = 33 * page_size;
	args.alloc.align = 2 * page_size;
	refused(_metadata, &calls[CALL_arena_alloc], EINVAL);
	args.alloc.offset = 34 * page_size;
	EXPECT_EQ(0, try_call(world.fd[ARENA], &calls[CALL_arena_alloc], &args));
}

TEST_HARNESS_MAIN
