// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps which pages of an arena are free, allocated, reserved or guard.
 *
 * A tree has a node for each range that is not free. Pages between two nodes are free, so
 * a new arena of any size has no nodes. Each node knows the gap before it, and the largest
 * gap in its subtree, by which free pages are found. Adjacent ranges of one state are
 * always one node.
 *
 * In every call the caller ensures that first <= last < nr_pages.
 */
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "ranges.h"
#include "ranges_tree.h"

/* Every page has a node at or after it, as the tree includes the end. */
static inline struct ranges_node *ranges_first(struct ranges *r)
{
	return to_node(rb_first(&r->root));
}

/**
 * ranges_init() - make all pages free
 * @r:		the ranges
 * @nr_pages:	number of pages, at least 1, below ULONG_MAX
 * @lock:	held by the caller in all other calls
 */
void ranges_init(struct ranges *r, unsigned long nr_pages, struct rw_semaphore *lock)
{
	*r = (struct ranges) {
		.root = RB_ROOT,
		.end = {
			.first = nr_pages,
			.last = nr_pages,
			.gap = nr_pages,
			.state = RANGES_NR_STATES,
		},
		.nr_pages = nr_pages,
		.count[KARENA_PAGE_FREE] = nr_pages,
		.lock = lock,
	};
	r->hint = &r->end;
	rb_link_node(&r->end.rb, NULL, &r->root.rb_node);
	rb_insert_color(&r->end.rb, &r->root);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_init);

/**
 * ranges_destroy() - free the nodes of the ranges
 * @r:		the ranges, not used any more
 *
 * Context: may sleep; the lock is held exclusively.
 */
void ranges_destroy(struct ranges *r)
{
	struct ranges_node *node, *next;

	lockdep_assert_held_write(r->lock);
	rbtree_postorder_for_each_entry_safe(node, next, &r->root, rb) {
		if (node != &r->end) {
			kfree(node);
			karena_account_uncharge(r->account, RANGES_NODE_BYTES);
		}
		cond_resched();
	}
	while (r->nr_spares)
		kfree(r->spare[--r->nr_spares]);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_destroy);

/**
 * ranges_walk() - find the node of a page, or the next node, from the top of the tree
 * @r:		the ranges
 * @index:	the page
 *
 * Return: as ranges_seek().
 */
struct ranges_node *ranges_walk(struct ranges *r, unsigned long index)
{
	struct rb_node *rb = r->root.rb_node;
	struct ranges_node *found = &r->end;
	struct ranges_node *node;

	while (rb) {
		node = to_node(rb);
		if (node->last < index) {
			rb = rb->rb_right;
		} else {
			found = node;
			rb = rb->rb_left;
		}
	}
	return found;
}

/**
 * ranges_at() - find the range that a page is in
 * @r:		the ranges
 * @index:	the page
 *
 * Return: all pages around @index that are in its state, which may be free.
 */
struct page_range ranges_at(struct ranges *r, unsigned long index)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	node = ranges_walk(r, index);
	if (node->first <= index)
		return (struct page_range) { node->first, node->last, node->state };
	return (struct page_range) {
		.first = ranges_gap_first(node),
		.last = node->first - 1,
		.state = KARENA_PAGE_FREE,
	};
}
EXPORT_SYMBOL_IF_KUNIT(ranges_at);

static noinline bool ranges_all_walk(struct ranges *r, unsigned long first,
				     unsigned long last, u32 state_mask)
{
	struct ranges_node *node;

	for (node = ranges_seek(r, first); node->first <= last; node = ranges_after(node)) {
		if (node->first > first && !(state_mask & BIT(KARENA_PAGE_FREE)))
			return false;
		if (!(state_mask & BIT(node->state)))
			return false;
		if (node->last >= last)
			return true;
		first = node->last + 1;
	}
	return state_mask & BIT(KARENA_PAGE_FREE);
}

/**
 * ranges_all() - check that every page is in one of some states
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state_mask:	BIT(KARENA_PAGE_*) of the states
 */
bool ranges_all(struct ranges *r, unsigned long first, unsigned long last,
		u32 state_mask)
{
	lockdep_assert_held(r->lock);
	if (ranges_hint_covers(r, first) && last < r->hint->first)
		return state_mask & BIT(KARENA_PAGE_FREE);
	return ranges_all_walk(r, first, last, state_mask);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_all);

/**
 * ranges_part() - find the end of as many pages as few ranges have
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @nr:		number of ranges that are not free, at least 1
 *
 * For callers that handle long spans in parts.
 *
 * Return: the last page of the @nr'th range that ends at or after @first, or @last if
 * @last is lower.
 */
unsigned long ranges_part(struct ranges *r, unsigned long first, unsigned long last,
			  unsigned int nr)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	node = ranges_seek(r, first);
	while (--nr && node->last < last)
		node = ranges_after(node);
	return min(node->last, last);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_part);

/**
 * ranges_next() - find the next pages that are not free
 * @r:		the ranges
 * @index:	first page to consider; may be past the end
 * @out:	the first range that is not free and ends at or after @index, without its
 *		pages before @index
 *
 * Return: whether there is one; if not, @out is not written.
 */
bool ranges_next(struct ranges *r, unsigned long index, struct page_range *out)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	node = ranges_walk(r, index);
	if (node == &r->end)
		return false;
	*out = (struct page_range) { max(node->first, index), node->last, node->state };
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_next);

/**
 * ranges_count() - count the pages in a state
 * @r:		the ranges
 * @state:	KARENA_PAGE_*
 */
unsigned long ranges_count(struct ranges *r, u32 state)
{
	lockdep_assert_held(r->lock);
	return r->count[state];
}
EXPORT_SYMBOL_IF_KUNIT(ranges_count);

/* Are the gap of a node and the largest one of its subtree correct? */
static bool ranges_node_is_valid(struct ranges_node *node, unsigned long free)
{
	unsigned long max_gap = max3(ranges_gap(node), ranges_max_gap(node->rb.rb_left),
				     ranges_max_gap(node->rb.rb_right));

	return node->first >= free && node->gap == node->first - free &&
	       node->max_gap == max_gap;
}

/**
 * ranges_validate() - check the invariants of the ranges
 * @r:		the ranges
 *
 * For tests: walks all ranges.
 *
 * Return: true if ranges are in order, within bounds and of known states, no two adjacent
 * ones are of one state, and gaps and counts are correct.
 */
bool ranges_validate(struct ranges *r)
{
	unsigned long count[RANGES_NR_STATES] = { r->nr_pages };
	u32 before = KARENA_PAGE_FREE;
	struct ranges_node *node;
	unsigned long free = 0;

	lockdep_assert_held(r->lock);
	for (node = ranges_first(r); node != &r->end; node = ranges_after(node)) {
		if (!ranges_node_is_valid(node, free) || node->last < node->first)
			return false;
		if (node->state == KARENA_PAGE_FREE || node->state >= RANGES_NR_STATES ||
		    (!node->gap && node->state == before))
			return false;
		count[node->state] += node->last - node->first + 1;
		count[KARENA_PAGE_FREE] -= node->last - node->first + 1;
		free = node->last + 1;
		before = node->state;
	}
	return ranges_node_is_valid(node, free) && node->first == r->nr_pages &&
	       !memcmp(count, r->count, sizeof(count));
}
EXPORT_SYMBOL_IF_KUNIT(ranges_validate);
