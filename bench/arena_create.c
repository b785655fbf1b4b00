// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost to create and destroy an arena, small and large, compared with a
 * memfd? Rows are instructions per arena, system calls included.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "bench.h"

#define SAMPLES	11
#define OBJECTS	100

static int device;
static size_t page;

static int make_page(void)
{
	return bench_arena(device, page, 0);
}

static int make_64t(void)
{
	return bench_arena(device, 64ull << 40, 0);
}

static int make_memfd(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, page))
		err(1, "memfd");
	return fd;
}

static void *mappings[OBJECTS];

static void map_and_touch(int fd, int i)
{
	mappings[i] = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mappings[i] == MAP_FAILED)
		err(1, "mmap");
	*(volatile char *)mappings[i] = 1;
}

struct cost {
	struct bench_samples create;
	struct bench_samples close;
};

static void sample(int (*make)(void), int touch, struct cost *cost)
{
	int fds[OBJECTS], i;
	uint64_t start;

	start = bench_ticks();
	for (i = 0; i < OBJECTS; i++) {
		fds[i] = make();
		if (touch)
			map_and_touch(fds[i], i);
	}
	bench_add(&cost->create, (double)(bench_ticks() - start) / OBJECTS);

	start = bench_ticks();
	for (i = 0; i < OBJECTS; i++) {
		if (touch)
			munmap(mappings[i], page);
		close(fds[i]);
	}
	bench_add(&cost->close, (double)(bench_ticks() - start) / OBJECTS);
}

static void measure(int (*make)(void), int touch, const char *create, const char *end)
{
	struct cost warm = {}, cost = {};

	sample(make, touch, &warm);
	while (cost.create.nr < SAMPLES)
		sample(make, touch, &cost);
	bench_row(create, bench_median(&cost.create), "instructions/object");
	bench_row(end, bench_median(&cost.close), "instructions/object");
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	bench_begin();
	device = bench_device();

	measure(make_page, 0, "karena.create.1p", "karena.close.1p");
	measure(make_64t, 0, "karena.create.64t", "karena.close.64t");
	measure(make_memfd, 0, "memfd.create", "memfd.close");
	measure(make_page, 1, "karena.create_map_touch.1p", "karena.unmap_close.1p");
	measure(make_64t, 1, "karena.create_map_touch.64t", "karena.unmap_close.64t");
	measure(make_memfd, 1, "memfd.create_map_touch", "memfd.unmap_close");
	return 0;
}
