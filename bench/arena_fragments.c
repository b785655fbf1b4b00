// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does an allocation cost in an arena of many ranges, and how much metadata do
 * ranges and pages take?
 *
 * Every other page is reserved, so that there are as many ranges as gaps.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "bench.h"

#define SAMPLES	11
#define CALLS	100
#define MANY	1000000

static int device;
static size_t page;

/* Returns how many bytes of its kmalloc slabs the kernel uses. */
static double kernel_bytes(void)
{
	unsigned long active, all, size;
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[256], name[64];
	double sum = 0;

	if (!file)
		err(1, "/proc/slabinfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %lu %lu %lu", name, &active, &all, &size) == 4 &&
		    !strncmp(name, "kmalloc", 7))
			sum += (double)active * size;
	}
	fclose(file);
	return sum;
}

static int fragmented(unsigned long ranges)
{
	int fd = bench_arena(device, 2 * ranges * page, 0);
	struct karena_arena_reserve args = { .size = sizeof(args), .nr_pages = 1 };

	for (; args.offset < 2 * ranges * page; args.offset += 2 * page)
		bench_ioctl(fd, KARENA_IOC_ARENA_RESERVE, &args, "arena reserve");
	return fd;
}

static double alloc(int fd, uint64_t *offsets)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.nr_pages = 1,
		.node = KARENA_NODE_ANY,
	};
	uint64_t start = bench_ticks();
	int i;

	for (i = 0; i < CALLS; i++) {
		bench_ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args, "arena alloc");
		offsets[i] = args.out_offset;
	}
	return (double)(bench_ticks() - start) / CALLS;
}

static double release(int fd, const uint64_t *offsets)
{
	struct karena_arena_free args = { .size = sizeof(args), .nr_pages = 1 };
	uint64_t start = bench_ticks();
	int i;

	for (i = 0; i < CALLS; i++) {
		args.offset = offsets[i];
		bench_ioctl(fd, KARENA_IOC_ARENA_FREE, &args, "arena free");
	}
	return (double)(bench_ticks() - start) / CALLS;
}

static void fragments(const char *suffix, unsigned long ranges)
{
	struct bench_samples allocs = {}, frees = {};
	double before = kernel_bytes();
	int fd = fragmented(ranges);
	uint64_t offsets[CALLS];

	bench_suffix = suffix;
	/* A partial slab counts as full, so figures of few ranges are meaningless. */
	if (ranges >= MANY)
		bench_row("karena.bytes_per_range", (kernel_bytes() - before) / ranges, "bytes");
	while (allocs.nr < SAMPLES) {
		bench_add(&allocs, alloc(fd, offsets));
		bench_add(&frees, release(fd, offsets));
	}
	bench_row("karena.alloc.1", bench_median(&allocs), "instructions/call");
	bench_row("karena.free.1", bench_median(&frees), "instructions/call");
	bench_suffix = "";
	close(fd);
}

static void bytes_per_page(void)
{
	const size_t length = 256ul << 20;
	int fd = bench_arena(device, length, 0);
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	double before = kernel_bytes();
	size_t i;

	if (at == MAP_FAILED)
		err(1, "mmap");
	for (i = 0; i < length; i += page)
		*(volatile char *)(at + i) = 1;
	bench_row("karena.bytes_per_page", (kernel_bytes() - before) / (length / page), "bytes");
	munmap(at, length);
	close(fd);
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	bench_begin();
	device = bench_device();

	bytes_per_page();
	fragments(".frag1k", 1000);
	fragments(".frag1m", MANY);
	return 0;
}
