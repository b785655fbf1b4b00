// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page tree under test: see page_tree_fixture.h.
 */
#include <linux/slab.h>

#include "page_tree_fixture.h"

int pt_init(struct kunit *test)
{
	struct page_tree_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	init_rwsem(&f->lock);
	test->priv = f;
	return 0;
}

void pt_make(struct kunit *test, unsigned long nr_pages)
{
	struct page_tree_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, page_tree_init(&f->tree, nr_pages, &f->lock, NULL, GFP_KERNEL), 0);
	f->nr_pages = nr_pages;
}

/* Returns which slots @map of the leaf of @index page_tree_fill() filled. */
unsigned long pt_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
			  gfp_t gfp)
{
	struct page_tree_fixture *f = test->priv;
	struct page *pages[PAGE_TREE_SLOTS];
	unsigned long base = index - page_tree_slot(index);
	struct page_tree_node *leaf;
	unsigned long rest;
	unsigned int nr = 0;

	for (rest = map; rest; rest &= rest - 1)
		pages[nr++] = page_of(base + __ffs(rest));
	down_read(&f->lock);
	leaf = page_tree_make_leaf(&f->tree, index, gfp);
	map = IS_ERR(leaf) ? 0 : page_tree_fill(&f->tree, leaf, map, pages);
	up_read(&f->lock);
	return map;
}

unsigned long pt_fill(struct kunit *test, unsigned long index, unsigned long map)
{
	return pt_fill_gfp(test, index, map, GFP_KERNEL);
}

void pt_put(struct kunit *test, unsigned long index)
{
	KUNIT_EXPECT_EQ(test, pt_fill(test, index, BIT(page_tree_slot(index))),
			BIT(page_tree_slot(index)));
}

/* Adds pages with the lock held exclusively; the @nr slots from @index must be empty. */
void pt_put_alone(struct kunit *test, unsigned long index, unsigned int nr)
{
	struct page_tree_fixture *f = test->priv;
	struct page_tree_node *leaf;
	unsigned int i;

	down_write(&f->lock);
	leaf = page_tree_turn_to(&f->tree, index, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, leaf, page_tree_leaf(&f->tree, index));
	for (i = 0; !IS_ERR(leaf) && i < nr; i++)
		page_tree_put(&f->tree, leaf, page_tree_slot(index) + i, page_of(index + i));
	up_write(&f->lock);
}

struct page *pt_page(struct kunit *test, unsigned long index)
{
	struct page_tree_fixture *f = test->priv;
	struct page *page;

	down_read(&f->lock);
	page = page_tree_page(&f->tree, index);
	up_read(&f->lock);
	return page;
}

bool pt_next(struct kunit *test, unsigned long first, unsigned long last,
	     struct page_tree_span *span)
{
	struct page_tree_fixture *f = test->priv;
	bool found;

	down_read(&f->lock);
	found = page_tree_next(&f->tree, first, last, span);
	up_read(&f->lock);
	return found;
}

/* Removes all pages of a range; returns their number. */
unsigned long pt_clear(struct kunit *test, unsigned long first, unsigned long last)
{
	struct page_tree_fixture *f = test->priv;
	struct page_tree_span span;
	unsigned long nr = 0;

	down_write(&f->lock);
	for (; page_tree_next(&f->tree, first, last, &span); first = span.base + PAGE_TREE_SLOTS) {
		nr += hweight_long(span.map);
		page_tree_clear(&f->tree, &span);
	}
	up_write(&f->lock);
	return nr;
}

/* Counts the nodes below one, each of which must lead to a page, except for one leaf. */
static unsigned int nodes_below(struct kunit *test, const struct page_tree_node *parent,
				unsigned int height, unsigned long base)
{
	struct page_tree_fixture *f = test->priv;
	const struct page_tree_node *node;
	unsigned int place, nr = 0;
	unsigned long first;

	for (place = 0; height && place < PAGE_TREE_SLOTS; place++) {
		if (!(parent->map & BIT(place)))
			continue;
		node = &parent->node[place];
		first = base + ((unsigned long)place << (height * PAGE_TREE_SHIFT));
		KUNIT_EXPECT_TRUE(test, node->map || (height == 1 && first == f->tree.idle));
		nr += 1 + nodes_below(test, node, height - 1, first);
	}
	return nr;
}

unsigned int pt_nodes(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;

	return nodes_below(test, &f->tree.root, f->tree.height, 0);
}

void pt_exit(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;

	if (!f || !f->nr_pages)
		return;
	pt_clear(test, 0, f->nr_pages - 1);
	KUNIT_EXPECT_LE(test, pt_nodes(test), f->tree.height);
	page_tree_destroy(&f->tree);
	KUNIT_EXPECT_EQ(test, f->tree.root.map, 0UL);
}
