// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost a process of few and of many mappings to become an owner of a ring,
 * for the first time and for another ring? Rows are instructions per call. Each first call
 * is by a new process.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"

#define MANY		60000

static int device;

static int new_ring(void)
{
	struct karena_ring_create create = {
		.size = sizeof(create),
		.flags = KARENA_RING_F_IN_PLACE,
		.data_bytes = sysconf(_SC_PAGESIZE),
		.node = KARENA_NODE_ANY,
		.name = "bench",
	};

	return bench_ioctl(device, KARENA_IOC_RING_CREATE, &create, "ring create");
}

/* Neighbours that differ in what may be done do not become one mapping. */
static void map_many(unsigned int nr)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, nr * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (at == MAP_FAILED)
		err(1, "mmap");
	for (i = 1; i < nr; i += 2) {
		if (mprotect(at + i * page, page, PROT_NONE))
			err(1, "mapping %u", i);
	}
}

static void attach(const char *row)
{
	struct karena_ring_attach args = { .size = sizeof(args) };
	int ring = new_ring();
	uint64_t start = bench_ticks();

	bench_ioctl(ring, KARENA_IOC_RING_ATTACH, &args, "attach");
	bench_row(row, bench_ticks() - start, "instructions");
}

static void attach_twice(const char *first, const char *next, unsigned int mappings)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		err(1, "fork");
	if (!child) {
		map_many(mappings);
		attach(first);
		attach(next);
		exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "the child failed");
}

int main(void)
{
	bench_begin();
	device = bench_device();
	attach_twice("karena.first_attach", "karena.next_attach", 1);
	attach_twice("karena.first_attach.60000_mappings", "karena.next_attach.60000_mappings",
		     MANY);
	return 0;
}
