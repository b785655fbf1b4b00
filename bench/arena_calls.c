// SPDX-License-Identifier: GPL-2.0-only
/*
 * What do the calls of an arena cost, compared with its peers? Rows are instructions per
 * call, the system call included.
 *
 * A row that ends in .N is for N pages. "mapped": the pages were touched before, so they
 * have to be removed from page tables, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "bench.h"

#define LENGTH		(64ul << 20)
#define SAMPLES		11

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

static int device;
static size_t page;

/* An arena of LENGTH bytes, mapped; or a memfd, or anonymous memory. */
static int fd;
static char *base;

static void map(int flags)
{
	base = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED)
		err(1, "mmap");
}

static void make_arena(void)
{
	fd = bench_arena(device, LENGTH, 0);
	map(MAP_SHARED);
}

static void make_memfd(void)
{
	fd = memfd_create("bench", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, LENGTH))
		err(1, "memfd");
	map(MAP_SHARED);
}

static void make_anonymous(void)
{
	fd = -1;
	map(MAP_PRIVATE | MAP_ANONYMOUS);
	if (madvise(base, LENGTH, MADV_NOHUGEPAGE))
		err(1, "madvise");
}

static void end(void)
{
	munmap(base, LENGTH);
	if (fd >= 0)
		close(fd);
}

/* Each calls on @nr_pages pages at @offset. */
static void arena_alloc(uint64_t offset, uint64_t nr_pages)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.nr_pages = nr_pages,
		.node = KARENA_NODE_ANY,
	};

	(void)offset;
	bench_ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args, "arena alloc");
}

static void arena_free(uint64_t offset, uint64_t nr_pages)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.offset = offset,
		.nr_pages = nr_pages,
	};

	bench_ioctl(fd, KARENA_IOC_ARENA_FREE, &args, "arena free");
}

static void arena_alloc_free(uint64_t offset, uint64_t nr_pages)
{
	arena_alloc(offset, nr_pages);
	arena_free(offset, nr_pages);
}

static void arena_set_aside(uint64_t offset, uint64_t nr_pages, uint32_t flags)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
	};

	bench_ioctl(fd, KARENA_IOC_ARENA_RESERVE, &args, "arena reserve");
}

static void arena_reserve(uint64_t offset, uint64_t nr_pages)
{
	arena_set_aside(offset, nr_pages, 0);
}

static void arena_guard(uint64_t offset, uint64_t nr_pages)
{
	arena_set_aside(offset, nr_pages, KARENA_RESERVE_F_GUARD);
}

static void memfd_fallocate(uint64_t offset, uint64_t nr_pages)
{
	if (fallocate(fd, 0, offset, nr_pages * page))
		err(1, "fallocate");
}

static void memfd_punch_hole(uint64_t offset, uint64_t nr_pages)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, nr_pages * page))
		err(1, "punch hole");
}

static void advise(uint64_t offset, uint64_t nr_pages, int advice)
{
	if (madvise(base + offset, nr_pages * page, advice))
		err(1, "madvise %d", advice);
}

static void anonymous_dontneed(uint64_t offset, uint64_t nr_pages)
{
	advise(offset, nr_pages, MADV_DONTNEED);
}

static void anonymous_guard(uint64_t offset, uint64_t nr_pages)
{
	advise(offset, nr_pages, MADV_GUARD_INSTALL);
}

static void nothing(uint64_t offset, uint64_t nr_pages)
{
	(void)offset;
	(void)nr_pages;
	if (ioctl(fd, 0, NULL) != -1 || errno != ENOTTY)
		errx(1, "an unknown call is not ENOTTY");
}

static void touch(uint64_t offset, uint64_t nr_pages)
{
	uint64_t i;

	for (i = 0; i < nr_pages; i++)
		*(volatile char *)(base + offset + i * page) = 1;
}

static void arena_alloc_touch(uint64_t offset, uint64_t nr_pages)
{
	arena_alloc(offset, nr_pages);
	touch(offset, nr_pages);
}

/**
 * struct row - a row of figures
 * @name:	of the row
 * @make:	makes the memory to call on
 * @before:	prepares each call's pages before all calls are counted; optional
 * @call:	the call that is counted
 * @nr_pages:	pages per call
 * @stride:	pages from one call's first page to the next call's
 * @calls:	calls in a sample
 */
struct row {
	const char *name;
	void (*make)(void);
	void (*before)(uint64_t offset, uint64_t nr_pages);
	void (*call)(uint64_t offset, uint64_t nr_pages);
	unsigned int nr_pages;
	unsigned int stride;
	unsigned int calls;
};

static const struct row rows[] = {
	{ "ioctl.none", make_arena, NULL, nothing, 1, 1, 1000 },

	{ "karena.alloc.1", make_arena, NULL, arena_alloc, 1, 1, 1000 },
	{ "karena.alloc.64", make_arena, NULL, arena_alloc, 64, 64, 100 },
	{ "karena.alloc.512", make_arena, NULL, arena_alloc, 512, 512, 20 },
	{ "memfd.fallocate.1", make_memfd, NULL, memfd_fallocate, 1, 1, 1000 },
	{ "memfd.fallocate.64", make_memfd, NULL, memfd_fallocate, 64, 64, 100 },
	{ "memfd.fallocate.512", make_memfd, NULL, memfd_fallocate, 512, 512, 20 },

	{ "karena.free.1", make_arena, arena_alloc, arena_free, 1, 1, 1000 },
	{ "karena.free.64", make_arena, arena_alloc, arena_free, 64, 64, 100 },
	{ "karena.free.512", make_arena, arena_alloc, arena_free, 512, 512, 20 },
	{ "karena.free.1.mapped", make_arena, arena_alloc_touch, arena_free, 1, 1, 1000 },
	{ "karena.free.64.mapped", make_arena, arena_alloc_touch, arena_free, 64, 64, 100 },
	{ "karena.free.512.mapped", make_arena, arena_alloc_touch, arena_free, 512, 512, 20 },
	{ "memfd.punch_hole.1", make_memfd, memfd_fallocate, memfd_punch_hole, 1, 1, 1000 },
	{ "memfd.punch_hole.64", make_memfd, memfd_fallocate, memfd_punch_hole, 64, 64, 100 },
	{ "memfd.punch_hole.512", make_memfd, memfd_fallocate, memfd_punch_hole, 512, 512, 20 },
	{ "memfd.punch_hole.1.mapped", make_memfd, touch, memfd_punch_hole, 1, 1, 1000 },
	{ "memfd.punch_hole.64.mapped", make_memfd, touch, memfd_punch_hole, 64, 64, 100 },
	{ "memfd.punch_hole.512.mapped", make_memfd, touch, memfd_punch_hole, 512, 512, 20 },
	{ "anonymous.dontneed.1.mapped", make_anonymous, touch, anonymous_dontneed, 1, 1, 1000 },
	{ "anonymous.dontneed.64.mapped", make_anonymous, touch, anonymous_dontneed, 64, 64, 100 },
	{ "anonymous.dontneed.512.mapped", make_anonymous, touch, anonymous_dontneed,
	  512, 512, 20 },

	{ "karena.reserve.1", make_arena, NULL, arena_reserve, 1, 2, 60 },
	{ "karena.reserve.64.of-60", make_arena, NULL, arena_reserve, 64, 128, 60 },
	{ "karena.reserve.1.of-1000", make_arena, NULL, arena_reserve, 1, 2, 1000 },
	{ "karena.guard.1", make_arena, NULL, arena_guard, 1, 2, 60 },
	{ "karena.free_reserved.1", make_arena, arena_reserve, arena_free, 1, 2, 60 },
	{ "anonymous.guard_install.1", make_anonymous, NULL, anonymous_guard, 1, 2, 60 },
	{ "anonymous.guard_install.1.touched", make_anonymous, touch, anonymous_guard, 1, 2, 60 },
};

static double sample(const struct row *row)
{
	size_t stride = row->stride * page;
	unsigned int i;
	uint64_t ticks;

	row->make();
	for (i = 0; row->before && i < row->calls; i++)
		row->before(i * stride, row->nr_pages);
	ticks = bench_ticks();
	for (i = 0; i < row->calls; i++)
		row->call(i * stride, row->nr_pages);
	ticks = bench_ticks() - ticks;
	end();
	return (double)ticks / row->calls;
}

static double measure(const struct row *row)
{
	struct bench_samples samples = {};

	/* The first sample fills the allocators' caches. */
	sample(row);
	while (samples.nr < SAMPLES)
		bench_add(&samples, sample(row));
	return bench_median(&samples);
}

/* Allocates and frees the same pages alternately. */
static double alloc_free(unsigned int nr_pages)
{
	const struct row row = { NULL, make_arena, NULL, arena_alloc_free, nr_pages, 0, 20 };

	return measure(&row);
}

static int has_guards(void)
{
	int has;

	make_anonymous();
	has = !madvise(base, page, MADV_GUARD_INSTALL);
	end();
	if (!has)
		fprintf(stderr, "anonymous.guard_install: this kernel has none\n");
	return has;
}

int main(void)
{
	double zero;
	int guards;
	size_t i;

	page = sysconf(_SC_PAGESIZE);
	bench_begin();
	device = bench_device();
	bench_row("calibrate.2000", bench_calibrate(2000), "instructions");
	bench_row("calibrate.2000000", bench_calibrate(2000000), "instructions");

	guards = has_guards();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].call != anonymous_guard || guards)
			bench_row(rows[i].name, measure(&rows[i]), "instructions/call");
	}

	zero = bench_zeroing(page);
	bench_row("karena.alloc_free.1", alloc_free(1) - zero, "instructions/call");
	bench_row("karena.alloc_free.512", alloc_free(512) - 512 * zero, "instructions/call");
	return 0;
}
