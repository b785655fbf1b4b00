// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store under test: see store_fixture.h.
 */
#include <linux/slab.h>

#include "store_fixture.h"

int st_init(struct kunit *test)
{
	struct store_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	init_rwsem(&f->lock);
	test->priv = f;
	return 0;
}

void st_make(struct kunit *test, unsigned long nr_pages)
{
	struct store_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, store_init(&f->s, nr_pages, &f->lock, GFP_KERNEL), 0);
	f->nr_pages = nr_pages;
}

/* What store_fill() took of the slots @map of the leaf of @index. */
unsigned long st_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
			  gfp_t gfp)
{
	struct store_fixture *f = test->priv;
	struct page *pages[STORE_SLOTS];
	unsigned long base = index - store_slot(index);
	struct store_node *leaf;
	unsigned long rest;
	unsigned int nr = 0;

	for (rest = map; rest; rest &= rest - 1)
		pages[nr++] = page_of(base + __ffs(rest));
	down_read(&f->lock);
	leaf = store_make_leaf(&f->s, index, gfp);
	map = leaf ? store_fill(&f->s, leaf, map, pages) : 0;
	up_read(&f->lock);
	return map;
}

unsigned long st_fill(struct kunit *test, unsigned long index, unsigned long map)
{
	return st_fill_gfp(test, index, map, GFP_KERNEL);
}

void st_put(struct kunit *test, unsigned long index)
{
	KUNIT_EXPECT_EQ(test, st_fill(test, index, BIT(store_slot(index))),
			BIT(store_slot(index)));
}

/* The same, by who has the lock alone; none of the @nr slots from @index on is filled. */
void st_put_alone(struct kunit *test, unsigned long index, unsigned int nr)
{
	struct store_fixture *f = test->priv;
	struct store_node *leaf;
	unsigned int i;

	down_write(&f->lock);
	leaf = store_turn_to(&f->s, index, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, leaf, store_leaf(&f->s, index));
	for (i = 0; leaf && i < nr; i++)
		store_put(&f->s, leaf, store_slot(index) + i, page_of(index + i));
	up_write(&f->lock);
}

struct page *st_page(struct kunit *test, unsigned long index)
{
	struct store_fixture *f = test->priv;
	struct page *page;

	down_read(&f->lock);
	page = store_page(&f->s, index);
	up_read(&f->lock);
	return page;
}

bool st_next(struct kunit *test, unsigned long first, unsigned long last,
	     struct store_span *span)
{
	struct store_fixture *f = test->priv;
	bool found;

	down_read(&f->lock);
	found = store_next(&f->s, first, last, span);
	up_read(&f->lock);
	return found;
}

/* Takes all pages of a range out; returns how many there were. */
unsigned long st_clear(struct kunit *test, unsigned long first, unsigned long last)
{
	struct store_fixture *f = test->priv;
	struct store_span span;
	unsigned long nr = 0;

	down_write(&f->lock);
	for (; store_next(&f->s, first, last, &span); first = span.base + STORE_SLOTS) {
		nr += hweight_long(span.map);
		store_clear(&f->s, &span);
	}
	up_write(&f->lock);
	return nr;
}

/* How many nodes there are below one; each but one leaf must lead somewhere. */
static unsigned int nodes_below(struct kunit *test, const struct store_node *parent,
				unsigned int height, unsigned long base)
{
	struct store_fixture *f = test->priv;
	const struct store_node *node;
	unsigned int place, nr = 0;
	unsigned long first;

	for (place = 0; height && place < STORE_SLOTS; place++) {
		if (!(parent->map & BIT(place)))
			continue;
		node = &parent->node[place];
		first = base + ((unsigned long)place << (height * STORE_SHIFT));
		KUNIT_EXPECT_TRUE(test, node->map || (height == 1 && first == f->s.idle));
		nr += 1 + nodes_below(test, node, height - 1, first);
	}
	return nr;
}

unsigned int st_nodes(struct kunit *test)
{
	struct store_fixture *f = test->priv;

	return nodes_below(test, &f->s.root, f->s.height, 0);
}

void st_exit(struct kunit *test)
{
	struct store_fixture *f = test->priv;

	if (!f || !f->nr_pages)
		return;
	st_clear(test, 0, f->nr_pages - 1);
	KUNIT_EXPECT_LE(test, st_nodes(test), f->s.height);
	store_destroy(&f->s);
	KUNIT_EXPECT_EQ(test, f->s.root.map, 0UL);
}
