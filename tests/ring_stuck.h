/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings that pass over what holds their consumers up.
 */
#ifndef RING_STUCK_H
#define RING_STUCK_H

#include "ring_util.h"

static inline int create_skipping(uint32_t skip_us, uint32_t flags)
{
	struct karena_ring_create args = {
		.flags = KARENA_RING_F_IN_PLACE | flags,
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
		.skip_us = skip_us,
		.name = "stuck",
	};
	int fd = ring_create(&args);

	must(fd >= 0);
	return fd;
}

#endif /* RING_STUCK_H */
