/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring to which the module karena_bench produces from the kernel.
 */
#ifndef KARENA_BENCH_RING_MODULE_H
#define KARENA_BENCH_RING_MODULE_H

#include <karena.h>

#include "bench.h"
#include "module/karena_bench.h"

/* Returns the descriptor that controls the producers. */
static inline int bench_ring_module(const struct karena_device *device, uint64_t bytes,
				    struct karena_ring **ring)
{
	int ret = karena_ring_create(device, bytes, NULL, ring);
	int bench;

	if (ret)
		errx(1, "karena_ring_create: %s", karena_strerror(ret));
	bench = open(BENCH_DEVICE, O_RDWR | O_CLOEXEC);
	if (bench < 0)
		err(1, BENCH_DEVICE);
	if (ioctl(bench, BENCH_RING, karena_ring_fd(*ring)))
		err(1, "karena_ring_get");
	return bench;
}

#endif /* KARENA_BENCH_RING_MODULE_H */
