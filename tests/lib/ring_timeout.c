// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "ring_timeout.h"

int create_with_timeout(uint32_t reserve_timeout_us, uint32_t flags)
{
	struct karena_ring_create args = {
		.flags = KARENA_RING_F_IN_PLACE | flags,
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
		.reserve_timeout_us = reserve_timeout_us,
		.name = "timeout",
	};
	int fd = ring_create(&args);

	must(fd >= 0);
	return fd;
}
