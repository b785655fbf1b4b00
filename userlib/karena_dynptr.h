/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Dynptrs: records whose size is known only when they are reserved, by accesses that
 * are checked against it. <karena.h> includes this.
 *
 * As with BPF's, karena_ring_reserve_dynptr() gives its dynptr out in any case, and it
 * is to be submitted or discarded in any case; where the reserve failed it is null,
 * and each call on it harmless:
 *
 *	struct karena_dynptr record;
 *
 *	karena_ring_reserve_dynptr(ring, length, &record);
 *	karena_dynptr_write(&record, 0, name, length);
 *	karena_ring_submit_dynptr(&record, 0);
 *
 * Under clang's -Wthread-safety, forgetting a dynptr and finishing it twice are
 * reported at compile time.
 */
#ifndef KARENA_DYNPTR_H
#define KARENA_DYNPTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __clang__
#define KARENA_CAPABILITY(what)	__attribute__((capability(what)))
#define KARENA_BEGINS(what)	__attribute__((acquire_capability(what)))
#define KARENA_ENDS(what)	__attribute__((release_capability(what)))
#else
#define KARENA_CAPABILITY(what)
#define KARENA_BEGINS(what)
#define KARENA_ENDS(what)
#endif

struct karena_ring;

/**
 * struct karena_dynptr - a window into a record, or null
 * @ring:	of an open reservation, else NULL
 * @payload:	of the record; NULL: null
 * @offset:	of the window in it
 * @size:	of the window, bytes
 * @read_only:	a clone
 *
 * All of it is the library's own. One thread at a time.
 */
struct KARENA_CAPABILITY("reservation") karena_dynptr {
	struct karena_ring *ring;
	void *payload;
	uint32_t offset;
	uint32_t size;
	bool read_only;
};

/**
 * karena_ring_reserve_dynptr() - reserve a record to be filled in place
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @length:	payload bytes, at least 1
 * @dynptr:	out, a window of the whole payload; null on failure
 *
 * Errors: those that karena_ring_reserve() puts into errno. Any thread. Since 1.0.
 */
int karena_ring_reserve_dynptr(struct karena_ring *ring, size_t length,
			       struct karena_dynptr *dynptr) KARENA_BEGINS(*dynptr);

/**
 * karena_ring_submit_dynptr() - hand the record to the consumer, all of it
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Clones and slices of it point to what is the consumer's then. Returns 0 for a null
 * one. Errors: as karena_ring_submit(); -EINVAL: a clone. Since 1.0.
 */
int karena_ring_submit_dynptr(struct karena_dynptr *dynptr, uint32_t flags) KARENA_ENDS(*dynptr);

/**
 * karena_ring_discard_dynptr() - give the record up
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * As karena_ring_submit_dynptr(). Since 1.0.
 */
int karena_ring_discard_dynptr(struct karena_dynptr *dynptr, uint32_t flags) KARENA_ENDS(*dynptr);

/**
 * karena_dynptr_read() - copy out of the window
 * @dynptr:	a dynptr
 * @offset:	bytes, in the window
 * @to:		@length bytes
 * @length:	bytes
 *
 * Errors: -EINVAL: it is null; -ERANGE: not all of that is in the window. With either
 * nothing is copied. Since 1.0.
 */
int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to, size_t length);

/**
 * karena_dynptr_write() - copy into the window
 * @dynptr:	a dynptr
 * @offset:	bytes, in the window
 * @from:	@length bytes, none of them of the same record
 * @length:	bytes
 *
 * Errors: as karena_dynptr_read(); -EPERM: it is read-only. Since 1.0.
 */
int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length);

/**
 * karena_dynptr_slice() - a pointer into the window
 * @dynptr:	a dynptr
 * @offset:	bytes, in the window
 * @length:	bytes from there on that the caller is going to use
 *
 * Good until the record is submitted or discarded. NULL: it is null or read-only, or
 * not all of that is in the window. Since 1.0.
 */
void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length);

/**
 * karena_dynptr_slice_const() - the same to read
 * @dynptr:	a dynptr
 * @offset:	bytes, in the window
 * @length:	bytes from there on that the caller is going to use
 *
 * As karena_dynptr_slice(), also if it is read-only. Since 1.0.
 */
const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length);

/**
 * karena_dynptr_adjust() - make the window smaller
 * @dynptr:	a dynptr
 * @start:	bytes, in the window: where it is to begin
 * @end:	likewise: where it is to end
 *
 * The record stays what it is, and is submitted as a whole. Errors: -EINVAL: it is
 * null, or @end is before @start; -ERANGE: @end is not in the window. Since 1.0.
 */
int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end);

/**
 * karena_dynptr_clone() - a second window, read-only
 * @dynptr:	a dynptr
 * @clone:	out, the same window, or null as @dynptr is. It is no reservation and is
 *		not to be ended
 *
 * Since 1.0.
 */
void karena_dynptr_clone(const struct karena_dynptr *dynptr, struct karena_dynptr *clone);

/**
 * karena_dynptr_size() - how large is the window?
 * @dynptr:	a dynptr
 *
 * Returns bytes; 0 if it is null. Since 1.0.
 */
size_t karena_dynptr_size(const struct karena_dynptr *dynptr);

/**
 * karena_dynptr_is_null() - did its reserve fail, or was it finished?
 * @dynptr:	a dynptr
 *
 * Since 1.0.
 */
bool karena_dynptr_is_null(const struct karena_dynptr *dynptr);

/**
 * karena_dynptr_is_read_only() - is it a clone?
 * @dynptr:	a dynptr
 *
 * Since 1.0.
 */
bool karena_dynptr_is_read_only(const struct karena_dynptr *dynptr);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_DYNPTR_H */
