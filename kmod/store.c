// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that an arena holds, by index.
 *
 * Adding is for many at once: whoever adds a node or pages does it under
 * s->fill, and readers see a node or a page no sooner than it is complete. Only
 * removal, which has the caller's lock for itself, takes anything away.
 *
 * A node whose map is empty leads nowhere. Below the topmost there may be one,
 * the leaf s->idle, beside those that are being filled right now.
 *
 * Indexes below nr_pages are the caller's to see to, in every call.
 */
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "compat.h"
#include "store.h"

static struct kmem_cache *store_nodes;

/**
 * store_module_init() - before the first store
 *
 * Return: 0 or -ENOMEM.
 */
int __init store_module_init(void)
{
	store_nodes = kmem_cache_create("karena_store", sizeof(struct store_node), 0,
					SLAB_ACCOUNT, NULL);
	return store_nodes ? 0 : -ENOMEM;
}

/**
 * store_module_exit() - after the last store
 */
void store_module_exit(void)
{
	kmem_cache_destroy(store_nodes);
}

/**
 * store_init() - An empty store
 * @s:		the store
 * @nr_pages:	indexes are below it; at least 1
 * @lock:	what the caller holds in all other calls
 */
void store_init(struct store *s, unsigned long nr_pages, struct rw_semaphore *lock)
{
	*s = (struct store) { .lock = lock };
	spin_lock_init(&s->fill);
	while (nr_pages - 1 >= STORE_SLOTS) {
		nr_pages = DIV_ROUND_UP(nr_pages, STORE_SLOTS);
		s->height++;
	}
}
EXPORT_SYMBOL_IF_KUNIT(store_init);

/* The slot of a node @height levels above the leaves that leads to @index. */
static unsigned int store_place(unsigned long index, unsigned int height)
{
	return store_slot(index >> (height * STORE_SHIFT));
}

/* The lowest node there is on the way to an index; it is @height above the leaves. */
static struct store_node *store_lowest(struct store *s, unsigned long index,
				       unsigned int *height)
{
	struct store_node *node = &s->root;
	unsigned int place;

	lockdep_assert_held(s->lock);
	for (*height = s->height; *height; --*height) {
		place = store_place(index, *height);
		if (!(store_filled(node) & BIT(place)))
			break;
		node = node->node[place];
	}
	return node;
}

/**
 * store_leaf() - The leaf that has the slot of an index
 * @s:		the store
 * @index:	of a page
 *
 * Return: the leaf, or NULL if there is none.
 */
struct store_node *store_leaf(struct store *s, unsigned long index)
{
	unsigned int height;
	struct store_node *node = store_lowest(s, index, &height);

	return height ? NULL : node;
}
EXPORT_SYMBOL_IF_KUNIT(store_leaf);

/* Frees a node and those above it, up to and without @end. */
static void store_free_path(struct store_node *node, const struct store_node *end)
{
	struct store_node *parent;

	for (; node != end; node = parent) {
		parent = node->parent;
		kmem_cache_free(store_nodes, node);
	}
}

/*
 * The nodes that are lacking between @above, which is @height above the leaves,
 * and the slot of an index: each leads to the next one, @above not yet to the
 * first. Returns the last one, which is the leaf, or NULL if there is no memory.
 */
static struct store_node *store_make_path(struct store_node *above, unsigned int height,
					  unsigned long index, gfp_t gfp,
					  struct store_node **first)
{
	struct store_node *parent = above;
	struct store_node *node;

	for (; height; height--, parent = node) {
		node = kmem_cache_alloc(store_nodes, gfp);
		if (!node) {
			store_free_path(parent, above);
			return NULL;
		}
		node->map = 0;
		node->parent = parent;
		node->place = store_place(index, height);
		if (parent == above) {
			*first = node;
		} else {
			parent->node[node->place] = node;
			parent->map = BIT(node->place);
		}
	}
	return node;
}

/* Has its parent lead to a node; false if there was somebody quicker. */
static bool store_link(struct store *s, struct store_node *node)
{
	struct store_node *parent = node->parent;
	bool linked;

	spin_lock(&s->fill);
	linked = !(parent->map & BIT(node->place));
	if (linked) {
		parent->node[node->place] = node;
		/* Pairs with store_filled(). */
		smp_store_release(&parent->map, parent->map | BIT(node->place));
	}
	spin_unlock(&s->fill);
	return linked;
}

/**
 * store_make_leaf() - The leaf that has the slot of an index, made if need be
 * @s:		the store
 * @index:	of a page that is about to be added
 * @gfp:	for nodes
 *
 * Context: may sleep if @gfp says so.
 * Return: the leaf; or NULL if there is no memory, with nothing changed.
 */
struct store_node *store_make_leaf(struct store *s, unsigned long index, gfp_t gfp)
{
	struct store_node *lowest, *first, *leaf;
	unsigned int height;

	for (;;) {
		lowest = store_lowest(s, index, &height);
		if (!height)
			return lowest;
		leaf = store_make_path(lowest, height, index, gfp, &first);
		if (!leaf || store_link(s, first))
			return leaf;
		store_free_path(leaf, lowest);
	}
}
EXPORT_SYMBOL_IF_KUNIT(store_make_leaf);

/**
 * store_fill() - Add pages to a leaf
 * @s:		the store
 * @leaf:	the leaf
 * @map:	slots that pages are to go to
 * @pages:	a page for each of them, from the lowest on
 *
 * Return: the slots that were filled: those that were not already.
 */
unsigned long store_fill(struct store *s, struct store_node *leaf, unsigned long map,
			 struct page **pages)
{
	unsigned long filled;

	lockdep_assert_held(s->lock);
	spin_lock(&s->fill);
	filled = leaf->map;
	for (; map; map &= map - 1) {
		if (!(filled & map & -map)) {
			leaf->page[__ffs(map)] = *pages;
			filled |= map & -map;
		}
		pages++;
	}
	map = filled & ~leaf->map;
	/* Pairs with store_filled(). */
	smp_store_release(&leaf->map, filled);
	spin_unlock(&s->fill);
	return map;
}
EXPORT_SYMBOL_IF_KUNIT(store_fill);

/* Frees a node if it leads nowhere, and those above that then do so too. */
static void store_prune(struct store_node *node)
{
	struct store_node *parent;

	for (; node->parent && !node->map; node = parent) {
		parent = node->parent;
		parent->map &= ~BIT(node->place);
		kmem_cache_free(store_nodes, node);
	}
}

/**
 * store_clear() - Forget pages of a leaf
 * @s:		the store
 * @leaf:	the leaf; may be gone afterwards
 * @map:	slots that are filled, to be so no more
 */
void store_clear(struct store *s, struct store_node *leaf, unsigned long map)
{
	lockdep_assert_held_write(s->lock);
	leaf->map &= ~map;
	if (leaf->map || s->idle == leaf)
		return;
	if (s->idle)
		store_prune(s->idle);
	s->idle = leaf;
}
EXPORT_SYMBOL_IF_KUNIT(store_clear);

/*
 * The leaf of the first page at or after *@index, which becomes that page's; NULL
 * if there is none up to @last.
 */
static struct store_node *store_seek(struct store *s, unsigned long *index, unsigned long last)
{
	unsigned int shift = s->height * STORE_SHIFT;
	struct store_node *node = &s->root;
	unsigned long at, map;

	lockdep_assert_held(s->lock);
	while (*index <= last) {
		at = *index >> shift;
		map = store_filled(node) >> store_slot(at);
		if (!map) {
			/* Go on behind this node, from the top. */
			*index = (at - store_slot(at) + STORE_SLOTS) << shift;
			shift = s->height * STORE_SHIFT;
			node = &s->root;
			continue;
		}
		at += __ffs(map);
		*index = max(*index, at << shift);
		if (!shift)
			return *index <= last ? node : NULL;
		node = node->node[store_slot(at)];
		shift -= STORE_SHIFT;
	}
	return NULL;
}

/**
 * store_next() - What the next leaf holds of a range
 * @s:		the store
 * @first:	first index
 * @last:	last index; there is nothing in a range that ends before it begins
 * @span:	out; the next call's @first is its @base + STORE_SLOTS
 *
 * Return: whether there is a page; if not, @span means nothing.
 */
bool store_next(struct store *s, unsigned long first, unsigned long last,
		struct store_span *span)
{
	span->leaf = store_seek(s, &first, last);
	if (!span->leaf)
		return false;
	span->base = first - store_slot(first);
	span->map = store_filled(span->leaf) & store_mask(span->base, first, last);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(store_next);

/**
 * store_destroy() - Free what the store takes
 * @s:		the store, not to be used any more; without pages
 *
 * Context: may sleep.
 */
void store_destroy(struct store *s)
{
	lockdep_assert_held_write(s->lock);
	if (s->idle)
		store_prune(s->idle);
}
EXPORT_SYMBOL_IF_KUNIT(store_destroy);
