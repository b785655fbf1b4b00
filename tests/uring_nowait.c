// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a command may not sleep, it does not: what has to, or takes long, is turned away, and
 * done by a worker of io_uring's; what need not is done at once, by the caller.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "kselftest_harness.h"
#include "uring_calls.h"

/* Has this process a worker of io_uring's? The last of them stays for seconds at least. */
static bool has_worker(void)
{
	struct dirent *entry;
	char path[300], name[32];
	bool has = false;
	DIR *dir;

	dir = opendir("/proc/self/task");
	must(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (read_file(path, name, sizeof(name)) > 0 && !strncmp(name, "iou-wrk", 7))
			has = true;
	}
	closedir(dir);
	return has;
}

/* Was it done by a worker? In a process that had none before, and may be an owner. */
static bool is_done_by_worker(const struct call *call, unsigned int flags, bool owner)
{
	struct world world;
	union args args;
	int res;

	world_build(&world);
	if (owner)
		must(reserve_record(world.fd[RING]));
	uring_open(flags);
	must(!has_worker());
	call_prepare(&world, call, &args);
	res = by_pointer(world.fd[call_kind(call)], call->number, &args);
	must(res >= 0);
	return has_worker();
}

FIXTURE(nowait) {
	int device;
};

FIXTURE_VARIANT(nowait) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(nowait, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(nowait, deferred) {
	.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(nowait, sqpoll) { .flags = IORING_SETUP_SQPOLL };

FIXTURE_SETUP(nowait)
{
}

FIXTURE_TEARDOWN(nowait)
{
}

TEST_F(nowait, what_sleeps_is_done_by_a_worker_and_nothing_else)
{
	struct world world;
	bool is_there[NR_CALLS];
	pid_t child;
	int i;

	world_build(&world);
	for (i = 0; i < NR_CALLS; i++)
		is_there[i] = kernel_can(&calls[i], &world);
	world_end(&world);
	for (i = 0; i < NR_CALLS; i++) {
		if (!is_there[i])
			continue;
		child = fork_child();
		if (!child)
			_exit(2 + is_done_by_worker(&calls[i], variant->flags, true));
		EXPECT_EQ(2 + calls[i].sleeps, reap(child)) TH_LOG("%s", calls[i].name);
	}
}

TEST_F(nowait, first_reservation_of_a_process_is_by_a_worker)
{
	pid_t child = fork_child();

	if (!child)
		_exit(2 + is_done_by_worker(&calls[CALL_ring_reserve], variant->flags, false));
	EXPECT_EQ(3, reap(child));
}

static bool long_alloc_is_by_worker(uint64_t nr_pages, uint64_t align)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.nr_pages = nr_pages,
		.align = align,
		.node = KARENA_NODE_ANY,
	};
	struct world world;

	world_build(&world);
	uring_open(0);
	must(!has_worker());
	must(by_pointer(arena_on(world.fd[DEVICE], 4096), KARENA_IOC_ARENA_ALLOC, &args) == 0);
	return has_worker();
}

/* Whoever issues a command waits for neither many pages nor a search. */
TEST(allocation_that_may_take_long_is_by_a_worker)
{
	static const struct { uint64_t nr_pages, align; bool worker; } cases[] = {
		{ 1, 0, false }, { 64, 0, false }, { 65, 0, true }, { 1, 1 << 20, true },
	};
	pid_t child;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		child = fork_child();
		if (!child)
			_exit(2 + long_alloc_is_by_worker(cases[i].nr_pages, cases[i].align));
		EXPECT_EQ(2 + cases[i].worker, reap(child)) TH_LOG("case %zu", i);
	}
}

TEST_HARNESS_MAIN
