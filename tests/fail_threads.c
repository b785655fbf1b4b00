// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot be had while one thread maps an arena, and others that use it
 * meanwhile.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "fault_sweep.h"
#include "kselftest_harness.h"

/* Another thread maps, touches and unmaps the same arena all the time. */
static void *come_and_go(void *data)
{
	char *mine;

	while (!get_flag(data)) {
		mine = arena_map(world.fd[ARENA], RDWR, 0, WORLD_PAGES);
		must(touch_write(mine + 50 * page_size, 1).sig == 0);
		must(peek(mine + 50 * page_size) == 1);
		munmap(mine, WORLD_PAGES * page_size);
	}
	return NULL;
}

TEST(mapping_that_fails_harms_no_other_thread_s)
{
	const size_t bytes = WORLD_PAGES * page_size;
	unsigned int nth, maps, failed = 0, round;
	pthread_t thread;
	char *map;
	int stop = 0;
	int err;
	bool met;

	if (!sweep_begin())
		SKIP(return, "this kernel has no fault injection");
	maps = count_maps();
	for (round = 0; round < scaled(10); round++) {
		/* Of an arena that nobody has mapped yet. */
		world_renew(&world);
		set_flag(&stop, 0);
		must(pthread_create(&thread, NULL, come_and_go, &stop) == 0);
		nth = 0;
		do {
			fault_point_arm(++nth);
			map = mmap(NULL, bytes, RDWR, MAP_SHARED, world.fd[ARENA], 0);
			err = map == MAP_FAILED ? errno : 0;
			met = fault_point_met();
			if (!err) {
				EXPECT_EQ(0, touch_write(map, 1).sig);
				munmap(map, bytes);
			}
			EXPECT_TRUE(!err || (met && err == ENOMEM));
			failed += !!err;
		} while (met && nth < POINTS_MAX);
		set_flag(&stop, 1);
		pthread_join(thread, NULL);
		EXPECT_EQ(0, arena_free(world.fd[ARENA], 0, WORLD_PAGES));
		EXPECT_EQ(0, arena_stat(world.fd[ARENA]).out_populated);
	}
	EXPECT_LT(0, failed);
	/* The C library keeps a thread's stack and heap. */
	EXPECT_GE(maps + 4, count_maps());
	world_end(&world);
}

TEST_HARNESS_MAIN
