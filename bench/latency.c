// SPDX-License-Identifier: GPL-2.0-only
/*
 * How late does a realtime thread run because of a call that takes long? Rows are the
 * delay of the latest wake-up in instructions, and need one CPU whose clock counts these.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"

#define PERIOD_NS	50000
#define LARGE		(256ull << 20)
#define SMALL		(16ull << 20)

static int device;
static atomic_int stop;
static uint64_t worst;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Wakes up repeatedly, and records the longest delay. */
static void *watch(void *unused)
{
	uint64_t due = now_ns(), late;
	struct timespec at;

	(void)unused;
	while (!stop) {
		due += PERIOD_NS;
		at = (struct timespec){ due / 1000000000, due % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		late = now_ns() - due;
		if (late > worst)
			worst = late;
		if (late > PERIOD_NS)
			due = now_ns();
	}
	return NULL;
}

static void measure(const char *row, int (*run)(int fd), int fd, int *result)
{
	struct sched_param realtime = { .sched_priority = 1 };
	pthread_t watcher;

	stop = 0;
	worst = 0;
	if (pthread_create(&watcher, NULL, watch, NULL) ||
	    pthread_setschedparam(watcher, SCHED_FIFO, &realtime))
		errx(1, "no realtime thread");
	usleep(10000);
	worst = 0;
	*result = run(fd);
	usleep(10000);
	stop = 1;
	pthread_join(watcher, NULL);
	bench_row(row, worst, "instructions late");
}

static int nothing(int fd)
{
	return fd;
}

static int create_ring(int flags)
{
	struct karena_ring_create create = {
		.size = sizeof(create),
		.flags = flags,
		.data_bytes = LARGE,
		.node = KARENA_NODE_ANY,
	};
	int fd = ioctl(device, KARENA_IOC_RING_CREATE, &create);

	if (fd < 0)
		err(1, "ring");
	return fd;
}

static int create_bpf_ring(int unused)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = LARGE };
	int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	(void)unused;
	if (fd < 0)
		err(1, "bpf ring");
	return fd;
}

static int close_fd(int fd)
{
	return close(fd);
}

/* A ring full of the shortest records, all of which its consumer says it has read. */
static int full_ring(void)
{
	static char records[1 << 20];
	struct karena_ring_create create = {
		.size = sizeof(create),
		.data_bytes = SMALL,
		.flags = KARENA_RING_F_IN_PLACE,
		.node = KARENA_NODE_ANY,
	};
	struct karena_ring_output_batch batch = {
		.size = sizeof(batch),
		.buffer = (uintptr_t)records,
		.buffer_bytes = sizeof(records),
	};
	struct karena_ring_attach attach = {
		.size = sizeof(attach),
		.flags = KARENA_ATTACH_F_CONSUME,
	};
	long page = sysconf(_SC_PAGESIZE);
	struct karena_ring_consumer *consumer;
	int fd = ioctl(device, KARENA_IOC_RING_CREATE, &create);
	size_t at;

	for (at = 0; at < sizeof(records); at += 2 * KARENA_RECORD_HEADER_BYTES)
		((struct karena_record_header *)(records + at))->word = KARENA_RECORD_HEADER_BYTES;
	for (at = 0; at < SMALL; at += sizeof(records)) {
		if (ioctl(fd, KARENA_IOC_RING_OUTPUT_BATCH, &batch) <= 0)
			err(1, "output");
	}
	if (ioctl(fd, KARENA_IOC_RING_ATTACH, &attach))
		err(1, "attach");
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
	if (consumer == MAP_FAILED)
		err(1, "consumer");
	__atomic_store_n(&consumer->position, SMALL, __ATOMIC_RELEASE);
	munmap(consumer, page);
	return fd;
}

static int reserve_all(int fd)
{
	struct karena_ring_reserve args = {
		.size = sizeof(args),
		.length = SMALL - KARENA_RECORD_HEADER_BYTES,
	};

	if (ioctl(fd, KARENA_IOC_RING_RESERVE, &args))
		err(1, "reserve");
	return 0;
}

static int count_pinned(int fd)
{
	struct karena_arena_stat stat = { .size = sizeof(stat), .flags = KARENA_STAT_F_PINNED };

	if (ioctl(fd, KARENA_IOC_ARENA_STAT, &stat))
		err(1, "stat");
	return 0;
}

static int walk(int fd)
{
	static struct karena_arena_range ranges[64];
	struct karena_arena_walk args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)ranges,
		.buffer_bytes = sizeof(ranges),
	};

	if (ioctl(fd, KARENA_IOC_ARENA_WALK, &args))
		err(1, "walk");
	return 0;
}

static int alloc_at(int fd, uint64_t offset, uint64_t nr_pages)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = KARENA_ALLOC_F_FIXED,
		.offset = offset,
		.nr_pages = nr_pages,
		.node = KARENA_NODE_ANY,
	};

	if (ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args))
		err(1, "alloc");
	return 0;
}

static int fill(int fd)
{
	return alloc_at(fd, 0, LARGE / sysconf(_SC_PAGESIZE));
}

/* Populates pages as far from each other as possible. */
static int fill_isolated(int fd)
{
	uint64_t i;

	for (i = 0; i < 4096; i++)
		alloc_at(fd, i << 50, 1);
	return 0;
}

static int free_all(int fd)
{
	struct karena_arena_free args = { .size = sizeof(args) };
	struct karena_arena_stat stat = { .size = sizeof(stat) };

	if (ioctl(fd, KARENA_IOC_ARENA_STAT, &stat))
		err(1, "stat");
	args.nr_pages = stat.out_length / sysconf(_SC_PAGESIZE);
	if (ioctl(fd, KARENA_IOC_ARENA_FREE, &args))
		err(1, "free");
	return 0;
}

static char *anonymous;

static int unmap_anonymous(int unused)
{
	(void)unused;
	return munmap(anonymous, LARGE);
}

int main(void)
{
	int fd, unused;

	bench_begin();
	device = bench_device();

	measure("late.nothing", nothing, 0, &unused);
	anonymous = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (anonymous == MAP_FAILED)
		err(1, "mmap");
	measure("late.anonymous.unmap.256m", unmap_anonymous, 0, &unused);
	measure("late.ring.create.256m", create_ring, 0, &fd);
	measure("late.ring.close.256m", close_fd, fd, &unused);
	/* The kernel has kept the page tables of the first ring's mapping. */
	measure("late.ring.create_again.256m", create_ring, 0, &fd);
	measure("late.ring.close_again.256m", close_fd, fd, &unused);
	measure("late.ring.create_in_place.256m", create_ring, KARENA_RING_F_IN_PLACE, &fd);
	measure("late.ring.close_in_place.256m", close_fd, fd, &unused);
	measure("late.bpf_ring.create.256m", create_bpf_ring, 0, &fd);
	measure("late.bpf_ring.close.256m", close_fd, fd, &unused);

	fd = full_ring();
	measure("late.ring.reserve.behind_1m", reserve_all, fd, &unused);
	close(fd);

	fd = bench_arena(device, LARGE, 0);
	measure("late.arena.alloc.256m", fill, fd, &unused);
	measure("late.arena.stat_pinned.256m", count_pinned, fd, &unused);
	measure("late.arena.walk.256m", walk, fd, &unused);
	measure("late.arena.free.256m", free_all, fd, &unused);
	fill(fd);
	measure("late.arena.close.256m", close_fd, fd, &unused);

	fd = bench_arena(device, 1ull << 62, 0);
	measure("late.arena.alloc.isolated", fill_isolated, fd, &unused);
	measure("late.arena.stat_pinned.isolated", count_pinned, fd, &unused);
	measure("late.arena.walk.isolated", walk, fd, &unused);
	measure("late.arena.free.isolated", free_all, fd, &unused);
	fill_isolated(fd);
	measure("late.arena.close.isolated", close_fd, fd, &unused);
	return 0;
}
