// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arena memory as io_uring's registered buffers: a device reads into it, a consumer
 * sees it where it is; and it may be freed, unmapped and let go of in any order while a
 * request is under way.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_util.h"

#define NR	8
#define RAMDISK	"/dev/ram0"

static bool kernel_can(void)
{
	return features() & KARENA_FEAT_URING_BUFFERS;
}

static void fill_ramdisk(void)
{
	char *page = malloc(page_size);
	int fd = open(RAMDISK, O_WRONLY);
	int i;

	must(page && fd >= 0);
	for (i = 0; i < NR; i++) {
		memset(page, 'A' + i, page_size);
		must(write(fd, page, page_size) == (ssize_t)page_size);
	}
	must(fsync(fd) == 0);
	close(fd);
	free(page);
}

/* Takes offsets from the ring until one is that of page NR - 1. */
static int consume_in_place(int arena, int ring)
{
	char *map = arena_map(arena, PROT_READ, 0, NR);
	char record[24];
	uint64_t offset;
	int i;

	for (i = 0; i < NR; i++) {
		if (ring_read(ring, record, sizeof(record)) != 16)
			return 2;
		memcpy(&offset, record + HEADER_BYTES, sizeof(offset));
		if (!page_is(map + offset, 'A' + offset / page_size))
			return 3;
	}
	return 0;
}

TEST(the_feature_bit_says_what_works)
{
	int arena = arena_new(0, NR);
	struct iovec buffer = { NULL, NR * page_size };
	struct io_uring uring;

	arena_take(arena, 0, 0, NR);
	buffer.iov_base = arena_map(arena, RDWR, 0, NR);
	must(io_uring_queue_init(4, &uring, 0) == 0);
	EXPECT_EQ(kernel_can() ? 0 : -EOPNOTSUPP,
		  io_uring_register_buffers(&uring, &buffer, 1));
	io_uring_queue_exit(&uring);
	close(arena);
}

/* Read and reported by one chain of requests, without another system call. */
TEST(a_device_reads_into_pages_that_a_consumer_has_mapped)
{
	struct iovec buffer = { NULL, NR * page_size };
	int disk = open(RAMDISK, O_RDONLY | O_DIRECT);
	int ring = ring_new_fd(0, page_size);
	int arena = arena_new(0, NR);
	uint64_t offset[NR];
	struct io_uring_sqe *sqe;
	struct io_uring uring;
	pid_t child;
	int i;

	if (!kernel_can())
		SKIP(return, "this kernel registers no file's memory");
	ASSERT_LE(0, disk);
	fill_ramdisk();
	arena_take(arena, 0, 0, NR);
	buffer.iov_base = arena_map(arena, RDWR, 0, NR);
	must(io_uring_queue_init(2 * NR, &uring, 0) == 0);
	ASSERT_EQ(0, io_uring_register_buffers(&uring, &buffer, 1));
	child = fork_child();
	if (!child)
		_exit(consume_in_place(arena, ring));
	for (i = 0; i < NR; i++) {
		offset[i] = i * page_size;
		sqe = io_uring_get_sqe(&uring);
		io_uring_prep_read_fixed(sqe, disk, (char *)buffer.iov_base + offset[i],
					 page_size, offset[i], 0);
		sqe->flags |= IOSQE_IO_LINK;
		prep(&uring, IORING_OP_WRITE, ring, &offset[i], sizeof(offset[i]));
	}
	submit(&uring);
	for (i = 0; i < 2 * NR; i++) {
		int res = complete(&uring).res;

		EXPECT_TRUE(res == (int)page_size || res == (int)sizeof(offset[0]));
	}
	EXPECT_EQ(0, reap(child));
	io_uring_queue_exit(&uring);
	close(disk);
	close(ring);
	close(arena);
}

/**
 * struct scene - a read into a registered arena page that waits for its bytes
 * @uring:	where
 * @arena:	page 0 is registered
 * @map:	of it
 * @pipe:	that nothing is in yet
 */
struct scene {
	struct io_uring uring;
	int arena;
	char *map;
	int pipe[2];
};

static void begin(struct scene *scene)
{
	struct iovec buffer = { NULL, page_size };

	scene->arena = arena_new(0, NR);
	arena_take(scene->arena, 0, 0, NR);
	scene->map = arena_map(scene->arena, RDWR, 0, NR);
	memset(scene->map, 'a', page_size);
	must(pipe(scene->pipe) == 0);
	must(io_uring_queue_init(4, &scene->uring, 0) == 0);
	buffer.iov_base = scene->map;
	must(io_uring_register_buffers(&scene->uring, &buffer, 1) == 0);
	io_uring_prep_read_fixed(io_uring_get_sqe(&scene->uring), scene->pipe[0], scene->map,
				 page_size, 0, 0);
	submit(&scene->uring);
	must(nothing_came(&scene->uring));
}

static void free_page(struct scene *scene)
{
	must(arena_free(scene->arena, 0, 1) == 0);
}

static void unmap(struct scene *scene)
{
	must(munmap(scene->map, NR * page_size) == 0);
	scene->map = NULL;
}

static void let_go(struct scene *scene)
{
	io_uring_queue_exit(&scene->uring);
	scene->uring.ring_fd = -1;
}

/* The bytes come; where they go depends on what went before. */
static bool arrives(struct scene *scene, bool freed)
{
	char *page = malloc(page_size);

	must(page);
	memset(page, 'p', page_size);
	must(write(scene->pipe[1], page, page_size) == (ssize_t)page_size);
	free(page);
	if (scene->uring.ring_fd < 0)
		return true;
	if (complete(&scene->uring).res != (int)page_size)
		return false;
	return !scene->map || page_is(scene->map, freed ? 0 : 'p');
}

FIXTURE(order) {
	int unused;
};

FIXTURE_VARIANT(order) {
	void (*step[3])(struct scene *scene);
};

FIXTURE_VARIANT_ADD(order, free_unmap_exit) { .step = { free_page, unmap, let_go } };
FIXTURE_VARIANT_ADD(order, free_exit_unmap) { .step = { free_page, let_go, unmap } };
FIXTURE_VARIANT_ADD(order, unmap_free_exit) { .step = { unmap, free_page, let_go } };
FIXTURE_VARIANT_ADD(order, unmap_exit_free) { .step = { unmap, let_go, free_page } };
FIXTURE_VARIANT_ADD(order, exit_free_unmap) { .step = { let_go, free_page, unmap } };
FIXTURE_VARIANT_ADD(order, exit_unmap_free) { .step = { let_go, unmap, free_page } };

FIXTURE_SETUP(order)
{
}

FIXTURE_TEARDOWN(order)
{
}

/* After each number of steps; the rest of them follow, or are the process's end. */
static int go(void (*const step[3])(struct scene *scene), int before, int steps)
{
	struct scene scene;
	bool freed = false;
	int i;

	begin(&scene);
	for (i = 0; i < steps; i++) {
		if (i == before && !arrives(&scene, freed))
			return 2;
		step[i](&scene);
		freed = freed || step[i] == free_page;
	}
	return i != before || arrives(&scene, freed) ? 0 : 3;
}

TEST_F(order, is_clean)
{
	int before, steps;
	pid_t child;

	if (!kernel_can())
		SKIP(return, "this kernel registers no file's memory");
	for (steps = 0; steps <= 3; steps++) {
		for (before = 0; before <= steps; before++) {
			child = fork_child();
			if (!child)
				_exit(go(variant->step, before, steps));
			EXPECT_EQ(0, reap(child)) TH_LOG("%d of %d", before, steps);
		}
	}
}

TEST_HARNESS_MAIN
