/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of karena for other modules, including the contract with user space.
 *
 * A module that uses it needs MODULE_IMPORT_NS of KARENA, and karena's Module.symvers in
 * KBUILD_EXTRA_SYMBOLS when it is built: examples/driver shows both. Errors are those of
 * the contract: the same condition has the same errno in programs.
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
struct karena_arena *karena_arena_get(int fd, u32 rights);

/**
 * karena_arena_put() - put an arena of karena_arena_get()
 * @arena:	must not be used any more
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_arena_put(struct karena_arena *arena);

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
		       int node, u32 flags);

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
		      u64 *done);

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
int karena_arena_reserve(struct karena_arena *arena, u64 offset, u64 nr_pages, u32 flags);

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
			u32 flags);

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
int karena_arena_decommit(struct karena_arena *arena, u64 offset, u64 nr_pages, u64 *done);

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
void *karena_arena_map(struct karena_arena *arena, u64 offset, u64 nr_pages);

/**
 * karena_arena_unmap() - unmap pages
 * @address:	of karena_arena_map()
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_arena_unmap(void *address);

/*
 * Rings. Producing is allowed in any context, including NMI. It takes only the ring's
 * lock. An NMI just tries to take it, as does a probe that is called while its CPU holds
 * such a lock. Where a producer cannot wake at once, an irq_work does. A probe of karena's
 * tracepoints that produces must not do so for its own records, for which it is called,
 * too. Get, put and drain may sleep.
 */

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
struct karena_ring *karena_ring_get(int fd, u32 rights);

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
void karena_ring_put(struct karena_ring *ring);

/**
 * karena_ring_reserve() - reserve a record for the kernel
 * @ring:	the ring
 * @length:	payload bytes
 *
 * The caller must submit or discard the record soon: the consumer gets no later record
 * before. Each refusal is counted as a lost record.
 *
 * Context: any, NMI included; does not sleep.
 * Return: the payload, @length bytes in one piece with undefined contents; or an
 * ERR_PTR(): -EAGAIN if there is no space now, or if the ring's lock is taken and the
 * caller, an NMI or a probe of code that runs under such a lock, cannot wait for it;
 * -ENOSPC if @length can never fit; -EINVAL if it is 0.
 * Since: 1.0
 */
void *karena_ring_reserve(struct karena_ring *ring, size_t length);

/**
 * karena_ring_submit() - submit a reserved record
 * @ring:	the ring
 * @payload:	from karena_ring_reserve()
 * @flags:	0, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP
 *
 * Context: any, NMI included; does not sleep.
 * Since: 1.0
 */
void karena_ring_submit(struct karena_ring *ring, void *payload, u32 flags);

/**
 * karena_ring_submit_trimmed() - submit a record that is shorter than was reserved
 * @ring:	the ring
 * @payload:	from karena_ring_reserve()
 * @length:	bytes of the payload to keep, from its beginning
 * @flags:	as for karena_ring_submit()
 *
 * The space that was cut off is free once the consumer has read the record.
 *
 * Context: any, NMI included; does not sleep.
 * Return: 0; -EINVAL if @length is 0 or more than was reserved: the record is still
 * reserved then.
 * Since: 1.0
 */
int karena_ring_submit_trimmed(struct karena_ring *ring, void *payload, size_t length,
			       u32 flags);

/**
 * karena_ring_discard() - discard a reserved record, which the consumer never sees
 * @ring:	the ring
 * @payload:	from karena_ring_reserve()
 * @flags:	as for karena_ring_submit()
 *
 * Context: any, NMI included; does not sleep.
 * Since: 1.0
 */
void karena_ring_discard(struct karena_ring *ring, void *payload, u32 flags);

/**
 * karena_ring_output() - send a record from kernel memory
 * @ring:	the ring
 * @data:	the payload
 * @length:	its bytes
 * @flags:	as for karena_ring_submit()
 *
 * Context: any, NMI included; does not sleep.
 * Return: 0, or -errno as karena_ring_reserve().
 * Since: 1.0
 */
int karena_ring_output(struct karena_ring *ring, const void *data, size_t length, u32 flags);

/**
 * karena_ring_flush() - wake the threads that wait for records
 * @ring:	the ring
 *
 * Wakes them also for records that were finished with KARENA_RING_NO_WAKEUP or that the
 * ring's policy holds back.
 *
 * Context: any, NMI included; does not sleep.
 * Since: 1.0
 */
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

/**
 * karena_ring_reserve_dynptr() - reserve a record of any size
 * @ring:	the ring
 * @length:	payload bytes
 * @dynptr:	out, a window of the whole payload, or null; must be finished in both cases
 *
 * Context: any, NMI included; does not sleep.
 * Return: 0; -EAGAIN, -ENOSPC, -EINVAL as karena_ring_reserve().
 * Since: 1.0
 */
int karena_ring_reserve_dynptr(struct karena_ring *ring, size_t length,
			       struct karena_dynptr *dynptr) __karena_begins(dynptr);

/**
 * karena_ring_submit_dynptr() - submit a dynptr's whole record
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards
 * @flags:	as for karena_ring_submit()
 *
 * Clones and slices point to the consumer's data afterwards.
 *
 * Context: any, NMI included; does not sleep.
 * Since: 1.0
 */
void karena_ring_submit_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr);

/**
 * karena_ring_discard_dynptr() - discard a dynptr's record
 * @dynptr:	of karena_ring_reserve_dynptr(); null afterwards
 * @flags:	as for karena_ring_submit()
 *
 * Context: any, NMI included; does not sleep.
 * Since: 1.0
 */
void karena_ring_discard_dynptr(struct karena_dynptr *dynptr, u32 flags) __karena_finishes(dynptr);

/**
 * karena_dynptr_read() - copy out of a dynptr's window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @to:		destination of @length bytes
 * @length:	bytes
 *
 * Context: any.
 * Return: 0; -EINVAL if @dynptr is null, or -ERANGE if the window does not hold all of
 * the bytes, with nothing copied.
 * Since: 1.0
 */
int karena_dynptr_read(const struct karena_dynptr *dynptr, size_t offset, void *to,
		       size_t length);

/**
 * karena_dynptr_write() - copy into a dynptr's window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @from:	@length bytes, none of them in the same record
 * @length:	bytes
 *
 * Context: any.
 * Return: as karena_dynptr_read(); -EPERM if @dynptr is read-only.
 * Since: 1.0
 */
int karena_dynptr_write(const struct karena_dynptr *dynptr, size_t offset, const void *from,
			size_t length);

/**
 * karena_dynptr_slice() - get a pointer into a dynptr's window
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @length:	bytes that the caller may access from there
 *
 * Context: any.
 * Return: a pointer, valid until the record is submitted or discarded; NULL if @dynptr
 * is null or read-only, or the window does not hold all of the bytes.
 * Since: 1.0
 */
void *karena_dynptr_slice(const struct karena_dynptr *dynptr, size_t offset, size_t length);

/**
 * karena_dynptr_slice_const() - get a pointer into a dynptr's window for reading
 * @dynptr:	a dynptr
 * @offset:	in the window, bytes
 * @length:	bytes that the caller may read from there
 *
 * Context: any.
 * Return: as karena_dynptr_slice(), for read-only dynptrs, too.
 * Since: 1.0
 */
const void *karena_dynptr_slice_const(const struct karena_dynptr *dynptr, size_t offset,
				      size_t length);

/**
 * karena_dynptr_adjust() - make a dynptr's window smaller
 * @dynptr:	a dynptr
 * @start:	in the window, bytes: where the new window begins
 * @end:	likewise: where it ends
 *
 * The record keeps its size, and is submitted as a whole.
 *
 * Context: any.
 * Return: 0; -EINVAL if @dynptr is null or @end is before @start; -ERANGE if @end is not
 * in the window.
 * Since: 1.0
 */
int karena_dynptr_adjust(struct karena_dynptr *dynptr, size_t start, size_t end);

/**
 * karena_dynptr_clone() - make a second, read-only window
 * @dynptr:	a dynptr
 * @clone:	out, the same window, or null if @dynptr is. A clone is no reservation
 *		and must not be submitted or discarded
 *
 * Context: any.
 * Since: 1.0
 */
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

/**
 * karena_ring_query() - read a figure of a ring, without a lock
 * @ring:	the ring
 * @what:	which figure
 *
 * While others produce or consume the figure is a guess, but it never exceeds what the
 * ring can hold.
 *
 * Context: any, NMI included; does not sleep.
 * Return: the figure; 0 if @what is none of the enum.
 * Since: 1.0
 */
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
		       unsigned int max);

#endif /* _LINUX_KARENA_KAPI_H */
