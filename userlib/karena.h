/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena: arenas and rings of the karena module for C and C++ programs.
 *
 * Results
 * -------
 * A call that returns int gives 0 or a count on success and a negative errno
 * on failure; what errno holds then means nothing. Only karena_ring_reserve()
 * differs: it returns a pointer, or NULL with errno set. A failed call leaves
 * its output arguments as they were. What every call that enters the kernel may
 * return, <linux/karena.h> states once: -EINVAL, -EPERM, -ENOMEM, -EINTR and the
 * rest; calls below name what they add. karena_strerror() puts all into words.
 *
 * Handles
 * -------
 * A handle owns one file descriptor. It stays the caller's business who else
 * gets a duplicate of it. Closing a handle takes NULL as well. Handles know
 * nothing of each other and may be closed in any order.
 *
 * Threads
 * -------
 * Each call names what it allows: "any thread" may run in any number of threads
 * on one handle at once; "one thread" needs the caller to keep such calls on
 * one handle apart. Making a handle is for any thread, closing it is for one,
 * with no other call on it under way.
 *
 * fork
 * ----
 * A child has the descriptors of its parent's handles and may use arena handles
 * as they are. Mappings are not inherited (an arena made with
 * KARENA_ARENA_F_INHERIT excepted), so a child makes views and ring handles of
 * its own, these with karena_ring_from_fd() on a dup() of karena_ring_fd().
 *
 * Structs that grow
 * -----------------
 * A struct that begins with @size is handed over with that set to its sizeof();
 * all else may be zero, which is the default. Later versions append fields:
 * -EINVAL, @size is less than the first version's; -E2BIG, the library or
 * module is older than the caller, who set a field that it does not know.
 */
#ifndef KARENA_H
#define KARENA_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/karena.h>

#include "karena_dynptr.h"
#include "karena_version.h"
#include "karena_vmr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct karena_device;
struct karena_arena;
struct karena_ring;

/**
 * karena_version() - return the version of the library that runs
 *
 * Returns a string of the form of KARENA_VERSION, which is the version of the header.
 * Any thread. Since 1.0.
 */
const char *karena_version(void);

/*
 * Device
 * ======
 */

/**
 * karena_open() - open the device
 * @path:	of the device node; NULL: KARENA_DEVICE
 * @device:	out
 *
 * Errors: those of open(2); -ENOENT or -ENXIO: the module is not loaded;
 * -EACCES: the caller may not use the device; -ENOTTY: @path is something else.
 * Since 1.0.
 */
int karena_open(const char *path, struct karena_device **device);

/**
 * karena_close() - close the device
 * @device:	or NULL
 *
 * Objects made by it live on. Since 1.0.
 */
void karena_close(struct karena_device *device);

/**
 * karena_device_fd() - the handle's descriptor, which stays the handle's
 * @device:	a device
 *
 * Any thread. Since 1.0.
 */
int karena_device_fd(const struct karena_device *device);

/**
 * karena_query() - what module and kernel can do, and how much is left
 * @device:	a device
 * @query:	in: @size; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_query(const struct karena_device *device, struct karena_query *query);

/*
 * Arenas
 * ======
 * An arena's calls take byte offsets that are multiples of the page size, and
 * numbers of pages. All may be used by any thread; those that change pages are
 * done by the kernel one after the other.
 */

/**
 * struct karena_arena_opts - how to make an arena
 * @size:	sizeof(struct karena_arena_opts)
 * @name:	up to KARENA_NAME_LEN - 1 printable characters, none of them a space
 *		or '/'; shown by tools; NULL: none
 * @flags:	KARENA_ARENA_F_*
 * @fault_pages: pages populated around a touched one, 1 to 64; 0: the default
 * @address:	with KARENA_ARENA_F_FIXED_ADDR, where byte 0 is in every process;
 *		0: where the first view that finds room for all of it is
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	@node counts; else pages come from the node of the CPU that asks
 */
struct karena_arena_opts {
	size_t size;
	const char *name;
	uint32_t flags;
	uint32_t fault_pages;
	uint64_t address;
	int32_t node;
	bool on_node;
};

/**
 * karena_arena_create() - make an arena
 * @device:	a device
 * @length:	bytes, a multiple of the page size
 * @opts:	or NULL
 * @arena:	out
 *
 * Errors: -ENAMETOOLONG; -EMFILE, -ENFILE. Any thread. Since 1.0.
 */
int karena_arena_create(const struct karena_device *device, uint64_t length,
			const struct karena_arena_opts *opts, struct karena_arena **arena);

/**
 * karena_arena_from_fd() - a handle for an arena that came as a descriptor
 * @fd:		of an arena, by inheritance, SCM_RIGHTS or pidfd_getfd(2). The
 *		handle's on success, the caller's still on failure
 * @arena:	out
 *
 * Errors: -EBADF; -ENOTTY: not an arena. Since 1.0.
 */
int karena_arena_from_fd(int fd, struct karena_arena **arena);

/**
 * karena_arena_reopen() - a second handle on the arena, with rights of its own
 * @arena:	an arena
 * @rights:	KARENA_RIGHT_*, none that this handle lacks
 * @reopened:	out; its descriptor is the one to hand to others
 *
 * Errors: -EPERM: this handle lacks one of @rights; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_arena_reopen(const struct karena_arena *arena, uint32_t rights,
			struct karena_arena **reopened);

/**
 * karena_arena_restrict() - give up rights of this handle for good
 * @arena:	an arena
 * @rights:	KARENA_RIGHT_* to keep of those that it has
 *
 * Holds for every duplicate of the descriptor; views made before keep theirs.
 * Any thread. Since 1.0.
 */
int karena_arena_restrict(const struct karena_arena *arena, uint32_t rights);

/**
 * karena_arena_close() - close the handle
 * @arena:	or NULL
 *
 * Views stay. The arena goes with its last descriptor and view. Since 1.0.
 */
void karena_arena_close(struct karena_arena *arena);

/**
 * karena_arena_fd() - the handle's descriptor, which stays the handle's
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
int karena_arena_fd(const struct karena_arena *arena);

/**
 * karena_arena_length() - the arena's size in bytes
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
uint64_t karena_arena_length(const struct karena_arena *arena);

/**
 * karena_arena_page_size() - bytes in a page of the arena
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
size_t karena_arena_page_size(const struct karena_arena *arena);

/**
 * struct karena_view - a window of an arena in this process's memory
 * @address:	of its first byte
 * @offset:	of that byte in the arena
 * @length:	bytes
 *
 * Plain data, copied at will.
 */
struct karena_view {
	void *address;
	uint64_t offset;
	size_t length;
};

/**
 * struct karena_view_opts - which window, and where
 * @size:	sizeof(struct karena_view_opts)
 * @offset:	of the window in the arena, page aligned
 * @length:	bytes; 0: up to the arena's end
 * @address:	demanded: there or not at all; NULL: anywhere
 * @prot:	PROT_READ or PROT_READ | PROT_WRITE; 0: both
 */
struct karena_view_opts {
	size_t size;
	uint64_t offset;
	uint64_t length;
	void *address;
	int prot;
};

/**
 * karena_arena_map() - map a window
 * @arena:	an arena
 * @opts:	or NULL for the whole arena, readable and writable
 * @view:	out
 *
 * Maps no memory by itself: pages appear as they are touched. An arena made
 * with KARENA_ARENA_F_FIXED_ADDR goes to its own address. Errors: -EACCES: a
 * right that @prot needs is not there; -EEXIST: something else is at @address
 * or at the arena's own; -EOVERFLOW: too long for this process's address space;
 * -EINVAL: it passes the arena's end, is unaligned, or, in a 32-bit program, begins
 * beyond 16 TiB; -ENOMEM and others of mmap(2). Any thread. Since 1.0.
 */
int karena_arena_map(const struct karena_arena *arena, const struct karena_view_opts *opts,
		     struct karena_view *view);

/**
 * karena_view_unmap() - end a view
 * @view:	of karena_arena_map(); emptied. An empty one is left alone
 *
 * Pages stay as they are, for others and for later views. Errors: those of
 * munmap(2). One thread. Since 1.0.
 */
int karena_view_unmap(struct karena_view *view);

/* What karena_view_offset() gives for a pointer that is not in the view. */
#define KARENA_NO_OFFSET	UINT64_MAX

/**
 * karena_view_ptr() - where something in the arena is in this process
 * @view:	a view
 * @offset:	in the arena, any byte
 * @length:	bytes that are to be there
 *
 * Returns NULL if not all of it is inside the view, so that an offset that was
 * found in shared memory needs no other check. Any thread. Since 1.0.
 */
static inline void *karena_view_ptr(const struct karena_view *view, uint64_t offset, size_t length)
{
	uint64_t at = offset - view->offset;

	if (offset < view->offset || at > view->length || length > view->length - at)
		return NULL;
	return (char *)view->address + at;
}

/**
 * karena_view_offset() - the offset in the arena that a pointer stands for
 * @view:	a view
 * @ptr:	any pointer
 *
 * Returns KARENA_NO_OFFSET for a pointer outside the view. Any thread.
 * Since 1.0.
 */
static inline uint64_t karena_view_offset(const struct karena_view *view, const void *ptr)
{
	uintptr_t at = (uintptr_t)ptr - (uintptr_t)view->address;

	return at < view->length ? view->offset + at : KARENA_NO_OFFSET;
}

/**
 * struct karena_alloc_opts - where pages are to be, and when they take memory
 * @size:	sizeof(struct karena_alloc_opts)
 * @offset:	with KARENA_ALLOC_F_FIXED a demand, else where to begin to look
 * @align:	bytes, a power of two of at least a page; 0: a page
 * @flags:	KARENA_ALLOC_F_*
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	@node counts; else the arena's own does
 */
struct karena_alloc_opts {
	size_t size;
	uint64_t offset;
	uint64_t align;
	uint32_t flags;
	int32_t node;
	bool on_node;
};

/**
 * karena_arena_alloc() - allocate an extent of zeroed pages
 * @arena:	an arena
 * @nr_pages:	at least 1
 * @opts:	or NULL for any place
 * @offset:	out, of the first page
 *
 * All of it or none. Errors: -EBUSY (KARENA_ALLOC_F_FIXED only): a page is not
 * free; -ENOSPC (without it): no gap is long enough; -EDQUOT: the user's limit.
 * Any thread. Since 1.0.
 */
int karena_arena_alloc(const struct karena_arena *arena, uint64_t nr_pages,
		       const struct karena_alloc_opts *opts, uint64_t *offset);

/**
 * karena_arena_free() - make pages free, whatever they were
 * @arena:	an arena
 * @offset:	of the first
 * @nr_pages:	0 does nothing
 * @flags:	KARENA_FREE_F_*
 *
 * When it returns, the pages are gone from every process's memory. Errors:
 * -ENOENT (KARENA_FREE_F_STRICT only): a page is not allocated; -EDQUOT: the
 * user's limit, where pages without memory leave two ranges of one; nothing was
 * changed then. Any thread. Since 1.0.
 */
int karena_arena_free(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
		      uint32_t flags);

/**
 * karena_arena_reserve() - set free pages aside, so that alloc leaves them alone
 * @arena:	an arena
 * @offset:	of the first
 * @nr_pages:	0 does nothing
 *
 * Errors: -EBUSY: a page is not free; -EDQUOT: the user's limit. Any thread.
 * Since 1.0.
 */
int karena_arena_reserve(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * karena_arena_guard() - make free pages guard pages: a touch is SIGSEGV
 * @arena:	an arena
 * @offset:	of the first
 * @nr_pages:	0 does nothing
 *
 * karena_arena_free() ends it. Errors: -EBUSY: a page is not free; -EDQUOT: the
 * user's limit. Any thread. Since 1.0.
 */
int karena_arena_guard(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * struct karena_commit_opts - how pages are committed
 * @size:	sizeof(struct karena_commit_opts)
 * @flags:	KARENA_COMMIT_F_*
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	@node counts; else the arena's own does
 */
struct karena_commit_opts {
	size_t size;
	uint32_t flags;
	int32_t node;
	bool on_node;
};

/**
 * karena_arena_commit() - turn reserved pages into allocated ones, in one step
 * @arena:	an arena
 * @offset:	of the first
 * @nr_pages:	0 does nothing
 * @opts:	or NULL
 *
 * Errors: -EBUSY: a page is not reserved; -EDQUOT: the user's limit.
 * Any thread. Since 1.0.
 */
int karena_arena_commit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
			const struct karena_commit_opts *opts);

/**
 * karena_arena_decommit() - turn allocated pages into reserved ones, in one step
 * @arena:	an arena
 * @offset:	of the first
 * @nr_pages:	0 does nothing
 *
 * Their contents are gone. Errors: -EBUSY: a page is free or guard; -EDQUOT: as
 * with karena_arena_free(). Any thread. Since 1.0.
 */
int karena_arena_decommit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * karena_arena_stat() - counters and properties
 * @arena:	an arena
 * @stat:	in: @size, @flags; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_arena_stat(const struct karena_arena *arena, struct karena_arena_stat *stat);

/* Goes through the ranges of an arena that are not free. */
struct karena_walk;

/**
 * karena_walk_new() - begin to list an arena's ranges
 * @arena:	an arena; to stay open until the walk is freed
 * @offset:	to begin at, page aligned
 * @walk:	out
 *
 * Any thread. Since 1.0.
 */
int karena_walk_new(const struct karena_arena *arena, uint64_t offset, struct karena_walk **walk);

/**
 * karena_walk_next() - the next range
 * @walk:	a walk
 * @range:	out
 *
 * Returns 1 with a range, 0 at the end. Ranges come in order; neighbours in one
 * state come as one range. One that changes meanwhile is reported as it was at some
 * moment. Errors: -EPERM: KARENA_RIGHT_MAP is not there. One thread. Since 1.0.
 */
int karena_walk_next(struct karena_walk *walk, struct karena_arena_range *range);

/**
 * karena_walk_free() - end a walk
 * @walk:	or NULL
 *
 * Since 1.0.
 */
void karena_walk_free(struct karena_walk *walk);

/*
 * Rings
 * =====
 * A ring handle serves producer and consumer; what either needs mapped is mapped
 * by its first call, which may therefore also return errors of mmap(2), -EACCES
 * or -EPERM where a right is not there, and -EOPNOTSUPP for a ring that is laid
 * out in a way that this version of the library does not know.
 */

/**
 * struct karena_ring_opts - how to make a ring
 * @size:	sizeof(struct karena_ring_opts)
 * @name:	up to KARENA_NAME_LEN - 1 printable characters, none of them a space
 *		or '/'; shown by tools; NULL: none
 * @flags:	KARENA_RING_F_*
 * @node:	with @on_node, the NUMA node of its memory
 * @on_node:	@node counts
 * @reserve_timeout_us: microseconds for which a reservation may hold the consumer up,
 *		0: for ever; needs KARENA_RING_F_IN_PLACE
 */
struct karena_ring_opts {
	size_t size;
	const char *name;
	uint32_t flags;
	int32_t node;
	bool on_node;
	uint32_t reserve_timeout_us;
};

/**
 * karena_ring_create() - make a ring
 * @device:	a device
 * @data_bytes:	size of its data area: a power of two, at least a page
 * @opts:	or NULL
 * @ring:	out
 *
 * Errors: -ENAMETOOLONG; -EDQUOT: the user's limit; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_ring_create(const struct karena_device *device, uint64_t data_bytes,
		       const struct karena_ring_opts *opts, struct karena_ring **ring);

/**
 * karena_ring_from_fd() - a handle for a ring that came as a descriptor
 * @fd:		of a ring. The handle's on success, the caller's still on failure
 * @ring:	out
 *
 * Errors: -EBADF; -ENOTTY: not a ring. Since 1.0.
 */
int karena_ring_from_fd(int fd, struct karena_ring **ring);

/**
 * karena_ring_reopen() - a second handle on the ring, with rights of its own
 * @ring:	a ring
 * @rights:	KARENA_RIGHT_*, none that this handle lacks
 * @reopened:	out
 *
 * Errors: -EPERM: this handle lacks one of @rights; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_ring_reopen(const struct karena_ring *ring, uint32_t rights,
		       struct karena_ring **reopened);

/**
 * karena_ring_restrict() - give up rights of this handle for good
 * @ring:	a ring
 * @rights:	KARENA_RIGHT_* to keep of those that it has
 *
 * Holds for every duplicate of the descriptor; what is mapped stays mapped.
 * Any thread. Since 1.0.
 */
int karena_ring_restrict(const struct karena_ring *ring, uint32_t rights);

/**
 * karena_ring_close() - unmap and close
 * @ring:	or NULL
 *
 * Records that were taken or reserved by it must not be used any more.
 * Reservations that are open become discards once the descriptor's last
 * duplicate is closed. Since 1.0.
 */
void karena_ring_close(struct karena_ring *ring);

/**
 * karena_ring_fd() - the handle's descriptor, for poll, epoll and io_uring
 * @ring:	a ring
 *
 * The handle's, and closed with it. Readable: a record is there; writable: half
 * of the ring is free. Any thread. Since 1.0.
 */
int karena_ring_fd(const struct karena_ring *ring);

/**
 * karena_ring_data_bytes() - size of the data area
 * @ring:	a ring
 *
 * Any thread. Since 1.0.
 */
uint64_t karena_ring_data_bytes(const struct karena_ring *ring);

/**
 * karena_ring_stat() - fill, positions, counters, losses by cause
 * @ring:	a ring
 * @stat:	in: @size; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_ring_stat(const struct karena_ring *ring, struct karena_ring_stat *stat);

/**
 * karena_ring_wait() - wait for a record, or for space
 * @ring:	a ring
 * @events:	POLLIN: a record is there; POLLOUT: half of the ring is free; or
 *		both
 * @timeout_ms:	0: only look; negative: for ever
 *
 * Returns those of @events that hold, 0 when the time is over. Errors: -EINVAL:
 * other @events; -EINTR: any signal. Any thread. Since 1.0.
 */
int karena_ring_wait(const struct karena_ring *ring, int events, int timeout_ms);

/**
 * karena_ring_output() - send a record by copy
 * @ring:	a ring
 * @data:	payload
 * @length:	bytes, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EAGAIN: no space just now; -ENOSPC: can never fit. Any thread.
 * Since 1.0.
 */
int karena_ring_output(const struct karena_ring *ring, const void *data, size_t length,
		       uint32_t flags);

/**
 * karena_ring_output_wait() - the same, waiting for space
 * @ring:	a ring
 * @data:	payload
 * @length:	bytes, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 * @timeout_us:	microseconds; 0: for ever
 *
 * Errors: -ENOSPC: can never fit; -ETIMEDOUT; -EINTR: any signal, and nothing was sent.
 * Any thread. Since 1.0.
 */
int karena_ring_output_wait(const struct karena_ring *ring, const void *data, size_t length,
			    uint32_t flags, uint32_t timeout_us);

/**
 * karena_ring_reserve() - reserve a record to be filled in place
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @length:	payload bytes, at least 1
 *
 * Returns the payload, to be filled and then given to karena_ring_submit() or
 * karena_ring_discard() by any thread of this process; or NULL with errno:
 * EAGAIN: no space just now; ENOSPC: can never fit; EPERM: not an IN_PLACE ring
 * or no right; others as said above. Records behind this one wait for it. If
 * the process dies first, it is discarded. Any thread. Since 1.0.
 */
void *karena_ring_reserve(struct karena_ring *ring, size_t length);

/**
 * karena_ring_reserve_wait() - the same, waiting for space
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @length:	payload bytes, at least 1
 * @timeout_us:	microseconds; 0: for ever
 *
 * Returns the payload, or NULL with errno as karena_ring_reserve(), with ETIMEDOUT in
 * place of EAGAIN, or EINTR: any signal, and nothing was reserved. Any thread. Since 1.0.
 */
void *karena_ring_reserve_wait(struct karena_ring *ring, size_t length, uint32_t timeout_us);

/**
 * karena_ring_submit() - hand a reserved record to the consumer
 * @ring:	the ring it is of
 * @data:	of karena_ring_reserve()
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EINVAL: no open reservation of this handle's; -ESTALE: it timed out, see
 * @reserve_timeout_us of struct karena_ring_opts, and is lost. Any thread. Since 1.0.
 */
int karena_ring_submit(struct karena_ring *ring, void *data, uint32_t flags);

/**
 * karena_ring_submit_trimmed() - hand over a record shorter than was reserved
 * @ring:	the ring it is of
 * @data:	of karena_ring_reserve()
 * @length:	payload bytes to keep, from its beginning on, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * The space of the rest is free when the consumer has passed it. Errors: -EINVAL: no
 * open reservation of this handle's, or @length is not in it, which leaves it open;
 * -ESTALE: as karena_ring_submit(). Any thread. Since 1.0.
 */
int karena_ring_submit_trimmed(struct karena_ring *ring, void *data, size_t length,
			       uint32_t flags);

/**
 * karena_ring_discard() - give a reserved record up
 * @ring:	the ring it is of
 * @data:	of karena_ring_reserve()
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EINVAL: no open reservation of this handle's; -ESTALE: as
 * karena_ring_submit(). Any thread. Since 1.0.
 */
int karena_ring_discard(struct karena_ring *ring, void *data, uint32_t flags);

/**
 * karena_ring_output_batch() - send records by copy, by one call
 * @ring:	a ring
 * @records:	as read(2) gives them: a struct karena_record_header each, with the
 *		payload's length and zeroes else, and the payload, padded to 8 bytes
 * @bytes:	of all of them
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Returns how many were sent, from the first on; to learn why not the next, retry from
 * there. Errors, if it is the first: as karena_ring_output(); -EINVAL: its
 * header says more than there is. Any thread. Since 1.0.
 */
int karena_ring_output_batch(const struct karena_ring *ring, const void *records, size_t bytes,
			     uint32_t flags);

/**
 * karena_ring_reserve_batch() - reserve records to be filled in place, by one call
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @lengths:	payload bytes of each, at least 1
 * @nr:		how many, 1 up to KARENA_RING_BATCH_MAX
 * @data:	out, @nr payloads, each for karena_ring_submit() and its like
 *
 * All or none. Errors: as karena_ring_reserve(), as a negative errno. Any thread.
 * Since 1.0.
 */
int karena_ring_reserve_batch(struct karena_ring *ring, const uint32_t *lengths, unsigned int nr,
			      void **data);

/**
 * struct karena_finish - how to finish a reservation
 * @data:	of karena_ring_reserve() or karena_ring_reserve_batch()
 * @length:	payload bytes to keep; 0: all, as it must be with @discard
 * @discard:	give it up
 */
struct karena_finish {
	void *data;
	uint32_t length;
	bool discard;
};

/**
 * karena_ring_finish_batch() - submit and discard records
 * @ring:	the ring they are of
 * @finish:	which reservations, and how
 * @nr:		how many
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Returns how many were finished, from the first on; to learn why not the next, retry
 * from there. Errors, if it is the first: -EINVAL: no open reservation of this
 * handle's, or @length is not in it; -ESTALE: as karena_ring_submit(). Any thread.
 * Since 1.0.
 */
int karena_ring_finish_batch(struct karena_ring *ring, const struct karena_finish *finish,
			     unsigned int nr, uint32_t flags);

/**
 * karena_ring_flush() - wake whoever waits for records
 * @ring:	a ring
 *
 * Also for records that were finished with KARENA_RING_NO_WAKEUP or are held back by
 * karena_ring_set_policy(). Any thread. Since 1.0.
 */
int karena_ring_flush(const struct karena_ring *ring);

/*
 * Consuming
 * ---------
 * A ring has one consumer, a process with an open file. The first of the calls
 * below takes the role: -EBUSY if another has it. It ends with the process, or
 * with the last duplicate of the descriptor. Consume by these calls or by
 * read(2), not by both on one handle.
 *
 * Positions and lengths are taken from shared memory that producers of an
 * IN_PLACE ring can write. Each is loaded once and checked against what is
 * there: the library never loops over nor reads outside the ring. A record whose
 * length exceeds what is there ends the walk with -EBADMSG, after the good ones
 * before it were delivered; since nobody knows where the next one begins,
 * each call says so again, and only read(2), which goes by the kernel's own
 * lengths, gets on. Payload that was checked can still be changed by such a
 * producer: copy what is to be trusted, then check.
 */

/**
 * karena_ring_set_policy() - which records wake those who wait
 * @ring:	a ring
 * @bytes:	when so many are there, headers included; up to the ring's size
 * @records:	when so many were finished since the last wake-up
 * @delay_us:	so many microseconds after a record that woke nobody, at the latest
 *
 * Of @bytes and @records whichever is not 0 and comes first; with all of them 0 each
 * record wakes, as at the beginning. Without @delay_us records may be there for as long
 * as no others come. Holds for the ring. Errors: -EINVAL: @bytes. Any thread. Since 1.0.
 */
int karena_ring_set_policy(const struct karena_ring *ring, uint32_t bytes, uint32_t records,
			   uint32_t delay_us);

/**
 * typedef karena_record_fn - is given a record
 * @context:	as passed to karena_ring_consume()
 * @data:	payload, 8-byte aligned; valid until return
 * @length:	bytes
 *
 * Returns 0 to go on, anything else to stop after this record. It must not call
 * the handle's consumer calls.
 */
typedef int (*karena_record_fn)(void *context, const void *data, size_t length);

/**
 * karena_ring_consume() - call a function for each record that is there
 * @ring:	a ring
 * @fn:		called in the records' order; discarded ones are passed over
 * @context:	for @fn
 * @max:	records at most; 0: as many as are there at the start
 *
 * Never waits. The space of all records seen is given back with one store at
 * the end. Returns how many were given to @fn, or @fn's own value if that was
 * negative, its record counting as read; -EBADMSG: see above; -EINVAL: taken
 * records were not released. One thread. Since 1.0.
 */
int karena_ring_consume(struct karena_ring *ring, karena_record_fn fn, void *context,
			unsigned int max);

/**
 * struct karena_record - a record that was taken
 * @data:	payload, 8-byte aligned; valid until karena_ring_release()
 * @length:	bytes
 */
struct karena_record {
	const void *data;
	size_t length;
};

/**
 * karena_ring_take() - take records, keeping their space until karena_ring_release()
 * @ring:	a ring
 * @records:	out
 * @max:	entries in @records
 *
 * Goes on behind those that were taken before. Never waits. Returns how many
 * there are, 0 for none; -EBADMSG: see above. One thread. Since 1.0.
 */
int karena_ring_take(struct karena_ring *ring, struct karena_record *records, unsigned int max);

/**
 * karena_ring_release() - give the space of all taken records back
 * @ring:	a ring
 *
 * One store, however many they are. Take and release until nothing is there,
 * then wait: no wake-up is lost, also by edge-triggered epoll. One thread.
 * Since 1.0.
 */
void karena_ring_release(struct karena_ring *ring);

/**
 * struct karena_ring_walk - a way through the records that are there
 * @first:	where it began
 * @at:		the next one
 * @left:	bytes from there to the last one's end
 *
 * The library's; a copy serves as well.
 */
struct karena_ring_walk {
	const char *first;
	const char *at;
	size_t left;
};

/**
 * karena_ring_walk_begin() - go through records in place
 * @ring:	a ring
 * @walk:	out: to those that are there now
 *
 * With karena_ring_walk_next() it is karena_ring_consume() without a call for each
 * record. Never waits. Errors: -EBADMSG: see above; -EINVAL: taken records were not
 * released. One thread. Since 1.0.
 */
int karena_ring_walk_begin(struct karena_ring *ring, struct karena_ring_walk *walk);

/**
 * karena_ring_walk_next() - the next record
 * @walk:	from karena_ring_walk_begin()
 * @record:	out; valid until karena_ring_walk_end()
 *
 * Passes over discarded ones. Returns 1; 0 for none; -EBADMSG: see above. One thread.
 * Since 1.0.
 */
static inline int karena_ring_walk_next(struct karena_ring_walk *walk,
					struct karena_record *record)
{
	uint32_t word, length, bytes;
	const char *at;

	while (walk->left) {
		at = walk->at;
		/* Pairs with the kernel's exchange: without BUSY the payload is there. */
		word = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
		length = word;
		/* Neither BUSY nor discarded is the rule. */
		if (__builtin_expect(word > KARENA_RECORD_LEN_MASK, 0)) {
			if (word & KARENA_RECORD_BUSY)
				return 0;
			length &= KARENA_RECORD_LEN_MASK;
		}
		bytes = (length + KARENA_RECORD_HEADER_BYTES + 7) & ~7u;
		if (__builtin_expect(bytes > walk->left, 0))
			return -EBADMSG;
		walk->left -= bytes;
		walk->at = at + bytes;
		if (word == length) {
			record->data = at + KARENA_RECORD_HEADER_BYTES;
			record->length = length;
			return 1;
		}
	}
	return 0;
}

/**
 * karena_ring_walk_end() - give the space of what was gone through back
 * @ring:	a ring
 * @walk:	of it, the last that was begun
 *
 * One store. The rest stays. One thread. Since 1.0.
 */
void karena_ring_walk_end(struct karena_ring *ring, struct karena_ring_walk *walk);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_H */
