// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tree, case by case.
 */
#include <linux/sched.h>

#include "page_tree_fixture.h"

static void an_empty_page_tree_should_have_nothing(struct kunit *test)
{
	struct page_tree_span span;

	pt_make(test, 1ul << 34);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 0), (struct page *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, (1ul << 34) - 1), (struct page *)NULL);
	KUNIT_EXPECT_FALSE(test, pt_next(test, 0, (1ul << 34) - 1, &span));
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, (1ul << 34) - 1), 0UL);
	KUNIT_EXPECT_EQ(test, pt_leaves(test), 0U);
}

static void a_page_should_be_where_it_was_put(struct kunit *test)
{
	static const unsigned long at[] = {
		0, 1, PAGE_TREE_SLOTS - 1, PAGE_TREE_SLOTS, PAGE_TREE_SLOTS * PAGE_TREE_SLOTS - 1,
		PAGE_TREE_SLOTS * PAGE_TREE_SLOTS, 1ul << 33, (1ul << 51) - 1,
	};
	int i;

	pt_make(test, 1ul << 51);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		pt_put(test, at[i]);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		KUNIT_EXPECT_PTR_EQ(test, pt_page(test, at[i]), page_of(at[i]));
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 2), (struct page *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, (1ul << 33) + 1), (struct page *)NULL);
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, (1ul << 51) - 1), (unsigned long)i);
}

static void fill_should_leave_what_is_there(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;
	struct page *others[] = { page_of(100), page_of(101), page_of(102) };

	pt_make(test, PAGE_TREE_SLOTS);
	pt_put(test, 1);
	down_read(&f->lock);
	KUNIT_EXPECT_EQ(test, page_tree_fill(&f->tree, page_tree_leaf(&f->tree, 0), 0x7, others),
			0x5UL);
	up_read(&f->lock);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 0), page_of(100));
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 1), page_of(1));
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 2), page_of(102));
}

static void next_should_give_a_leaf_at_a_time(struct kunit *test)
{
	struct page_tree_span span;

	pt_make(test, 1ul << 20);
	pt_fill(test, 0, 0xf0);
	pt_fill(test, 1ul << 19, 0x3);
	KUNIT_ASSERT_TRUE(test, pt_next(test, 0, (1ul << 20) - 1, &span));
	KUNIT_EXPECT_EQ(test, span.base, 0UL);
	KUNIT_EXPECT_EQ(test, span.map, 0xf0UL);
	KUNIT_ASSERT_TRUE(test, pt_next(test, PAGE_TREE_SLOTS, (1ul << 20) - 1, &span));
	KUNIT_EXPECT_EQ(test, span.base, 1ul << 19);
	KUNIT_EXPECT_EQ(test, span.map, 0x3UL);
	KUNIT_EXPECT_FALSE(test, pt_next(test, (1ul << 19) + 2, (1ul << 20) - 1, &span));
}

static void next_should_keep_to_the_range(struct kunit *test)
{
	struct page_tree_span span;

	pt_make(test, PAGE_TREE_SLOTS * 2);
	pt_fill(test, 0, 0xff);
	pt_put(test, PAGE_TREE_SLOTS + 1);
	KUNIT_ASSERT_TRUE(test, pt_next(test, 2, 5, &span));
	KUNIT_EXPECT_EQ(test, span.map, 0x3cUL);
	KUNIT_ASSERT_TRUE(test, pt_next(test, 7, PAGE_TREE_SLOTS, &span));
	KUNIT_EXPECT_EQ(test, span.map, 0x80UL);
	KUNIT_EXPECT_FALSE(test, pt_next(test, 8, PAGE_TREE_SLOTS, &span));
	KUNIT_EXPECT_TRUE(test, pt_next(test, 8, PAGE_TREE_SLOTS + 1, &span));
}

static struct page_tree_leaf *leaf_of(struct kunit *test, unsigned long index)
{
	struct page_tree_fixture *f = test->priv;
	struct page_tree_leaf *leaf;

	down_read(&f->lock);
	leaf = page_tree_leaf(&f->tree, index);
	up_read(&f->lock);
	return leaf;
}

static void one_empty_leaf_should_be_kept(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;
	struct page_tree_leaf *leaf;

	pt_make(test, PAGE_TREE_SLOTS * PAGE_TREE_SLOTS);
	pt_put(test, 0);
	leaf = leaf_of(test, 0);
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, 0), 1UL);
	KUNIT_EXPECT_EQ(test, f->tree.idle, 0UL);
	pt_put(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, leaf_of(test, 0), leaf);

	/* When it is empty again, it is freed as soon as another leaf is empty. */
	pt_put(test, PAGE_TREE_SLOTS);
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, PAGE_TREE_SLOTS), 2UL);
	KUNIT_EXPECT_PTR_EQ(test, leaf_of(test, 0), NULL);
	KUNIT_EXPECT_EQ(test, pt_leaves(test), 1U);
	pt_put(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 1), page_of(1));
}

static void trim_should_free_the_empty_leaf_alone(struct kunit *test)
{
	struct page_tree_fixture *f = test->priv;

	pt_make(test, PAGE_TREE_SLOTS * PAGE_TREE_SLOTS);
	pt_put(test, 0);
	pt_put(test, PAGE_TREE_SLOTS);
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, 0), 1UL);
	down_write(&f->lock);
	page_tree_trim(&f->tree);
	page_tree_trim(&f->tree);
	up_write(&f->lock);
	KUNIT_EXPECT_PTR_EQ(test, leaf_of(test, 0), NULL);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, PAGE_TREE_SLOTS), page_of(PAGE_TREE_SLOTS));
}

static void an_idle_leaf_that_is_filled_should_stay(struct kunit *test)
{
	pt_make(test, PAGE_TREE_SLOTS * PAGE_TREE_SLOTS);
	pt_put(test, 0);
	pt_put(test, PAGE_TREE_SLOTS);
	KUNIT_EXPECT_EQ(test, pt_clear(test, 0, 0), 1UL);
	pt_put(test, 0);
	KUNIT_EXPECT_EQ(test, pt_clear(test, PAGE_TREE_SLOTS, PAGE_TREE_SLOTS), 1UL);
	KUNIT_EXPECT_PTR_EQ(test, pt_page(test, 0), page_of(0));
	KUNIT_EXPECT_EQ(test, pt_leaves(test), 2U);
}

static void leaves_should_be_charged_with_their_nodes(struct kunit *test)
{
	static const struct {
		unsigned long nr_pages;
		unsigned int nodes;
	} sizes[] = {
		{ 1, 0 },
		{ PAGE_TREE_SLOTS, 0 },
		{ PAGE_TREE_SLOTS + 1, 1 },
		{ PAGE_TREE_SLOTS * XA_CHUNK_SIZE, 1 },
		{ PAGE_TREE_SLOTS * XA_CHUNK_SIZE + 1, 2 },
	};
	struct page_tree_fixture *f = test->priv;
	unsigned long leaf, node = sizeof(struct xa_node) + sizeof(void *);
	int i;

	page_tree_init(&f->tree, 1, &f->lock, NULL);
	leaf = f->tree.leaf_bytes;
	KUNIT_EXPECT_LT(test, sizeof(struct page_tree_leaf), leaf);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		page_tree_init(&f->tree, sizes[i].nr_pages, &f->lock, NULL);
		KUNIT_EXPECT_EQ(test, f->tree.leaf_bytes, leaf + sizes[i].nodes * node);
	}
}

#ifdef CONFIG_FAILSLAB
/* Fills while the nth allocation fails; sets @failed if that allocation was made. */
static unsigned long fill_failing(struct kunit *test, unsigned int nth, unsigned long index,
				  bool *failed)
{
	unsigned long filled;

	WRITE_ONCE(current->fail_nth, nth);
	filled = pt_fill_gfp(test, index, BIT(page_tree_slot(index)), GFP_NOWAIT | __GFP_NOWARN);
	*failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	return filled;
}

static void a_leaf_without_memory_should_not_be_there(struct kunit *test)
{
	unsigned int failures = 0, nth = 0;
	bool failed;

	pt_make(test, 1ul << 30);
	pt_put(test, 0);
	do {
		if (!fill_failing(test, ++nth, 1ul << 29, &failed)) {
			KUNIT_EXPECT_EQ(test, pt_leaves(test), 1U);
			failures++;
			continue;
		}
		/* Leave no leaf for the next try. */
		KUNIT_EXPECT_EQ(test, pt_clear(test, 1ul << 29, 1ul << 29), 1UL);
		KUNIT_EXPECT_EQ(test, pt_clear(test, 0, 0), 1UL);
		pt_put(test, 0);
	} while (failed && nth < 100);
	/* The leaf and the nodes above it are allocated; nodes are tried for twice. */
	KUNIT_EXPECT_GT(test, nth, 4U);
	KUNIT_EXPECT_GT(test, failures, 0U);
}
#endif

static struct kunit_case page_tree_cases[] = {
	KUNIT_CASE(an_empty_page_tree_should_have_nothing),
	KUNIT_CASE(a_page_should_be_where_it_was_put),
	KUNIT_CASE(fill_should_leave_what_is_there),
	KUNIT_CASE(next_should_give_a_leaf_at_a_time),
	KUNIT_CASE(next_should_keep_to_the_range),
	KUNIT_CASE(one_empty_leaf_should_be_kept),
	KUNIT_CASE(trim_should_free_the_empty_leaf_alone),
	KUNIT_CASE(an_idle_leaf_that_is_filled_should_stay),
	KUNIT_CASE(leaves_should_be_charged_with_their_nodes),
#ifdef CONFIG_FAILSLAB
	KUNIT_CASE(a_leaf_without_memory_should_not_be_there),
#endif
	{}
};

static struct kunit_suite page_tree_suite = {
	.name = "karena_page_tree",
	.init = pt_init,
	.exit = pt_exit,
	.test_cases = page_tree_cases,
};

kunit_test_suite(page_tree_suite);
