/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of an arena.
 *
 * To allocate a range, with pages or without:
 *
 *	arena_take_pages()	before the arena's lock is taken
 *	arena_place_pages()	under the lock, held exclusively
 *	arena_drop_pages()	after the lock is released, whatever has happened
 *
 * To remove the pages of a range, in each step:
 *
 *	arena_lock_to_remove()	takes the lock
 *	arena_remove_pages()	removes pages, and says which page was the last one
 *
 * A fault holds the lock shared while it calls arena_populate() and until it has mapped the
 * pages. Whoever pins pages calls arena_pin_pages() alone, without the lock.
 */
#ifndef KARENA_ARENA_PAGES_H
#define KARENA_ARENA_PAGES_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "arena_types.h"
#include "pages.h"

struct page;

/* Number of pages or ranges to handle before the lock is released, for others to take it. */
#define ARENA_STEP	512

/**
 * struct arena_window - pages of a fault, all in one leaf of the page tree
 * @map:	their slots, contiguous
 * @leaf:	the leaf, if there is one
 */
struct arena_window {
	unsigned long map;
	struct page_tree_leaf *leaf;
};

/**
 * struct arena_page_list - pages on their way into an arena
 * @nr:		number of pages; 0 once the arena owns them
 * @pages:	the pages
 * @gfp:	KARENA_GFP, or KARENA_GFP_NOWAIT if the caller may not sleep
 * @few:	the array that @pages points to if the pages fit
 *
 * Declare a list __uninitialized: in kernels that clear the stack, clearing @few would take
 * longer than the rest of a small allocation.
 */
struct arena_page_list {
	unsigned long nr;
	struct page **pages;
	gfp_t gfp;
	struct page *few[KARENA_PAGES_BATCH];
};

int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     gfp_t gfp, struct arena_page_list *list);
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct arena_page_list *list);
void arena_drop_pages(struct karena_arena *arena, struct arena_page_list *list);
int arena_populate(struct karena_arena *arena, unsigned long index,
		   struct arena_window *window);
int arena_pin_pages(struct karena_arena *arena, unsigned long first,
		    unsigned long nr_pages, struct page **pages);
int arena_lock_to_remove(struct karena_arena *arena);
int arena_remove_pages(struct karena_arena *arena, unsigned long first, unsigned long *last,
		       u32 state, bool may_fail);
void arena_destroy_pages(struct karena_arena *arena);

#endif /* KARENA_ARENA_PAGES_H */
