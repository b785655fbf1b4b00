/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Initialisers for structs that begin with @size, which they set; all else is the
 * default. In C and in C++:
 *
 *	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
 *
 *	opts.flags = KARENA_RING_F_END;
 *
 * <karena.h> and <karena_vmr.h> include this file.
 */
#ifndef KARENA_INIT_H
#define KARENA_INIT_H

#include <linux/karena.h>

#ifdef __cplusplus
#define KARENA_SIZED(type) \
	([] { struct type sized = {}; sized.size = sizeof(sized); return sized; }())
#define KARENA_ON_ANY_NODE(type) \
	([] { struct type any = KARENA_SIZED(type); any.node = KARENA_NODE_ANY; return any; }())
#else
#define KARENA_SIZED(type)	{ .size = sizeof(struct type) }
#define KARENA_ON_ANY_NODE(type) { .size = sizeof(struct type), .node = KARENA_NODE_ANY }
#endif

/* Of the library. */
#define KARENA_ARENA_OPTS_INIT	KARENA_SIZED(karena_arena_opts)
#define KARENA_VIEW_OPTS_INIT	KARENA_SIZED(karena_view_opts)
#define KARENA_ALLOC_OPTS_INIT	KARENA_SIZED(karena_alloc_opts)
#define KARENA_COMMIT_OPTS_INIT	KARENA_SIZED(karena_commit_opts)
#define KARENA_RING_OPTS_INIT	KARENA_SIZED(karena_ring_opts)
#define KARENA_VMR_SOURCE_INIT	KARENA_SIZED(karena_vmr_source)

/* Of <linux/karena.h>, for reports to the library, for ioctl(2) and for io_uring. */
#define KARENA_QUERY_INIT	KARENA_SIZED(karena_query)
#define KARENA_LIST_INIT	KARENA_SIZED(karena_list)
#define KARENA_RIGHTS_INIT	KARENA_SIZED(karena_rights)
#define KARENA_ARENA_CREATE_INIT KARENA_ON_ANY_NODE(karena_arena_create)
#define KARENA_ARENA_ALLOC_INIT	KARENA_ON_ANY_NODE(karena_arena_alloc)
#define KARENA_ARENA_FREE_INIT	KARENA_SIZED(karena_arena_free)
#define KARENA_ARENA_RESERVE_INIT KARENA_SIZED(karena_arena_reserve)
#define KARENA_ARENA_COMMIT_INIT KARENA_ON_ANY_NODE(karena_arena_commit)
#define KARENA_ARENA_DECOMMIT_INIT KARENA_SIZED(karena_arena_decommit)
#define KARENA_ARENA_STAT_INIT	KARENA_SIZED(karena_arena_stat)
#define KARENA_ARENA_WALK_INIT	KARENA_SIZED(karena_arena_walk)
#define KARENA_RING_CREATE_INIT	KARENA_ON_ANY_NODE(karena_ring_create)
#define KARENA_RING_ATTACH_INIT KARENA_SIZED(karena_ring_attach)
#define KARENA_RING_RESERVE_INIT KARENA_SIZED(karena_ring_reserve)
#define KARENA_RING_FINISH_INIT	KARENA_SIZED(karena_ring_finish)
#define KARENA_RING_OUTPUT_INIT	KARENA_SIZED(karena_ring_output)
#define KARENA_RING_OUTPUT_BATCH_INIT KARENA_SIZED(karena_ring_output_batch)
#define KARENA_RING_RESERVE_BATCH_INIT KARENA_SIZED(karena_ring_reserve_batch)
#define KARENA_RING_FINISH_BATCH_INIT KARENA_SIZED(karena_ring_finish_batch)
#define KARENA_RING_STAT_INIT	KARENA_SIZED(karena_ring_stat)
#define KARENA_RING_POLICY_INIT	KARENA_SIZED(karena_ring_policy)
#define KARENA_RING_FLUSH_INIT	KARENA_SIZED(karena_ring_flush)
#define KARENA_RING_WAIT_INIT	KARENA_SIZED(karena_ring_wait)
#define KARENA_RING_WAIT_CANCEL_INIT KARENA_SIZED(karena_ring_wait_cancel)

#endif /* KARENA_INIT_H */
