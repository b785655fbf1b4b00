/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault points: the places where the kernel can be made to fail, which are slab
 * and page allocations and copies from and to user memory. The calling thread
 * says which of those that it comes by from now on, counted from 1.
 */
#ifndef KARENA_TESTS_FAULT_POINTS_H
#define KARENA_TESTS_FAULT_POINTS_H

#include "arena_util.h"

/* -1: this kernel has no fault points, or none were asked for. */
extern int fail_nth;

/* False if this kernel has none. Allocations that may sleep are failed too. */
bool fault_points_begin(void);

void fault_point_arm(unsigned int nth);

/*
 * How many points more it would have taken, and gives up to ask for the rest; 0 if
 * the point was met. To ask and to give up is to copy from and to user memory:
 * either may be the point itself.
 */
unsigned int fault_points_left(void);

static inline bool fault_point_met(void)
{
	return !fault_points_left();
}

#endif /* KARENA_TESTS_FAULT_POINTS_H */
