// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of an arena are free, allocated, reserved or guard.
 *
 * A tree has a node for each range that is not free; what lies between two nodes
 * is free, so that a new arena of any size has no nodes. Each node knows the gap
 * before it and the largest gap below it in the tree, which is how free pages
 * are found. Nodes of one state never touch: they are one node.
 *
 * A change takes the nodes it needs, two at most, before it touches the tree. So
 * it happens, or leaves everything as it was.
 *
 * first <= last < nr_pages is the caller's to see to, in every call.
 */
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "ranges.h"
#include "ranges_tree.h"

/*
 * Of what is searched. The end's gap is known without a search, and left out:
 * ranges that are made one behind the other would have every node above know.
 */
static inline unsigned long ranges_gap(const struct ranges_node *node)
{
	return node->state < RANGES_NR_STATES ? node->gap : 0;
}

RB_DECLARE_CALLBACKS_MAX(static, ranges_augment, struct ranges_node, rb, unsigned long,
			 max_gap, ranges_gap)

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
	rb_link_node(&r->end.rb, NULL, &r->root.rb_node);
	rb_insert_augmented(&r->end.rb, &r->root, &ranges_augment);
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
 * ranges_seek() - The node of a page, or the next one
 * @r:		the ranges
 * @index:	the page
 * @before:	out, the node before the one returned, or NULL
 *
 * Return: the first node that ends at or after @index; the end if no other does.
 */
struct ranges_node *ranges_seek(struct ranges *r, unsigned long index,
				struct ranges_node **before)
{
	struct rb_node *rb = r->root.rb_node;
	struct ranges_node *found = &r->end;
	struct ranges_node *node;

	*before = NULL;
	while (rb) {
		node = to_node(rb);
		if (node->last < index) {
			*before = node;
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
	struct ranges_node *node, *before;

	lockdep_assert_held(r->lock);
	node = ranges_seek(r, index, &before);
	if (node->first <= index)
		return (struct page_range) { node->first, node->last, node->state };
	return (struct page_range) {
		.first = node->first - node->gap,
		.last = node->first - 1,
		.state = KARENA_PAGE_FREE,
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
	struct ranges_node *node, *before;

	lockdep_assert_held(r->lock);
	for (node = ranges_seek(r, first, &before); node->first <= last;
	     node = ranges_after(node)) {
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
	struct ranges_node *node, *before;

	lockdep_assert_held(r->lock);
	node = ranges_seek(r, first, &before);
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
	struct ranges_node *node, *before;

	lockdep_assert_held(r->lock);
	node = ranges_seek(r, index, &before);
	if (node == &r->end)
		return false;
	*out = (struct page_range) { max(node->first, index), node->last, node->state };
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ranges_next);

/**
 * struct ranges_change - a change of state under way
 * @first:	first page of the node to be, with the neighbours that it joins
 * @last:	last page of it
 * @state:	its state; if that is FREE there will be no node
 * @node:	the first node that ends at or after @first
 * @was:	pages asked for, by the state they are in
 */
struct ranges_change {
	unsigned long first;
	unsigned long last;
	u32 state;
	struct ranges_node *node;
	unsigned long was[RANGES_NR_STATES];
};

/* Look at what is there: what changes, and which neighbours it joins. */
static void ranges_survey(struct ranges *r, struct ranges_change *c)
{
	unsigned long first = c->first, last = c->last;
	struct ranges_node *node, *before;
	unsigned long n;

	c->node = ranges_seek(r, first, &before);
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
	if (before && before->last + 1 == first && before->state == c->state) {
		c->first = before->first;
		c->node = before;
	}
}

/* The change is within one node of another state, and leaves some at both ends. */
static bool ranges_splits(const struct ranges_change *c)
{
	return c->node->first < c->first && c->node->last > c->last;
}

/* A node that the change covers will be the new one. */
static bool ranges_has_node(const struct ranges_change *c)
{
	struct ranges_node *node = c->node;

	if (node->first < c->first)
		node = ranges_after(node);
	return node->last <= c->last;
}

/* A node for its place before @next, which is in the tree. */
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
	ranges_augment_propagate(&node->rb, NULL);
}

/* Cut off the end of the first node, which begins before the change. */
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

/*
 * Take all nodes within the change out of the tree but the first, which will be
 * the new node unless pages become free. @c->node is the one that follows then.
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
		r->nr_nodes--;
		kfree(node);
		cond_resched();
	}
	return kept;
}

/* Nothing can fail here. @rest and @fresh are used up if they are there. */
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
}

/**
 * ranges_set() - Change the state of pages
 * @r:		the ranges
 * @first:	first page
 * @last:	last page
 * @state:	KARENA_PAGE_* that all of them get, whatever theirs is
 * @gfp:	for nodes. To make pages free takes one if it splits a range
 *
 * Context: may sleep, whatever @gfp is.
 * Return: 0; with nothing changed -ENOMEM, or -EDQUOT if there would be more than
 * r->max_nodes; 0 if @gfp has __GFP_NOFAIL.
 */
int ranges_set(struct ranges *r, unsigned long first, unsigned long last, u32 state,
	       gfp_t gfp)
{
	struct ranges_change c = { .first = first, .last = last, .state = state };
	struct ranges_node *rest = NULL, *fresh = NULL;
	unsigned int splits, begins, i;

	lockdep_assert_held_write(r->lock);
	ranges_survey(r, &c);
	if (c.was[state] == last - first + 1)
		return 0;

	splits = ranges_splits(&c);
	begins = state != KARENA_PAGE_FREE && !ranges_has_node(&c);
	if (splits + begins && r->nr_nodes + splits + begins > r->max_nodes &&
	    !(gfp & __GFP_NOFAIL))
		return -EDQUOT;
	if (splits) {
		rest = kmalloc(sizeof(*rest), gfp);
		if (!rest)
			return -ENOMEM;
	}
	if (begins) {
		fresh = kmalloc(sizeof(*fresh), gfp);
		if (!fresh)
			goto free_rest;
	}

	ranges_apply(r, &c, rest, fresh);
	r->nr_nodes += splits + begins;
	for (i = 0; i < RANGES_NR_STATES; i++)
		r->count[i] -= c.was[i];
	r->count[state] += last - first + 1;
	return 0;

free_rest:
	kfree(rest);
	return -ENOMEM;
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
