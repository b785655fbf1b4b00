// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a touch does: the table of the contract cell by cell, the batch around a
 * fault, and touches that find no memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/*
 * The table. Each cell is tried on an arena of its own, by reading and writing,
 * from user space and from inside a system call.
 */
enum start { FREE, POPULATED, LAZY, RESERVED, GUARD };

static const struct row {
	const char *name;
	enum start start;
	bool allowed;
	bool allowed_segv_on_fault;
} table[] = {
	{ "free", FREE, true, false },
	{ "populated", POPULATED, true, true },
	{ "lazy", LAZY, true, true },
	{ "reserved", RESERVED, true, false },
	{ "guard", GUARD, false, false },
};

#define TOUCHED 3

static void bring_about(int fd, enum start start)
{
	switch (start) {
	case FREE:
		break;
	case POPULATED:
		arena_take(fd, 0, TOUCHED, 1);
		break;
	case LAZY:
		arena_take(fd, KARENA_ALLOC_F_LAZY, TOUCHED, 1);
		break;
	case RESERVED:
		must(arena_reserve(fd, 0, TOUCHED, 1) == 0);
		break;
	case GUARD:
		must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, TOUCHED, 1) == 0);
		break;
	}
}

/* By read(2), which writes to the buffer, or write(2), which reads it: 0 or errno. */
static int touch_in_kernel(void *where, bool write_there)
{
	int ends[2];
	ssize_t ret;
	int err;

	must(pipe(ends) == 0);
	must(write(ends[1], "x", 1) == 1);
	ret = write_there ? read(ends[0], where, 1) : write(ends[1], where, 1);
	err = ret == 1 ? 0 : errno;
	close(ends[0]);
	close(ends[1]);
	return err;
}

FIXTURE(table)
{
	int fd;
	char *map;
};

FIXTURE_VARIANT(table)
{
	uint32_t flags;
	bool write;
	bool kernel;
};

FIXTURE_VARIANT_ADD(table, populating_read) { };
FIXTURE_VARIANT_ADD(table, populating_write) { .write = true };
FIXTURE_VARIANT_ADD(table, populating_read_in_kernel) { .kernel = true };
FIXTURE_VARIANT_ADD(table, populating_write_in_kernel) { .write = true, .kernel = true };
FIXTURE_VARIANT_ADD(table, segv_read) { .flags = KARENA_ARENA_F_SEGV_ON_FAULT };
FIXTURE_VARIANT_ADD(table, segv_write)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .write = true
};

FIXTURE_VARIANT_ADD(table, segv_read_in_kernel)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .kernel = true
};

FIXTURE_VARIANT_ADD(table, segv_write_in_kernel)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .write = true, .kernel = true
};

FIXTURE_SETUP(table)
{
	self->fd = -1;
}

FIXTURE_TEARDOWN(table)
{
}

TEST_F(table, cell)
{
	struct karena_arena_stat before, after;
	const struct row *row;
	bool allowed;
	struct touch t;
	char *where;

	for (row = table; row < table + ARRAY_SIZE(table); row++) {
		TH_LOG("%s", row->name);
		self->fd = arena_new(variant->flags, 8);
		self->map = arena_map(self->fd, RDWR, 0, 8);
		where = self->map + TOUCHED * page_size + 123;
		bring_about(self->fd, row->start);
		before = arena_stat(self->fd);
		allowed = variant->flags ? row->allowed_segv_on_fault : row->allowed;

		if (variant->kernel) {
			EXPECT_EQ(allowed ? 0 : EFAULT, touch_in_kernel(where, variant->write));
		} else {
			t = variant->write ? touch_write(where, 'x') : touch_read(where);
			EXPECT_EQ(allowed ? 0 : SIGSEGV, t.sig);
			EXPECT_EQ(allowed ? NULL : where, t.address);
		}

		after = arena_stat(self->fd);
		if (allowed) {
			EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(self->fd, TOUCHED));
			EXPECT_EQ(1, after.out_allocated);
			EXPECT_EQ(1, after.out_populated);
			EXPECT_EQ(variant->write ? 'x' : 0, *where);
			EXPECT_EQ(0, where[1]);
		} else {
			EXPECT_EQ(before.out_allocated, after.out_allocated);
			EXPECT_EQ(before.out_reserved, after.out_reserved);
			EXPECT_EQ(before.out_guard, after.out_guard);
			EXPECT_EQ(0, after.out_populated);
			EXPECT_LT(before.out_faults_segv, after.out_faults_segv);
		}
		munmap(self->map, 8 * page_size);
		close(self->fd);
	}
}

TEST(write_to_read_only_window_populates_nothing)
{
	int fd = arena_new(0, 4);
	char *map = arena_map(fd, PROT_READ, 0, 4);
	struct touch t;

	t = touch_write(map + page_size + 7, 1);
	EXPECT_EQ(SIGSEGV, t.sig);
	EXPECT_EQ(map + page_size + 7, t.address);
	EXPECT_EQ(0, arena_stat(fd).out_allocated);

	EXPECT_EQ(0, peek(map + page_size));
	t = touch_write(map + page_size + 7, 1);
	EXPECT_EQ(SIGSEGV, t.sig);
	EXPECT_EQ(0, map[page_size + 7]);
}

/* A buffer of which only the end is forbidden: what came before it counts. */
TEST(read_into_buffer_that_ends_in_guard_is_short)
{
	int fd = arena_new(KARENA_ARENA_F_SEGV_ON_FAULT, 2);
	char *map = arena_map(fd, RDWR, 0, 2);
	int zero = open("/dev/zero", O_RDONLY);

	arena_take(fd, 0, 0, 1);
	memset(map, 'x', page_size);
	EXPECT_EQ(page_size - 100, read(zero, map + 100, 2 * page_size - 100));
	EXPECT_EQ('x', map[99]);
	EXPECT_EQ(0, map[100]);
	EXPECT_EQ(0, map[page_size - 1]);
	EXPECT_EQ(1, arena_stat(fd).out_allocated);
}

/*
 * The batch.
 */
static int new_with_batch(uint32_t fault_pages, uint64_t nr_pages)
{
	struct karena_arena_create args = {
		.length = nr_pages * page_size,
		.node = KARENA_NODE_ANY,
		.fault_pages = fault_pages,
	};

	return arena_create(&args);
}

/* Pages of the window that have a page table entry, one bit each. */
static uint64_t mapped_pages(char *map, unsigned int nr_pages)
{
	unsigned char vec[64];
	uint64_t bits = 0;
	unsigned int i;

	must(nr_pages <= sizeof(vec));
	must(mincore(map, nr_pages * page_size, vec) == 0);
	for (i = 0; i < nr_pages; i++)
		bits |= (uint64_t)(vec[i] & 1) << i;
	return bits;
}

TEST(batch_has_the_size_asked_for)
{
	uint64_t bits, expected;
	unsigned int nr, first;
	char *map;
	int fd;

	for (nr = 1; nr <= 64; nr++) {
		fd = new_with_batch(nr, 256);
		ASSERT_LE(0, fd);
		EXPECT_EQ(nr, arena_stat(fd).out_fault_pages);
		arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 256);
		map = arena_map(fd, RDWR, 0, 256);

		/* The touched page is one of a block of @nr pages. */
		EXPECT_EQ(0, peek(map + 100 * page_size));
		first = 100 - 100 % nr;
		expected = nr == 64 ? ~0ull : (1ull << nr) - 1;
		bits = mapped_pages(map + first * page_size, 64);
		EXPECT_EQ(expected, bits);
		EXPECT_EQ(nr, arena_stat(fd).out_populated);
		EXPECT_EQ(1, arena_stat(fd).out_faults);
		munmap(map, 256 * page_size);
		close(fd);
	}
}

TEST(batch_beyond_the_bounds_is_refused)
{
	int fd;

	EXPECT_EQ(-EINVAL, new_with_batch(65, 256));
	EXPECT_EQ(-EINVAL, new_with_batch(~0u, 256));
	fd = new_with_batch(0, 256);
	ASSERT_LE(0, fd);
	EXPECT_LE(1, arena_stat(fd).out_fault_pages);
	EXPECT_GE(64, arena_stat(fd).out_fault_pages);
}

TEST(batch_populates_allocated_neighbours_only)
{
	int fd = new_with_batch(16, 64);
	char *map;

	/* F F L L | R | L L L L | G | L F F F F F: the touched one is the 7th. */
	arena_take(fd, KARENA_ALLOC_F_LAZY, 2, 2);
	must(arena_reserve(fd, 0, 4, 1) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 5, 4);
	must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, 9, 1) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 10, 1);

	map = arena_map(fd, RDWR, 0, 64);
	map[7 * page_size] = 1;
	EXPECT_EQ(0x1e0, mapped_pages(map, 64));
	EXPECT_EQ(4, arena_stat(fd).out_populated);
	EXPECT_EQ(7, arena_stat(fd).out_allocated);
	EXPECT_EQ(1, arena_stat(fd).out_reserved);
	EXPECT_EQ(1, arena_stat(fd).out_guard);
}

TEST(touch_of_free_page_takes_that_page_only)
{
	int fd = new_with_batch(16, 64);
	char *map = arena_map(fd, RDWR, 0, 64);

	map[7 * page_size] = 1;
	EXPECT_EQ(0x80, mapped_pages(map, 64));
	EXPECT_EQ(1, arena_stat(fd).out_populated);
	EXPECT_EQ(1, arena_stat(fd).out_allocated);

	/* Allocated now, the page is part of its neighbours' batch. */
	arena_take(fd, KARENA_ALLOC_F_LAZY, 8, 2);
	map[8 * page_size] = 1;
	EXPECT_EQ(0x380, mapped_pages(map, 64));
	EXPECT_EQ(1, map[7 * page_size]);
}

TEST(batch_ends_with_the_window)
{
	int fd = new_with_batch(16, 64);
	char *map;

	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 64);
	map = arena_map(fd, RDWR, 20, 3);
	map[page_size] = 1;
	EXPECT_EQ(7, mapped_pages(map, 3));
	EXPECT_EQ(3, arena_stat(fd).out_populated);
	EXPECT_EQ(3, arena_range(fd, 20).nr_populated);
}

TEST(batch_ends_with_the_arena)
{
	int fd = new_with_batch(16, 21);
	char *map;

	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 21);
	map = arena_map(fd, RDWR, 0, 21);
	map[20 * page_size] = 1;
	EXPECT_EQ(0x1f0000, mapped_pages(map, 21));
	EXPECT_EQ(5, arena_stat(fd).out_populated);
}

/* A neighbour that another mapping has populated gets its entry, and its bytes stay. */
TEST(batch_maps_what_is_populated_already)
{
	int fd = new_with_batch(16, 16);
	char *one = arena_map(fd, RDWR, 0, 16);
	char *other = arena_map(fd, RDWR, 0, 16);

	arena_take(fd, 0, 3, 1);
	one[3 * page_size] = 'a';
	arena_take(fd, KARENA_ALLOC_F_LAZY, 4, 4);
	other[6 * page_size] = 'b';
	EXPECT_EQ(0xf8, mapped_pages(other, 16));
	EXPECT_EQ('a', other[3 * page_size]);
	EXPECT_EQ(5, arena_stat(fd).out_populated);

	one[6 * page_size + 1] = 'c';
	EXPECT_EQ('b', one[6 * page_size]);
	EXPECT_EQ('c', other[6 * page_size + 1]);
}

/*
 * Threads that touch the same pages at once see one and the same page.
 */
#define RACED_PAGES 2048

struct racer {
	char *map;
	pthread_barrier_t *start;
};

static void *add_everywhere(void *data)
{
	struct racer *racer = data;
	unsigned int i;

	pthread_barrier_wait(racer->start);
	for (i = 0; i < RACED_PAGES; i++)
		__atomic_fetch_add(racer->map + i * page_size, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Returns how many pages some thread's addition was lost on. */
static unsigned int race_faults(uint32_t flags, bool allocated,
				struct karena_arena_stat *stat)
{
	int fd = arena_new(flags, RACED_PAGES);
	pthread_t threads[3];
	pthread_barrier_t start;
	struct racer racer = { .start = &start };
	unsigned int i, wrong = 0;

	racer.map = arena_map(fd, RDWR, 0, RACED_PAGES);
	if (allocated)
		arena_take(fd, KARENA_ALLOC_F_LAZY, 0, RACED_PAGES);
	pthread_barrier_init(&start, NULL, ARRAY_SIZE(threads));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		must(pthread_create(&threads[i], NULL, add_everywhere, &racer) == 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);

	for (i = 0; i < RACED_PAGES; i++)
		wrong += racer.map[i * page_size] != ARRAY_SIZE(threads);
	*stat = arena_stat(fd);
	munmap(racer.map, RACED_PAGES * page_size);
	close(fd);
	return wrong;
}

TEST(threads_that_fault_at_once_share_the_page)
{
	struct karena_arena_stat stat;
	unsigned long round;

	for (round = 0; round < scaled(4); round++) {
		EXPECT_EQ(0, race_faults(KARENA_ARENA_F_SEGV_ON_FAULT, true, &stat));
		EXPECT_EQ(RACED_PAGES, stat.out_populated);

		/* One by one, each by one fault and no more. */
		EXPECT_EQ(0, race_faults(0, false, &stat));
		EXPECT_EQ(RACED_PAGES, stat.out_populated);
		EXPECT_EQ(RACED_PAGES, stat.out_faults);
	}
}

/*
 * The user's ceiling. The child has no capabilities and a uid that nothing else
 * runs under.
 */
#define CEILING_PAGES	64
#define CEILING_UID	54321
#define CEILING		"/sys/module/karena/parameters/user_max_bytes"

FIXTURE(ceiling)
{
	char was[32];
};

FIXTURE_SETUP(ceiling)
{
	char text[32];

	ASSERT_LT(0, read_file(CEILING, self->was, sizeof(self->was)));
	snprintf(text, sizeof(text), "%zu", CEILING_PAGES * page_size);
	ASSERT_EQ(0, write_file(CEILING, text));
	ASSERT_EQ(0, chmod(KARENA_DEVICE, 0666));
}

FIXTURE_TEARDOWN(ceiling)
{
	chmod(KARENA_DEVICE, 0660);
	write_file(CEILING, self->was);
}

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
	must(user_left() == CEILING_PAGES * page_size);
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
		must(user_left() == 0);

		begin = now_ms();
		t = touch_write(map + i * page_size + 5, 1);
		must(t.sig == SIGBUS && t.address == map + i * page_size + 5);
		must(touch_in_kernel(map + i * page_size, true) == EFAULT);
		must(touch_in_kernel(map + i * page_size, false) == EFAULT);
		must(now_ms() - begin < 1000);

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
		must(user_left() == 4 * page_size);
		/* What takes no memory is not held back. */
		must(arena_alloc(fd, KARENA_ALLOC_F_LAZY, 0, 100) >= 0);
		must(arena_commit(fd, KARENA_COMMIT_F_LAZY, 200, 4) == 0);
		must(arena_commit(fd, 0, 204, 4) == 0);
		must(user_left() == 0);
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
		fd = new_with_batch(16, 256);
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
 * A memory cgroup with little left. Whoever has used it up must not be made to
 * pay for anything but pages of the arena, or the kernel kills it.
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
	ASSERT_TRUE(mkdir(CGROUP, 0755) == 0 || errno == EEXIST);
}

/* A killed child leaves its cgroup when it is reaped, its charges a moment later. */
FIXTURE_TEARDOWN(cgroup)
{
	int tries;

	for (tries = 0; rmdir(CGROUP) && tries < 100; tries++)
		pause_ms(10);
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
	fd = arena_new_single(0, 1024);
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
	long long used, charged;
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
	EXPECT_GT(1000, shared->took_ms);
	EXPECT_EQ(EFAULT, shared->syscall_error);
	EXPECT_EQ(-ENOMEM, shared->alloc_error);
	EXPECT_EQ(-ENOMEM, shared->commit_error);
	EXPECT_EQ(1, shared->unchanged);
	/* Charged in lots of 64 pages per CPU. */
	EXPECT_LT(SPARE_BYTES / 2, charged - used);
	EXPECT_GE(SPARE_BYTES / (long long)page_size + 64, shared->touched);
	EXPECT_EQ(0, file_number(CGROUP "/memory.events", "oom_kill "));

	set_flag(&shared->end, 1);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, file_number(CGROUP "/memory.events", "oom_kill "));
}

#define CHARGED_PAGES 2048

/* The arena's creator is outside of the cgroup; who populates it pays. */
TEST_F(cgroup, populating_is_charged_and_given_back)
{
	int fd = arena_new(0, 2 * CHARGED_PAGES);
	long long bytes = CHARGED_PAGES * page_size, slack = bytes / 4;
	long long before, populated, freed;
	pid_t pid = fork_child();

	if (!pid) {
		join_cgroup();
		set_flag(&self->shared->ready, 1);
		wait_until(&self->shared->go, 1);
		arena_take(fd, 0, 0, CHARGED_PAGES / 2);
		memset(arena_map(fd, RDWR, CHARGED_PAGES / 2, CHARGED_PAGES / 2), 1,
		       CHARGED_PAGES / 2 * page_size);
		set_flag(&self->shared->done, 1);
		wait_until(&self->shared->end, 1);
		_exit(0);
	}
	wait_until(&self->shared->ready, 1);
	before = file_number(CGROUP "/memory.current", "");
	set_flag(&self->shared->go, 1);
	wait_until(&self->shared->done, 1);
	populated = file_number(CGROUP "/memory.current", "");
	EXPECT_LT(bytes - slack, populated - before);
	EXPECT_GT(bytes + slack, populated - before);

	/* Freed by somebody outside. */
	EXPECT_EQ(0, arena_free(fd, 0, CHARGED_PAGES));
	freed = file_number(CGROUP "/memory.current", "");
	EXPECT_GT(slack, freed - before);
	set_flag(&self->shared->end, 1);
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
