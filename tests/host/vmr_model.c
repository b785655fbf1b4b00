// SPDX-License-Identifier: GPL-2.0-only
/*
 * 100,000 random operations from 8 threads against a plain model, with a memfd
 * and a file.
 */
#include "vmr_lib.h"

#include "vmr_contest.h"

#include "kselftest_harness.h"

TEST(random_operations_of_8_threads_should_agree_with_the_model)
{
	struct numbered files[] = {
		{ numbered_memfd(16, 1000, 0), 0, 1000 },
		{ numbered_file(16, 2000), 0, 2000 },
	};

	play_game(files, pick_seed(), 100000);
}

TEST(threads_that_want_the_same_pages_should_each_get_an_answer_that_adds_up)
{
	struct numbered files[] = {
		{ numbered_memfd(16, 1000, 0), 0, 1000 },
		{ numbered_file(16, 2000), 0, 2000 },
	};

	play_contest(files, 2000);
}

TEST_HARNESS_MAIN
