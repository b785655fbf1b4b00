/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapped arena whose pages are stamped, for tests of what is done to mappings.
 */
#ifndef ARENA_WINDOW_H
#define ARENA_WINDOW_H

#include "arena_util.h"
#include "kselftest_harness.h"
#include "stamped.h"

#define NR	16

FIXTURE(mapping)
{
	int fd;
	char *map;
};

FIXTURE_SETUP(mapping)
{
	unsigned int i;

	self->fd = arena_new(0, NR);
	arena_take(self->fd, 0, 0, NR);
	self->map = arena_map(self->fd, RDWR, 0, NR);
	for (i = 0; i < NR; i++)
		memset(self->map + i * page_size, stamp(i), page_size);
}

FIXTURE_TEARDOWN(mapping)
{
}

#endif /* ARENA_WINDOW_H */
