/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree behind ranges.h, for the files that walk it: ranges*.c.
 */
#ifndef KARENA_RANGES_TREE_H
#define KARENA_RANGES_TREE_H

#include "ranges.h"

static inline struct ranges_node *to_node(struct rb_node *rb)
{
	return rb_entry(rb, struct ranges_node, rb);
}

static inline struct ranges_node *ranges_after(struct ranges_node *node)
{
	return to_node(rb_next(&node->rb));
}

static inline struct ranges_node *ranges_before(struct ranges_node *node)
{
	struct rb_node *rb = rb_prev(&node->rb);

	return rb ? to_node(rb) : NULL;
}

static inline bool ranges_is_end(const struct ranges_node *node)
{
	return node->state == RANGES_NR_STATES;
}

/*
 * The gap that the tree is searched by. The end's gap is known without a search and left
 * out: otherwise ranges made one behind the other would update it in every node above.
 */
static inline unsigned long ranges_gap(const struct ranges_node *node)
{
	return ranges_is_end(node) ? 0 : node->gap;
}

static inline unsigned long ranges_max_gap(struct rb_node *rb)
{
	return rb ? to_node(rb)->max_gap : 0;
}

/* Returns the first free page before a node, or the node's first page if none is free. */
static inline unsigned long ranges_gap_first(const struct ranges_node *node)
{
	return node->first - node->gap;
}

struct ranges_node *ranges_walk(struct ranges *r, unsigned long index);

/* Is the node behind the last change the one that ranges_seek() looks for? */
static inline bool ranges_hint_covers(const struct ranges *r, unsigned long index)
{
	return index <= r->hint->last && index >= ranges_gap_first(r->hint);
}

/**
 * ranges_seek() - find the node of a page, or the next node
 * @r:		the ranges
 * @index:	the page
 *
 * Tries the node behind the last change first, so use it for pages that are about to
 * change, or next to changed ones; use ranges_walk() for others.
 *
 * Return: the first node that ends at or after @index; the end if no other does.
 */
static inline struct ranges_node *ranges_seek(struct ranges *r, unsigned long index)
{
	return ranges_hint_covers(r, index) ? r->hint : ranges_walk(r, index);
}

#endif /* KARENA_RANGES_TREE_H */
