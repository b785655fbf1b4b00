// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory the machine has for objects.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "memory.h"

/**
 * karena_memory_unmovable() - count the pages that are not set aside for movable data
 *
 * Only these can hold the pages of objects, which do not move, and the kernel's own data.
 * The walk over all nodes takes too long for each charge.
 *
 * Context: any.
 * Return: number of pages.
 */
unsigned long karena_memory_unmovable(void)
{
	unsigned long nr_pages = 0;
	struct zone *zone;
	int nid, i;

	for_each_online_node(nid) {
		for (i = 0; i < ZONE_MOVABLE; i++) {
			zone = &NODE_DATA(nid)->node_zones[i];
			nr_pages += zone_managed_pages(zone) - zone_cma_pages(zone);
		}
	}
	return nr_pages;
}

/**
 * karena_memory_available() - estimate how many pages objects could still take
 *
 * Looks at the machine's memory, not at users' limits.
 *
 * Context: any.
 * Return: number of pages.
 */
unsigned long karena_memory_available(void)
{
	unsigned long nr_pages = si_mem_available();

	return min(nr_pages, karena_memory_unmovable());
}
