// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports on an arena: its counters, and the list of its ranges.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/uio.h>

#include "arena.h"
#include "call.h"
#include "compat.h"
#include "objfd.h"

/* Number of populated pages after which counting releases the arena's lock. */
#define COUNT_MAX	65536

static void sum_faults(const struct karena_arena *arena, struct arena_faults *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct arena_faults *faults = per_cpu_ptr(arena->faults, cpu);

		sum->populated += READ_ONCE(faults->populated);
		sum->mapped += READ_ONCE(faults->mapped);
		sum->segv += READ_ONCE(faults->segv);
		sum->bus += READ_ONCE(faults->bus);
	}
}

static void fill_stat(struct karena_arena *arena, struct karena_arena_stat *stat)
{
	struct arena_faults faults;

	stat->out_flags = arena->flags;
	stat->out_fault_pages = arena->fault_pages;
	stat->out_length = (u64)arena->nr_pages << PAGE_SHIFT;
	stat->out_node = arena->node;
	memcpy(stat->out_name, arena->object.name, sizeof(stat->out_name));

	sum_faults(arena, &faults);
	stat->out_faults = faults.populated;
	stat->out_faults_mapped = faults.mapped;
	stat->out_faults_segv = faults.segv;
	stat->out_faults_bus = faults.bus;

	down_read(&arena->lock);
	stat->out_address = arena->address;
	stat->out_allocated = ranges_count(&arena->ranges, KARENA_PAGE_ALLOCATED);
	stat->out_reserved = ranges_count(&arena->ranges, KARENA_PAGE_RESERVED);
	stat->out_guard = ranges_count(&arena->ranges, KARENA_PAGE_GUARD);
	stat->out_populated = atomic_long_read(&arena->nr_populated);
	stat->out_populated_peak = max_t(u64, arena->populated_peak, stat->out_populated);
	up_read(&arena->lock);
}

/* Are there references beside the arena's and those of page table entries? */
static bool page_is_pinned(struct page *page)
{
	return page_ref_count(page) > karena_mapcount(page) + 1;
}

/**
 * arena_count_pages() - count the populated pages of a range
 * @arena:	its lock is held
 * @range:	the range; out, cut short if too many pages are populated
 * @entry:	@nr_populated and @nr_pinned are increased
 *
 * Context: may sleep.
 */
void arena_count_pages(struct karena_arena *arena, struct page_range *range,
		       struct karena_arena_range *entry)
{
	unsigned long index = range->first;
	struct page_tree_span span;
	unsigned long map;

	for (; page_tree_next(&arena->pages, index, range->last, &span);
	     index = span.base + PAGE_TREE_SLOTS) {
		for (map = span.map; map; map &= map - 1)
			entry->nr_pinned += page_is_pinned(span.leaf->page[__ffs(map)]);
		entry->nr_populated += hweight_long(span.map);
		if (entry->nr_populated >= COUNT_MAX) {
			range->last = min(range->last, span.base + PAGE_TREE_SLOTS - 1);
			break;
		}
		/* Others may wait for the CPU, if not for the lock. */
		cond_resched();
	}
}

/*
 * Counts the arena's pinned pages in parts, so that other tasks can take the lock in
 * between. Pages that are pinned or freed meanwhile may count or not. Returns 0, or
 * -EINTR for a fatal signal.
 */
static int count_pinned(struct karena_arena *arena, u64 *nr_pinned)
{
	struct page_range range = {};

	*nr_pinned = 0;
	while (range.first < arena->nr_pages) {
		struct karena_arena_range entry = {};

		if (fatal_signal_pending(current))
			return -EINTR;
		range.last = arena->nr_pages - 1;
		down_read(&arena->lock);
		arena_count_pages(arena, &range, &entry);
		up_read(&arena->lock);
		*nr_pinned += entry.nr_pinned;
		range.first = range.last + 1;
		cond_resched();
	}
	return 0;
}

long arena_op_stat(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	struct karena_arena_stat *stat = argp;

	fill_stat(arena, stat);
	stat->out_rights = karena_call_rights(call);
	stat->out_pinned = 0;
	return stat->flags & KARENA_STAT_F_PINNED ? count_pinned(arena, &stat->out_pinned) : 0;
}

void arena_show(struct karena_object *object, struct seq_file *m)
{
	struct karena_arena *arena = to_arena(object);
	struct karena_arena_stat stat = {};

	fill_stat(arena, &stat);
	seq_printf(m, "karena-flags:\t0x%x\n", stat.out_flags);
	seq_printf(m, "karena-length:\t%llu\n", stat.out_length);
	seq_printf(m, "karena-address:\t0x%llx\n", stat.out_address);
	seq_printf(m, "karena-allocated:\t%llu\n", stat.out_allocated);
	seq_printf(m, "karena-reserved:\t%llu\n", stat.out_reserved);
	seq_printf(m, "karena-guard:\t%llu\n", stat.out_guard);
	seq_printf(m, "karena-populated:\t%llu\n", stat.out_populated);
	seq_printf(m, "karena-populated-peak:\t%llu\n", stat.out_populated_peak);
	seq_printf(m, "karena-faults:\t%llu\n", stat.out_faults);
	seq_printf(m, "karena-faults-mapped:\t%llu\n", stat.out_faults_mapped);
	seq_printf(m, "karena-faults-segv:\t%llu\n", stat.out_faults_segv);
	seq_printf(m, "karena-faults-bus:\t%llu\n", stat.out_faults_bus);
	/* Last, as a task that is being killed does not get this line. */
	if (!count_pinned(arena, &stat.out_pinned))
		seq_printf(m, "karena-pinned:\t%llu\n", stat.out_pinned);
}

static bool walk_one(struct karena_arena *arena, unsigned long index,
		     struct karena_arena_range *entry)
{
	struct page_range range;
	bool found;

	memset(entry, 0, sizeof(*entry));
	down_read(&arena->lock);
	found = ranges_next(&arena->ranges, index, &range);
	if (found)
		arena_count_pages(arena, &range, entry);
	up_read(&arena->lock);
	if (!found)
		return false;

	entry->offset = (u64)range.first << PAGE_SHIFT;
	entry->nr_pages = range.last - range.first + 1;
	entry->state = range.state;
	return true;
}

long arena_op_walk(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	struct karena_arena_walk *args = argp;
	struct karena_arena_range entry;
	unsigned long index = args->offset >> PAGE_SHIFT;
	u32 count = 0;

	if (args->__reserved || !PAGE_ALIGNED(args->offset) || index > arena->nr_pages)
		return -EINVAL;

	while (iov_iter_count(call->payload) >= sizeof(entry)) {
		if (!walk_one(arena, index, &entry)) {
			index = arena->nr_pages;
			break;
		}
		if (copy_to_iter(&entry, sizeof(entry), call->payload) != sizeof(entry))
			return -EFAULT;
		index = (entry.offset >> PAGE_SHIFT) + entry.nr_pages;
		count++;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	args->out_count = count;
	args->out_next = (u64)index << PAGE_SHIFT;
	return 0;
}
