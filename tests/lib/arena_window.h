/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapped arena whose pages are stamped, for tests of what is done to mappings.
 */
#ifndef ARENA_WINDOW_H
#define ARENA_WINDOW_H

#include "arena_util.h"

#define NR	16

FIXTURE(mapping)
{
	int fd;
	char *map;
};

static inline char stamp(unsigned int index)
{
	return 'A' + index;
}

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

/* Pages that do not have their stamp, of @nr seen at @map, the arena's @first on. */
static inline unsigned int spoilt(const char *map, unsigned int first, unsigned int nr)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++)
		bad += !page_is(map + i * page_size, stamp(first + i));
	return bad;
}

static inline bool faults(char *map, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (touch_read(map + i * page_size).sig != SIGSEGV)
			return false;
	}
	return true;
}

static inline char *spare_place(unsigned int nr)
{
	char *place = mmap(NULL, nr * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	must(place != MAP_FAILED);
	return place;
}

static inline void move(char *from, unsigned int nr, char *to)
{
	must(mremap(from, nr * page_size, nr * page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to) == to);
}

#endif /* ARENA_WINDOW_H */
