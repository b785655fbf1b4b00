// SPDX-License-Identifier: GPL-2.0-only
/*
 * What do pages of a BPF arena cost? Prints nothing on kernels that have none.
 *
 * arena_bpf OBJECT: the kernel runs the programs of OBJECT (arena.bpf.c). Rows are
 * instructions per call, without those of the run and of the loop; or per page touched,
 * without the zeroing of the page.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "../bench.h"
#include "arena_bpf.h"

#define SAMPLES		11
#define MAP_TYPE_ARENA	33
/* Address of the arena: the verifier requires one. */
#define ADDRESS		(1ull << 44)

static const char *path;
static struct bpf_object *object;
static char *base;
static size_t page;

static int create(uint32_t nr_pages)
{
	struct bpf_map_create_opts opts = {
		.sz = sizeof(opts),
		.map_flags = BPF_F_MMAPABLE,
		.map_extra = ADDRESS,
	};

	return bpf_map_create(MAP_TYPE_ARENA, "bench", 0, 0, nr_pages, &opts);
}

static void map(int fd, uint32_t nr_pages)
{
	base = mmap((void *)ADDRESS, nr_pages * page, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0);
	if (base == MAP_FAILED)
		err(1, "mmap");
}

static void begin(void)
{
	struct bpf_map *arena;

	object = bpf_object__open_file(path, NULL);
	if (!object)
		err(1, "%s", path);
	arena = bpf_object__find_map_by_name(object, "arena");
	if (!arena || bpf_map__set_map_extra(arena, ADDRESS) || bpf_object__load(object))
		err(1, "%s", path);
	map(bpf_map__fd(arena), ARENA_PAGES);
}

static void end(void)
{
	munmap(base, ARENA_PAGES * page);
	bpf_object__close(object);
}

static double run(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	uint64_t start;

	if (!prog)
		errx(1, "no program %s", name);
	start = bench_ticks();
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		err(1, "BPF_PROG_RUN");
	start = bench_ticks() - start;
	if (opts.retval)
		errx(1, "%s: no room for %u", name, opts.retval);
	return start;
}

static double touch(uint32_t nr_pages)
{
	uint64_t start = bench_ticks();
	uint32_t i;

	for (i = 0; i < nr_pages; i++)
		((volatile char *)base)[i * page] = 1;
	return bench_ticks() - start;
}

static void row(const char *what, const char *suffix, unsigned int nr_pages,
		struct bench_samples *samples)
{
	char name[80];

	snprintf(name, sizeof(name), "bpf_arena.%s.%u%s", what, nr_pages, suffix);
	bench_row(name, bench_median(samples), "instructions/call");
}

static void call_rows(unsigned int nr_pages, unsigned int calls)
{
	struct bench_samples allocs = {}, frees = {}, mapped = {};
	char alloc[16], free[16];
	double idle;

	snprintf(alloc, sizeof(alloc), "alloc_%u", nr_pages);
	snprintf(free, sizeof(free), "free_%u", nr_pages);
	begin();
	run(alloc);
	run(free);
	while (allocs.nr < SAMPLES) {
		idle = run("nothing");
		bench_add(&allocs, (run(alloc) - idle) / calls);
		bench_add(&frees, (run(free) - idle) / calls);
		run(alloc);
		touch(nr_pages * calls);
		bench_add(&mapped, (run(free) - idle) / calls);
	}
	end();
	row("alloc", "", nr_pages, &allocs);
	row("free", "", nr_pages, &frees);
	row("free", ".mapped", nr_pages, &mapped);
}

static void touch_row(void)
{
	struct bench_samples samples = {};
	double zero = bench_zeroing(page);

	while (samples.nr < 3) {
		begin();
		bench_add(&samples, touch(ARENA_PAGES) / ARENA_PAGES);
		end();
	}
	bench_row("bpf_arena.touch", bench_median(&samples) - zero, "instructions/page");
}

static void create_rows(void)
{
	struct bench_samples creates = {}, closes = {};
	uint64_t start;
	int fd;

	while (creates.nr < 3) {
		start = bench_ticks();
		fd = create(1);
		if (fd < 0)
			err(1, "BPF arena");
		map(fd, 1);
		touch(1);
		bench_add(&creates, bench_ticks() - start);
		start = bench_ticks();
		munmap(base, page);
		close(fd);
		bench_add(&closes, bench_ticks() - start);
	}
	bench_row("bpf_arena.create_map_touch", bench_median(&creates), "instructions/object");
	bench_row("bpf_arena.unmap_close", bench_median(&closes), "instructions/object");
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2)
		errx(1, "usage: arena_bpf OBJECT");
	path = argv[1];
	page = sysconf(_SC_PAGESIZE);
	bench_begin();
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	fd = create(1);
	if (fd < 0) {
		warn("no BPF arena on this kernel");
		return 0;
	}
	close(fd);

	touch_row();
	call_rows(1, CALLS_1);
	call_rows(64, CALLS_64);
	call_rows(512, CALLS_512);
	create_rows();
	return 0;
}
