// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "fault_points.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"

int fail_nth = -1;

static void set_knob(const char *knob, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", knob);
	must(write_file(path, value) == 0);
}

bool fault_points_begin(void)
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

void fault_point_arm(unsigned int nth)
{
	char text[16];
	ssize_t bytes = snprintf(text, sizeof(text), "%u", nth);

	must(pwrite(fail_nth, text, bytes, 0) == bytes);
}

unsigned int fault_points_left(void)
{
	char left[16] = "";
	unsigned int count = 1;

	if (pread(fail_nth, left, sizeof(left) - 1, 0) > 0)
		count = strtoul(left, NULL, 10);
	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return count;
}
