// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on reservations from 8 threads against a plain model, with an
 * arena and a ring: 100,000 with SCALE=10 in the environment.
 */
#define _GNU_SOURCE
#include <karena.h>

#include "kselftest_harness.h"
#include "vmr_objects.h"
#include "vmr_contest.h"

TEST(random_operations_of_8_threads_should_agree_with_the_model)
{
	struct numbered files[] = {
		{ numbered_arena(16, 1000, 0), 0, 1000 },
		{ numbered_ring(16, 2000), 0, 2000 },
	};

	files[1].offset = ring_data_offset(files[1].fd);
	play_game(files, pick_seed(), 10000);
}

TEST(threads_that_want_the_same_pages_should_each_get_an_answer_that_adds_up)
{
	struct numbered files[] = {
		{ numbered_arena(16, 1000, 0), 0, 1000 },
		{ numbered_ring(16, 2000), 0, 2000 },
	};

	play_contest(files, 200);
}

TEST_HARNESS_MAIN
