/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas. The file operations, the operations of the table and the fault use
 * what is declared here.
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
				 KARENA_ARENA_F_INHERIT)

/* Offsets are loff_t in the file system's code, so the last page is left out. */
#define KARENA_ARENA_MAX_BYTES	(((u64)LLONG_MAX + 1) - 2 * PAGE_SIZE)

#define KARENA_FAULT_PAGES_MAX	64
/*
 * By measurement, see docs/arena.md: beyond it a fault costs little less per page,
 * and takes memory for pages that are perhaps never touched.
 */
#define KARENA_FAULT_PAGES_DEFAULT 32

/* Faults by kind, as KARENA_IOC_ARENA_STAT shows them. */
struct arena_faults {
	u64 populated;
	u64 mapped;
	u64 segv;
	u64 bus;
};

/* Ranges that are charged as a page: arena_charge.c. */
#define ARENA_NODES	(PAGE_SIZE / sizeof(struct ranges_node))

/* Pages or ranges that are seen to under the lock before others come in. */
#define ARENA_STEP	512

/**
 * struct karena_arena - an arena
 * @object:	what all objects have
 * @nr_pages:	size; fixed
 * @flags:	KARENA_ARENA_F_*; fixed
 * @node:	of create; fixed
 * @fault_pages: of create; fixed
 * @lock:	protects @ranges, @address, @populated_peak and which entries @pages
 *		has. Shared: faults, which may add pages to @pages where @ranges
 *		says allocated, and whoever only looks. Exclusive: whoever changes
 *		@ranges or removes a page. Nests inside mmap_lock; outside the
 *		locks of unmap_mapping_range() and of the page tables. User memory
 *		is never touched under it
 * @ranges:	the state of each page
 * @pages:	the populated pages, with a reference of the arena's each
 * @address:	with FIXED_ADDR, where offset 0 is mapped; 0: not chosen yet. Set
 *		once
 * @proposed:	before that, where a mapping that is under way will have it, or one
 *		that failed would have had. Changed by cmpxchg(), under no lock
 * @nr_populated: entries of @pages
 * @populated_peak: most it was before the last time it shrank
 * @faults:	per CPU, only ever counted up
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

/* arena_stat.c: what is shown of an arena */
long arena_op_stat(struct karena_call *call, void *args);
long arena_op_walk(struct karena_call *call, void *args);
void arena_show(struct karena_object *object, struct seq_file *m);

/**
 * struct arena_window - pages of a fault, all in one leaf of the tree
 * @map:	their slots, one after the other
 * @leaf:	what holds those that are populated
 */
struct arena_window {
	unsigned long map;
	struct page_tree_node *leaf;
};

/**
 * struct arena_page_list - pages on their way into an arena
 * @nr:		how many; 0 once they are the arena's
 * @pages:	them
 * @few:	room for @pages where they are few
 *
 * Kernels that clear what a stack frame begins with take longer for @few than
 * for the rest of a small allocation: hence __uninitialized where there is one.
 */
struct arena_page_list {
	unsigned long nr;
	struct page **pages;
	struct page *few[KARENA_PAGES_BATCH];
};

/* arena_mm.c: pages into the arena */
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
 * arena_drop_pages() - give up what the arena did not get of a page list
 * @arena:	that was charged for it
 * @list:	from arena_take_pages()
 *
 * Context: may sleep.
 */
static inline void arena_drop_pages(struct karena_arena *arena, struct arena_page_list *list)
{
	if (list->nr || list->pages != list->few)
		arena_drop_rest(arena, list);
}

/* arena_remove.c: and out of it */
int arena_remove_pages(struct karena_arena *arena, unsigned long first, unsigned long *last,
		       u32 state, bool may_fail);
void arena_destroy_pages(struct karena_arena *arena);

/* arena_charge.c: what the user is charged for */
void arena_reconcile(struct karena_arena *arena, unsigned long nr_released);
int arena_set_state(struct karena_arena *arena, unsigned long first, unsigned long last,
		    u32 state);

/* arena.c, for the operations and for entry points that are not in the table */
int arena_check_range(const struct karena_arena *arena, u64 offset, u64 nr_pages,
		      unsigned long *first);
int arena_free(struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
	       u32 flags, u64 *done);

#endif /* KARENA_ARENA_H */
