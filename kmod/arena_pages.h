/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of an arena.
 *
 * To give a range pages, or only the state:
 *
 *	arena_take_pages()	before the arena's lock is taken
 *	arena_place_pages()	under the lock, held exclusively
 *	arena_drop_pages()	after the lock, whatever has happened
 *
 * To remove a range, step by step:
 *
 *	arena_lock_to_remove()	for each step
 *	arena_remove_pages()	which says how far the step came
 *
 * A fault holds the lock shared around arena_populate() and for as long as it maps what it
 * got. Pins need nothing but arena_pin_pages().
 */
#ifndef KARENA_ARENA_PAGES_H
#define KARENA_ARENA_PAGES_H

#include <linux/types.h>

#include "arena_types.h"
#include "pages.h"

struct page;

/* Number of pages or ranges to handle before the lock is released for others. */
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
 * @few:	memory for @pages if there are few
 *
 * Declare it __uninitialized: with kernels that clear the stack, clearing @few would
 * take longer than the rest of a small allocation.
 */
struct arena_page_list {
	unsigned long nr;
	struct page **pages;
	struct page *few[KARENA_PAGES_BATCH];
};

int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     struct arena_page_list *list);
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
