/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map of an arena. A cell stands for as many pages as needed to fit all that is not
 * free into a few rows. Long free stretches are left out.
 */
#ifndef KARENACTL_MAP_H
#define KARENACTL_MAP_H

#include <stddef.h>

#include <karena.h>

/**
 * struct map - a map of an arena
 * @ranges:	ranges that are not free, in order
 * @count:	number of @ranges
 * @page:	page size
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
