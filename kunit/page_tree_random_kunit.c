// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tree compared with a bitmap, and used by several threads at once.
 */
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "../kmod/compat.h"
#include "page_tree_fixture.h"

#define RANDOM_PAGES	(PAGE_TREE_SLOTS * PAGE_TREE_SLOTS + 3 * PAGE_TREE_SLOTS + 7)

static ulong page_tree_seed;
module_param(page_tree_seed, ulong, 0444);
MODULE_PARM_DESC(page_tree_seed, "of the random test of the page tree; 0: any");

static void a_page_tree_should_agree_with_a_bitmap(struct kunit *test)
{
	unsigned long *model = kunit_kcalloc(test, BITS_TO_LONGS(RANDOM_PAGES), sizeof(long),
					     GFP_KERNEL);
	unsigned long seed = page_tree_seed ?: get_random_long();
	unsigned long first, last, nr, i;
	struct rnd_state rnd;
	int step;

	KUNIT_ASSERT_NOT_NULL(test, model);
	kunit_info(test, "page_tree_seed=%lu", seed);
	prandom_seed_state(&rnd, seed);
	pt_make(test, RANDOM_PAGES);
	for (step = 0; step < 20000; step++) {
		first = prandom_u32_state(&rnd) % RANDOM_PAGES;
		last = min(first + prandom_u32_state(&rnd) % (step % 8 ? 8 : 300),
			   RANDOM_PAGES - 1ul);
		if (prandom_u32_state(&rnd) % 2) {
			last = min(last, first | (PAGE_TREE_SLOTS - 1));
			pt_fill(test, first,
				page_tree_mask(first - page_tree_slot(first), first, last));
			bitmap_set(model, first, last - first + 1);
			continue;
		}
		nr = bitmap_weight(model, last + 1) - bitmap_weight(model, first);
		KUNIT_ASSERT_EQ(test, pt_clear(test, first, last), nr);
		bitmap_clear(model, first, last - first + 1);
	}
	pt_leaves(test);
	for (i = 0; i < RANDOM_PAGES; i++)
		KUNIT_ASSERT_PTR_EQ(test, pt_page(test, i),
				    test_bit(i, model) ? page_of(i) : NULL);
}

/* A thread that fills concurrently with others. */
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
		if (pt_fill(filler->test, i, BIT(page_tree_slot(i))))
			filler->filled++;
	}
	/* The thread must not be in the module's text when that is freed. */
	kthread_complete_and_exit(&filler->done, 0);
}

static void many_should_add_at_once(struct kunit *test)
{
	struct filler fillers[4];
	unsigned long filled = 0, i;

	pt_make(test, RANDOM_PAGES);
	for (i = 0; i < ARRAY_SIZE(fillers); i++) {
		fillers[i] = (struct filler) { .test = test };
		init_completion(&fillers[i].done);
		if (IS_ERR(kthread_run(fill_all, &fillers[i], "page-tree-kunit/%lu", i)))
			complete(&fillers[i].done);
	}
	for (i = 0; i < ARRAY_SIZE(fillers); i++) {
		wait_for_completion(&fillers[i].done);
		filled += fillers[i].filled;
	}
	/* Each page was added once, by whichever thread. */
	KUNIT_EXPECT_EQ(test, filled, (unsigned long)RANDOM_PAGES);
	for (i = 0; i < RANDOM_PAGES; i++)
		KUNIT_ASSERT_PTR_EQ(test, pt_page(test, i), page_of(i));
}

static struct kunit_case page_tree_random_cases[] = {
	KUNIT_CASE(a_page_tree_should_agree_with_a_bitmap),
	KUNIT_CASE(many_should_add_at_once),
	{}
};

static struct kunit_suite page_tree_random_suite = {
	.name = "karena_page_tree_random",
	.init = pt_init,
	.exit = pt_exit,
	.test_cases = page_tree_random_cases,
};

kunit_test_suite(page_tree_random_suite);
