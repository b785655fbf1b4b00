/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map of an arena: a cell is as many pages as it takes for all that is not
 * free to fit in a few rows. Long free stretches are left out.
 */
#ifndef KARENACTL_MAP_H
#define KARENACTL_MAP_H

#include <stddef.h>

#include <karena.h>

/**
 * struct map - an arena as it is drawn
 * @ranges:	what is not free, in order
 * @count:	of @ranges
 * @page:	its size
 * @nr_pages:	in the arena
 * @cell:	pages in a cell
 */
struct map {
	struct karena_arena_range *ranges;
	size_t count;
	uint64_t page;
	uint64_t nr_pages;
	uint64_t cell;
};

int read_map(const struct karena_arena *arena, struct map *map);
void draw_map(struct map *map);
void list_ranges(const struct map *map);

#endif /* KARENACTL_MAP_H */
