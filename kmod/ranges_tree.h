/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree behind ranges.h, for what walks it: ranges.c, ranges_find.c.
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

static inline unsigned long ranges_max_gap(struct rb_node *rb)
{
	return rb ? to_node(rb)->max_gap : 0;
}

struct ranges_node *ranges_seek(struct ranges *r, unsigned long index,
				struct ranges_node **before);

#endif /* KARENA_RANGES_TREE_H */
