// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "text.h"

#define MAP_ROWS	6
#define LIST_ROWS	16

static int add_range(struct map *map, size_t *max, const struct karena_arena_range *range)
{
	size_t more = *max ? 2 * *max : 64;
	struct karena_arena_range *ranges;

	if (map->count == *max) {
		ranges = realloc(map->ranges, more * sizeof(*range));
		if (!ranges)
			return -ENOMEM;
		map->ranges = ranges;
		*max = more;
	}
	map->ranges[map->count++] = *range;
	return 0;
}

/* The caller must free @map->ranges, even after a failure. */
int read_map(const struct karena_arena *arena, struct map *map)
{
	struct karena_arena_range range;
	struct karena_walk *walk;
	size_t max = 0;
	int ret;

	memset(map, 0, sizeof(*map));
	map->page = karena_arena_page_size(arena);
	map->nr_pages = karena_arena_length(arena) / map->page;
	ret = karena_walk_new(arena, 0, &walk);
	if (ret)
		return ret;
	while (!ret && (ret = karena_walk_next(walk, &range)) > 0)
		ret = add_range(map, &max, &range);
	karena_walk_free(walk);
	return ret;
}

static uint64_t first_cell(const struct map *map, const struct karena_arena_range *range)
{
	return range->offset / map->page / map->cell;
}

static uint64_t last_cell(const struct map *map, const struct karena_arena_range *range)
{
	return (range->offset / map->page + range->nr_pages - 1) / map->cell;
}

/*
 * Finds the ranges from @from on to draw together: no gap between them is longer than a
 * row. Returns the first range behind them.
 */
static size_t stretch_end(const struct map *map, size_t from)
{
	size_t to = from + 1;

	while (to < map->count && first_cell(map, &map->ranges[to]) -
				  last_cell(map, &map->ranges[to - 1]) <= ROW_CELLS)
		to++;
	return to;
}

static uint64_t stretch_rows(const struct map *map, size_t from, size_t to)
{
	uint64_t cells = last_cell(map, &map->ranges[to - 1]) -
			 first_cell(map, &map->ranges[from]) + 1;

	return (cells + ROW_CELLS - 1) / ROW_CELLS;
}

static void choose_cell(struct map *map)
{
	uint64_t rows;

	map->cell = 1;
	for (;;) {
		rows = 0;
		for (size_t from = 0, to; from < map->count; from = to) {
			to = stretch_end(map, from);
			rows += stretch_rows(map, from, to);
		}
		if (rows <= MAP_ROWS || map->cell >= map->nr_pages)
			return;
		map->cell *= 2;
	}
}

static char range_char(const struct karena_arena_range *range)
{
	switch (range->state) {
	case KARENA_PAGE_RESERVED:
		return 'r';
	case KARENA_PAGE_GUARD:
		return 'X';
	case KARENA_PAGE_ALLOCATED:
		if (range->nr_populated == range->nr_pages)
			return '#';
		return range->nr_populated ? '+' : '-';
	default:
		return '?';
	}
}

/* A cell of several ranges shows a guard if there is one, else the first of them. */
static void draw_row(const struct map *map, uint64_t row, size_t from, size_t to)
{
	uint64_t cells = (map->nr_pages + map->cell - 1) / map->cell - row;
	char text[ROW_CELLS + 1];

	memset(text, '.', sizeof(text));
	text[cells < ROW_CELLS ? cells : ROW_CELLS] = '\0';
	for (size_t i = from; i < to; i++) {
		const struct karena_arena_range *range = &map->ranges[i];
		uint64_t cell = first_cell(map, range), last = last_cell(map, range);

		if (cell < row)
			cell = row;
		for (; cell <= last && cell < row + ROW_CELLS; cell++)
			if (text[cell - row] == '.' || range->state == KARENA_PAGE_GUARD)
				text[cell - row] = range_char(range);
	}
	printf("  %10s |%s|\n", size_text(row * map->cell * map->page), text);
}

static void draw_gap(const struct map *map, uint64_t from_page, uint64_t to_page)
{
	if (from_page < to_page)
		printf("  %10s  %s free\n", "", size_text((to_page - from_page) * map->page));
}

void draw_map(struct map *map)
{
	uint64_t drawn = 0;

	choose_cell(map);
	for (size_t from = 0, to; from < map->count; from = to) {
		uint64_t row = first_cell(map, &map->ranges[from]);
		uint64_t rows;

		to = stretch_end(map, from);
		rows = stretch_rows(map, from, to);
		draw_gap(map, drawn, row * map->cell);
		for (; rows--; row += ROW_CELLS)
			draw_row(map, row, from, to);
		drawn = row * map->cell;
	}
	draw_gap(map, drawn, map->nr_pages);
	printf("  %10s  # resident  + partly  - not resident  r reserved  X guard  . free\n", "");
	printf("  %10s  a character is %s\n", "", size_text(map->cell * map->page));
}

void list_ranges(const struct map *map)
{
	static const char *const states[] = { "free", "allocated", "reserved", "guard" };

	printf("  %14s %10s %10s  %-10s %10s %8s\n", "offset", "pages", "size", "state",
	       "resident", "pinned");
	for (size_t i = 0; i < map->count && i < LIST_ROWS; i++) {
		const struct karena_arena_range *range = &map->ranges[i];

		printf("  %#14llx %10llu %10s  %-10s %10llu %8llu\n",
		       (unsigned long long)range->offset,
		       (unsigned long long)range->nr_pages,
		       size_text(range->nr_pages * map->page),
		       range->state < 4 ? states[range->state] : "?",
		       (unsigned long long)range->nr_populated,
		       (unsigned long long)range->nr_pinned);
	}
	if (map->count > LIST_ROWS)
		printf("  %14s %zu more\n", "and", map->count - LIST_ROWS);
}
