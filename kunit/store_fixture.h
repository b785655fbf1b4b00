/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the page store share: a store with a lock of its own, and the calls
 * under that lock. The store never looks into a page, so any pointer serves for one;
 * here that of page i says i.
 */
#ifndef KARENA_STORE_FIXTURE_H
#define KARENA_STORE_FIXTURE_H

#include <kunit/test.h>
#include <linux/rwsem.h>

#include "../kmod/store.h"

/* In test->priv. */
struct store_fixture {
	struct rw_semaphore lock;
	struct store s;
	unsigned long nr_pages;	/* 0: there is no store */
};

static inline struct page *page_of(unsigned long index)
{
	return (struct page *)((index + 1) * sizeof(long));
}

/* Of each suite. */
int st_init(struct kunit *test);
void st_exit(struct kunit *test);

/* The calls under test. */
void st_make(struct kunit *test, unsigned long nr_pages);
unsigned long st_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
			  gfp_t gfp);
unsigned long st_fill(struct kunit *test, unsigned long index, unsigned long map);
void st_put(struct kunit *test, unsigned long index);
void st_put_alone(struct kunit *test, unsigned long index, unsigned int nr);
struct page *st_page(struct kunit *test, unsigned long index);
bool st_next(struct kunit *test, unsigned long first, unsigned long last,
	     struct store_span *span);
unsigned long st_clear(struct kunit *test, unsigned long first, unsigned long last);

/* How many nodes the store has. */
unsigned int st_nodes(struct kunit *test);

#endif /* KARENA_STORE_FIXTURE_H */
