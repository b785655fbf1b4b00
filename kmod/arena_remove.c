// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages out of an arena. Each loses the arena's reference; one that page tables or pins
 * have references on lives until the last of those is given back.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "account.h"
#include "arena.h"
#include "arena_page.h"
#include "compat.h"
#include "page_tree.h"

static void put_pages(struct page **pages, unsigned int nr_pages)
{
	if (nr_pages == 1)
		__free_page(pages[0]);
	else
		release_pages(pages, nr_pages);
}

/*
 * Gives up the pages of a span, those that nobody but the arena has a reference on all at
 * once: they are put into its first slots for that. One that somebody has lives on until
 * the last reference is given back. Returns whether there is any.
 */
static noinline bool release_span(const struct page_tree_span *span)
{
	struct page **sole = span->leaf->page + __ffs(span->map);
	unsigned int nr_sole = 0;
	unsigned long map;
	struct page *page;
	bool held = false;

	for (map = span->map; map; map &= map - 1) {
		page = span->leaf->page[__ffs(map)];
		if (page_ref_count(page) == 1) {
			arena_disown_page(page);
			sole[nr_sole++] = page;
		} else {
			arena_disown_held_page(page);
			folio_put(as_folio(page));
			held = true;
		}
	}
	if (nr_sole)
		put_pages(sole, nr_sole);
	return held;
}

/*
 * The same one by one, and takes them out of the tree. Unless it is @final it ends with
 * the first page that somebody has a reference on, and returns whether there is one.
 */
static __always_inline bool release_singly(struct karena_arena *arena, struct page_tree_span *span,
					   bool final)
{
	unsigned long map = span->map;
	struct page *page;

	for (; map; map &= map - 1) {
		page = span->leaf->page[__ffs(map)];
		if (page_ref_count(page) == 1) {
			arena_disown_page(page);
			__free_page(page);
		} else if (final) {
			arena_disown_held_page(page);
			folio_put(as_folio(page));
		} else {
			break;
		}
	}
	span->map &= ~map;
	page_tree_clear(&arena->pages, span);
	return map;
}

/**
 * struct removal - pages that leave an arena
 * @nr:		how many
 * @held:	there are references on some of them, be they of page tables
 * @left:	some of those are in the tree until they are in no page table
 */
struct removal {
	unsigned long nr;
	bool held;
	bool left;
};

/*
 * Takes pages of first..last out of the tree and gives them up, to ARENA_STEP of them
 * and the rest of a leaf. Returns the last index that it has seen to.
 *
 * What is charged to a memory cgroup it gets back for many pages at once, of those that
 * are mapped by unmap_mapping_range(). Other pages take the page allocator less one by
 * one: those that are mapped are left. For a leaf that has both either way will do.
 */
static __always_inline unsigned long
release_range(struct karena_arena *arena, unsigned long first, unsigned long last,
	      struct removal *gone)
{
	struct page_tree_span span;

	*gone = (struct removal) {};
	while (first <= last && page_tree_next(&arena->pages, first, last, &span)) {
		gone->nr += hweight_long(span.map);
		if (folio_memcg_kmem(as_folio(span.leaf->page[__ffs(span.map)]))) {
			gone->held |= release_span(&span);
			page_tree_clear(&arena->pages, &span);
		} else {
			gone->left |= release_singly(arena, &span, false);
			gone->held |= gone->left;
		}
		first = span.base + PAGE_TREE_SLOTS;
		if (gone->nr >= ARENA_STEP)
			return min(last, first - 1);
	}
	return last;
}

/* Gives up what release_range() has left, now that it is in no page table. */
static noinline void release_rest(struct karena_arena *arena, unsigned long first,
				  unsigned long last)
{
	struct page_tree_span span;

	while (first <= last && page_tree_next(&arena->pages, first, last, &span)) {
		release_singly(arena, &span, true);
		first = span.base + PAGE_TREE_SLOTS;
	}
}

static void note_released(struct karena_arena *arena, unsigned long nr_pages)
{
	unsigned long populated = atomic_long_fetch_sub(nr_pages, &arena->nr_populated);

	arena->populated_peak = max(arena->populated_peak, populated);
}

/**
 * arena_remove_pages() - one step of taking the memory of a range away
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @last:	index of the last page; out, of the last one that was seen to
 * @state:	what the pages become
 * @may_fail:	for want of memory for another range. Not where the pages have
 *		memory themselves: whoever is out of it must be able to free some
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM or -EDQUOT with nothing changed.
 */
int arena_remove_pages(struct karena_arena *arena, unsigned long first, unsigned long *last,
		       u32 state, bool may_fail)
{
	unsigned long nr_nodes = arena->ranges.nr_nodes;
	struct removal gone;

	lockdep_assert_held_write(&arena->lock);

	if (*last - first >= ARENA_STEP)
		*last = ranges_part(&arena->ranges, first, *last, ARENA_STEP);
	*last = release_range(arena, first, *last, &gone);
	if (may_fail && !gone.nr)
		return arena_set_state(arena, first, *last, state);
	ranges_set(&arena->ranges, first, *last, state, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	/*
	 * No fault can map a page meanwhile: it would need the lock. A page that no
	 * table has now can come into none: fork() and mremap() copy entries, they
	 * make none. So where none is held there is nothing to walk and no other CPU to
	 * interrupt. A page that is mapped has its entries' references still, and goes
	 * when the TLBs have been flushed.
	 */
	if (gone.held)
		unmap_mapping_range(arena_mapping(arena), (loff_t)first << PAGE_SHIFT,
				    (loff_t)(*last - first + 1) << PAGE_SHIFT, 1);
	if (gone.left)
		release_rest(arena, first, *last);
	note_released(arena, gone.nr);
	if (arena->ranges.nr_nodes == nr_nodes)
		karena_account_uncharge(arena->object.account, gone.nr);
	else
		arena_reconcile(arena, gone.nr);
	return 0;
}

/**
 * arena_destroy_pages() - give up all pages of an arena that nobody has open
 * @arena:	the arena
 *
 * Context: may sleep.
 */
void arena_destroy_pages(struct karena_arena *arena)
{
	unsigned long first = 0, last;
	struct removal gone;

	while (first < arena->nr_pages) {
		last = release_range(arena, first, arena->nr_pages - 1, &gone);
		if (gone.left)
			release_rest(arena, first, last);
		note_released(arena, gone.nr);
		karena_account_uncharge(arena->object.account, gone.nr);
		first = last + 1;
		cond_resched();
	}
	page_tree_destroy(&arena->pages);
}
