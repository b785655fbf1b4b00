// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free against everything that makes, copies, moves and drops page table entries.
 *
 * A writer stamps each page with the number of the generation, frees all pages, and
 * only when free() has returned says that the generation is gone. Whoever reads that
 * and then a page must see zeroes or a later generation: never one that was gone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/uio.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#define NR	64
/* So far apart that each page has a page table of its own. */
#define STRIDE	512

struct race {
	uint32_t gone[NR];	/* by page: generations that are freed, all up to this one */
	int stop;
	uint32_t old;		/* times that one of those was seen */
	uint32_t looked;
};

static struct race *race_new(void)
{
	return shared_memory(sizeof(struct race));
}

/* Reads page @i of the race at @where, which may not be mapped just now. */
static void look(struct race *race, unsigned int i, char *where)
{
	uint32_t gone = __atomic_load_n(&race->gone[i], __ATOMIC_ACQUIRE);
	uint32_t seen;

	if (touch_word(where, &seen).sig)
		return;
	if (seen && seen <= gone)
		__atomic_add_fetch(&race->old, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&race->looked, 1, __ATOMIC_RELAXED);
}

/**
 * struct writer - who stamps and frees
 * @race:	what readers are given
 * @fd:		the arena
 * @stride:	pages from one that is raced for to the next
 * @ms:		how long
 */
struct writer {
	struct race *race;
	int fd;
	unsigned int stride;
	int64_t ms;
};

static void stamp_all(struct writer *writer, char *map, uint32_t generation)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		*(volatile uint32_t *)(map + i * writer->stride * page_size) = generation;
}

static void free_all(struct writer *writer, uint32_t generation)
{
	unsigned int i;

	must(arena_free(writer->fd, 0, (uint64_t)NR * writer->stride) == 0);
	for (i = 0; i < NR; i++)
		__atomic_store_n(&writer->race->gone[i], generation, __ATOMIC_RELEASE);
}

/* Until its time is over; returns how many generations it came to. */
static uint32_t write_and_free(struct writer *writer)
{
	size_t bytes = NR * writer->stride * page_size;
	char *map = arena_map(writer->fd, RDWR, 0, bytes / page_size);
	int64_t end = now_ms() + scaled(writer->ms);
	uint32_t generation = 0;

	pin_to_cpu(1);
	do {
		stamp_all(writer, map, ++generation);
		/* Whoever shares the CPU comes in between. */
		sched_yield();
		free_all(writer, generation);
	} while (now_ms() < end);
	set_flag(&writer->race->stop, 1);
	munmap(map, bytes);
	return generation;
}

/*
 * Many processes with many mappings each.
 */
#define PROCESSES	100
#define WINDOWS		20

static void read_windows(struct race *race, int fd, unsigned int number)
{
	char *windows[WINDOWS];
	unsigned int first[WINDOWS];
	unsigned int i, round, at;

	pin_to_cpu(0);
	for (i = 0; i < WINDOWS; i++) {
		first[i] = (number + i) % (NR - 8);
		windows[i] = arena_map(fd, PROT_READ, first[i], 8);
	}
	round = number;
	do {
		for (i = 0; i < WINDOWS; i++) {
			at = (round + i) % 8;
			look(race, first[i] + at, windows[i] + at * page_size);
		}
		round++;
		sched_yield();
	} while (!get_flag(&race->stop));
	_exit(0);
}

TEST(many_processes_see_no_old_bytes)
{
	struct race *race = race_new();
	struct writer writer = { race, arena_new(0, NR), 1, 5000 };
	pid_t pids[PROCESSES];
	unsigned int i;
	uint32_t generations;

	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork_child();
		if (!pids[i])
			read_windows(race, writer.fd, i);
	}
	generations = write_and_free(&writer);
	for (i = 0; i < PROCESSES; i++)
		EXPECT_EQ(0, reap(pids[i]));
	printf("# %u generations, %u looks\n", generations, race->looked);
	EXPECT_EQ(0, race->old);
	EXPECT_LT(0, race->looked);
}

/*
 * One disturber and one reader in a process, the writer in another. Each disturber
 * does its thing over and over until told to stop. The reader has a CPU of its own,
 * whose TLB nobody else touches.
 */
struct scene {
	struct race *race;
	int fd;
	unsigned int stride;
	char *map;
	char *place;		/* room for a second mapping of that size */
	size_t bytes;
};

static void *disturb_nothing(void *data)
{
	struct scene *scene = data;

	while (!get_flag(&scene->race->stop))
		sched_yield();
	return NULL;
}

static void *touch_all(void *data)
{
	struct scene *scene = data;
	unsigned int i;

	do {
		for (i = 0; i < NR; i++)
			look(scene->race, i, scene->map + i * scene->stride * page_size);
	} while (!get_flag(&scene->race->stop));
	return NULL;
}

static void *unmap_and_map(void *data)
{
	struct scene *scene = data;
	size_t half = scene->bytes / 2;

	while (!get_flag(&scene->race->stop)) {
		must(munmap(scene->map + half, half) == 0);
		must(munmap(scene->map, half) == 0);
		must(mmap(scene->map, scene->bytes, RDWR, MAP_SHARED | MAP_FIXED, scene->fd,
			  0) == scene->map);
	}
	return NULL;
}

static void *move_away_and_back(void *data)
{
	struct scene *scene = data;
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	while (!get_flag(&scene->race->stop)) {
		must(mremap(scene->map, scene->bytes, scene->bytes, flags, scene->place) ==
		     scene->place);
		look(scene->race, 0, scene->place);
		must(mremap(scene->place, scene->bytes, scene->bytes, flags, scene->map) ==
		     scene->map);
		look(scene->race, 0, scene->map);
	}
	return NULL;
}

static void *drop_entries(void *data)
{
	struct scene *scene = data;

	while (!get_flag(&scene->race->stop))
		must(madvise(scene->map, scene->bytes, MADV_DONTNEED) == 0);
	return NULL;
}

static void *change_protection(void *data)
{
	struct scene *scene = data;

	while (!get_flag(&scene->race->stop)) {
		must(mprotect(scene->map, scene->bytes, PROT_NONE) == 0);
		must(mprotect(scene->map, scene->bytes / 2, PROT_READ) == 0);
		must(mprotect(scene->map, scene->bytes, RDWR) == 0);
	}
	return NULL;
}

/* The child's copies are looked at, then go with it. */
static void *fork_and_exit(void *data)
{
	struct scene *scene = data;
	unsigned int i;
	pid_t pid;

	while (!get_flag(&scene->race->stop)) {
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			for (i = 0; i < NR; i++)
				look(scene->race, i, scene->map + i * scene->stride * page_size);
			_exit(0);
		}
		must(reap(pid) == 0);
	}
	return NULL;
}

/* What a pin holds may be old, if it was there when the pin began; what is mapped not. */
static void *pin_and_unpin(void *data)
{
	struct scene *scene = data;
	char byte[NR];
	struct iovec here = { byte, 1 };
	struct iovec there[NR];
	unsigned int i;

	for (i = 0; i < NR; i++)
		there[i] = (struct iovec) { scene->map + i * scene->stride * page_size, 1 };
	here.iov_len = NR;
	while (!get_flag(&scene->race->stop)) {
		must(process_vm_readv(getpid(), &here, 1, there, NR, 0) == NR);
		look(scene->race, 0, scene->map);
	}
	return NULL;
}

FIXTURE(disturbed)
{
	struct scene scene;
};

FIXTURE_VARIANT(disturbed)
{
	void *(*disturb)(void *scene);
	unsigned int stride;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(disturbed, by_nothing) { disturb_nothing, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_faults) { touch_all, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_munmap) { unmap_and_map, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_mremap) { move_away_and_back, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_mremap_of_tables) { move_away_and_back, STRIDE, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_mprotect) { change_protection, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_fork_and_exit) { fork_and_exit, 1, KARENA_ARENA_F_INHERIT };
FIXTURE_VARIANT_ADD(disturbed, by_pins) { pin_and_unpin, 1, 0 };
FIXTURE_VARIANT_ADD(disturbed, by_dontneed) { drop_entries, 1, 0 };

static void set_scene(struct scene *scene, unsigned int stride, unsigned int flags)
{
	size_t align = STRIDE * page_size;
	char *room;

	scene->race = race_new();
	scene->stride = stride;
	scene->bytes = NR * stride * page_size;
	scene->fd = arena_new_batch(flags, NR * stride, 1);
	room = mmap(NULL, 2 * scene->bytes + 2 * align, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(room != MAP_FAILED);
	scene->map = (char *)(((uintptr_t)room + align - 1) / align * align);
	scene->place = scene->map + (scene->bytes + align - 1) / align * align;
	must(mmap(scene->map, scene->bytes, RDWR, MAP_SHARED | MAP_FIXED, scene->fd, 0) ==
	     scene->map);
}

FIXTURE_SETUP(disturbed)
{
	set_scene(&self->scene, variant->stride, variant->flags);
}

FIXTURE_TEARDOWN(disturbed)
{
}

static void *read_all(void *data)
{
	struct scene *scene = data;
	unsigned int i;

	pin_to_cpu(0);
	do {
		for (i = 0; i < NR; i++)
			look(scene->race, i, scene->map + i * scene->stride * page_size);
		/* What disturbs may have kept all of it away so far. */
	} while (!get_flag(&scene->race->stop) ||
		 !__atomic_load_n(&scene->race->looked, __ATOMIC_RELAXED));
	return NULL;
}

TEST_F(disturbed, reader_sees_no_old_bytes)
{
	struct scene *scene = &self->scene;
	struct writer writer = { scene->race, scene->fd, scene->stride, 2000 };
	pthread_t disturber, reader;
	pid_t pid;

	pid = fork_child();
	if (!pid) {
		printf("# %u generations\n", write_and_free(&writer));
		fflush(stdout);
		_exit(0);
	}
	must(pthread_create(&reader, NULL, read_all, scene) == 0);
	pin_to_cpu(1);
	must(pthread_create(&disturber, NULL, variant->disturb, scene) == 0);
	pthread_join(disturber, NULL);
	pthread_join(reader, NULL);
	EXPECT_EQ(0, reap(pid));
	printf("# %u looks\n", scene->race->looked);
	EXPECT_EQ(0, scene->race->old);
	EXPECT_LT(0, scene->race->looked);
}

/*
 * Who drops many entries clears them one after another and flushes the TLBs at the
 * end. In between a page has no entry any more, and yet can be read. Both on one
 * CPU: whoever frees wakes up while the other is in between.
 */
static void *drop_entries_here(void *data)
{
	pin_to_cpu(0);
	return drop_entries(data);
}

static void pause_us(long us)
{
	struct timespec time = { 0, us * 1000 };

	nanosleep(&time, NULL);
}

TEST(free_waits_for_tlbs_that_are_yet_to_be_flushed)
{
	unsigned int i, rounds = 0, old = 0;
	struct scene scene;
	pthread_t dropper;
	uint64_t page;
	char *window;
	int64_t end;

	random_begin();
	set_scene(&scene, STRIDE, 0);
	window = arena_map(scene.fd, RDWR, 0, scene.bytes / page_size);
	pin_to_cpu(0);
	must(pthread_create(&dropper, NULL, drop_entries_here, &scene) == 0);
	end = now_ms() + scaled(2000);
	for (rounds = 0; now_ms() < end; rounds++) {
		i = random_below(NR);
		page = (uint64_t)i * STRIDE;
		/* Written elsewhere, read here: the TLB entry of a dirty one goes at once. */
		window[page * page_size] = 1;
		must(madvise(window + page * page_size, page_size, MADV_DONTNEED) == 0);
		must(peek(scene.map + page * page_size) == 1);
		pause_us(random_below(2000));
		must(arena_free(scene.fd, page, 1) == 0);
		old += peek(scene.map + page * page_size) != 0;
	}
	set_flag(&scene.race->stop, 1);
	pthread_join(dropper, NULL);
	printf("# %u rounds\n", rounds);
	EXPECT_EQ(0, old);
}

/*
 * Stores that come after free() are not lost in the old page: what is written
 * through one mapping is read through another.
 */
TEST(writes_after_free_are_seen_by_all)
{
	int fd = arena_new(0, NR);
	char *one = arena_map(fd, RDWR, 0, NR);
	char *other = arena_map(fd, RDWR, 0, NR);
	unsigned long round, lost = 0;
	unsigned int i;

	for (round = 0; round < scaled(200); round++) {
		for (i = 0; i < NR; i++) {
			one[i * page_size] = round;
			lost += other[i * page_size] != (char)round;
		}
		must(arena_free(fd, round % NR, NR - round % NR) == 0);
	}
	EXPECT_EQ(0, lost);
}

TEST_HARNESS_MAIN
