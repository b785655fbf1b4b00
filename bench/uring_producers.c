// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost a service whose loop is io_uring to send a record, or to allocate a
 * page of an arena? BATCH entries go with one system call. Rows are instructions per
 * record or per page, in the kernel and here; .workers counts the threads that io_uring
 * started since they could not be executed where they were issued.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <karena_uring.h>

#include "bench.h"

#define BATCH		32
#define ROUNDS		50
#define SAMPLES		11
#define LENGTH		8
#define ARENA_BYTES	(1 << 20)

static struct karena_device *device;
static struct karena_ring *ring, *in_place;
static struct karena_arena *arena;
static struct io_uring uring;
static char record[LENGTH];
static union {
	struct karena_ring_output output;
	struct karena_ring_reserve reserve;
	struct karena_arena_alloc alloc;
	struct karena_arena_free free;
} args[BATCH];

static void check(long got, long want, const char *what)
{
	if (got != want)
		errx(1, "%s: %ld instead of %ld", what, got, want);
}

static void run(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, nr = 0;

	if (io_uring_submit_and_wait(&uring, BATCH) < 0)
		errx(1, "io_uring_enter");
	io_uring_for_each_cqe(&uring, head, cqe) {
		if (cqe->res < 0)
			errx(1, "completion: %s", strerror(-cqe->res));
		nr++;
	}
	check(nr, BATCH, "completions");
	io_uring_cq_advance(&uring, nr);
}

static void output(void)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		args[i].output = (struct karena_ring_output){
			.size = sizeof(args[i].output),
			.buffer = (uintptr_t)record,
			.buffer_bytes = LENGTH,
		};
		karena_prep_ring_output(io_uring_get_sqe(&uring), ring, &args[i].output);
	}
	run();
}

static void reserve_submit(void)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		args[i].reserve = (struct karena_ring_reserve){
			.size = sizeof(args[i].reserve),
			.length = LENGTH,
		};
		karena_prep_ring_reserve(io_uring_get_sqe(&uring), in_place,
					 &args[i].reserve);
	}
	run();
	for (i = 0; i < BATCH; i++)
		karena_prep_ring_submit(io_uring_get_sqe(&uring), in_place,
					args[i].reserve.out_position, 0);
	run();
}

static void write_ring(void)
{
	int i;

	for (i = 0; i < BATCH; i++)
		io_uring_prep_write(io_uring_get_sqe(&uring), karena_ring_fd(ring), record,
				    LENGTH, 0);
	run();
}

static void take_from(struct karena_ring *from)
{
	struct karena_record records[BATCH];

	check(karena_ring_take(from, records, BATCH), BATCH, "karena_ring_take");
	karena_ring_release(from);
}

static void take(void)
{
	take_from(ring);
}

static void take_in_place(void)
{
	take_from(in_place);
}

static void prepare_alloc(int i)
{
	args[i].alloc = (struct karena_arena_alloc){
		.size = sizeof(args[i].alloc),
		.nr_pages = 1,
		.node = KARENA_NODE_ANY,
	};
}

static void alloc(void)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		prepare_alloc(i);
		karena_prep_arena_alloc(io_uring_get_sqe(&uring), arena, &args[i].alloc);
	}
	run();
}

static void alloc_by_call(void)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		prepare_alloc(i);
		bench_ioctl(karena_arena_fd(arena), KARENA_IOC_ARENA_ALLOC, &args[i].alloc,
			    "arena alloc");
	}
}

static void free_all(void)
{
	struct karena_arena_free free = { .size = sizeof(free) };

	free.nr_pages = ARENA_BYTES / sysconf(_SC_PAGESIZE);
	bench_ioctl(karena_arena_fd(arena), KARENA_IOC_ARENA_FREE, &free, "arena free");
}

/**
 * struct way - a way to send or to allocate
 * @row:	name of the row
 * @begin:	does it BATCH times
 * @end:	undoes that
 */
struct way {
	const char *row;
	void (*begin)(void);
	void (*end)(void);
};

static const struct way ways[] = {
	{ "karena.uring_output.8", output, take },
	{ "karena.uring_reserve_submit.8", reserve_submit, take_in_place },
	{ "karena.uring_write.8", write_ring, take },
	{ "karena.uring_arena_alloc", alloc, free_all },
	{ "karena.arena_alloc", alloc_by_call, free_all },
};

/* Threads of io_uring's that this process has. */
static unsigned int nr_workers(void)
{
	struct dirent *entry;
	unsigned int nr = 0;
	char path[300], name[8];
	DIR *dir = opendir("/proc/self/task");
	FILE *file;

	if (!dir)
		err(1, "/proc/self/task");
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		nr += fgets(name, sizeof(name), file) && !strcmp(name, "iou-wrk");
		fclose(file);
	}
	closedir(dir);
	return nr;
}

static void measure(const struct way *way)
{
	unsigned int before = nr_workers();
	struct bench_samples samples = {};
	uint64_t start, sum;
	char row[64];
	int i;

	check(io_uring_queue_init(BATCH, &uring, 0), 0, "io_uring");
	check(io_uring_register_ring_fd(&uring), 1, "io_uring's own number");
	way->begin();
	way->end();
	while (samples.nr < SAMPLES) {
		for (sum = 0, i = 0; i < ROUNDS; i++) {
			start = bench_ticks();
			way->begin();
			sum += bench_ticks() - start;
			way->end();
		}
		bench_add(&samples, (double)sum / (ROUNDS * BATCH));
	}
	bench_row(way->row, bench_median(&samples), "instructions");
	snprintf(row, sizeof(row), "%s.workers", way->row);
	bench_row(row, nr_workers() - before, "threads");
	io_uring_queue_exit(&uring);
}

int main(void)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.name = "bench",
		.flags = KARENA_RING_F_IN_PLACE,
	};
	unsigned int i;

	bench_begin();
	check(karena_open(NULL, &device), 0, "open");
	check(karena_ring_create(device, 1 << 20, NULL, &ring), 0, "ring");
	check(karena_ring_create(device, 1 << 20, &opts, &in_place), 0, "ring in place");
	check(karena_arena_create(device, ARENA_BYTES, NULL, &arena), 0, "arena");
	/* The first reservation of a process registers it. */
	check(karena_ring_discard(in_place, karena_ring_reserve(in_place, LENGTH), 0), 0,
	      "discard");
	check(karena_ring_consume(in_place, NULL, NULL, 0), 0, "consume");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		measure(&ways[i]);
	return 0;
}
