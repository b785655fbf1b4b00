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
#ifndef KARENA_PAGE_TREE_H
#define KARENA_PAGE_TREE_H

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

#define PAGE_TREE_SLOTS	BITS_PER_LONG
#define PAGE_TREE_SHIFT	ilog2(PAGE_TREE_SLOTS)
#define PAGE_TREE_NOWHERE ULONG_MAX

/**
 * struct page_tree_node - a node of the tree
 * @map:	slots that are filled; what is in others has no meaning
 * @node:	its slots, nodes below
 * @page:	in a leaf, its slots, pages
 */
struct page_tree_node {
	unsigned long map;
	union {
		struct page_tree_node *node;
		struct page **page;
	};
};

/**
 * struct page_tree - index to page
 * @root:	topmost node, always there; the leaf if one does
 * @height:	levels above the leaves; fixed after init
 * @idle:	index in a leaf that has lost its last page and is kept for the next
 *		one, so that pages which come and go need no node each time; or in
 *		any other leaf, or PAGE_TREE_NOWHERE
 * @hint:	leaf that was turned to or cleared last, which is mostly sought next;
 *		only if there is a @hint_base
 * @hint_base:	index of its first slot, or PAGE_TREE_NOWHERE
 * @fill:	keeps apart those that add at once; nothing nests inside
 * @lock:	the caller's, protects all else; fixed after init
 */
struct page_tree {
	struct page_tree_node root;
	unsigned int height;
	unsigned long idle;
	struct page_tree_node *hint;
	unsigned long hint_base;
	spinlock_t fill;	/* adding nodes and pages */
	struct rw_semaphore *lock;
};

/**
 * struct page_tree_span - what a leaf holds of a range
 * @leaf:	the leaf
 * @base:	index of its first slot
 * @map:	slots within the range that are filled, at least one
 */
struct page_tree_span {
	struct page_tree_node *leaf;
	unsigned long base;
	unsigned long map;
};

/* Which slot of its leaf an index is. */
static inline unsigned int page_tree_slot(unsigned long index)
{
	return index % PAGE_TREE_SLOTS;
}

/* The slots of a leaf that is at @base which lie in first..last. */
static inline unsigned long page_tree_mask(unsigned long base, unsigned long first,
					   unsigned long last)
{
	unsigned long from = max(first, base) - base;
	unsigned long to = min(last - base, PAGE_TREE_SLOTS - 1ul);

	return GENMASK(to, from);
}

/* How many slots in a row @map begins with. */
static inline unsigned int page_tree_extent(unsigned long map)
{
	return ~map ? __ffs(~map) : PAGE_TREE_SLOTS;
}

int page_tree_init(struct page_tree *t, unsigned long nr_pages, struct rw_semaphore *lock,
		   gfp_t gfp);
void page_tree_destroy(struct page_tree *t);
struct page_tree_node *page_tree_leaf(struct page_tree *t, unsigned long index);
struct page_tree_node *page_tree_make_leaf(struct page_tree *t, unsigned long index, gfp_t gfp);
struct page_tree_node *page_tree_turn_to(struct page_tree *t, unsigned long index, gfp_t gfp);
unsigned long page_tree_fill(struct page_tree *t, struct page_tree_node *leaf, unsigned long map,
			     struct page **pages);
void page_tree_clear(struct page_tree *t, const struct page_tree_span *span);
bool page_tree_next(struct page_tree *t, unsigned long first, unsigned long last,
		    struct page_tree_span *span);

/* The slots of a leaf that can be read: those are filled from here on. */
static inline unsigned long page_tree_filled(const struct page_tree_node *leaf)
{
	/* Pairs with page_tree_fill(): who sees a bit sees its page. */
	return smp_load_acquire(&leaf->map);
}

/**
 * page_tree_put() - page_tree_fill() for a caller that has the lock for itself
 * @t:		the tree
 * @leaf:	the leaf
 * @slot:	where the page is to go to; not filled
 * @page:	the page
 */
static inline void page_tree_put(struct page_tree *t, struct page_tree_node *leaf,
				 unsigned int slot, struct page *page)
{
	lockdep_assert_held_write(t->lock);
	leaf->page[slot] = page;
	leaf->map |= BIT(slot);
}

/* The page at @index, or NULL. */
static inline struct page *page_tree_page(struct page_tree *t, unsigned long index)
{
	struct page_tree_node *leaf = page_tree_leaf(t, index);
	unsigned int slot = page_tree_slot(index);

	return leaf && page_tree_filled(leaf) & BIT(slot) ? leaf->page[slot] : NULL;
}

#endif /* KARENA_PAGE_TREE_H */
