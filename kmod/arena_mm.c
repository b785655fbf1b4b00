// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages into an arena and out of it.
 *
 * A page in the arena has one reference of the arena's, beside those of page
 * tables and pins.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "arena.h"
#include "compat.h"
#include "pages.h"
#include "store.h"

static struct address_space *arena_mapping(const struct karena_arena *arena)
{
	return arena->object.inode->i_mapping;
}

static int arena_node(const struct karena_arena *arena, int node)
{
	return node == KARENA_NODE_ANY ? arena->node : node;
}

/* No page of an arena is part of a larger one: there is no head to look for. */
static struct folio *as_folio(struct page *page)
{
	return (struct folio *)page;
}

/* So that a futex in the page has the arena's inode and the offset for a key. */
static void own_page(struct karena_arena *arena, struct page *page, unsigned long index)
{
	struct folio *folio = as_folio(page);

	folio->mapping = arena_mapping(arena);
	folio->index = index;
}

static void disown_page(struct page *page)
{
	as_folio(page)->mapping = NULL;
}

/*
 * Of a page that others hold. Whoever has it pinned may be marking it dirty, for
 * which it looks, under the page's lock, where the name points to; and the inode
 * may go as soon as it has no pages.
 */
static void disown_held_page(struct page *page)
{
	folio_lock(as_folio(page));
	disown_page(page);
	folio_unlock(as_folio(page));
}

static void put_pages(struct page **pages, unsigned int nr_pages)
{
	if (nr_pages == 1)
		__free_page(pages[0]);
	else
		release_pages(pages, nr_pages);
}

/**
 * arena_take_pages() - pages that are to go into an arena
 * @arena:	who pays for them
 * @node:	NUMA node preferred, or KARENA_NODE_ANY for the arena's own
 * @nr_pages:	how many; none is fine
 * @supply:	out, for arena_drop_pages() in the end, whatever is returned
 *
 * Context: may sleep and reclaim, hence without the arena's lock.
 * Return: 0; -EDQUOT, -ENOMEM, -EINTR for a fatal signal.
 */
int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     struct arena_supply *supply)
{
	int got;

	supply->nr = 0;
	supply->pages = supply->few;
	if (nr_pages > ARRAY_SIZE(supply->few)) {
		/* Not by trying, which would take all that others need. */
		if (nr_pages > totalram_pages())
			return -ENOMEM;
		supply->pages = kvmalloc_array(nr_pages, sizeof(*supply->pages), KARENA_GFP);
		if (!supply->pages)
			return -ENOMEM;
	}

	while (nr_pages) {
		got = karena_pages_get(arena->object.account, arena_node(arena, node),
				       min_t(unsigned long, nr_pages - supply->nr,
					     KARENA_PAGES_BATCH),
				       supply->pages + supply->nr);
		if (got < 0)
			return got;
		supply->nr += got;
		if (supply->nr == nr_pages)
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Kept apart: mostly the arena got all of a supply that is small. */
void arena_drop_rest(struct karena_arena *arena, struct arena_supply *supply)
{
	unsigned int nr_pages;

	while (supply->nr) {
		nr_pages = min_t(unsigned long, supply->nr, KARENA_PAGES_BATCH);
		supply->nr -= nr_pages;
		put_pages(supply->pages + supply->nr, nr_pages);
		karena_account_uncharge(arena->object.account, nr_pages);
		cond_resched();
	}
	if (supply->pages != supply->few)
		kvfree(supply->pages);
}

/* Puts pages into the slots of a leaf's @map; returns which of them were empty. */
static unsigned long insert_pages(struct karena_arena *arena, struct store_node *leaf,
				  unsigned long base, unsigned long map, struct page **pages)
{
	unsigned long rest;
	unsigned int i = 0;

	for (rest = map; rest; rest &= rest - 1)
		own_page(arena, pages[i++], base + __ffs(rest));
	map = store_fill(&arena->pages, leaf, map, pages);
	atomic_long_add(hweight_long(map), &arena->nr_populated);
	return map;
}

/* Forgets pages first..last, which nobody has mapped. */
static noinline void withdraw_pages(struct karena_arena *arena, unsigned long first,
				    unsigned long last)
{
	struct store_span span;
	unsigned long map;

	for (; store_next(&arena->pages, first, last, &span); first = span.base + STORE_SLOTS) {
		atomic_long_sub(hweight_long(span.map), &arena->nr_populated);
		for (map = span.map; map; map &= map - 1)
			disown_page(span.leaf->page[__ffs(map)]);
		store_clear(&arena->pages, &span);
	}
}

/* At least one page; -ENOMEM with some of them in. */
static int insert_supply(struct karena_arena *arena, unsigned long first,
			 const struct arena_supply *supply)
{
	struct store_node *leaf = NULL;
	unsigned long i;

	for (i = 0; i < supply->nr; i++, first++) {
		if (!leaf || !store_slot(first)) {
			if (leaf)
				cond_resched();
			leaf = store_turn_to(&arena->pages, first, KARENA_GFP);
			if (!leaf)
				break;
		}
		own_page(arena, supply->pages[i], first);
		store_put(&arena->pages, leaf, store_slot(first), supply->pages[i]);
	}
	atomic_long_add(i, &arena->nr_populated);
	return leaf ? 0 : -ENOMEM;
}

/**
 * arena_place_pages() - turn a range allocated, with pages if there are any
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @nr_pages:	of the range, none of which is allocated yet
 * @supply:	as many pages, or none to leave the range to the fault
 *
 * Context: may sleep.
 * Return: 0, and the pages are the arena's; -ENOMEM or -EDQUOT with nothing
 * changed.
 */
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct arena_supply *supply)
{
	unsigned long last = first + nr_pages - 1;
	int err = 0;

	lockdep_assert_held_write(&arena->lock);

	/*
	 * Until the range is allocated nobody looks for its pages, so that
	 * what may fail can be taken back.
	 */
	if (supply->nr)
		err = insert_supply(arena, first, supply);
	if (!err)
		err = arena_set_state(arena, first, last, KARENA_PAGE_ALLOCATED);
	if (err) {
		withdraw_pages(arena, first, last);
		return err;
	}
	supply->nr = 0;
	return 0;
}

/*
 * Gives up the pages of a span, those that nobody but the arena has a reference on all at
 * once: they are put into its first slots for that. One that somebody has lives on until
 * the last reference is given back. Returns whether there is any.
 */
static noinline bool release_span(const struct store_span *span)
{
	struct page **sole = span->leaf->page + __ffs(span->map);
	unsigned int nr_sole = 0;
	unsigned long map;
	struct page *page;
	bool held = false;

	for (map = span->map; map; map &= map - 1) {
		page = span->leaf->page[__ffs(map)];
		if (page_ref_count(page) == 1) {
			disown_page(page);
			sole[nr_sole++] = page;
		} else {
			disown_held_page(page);
			folio_put(as_folio(page));
			held = true;
		}
	}
	if (nr_sole)
		put_pages(sole, nr_sole);
	return held;
}

/*
 * The same one by one, and takes them out of the store. Unless it is @final it ends with
 * the first page that somebody has a reference on, and returns whether there is one.
 */
static __always_inline bool release_singly(struct karena_arena *arena, struct store_span *span,
					   bool final)
{
	unsigned long map = span->map;
	struct page *page;

	for (; map; map &= map - 1) {
		page = span->leaf->page[__ffs(map)];
		if (page_ref_count(page) == 1) {
			disown_page(page);
			__free_page(page);
		} else if (final) {
			disown_held_page(page);
			folio_put(as_folio(page));
		} else {
			break;
		}
	}
	span->map &= ~map;
	store_clear(&arena->pages, span);
	return map;
}

/**
 * struct removal - pages that leave an arena
 * @nr:		how many
 * @held:	there are references on some of them, be they of page tables
 * @left:	some of those are in the store until they are in no page table
 */
struct removal {
	unsigned long nr;
	bool held;
	bool left;
};

/*
 * Takes pages of first..last out of the store and gives them up, to ARENA_STEP of them
 * and the rest of a leaf. Returns the last index that it has seen to.
 *
 * What a memory cgroup has paid for it gets back for many pages at once, of those that
 * are mapped by unmap_mapping_range(). Other pages take the page allocator less one by
 * one: those that are mapped are left. For a leaf that has both either way will do.
 */
static __always_inline unsigned long
release_range(struct karena_arena *arena, unsigned long first, unsigned long last,
	      struct removal *gone)
{
	struct store_span span;

	*gone = (struct removal) {};
	while (first <= last && store_next(&arena->pages, first, last, &span)) {
		gone->nr += hweight_long(span.map);
		if (folio_memcg_kmem(as_folio(span.leaf->page[__ffs(span.map)]))) {
			gone->held |= release_span(&span);
			store_clear(&arena->pages, &span);
		} else {
			gone->left |= release_singly(arena, &span, false);
			gone->held |= gone->left;
		}
		first = span.base + STORE_SLOTS;
		if (gone->nr >= ARENA_STEP)
			return min(last, first - 1);
	}
	return last;
}

/* Gives up what release_range() has left, now that it is in no page table. */
static noinline void release_rest(struct karena_arena *arena, unsigned long first,
				  unsigned long last)
{
	struct store_span span;

	while (first <= last && store_next(&arena->pages, first, last, &span)) {
		release_singly(arena, &span, true);
		first = span.base + STORE_SLOTS;
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
	 * when the TLBs have been told.
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
		arena_settle(arena, gone.nr);
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
	store_destroy(&arena->pages);
}

/* @nr of the slots of @map, @touched among them if it is one. */
static unsigned long some_slots(unsigned long map, unsigned int nr, unsigned int touched)
{
	unsigned long rest = map & ~BIT(touched);

	for (; hweight_long(map) > nr; rest &= ~BIT(__fls(rest)))
		map &= ~BIT(__fls(rest));
	return map;
}

/* Gives back those of @pages, one for each slot of @map, that did not go in. */
static void give_back(struct karena_arena *arena, unsigned long map, unsigned long added,
		      struct page **pages)
{
	for (; map; map &= map - 1, pages++) {
		if (added & BIT(__ffs(map)))
			continue;
		disown_page(*pages);
		karena_pages_put(arena->object.account, 1, pages);
	}
}

/*
 * Fills slots of the window's leaf with @fresh. Where another fault was quicker
 * its page stays. Returns how many went in, or -ENOMEM.
 */
static int fill_window(struct karena_arena *arena, unsigned long base,
		       struct arena_window *window, unsigned long map, struct page **fresh)
{
	unsigned long added = 0;

	if (!window->leaf)
		window->leaf = store_make_leaf(&arena->pages, base, KARENA_GFP);
	if (window->leaf)
		added = insert_pages(arena, window->leaf, base, map, fresh);
	if (unlikely(added != map))
		give_back(arena, map, added, fresh);
	return window->leaf ? hweight_long(added) : -ENOMEM;
}

/**
 * arena_populate() - back the pages around a touched one
 * @arena:	its lock is held
 * @index:	the page touched
 * @window:	in, @map: pages around @index, all of them allocated; out, the leaf.
 *		@index is filled there on success, of the others as many as could be had.
 *		They stay while the lock is held
 *
 * Context: may sleep.
 * Return: how many pages were populated; -ENOMEM, -EDQUOT.
 */
int arena_populate(struct karena_arena *arena, unsigned long index,
		   struct arena_window *window)
{
	unsigned int slot = store_slot(index);
	unsigned long missing = window->map;
	struct page *fresh[KARENA_FAULT_PAGES_MAX] __uninitialized;
	int want, got;

	lockdep_assert_held(&arena->lock);
	BUILD_BUG_ON(KARENA_FAULT_PAGES_MAX > KARENA_PAGES_BATCH);

	window->leaf = store_leaf(&arena->pages, index);
	if (window->leaf)
		missing &= ~store_filled(window->leaf);
	if (!missing)
		return 0;

	want = hweight_long(missing);
	got = karena_pages_get(arena->object.account, arena->node, want, fresh);
	if (got < 0)
		return missing & BIT(slot) ? got : 0;
	/* If they do not do for all, then for the touched one before others. */
	if (got < want)
		missing = some_slots(missing, got, slot);
	return fill_window(arena, index - slot, window, missing, fresh);
}

/* As many as there are from the window's start on; returns how many. */
static unsigned int pin_window(const struct arena_window *window, struct page **pages)
{
	unsigned int slot = __ffs(window->map);
	unsigned int nr = store_run((window->map & store_filled(window->leaf)) >> slot);
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
	unsigned long base = first - store_slot(first);
	unsigned long last = min(first + nr_pages - 1, base + STORE_SLOTS - 1);
	struct arena_window window = { .map = store_mask(base, first, last) };
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
 * arena_pin_pages() - get hold of a range's pages
 * @arena:	the arena
 * @first:	index of the first page
 * @nr_pages:	pages, all inside the arena
 * @pages:	out, with a reference each
 *
 * Populates those that are not. Each was in the arena when it was pinned; one
 * that is freed later leaves the arena and lives on for the pin alone.
 *
 * Context: may sleep.
 * Return: 0, or with nothing pinned -ENOENT if a page is not allocated, -ENOMEM,
 * -EDQUOT, -EINTR for a fatal signal.
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
