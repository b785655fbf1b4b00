// SPDX-License-Identifier: GPL-2.0-only
/*
 * What objects take beside pages is charged to their user as well: however many there are
 * and of whatever kind, memory that the kernel takes for them stays at the user's limit.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/stat.h>

#include "calls.h"
#include "kselftest_harness.h"

#define CEILING		"/sys/module/karena/parameters/user_max_bytes"
#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/karena_cost"
#define USER		54321
#define LIMIT_BYTES	(4ull << 20)
#define FILES_MAX	65536

struct spender {
	int ready;
	int go;
	int done;
	int end;
	int nr;
};

FIXTURE(cost) {
	char was[32];
	struct spender *shared;
	int device;
};

FIXTURE_SETUP(cost)
{
	struct rlimit files = { FILES_MAX, FILES_MAX };
	char text[32];

	ASSERT_LT(0, read_file(CEILING, self->was, sizeof(self->was)));
	snprintf(text, sizeof(text), "%llu", LIMIT_BYTES);
	ASSERT_EQ(0, write_file(CEILING, text));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, write_file(CGROUPS "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	self->device = device_open();
	self->shared = shared_memory(sizeof(*self->shared));
}

FIXTURE_TEARDOWN(cost)
{
	remove_cgroup(CGROUP);
	close(self->device);
	write_file(CEILING, self->was);
}

/* What the kernel itself has taken for the cgroup, without page tables. */
static long long kernel_bytes(void)
{
	/* Counts of single CPUs are added up every other second. */
	pause_ms(2500);
	return file_number(CGROUP "/memory.stat", "kernel ") -
	       file_number(CGROUP "/memory.stat", "pagetables ") -
	       file_number(CGROUP "/memory.stat", "kernel_stack ");
}

/* Kernels that look for errors take more for each object, of which nothing is charged. */
static bool objects_are_padded(void)
{
	return file_number("/sys/kernel/slab/kmalloc-64/slab_size", "") != 64;
}

typedef FIXTURE_DATA(cost) cost_data;

/*
 * A user spends the limit by @spend, which is to come to it. Its files' table was as large
 * as it will be. The memory may be a tenth more.
 */
static void expect_within_the_limit(struct __test_metadata *_metadata, cost_data *self,
				    int (*spend)(int device))
{
	struct spender *shared = self->shared;
	long long before, after;
	pid_t pid;

	pid = fork_child();
	if (!pid) {
		must(dup2(self->device, FILES_MAX - 1) >= 0);
		must(write_file(CGROUP "/cgroup.procs", "0") == 0);
		must(setresuid(USER, USER, USER) == 0);
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		must(bytes_left(self->device) == LIMIT_BYTES);
		set_flag(&shared->ready, 1);
		wait_until(&shared->go, 1);
		shared->nr = spend(self->device);
		must(errno == EDQUOT);
		set_flag(&shared->done, 1);
		wait_until(&shared->end, 1);
		_exit(0);
	}
	wait_until(&shared->ready, 1);
	before = kernel_bytes();
	set_flag(&shared->go, 1);
	wait_until(&shared->done, 1);
	after = kernel_bytes();
	set_flag(&shared->end, 1);
	EXPECT_EQ(0, reap(pid));
	printf("# %d before the limit, which took %lld bytes of %llu\n", shared->nr,
	       after - before, LIMIT_BYTES);
	EXPECT_LT(0, shared->nr);
	/* And it is not that far more is charged than is taken. */
	EXPECT_LT((long long)LIMIT_BYTES / 2, after - before);
	EXPECT_GT((long long)LIMIT_BYTES * (objects_are_padded() ? 40 : 11) / 10, after - before);
}

static int make_arenas(int device)
{
	struct karena_arena_create args = {
		.size = sizeof(args), .length = 1ull << 40, .node = KARENA_NODE_ANY,
	};
	int nr = 0;

	while (ioctl(device, KARENA_IOC_ARENA_CREATE, &args) >= 0)
		nr++;
	return nr;
}

TEST_F(cost, of_empty_arenas_is_within_the_limit)
{
	expect_within_the_limit(_metadata, self, make_arenas);
}

static int make_ranges(int device)
{
	int fd, nr = 0, i;

	do {
		fd = arena_on(device, 1024);
		for (i = 0; i < 64; i++) {
			if (arena_reserve(fd, 0, 2 * i, 1))
				return nr;
		}
		nr++;
	} while (bytes_left(device) > 16384);
	make_arenas(device);
	return nr;
}

TEST_F(cost, of_arenas_with_many_ranges_is_within_the_limit)
{
	expect_within_the_limit(_metadata, self, make_ranges);
}

static int make_files(int device)
{
	struct karena_rights args = { .size = sizeof(args) };
	int fd = arena_on(device, 1), nr = 0;

	while (ioctl(fd, KARENA_IOC_REOPEN, &args) >= 0)
		nr++;
	return nr;
}

TEST_F(cost, of_open_files_is_within_the_limit)
{
	expect_within_the_limit(_metadata, self, make_files);
}

static int make_rings(int device)
{
	int nr = 0;

	while (ring_on(device, page_size, 0) >= 0)
		nr++;
	return nr;
}

TEST_F(cost, of_small_rings_is_within_the_limit)
{
	expect_within_the_limit(_metadata, self, make_rings);
}

/* Each has a path of its own of nodes that lead to it. */
static int make_isolated_pages(int device)
{
	struct karena_arena_create create = {
		.size = sizeof(create), .length = 1ull << 62, .node = KARENA_NODE_ANY,
	};
	struct karena_arena_alloc args = {
		.size = sizeof(args), .flags = KARENA_ALLOC_F_FIXED, .nr_pages = 1,
		.node = KARENA_NODE_ANY,
	};
	int fd = ioctl(device, KARENA_IOC_ARENA_CREATE, &create), nr = 0;

	must(fd >= 0);
	while (ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args) == 0) {
		args.offset += 1ull << 50;
		nr++;
	}
	return nr;
}

TEST_F(cost, of_isolated_pages_is_within_the_limit)
{
	expect_within_the_limit(_metadata, self, make_isolated_pages);
}

TEST_HARNESS_MAIN
