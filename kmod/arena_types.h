/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas: the object itself, for all files that implement arenas.
 */
#ifndef KARENA_ARENA_TYPES_H
#define KARENA_ARENA_TYPES_H

#include <linux/atomic.h>
#include <linux/rwsem.h>
#include <linux/types.h>

#include "objfd.h"
#include "page_tree.h"
#include "ranges.h"

#define KARENA_FAULT_PAGES_MAX	64
/*
 * As docs/arena.md shows, with more pages a fault costs little less per page, but takes
 * memory for pages that may never be touched.
 */
#define KARENA_FAULT_PAGES_DEFAULT 32

/* Faults by kind, for KARENA_IOC_ARENA_STAT. */
struct arena_faults {
	u64 populated;
	u64 mapped;
	u64 segv;
	u64 bus;
};

/**
 * struct karena_arena - an arena
 * @object:	common part of all objects
 * @nr_pages:	size; fixed
 * @flags:	KARENA_ARENA_F_*; fixed
 * @node:	preferred NUMA node, or KARENA_NODE_ANY; fixed
 * @fault_pages: most pages that a fault populates; fixed
 * @lock:	protects @ranges, @address, @populated_peak and the set of entries in
 *		@pages. Readers hold @lock shared, and so do faults, which may add pages to
 *		@pages where @ranges says allocated. Changing @ranges and removing pages need
 *		@lock exclusively. @lock nests inside mmap_lock, and outside the locks of
 *		unmap_mapping_range() and of the page tables. User memory is never touched
 *		under @lock
 * @ranges:	the state of each page
 * @pages:	the populated pages; the arena has a reference on each
 * @address:	with FIXED_ADDR, address of offset 0; 0: not chosen yet. Set once; also read
 *		without @lock
 * @proposed:	while @address is 0, the address of a mapping under way, or of one that has
 *		failed. Changed by cmpxchg(), without a lock
 * @nr_populated: number of entries in @pages
 * @populated_peak: highest @nr_populated that a removal of pages has found; @nr_populated may
 *		be higher now
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

#endif /* KARENA_ARENA_TYPES_H */
