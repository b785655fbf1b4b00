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

	page_tree_init(&f->tree, nr_pages, &f->lock, NULL);
	f->nr_pages = nr_pages;
}

/* Returns which slots @map of the leaf of @index page_tree_fill() filled. */
unsigned long pt_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
			  gfp_t gfp)
{
	struct page_tree_fixture *f = test->priv;
	struct page *pages[PAGE_TREE_SLOTS];
	unsigned long base = index - page_tree_slot(index);
	struct page_tree_leaf *leaf;
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

struct page *pt_page_of(struct page_tree *t, unsigned long index)
{
	struct page_tree_leaf *leaf = page_tree_leaf(t, index);
	unsigned int slot = page_tree_slot(index);

	return leaf && page_tree_filled(leaf) & BIT(slot) ? leaf->page[slot] : NULL;
}

struct page *pt_page(struct kunit *test, unsigned long index)
{
	struct page_tree_fixture *f = test->priv;
	struct page *page;

	down_read(&f->lock);
	page = pt_page_of(&f->tree, index);
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

unsigned int pt_leaves(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;
	struct page_tree_leaf *leaf;
	unsigned long at;
	unsigned int nr = 0;

	xa_for_each(&f->tree.leaves, at, leaf) {
		KUNIT_EXPECT_TRUE(test, leaf->map || at << PAGE_TREE_SHIFT == f->tree.idle);
		nr++;
	}
	return nr;
}

void pt_exit(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;

	if (!f || !f->nr_pages)
		return;
	pt_clear(test, 0, f->nr_pages - 1);
	KUNIT_EXPECT_LE(test, pt_leaves(test), 1U);
	page_tree_destroy(&f->tree);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->tree.leaves));
}
