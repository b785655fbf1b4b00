// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the pages that an arena holds by their index.
 *
 * To add pages, under the lock, held shared or exclusively:
 *
 *	page_tree_make_leaf()	finds or makes a leaf
 *	page_tree_fill()	fills slots of this leaf
 *
 * To remove the pages of a range, under the lock held exclusively, until there is none:
 *
 *	page_tree_next()	finds the next leaf that has pages of the range
 *	page_tree_clear()	clears their slots in this leaf
 *
 * Several tasks may add at once: they add leaves and pages under the xarray's lock, and
 * readers see a leaf or a page only when it is complete. While the lock is held shared, no
 * page and no leaf goes away. Apart from leaves that are about to be filled, at most one leaf
 * is empty: the one at t->idle.
 *
 * In every call the caller ensures that indexes are below nr_pages.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/slab.h>

#include "account.h"
#include "compat.h"
#include "memory.h"
#include "page_tree.h"

/**
 * page_tree_init() - set up an empty page tree
 * @t:		the tree
 * @nr_pages:	limit of indexes; at least 1
 * @lock:	held by the caller in all other calls except page_tree_destroy()
 * @account:	charged for the leaves; may be NULL
 */
void page_tree_init(struct page_tree *t, unsigned long nr_pages, struct rw_semaphore *lock,
		    struct karena_account *account)
{
	unsigned int bits = fls_long((nr_pages - 1) >> PAGE_TREE_SHIFT);

	*t = (struct page_tree) {
		/*
		 * The xarray does not tell when it allocates a node or frees one. So the
		 * charge for each leaf includes all nodes on the way to the leaf, as if it
		 * shared none of them.
		 */
		.leaf_bytes = KARENA_SLAB_BYTES(sizeof(struct page_tree_leaf)) +
			      DIV_ROUND_UP(bits, XA_CHUNK_SHIFT) *
			      (sizeof(struct xa_node) + sizeof(void *)),
		.account = account,
		.idle = PAGE_TREE_NOWHERE,
		.lock = lock,
	};
	xa_init_flags(&t->leaves, XA_FLAGS_ACCOUNT);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_init);

/**
 * page_tree_leaf() - find the leaf of an index
 * @t:		the tree
 * @index:	of a page
 *
 * Return: the leaf, or NULL if there is none.
 */
struct page_tree_leaf *page_tree_leaf(struct page_tree *t, unsigned long index)
{
	lockdep_assert_held(t->lock);
	return xa_load(&t->leaves, index >> PAGE_TREE_SHIFT);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_leaf);

static void page_tree_free_leaf(struct page_tree *t, struct page_tree_leaf *leaf)
{
	kfree(leaf);
	karena_account_uncharge(t->account, t->leaf_bytes);
}

/**
 * page_tree_make_leaf() - find the leaf of an index, or make and charge it
 * @t:		the tree
 * @index:	of a page about to be added
 * @gfp:	for the leaf, and for nodes that lead to it
 *
 * Context: may sleep if @gfp says so.
 * Return: the leaf; or an ERR_PTR(): -EDQUOT or -ENOMEM.
 */
struct page_tree_leaf *page_tree_make_leaf(struct page_tree *t, unsigned long index, gfp_t gfp)
{
	struct page_tree_leaf *leaf = page_tree_leaf(t, index);
	void *found = XA_ERROR(-ENOMEM);
	int err;

	if (leaf)
		return leaf;
	err = karena_account_charge(t->account, t->leaf_bytes);
	if (err)
		return ERR_PTR(err);
	leaf = kmalloc(sizeof(*leaf), gfp);
	if (leaf) {
		leaf->map = 0;
		found = xa_cmpxchg(&t->leaves, index >> PAGE_TREE_SHIFT, NULL, leaf, gfp);
	}
	if (!found)
		return leaf;
	page_tree_free_leaf(t, leaf);
	/* Another task may have been faster. */
	return xa_is_err(found) ? ERR_PTR(xa_err(found)) : found;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_make_leaf);

/**
 * page_tree_fill() - put pages into those slots of a leaf that are empty
 * @t:		the tree
 * @leaf:	the leaf
 * @map:	slots for the pages
 * @pages:	a page for each slot of @map, from the lowest slot on
 *
 * Return: those slots of @map that were empty, and now have their pages.
 */
unsigned long page_tree_fill(struct page_tree *t, struct page_tree_leaf *leaf, unsigned long map,
			     struct page **pages)
{
	unsigned long filled;

	lockdep_assert_held(t->lock);
	xa_lock(&t->leaves);
	filled = leaf->map;
	for (; map; map &= map - 1, pages++) {
		if (!(filled & map & -map)) {
			leaf->page[__ffs(map)] = *pages;
			filled |= map & -map;
		}
	}
	map = filled & ~leaf->map;
	/* Pairs with page_tree_filled(). */
	smp_store_release(&leaf->map, filled);
	xa_unlock(&t->leaves);
	return map;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_fill);

/* Frees the leaf of t->idle, if it is still empty. */
static void page_tree_free_idle(struct page_tree *t)
{
	unsigned long at = t->idle >> PAGE_TREE_SHIFT;
	struct page_tree_leaf *leaf;

	if (t->idle == PAGE_TREE_NOWHERE)
		return;
	leaf = xa_load(&t->leaves, at);
	if (!leaf->map) {
		xa_erase(&t->leaves, at);
		page_tree_free_leaf(t, leaf);
	}
	t->idle = PAGE_TREE_NOWHERE;
}

/**
 * page_tree_clear() - remove pages from a leaf
 * @t:		the tree
 * @span:	the leaf, and the filled slots to clear
 *
 * If the leaf becomes empty, it is kept, and the empty leaf kept so far is freed.
 */
void page_tree_clear(struct page_tree *t, const struct page_tree_span *span)
{
	lockdep_assert_held_write(t->lock);
	span->leaf->map &= ~span->map;
	if (span->leaf->map || t->idle == span->base)
		return;
	page_tree_free_idle(t);
	t->idle = span->base;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_clear);

/**
 * page_tree_trim() - free the leaf that is kept for later pages, if it is empty
 * @t:		the tree
 *
 * Context: any; the lock is held exclusively.
 */
void page_tree_trim(struct page_tree *t)
{
	lockdep_assert_held_write(t->lock);
	page_tree_free_idle(t);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_trim);

/**
 * page_tree_next() - find the next leaf that holds pages of a range
 * @t:		the tree
 * @first:	first index
 * @last:	last index; the range is empty if it is below @first
 * @span:	out; continue with @first = @base + PAGE_TREE_SLOTS
 *
 * Return: whether the range has a page; if not, @span is undefined.
 */
bool page_tree_next(struct page_tree *t, unsigned long first, unsigned long last,
		    struct page_tree_span *span)
{
	unsigned long at;

	lockdep_assert_held(t->lock);
	if (first > last)
		return false;
	xa_for_each_range(&t->leaves, at, span->leaf, first >> PAGE_TREE_SHIFT,
			  last >> PAGE_TREE_SHIFT) {
		span->base = at << PAGE_TREE_SHIFT;
		span->map = page_tree_filled(span->leaf) & page_tree_mask(span->base, first, last);
		if (span->map)
			return true;
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_next);

/**
 * page_tree_destroy() - free the leaf and the nodes that a tree without pages still has
 * @t:		the tree, which is not used any more
 *
 * Context: may sleep; needs no lock.
 */
void page_tree_destroy(struct page_tree *t)
{
	page_tree_free_idle(t);
	/* An xa_cmpxchg() that failed may have left nodes on the way to its leaf. */
	xa_destroy(&t->leaves);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_destroy);
