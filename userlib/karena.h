/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena: arenas and rings of the karena module for C and C++ programs.
 *
 * Results
 * -------
 * A call that returns int returns 0 or a count on success, and a negative errno
 * on failure; the value of errno itself is meaningless. Only karena_ring_reserve()
 * and karena_ring_reserve_wait() differ: they return a pointer, or NULL with errno
 * set. A call that fails leaves its output arguments unchanged. <linux/karena.h>
 * lists the errors that every call that enters the kernel may return: -EINVAL,
 * -EPERM, -ENOMEM, -EINTR and others. The calls below name further ones.
 * karena_strerror() describes all of them; karena_errormsg() tells why the last call of
 * the thread failed, and which argument was wrong.
 *
 * Handles
 * -------
 * A handle owns one file descriptor. The caller decides who else gets a duplicate
 * of it. Functions that close a handle accept NULL. Handles are independent of
 * each other and may be closed in any order.
 *
 * Threads
 * -------
 * Each call says how threads may use it. "Any thread": any number of threads may
 * call it on one handle at once. "One thread": the caller must serialize these
 * calls on one handle. Any thread may make a handle. Only one may close it, while
 * no other call on it is under way.
 *
 * fork
 * ----
 * A child of fork(2) may use all handles that it inherits, with its parent's rights.
 * What lies in memory it inherits only in part:
 *
 * - A view is inherited only if the arena was made with KARENA_ARENA_F_INHERIT. The
 *   child makes views of its own. It must not use or unmap one that it does not inherit.
 * - A ring's handle is in the child as one that was just made: without mappings, records
 *   taken, reservations, or the consumer role, which stay with the parent. A child that
 *   consumes while its parent does gets -EBUSY, one that submits or discards its parent's
 *   reservation -EINVAL or -EPERM. It must not touch such records.
 *
 * Children share the open file of each inherited descriptor, as do all duplicates by
 * dup(2) and SCM_RIGHTS. karena_arena_restrict() and karena_ring_restrict() take rights
 * from an open file, and so from all who share it. karena_arena_reopen() and
 * karena_ring_reopen() make an open file of its own.
 *
 * This does not hold for vfork(2), bare clone(2) and _Fork(3), whose children must not
 * use handles of rings.
 *
 * The end of a ring
 * -----------------
 * A ring made with KARENA_RING_F_END ends when no open file with KARENA_RIGHT_PRODUCE is
 * left. For producers that the consumer starts or lets in:
 *
 * 1. karena_ring_reopen() with KARENA_RIGHT_PRODUCE makes an open file for producers.
 *    Those that reserve records also need KARENA_RIGHT_MAP and KARENA_RIGHT_MAP_WRITE.
 * 2. karena_ring_restrict() takes this right from the consumer's own. If the producers
 *    shared that open file, they would lose it too: their calls would fail with -EPERM,
 *    and the ring would have ended.
 * 3. Children inherit the producers' handle, other processes get its descriptor by
 *    karena_send_fd().
 * 4. The consumer closes the producers' handle when no further producer is to come. The
 *    ring ends when the last process that holds the descriptor has closed it or is gone.
 *    Children that hold producers' handles of several rings close those they do not use.
 * 5. poll(2) and karena_ring_wait() report POLLHUP then, and POLLIN for ever. The consumer
 *    takes records until none is there, and removes the descriptor from its epoll.
 *
 * Structs that grow
 * -----------------
 * A struct that begins with @size is passed with @size set to its sizeof(). All
 * other fields may be zero, which is the default. karena_init.h has an initialiser for each
 * of them, such as KARENA_RING_OPTS_INIT. Later versions append fields.
 * A @size less than the first version's is -EINVAL. If the library or module is
 * older than the caller, a field that it does not know is -E2BIG unless zero.
 */
#ifndef KARENA_H
#define KARENA_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/karena.h>

#include "karena_dynptr.h"
#include "karena_init.h"
#include "karena_version.h"
#include "karena_vmr.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The functions that are defined here are in the library, too. Other languages, which
 * cannot expand them, read this header with KARENA_NO_INLINE.
 */
#ifndef KARENA_INLINE
#define KARENA_INLINE	static inline
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

/**
 * karena_errormsg() - tell why the last call of this thread failed
 *
 * Returns one line without a newline, such as "ring_create: data_bytes 65544: must be a
 * power of two and at least the page size, 4096": the call without its prefix, and the
 * argument, its value and the rule, as far as the library knows; else what the error
 * means. It is meant for people, and its words may change. Each call of this header, of
 * karena_dynptr.h and of karena_vmr.h that fails sets it; a call that succeeds may change
 * it. Before the first failure it is empty. It is valid until the next call of the thread.
 * Since 1.0.
 */
const char *karena_errormsg(void);

/**
 * karena_explain() - set the message for a call that was not made by this library
 * @fd:		on which the call was made
 * @nr:		KARENA_IOC_*
 * @args:	its argument struct, unchanged since
 * @error:	the result: a negative errno, as io_uring reports it; else nothing is set
 *
 * Returns @error. Afterwards karena_errormsg() tells why ioctl(2) or an io_uring command
 * failed. Any thread. Since 1.0.
 */
int karena_explain(int fd, uint32_t nr, const void *args, int error);

/*
 * Device
 * ======
 */

/**
 * karena_open() - open the device
 * @path:	path of the device node; NULL for KARENA_DEVICE
 * @device:	out
 *
 * Errors: those of open(2); -ENOENT or -ENXIO if the module is not loaded;
 * -EACCES if the caller may not use the device; -ENOTTY if @path is something
 * else. Since 1.0.
 */
int karena_open(const char *path, struct karena_device **device);

/**
 * karena_close() - close the device
 * @device:	or NULL
 *
 * Objects made through the device live on. Since 1.0.
 */
void karena_close(struct karena_device *device);

/**
 * karena_device_fd() - get the handle's descriptor, which the handle keeps
 * @device:	a device
 *
 * Any thread. Since 1.0.
 */
int karena_device_fd(const struct karena_device *device);

/**
 * karena_query() - get features, limits, and what is left of the user's limit
 * @device:	a device
 * @query:	in: @size; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_query(const struct karena_device *device, struct karena_query *query);

/**
 * karena_list() - list the objects that the caller may know of
 * @device:	a device
 * @after:	list objects whose @id is higher; 0 to begin
 * @entries:	out
 * @nr:		number of elements of @entries
 *
 * struct karena_list describes which objects these are. To go on, pass the @id of the last
 * entry. Returns the number of entries, 0 at the end; -EFAULT, or -EINTR for a signal.
 * Any thread. Since 1.0.
 */
int karena_list(const struct karena_device *device, uint64_t after,
		struct karena_list_entry *entries, size_t nr);

/*
 * Passing descriptors
 * ===================
 * A process that receives a descriptor shares the open file, and so its rights. Pass the
 * descriptor of a handle that karena_arena_reopen() or karena_ring_reopen() made, which
 * has just the rights that the process needs; karena_arena_from_fd() or
 * karena_ring_from_fd() makes its handle there.
 */

/**
 * karena_send_fd() - send a descriptor over a UNIX socket
 * @socket:	connected
 * @fd:		of a handle, or any other; the caller keeps it
 *
 * Sends one byte, to which the descriptor belongs. Errors: those of sendmsg(2): -EPIPE,
 * without a signal, if the other side has closed the socket; -EBADF. Any thread.
 * Since 1.0.
 */
int karena_send_fd(int socket, int fd);

/**
 * karena_recv_fd() - receive a descriptor that karena_send_fd() sent
 * @socket:	connected
 *
 * Takes one byte, and nothing that was sent after it. Returns the descriptor, which is
 * close-on-exec and belongs to the caller. The sender decides what it is:
 * karena_arena_from_fd() and karena_ring_from_fd() check that. Errors: those of
 * recvmsg(2); -EPIPE if the other side has closed the socket; -EBADMSG if what came is not
 * one byte with one descriptor, none of which stays open; -EMFILE. Any thread. Since 1.0.
 */
int karena_recv_fd(int socket);

/*
 * Arenas
 * ======
 * Memory of an arena is shared memory as any other. Mutexes, condition variables and
 * semaphores with PTHREAD_PROCESS_SHARED, and futexes without FUTEX_PRIVATE_FLAG, work in
 * it between all processes that have it mapped, at whatever address. Their page must stay
 * allocated: who waits on a page that is freed is not woken, and a lock in it is gone. Only
 * a mutex with PTHREAD_MUTEX_ROBUST is passed on (EOWNERDEAD) if its owner dies, and what
 * the owner left half done is for the next one to repair. A condition variable is not
 * robust: if a process dies in a wait, other calls on it may block for ever.
 *
 * The calls on arenas take byte offsets that are multiples of the page size, and
 * numbers of pages. Any thread may use all of them; the kernel serializes those
 * that change pages.
 */

/**
 * struct karena_arena_opts - properties of a new arena
 * @size:	sizeof(struct karena_arena_opts)
 * @name:	for tools: up to KARENA_NAME_LEN - 1 printable characters other than
 *		space and '/'; NULL for none
 * @flags:	KARENA_ARENA_F_*
 * @fault_pages: pages populated around a touched one, 1 to 64; 0 for the default
 * @address:	with KARENA_ARENA_F_FIXED_ADDR, address of byte 0 in every process;
 *		0 for the address of the first view, where the whole arena must fit
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	use @node; else pages come from the node of the calling CPU
 * @use_page_0:	let karena_arena_alloc() take page 0 as any other; else only with
 *		KARENA_ALLOC_F_FIXED (KARENA_ARENA_F_NULL_PAGE), so that offset 0 can stand for
 *		none. An arena of just one page has no other
 */
struct karena_arena_opts {
	size_t size;
	const char *name;
	uint32_t flags;
	uint32_t fault_pages;
	uint64_t address;
	int32_t node;
	bool on_node;
	bool use_page_0;
};

/**
 * karena_arena_create() - make an arena
 * @device:	a device
 * @length:	bytes, a multiple of the page size
 * @opts:	options, or NULL
 * @arena:	out
 *
 * Errors: -ENAMETOOLONG; -EMFILE, -ENFILE. Any thread. Since 1.0.
 */
int karena_arena_create(const struct karena_device *device, uint64_t length,
			const struct karena_arena_opts *opts, struct karena_arena **arena);

/**
 * karena_arena_from_fd() - make a handle from an arena's descriptor
 * @fd:		of an arena, by inheritance, SCM_RIGHTS or pidfd_getfd(2). Belongs to
 *		the handle on success, and still to the caller on failure
 * @arena:	out
 *
 * Errors: -EBADF; -ENOTTY if @fd is not an arena. Since 1.0.
 */
int karena_arena_from_fd(int fd, struct karena_arena **arena);

/**
 * karena_arena_reopen() - make a second handle on the arena, with its own rights
 * @arena:	an arena
 * @rights:	KARENA_RIGHT_*; this handle must have all of them
 * @reopened:	out; its descriptor is the one to pass to others
 *
 * Errors: -EPERM if this handle lacks one of @rights; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_arena_reopen(const struct karena_arena *arena, uint32_t rights,
			struct karena_arena **reopened);

/**
 * karena_arena_restrict() - give up rights of this handle for good
 * @arena:	an arena
 * @rights:	KARENA_RIGHT_* to keep; those the handle lacks are ignored
 *
 * Affects every duplicate of the descriptor. Existing views keep their access.
 * Any thread. Since 1.0.
 */
int karena_arena_restrict(const struct karena_arena *arena, uint32_t rights);

/**
 * karena_arena_close() - close the handle
 * @arena:	or NULL
 *
 * Views stay. The arena lives until its last descriptor and view are gone. Since 1.0.
 */
void karena_arena_close(struct karena_arena *arena);

/**
 * karena_arena_fd() - get the handle's descriptor, which the handle keeps
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
int karena_arena_fd(const struct karena_arena *arena);

/**
 * karena_arena_length() - get the arena's size in bytes
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
uint64_t karena_arena_length(const struct karena_arena *arena);

/**
 * karena_arena_page_size() - get the size of a page of the arena in bytes
 * @arena:	an arena
 *
 * Any thread. Since 1.0.
 */
size_t karena_arena_page_size(const struct karena_arena *arena);

/**
 * struct karena_view - a window of an arena in this process's memory
 * @address:	of the first byte
 * @offset:	of the first byte in the arena
 * @length:	bytes
 *
 * Plain data, may be copied.
 */
struct karena_view {
	void *address;
	uint64_t offset;
	size_t length;
};

/**
 * struct karena_view_opts - window of a new view, and its address
 * @size:	sizeof(struct karena_view_opts)
 * @offset:	of the window in the arena, page aligned
 * @length:	bytes; 0 for all up to the arena's end
 * @address:	address to map exactly at; NULL for any
 * @prot:	PROT_READ or PROT_READ | PROT_WRITE; 0 for both
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
 * Takes no memory by itself: pages appear as they are touched. An arena made
 * with KARENA_ARENA_F_FIXED_ADDR is mapped at its own address. Errors: -EACCES if
 * the handle lacks a right that @prot needs; -EEXIST if something is mapped at
 * @address or at the arena's own; -EOVERFLOW if the window is too long for this
 * process's address space; -EINVAL if the window passes the arena's end, is unaligned
 * or, in a 32-bit program, begins beyond 16 TiB; -ENOMEM and others of mmap(2). Any
 * thread. Since 1.0.
 */
int karena_arena_map(const struct karena_arena *arena, const struct karena_view_opts *opts,
		     struct karena_view *view);

/**
 * karena_view_unmap() - unmap a view
 * @view:	of karena_arena_map(); becomes empty. An empty view is ignored
 *
 * The pages stay as they are, for others and for later views. Errors: those of
 * munmap(2). One thread. Since 1.0.
 */
int karena_view_unmap(struct karena_view *view);

/* Result of karena_view_offset() for a pointer that is not in the view. */
#define KARENA_NO_OFFSET	UINT64_MAX

/**
 * karena_view_ptr() - turn an offset in the arena into a pointer
 * @view:	a view
 * @offset:	in the arena, any byte
 * @length:	bytes that must be inside the view
 *
 * Returns NULL unless all of the bytes are inside the view, so an offset found in
 * shared memory needs no other check. Any thread. Since 1.0.
 */
#ifdef KARENA_NO_INLINE
void *karena_view_ptr(const struct karena_view *view, uint64_t offset, size_t length);
#else
KARENA_INLINE void *karena_view_ptr(const struct karena_view *view, uint64_t offset, size_t length)
{
	uint64_t at = offset - view->offset;

	if (offset < view->offset || at > view->length || length > view->length - at)
		return NULL;
	return (char *)view->address + at;
}
#endif

/**
 * karena_view_offset() - turn a pointer into an offset in the arena
 * @view:	a view
 * @ptr:	any pointer
 *
 * Returns KARENA_NO_OFFSET for a pointer outside the view. Any thread.
 * Since 1.0.
 */
#ifdef KARENA_NO_INLINE
uint64_t karena_view_offset(const struct karena_view *view, const void *ptr);
#else
KARENA_INLINE uint64_t karena_view_offset(const struct karena_view *view, const void *ptr)
{
	uintptr_t at = (uintptr_t)ptr - (uintptr_t)view->address;

	return at < view->length ? view->offset + at : KARENA_NO_OFFSET;
}
#endif

/**
 * struct karena_alloc_opts - place and kind of an allocation
 * @size:	sizeof(struct karena_alloc_opts)
 * @offset:	with KARENA_ALLOC_F_FIXED the place, else where the search begins
 * @align:	bytes, a power of two of at least a page; 0 for a page
 * @flags:	KARENA_ALLOC_F_*
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	use @node; else the arena's node
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
 * @opts:	options, or NULL for any place
 * @offset:	out, of the first page
 *
 * Allocates all pages or none. Errors: -EBUSY if a page is not free
 * (KARENA_ALLOC_F_FIXED only); -ENOSPC if no gap is long enough (without it);
 * -EDQUOT if the user's limit is reached. Any thread. Since 1.0.
 */
int karena_arena_alloc(const struct karena_arena *arena, uint64_t nr_pages,
		       const struct karena_alloc_opts *opts, uint64_t *offset);

/**
 * karena_arena_free() - make pages free, whatever state they are in
 * @arena:	an arena
 * @offset:	of the first page
 * @nr_pages:	0 does nothing
 * @flags:	KARENA_FREE_F_*
 *
 * When the call returns, the pages are gone from every process's memory. Errors:
 * -ENOENT if a page is not allocated (KARENA_FREE_F_STRICT only); -EDQUOT if pages
 * without memory split a range in two at the user's limit. Both change nothing.
 * Any thread. Since 1.0.
 */
int karena_arena_free(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
		      uint32_t flags);

/**
 * karena_arena_reserve() - reserve free pages, so that alloc leaves them alone
 * @arena:	an arena
 * @offset:	of the first page
 * @nr_pages:	0 does nothing
 *
 * Errors: -EBUSY if a page is not free; -EDQUOT if the user's limit is reached.
 * Any thread. Since 1.0.
 */
int karena_arena_reserve(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * karena_arena_guard() - make free pages guard pages: touching one is SIGSEGV
 * @arena:	an arena
 * @offset:	of the first page
 * @nr_pages:	0 does nothing
 *
 * karena_arena_free() makes them free again. Errors: -EBUSY if a page is not free;
 * -EDQUOT if the user's limit is reached. Any thread. Since 1.0.
 */
int karena_arena_guard(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * struct karena_commit_opts - kind of a commit
 * @size:	sizeof(struct karena_commit_opts)
 * @flags:	KARENA_COMMIT_F_*
 * @node:	with @on_node, the NUMA node of the pages
 * @on_node:	use @node; else the arena's node
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
 * @offset:	of the first page
 * @nr_pages:	0 does nothing
 * @opts:	options, or NULL
 *
 * Errors: -EBUSY if a page is not reserved; -EDQUOT if the user's limit is
 * reached. Any thread. Since 1.0.
 */
int karena_arena_commit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
			const struct karena_commit_opts *opts);

/**
 * karena_arena_decommit() - turn allocated pages into reserved ones, in one step
 * @arena:	an arena
 * @offset:	of the first page
 * @nr_pages:	0 does nothing
 *
 * The pages lose their contents. Errors: -EBUSY if a page is free or guard; -EDQUOT
 * as karena_arena_free(). Any thread. Since 1.0.
 */
int karena_arena_decommit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages);

/**
 * karena_arena_stat() - get an arena's counters and properties
 * @arena:	an arena
 * @stat:	in: @size, @flags; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_arena_stat(const struct karena_arena *arena, struct karena_arena_stat *stat);

/* A walk over the ranges of an arena that are not free. */
struct karena_walk;

/**
 * karena_walk_new() - begin to list an arena's ranges
 * @arena:	an arena; must stay open until the walk is freed
 * @offset:	page aligned offset to begin at
 * @walk:	out
 *
 * Any thread. Since 1.0.
 */
int karena_walk_new(const struct karena_arena *arena, uint64_t offset, struct karena_walk **walk);

/**
 * karena_walk_next() - get the next range
 * @walk:	a walk
 * @range:	out
 *
 * Returns 1 with a range, 0 at the end. Ranges come in order; adjacent pages in one
 * state come as one range. A range that changes meanwhile is reported as it was at
 * some moment. Errors: -EPERM without KARENA_RIGHT_MAP. One thread. Since 1.0.
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
 * A record takes 8 bytes for its header, and its payload rounded up to 8 bytes: a ring of
 * @data_bytes holds @data_bytes / (8 + 8 * n) records of 8 * n bytes, and no record of more
 * than @data_bytes - 8. Records are never split. With KARENA_RING_F_IN_PLACE the kernel
 * takes half as much again.
 *
 * A ring handle serves both producer and consumer. The first call that needs a
 * part of the ring mapped maps it. This call may therefore also fail with errors
 * of mmap(2), with -EACCES or -EPERM without the right, and with -EOPNOTSUPP if
 * this version of the library does not know the ring's layout.
 */

/**
 * struct karena_ring_opts - properties of a new ring
 * @size:	sizeof(struct karena_ring_opts)
 * @name:	for tools: up to KARENA_NAME_LEN - 1 printable characters other than
 *		space and '/'; NULL for none
 * @flags:	KARENA_RING_F_*
 * @node:	with @on_node, the NUMA node of the ring's memory
 * @on_node:	use @node
 * @reserve_timeout_us: microseconds for which a reservation, or the copying of a long
 *		record, may hold up the consumer, 0 for no limit
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
 * @data_bytes:	size of the data area: a power of two, at least a page
 * @opts:	options, or NULL
 * @ring:	out
 *
 * Errors: -ENAMETOOLONG; -EDQUOT if the user's limit is reached; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_ring_create(const struct karena_device *device, uint64_t data_bytes,
		       const struct karena_ring_opts *opts, struct karena_ring **ring);

/**
 * karena_ring_from_fd() - make a handle from a ring's descriptor
 * @fd:		of a ring. Belongs to the handle on success, still to the caller on
 *		failure
 * @ring:	out
 *
 * Errors: -EBADF; -ENOTTY if @fd is not a ring. Since 1.0.
 */
int karena_ring_from_fd(int fd, struct karena_ring **ring);

/**
 * karena_ring_reopen() - make a second handle on the ring, with its own rights
 * @ring:	a ring
 * @rights:	KARENA_RIGHT_*; this handle must have all of them
 * @reopened:	out
 *
 * Errors: -EPERM if this handle lacks one of @rights; -EMFILE, -ENFILE.
 * Any thread. Since 1.0.
 */
int karena_ring_reopen(const struct karena_ring *ring, uint32_t rights,
		       struct karena_ring **reopened);

/**
 * karena_ring_restrict() - give up rights of this handle for good
 * @ring:	a ring
 * @rights:	KARENA_RIGHT_* to keep; those the handle lacks are ignored
 *
 * Affects every duplicate of the descriptor. Existing mappings stay.
 * Any thread. Since 1.0.
 */
int karena_ring_restrict(const struct karena_ring *ring, uint32_t rights);

/**
 * karena_ring_close() - unmap and close a ring
 * @ring:	or NULL
 *
 * Records taken or reserved through the handle must not be used any more. Open
 * reservations are discarded once the last duplicate of the descriptor is closed.
 * Since 1.0.
 */
void karena_ring_close(struct karena_ring *ring);

/**
 * karena_ring_fd() - get the handle's descriptor, for poll, epoll and io_uring
 * @ring:	a ring
 *
 * The handle keeps the descriptor and closes it. Readable: a record is there;
 * writable: half of the ring is free. Any thread. Since 1.0.
 */
int karena_ring_fd(const struct karena_ring *ring);

/**
 * karena_ring_data_bytes() - get the size of the data area
 * @ring:	a ring
 *
 * Any thread. Since 1.0.
 */
uint64_t karena_ring_data_bytes(const struct karena_ring *ring);

/**
 * karena_ring_stat() - get fill, positions, counters, and losses by cause
 * @ring:	a ring
 * @stat:	in: @size; out: the rest
 *
 * Any thread. Since 1.0.
 */
int karena_ring_stat(const struct karena_ring *ring, struct karena_ring_stat *stat);

/**
 * karena_ring_attach() - become an owner of reservations, or the consumer
 * @ring:	a ring
 * @flags:	KARENA_ATTACH_F_CONSUME to become the consumer, or 0
 *
 * The calls that reserve or consume do this themselves. Call it before, where the first
 * of them must be quick, as it takes time in a process of many mappings; and before you
 * map the consumer page without this library. Errors: as in <linux/karena.h>. Any thread.
 * Since 1.0.
 */
int karena_ring_attach(const struct karena_ring *ring, uint32_t flags);

/**
 * karena_ring_wait() - wait for a record, or for space
 * @ring:	a ring
 * @events:	POLLIN: a record is there; POLLOUT: half of the ring is free; or
 *		both
 * @timeout_ms:	0 to return at once; negative for no limit
 *
 * Returns those of @events that hold, with POLLHUP if the ring has ended, or 0 on timeout.
 * An ended ring has POLLIN for ever: it was read to its end when, after POLLHUP, no record
 * was there. Errors: -EINVAL for other @events; -EINTR on any signal. Any thread. Since 1.0.
 */
int karena_ring_wait(const struct karena_ring *ring, int events, int timeout_ms);

/**
 * karena_ring_output() - send a record by copy
 * @ring:	a ring
 * @data:	payload
 * @length:	bytes, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EAGAIN if there is no space just now; -ENOSPC if the record can never fit;
 * -ESTALE if copying the record took longer than @reserve_timeout_us of struct
 * karena_ring_opts, and the record is lost. Any thread. Since 1.0.
 */
int karena_ring_output(const struct karena_ring *ring, const void *data, size_t length,
		       uint32_t flags);

/**
 * karena_ring_output_wait() - send a record by copy, waiting for space
 * @ring:	a ring
 * @data:	payload
 * @length:	bytes, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 * @timeout_us:	microseconds; 0 for no limit
 *
 * Errors: -ENOSPC if the record can never fit; -ESTALE as karena_ring_output();
 * -ETIMEDOUT, or -EINTR on a signal that has a handler, with nothing sent. Any thread.
 * Since 1.0.
 */
int karena_ring_output_wait(const struct karena_ring *ring, const void *data, size_t length,
			    uint32_t flags, uint32_t timeout_us);

/**
 * karena_ring_reserve() - reserve a record to be filled in place
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @length:	payload bytes, at least 1
 *
 * Returns the payload. Any thread of this process may then fill it and pass it to
 * karena_ring_submit() or karena_ring_discard(). On failure returns NULL and sets
 * errno: EAGAIN if there is no space just now; ENOSPC if the record can never fit;
 * EPERM if the ring is not IN_PLACE or without the right; others as above. Records
 * behind this one wait for it. If the process dies first, the kernel discards the
 * record. Any thread. Since 1.0.
 */
void *karena_ring_reserve(struct karena_ring *ring, size_t length);

/**
 * karena_ring_reserve_wait() - reserve a record, waiting for space
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @length:	payload bytes, at least 1
 * @timeout_us:	microseconds; 0 for no limit
 *
 * Returns the payload, or NULL with errno as karena_ring_reserve(), but ETIMEDOUT
 * instead of EAGAIN, or EINTR on a signal that has a handler, with nothing reserved.
 * Any thread. Since 1.0.
 */
void *karena_ring_reserve_wait(struct karena_ring *ring, size_t length, uint32_t timeout_us);

/**
 * karena_ring_submit() - hand a reserved record to the consumer
 * @ring:	the record's ring
 * @data:	of karena_ring_reserve()
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EINVAL if @data is no open reservation of this handle; -ESTALE if it timed
 * out, see @reserve_timeout_us of struct karena_ring_opts; the record is lost then.
 * Any thread. Since 1.0.
 */
int karena_ring_submit(struct karena_ring *ring, void *data, uint32_t flags);

/**
 * karena_ring_submit_trimmed() - hand over the beginning of a reserved record
 * @ring:	the record's ring
 * @data:	of karena_ring_reserve()
 * @length:	bytes to keep from the beginning of the payload, at least 1
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * The space of the rest is free when the consumer has passed it. Errors: -EINVAL if
 * @data is no open reservation of this handle, or is shorter than @length, which leaves
 * it open; -ESTALE as karena_ring_submit(). Any thread. Since 1.0.
 */
int karena_ring_submit_trimmed(struct karena_ring *ring, void *data, size_t length,
			       uint32_t flags);

/**
 * karena_ring_discard() - discard a reserved record
 * @ring:	the record's ring
 * @data:	of karena_ring_reserve()
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Errors: -EINVAL if @data is no open reservation of this handle; -ESTALE as
 * karena_ring_submit(). Any thread. Since 1.0.
 */
int karena_ring_discard(struct karena_ring *ring, void *data, uint32_t flags);

/**
 * karena_ring_output_batch() - send several records by copy in one call
 * @ring:	a ring
 * @records:	in the layout of read(2): for each a struct karena_record_header that
 *		holds the payload's length and is zero otherwise, and the payload,
 *		padded to 8 bytes
 * @bytes:	size of all records together
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Returns the number of records sent; to learn why there are not more, retry from the
 * first unsent one. Errors, for the first record only: as karena_ring_output(); -EINVAL
 * if its header exceeds @bytes. Any thread. Since 1.0.
 */
int karena_ring_output_batch(const struct karena_ring *ring, const void *records, size_t bytes,
			     uint32_t flags);

/**
 * karena_ring_reserve_batch() - reserve several records in one call
 * @ring:	a ring made with KARENA_RING_F_IN_PLACE
 * @lengths:	payload bytes of each, at least 1
 * @nr:		number of records, 1 up to KARENA_RING_BATCH_MAX
 * @data:	out, @nr payloads, each as from karena_ring_reserve()
 *
 * Reserves all or none. Errors: those of karena_ring_reserve(), as a negative errno.
 * Any thread. Since 1.0.
 */
int karena_ring_reserve_batch(struct karena_ring *ring, const uint32_t *lengths, unsigned int nr,
			      void **data);

/**
 * struct karena_finish - how to finish a reservation
 * @data:	of karena_ring_reserve() or karena_ring_reserve_batch()
 * @length:	payload bytes to keep; 0 for all; must be 0 with @discard
 * @discard:	discard the record instead of submitting it
 */
struct karena_finish {
	void *data;
	uint32_t length;
	bool discard;
};

/**
 * karena_ring_finish_batch() - submit and discard several records in one call
 * @ring:	the records' ring
 * @finish:	the reservations, and how to finish each
 * @nr:		number of reservations
 * @flags:	KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, or 0
 *
 * Returns the number of reservations finished; to learn why there are not more, retry
 * from the first unfinished one. Errors, for the first reservation only: -EINVAL if it
 * is no open reservation of this handle, or is shorter than @length; -ESTALE as
 * karena_ring_submit(). Any thread. Since 1.0.
 */
int karena_ring_finish_batch(struct karena_ring *ring, const struct karena_finish *finish,
			     unsigned int nr, uint32_t flags);

/**
 * karena_ring_flush() - wake the waiters for records
 * @ring:	a ring
 *
 * Reports also the records that were finished with KARENA_RING_NO_WAKEUP or held back
 * by karena_ring_set_policy(). Any thread. Since 1.0.
 */
int karena_ring_flush(const struct karena_ring *ring);

/*
 * Consuming
 * ---------
 * A ring has one consumer: a process with an open file. The first of the calls
 * below takes this role, or fails with -EBUSY if another has it, such as the parent of
 * the process. The role ends with the process, or with the last duplicate of the
 * descriptor. Consume by these calls
 * or by read(2), not by both on one handle.
 *
 * The calls take positions and lengths from shared memory, which producers of an
 * IN_PLACE ring can write. The library loads each of them once and checks it: it
 * never loops over nor reads outside the ring. A record that is longer than the data
 * there ends the walk with -EBADMSG, after the good records before it were
 * delivered. As nobody knows where the next record begins, every further call fails
 * likewise. Only read(2) can go on, as it uses the kernel's own lengths. Such a
 * producer can still change a payload after it was checked: copy first, then check
 * the copy.
 */

/**
 * karena_ring_set_policy() - set when finished records wake the waiters
 * @ring:	a ring
 * @bytes:	wake when this many are there, headers included; up to the ring's size
 * @records:	wake when this many were finished since the last wake-up
 * @delay_us:	wake at most this many microseconds after a record that woke nobody
 *
 * A record wakes when @bytes or @records is reached, whichever is not 0 and comes
 * first. If all are 0, as at the beginning, each record wakes. Without @delay_us,
 * records may wait until further ones come. The policy holds for the ring, not just this
 * handle. Errors: -EINVAL for @bytes. Any thread. Since 1.0.
 */
int karena_ring_set_policy(const struct karena_ring *ring, uint32_t bytes, uint32_t records,
			   uint32_t delay_us);

/**
 * typedef karena_record_fn - handles a record
 * @context:	as passed to karena_ring_consume()
 * @data:	payload, 8-byte aligned; valid until return
 * @length:	bytes
 *
 * Returns 0 to go on, anything else to stop after this record. It must not make
 * consumer calls on the handle.
 */
typedef int (*karena_record_fn)(void *context, const void *data, size_t length);

/**
 * karena_ring_consume() - call a function for each record that is there
 * @ring:	a ring
 * @fn:		called in the order of the records; discarded ones are skipped
 * @context:	for @fn
 * @max:	most records; 0 for as many as are there at the start
 *
 * Never waits. Gives back the space of all records seen with one store at the
 * end. Returns the number of records passed to @fn, or the value of @fn if that was
 * negative; the record of that call counts as read. Errors: -EBADMSG, see above;
 * -EINVAL if taken records were not released. One thread. Since 1.0.
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
 * Continues behind the records taken before. Never waits. Returns the number of
 * records, 0 if there is none. Errors: -EBADMSG, see above. One thread. Since 1.0.
 */
int karena_ring_take(struct karena_ring *ring, struct karena_record *records, unsigned int max);

/**
 * karena_ring_release() - give back the space of all taken records
 * @ring:	a ring
 *
 * Takes one store, whatever the number of records. To lose no wake-up, even with
 * edge-triggered epoll, take and release until nothing is there, then wait. One
 * thread. Since 1.0.
 */
void karena_ring_release(struct karena_ring *ring);

/**
 * struct karena_ring_walk - state of a walk over the records that are there
 * @first:	first record of the walk
 * @at:		next record
 * @left:	bytes from @at to the end of the last record
 *
 * Private to the library. May be copied.
 */
struct karena_ring_walk {
	const char *first;
	const char *at;
	size_t left;
};

/**
 * karena_ring_walk_begin() - begin to walk over records in place
 * @ring:	a ring
 * @walk:	out, covers the records that are there now
 *
 * Works as karena_ring_consume(), without a function call for each record. Never
 * waits. Errors: -EBADMSG, see above; -EINVAL if taken records were not released. One
 * thread. Since 1.0.
 */
int karena_ring_walk_begin(struct karena_ring *ring, struct karena_ring_walk *walk);

/**
 * karena_ring_walk_next() - get the next record
 * @walk:	from karena_ring_walk_begin()
 * @record:	out; valid until karena_ring_walk_end()
 *
 * Skips discarded records. Returns 1 with a record, 0 if there is none. Errors:
 * -EBADMSG, see above. One thread. Since 1.0.
 */
#ifdef KARENA_NO_INLINE
int karena_ring_walk_next(struct karena_ring_walk *walk,
			  struct karena_record *record);
#else
KARENA_INLINE int karena_ring_walk_next(struct karena_ring_walk *walk,
					struct karena_record *record)
{
	uint32_t word, length, bytes;
	const char *at;

	while (walk->left) {
		at = walk->at;
		/* Pairs with the kernel's exchange: without BUSY the payload is there. */
		word = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
		length = word;
		/* Most records are neither BUSY nor discarded. */
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
#endif

/**
 * karena_ring_walk_end() - give back the space of the records walked over
 * @ring:	a ring
 * @walk:	the last walk that was begun on @ring
 *
 * Takes one store. Records not reached stay. One thread. Since 1.0.
 */
void karena_ring_walk_end(struct karena_ring *ring, struct karena_ring_walk *walk);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_H */
