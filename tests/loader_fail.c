// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load that fails: each allocation of the module's init failed once, and those
 * that the kernel makes afterwards. Whatever was registered before it is taken
 * back, and the next load is none the worse for it. What comes before init is the
 * kernel's matter.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "loader_util.h"
#include "fault_points.h"
#include "kselftest_harness.h"

#define BEYOND		1000000

/*
 * Before init there are hundreds of points that the kernel gets over (notes of line
 * counts); within it are never more than this of them in a row.
 */
#define IN_A_ROW	60

/* Loads with a fault point failing; *@left: how many more it would have taken. */
static int load_failing(unsigned int nth, unsigned int *left)
{
	int fd = module_open("karena");
	int err;

	must(fd >= 0);
	fault_point_arm(nth);
	err = outcome(syscall(SYS_finit_module, fd, "", 0));
	*left = fault_points_left();
	close(fd);
	return err;
}

FIXTURE(loader) {
};

FIXTURE_SETUP(loader)
{
	if (fault_points_begin())
		ASSERT_EQ(0, unload_soon());
}

FIXTURE_TEARDOWN(loader)
{
	if (access(KARENA_DEVICE, F_OK))
		EXPECT_EQ(0, load(""));
}

TEST_F_TIMEOUT(loader, init_that_fails_leaves_nothing, 900)
{
	unsigned int nth, left, points = 0, failed = 0, passed = 0;
	int err;

	if (fail_nth < 0)
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, load_failing(BEYOND, &left));
	ASSERT_EQ(0, unload_soon());

	/* From the last point backwards. */
	for (nth = BEYOND - left; !failed || passed <= IN_A_ROW; nth--) {
		ASSERT_LT(0, nth);
		err = load_failing(nth, &left);
		points++;
		if (!err) {
			ASSERT_EQ(0, unload_soon());
			passed += failed != 0;
			continue;
		}
		EXPECT_FALSE(left_behind()) TH_LOG("point %u: errno %d", nth, err);
		failed++;
		passed = 0;
		ASSERT_EQ(0, load(""));
		use();
		ASSERT_EQ(0, unload_soon());
	}
	EXPECT_LT(5, failed);
	TH_LOG("%u points, %u of them failed init", points, failed);
}

TEST_HARNESS_MAIN
