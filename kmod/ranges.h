/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the state of each page of an arena: free, allocated, reserved or guard.
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

#include "account.h"
#include "memory.h"

#define RANGES_NR_STATES	(KARENA_PAGE_GUARD + 1)

/* Most nodes that a change adds: one for its range, one for the rest of a node that it splits. */
#define RANGES_ADDED_MAX	2

/**
 * struct ranges_node - adjacent pages of one state that is not free
 * @rb:		in the tree, ordered by @first
 * @first:	first page
 * @last:	last page
 * @gap:	number of free pages between the node before, or the arena's start, and @first
 * @max_gap:	largest @gap of this node and its subtree; the @gap of @end of struct ranges
 *		does not count
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

/* Bytes that the user is charged for a node. */
#define RANGES_NODE_BYTES	KARENA_SLAB_BYTES(sizeof(struct ranges_node))

/**
 * struct ranges - the state of each page
 * @root:	tree of the nodes. Two nodes without a gap between them differ in state
 * @end:	a node behind the last page, with no state of a page. It is always in the tree,
 *		so that each gap has a node after it
 * @nr_pages:	number of pages; fixed after init
 * @count:	pages by state, their sum is @nr_pages
 * @lowest:	first page that ranges_find_free() may find; set by the caller after init
 * @account:	charged for the nodes in the tree, may be NULL; set by the caller before
 *		the first change
 * @spare:	nodes for changes that must not fail; not charged until they are used
 * @nr_spares:	number of spare nodes; changed under @lock, read with or without it
 * @lock:	the caller's lock, protects everything but @nr_pages and @lowest; fixed
 *		after init
 */
struct ranges {
	struct rb_root root;
	struct ranges_node end;
	unsigned long nr_pages;
	unsigned long lowest;
	unsigned long count[RANGES_NR_STATES];
	struct karena_account *account;
	struct ranges_node *spare[RANGES_ADDED_MAX];
	unsigned int nr_spares;
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
void ranges_set_spare(struct ranges *r, unsigned long first, unsigned long last, u32 state);
unsigned int ranges_alloc_spares(struct ranges_node **nodes, unsigned int nr);
void ranges_add_spares(struct ranges *r, struct ranges_node **nodes, unsigned int nr);
bool ranges_can_set(struct ranges *r, unsigned long first, u32 state);
unsigned long ranges_count(struct ranges *r, u32 state);
bool ranges_validate(struct ranges *r);

/* Are there enough spare nodes for any change? */
static inline bool ranges_has_spares(const struct ranges *r)
{
	return READ_ONCE(r->nr_spares) == RANGES_ADDED_MAX;
}

#endif /* KARENA_RANGES_H */
