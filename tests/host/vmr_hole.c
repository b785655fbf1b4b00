// SPDX-License-Identifier: GPL-2.0-only
/*
 * Never a hole: threads that want any address inside the span, in each way that
 * the kernel gives addresses out, for as long as others map, fail to map, unmap,
 * extend and shrink. The same threads do find holes where there are some.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

/* Pages that are in the span all the time, and those that come and go. */
#define KEPT		32
#define TAIL		8
#define WORKERS		2
#define PROBERS		2

struct world {
	char *at;
	struct karena_vmr *vmr;
	int memfd;
	int file;
	int sealed;
	int zero;
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

	while (!__atomic_load_n(&world->stop, __ATOMIC_ACQUIRE)) {
		char *wish = world->at + (rand_r(&me->seed) % KEPT) * PAGE;
		unsigned long holes = 0;

		holes += probe(world, wish, MAP_FIXED_NOREPLACE);
		holes += probe(world, wish, 0);
		holes += probe(world, NULL, 0);
		__atomic_fetch_add(&world->holes, holes, __ATOMIC_RELAXED);
		__atomic_fetch_add(&world->probes, 3, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int pick_source(struct world *world, struct karena_vmr_source *source, unsigned int kind)
{
	switch (kind % 9) {
	case 0:
		return karena_vmr_source_fd(source, world->memfd, 0, RW, 0);
	case 1:
		return karena_vmr_source_fd(source, world->file, 0, RW, 0);
	case 2:
		return karena_vmr_source_fd(source, world->file, 0, RW, KARENA_VMR_PRIVATE);
	case 3:
		return karena_vmr_source_anon(source, RW, KARENA_VMR_PRIVATE);
	case 4:
		return karena_vmr_source_anon(source, RW, 0);
	case 5:
		return karena_vmr_source_fd(source, world->zero, 0, RW, 0);
	case 6:
		/* No DAX: an error of the driver's. */
		return karena_vmr_source_fd(source, world->file, 0, RW, KARENA_VMR_SYNC);
	case 7:
		/* Sealed: an error of shmem's. */
		return karena_vmr_source_fd(source, world->sealed, 0, RW, 0);
	default:
		/* Further than any file goes: an error before all others. */
		return karena_vmr_source_fd(source, world->memfd, INT64_MAX - PAGE + 1, RW, 0);
	}
}

static bool expected(unsigned int kind, int ret)
{
	switch (kind % 9) {
	case 6:
		return ret == -EOPNOTSUPP;
	case 7:
		return ret == -EPERM;
	case 8:
		return ret == -EOVERFLOW;
	default:
		return !ret;
	}
}

static void map_and_unmap(struct world *world, unsigned int *seed, size_t first, size_t nr)
{
	size_t offset = (first + rand_r(seed) % (nr - 3)) * PAGE;
	size_t length = (1 + rand_r(seed) % 3) * PAGE;
	unsigned int kind = rand_r(seed);
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	int ret = pick_source(world, &source, kind);

	if (!ret)
		ret = karena_vmr_map(world->vmr, offset, length, &source, &map);
	if (!expected(kind, ret) || (!ret && karena_vmr_unmap(world->vmr, &map)))
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

	for (int i = 0; i < 5000; i++) {
		map_and_unmap(me->world, &seed, first, nr);
		if (me->seed != 1 || i % 8)
			continue;
		/* Somebody may have the place behind just now. */
		if (!karena_vmr_extend(me->world->vmr, TAIL * PAGE) &&
		    karena_vmr_shrink(me->world->vmr, KEPT * PAGE, TAIL * PAGE))
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

/* The lower end of a large gap, away from what the kernel gives out unasked. */
static char *remote_range(void)
{
	char *at = mmap(NULL, GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(at, GIB);
	return at + 64 * PAGE;
}

TEST(no_thread_should_ever_get_an_address_in_the_span)
{
	struct world world = {
		.memfd = numbered_memfd(8, 0, 0),
		.file = numbered_file(8, 0),
		.sealed = numbered_memfd(8, 0, MFD_ALLOW_SEALING),
		.zero = open("/dev/zero", O_RDWR),
	};
	struct worker probers[PROBERS], workers[WORKERS];
	struct karena_vmr_map map;

	ASSERT_EQ(0, fcntl(world.sealed, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_EQ(0, karena_vmr_new(&world.vmr, remote_range(), KEPT * PAGE));
	world.at = karena_vmr_get_address(world.vmr);

	start(&world, probers, PROBERS, prober);
	start(&world, workers, WORKERS, worker);
	finish(workers, WORKERS);
	__atomic_store_n(&world.stop, true, __ATOMIC_RELEASE);
	finish(probers, PROBERS);

	TH_LOG("%lu probes, %lu maps that failed", world.probes, world.failures);
	EXPECT_EQ(0, world.holes);
	EXPECT_EQ(0, world.wrong);
	EXPECT_LT(1000, world.probes);
	EXPECT_LT(1000, world.failures);
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_first(world.vmr, &map));
	EXPECT_EQ(0, karena_vmr_delete(&world.vmr));
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

TEST(the_same_probes_should_find_holes_where_there_are_some)
{
	struct worker probers[PROBERS], workers[1];
	struct world world = { .at = remote_range() };

	ASSERT_EQ(world.at, mmap(world.at, KEPT * PAGE, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	start(&world, probers, PROBERS, prober);
	start(&world, workers, 1, careless);
	finish(workers, 1);
	__atomic_store_n(&world.stop, true, __ATOMIC_RELEASE);
	finish(probers, PROBERS);
	EXPECT_LT(0, world.holes);
}

TEST_HARNESS_MAIN
