// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <pthread.h>

#include "vmr_hole.h"

/* Pages that are in the span all the time, and those that come and go. */
#define KEPT		32
#define TAIL		8
#define WORKERS		2
#define PROBERS		2

struct world {
	char *at;
	struct karena_vmr *vmr;
	/* Another one, to extend and shrink: there is room behind it. */
	struct karena_vmr *growing;
	const struct attempt *attempts;
	unsigned int nr_attempts;
	int rounds;	/* of each worker */
	bool stop;
	unsigned long holes;
	unsigned long probes;
	unsigned long failures;
	unsigned long wrong;
};

struct worker {
	struct world *world;
	pthread_t thread;
	unsigned int seed;
};

static bool inside(const struct world *world, const void *at)
{
	return (const char *)at >= world->at && (const char *)at < world->at + KEPT * PAGE;
}

/* Tries for one page at, or around, an address. Returns whether it got in. */
static bool probe(const struct world *world, void *wish, int flags)
{
	void *got = mmap(wish, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	bool in;

	if (got == MAP_FAILED)
		return false;
	in = inside(world, got);
	munmap(got, PAGE);
	return in;
}

static void *prober(void *arg)
{
	struct worker *me = arg;
	struct world *world = me->world;

	/* Once at least: all others may be through before this thread runs. */
	do {
		char *wish = world->at + (rand_r(&me->seed) % KEPT) * PAGE;
		unsigned long holes = 0;

		holes += probe(world, wish, MAP_FIXED_NOREPLACE);
		holes += probe(world, wish, 0);
		holes += probe(world, NULL, 0);
		__atomic_fetch_add(&world->holes, holes, __ATOMIC_RELAXED);
		__atomic_fetch_add(&world->probes, 3, __ATOMIC_RELAXED);
	} while (!__atomic_load_n(&world->stop, __ATOMIC_ACQUIRE));
	return NULL;
}

static void map_and_unmap(struct world *world, unsigned int *seed, size_t first, size_t nr)
{
	size_t offset = (first + rand_r(seed) % (nr - 3)) * PAGE;
	size_t length = (1 + rand_r(seed) % 3) * PAGE;
	const struct attempt *attempt = &world->attempts[rand_r(seed) % world->nr_attempts];
	struct karena_vmr_map map;
	int ret = karena_vmr_map(world->vmr, offset, length, &attempt->source, &map);

	if (ret != attempt->result || (!ret && karena_vmr_unmap(world->vmr, &map)))
		__atomic_fetch_add(&world->wrong, 1, __ATOMIC_RELAXED);
	if (ret)
		__atomic_fetch_add(&world->failures, 1, __ATOMIC_RELAXED);
}

/* Each worker has a part of the span to itself, so that all must succeed. */
static void *worker(void *arg)
{
	struct worker *me = arg;
	size_t nr = KEPT / WORKERS;
	size_t first = (me->seed - 1) * nr;
	unsigned int seed = me->seed;

	for (int i = 0; i < effort(me->world->rounds); i++) {
		map_and_unmap(me->world, &seed, first, nr);
		if (me->seed != 1 || i % 8)
			continue;
		if (karena_vmr_extend(me->world->growing, TAIL * PAGE) ||
		    karena_vmr_shrink(me->world->growing, KEPT * PAGE, TAIL * PAGE))
			__atomic_fetch_add(&me->world->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start(struct world *world, struct worker *workers, int nr, void *(*fn)(void *))
{
	for (int i = 0; i < nr; i++) {
		workers[i].world = world;
		workers[i].seed = (unsigned int)i + 1;
		if (pthread_create(&workers[i].thread, NULL, fn, &workers[i]))
			abort();
	}
}

static void finish(struct worker *workers, int nr)
{
	for (int i = 0; i < nr; i++)
		pthread_join(workers[i].thread, NULL);
}

/*
 * Takes all that is free above an address. From then on the kernel, which gives
 * out the highest gap first, would give out any hole behind that address at once,
 * to whoever wants a page next.
 */
static void fill_above(const char *at)
{
	for (size_t size = SIZE_MAX / 2 + 1; size >= PAGE; size /= 2) {
		char *got;

		for (;;) {
			got = mmap(NULL, size, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (got == MAP_FAILED || got < at)
				break;
		}
		if (got != MAP_FAILED)
			munmap(got, size);
	}
}

long count_holes(const struct attempt *attempts, unsigned int nr_attempts, int rounds)
{
	struct world world = {
		.attempts = attempts,
		.nr_attempts = nr_attempts,
		.rounds = rounds,
	};
	struct worker probers[PROBERS], workers[WORKERS];

	if (karena_vmr_new(&world.vmr, NULL, KEPT * PAGE) ||
	    karena_vmr_new(&world.growing, remote_range(), KEPT * PAGE))
		return -1;
	world.at = karena_vmr_get_address(world.vmr);
	fill_above(world.at);

	start(&world, probers, PROBERS, prober);
	start(&world, workers, WORKERS, worker);
	finish(workers, WORKERS);
	__atomic_store_n(&world.stop, true, __ATOMIC_RELEASE);
	finish(probers, PROBERS);

	fprintf(stderr, "# %lu probes, %lu maps that failed\n", world.probes, world.failures);
	if (!world.probes || world.wrong || karena_vmr_delete(&world.vmr) ||
	    karena_vmr_delete(&world.growing))
		return -1;
	return (long)world.holes;
}

/* What the library does not do: first out with the old, then in with the new. */
static void *careless(void *arg)
{
	struct worker *me = arg;

	while (!__atomic_load_n(&me->world->holes, __ATOMIC_RELAXED)) {
		char *at = me->world->at + (rand_r(&me->seed) % KEPT) * PAGE;

		munmap(at, PAGE);
		mmap(at, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	}
	return NULL;
}

long count_careless_holes(void)
{
	struct worker probers[PROBERS], workers[1];
	struct world world = { .at = remote_range() };

	if (mmap(world.at, KEPT * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != world.at)
		return -1;
	start(&world, probers, PROBERS, prober);
	start(&world, workers, 1, careless);
	finish(workers, 1);
	__atomic_store_n(&world.stop, true, __ATOMIC_RELEASE);
	finish(probers, PROBERS);
	return (long)world.holes;
}
