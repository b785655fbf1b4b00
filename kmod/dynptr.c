// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dynptrs for kernel code: records whose size is only known when they are reserved, with
 * accesses that are checked against that size. As with BPF's dynptrs, the caller must
 * submit or discard a dynptr whether or not its reserve succeeded. Finishing a null
 * dynptr does nothing.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/karena_kapi.h>
#include <linux/string.h>

#include "compat.h"

int karena_ring_reserve_dynptr(struct karena_ring *ring, size_t length,
			       struct karena_dynptr *dynptr) __karena_begins(dynptr)
{
	void *payload = karena_ring_reserve(ring, length);

	__acquire(dynptr);
	if (IS_ERR(payload)) {
		*dynptr = (struct karena_dynptr) {};
		return PTR_ERR(payload);
	}
	*dynptr = (struct karena_dynptr) { .ring = ring, .payload = payload, .size = length };
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_ring_reserve_dynptr, KARENA_NS);

void karena_ring_submit_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr)
{
	__release(dynptr);
	if (dynptr->ring)
		karena_ring_submit(dynptr->ring, dynptr->payload, flags);
	*dynptr = (struct karena_dynptr) {};
}
EXPORT_SYMBOL_NS_GPL(karena_ring_submit_dynptr, KARENA_NS);

void karena_ring_discard_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr)
{
	__release(dynptr);
	if (dynptr->ring)
		karena_ring_discard(dynptr->ring, dynptr->payload, flags);
	*dynptr = (struct karena_dynptr) {};
}
EXPORT_SYMBOL_NS_GPL(karena_ring_discard_dynptr, KARENA_NS);

static void *dynptr_at(const struct karena_dynptr *dynptr, size_t offset, size_t length)
{
	if (!dynptr->payload)
		return ERR_PTR(-EINVAL);
	if (offset > dynptr->size || length > dynptr->size - offset)
		return ERR_PTR(-ERANGE);
	return dynptr->payload + dynptr->offset + offset;
}

int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to,
		       size_t length)
{
	const void *from = dynptr_at(dynptr, offset, length);

	if (IS_ERR(from))
		return PTR_ERR(from);
	memcpy(to, from, length);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_read, KARENA_NS);

int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length)
{
	void *to = dynptr_at(dynptr, offset, length);

	if (IS_ERR(to))
		return PTR_ERR(to);
	if (dynptr->read_only)
		return -EPERM;
	memcpy(to, from, length);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_write, KARENA_NS);

void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length)
{
	void *slice = dynptr_at(dynptr, offset, length);

	return IS_ERR(slice) || dynptr->read_only ? NULL : slice;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_slice, KARENA_NS);

const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length)
{
	const void *slice = dynptr_at(dynptr, offset, length);

	return IS_ERR(slice) ? NULL : slice;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_slice_const, KARENA_NS);

int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end)
{
	if (!dynptr->payload || end < start)
		return -EINVAL;
	if (end > dynptr->size)
		return -ERANGE;
	dynptr->offset += start;
	dynptr->size = end - start;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_adjust, KARENA_NS);

void karena_dynptr_clone(const struct karena_dynptr *dynptr, struct karena_dynptr *clone)
{
	*clone = *dynptr;
	clone->ring = NULL;
	clone->read_only = true;
}
EXPORT_SYMBOL_NS_GPL(karena_dynptr_clone, KARENA_NS);
