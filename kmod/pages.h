/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages for users: zeroed, charged to whoever takes them.
 */
#ifndef KARENA_PAGES_H
#define KARENA_PAGES_H

#include <linux/gfp.h>
#include <linux/nodemask.h>
#include <linux/karena_kapi.h>

struct karena_account;

/* As many as one call gives. */
#define KARENA_PAGES_BATCH	64

/*
 * For whatever a user can make grow: charged to the caller's memory cgroup;
 * fails rather than have the kernel kill somebody; and fails in silence.
 */
#define KARENA_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* A NUMA node as callers name it: one with memory, or KARENA_NODE_ANY. */
static inline bool karena_node_valid(s32 node)
{
	return node == KARENA_NODE_ANY ||
	       (node >= 0 && node < MAX_NUMNODES && node_state(node, N_MEMORY));
}

int karena_pages_get(struct karena_account *account, int node, unsigned int nr_pages,
		     struct page **pages);
void karena_pages_put(struct karena_account *account, unsigned int nr_pages,
		      struct page **pages);

#endif /* KARENA_PAGES_H */
