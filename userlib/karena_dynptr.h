/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Dynptrs: records whose size is only known when they are reserved, with accesses that
 * are checked against that size. <karena.h> includes this file.
 *
 * As with BPF's dynptrs, every karena_ring_reserve_dynptr() needs a submit or a discard,
 * even if it failed. The dynptr is null then, and each call on it harmless:
 *
 *	struct karena_dynptr record;
 *
 *	karena_ring_reserve_dynptr(ring, length, &record);
 *	karena_dynptr_write(&record, 0, name, length);
 *	karena_ring_submit_dynptr(&record, 0);
 *
 * clang's -Wthread-safety reports a dynptr that is never finished, or finished twice, at
 * compile time.
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
 * @ring:	ring of an open reservation, else NULL
 * @payload:	of the record; NULL for a null dynptr
 * @offset:	of the window in the payload
 * @size:	of the window in bytes
 * @read_only:	the dynptr is a clone
 *
 * All fields are private to the library. One thread at a time.
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
 * karena_ring_submit_dynptr() - hand the whole record to the consumer
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards, unless the call failed
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Clones and slices point to the consumer's data afterwards. Returns 0 for a null dynptr.
 * Errors: as karena_ring_submit(); -EINVAL for a clone. After -ESTALE the record is lost
 * and @dynptr is null. After any other error both are unchanged, and the record must still
 * be submitted or discarded. As clang takes it for finished, do so in a function that clang
 * does not check. Since 1.0.
 */
int karena_ring_submit_dynptr(struct karena_dynptr *dynptr, uint32_t flags) KARENA_ENDS(*dynptr);

/**
 * karena_ring_discard_dynptr() - discard the record
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards, unless the call failed
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Returns as karena_ring_submit_dynptr(). Since 1.0.
 */
int karena_ring_discard_dynptr(struct karena_dynptr *dynptr, uint32_t flags) KARENA_ENDS(*dynptr);

/**
 * karena_dynptr_read() - copy out of the window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @to:		destination of @length bytes
 * @length:	bytes
 *
 * Errors: -EINVAL if @dynptr is null; -ERANGE if the window does not hold all of the
 * bytes. Both copy nothing. Since 1.0.
 */
int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to, size_t length);

/**
 * karena_dynptr_write() - copy into the window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @from:	@length bytes, none of them in the same record
 * @length:	bytes
 *
 * Errors: as karena_dynptr_read(); -EPERM if @dynptr is read-only. Since 1.0.
 */
int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length);

/**
 * karena_dynptr_slice() - get a pointer into the window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @length:	bytes that the caller may access from there
 *
 * The pointer is valid until the record is submitted or discarded. Returns NULL if
 * @dynptr is null or read-only, or if the window does not hold all of the bytes.
 * Since 1.0.
 */
void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length);

/**
 * karena_dynptr_slice_const() - get a pointer into the window for reading
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @length:	bytes that the caller may read from there
 *
 * Works as karena_dynptr_slice(), and for read-only dynptrs, too. Since 1.0.
 */
const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length);

/**
 * karena_dynptr_adjust() - make the window smaller
 * @dynptr:	a dynptr
 * @start:	in the window, bytes: where the new window begins
 * @end:	likewise: where it ends
 *
 * The record keeps its size, and is submitted as a whole. Errors: -EINVAL if @dynptr
 * is null or @end is before @start; -ERANGE if @end is not in the window. Since 1.0.
 */
int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end);

/**
 * karena_dynptr_clone() - make a second, read-only window
 * @dynptr:	a dynptr
 * @clone:	out, the same window, or null if @dynptr is. A clone is no reservation
 *		and must not be submitted or discarded
 *
 * Since 1.0.
 */
void karena_dynptr_clone(const struct karena_dynptr *dynptr, struct karena_dynptr *clone);

/**
 * karena_dynptr_size() - get the size of the window
 * @dynptr:	a dynptr
 *
 * Returns bytes; 0 for a null dynptr. Since 1.0.
 */
size_t karena_dynptr_size(const struct karena_dynptr *dynptr);

/**
 * karena_dynptr_is_null() - check for a reserve that failed, or a finished dynptr
 * @dynptr:	a dynptr
 *
 * Since 1.0.
 */
bool karena_dynptr_is_null(const struct karena_dynptr *dynptr);

/**
 * karena_dynptr_is_read_only() - check for a clone
 * @dynptr:	a dynptr
 *
 * Since 1.0.
 */
bool karena_dynptr_is_read_only(const struct karena_dynptr *dynptr);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_DYNPTR_H */
