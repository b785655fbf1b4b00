// SPDX-License-Identifier: GPL-2.0-only
/*
 * An arena with an open file, as a process has it, and drawings of arenas.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arena_fixture.h"
#include "../kmod/ops.h"
#include "page_tree_fixture.h"

int at_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct arena_fixture), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

/* Closes the arena, and waits until it is released. */
void at_close(struct kunit *test)
{
	struct arena_fixture *f = test->priv;

	if (f->file)
		fput(f->file);
	f->file = NULL;
	f->arena = NULL;
	flush_delayed_fput();
}

void at_exit(struct kunit *test)
{
	if (test->priv)
		at_close(test);
}

/* Makes the limit apply. Each case has its own thread, so this ends with the case. */
void at_become_user(struct kunit *test)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cred->uid = KUIDT_INIT(4711);
	cap_lower(cred->cap_effective, CAP_IPC_LOCK);
	commit_creds(cred);
}

/* Looks an operation up and executes it, as an entry point does. @file: NULL: device. */
long at_execute(struct kunit *test, struct file *file, unsigned int cmd, void *args,
		struct iov_iter *payload)
{
	struct karena_object *object = file ? karena_file_handle(file)->object : NULL;
	struct karena_call call = { .object = object, .file = file, .payload = payload };
	const struct karena_op *op = karena_op_find(cmd, object);

	return op ? karena_op_execute(op, &call, args) : -ENOTTY;
}

/* Closes an fd and returns its open file. */
struct file *at_file(struct kunit *test, long fd)
{
	struct file *file = fget(fd);

	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	return file;
}

long at_create(struct kunit *test, struct karena_arena_create *args)
{
	struct arena_fixture *f = test->priv;
	long fd;

	args->size = sizeof(*args);
	fd = at_execute(test, NULL, KARENA_IOC_ARENA_CREATE, args, NULL);
	if (fd < 0)
		return fd;
	f->file = at_file(test, fd);
	f->arena = to_arena(karena_file_handle(f->file)->object);
	return 0;
}

void at_make(struct kunit *test, unsigned long nr_pages)
{
	struct karena_arena_create args = {
		.length = nr_pages * PAGE_SIZE,
		.node = KARENA_NODE_ANY,
		.name = "kunit",
	};

	KUNIT_ASSERT_EQ(test, at_create(test, &args), 0);
}

static long execute_here(struct kunit *test, unsigned int cmd, void *args)
{
	struct arena_fixture *f = test->priv;

	return at_execute(test, f->file, cmd, args, NULL);
}

long at_alloc(struct kunit *test, struct karena_arena_alloc *args)
{
	args->size = sizeof(*args);
	return execute_here(test, KARENA_IOC_ARENA_ALLOC, args);
}

long at_alloc_pages(struct kunit *test, u32 flags, unsigned long first, unsigned long nr)
{
	struct karena_arena_alloc args = {
		.flags = flags,
		.offset = first * PAGE_SIZE,
		.nr_pages = nr,
		.node = KARENA_NODE_ANY,
	};

	return at_alloc(test, &args);
}

long at_free(struct kunit *test, u32 flags, unsigned long first, unsigned long nr)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = first * PAGE_SIZE,
		.nr_pages = nr,
	};
	long err = execute_here(test, KARENA_IOC_ARENA_FREE, &args);

	KUNIT_EXPECT_EQ(test, args.out_done, err ? 0 : nr);
	return err;
}

long at_reserve(struct kunit *test, u32 flags, unsigned long first, unsigned long nr)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = first * PAGE_SIZE,
		.nr_pages = nr,
	};

	return execute_here(test, KARENA_IOC_ARENA_RESERVE, &args);
}

long at_commit(struct kunit *test, u32 flags, unsigned long first, unsigned long nr)
{
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = first * PAGE_SIZE,
		.nr_pages = nr,
		.node = KARENA_NODE_ANY,
	};

	return execute_here(test, KARENA_IOC_ARENA_COMMIT, &args);
}

long at_decommit(struct kunit *test, unsigned long first, unsigned long nr)
{
	struct karena_arena_decommit args = {
		.size = sizeof(args),
		.offset = first * PAGE_SIZE,
		.nr_pages = nr,
	};
	long err = execute_here(test, KARENA_IOC_ARENA_DECOMMIT, &args);

	KUNIT_EXPECT_EQ(test, args.out_done, err ? 0 : nr);
	return err;
}

struct karena_arena_stat at_stat(struct kunit *test)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };

	KUNIT_EXPECT_EQ(test, execute_here(test, KARENA_IOC_ARENA_STAT, &stat), 0);
	return stat;
}

static long draw_page(struct kunit *test, unsigned long index, char letter)
{
	switch (letter) {
	case 'A':
		return at_alloc_pages(test, KARENA_ALLOC_F_FIXED, index, 1);
	case 'a':
		return at_alloc_pages(test, KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY,
				      index, 1);
	case 'r':
		return at_reserve(test, 0, index, 1);
	case 'g':
		return at_reserve(test, KARENA_RESERVE_F_GUARD, index, 1);
	default:
		return 0;
	}
}

void at_draw(struct kunit *test, const char *drawing)
{
	unsigned long i;

	at_make(test, strlen(drawing));
	for (i = 0; drawing[i]; i++)
		KUNIT_ASSERT_EQ(test, draw_page(test, i, drawing[i]), 0);
}

/* Returns the page of memory at an index, or NULL. */
struct page *at_page(struct kunit *test, unsigned long index)
{
	struct arena_fixture *f = test->priv;
	struct page *page;

	down_read(&f->arena->lock);
	page = pt_page_of(&f->arena->pages, index);
	up_read(&f->arena->lock);
	return page;
}

/* Checks that only allocated pages hold memory. */
static char letter_at(struct karena_arena *arena, unsigned long index)
{
	char letter;

	down_read(&arena->lock);
	letter = ".arg"[ranges_at(&arena->ranges, index).state];
	if (pt_page_of(&arena->pages, index))
		letter = letter == 'a' ? 'A' : '!';
	up_read(&arena->lock);
	return letter;
}

/* Checks each page, and the arena's counters, against a drawing. */
void at_expect(struct kunit *test, const char *drawing)
{
	struct arena_fixture *f = test->priv;
	struct karena_arena_stat stat = at_stat(test);
	unsigned long n[128] = {};
	char *now = kunit_kzalloc(test, strlen(drawing) + 1, GFP_KERNEL);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, now);
	for (i = 0; drawing[i]; i++) {
		now[i] = letter_at(f->arena, i);
		n[drawing[i] & 127]++;
	}
	KUNIT_EXPECT_STREQ(test, now, drawing);
	KUNIT_EXPECT_EQ(test, stat.out_allocated, n['A'] + n['a']);
	KUNIT_EXPECT_EQ(test, stat.out_populated, n['A']);
	KUNIT_EXPECT_EQ(test, stat.out_reserved, n['r']);
	KUNIT_EXPECT_EQ(test, stat.out_guard, n['g']);
}
