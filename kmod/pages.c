// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeroed pages for users, charged to the user and the memory cgroup.
 */
#include <linux/mm.h>

#include "account.h"
#include "compat.h"
#include "pages.h"

/* Zeroed by the allocator alone: clearing here, too, would clear twice on some kernels. */
#define GFP_USER_PAGE	(__GFP_HARDWALL | __GFP_HIGHMEM | __GFP_ZERO)

/*
 * In a memory cgroup the bulk allocator returns a single page, and when memory is short
 * only what is free. The first page is worth reclaim, further ones are not: callers that
 * need all of them ask again.
 */
static unsigned int get_pages(int node, unsigned int nr_pages, gfp_t gfp, struct page **pages)
{
	unsigned int got;

	gfp |= GFP_USER_PAGE;
	memset(pages, 0, nr_pages * sizeof(*pages));
	got = alloc_pages_bulk_node(gfp, node, nr_pages, pages);
	for (; got < nr_pages; got++) {
		if (got)
			gfp &= ~__GFP_DIRECT_RECLAIM;
		pages[got] = alloc_pages_node(node, gfp, 0);
		if (!pages[got])
			break;
	}
	return got;
}

/**
 * karena_pages_get() - take pages
 * @account:	account to charge; may be NULL
 * @node:	preferred NUMA node, or NUMA_NO_NODE
 * @nr_pages:	number wanted, 1 to KARENA_PAGES_BATCH
 * @gfp:	KARENA_GFP or KARENA_GFP_NOWAIT
 * @pages:	out, pages taken, with a reference each
 *
 * Context: may sleep and reclaim if @gfp says so.
 * Return: number of pages, at least one but perhaps fewer than wanted; -EDQUOT or
 * -ENOMEM if the user's limit or the memory does not allow a single one.
 */
int karena_pages_get(struct karena_account *account, int node, unsigned int nr_pages,
		     gfp_t gfp, struct page **pages)
{
	unsigned int got;

	if (karena_account_charge(account, (unsigned long)nr_pages << PAGE_SHIFT)) {
		nr_pages = 1;
		if (karena_account_charge(account, (unsigned long)nr_pages << PAGE_SHIFT))
			return -EDQUOT;
	}

	got = get_pages(node, nr_pages, gfp, pages);
	if (got < nr_pages)
		karena_account_uncharge(account, (unsigned long)(nr_pages - got) << PAGE_SHIFT);
	return got ?: -ENOMEM;
}

/**
 * karena_pages_pause() - let others run while many pages are given back
 * @node:	node of pages that were given back
 *
 * The page allocator empties its list of a CPU and node with interrupts off, and takes
 * twice as many pages from it each time, as long as nobody allocates one: up to 2,016,
 * which is 613,000 instructions. An allocation halves what it takes, so allocate twice after
 * each KARENA_PAGES_BATCH pages. Before 6.7 it takes the whole list if a slab is freed after
 * the first pages taken, as when SLUB frees several slabs at once; nothing here prevents that.
 *
 * Context: may sleep.
 */
void karena_pages_pause(int node)
{
	struct page *page;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		page = alloc_pages_node(node, __GFP_NOWARN, 0);
		if (page)
			__free_page(page);
	}
	cond_resched();
}

/**
 * karena_pages_put() - give back pages that nobody else has seen
 * @account:	as in karena_pages_get()
 * @nr_pages:	number of pages
 * @pages:	from karena_pages_get()
 *
 * Context: any.
 */
void karena_pages_put(struct karena_account *account, unsigned int nr_pages,
		      struct page **pages)
{
	unsigned int i;

	for (i = 0; i < nr_pages; i++)
		put_page(pages[i]);
	karena_account_uncharge(account, (unsigned long)nr_pages << PAGE_SHIFT);
}
