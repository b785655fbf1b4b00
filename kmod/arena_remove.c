// SPDX-License-Identifier: GPL-2.0-only
/*
 * Removing pages from an arena. Each page loses the arena's reference, and lives until
 * the references of page tables and pins are dropped, too.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "account.h"
#include "arena.h"
#include "arena_page.h"
#include "compat.h"
#include "pages.h"
#include "page_tree.h"

/*
 * Gives up the pages of a span. Those on which only the arena has a reference are freed
 * all at once. Other pages live until their last reference is dropped. Returns whether
 * there are any of these.
 */
static noinline bool release_span(const struct page_tree_span *span)
{
	struct page *sole[PAGE_TREE_SLOTS] __uninitialized;
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
	release_pages(sole, nr_sole);
	return held;
}

/*
 * Gives up the pages of a span one by one, and removes them from the page tree. Unless
 * @final, stops at the first page with other references, and returns whether there is
 * one.
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
 * @nr:		number of pages
 * @held:	some have other references, if only those of page tables
 * @left:	some of these stay in the page tree until no page table maps them
 */
struct removal {
	unsigned long nr;
	bool held;
	bool left;
};

/*
 * Gives up pages of first..last and removes them from the page tree: up to ARENA_STEP and
 * the rest of a leaf. Returns the last index handled.
 *
 * Pages charged to a memory cgroup give back their charge for many at once; mapped ones
 * do so in unmap_mapping_range(). Other pages cost the page allocator less one by one, so
 * mapped ones are left for later. For a leaf that has both kinds, either way is correct.
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
		/* Nodes that lead to scattered pages take longer to free than the pages. */
		if (first <= last)
			cond_resched();
	}
	return last;
}

/* Gives up the pages that release_range() has left, which no page table maps now. */
static noinline void release_rest(struct karena_arena *arena, unsigned long first,
				  unsigned long last)
{
	struct page_tree_span span;

	while (first <= last && page_tree_next(&arena->pages, first, last, &span)) {
		release_singly(arena, &span, true);
		first = span.base + PAGE_TREE_SLOTS;
		cond_resched();
	}
}

static void note_released(struct karena_arena *arena, unsigned long nr_pages)
{
	unsigned long populated = atomic_long_fetch_sub(nr_pages, &arena->nr_populated);

	arena->populated_peak = max(arena->populated_peak, populated);
	karena_account_uncharge(arena->object.account, nr_pages << PAGE_SHIFT);
}

/**
 * arena_lock_with_spares() - arena_lock_to_remove() if spare nodes are missing
 * @arena:	the arena
 *
 * Removing pages from the middle of a range takes a node, and it must be possible to free
 * memory when there is none. So nodes are allocated without the lock, before anything
 * changes. If there is no memory even for that, the spare nodes of the ranges are used.
 *
 * Context: may sleep and reclaim.
 * Return: 0, or -EINTR for a fatal signal.
 */
int arena_lock_with_spares(struct karena_arena *arena)
{
	struct ranges *r = &arena->ranges;
	unsigned int want = RANGES_ADDED_MAX - READ_ONCE(r->nr_spares);
	struct ranges_node *nodes[RANGES_ADDED_MAX];
	unsigned int nr;

	for (;;) {
		nr = ranges_alloc_spares(nodes, want);
		if (down_write_killable(&arena->lock)) {
			while (nr)
				kfree(nodes[--nr]);
			return -EINTR;
		}
		ranges_add_spares(r, nodes, nr);
		if (ranges_has_spares(r) || nr < want || want == RANGES_ADDED_MAX)
			return 0;
		/* Others have used some in the meantime. */
		up_write(&arena->lock);
		want = RANGES_ADDED_MAX;
	}
}

/**
 * arena_remove_pages() - remove the pages of a range, one step at a time
 * @arena:	its lock is held exclusively, by arena_lock_to_remove(), or since the change
 *		that this call undoes
 * @first:	index of the first page
 * @last:	index of the last page; out, the last one handled
 * @state:	new state of the pages
 * @may_fail:	allow failure at a limit. Ignored if the pages have memory themselves: it
 *		must be possible to free memory when there is none
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM or -EDQUOT with nothing changed.
 */
int arena_remove_pages(struct karena_arena *arena, unsigned long first, unsigned long *last,
		       u32 state, bool may_fail)
{
	struct ranges *r = &arena->ranges;
	struct removal gone;

	lockdep_assert_held_write(&arena->lock);

	if (unlikely(!ranges_can_set(r, first, state)))
		return -ENOMEM;
	if (*last - first >= ARENA_STEP)
		*last = ranges_part(r, first, *last, ARENA_STEP);
	*last = release_range(arena, first, *last, &gone);
	if (may_fail && !gone.nr)
		return ranges_set(r, first, *last, state, KARENA_GFP);
	ranges_set(r, first, *last, state, RANGES_SPARE);
	/*
	 * No fault can map a page now, as it would need the lock. A page that no table
	 * maps cannot get into one: fork() and mremap() only copy existing entries. So if
	 * no page is held, there is nothing to walk, and no other CPU to interrupt. A
	 * mapped page still has the references of its entries, and is freed after the
	 * TLBs were flushed.
	 */
	if (gone.held)
		unmap_mapping_range(arena_mapping(arena), (loff_t)first << PAGE_SHIFT,
				    (loff_t)(*last - first + 1) << PAGE_SHIFT, 1);
	if (gone.left)
		release_rest(arena, first, *last);
	note_released(arena, gone.nr);
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
		first = last + 1;
		cond_resched();
	}
	page_tree_destroy(&arena->pages);
}
