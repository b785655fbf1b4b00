// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel entry point to arenas: unpacks plain arguments, so that other callers
 * can wrap each call one to one, and asks the table as every entry point does.
 */
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "arena.h"
#include "compat.h"
#include "objfd.h"
#include "ops.h"
#include "pages.h"

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
 * Return: the arena; or as a pointer -EBADF if @fd is not open, -EINVAL if it is
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
