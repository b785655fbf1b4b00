/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the pages that an arena holds by their index.
 *
 * A page tree is an xarray of leaves. A leaf has an array of pages such as vm_insert_pages()
 * takes, so a fault passes a part of this array without a copy.
 *
 * The caller provides the lock, and holds it exclusively to remove pages, shared otherwise.
 */
#ifndef KARENA_PAGE_TREE_H
#define KARENA_PAGE_TREE_H

#include <asm/barrier.h>
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct karena_account;
struct page;

/* A leaf has as many slots as a word has bits, so that a word can be a set of slots. */
#define PAGE_TREE_SLOTS	BITS_PER_LONG
#define PAGE_TREE_SHIFT	ilog2(PAGE_TREE_SLOTS)
#define PAGE_TREE_NOWHERE ULONG_MAX

/**
 * struct page_tree_leaf - a leaf
 * @map:	filled slots
 * @page:	pages; undefined where a slot is not filled
 */
struct page_tree_leaf {
	unsigned long map;
	struct page *page[PAGE_TREE_SLOTS];
};

/**
 * struct page_tree - maps indexes to pages
 * @leaves:	leaves by index / PAGE_TREE_SLOTS. The xarray's lock serializes tasks that add;
 *		no lock nests inside
 * @leaf_bytes:	charge for a leaf; fixed after init
 * @account:	charged for the leaves, may be NULL; fixed after init
 * @idle:	index of the first slot of a leaf that has lost its last page; or
 *		PAGE_TREE_NOWHERE. The leaf is kept, so that a page that comes and goes does
 *		not need a new leaf each time. It may have got pages again since
 * @lock:	the caller's lock, protects everything else; fixed after init
 */
struct page_tree {
	struct xarray leaves;
	unsigned long leaf_bytes;
	struct karena_account *account;
	unsigned long idle;
	struct rw_semaphore *lock;
};

/**
 * struct page_tree_span - pages of a range that one leaf holds
 * @leaf:	the leaf
 * @base:	index of the leaf's first slot
 * @map:	filled slots within the range, at least one
 */
struct page_tree_span {
	struct page_tree_leaf *leaf;
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

void page_tree_init(struct page_tree *t, unsigned long nr_pages, struct rw_semaphore *lock,
		    struct karena_account *account);
void page_tree_destroy(struct page_tree *t);
struct page_tree_leaf *page_tree_leaf(struct page_tree *t, unsigned long index);
struct page_tree_leaf *page_tree_make_leaf(struct page_tree *t, unsigned long index, gfp_t gfp);
unsigned long page_tree_fill(struct page_tree *t, struct page_tree_leaf *leaf, unsigned long map,
			     struct page **pages);
void page_tree_clear(struct page_tree *t, const struct page_tree_span *span);
void page_tree_trim(struct page_tree *t);
bool page_tree_next(struct page_tree *t, unsigned long first, unsigned long last,
		    struct page_tree_span *span);

/* Returns the filled slots of a leaf; their pages can be read after the call. */
static inline unsigned long page_tree_filled(const struct page_tree_leaf *leaf)
{
	/* Pairs with page_tree_fill(): a reader that sees a bit sees its page. */
	return smp_load_acquire(&leaf->map);
}

#endif /* KARENA_PAGE_TREE_H */
