/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values at and around limits.
 */
#ifndef KARENA_TESTS_ABI_LIMITS_H
#define KARENA_TESTS_ABI_LIMITS_H

#include "calls.h"

#define TWO(exponent)	(1ull << (exponent))

/* Adds values around a power of two or a limit; returns how many there are then. */
unsigned int around(__u64 *values, unsigned int nr, __u64 middle, __u64 step);

#define MAX_VALUES	96

unsigned int offsets(__u64 *values, __u64 total);

#endif /* KARENA_TESTS_ABI_LIMITS_H */
