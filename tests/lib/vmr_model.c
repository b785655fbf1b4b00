// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "vmr_model.h"

#define SHARING		4
#define PART_PAGES	48
/* How far the end of a reservation can go. */
#define MOST_PAGES	96

/* One page of a part; all of one map have the same id. */
struct page {
	uint64_t id;
	size_t start;
	size_t length;
};

struct part {
	struct karena_vmr *vmr;
	/* Of the part, in pages from where the reservation once began. */
	size_t first;
	size_t nr;
	/* Where the reservation begins now, and whether this part may move that. */
	size_t origin;
	bool has_start;
	bool has_end;
	struct page pages[MOST_PAGES];
	struct karena_vmr_map stale;
};

/*
 * The lower part of a large gap, with room to extend: what the threads map for
 * themselves is at its upper end.
 */
#define ROOM	((size_t)256 << 20)
#define GAP	(THREADS * 2 * ROOM)

struct game {
	struct karena_vmr *shared[THREADS / SHARING];
	struct part parts[THREADS][2];
	struct thread threads[THREADS];
	const struct numbered *files;
	char *gap;
};

void check(bool ok, int line)
{
	if (ok)
		return;
	fprintf(stderr, "# thread: line %d\n", line);
	abort();
}

unsigned int roll(struct thread *me, unsigned int below)
{
	me->seed = me->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((me->seed >> 33) % below);
}

static size_t page_offset(const struct part *part, size_t page)
{
	return (part->first + page - part->origin) * PAGE;
}

static char *page_address(const struct part *part, size_t page)
{
	return (char *)karena_vmr_get_address(part->vmr) + page_offset(part, page);
}

/* The first mapped page in [from, to), or @to. */
static size_t next_mapped(const struct part *part, size_t from, size_t to)
{
	while (from < to && !part->pages[from].id)
		from++;
	return from;
}

static bool is_map(const struct part *part, size_t page, const struct karena_vmr_map *map)
{
	const struct page *is = &part->pages[page];

	return map->address == page_address(part, is->start) && map->id == is->id &&
	       map->length == is->length * PAGE;
}

void make_sources(struct karena_vmr_source *sources, const struct numbered *files)
{
	for (int i = 0; i < 2; i++)
		CHECK(!karena_vmr_source_fd(&sources[i], files[i].fd, files[i].offset,
					    PROT_READ, 0));
	CHECK(!karena_vmr_source_anon(&sources[2], RW, KARENA_VMR_PRIVATE));
}

static void random_map(struct thread *me, struct part *part)
{
	size_t page = roll(me, (unsigned int)part->nr), length = 1 + roll(me, 4);
	unsigned int kind = roll(me, 3), number = roll(me, 8);
	struct karena_vmr_source source = me->sources[kind];
	struct karena_vmr_map map;
	int expected = 0, ret;

	if (page + length > part->nr)
		length = part->nr - page;
	if (next_mapped(part, page, page + length) < page + length)
		expected = KARENA_E_MAPPING_EXISTS;
	if (kind < 2)
		source.offset += number * PAGE;
	ret = karena_vmr_map(part->vmr, page_offset(part, page), length * PAGE, &source, &map);
	CHECK(ret == expected);
	if (ret)
		return;
	for (size_t i = 0; i < length; i++) {
		uint64_t *word = (uint64_t *)page_address(part, page + i);

		part->pages[page + i] = (struct page){ map.id, page, length };
		CHECK(*word == (kind == 2 ? 0 : me->files[kind].first + number + i));
		if (kind == 2)
			*word = map.id;
	}
	CHECK(is_map(part, page, &map));
}

static void random_unmap(struct thread *me, struct part *part)
{
	size_t page = roll(me, (unsigned int)part->nr);
	struct page was = part->pages[page];
	struct karena_vmr_map map;
	int ret = karena_vmr_map_find(part->vmr, page_offset(part, page), 1, &map);

	CHECK(ret == (was.id ? 0 : KARENA_E_MAPPING_NOT_FOUND));
	/* One that went before is not this one, wherever it was. */
	CHECK(karena_vmr_unmap(part->vmr, &part->stale) == KARENA_E_MAPPING_NOT_FOUND);
	if (ret)
		return;
	CHECK(is_map(part, page, &map));
	CHECK(!karena_vmr_unmap(part->vmr, &map));
	CHECK(is_inaccessible(page_address(part, was.start + was.length) - 1));
	memset(&part->pages[was.start], 0, was.length * sizeof(was));
	part->stale = map;
}

static void random_find(struct thread *me, struct part *part)
{
	size_t from = roll(me, (unsigned int)part->nr), length = 1 + roll(me, 12), page;
	struct karena_vmr_map map, next;
	int ret;

	if (from + length > part->nr)
		length = part->nr - from;
	page = next_mapped(part, from, from + length);
	ret = karena_vmr_map_find(part->vmr, page_offset(part, from), length * PAGE, &map);
	if (page == from + length) {
		CHECK(ret == KARENA_E_MAPPING_NOT_FOUND && !map.address);
		return;
	}
	CHECK(!ret && is_map(part, page, &map));

	/* Behind the part are others' maps, of which nothing is known. */
	page = part->pages[page].start + part->pages[page].length;
	page = next_mapped(part, page, part->nr);
	ret = karena_vmr_map_next(part->vmr, &map, &next);
	if (page < part->nr) {
		CHECK(!ret && is_map(part, page, &next));
		CHECK(!karena_vmr_map_prev(part->vmr, &next, &next));
		CHECK(next.id == map.id);
	} else {
		CHECK(ret || (char *)next.address >= page_address(part, part->nr));
	}
}

static void random_extend(struct thread *me, struct part *part)
{
	size_t nr = 1 + roll(me, 8);

	if (part->nr + nr > MOST_PAGES)
		return;
	CHECK(!karena_vmr_extend(part->vmr, nr * PAGE));
	part->nr += nr;
	CHECK(is_inaccessible(page_address(part, part->nr) - 1));
}

static void shrink_end(struct thread *me, struct part *part)
{
	size_t nr = 1 + roll(me, 8), from = part->nr - nr;
	int expected = 0, ret;

	if (nr >= part->nr)
		return;
	if (next_mapped(part, from, part->nr) < part->nr)
		expected = KARENA_E_RESERVATION_NOT_EMPTY;
	ret = karena_vmr_shrink(part->vmr, page_offset(part, from), nr * PAGE);
	CHECK(ret == expected);
	if (!ret)
		part->nr -= nr;
}

/* The part's own reservation: what was its first page is gone. */
static void shrink_start(struct thread *me, struct part *part)
{
	char *at = karena_vmr_get_address(part->vmr);
	size_t nr = 1 + roll(me, 3);
	int expected = 0, ret;

	if (nr >= part->nr)
		return;
	if (next_mapped(part, 0, nr) < nr)
		expected = KARENA_E_RESERVATION_NOT_EMPTY;
	ret = karena_vmr_shrink(part->vmr, 0, nr * PAGE);
	CHECK(ret == expected);
	if (ret)
		return;
	CHECK(karena_vmr_get_address(part->vmr) == at + nr * PAGE);
	memmove(part->pages, part->pages + nr, (MOST_PAGES - nr) * sizeof(*part->pages));
	memset(part->pages + MOST_PAGES - nr, 0, nr * sizeof(*part->pages));
	for (size_t i = 0; i < MOST_PAGES; i++)
		if (part->pages[i].id)
			part->pages[i].start -= nr;
	part->first += nr;
	part->origin += nr;
	part->nr -= nr;
}

static void random_operation(struct thread *me, struct part *part)
{
	switch (roll(me, 16)) {
	case 0 ... 4:
		random_map(me, part);
		break;
	case 5 ... 8:
		random_unmap(me, part);
		break;
	case 9:
		if (part->has_end)
			random_extend(me, part);
		break;
	case 10:
		if (part->has_end)
			shrink_end(me, part);
		break;
	case 11:
		if (part->has_start)
			shrink_start(me, part);
		break;
	default:
		random_find(me, part);
	}
}

static void *run(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < effort(me->operations / THREADS); i++)
		random_operation(me, me->parts[roll(me, 2)]);
	return NULL;
}

/* Every map of the part, found by walking the whole reservation. */
static bool part_is_whole(struct part *part)
{
	struct karena_vmr_map map;

	for (size_t page = next_mapped(part, 0, part->nr); page < part->nr;
	     page = next_mapped(part, page + part->pages[page].length, part->nr)) {
		if (karena_vmr_map_find(part->vmr, page_offset(part, page), 1, &map) ||
		    !is_map(part, page, &map))
			return false;
	}
	return true;
}

static size_t count_maps(struct karena_vmr *vmr)
{
	struct karena_vmr_map map;
	size_t nr = 0;

	for (karena_vmr_map_first(vmr, &map); map.address; karena_vmr_map_next(vmr, &map, &map))
		nr++;
	return nr;
}

static size_t count_model(const struct part *part)
{
	size_t nr = 0;

	for (size_t i = 0; i < part->nr; i++)
		nr += part->pages[i].id && part->pages[i].start == i;
	return nr;
}

int empty(struct karena_vmr **vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_last(*vmr, &map))
		if (karena_vmr_unmap(*vmr, &map))
			return -1;
	return karena_vmr_delete(vmr);
}

static char *find_gap(void)
{
	char *at = mmap(NULL, 2 * GAP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(at, 2 * GAP);
	return at;
}

/* Nothing in the gap, and no map of our files anywhere. */
static bool nothing_left(const struct maps *maps, const char *gap)
{
	return is_free(maps, gap, GAP) && !strstr(maps->text, "vmr-test");
}

static int set_up(struct game *game, uint64_t seed, int operations)
{
	char *at = game->gap + 64 * PAGE;

	memset(game->parts, 0, sizeof(game->parts));
	memset(game->threads, 0, sizeof(game->threads));
	for (size_t i = 0; i < THREADS / SHARING; i++, at += ROOM)
		if (karena_vmr_new(&game->shared[i], at, SHARING * PART_PAGES * PAGE))
			return -1;
	for (size_t i = 0; i < THREADS; i++, at += ROOM) {
		struct part *shared = &game->parts[i][0], *own = &game->parts[i][1];

		shared->vmr = game->shared[i / SHARING];
		shared->first = i % SHARING * PART_PAGES;
		shared->nr = PART_PAGES;
		shared->has_end = i % SHARING == SHARING - 1;
		if (karena_vmr_new(&own->vmr, at, PART_PAGES * PAGE))
			return -1;
		own->nr = PART_PAGES;
		own->has_start = true;
		own->has_end = true;
		game->threads[i] = (struct thread){
			.seed = seed + i,
			.operations = operations,
			.parts = { shared, own },
			.files = game->files,
		};
		make_sources(game->threads[i].sources, game->files);
	}
	return 0;
}

static int tear_down(struct game *game)
{
	int ret = 0;

	for (size_t i = 0; i < THREADS; i++)
		ret |= empty(&game->parts[i][1].vmr);
	for (size_t i = 0; i < THREADS / SHARING; i++)
		ret |= empty(&game->shared[i]);
	return ret;
}

static void play(struct game *game)
{
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&game->threads[i].thread, NULL, run, &game->threads[i]))
			abort();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(game->threads[i].thread, NULL);
}

void play_game(const struct numbered *files, uint64_t seed, int operations)
{
	static struct maps maps;
	static struct game game;

	game.files = files;
	game.gap = find_gap();
	maps_read(&maps);
	CHECK(nothing_left(&maps, game.gap));
	CHECK(!set_up(&game, seed, operations));
	play(&game);
	for (size_t i = 0; i < THREADS; i++) {
		CHECK(part_is_whole(&game.parts[i][0]));
		CHECK(part_is_whole(&game.parts[i][1]));
		CHECK(count_model(&game.parts[i][1]) == count_maps(game.parts[i][1].vmr));
	}
	for (size_t i = 0; i < THREADS / SHARING; i++) {
		size_t nr = 0;

		for (size_t k = 0; k < SHARING; k++)
			nr += count_model(&game.parts[i * SHARING + k][0]);
		CHECK(nr == count_maps(game.shared[i]));
	}
	maps_read(&maps);
	CHECK(!nothing_left(&maps, game.gap));
	CHECK(!tear_down(&game));
	maps_read(&maps);
	CHECK(nothing_left(&maps, game.gap));
}
