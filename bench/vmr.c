// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does a reservation cost compared with mmap(MAP_FIXED) of the source over a
 * PROT_NONE span, and mmap(MAP_FIXED) of PROT_NONE to undo that? The latter may leave
 * holes, and does not know what is mapped where. And does the cost depend on the number
 * of maps?
 *
 * Both are done in the same span, on the same page. Rows are instructions, system calls
 * included; with --native they are nanoseconds, and arenas are left out, as these need
 * the module.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/mman.h>

#include <karena.h>

#include "bench.h"

#define SAMPLES		21
#define PAIRS		500
#define FINDS		2000
#define SPAN		((size_t)1 << 20)
#define ALIGNMENT	((size_t)2 << 20)

static bool native;
static size_t page;
static const char *unit;

static double ticks(void)
{
	struct timespec now;

	if (!native)
		return (double)bench_ticks();
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void row(const char *name, const char *source, size_t nr, struct bench_samples *samples)
{
	char full[80];

	snprintf(full, sizeof(full), "%s%s%s.%zu%s", name, source ? "." : "",
		 source ? source : "", nr, native ? ".native" : "");
	bench_row(full, bench_median(samples), unit);
}

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, karena_strerror(ret));
}

static struct karena_vmr_source source_of(int fd)
{
	struct karena_vmr_source source;

	if (fd < 0)
		must(karena_vmr_source_anon(&source, PROT_READ | PROT_WRITE, KARENA_VMR_PRIVATE),
		     "source");
	else
		must(karena_vmr_source_fd(&source, fd, 0, PROT_READ | PROT_WRITE, 0), "source");
	return source;
}

/* Maps @nr pages, every other one, in no order. The first page stays free. */
static struct karena_vmr *populate(size_t nr, const struct karena_vmr_source *source)
{
	struct karena_vmr *vmr;

	must(karena_vmr_new(&vmr, NULL, 2 * (nr + 1) * page), "new");
	for (size_t i = 0; i < nr; i++)
		must(karena_vmr_map(vmr, 2 * (i * 7919 % nr + 1) * page, page, source, NULL),
		     "map");
	return vmr;
}

static void depopulate(struct karena_vmr *vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(vmr, &map))
		must(karena_vmr_unmap(vmr, &map), "unmap");
	must(karena_vmr_delete(&vmr), "delete");
}

static double pairs(struct karena_vmr *vmr, const struct karena_vmr_source *source)
{
	struct karena_vmr_map map;
	double start = ticks();

	for (int i = 0; i < PAIRS; i++) {
		must(karena_vmr_map(vmr, 0, page, source, &map), "map");
		must(karena_vmr_unmap(vmr, &map), "unmap");
	}
	return (ticks() - start) / PAIRS;
}

static double pairs_by_hand(void *at, const struct karena_vmr_source *source)
{
	int flags = source->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	double start = ticks();

	for (int i = 0; i < PAIRS; i++) {
		if (mmap(at, page, source->prot, flags | MAP_FIXED, source->fd, 0) == MAP_FAILED ||
		    mmap(at, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			err(1, "mmap");
	}
	return (ticks() - start) / PAIRS;
}

/* Measures both in turn, so that other load affects both alike. */
static void measure_pairs(struct karena_vmr *vmr, const char *name, int fd, size_t nr)
{
	struct bench_samples ours = {}, by_hand = {};
	struct karena_vmr_source source = source_of(fd);
	void *at = karena_vmr_get_address(vmr);

	pairs(vmr, &source);
	pairs_by_hand(at, &source);
	while (ours.nr < SAMPLES) {
		bench_add(&ours, pairs(vmr, &source));
		bench_add(&by_hand, pairs_by_hand(at, &source));
	}
	row("vmr.map_unmap", name, nr, &ours);
	row("fixed.map_unmap", name, nr, &by_hand);
}

static double finds(struct karena_vmr *vmr, size_t nr)
{
	struct karena_vmr_map map;
	unsigned int random = 1;
	double start = ticks();

	for (int i = 0; i < FINDS; i++) {
		random = random * 1103515245 + 12345;
		must(karena_vmr_map_find(vmr, 2 * ((random >> 8) % nr + 1) * page, page, &map),
		     "find");
	}
	return (ticks() - start) / FINDS;
}

static void measure_finds(struct karena_vmr *vmr, size_t nr)
{
	struct bench_samples samples = {};

	finds(vmr, nr);
	while (samples.nr < SAMPLES)
		bench_add(&samples, finds(vmr, nr));
	row("vmr.find", NULL, nr, &samples);
}

static double spans(void)
{
	double start = ticks();

	for (int i = 0; i < PAIRS; i++) {
		struct karena_vmr *vmr;

		must(karena_vmr_new(&vmr, NULL, SPAN), "new");
		must(karena_vmr_delete(&vmr), "delete");
	}
	return (ticks() - start) / PAIRS;
}

/* Aligns a span by hand: takes too much, then unmaps head and tail. */
static double spans_by_hand(void)
{
	size_t taken = SPAN + ALIGNMENT - page;
	double start = ticks();

	for (int i = 0; i < PAIRS; i++) {
		char *at = mmap(NULL, taken, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		size_t head = -(uintptr_t)at & (ALIGNMENT - 1);

		if (at == MAP_FAILED || (head && munmap(at, head)) ||
		    (head + SPAN < taken && munmap(at + head + SPAN, taken - head - SPAN)) ||
		    munmap(at + head, SPAN))
			err(1, "mmap");
	}
	return (ticks() - start) / PAIRS;
}

static void measure_spans(size_t nr)
{
	struct bench_samples ours = {}, by_hand = {};

	spans();
	spans_by_hand();
	while (ours.nr < SAMPLES) {
		bench_add(&ours, spans());
		bench_add(&by_hand, spans_by_hand());
	}
	row("vmr.new_delete", NULL, nr, &ours);
	row("fixed.new_delete", NULL, nr, &by_hand);
}

static int make_memfd(unsigned int flags)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | flags);

	if (fd < 0 || ftruncate(fd, page))
		err(1, "memfd");
	return fd;
}

/* There are @nr maps in one span, and further spans. */
static void measure(size_t nr)
{
	int memfd = make_memfd(0), sealable = make_memfd(MFD_ALLOW_SEALING);
	struct karena_vmr_source source = source_of(memfd);
	struct karena_vmr *vmr = populate(nr, &source);

	measure_spans(nr);
	measure_finds(vmr, nr);
	measure_pairs(vmr, "memfd", memfd, nr);
	measure_pairs(vmr, "anonymous", -1, nr);
	measure_pairs(vmr, "moved", sealable, nr);
	if (!native) {
		int device = bench_device(), arena = bench_arena(device, page, 0);

		measure_pairs(vmr, "arena", arena, nr);
		close(arena);
		close(device);
	}
	depopulate(vmr);
	close(sealable);
	close(memfd);
}

int main(int argc, char **argv)
{
	native = argc > 1 && !strcmp(argv[1], "--native");
	unit = native ? "ns" : "instructions";
	page = (size_t)sysconf(_SC_PAGESIZE);
	if (!native)
		bench_begin();
	measure(10);
	measure(1000);
	measure(10000);
	return 0;
}
