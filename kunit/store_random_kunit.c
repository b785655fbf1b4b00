// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page store against a plain bitmap, and by several threads at once.
 */
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "../kmod/compat.h"
#include "store_fixture.h"

#define RANDOM_PAGES	(STORE_SLOTS * STORE_SLOTS + 3 * STORE_SLOTS + 7)

static ulong store_seed;
module_param(store_seed, ulong, 0444);
MODULE_PARM_DESC(store_seed, "of the random test of the page store; 0: any");

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

static struct kunit_case store_random_cases[] = {
	KUNIT_CASE(a_store_should_agree_with_a_bitmap),
	KUNIT_CASE(many_should_add_at_once),
	{}
};

static struct kunit_suite store_random_suite = {
	.name = "karena_store_random",
	.init = st_init,
	.exit = st_exit,
	.test_cases = store_random_cases,
};

kunit_test_suite(store_random_suite);
