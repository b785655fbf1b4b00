// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <sys/ioctl.h>

#include "../module/karena_produce.h"
#include "produce_util.h"

int produce_call(int fd, unsigned long cmd, unsigned long arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int get_ring(int produce, int fd, uint32_t rights)
{
	struct produce_get args = { .fd = fd, .rights = rights };

	return produce_call(produce, PRODUCE_GET, (unsigned long)&args);
}
