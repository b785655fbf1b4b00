// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel entry point: unpacks plain arguments, so that other callers can wrap
 * each call one to one, and asks the table as every entry point does.
 *
 * What produces into a ring and looks at it is exported where it is defined, in ring.c
 * and ring_out.c: one call less between a producer and its record.
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
 * karena_arena_get() - an arena for kernel code, by a process's fd
 * @fd:		of the calling process
 * @rights:	KARENA_RIGHT_* that the fd must have, for what the process is going
 *		to have done with it
 *
 * The arena lives until karena_arena_put(), whatever the process does; a module
 * gives it back before it goes.
 *
 * Context: process; may sleep.
 * Return: the arena; or as a pointer -EBADF if @fd is not open, -ENOTTY if it is
 * no arena's, -EPERM if it lacks a right, -ENOMEM.
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
 * karena_arena_put() - give back an arena of karena_arena_get()
 * @arena:	not to be used any more
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
 * karena_arena_alloc() - KARENA_IOC_ARENA_ALLOC
 * @arena:	the arena
 * @offset:	bytes: a demand (KARENA_ALLOC_F_FIXED) or a hint
 * @nr_pages:	pages wanted
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
 * karena_arena_free() - KARENA_IOC_ARENA_FREE
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @flags:	KARENA_FREE_F_*
 * @done:	out, pages done, also with -EINTR; may be NULL
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
 * karena_arena_reserve() - KARENA_IOC_ARENA_RESERVE
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
 * karena_arena_commit() - KARENA_IOC_ARENA_COMMIT
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
 * karena_arena_decommit() - KARENA_IOC_ARENA_DECOMMIT
 * @arena:	the arena
 * @offset:	bytes
 * @nr_pages:	pages
 * @done:	out, pages done, also with -EINTR; may be NULL
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
 * karena_arena_map() - the memory of allocated pages, in the kernel's address space
 * @arena:	the arena
 * @offset:	bytes, page aligned
 * @nr_pages:	pages, at least 1, all allocated; those that are not populated are
 *
 * A mapping is a pin: a page that is freed meanwhile leaves the arena, and its
 * old memory stays behind @offset's mapping alone. What user space writes there
 * can change at any moment: read once what is to be checked.
 *
 * Context: may sleep.
 * Return: address, to be given to karena_arena_unmap(); or as a pointer -EINVAL,
 * -ENOENT if a page is not allocated, -ENOMEM, -EDQUOT, -EINTR.
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

	/* The references and the array are the mapping's from here on. */
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
 * karena_arena_unmap() - end a mapping of karena_arena_map()
 * @address:	from there
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
 * karena_ring_get() - a ring for kernel code, by a process's fd
 * @fd:		of the calling process
 * @rights:	KARENA_RIGHT_* that the fd must have: PRODUCE to produce, CONSUME to
 *		drain
 *
 * The ring lives until karena_ring_put(), whatever the process does; a module
 * gives it back before it goes.
 *
 * Context: process; may sleep.
 * Return: the ring; or as a pointer -EBADF if @fd is not open, -ENOTTY if it is
 * no ring's, -EPERM if it lacks a right, -ENOMEM.
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
 * karena_ring_put() - give back a ring of karena_ring_get()
 * @ring:	not to be used any more; the caller has finished what it reserved, in
 *		whatever context
 *
 * The consumer role, if kernel code has it, goes with the last of them.
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
 * karena_ring_drain() - read the records that are there
 * @ring:	the ring
 * @fn:		called in the records' order; discarded ones are passed over
 * @context:	for @fn
 * @max:	records at most; 0: as many as come before none is there
 *
 * Never waits for a record. Kernel code is one consumer, whichever module it is
 * of: the role is taken by the first call, and kept until all have given the ring
 * back.
 *
 * Context: may sleep.
 * Return: how many were given to @fn, or what @fn returned if that was negative,
 * its record counting as read; -EBUSY: a process is the consumer.
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
