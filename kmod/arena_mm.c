// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adding pages to an arena.
 *
 * The arena has one reference on each of its pages, in addition to those of page tables
 * and pins.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "arena.h"
#include "arena_page.h"
#include "compat.h"
#include "pages.h"
#include "page_tree.h"

static int arena_node(const struct karena_arena *arena, int node)
{
	return node == KARENA_NODE_ANY ? arena->node : node;
}

/**
 * arena_take_pages() - take pages that are to go into an arena
 * @arena:	the arena, which is charged
 * @node:	preferred NUMA node, or KARENA_NODE_ANY for the arena's own
 * @nr_pages:	number of pages, may be 0
 * @list:	out; pass it to arena_drop_pages() in the end, even after an error
 *
 * Context: may sleep and reclaim, so do not call it with the arena's lock.
 * Return: 0; -EDQUOT, -ENOMEM, -EINTR for a fatal signal.
 */
int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     struct arena_page_list *list)
{
	int got;

	list->nr = 0;
	list->pages = list->few;
	if (nr_pages > ARRAY_SIZE(list->few)) {
		/* Trying would take all the memory that others need. */
		if (nr_pages > totalram_pages())
			return -ENOMEM;
		list->pages = kvmalloc_array(nr_pages, sizeof(*list->pages), KARENA_GFP);
		if (!list->pages)
			return -ENOMEM;
	}

	while (nr_pages) {
		got = karena_pages_get(arena->object.account, arena_node(arena, node),
				       min_t(unsigned long, nr_pages - list->nr,
					     KARENA_PAGES_BATCH),
				       list->pages + list->nr);
		if (got < 0)
			return got;
		list->nr += got;
		if (list->nr == nr_pages)
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Not inlined: mostly the arena has got all pages of a short list. */
void arena_drop_rest(struct karena_arena *arena, struct arena_page_list *list)
{
	unsigned int nr_pages;

	while (list->nr) {
		nr_pages = min_t(unsigned long, list->nr, KARENA_PAGES_BATCH);
		list->nr -= nr_pages;
		karena_pages_put(arena->object.account, nr_pages, list->pages + list->nr);
		cond_resched();
	}
	if (list->pages != list->few)
		kvfree(list->pages);
}

/* Puts pages into the slots @map of a leaf; returns the slots that were empty. */
static unsigned long insert_pages(struct karena_arena *arena, struct page_tree_leaf *leaf,
				  unsigned long base, unsigned long map, struct page **pages)
{
	unsigned long rest;
	unsigned int i = 0;

	for (rest = map; rest; rest &= rest - 1)
		arena_own_page(arena, pages[i++], base + __ffs(rest));
	map = page_tree_fill(&arena->pages, leaf, map, pages);
	atomic_long_add(hweight_long(map), &arena->nr_populated);
	return map;
}

/* Removes pages first..last, none of which is mapped, and the nodes that led to them. */
static noinline void withdraw_pages(struct karena_arena *arena, unsigned long first,
				    unsigned long last)
{
	struct page_tree_span span;
	unsigned long map;

	for (; page_tree_next(&arena->pages, first, last, &span);
	     first = span.base + PAGE_TREE_SLOTS) {
		atomic_long_sub(hweight_long(span.map), &arena->nr_populated);
		for (map = span.map; map; map &= map - 1)
			arena_disown_page(span.leaf->page[__ffs(map)]);
		page_tree_clear(&arena->pages, &span);
		cond_resched();
	}
	page_tree_trim(&arena->pages);
}

/* Inserts the pages of a list; -EDQUOT or -ENOMEM with some of them inserted. */
static int insert_page_list(struct karena_arena *arena, unsigned long first,
			    const struct arena_page_list *list)
{
	unsigned long last = first + list->nr - 1;
	struct page **pages = list->pages;
	struct page_tree_leaf *leaf;
	unsigned long base, map;

	for (; first <= last; first = base + PAGE_TREE_SLOTS) {
		leaf = page_tree_make_leaf(&arena->pages, first, KARENA_GFP);
		if (IS_ERR(leaf))
			return PTR_ERR(leaf);
		base = first - page_tree_slot(first);
		map = page_tree_mask(base, first, last);
		insert_pages(arena, leaf, base, map, pages);
		pages += hweight_long(map);
		cond_resched();
	}
	return 0;
}

/**
 * arena_place_pages() - allocate a range, with pages if there are any
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @nr_pages:	number of pages, none of which is allocated yet
 * @list:	as many pages, or none to leave populating to faults
 *
 * Context: may sleep.
 * Return: 0, and the arena owns the pages; -ENOMEM or -EDQUOT with nothing changed.
 */
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct arena_page_list *list)
{
	unsigned long last = first + nr_pages - 1;
	int err = 0;

	lockdep_assert_held_write(&arena->lock);

	/*
	 * Nobody looks for pages of a range that is not allocated, so the pages can be
	 * removed again if a later step fails.
	 */
	if (list->nr)
		err = insert_page_list(arena, first, list);
	if (!err)
		err = ranges_set(&arena->ranges, first, last, KARENA_PAGE_ALLOCATED, KARENA_GFP);
	if (err) {
		withdraw_pages(arena, first, last);
		return err;
	}
	list->nr = 0;
	return 0;
}

/* Returns @nr of the slots of @map, including @touched if @map has it. */
static unsigned long some_slots(unsigned long map, unsigned int nr, unsigned int touched)
{
	unsigned long rest = map & ~BIT(touched);

	for (; hweight_long(map) > nr; rest &= ~BIT(__fls(rest)))
		map &= ~BIT(__fls(rest));
	return map;
}

/* Gives back those of @pages, one for each slot of @map, that were not added. */
static void give_back(struct karena_arena *arena, unsigned long map, unsigned long added,
		      struct page **pages)
{
	for (; map; map &= map - 1, pages++) {
		if (added & BIT(__ffs(map)))
			continue;
		arena_disown_page(*pages);
		karena_pages_put(arena->object.account, 1, pages);
	}
}

/*
 * Fills slots of the window's leaf with @fresh. If another fault was faster, its page
 * stays. Returns the number of pages added, or -EDQUOT or -ENOMEM.
 */
static int fill_window(struct karena_arena *arena, unsigned long base,
		       struct arena_window *window, unsigned long map, struct page **fresh)
{
	unsigned long added = 0;

	if (!window->leaf)
		window->leaf = page_tree_make_leaf(&arena->pages, base, KARENA_GFP);
	if (!IS_ERR(window->leaf))
		added = insert_pages(arena, window->leaf, base, map, fresh);
	if (unlikely(added != map))
		give_back(arena, map, added, fresh);
	return IS_ERR(window->leaf) ? PTR_ERR(window->leaf) : hweight_long(added);
}

/**
 * arena_populate() - populate the pages around a touched one
 * @arena:	its lock is held
 * @index:	index of the touched page
 * @window:	in, @map: pages around @index, all of them allocated; out, @leaf, where
 *		@index is populated on success, and as many of the others as possible.
 *		They stay while the lock is held
 *
 * Context: may sleep.
 * Return: number of pages populated; -ENOMEM, -EDQUOT.
 */
int arena_populate(struct karena_arena *arena, unsigned long index,
		   struct arena_window *window)
{
	unsigned int slot = page_tree_slot(index);
	unsigned long missing = window->map;
	struct page *fresh[KARENA_FAULT_PAGES_MAX] __uninitialized;
	int want, got, nr;

	lockdep_assert_held(&arena->lock);
	BUILD_BUG_ON(KARENA_FAULT_PAGES_MAX > KARENA_PAGES_BATCH);

	window->leaf = page_tree_leaf(&arena->pages, index);
	if (window->leaf)
		missing &= ~page_tree_filled(window->leaf);
	if (!missing)
		return 0;

	for (;;) {
		want = hweight_long(missing);
		got = karena_pages_get(arena->object.account, arena->node, want, fresh);
		if (got < 0)
			return missing & BIT(slot) ? got : 0;
		/* If there are too few, populate the touched page first. */
		if (got < want)
			missing = some_slots(missing, got, slot);
		nr = fill_window(arena, index - slot, window, missing, fresh);
		/* If the pages have used up the limit, fewer may leave some for the leaf. */
		if (likely(nr != -EDQUOT) || missing == BIT(slot))
			return nr;
		window->leaf = NULL;
		missing = BIT(slot);
	}
}

/* Pins the populated pages at the window's start; returns their number. */
static unsigned int pin_window(const struct arena_window *window, struct page **pages)
{
	unsigned int slot = __ffs(window->map);
	unsigned int nr = page_tree_extent((window->map & page_tree_filled(window->leaf)) >> slot);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pages[i] = window->leaf->page[slot + i];
		get_page(pages[i]);
	}
	return nr;
}

static int pin_some(struct karena_arena *arena, unsigned long first,
		    unsigned long nr_pages, struct page **pages)
{
	unsigned long base = first - page_tree_slot(first);
	unsigned long last = min(first + nr_pages - 1, base + PAGE_TREE_SLOTS - 1);
	struct arena_window window = { .map = page_tree_mask(base, first, last) };
	int ret = -ENOENT;

	down_read(&arena->lock);
	if (ranges_all(&arena->ranges, first, last, BIT(KARENA_PAGE_ALLOCATED)))
		ret = arena_populate(arena, first, &window);
	if (ret >= 0)
		ret = pin_window(&window, pages);
	up_read(&arena->lock);
	return ret;
}

/**
 * arena_pin_pages() - pin a range's pages
 * @arena:	the arena
 * @first:	index of the first page
 * @nr_pages:	number of pages, all inside the arena
 * @pages:	out, with a reference each
 *
 * Populates pages that are not. Each page was in the arena when it was pinned. A page
 * that is freed later leaves the arena, and lives on for the pin alone.
 *
 * Context: may sleep.
 * Return: 0; with nothing pinned -ENOENT if a page is not allocated, -ENOMEM, -EDQUOT,
 * -EINTR for a fatal signal.
 */
int arena_pin_pages(struct karena_arena *arena, unsigned long first,
		    unsigned long nr_pages, struct page **pages)
{
	unsigned long done = 0;
	int ret;

	while (done < nr_pages) {
		ret = pin_some(arena, first + done, nr_pages - done, pages + done);
		if (ret < 0)
			goto unpin;
		done += ret;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			goto unpin;
		}
		cond_resched();
	}
	return 0;

unpin:
	while (done)
		put_page(pages[--done]);
	return ret;
}
