/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault points: the places where the kernel can be made to fail, which are slab
 * and page allocations and copies from and to user memory. The calling thread
 * says which of those that it comes by from now on, counted from 1.
 */
#ifndef KARENA_TESTS_FAULT_POINTS_H
#define KARENA_TESTS_FAULT_POINTS_H

#include "arena_util.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"

static int fail_nth = -1;

static inline void set_knob(const char *knob, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", knob);
	must(write_file(path, value) == 0);
}

/* False if this kernel has none. Allocations that may sleep are failed too. */
static inline bool fault_points_begin(void)
{
	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return false;
	set_knob("failslab/ignore-gfp-wait", "N");
	set_knob("fail_page_alloc/ignore-gfp-wait", "N");
	set_knob("fail_page_alloc/ignore-gfp-highmem", "N");
	set_knob("fail_page_alloc/min-order", "0");
	/* The kernel log is for what nobody asked for. */
	set_knob("failslab/verbose", "0");
	set_knob("fail_page_alloc/verbose", "0");
	set_knob("fail_usercopy/verbose", "0");
	return true;
}

static inline void fault_point_arm(unsigned int nth)
{
	char text[16];
	ssize_t bytes = snprintf(text, sizeof(text), "%u", nth);

	must(pwrite(fail_nth, text, bytes, 0) == bytes);
}

/*
 * How many points more it would have taken, and gives up to ask for the rest; 0 if
 * the point was met. To ask and to give up is to copy from and to user memory:
 * either may be the point itself.
 */
static inline unsigned int fault_points_left(void)
{
	char left[16] = "";
	unsigned int count = 1;

	if (pread(fail_nth, left, sizeof(left) - 1, 0) > 0)
		count = strtoul(left, NULL, 10);
	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return count;
}

static inline bool fault_point_met(void)
{
	return !fault_points_left();
}

#endif /* KARENA_TESTS_FAULT_POINTS_H */
