/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of an arena: it bears the arena's name from when it is placed to when it is
 * given up.
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

/* No page of an arena is part of a larger one: there is no head to look for. */
static inline struct folio *as_folio(struct page *page)
{
	return (struct folio *)page;
}

/* So that a futex in the page has the arena's inode and the offset for a key. */
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
 * Of a page that others hold. Whoever has it pinned may be marking it dirty, for
 * which it looks, under the page's lock, where the name points to; and the inode
 * may go as soon as it has no pages.
 */
static inline void arena_disown_held_page(struct page *page)
{
	folio_lock(as_folio(page));
	arena_disown_page(page);
	folio_unlock(as_folio(page));
}

#endif /* KARENA_ARENA_PAGE_H */
