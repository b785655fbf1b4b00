// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that an arena holds, by index.
 *
 * Adding is for many at once: whoever adds a node or pages does it under
 * s->fill, and readers see a node or a page no sooner than it is complete. Only
 * removal, which has the caller's lock for itself, takes anything away.
 *
 * A node whose map is empty leads nowhere. Below the topmost there may be one,
 * the leaf of s->idle, beside those that are being filled right now. A leaf that
 * s->idle names is there, for nothing else frees one.
 *
 * Indexes below nr_pages are the caller's to see to, in every call.
 */
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "compat.h"
#include "store.h"

/* How many levels of nodes there can be. */
#define STORE_LEVELS	DIV_ROUND_UP(BITS_PER_LONG, STORE_SHIFT)

/* Gives a node that is @height above the leaves its slots, all empty. */
static bool store_make_slots(struct store_node *node, unsigned int height, gfp_t gfp)
{
	node->map = 0;
	if (height)
		node->node = kmalloc_array(STORE_SLOTS, sizeof(*node->node), gfp);
	else
		node->page = kmalloc_array(STORE_SLOTS, sizeof(*node->page), gfp);
	return node->node;
}

/**
 * store_init() - An empty store
 * @s:		the store
 * @nr_pages:	indexes are below it; at least 1
 * @lock:	what the caller holds in all other calls but store_destroy()
 * @gfp:	for the topmost node
 *
 * Context: may sleep if @gfp says so.
 * Return: 0 or -ENOMEM.
 */
int store_init(struct store *s, unsigned long nr_pages, struct rw_semaphore *lock, gfp_t gfp)
{
	*s = (struct store) {
		.idle = STORE_NOWHERE,
		.near_base = STORE_NOWHERE,
		.lock = lock,
	};
	spin_lock_init(&s->fill);
	while (nr_pages - 1 >= STORE_SLOTS) {
		nr_pages = DIV_ROUND_UP(nr_pages, STORE_SLOTS);
		s->height++;
	}
	return store_make_slots(&s->root, s->height, gfp) ? 0 : -ENOMEM;
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
		node = &node->node[place];
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

/* Frees the slots of nodes that nobody has seen, @node and the one below each. */
static void store_free_path(struct store_node node, unsigned int height, unsigned long index)
{
	struct store_node below;

	for (; height; height--, node = below) {
		below = node.node[store_place(index, height)];
		kfree(node.node);
	}
	kfree(node.page);
}

/*
 * Makes *@node, which is @height above the leaves, and one below each to the leaf
 * of an index. False if there is no memory.
 */
static bool store_make_path(struct store_node *node, unsigned int height, unsigned long index,
			    gfp_t gfp)
{
	struct store_node below;
	unsigned int level, place;

	if (!store_make_slots(node, 0, gfp))
		return false;
	for (level = 1; level <= height; level++) {
		below = *node;
		if (!store_make_slots(node, level, gfp)) {
			store_free_path(below, level - 1, index);
			return false;
		}
		place = store_place(index, level);
		node->node[place] = below;
		node->map = BIT(place);
	}
	return true;
}

/* Puts a node into a slot of its parent; false if there was somebody quicker. */
static bool store_link(struct store *s, struct store_node *parent, unsigned int place,
		       const struct store_node *node)
{
	bool linked;

	spin_lock(&s->fill);
	linked = !(parent->map & BIT(place));
	if (linked) {
		parent->node[place] = *node;
		/* Pairs with store_filled(). */
		smp_store_release(&parent->map, parent->map | BIT(place));
	}
	spin_unlock(&s->fill);
	return linked;
}

/* Makes the leaf that there is none of yet. Kept apart, as it is needed once a leaf. */
static noinline struct store_node *store_grow(struct store *s, unsigned long index, gfp_t gfp)
{
	struct store_node *lowest, node;
	unsigned int height;

	for (;;) {
		lowest = store_lowest(s, index, &height);
		if (!height)
			return lowest;
		if (!store_make_path(&node, height - 1, index, gfp))
			return NULL;
		if (!store_link(s, lowest, store_place(index, height), &node))
			store_free_path(node, height - 1, index);
	}
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
	return store_leaf(s, index) ?: store_grow(s, index, gfp);
}
EXPORT_SYMBOL_IF_KUNIT(store_make_leaf);

/**
 * store_turn_to() - store_make_leaf() for a caller that has the lock for itself
 * @s:		the store
 * @index:	of a page that is about to be added
 * @gfp:	for nodes
 *
 * The leaf is found quicker as long as no other is turned to.
 *
 * Context: may sleep if @gfp says so.
 * Return: the leaf; or NULL if there is no memory, with nothing changed.
 */
struct store_node *store_turn_to(struct store *s, unsigned long index, gfp_t gfp)
{
	unsigned long base = index - store_slot(index);
	struct store_node *leaf;

	lockdep_assert_held_write(s->lock);
	if (base == s->near_base)
		return s->near;
	leaf = store_make_leaf(s, index, gfp);
	if (leaf) {
		s->near = leaf;
		s->near_base = base;
	}
	return leaf;
}
EXPORT_SYMBOL_IF_KUNIT(store_turn_to);

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

/* Frees the leaf of an index if it is empty, and those above that then are so too. */
static void store_prune(struct store *s, unsigned long index)
{
	struct store_node *path[STORE_LEVELS];
	unsigned int height = s->height;

	path[height] = &s->root;
	for (; height; height--)
		path[height - 1] = &path[height]->node[store_place(index, height)];
	for (; height < s->height && !path[height]->map; height++) {
		kfree(path[height]->node);
		path[height + 1]->map &= ~BIT(store_place(index, height + 1));
	}
}

/**
 * store_clear() - Forget pages of a leaf
 * @s:		the store
 * @span:	the leaf, which may be gone afterwards, and slots that are filled, to
 *		be so no more
 */
void store_clear(struct store *s, const struct store_span *span)
{
	lockdep_assert_held_write(s->lock);
	/* Hence never a leaf that is pruned. */
	s->near = span->leaf;
	s->near_base = span->base;
	span->leaf->map &= ~span->map;
	if (span->leaf->map || s->idle == span->base)
		return;
	if (s->idle != STORE_NOWHERE)
		store_prune(s, s->idle);
	s->idle = span->base;
}
EXPORT_SYMBOL_IF_KUNIT(store_clear);

/* The slots of first..last in the leaf that @first is in. */
static inline unsigned long store_slots_from(unsigned long first, unsigned long last)
{
	return GENMASK(min(last - first, STORE_SLOTS - 1ul), 0) << store_slot(first);
}

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
		node = &node->node[store_slot(at)];
		shift -= STORE_SHIFT;
	}
	return NULL;
}

/* The same from the top of the tree. */
static noinline bool store_next_seek(struct store *s, unsigned long first, unsigned long last,
				     struct store_span *span)
{
	span->leaf = store_seek(s, &first, last);
	if (!span->leaf)
		return false;
	span->base = first - store_slot(first);
	span->map = store_filled(span->leaf) & store_slots_from(first, last);
	return true;
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
	span->base = first - store_slot(first);
	if (span->base == s->near_base && first <= last) {
		span->leaf = s->near;
		span->map = store_filled(span->leaf) & store_slots_from(first, last);
		if (span->map)
			return true;
	}
	return store_next_seek(s, first, last, span);
}
EXPORT_SYMBOL_IF_KUNIT(store_next);

/**
 * store_destroy() - Free what the store takes
 * @s:		the store, which nobody else uses any more; without pages
 *
 * Context: may sleep; needs no lock.
 */
void store_destroy(struct store *s)
{
	if (s->idle != STORE_NOWHERE)
		store_prune(s, s->idle);
	kfree(s->root.node);
}
EXPORT_SYMBOL_IF_KUNIT(store_destroy);
