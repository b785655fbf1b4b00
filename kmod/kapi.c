// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel entry point: takes plain arguments, so that callers can wrap each call one
 * to one, and looks operations up in the table, as every entry point does.
 *
 * The calls to produce and to query a ring are exported where they are defined, in ring.c
 * and ring_out.c, which saves a call per record.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "arena.h"
#include "compat.h"
#include "objfd.h"
#include "ops.h"
#include "pages.h"
#include "ring.h"
#include "ring_party.h"

/**
 * karena_arena_get() - get an arena by a fd of the calling process
 * @fd:		of the calling process
 * @rights:	KARENA_RIGHT_* that the fd must have: those for which the process lets
 *		kernel code use the arena
 *
 * The arena lives until karena_arena_put(), whatever the process does. The caller's
 * module must call that before it is unloaded.
 *
 * Context: process; may sleep.
 * Return: the arena; or an ERR_PTR(): -EBADF if @fd is not open, -ENOTTY if it is no
 * arena, -EPERM if it lacks a right, -ENOMEM.
 * Since: 1.0
 */
struct karena_arena *karena_arena_get(int fd, u32 rights)
{
	struct karena_object *object;

	might_sleep();
	object = karena_object_get(fd, &karena_arena_type, rights);
	return IS_ERR(object) ? ERR_CAST(object) : to_arena(object);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_get, KARENA_NS);

/**
 * karena_arena_put() - put an arena of karena_arena_get()
 * @arena:	must not be used any more
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_arena_put(struct karena_arena *arena)
{
	might_sleep();
	karena_object_put(&arena->object);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_put, KARENA_NS);

/**
 * karena_arena_alloc() - allocate pages, as KARENA_IOC_ARENA_ALLOC
 * @arena:	the arena
 * @offset:	bytes: the place (KARENA_ALLOC_F_FIXED) or a hint
 * @nr_pages:	number of pages
 * @align:	bytes, or 0 for a page
 * @node:	NUMA node, or KARENA_NODE_ANY
 * @flags:	KARENA_ALLOC_F_*
 *
 * Context: may sleep.
 * Return: byte offset of the first page; -EINVAL, -EBUSY, -ENOSPC, -ENOMEM,
 * -EDQUOT, -EINTR.
 * Since: 1.0
 */
s64 karena_arena_alloc(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 align,
		       int node, u32 flags)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
		.align = align,
		.node = node,
	};
	long ret;

	might_sleep();
	ret = karena_op_kernel(&arena->object, KARENA_IOC_ARENA_ALLOC, &args);
	return ret < 0 ? ret : (s64)args.out_offset;
}
EXPORT_SYMBOL_NS_GPL(karena_arena_alloc, KARENA_NS);

/**
 * karena_arena_free() - free pages, as KARENA_IOC_ARENA_FREE
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @flags:	KARENA_FREE_F_*
 * @done:	out, pages done, also written on -EINTR; may be NULL
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -ENOENT, -ENOMEM, -EDQUOT, -EINTR.
 * Since: 1.0
 */
int karena_arena_free(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags,
		      u64 *done)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
	};
	long ret;

	might_sleep();
	ret = karena_op_kernel(&arena->object, KARENA_IOC_ARENA_FREE, &args);
	if (done)
		*done = args.out_done;
	return ret;
}
EXPORT_SYMBOL_NS_GPL(karena_arena_free, KARENA_NS);

/**
 * karena_arena_reserve() - reserve free pages, as KARENA_IOC_ARENA_RESERVE
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @flags:	KARENA_RESERVE_F_*
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -EBUSY, -ENOMEM, -EDQUOT, -EINTR.
 * Since: 1.0
 */
int karena_arena_reserve(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
	};

	might_sleep();
	return karena_op_kernel(&arena->object, KARENA_IOC_ARENA_RESERVE, &args);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_reserve, KARENA_NS);

/**
 * karena_arena_commit() - allocate reserved pages, as KARENA_IOC_ARENA_COMMIT
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @node:	NUMA node, or KARENA_NODE_ANY
 * @flags:	KARENA_COMMIT_F_*
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -EBUSY, -ENOMEM, -EDQUOT, -EINTR.
 * Since: 1.0
 */
int karena_arena_commit(struct karena_arena *arena, u64 offset, u64 nr_pages, int node,
			u32 flags)
{
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
		.node = node,
	};

	might_sleep();
	return karena_op_kernel(&arena->object, KARENA_IOC_ARENA_COMMIT, &args);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_commit, KARENA_NS);

/**
 * karena_arena_decommit() - turn pages reserved, as KARENA_IOC_ARENA_DECOMMIT
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @done:	out, pages done, also written on -EINTR; may be NULL
 *
 * Context: may sleep.
 * Return: 0; -EINVAL, -EBUSY, -ENOMEM, -EDQUOT, -EINTR.
 * Since: 1.0
 */
int karena_arena_decommit(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 *done)
{
	struct karena_arena_decommit args = {
		.size = sizeof(args),
		.offset = offset,
		.nr_pages = nr_pages,
	};
	long ret;

	might_sleep();
	ret = karena_op_kernel(&arena->object, KARENA_IOC_ARENA_DECOMMIT, &args);
	if (done)
		*done = args.out_done;
	return ret;
}
EXPORT_SYMBOL_NS_GPL(karena_arena_decommit, KARENA_NS);

/**
 * karena_arena_map() - map allocated pages into the kernel's address space
 * @arena:	the arena
 * @offset:	bytes, page aligned
 * @nr_pages:	number of pages, at least 1, all allocated; populated if they are not yet
 *
 * The mapping pins its pages: a page that is freed meanwhile leaves the arena, and only
 * the mapping keeps its memory. User space can change the pages at any time, so read
 * a value once before checking it.
 *
 * Context: may sleep.
 * Return: an address, for karena_arena_unmap(); or an ERR_PTR(): -EINVAL, -ENOENT if a
 * page is not allocated, -ENOMEM, -EDQUOT, -EINTR.
 * Since: 1.0
 */
void *karena_arena_map(struct karena_arena *arena, u64 offset, u64 nr_pages)
{
	struct page **pages;
	unsigned long first;
	void *address;
	int err;

	might_sleep();
	err = arena_check_range(arena, offset, nr_pages, &first);
	if (err || !nr_pages || nr_pages > INT_MAX)
		return ERR_PTR(-EINVAL);

	pages = kvmalloc_array(nr_pages, sizeof(*pages), KARENA_GFP);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	err = arena_pin_pages(arena, first, nr_pages, pages);
	if (err)
		goto free_pages;

	/* The mapping owns the references and the array from here on. */
	err = -ENOMEM;
	address = vmap(pages, nr_pages, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (!address)
		goto unpin;
	return address;

unpin:
	release_pages(pages, nr_pages);
free_pages:
	kvfree(pages);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_map, KARENA_NS);

/**
 * karena_arena_unmap() - unmap pages
 * @address:	of karena_arena_map()
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_arena_unmap(void *address)
{
	might_sleep();
	vfree(address);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_unmap, KARENA_NS);

/**
 * karena_ring_get() - get a ring by a fd of the calling process
 * @fd:		of the calling process
 * @rights:	KARENA_RIGHT_* that the fd must have: PRODUCE to produce, CONSUME to
 *		drain
 *
 * The ring lives until karena_ring_put(), whatever the process does. The caller's
 * module must call that before it is unloaded.
 *
 * Context: process; may sleep.
 * Return: the ring; or an ERR_PTR(): -EBADF if @fd is not open, -ENOTTY if it is no
 * ring, -EPERM if it lacks a right, -ENOMEM.
 * Since: 1.0
 */
struct karena_ring *karena_ring_get(int fd, u32 rights)
{
	struct karena_object *object;

	might_sleep();
	object = karena_object_get(fd, &karena_ring_type, rights);
	if (IS_ERR(object))
		return ERR_CAST(object);
	ring_kernel_begin(to_ring(object));
	return to_ring(object);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_get, KARENA_NS);

/**
 * karena_ring_put() - put a ring of karena_ring_get()
 * @ring:	must not be used any more; the caller has finished all its reservations,
 *		in whatever context
 *
 * If kernel code has the consumer role, the role ends with the last reference.
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_ring_put(struct karena_ring *ring)
{
	might_sleep();
	ring_kernel_end(ring);
	karena_object_put(&ring->object);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_put, KARENA_NS);

/**
 * karena_ring_drain() - pass the records that are there to a function
 * @ring:	the ring
 * @fn:		called in the order of the records; discarded ones are skipped
 * @context:	for @fn
 * @max:	most records; 0: as many as there are, including those that come meanwhile
 *
 * Never waits for a record. All kernel code together is one consumer: the first call
 * takes the role, which ends when all modules have put the ring.
 *
 * Context: may sleep.
 * Return: number of records passed to @fn, or the value of @fn if that was negative; the
 * record of that call counts as read; -EBUSY if a process is the consumer.
 * Since: 1.0
 */
long karena_ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		       unsigned int max)
{
	int err;

	might_sleep();
	err = ring_take_role_kernel(ring);
	if (err)
		return err;
	return ring_drain(ring, fn, context, max ?: UINT_MAX);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_drain, KARENA_NS);
