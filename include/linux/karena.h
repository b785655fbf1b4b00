/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/karena.h> inside the kernel: the contract with user space, and what
 * the module offers to other modules. In user space <linux/karena.h> is
 * uapi/karena.h itself.
 *
 * A module that uses this says MODULE_IMPORT_NS of KARENA and is built with
 * karena's Module.symvers in KBUILD_EXTRA_SYMBOLS.
 */
#ifndef _LINUX_KARENA_H
#define _LINUX_KARENA_H

#include <linux/types.h>

#include "../../uapi/karena.h"

struct karena_arena;

/*
 * Arenas. Offsets are bytes and page aligned, as in the contract; what a call
 * does and fails with is said there, with the ioctl of its name. All of them may
 * sleep.
 */
struct karena_arena *karena_arena_get(int fd, u32 rights);
void karena_arena_put(struct karena_arena *arena);
s64 karena_arena_alloc(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 align,
		       int node, u32 flags);
int karena_arena_free(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags,
		      u64 *done);
int karena_arena_reserve(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags);
int karena_arena_commit(struct karena_arena *arena, u64 offset, u64 nr_pages, int node,
			u32 flags);
int karena_arena_decommit(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 *done);
void *karena_arena_map(struct karena_arena *arena, u64 offset, u64 nr_pages);
void karena_arena_unmap(void *address);

#endif /* _LINUX_KARENA_H */
