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
#include "memory.h"
#include "pages.h"
#include "ring.h"

static unsigned long slot_pages(const struct ring_area *area)
{
	unsigned long nr = (area->nr_data << PAGE_SHIFT) / RECORD_MIN_BYTES;

	return DIV_ROUND_UP(nr * sizeof(struct record_slot), PAGE_SIZE);
}

/*
 * What comes with the pages and grows with them: the array of them, and the page tables
 * of the kernel's mappings.
 */
static unsigned long table_bytes(const struct ring_area *area)
{
	unsigned long entries = area->nr_slots + ring_area_pages(area);

	return PAGE_ALIGN(entries * sizeof(struct page *) + entries * sizeof(pte_t));
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
					       KARENA_GFP, pages + done);
		if (got < 0) {
			put_pages(pages, done, account);
			return got;
		}
		done += got;
		cond_resched();
	}
	return 0;
}

/* Those of the slots come before those of a mapping. */
static struct page **all_pages(const struct ring_area *area)
{
	return area->pages - area->nr_slots;
}

/* The number of different pages, which come first. */
static unsigned long nr_all(const struct ring_area *area)
{
	return area->nr_slots + RING_DATA_PAGE + area->nr_data;
}

/**
 * ring_area_bytes() - get the memory of a ring's pages
 * @area:	the ring's memory
 *
 * Context: any.
 * Return: bytes.
 */
u64 ring_area_bytes(const struct ring_area *area)
{
	return (u64)nr_all(area) << PAGE_SHIFT;
}

static int take_all(struct ring_area *area, struct karena_account *account, int node)
{
	struct page **pages;
	int err;

	pages = kvmalloc_array(area->nr_slots + ring_area_pages(area), sizeof(*pages), KARENA_GFP);
	if (!pages)
		return -ENOMEM;
	err = take_pages(pages, nr_all(area), account, node);
	if (err)
		kvfree(pages);
	else
		area->pages = pages + area->nr_slots;
	return err;
}

static void put_all(struct ring_area *area, struct karena_account *account)
{
	put_pages(all_pages(area), nr_all(area), account);
	kvfree(all_pages(area));
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

static int map_all(struct ring_area *area)
{
	if (area->nr_slots) {
		area->slots = vmap(all_pages(area), area->nr_slots, VM_MAP, PAGE_KERNEL);
		if (!area->slots)
			return -ENOMEM;
		cond_resched();
	}
	area->base = vmap(area->pages, ring_area_pages(area), VM_MAP, PAGE_KERNEL);
	if (area->base)
		return 0;
	vunmap(area->slots);
	return -ENOMEM;
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
	area->nr_slots = in_place ? slot_pages(area) : 0;
	area->table_bytes = table_bytes(area);
	err = karena_account_charge(account, area->table_bytes);
	if (err)
		return err;
	err = take_all(area, account, node);
	if (err)
		goto uncharge;
	repeat_data_pages(area);
	err = map_all(area);
	if (!err)
		return 0;

	put_all(area, account);
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
	vunmap(area->slots);
	put_all(area, account);
	karena_account_uncharge(account, area->table_bytes);
}
