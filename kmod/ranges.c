// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of an arena are free, allocated, reserved or guard.
 *
 * A tree has a node for each range that is not free; what lies between two nodes
 * is free, so that a new arena of any size has no nodes. Each node knows the gap
 * before it and the largest gap below it in the tree, which is how free pages
 * are found. Nodes of one state never touch: they are one node.
 *
 * first <= last < nr_pages is the caller's to see to, in every call.
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

/* The tree has the end, so this is a node for every page. */
static inline struct ranges_node *ranges_first(struct ranges *r)
{
	return to_node(rb_first(&r->root));
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
		.root = RB_ROOT,
		.end = {
			.first = nr_pages,
			.last = nr_pages,
			.gap = nr_pages,
			.state = RANGES_NR_STATES,
		},
		.nr_pages = nr_pages,
		.count[KARENA_PAGE_FREE] = nr_pages,
		.max_nodes = ULONG_MAX,
		.lock = lock,
	};
	r->hint = &r->end;
	rb_link_node(&r->end.rb, NULL, &r->root.rb_node);
	rb_insert_color(&r->end.rb, &r->root);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_init);

/**
 * ranges_destroy() - Free what the ranges take
 * @r:		the ranges, not to be used any more
 *
 * Context: may sleep; the lock is held exclusively.
 */
void ranges_destroy(struct ranges *r)
{
	struct ranges_node *node, *next;

	lockdep_assert_held_write(r->lock);
	rbtree_postorder_for_each_entry_safe(node, next, &r->root, rb) {
		if (node != &r->end)
			kfree(node);
		cond_resched();
	}
	r->nr_nodes = 0;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_destroy);

/**
 * ranges_walk() - The node of a page, or the next one, from the top of the tree
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
 * ranges_at() - The range that a page is in
 * @r:		the ranges
 * @index:	the page
 *
 * Return: all pages around @index that are in its state, free ones too.
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
 * ranges_all() - Is every page in one of some states?
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
 * ranges_part() - As many pages as few ranges have
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @nr:		ranges that are not free, at least 1
 *
 * For callers that do long spans in parts.
 *
 * Return: the last page of the @nr'th range that ends at or after @first, or
 * @last if that is before it.
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

/* Does a node know its gap, and the largest one below it? */
static bool ranges_node_is_valid(struct ranges_node *node, unsigned long free)
{
	unsigned long max_gap = max3(ranges_gap(node), ranges_max_gap(node->rb.rb_left),
				     ranges_max_gap(node->rb.rb_right));

	return node->first >= free && node->gap == node->first - free &&
	       node->max_gap == max_gap;
}

/**
 * ranges_validate() - Do the ranges hold what they promise?
 * @r:		the ranges
 *
 * For tests: walks all of them.
 *
 * Return: true if they are in order, within bounds, of known states, no two that
 * touch of one state, and the gaps and counts are right.
 */
bool ranges_validate(struct ranges *r)
{
	unsigned long count[RANGES_NR_STATES] = { r->nr_pages };
	u32 before = KARENA_PAGE_FREE;
	struct ranges_node *node;
	unsigned long free = 0, nr_nodes = 0;

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
		nr_nodes++;
	}
	return ranges_node_is_valid(node, free) && node->first == r->nr_pages &&
	       nr_nodes == r->nr_nodes && !memcmp(count, r->count, sizeof(count));
}
EXPORT_SYMBOL_IF_KUNIT(ranges_validate);
