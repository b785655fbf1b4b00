// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory of arenas is charged to: the user's ceiling and the memory cgroup, and
 * what happens where they end.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/*
 * The user's ceiling. The child has no capabilities and a uid that nothing else
 * runs under.
 */
#define CEILING_PAGES	64
#define CEILING_UID	54321
#define CEILING		"/sys/module/karena/parameters/user_max_bytes"

/* Set for each case; see metadata_bytes(). */
static uint64_t ceiling_bytes;

FIXTURE(ceiling)
{
	char was[32];
};

static uint64_t user_left(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_user_left_bytes;
}

static void become_user(void)
{
	must(setgid(CEILING_UID) == 0 && setuid(CEILING_UID) == 0);
	must(user_left() == ceiling_bytes);
}

static void set_ceiling(uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	must(write_file(CEILING, text) == 0);
	ceiling_bytes = bytes;
}

/*
 * What is charged for an arena beside its pages, with the most ranges and nodes of the page
 * tree that a case makes. Structs are larger on debug kernels.
 */
static uint64_t metadata_bytes(void)
{
	uint64_t bytes = 0;
	int fds[2];
	pid_t pid;

	set_ceiling(2 * CEILING_PAGES * page_size);
	must(pipe(fds) == 0);
	pid = fork_child();
	if (!pid) {
		int fd;

		become_user();
		fd = arena_new(0, 256);
		arena_take(fd, 0, 5, 1);
		arena_take(fd, 0, 128, CEILING_PAGES - 1);
		must(arena_reserve(fd, 0, 200, 8) == 0);
		bytes = ceiling_bytes - user_left() - CEILING_PAGES * page_size;
		must(write(fds[1], &bytes, sizeof(bytes)) == sizeof(bytes));
		_exit(0);
	}
	must(reap(pid) == 0);
	must(read(fds[0], &bytes, sizeof(bytes)) == sizeof(bytes));
	close(fds[0]);
	close(fds[1]);
	return bytes;
}

FIXTURE_SETUP(ceiling)
{
	ASSERT_LT(0, read_file(CEILING, self->was, sizeof(self->was)));
	ASSERT_EQ(0, chmod(KARENA_DEVICE, 0666));
	/* Cases with fewer ranges may spend the rest, which is less than a page. */
	set_ceiling(CEILING_PAGES * page_size + metadata_bytes());
}

FIXTURE_TEARDOWN(ceiling)
{
	chmod(KARENA_DEVICE, 0660);
	write_file(CEILING, self->was);
}

TEST_F(ceiling, touch_beyond_is_sigbus)
{
	pid_t pid = fork_child();

	if (!pid) {
		struct touch t;
		int64_t begin;
		char *map;
		int fd, i;

		become_user();
		fd = arena_new(0, 256);
		map = arena_map(fd, RDWR, 0, 256);
		for (i = 0; i < CEILING_PAGES; i++)
			must(touch_write(map + i * page_size, 1).sig == 0);
		must(user_left() < page_size);

		begin = now_ms();
		t = touch_write(map + i * page_size + 5, 1);
		must(t.sig == SIGBUS && t.address == map + i * page_size + 5);
		must(touch_in_kernel(map + i * page_size, true) == EFAULT);
		must(touch_in_kernel(map + i * page_size, false) == EFAULT);
		must(now_ms() - begin < HUNG_MS);

		must(arena_stat(fd).out_populated == CEILING_PAGES);
		must(arena_stat(fd).out_allocated == CEILING_PAGES);
		must(arena_stat(fd).out_faults_bus >= 3);
		must(page_state(fd, i) == KARENA_PAGE_FREE);

		must(arena_free(fd, 0, 1) == 0);
		must(touch_write(map + i * page_size + 5, 1).sig == 0);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ceiling, alloc_and_commit_beyond_change_nothing)
{
	pid_t pid = fork_child();

	if (!pid) {
		int fd;

		become_user();
		fd = arena_new(0, 256);
		must(arena_reserve(fd, 0, 200, 8) == 0);
		arena_take(fd, 0, 0, CEILING_PAGES - 4);
		must(arena_alloc(fd, 0, 0, 5) == -EDQUOT);
		must(arena_commit(fd, 0, 200, 5) == -EDQUOT);
		must(page_state(fd, 200) == KARENA_PAGE_RESERVED);
		must(arena_stat(fd).out_allocated == CEILING_PAGES - 4);
		must(user_left() / page_size == 4);
		/* What takes no memory is not held back. */
		must(arena_alloc(fd, KARENA_ALLOC_F_LAZY, 0, 100) >= 0);
		must(arena_commit(fd, KARENA_COMMIT_F_LAZY, 200, 4) == 0);
		must(arena_commit(fd, 0, 204, 4) == 0);
		must(user_left() < page_size);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

/* Where the ceiling leaves less than a batch, the touched page goes first. */
TEST_F(ceiling, batch_shrinks_to_what_is_left)
{
	pid_t pid = fork_child();

	if (!pid) {
		char *map;
		int fd;

		become_user();
		fd = arena_new_batch(0, 256, 16);
		arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 256);
			map = arena_map(fd, RDWR, 0, 256);
		must(arena_free(fd, 128, 128) == 0);
		arena_take(fd, 0, 128, CEILING_PAGES - 1);
		must(touch_write(map + 5 * page_size, 1).sig == 0);
		must(touch_write(map + 6 * page_size, 1).sig == SIGBUS);
		must(arena_stat(fd).out_populated == CEILING_PAGES);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ceiling, exempt_with_cap_ipc_lock)
{
	int fd = arena_new(0, 256);

	EXPECT_EQ(~0ull, user_left());
	EXPECT_EQ(0, arena_alloc(fd, 0, 0, 2 * CEILING_PAGES));
}

/*
 * A memory cgroup with little left. Whoever has used it up must not
 * be charged for anything but pages of the arena, or the kernel kills it.
 */
#define CGROUP		"/sys/fs/cgroup/karena_fault"
#define SPARE_BYTES	(512 << 10)

struct cgroup_child {
	int ready;		/* the child: mapped and prefaulted */
	int go;			/* the parent: the limit is set */
	int touched;
	int sig;
	int exact;
	int64_t took_ms;
	int syscall_error;
	int alloc_error;
	int commit_error;
	int unchanged;
	int done;
	int end;
};

FIXTURE(cgroup)
{
	struct cgroup_child *shared;
};

FIXTURE_SETUP(cgroup)
{
	self->shared = shared_memory(sizeof(*self->shared));
	ASSERT_EQ(0, write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
}

/* A killed child leaves its cgroup when it is reaped, its charges a moment later. */
FIXTURE_TEARDOWN(cgroup)
{
	remove_cgroup(CGROUP);
}

static void join_cgroup(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	must(write_file(CGROUP "/cgroup.procs", text) == 0);
}

static void prefault_stack(void)
{
	volatile char room[64 << 10];
	size_t i;

	for (i = 0; i < sizeof(room); i += 1024)
		room[i] = 1;
}

/* A window that one page table serves, with that table there. */
static char *map_in_one_table(int fd, unsigned long nr_pages)
{
	size_t table = page_size / sizeof(void *) * page_size;
	uintptr_t spare = (uintptr_t)mmap(NULL, 2 * table, PROT_NONE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *map = (char *)((spare + table - 1) / table * table);

	must(nr_pages * page_size <= table);
	must(mmap(map, nr_pages * page_size, RDWR, MAP_SHARED | MAP_FIXED, fd, 0) == map);
	return map;
}

static void use_up_cgroup(struct cgroup_child *shared)
{
	int zero = open("/dev/zero", O_RDONLY);
	struct touch t;
	int64_t begin;
	char *map;
	int fd, i;

	join_cgroup();
	/* What fork() left to copy: past the limit it would cost a life. */
	must(mlockall(MCL_CURRENT) == 0);
	fd = arena_new_batch(0, 1024, 1);
	map = map_in_one_table(fd, 512);
	map[0] = 1;
	must(arena_reserve(fd, 0, 768, 256) == 0);
	t = touch_write(NULL, 1);	/* The signal's way is in memory, too. */
	must(t.sig == SIGSEGV);
	now_ms();
	prefault_stack();
	set_flag(&shared->ready, 1);
	while (!get_flag(&shared->go))
		sched_yield();

	for (i = 1; i < 512; i++) {
		begin = now_ms();
		t = touch_write(map + i * page_size + 9, 1);
		if (t.sig)
			break;
	}
	shared->took_ms = now_ms() - begin;
	shared->touched = i;
	shared->sig = t.sig;
	shared->exact = t.address == map + i * page_size + 9;
	/* The search for memory may have found some for next time. */
	while (i < 512 && read(zero, map + i * page_size, 1) == 1)
		i++;
	shared->syscall_error = errno;
	shared->alloc_error = arena_alloc(fd, 0, 512, 256);
	shared->commit_error = arena_commit(fd, 0, 768, 256);
	shared->unchanged = page_state(fd, 512) == KARENA_PAGE_FREE &&
			    page_state(fd, 768) == KARENA_PAGE_RESERVED &&
			    arena_stat(fd).out_populated == (uint64_t)i;
	set_flag(&shared->done, 1);
	while (!get_flag(&shared->end))
		sched_yield();
	must(arena_free(fd, 0, 1024) == 0);
	must(touch_write(map + i * page_size, 1).sig == 0);
	_exit(0);
}

TEST_F(cgroup, touch_beyond_limit_is_sigbus_and_kills_nobody)
{
	struct cgroup_child *shared = self->shared;
	long long used, charged, lots = 2 * 64 * sysconf(_SC_NPROCESSORS_ONLN);
	char text[32];
	pid_t pid;

	pid = fork_child();
	if (!pid)
		use_up_cgroup(shared);
	wait_until(&shared->ready, 1);
	used = file_number(CGROUP "/memory.current", "");
	snprintf(text, sizeof(text), "%lld", used + SPARE_BYTES);
	ASSERT_EQ(0, write_file(CGROUP "/memory.max", text));
	set_flag(&shared->go, 1);
	wait_until(&shared->done, 1);
	charged = file_number(CGROUP "/memory.current", "");

	EXPECT_EQ(SIGBUS, shared->sig);
	EXPECT_EQ(1, shared->exact);
	EXPECT_GT(HUNG_MS, shared->took_ms);
	EXPECT_EQ(EFAULT, shared->syscall_error);
	EXPECT_EQ(-ENOMEM, shared->alloc_error);
	EXPECT_EQ(-ENOMEM, shared->commit_error);
	EXPECT_EQ(1, shared->unchanged);
	/*
	 * Charged in lots of 64 pages per CPU. Each may have begun with a whole one, and
	 * what other CPUs have left of theirs may just have been given back.
	 */
	EXPECT_LT(SPARE_BYTES / 8, charged - used);
	EXPECT_GE(SPARE_BYTES / (long long)page_size + lots, shared->touched);
	EXPECT_EQ(0, file_number(CGROUP "/memory.events", "oom_kill "));

	set_flag(&shared->end, 1);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, file_number(CGROUP "/memory.events", "oom_kill "));
}

/*
 * Pages out of the middle of a range, one by one, by a process at its memory cgroup's
 * limit: each leaves two ranges, for which there is no memory but beyond the limit. The
 * first FOREIGN pages were charged to another cgroup, so that nothing comes back for them.
 */
#define WINDOW	4096
#define FOREIGN	1024

static int punch_hole(int fd, char *map, unsigned long index)
{
	(void)map;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, index * page_size,
			 page_size) ? -errno : 0;
}

static int free_by_madvise(int fd, char *map, unsigned long index)
{
	(void)fd;
	return madvise(map + index * page_size, page_size, MADV_REMOVE) ? -errno : 0;
}

static int free_by_call(int fd, char *map, unsigned long index)
{
	(void)map;
	return arena_free(fd, index, 1);
}

static int decommit_by_call(int fd, char *map, unsigned long index)
{
	(void)map;
	return arena_decommit(fd, index, 1);
}

static void free_at_the_limit(struct cgroup_child *shared, int fd,
			      int (*free_one)(int fd, char *map, unsigned long index))
{
	size_t table = page_size / sizeof(void *);
	unsigned long i, next = FOREIGN;
	char *map;

	join_cgroup();
	/* What fork() left to copy, the stack, and page tables: they are not for the limit. */
	must(mlockall(MCL_CURRENT) == 0);
	prefault_stack();
	map = arena_map(fd, RDWR, 0, WINDOW);
	for (i = 0; i < WINDOW; i += table)
		map[i * page_size] = 1;
	map[(WINDOW - 1) * page_size] = 1;
	must(touch_write(NULL, 1).sig == SIGSEGV);
	set_flag(&shared->ready, 1);
	while (!get_flag(&shared->go))
		sched_yield();

	while (next < WINDOW && touch_write(map + next * page_size, 1).sig == 0)
		next++;
	must(next < WINDOW);
	for (i = 1; i < next; i += 2) {
		must(free_one(fd, map, i) == 0);
		shared->touched++;
		/* Up to the limit again. */
		while (next < WINDOW && touch_write(map + next * page_size, 1).sig == 0)
			next++;
	}
	_exit(0);
}

static void expect_free_at_the_limit(struct __test_metadata *_metadata,
				     struct cgroup_child *shared,
				     int (*free_one)(int fd, char *map, unsigned long index))
{
	int fd = arena_new_batch(0, WINDOW, 1);
	char *map = arena_map(fd, RDWR, 0, FOREIGN);
	char text[32];
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, WINDOW);
	memset(map, 1, FOREIGN * page_size);
	munmap(map, FOREIGN * page_size);
	pid = fork_child();
	if (!pid)
		free_at_the_limit(shared, fd, free_one);
	wait_until(&shared->ready, 1);
	snprintf(text, sizeof(text), "%lld",
		 file_number(CGROUP "/memory.current", "") + SPARE_BYTES);
	ASSERT_EQ(0, write_file(CGROUP "/memory.max", text));
	set_flag(&shared->go, 1);
	EXPECT_EQ(0, reap(pid)) TH_LOG("after %d pages", shared->touched);
	EXPECT_LT(FOREIGN / 2, shared->touched);
	EXPECT_EQ(0, file_number(CGROUP "/memory.events", "oom_kill "));
	ASSERT_EQ(0, write_file(CGROUP "/memory.max", "max"));
	close(fd);
}

TEST_F(cgroup, free_at_the_limit_kills_nobody)
{
	expect_free_at_the_limit(_metadata, self->shared, free_by_call);
}

TEST_F(cgroup, decommit_at_the_limit_kills_nobody)
{
	expect_free_at_the_limit(_metadata, self->shared, decommit_by_call);
}

TEST_F(cgroup, hole_punching_at_the_limit_kills_nobody)
{
	expect_free_at_the_limit(_metadata, self->shared, punch_hole);
	expect_free_at_the_limit(_metadata, self->shared, free_by_madvise);
}

#define CHARGED_PAGES 2048

/*
 * Has somebody in the cgroup populate CHARGED_PAGES pages of an arena, and frees all of
 * it from outside. Returns whether the cgroup was charged for those and has it back.
 */
static bool charges_while_populated(struct cgroup_child *shared, int fd, void (*populate)(int fd))
{
	long long bytes = CHARGED_PAGES * page_size, slack = bytes / 4;
	long long before, populated, freed;
	pid_t pid = fork_child();

	if (!pid) {
		join_cgroup();
		set_flag(&shared->ready, 1);
		wait_until(&shared->go, 1);
		populate(fd);
		set_flag(&shared->done, 1);
		wait_until(&shared->end, 1);
		_exit(0);
	}
	wait_until(&shared->ready, 1);
	before = file_number(CGROUP "/memory.current", "");
	set_flag(&shared->go, 1);
	wait_until(&shared->done, 1);
	populated = file_number(CGROUP "/memory.current", "");
	must(arena_free(fd, 0, 2 * CHARGED_PAGES) == 0);
	freed = file_number(CGROUP "/memory.current", "");
	set_flag(&shared->end, 1);
	must(reap(pid) == 0);
	printf("# %lld bytes before, %lld populated, %lld freed\n", before, populated, freed);
	return populated - before > bytes - slack && populated - before < bytes + slack &&
	       freed - before < slack;
}

static void populate_by_call_and_touch(int fd)
{
	arena_take(fd, 0, 0, CHARGED_PAGES / 2);
	memset(arena_map(fd, RDWR, CHARGED_PAGES / 2, CHARGED_PAGES / 2), 1,
	       CHARGED_PAGES / 2 * page_size);
}

/* The arena's creator is outside of the cgroup; whoever populates it is charged. */
TEST_F(cgroup, populating_is_charged_and_given_back)
{
	EXPECT_TRUE(charges_while_populated(self->shared, arena_new(0, 2 * CHARGED_PAGES),
					    populate_by_call_and_touch));
}

static void populate_odd_pages(int fd)
{
	unsigned long i;

	for (i = 1; i < 2 * CHARGED_PAGES; i += 2)
		arena_take(fd, 0, i, 1);
}

static void touch_every_third(int fd)
{
	char *map = arena_map(fd, RDWR, 0, 2 * CHARGED_PAGES);
	unsigned long i;

	populate_odd_pages(fd);
	for (i = 0; i < 2 * CHARGED_PAGES; i += 3)
		map[i * page_size] = 1;
}

/* Some are mapped, some not; whose page comes first changes within and between blocks. */
TEST_F(cgroup, pages_charged_to_two_cgroups_in_turn_are_given_back)
{
	int fd = arena_new(0, 2 * CHARGED_PAGES);
	unsigned long i;

	for (i = 0; i < 2 * CHARGED_PAGES; i += 2) {
		/* Here and there a block of 64 begins with a page of the cgroup's. */
		if (i % 256)
			arena_take(fd, 0, i, 1);
	}
	EXPECT_TRUE(charges_while_populated(self->shared, fd, touch_every_third));
}

TEST_HARNESS_MAIN
