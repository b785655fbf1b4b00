/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of an arena. Its ->mapping points to the arena's inode from when the page is
 * placed until it is given up.
 */
#ifndef KARENA_ARENA_PAGE_H
#define KARENA_ARENA_PAGE_H

#include <linux/mm.h>
#include <linux/pagemap.h>

#include "arena.h"

static inline struct address_space *arena_mapping(const struct karena_arena *arena)
{
	return arena->object.inode->i_mapping;
}

/* Pages of an arena are never part of a larger folio, so there is no head to find. */
static inline struct folio *as_folio(struct page *page)
{
	return (struct folio *)page;
}

/* Gives a futex in the page the arena's inode and the offset as its key. */
static inline void arena_own_page(struct karena_arena *arena, struct page *page,
				  unsigned long index)
{
	struct folio *folio = as_folio(page);

	folio->mapping = arena_mapping(arena);
	folio->index = index;
}

static inline void arena_disown_page(struct page *page)
{
	as_folio(page)->mapping = NULL;
}

/*
 * Disowns a page on which others have references. A task that has pinned the page may be
 * marking it dirty: for that it follows ->mapping under the page lock, and the inode may
 * go as soon as it has no pages.
 */
static inline void arena_disown_held_page(struct page *page)
{
	folio_lock(as_folio(page));
	arena_disown_page(page);
	folio_unlock(as_folio(page));
}

#endif /* KARENA_ARENA_PAGE_H */
