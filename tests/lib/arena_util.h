/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that test arenas have in common. Calls take and give pages
 * by their index in the arena, and return what the kernel returns, or -errno.
 */
#ifndef ARENA_UTIL_H
#define ARENA_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <linux/karena.h>

#include "kselftest_harness.h"
#include "random_util.h"

/* Only a test that hangs should meet it: a busy host makes an emulated one slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

#define RDWR (PROT_READ | PROT_WRITE)

/* As many as there are addresses for, in half of the smallest address space. */
#define HUGE_PAGES	((1ull << 46) / page_size)

/* Newer than the C library's headers. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

/*
 * For helpers, threads and children, which the framework's macros do not reach:
 * ends the process, and with it the test or what the test waits for.
 */
#define must(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "# %s:%d: %s (%s)\n", __FILE__,		\
				__LINE__, #cond, strerror(errno));		\
			_exit(1);						\
		}								\
	} while (0)

static size_t page_size;

__attribute__((constructor)) static inline void learn_page_size(void)
{
	page_size = sysconf(_SC_PAGESIZE);
}

static inline long call(int fd, unsigned long cmd, void *args)
{
	long ret = ioctl(fd, cmd, args);

	return ret < 0 ? -errno : ret;
}

static inline int device_open(void)
{
	int fd = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

static inline int arena_create(const struct karena_arena_create *wanted)
{
	struct karena_arena_create args = *wanted;
	int dev = device_open();
	int fd;

	args.size = sizeof(args);
	fd = call(dev, KARENA_IOC_ARENA_CREATE, &args);
	close(dev);
	return fd;
}

/* @fault_pages 1: what is populated is what was touched; 0: the default. */
static inline int arena_new_batch(uint32_t flags, uint64_t nr_pages, uint32_t fault_pages)
{
	struct karena_arena_create args = {
		.flags = flags,
		.length = nr_pages * page_size,
		.node = KARENA_NODE_ANY,
		.fault_pages = fault_pages,
		.name = "test",
	};
	int fd = arena_create(&args);

	must(fd >= 0);
	return fd;
}

static inline int arena_new(uint32_t flags, uint64_t nr_pages)
{
	return arena_new_batch(flags, nr_pages, 0);
}

static inline int64_t arena_alloc_on(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages,
				     uint64_t align_pages, int node)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.align = align_pages * page_size,
		.node = node,
	};
	long ret = call(fd, KARENA_IOC_ARENA_ALLOC, &args);

	return ret < 0 ? ret : (int64_t)(args.out_offset / page_size);
}

static inline int64_t arena_alloc(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	return arena_alloc_on(fd, flags, index, nr_pages, 0, KARENA_NODE_ANY);
}

/* Just there, or a failed test. */
static inline void arena_take(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	must(arena_alloc(fd, flags | KARENA_ALLOC_F_FIXED, index, nr_pages) == (int64_t)index);
}

static inline int arena_free_flags(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages,
				   uint64_t *done)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.out_done = ~0ull,
	};
	int ret = call(fd, KARENA_IOC_ARENA_FREE, &args);

	if (done)
		*done = args.out_done;
	return ret;
}

static inline int arena_free(int fd, uint64_t index, uint64_t nr_pages)
{
	return arena_free_flags(fd, 0, index, nr_pages, NULL);
}

static inline int arena_reserve(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
	};

	return call(fd, KARENA_IOC_ARENA_RESERVE, &args);
}

static inline int arena_commit(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.node = KARENA_NODE_ANY,
	};

	return call(fd, KARENA_IOC_ARENA_COMMIT, &args);
}

static inline int arena_decommit(int fd, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_decommit args = {
		.size = sizeof(args),
		.offset = index * page_size,
		.nr_pages = nr_pages,
	};

	return call(fd, KARENA_IOC_ARENA_DECOMMIT, &args);
}

static inline struct karena_arena_stat arena_stat_flags(int fd, uint32_t flags)
{
	struct karena_arena_stat stat = { .size = sizeof(stat), .flags = flags };

	must(call(fd, KARENA_IOC_ARENA_STAT, &stat) == 0);
	return stat;
}

static inline struct karena_arena_stat arena_stat(int fd)
{
	return arena_stat_flags(fd, 0);
}

/* Ranges from @index on, as many as fit; returns how many, @next is an index. */
static inline uint32_t arena_walk(int fd, uint64_t index, struct karena_arena_range *ranges,
				  uint32_t room, uint64_t *next)
{
	struct karena_arena_walk args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)ranges,
		.buffer_bytes = room * sizeof(*ranges),
		.offset = index * page_size,
	};

	must(call(fd, KARENA_IOC_ARENA_WALK, &args) == 0);
	if (next)
		*next = args.out_next / page_size;
	return args.out_count;
}

/* The first range at or after @index; a free page has none of its own. */
static inline struct karena_arena_range arena_range(int fd, uint64_t index)
{
	struct karena_arena_range range = { .offset = ~0ull };

	arena_walk(fd, index, &range, 1, NULL);
	return range;
}

static inline uint32_t page_state(int fd, uint64_t index)
{
	struct karena_arena_range range = arena_range(fd, index);

	return range.offset == index * page_size ? range.state : KARENA_PAGE_FREE;
}

static inline char *arena_map(int fd, int prot, uint64_t index, uint64_t nr_pages)
{
	char *map = mmap(NULL, nr_pages * page_size, prot, MAP_SHARED, fd, index * page_size);

	must(map != MAP_FAILED);
	return map;
}

/*
 * What a touch came to: a signal and where it said that it happened, or 0. Each
 * thread can have one under way.
 */
struct touch {
	int sig;
	void *address;
};

static __thread sigjmp_buf touch_back;
static __thread volatile sig_atomic_t touch_under_way;
static __thread struct touch touch_result;

static inline void touch_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!touch_under_way) {
		signal(sig, SIG_DFL);
		return;
	}
	touch_result.sig = sig;
	touch_result.address = info->si_addr;
	siglongjmp(touch_back, 1);
}

__attribute__((constructor)) static inline void catch_faults(void)
{
	struct sigaction action = {
		.sa_sigaction = touch_handler,
		/* Nothing is blocked, so that a touch need not save what was. */
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	must(sigaction(SIGSEGV, &action, NULL) == 0);
	must(sigaction(SIGBUS, &action, NULL) == 0);
}

/* Reads a byte into *@value, or writes *@value there. */
static inline struct touch touch(void *where, char *value, bool write)
{
	volatile char *byte = where;

	touch_result = (struct touch) { 0 };
	touch_under_way = 1;
	if (!sigsetjmp(touch_back, 0)) {
		if (write)
			*byte = *value;
		else
			*value = *byte;
	}
	touch_under_way = 0;
	return touch_result;
}

static inline struct touch touch_read(void *where)
{
	char value;

	return touch(where, &value, false);
}

static inline struct touch touch_write(void *where, char value)
{
	return touch(where, &value, true);
}

/* The byte there, or -signal. */
static inline int peek(void *where)
{
	char value = 0;
	struct touch t = touch(where, &value, false);

	return t.sig ? -t.sig : (unsigned char)value;
}

/* By read(2), which writes to the buffer, or write(2), which reads it: 0 or errno. */
static inline int touch_in_kernel(void *where, bool write_there)
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

static inline bool page_is(const void *where, char value)
{
	const char *byte = where;
	size_t i;

	for (i = 0; i < page_size; i++) {
		if (byte[i] != value)
			return false;
	}
	return true;
}

/* A child that does not outlive its parent. */
static inline pid_t fork_child(void)
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* Its exit status, or -signal; -1: any child's. Signals to the caller do not end the wait. */
static inline int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int end_child(pid_t pid)
{
	must(kill(pid, SIGKILL) == 0);
	return reap(pid);
}

/* Memory that children share with their parent, zeroed. */
static inline void *shared_memory(size_t bytes)
{
	void *map = mmap(NULL, bytes, RDWR, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED);
	return map;
}

static inline void pause_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* What takes so long would never end: an emulated machine may stand still for seconds. */
#define HUNG_MS		60000

/* Sleeps rather than spins: the other side may need this CPU. */
static inline void wait_until(const int *flag, int value)
{
	while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) != value)
		pause_ms(1);
}

static inline void set_flag(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static inline int get_flag(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* The whole of a small file as a string; bytes read, or -errno. */
static inline long read_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t ret;

	if (fd < 0)
		return -errno;
	while ((ret = read(fd, text + got, room - 1 - got)) > 0)
		got += ret;
	ret = ret < 0 ? -errno : (ssize_t)got;
	close(fd);
	text[got] = '\0';
	return ret;
}

/* Whether a process sleeps, by what the scheduler says. */
static inline bool is_asleep(pid_t pid)
{
	char path[32], text[512];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	must(read_file(path, text, sizeof(text)) > 0);
	end = strrchr(text, ')');
	return end && (end[2] == 'S' || end[2] == 'D');
}

/* For good, that is, and not for a page or a lock on its way there. */
static inline void wait_until_asleep(pid_t pid)
{
	do {
		while (!is_asleep(pid))
			pause_ms(1);
		pause_ms(20);
	} while (!is_asleep(pid));
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text));
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* What its last process, which is reaped, still holds of it goes a moment later. */
static inline void remove_cgroup(const char *path)
{
	int64_t end = now_ms() + HUNG_MS;

	while (rmdir(path) && now_ms() < end)
		pause_ms(10);
}

/* The number after @key at the start of a line of @path, or -1. */
static inline long long file_number(const char *path, const char *key)
{
	char text[8192], *line;

	if (read_file(path, text, sizeof(text)) < 0)
		return -1;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, strlen(key)))
			return strtoll(line + strlen(key), NULL, 0);
	}
	return -1;
}

/* How much memory is not for movable pages alone, from /proc/zoneinfo. */
static inline uint64_t unmovable_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	unsigned long nr_pages = 0, n;
	bool counts = false;
	char line[256], zone[32];

	must(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*u, zone %31s", zone) == 1)
			counts = strcmp(zone, "Movable");
		else if (counts && sscanf(line, " managed %lu", &n) == 1)
			nr_pages += n;
		else if (counts && sscanf(line, " cma %lu", &n) == 1)
			nr_pages -= n;
	}
	fclose(file);
	return nr_pages;
}

#endif /* ARENA_UTIL_H */
