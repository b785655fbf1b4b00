/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the suites of the arena: an arena with its open file, operations executed as
 * entry points do, and arenas drawn as strings, a letter for each page:
 *
 *	. free   A allocated and populated   a allocated   r reserved   g guard
 */
#ifndef KARENA_ARENA_FIXTURE_H
#define KARENA_ARENA_FIXTURE_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include "../kmod/arena.h"

/**
 * struct arena_fixture - in test->priv
 * @file:	an open file of the arena, once there is one
 * @arena:	the arena
 */
struct arena_fixture {
	struct file *file;
	struct karena_arena *arena;
};

/* For each suite. */
int at_init(struct kunit *test);
void at_exit(struct kunit *test);

void at_become_user(struct kunit *test);
void at_close(struct kunit *test);
long at_execute(struct kunit *test, struct file *file, unsigned int cmd, void *args,
		struct iov_iter *payload);
struct file *at_file(struct kunit *test, long fd);

/* Creates an arena, whose file becomes the fixture's. 0 or -errno. */
long at_create(struct kunit *test, struct karena_arena_create *args);
void at_make(struct kunit *test, unsigned long nr_pages);

/* Operations on the fixture's file, in pages. */
long at_alloc(struct kunit *test, struct karena_arena_alloc *args);
long at_alloc_pages(struct kunit *test, u32 flags, unsigned long first, unsigned long nr);
long at_free(struct kunit *test, u32 flags, unsigned long first, unsigned long nr);
long at_reserve(struct kunit *test, u32 flags, unsigned long first, unsigned long nr);
long at_commit(struct kunit *test, u32 flags, unsigned long first, unsigned long nr);
long at_decommit(struct kunit *test, unsigned long first, unsigned long nr);
struct karena_arena_stat at_stat(struct kunit *test);
struct page *at_page(struct kunit *test, unsigned long index);

/* Drawings. */
void at_draw(struct kunit *test, const char *drawing);
void at_expect(struct kunit *test, const char *drawing);

#endif /* KARENA_ARENA_FIXTURE_H */
