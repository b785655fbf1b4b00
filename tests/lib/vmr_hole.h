/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Never a hole: threads that want any address inside the span, in each way that
 * the kernel gives addresses out, for as long as others map, fail to map, unmap,
 * extend and shrink. The same threads do find holes where there are some.
 *
 * The program brings along what is mapped.
 */
#ifndef TESTS_VMR_HOLE_H
#define TESTS_VMR_HOLE_H

#include <karena_vmr.h>

#include "vmr_util.h"

/* One of what is mapped, and what comes of it. */
struct attempt {
	struct karena_vmr_source source;
	int result;
};

/*
 * Runs it for as long as the workers take, each of which maps @rounds times. Returns
 * how many pages somebody got in the span, or -1 if a map or unmap did not come out
 * as it should have.
 */
long count_holes(const struct attempt *attempts, unsigned int nr_attempts, int rounds);

/* The same for a span that is kept in that way: ends once there was a hole. */
long count_careless_holes(void);

#endif /* TESTS_VMR_HOLE_H */
