// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals under way. One that is not fatal fails no call: EINTR means that the
 * process is about to die. And one that is fatal stops a long call soon, of which
 * only that is left which the header says.
 */
#define _GNU_SOURCE
#include "calls.h"
#include "kselftest_harness.h"

static volatile sig_atomic_t handled;

static void handle(int sig)
{
	(void)sig;
	handled++;
}

/*
 * A child that does nothing but send signals to its parent, who goes on once the first
 * came; with a pause that leaves an emulated machine time for more than handlers.
 */
static pid_t begin_storm(int flags)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = flags };
	pid_t parent = getpid();
	pid_t child;

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	child = fork_child();
	if (!child) {
		for (;;) {
			kill(parent, SIGUSR1);
			usleep(1);
		}
	}
	for (handled = 0; !handled;)
		sched_yield();
	return child;
}

static void end_storm(pid_t child)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	end_child(child);
	printf("# %d signals\n", (int)handled);
}

/* What makes a process an owner for the first time, each way. */
static int first_use(const struct world *world, unsigned int way)
{
	struct karena_ring_attach args = {
		.size = sizeof(args), .flags = KARENA_ATTACH_F_CONSUME,
	};
	int fd = world->fd[RING];
	char space[4096];

	switch (way % 3) {
	case 0:
		return reserve_record(fd) ? 0 : errno;
	case 1:
		return outcome(read(fd, space, sizeof(space)));
	}
	return outcome(ioctl(fd, KARENA_IOC_RING_ATTACH, &args));
}

FIXTURE(signals) {
};

FIXTURE_VARIANT(signals) {
	int flags;
};

FIXTURE_VARIANT_ADD(signals, restart) { .flags = SA_RESTART };
FIXTURE_VARIANT_ADD(signals, no_restart) { .flags = 0 };

FIXTURE_SETUP(signals)
{
}

FIXTURE_TEARDOWN(signals)
{
}

TEST_F(signals, none_but_a_fatal_one_fails_a_call)
{
	const struct call *call;
	unsigned long round;
	struct world world;
	union args args;
	pid_t storm;

	world_build(&world);
	storm = begin_storm(variant->flags);
	for (round = 0; round < scaled(20); round++) {
		for (call = calls; call < calls + NR_CALLS; call++) {
			world_renew(&world);
			call_prepare(&world, call, &args);
			EXPECT_EQ(0, try_call(world.fd[call_kind(call)], call, &args))
				TH_LOG("%s", call->name);
		}
	}
	end_storm(storm);
	world_end(&world);
}

/* Only once in a process's life is it the first. */
static int first_use_in_a_storm(const struct world *world, unsigned int way, int flags)
{
	pid_t storm = begin_storm(flags);
	int ret = first_use(world, way);

	end_child(storm);
	return ret;
}

TEST_F(signals, none_but_a_fatal_one_fails_the_first_use_of_a_ring)
{
	unsigned long round;
	struct world world;
	pid_t child;

	world_build(&world);
	for (round = 0; round < scaled(100); round++) {
		world_renew(&world);
		child = fork_child();
		if (!child)
			_exit(first_use_in_a_storm(&world, round, variant->flags));
		EXPECT_EQ(0, reap(child))
			TH_LOG("way %lu", round % 3);
	}
	world_end(&world);
}

#define LONG_CALL	40000

/*
 * Of a long call on allocated pages, by a process that is killed meanwhile: out_done,
 * which it has in memory that outlives it, tells how far it came, to the page. The
 * structs of free and decommit are alike.
 */
static void check_killed(struct __test_metadata *_metadata, unsigned long command)
{
	struct karena_arena_free *args = shared_memory(page_size);
	struct karena_arena_range rest;
	struct karena_arena_stat stat;
	int arena, round, cut_short = 0;
	pid_t child;

	arena = arena_new(0, LONG_CALL);
	/* Until one is caught in it: whoever kills may come too late any number of times. */
	for (round = 0; round < 8 || !cut_short; round++) {
		arena_take(arena, 0, 0, LONG_CALL);
		*args = (struct karena_arena_free) {
			.size = sizeof(*args),
			.nr_pages = LONG_CALL,
			.out_done = ~0ull,
		};
		child = fork_child();
		if (!child)
			_exit(outcome(ioctl(arena, command, args)));
		do {
			stat = arena_stat(arena);
		} while (stat.out_allocated == LONG_CALL);
		if (end_child(child) == -SIGKILL && args->out_done < LONG_CALL)
			cut_short++;

		stat = arena_stat(arena);
		EXPECT_EQ(LONG_CALL - stat.out_allocated, args->out_done);
		EXPECT_EQ(stat.out_allocated, stat.out_populated);
		EXPECT_EQ(command == KARENA_IOC_ARENA_DECOMMIT ? args->out_done : 0,
			  stat.out_reserved);
		if (stat.out_allocated) {
			rest = arena_range(arena, args->out_done);
			EXPECT_EQ(args->out_done * page_size, rest.offset);
			EXPECT_EQ(KARENA_PAGE_ALLOCATED, rest.state);
			EXPECT_EQ(stat.out_allocated, rest.nr_pages);
		}
		EXPECT_EQ(0, arena_free(arena, 0, LONG_CALL));
	}
	close(arena);
}

TEST(killed_free_tells_how_far_it_came)
{
	check_killed(_metadata, KARENA_IOC_ARENA_FREE);
}

TEST(killed_decommit_tells_how_far_it_came)
{
	check_killed(_metadata, KARENA_IOC_ARENA_DECOMMIT);
}

/* All or nothing: an allocation whose process is killed leaves no page behind. */
TEST(killed_alloc_leaves_nothing)
{
	const __u64 nr_pages = 40000;
	struct karena_arena_stat stat;
	int arena, round, err;
	pid_t child;

	arena = arena_new(0, nr_pages);
	for (round = 0; round < 8; round++) {
		child = fork_child();
		if (!child)
			_exit(-arena_alloc(arena, 0, 0, nr_pages));
		pause_ms(5 * round);
		err = end_child(child);
		stat = arena_stat(arena);
		EXPECT_EQ(err == -SIGKILL ? stat.out_allocated : nr_pages, stat.out_allocated);
		EXPECT_TRUE(!stat.out_allocated || stat.out_allocated == nr_pages);
		EXPECT_EQ(stat.out_allocated, stat.out_populated);
		EXPECT_EQ(0, arena_free(arena, 0, nr_pages));
	}
	close(arena);
}

TEST_HARNESS_MAIN
