// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "arena_util.h"
#include "stamped.h"

unsigned int spoilt(const char *map, unsigned int first, unsigned int nr)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++)
		bad += !page_is(map + i * page_size, stamp(first + i));
	return bad;
}

bool faults(char *map, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (touch_read(map + i * page_size).sig != SIGSEGV)
			return false;
	}
	return true;
}

char *spare_place(unsigned int nr)
{
	char *place = mmap(NULL, nr * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	must(place != MAP_FAILED);
	return place;
}

void move(char *from, unsigned int nr, char *to)
{
	must(mremap(from, nr * page_size, nr * page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to) == to);
}
