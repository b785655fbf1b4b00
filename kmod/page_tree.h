/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages that an arena holds, by index.
 *
 * A tree of nodes with as many slots as a word has bits, as deep as the arena's size
 * requires. Below the topmost node there are only nodes that lead to pages. The slots of a
 * leaf are an array of pages, as vm_insert_pages() takes them, so a fault passes the pages
 * around a touch as they lie. Everything else about a node is in its parent's slot, so
 * slots fill the memory allocated for them: 512 bytes for a leaf, 1,024 for other nodes.
 *
 * The caller provides the lock, and holds it exclusively to remove, shared otherwise.
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

struct karena_account;
struct page;

#define PAGE_TREE_SLOTS	BITS_PER_LONG
#define PAGE_TREE_SHIFT	ilog2(PAGE_TREE_SLOTS)
#define PAGE_TREE_NOWHERE ULONG_MAX

/**
 * struct page_tree_node - a node of the tree
 * @map:	filled slots; other slots are undefined
 * @node:	slots of a node above the leaves: the nodes below
 * @page:	slots of a leaf: pages
 */
struct page_tree_node {
	unsigned long map;
	union {
		struct page_tree_node *node;
		struct page **page;
	};
};

/**
 * struct page_tree - maps indexes to pages
 * @root:	topmost node, which always exists; the leaf if there is just one level
 * @height:	levels above the leaves; fixed after init
 * @account:	charged for the nodes, may be NULL; fixed after init
 * @idle:	an index in a leaf that has lost its last page, and is kept for the next
 *		page, so that pages which come and go need no node each time. May also
 *		be in any other leaf, or PAGE_TREE_NOWHERE
 * @hint:	leaf last turned to or cleared, which is mostly sought next; valid only if
 *		there is a @hint_base
 * @hint_base:	index of its first slot, or PAGE_TREE_NOWHERE
 * @fill:	serializes tasks that add; nothing nests inside
 * @lock:	the caller's, protects everything else; fixed after init
 */
struct page_tree {
	struct page_tree_node root;
	unsigned int height;
	struct karena_account *account;
	unsigned long idle;
	struct page_tree_node *hint;
	unsigned long hint_base;
	spinlock_t fill;	/* adding nodes and pages */
	struct rw_semaphore *lock;
};

/**
 * struct page_tree_span - pages of a range that one leaf holds
 * @leaf:	the leaf
 * @base:	index of the leaf's first slot
 * @map:	filled slots within the range, at least one
 */
struct page_tree_span {
	struct page_tree_node *leaf;
	unsigned long base;
	unsigned long map;
};

/* Returns the slot of an index in its leaf. */
static inline unsigned int page_tree_slot(unsigned long index)
{
	return index % PAGE_TREE_SLOTS;
}

/* Returns the slots of first..last in the leaf at @base. */
static inline unsigned long page_tree_mask(unsigned long base, unsigned long first,
					   unsigned long last)
{
	unsigned long from = max(first, base) - base;
	unsigned long to = min(last - base, PAGE_TREE_SLOTS - 1ul);

	return GENMASK(to, from);
}

/* Returns the number of contiguous slots that @map begins with. */
static inline unsigned int page_tree_extent(unsigned long map)
{
	return ~map ? __ffs(~map) : PAGE_TREE_SLOTS;
}

int page_tree_init(struct page_tree *t, unsigned long nr_pages, struct rw_semaphore *lock,
		   struct karena_account *account, gfp_t gfp);
void page_tree_destroy(struct page_tree *t);
struct page_tree_node *page_tree_leaf(struct page_tree *t, unsigned long index);
struct page_tree_node *page_tree_make_leaf(struct page_tree *t, unsigned long index, gfp_t gfp);
struct page_tree_node *page_tree_turn_to(struct page_tree *t, unsigned long index, gfp_t gfp);
unsigned long page_tree_fill(struct page_tree *t, struct page_tree_node *leaf, unsigned long map,
			     struct page **pages);
void page_tree_clear(struct page_tree *t, const struct page_tree_span *span);
void page_tree_trim(struct page_tree *t);
bool page_tree_next(struct page_tree *t, unsigned long first, unsigned long last,
		    struct page_tree_span *span);

/* Returns the filled slots of a leaf, which can be read after this. */
static inline unsigned long page_tree_filled(const struct page_tree_node *leaf)
{
	/* Pairs with page_tree_fill(): a reader that sees a bit sees its page. */
	return smp_load_acquire(&leaf->map);
}

/**
 * page_tree_put() - add a page to a leaf under the exclusive lock
 * @t:		the tree
 * @leaf:	the leaf
 * @slot:	an empty slot
 * @page:	the page
 */
static inline void page_tree_put(struct page_tree *t, struct page_tree_node *leaf,
				 unsigned int slot, struct page *page)
{
	lockdep_assert_held_write(t->lock);
	leaf->page[slot] = page;
	leaf->map |= BIT(slot);
}

/* Returns the page at @index, or NULL. */
static inline struct page *page_tree_page(struct page_tree *t, unsigned long index)
{
	struct page_tree_node *leaf = page_tree_leaf(t, index);
	unsigned int slot = page_tree_slot(index);

	return leaf && page_tree_filled(leaf) & BIT(slot) ? leaf->page[slot] : NULL;
}

#endif /* KARENA_PAGE_TREE_H */
