// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the state of each page of an arena: free, allocated, reserved or guard.
 *
 * A tree has a node for each range that is not free. Pages between two nodes are free, so
 * a new arena of any size has no node but the end. Each node stores the size of the gap before
 * it, and the largest gap in its subtree; a search for free pages follows these. Adjacent
 * ranges of one state are always one node.
 *
 * To allocate pages, under the caller's lock held exclusively:
 *
 *	ranges_find_free()	finds a place; or ranges_all() checks a demanded one
 *	ranges_set()		makes the pages KARENA_PAGE_ALLOCATED
 *
 * To make pages free again, even when there is no memory:
 *
 *	ranges_alloc_spares()	allocates nodes, before the lock is taken
 *	ranges_add_spares()	adds them to the spare nodes, under the lock
 *	ranges_can_set()	checks that the spare nodes suffice
 *	ranges_set_spare()	makes the pages KARENA_PAGE_FREE
 *
 * A change allocates the nodes that it needs, at most two, before it modifies the tree. So
 * it either succeeds or changes nothing.
 *
 * In every call the caller ensures that first <= last < nr_pages.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "ranges.h"

/* Number of gaps that an aligned search tries before it looks for one that fits in any case. */
#define RANGES_FEW_GAPS		16

static struct ranges_node *to_node(struct rb_node *rb)
{
	return rb_entry(rb, struct ranges_node, rb);
}

static struct ranges_node *ranges_after(struct ranges_node *node)
{
	return to_node(rb_next(&node->rb));
}

static struct ranges_node *ranges_before(struct ranges_node *node)
{
	struct rb_node *rb = rb_prev(&node->rb);

	return rb ? to_node(rb) : NULL;
}

static bool ranges_is_end(const struct ranges_node *node)
{
	return node->state == RANGES_NR_STATES;
}

/*
 * Returns the gap that counts for @max_gap. The gap of the end does not: it is known without a
 * search, and each range that is added behind the last one would change it, and with it
 * @max_gap in every node above.
 */
static unsigned long ranges_gap(const struct ranges_node *node)
{
	return ranges_is_end(node) ? 0 : node->gap;
}

static unsigned long ranges_max_gap(struct rb_node *rb)
{
	return rb ? to_node(rb)->max_gap : 0;
}

/* Returns the first free page before a node, or the node's first page if none is free. */
static unsigned long ranges_gap_first(const struct ranges_node *node)
{
	return node->first - node->gap;
}

RB_DECLARE_CALLBACKS_MAX(static, ranges_augment, struct ranges_node, rb, unsigned long,
			 max_gap, ranges_gap)

/* Returns the lowest node. There is one, as the tree includes the end. */
static struct ranges_node *ranges_first(struct ranges *r)
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
	rb_link_node(&r->end.rb, NULL, &r->root.rb_node);
	rb_insert_color(&r->end.rb, &r->root);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_init);

/**
 * ranges_destroy() - free all nodes
 * @r:		the ranges, which are not used any more
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
 * ranges_walk() - find the node of a page, or the node after a free page
 * @r:		the ranges
 * @index:	the page
 *
 * Return: the first node whose @last is at or after @index; the end if there is no other.
 */
static struct ranges_node *ranges_walk(struct ranges *r, unsigned long index)
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
 * ranges_at() - find the range that a page is in, and its state
 * @r:		the ranges
 * @index:	the page
 *
 * Return: @index and the pages before and after it that are in the same state, which may be
 * free.
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

/**
 * ranges_all() - check that each page is in one of several states
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state_mask:	BIT(KARENA_PAGE_*) of the states
 *
 * Return: whether all pages are.
 */
bool ranges_all(struct ranges *r, unsigned long first, unsigned long last,
		u32 state_mask)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	for (node = ranges_walk(r, first); node->first <= last; node = ranges_after(node)) {
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
EXPORT_SYMBOL_IF_KUNIT(ranges_all);

/**
 * ranges_part() - find the end of a part with at most @nr ranges
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @nr:		number of ranges that are not free, at least 1
 *
 * For callers that handle many ranges in parts.
 *
 * Return: the last page of the @nr'th range that ends at or after @first, or @last if
 * @last is lower.
 */
unsigned long ranges_part(struct ranges *r, unsigned long first, unsigned long last,
			  unsigned int nr)
{
	struct ranges_node *node;

	lockdep_assert_held(r->lock);
	node = ranges_walk(r, first);
	while (--nr && node->last < last)
		node = ranges_after(node);
	return min(node->last, last);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_part);

/**
 * ranges_next() - find the next pages that are not free
 * @r:		the ranges
 * @index:	first page to consider; may be past the end
 * @out:	the first range that is not free and whose last page is at or after @index,
 *		without the range's pages before @index
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

/* Finds the lowest node of a subtree with a gap of at least @n pages; there must be one. */
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

/* Finds the next node after @node with a gap of at least @n pages; NULL if there is none. */
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
	/* The search by @max_gap does not see the end's gap. */
	return node != &r->end && r->end.gap >= n ? &r->end : NULL;
}

/* Finds the lowest gap with at least @n pages at or after @min, without its pages before @min. */
static bool ranges_find_gap(struct ranges *r, unsigned long min, unsigned long n,
			    struct page_range *gap)
{
	struct ranges_node *node;

	if (min >= r->nr_pages)
		return false;
	node = ranges_walk(r, min);
	if (node->first <= min || node->first - min < n)
		node = ranges_next_gap(r, node, n);
	if (!node)
		return false;
	gap->first = max(ranges_gap_first(node), min);
	gap->last = node->first - 1;
	return true;
}

/* Finds the first multiple of @align in @gap, if @n pages from there on are in @gap, too. */
static bool ranges_fit(const struct page_range *gap, unsigned long n,
		       unsigned long align, unsigned long *first)
{
	unsigned long up;

	if (check_add_overflow(gap->first, align - 1, &up))
		return false;
	*first = ALIGN_DOWN(up, align);
	return *first <= gap->last && gap->last - *first >= n - 1;
}

/* Finds an aligned place in a gap that is wide enough for any alignment of its start. */
static bool ranges_fit_wide(struct ranges *r, unsigned long min, unsigned long n,
			    unsigned long align, unsigned long *first)
{
	struct page_range gap;
	unsigned long wide;

	return !check_add_overflow(n, align - 1, &wide) &&
	       ranges_find_gap(r, min, wide, &gap) && ranges_fit(&gap, n, align, first);
}

/*
 * Finds a place at or after @min. The tree finds the next gap that is long enough, but does
 * not consider alignment. So this function tries the first few such gaps, then one that is wide
 * enough for any alignment, and if there is none, all other gaps in turn. Only in an arena full
 * of badly aligned gaps does this take more than a few walks down the tree.
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

/**
 * ranges_find_free() - find adjacent free pages
 * @r:		the ranges
 * @hint:	first page to consider; may be past the end
 * @n:		number of pages, at least 1
 * @align_pages: alignment of the first page, a power of two
 * @first:	out, the first page
 *
 * Finds the lowest place at or after @hint; if there is none, the lowest place in the arena. If
 * the first RANGES_FEW_GAPS gaps do not have room for an aligned place, the place may be a
 * higher one.
 *
 * Context: may sleep.
 * Return: 0; -ENOSPC; -EINTR if a fatal signal stops a long search.
 */
int ranges_find_free(struct ranges *r, unsigned long hint, unsigned long n,
		     unsigned long align_pages, unsigned long *first)
{
	int err;

	lockdep_assert_held(r->lock);
	err = ranges_find_above(r, max(hint, r->lowest), n, align_pages, first);
	if (err == -ENOSPC && hint > r->lowest)
		err = ranges_find_above(r, r->lowest, n, align_pages, first);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_find_free);

/**
 * struct ranges_change - a change of state under way
 * @first:	first page of the new node, neighbours that the node joins included
 * @last:	last page of the new node, likewise
 * @state:	state of the new node; if it is FREE, there will be no node
 * @spare:	use spare nodes, and ignore the user's limit; else allocate nodes with @gfp
 * @gfp:	flags
 * @node:	the first node whose @last is at or after @first
 * @was:	number of pages to change, by the state that they are in before
 */
struct ranges_change {
	unsigned long first;
	unsigned long last;
	u32 state;
	bool spare;
	gfp_t gfp;
	struct ranges_node *node;
	unsigned long was[RANGES_NR_STATES];
};

/* Counts the pages to change by state, and extends the change over neighbours to join. */
static void ranges_survey(struct ranges_change *c)
{
	unsigned long first = c->first, last = c->last;
	struct ranges_node *node, *before = NULL;
	unsigned long n;

	if (first == ranges_gap_first(c->node))
		before = ranges_before(c->node);
	c->was[KARENA_PAGE_FREE] = last - first + 1;
	for (node = c->node; node->first <= last; node = ranges_after(node)) {
		n = min(node->last, last) - max(node->first, first) + 1;
		c->was[node->state] += n;
		c->was[KARENA_PAGE_FREE] -= n;
		if (node->state == c->state) {
			c->first = min(node->first, c->first);
			c->last = max(node->last, c->last);
		}
		if (node->last > last)
			break;
	}
	if (node->first == last + 1 && node->state == c->state)
		c->last = node->last;
	if (before && before->state == c->state) {
		c->first = before->first;
		c->node = before;
	}
}

/* Does the change lie within one node of another state, with pages left on both sides? */
static bool ranges_splits(const struct ranges_change *c)
{
	return c->node->first < c->first && c->node->last > c->last;
}

/* Does the change cover a whole node, which can become the new one? */
static bool ranges_has_node(const struct ranges_change *c)
{
	struct ranges_node *node = c->node;

	if (node->first < c->first)
		node = ranges_after(node);
	return node->last <= c->last;
}

/* Inserts a node before @next, which is in the tree. */
static void ranges_insert(struct ranges *r, struct ranges_node *node,
			  struct ranges_node *next)
{
	struct rb_node *parent = &next->rb;
	struct rb_node **link = &parent->rb_left;

	if (*link) {
		parent = rb_prev(parent);
		link = &parent->rb_right;
	}
	node->max_gap = ranges_gap(node);
	rb_link_node(&node->rb, parent, link);
	ranges_augment_propagate(parent, NULL);
	rb_insert_augmented(&node->rb, &r->root, &ranges_augment);
}

static void ranges_set_gap(struct ranges_node *node, unsigned long gap)
{
	node->gap = gap;
	/* The end's gap does not count for @max_gap. */
	if (!ranges_is_end(node))
		ranges_augment_propagate(&node->rb, NULL);
}

/*
 * Shortens the first node, which begins before the change, so that it ends there. If the node
 * also goes on after the change, @rest becomes the node of the pages there.
 */
static void ranges_cut(struct ranges *r, struct ranges_change *c, struct ranges_node *rest)
{
	struct ranges_node *node = c->node;

	c->node = ranges_after(node);
	if (rest) {
		rest->first = c->last + 1;
		rest->last = node->last;
		rest->state = node->state;
		rest->gap = 0;
		ranges_insert(r, rest, c->node);
		c->node = rest;
	}
	node->last = c->first - 1;
}

static struct ranges_node *ranges_alloc_node(gfp_t gfp)
{
	return kmalloc(sizeof(struct ranges_node), gfp | __GFP_ACCOUNT);
}

/* Makes and charges a node. Returns -EDQUOT or -ENOMEM, but never for a spare one. */
static struct ranges_node *ranges_new_node(struct ranges *r, const struct ranges_change *c)
{
	struct ranges_node *node;
	int err;

	if (c->spare) {
		karena_account_force(r->account, RANGES_NODE_BYTES);
		WRITE_ONCE(r->nr_spares, r->nr_spares - 1);
		return r->spare[r->nr_spares];
	}
	err = karena_account_charge(r->account, RANGES_NODE_BYTES);
	if (err)
		return ERR_PTR(err);
	node = ranges_alloc_node(c->gfp);
	if (node)
		return node;
	karena_account_uncharge(r->account, RANGES_NODE_BYTES);
	return ERR_PTR(-ENOMEM);
}

/* Makes a node that is not charged a spare one; frees it if there are enough of them. */
static void ranges_keep_or_free(struct ranges *r, struct ranges_node *node)
{
	if (ranges_has_spares(r)) {
		kfree(node);
	} else {
		r->spare[r->nr_spares] = node;
		WRITE_ONCE(r->nr_spares, r->nr_spares + 1);
	}
}

/* Uncharges a node that is not in the tree, and makes it a spare one or frees it. */
static void ranges_free_node(struct ranges *r, struct ranges_node *node)
{
	karena_account_uncharge(r->account, RANGES_NODE_BYTES);
	ranges_keep_or_free(r, node);
}

/**
 * ranges_alloc_spares() - allocate nodes for ranges_add_spares()
 * @nodes:	out
 * @nr:		number of nodes
 *
 * Charges the memory cgroup beyond its limit if need be, rather than have the kernel kill
 * a task: the caller is about to give memory back.
 *
 * Context: may sleep and reclaim, so do not call it with the lock.
 * Return: number of nodes in @nodes.
 */
unsigned int ranges_alloc_spares(struct ranges_node **nodes, unsigned int nr)
{
	unsigned int got = 0;

	for (; nr; nr--) {
		nodes[got] = ranges_alloc_node(GFP_KERNEL | __GFP_NORETRY | __GFP_HIGH |
					       __GFP_NOWARN);
		if (nodes[got])
			got++;
	}
	return got;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_alloc_spares);

/**
 * ranges_add_spares() - keep as many nodes as are missing, and free the others
 * @r:		the ranges
 * @nodes:	from ranges_alloc_spares()
 * @nr:		number of nodes
 *
 * Context: may sleep; the lock is held exclusively.
 */
void ranges_add_spares(struct ranges *r, struct ranges_node **nodes, unsigned int nr)
{
	lockdep_assert_held_write(r->lock);
	while (nr)
		ranges_keep_or_free(r, nodes[--nr]);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_add_spares);

/*
 * Removes the nodes within the change. Unless the pages become free, keeps the first of these
 * nodes, which is to become the new one, and returns it. Sets @c->node to the following node.
 */
static struct ranges_node *ranges_clear(struct ranges *r, struct ranges_change *c)
{
	struct ranges_node *node, *kept = NULL;

	for (node = c->node; node->last <= c->last; node = c->node) {
		c->node = ranges_after(node);
		if (!kept && c->state != KARENA_PAGE_FREE) {
			kept = node;
			continue;
		}
		rb_erase_augmented(&node->rb, &r->root, &ranges_augment);
		ranges_free_node(r, node);
		cond_resched();
	}
	return kept;
}

/*
 * Makes the change; cannot fail. @rest is for pages after the change if it splits a node,
 * @fresh for the change's own pages if no node can be kept; otherwise these are NULL.
 */
static void ranges_apply(struct ranges *r, struct ranges_change *c,
			 struct ranges_node *rest, struct ranges_node *fresh)
{
	unsigned long gap_first = ranges_gap_first(c->node);
	struct ranges_node *node;

	if (c->node->first < c->first) {
		ranges_cut(r, c, rest);
		gap_first = c->first;
	}
	node = ranges_clear(r, c);
	c->node->first = max(c->node->first, c->last + 1);
	if (c->state != KARENA_PAGE_FREE) {
		if (fresh)
			node = fresh;
		node->first = c->first;
		node->last = c->last;
		node->state = c->state;
		node->gap = c->first - gap_first;
		if (fresh)
			ranges_insert(r, fresh, c->node);
		else
			ranges_augment_propagate(&node->rb, NULL);
		gap_first = c->last + 1;
	}
	ranges_set_gap(c->node, c->node->first - gap_first);
}

/* Returns the number of nodes that a change adds. */
static unsigned int ranges_added(const struct ranges_change *c)
{
	return ranges_splits(c) + (c->state != KARENA_PAGE_FREE && !ranges_has_node(c));
}

/**
 * ranges_can_set() - check that there are enough spare nodes for a change
 * @r:		the ranges
 * @first:	first page of the change, whichever page is the last
 * @state:	new state of the pages, KARENA_PAGE_*
 *
 * Return: whether ranges_set_spare() may be called.
 */
bool ranges_can_set(struct ranges *r, unsigned long first, u32 state)
{
	struct ranges_change c = { .first = first, .last = first, .state = state };

	lockdep_assert_held(r->lock);
	if (ranges_has_spares(r))
		return true;
	/* A change of @first alone needs at least as many nodes as a longer one. */
	c.node = ranges_walk(r, first);
	ranges_survey(&c);
	return ranges_added(&c) <= r->nr_spares;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_can_set);

/* Returns 0; -ENOMEM or -EDQUOT with nothing changed, but never with spare nodes. */
static int ranges_make_change(struct ranges *r, struct ranges_change *c)
{
	unsigned long nr_pages = c->last - c->first + 1;
	struct ranges_node *rest = NULL, *fresh = NULL;
	unsigned int i;

	lockdep_assert_held_write(r->lock);
	c->node = ranges_walk(r, c->first);
	ranges_survey(c);
	if (ranges_splits(c)) {
		rest = ranges_new_node(r, c);
		if (IS_ERR(rest))
			return PTR_ERR(rest);
	}
	if (c->state != KARENA_PAGE_FREE && !ranges_has_node(c)) {
		fresh = ranges_new_node(r, c);
		if (IS_ERR(fresh))
			goto free_rest;
	}

	ranges_apply(r, c, rest, fresh);
	for (i = 0; i < RANGES_NR_STATES; i++)
		r->count[i] -= c->was[i];
	r->count[c->state] += nr_pages;
	return 0;

free_rest:
	if (rest)
		ranges_free_node(r, rest);
	return PTR_ERR(fresh);
}

/**
 * ranges_set() - change the state of pages
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state:	new state of all pages, KARENA_PAGE_*, whatever state they are in
 * @gfp:	for nodes; also used if pages become free, as this may split a range
 *
 * Context: may sleep, whatever @gfp is.
 * Return: 0; with nothing changed -ENOMEM or -EDQUOT.
 */
int ranges_set(struct ranges *r, unsigned long first, unsigned long last, u32 state,
	       gfp_t gfp)
{
	struct ranges_change c = { .first = first, .last = last, .state = state, .gfp = gfp };

	return ranges_make_change(r, &c);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_set);

/**
 * ranges_set_spare() - change the state of pages with spare nodes; cannot fail
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state:	as for ranges_set(); ranges_can_set() has returned true for @first and @state
 *
 * Context: may sleep.
 */
void ranges_set_spare(struct ranges *r, unsigned long first, unsigned long last, u32 state)
{
	struct ranges_change c = { .first = first, .last = last, .state = state, .spare = true };

	ranges_make_change(r, &c);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_set_spare);

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
 * Return: true if the ranges are in order, within bounds and of known states, no two adjacent
 * ranges are of one state, and gaps and counts are correct.
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
