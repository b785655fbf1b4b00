// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page store. It never looks into a page, so any pointer serves for one; here
 * that of page i says i.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../kmod/compat.h"
#include "../kmod/store.h"

#define RANDOM_PAGES	(STORE_SLOTS * STORE_SLOTS + 3 * STORE_SLOTS + 7)

static ulong store_seed;
module_param(store_seed, ulong, 0444);
MODULE_PARM_DESC(store_seed, "of the random test of the page store; 0: any");

/* In test->priv. */
struct store_fixture {
	struct rw_semaphore lock;
	struct store s;
	unsigned long nr_pages;	/* 0: there is no store */
};

static struct page *page_of(unsigned long index)
{
	return (struct page *)((index + 1) * sizeof(long));
}

static int st_init(struct kunit *test)
{
	struct store_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	init_rwsem(&f->lock);
	test->priv = f;
	return 0;
}

static void st_make(struct kunit *test, unsigned long nr_pages)
{
	struct store_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, store_init(&f->s, nr_pages, &f->lock, GFP_KERNEL), 0);
	f->nr_pages = nr_pages;
}

/* What store_fill() took of the slots @map of the leaf of @index. */
static unsigned long st_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
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

static unsigned long st_fill(struct kunit *test, unsigned long index, unsigned long map)
{
	return st_fill_gfp(test, index, map, GFP_KERNEL);
}

static void st_put(struct kunit *test, unsigned long index)
{
	KUNIT_EXPECT_EQ(test, st_fill(test, index, BIT(store_slot(index))),
			BIT(store_slot(index)));
}

/* The same, by who has the lock alone; none of the @nr slots from @index on is filled. */
static void st_put_alone(struct kunit *test, unsigned long index, unsigned int nr)
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

static struct page *st_page(struct kunit *test, unsigned long index)
{
	struct store_fixture *f = test->priv;
	struct page *page;

	down_read(&f->lock);
	page = store_page(&f->s, index);
	up_read(&f->lock);
	return page;
}

static bool st_next(struct kunit *test, unsigned long first, unsigned long last,
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
static unsigned long st_clear(struct kunit *test, unsigned long first, unsigned long last)
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

static unsigned int st_nodes(struct kunit *test)
{
	struct store_fixture *f = test->priv;

	return nodes_below(test, &f->s.root, f->s.height, 0);
}

static void st_exit(struct kunit *test)
{
	struct store_fixture *f = test->priv;

	if (!f || !f->nr_pages)
		return;
	st_clear(test, 0, f->nr_pages - 1);
	KUNIT_EXPECT_LE(test, st_nodes(test), f->s.height);
	store_destroy(&f->s);
	KUNIT_EXPECT_EQ(test, f->s.root.map, 0UL);
}

static void an_empty_store_should_have_nothing(struct kunit *test)
{
	struct store_span span;

	st_make(test, 1ul << 34);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 0), (struct page *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, (1ul << 34) - 1), (struct page *)NULL);
	KUNIT_EXPECT_FALSE(test, st_next(test, 0, (1ul << 34) - 1, &span));
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, (1ul << 34) - 1), 0UL);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 0U);
}

static void a_store_should_be_as_deep_as_its_size_demands(struct kunit *test)
{
	static const struct {
		unsigned long nr_pages;
		unsigned int height;
	} sizes[] = {
		{ 1, 0 },
		{ STORE_SLOTS, 0 },
		{ STORE_SLOTS + 1, 1 },
		{ STORE_SLOTS * STORE_SLOTS, 1 },
		{ STORE_SLOTS * STORE_SLOTS + 1, 2 },
		{ 1ul << 51, 8 },
	};
	struct store_fixture *f = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_ASSERT_EQ(test, store_init(&f->s, sizes[i].nr_pages, &f->lock, GFP_KERNEL),
				0);
		KUNIT_EXPECT_EQ(test, f->s.height, sizes[i].height);
		store_destroy(&f->s);
	}
}

static void a_page_should_be_where_it_was_put(struct kunit *test)
{
	static const unsigned long at[] = {
		0, 1, STORE_SLOTS - 1, STORE_SLOTS, STORE_SLOTS * STORE_SLOTS - 1,
		STORE_SLOTS * STORE_SLOTS, 1ul << 33, (1ul << 51) - 1,
	};
	int i;

	st_make(test, 1ul << 51);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		st_put(test, at[i]);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		KUNIT_EXPECT_PTR_EQ(test, st_page(test, at[i]), page_of(at[i]));
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 2), (struct page *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, (1ul << 33) + 1), (struct page *)NULL);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, (1ul << 51) - 1), (unsigned long)i);
}

static void fill_should_leave_what_is_there(struct kunit *test)
{
	struct store_fixture *f = test->priv;
	struct page *others[] = { page_of(100), page_of(101), page_of(102) };

	st_make(test, STORE_SLOTS);
	st_put(test, 1);
	down_read(&f->lock);
	KUNIT_EXPECT_EQ(test, store_fill(&f->s, &f->s.root, 0x7, others), 0x5UL);
	up_read(&f->lock);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 0), page_of(100));
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 1), page_of(1));
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 2), page_of(102));
}

static void next_should_give_a_leaf_at_a_time(struct kunit *test)
{
	struct store_span span;

	st_make(test, 1ul << 20);
	st_fill(test, 0, 0xf0);
	st_fill(test, 1ul << 19, 0x3);
	KUNIT_ASSERT_TRUE(test, st_next(test, 0, (1ul << 20) - 1, &span));
	KUNIT_EXPECT_EQ(test, span.base, 0UL);
	KUNIT_EXPECT_EQ(test, span.map, 0xf0UL);
	KUNIT_ASSERT_TRUE(test, st_next(test, STORE_SLOTS, (1ul << 20) - 1, &span));
	KUNIT_EXPECT_EQ(test, span.base, 1ul << 19);
	KUNIT_EXPECT_EQ(test, span.map, 0x3UL);
	KUNIT_EXPECT_FALSE(test, st_next(test, (1ul << 19) + 2, (1ul << 20) - 1, &span));
}

static void next_should_keep_to_the_range(struct kunit *test)
{
	struct store_span span;

	st_make(test, STORE_SLOTS * 2);
	st_fill(test, 0, 0xff);
	st_put(test, STORE_SLOTS + 1);
	KUNIT_ASSERT_TRUE(test, st_next(test, 2, 5, &span));
	KUNIT_EXPECT_EQ(test, span.map, 0x3cUL);
	KUNIT_ASSERT_TRUE(test, st_next(test, 7, STORE_SLOTS, &span));
	KUNIT_EXPECT_EQ(test, span.map, 0x80UL);
	KUNIT_EXPECT_FALSE(test, st_next(test, 8, STORE_SLOTS, &span));
	KUNIT_EXPECT_TRUE(test, st_next(test, 8, STORE_SLOTS + 1, &span));
}

static void one_empty_leaf_should_be_kept(struct kunit *test)
{
	struct store_fixture *f = test->priv;
	struct page **slots;

	st_make(test, STORE_SLOTS * STORE_SLOTS);
	st_put(test, 0);
	slots = f->s.root.node[0].page;
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 0), 1UL);
	KUNIT_EXPECT_EQ(test, f->s.idle, 0UL);
	st_put(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, f->s.root.node[0].page, slots);

	/* Emptied again, it goes when another leaf is. */
	st_put(test, STORE_SLOTS);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, STORE_SLOTS), 2UL);
	KUNIT_EXPECT_EQ(test, f->s.root.map, 0x2UL);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 1U);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 1), (struct page *)NULL);
	st_put(test, 1);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 1), page_of(1));
}

static void an_idle_leaf_that_is_filled_should_stay(struct kunit *test)
{
	st_make(test, STORE_SLOTS * STORE_SLOTS);
	st_put(test, 0);
	st_put(test, STORE_SLOTS);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 0), 1UL);
	st_put(test, 0);
	KUNIT_EXPECT_EQ(test, st_clear(test, STORE_SLOTS, STORE_SLOTS), 1UL);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 0), page_of(0));
	KUNIT_EXPECT_EQ(test, st_nodes(test), 2U);
}

static void a_leaf_turned_to_should_be_the_one_there_is(struct kunit *test)
{
	st_make(test, 1ul << 30);
	st_put_alone(test, 1, 2);
	st_put_alone(test, 3, 1);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 0), (struct page *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 2), page_of(2));
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, 3), page_of(3));

	/* Emptied last, another one turned to, emptied too: the first is gone then. */
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 3), 3UL);
	st_put_alone(test, STORE_SLOTS, STORE_SLOTS);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 2 * STORE_SLOTS), (unsigned long)STORE_SLOTS);
	st_put_alone(test, 0, 1);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 2 * STORE_SLOTS), 1UL);
	st_put_alone(test, STORE_SLOTS, 1);
	KUNIT_EXPECT_PTR_EQ(test, st_page(test, STORE_SLOTS), page_of(STORE_SLOTS));
}

static void nodes_above_should_go_with_the_last_leaf(struct kunit *test)
{
	st_make(test, 1ul << 30);
	st_put(test, 0);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 4U);
	st_put(test, 1ul << 29);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 8U);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, 0), 1UL);
	KUNIT_EXPECT_EQ(test, st_clear(test, 1ul << 29, 1ul << 29), 1UL);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 4U);
}

static void a_small_store_should_need_no_nodes(struct kunit *test)
{
	st_make(test, STORE_SLOTS);
	KUNIT_EXPECT_EQ(test, st_fill(test, 0, ~0ul), ~0ul);
	KUNIT_EXPECT_EQ(test, st_nodes(test), 0U);
	KUNIT_EXPECT_EQ(test, st_clear(test, 0, STORE_SLOTS - 1), (unsigned long)STORE_SLOTS);
	KUNIT_EXPECT_EQ(test, st_fill(test, 0, 0x2), 0x2UL);
}

#ifdef CONFIG_FAILSLAB
/* What st_fill() fills while the nth allocation fails; @failed if that came to pass. */
static unsigned long fill_failing(struct kunit *test, unsigned int nth, unsigned long index,
				  bool *failed)
{
	unsigned long filled;

	WRITE_ONCE(current->fail_nth, nth);
	filled = st_fill_gfp(test, index, BIT(store_slot(index)), GFP_NOWAIT | __GFP_NOWARN);
	*failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	return filled;
}

static void a_path_without_memory_should_leave_nothing(struct kunit *test)
{
	unsigned int failures = 0, nth = 0;
	bool failed;

	st_make(test, 1ul << 30);
	do {
		st_put(test, 0);
		KUNIT_EXPECT_EQ(test, st_nodes(test), 4U);
		if (!fill_failing(test, ++nth, 1ul << 29, &failed)) {
			KUNIT_EXPECT_EQ(test, st_nodes(test), 4U);
			KUNIT_EXPECT_EQ(test, st_clear(test, 0, 0), 1UL);
			failures++;
			continue;
		}
		/* The leaf emptied last is kept: let that be the one of page 0. */
		KUNIT_EXPECT_EQ(test, st_clear(test, 1ul << 29, 1ul << 29), 1UL);
		KUNIT_EXPECT_EQ(test, st_clear(test, 0, 0), 1UL);
	} while (failed && nth < 100);
	/*
	 * Four nodes are as many points. A slab that one of them is cut from is another,
	 * without which the allocator goes on, so that the node of that number is spared.
	 */
	KUNIT_EXPECT_GT(test, nth, 4U);
	KUNIT_EXPECT_GT(test, failures, 0U);
}
#endif

static void a_store_should_agree_with_a_bitmap(struct kunit *test)
{
	unsigned long *model = kunit_kcalloc(test, BITS_TO_LONGS(RANDOM_PAGES), sizeof(long),
					     GFP_KERNEL);
	unsigned long seed = store_seed ?: get_random_long();
	unsigned long first, last, nr, i;
	struct rnd_state rnd;
	int step;

	KUNIT_ASSERT_NOT_NULL(test, model);
	kunit_info(test, "store_seed=%lu", seed);
	prandom_seed_state(&rnd, seed);
	st_make(test, RANDOM_PAGES);
	for (step = 0; step < 20000; step++) {
		first = prandom_u32_state(&rnd) % RANDOM_PAGES;
		last = min(first + prandom_u32_state(&rnd) % (step % 8 ? 8 : 300),
			   RANDOM_PAGES - 1ul);
		if (prandom_u32_state(&rnd) % 2) {
			last = min(last, first | (STORE_SLOTS - 1));
			if (find_next_bit(model, last + 1, first) > last)
				st_put_alone(test, first, last - first + 1);
			else
				st_fill(test, first,
					store_mask(first - store_slot(first), first, last));
			bitmap_set(model, first, last - first + 1);
			continue;
		}
		nr = bitmap_weight(model, last + 1) - bitmap_weight(model, first);
		KUNIT_ASSERT_EQ(test, st_clear(test, first, last), nr);
		bitmap_clear(model, first, last - first + 1);
	}
	st_nodes(test);
	for (i = 0; i < RANDOM_PAGES; i++)
		KUNIT_ASSERT_PTR_EQ(test, st_page(test, i),
				    test_bit(i, model) ? page_of(i) : NULL);
}

/* One of those that fill at once. */
struct filler {
	struct kunit *test;
	struct completion done;
	unsigned long filled;
};

static int fill_all(void *arg)
{
	struct filler *filler = arg;
	unsigned long i;

	for (i = 0; i < RANDOM_PAGES; i++) {
		if (st_fill(filler->test, i, BIT(store_slot(i))))
			filler->filled++;
	}
	/* Not to be in the module's text when that goes. */
	kthread_complete_and_exit(&filler->done, 0);
}

static void many_should_add_at_once(struct kunit *test)
{
	struct filler fillers[4];
	unsigned long filled = 0, i;

	st_make(test, RANDOM_PAGES);
	for (i = 0; i < ARRAY_SIZE(fillers); i++) {
		fillers[i] = (struct filler) { .test = test };
		init_completion(&fillers[i].done);
		if (IS_ERR(kthread_run(fill_all, &fillers[i], "store-kunit/%lu", i)))
			complete(&fillers[i].done);
	}
	for (i = 0; i < ARRAY_SIZE(fillers); i++) {
		wait_for_completion(&fillers[i].done);
		filled += fillers[i].filled;
	}
	/* Each page went in once, whoever put it there. */
	KUNIT_EXPECT_EQ(test, filled, (unsigned long)RANDOM_PAGES);
	for (i = 0; i < RANDOM_PAGES; i++)
		KUNIT_ASSERT_PTR_EQ(test, st_page(test, i), page_of(i));
}

static struct kunit_case store_cases[] = {
	KUNIT_CASE(an_empty_store_should_have_nothing),
	KUNIT_CASE(a_store_should_be_as_deep_as_its_size_demands),
	KUNIT_CASE(a_page_should_be_where_it_was_put),
	KUNIT_CASE(fill_should_leave_what_is_there),
	KUNIT_CASE(next_should_give_a_leaf_at_a_time),
	KUNIT_CASE(next_should_keep_to_the_range),
	KUNIT_CASE(one_empty_leaf_should_be_kept),
	KUNIT_CASE(an_idle_leaf_that_is_filled_should_stay),
	KUNIT_CASE(a_leaf_turned_to_should_be_the_one_there_is),
	KUNIT_CASE(nodes_above_should_go_with_the_last_leaf),
	KUNIT_CASE(a_small_store_should_need_no_nodes),
#ifdef CONFIG_FAILSLAB
	KUNIT_CASE(a_path_without_memory_should_leave_nothing),
#endif
	KUNIT_CASE(a_store_should_agree_with_a_bitmap),
	KUNIT_CASE(many_should_add_at_once),
	{}
};

static struct kunit_suite store_suite = {
	.name = "karena_store",
	.init = st_init,
	.exit = st_exit,
	.test_cases = store_cases,
};

kunit_test_suite(store_suite);
