/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of karena for other modules, including the contract with user space.
 *
 * A module that uses it needs MODULE_IMPORT_NS of KARENA, and karena's Module.symvers in
 * KBUILD_EXTRA_SYMBOLS when it is built.
 */
#ifndef _LINUX_KARENA_KAPI_H
#define _LINUX_KARENA_KAPI_H

#include <linux/types.h>

#include "../../uapi/karena.h"

struct karena_arena;
struct karena_ring;

/*
 * Arenas. Offsets are in bytes and page aligned. Each call does what the ioctl of its name
 * does, and fails as described there. All calls may sleep.
 */
struct karena_arena *karena_arena_get(int fd, u32 rights);
void karena_arena_put(struct karena_arena *arena);
s64 karena_arena_alloc(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 align,
		       int node, u32 flags);
int karena_arena_free(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags,
		      u64 *done);
int karena_arena_reserve(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags);
int karena_arena_commit(struct karena_arena *arena, u64 offset, u64 nr_pages, int node,
			u32 flags);
int karena_arena_decommit(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 *done);
void *karena_arena_map(struct karena_arena *arena, u64 offset, u64 nr_pages);
void karena_arena_unmap(void *address);

/*
 * Rings. Producing is allowed in any context, including NMI. It takes only the ring's
 * lock. An NMI just tries to take it, and so does a probe that is called while its CPU
 * holds such a lock. Where a producer cannot wake at once, an irq_work does. A probe of
 * karena's tracepoints that produces is called by its own record, too, and has to prevent
 * that. Get, put and drain may sleep.
 */
struct karena_ring *karena_ring_get(int fd, u32 rights);
void karena_ring_put(struct karena_ring *ring);
void *karena_ring_reserve(struct karena_ring *ring, size_t length);
void karena_ring_submit(struct karena_ring *ring, void *payload, u32 flags);
int karena_ring_submit_trimmed(struct karena_ring *ring, void *payload, size_t length,
			       u32 flags);
void karena_ring_discard(struct karena_ring *ring, void *payload, u32 flags);
int karena_ring_output(struct karena_ring *ring, const void *data, size_t length, u32 flags);
void karena_ring_flush(struct karena_ring *ring);

/*
 * For sparse: a dynptr is held like a lock, from reserve to submit or discard. A dynptr
 * that is never finished, even after a failed reserve, or finished twice, is an
 * imbalance.
 */
#ifdef __CHECKER__
#define __karena_begins(x)	__attribute__((context(x, 0, 1)))
#define __karena_finishes(x)	__attribute__((context(x, 1, 0)))
#else
#define __karena_begins(x)
#define __karena_finishes(x)
#endif

/**
 * struct karena_dynptr - a window into a record of any size, or null
 * @ring:	ring of an open reservation, else NULL
 * @payload:	of the record; NULL for a null dynptr
 * @offset:	of the window in the payload
 * @size:	of the window in bytes
 * @read_only:	the dynptr is a clone
 *
 * All fields are private to the calls, which check each access against the window.
 */
struct karena_dynptr {
	struct karena_ring *ring;
	void *payload;
	u32 offset;
	u32 size;
	bool read_only;
};

int karena_ring_reserve_dynptr(struct karena_ring *ring, size_t length,
			       struct karena_dynptr *dynptr) __karena_begins(dynptr);
void karena_ring_submit_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr);
void karena_ring_discard_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr);
int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to,
		       size_t length);
int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length);
void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length);
const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length);
int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end);
void karena_dynptr_clone(const struct karena_dynptr *dynptr, struct karena_dynptr *clone);

static inline bool karena_dynptr_is_null(const struct karena_dynptr *dynptr)
{
	return !dynptr->payload;
}

static inline bool karena_dynptr_is_read_only(const struct karena_dynptr *dynptr)
{
	return dynptr->read_only;
}

/* Returns the bytes of the window; 0 for a null dynptr. */
static inline size_t karena_dynptr_size(const struct karena_dynptr *dynptr)
{
	return dynptr->size;
}

/**
 * enum karena_ring_figure - figures for karena_ring_query()
 * @KARENA_RING_AVAILABLE:	bytes between the two positions
 * @KARENA_RING_SIZE:		bytes of the data area
 * @KARENA_RING_CONSUMER_POSITION: the consumer says that it has read all below this
 * @KARENA_RING_PRODUCER_POSITION: end of the last reserved record
 * @KARENA_RING_LOST:		records lost, from any cause
 */
enum karena_ring_figure {
	KARENA_RING_AVAILABLE,
	KARENA_RING_SIZE,
	KARENA_RING_CONSUMER_POSITION,
	KARENA_RING_PRODUCER_POSITION,
	KARENA_RING_LOST,
};

u64 karena_ring_query(const struct karena_ring *ring, enum karena_ring_figure what);

/**
 * typedef karena_record_fn - handles a record
 * @context:	as passed to karena_ring_drain()
 * @payload:	8-byte aligned; valid until return. On an IN_PLACE ring users can write
 *		it, so read a value once before checking it
 * @length:	bytes, as the kernel knows them
 *
 * May sleep; must not drain the same ring.
 *
 * Return: 0 to go on, anything else to stop after this record.
 */
typedef int (*karena_record_fn)(void *context, const void *payload, size_t length);

long karena_ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		       unsigned int max);

#endif /* _LINUX_KARENA_KAPI_H */
