// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does the first touch of a page cost, in an arena and elsewhere?
 *
 * arena_touch [SUFFIX]: SUFFIX is appended to the names of rows, to distinguish runs
 * (in a memory cgroup, say). Rows are instructions per page of a region that is written
 * page by page, without the zeroing of the page, which is common to all subjects and has
 * its own row.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"

#define REGION	(64ul << 20)
#define SAMPLES	3

static int device;
static size_t page;

/**
 * struct subject - a kind of memory to touch
 * @name:	of the row
 * @make:	maps REGION bytes of fresh memory
 * @fault_pages: of the arena, for @make
 * @lazy:	allocate the arena's pages beforehand, without memory
 * @end:	undoes @make except for the mapping; optional
 */
struct subject {
	const char *name;
	char *(*make)(const struct subject *subject);
	unsigned int fault_pages;
	int lazy;
	void (*end)(void);
};

static char *map(int fd, int flags)
{
	char *at = mmap(NULL, REGION, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	if (fd >= 0)
		close(fd);
	return at;
}

static char *make_anonymous(const struct subject *subject)
{
	char *at = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	(void)subject;
	/* Single pages, as for the other subjects. */
	if (madvise(at, REGION, MADV_NOHUGEPAGE))
		err(1, "madvise");
	return at;
}

static int memfd(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, REGION))
		err(1, "memfd");
	return fd;
}

static char *make_memfd(const struct subject *subject)
{
	(void)subject;
	return map(memfd(), MAP_SHARED);
}

static char *make_arena(const struct subject *subject)
{
	int fd = bench_arena(device, REGION, subject->fault_pages);
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = KARENA_ALLOC_F_LAZY,
		.nr_pages = REGION / page,
		.node = KARENA_NODE_ANY,
	};

	if (subject->lazy)
		bench_ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args, "arena alloc");
	return map(fd, MAP_SHARED);
}

/* Serves the faults of a memfd, and is told to end through a descriptor. */
static pthread_t server;
static int faults;

static void *serve(void *arg)
{
	struct uffdio_zeropage zero;
	struct uffd_msg msg;

	(void)arg;
	while (read(faults, &msg, sizeof(msg)) == sizeof(msg)) {
		zero = (struct uffdio_zeropage) {
			.range.start = msg.arg.pagefault.address & ~(page - 1),
			.range.len = page,
		};
		if (ioctl(faults, UFFDIO_ZEROPAGE, &zero))
			err(1, "UFFDIO_ZEROPAGE");
	}
	return NULL;
}

static char *make_userfault(const struct subject *subject)
{
	char *at = make_memfd(subject);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range.start = (uintptr_t)at,
		.range.len = REGION,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) ||
	    ioctl(faults, UFFDIO_REGISTER, &area))
		err(1, "userfaultfd");
	if (pthread_create(&server, NULL, serve, NULL))
		errx(1, "pthread_create");
	return at;
}

static void end_userfault(void)
{
	pthread_cancel(server);
	pthread_join(server, NULL);
	close(faults);
}

static const struct subject subjects[] = {
	{ .name = "touch.anonymous", .make = make_anonymous },
	{ .name = "touch.memfd", .make = make_memfd },
	{ .name = "touch.memfd_userfaultfd", .make = make_userfault, .end = end_userfault },
	{ .name = "karena.touch.single", .make = make_arena, .fault_pages = 1, .lazy = 1 },
	{ .name = "karena.touch.batch", .make = make_arena, .lazy = 1 },
	{ .name = "karena.touch.batch.4", .make = make_arena, .fault_pages = 4, .lazy = 1 },
	{ .name = "karena.touch.batch.8", .make = make_arena, .fault_pages = 8, .lazy = 1 },
	{ .name = "karena.touch.batch.16", .make = make_arena, .fault_pages = 16, .lazy = 1 },
	{ .name = "karena.touch.batch.32", .make = make_arena, .fault_pages = 32, .lazy = 1 },
	{ .name = "karena.touch.batch.64", .make = make_arena, .fault_pages = 64, .lazy = 1 },
	{ .name = "karena.touch.free", .make = make_arena },
};

static double touch_all(char *at)
{
	uint64_t start = bench_ticks();
	size_t i;

	for (i = 0; i < REGION; i += page)
		*(volatile char *)(at + i) = 1;
	return (double)(bench_ticks() - start) / (REGION / page);
}

static double measure(const struct subject *subject)
{
	struct bench_samples samples = {};
	char *at;

	while (samples.nr < SAMPLES) {
		at = subject->make(subject);
		bench_add(&samples, touch_all(at));
		munmap(at, REGION);
		if (subject->end)
			subject->end();
	}
	return bench_median(&samples);
}

int main(int argc, char **argv)
{
	double zero;
	size_t i;

	if (argc > 1)
		bench_suffix = argv[1];
	page = sysconf(_SC_PAGESIZE);
	bench_begin();
	device = bench_device();

	zero = bench_zeroing(page);
	bench_row("zero", zero, "instructions/page");
	for (i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		bench_row(subjects[i].name, measure(&subjects[i]) - zero, "instructions/page");
	return 0;
}
