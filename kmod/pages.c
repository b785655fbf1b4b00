// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages for users: zeroed, charged to whoever takes them.
 */
#include <linux/mm.h>

#include "account.h"
#include "compat.h"
#include "pages.h"

/* Zeroed by the allocator alone: kernels that always clear would clear twice. */
#define GFP_USER_PAGE	(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * In a memory cgroup the bulk allocator gives a single page, and where memory is
 * short only what is at hand. The first page is worth reclaim, more of them are
 * not: callers that need them all ask again.
 */
static noinline unsigned int get_pages(int node, unsigned int nr_pages, struct page **pages)
{
	gfp_t gfp = GFP_USER_PAGE;
	unsigned int got;

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

/* The bulk allocator is not made for one. */
static unsigned int get_page_alone(int node, struct page **page)
{
	*page = alloc_pages_node(node, GFP_USER_PAGE, 0);
	return !!*page;
}

/**
 * karena_pages_get() - take pages
 * @account:	charged; may be NULL
 * @node:	NUMA node preferred, or NUMA_NO_NODE
 * @nr_pages:	1 to KARENA_PAGES_BATCH, wanted
 * @pages:	out, those taken; a reference each
 *
 * Context: may sleep and reclaim.
 * Return: how many, at least one though perhaps fewer than wanted; -EDQUOT if
 * the user's ceiling, -ENOMEM if memory does not give one.
 */
int karena_pages_get(struct karena_account *account, int node, unsigned int nr_pages,
		     struct page **pages)
{
	unsigned int got;

	if (karena_account_charge(account, nr_pages)) {
		nr_pages = 1;
		if (karena_account_charge(account, nr_pages))
			return -EDQUOT;
	}

	got = nr_pages > 1 ? get_pages(node, nr_pages, pages) : get_page_alone(node, pages);
	if (unlikely(got < nr_pages))
		karena_account_uncharge(account, nr_pages - got);
	return got ?: -ENOMEM;
}

/**
 * karena_pages_put() - give pages back that nobody else has seen
 * @account:	as in karena_pages_get()
 * @nr_pages:	how many
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
	karena_account_uncharge(account, nr_pages);
}
