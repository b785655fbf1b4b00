/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas: the operations of the table, and the functions that entry points call directly.
 */
#ifndef KARENA_ARENA_H
#define KARENA_ARENA_H

#include "arena_types.h"

struct karena_call;
struct seq_file;

#define KARENA_ARENA_FLAGS	(KARENA_ARENA_F_SEGV_ON_FAULT | \
				 KARENA_ARENA_F_FIXED_ADDR | \
				 KARENA_ARENA_F_INHERIT | \
				 KARENA_ARENA_F_NULL_PAGE)

/* The file system's code uses loff_t for offsets, so the last page is left out. */
#define KARENA_ARENA_MAX_BYTES	(((u64)LLONG_MAX + 1) - 2 * PAGE_SIZE)

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

/* arena.c, for entry points that do not use the table, such as fallocate() */
int arena_check_range(const struct karena_arena *arena, u64 offset, u64 nr_pages,
		      unsigned long *first);
int arena_free(struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
	       u32 flags, u64 *done);

#endif /* KARENA_ARENA_H */
