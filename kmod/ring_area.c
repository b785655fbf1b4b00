// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a ring. It is taken at create, stays for the ring's life, and is
 * mapped in one piece for the kernel, as users may map it:
 *
 *   page 0        1          2          3          3 + n           3 + 2n
 *        |--------|----------|----------|----------|---------------|
 *        | header | consumer | producer | data     | the same data |
 *        |--------|----------|----------|----------|---------------|
 *         read     one may    read       read, or write if IN_PLACE
 *         only     write      only
 *
 * The data pages are there twice in a row, so that a record that passes the end
 * of the area is in one piece all the same. Each position has a page of its own
 * because different people may write them.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "account.h"
#include "compat.h"
#include "pages.h"
#include "ring.h"

static unsigned long slots_bytes(const struct ring_area *area)
{
	return (area->nr_data << PAGE_SHIFT) / RECORD_MIN_BYTES * sizeof(struct record_slot);
}

/*
 * What comes with the pages and grows with them: the array of them, the page
 * tables of the kernel's mapping, the slots.
 */
static unsigned long table_bytes(const struct ring_area *area, bool in_place)
{
	unsigned long entries = ring_area_pages(area);
	unsigned long bytes = entries * sizeof(struct page *) + entries * sizeof(pte_t);

	if (in_place)
		bytes += slots_bytes(area);
	return PAGE_ALIGN(bytes);
}

static void put_pages(struct page **pages, unsigned long nr_pages,
		      struct karena_account *account)
{
	unsigned int nr;
	int node;

	for (; nr_pages; nr_pages -= nr, pages += nr) {
		nr = min_t(unsigned long, nr_pages, KARENA_PAGES_BATCH);
		node = page_to_nid(pages[0]);
		karena_pages_put(account, nr, pages);
		karena_pages_pause(node);
	}
}

static int take_pages(struct page **pages, unsigned long nr_pages,
		      struct karena_account *account, int node)
{
	unsigned long done = 0;
	int got;

	while (done < nr_pages) {
		got = -EINTR;
		if (!fatal_signal_pending(current))
			got = karena_pages_get(account, node,
					       min_t(unsigned long, nr_pages - done,
						     KARENA_PAGES_BATCH),
					       pages + done);
		if (got < 0) {
			put_pages(pages, done, account);
			return got;
		}
		done += got;
		cond_resched();
	}
	return 0;
}

static int take_tables(struct ring_area *area, bool in_place, int node)
{
	area->pages = kvmalloc_array(ring_area_pages(area), sizeof(*area->pages), KARENA_GFP);
	if (!area->pages)
		return -ENOMEM;
	if (!in_place)
		return 0;

	area->slots = kvmalloc_node(slots_bytes(area), KARENA_GFP | __GFP_ZERO, node);
	if (!area->slots) {
		kvfree(area->pages);
		return -ENOMEM;
	}
	return 0;
}

static void put_tables(struct ring_area *area)
{
	kvfree(area->slots);
	kvfree(area->pages);
}

/* In steps, as there may be a million of them. */
static void repeat_data_pages(struct ring_area *area)
{
	struct page **data = area->pages + RING_DATA_PAGE;
	unsigned long done, nr;

	for (done = 0; done < area->nr_data; done += nr) {
		nr = min(area->nr_data - done, 4096ul);
		memcpy(data + area->nr_data + done, data + done, nr * sizeof(*data));
		cond_resched();
	}
}

/**
 * ring_area_init - take a ring's memory, zeroed
 * @area:	zeroed
 * @account:	charged
 * @data_bytes:	size of the data area, a multiple of the page size
 * @in_place:	with slots
 * @node:	NUMA node preferred, or NUMA_NO_NODE
 *
 * Context: may sleep.
 * Return: 0, -EDQUOT, -ENOMEM or -EINTR.
 */
int ring_area_init(struct ring_area *area, struct karena_account *account, u64 data_bytes,
		   bool in_place, int node)
{
	int err;

	area->nr_data = data_bytes >> PAGE_SHIFT;
	/* Not by trying, which would take all that others need. */
	if (area->nr_data > totalram_pages())
		return -ENOMEM;
	area->table_bytes = table_bytes(area, in_place);
	err = karena_account_charge(account, area->table_bytes);
	if (err)
		return err;
	err = take_tables(area, in_place, node);
	if (err)
		goto uncharge;
	err = take_pages(area->pages, RING_DATA_PAGE + area->nr_data, account, node);
	if (err)
		goto put_tables;
	repeat_data_pages(area);

	area->base = vmap(area->pages, ring_area_pages(area), VM_MAP, PAGE_KERNEL);
	if (!area->base) {
		err = -ENOMEM;
		goto put_pages;
	}
	return 0;

put_pages:
	put_pages(area->pages, RING_DATA_PAGE + area->nr_data, account);
put_tables:
	put_tables(area);
uncharge:
	karena_account_uncharge(account, area->table_bytes);
	return err;
}

/**
 * ring_area_fini - give a ring's memory back
 * @area:	mapped nowhere any more but for the kernel
 * @account:	as in ring_area_init()
 *
 * Context: may sleep.
 */
void ring_area_fini(struct ring_area *area, struct karena_account *account)
{
	vunmap(area->base);
	put_pages(area->pages, RING_DATA_PAGE + area->nr_data, account);
	put_tables(area);
	karena_account_uncharge(account, area->table_bytes);
}
