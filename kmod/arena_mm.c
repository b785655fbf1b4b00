// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages into an arena and out of it.
 *
 * A page in the arena has one reference of the arena's, beside those of page
 * tables and pins.
 *
 * Pages on their way in or out are in a list, by page->lru.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "account.h"
#include "arena.h"
#include "compat.h"
#include "pages.h"

static struct address_space *arena_mapping(const struct karena_arena *arena)
{
	return arena->object.inode->i_mapping;
}

static int arena_node(const struct karena_arena *arena, int node)
{
	return node == KARENA_NODE_ANY ? arena->node : node;
}

/* So that a futex in the page has the arena's inode and the offset for a key. */
static void own_page(struct karena_arena *arena, struct page *page, unsigned long index)
{
	struct folio *folio = page_folio(page);

	folio->mapping = arena_mapping(arena);
	folio->index = index;
}

static void disown_page(struct page *page)
{
	page_folio(page)->mapping = NULL;
}

/**
 * arena_take_pages() - pages that are to go into an arena
 * @arena:	who pays for them
 * @node:	NUMA node preferred, or KARENA_NODE_ANY for the arena's own
 * @nr_pages:	how many
 * @pages:	out, list of them; must be empty
 *
 * Context: may sleep and reclaim, hence without the arena's lock.
 * Return: 0, or with nothing taken -EDQUOT, -ENOMEM, -EINTR for a fatal signal.
 */
int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     struct list_head *pages)
{
	struct page *batch[KARENA_PAGES_BATCH];
	int got, i;

	/* Not by trying, which would take all that others need. */
	if (nr_pages > totalram_pages())
		return -ENOMEM;

	while (nr_pages) {
		got = karena_pages_get(arena->object.account, arena_node(arena, node),
				       min_t(unsigned long, nr_pages, ARRAY_SIZE(batch)),
				       batch);
		if (got < 0)
			goto drop;
		for (i = 0; i < got; i++)
			list_add_tail(&batch[i]->lru, pages);
		nr_pages -= got;

		if (nr_pages && fatal_signal_pending(current)) {
			got = -EINTR;
			goto drop;
		}
		cond_resched();
	}
	return 0;

drop:
	arena_drop_pages(arena, pages);
	return got;
}

/**
 * arena_drop_pages() - give up pages that are not in the arena
 * @arena:	who paid for them
 * @pages:	list of them; empty afterwards
 *
 * A page that is pinned lives on for the pin alone.
 *
 * Context: may sleep.
 */
void arena_drop_pages(struct karena_arena *arena, struct list_head *pages)
{
	struct page *batch[KARENA_PAGES_BATCH];
	struct page *page, *next;
	unsigned int nr = 0;

	list_for_each_entry_safe(page, next, pages, lru) {
		disown_page(page);
		batch[nr++] = page;
		if (nr == ARRAY_SIZE(batch) || list_is_last(&page->lru, pages)) {
			karena_account_uncharge(arena->object.account, nr);
			release_pages(batch, nr);
			nr = 0;
		}
	}
	INIT_LIST_HEAD(pages);
}

/* Forgets pages first..last, which nobody has mapped. */
static void withdraw_pages(struct karena_arena *arena, unsigned long first,
			   unsigned long last)
{
	XA_STATE(xas, &arena->pages, first);
	struct page *page;

	xas_lock(&xas);
	xas_for_each(&xas, page, last) {
		xas_store(&xas, NULL);
		atomic_long_dec(&arena->nr_populated);
	}
	xas_unlock(&xas);
}

static int insert_pages(struct karena_arena *arena, unsigned long first,
			struct list_head *pages)
{
	struct page *page = list_first_entry(pages, struct page, lru);
	XA_STATE(xas, &arena->pages, first);
	unsigned long nr;

	do {
		nr = 0;
		xas_lock(&xas);
		list_for_each_entry_from(page, pages, lru) {
			own_page(arena, page, xas.xa_index);
			xas_store(&xas, page);
			if (xas_error(&xas) || nr == ARENA_STEP)
				break;
			xas_next(&xas);
			nr++;
		}
		xas_unlock(&xas);
		atomic_long_add(nr, &arena->nr_populated);
		cond_resched();
	} while (xas_nomem(&xas, KARENA_GFP) || nr == ARENA_STEP);
	return xas_error(&xas);
}

/**
 * arena_place_pages() - turn a range allocated, with pages if there are any
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @nr_pages:	of the range, none of which is allocated yet
 * @pages:	list of as many, or empty to leave the range to the fault
 *
 * Context: may sleep.
 * Return: 0, and @pages is empty; or -ENOMEM with nothing changed.
 */
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct list_head *pages)
{
	unsigned long last = first + nr_pages - 1;
	int err = 0;

	lockdep_assert_held_write(&arena->lock);

	/*
	 * Until the range is allocated nobody looks for its pages, so that
	 * what may fail can be taken back.
	 */
	if (!list_empty(pages))
		err = insert_pages(arena, first, pages);
	if (!err)
		err = ranges_set(&arena->ranges, first, last, KARENA_PAGE_ALLOCATED, KARENA_GFP);
	if (err) {
		withdraw_pages(arena, first, last);
		return err;
	}
	INIT_LIST_HEAD(pages);
	return 0;
}

static void note_peak(struct karena_arena *arena)
{
	arena->populated_peak = max_t(unsigned long, arena->populated_peak,
				      atomic_long_read(&arena->nr_populated));
}

/*
 * Takes up to ARENA_STEP of first..last out of @arena->pages. Returns the last
 * index that it has seen to; @held tells whether anybody but the arena has a
 * reference on one of them.
 */
static unsigned long extract_pages(struct karena_arena *arena, unsigned long first,
				   unsigned long last, struct list_head *pages, bool *held)
{
	XA_STATE(xas, &arena->pages, first);
	unsigned long nr = 0;
	struct page *page;

	xas_lock(&xas);
	xas_for_each(&xas, page, last) {
		xas_store(&xas, NULL);
		list_add_tail(&page->lru, pages);
		*held |= page_ref_count(page) > 1;
		if (++nr == ARENA_STEP) {
			last = xas.xa_index;
			break;
		}
	}
	xas_unlock(&xas);

	note_peak(arena);
	atomic_long_sub(nr, &arena->nr_populated);
	return last;
}

/**
 * arena_remove_pages() - one step of taking the memory of a range away
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @last:	index of the last page
 * @state:	what the pages become
 * @pages:	out, list of those that were populated, out of every mapping, for
 *		arena_drop_pages() once the lock is given back
 *
 * Cannot fail: whoever is out of memory must be able to free some.
 *
 * Context: may sleep.
 * Return: index of the last page that was seen to, @last or one before it.
 */
unsigned long arena_remove_pages(struct karena_arena *arena, unsigned long first,
				 unsigned long last, u32 state, struct list_head *pages)
{
	bool held = false;

	lockdep_assert_held_write(&arena->lock);

	if (last - first >= ARENA_STEP)
		last = ranges_part(&arena->ranges, first, last, ARENA_STEP);
	last = extract_pages(arena, first, last, pages, &held);
	ranges_set(&arena->ranges, first, last, state, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	/*
	 * No fault can insert a page that was extracted: it would need the lock.
	 * A page that no table has now can come into none: fork() and mremap()
	 * copy entries, they make none. Whoever clears an entry keeps its
	 * reference until the TLBs have been told. So without @held there is
	 * nothing to walk and no other CPU to interrupt.
	 */
	if (held)
		unmap_mapping_range(arena_mapping(arena), (loff_t)first << PAGE_SHIFT,
				    (loff_t)(last - first + 1) << PAGE_SHIFT, 1);
	return last;
}

/**
 * arena_destroy_pages() - give up all pages of an arena that nobody has open
 * @arena:	the arena
 *
 * Context: may sleep.
 */
void arena_destroy_pages(struct karena_arena *arena)
{
	unsigned long index = 0;
	LIST_HEAD(pages);
	bool pinned = false;

	while (!xa_empty(&arena->pages)) {
		index = extract_pages(arena, index, arena->nr_pages - 1, &pages, &pinned);
		arena_drop_pages(arena, &pages);
		cond_resched();
	}
}

/* What is populated of a window; returns how many pages are not. */
static unsigned int load_window(struct karena_arena *arena, struct arena_window *window)
{
	XA_STATE(xas, &arena->pages, window->first);
	unsigned int missing = window->nr;
	struct page *page;

	memset(window->pages, 0, window->nr * sizeof(*window->pages));
	rcu_read_lock();
	xas_for_each(&xas, page, window->first + window->nr - 1) {
		/* Another fault may be growing the tree. */
		if (xas_retry(&xas, page))
			continue;
		window->pages[xas.xa_index - window->first] = page;
		missing--;
	}
	rcu_read_unlock();
	return missing;
}

/*
 * Fills gaps of a window from slot @i on with @fresh, the arena's from then on.
 * Where another fault was quicker its page is taken. Returns how many of @fresh
 * went in.
 */
static unsigned int fill_window(struct karena_arena *arena, struct arena_window *window,
				unsigned int i, struct page **fresh, unsigned int nr_fresh)
{
	XA_STATE(xas, &arena->pages, window->first + i);
	unsigned int used = 0;

	do {
		xas_lock(&xas);
		for (; i < window->nr && used < nr_fresh; i++) {
			window->pages[i] = xas_load(&xas);
			if (!window->pages[i]) {
				own_page(arena, fresh[used], xas.xa_index);
				xas_store(&xas, fresh[used]);
				if (xas_error(&xas))
					break;
				window->pages[i] = fresh[used++];
			}
			xas_next(&xas);
		}
		xas_unlock(&xas);
	} while (xas_nomem(&xas, KARENA_GFP));

	atomic_long_add(used, &arena->nr_populated);
	return used;
}

/**
 * arena_populate() - back the pages around a touched one
 * @arena:	its lock is held
 * @index:	the page touched
 * @window:	in, @first and @nr: pages around @index, all of them allocated;
 *		out, @pages. That of @index is there on success, of the others as
 *		many as could be had. They stay while the lock is held
 *
 * Context: may sleep.
 * Return: how many pages were populated; -ENOMEM, -EDQUOT.
 */
int arena_populate(struct karena_arena *arena, unsigned long index,
		   struct arena_window *window)
{
	struct page *fresh[KARENA_FAULT_PAGES_MAX];
	unsigned int touched = index - window->first;
	unsigned int missing, used, i;
	int got;

	lockdep_assert_held(&arena->lock);
	BUILD_BUG_ON(KARENA_FAULT_PAGES_MAX > KARENA_PAGES_BATCH);

	missing = load_window(arena, window);
	if (!missing)
		return 0;

	got = karena_pages_get(arena->object.account, arena->node, missing, fresh);
	if (got < 0)
		return window->pages[touched] ? 0 : got;
	/* If they do not do for all, then for the touched one before others. */
	used = fill_window(arena, window, got < missing ? touched : 0, fresh, got);

	for (i = used; i < got; i++)
		disown_page(fresh[i]);
	karena_pages_put(arena->object.account, got - used, fresh + used);
	return window->pages[touched] ? used : -ENOMEM;
}

/* As many as there are from the window's start on; returns how many. */
static unsigned int pin_window(const struct arena_window *window, struct page **pages)
{
	unsigned int i;

	for (i = 0; i < window->nr && window->pages[i]; i++) {
		get_page(window->pages[i]);
		pages[i] = window->pages[i];
	}
	return i;
}

static int pin_some(struct karena_arena *arena, unsigned long first,
		    unsigned long nr_pages, struct page **pages)
{
	struct arena_window window = {
		.first = first,
		.nr = min_t(unsigned long, nr_pages, KARENA_FAULT_PAGES_MAX),
	};
	int ret = -ENOENT;

	down_read(&arena->lock);
	if (ranges_all(&arena->ranges, first, first + window.nr - 1,
		       BIT(KARENA_PAGE_ALLOCATED)))
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
