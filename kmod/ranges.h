/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps which pages of an arena are free, allocated, reserved or guard.
 *
 * Ranges are closed: [first, last]. The caller provides the lock, and holds it shared for
 * queries, exclusively for changes.
 */
#ifndef KARENA_RANGES_H
#define KARENA_RANGES_H

#include <linux/gfp.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include "../uapi/karena.h"

#define RANGES_NR_STATES	(KARENA_PAGE_GUARD + 1)

/* Most nodes that a change adds: a new one, and the rest of one that it splits. */
#define RANGES_ADDED_MAX	2

/**
 * struct ranges_node - adjacent pages of one state, not free
 * @rb:		in the order of @first
 * @first:	first page
 * @last:	last page
 * @gap:	free pages between the node before, or the arena's start, and @first
 * @max_gap:	largest @gap of this node and its subtree, except for the gap of the
 *		end
 * @state:	KARENA_PAGE_*
 */
struct ranges_node {
	struct rb_node rb;
	unsigned long first;
	unsigned long last;
	unsigned long gap;
	unsigned long max_gap;
	u32 state;
};

/**
 * struct ranges - the state of each page
 * @root:	tree of the nodes. No two adjacent ones are of one state
 * @hint:	the node behind the last change, which is mostly looked for next
 * @end:	a node behind the last page that always exists, so that each gap has a
 *		node after it; has no state
 * @nr_pages:	number of pages; fixed after init
 * @count:	pages by state, their sum is @nr_pages
 * @nr_nodes:	nodes in the tree, without the end
 * @max_nodes:	most nodes that there may be; set by the caller, at first without
 *		bound
 * @lock:	the caller's, protects everything but @nr_pages; fixed after init
 */
struct ranges {
	struct rb_root root;
	struct ranges_node *hint;
	struct ranges_node end;
	unsigned long nr_pages;
	unsigned long count[RANGES_NR_STATES];
	unsigned long nr_nodes;
	unsigned long max_nodes;
	struct rw_semaphore *lock;
};

/* Adjacent pages, all in one state, KARENA_PAGE_*. */
struct page_range {
	unsigned long first;
	unsigned long last;
	u32 state;
};

void ranges_init(struct ranges *r, unsigned long nr_pages, struct rw_semaphore *lock);
void ranges_destroy(struct ranges *r);
struct page_range ranges_at(struct ranges *r, unsigned long index);
bool ranges_all(struct ranges *r, unsigned long first, unsigned long last,
		u32 state_mask);
unsigned long ranges_part(struct ranges *r, unsigned long first, unsigned long last,
			  unsigned int nr);
bool ranges_next(struct ranges *r, unsigned long index, struct page_range *out);
int ranges_find_free(struct ranges *r, unsigned long hint, unsigned long n,
		     unsigned long align_pages, unsigned long *first);
int ranges_set(struct ranges *r, unsigned long first, unsigned long last, u32 state,
	       gfp_t gfp);
unsigned long ranges_count(struct ranges *r, u32 state);
bool ranges_validate(struct ranges *r);

#endif /* KARENA_RANGES_H */
