/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of an arena are free, allocated, reserved or guard.
 *
 * Ranges are closed: [first, last]. The caller brings the lock: held shared for
 * questions, exclusively for changes.
 */
#ifndef KARENA_RANGES_H
#define KARENA_RANGES_H

#include <linux/gfp.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include "../uapi/karena.h"

#define RANGES_NR_STATES	(KARENA_PAGE_GUARD + 1)

/* Nodes that a change may add: one for itself, and the rest of one that it splits. */
#define RANGES_ADDED_MAX	2

/**
 * struct ranges_node - pages in a row of one state, not free
 * @rb:		in the order of @first
 * @first:	first page
 * @last:	last page
 * @gap:	free pages between the node before, or the arena's start, and @first
 * @max_gap:	largest @gap of this node and those below it in the tree, but for
 *		that of the end
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
 * @root:	tree of the nodes. No two that touch are of one state
 * @hint:	the node behind what was changed last, which is mostly looked for next
 * @end:	a node behind the last page, always there, so that each gap has a node
 *		after it; its state is none
 * @nr_pages:	how many there are; fixed after init
 * @count:	pages by state, their sum is @nr_pages
 * @nr_nodes:	nodes in the tree, less the end
 * @max_nodes:	as many as there may be; the caller's to set, at first without
 *		bound
 * @lock:	the caller's, protects all but @nr_pages; fixed after init
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

/* Pages in a row, all in one state, KARENA_PAGE_*. */
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
