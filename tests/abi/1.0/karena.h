/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note OR MIT */
/*
 * karena: sparse shared-memory arenas and rings of records, by character device.
 *
 * Programs include this file as <linux/karena.h>. It is the whole contract with
 * the kernel module: a client can be written from it alone.
 *
 * Objects
 * -------
 * open("/dev/karena") gives a device fd. KARENA_IOC_ARENA_CREATE and
 * KARENA_IOC_RING_CREATE on it return a new fd, always close-on-exec, which is
 * the object: it lives as long as an open file or a mapping of it. An open file
 * is the capability; it carries rights (KARENA_RIGHT_*), shared by whoever has
 * the open file by dup, fork or SCM_RIGHTS. Nobody can change an object's size
 * (EINVAL), its owner or mode (EPERM), or open it by a path (ENXIO).
 *
 * Arguments
 * ---------
 * Every argument struct leads with @size, which the caller sets to the sizeof()
 * of the struct it was built with. A struct shorter than the first published
 * one is EINVAL; fields that an older caller does not know are taken as zero; a
 * longer struct, of up to a page, is accepted if the part this kernel does not
 * know is zero, else E2BIG. Unknown flags and reserved fields that are not zero
 * are EINVAL. All offsets are bytes and multiples of the page size (from
 * KARENA_IOC_QUERY; do not assume 4,096). Fields prefixed out_ are written on
 * success only, unless a call says otherwise. Layout is the same for 32- and
 * 64-bit programs.
 *
 * Errors
 * ------
 * Every call may return these, with the same meaning everywhere:
 *
 *   ENOTTY     this fd has no such call
 *   EFAULT     a pointer cannot be read or written
 *   E2BIG      the struct is newer than the kernel and its tail is not zero, or
 *              longer than a page
 *   EINVAL     understood and wrong: flag, reserved field, alignment, range,
 *              page counts whose bytes wrap, too short a struct
 *   EPERM      the right was cut from this open file, or never came with it
 *   ENOMEM     no memory, or the memory cgroup's limit is reached
 *   EINTR      a fatal signal came first
 *
 * Others are named with the call. A call that fails has changed nothing, but
 * for KARENA_IOC_ARENA_FREE and _DECOMMIT, whose @out_done tells how far they
 * came when a fatal signal stopped them, and for whoever has the struct unmapped
 * while the call runs (EFAULT).
 */
#ifndef _UAPI_LINUX_KARENA_H
#define _UAPI_LINUX_KARENA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KARENA_DEVICE		"/dev/karena"

/* Of the whole contract. It grows by features; it is never broken. */
#define KARENA_ABI_VERSION	1

/* Numbers do not encode the size, so a struct that grows keeps its number. */
#define KARENA_IOC_TYPE		0xBD

/*
 * A name is for people and tools: up to 15 printable ASCII characters, none of
 * them a space or '/', and NULs to the end. Else create is EINVAL.
 */
#define KARENA_NAME_LEN		16

/* What fstatfs() of any object's fd gives as f_type, and of no other's. */
#define KARENA_FS_MAGIC		0x6b61726e

/* No particular NUMA node: that of the object, else that of the caller. */
#define KARENA_NODE_ANY		(-1)

/*
 * Rights of an open file. The fd that create returns has all that fit its kind.
 */
#define KARENA_RIGHT_MAP	0x00000001u	/* map read-only, walk */
#define KARENA_RIGHT_MAP_WRITE	0x00000002u	/* map arena pages or ring data writable */
#define KARENA_RIGHT_ALLOC	0x00000004u	/* alloc, reserve, commit */
#define KARENA_RIGHT_FREE	0x00000008u	/* free, decommit, MADV_REMOVE */
#define KARENA_RIGHT_PRODUCE	0x00000010u	/* write, output, reserve, submit, discard */
#define KARENA_RIGHT_CONSUME	0x00000020u	/* read, map the consumer page writable */

#define KARENA_RIGHTS_ARENA	(KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE | \
				 KARENA_RIGHT_ALLOC | KARENA_RIGHT_FREE)
#define KARENA_RIGHTS_RING	(KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE | \
				 KARENA_RIGHT_PRODUCE | KARENA_RIGHT_CONSUME)

/*
 * Feature bits of KARENA_IOC_QUERY.
 */
#define KARENA_FEAT_ARENA	0x1ull
#define KARENA_FEAT_RING	0x2ull
#define KARENA_FEAT_URING_CMD	0x4ull	/* every call as IORING_OP_URING_CMD */
#define KARENA_FEAT_URING_WAIT	0x8ull	/* KARENA_IOC_RING_WAIT, too */
#define KARENA_FEAT_URING_MULTISHOT 0x10ull /* and by IORING_URING_CMD_MULTISHOT */
#define KARENA_FEAT_URING_BUFFERS 0x20ull /* arena memory as registered buffers */

/* Each object's calls have a block of numbers of their own. */
#define KARENA_IOC_QUERY	_IO(KARENA_IOC_TYPE, 0x00)
#define KARENA_IOC_ARENA_CREATE	_IO(KARENA_IOC_TYPE, 0x01)
#define KARENA_IOC_RING_CREATE	_IO(KARENA_IOC_TYPE, 0x02)

#define KARENA_IOC_REOPEN	_IO(KARENA_IOC_TYPE, 0x10)
#define KARENA_IOC_RESTRICT	_IO(KARENA_IOC_TYPE, 0x11)

#define KARENA_IOC_ARENA_ALLOC	_IO(KARENA_IOC_TYPE, 0x20)
#define KARENA_IOC_ARENA_FREE	_IO(KARENA_IOC_TYPE, 0x21)
#define KARENA_IOC_ARENA_RESERVE _IO(KARENA_IOC_TYPE, 0x22)
#define KARENA_IOC_ARENA_COMMIT	_IO(KARENA_IOC_TYPE, 0x23)
#define KARENA_IOC_ARENA_DECOMMIT _IO(KARENA_IOC_TYPE, 0x24)
#define KARENA_IOC_ARENA_STAT	_IO(KARENA_IOC_TYPE, 0x25)
#define KARENA_IOC_ARENA_WALK	_IO(KARENA_IOC_TYPE, 0x26)

#define KARENA_IOC_RING_RESERVE	_IO(KARENA_IOC_TYPE, 0x40)
#define KARENA_IOC_RING_SUBMIT	_IO(KARENA_IOC_TYPE, 0x41)
#define KARENA_IOC_RING_DISCARD	_IO(KARENA_IOC_TYPE, 0x42)
#define KARENA_IOC_RING_OUTPUT	_IO(KARENA_IOC_TYPE, 0x43)
#define KARENA_IOC_RING_STAT	_IO(KARENA_IOC_TYPE, 0x44)
#define KARENA_IOC_RING_WAIT	_IO(KARENA_IOC_TYPE, 0x45)
#define KARENA_IOC_RING_OUTPUT_BATCH _IO(KARENA_IOC_TYPE, 0x46)
#define KARENA_IOC_RING_RESERVE_BATCH _IO(KARENA_IOC_TYPE, 0x47)
#define KARENA_IOC_RING_FINISH_BATCH _IO(KARENA_IOC_TYPE, 0x48)
#define KARENA_IOC_RING_POLICY	_IO(KARENA_IOC_TYPE, 0x49)
#define KARENA_IOC_RING_FLUSH	_IO(KARENA_IOC_TYPE, 0x4a)
#define KARENA_IOC_RING_WAIT_CANCEL _IO(KARENA_IOC_TYPE, 0x4b)

/*
 * io_uring
 * --------
 * With KARENA_FEAT_URING_CMD every call is also an IORING_OP_URING_CMD: cmd_op is
 * its KARENA_IOC_* number, and the command area of the SQE a struct
 * karena_uring_cmd. The CQE's res is what ioctl() would have returned, -errno
 * instead of -1.
 *
 * With KARENA_URING_INLINE set in cmd_op, the command area is the argument struct
 * itself: 16 bytes, or 80 on an io_uring of 128-byte SQEs; EINVAL if it is longer.
 * Then no out_ field is written; on an io_uring of 32-byte CQEs the first 8 bytes
 * of them are the CQE's first extra word.
 *
 * IORING_URING_CMD_FIXED, with KARENA_URING_INLINE and a call that has a @buffer:
 * that lies in the registered buffer buf_index. EINVAL with others. On an io_uring
 * of IORING_SETUP_IOPOLL a call is EOPNOTSUPP, or on kernels that allow it there
 * completes as elsewhere.
 *
 * KARENA_IOC_RING_WAIT waits without a thread; ECANCELED: the io_uring or its
 * task went first, or KARENA_IOC_RING_WAIT_CANCEL found it. EOPNOTSUPP without
 * KARENA_FEAT_URING_WAIT. What waits without a thread IORING_OP_ASYNC_CANCEL and
 * IORING_OP_LINK_TIMEOUT do not find on any kernel (ENOENT); a wait in a worker,
 * by IOSQE_ASYNC, the former does.
 *
 * With IORING_URING_CMD_MULTISHOT, and IOSQE_BUFFER_SELECT as io_uring demands
 * though no buffer is taken, it completes again and again, with
 * IORING_CQE_F_MORE until the last: once for what is there, then whenever a
 * record is finished and enough is there, told of before or not. Who reads until
 * nothing is there misses none. The last has a negative res, or 0: the ring has
 * ended, and nothing comes but what was told of; or res as any other, if the
 * completion queue was full. EINVAL: a call that does not wait, and all without
 * KARENA_FEAT_URING_MULTISHOT.
 */
#define KARENA_URING_INLINE	0x80000000u

/**
 * struct karena_uring_cmd - the command area of an SQE
 * @args:	pointer to the call's argument struct, which must stay until the
 *		completion
 * @__reserved:	0
 */
struct karena_uring_cmd {
	__aligned_u64	args;
	__aligned_u64	__reserved;
};

/**
 * struct karena_query - KARENA_IOC_QUERY, on the device fd
 * @size:		in, sizeof(struct karena_query) as the caller was built
 * @flags:		in, 0
 * @out_abi_version:	out, KARENA_ABI_VERSION of the module
 * @out_page_size:	out, bytes
 * @out_features:	out, KARENA_FEAT_* that this module on this kernel has
 * @out_arena_flags:	out, accepted KARENA_ARENA_F_*
 * @out_ring_flags:	out, accepted KARENA_RING_F_*
 * @out_arena_max_bytes: out, largest arena
 * @out_ring_max_bytes:	out, largest ring's data area; the least is a page
 * @out_user_limit_bytes: out, what all objects of one user may hold in memory
 * @out_user_left_bytes: out, how much of it the caller's user has left;
 *			~0 if the caller is exempt (CAP_IPC_LOCK)
 *
 * Tells what is there, so that programs need not guess from a version.
 */
struct karena_query {
	__u32		size;
	__u32		flags;
	__u32		out_abi_version;
	__u32		out_page_size;
	__aligned_u64	out_features;
	__u32		out_arena_flags;
	__u32		out_ring_flags;
	__aligned_u64	out_arena_max_bytes;
	__aligned_u64	out_ring_max_bytes;
	__aligned_u64	out_user_limit_bytes;
	__aligned_u64	out_user_left_bytes;
};

/**
 * struct karena_rights - KARENA_IOC_REOPEN and KARENA_IOC_RESTRICT, on an arena or ring
 * fd
 * @size:	in, sizeof(struct karena_rights) as the caller was built
 * @flags:	in, 0
 * @rights:	in, KARENA_RIGHT_* to keep
 * @__reserved:	in, 0
 *
 * REOPEN returns a new close-on-exec fd, a second open file on the same object,
 * with just @rights; EPERM if this open file lacks one of them; EMFILE, ENFILE.
 * RESTRICT cuts this open file, hence every duplicate of it, down to those of
 * @rights that it has, for good. Mappings made before keep what they have.
 */
struct karena_rights {
	__u32		size;
	__u32		flags;
	__u32		rights;
	__u32		__reserved;
};

/*
 * Arenas
 * ======
 * A range of pages, each free, allocated (populated or not yet), reserved or
 * guard. mmap() it MAP_SHARED, any window, any number of times; offset 0 of the
 * file is offset 0 of the arena. What a touch does:
 *
 *   page                     default                      SEGV_ON_FAULT
 *   free                     populate, becomes allocated  SIGSEGV
 *   allocated, no memory yet populate                     populate
 *   reserved                 populate, becomes allocated  SIGSEGV
 *   guard                    SIGSEGV                      SIGSEGV
 *
 * A touch that finds no memory, or the user's limit reached, is SIGBUS; inside
 * a system call either signal is EFAULT instead. Every page comes zeroed. A read
 * populates too, through a read-only mapping as well: give those who are not to
 * take memory an arena with SEGV_ON_FAULT.
 *
 * mmap() of an arena fd fails with EINVAL for MAP_PRIVATE or a window that
 * passes the end, EPERM for PROT_EXEC, EACCES where the open file lacks
 * KARENA_RIGHT_MAP, or KARENA_RIGHT_MAP_WRITE for PROT_WRITE. A FIXED_ADDR
 * arena also refuses any address but its own (EINVAL), and one where something
 * is mapped already (EEXIST, also with MAP_FIXED).
 * mprotect() to PROT_EXEC, or to PROT_WRITE without the right, is EACCES;
 * mremap() that grows or doubles a window, EFAULT, that moves one of a
 * FIXED_ADDR arena, EINVAL; so are MREMAP_DONTUNMAP and userfaultfd
 * registration. Pages of arenas stay in memory; all that mlock() and
 * MAP_POPULATE do is to touch each page. MADV_REMOVE and
 * fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) free pages; other modes
 * of fallocate() are EOPNOTSUPP. MADV_DONTNEED drops page table entries only.
 * Mappings are left out of core dumps and, without KARENA_ARENA_F_INHERIT, of
 * children; MADV_DOFORK takes them along, except on later kernels (7.2 for one),
 * where it is EINVAL.
 */

/* Touching what is free or reserved is SIGSEGV rather than an allocation. */
#define KARENA_ARENA_F_SEGV_ON_FAULT	0x00000001u
/*
 * Every process maps the arena at one address, so raw pointers can be shared:
 * byte 0 of the arena is at @address, or, if that is 0, where the first mmap()
 * finds room for the whole arena (ENOMEM) or demands it by MAP_FIXED.
 * KARENA_IOC_ARENA_STAT tells the address.
 */
#define KARENA_ARENA_F_FIXED_ADDR	0x00000002u
/* fork() copies the mappings into the child. */
#define KARENA_ARENA_F_INHERIT		0x00000004u

/**
 * struct karena_arena_create - KARENA_IOC_ARENA_CREATE, on the device fd
 * @size:	in, sizeof(struct karena_arena_create) as the caller was built
 * @flags:	in, KARENA_ARENA_F_*
 * @length:	in, bytes, a multiple of the page size, 1 page up to
 *		@out_arena_max_bytes of KARENA_IOC_QUERY
 * @address:	in, with FIXED_ADDR: page aligned address of offset 0, or 0
 * @node:	in, NUMA node that pages come from where a call names none, or
 *		KARENA_NODE_ANY
 * @fault_pages: in, how many not yet populated allocated pages around a touched
 *		one are populated with it: 1 to 64, 0 for the default
 * @name:	in, NUL-terminated
 *
 * Returns the arena's fd. Memory is taken as pages are populated; a large arena
 * costs as little to create as a small one. EMFILE, ENFILE.
 */
struct karena_arena_create {
	__u32		size;
	__u32		flags;
	__aligned_u64	length;
	__aligned_u64	address;
	__s32		node;
	__u32		fault_pages;
	char		name[KARENA_NAME_LEN];
};

/* @offset is a demand: exactly there or not at all. */
#define KARENA_ALLOC_F_FIXED		0x00000001u
/* Take no memory now: a touch populates. */
#define KARENA_ALLOC_F_LAZY		0x00000002u

/**
 * struct karena_arena_alloc - KARENA_IOC_ARENA_ALLOC, on an arena fd
 * @size:	in, sizeof(struct karena_arena_alloc) as the caller was built
 * @flags:	in, KARENA_ALLOC_F_*
 * @offset:	in, with FIXED: byte offset in the arena; else a hint where the
 *		search begins; page aligned
 * @nr_pages:	in, pages wanted, 1 up to the arena's size
 * @align:	in, bytes, a power of two of at least a page that @out_offset is
 *		to be a multiple of; 0 for a page; with FIXED, @offset must be
 * @node:	in, NUMA node, or KARENA_NODE_ANY for the arena's own
 * @__reserved:	in, 0
 * @out_offset:	out, byte offset of the first page
 *
 * Takes a contiguous run of free pages and, without LAZY, backs it with zeroed
 * pages: all of it or none. EBUSY (FIXED only): a page of the range is not free;
 * ENOSPC (without FIXED): no gap is large enough; EDQUOT: the user's limit.
 * Needs KARENA_RIGHT_ALLOC.
 */
struct karena_arena_alloc {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	align;
	__s32		node;
	__u32		__reserved;
	__aligned_u64	out_offset;
};

/* Every page of the range must be allocated, else ENOENT. */
#define KARENA_FREE_F_STRICT		0x00000001u

/**
 * struct karena_arena_free - KARENA_IOC_ARENA_FREE, on an arena fd
 * @size:	in, sizeof(struct karena_arena_free) as the caller was built
 * @flags:	in, KARENA_FREE_F_*
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 * @out_done:	out, pages done; also written when the call fails with EINTR
 *
 * Makes every page of the range free: allocated ones lose their memory and
 * leave every mapping in every process before the call returns; reservations
 * and guards end. Pages that are free already are passed over. A page that is
 * pinned (O_DIRECT, vmsplice ...) leaves the arena too; its old memory lives on
 * for the pin alone. ENOENT (STRICT only): a page is not allocated. Pages from
 * the middle of a range leave two ranges of it: EDQUOT, the user's limit, or
 * ENOMEM, if that takes memory and none of the pages has any; a call that gives
 * memory back does not fail for want of it. Needs KARENA_RIGHT_FREE.
 */
struct karena_arena_free {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	out_done;
};

/* Guard pages: nothing but free() makes them anything else. */
#define KARENA_RESERVE_F_GUARD		0x00000001u

/**
 * struct karena_arena_reserve - KARENA_IOC_ARENA_RESERVE, on an arena fd
 * @size:	in, sizeof(struct karena_arena_reserve) as the caller was built
 * @flags:	in, KARENA_RESERVE_F_*
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 *
 * Sets free pages aside: alloc does not hand them out. EBUSY: a page of the
 * range is not free; EDQUOT: the user's limit. Needs KARENA_RIGHT_ALLOC.
 */
struct karena_arena_reserve {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
};

/* As KARENA_ALLOC_F_LAZY. */
#define KARENA_COMMIT_F_LAZY		0x00000002u

/**
 * struct karena_arena_commit - KARENA_IOC_ARENA_COMMIT, on an arena fd
 * @size:	in, sizeof(struct karena_arena_commit) as the caller was built
 * @flags:	in, KARENA_COMMIT_F_*
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 * @node:	in, NUMA node, or KARENA_NODE_ANY for the arena's own
 * @__reserved:	in, 0
 *
 * Turns reserved pages into allocated ones in one step, with no moment in which
 * another allocation could take them. EBUSY: a page of the range is not
 * reserved; EDQUOT: the user's limit. Needs KARENA_RIGHT_ALLOC.
 */
struct karena_arena_commit {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__s32		node;
	__u32		__reserved;
};

/**
 * struct karena_arena_decommit - KARENA_IOC_ARENA_DECOMMIT, on an arena fd
 * @size:	in, sizeof(struct karena_arena_decommit) as the caller was built
 * @flags:	in, 0
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 * @out_done:	out, pages done; also written when the call fails with EINTR
 *
 * Turns allocated pages into reserved ones; their memory goes as with free.
 * Pages that are reserved already are passed over. EBUSY: a page of the range
 * is free or guard; EDQUOT, ENOMEM: as with free. Needs KARENA_RIGHT_FREE.
 */
struct karena_arena_decommit {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	out_done;
};

/* Count pinned pages too, which looks at every populated page. */
#define KARENA_STAT_F_PINNED		0x00000001u

/**
 * struct karena_arena_stat - KARENA_IOC_ARENA_STAT, on an arena fd
 * @size:	in, sizeof(struct karena_arena_stat) as the caller was built
 * @flags:	in, KARENA_STAT_F_*
 * @out_flags:	out, KARENA_ARENA_F_* of create
 * @out_fault_pages: out, pages populated around a fault
 * @out_length:	out, bytes
 * @out_address: out, with FIXED_ADDR the address of offset 0, 0 if none yet
 * @out_allocated: out, pages allocated, populated or not
 * @out_reserved: out, pages reserved
 * @out_guard:	out, pages guard
 * @out_populated: out, pages that hold memory
 * @out_populated_peak: out, most that ever did at once
 * @out_faults:	out, faults that populated pages
 * @out_faults_mapped: out, faults that found the page populated
 * @out_faults_segv: out, faults refused with SIGSEGV
 * @out_faults_bus: out, faults refused with SIGBUS
 * @out_node:	out, NUMA node of create
 * @out_rights:	out, KARENA_RIGHT_* of this open file
 * @out_name:	out, NUL-terminated
 * @out_pinned: out, with PINNED pages of the arena that somebody holds otherwise
 *		than by a mapping, at about this time; else 0
 */
struct karena_arena_stat {
	__u32		size;
	__u32		flags;
	__u32		out_flags;
	__u32		out_fault_pages;
	__aligned_u64	out_length;
	__aligned_u64	out_address;
	__aligned_u64	out_allocated;
	__aligned_u64	out_reserved;
	__aligned_u64	out_guard;
	__aligned_u64	out_populated;
	__aligned_u64	out_populated_peak;
	__aligned_u64	out_faults;
	__aligned_u64	out_faults_mapped;
	__aligned_u64	out_faults_segv;
	__aligned_u64	out_faults_bus;
	__s32		out_node;
	__u32		out_rights;
	char		out_name[KARENA_NAME_LEN];
	__aligned_u64	out_pinned;
};

/* States of a page; those that no range covers are free. */
#define KARENA_PAGE_FREE	0
#define KARENA_PAGE_ALLOCATED	1
#define KARENA_PAGE_RESERVED	2
#define KARENA_PAGE_GUARD	3

/**
 * struct karena_arena_range - one entry of KARENA_IOC_ARENA_WALK
 * @offset:	byte offset in the arena of the first page
 * @nr_pages:	pages, all in one state
 * @nr_populated: how many of them hold memory
 * @nr_pinned:	how many of those are held by more than page tables: by O_DIRECT,
 *		vmsplice, kernel code; a short-lived reference may be counted too
 * @state:	KARENA_PAGE_*, never FREE
 * @__reserved:	0
 */
struct karena_arena_range {
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	nr_populated;
	__aligned_u64	nr_pinned;
	__u32		state;
	__u32		__reserved;
};

/**
 * struct karena_arena_walk - KARENA_IOC_ARENA_WALK, on an arena fd
 * @size:	in, sizeof(struct karena_arena_walk) as the caller was built
 * @flags:	in, 0
 * @buffer:	in, pointer to an array of struct karena_arena_range
 * @buffer_bytes: in, its size; what does not make a whole entry is not used
 * @offset:	in, byte offset in the arena to begin at, page aligned
 * @out_count:	out, entries written
 * @__reserved:	in, 0
 * @out_next:	out, offset to begin the next call at; the arena's length when
 *		all was seen
 *
 * Lists the ranges that are not free, in order. Each entry was true when it was
 * written; entries of one call need not be of one moment. A range that goes on
 * past the end of the buffer's last entry is continued by the next call.
 * EINTR: a signal; @out_count and @out_next are not written.
 * Needs KARENA_RIGHT_MAP.
 */
struct karena_arena_walk {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__aligned_u64	offset;
	__u32		out_count;
	__u32		__reserved;
	__aligned_u64	out_next;
};

/*
 * Rings
 * =====
 * Records of any size, in the order of their reservation, through a power-of-two
 * area of bytes. A record is an 8-byte header and its payload, padded to 8
 * bytes, in the layout of the BPF ring buffer. Its position is the number of
 * bytes that came before it; it lies at (position & (data_bytes - 1)) of the
 * data area, which is mapped twice in a row so that no record is ever split.
 *
 * A record is there when its position is below the producer position and
 * KARENA_RECORD_BUSY is not set in its header. The producer position moves only
 * over written headers, so whatever lies below it can be walked.
 *
 * What is mapped, by file offset (all from struct karena_ring_header):
 *
 *   0                  header page, read-only
 *   consumer_offset    consumer page: struct karena_ring_consumer. Writable by
 *                      the one who has the consumer role
 *   producer_offset    producer page: struct karena_ring_producer, read-only
 *   data_offset        data area, 2 * data_bytes; writable on a ring created
 *                      with KARENA_RING_F_IN_PLACE
 *
 * A window that is mapped without PROT_WRITE may span any of these. With
 * PROT_WRITE it must be exactly the consumer page, or exactly the whole data
 * area, else mmap() fails with EPERM; so does the data area of a ring that is
 * not IN_PLACE, and PROT_EXEC. EINVAL for MAP_PRIVATE or a window that passes the
 * end; EACCES where the open file lacks KARENA_RIGHT_MAP, for the consumer page
 * KARENA_RIGHT_CONSUME, for the data KARENA_RIGHT_MAP_WRITE and
 * KARENA_RIGHT_PRODUCE; EBUSY for a writable consumer page where another holds
 * the role. Writable mappings are not copied into children; none may grow.
 *
 * There is one consumer: the process and open file that first map the consumer
 * page writable or read(). The role ends when the process or the open file
 * does. Others observe, by read-only mappings.
 *
 * read() gives whole records, header and payload padded to 8 bytes, as many as
 * fit; discarded ones are passed over. EAGAIN: none there and O_NONBLOCK;
 * EMSGSIZE: the first does not fit, and stays; EBUSY: another is the consumer;
 * EPERM: no right.
 * write() and writev() send their bytes as one record: EAGAIN: no space just
 * now, also without O_NONBLOCK; ENOSPC: can never fit; EINVAL: of no bytes;
 * EPERM: no right.
 * poll() gives EPOLLIN when the record at the consumer position is there, and
 * EPOLLOUT when half of the ring is free.
 *
 * A ring created with KARENA_RING_F_END has ended when no open file with
 * KARENA_RIGHT_PRODUCE is left, no kernel code has the ring, and no record is
 * open. Then poll() gives EPOLLHUP, with EPOLLIN even if nothing is there; read()
 * gives what is there and then 0; KARENA_IOC_RING_WAIT returns what is there,
 * be it less than enough, or 0. Whoever waits is woken. The consumer's own open
 * file counts until KARENA_IOC_RESTRICT takes the right from it. Calls that were
 * under way when the last one lost it may still produce.
 *
 * Whoever maps the data writable can destroy records of that ring, and nothing
 * else; what the kernel acts on is kept where no user can write.
 */

/*
 * Records may be reserved and filled through a writable mapping of the data.
 * The kernel keeps lengths and owners aside, at half the size of the data.
 */
#define KARENA_RING_F_IN_PLACE		0x00000001u
/* Whoever waits for records is told when there will be none. */
#define KARENA_RING_F_END		0x00000002u

/* In the first word of a record's header, beside its payload's length. */
#define KARENA_RECORD_BUSY		0x80000000u
#define KARENA_RECORD_DISCARD		0x40000000u
#define KARENA_RECORD_LEN_MASK		(~(KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD))
#define KARENA_RECORD_HEADER_BYTES	8

/**
 * struct karena_record_header - before each record's payload
 * @word:	payload bytes, KARENA_RECORD_BUSY, KARENA_RECORD_DISCARD. Load it
 *		once, with acquire semantics, before the payload
 * @__reserved: the kernel's own, of no meaning to users
 */
struct karena_record_header {
	__u32		word;
	__u32		__reserved;
};

/**
 * struct karena_ring_header - at offset 0 of the mapping
 * @header_bytes:	size of this struct as the module was built
 * @record_header_bytes: KARENA_RECORD_HEADER_BYTES
 * @features:		bits for what changes how the ring is to be read; none yet
 * @data_bytes:		size of the data area, a power of two
 * @consumer_offset:	file offset of the consumer page
 * @producer_offset:	file offset of the producer page
 * @data_offset:	file offset of the data area
 * @map_bytes:		size of the whole mapping, the data counted twice
 * @lanes:		rings side by side in this mapping: 1
 * @flags:		KARENA_RING_F_* of create
 * @lane_stride:	bytes from one lane's consumer page to the next one's
 * @name:		NUL-terminated
 *
 * Fixed when the ring is created.
 */
struct karena_ring_header {
	__u32		header_bytes;
	__u32		record_header_bytes;
	__aligned_u64	features;
	__aligned_u64	data_bytes;
	__aligned_u64	consumer_offset;
	__aligned_u64	producer_offset;
	__aligned_u64	data_offset;
	__aligned_u64	map_bytes;
	__u32		lanes;
	__u32		flags;
	__aligned_u64	lane_stride;
	char		name[KARENA_NAME_LEN];
};

/**
 * struct karena_ring_consumer - the consumer page
 * @position:	all below is read; its space is given back. Stored by the
 *		consumer with release semantics, at a record's end, never
 *		backwards. A value that is none of these only makes the ring
 *		look full
 */
struct karena_ring_consumer {
	__aligned_u64	position;
};

/**
 * struct karena_ring_producer - the producer page
 * @position:	end of the last reserved record. Load it with acquire semantics
 * @lost_full:	records refused since there was no space
 * @lost_full_bytes: their payload bytes
 * @lost_too_big: records refused since they could never fit
 * @lost_busy:	records refused in a non-maskable interrupt that met a
 *		reservation under way on the ring
 * @lost_dead:	reservations discarded since their owner died or closed the fd
 * @space_wanted: not 0: somebody waits for so many bytes to be free. Nobody sees
 *		what a consumer stores into its page, so it looks here
 *		afterwards, with a full barrier between; if so many are free, it
 *		has the kernel look, by poll() or KARENA_IOC_RING_STAT
 * @lost_too_big_bytes: payload bytes of @lost_too_big
 * @lost_busy_bytes: payload bytes of @lost_busy
 * @lost_dead_bytes: payload bytes of @lost_dead
 * @lost_timeout: reservations passed over since they timed out, see
 *		@reserve_timeout_us of struct karena_ring_create
 * @lost_timeout_bytes: their payload bytes
 */
struct karena_ring_producer {
	__aligned_u64	position;
	__aligned_u64	__reserved[7];
	__aligned_u64	lost_full;
	__aligned_u64	lost_full_bytes;
	__aligned_u64	lost_too_big;
	__aligned_u64	lost_busy;
	__aligned_u64	lost_dead;
	__aligned_u64	space_wanted;
	__aligned_u64	lost_too_big_bytes;
	__aligned_u64	lost_busy_bytes;
	__aligned_u64	lost_dead_bytes;
	__aligned_u64	lost_timeout;
	__aligned_u64	lost_timeout_bytes;
};

/**
 * struct karena_ring_create - KARENA_IOC_RING_CREATE, on the device fd
 * @size:	in, sizeof(struct karena_ring_create) as the caller was built
 * @flags:	in, KARENA_RING_F_*
 * @data_bytes:	in, size of the data area: a power of two, a page up to
 *		@out_ring_max_bytes of KARENA_IOC_QUERY
 * @node:	in, NUMA node, or KARENA_NODE_ANY
 * @reserve_timeout_us: in, microseconds for which a reservation may hold the consumer
 *		up, 0: for ever; needs IN_PLACE
 * @name:	in, NUL-terminated
 *
 * Returns the ring's fd. All its memory is taken here and charged to the caller. A
 * reservation that the consumer waits for, and that has been there for
 * @reserve_timeout_us, times out and becomes a discarded record for the consumer; the
 * time begins when poll(), read(), WAIT or STAT meets it, at the latest. Its owner
 * keeps the space until it finishes the reservation, which then fails with ESTALE, or is
 * gone; until then the ring is full when it comes round to it. EMFILE, ENFILE, EDQUOT:
 * the user's limit.
 */
struct karena_ring_create {
	__u32		size;
	__u32		flags;
	__aligned_u64	data_bytes;
	__s32		node;
	__u32		reserve_timeout_us;
	char		name[KARENA_NAME_LEN];
};

/**
 * struct karena_ring_reserve - KARENA_IOC_RING_RESERVE, on a ring fd
 * @size:	in, sizeof(struct karena_ring_reserve) as the caller was built
 * @flags:	in, KARENA_RING_WAIT_SPACE
 * @length:	in, payload bytes, at least 1
 * @timeout_us:	in, with WAIT_SPACE, microseconds until ETIMEDOUT, 0: no limit; else 0
 * @out_position: out, the record's position, which is its name for submit and
 *		discard
 * @out_offset:	out, file offset of the payload in a mapping of the data
 *
 * Reserves a record in a ring that was created IN_PLACE; the caller fills it
 * through a writable mapping. It belongs to the calling process and this open
 * file; if either goes first, the record is discarded. EAGAIN: no space just now;
 * ENOSPC: can never fit; EPERM also: the ring is not IN_PLACE. With WAIT_SPACE ETIMEDOUT
 * and EINTR also. Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_reserve {
	__u32		size;
	__u32		flags;
	__u32		length;
	__u32		timeout_us;
	__aligned_u64	out_position;
	__aligned_u64	out_offset;
};

/*
 * Wait for space instead of EAGAIN. EINTR: a signal came first, ECANCELED:
 * KARENA_IOC_RING_WAIT_CANCEL, and nothing was reserved or sent. As an io_uring
 * command EOPNOTSUPP, if it would have to wait, without KARENA_FEAT_URING_WAIT. Of
 * those who wait, whoever comes first when there is space for it gets it.
 */
#define KARENA_RING_WAIT_SPACE		0x00000004u
/* Wake nobody now; the record is found with the next wake-up. */
#define KARENA_RING_NO_WAKEUP		0x00000001u
/* Wake whoever waits, also when it was woken before and has not looked yet. */
#define KARENA_RING_FORCE_WAKEUP	0x00000002u

/**
 * struct karena_ring_finish - KARENA_IOC_RING_SUBMIT and _DISCARD, on a ring fd
 * @size:	in, sizeof(struct karena_ring_finish) as the caller was built
 * @flags:	in, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP
 * @position:	in, @out_position of the reservation
 * @length:	in, with SUBMIT, payload bytes to keep, from the beginning on; 0: all.
 *		With DISCARD 0
 * @__reserved:	in, 0
 *
 * Finishes a reservation: the record is there for the consumer, or passed over by it.
 * What @length cuts off is a discarded record behind it, perhaps without payload, and
 * free when the consumer has passed it. EINVAL also: @position is no open reservation,
 * or one of fewer than @length bytes; EPERM also: it is somebody else's; ESTALE: it
 * timed out, see struct karena_ring_create, and is lost. Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_finish {
	__u32		size;
	__u32		flags;
	__aligned_u64	position;
	__u32		length;
	__u32		__reserved;
};

/**
 * struct karena_ring_output - KARENA_IOC_RING_OUTPUT, on a ring fd
 * @size:	in, sizeof(struct karena_ring_output) as the caller was built
 * @flags:	in, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP, and
 *		KARENA_RING_WAIT_SPACE
 * @buffer:	in, pointer to the payload
 * @buffer_bytes: in, its size, at least 1
 * @timeout_us:	in, with WAIT_SPACE, microseconds until ETIMEDOUT, 0: no limit; else 0
 * @__reserved:	in, 0
 *
 * Sends one record, as write() does, with the wake-up flags. EAGAIN: no space
 * just now; ENOSPC: can never fit; with WAIT_SPACE ETIMEDOUT and EINTR also.
 * Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_output {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__u32		timeout_us;
	__u32		__reserved;
};

/**
 * struct karena_ring_output_batch - KARENA_IOC_RING_OUTPUT_BATCH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_output_batch) as the caller was built
 * @flags:	in, as for KARENA_IOC_RING_OUTPUT
 * @buffer:	in, pointer to records as read() gives them: for each a struct
 *		karena_record_header with the payload's length and zeroes else, and
 *		the payload, padded to 8 bytes; the last one's padding may be missing
 * @buffer_bytes: in, of all of them
 * @timeout_us:	in, as for KARENA_IOC_RING_OUTPUT, until the first has space
 * @__reserved:	in, 0
 *
 * Sends records one after another, as KARENA_IOC_RING_OUTPUT does each, and wakes once.
 * Returns how many, which is less than there are when one could not be sent or a fatal
 * signal came; why, a call that begins with the next one tells. EAGAIN: no space just
 * now for the first; ENOSPC: it can never fit; EINVAL also: it is of no bytes, or
 * passes the end of the buffer; with WAIT_SPACE ETIMEDOUT and EINTR also.
 * Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_output_batch {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__u32		timeout_us;
	__u32		__reserved;
};

/* Lengths in a call of KARENA_IOC_RING_RESERVE_BATCH. */
#define KARENA_RING_BATCH_MAX	128

/**
 * struct karena_ring_reserve_batch - KARENA_IOC_RING_RESERVE_BATCH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_reserve_batch) as the caller was built
 * @flags:	in, KARENA_RING_WAIT_SPACE
 * @buffer:	in, pointer to an array of __u32: payload bytes of each record
 * @buffer_bytes: in, its size, 4 up to 4 * KARENA_RING_BATCH_MAX
 * @timeout_us:	in, as for KARENA_IOC_RING_RESERVE
 * @__reserved:	in, 0
 * @out_position: out, the first record's position
 * @out_offset:	out, file offset of the first one's payload in a mapping of the data
 *
 * Reserves records as KARENA_IOC_RING_RESERVE does, all or none. They lie one behind
 * the other: each position is that of the one before plus its header and its payload
 * padded to 8 bytes. Their payloads, too, as far as the mapping goes; it holds the data
 * twice, so offsets are taken modulo the size of the data. EAGAIN: no space for all just
 * now; ENOSPC: they can never fit together; EPERM also: the ring is not IN_PLACE; with
 * WAIT_SPACE ETIMEDOUT and EINTR also. Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_reserve_batch {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__u32		timeout_us;
	__u32		__reserved;
	__aligned_u64	out_position;
	__aligned_u64	out_offset;
};

/* Of an entry: pass the record over. */
#define KARENA_RING_ENTRY_DISCARD	0x00000001u

/**
 * struct karena_ring_finish_entry - how to finish one reservation
 * @position:	of the reservation
 * @length:	payload bytes to keep; 0: all, as it must be with DISCARD
 * @flags:	KARENA_RING_ENTRY_DISCARD, or 0: submit
 */
struct karena_ring_finish_entry {
	__aligned_u64	position;
	__u32		length;
	__u32		flags;
};

/**
 * struct karena_ring_finish_batch - KARENA_IOC_RING_FINISH_BATCH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_finish_batch) as the caller was built
 * @flags:	in, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP
 * @buffer:	in, pointer to an array of struct karena_ring_finish_entry
 * @buffer_bytes: in, its size
 *
 * Finishes reservations one after another, as KARENA_IOC_RING_SUBMIT and _DISCARD do
 * each, and wakes once. Returns how many, which is less than there are when one could
 * not be finished; to learn why, retry from there. EINVAL also: the size is no multiple
 * of an entry's, or 0, or as for SUBMIT and DISCARD with the first; EPERM also: it is
 * somebody else's; ESTALE: the first timed out, and is lost. Needs
 * KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_finish_batch {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
};

/**
 * struct karena_ring_stat - KARENA_IOC_RING_STAT, on a ring fd
 * @size:	in, sizeof(struct karena_ring_stat) as the caller was built
 * @flags:	in, 0
 * @out_flags:	out, KARENA_RING_F_* of create
 * @out_rights:	out, KARENA_RIGHT_* of this open file
 * @out_data_bytes: out, size of the data area
 * @out_available: out, bytes from the consumer to the producer position
 * @out_consumer_position: out, as the kernel has accepted it
 * @out_producer_position: out, end of the last reserved record
 * @out_records: out, records reserved since create
 * @out_submitted: out, records submitted
 * @out_discarded: out, records discarded
 * @out_lost_full: out, as in struct karena_ring_producer
 * @out_lost_full_bytes: out, as there
 * @out_lost_too_big: out, as there
 * @out_lost_busy: out, as there
 * @out_lost_dead: out, as there
 * @out_wakeups: out, times that waiters were woken
 * @out_name:	out, NUL-terminated
 * @out_wake_bytes: out, as set by KARENA_IOC_RING_POLICY
 * @out_wake_records: out, likewise
 * @out_wake_delay_us: out, likewise
 * @out_reserve_timeout_us: out, @reserve_timeout_us of create
 * @out_lost_too_big_bytes: out, as in struct karena_ring_producer
 * @out_lost_busy_bytes: out, as there
 * @out_lost_dead_bytes: out, as there
 * @out_lost_timeout: out, as there
 * @out_lost_timeout_bytes: out, as there
 * @out_read:	out, of the submitted records those that the consumer has passed
 * @out_fill_most: out, most bytes between the positions that the kernel met when it
 *		looked: for read(), poll(), WAIT and STAT, and when there was no space
 * @out_unread_us: out, so many microseconds, at least, the oldest unread record has been
 *		there: since the first poll(), WAIT, STAT, wake-up, or refusal of a user's
 *		record, that met it. 0: none
 *
 * Bytes that came in are @out_producer_position, those that went out
 * @out_consumer_position, headers included.
 */
struct karena_ring_stat {
	__u32		size;
	__u32		flags;
	__u32		out_flags;
	__u32		out_rights;
	__aligned_u64	out_data_bytes;
	__aligned_u64	out_available;
	__aligned_u64	out_consumer_position;
	__aligned_u64	out_producer_position;
	__aligned_u64	out_records;
	__aligned_u64	out_submitted;
	__aligned_u64	out_discarded;
	__aligned_u64	out_lost_full;
	__aligned_u64	out_lost_full_bytes;
	__aligned_u64	out_lost_too_big;
	__aligned_u64	out_lost_busy;
	__aligned_u64	out_lost_dead;
	__aligned_u64	out_wakeups;
	char		out_name[KARENA_NAME_LEN];
	__u32		out_wake_bytes;
	__u32		out_wake_records;
	__u32		out_wake_delay_us;
	__u32		out_reserve_timeout_us;
	__aligned_u64	out_lost_too_big_bytes;
	__aligned_u64	out_lost_busy_bytes;
	__aligned_u64	out_lost_dead_bytes;
	__aligned_u64	out_lost_timeout;
	__aligned_u64	out_lost_timeout_bytes;
	__aligned_u64	out_read;
	__aligned_u64	out_fill_most;
	__aligned_u64	out_unread_us;
};

/**
 * struct karena_ring_policy - KARENA_IOC_RING_POLICY, on a ring fd
 * @size:	in, sizeof(struct karena_ring_policy) as the caller was built
 * @flags:	in, 0
 * @wake_bytes:	in, wake when so many bytes lie between the positions, headers
 *		included; up to the size of the data area
 * @wake_records: in, wake when so many records were finished since the last
 *		wake-up
 * @wake_delay_us: in, wake so many microseconds after a record that did not, at the
 *		latest
 * @__reserved:	in, 0
 *
 * Sets which records wake those who wait; it holds for the ring until it is set anew.
 * With all of them 0, as after create, each record does. Else a record wakes for
 * @wake_bytes or for @wake_records, whichever of them is not 0 and comes first; what
 * wakes nobody does so after @wake_delay_us, if that is not 0. A record with
 * KARENA_RING_FORCE_WAKEUP always wakes, so do KARENA_IOC_RING_FLUSH, a record that finds
 * no space, this call, and the end of the party that has reserved a record; one with
 * KARENA_RING_NO_WAKEUP neither counts nor starts the delay. Nobody begins to wait
 * while a record is there. Without a delay whoever waits may do so with fewer records
 * there than were asked for. Needs KARENA_RIGHT_CONSUME.
 */
struct karena_ring_policy {
	__u32		size;
	__u32		flags;
	__u32		wake_bytes;
	__u32		wake_records;
	__u32		wake_delay_us;
	__u32		__reserved;
};

/**
 * struct karena_ring_flush - KARENA_IOC_RING_FLUSH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_flush) as the caller was built
 * @flags:	in, 0
 *
 * Wakes whoever waits for records, as a record with KARENA_RING_FORCE_WAKEUP does.
 * Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_flush {
	__u32		size;
	__u32		flags;
};

/* @bytes counts records, those included that are still open or were discarded. */
#define KARENA_WAIT_F_RECORDS		0x00000001u

/**
 * struct karena_ring_wait - KARENA_IOC_RING_WAIT, on a ring fd
 * @size:	in, sizeof(struct karena_ring_wait) as the caller was built
 * @flags:	in, KARENA_WAIT_F_RECORDS or 0
 * @bytes:	in, so many bytes are to be there, headers included; up to the size
 *		of the data area; 0 is as 1. With RECORDS, so many records, up to
 *		a sixteenth of that size
 * @timeout_us:	in, microseconds until ETIMEDOUT, by IORING_URING_CMD_MULTISHOT from
 *		the last completion on; 0: no limit
 *
 * Waits until the record at the consumer position is there and at least @bytes lie
 * between the consumer and the producer position. Returns how many bytes do; on an
 * io_uring of 32-byte CQEs the first extra word is the producer position, but for
 * IORING_URING_CMD_MULTISHOT. 0: the ring has ended. Takes no role and reads
 * nothing. ETIMEDOUT; EINTR: a signal; ECANCELED: KARENA_IOC_RING_WAIT_CANCEL. Needs
 * KARENA_RIGHT_CONSUME.
 */
struct karena_ring_wait {
	__u32		size;
	__u32		flags;
	__u32		bytes;
	__u32		timeout_us;
};

/* Whatever their user_data is, which is to be 0 here. */
#define KARENA_WAIT_CANCEL_F_ALL	0x00000001u

/**
 * struct karena_ring_wait_cancel - KARENA_IOC_RING_WAIT_CANCEL, on a ring fd
 * @size:	in, sizeof(struct karena_ring_wait_cancel) as the caller was built
 * @flags:	in, KARENA_WAIT_CANCEL_F_ALL or 0
 * @user_data:	in, that of their SQEs; a call by ioctl() counts as one of 0
 *
 * Ends calls that came by this open file and wait: KARENA_IOC_RING_WAIT, and those with
 * KARENA_RING_WAIT_SPACE. They fail with ECANCELED, unless they were done just then.
 * Returns how many there were; one that has not begun to wait is not among them.
 * Needs no right. As an io_uring command it finds what was submitted before it on the
 * same io_uring but for what was sent to a worker, by IOSQE_ASYNC or since it could not
 * be tried at once.
 */
struct karena_ring_wait_cancel {
	__u32		size;
	__u32		flags;
	__aligned_u64	user_data;
};

#endif /* _UAPI_LINUX_KARENA_H */
