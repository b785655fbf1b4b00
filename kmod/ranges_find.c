// SPDX-License-Identifier: GPL-2.0-only
/*
 * Searches free pages of an arena, by the gaps that the tree's nodes know.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "ranges.h"
#include "ranges_tree.h"

/* Gaps that an aligned search tries before it asks for a gap that must fit. */
#define RANGES_FEW_GAPS		16

/* Finds the lowest node of a subtree with a gap of @n pages; there must be one. */
static struct ranges_node *ranges_lowest_gap(struct rb_node *rb, unsigned long n)
{
	for (;;) {
		if (ranges_max_gap(rb->rb_left) >= n) {
			rb = rb->rb_left;
			continue;
		}
		if (to_node(rb)->gap >= n)
			return to_node(rb);
		rb = rb->rb_right;
	}
}

/* Finds the lowest node of all with a gap of @n pages. */
static struct ranges_node *ranges_first_gap(struct ranges *r, unsigned long n)
{
	if (ranges_max_gap(r->root.rb_node) >= n)
		return ranges_lowest_gap(r->root.rb_node, n);
	/* The tree ignores the end's gap. */
	return r->end.gap >= n ? &r->end : NULL;
}

/* Finds the next node after @node with a gap of @n pages. */
static struct ranges_node *ranges_next_gap(struct ranges *r, struct ranges_node *node,
					   unsigned long n)
{
	struct rb_node *rb = &node->rb;
	struct rb_node *parent;

	do {
		if (ranges_max_gap(rb->rb_right) >= n)
			return ranges_lowest_gap(rb->rb_right, n);
		while ((parent = rb_parent(rb)) && rb == parent->rb_right)
			rb = parent;
		rb = parent;
	} while (rb && to_node(rb)->gap < n);
	if (rb)
		return to_node(rb);
	/* The tree ignores the end's gap. */
	return node != &r->end && r->end.gap >= n ? &r->end : NULL;
}

/* Finds the lowest free pages at or after @min, at least @n. */
static bool ranges_find_gap(struct ranges *r, unsigned long min, unsigned long n,
			    struct page_range *gap)
{
	struct ranges_node *node;

	if (min >= r->nr_pages)
		return false;
	node = ranges_seek(r, min);
	if (node->first <= min || node->first - min < n)
		node = ranges_next_gap(r, node, n);
	if (!node)
		return false;
	gap->first = max(ranges_gap_first(node), min);
	gap->last = node->first - 1;
	return true;
}

/* Finds the first multiple of @align from which @gap has @n pages. */
static bool ranges_fit(const struct page_range *gap, unsigned long n,
		       unsigned long align, unsigned long *first)
{
	unsigned long up;

	if (check_add_overflow(gap->first, align - 1, &up))
		return false;
	*first = ALIGN_DOWN(up, align);
	return *first <= gap->last && gap->last - *first >= n - 1;
}

/* Finds an aligned place in a gap so wide that the pages fit in any case. */
static bool ranges_fit_wide(struct ranges *r, unsigned long min, unsigned long n,
			    unsigned long align, unsigned long *first)
{
	struct page_range gap;
	unsigned long wide;

	return !check_add_overflow(n, align - 1, &wide) &&
	       ranges_find_gap(r, min, wide, &gap) && ranges_fit(&gap, n, align, first);
}

/*
 * The tree finds the next gap of a length, but does not consider alignment. So try the
 * first few such gaps, then one that must fit, and if there is none, all others. Only in
 * an arena full of badly aligned gaps does this take more than a few walks down the tree.
 */
static int ranges_find_above(struct ranges *r, unsigned long min, unsigned long n,
			     unsigned long align, unsigned long *first)
{
	struct page_range gap;
	unsigned int tried = 0;

	while (ranges_find_gap(r, min, n, &gap)) {
		if (ranges_fit(&gap, n, align, first))
			return 0;
		min = gap.last + 1;
		if (++tried == RANGES_FEW_GAPS && ranges_fit_wide(r, min, n, align, first))
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return -ENOSPC;
}

/* Searches at or after @hint, then from the lowest page. */
static noinline int ranges_find_far(struct ranges *r, unsigned long hint, unsigned long n,
				    unsigned long align, unsigned long *first)
{
	int err = ranges_find_above(r, max(hint, r->lowest), n, align, first);

	if (err == -ENOSPC && hint > r->lowest)
		err = ranges_find_above(r, r->lowest, n, align, first);
	return err;
}

/**
 * ranges_find_free() - find adjacent free pages
 * @r:		the ranges
 * @hint:	first page to consider; may be past the end
 * @n:		number of pages, at least 1
 * @align_pages: alignment of the first page, a power of two
 * @first:	out, the first page
 *
 * Finds the lowest place at or after @hint, else the lowest of all. With an alignment that
 * the first gaps do not meet, it may find a different place.
 *
 * Context: may sleep.
 * Return: 0; -ENOSPC; -EINTR if a fatal signal stops a long search.
 */
int ranges_find_free(struct ranges *r, unsigned long hint, unsigned long n,
		     unsigned long align_pages, unsigned long *first)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	if (hint || align_pages > 1 || r->lowest)
		return ranges_find_far(r, hint, n, align_pages, first);
	node = ranges_first_gap(r, n);
	if (!node)
		return -ENOSPC;
	*first = ranges_gap_first(node);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_find_free);
