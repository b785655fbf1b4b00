// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot be had and copies that fault, at every point of what leads to
 * objects beside their calls: mmap(), touches, madvise(), read(), write(), close():
 * see fault_sweep.h.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <poll.h>

#include "fault_sweep.h"
#include "kselftest_harness.h"

static int zeroes;

static char *map;

static int run_map(int fd, int prot, size_t bytes, __u64 offset)
{
	map = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);
	return map == MAP_FAILED ? errno : 0;
}

static int run_map_arena(void)
{
	return run_map(world.fd[ARENA], RDWR, WORLD_PAGES * page_size, 0);
}

static int run_map_ring(void)
{
	return run_map(world.fd[RING], PROT_READ, 5 * page_size, 0);
}

static int run_map_consumer(void)
{
	struct karena_ring_attach args = {
		.size = sizeof(args), .flags = KARENA_ATTACH_F_CONSUME,
	};

	if (ioctl(world.fd[RING], KARENA_IOC_RING_ATTACH, &args))
		return errno;
	return run_map(world.fd[RING], RDWR, page_size, page_size);
}

static int run_map_data(void)
{
	return run_map(world.fd[RING], RDWR, 2 * page_size, 3 * page_size);
}

static void tidy_map(void)
{
	munmap(map, WORLD_PAGES * page_size);
}

/* The first mapping, which chooses the address: whatever failed, one comes after. */
static int fixed;

static void prepare_fixed(void)
{
	struct karena_arena_create create = {
		.size = sizeof(create),
		.flags = KARENA_ARENA_F_FIXED_ADDR,
		.length = WORLD_PAGES * page_size,
		.node = KARENA_NODE_ANY,
	};

	munmap(map, WORLD_PAGES * page_size);
	close(fixed);
	fixed = ioctl(world.fd[DEVICE], KARENA_IOC_ARENA_CREATE, &create);
	must(fixed >= 0);
}

static void check_fixed(void)
{
	must(arena_stat(fixed).out_address == (uintptr_t)map);
}

static int run_map_fixed(void)
{
	int err = run_map(fixed, RDWR, WORLD_PAGES * page_size, 0);

	if (err) {
		must(run_map(fixed, RDWR, WORLD_PAGES * page_size, 0) == 0);
		check_fixed();
	}
	return err;
}

/* What the round before left is unmapped first: a failure leaves it. */
static void prepare_map(void)
{
	munmap(map, WORLD_PAGES * page_size);
	map = arena_map(world.fd[ARENA], RDWR, 0, WORLD_PAGES);
}

/* Far from any other mapping: there is no page table for it yet. */
static void prepare_lonely_map(void)
{
	char *there = (char *)(1ull << 40);

	munmap(map, WORLD_PAGES * page_size);
	map = mmap(there, WORLD_PAGES * page_size, RDWR, MAP_SHARED | MAP_FIXED_NOREPLACE,
		   world.fd[ARENA], 0);
	must(map == there);
}

/*
 * With the page table there: without it the kernel has a line for its log when the
 * touch is a program's own.
 */
static void prepare_touched_map(void)
{
	prepare_map();
	/* Both ends, as the window may lie in two page tables. */
	must(touch_read(map).sig == 0);
	must(touch_read(map + 60 * page_size).sig == 0);
}

static int touch_at(unsigned int page)
{
	int sig = touch_write(map + page * page_size, 1).sig;

	return sig == SIGBUS ? ENOMEM : sig;
}

static int run_touch_lazy(void)
{
	return touch_at(WORLD_LAZY);
}

static int run_touch_free(void)
{
	return touch_at(40);
}

/* From the middle of what is allocated, without memory: the range splits. */
static int run_free_lazy(void)
{
	return -arena_free(world.fd[ARENA], WORLD_LAZY, 1);
}

static int run_decommit_lazy(void)
{
	return -arena_decommit(world.fd[ARENA], WORLD_LAZY, 1);
}

static int run_touch_reserved(void)
{
	return touch_at(WORLD_RESERVED);
}

/* The kernel touches the page, in a system call. */
static int run_read_into(void)
{
	return outcome(read(zeroes, map + 41 * page_size, 1));
}

static int run_populate(void)
{
	return outcome(madvise(map, 8 * page_size, MADV_POPULATE_WRITE));
}

static int run_remove(void)
{
	return outcome(madvise(map + page_size, page_size, MADV_REMOVE));
}

static int run_punch(void)
{
	return outcome(fallocate(world.fd[ARENA], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 page_size, page_size));
}

static int run_protect(void)
{
	return outcome(mprotect(map + 3 * page_size, page_size, PROT_READ));
}

static int run_unmap_middle(void)
{
	return outcome(munmap(map + 3 * page_size, page_size));
}

static char *elsewhere;

static void prepare_move(void)
{
	munmap(elsewhere, WORLD_PAGES * page_size);
	prepare_touched_map();
	elsewhere = mmap(NULL, WORLD_PAGES * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	must(elsewhere != MAP_FAILED);
}

static int run_move(void)
{
	char *moved = mremap(map, WORLD_PAGES * page_size, WORLD_PAGES * page_size,
			     MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);

	if (moved == MAP_FAILED)
		return errno;
	/* Of the old place something may be left: the kernel does not say. */
	elsewhere = map;
	map = moved;
	return 0;
}

static void tidy_move(void)
{
	must(touch_read(map).sig == 0);
}

static int run_open(void)
{
	int fd = open(KARENA_DEVICE, O_RDWR);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int run_fdinfo(void)
{
	static char text[4096], path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world.fd[ARENA]);
	return read_file(path, text, sizeof(text)) < 0 ? errno : 0;
}

static int run_write(void)
{
	return outcome(write(world.fd[RING], world.payload, sizeof(world.payload)));
}

static int run_read(void)
{
	static char room[256];

	return outcome(read(world.fd[RING], room, sizeof(room)));
}

static int run_poll(void)
{
	struct pollfd poller = { world.fd[RING], POLLIN | POLLOUT, 0 };

	return poll(&poller, 1, 0) < 0 ? errno : 0;
}

/* Objects go whether or not there is memory. */
static int fds_to_close[2];

static void prepare_close(void)
{
	fds_to_close[0] = arena_on(world.fd[DEVICE], 256);
	fds_to_close[1] = ring_on(world.fd[DEVICE], page_size, KARENA_RING_F_IN_PLACE);
	arena_take(fds_to_close[0], 0, 3, 70);
	must(arena_reserve(fds_to_close[0], 0, 100, 1) == 0);
	must(fds_to_close[1] >= 0 && reserve_record(fds_to_close[1]) == 0);
}

static int run_close(void)
{
	close(fds_to_close[0]);
	close(fds_to_close[1]);
	return 0;
}

FIXTURE(points)
{
};

/* As struct sweep has them. */
FIXTURE_VARIANT(points)
{
	void (*prepare)(void);
	int (*run)(void);
	void (*tidy)(void);
	bool out;
	bool cannot_fail;
	bool partial;
	bool stepwise;
	bool splits;
};

FIXTURE_VARIANT_ADD(points, mmap_arena)
{
	.run = run_map_arena,
	.tidy = tidy_map,
};

FIXTURE_VARIANT_ADD(points, mmap_first_of_fixed_address)
{
	.prepare = prepare_fixed,
	.run = run_map_fixed,
	.tidy = check_fixed,
	.splits = true,
};

FIXTURE_VARIANT_ADD(points, mmap_ring)
{
	.run = run_map_ring,
	.tidy = tidy_map,
};

FIXTURE_VARIANT_ADD(points, mmap_consumer_page)
{
	.run = run_map_consumer,
	.tidy = tidy_map,
};

FIXTURE_VARIANT_ADD(points, mmap_data)
{
	.run = run_map_data,
	.tidy = tidy_map,
};

FIXTURE_VARIANT_ADD(points, free_lazy)
{
	.run = run_free_lazy,
	.out = true,
};

FIXTURE_VARIANT_ADD(points, decommit_lazy)
{
	.run = run_decommit_lazy,
	.out = true,
};

FIXTURE_VARIANT_ADD(points, touch_lazy)
{
	.prepare = prepare_touched_map,
	.run = run_touch_lazy,
	.partial = true,
	.stepwise = true,
};

FIXTURE_VARIANT_ADD(points, touch_free)
{
	.prepare = prepare_touched_map,
	.run = run_touch_free,
};

FIXTURE_VARIANT_ADD(points, touch_reserved)
{
	.prepare = prepare_touched_map,
	.run = run_touch_reserved,
};

FIXTURE_VARIANT_ADD(points, touch_by_read)
{
	.prepare = prepare_lonely_map,
	.run = run_read_into,
};

FIXTURE_VARIANT_ADD(points, populate)
{
	.prepare = prepare_lonely_map,
	.run = run_populate,
	.partial = true,
	.stepwise = true,
};

FIXTURE_VARIANT_ADD(points, madvise_remove)
{
	.prepare = prepare_touched_map,
	.run = run_remove,
	.cannot_fail = true,
};

FIXTURE_VARIANT_ADD(points, fallocate)
{
	.prepare = prepare_touched_map,
	.run = run_punch,
	.cannot_fail = true,
};

FIXTURE_VARIANT_ADD(points, mprotect)
{
	.prepare = prepare_touched_map,
	.run = run_protect,
	.splits = true,
};

FIXTURE_VARIANT_ADD(points, munmap)
{
	.prepare = prepare_touched_map,
	.run = run_unmap_middle,
	.splits = true,
};

FIXTURE_VARIANT_ADD(points, mremap)
{
	.prepare = prepare_move,
	.run = run_move,
	.tidy = tidy_move,
	.splits = true,
};

FIXTURE_VARIANT_ADD(points, open)
{
	.run = run_open,
};

FIXTURE_VARIANT_ADD(points, fdinfo)
{
	.run = run_fdinfo,
};

FIXTURE_VARIANT_ADD(points, write)
{
	.run = run_write,
	.partial = true,
};

FIXTURE_VARIANT_ADD(points, read)
{
	.run = run_read,
	.partial = true,
};

FIXTURE_VARIANT_ADD(points, poll)
{
	.run = run_poll,
};

FIXTURE_VARIANT_ADD(points, close)
{
	.prepare = prepare_close,
	.run = run_close,
	.cannot_fail = true,
};

FIXTURE_SETUP(points)
{
	sweep_begin();
	zeroes = open("/dev/zero", O_RDONLY);
}

FIXTURE_TEARDOWN(points)
{
	if (fail_nth >= 0)
		world_end(&world);
}

TEST_F_TIMEOUT(points, of_entry_point, 900)
{
	struct sweep sweep = {
		.prepare = variant->prepare,
		.run = variant->run,
		.tidy = variant->tidy,
		.out = variant->out,
		.cannot_fail = variant->cannot_fail,
		.partial = variant->partial,
		.stepwise = variant->stepwise,
		.splits = variant->splits,
	};

	if (fail_nth < 0)
		SKIP(return, "this kernel has no fault injection");
	EXPECT_EQ(0, sweep_points(&sweep));
}

TEST_HARNESS_MAIN
