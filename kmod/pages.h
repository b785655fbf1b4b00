/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zeroed pages for users, charged to the user and the memory cgroup.
 */
#ifndef KARENA_PAGES_H
#define KARENA_PAGES_H

#include <linux/gfp.h>
#include <linux/nodemask.h>
#include <linux/karena_kapi.h>

struct karena_account;

/* Most pages of one call. */
#define KARENA_PAGES_BATCH	64

/* Is @node a NUMA node with memory, or KARENA_NODE_ANY? */
static inline bool karena_node_valid(s32 node)
{
	return node == KARENA_NODE_ANY ||
	       (node >= 0 && node < MAX_NUMNODES && node_state(node, N_MEMORY));
}

int karena_pages_get(struct karena_account *account, int node, unsigned int nr_pages,
		     gfp_t gfp, struct page **pages);
void karena_pages_pause(int node);
void karena_pages_put(struct karena_account *account, unsigned int nr_pages,
		      struct page **pages);

#endif /* KARENA_PAGES_H */
