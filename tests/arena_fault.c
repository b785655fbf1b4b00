// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a touch does: the table of the contract cell by cell, and the batch around
 * a fault.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/*
 * The table. Each cell is tried on an arena of its own, by reading and writing,
 * from user space and from inside a system call.
 */
enum start { FREE, POPULATED, LAZY, RESERVED, GUARD };

static const struct row {
	const char *name;
	enum start start;
	bool allowed;
	bool allowed_segv_on_fault;
} table[] = {
	{ "free", FREE, true, false },
	{ "populated", POPULATED, true, true },
	{ "lazy", LAZY, true, true },
	{ "reserved", RESERVED, true, false },
	{ "guard", GUARD, false, false },
};

#define TOUCHED 3

static void bring_about(int fd, enum start start)
{
	switch (start) {
	case FREE:
		break;
	case POPULATED:
		arena_take(fd, 0, TOUCHED, 1);
		break;
	case LAZY:
		arena_take(fd, KARENA_ALLOC_F_LAZY, TOUCHED, 1);
		break;
	case RESERVED:
		must(arena_reserve(fd, 0, TOUCHED, 1) == 0);
		break;
	case GUARD:
		must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, TOUCHED, 1) == 0);
		break;
	}
}

FIXTURE(table)
{
	int fd;
	char *map;
};

FIXTURE_VARIANT(table)
{
	uint32_t flags;
	bool write;
	bool kernel;
};

FIXTURE_VARIANT_ADD(table, populating_read) { };
FIXTURE_VARIANT_ADD(table, populating_write) { .write = true };
FIXTURE_VARIANT_ADD(table, populating_read_in_kernel) { .kernel = true };
FIXTURE_VARIANT_ADD(table, populating_write_in_kernel) { .write = true, .kernel = true };
FIXTURE_VARIANT_ADD(table, segv_read) { .flags = KARENA_ARENA_F_SEGV_ON_FAULT };
FIXTURE_VARIANT_ADD(table, segv_write)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .write = true
};

FIXTURE_VARIANT_ADD(table, segv_read_in_kernel)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .kernel = true
};

FIXTURE_VARIANT_ADD(table, segv_write_in_kernel)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT, .write = true, .kernel = true
};

FIXTURE_SETUP(table)
{
	self->fd = -1;
}

FIXTURE_TEARDOWN(table)
{
}

TEST_F(table, cell)
{
	struct karena_arena_stat before, after;
	const struct row *row;
	bool allowed;
	struct touch t;
	char *where;

	for (row = table; row < table + ARRAY_SIZE(table); row++) {
		TH_LOG("%s", row->name);
		self->fd = arena_new(variant->flags, 8);
		self->map = arena_map(self->fd, RDWR, 0, 8);
		where = self->map + TOUCHED * page_size + 123;
		bring_about(self->fd, row->start);
		before = arena_stat(self->fd);
		allowed = variant->flags ? row->allowed_segv_on_fault : row->allowed;

		if (variant->kernel) {
			EXPECT_EQ(allowed ? 0 : EFAULT, touch_in_kernel(where, variant->write));
		} else {
			t = variant->write ? touch_write(where, 'x') : touch_read(where);
			EXPECT_EQ(allowed ? 0 : SIGSEGV, t.sig);
			EXPECT_EQ(allowed ? NULL : where, t.address);
		}

		after = arena_stat(self->fd);
		if (allowed) {
			EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(self->fd, TOUCHED));
			EXPECT_EQ(1, after.out_allocated);
			EXPECT_EQ(1, after.out_populated);
			EXPECT_EQ(variant->write ? 'x' : 0, *where);
			EXPECT_EQ(0, where[1]);
		} else {
			EXPECT_EQ(before.out_allocated, after.out_allocated);
			EXPECT_EQ(before.out_reserved, after.out_reserved);
			EXPECT_EQ(before.out_guard, after.out_guard);
			EXPECT_EQ(0, after.out_populated);
			EXPECT_LT(before.out_faults_segv, after.out_faults_segv);
		}
		munmap(self->map, 8 * page_size);
		close(self->fd);
	}
}

TEST(write_to_read_only_window_populates_nothing)
{
	int fd = arena_new(0, 4);
	char *map = arena_map(fd, PROT_READ, 0, 4);
	struct touch t;

	t = touch_write(map + page_size + 7, 1);
	EXPECT_EQ(SIGSEGV, t.sig);
	EXPECT_EQ(map + page_size + 7, t.address);
	EXPECT_EQ(0, arena_stat(fd).out_allocated);

	EXPECT_EQ(0, peek(map + page_size));
	t = touch_write(map + page_size + 7, 1);
	EXPECT_EQ(SIGSEGV, t.sig);
	EXPECT_EQ(0, map[page_size + 7]);
}

/*
 * A buffer of which only the end is forbidden: what came before it counts. It begins at a
 * word: not every architecture clears the last bytes before a fault otherwise.
 */
TEST(read_into_buffer_that_ends_in_guard_is_short)
{
	int fd = arena_new(KARENA_ARENA_F_SEGV_ON_FAULT, 2);
	char *map = arena_map(fd, RDWR, 0, 2);
	int zero = open("/dev/zero", O_RDONLY);

	arena_take(fd, 0, 0, 1);
	memset(map, 'x', page_size);
	EXPECT_EQ(page_size - 128, read(zero, map + 128, 2 * page_size - 128));
	EXPECT_EQ('x', map[127]);
	EXPECT_EQ(0, map[128]);
	EXPECT_EQ(0, map[page_size - 1]);
	EXPECT_EQ(1, arena_stat(fd).out_allocated);
}

/*
 * The batch.
 */
/* Pages of the window that have a page table entry, one bit each. */
static uint64_t mapped_pages(char *map, unsigned int nr_pages)
{
	unsigned char vec[64];
	uint64_t bits = 0;
	unsigned int i;

	must(nr_pages <= sizeof(vec));
	must(mincore(map, nr_pages * page_size, vec) == 0);
	for (i = 0; i < nr_pages; i++)
		bits |= (uint64_t)(vec[i] & 1) << i;
	return bits;
}

TEST(batch_has_the_size_asked_for)
{
	uint64_t bits, expected;
	unsigned int nr, first;
	char *map;
	int fd;

	for (nr = 1; nr <= 64; nr++) {
		fd = arena_new_batch(0, 256, nr);
		EXPECT_EQ(nr, arena_stat(fd).out_fault_pages);
		arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 256);
		map = arena_map(fd, RDWR, 0, 256);

		/* The touched page is one of a block of @nr pages, of 64 aligned ones. */
		EXPECT_EQ(0, peek(map + 100 * page_size));
		first = 36 - 36 % nr;
		first = 64 + (first < 64 - nr ? first : 64 - nr);
		expected = nr == 64 ? ~0ull : (1ull << nr) - 1;
		bits = mapped_pages(map + first * page_size, 64);
		EXPECT_EQ(expected, bits);
		EXPECT_EQ(nr, arena_stat(fd).out_populated);
		EXPECT_EQ(1, arena_stat(fd).out_faults);
		munmap(map, 256 * page_size);
		close(fd);
	}
}

TEST(batch_beyond_the_bounds_is_refused)
{
	struct karena_arena_create args = {
		.length = page_size,
		.node = KARENA_NODE_ANY,
		.fault_pages = 65,
	};
	uint32_t chosen;

	EXPECT_EQ(-EINVAL, arena_create(&args));
	args.fault_pages = ~0u;
	EXPECT_EQ(-EINVAL, arena_create(&args));

	chosen = arena_stat(arena_new_batch(0, 1, 0)).out_fault_pages;
	EXPECT_LE(1, chosen);
	EXPECT_GE(64, chosen);
}

TEST(batch_populates_allocated_neighbours_only)
{
	int fd = arena_new_batch(0, 64, 16);
	char *map;

	/* F F L L | R | L L L L | G | L F F F F F: the touched one is the 7th. */
	arena_take(fd, KARENA_ALLOC_F_LAZY, 2, 2);
	must(arena_reserve(fd, 0, 4, 1) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 5, 4);
	must(arena_reserve(fd, KARENA_RESERVE_F_GUARD, 9, 1) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 10, 1);

	map = arena_map(fd, RDWR, 0, 64);
	map[7 * page_size] = 1;
	EXPECT_EQ(0x1e0, mapped_pages(map, 64));
	EXPECT_EQ(4, arena_stat(fd).out_populated);
	EXPECT_EQ(7, arena_stat(fd).out_allocated);
	EXPECT_EQ(1, arena_stat(fd).out_reserved);
	EXPECT_EQ(1, arena_stat(fd).out_guard);
}

TEST(touch_of_free_page_takes_that_page_only)
{
	int fd = arena_new_batch(0, 64, 16);
	char *map = arena_map(fd, RDWR, 0, 64);

	map[7 * page_size] = 1;
	EXPECT_EQ(0x80, mapped_pages(map, 64));
	EXPECT_EQ(1, arena_stat(fd).out_populated);
	EXPECT_EQ(1, arena_stat(fd).out_allocated);

	/* Allocated now, the page is part of its neighbours' batch. */
	arena_take(fd, KARENA_ALLOC_F_LAZY, 8, 2);
	map[8 * page_size] = 1;
	EXPECT_EQ(0x380, mapped_pages(map, 64));
	EXPECT_EQ(1, map[7 * page_size]);
}

TEST(batch_ends_with_the_window)
{
	int fd = arena_new_batch(0, 64, 16);
	char *map;

	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 64);
	map = arena_map(fd, RDWR, 20, 3);
	map[page_size] = 1;
	EXPECT_EQ(7, mapped_pages(map, 3));
	EXPECT_EQ(3, arena_stat(fd).out_populated);
	EXPECT_EQ(3, arena_range(fd, 20).nr_populated);
}

TEST(batch_ends_with_the_arena)
{
	int fd = arena_new_batch(0, 21, 16);
	char *map;

	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 21);
	map = arena_map(fd, RDWR, 0, 21);
	map[20 * page_size] = 1;
	EXPECT_EQ(0x1f0000, mapped_pages(map, 21));
	EXPECT_EQ(5, arena_stat(fd).out_populated);
}

/* A neighbour that another mapping has populated gets its entry, and its bytes stay. */
TEST(batch_maps_what_is_populated_already)
{
	int fd = arena_new_batch(0, 16, 16);
	char *one = arena_map(fd, RDWR, 0, 16);
	char *other = arena_map(fd, RDWR, 0, 16);

	arena_take(fd, 0, 3, 1);
	one[3 * page_size] = 'a';
	arena_take(fd, KARENA_ALLOC_F_LAZY, 4, 4);
	other[6 * page_size] = 'b';
	EXPECT_EQ(0xf8, mapped_pages(other, 16));
	EXPECT_EQ('a', other[3 * page_size]);
	EXPECT_EQ(5, arena_stat(fd).out_populated);

	one[6 * page_size + 1] = 'c';
	EXPECT_EQ('b', one[6 * page_size]);
	EXPECT_EQ('c', other[6 * page_size + 1]);
}

/*
 * Threads that touch the same pages at once see one and the same page.
 */
#define RACED_PAGES 2048

struct racer {
	char *map;
	pthread_barrier_t *start;
};

static void *add_everywhere(void *data)
{
	struct racer *racer = data;
	unsigned int i;

	pthread_barrier_wait(racer->start);
	for (i = 0; i < RACED_PAGES; i++)
		__atomic_fetch_add(racer->map + i * page_size, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Returns how many pages some thread's addition was lost on. */
static unsigned int race_faults(uint32_t flags, bool allocated,
				struct karena_arena_stat *stat)
{
	int fd = arena_new(flags, RACED_PAGES);
	pthread_t threads[3];
	pthread_barrier_t start;
	struct racer racer = { .start = &start };
	unsigned int i, wrong = 0;

	racer.map = arena_map(fd, RDWR, 0, RACED_PAGES);
	if (allocated)
		arena_take(fd, KARENA_ALLOC_F_LAZY, 0, RACED_PAGES);
	pthread_barrier_init(&start, NULL, ARRAY_SIZE(threads));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		must(pthread_create(&threads[i], NULL, add_everywhere, &racer) == 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);

	for (i = 0; i < RACED_PAGES; i++)
		wrong += racer.map[i * page_size] != ARRAY_SIZE(threads);
	*stat = arena_stat(fd);
	munmap(racer.map, RACED_PAGES * page_size);
	close(fd);
	return wrong;
}

TEST(threads_that_fault_at_once_share_the_page)
{
	struct karena_arena_stat stat;
	unsigned long round;

	for (round = 0; round < scaled(4); round++) {
		EXPECT_EQ(0, race_faults(KARENA_ARENA_F_SEGV_ON_FAULT, true, &stat));
		EXPECT_EQ(RACED_PAGES, stat.out_populated);

		/* One by one, each by one fault and no more. */
		EXPECT_EQ(0, race_faults(0, false, &stat));
		EXPECT_EQ(RACED_PAGES, stat.out_populated);
		EXPECT_EQ(RACED_PAGES, stat.out_faults);
	}
}

TEST_HARNESS_MAIN
