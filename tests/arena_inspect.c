// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arenas as others see them: /proc, a debugger, another process's memory calls, a
 * core dump. None of them populates a page by looking, and a huge arena costs a
 * look no more than a small one.
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "arena_util.h"
#include "kselftest_harness.h"

TEST(proc_files_of_a_huge_arena_are_quick)
{
	static const char *const files[] = {
		"/proc/self/maps", "/proc/self/smaps", "/proc/self/smaps_rollup",
		"/proc/self/numa_maps",
	};
	static char text[1 << 20];
	int fd = arena_new(0, HUGE_PAGES);
	char *map = arena_map(fd, RDWR, 0, HUGE_PAGES);
	unsigned int i;
	int64_t begin;
	long got;

	map[HUGE_PAGES / 2 * page_size] = 1;
	map[(HUGE_PAGES - 1) * page_size] = 1;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		begin = now_ms();
		got = read_file(files[i], text, sizeof(text));
		if (got == -ENOENT)
			continue;
		EXPECT_LT(0, got);
		EXPECT_GT(HUNG_MS, now_ms() - begin);
		if (!strstr(files[i], "rollup"))
			EXPECT_NE(NULL, strstr(text, "karena-arena:test"));
	}
	EXPECT_EQ(2, arena_stat(fd).out_populated);
	EXPECT_EQ(2, arena_stat(fd).out_allocated);

	begin = now_ms();
	EXPECT_EQ(0, arena_free(fd, 0, HUGE_PAGES));
	EXPECT_EQ(0, munmap(map, HUGE_PAGES * page_size));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

/* Kilobytes after @key in what smaps says of the mapping at @map, or -1. */
static long smaps_value(const char *map, const char *key)
{
	static char text[1 << 20];
	char begin[32], *line;

	must(read_file("/proc/self/smaps", text, sizeof(text)) > 0);
	snprintf(begin, sizeof(begin), "%lx-", (unsigned long)map);
	line = strstr(text, begin);
	if (line)
		line = strstr(line, key);
	return line ? atol(line + strlen(key)) : -1;
}

/* Resident is what has a page table entry; one with two counts half for each. */
TEST(smaps_counts_entries)
{
	const long size = 64 * page_size / 1024;
	int fd = arena_new_batch(0, 64, 1);
	char *map = arena_map(fd, RDWR, 0, 64);
	char *other = arena_map(fd, RDWR, 0, 64);

	arena_take(fd, 0, 0, 64);
	EXPECT_EQ(size, smaps_value(map, "\nSize:"));
	EXPECT_EQ(0, smaps_value(map, "\nRss:"));
	memset(map, 1, 64 * page_size);
	EXPECT_EQ(size, smaps_value(map, "\nRss:"));
	EXPECT_EQ(size, smaps_value(map, "\nPss:"));
	EXPECT_EQ(0, smaps_value(other, "\nRss:"));
	memset(other, 1, 64 * page_size);
	EXPECT_EQ(size, smaps_value(other, "\nRss:"));
	EXPECT_EQ(size / 2, smaps_value(other, "\nPss:"));
	EXPECT_EQ(0, smaps_value(map, "\nSwap:"));
	EXPECT_EQ(0, arena_free(fd, 0, 64));
	EXPECT_EQ(0, smaps_value(map, "\nRss:"));
}

static bool present(int pagemap, char *where)
{
	uint64_t entry;

	must(pread(pagemap, &entry, sizeof(entry),
		   (uintptr_t)where / page_size * sizeof(entry)) == sizeof(entry));
	return entry >> 63;
}

TEST(pagemap_populates_nothing)
{
	int fd = arena_new_batch(0, 64, 1);
	char *map = arena_map(fd, RDWR, 0, 64);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	unsigned int i;

	ASSERT_LE(0, pagemap);
	arena_take(fd, 0, 0, 32);
	map[5 * page_size] = 1;
	for (i = 0; i < 64; i++)
		EXPECT_EQ(i == 5, present(pagemap, map + i * page_size));
	EXPECT_EQ(32, arena_stat(fd).out_populated);
	EXPECT_EQ(0, arena_free(fd, 5, 1));
	EXPECT_FALSE(present(pagemap, map + 5 * page_size));
}

/*
 * A child with an arena mapped, stopped; page 0 has 'a', page 1 is free, page 2
 * guard.
 */
FIXTURE(other)
{
	int fd;
	pid_t pid;
	char *map;	/* in the child */
	int *ready;
};

FIXTURE_VARIANT(other)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(other, populating) { 0 };
FIXTURE_VARIANT_ADD(other, segv_on_fault) { KARENA_ARENA_F_SEGV_ON_FAULT };

FIXTURE_SETUP(other)
{
	self->fd = arena_new_batch(variant->flags, 8, 1);
	arena_take(self->fd, 0, 0, 1);
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 2, 1) == 0);
	self->ready = shared_memory(page_size);
	/* The same place in the child: it is told by nobody else. */
	self->map = mmap(NULL, 8 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	self->pid = fork_child();
	if (!self->pid) {
		must(mmap(self->map, 8 * page_size, RDWR, MAP_SHARED | MAP_FIXED, self->fd,
			  0) == self->map);
		memset(self->map, 'a', page_size);
		set_flag(self->ready, 1);
		for (;;)
			pause();
	}
	wait_until(self->ready, 1);
}

FIXTURE_TEARDOWN(other)
{
	end_child(self->pid);
}

TEST_F(other, is_read_and_written_by_ptrace)
{
	bool populating = !variant->flags;
	int status;

	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, self->pid, NULL, NULL));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	errno = 0;
	EXPECT_EQ(0x6161616161616161, ptrace(PTRACE_PEEKDATA, self->pid, self->map, NULL));
	EXPECT_EQ(0, errno);
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, self->pid, self->map, 0x6262626262626262));
	EXPECT_EQ('b', arena_map(self->fd, PROT_READ, 0, 1)[7]);

	/* A debugger's touch is a touch. */
	errno = 0;
	ptrace(PTRACE_PEEKDATA, self->pid, self->map + page_size, NULL);
	EXPECT_EQ(populating ? 0 : EIO, errno);
	EXPECT_EQ(populating ? 2 : 1, arena_stat(self->fd).out_allocated);
	errno = 0;
	ptrace(PTRACE_PEEKDATA, self->pid, self->map + 2 * page_size, NULL);
	EXPECT_EQ(EIO, errno);

	EXPECT_EQ(0, arena_free(self->fd, 0, 1));
	errno = 0;
	EXPECT_EQ(populating ? 0 : -1, ptrace(PTRACE_PEEKDATA, self->pid, self->map, NULL));
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, self->pid, NULL, NULL));
}

TEST_F(other, is_read_and_written_by_process_vm)
{
	size_t bytes = 3 * page_size;
	char *copy = calloc(3, page_size);
	struct iovec here = { copy, bytes };
	struct iovec there = { self->map, bytes };
	ssize_t readable = (variant->flags ? 1 : 2) * page_size;

	/* As far as a touch of the page is allowed. */
	EXPECT_EQ(readable, process_vm_readv(self->pid, &here, 1, &there, 1, 0));
	EXPECT_TRUE(page_is(copy, 'a'));
	memset(copy, 'c', bytes);
	EXPECT_EQ(readable, process_vm_writev(self->pid, &here, 1, &there, 1, 0));
	EXPECT_TRUE(page_is(arena_map(self->fd, PROT_READ, 0, 1), 'c'));
	EXPECT_EQ(KARENA_PAGE_GUARD, page_state(self->fd, 2));

	there = (struct iovec) { self->map + 2 * page_size, page_size };
	EXPECT_EQ(-1, process_vm_readv(self->pid, &here, 1, &there, 1, 0));
	EXPECT_EQ(EFAULT, errno);

	EXPECT_EQ(0, arena_free(self->fd, 0, 1));
	there = (struct iovec) { self->map, page_size };
	here.iov_len = page_size;
	EXPECT_EQ(variant->flags ? -1 : (ssize_t)page_size,
		  process_vm_readv(self->pid, &here, 1, &there, 1, 0));
	EXPECT_TRUE(page_is(copy, variant->flags ? 'c' : 0));
}

/* /proc/PID/mem goes the debugger's way. */
TEST_F(other, is_read_and_written_by_proc_mem)
{
	char path[32], word[8];
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", self->pid);
	mem = open(path, O_RDWR);
	ASSERT_LE(0, mem);
	EXPECT_EQ(8, pread(mem, word, 8, (off_t)self->map));
	EXPECT_EQ(0, memcmp(word, "aaaaaaaa", 8));
	EXPECT_EQ(8, pwrite(mem, "dddddddd", 8, (off_t)self->map));
	EXPECT_EQ('d', arena_map(self->fd, PROT_READ, 0, 1)[7]);
	EXPECT_EQ(-1, pread(mem, word, 8, (off_t)(self->map + 2 * page_size)));
	EXPECT_EQ(EIO, errno);
}

/*
 * Core dumps. The pattern is the whole machine's, so it is put back.
 */
#define PATTERN	"/proc/sys/kernel/core_pattern"
#define CORE	"/tmp/karena.core"

FIXTURE(core)
{
	char was[128];
};

FIXTURE_SETUP(core)
{
	ASSERT_LT(0, read_file(PATTERN, self->was, sizeof(self->was)));
	ASSERT_EQ(0, write_file(PATTERN, CORE));
	write_file("/proc/sys/kernel/core_uses_pid", "0");
	unlink(CORE);
}

FIXTURE_TEARDOWN(core)
{
	write_file(PATTERN, self->was);
	unlink(CORE);
}

static bool file_contains(const char *path, const char *what)
{
	struct stat stat;
	int fd = open(path, O_RDONLY);
	char *text;
	bool found;

	must(fd >= 0 && fstat(fd, &stat) == 0);
	text = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	must(text != MAP_FAILED);
	found = memmem(text, stat.st_size, what, strlen(what));
	munmap(text, stat.st_size);
	close(fd);
	return found;
}

TEST_F(core, dump_leaves_arenas_out)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct stat stat;
	pid_t pid;

	pid = fork_child();
	if (!pid) {
		int fd = arena_new(0, HUGE_PAGES);
		char *map = arena_map(fd, RDWR, 0, HUGE_PAGES);
		char *copy = malloc(32);

		/* Put together here, so that the program's own text has it not. */
		snprintf(copy, 32, "%s-%s", "private", "memory");
		snprintf(map, 32, "%s-%s", "arena", "memory");
		must(setrlimit(RLIMIT_CORE, &unlimited) == 0);
		prctl(PR_SET_DUMPABLE, 1);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	EXPECT_EQ(-SIGABRT, reap(pid));
	ASSERT_EQ(0, lstat(CORE, &stat));
	EXPECT_TRUE(file_contains(CORE, "private-memory"));
	EXPECT_FALSE(file_contains(CORE, "arena-memory"));
}

TEST_HARNESS_MAIN
