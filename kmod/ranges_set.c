// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of the ranges.
 *
 * A change allocates the nodes that it needs, at most two, before it modifies the tree. So
 * it either succeeds or changes nothing. A change that must not fail uses spare nodes,
 * which are allocated without the lock.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "ranges.h"
#include "ranges_tree.h"

RB_DECLARE_CALLBACKS_MAX(static, ranges_augment, struct ranges_node, rb, unsigned long,
			 max_gap, ranges_gap)

/**
 * struct ranges_change - a change of state under way
 * @first:	first page of the new node, including neighbours that it joins
 * @last:	last page of the new node
 * @state:	its state; if FREE, there will be no node
 * @node:	the first node that ends at or after @first
 * @was:	number of pages to change, by their state before
 */
struct ranges_change {
	unsigned long first;
	unsigned long last;
	u32 state;
	struct ranges_node *node;
	unsigned long was[RANGES_NR_STATES];
};

/* Counts the pages to change by state, and finds neighbours to join. */
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

/* Does the change leave pages of one node of another state at both ends? */
static bool ranges_splits(const struct ranges_change *c)
{
	return c->node->first < c->first && c->node->last > c->last;
}

/* Is there a node that the change covers, and that can become the new one? */
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
	/* The tree ignores the end's gap. */
	if (!ranges_is_end(node))
		ranges_augment_propagate(&node->rb, NULL);
}

/* Cuts off the end of the first node, which begins before the change. */
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

/* Always accounted and never for DMA, so the compiler can choose the cache. */
static inline struct ranges_node *ranges_alloc_node(gfp_t gfp)
{
	gfp &= ~(GFP_ZONEMASK | __GFP_RECLAIMABLE);
	return kmalloc(sizeof(struct ranges_node), gfp | __GFP_ACCOUNT);
}

/* Makes a node for the tree. Returns -EDQUOT or -ENOMEM, but not with RANGES_SPARE. */
static struct ranges_node *ranges_new_node(struct ranges *r, gfp_t gfp)
{
	struct ranges_node *node;
	int err;

	if (gfp == RANGES_SPARE) {
		karena_account_force(r->account, RANGES_NODE_BYTES);
		WRITE_ONCE(r->nr_spares, r->nr_spares - 1);
		return r->spare[r->nr_spares];
	}
	err = karena_account_charge(r->account, RANGES_NODE_BYTES);
	if (err)
		return ERR_PTR(err);
	node = ranges_alloc_node(gfp);
	if (node)
		return node;
	karena_account_uncharge(r->account, RANGES_NODE_BYTES);
	return ERR_PTR(-ENOMEM);
}

static void ranges_keep_or_free(struct ranges *r, struct ranges_node *node)
{
	if (ranges_has_spares(r)) {
		kfree(node);
	} else {
		r->spare[r->nr_spares] = node;
		WRITE_ONCE(r->nr_spares, r->nr_spares + 1);
	}
}

/* Frees a node that was charged, and has left the tree or never got there. */
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
 * Removes all nodes within the change but the first, which becomes the new node unless
 * pages become free. Sets @c->node to the following node.
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

/* Cannot fail. Uses @rest and @fresh, if they are not NULL. */
static void ranges_apply(struct ranges *r, struct ranges_change *c,
			 struct ranges_node *rest, struct ranges_node *fresh)
{
	unsigned long free = c->node->first - c->node->gap;
	struct ranges_node *node;

	if (c->node->first < c->first) {
		ranges_cut(r, c, rest);
		free = c->first;
	}
	node = ranges_clear(r, c);
	c->node->first = max(c->node->first, c->last + 1);
	if (c->state != KARENA_PAGE_FREE) {
		if (fresh)
			node = fresh;
		node->first = c->first;
		node->last = c->last;
		node->state = c->state;
		node->gap = c->first - free;
		if (fresh)
			ranges_insert(r, fresh, c->node);
		else
			ranges_augment_propagate(&node->rb, NULL);
		free = c->last + 1;
	}
	ranges_set_gap(c->node, c->node->first - free);
	r->hint = c->node;
}

/* Returns the number of nodes that a change adds. */
static unsigned int ranges_added(const struct ranges_change *c)
{
	return ranges_splits(c) + (c->state != KARENA_PAGE_FREE && !ranges_has_node(c));
}

/**
 * ranges_can_set_slow() - ranges_can_set() if a spare node is missing
 * @r:		the ranges
 * @first:	first page of the change
 * @state:	new state of the pages, KARENA_PAGE_*
 *
 * Checks a change of @first alone, which needs at least as many nodes as a longer one.
 */
bool ranges_can_set_slow(struct ranges *r, unsigned long first, u32 state)
{
	struct ranges_change c = { .first = first, .last = first, .state = state };

	lockdep_assert_held(r->lock);
	c.node = ranges_walk(r, first);
	ranges_survey(&c);
	return ranges_added(&c) <= r->nr_spares;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_can_set_slow);

/* Makes any change; @node is that of the first page, or the next one. */
static noinline int ranges_replace(struct ranges *r, struct ranges_node *node,
				   unsigned long first, unsigned long last, u32 state,
				   gfp_t gfp)
{
	struct ranges_change c = { .first = first, .last = last, .state = state, .node = node };
	struct ranges_node *rest = NULL, *fresh = NULL;
	unsigned int i;

	ranges_survey(&c);
	if (ranges_splits(&c)) {
		rest = ranges_new_node(r, gfp);
		if (IS_ERR(rest))
			return PTR_ERR(rest);
	}
	if (state != KARENA_PAGE_FREE && !ranges_has_node(&c)) {
		fresh = ranges_new_node(r, gfp);
		if (IS_ERR(fresh))
			goto free_rest;
	}

	ranges_apply(r, &c, rest, fresh);
	for (i = 0; i < RANGES_NR_STATES; i++)
		r->count[i] -= c.was[i];
	r->count[state] += last - first + 1;
	return 0;

free_rest:
	if (rest)
		ranges_free_node(r, rest);
	return PTR_ERR(fresh);
}

/* Adds a node for pages of the gap before @next. */
static int ranges_add(struct ranges *r, struct ranges_node *next, unsigned long first,
		      unsigned long last, u32 state, gfp_t gfp)
{
	struct ranges_node *node;

	node = ranges_new_node(r, gfp);
	if (IS_ERR(node))
		return PTR_ERR(node);
	node->first = first;
	node->last = last;
	node->state = state;
	node->gap = first - ranges_gap_first(next);
	ranges_insert(r, node, next);
	ranges_set_gap(next, next->first - last - 1);
	return 0;
}

/*
 * Gives a state to free pages of the gap before @next. Mostly they become part of an
 * adjacent range, or a range of their own.
 */
static noinline int ranges_fill(struct ranges *r, struct ranges_node *next,
				unsigned long first, unsigned long last, u32 state,
				gfp_t gfp)
{
	bool joins_next = last + 1 == next->first && next->state == state;
	struct ranges_node *before = NULL;
	int err = 0;

	if (first == ranges_gap_first(next))
		before = ranges_before(next);
	if (before && before->state != state)
		before = NULL;
	if (before && joins_next)
		return ranges_replace(r, next, first, last, state, gfp);

	if (before)
		before->last = last;
	else if (joins_next)
		next->first = first;
	else
		err = ranges_add(r, next, first, last, state, gfp);
	if (err)
		return err;
	if (before || joins_next)
		ranges_set_gap(next, next->gap - (last - first + 1));
	r->count[KARENA_PAGE_FREE] -= last - first + 1;
	r->count[state] += last - first + 1;
	r->hint = next;
	return 0;
}

/* Frees the pages of a node up to @last, but not all of them. */
static void ranges_shorten(struct ranges *r, struct ranges_node *node, unsigned long last)
{
	unsigned long n = last + 1 - node->first;

	node->first += n;
	ranges_set_gap(node, node->gap + n);
	r->count[node->state] -= n;
	r->count[KARENA_PAGE_FREE] += n;
	r->hint = node;
}

/* @node is that of the first page, or the next one. */
static __always_inline int ranges_set_at(struct ranges *r, struct ranges_node *node,
					 unsigned long first, unsigned long last, u32 state,
					 gfp_t gfp)
{
	if (last < node->first) {
		if (state == KARENA_PAGE_FREE)
			return 0;
		return ranges_fill(r, node, first, last, state, gfp);
	}
	if (state == node->state && first >= node->first && last <= node->last)
		return 0;
	if (state != KARENA_PAGE_FREE || first > node->first || last >= node->last)
		return ranges_replace(r, node, first, last, state, gfp);
	ranges_shorten(r, node, last);
	return 0;
}

/* Not inlined, so that changes without a walk need not save registers. */
static noinline int ranges_set_far(struct ranges *r, unsigned long first, unsigned long last,
				   u32 state, gfp_t gfp)
{
	return ranges_set_at(r, ranges_walk(r, first), first, last, state, gfp);
}

/**
 * ranges_set() - change the state of pages
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state:	new state, KARENA_PAGE_*, of all pages, whatever their state is
 * @gfp:	for nodes, as making pages free needs a node if it splits a range; or
 *		RANGES_SPARE if ranges_can_set() was true
 *
 * Context: may sleep, whatever @gfp is.
 * Return: 0; with nothing changed -ENOMEM or -EDQUOT; always 0 with RANGES_SPARE.
 */
int ranges_set(struct ranges *r, unsigned long first, unsigned long last, u32 state,
	       gfp_t gfp)
{
	lockdep_assert_held_write(r->lock);
	if (ranges_hint_covers(r, first))
		return ranges_set_at(r, r->hint, first, last, state, gfp);
	return ranges_set_far(r, first, last, state, gfp);
}
EXPORT_SYMBOL_IF_KUNIT(ranges_set);
