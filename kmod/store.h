/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages that an arena holds, by index.
 *
 * A tree of nodes with as many slots as a word has bits, as deep as the arena's
 * size demands; below the topmost there are only nodes that lead to pages. A
 * leaf's slots are an array of pages as the kernel's functions take them, so that
 * a fault hands the pages around a touch to vm_insert_pages() as they lie. What
 * else there is to a node lies in its parent's slot, so that slots alone fill the
 * memory that they are given: 512 bytes for a leaf's, 1,024 for others'.
 *
 * The caller brings the lock: held exclusively to remove, shared for the rest.
 */
#ifndef KARENA_STORE_H
#define KARENA_STORE_H

#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct page;

#define STORE_SLOTS	BITS_PER_LONG
#define STORE_SHIFT	ilog2(STORE_SLOTS)
#define STORE_NOWHERE	ULONG_MAX

/**
 * struct store_node - a node of the tree
 * @map:	slots that are filled; what is in others has no meaning
 * @node:	its slots, nodes below
 * @page:	in a leaf, its slots, pages
 */
struct store_node {
	unsigned long map;
	union {
		struct store_node *node;
		struct page **page;
	};
};

/**
 * struct store - index to page
 * @root:	topmost node, always there; the leaf if one does
 * @height:	levels above the leaves; fixed after init
 * @idle:	index in a leaf that has lost its last page and is kept for the next
 *		one, so that pages which come and go need no node each time; or in
 *		any other leaf, or STORE_NOWHERE
 * @near:	leaf that was turned to or cleared last, which is mostly sought next;
 *		only if there is a @near_base
 * @near_base:	index of its first slot, or STORE_NOWHERE
 * @fill:	keeps apart those that add at once; nothing nests inside
 * @lock:	the caller's, protects all else; fixed after init
 */
struct store {
	struct store_node root;
	unsigned int height;
	unsigned long idle;
	struct store_node *near;
	unsigned long near_base;
	spinlock_t fill;	/* adding nodes and pages */
	struct rw_semaphore *lock;
};

/**
 * struct store_span - what a leaf holds of a range
 * @leaf:	the leaf
 * @base:	index of its first slot
 * @map:	slots within the range that are filled, at least one
 */
struct store_span {
	struct store_node *leaf;
	unsigned long base;
	unsigned long map;
};

/* Which slot of its leaf an index is. */
static inline unsigned int store_slot(unsigned long index)
{
	return index % STORE_SLOTS;
}

/* The slots of a leaf that is at @base which lie in first..last. */
static inline unsigned long store_mask(unsigned long base, unsigned long first,
				       unsigned long last)
{
	unsigned long from = max(first, base) - base;
	unsigned long to = min(last - base, STORE_SLOTS - 1ul);

	return GENMASK(to, from);
}

/* How many slots in a row @map begins with. */
static inline unsigned int store_run(unsigned long map)
{
	return ~map ? __ffs(~map) : STORE_SLOTS;
}

int store_init(struct store *s, unsigned long nr_pages, struct rw_semaphore *lock, gfp_t gfp);
void store_destroy(struct store *s);
struct store_node *store_leaf(struct store *s, unsigned long index);
struct store_node *store_make_leaf(struct store *s, unsigned long index, gfp_t gfp);
struct store_node *store_turn_to(struct store *s, unsigned long index, gfp_t gfp);
unsigned long store_fill(struct store *s, struct store_node *leaf, unsigned long map,
			 struct page **pages);
void store_clear(struct store *s, const struct store_span *span);
bool store_next(struct store *s, unsigned long first, unsigned long last,
		struct store_span *span);

/* The slots of a leaf that can be read: those are filled from here on. */
static inline unsigned long store_filled(const struct store_node *leaf)
{
	/* Pairs with store_fill(): who sees a bit sees its page. */
	return smp_load_acquire(&leaf->map);
}

/**
 * store_put() - store_fill() for a caller that has the lock for itself
 * @s:		the store
 * @leaf:	the leaf
 * @slot:	where the page is to go to; not filled
 * @page:	the page
 */
static inline void store_put(struct store *s, struct store_node *leaf, unsigned int slot,
			     struct page *page)
{
	lockdep_assert_held_write(s->lock);
	leaf->page[slot] = page;
	leaf->map |= BIT(slot);
}

/* The page at @index, or NULL. */
static inline struct page *store_page(struct store *s, unsigned long index)
{
	struct store_node *leaf = store_leaf(s, index);
	unsigned int slot = store_slot(index);

	return leaf && store_filled(leaf) & BIT(slot) ? leaf->page[slot] : NULL;
}

#endif /* KARENA_STORE_H */
