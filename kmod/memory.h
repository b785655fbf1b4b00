/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module asks of the machine's memory.
 */
#ifndef KARENA_MEMORY_H
#define KARENA_MEMORY_H

#include <linux/gfp.h>
#include <linux/log2.h>

/*
 * For everything that a user can make grow: charged to the caller's memory cgroup; fails
 * rather than invoke the OOM killer; and fails silently.
 */
#define KARENA_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* The same for callers that may not sleep. */
#define KARENA_GFP_NOWAIT	(KARENA_GFP & ~__GFP_DIRECT_RECLAIM)

/* Bytes that a kmalloc() of constant size takes, with the pointer to its memory cgroup. */
#define KARENA_SLAB_BYTES(size)	(roundup_pow_of_two(size) + sizeof(void *))

unsigned long karena_memory_unmovable(void);
unsigned long karena_memory_available(void);

#endif /* KARENA_MEMORY_H */
