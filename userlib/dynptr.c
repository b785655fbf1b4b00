// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Dynptrs: the checks between a caller and a reserved record.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* Clang does not see that these functions begin and finish reservations. */
#ifdef __clang__
#define UNCHECKED	__attribute__((no_thread_safety_analysis))
#else
#define UNCHECKED
#endif

UNCHECKED
int karena_ring_reserve_dynptr(struct karena_ring *ring, size_t length,
			       struct karena_dynptr *dynptr)
{
	void *payload = karena_ring_reserve(ring, length);
	int err = errno;

	memset(dynptr, 0, sizeof(*dynptr));
	if (!payload)
		return -err;
	dynptr->ring = ring;
	dynptr->payload = payload;
	dynptr->size = (uint32_t)length;
	return 0;
}

typedef int (*finish_fn)(struct karena_ring *ring, void *payload, uint32_t flags);

/* -ESTALE means that the record is finished; any other error leaves it unchanged. */
static int finish_dynptr(struct karena_dynptr *dynptr, finish_fn fn, uint32_t flags)
{
	int ret = 0;

	if (dynptr->ring)
		ret = fn(dynptr->ring, dynptr->payload, flags);
	else if (dynptr->payload)
		ret = karena_refuse_as(-EINVAL, "dynptr", "a clone cannot finish the record");
	if (!ret || ret == -ESTALE)
		memset(dynptr, 0, sizeof(*dynptr));
	return ret;
}

UNCHECKED
int karena_ring_submit_dynptr(struct karena_dynptr *dynptr, uint32_t flags)
{
	return finish_dynptr(dynptr, karena_ring_submit, flags);
}

UNCHECKED
int karena_ring_discard_dynptr(struct karena_dynptr *dynptr, uint32_t flags)
{
	return finish_dynptr(dynptr, karena_ring_discard, flags);
}

static const char is_null[] = "it is null: reserving failed, or it is finished";

static int find_in_dynptr(const struct karena_dynptr *dynptr, size_t offset, size_t length,
			  char **at)
{
	if (!dynptr->payload)
		return karena_refuse_as(-EINVAL, "dynptr", is_null);
	if (offset > dynptr->size || length > dynptr->size - offset)
		return karena_refuse(-ERANGE,
				     "dynptr: offset %zu, length %zu: must not pass its end, %u",
				     offset, length, dynptr->size);
	*at = (char *)dynptr->payload + dynptr->offset + offset;
	return 0;
}

int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to, size_t length)
{
	char *from;
	int ret = find_in_dynptr(dynptr, offset, length, &from);

	if (!ret)
		memcpy(to, from, length);
	return ret;
}

int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length)
{
	char *to;
	int ret = find_in_dynptr(dynptr, offset, length, &to);

	if (!ret && dynptr->read_only)
		ret = karena_refuse_as(-EPERM, "dynptr", "a clone is read-only");
	if (!ret)
		memcpy(to, from, length);
	return ret;
}

void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length)
{
	char *at;

	return find_in_dynptr(dynptr, offset, length, &at) || dynptr->read_only ? NULL : at;
}

const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length)
{
	char *at;

	return find_in_dynptr(dynptr, offset, length, &at) ? NULL : at;
}

int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end)
{
	if (!dynptr->payload)
		return karena_refuse_as(-EINVAL, "dynptr", is_null);
	if (end < start)
		return karena_refuse(-EINVAL,
				     "dynptr: end %zu: must be at least start, %zu",
				     end, start);
	if (end > dynptr->size)
		return karena_refuse(-ERANGE, "dynptr: end %zu: must be at most its size, %u", end,
				     dynptr->size);
	dynptr->offset += (uint32_t)start;
	dynptr->size = (uint32_t)(end - start);
	return 0;
}

void karena_dynptr_clone(const struct karena_dynptr *dynptr, struct karena_dynptr *clone)
{
	*clone = *dynptr;
	clone->ring = NULL;
	clone->read_only = true;
}

size_t karena_dynptr_size(const struct karena_dynptr *dynptr)
{
	return dynptr->size;
}

bool karena_dynptr_is_null(const struct karena_dynptr *dynptr)
{
	return !dynptr->payload;
}

bool karena_dynptr_is_read_only(const struct karena_dynptr *dynptr)
{
	return dynptr->read_only;
}
