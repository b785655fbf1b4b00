// SPDX-License-Identifier: GPL-2.0-only
/*
 * On two CPUs: are two threads that touch an arena faster than one, and does freeing
 * pages disturb a CPU that does not use them?
 *
 * Rows of touching are pages per second and only mean something as ratios; one and two
 * threads take turns, so that other load affects both alike. Rows of interrupts count the
 * interrupts of the other CPU while pages were freed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "bench.h"

#define REGION	(128ul << 20)
#define SAMPLES	5
#define FREES	1000

static int device;
static size_t page;

static int arena(unsigned int fault_pages)
{
	int fd = bench_arena(device, REGION, fault_pages);
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = KARENA_ALLOC_F_LAZY,
		.nr_pages = REGION / page,
		.node = KARENA_NODE_ANY,
	};

	bench_ioctl(fd, KARENA_IOC_ARENA_ALLOC, &args, "arena alloc");
	return fd;
}

static int make_single(void)
{
	return arena(1);
}

static int make_batch(void)
{
	return arena(0);
}

static int make_memfd(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, REGION))
		err(1, "memfd");
	return fd;
}

static int make_anonymous(void)
{
	return -1;
}

/* A thread's share of the region. */
struct share {
	pthread_t thread;
	int cpu;
	char *from;
	char *to;
};

static pthread_barrier_t together;

static void *touch_share(void *arg)
{
	const struct share *share = arg;
	char *at;

	bench_pin(share->cpu);
	pthread_barrier_wait(&together);
	for (at = share->from; at < share->to; at += page)
		*(volatile char *)at = 1;
	pthread_barrier_wait(&together);
	return NULL;
}

/* Pages per second. */
static double touch(int (*make)(void), int threads)
{
	int fd = make(), i;
	char *at = mmap(NULL, REGION, PROT_READ | PROT_WRITE,
			fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	struct share shares[2];
	double start;

	if (at == MAP_FAILED)
		err(1, "mmap");
	madvise(at, REGION, MADV_NOHUGEPAGE);
	pthread_barrier_init(&together, NULL, threads + 1);
	for (i = 0; i < threads; i++) {
		shares[i].cpu = i;
		shares[i].from = at + REGION / threads * i;
		shares[i].to = at + REGION / threads * (i + 1);
		if (pthread_create(&shares[i].thread, NULL, touch_share, &shares[i]))
			errx(1, "pthread_create");
	}
	pthread_barrier_wait(&together);
	start = bench_seconds();
	pthread_barrier_wait(&together);
	start = bench_seconds() - start;
	for (i = 0; i < threads; i++)
		pthread_join(shares[i].thread, NULL);
	munmap(at, REGION);
	if (fd >= 0)
		close(fd);
	return REGION / page / start;
}

static void touch_rows(const char *name, int (*make)(void))
{
	struct bench_samples one = {}, two = {}, ratio = {};
	double last_one, last_two;
	char row[64];

	touch(make, 2);
	while (one.nr < SAMPLES) {
		last_one = touch(make, 1);
		last_two = touch(make, 2);
		bench_add(&one, last_one);
		bench_add(&two, last_two);
		bench_add(&ratio, last_two / last_one);
	}
	snprintf(row, sizeof(row), "%s.1thread", name);
	bench_row(row, bench_median(&one), "pages/s");
	snprintf(row, sizeof(row), "%s.2threads", name);
	bench_row(row, bench_median(&two), "pages/s");
	snprintf(row, sizeof(row), "%s.2threads_by_1", name);
	bench_row(row, bench_median(&ratio), "ratio");
}

/* Function calls from other CPUs that CPU 1 handled since boot, including TLB flushes. */
static unsigned long interrupts(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	unsigned long nr, sum = 0;
	char line[512], name[8];

	if (!file)
		err(1, "/proc/interrupts");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %7[A-Z]: %*u %lu", name, &nr) != 2)
			continue;
		if (!strcmp(name, "CAL"))
			sum += nr;
	}
	fclose(file);
	return sum;
}

static atomic_int stop;

/* Runs with the arena's mappings loaded, as any thread that shares them. */
static void *spin(void *arg)
{
	bench_pin(1);
	pthread_barrier_wait(arg);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		;
	return NULL;
}

/* Returns the interrupts of CPU 1 while CPU 0 freed FREES pages, one by one. */
static double freeing(int mapped)
{
	int fd = bench_arena(device, REGION, 0), i;
	char *at = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct karena_arena_alloc alloc = {
		.size = sizeof(alloc),
		.nr_pages = FREES,
		.node = KARENA_NODE_ANY,
	};
	struct karena_arena_free args = { .size = sizeof(args), .nr_pages = 1 };
	unsigned long before;

	if (at == MAP_FAILED)
		err(1, "mmap");
	bench_ioctl(fd, KARENA_IOC_ARENA_ALLOC, &alloc, "arena alloc");
	for (i = 0; mapped && i < FREES; i++)
		*(volatile char *)(at + i * page) = 1;
	usleep(100000);
	before = interrupts();
	for (i = 0; i < FREES; i++) {
		args.offset = i * page;
		bench_ioctl(fd, KARENA_IOC_ARENA_FREE, &args, "arena free");
	}
	before = interrupts() - before;
	munmap(at, REGION);
	close(fd);
	return before;
}

static void interrupt_rows(void)
{
	pthread_barrier_t ready;
	pthread_t spinner;
	unsigned long idle;

	bench_pin(0);
	pthread_barrier_init(&ready, NULL, 2);
	if (pthread_create(&spinner, NULL, spin, &ready))
		errx(1, "pthread_create");
	pthread_barrier_wait(&ready);
	idle = interrupts();
	usleep(100000);
	bench_row("karena.interrupts.none_freed", interrupts() - idle, "interrupts");
	bench_row("karena.interrupts.free_1000.never_mapped", freeing(0), "interrupts");
	bench_row("karena.interrupts.free_1000.mapped", freeing(1), "interrupts");
	atomic_store(&stop, 1);
	pthread_join(spinner, NULL);
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	device = bench_device();

	interrupt_rows();
	touch_rows("touch.anonymous", make_anonymous);
	touch_rows("touch.memfd", make_memfd);
	touch_rows("karena.touch.single", make_single);
	touch_rows("karena.touch.batch", make_batch);
	return 0;
}
