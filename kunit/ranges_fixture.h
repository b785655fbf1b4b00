/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the suites of the ranges: ranges with their own lock, the calls under that
 * lock, and arenas drawn as strings, a letter for each page:
 *
 *	. free   a allocated   r reserved   g guard
 */
#ifndef KARENA_RANGES_FIXTURE_H
#define KARENA_RANGES_FIXTURE_H

#include <kunit/test.h>
#include <linux/rwsem.h>

#include "../kmod/ranges.h"

struct ranges_fixture {
	struct rw_semaphore lock;
	struct ranges r;
	bool made;
};

/* Indexed by KARENA_PAGE_*. */
#define RT_LETTERS ".arg"

/* For each suite. */
int rt_init(struct kunit *test);
void rt_exit(struct kunit *test);

/* Stands for gfp flags: rt_set_gfp() calls ranges_set_spare(). */
#define RT_SPARE	((__force gfp_t)0)

/* The calls under test. */
void rt_make(struct kunit *test, unsigned long nr_pages);
void rt_destroy(struct ranges_fixture *f);
int rt_set_gfp(struct kunit *test, unsigned long first, unsigned long last, char letter,
	       gfp_t gfp);
void rt_set(struct kunit *test, unsigned long first, unsigned long last, char letter);
struct page_range rt_at(struct kunit *test, unsigned long index);
bool rt_all(struct kunit *test, unsigned long first, unsigned long last, u32 mask);
unsigned long rt_part(struct kunit *test, unsigned long first, unsigned long last,
		      unsigned int nr);
bool rt_next(struct kunit *test, unsigned long index, struct page_range *range);
long rt_find(struct kunit *test, unsigned long hint, unsigned long n, unsigned long align);
unsigned long rt_count(struct kunit *test, u32 state);
bool rt_valid(struct kunit *test);

/* Drawings. */
void rt_draw(struct kunit *test, const char *drawing);
void rt_expect_range(struct kunit *test, struct page_range range, unsigned long first,
		     unsigned long last, char letter);
void rt_expect(struct kunit *test, const char *drawing);

#endif /* KARENA_RANGES_FIXTURE_H */
