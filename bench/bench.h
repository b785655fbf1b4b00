/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common parts of the benchmarks: a clock, samples, rows.
 *
 * A row is "NAME<tab>VALUE<tab>UNIT" on standard output; everything else goes to standard
 * error. Most programs count instructions, of user space and kernel together: in a guest
 * booted by "vm/run --icount" each instruction increments the time stamp counter by one.
 * bench_begin() checks this, so that no time is mistaken for a count.
 */
#ifndef KARENA_BENCH_H
#define KARENA_BENCH_H

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <linux/karena.h>

#define BENCH_SAMPLES_MAX	64

/* Appended to each row's name. */
static const char *bench_suffix = "";

static inline uint64_t bench_ticks(void)
{
	return __rdtsc();
}

static inline double bench_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static inline double bench_seconds(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

static inline void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %d", cpu);
}

static inline void bench_row(const char *name, double value, const char *unit)
{
	int digits = value < 10 ? 2 : value < 1000 ? 1 : 0;

	printf("%s%s\t%.*f\t%s\n", name, bench_suffix, digits, value, unit);
	fflush(stdout);
}

/**
 * struct bench_samples - repeated measurements of one figure
 * @value:	the samples
 * @nr:		number of samples
 */
struct bench_samples {
	double value[BENCH_SAMPLES_MAX];
	unsigned int nr;
};

static inline void bench_add(struct bench_samples *samples, double value)
{
	if (samples->nr < BENCH_SAMPLES_MAX)
		samples->value[samples->nr++] = value;
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median, as a sample may include a timer tick. */
static inline double bench_median(struct bench_samples *samples)
{
	qsort(samples->value, samples->nr, sizeof(*samples->value), bench_compare);
	return samples->value[samples->nr / 2];
}

/* For rates: the best sample was disturbed least. */
static inline double bench_most(struct bench_samples *samples)
{
	bench_median(samples);
	return samples->value[samples->nr - 1];
}

/**
 * struct bench_load - use of the processors since boot
 * @ours:	seconds used by this process
 * @others:	seconds used by others: other processes, the kernel, other guests
 * @when:	by the clock
 */
struct bench_load {
	double ours;
	double others;
	double when;
};

static inline struct bench_load bench_load(void)
{
	unsigned long long user, nice, system, idle, wait, irq, soft, stolen;
	FILE *file = fopen("/proc/stat", "re");
	struct bench_load load;

	if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
			    &system, &idle, &wait, &irq, &soft, &stolen) != 8)
		err(1, "/proc/stat");
	fclose(file);
	load.when = bench_seconds();
	load.ours = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	load.others = (double)(user + nice + system + irq + soft + stolen) /
		      sysconf(_SC_CLK_TCK) - load.ours;
	return load;
}

/* Reports the share of all processors that others used since @begin. */
static inline void bench_load_row(const char *name, const struct bench_load *begin)
{
	struct bench_load now = bench_load();
	double all = (now.when - begin->when) * sysconf(_SC_NPROCESSORS_ONLN);
	double others = (now.others - begin->others) / all * 100;

	bench_row(name, others > 0 ? others : 0, "% of the processors");
}

/* Two instructions per iteration, with any compiler. */
static inline uint64_t bench_loop(unsigned long instructions)
{
	unsigned long turns = instructions / 2;
	uint64_t start = bench_ticks();

	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (turns) : : "cc");
	return bench_ticks() - start;
}

static inline double bench_calibrate(unsigned long instructions)
{
	struct bench_samples samples = {};

	while (samples.nr < 9)
		bench_add(&samples, bench_loop(instructions));
	return bench_median(&samples);
}

/* Call this before counting anything. */
static inline void bench_begin(void)
{
	double got = bench_calibrate(20000);

	if (got < 20000 || got > 20100)
		errx(1, "20000 instructions read %.0f: the clock does not count them", got);
}

/* Counts the clearing of a warm page by the kernel's loop of 8-byte stores. */
static inline double bench_zeroing(size_t page)
{
	char *at = aligned_alloc(page, page);
	struct bench_samples samples = {};
	uint64_t start;
	size_t count;
	void *to;
	int i;

	if (!at)
		err(1, "aligned_alloc");
	memset(at, 1, page);
	while (samples.nr < 9) {
		start = bench_ticks();
		for (i = 0; i < 100; i++) {
			to = at;
			count = page / 8;
			asm volatile("rep stosq" : "+D" (to), "+c" (count) : "a" (0) : "memory");
		}
		bench_add(&samples, (double)(bench_ticks() - start) / 100);
	}
	free(at);
	return bench_median(&samples);
}

static inline int bench_device(void)
{
	int fd = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, KARENA_DEVICE);
	return fd;
}

/* Makes a call that must succeed. */
static inline int bench_ioctl(int fd, unsigned long call, void *args, const char *what)
{
	int ret = ioctl(fd, call, args);

	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static inline int bench_arena(int device, uint64_t bytes, unsigned int fault_pages)
{
	struct karena_arena_create args = {
		.size = sizeof(args),
		.length = bytes,
		.node = KARENA_NODE_ANY,
		.fault_pages = fault_pages,
		.name = "bench",
	};

	return bench_ioctl(device, KARENA_IOC_ARENA_CREATE, &args, "arena create");
}

#endif /* KARENA_BENCH_H */
