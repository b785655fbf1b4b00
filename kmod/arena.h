/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas: for the file operations, the operations of the table, and the fault.
 */
#ifndef KARENA_ARENA_H
#define KARENA_ARENA_H

#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/karena_kapi.h>

#include "objfd.h"
#include "pages.h"
#include "ranges.h"
#include "page_tree.h"

struct karena_call;

#define KARENA_ARENA_FLAGS	(KARENA_ARENA_F_SEGV_ON_FAULT | \
				 KARENA_ARENA_F_FIXED_ADDR | \
				 KARENA_ARENA_F_INHERIT | \
				 KARENA_ARENA_F_NULL_PAGE)

/* The file system's code uses loff_t for offsets, so the last page is left out. */
#define KARENA_ARENA_MAX_BYTES	(((u64)LLONG_MAX + 1) - 2 * PAGE_SIZE)

#define KARENA_FAULT_PAGES_MAX	64
/*
 * Measured, see docs/arena.md: with more pages a fault costs little less per page, and
 * takes memory for pages that may never be touched.
 */
#define KARENA_FAULT_PAGES_DEFAULT 32

/* Faults by kind, for KARENA_IOC_ARENA_STAT. */
struct arena_faults {
	u64 populated;
	u64 mapped;
	u64 segv;
	u64 bus;
};

/* Number of pages or ranges to handle before the lock is released for others. */
#define ARENA_STEP	512

/**
 * struct karena_arena - an arena
 * @object:	common part of all objects
 * @nr_pages:	size; fixed
 * @flags:	KARENA_ARENA_F_*; fixed
 * @node:	of create; fixed
 * @fault_pages: of create; fixed
 * @lock:	protects @ranges, @address, @populated_peak and the set of entries in
 *		@pages. Held shared by faults, which may add pages to @pages where
 *		@ranges says allocated, and by readers. Held exclusively to change
 *		@ranges or to remove a page. Nests inside mmap_lock; outside the
 *		locks of unmap_mapping_range() and of the page tables. User memory is
 *		never touched under it
 * @ranges:	the state of each page
 * @pages:	the populated pages; the arena has a reference on each
 * @address:	with FIXED_ADDR, address of offset 0; 0: not chosen yet. Set once
 * @proposed:	until then, the address of a mapping under way, or of one that has
 *		failed. Changed by cmpxchg(), without a lock
 * @nr_populated: number of entries in @pages
 * @populated_peak: highest @nr_populated before its last decrease
 * @faults:	per CPU, only ever incremented
 */
struct karena_arena {
	struct karena_object object;
	unsigned long nr_pages;
	u32 flags;
	int node;
	u32 fault_pages;
	struct rw_semaphore lock;
	struct ranges ranges;
	struct page_tree pages;
	unsigned long address;
	unsigned long proposed;
	atomic_long_t nr_populated;
	unsigned long populated_peak;
	struct arena_faults __percpu *faults;
};

static inline struct karena_arena *to_arena(struct karena_object *object)
{
	return container_of(object, struct karena_arena, object);
}

extern const struct karena_object_type karena_arena_type;
extern const struct file_operations arena_fops;

/* arena.c: the operations */
long arena_op_create(struct karena_call *call, void *args);
long arena_op_alloc(struct karena_call *call, void *args);
long arena_op_free(struct karena_call *call, void *args);
long arena_op_reserve(struct karena_call *call, void *args);
long arena_op_commit(struct karena_call *call, void *args);
long arena_op_decommit(struct karena_call *call, void *args);

/* arena_stat.c: reports */
long arena_op_stat(struct karena_call *call, void *args);
long arena_op_walk(struct karena_call *call, void *args);
void arena_show(struct karena_object *object, struct seq_file *m);
void arena_count_pages(struct karena_arena *arena, struct page_range *range,
		       struct karena_arena_range *entry);

/**
 * struct arena_window - pages of a fault, all in one leaf of the page tree
 * @map:	their slots, contiguous
 * @leaf:	the leaf, if there is one
 */
struct arena_window {
	unsigned long map;
	struct page_tree_leaf *leaf;
};

/**
 * struct arena_page_list - pages on their way into an arena
 * @nr:		number of pages; 0 once the arena owns them
 * @pages:	the pages
 * @few:	memory for @pages if there are few
 *
 * Declare it __uninitialized: with kernels that clear the stack, clearing @few would
 * take longer than the rest of a small allocation.
 */
struct arena_page_list {
	unsigned long nr;
	struct page **pages;
	struct page *few[KARENA_PAGES_BATCH];
};

/* arena_mm.c: adding pages */
int arena_take_pages(struct karena_arena *arena, int node, unsigned long nr_pages,
		     struct arena_page_list *list);
void arena_drop_rest(struct karena_arena *arena, struct arena_page_list *list);
int arena_place_pages(struct karena_arena *arena, unsigned long first,
		      unsigned long nr_pages, struct arena_page_list *list);
int arena_populate(struct karena_arena *arena, unsigned long index,
		   struct arena_window *window);

int arena_pin_pages(struct karena_arena *arena, unsigned long first,
		    unsigned long nr_pages, struct page **pages);

/**
 * arena_drop_pages() - give up the pages of a list that did not go into the arena
 * @arena:	was charged for the pages
 * @list:	from arena_take_pages()
 *
 * Context: may sleep.
 */
static inline void arena_drop_pages(struct karena_arena *arena, struct arena_page_list *list)
{
	if (list->nr || list->pages != list->few)
		arena_drop_rest(arena, list);
}

/* arena_remove.c: removing pages */
int arena_lock_with_spares(struct karena_arena *arena);
int arena_remove_pages(struct karena_arena *arena, unsigned long first, unsigned long *last,
		       u32 state, bool may_fail);
void arena_destroy_pages(struct karena_arena *arena);

/* arena.c, also used by entry points that are not in the table */
int arena_check_range(const struct karena_arena *arena, u64 offset, u64 nr_pages,
		      unsigned long *first);
int arena_free(struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
	       u32 flags, u64 *done);

/**
 * arena_lock_to_remove() - take the arena's lock for arena_remove_pages()
 * @arena:	the arena
 *
 * Context: may sleep and reclaim.
 * Return: 0, or -EINTR for a fatal signal.
 */
static inline int arena_lock_to_remove(struct karena_arena *arena)
{
	if (likely(ranges_has_spares(&arena->ranges))) {
		if (down_write_killable(&arena->lock))
			return -EINTR;
		if (likely(ranges_has_spares(&arena->ranges)))
			return 0;
		up_write(&arena->lock);
	}
	return arena_lock_with_spares(arena);
}

#endif /* KARENA_ARENA_H */
