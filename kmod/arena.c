// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of arenas. arena_op_*() execute KARENA_IOC_ARENA_*, which uapi/karena.h
 * describes; see @execute of struct karena_op. Each operation first checks its arguments,
 * then takes the pages that it needs, and only then changes anything under the lock.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "account.h"
#include "arena.h"
#include "arena_pages.h"
#include "call.h"
#include "compat.h"
#include "memory.h"
#include "objfd.h"
#include "pages.h"
#include "trace.h"

static void arena_destroy(struct karena_object *object)
{
	struct karena_arena *arena = to_arena(object);

	down_write(&arena->lock);	/* for lockdep: nobody else uses the arena */
	arena_destroy_pages(arena);
	ranges_destroy(&arena->ranges);
	up_write(&arena->lock);
	free_percpu(arena->faults);
	karena_object_fini(object);
	kfree(arena);
}

static u64 arena_held_bytes(const struct karena_object *object)
{
	const struct karena_arena *arena = container_of(object, struct karena_arena, object);

	return (u64)atomic_long_read(&arena->nr_populated) << PAGE_SHIFT;
}

const struct karena_object_type karena_arena_type = {
	.name = "arena",
	.kind = KARENA_KIND_ARENA,
	/* Only regular files have fallocate(), and hence MADV_REMOVE. */
	.mode = S_IFREG,
	.rights = KARENA_RIGHTS_ARENA,
	.bytes = KARENA_SLAB_BYTES(sizeof(struct karena_arena)) +
		 RANGES_ADDED_MAX * RANGES_NODE_BYTES,
	.percpu_bytes = sizeof(struct arena_faults),
	.fops = &arena_fops,
	.destroy = arena_destroy,
	.held_bytes = arena_held_bytes,
	.show = arena_show,
};
EXPORT_SYMBOL_IF_KUNIT(karena_arena_type);

static int check_create(const struct karena_arena_create *args)
{
	if (!args->length || !PAGE_ALIGNED(args->length) ||
	    args->length > KARENA_ARENA_MAX_BYTES)
		return -EINVAL;
	if (args->address) {
		if (!(args->flags & KARENA_ARENA_F_FIXED_ADDR) || !PAGE_ALIGNED(args->address))
			return -EINVAL;
		/* TASK_SIZE_MAX may be more than the CPU has; TASK_SIZE is the task's alone. */
		if (args->address + args->length < args->address ||
		    args->address + args->length > STACK_TOP_MAX)
			return -EINVAL;
	}
	if (!karena_node_valid(args->node) || args->fault_pages > KARENA_FAULT_PAGES_MAX)
		return -EINVAL;
	return 0;
}

static int arena_init(struct karena_arena *arena, const struct karena_arena_create *args)
{
	int err;

	arena->nr_pages = args->length >> PAGE_SHIFT;
	arena->flags = args->flags;
	arena->node = args->node;
	arena->fault_pages = args->fault_pages ?: KARENA_FAULT_PAGES_DEFAULT;
	arena->address = args->address;
	init_rwsem(&arena->lock);
	err = karena_object_init(&arena->object, &karena_arena_type, args->name);
	if (err)
		return err;
	ranges_init(&arena->ranges, arena->nr_pages, &arena->lock);
	arena->ranges.account = arena->object.account;
	arena->ranges.lowest = arena->flags & KARENA_ARENA_F_NULL_PAGE ? 1 : 0;
	page_tree_init(&arena->pages, arena->nr_pages, &arena->lock, arena->object.account);
	arena->faults = alloc_percpu_gfp(struct arena_faults, KARENA_GFP);
	if (!arena->faults) {
		karena_object_fini(&arena->object);
		return -ENOMEM;
	}
	return 0;
}

long arena_op_create(struct karena_call *call, void *argp)
{
	const struct karena_arena_create *args = argp;
	struct karena_arena *arena;
	long ret;

	ret = check_create(args);
	if (ret)
		return ret;

	arena = kzalloc(sizeof(*arena), KARENA_GFP);
	if (!arena)
		return -ENOMEM;
	ret = arena_init(arena, args);
	if (ret) {
		kfree(arena);
		return ret;
	}
	ret = karena_object_publish(&arena->object, args->length);
	if (ret < 0)
		arena_destroy(&arena->object);
	return ret;
}

/**
 * arena_check_range() - check a byte offset and a page count from outside
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	number of pages; may be 0, anywhere up to the arena's end
 * @first:	out, index of the first page
 *
 * Context: any.
 * Return: 0; -EINVAL if @offset is not aligned or the range passes the end.
 */
int arena_check_range(const struct karena_arena *arena, u64 offset, u64 nr_pages,
		      unsigned long *first)
{
	u64 index = offset >> PAGE_SHIFT;

	if (!PAGE_ALIGNED(offset) || index > arena->nr_pages ||
	    nr_pages > arena->nr_pages - index)
		return -EINVAL;
	*first = index;
	return 0;
}

static int check_alloc(const struct karena_arena *arena, const struct karena_arena_alloc *args,
		       unsigned long *first)
{
	u64 align = args->align ?: PAGE_SIZE;

	if (args->__reserved || !karena_node_valid(args->node) || !args->nr_pages)
		return -EINVAL;
	if (!is_power_of_2(align) || align < PAGE_SIZE)
		return -EINVAL;
	if (args->flags & KARENA_ALLOC_F_FIXED) {
		if (!IS_ALIGNED(args->offset, align))
			return -EINVAL;
		return arena_check_range(arena, args->offset, args->nr_pages, first);
	}
	/* A hint must lie in the arena, but the range at the hint may pass the end. */
	if (args->nr_pages > arena->nr_pages)
		return -EINVAL;
	return arena_check_range(arena, args->offset, 0, first);
}

/**
 * struct allocation - a range that is about to be allocated
 * @first:	index of the first page; with @anywhere only a hint
 * @nr_pages:	number of pages, at least 1
 * @align:	alignment of the first page, in pages, with @anywhere
 * @anywhere:	free pages elsewhere will do
 * @required:	KARENA_PAGE_* that all pages must be in
 * @node:	preferred NUMA node, or KARENA_NODE_ANY
 * @lazy:	faults populate the range
 */
struct allocation {
	unsigned long first;
	unsigned long nr_pages;
	unsigned long align;
	bool anywhere;
	u32 required;
	int node;
	bool lazy;
};

/* Returns 0, and @first is the place; -EBUSY; -ENOSPC or -EINTR for a place anywhere. */
static int find_place(struct karena_arena *arena, struct allocation *a)
{
	if (a->anywhere)
		return ranges_find_free(&arena->ranges, a->first, a->nr_pages, a->align,
					&a->first);
	if (!ranges_all(&arena->ranges, a->first, a->first + a->nr_pages - 1, BIT(a->required)))
		return -EBUSY;
	return 0;
}

/* Returns 0; -EINTR for a fatal signal; -KARENA_EWOULDSLEEP if @call may not sleep. */
static int lock_exclusively(struct karena_arena *arena, const struct karena_call *call)
{
	if (!call->nowait)
		return down_write_killable(&arena->lock);
	return down_write_trylock(&arena->lock) ? 0 : -KARENA_EWOULDSLEEP;
}

static int allocate(struct karena_arena *arena, const struct karena_call *call,
		    struct allocation *a)
{
	struct arena_page_list list __uninitialized;
	gfp_t gfp = call->nowait ? KARENA_GFP_NOWAIT : KARENA_GFP;
	int err;

	/* What takes long holds up nobody who issues an io_uring command. */
	if (call->nowait && (a->nr_pages > KARENA_PAGES_BATCH || a->align > 1))
		return -KARENA_EWOULDSLEEP;
	err = arena_take_pages(arena, a->node, a->lazy ? 0 : a->nr_pages, gfp, &list);
	if (err)
		goto drop;
	err = lock_exclusively(arena, call);
	if (err)
		goto drop;
	err = find_place(arena, a);
	if (!err)
		err = arena_place_pages(arena, a->first, a->nr_pages, &list);
	/* Under the lock, so that states are traced in the order in which they came. */
	if (!err)
		trace_karena_arena_state(arena, a->first, a->nr_pages, KARENA_PAGE_ALLOCATED);
	up_write(&arena->lock);

drop:
	arena_drop_pages(arena, &list);
	/* There may be memory for callers that reclaim some. */
	return err == -ENOMEM && call->nowait ? -KARENA_EWOULDSLEEP : err;
}

long arena_op_alloc(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	struct karena_arena_alloc *args = argp;
	struct allocation a = {
		.nr_pages = args->nr_pages,
		.align = (args->align ?: PAGE_SIZE) >> PAGE_SHIFT,
		.anywhere = !(args->flags & KARENA_ALLOC_F_FIXED),
		.required = KARENA_PAGE_FREE,
		.node = args->node,
		.lazy = args->flags & KARENA_ALLOC_F_LAZY,
	};
	int err;

	err = check_alloc(arena, args, &a.first) ?: allocate(arena, call, &a);
	if (!err)
		args->out_offset = (u64)a.first << PAGE_SHIFT;
	return err;
}

/**
 * struct release_mode - how to release pages, that is, to free or to decommit them
 * @state:	new state of the pages, KARENA_PAGE_*
 * @required:	BIT(KARENA_PAGE_*) of the states that all pages must be in; 0: any state will do
 * @refusal:	-errno if a page is in another state
 */
struct release_mode {
	u32 state;
	u32 required;
	int refusal;
};

/*
 * Checks the states of the pages, in parts, as there may be many ranges. Returns 0;
 * @how->refusal; -EINTR for a fatal signal.
 */
static int check_release(struct karena_arena *arena, unsigned long first, unsigned long last,
			 const struct release_mode *how)
{
	unsigned long part;

	lockdep_assert_held(&arena->lock);
	if (!how->required)
		return 0;
	for (;;) {
		part = ranges_part(&arena->ranges, first, last, ARENA_STEP);
		if (!ranges_all(&arena->ranges, first, part, how->required))
			return how->refusal;
		if (part == last)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		first = part + 1;
	}
}

/*
 * Releases pages from @first on, for one step; @last as in arena_remove_pages(). Only the first
 * step checks the whole range and may fail for the states of its pages. Before a later step
 * another call may have changed pages: the step leaves pages that are not in a required state
 * as they are, as if the other call had come after this one.
 */
static int release_step(struct karena_arena *arena, unsigned long first, unsigned long *last,
			const struct release_mode *how, bool is_first)
{
	struct page_range range;
	int err;

	if (is_first) {
		err = check_release(arena, first, *last, how);
		if (err)
			return err;
	} else if (how->required) {
		range = ranges_at(&arena->ranges, first);
		*last = min(*last, range.last);
		if (!(BIT(range.state) & how->required))
			return 0;
	}
	err = arena_remove_pages(arena, first, last, how->state, is_first);
	if (!err)
		trace_karena_arena_state(arena, first, *last - first + 1, how->state);
	return err;
}

/*
 * Releases a range step by step, so that other users of the arena can take the lock between
 * two steps, and a fatal signal can end the call there. @done is the number of pages done.
 */
static int release_range(struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
			 const struct release_mode *how, u64 *done)
{
	unsigned long next = first, last;
	int err;

	*done = 0;
	while (*done < nr_pages) {
		last = first + nr_pages - 1;
		if (fatal_signal_pending(current) || arena_lock_to_remove(arena))
			return -EINTR;
		err = release_step(arena, next, &last, how, next == first);
		up_write(&arena->lock);
		if (!err) {
			next = last + 1;
			*done = next - first;
		} else if (err == -ENOMEM && next != first) {
			schedule_timeout_killable(1);	/* until there is memory for a node */
		} else {
			return err;
		}
		cond_resched();
	}
	return 0;
}

/**
 * arena_free() - make a range free
 * @arena:	the arena
 * @first:	index of the first page
 * @nr_pages:	number of pages, all inside the arena
 * @flags:	KARENA_FREE_F_*
 * @done:	out, pages done, always written
 *
 * Context: may sleep.
 * Return: 0; -EINTR with @done less than @nr_pages; with nothing changed -ENOENT
 * (STRICT), -ENOMEM if a range must be split, -EDQUOT if a range of pages without memory
 * must be split.
 */
int arena_free(struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
	       u32 flags, u64 *done)
{
	static const struct release_mode how_free = {
		.state = KARENA_PAGE_FREE,
	};
	static const struct release_mode how_strict = {
		.state = KARENA_PAGE_FREE,
		.required = BIT(KARENA_PAGE_ALLOCATED),
		.refusal = -ENOENT,
	};

	return release_range(arena, first, nr_pages,
			     flags & KARENA_FREE_F_STRICT ? &how_strict : &how_free, done);
}

long arena_op_free(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	struct karena_arena_free *args = argp;
	unsigned long first;
	int err;

	err = arena_check_range(arena, args->offset, args->nr_pages, &first);
	return err ?: arena_free(arena, first, args->nr_pages, args->flags, &args->out_done);
}

long arena_op_decommit(struct karena_call *call, void *argp)
{
	static const struct release_mode how_decommit = {
		.state = KARENA_PAGE_RESERVED,
		.required = BIT(KARENA_PAGE_ALLOCATED) | BIT(KARENA_PAGE_RESERVED),
		.refusal = -EBUSY,
	};
	struct karena_arena *arena = to_arena(call->object);
	struct karena_arena_decommit *args = argp;
	unsigned long first;
	int err;

	err = arena_check_range(arena, args->offset, args->nr_pages, &first);
	return err ?: release_range(arena, first, args->nr_pages, &how_decommit, &args->out_done);
}

long arena_op_reserve(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	const struct karena_arena_reserve *args = argp;
	unsigned long first, last;
	u32 state;
	int err;

	err = arena_check_range(arena, args->offset, args->nr_pages, &first);
	if (err || !args->nr_pages)
		return err;
	last = first + args->nr_pages - 1;
	state = args->flags & KARENA_RESERVE_F_GUARD ? KARENA_PAGE_GUARD : KARENA_PAGE_RESERVED;

	err = lock_exclusively(arena, call);
	if (err)
		return err;
	if (ranges_all(&arena->ranges, first, last, BIT(KARENA_PAGE_FREE)))
		err = ranges_set(&arena->ranges, first, last, state,
				 call->nowait ? KARENA_GFP_NOWAIT : KARENA_GFP);
	else
		err = -EBUSY;
	if (!err)
		trace_karena_arena_state(arena, first, args->nr_pages, state);
	up_write(&arena->lock);
	return err == -ENOMEM && call->nowait ? -KARENA_EWOULDSLEEP : err;
}

long arena_op_commit(struct karena_call *call, void *argp)
{
	struct karena_arena *arena = to_arena(call->object);
	const struct karena_arena_commit *args = argp;
	struct allocation a = {
		.nr_pages = args->nr_pages,
		.required = KARENA_PAGE_RESERVED,
		.node = args->node,
		.lazy = args->flags & KARENA_COMMIT_F_LAZY,
	};
	int err;

	if (args->__reserved || !karena_node_valid(args->node))
		return -EINVAL;
	err = arena_check_range(arena, args->offset, args->nr_pages, &a.first);
	return err || !args->nr_pages ? err : allocate(arena, call, &a);
}
