// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of an arena are free, allocated, reserved or guard.
 *
 * A maple tree holds a state for each range that is not free, and nothing for
 * free pages: an arena without allocations is an empty tree whatever its size,
 * and the gaps that the tree keeps account of are the free pages. Neighbours of
 * one state are always one range. So every change is one store, widened to the
 * neighbours of the new state: it happens or, without memory, leaves the tree
 * as it was.
 *
 * Indexes end below ULONG_MAX: there are nr_pages of them, and what the tree
 * says about those behind is cut off here. first <= last < nr_pages is the
 * caller's to see to, in every call.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "compat.h"
#include "ranges.h"

/* Gaps that an aligned search looks at before it asks for one that must fit. */
#define RANGES_FEW_GAPS		16

/* Ranges that are freed without a pause: less than a millisecond. */
#define RANGES_DESTROY_BATCH	4096

static void *ranges_entry(u32 state)
{
	return state == KARENA_PAGE_FREE ? NULL : xa_mk_value(state);
}

static u32 ranges_state(const void *entry)
{
	return entry ? xa_to_value(entry) : KARENA_PAGE_FREE;
}

/**
 * ranges_init() - Make all pages free
 * @r:		the ranges
 * @nr_pages:	how many pages, at least 1, below ULONG_MAX
 * @lock:	what the caller holds in all other calls
 */
void ranges_init(struct ranges *r, unsigned long nr_pages, struct rw_semaphore *lock)
{
	*r = (struct ranges) {
		.nr_pages = nr_pages,
		.count[KARENA_PAGE_FREE] = nr_pages,
		.lock = lock,
	};
	mt_init_flags(&r->tree, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&r->tree, lock);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_init);

/*
 * Forget the lowest ranges if they are too many to be freed in one go. Without
 * memory for it the pause is given up, so that destroy cannot fail.
 */
static bool ranges_forget_some(struct ranges *r)
{
	MA_STATE(mas, &r->tree, 0, 0);
	unsigned int n = 0;

	while (n < RANGES_DESTROY_BATCH && mas_find(&mas, r->nr_pages - 1))
		n++;
	if (n < RANGES_DESTROY_BATCH)
		return false;
	mas_set_range(&mas, 0, mas.last);
	return !mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOWARN);
}

/**
 * ranges_destroy() - Free what the ranges take
 * @r:		the ranges, not to be used any more
 *
 * Context: may sleep; the lock is held exclusively.
 */
void ranges_destroy(struct ranges *r)
{
	lockdep_assert_held_write(r->lock);
	while (ranges_forget_some(r))
		cond_resched();
	__mt_destroy(&r->tree);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_destroy);

/**
 * ranges_at() - The range that a page is in
 * @r:		the ranges
 * @index:	the page
 *
 * Return: all pages around @index that are in its state, free ones too.
 */
struct page_range ranges_at(struct ranges *r, unsigned long index)
{
	MA_STATE(mas, &r->tree, index, index);
	void *entry;

	lockdep_assert_held(r->lock);
	entry = mas_walk(&mas);
	return (struct page_range) {
		.first = mas.index,
		.last = min(mas.last, r->nr_pages - 1),
		.state = ranges_state(entry),
	};
}
EXPORT_SYMBOL_IF_KUNIT(ranges_at);

/**
 * ranges_all() - Is every page in one of some states?
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state_mask:	BIT(KARENA_PAGE_*) of the states
 */
bool ranges_all(struct ranges *r, unsigned long first, unsigned long last,
		u32 state_mask)
{
	struct page_range at;

	for (;;) {
		at = ranges_at(r, first);
		if (!(BIT(at.state) & state_mask))
			return false;
		if (at.last >= last)
			return true;
		first = at.last + 1;
	}
}
EXPORT_SYMBOL_IF_KUNIT(ranges_all);

/**
 * ranges_next() - The next pages that are not free
 * @r:		the ranges
 * @index:	where to begin; may be past the end
 * @out:	the first range that is not free and ends at or after @index, less
 *		what lies before @index
 *
 * Return: whether there is one; if not, @out is left alone.
 */
bool ranges_next(struct ranges *r, unsigned long index, struct page_range *out)
{
	MA_STATE(mas, &r->tree, index, index);
	void *entry;

	lockdep_assert_held(r->lock);
	entry = mas_find(&mas, r->nr_pages - 1);
	if (!entry)
		return false;
	*out = (struct page_range) {
		.first = max(mas.index, index),
		.last = mas.last,
		.state = ranges_state(entry),
	};
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_next);

/* The lowest @n free pages in a row at or after @min, whatever their alignment. */
static bool ranges_find_gap(struct ranges *r, unsigned long min, unsigned long n,
			    unsigned long *first)
{
	MA_STATE(mas, &r->tree, 0, 0);
	unsigned long max = r->nr_pages - 1;

	/* An empty tree is not asked whether they fit, it just says yes. */
	if (min > max || max - min < n - 1)
		return false;
	if (min == max) {
		/* Some kernels take this for a wrong argument. */
		*first = min;
		return ranges_at(r, min).state == KARENA_PAGE_FREE;
	}
	if (mas_empty_area(&mas, min, max, n))
		return false;
	*first = mas.index;
	return true;
}

/* The first multiple of @align from which @n pages of @gap follow. */
static bool ranges_fit(const struct page_range *gap, unsigned long n,
		       unsigned long align, unsigned long *first)
{
	unsigned long up;

	if (check_add_overflow(gap->first, align - 1, &up))
		return false;
	*first = up & ~(align - 1);
	return *first <= gap->last && gap->last - *first >= n - 1;
}

/* The same in a gap so wide that they fit however it lies. */
static bool ranges_find_wide(struct ranges *r, unsigned long min, unsigned long n,
			     unsigned long align, unsigned long *first)
{
	unsigned long wide;

	if (check_add_overflow(n, align - 1, &wide))
		return false;
	if (!ranges_find_gap(r, min, wide, first))
		return false;
	*first = ALIGN(*first, align);
	return true;
}

/*
 * The tree can tell the next gap of a length, and knows no alignment. The first
 * few such gaps are tried, then one that must fit, and where there is none, all
 * the others: only an arena full of gaps that lie badly costs more than a few
 * walks down the tree.
 */
static int ranges_find_above(struct ranges *r, unsigned long min, unsigned long n,
			     unsigned long align, unsigned long *first)
{
	struct page_range gap;
	unsigned int tried = 0;

	while (ranges_find_gap(r, min, n, &gap.first)) {
		*first = gap.first;
		if (IS_ALIGNED(*first, align))
			return 0;
		gap.last = ranges_at(r, gap.first).last;
		if (ranges_fit(&gap, n, align, first))
			return 0;
		min = gap.last + 1;
		if (++tried == RANGES_FEW_GAPS && ranges_find_wide(r, min, n, align, first))
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return -ENOSPC;
}

/**
 * ranges_find_free() - Look for free pages in a row
 * @r:		the ranges
 * @hint:	where to begin; may be past the end
 * @n:		how many, at least 1
 * @align_pages: what the first page is to be a multiple of, a power of two
 * @first:	the first page
 *
 * Finds the lowest at or after @hint, else the lowest of all; with an alignment
 * that the lowest gaps do not meet, another.
 *
 * Context: may sleep if @align_pages is more than 1.
 * Return: 0; -ENOSPC; -EINTR, in a long search that a fatal signal stops.
 */
int ranges_find_free(struct ranges *r, unsigned long hint, unsigned long n,
		     unsigned long align_pages, unsigned long *first)
{
	int err;

	lockdep_assert_held(r->lock);
	err = ranges_find_above(r, hint, n, align_pages, first);
	if (err == -ENOSPC && hint)
		err = ranges_find_above(r, 0, n, align_pages, first);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_find_free);

/* How many pages of several ranges are in which state. */
static void ranges_tally(struct ranges *r, unsigned long first, unsigned long last,
			 unsigned long *count)
{
	MA_STATE(mas, &r->tree, first, first);
	void *entry;

	count[KARENA_PAGE_FREE] = last - first + 1;
	mas_for_each(&mas, entry, last) {
		unsigned long n = min(mas.last, last) - max(mas.index, first) + 1;

		count[ranges_state(entry)] += n;
		count[KARENA_PAGE_FREE] -= n;
	}
}

/* Where the store begins: with the neighbour before, if it is in @state. */
static unsigned long ranges_widen_down(struct ranges *r, const struct page_range *at,
				       unsigned long first, u32 state)
{
	struct page_range before = *at;

	if (!first)
		return first;
	if (before.first == first)
		before = ranges_at(r, first - 1);
	return before.state == state ? before.first : first;
}

/* Where it ends: with the neighbour after. */
static unsigned long ranges_widen_up(struct ranges *r, const struct page_range *at,
				     unsigned long last, u32 state)
{
	struct page_range after = *at;

	if (last == r->nr_pages - 1)
		return last;
	if (after.last <= last)
		after = ranges_at(r, last + 1);
	return after.state == state ? after.last : last;
}

/**
 * ranges_set() - Change the state of pages
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state:	KARENA_PAGE_* that all of them get, whatever theirs is
 * @gfp:	for nodes of the tree
 *
 * Any change may need a node, that to free too, which can split a range in two;
 * with __GFP_NOFAIL it cannot fail. Pages that are in @state already cost a look.
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int ranges_set(struct ranges *r, unsigned long first, unsigned long last, u32 state,
	       gfp_t gfp)
{
	MA_STATE(mas, &r->tree, first, last);
	unsigned long was[RANGES_NR_STATES] = {};
	struct page_range at;
	unsigned int i;
	int err;

	lockdep_assert_held_write(r->lock);
	at = ranges_at(r, first);
	if (at.last < last)
		ranges_tally(r, first, last, was);
	else if (at.state != state)
		was[at.state] = last - first + 1;
	else
		return 0;

	mas_set_range(&mas, ranges_widen_down(r, &at, first, state),
		      ranges_widen_up(r, &at, last, state));
	err = mas_store_gfp(&mas, ranges_entry(state), gfp);
	if (err)
		return err;

	for (i = 0; i < RANGES_NR_STATES; i++)
		r->count[i] -= was[i];
	r->count[state] += last - first + 1;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_set);

/**
 * ranges_count() - How many pages are in a state
 * @r:		the ranges
 * @state:	KARENA_PAGE_*
 */
unsigned long ranges_count(struct ranges *r, u32 state)
{
	lockdep_assert_held(r->lock);
	return r->count[state];
}
EXPORT_SYMBOL_IF_KUNIT(ranges_count);

/**
 * ranges_validate() - Do the ranges hold what they promise?
 * @r:		the ranges
 *
 * For tests: walks all of them.
 *
 * Return: true if they are in order, within bounds, of known states, no two
 * neighbours of one state, and add up to the counts.
 */
bool ranges_validate(struct ranges *r)
{
	MA_STATE(mas, &r->tree, 0, 0);
	unsigned long count[RANGES_NR_STATES] = { r->nr_pages };
	unsigned long next = 0;
	u32 state, before = KARENA_PAGE_FREE;
	void *entry;

	lockdep_assert_held(r->lock);
	mas_for_each(&mas, entry, ULONG_MAX) {
		state = ranges_state(entry);
		if (mas.index < next || mas.last < mas.index || mas.last >= r->nr_pages)
			return false;
		if (state >= RANGES_NR_STATES || (mas.index == next && state == before))
			return false;
		count[state] += mas.last - mas.index + 1;
		count[KARENA_PAGE_FREE] -= mas.last - mas.index + 1;
		next = mas.last + 1;
		before = state;
	}
	return !memcmp(count, r->count, sizeof(count));
}
EXPORT_SYMBOL_IF_KUNIT(ranges_validate);
