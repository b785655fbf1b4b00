// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel entry point: takes plain arguments, so that callers can wrap each call one
 * to one, and looks operations up in the table, as every entry point does.
 *
 * <linux/karena_kapi.h> documents each call.
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
#include "arena_pages.h"
#include "compat.h"
#include "memory.h"
#include "objfd.h"
#include "ops.h"
#include "ring.h"
#include "ring_party.h"

struct karena_arena *karena_arena_get(int fd, u32 rights)
{
	struct karena_object *object;

	might_sleep();
	object = karena_object_get(fd, &karena_arena_type, rights);
	return IS_ERR(object) ? ERR_CAST(object) : to_arena(object);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_get, KARENA_NS);

void karena_arena_put(struct karena_arena *arena)
{
	might_sleep();
	karena_object_put(&arena->object);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_put, KARENA_NS);

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

void karena_arena_unmap(void *address)
{
	might_sleep();
	vfree(address);
}
EXPORT_SYMBOL_NS_GPL(karena_arena_unmap, KARENA_NS);

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

void karena_ring_put(struct karena_ring *ring)
{
	might_sleep();
	ring_kernel_end(ring);
	karena_object_put(&ring->object);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_put, KARENA_NS);

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
