// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of an arena: arena_pages.h describes the calls.
 *
 * The arena has one reference on each of its pages, in addition to those of page tables
 * and pins. A page is placed when the arena gets this reference and the page its slot in the
 * page tree, and removed when it loses both; to drop a page is to drop the reference. From
 * when it is placed until it is dropped, its ->mapping points to the mapping of the arena's
 * inode.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "arena_pages.h"
#include "compat.h"
#include "memory.h"
#include "pages.h"

static struct address_space *arena_mapping(const struct karena_arena *arena)
{
	return arena->object.inode->i_mapping;
}

/* Pages of an arena are never part of a larger folio, so there is no head to find. */
static struct folio *as_folio(struct page *page)
{
	return (struct folio *)page;
}

/* Lets the page lead to the arena's inode and an index: these are the key of a futex in it. */
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
 * Disowns a page on which others have references. A task that has pinned the page may be
 * marking it dirty: it follows ->mapping to the inode under the page lock. The inode may be
 * freed as soon as the arena has no pages.
 */
static void disown_held_page(struct page *page)
{
	folio_lock(as_folio(page));
	disown_page(page);
	folio_unlock(as_folio(page));
}

static int arena_node(const struct karena_arena *arena, int node)
{
	return node == KARENA_NODE_ANY ? arena->node : node;
}

/**
 * arena_take_pages() - allocate pages for an arena, and charge them
 * @arena:	the arena, which is charged
 * @node:	preferred NUMA node, or KARENA_NODE_ANY for the arena's own
 * @nr_pages:	number of pages, may be 0
 * @gfp:	KARENA_GFP, or KARENA_GFP_NOWAIT for up to KARENA_PAGES_BATCH pages
 * @list:	out; pass it to arena_drop_pages() in the end, even after an error
 *
 * Context: may sleep and reclaim unless @gfp says otherwise, so do not call it with the
 * arena's lock.
 * Return: 0; -EDQUOT, -ENOMEM, -EINTR for a fatal signal.
 */
int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     gfp_t gfp, struct arena_page_list *list)
{
	int got;

	list->nr = 0;
	list->gfp = gfp;
	list->pages = list->few;
	if (nr_pages > ARRAY_SIZE(list->few)) {
		/* To try would take all memory from others, and then fail. */
		if (nr_pages > totalram_pages())
			return -ENOMEM;
		list->pages = kvmalloc_array(nr_pages, sizeof(*list->pages), gfp);
		if (!list->pages)
			return -ENOMEM;
	}

	while (nr_pages) {
		got = karena_pages_get(arena->object.account, arena_node(arena, node),
				       min_t(unsigned long, nr_pages - list->nr,
					     KARENA_PAGES_BATCH),
				       gfp, list->pages + list->nr);
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

/**
 * arena_drop_pages() - free the pages that are still in a list, and the list's memory
 * @arena:	was charged for the pages
 * @list:	from arena_take_pages()
 *
 * Context: may sleep.
 */
void arena_drop_pages(struct karena_arena *arena, struct arena_page_list *list)
{
	unsigned int nr_pages;
	int node;

	while (list->nr) {
		nr_pages = min_t(unsigned long, list->nr, KARENA_PAGES_BATCH);
		list->nr -= nr_pages;
		node = page_to_nid(list->pages[list->nr]);
		karena_pages_put(arena->object.account, nr_pages, list->pages + list->nr);
		karena_pages_pause(node);
	}
	if (list->pages != list->few)
		kvfree(list->pages);
}

/* Puts pages into those slots of @map that are empty in a leaf; returns these slots. */
static unsigned long insert_pages(struct karena_arena *arena, struct page_tree_leaf *leaf,
				  unsigned long base, unsigned long map, struct page **pages)
{
	unsigned long rest;
	unsigned int i = 0;

	for (rest = map; rest; rest &= rest - 1)
		own_page(arena, pages[i++], base + __ffs(rest));
	map = page_tree_fill(&arena->pages, leaf, map, pages);
	atomic_long_add(hweight_long(map), &arena->nr_populated);
	return map;
}

/* Undoes insert_page_list(). No page is mapped; all of them are still in the caller's list. */
static void unplace_pages(struct karena_arena *arena, unsigned long first, unsigned long last)
{
	struct page_tree_span span;
	unsigned long map;

	for (; page_tree_next(&arena->pages, first, last, &span);
	     first = span.base + PAGE_TREE_SLOTS) {
		atomic_long_sub(hweight_long(span.map), &arena->nr_populated);
		for (map = span.map; map; map &= map - 1)
			disown_page(span.leaf->page[__ffs(map)]);
		page_tree_clear(&arena->pages, &span);
		cond_resched();
	}
	page_tree_trim(&arena->pages);
}

/* Inserts a list's pages from @first on. Returns 0; -EDQUOT or -ENOMEM with some inserted. */
static int insert_page_list(struct karena_arena *arena, unsigned long first,
			    const struct arena_page_list *list)
{
	unsigned long last = first + list->nr - 1;
	struct page **pages = list->pages;
	struct page_tree_leaf *leaf;
	unsigned long base, map;

	for (; first <= last; first = base + PAGE_TREE_SLOTS) {
		leaf = page_tree_make_leaf(&arena->pages, first, list->gfp);
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
 * arena_place_pages() - make a range allocated, and put the pages of a list into it
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @nr_pages:	number of pages, none of which is allocated yet
 * @list:	@nr_pages pages; or none, and faults populate the range
 *
 * Context: may sleep if @gfp of @list says so.
 * Return: 0, and the arena owns the pages; -ENOMEM or -EDQUOT with nothing changed.
 */
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct arena_page_list *list)
{
	unsigned long last = first + nr_pages - 1;
	int err = 0;

	lockdep_assert_held_write(&arena->lock);

	/*
	 * Nobody looks for pages in a range that is not allocated, so the pages can be taken
	 * out again if ranges_set() fails.
	 */
	if (list->nr)
		err = insert_page_list(arena, first, list);
	if (!err)
		err = ranges_set(&arena->ranges, first, last, KARENA_PAGE_ALLOCATED, list->gfp);
	if (err) {
		unplace_pages(arena, first, last);
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

/* Drops those of @pages, one for each slot of @map, that were not added. */
static void drop_others(struct karena_arena *arena, unsigned long map, unsigned long added,
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
 * Fills the slots @map of the window's leaf with the pages @fresh. Where another fault has
 * filled a slot in the meantime, its page stays, and the fresh one is freed. Returns the number
 * of pages added, or -EDQUOT or -ENOMEM.
 */
static int fill_window(struct karena_arena *arena, unsigned long base,
		       struct arena_window *window, unsigned long map, struct page **fresh)
{
	unsigned long added = 0;

	if (!window->leaf)
		window->leaf = page_tree_make_leaf(&arena->pages, base, KARENA_GFP);
	if (!IS_ERR(window->leaf))
		added = insert_pages(arena, window->leaf, base, map, fresh);
	if (added != map)
		drop_others(arena, map, added, fresh);
	return IS_ERR(window->leaf) ? PTR_ERR(window->leaf) : hweight_long(added);
}

/**
 * arena_populate() - populate a touched page, and pages around it
 * @arena:	its lock is held
 * @index:	index of the touched page
 * @window:	in, @map: @index and pages around it, all of them allocated; out, @leaf: on
 *		success it holds @index, and as many of the other pages as could be had. The
 *		pages stay while the lock is held
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
		got = karena_pages_get(arena->object.account, arena->node, want, KARENA_GFP,
				       fresh);
		if (got < 0)
			return missing & BIT(slot) ? got : 0;
		/* If there are too few, populate the touched page first. */
		if (got < want)
			missing = some_slots(missing, got, slot);
		nr = fill_window(arena, index - slot, window, missing, fresh);
		/* The pages may have used up the limit, and left none for the leaf: take one. */
		if (nr != -EDQUOT || missing == BIT(slot))
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

/* Pins pages from @first on, at least one, all in one leaf; returns their number, or -errno. */
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
 * Populates pages that are not populated. Each page was in the arena when it was pinned. A
 * page that is freed later leaves the arena, and lives until its pin ends.
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

/*
 * Drops the pages of a span. Pages on which only the arena has a reference are freed all
 * at once. Other pages live until their last reference is dropped. Returns whether there are
 * such other pages.
 */
static bool drop_by_list(const struct page_tree_span *span)
{
	struct page *sole[PAGE_TREE_SLOTS] __uninitialized;
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
	release_pages(sole, nr_sole);
	return held;
}

/*
 * Drops the pages of a span one by one. Unless @final, stops at the first page that others
 * have references on. Returns the slots of the pages that it has not dropped.
 */
static unsigned long drop_singly(const struct page_tree_span *span, bool final)
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
	return map;
}

/* Checks whether the range is long enough to let other tasks run in between. */
static bool takes_long(unsigned long first, unsigned long last)
{
	return last - first >= PAGE_TREE_SLOTS;
}

/**
 * struct removal - what remove_some() has done
 * @nr:		number of pages that it found, those that are left included
 * @held:	others have references on some of the pages: page tables, or pins, too
 * @left:	some of the pages are left in the page tree, for remove_left() to remove when
 *		no page table maps them
 */
struct removal {
	unsigned long nr;
	bool held;
	bool left;
};

/*
 * Removes pages of first..last, leaf by leaf, until it has met ARENA_STEP pages. Returns the
 * last index handled.
 *
 * The first page of a leaf decides how the leaf's pages are dropped; for a leaf with pages of
 * both kinds either way is correct. Pages charged to a memory cgroup are dropped by a list,
 * which uncharges many at once; if they are mapped, unmap_mapping_range() drops the last
 * references, by lists, too. Pages that are not charged take the page allocator less time one by
 * one, so those that are mapped are left for remove_left().
 */
static unsigned long remove_some(struct karena_arena *arena, unsigned long first,
				 unsigned long last, struct removal *gone)
{
	bool pause = takes_long(first, last);
	struct page_tree_span span;
	unsigned long left;
	struct page *page;
	int node;

	*gone = (struct removal) {};
	while (page_tree_next(&arena->pages, first, last, &span)) {
		gone->nr += hweight_long(span.map);
		page = span.leaf->page[__ffs(span.map)];
		node = page_to_nid(page);
		if (folio_memcg_kmem(as_folio(page))) {
			gone->held |= drop_by_list(&span);
		} else {
			left = drop_singly(&span, false);
			span.map &= ~left;
			gone->left |= left != 0;
			gone->held |= left != 0;
		}
		/* Before the leaf is freed: it may be the last one of its slab. */
		if (pause)
			karena_pages_pause(node);
		page_tree_clear(&arena->pages, &span);
		first = span.base + PAGE_TREE_SLOTS;
		if (gone->nr >= ARENA_STEP)
			return min(last, first - 1);
	}
	return last;
}

/* Removes the pages that remove_some() has left; no page table maps them any more. */
static void remove_left(struct karena_arena *arena, unsigned long first, unsigned long last)
{
	bool pause = takes_long(first, last);
	struct page_tree_span span;
	int node;

	while (page_tree_next(&arena->pages, first, last, &span)) {
		node = page_to_nid(span.leaf->page[__ffs(span.map)]);
		drop_singly(&span, true);
		if (pause)
			karena_pages_pause(node);
		page_tree_clear(&arena->pages, &span);
		first = span.base + PAGE_TREE_SLOTS;
	}
}

/* Counts and uncharges pages that have left the arena. */
static void note_removed(struct karena_arena *arena, unsigned long nr_pages)
{
	unsigned long populated = atomic_long_fetch_sub(nr_pages, &arena->nr_populated);

	arena->populated_peak = max(arena->populated_peak, populated);
	karena_account_uncharge(arena->object.account, nr_pages << PAGE_SHIFT);
}

/**
 * arena_lock_to_remove() - take the arena's lock for arena_remove_pages()
 * @arena:	the arena
 *
 * To remove pages from the middle of a range takes a node, and it must be possible to free
 * memory when there is none. So this function fills up the spare nodes of the ranges before it
 * takes the lock. If there is no memory for that, those spare nodes that are left have to do,
 * and arena_remove_pages() fails if they do not.
 *
 * Context: may sleep and reclaim.
 * Return: 0, or -EINTR for a fatal signal.
 */
int arena_lock_to_remove(struct karena_arena *arena)
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
		/* Others have used spare nodes in the meantime. */
		up_write(&arena->lock);
		want = RANGES_ADDED_MAX;
	}
}

/**
 * arena_remove_pages() - remove the pages of a range, for one step
 * @arena:	its lock is held exclusively, by arena_lock_to_remove(), or since the change
 *		that this call undoes
 * @first:	index of the first page
 * @last:	in, index of the last page; out, of the last page handled in this step
 * @state:	new state of the pages
 * @may_fail:	the call may fail at a limit; ignored if the pages are populated, as it must
 *		be possible to free memory at a limit
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

	if (!ranges_can_set(r, first, state))
		return -ENOMEM;
	if (*last - first >= ARENA_STEP)
		*last = ranges_part(r, first, *last, ARENA_STEP);
	*last = remove_some(arena, first, *last, &gone);
	if (may_fail && !gone.nr)
		return ranges_set(r, first, *last, state, KARENA_GFP);
	ranges_set_spare(r, first, *last, state);
	/*
	 * No fault can map a page now, as the fault would need the lock. A page that no page
	 * table maps cannot get into one: fork() and mremap() only copy existing entries. So
	 * if nobody else has a reference, there are no page tables to walk, and no other CPUs
	 * to interrupt. A mapped page still has the references of its entries, and is freed
	 * after the TLBs were flushed.
	 */
	if (gone.held)
		unmap_mapping_range(arena_mapping(arena), (loff_t)first << PAGE_SHIFT,
				    (loff_t)(*last - first + 1) << PAGE_SHIFT, 1);
	if (gone.left)
		remove_left(arena, first, *last);
	note_removed(arena, gone.nr);
	return 0;
}

/**
 * arena_destroy_pages() - remove all pages of an arena that nobody uses any more
 * @arena:	the arena
 *
 * Context: may sleep.
 */
void arena_destroy_pages(struct karena_arena *arena)
{
	unsigned long first = 0, last;
	struct removal gone;

	while (first < arena->nr_pages) {
		last = remove_some(arena, first, arena->nr_pages - 1, &gone);
		if (gone.left)
			remove_left(arena, first, last);
		note_removed(arena, gone.nr);
		first = last + 1;
		cond_resched();
	}
	page_tree_destroy(&arena->pages);
}
