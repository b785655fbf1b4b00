// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that an arena holds, by index.
 *
 * Several tasks may add at once: they add nodes and pages under t->fill, and readers see
 * a node or a page only when it is complete. Only removal, for which the caller has the
 * lock exclusively, takes anything away.
 *
 * A node with an empty map leads nowhere. Apart from nodes that are being filled there is
 * at most one below the topmost node: the leaf of t->idle. While t->idle names a leaf,
 * the leaf exists, as nothing else frees it.
 *
 * In every call the caller ensures that indexes are below nr_pages.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "account.h"
#include "compat.h"
#include "page_tree.h"

/* Most levels of nodes. */
#define PAGE_TREE_LEVELS DIV_ROUND_UP(BITS_PER_LONG, PAGE_TREE_SHIFT)

/* Returns the size of the slots of a node @height levels above the leaves. */
static unsigned long page_tree_slots_bytes(unsigned int height)
{
	return height ? KARENA_SLAB_BYTES(PAGE_TREE_SLOTS * sizeof(struct page_tree_node)) :
			KARENA_SLAB_BYTES(PAGE_TREE_SLOTS * sizeof(struct page *));
}

/* Allocates the slots of a node @height levels above the leaves, all empty. */
static int page_tree_make_slots(struct page_tree *t, struct page_tree_node *node,
				unsigned int height, gfp_t gfp)
{
	int err;

	err = karena_account_charge(t->account, page_tree_slots_bytes(height));
	if (err)
		return err;
	node->map = 0;
	if (height)
		node->node = kmalloc_array(PAGE_TREE_SLOTS, sizeof(*node->node), gfp);
	else
		node->page = kmalloc_array(PAGE_TREE_SLOTS, sizeof(*node->page), gfp);
	if (node->node)
		return 0;
	karena_account_uncharge(t->account, page_tree_slots_bytes(height));
	return -ENOMEM;
}

static void page_tree_free_slots(struct page_tree *t, struct page_tree_node *node,
				 unsigned int height)
{
	kfree(node->node);
	karena_account_uncharge(t->account, page_tree_slots_bytes(height));
}

/**
 * page_tree_init() - set up an empty page tree
 * @t:		the tree
 * @nr_pages:	limit of indexes; at least 1
 * @lock:	held by the caller in all other calls except page_tree_destroy()
 * @account:	charged for the nodes; may be NULL
 * @gfp:	for the topmost node
 *
 * Context: may sleep if @gfp says so.
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int page_tree_init(struct page_tree *t, unsigned long nr_pages, struct rw_semaphore *lock,
		   struct karena_account *account, gfp_t gfp)
{
	*t = (struct page_tree) {
		.account = account,
		.idle = PAGE_TREE_NOWHERE,
		.hint_base = PAGE_TREE_NOWHERE,
		.lock = lock,
	};
	spin_lock_init(&t->fill);
	while (nr_pages - 1 >= PAGE_TREE_SLOTS) {
		nr_pages = DIV_ROUND_UP(nr_pages, PAGE_TREE_SLOTS);
		t->height++;
	}
	return page_tree_make_slots(t, &t->root, t->height, gfp);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_init);

/* Returns the slot that leads to @index in a node @height levels above the leaves. */
static unsigned int page_tree_place(unsigned long index, unsigned int height)
{
	return page_tree_slot(index >> (height * PAGE_TREE_SHIFT));
}

/* Returns the lowest existing node on the way to an index, and its @height. */
static struct page_tree_node *page_tree_lowest(struct page_tree *t, unsigned long index,
					       unsigned int *height)
{
	struct page_tree_node *node = &t->root;
	unsigned int place;

	lockdep_assert_held(t->lock);
	for (*height = t->height; *height; --*height) {
		place = page_tree_place(index, *height);
		if (!(page_tree_filled(node) & BIT(place)))
			break;
		node = &node->node[place];
	}
	return node;
}

/**
 * page_tree_leaf() - find the leaf of an index
 * @t:		the tree
 * @index:	of a page
 *
 * Return: the leaf, or NULL if there is none.
 */
struct page_tree_node *page_tree_leaf(struct page_tree *t, unsigned long index)
{
	unsigned int height;
	struct page_tree_node *node = page_tree_lowest(t, index, &height);

	return height ? NULL : node;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_leaf);

/* Frees the slots of unpublished nodes: of @node and of the one below each. */
static void page_tree_free_path(struct page_tree *t, struct page_tree_node node,
				unsigned int height, unsigned long index)
{
	struct page_tree_node below;

	for (; height; height--, node = below) {
		below = node.node[page_tree_place(index, height)];
		page_tree_free_slots(t, &node, height);
	}
	page_tree_free_slots(t, &node, 0);
}

/*
 * Makes *@node, @height levels above the leaves, and the nodes below it down to the leaf
 * of an index. Returns 0, -EDQUOT or -ENOMEM.
 */
static int page_tree_make_path(struct page_tree *t, struct page_tree_node *node,
			       unsigned int height, unsigned long index, gfp_t gfp)
{
	struct page_tree_node below;
	unsigned int level, place;
	int err;

	err = page_tree_make_slots(t, node, 0, gfp);
	for (level = 1; !err && level <= height; level++) {
		below = *node;
		err = page_tree_make_slots(t, node, level, gfp);
		if (err) {
			page_tree_free_path(t, below, level - 1, index);
			break;
		}
		place = page_tree_place(index, level);
		node->node[place] = below;
		node->map = BIT(place);
	}
	return err;
}

/* Links a node into a slot of its parent; false if another task was faster. */
static bool page_tree_link(struct page_tree *t, struct page_tree_node *parent, unsigned int place,
			   const struct page_tree_node *node)
{
	bool linked;

	spin_lock(&t->fill);
	linked = !(parent->map & BIT(place));
	if (linked) {
		parent->node[place] = *node;
		/* Pairs with page_tree_filled(). */
		smp_store_release(&parent->map, parent->map | BIT(place));
	}
	spin_unlock(&t->fill);
	return linked;
}

/* Makes a leaf that does not exist yet. Not inlined, as that happens once per leaf. */
static noinline struct page_tree_node *page_tree_grow(struct page_tree *t, unsigned long index,
						      gfp_t gfp)
{
	struct page_tree_node *lowest, node;
	unsigned int height;
	int err;

	for (;;) {
		lowest = page_tree_lowest(t, index, &height);
		if (!height)
			return lowest;
		err = page_tree_make_path(t, &node, height - 1, index, gfp);
		if (err)
			return ERR_PTR(err);
		if (!page_tree_link(t, lowest, page_tree_place(index, height), &node))
			page_tree_free_path(t, node, height - 1, index);
	}
}

/**
 * page_tree_make_leaf() - find the leaf of an index, or make it
 * @t:		the tree
 * @index:	of a page about to be added
 * @gfp:	for nodes
 *
 * Context: may sleep if @gfp says so.
 * Return: the leaf; or an ERR_PTR(): -EDQUOT or -ENOMEM, with nothing changed.
 */
struct page_tree_node *page_tree_make_leaf(struct page_tree *t, unsigned long index, gfp_t gfp)
{
	return page_tree_leaf(t, index) ?: page_tree_grow(t, index, gfp);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_make_leaf);

/**
 * page_tree_turn_to() - find or make a leaf under the exclusive lock
 * @t:		the tree
 * @index:	of a page about to be added
 * @gfp:	for nodes
 *
 * Remembers the leaf, so that the next call for the same leaf is faster.
 *
 * Context: may sleep if @gfp says so.
 * Return: the leaf; or an ERR_PTR(): -EDQUOT or -ENOMEM, with nothing changed.
 */
struct page_tree_node *page_tree_turn_to(struct page_tree *t, unsigned long index, gfp_t gfp)
{
	unsigned long base = index - page_tree_slot(index);
	struct page_tree_node *leaf;

	lockdep_assert_held_write(t->lock);
	if (base == t->hint_base)
		return t->hint;
	leaf = page_tree_make_leaf(t, index, gfp);
	if (!IS_ERR(leaf)) {
		t->hint = leaf;
		t->hint_base = base;
	}
	return leaf;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_turn_to);

/**
 * page_tree_fill() - add pages to a leaf
 * @t:		the tree
 * @leaf:	the leaf
 * @map:	slots for the pages
 * @pages:	a page for each slot, from the lowest slot on
 *
 * Return: the slots that were filled, as they were empty.
 */
unsigned long page_tree_fill(struct page_tree *t, struct page_tree_node *leaf, unsigned long map,
			     struct page **pages)
{
	unsigned long filled;

	lockdep_assert_held(t->lock);
	spin_lock(&t->fill);
	filled = leaf->map;
	for (; map; map &= map - 1) {
		if (!(filled & map & -map)) {
			leaf->page[__ffs(map)] = *pages;
			filled |= map & -map;
		}
		pages++;
	}
	map = filled & ~leaf->map;
	/* Pairs with page_tree_filled(). */
	smp_store_release(&leaf->map, filled);
	spin_unlock(&t->fill);
	return map;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_fill);

/* Frees the leaf of an index if it is empty, and nodes above it that become empty. */
static void page_tree_prune(struct page_tree *t, unsigned long index)
{
	struct page_tree_node *path[PAGE_TREE_LEVELS];
	unsigned int height = t->height;

	path[height] = &t->root;
	for (; height; height--)
		path[height - 1] = &path[height]->node[page_tree_place(index, height)];
	for (; height < t->height && !path[height]->map; height++) {
		page_tree_free_slots(t, path[height], height);
		path[height + 1]->map &= ~BIT(page_tree_place(index, height + 1));
	}
}

/**
 * page_tree_clear() - remove pages from a leaf
 * @t:		the tree
 * @span:	the leaf, which may be gone afterwards, and the filled slots to clear
 */
void page_tree_clear(struct page_tree *t, const struct page_tree_span *span)
{
	lockdep_assert_held_write(t->lock);
	/* So the hint is never a leaf that is pruned. */
	t->hint = span->leaf;
	t->hint_base = span->base;
	span->leaf->map &= ~span->map;
	if (span->leaf->map || t->idle == span->base)
		return;
	if (t->idle != PAGE_TREE_NOWHERE)
		page_tree_prune(t, t->idle);
	t->idle = span->base;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_clear);

/**
 * page_tree_trim() - free the empty leaf that is kept for later pages
 * @t:		the tree
 *
 * Context: any; the lock is held exclusively.
 */
void page_tree_trim(struct page_tree *t)
{
	lockdep_assert_held_write(t->lock);
	if (t->idle == PAGE_TREE_NOWHERE)
		return;
	page_tree_prune(t, t->idle);
	t->idle = PAGE_TREE_NOWHERE;
	t->hint_base = PAGE_TREE_NOWHERE;
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_trim);

/* Returns the slots of first..last in the leaf of @first. */
static inline unsigned long page_tree_slots_from(unsigned long first, unsigned long last)
{
	return GENMASK(min(last - first, PAGE_TREE_SLOTS - 1ul), 0) << page_tree_slot(first);
}

/*
 * Finds the first page at or after *@index, up to @last; stores its index and returns its
 * leaf, or NULL if there is none.
 */
static struct page_tree_node *page_tree_seek(struct page_tree *t, unsigned long *index,
					     unsigned long last)
{
	unsigned int shift = t->height * PAGE_TREE_SHIFT;
	struct page_tree_node *node = &t->root;
	unsigned long at, map;

	lockdep_assert_held(t->lock);
	while (*index <= last) {
		at = *index >> shift;
		map = page_tree_filled(node) >> page_tree_slot(at);
		if (!map) {
			/* Continue behind this node, from the top. */
			*index = (at - page_tree_slot(at) + PAGE_TREE_SLOTS) << shift;
			shift = t->height * PAGE_TREE_SHIFT;
			node = &t->root;
			continue;
		}
		at += __ffs(map);
		*index = max(*index, at << shift);
		if (!shift)
			return *index <= last ? node : NULL;
		node = &node->node[page_tree_slot(at)];
		shift -= PAGE_TREE_SHIFT;
	}
	return NULL;
}

/* The slow path of page_tree_next(), from the top of the tree. */
static noinline bool page_tree_next_seek(struct page_tree *t, unsigned long first,
					 unsigned long last, struct page_tree_span *span)
{
	span->leaf = page_tree_seek(t, &first, last);
	if (!span->leaf)
		return false;
	span->base = first - page_tree_slot(first);
	span->map = page_tree_filled(span->leaf) & page_tree_slots_from(first, last);
	return true;
}

/**
 * page_tree_next() - find the next leaf that holds pages of a range
 * @t:		the tree
 * @first:	first index
 * @last:	last index; the range is empty if it is below @first
 * @span:	out; continue with @first = @base + PAGE_TREE_SLOTS
 *
 * Return: whether there is a page; if not, @span is undefined.
 */
bool page_tree_next(struct page_tree *t, unsigned long first, unsigned long last,
		    struct page_tree_span *span)
{
	span->base = first - page_tree_slot(first);
	if (span->base == t->hint_base && first <= last) {
		span->leaf = t->hint;
		span->map = page_tree_filled(span->leaf) & page_tree_slots_from(first, last);
		if (span->map)
			return true;
	}
	return page_tree_next_seek(t, first, last, span);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_next);

/**
 * page_tree_destroy() - free the nodes of a tree
 * @t:		the tree, which is empty and not used any more
 *
 * Context: may sleep; needs no lock.
 */
void page_tree_destroy(struct page_tree *t)
{
	if (t->idle != PAGE_TREE_NOWHERE)
		page_tree_prune(t, t->idle);
	page_tree_free_slots(t, &t->root, t->height);
}
EXPORT_SYMBOL_IF_KUNIT(page_tree_destroy);
