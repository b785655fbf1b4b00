/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the suites of the page tree: a page tree with its own lock, and calls under
 * that lock. The tree never accesses a page, so any pointer can stand for one; here the
 * pointer for page i is made from i.
 */
#ifndef KARENA_PAGE_TREE_FIXTURE_H
#define KARENA_PAGE_TREE_FIXTURE_H

#include <kunit/test.h>
#include <linux/rwsem.h>

#include "../kmod/page_tree.h"

/* In test->priv. */
struct page_tree_fixture {
	struct rw_semaphore lock;
	struct page_tree tree;
	unsigned long nr_pages;	/* 0: there is no tree */
};

static inline struct page *page_of(unsigned long index)
{
	return (struct page *)((index + 1) * sizeof(long));
}

/* For each suite. */
int pt_init(struct kunit *test);
void pt_exit(struct kunit *test);

/* The calls under test. */
void pt_make(struct kunit *test, unsigned long nr_pages);
unsigned long pt_fill_gfp(struct kunit *test, unsigned long index, unsigned long map,
			  gfp_t gfp);
unsigned long pt_fill(struct kunit *test, unsigned long index, unsigned long map);
void pt_put(struct kunit *test, unsigned long index);
struct page *pt_page(struct kunit *test, unsigned long index);
bool pt_next(struct kunit *test, unsigned long first, unsigned long last,
	     struct page_tree_span *span);
unsigned long pt_clear(struct kunit *test, unsigned long first, unsigned long last);

/* Returns the page at an index of any page tree, or NULL; its lock is held. */
struct page *pt_page_of(struct page_tree *t, unsigned long index);

/* Counts the leaves, each of which must have a page, except for the idle one. */
unsigned int pt_leaves(struct kunit *test);

#endif /* KARENA_PAGE_TREE_FIXTURE_H */
