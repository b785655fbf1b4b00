/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note OR MIT */
/*
 * karena: sparse shared-memory arenas and rings of records behind a character device.
 *
 * Programs include this file as <linux/karena.h>. It is the whole contract with
 * the kernel module: nothing else is needed to write a client.
 *
 * Objects
 * -------
 * open("/dev/karena") gives a device fd. KARENA_IOC_ARENA_CREATE and
 * KARENA_IOC_RING_CREATE on the device fd create an object and return its fd,
 * always close-on-exec. The object lives as long as an open file or a mapping of
 * it. The open file is the capability: it carries rights (KARENA_RIGHT_*), which
 * all its duplicates by dup, fork or SCM_RIGHTS share. Nobody can change an
 * object's size (EINVAL), change its owner or mode (EPERM), or open it by a path
 * (ENXIO).
 *
 * Arguments
 * ---------
 * Every argument struct begins with @size, which the caller sets to the sizeof()
 * of the struct it was built with. A struct shorter than the first published
 * one is EINVAL. Fields that an older caller does not know are taken as zero. A
 * longer struct, of up to a page, is accepted if the part that this kernel does
 * not know is zero, and is E2BIG otherwise. Unknown flags and reserved fields
 * that are not zero are EINVAL. Offsets are in bytes and multiples of the page
 * size, which KARENA_IOC_QUERY reports; do not assume 4,096. Fields prefixed out_
 * are written on success only, unless a call says otherwise. The layout is the
 * same for 32- and 64-bit programs.
 *
 * Errors
 * ------
 * Every call may return these, with the same meaning everywhere:
 *
 *   ENOTTY     this fd has no such call
 *   EFAULT     a pointer cannot be read or written
 *   E2BIG      the struct is newer than the kernel and its tail is not zero, or
 *              it is longer than a page
 *   EINVAL     an argument is wrong: flag, reserved field, alignment, range, a
 *              page count whose bytes overflow, too short a struct
 *   EPERM      the open file lacks the right
 *   ENOMEM     no memory, or the memory cgroup's limit is reached
 *   EINTR      a fatal signal came first
 *
 * Other errors are described with the call. A call that fails changes nothing,
 * with two exceptions. KARENA_IOC_ARENA_FREE and _DECOMMIT may be stopped by a
 * fatal signal; @out_done reports how far they came. And if the caller unmaps
 * the argument struct while the call runs, the call fails with EFAULT after it
 * has done its work.
 */
#ifndef _UAPI_LINUX_KARENA_H
#define _UAPI_LINUX_KARENA_H

#include <linux/types.h>

#define KARENA_DEVICE		"/dev/karena"

/* Version of the whole contract. It grows by features and is never broken. */
#define KARENA_ABI_VERSION	1

/* Numbers do not encode the size, so a struct that grows keeps its number. */
#define KARENA_IOC_TYPE		0xBD

/*
 * Names are for people and tools: up to 15 printable ASCII characters other than
 * space and '/', then NULs to the end. Creating an object fails with EINVAL for
 * any other name.
 */
#define KARENA_NAME_LEN		16

/* f_type that fstatfs() reports for the fd of every object, and of nothing else. */
#define KARENA_FS_MAGIC		0x6b61726e

/* No particular NUMA node: use the object's node, or else the caller's. */
#define KARENA_NODE_ANY		(-1)

/*
 * Rights of an open file. The fd that create returns has all rights of its kind.
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
#define KARENA_FEAT_URING_WAIT	0x8ull	/* KARENA_IOC_RING_WAIT likewise */
#define KARENA_FEAT_URING_MULTISHOT 0x10ull /* WAIT by IORING_URING_CMD_MULTISHOT */
#define KARENA_FEAT_URING_BUFFERS 0x20ull /* arena memory as registered buffers */

/*
 * The calls of each kind of object have a block of numbers of their own. A number is
 * _IO(KARENA_IOC_TYPE, nr), written out for programs that cannot expand the macro.
 */
#define KARENA_IOC_QUERY	0xbd00u
#define KARENA_IOC_ARENA_CREATE	0xbd01u
#define KARENA_IOC_RING_CREATE	0xbd02u
#define KARENA_IOC_LIST		0xbd03u

#define KARENA_IOC_REOPEN	0xbd10u
#define KARENA_IOC_RESTRICT	0xbd11u

#define KARENA_IOC_ARENA_ALLOC	0xbd20u
#define KARENA_IOC_ARENA_FREE	0xbd21u
#define KARENA_IOC_ARENA_RESERVE 0xbd22u
#define KARENA_IOC_ARENA_COMMIT	0xbd23u
#define KARENA_IOC_ARENA_DECOMMIT 0xbd24u
#define KARENA_IOC_ARENA_STAT	0xbd25u
#define KARENA_IOC_ARENA_WALK	0xbd26u

#define KARENA_IOC_RING_RESERVE	0xbd40u
#define KARENA_IOC_RING_SUBMIT	0xbd41u
#define KARENA_IOC_RING_DISCARD	0xbd42u
#define KARENA_IOC_RING_OUTPUT	0xbd43u
#define KARENA_IOC_RING_STAT	0xbd44u
#define KARENA_IOC_RING_WAIT	0xbd45u
#define KARENA_IOC_RING_OUTPUT_BATCH 0xbd46u
#define KARENA_IOC_RING_RESERVE_BATCH 0xbd47u
#define KARENA_IOC_RING_FINISH_BATCH 0xbd48u
#define KARENA_IOC_RING_POLICY	0xbd49u
#define KARENA_IOC_RING_FLUSH	0xbd4au
#define KARENA_IOC_RING_WAIT_CANCEL 0xbd4bu
#define KARENA_IOC_RING_ATTACH	0xbd4cu

/*
 * io_uring
 * --------
 * With KARENA_FEAT_URING_CMD every call can also be made as IORING_OP_URING_CMD.
 * cmd_op is the call's KARENA_IOC_* number, and the command area of the SQE holds
 * a struct karena_uring_cmd. The CQE's res is what ioctl() would have returned,
 * with -errno instead of -1.
 *
 * With KARENA_URING_INLINE set in cmd_op, the command area holds the argument
 * struct itself: up to 16 bytes, or up to 80 on an io_uring with 128-byte SQEs.
 * A longer struct is EINVAL. No out_ field is written in this case; on an
 * io_uring with 32-byte CQEs, the first extra word of the CQE holds the first
 * 8 bytes of the out_ fields.
 *
 * IORING_URING_CMD_FIXED works with KARENA_URING_INLINE and calls that have a
 * @buffer; @buffer then lies in the registered buffer buf_index. The flag is
 * EINVAL with other calls. On an io_uring with IORING_SETUP_IOPOLL, a call fails
 * with EOPNOTSUPP, or completes as usual on kernels that allow commands there.
 *
 * KARENA_IOC_RING_WAIT waits without occupying a thread. It fails with ECANCELED
 * if the io_uring or its task ends first or KARENA_IOC_RING_WAIT_CANCEL cancels
 * it; with EAGAIN if @out_parked_max of KARENA_IOC_QUERY commands wait on the ring, as
 * do calls with KARENA_RING_WAIT_SPACE; and with EOPNOTSUPP without
 * KARENA_FEAT_URING_WAIT. On no kernel do
 * IORING_OP_ASYNC_CANCEL and IORING_OP_LINK_TIMEOUT find such a wait (ENOENT).
 * With IOSQE_ASYNC the wait occupies a worker, where IORING_OP_ASYNC_CANCEL finds
 * it.
 *
 * With IORING_URING_CMD_MULTISHOT, KARENA_IOC_RING_WAIT completes repeatedly. It
 * needs IOSQE_BUFFER_SELECT, which io_uring demands although no buffer is taken.
 * The first completion is for the records that are there. Another follows
 * whenever a record is finished and enough bytes are there, reported before or
 * not. A consumer that reads until nothing is there misses no record. Each
 * completion but the last has IORING_CQE_F_MORE. The last one has a negative res;
 * or 0 if the ring has ended and all records were reported; or any other res if
 * the completion queue was full. The flag is EINVAL with calls that do not wait,
 * and with all calls without KARENA_FEAT_URING_MULTISHOT.
 */
#define KARENA_URING_INLINE	0x80000000u

/**
 * struct karena_uring_cmd - the command area of an SQE
 * @args:	pointer to the call's argument struct, which must stay valid until
 *		the completion
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
 * @out_ring_max_bytes:	out, data area of the largest ring; the smallest is a page
 * @out_user_limit_bytes: out, how much memory all objects of one user may take: for
 *			pages, and what the kernel needs for objects, open files, ranges,
 *			and to find pages; but not for page tables of mappings
 * @out_user_left_bytes: out, how much of the limit the caller's user has left;
 *			~0 if the caller is exempt (CAP_IPC_LOCK)
 * @out_parked_max:	out, how many io_uring commands may wait on one ring at a time, for
 *			records and for space; one more fails with EAGAIN
 *
 * Reports features and limits, so that programs need not guess from a version.
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
	__aligned_u64	out_parked_max;
};

/* Kinds of object. */
#define KARENA_KIND_ARENA	1
#define KARENA_KIND_RING	2

/**
 * struct karena_list_entry - one entry of KARENA_IOC_LIST
 * @id:		identifies the object as long as the module is loaded: a later object has a
 *		higher id
 * @ino:	inode number, as in /proc/PID/fdinfo, /proc/PID/maps and tracepoints
 * @length:	bytes that can be mapped, as fstat() tells
 * @bytes:	memory of the object's pages. What the kernel needs to manage the object is
 *		charged to the user, too, but is not part of this figure
 * @nr_references: references on the open files: descriptors in the tables of all processes,
 *		in messages and registered with io_uring; mappings; and calls under way
 * @kind:	KARENA_KIND_*
 * @uid:	the user who created the object, and is charged for it, as the caller's user
 *		namespace shows that user
 * @pid:	process that created the object, which may be gone, as the caller's pid
 *		namespace shows it; 0 if it does not
 * @nr_files:	open files
 * @nr_kernel:	references that kernel code has, as by karena_arena_get()
 * @nr_parked:	io_uring commands that wait
 * @name:	name, NUL-terminated
 */
struct karena_list_entry {
	__aligned_u64	id;
	__aligned_u64	ino;
	__aligned_u64	length;
	__aligned_u64	bytes;
	__aligned_u64	nr_references;
	__u32		kind;
	__u32		uid;
	__s32		pid;
	__u32		nr_files;
	__u32		nr_kernel;
	__u32		nr_parked;
	char		name[KARENA_NAME_LEN];
};

/**
 * struct karena_list - KARENA_IOC_LIST, on the device fd
 * @size:	in, sizeof(struct karena_list) as the caller was built
 * @flags:	in, 0
 * @buffer:	in, pointer to an array of struct karena_list_entry
 * @buffer_bytes: in, size of the array; a remainder too small for an entry is not
 *		used
 * @after:	in, list objects with a higher @id than this; 0 to begin
 * @out_count:	out, number of entries written; 0 at the end
 * @__reserved:	in, 0
 *
 * Lists objects in the order in which they were created. A task with CAP_SYS_ADMIN in the
 * first user namespace is told of all objects. Others are told of those that their own user
 * has created, by processes that exist in their pid namespace. Each entry was true when
 * it was written, but entries of one call need not be of the same moment. To go on, pass
 * the @id of the last entry. Fails with EINTR for a fatal signal; @out_count is not written
 * then.
 */
struct karena_list {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__aligned_u64	after;
	__u32		out_count;
	__u32		__reserved;
};

/**
 * struct karena_rights - KARENA_IOC_REOPEN and KARENA_IOC_RESTRICT, on an arena or ring
 * fd
 * @size:	in, sizeof(struct karena_rights) as the caller was built
 * @flags:	in, 0
 * @rights:	in, KARENA_RIGHT_* to keep
 * @__reserved:	in, 0
 *
 * REOPEN returns a new close-on-exec fd: a second open file on the same object,
 * with just @rights. Like everything that the object takes, the new file is charged to
 * the user who created the object, whoever calls: who passes an fd on lets its holder use
 * up that user's limit. REOPEN fails with EPERM if this open file lacks one of the rights,
 * with EINVAL for a right that its kind of object does not have, with EDQUOT if that user's
 * limit is reached, and with EMFILE or ENFILE.
 * RESTRICT takes all rights but @rights from this open file, hence from every
 * duplicate of it, for good. Existing mappings keep the access they have, and the
 * access that mprotect() can give them.
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
 * A page of an arena is free, allocated (populated or not yet), reserved or
 * guard. Arenas are mapped MAP_SHARED, in any window, any number of times; offset
 * 0 of the file is offset 0 of the arena. Touching a page through a mapping does:
 *
 *   page                     default                      SEGV_ON_FAULT
 *   free                     populate, becomes allocated  SIGSEGV
 *   allocated, no memory yet populate                     populate
 *   reserved                 populate, becomes allocated  SIGSEGV
 *   guard                    SIGSEGV                      SIGSEGV
 *
 * A touch that finds no memory, or the user's limit reached, raises SIGBUS. Inside
 * a system call, both signals are EFAULT instead. Every page comes zeroed. Reads
 * populate too, even through a read-only mapping; use SEGV_ON_FAULT to keep
 * readers from taking memory.
 *
 * mmap() of an arena fd fails with EINVAL for MAP_PRIVATE or a window that
 * passes the end; with EPERM for PROT_EXEC; and with EACCES if the open file lacks
 * KARENA_RIGHT_MAP, or KARENA_RIGHT_MAP_WRITE for PROT_WRITE. A FIXED_ADDR
 * arena also refuses any address but its own (EINVAL), and its own if something
 * is mapped there already (EEXIST, also with MAP_FIXED).
 * mprotect() to PROT_EXEC is EACCES; so is PROT_WRITE if the mapping was made
 * without the right. mremap() that grows or duplicates a window is EFAULT;
 * mremap() that moves a window of a FIXED_ADDR arena is EINVAL, as are
 * MREMAP_DONTUNMAP and userfaultfd registration. Some kernels allow
 * UFFD_FEATURE_WP_ASYNC; touching a page that was write-protected while it was not
 * mapped is SIGBUS there, unless the page's state makes it SIGSEGV.
 *
 * Pages of arenas stay in memory. mlock(), mlockall(MCL_CURRENT) and MAP_POPULATE
 * only touch each mapped page. So does mmap() after mlockall(MCL_FUTURE), even with
 * MCL_ONFAULT, and with MAP_LOCKED. In these two cases it fails with ENOMEM, before
 * it touches a page, if it would populate more than the user's limit or the
 * available memory allows. Touching stops at the first page that is SIGSEGV. So an
 * arena with SEGV_ON_FAULT can be mapped as a whole, whatever its size, and only
 * allocated pages are populated.
 *
 * MADV_REMOVE and fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) free pages;
 * other modes of fallocate() are EOPNOTSUPP. MADV_DONTNEED drops page table entries
 * only.
 * Core dumps leave mappings out. Children do not inherit them without
 * KARENA_ARENA_F_INHERIT or MADV_DOFORK; later kernels (such as 7.2) refuse the
 * latter with EINVAL.
 */

/* Touching a free or reserved page raises SIGSEGV instead of allocating the page. */
#define KARENA_ARENA_F_SEGV_ON_FAULT	0x00000001u
/*
 * Every process maps the arena at one address, so raw pointers can be shared.
 * @address is the address of byte 0 of the arena. If it is 0, the first mmap()
 * chooses: an address where the whole arena fits (ENOMEM if there is none), or
 * the one that MAP_FIXED demands. KARENA_IOC_ARENA_STAT reports the address.
 */
#define KARENA_ARENA_F_FIXED_ADDR	0x00000002u
/* fork() copies the mappings into the child. */
#define KARENA_ARENA_F_INHERIT		0x00000004u
/*
 * ALLOC takes page 0 only with KARENA_ALLOC_F_FIXED, so that no other allocation is at
 * offset 0, which can stand for none. All other calls, and touches, treat the page as any.
 */
#define KARENA_ARENA_F_NULL_PAGE	0x00000008u

/**
 * struct karena_arena_create - KARENA_IOC_ARENA_CREATE, on the device fd
 * @size:	in, sizeof(struct karena_arena_create) as the caller was built
 * @flags:	in, KARENA_ARENA_F_*
 * @length:	in, bytes, a multiple of the page size, 1 page up to
 *		@out_arena_max_bytes of KARENA_IOC_QUERY
 * @address:	in, with FIXED_ADDR: page aligned address of offset 0, or 0
 * @node:	in, NUMA node of pages when a call names none, or KARENA_NODE_ANY
 * @fault_pages: in, number of pages around a touched one to populate with it, if
 *		they are allocated and not yet populated: 1 to 64, 0 for the default
 * @name:	in, NUL-terminated
 *
 * Returns the arena's fd. Memory is only taken as pages are populated, so a large
 * arena costs as little to create as a small one. Fails with EDQUOT if the user's
 * limit is reached; also with EMFILE or ENFILE.
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

/* Allocate exactly at @offset, or fail. */
#define KARENA_ALLOC_F_FIXED		0x00000001u
/* Take no memory now: a touch populates. */
#define KARENA_ALLOC_F_LAZY		0x00000002u

/**
 * struct karena_arena_alloc - KARENA_IOC_ARENA_ALLOC, on an arena fd
 * @size:	in, sizeof(struct karena_arena_alloc) as the caller was built
 * @flags:	in, KARENA_ALLOC_F_*
 * @offset:	in, with FIXED: byte offset in the arena; else a hint where the
 *		search begins; page aligned
 * @nr_pages:	in, number of pages, 1 up to the arena's size
 * @align:	in, bytes, alignment of @out_offset: a power of two of at least a
 *		page, or 0 for a page; with FIXED, @offset must have it
 * @node:	in, NUMA node, or KARENA_NODE_ANY for the arena's own
 * @__reserved:	in, 0
 * @out_offset:	out, byte offset of the first page
 *
 * Allocates a contiguous extent of free pages and, without LAZY, backs all of them
 * with zeroed memory, or none. Fails with EBUSY if a page of the range is not free
 * (FIXED only); ENOSPC if no gap is large enough (without FIXED); EDQUOT if the
 * user's limit is reached. Needs KARENA_RIGHT_ALLOC.
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

/* Fail with ENOENT unless every page of the range is allocated. */
#define KARENA_FREE_F_STRICT		0x00000001u

/**
 * struct karena_arena_free - KARENA_IOC_ARENA_FREE, on an arena fd
 * @size:	in, sizeof(struct karena_arena_free) as the caller was built
 * @flags:	in, KARENA_FREE_F_*
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 * @out_done:	out, pages done; also written when the call fails with EINTR
 *
 * Makes every page of the range free. Allocated pages lose their memory, and are
 * gone from every mapping in every process, before the call returns. Reserved
 * and guard pages become free too; pages that are free already are skipped. A
 * pinned page (O_DIRECT, vmsplice ...) leaves the arena as well; its memory lives
 * on for the pin alone. Fails with ENOENT if a page is not allocated (STRICT
 * only). Freeing the middle of a range splits it in two. If that takes memory and
 * none of the freed pages has any, the call fails with EDQUOT at the user's limit,
 * or with ENOMEM. A call that gives memory back is not held up by a limit; it
 * fails with ENOMEM if the machine lacks even the few bytes that a range needs.
 * Needs KARENA_RIGHT_FREE.
 */
struct karena_arena_free {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	out_done;
};

/* Make guard pages, which change only when they are freed. */
#define KARENA_RESERVE_F_GUARD		0x00000001u

/**
 * struct karena_arena_reserve - KARENA_IOC_ARENA_RESERVE, on an arena fd
 * @size:	in, sizeof(struct karena_arena_reserve) as the caller was built
 * @flags:	in, KARENA_RESERVE_F_*
 * @offset:	in, byte offset in the arena, page aligned
 * @nr_pages:	in, pages; 0 does nothing
 *
 * Reserves free pages, so that alloc does not hand them out. Fails with EBUSY if a
 * page of the range is not free; EDQUOT if the user's limit is reached. Needs
 * KARENA_RIGHT_ALLOC.
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
 * Allocates reserved pages in one step, so that no other allocation can take them
 * in between. Fails with EBUSY if a page of the range is not reserved; EDQUOT if
 * the user's limit is reached. Needs KARENA_RIGHT_ALLOC.
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
 * Turns allocated pages into reserved ones; their memory is freed as by
 * KARENA_IOC_ARENA_FREE. Pages that are reserved already are skipped. Fails with
 * EBUSY if a page of the range is free or guard; with EDQUOT and ENOMEM as
 * KARENA_IOC_ARENA_FREE. Needs KARENA_RIGHT_FREE.
 */
struct karena_arena_decommit {
	__u32		size;
	__u32		flags;
	__aligned_u64	offset;
	__aligned_u64	nr_pages;
	__aligned_u64	out_done;
};

/* Count pinned pages, too. This visits every populated page. */
#define KARENA_STAT_F_PINNED		0x00000001u

/**
 * struct karena_arena_stat - KARENA_IOC_ARENA_STAT, on an arena fd
 * @size:	in, sizeof(struct karena_arena_stat) as the caller was built
 * @flags:	in, KARENA_STAT_F_*
 * @out_flags:	out, KARENA_ARENA_F_* of create
 * @out_fault_pages: out, pages populated around a fault
 * @out_length:	out, bytes
 * @out_address: out, with FIXED_ADDR: address of offset 0, or 0 if none yet
 * @out_allocated: out, allocated pages, populated or not
 * @out_reserved: out, reserved pages
 * @out_guard:	out, guard pages
 * @out_populated: out, pages that hold memory
 * @out_populated_peak: out, highest @out_populated so far
 * @out_faults:	out, faults that populated pages
 * @out_faults_mapped: out, faults that found the page populated
 * @out_faults_segv: out, faults refused with SIGSEGV
 * @out_faults_bus: out, faults refused with SIGBUS
 * @out_node:	out, NUMA node of create
 * @out_rights:	out, KARENA_RIGHT_* of this open file
 * @out_name:	out, NUL-terminated
 * @out_pinned: out, with PINNED: pages that are held by more than mappings, at
 *		about the time of the call; else 0
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

/* States of a page. Pages that no range covers are free. */
#define KARENA_PAGE_FREE	0
#define KARENA_PAGE_ALLOCATED	1
#define KARENA_PAGE_RESERVED	2
#define KARENA_PAGE_GUARD	3

/**
 * struct karena_arena_range - one entry of KARENA_IOC_ARENA_WALK
 * @offset:	byte offset in the arena of the first page
 * @nr_pages:	pages, all in one state
 * @nr_populated: how many of the pages hold memory
 * @nr_pinned:	how many of the populated pages are held by more than page tables:
 *		by O_DIRECT, vmsplice or kernel code; may include short-lived
 *		references
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
 * @buffer_bytes: in, size of the array; a remainder too small for an entry is not
 *		used
 * @offset:	in, byte offset in the arena to begin at, page aligned
 * @out_count:	out, number of entries written
 * @__reserved:	in, 0
 * @out_next:	out, offset to begin the next call at; the arena's length at the end
 *
 * Lists the ranges that are not free, in order. Each entry was true when it was
 * written, but entries of one call need not be of the same moment. If a range
 * extends past the last entry that fits, the next call continues it. Fails with
 * EINTR for a fatal signal; @out_count and @out_next are not written then.
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
 * A ring carries records of any size, in the order of their reservation, through
 * an area of bytes whose size is a power of two. A record is an 8-byte header and
 * its payload, padded to 8 bytes, in the layout of the BPF ring buffer. A record's
 * position is the number of bytes that came before it. The record lies at
 * (position & (data_bytes - 1)) of the data area, which is mapped twice in a row
 * so that no record is ever split.
 *
 * A record is there when its position is below the producer position and
 * KARENA_RECORD_BUSY is not set in its header. The producer position only moves
 * over written headers, so all records below it can be walked.
 *
 * The file is laid out as follows; struct karena_ring_header holds the offsets:
 *
 *   0                  header page, read-only
 *   consumer_offset    consumer page: struct karena_ring_consumer, writable by
 *                      the consumer
 *   producer_offset    producer page: struct karena_ring_producer, read-only
 *   data_offset        data area, 2 * data_bytes; writable on a ring created
 *                      with KARENA_RING_F_IN_PLACE
 *
 * A window without PROT_WRITE may span any of these. A window with PROT_WRITE must
 * be exactly the consumer page, or exactly the whole data area of an IN_PLACE
 * ring; otherwise mmap() fails with EPERM, as it does for PROT_EXEC. It fails with
 * EINVAL for MAP_PRIVATE or a window that passes the end. It fails with EACCES if
 * the open file lacks a right: every window needs KARENA_RIGHT_MAP, the writable
 * consumer page KARENA_RIGHT_CONSUME, the writable data KARENA_RIGHT_MAP_WRITE and
 * KARENA_RIGHT_PRODUCE. Only the consumer can map the consumer page writable: else
 * mmap() fails with EBUSY if another has the role, or EPERM if nobody has.
 * Children do not inherit writable mappings: if MADV_DOFORK passes on the data, each
 * touch by the child is a SIGBUS. Writable mappings cannot grow.
 *
 * A ring has one consumer: the process and open file that first take the role by
 * KARENA_IOC_RING_ATTACH or call read(). The role ends when either of them ends. Other
 * processes can observe through read-only mappings.
 *
 * read() returns as many whole records as fit, each with its header and its payload
 * padded to 8 bytes. It skips discarded records. It fails with EAGAIN if no
 * record is there and O_NONBLOCK is set; EMSGSIZE if the first record does not fit
 * (it stays in the ring); EBUSY if another is the consumer; EPERM without the
 * right.
 * write() and writev() send their bytes as one record. They fail with EAGAIN if
 * there is no space just now, even without O_NONBLOCK; ENOSPC if the record can
 * never fit; EINVAL if there are no bytes; ESTALE if the record timed out while it was
 * copied (see struct karena_ring_create) and is lost; EPERM without the right.
 * poll() reports EPOLLIN when the record at the consumer position is there, and
 * EPOLLOUT when half of the ring is free.
 *
 * A ring created with KARENA_RING_F_END has ended when no open file with
 * KARENA_RIGHT_PRODUCE is left, no kernel code uses the ring, and no record is
 * open. All waiters are woken then. poll() reports EPOLLHUP, together with EPOLLIN
 * even if nothing is there. read() returns the records that are there and then 0.
 * KARENA_IOC_RING_WAIT returns the bytes that are there, even if fewer than
 * asked for, or 0. The consumer's own open file counts as a producer until
 * KARENA_IOC_RESTRICT takes the right from it. Calls that are under way when the
 * last open file loses the right may still produce.
 *
 * A process that maps the data writable can destroy records of that ring, and
 * nothing else: the kernel keeps the data it relies on where no user can write.
 */

/*
 * Records may be reserved, and filled through a writable mapping of the data.
 * The kernel keeps lengths and owners elsewhere, at half the size of the data.
 */
#define KARENA_RING_F_IN_PLACE		0x00000001u
/* The ring ends with its last producer; waits for records end with the ring. */
#define KARENA_RING_F_END		0x00000002u

/* Bits in the first word of a record's header, beside the payload's length. */
#define KARENA_RECORD_BUSY		0x80000000u
#define KARENA_RECORD_DISCARD		0x40000000u
#define KARENA_RECORD_LEN_MASK		0x3fffffffu
#define KARENA_RECORD_HEADER_BYTES	8

/**
 * struct karena_record_header - precedes each record's payload
 * @word:	payload bytes, KARENA_RECORD_BUSY, KARENA_RECORD_DISCARD. Load it
 *		once, with acquire semantics, before the payload
 * @__reserved: for the kernel; means nothing to users
 */
struct karena_record_header {
	__u32		word;
	__u32		__reserved;
};

/**
 * struct karena_ring_header - at offset 0 of the mapping
 * @header_bytes:	size of this struct as the module was built
 * @record_header_bytes: KARENA_RECORD_HEADER_BYTES
 * @features:		bits for changes to how the ring must be read; none yet
 * @data_bytes:		size of the data area, a power of two
 * @consumer_offset:	file offset of the consumer page
 * @producer_offset:	file offset of the producer page
 * @data_offset:	file offset of the data area
 * @map_bytes:		size of the whole file, the data counted twice
 * @lanes:		rings side by side in this file: 1
 * @flags:		KARENA_RING_F_* of create
 * @lane_stride:	bytes from one lane's consumer page to the next one's
 * @name:		NUL-terminated
 *
 * Constant once the ring is created.
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
 * @position:	the consumer has read all records below and gives back their
 *		space. The consumer stores it with release semantics, always the
 *		end of a record, and never moves it backwards. Any other value
 *		only makes the ring look full
 */
struct karena_ring_consumer {
	__aligned_u64	position;
};

/**
 * struct karena_ring_producer - the producer page
 * @position:	end of the last reserved record. Load it with acquire semantics
 * @lost_full:	records refused because there was no space
 * @lost_full_bytes: their payload bytes
 * @lost_too_big: records refused because they could never fit
 * @lost_busy:	records of kernel code refused because the ring's lock was taken in a
 *		context that cannot wait for it: a non-maskable interrupt, or a probe
 *		that was called while its CPU held such a lock
 * @lost_dead:	reservations discarded because their owner died or closed the fd
 * @space_wanted: number of free bytes that a producer waits for, or 0. The kernel
 *		does not notice stores to the consumer page. So after each store
 *		the consumer executes a full barrier and reads this field; if that
 *		many bytes are free now, it calls poll() or KARENA_IOC_RING_STAT,
 *		which wake the producer
 * @lost_too_big_bytes: payload bytes of @lost_too_big
 * @lost_busy_bytes: payload bytes of @lost_busy
 * @lost_dead_bytes: payload bytes of @lost_dead
 * @lost_timeout: reservations that timed out and were skipped, see
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
 * @reserve_timeout_us: in, microseconds for which a reservation, or the copying of a
 *		long record, may hold up the consumer, or 0 for no limit
 * @name:	in, NUL-terminated
 *
 * Returns the ring's fd. Takes all memory of the ring and charges it to the caller.
 * A reservation that the consumer has come to times out once @reserve_timeout_us have
 * passed; the time begins, at the latest, when poll(), read(), WAIT or STAT meets the
 * reservation. The consumer then sees a discarded record. The owner keeps the space
 * until it is gone or finishes the reservation, which fails with ESTALE. Until then the
 * ring is full when producers come round to that space. The same holds for a call that
 * sends a long record by copy: it fails with ESTALE after copying. An owner that dumps
 * core is gone only after the dump, and without a timeout the consumer waits that long.
 * A kernel without preemption runs no other task on the CPU while it maps the ring for
 * itself: for up to 37,000 instructions per MiB of @data_bytes.
 * Also fails with EMFILE, ENFILE, or EDQUOT if the user's limit is reached.
 */
struct karena_ring_create {
	__u32		size;
	__u32		flags;
	__aligned_u64	data_bytes;
	__s32		node;
	__u32		reserve_timeout_us;
	char		name[KARENA_NAME_LEN];
};

/* Become the consumer, rather than a producer. */
#define KARENA_ATTACH_F_CONSUME		0x00000001u

/**
 * struct karena_ring_attach - KARENA_IOC_RING_ATTACH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_attach) as the caller was built
 * @flags:	in, KARENA_ATTACH_F_CONSUME, or 0
 *
 * Makes the calling process and this open file an owner: of reservations, or with CONSUME
 * of the consumer role, without which the consumer page cannot be mapped writable. The
 * first KARENA_IOC_RING_RESERVE and the first read() do the same. It lasts until the
 * process or the open file ends, and doing it again changes nothing. The first call by
 * which a process becomes an owner of any ring takes time in proportion to the number of
 * its mappings; as an io_uring command it goes to a worker, as do RESERVE and
 * RESERVE_BATCH of a process that is none. Fails with EBUSY if another owner has the
 * role; EPERM without KARENA_RIGHT_CONSUME for CONSUME, or else without
 * KARENA_RIGHT_PRODUCE or if the ring is not IN_PLACE.
 */
struct karena_ring_attach {
	__u32		size;
	__u32		flags;
};

/**
 * struct karena_ring_reserve - KARENA_IOC_RING_RESERVE, on a ring fd
 * @size:	in, sizeof(struct karena_ring_reserve) as the caller was built
 * @flags:	in, KARENA_RING_WAIT_SPACE
 * @length:	in, payload bytes, at least 1
 * @timeout_us:	in, with WAIT_SPACE: microseconds until ETIMEDOUT, 0 for no limit; else 0.
 *		After EINTR, what is left
 * @out_position: out, the record's position, which identifies it to submit and
 *		discard
 * @out_offset:	out, file offset of the payload in a mapping of the data
 *
 * Reserves a record in an IN_PLACE ring; the caller fills it through a writable
 * mapping. The record belongs to the calling process and this open file, and is
 * discarded when either of them ends. Fails with EAGAIN if there is no space just
 * now; ENOSPC if the record can never fit; EPERM if the ring is not IN_PLACE; with
 * WAIT_SPACE also with ETIMEDOUT and EINTR. Needs KARENA_RIGHT_PRODUCE.
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
 * Wait for space instead of failing with EAGAIN. The call fails with EINTR if a
 * signal with a handler came first, even with SA_RESTART; @timeout_us then holds what
 * is left of the time. It fails with ECANCELED by KARENA_IOC_RING_WAIT_CANCEL. Nothing
 * was reserved or sent then. A signal without a handler, such as SIGSTOP and SIGCONT,
 * a debugger, and the freezer end no wait, unless @timeout_us cannot be written (EINTR).
 * An io_uring command that would have to wait fails with EOPNOTSUPP without
 * KARENA_FEAT_URING_WAIT.
 * Threads that wait by ioctl() are served in the order in which they came, so one
 * that needs much is not overtaken by a later one that needs little. io_uring
 * commands, and calls that do not wait, take what space they find.
 */
#define KARENA_RING_WAIT_SPACE		0x00000004u
/* Wake nobody now; the consumer finds the record at the next wake-up. */
#define KARENA_RING_NO_WAKEUP		0x00000001u
/* Wake the waiters, even those woken before that have not looked yet. */
#define KARENA_RING_FORCE_WAKEUP	0x00000002u

/**
 * struct karena_ring_finish - KARENA_IOC_RING_SUBMIT and _DISCARD, on a ring fd
 * @size:	in, sizeof(struct karena_ring_finish) as the caller was built
 * @flags:	in, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP
 * @position:	in, @out_position of the reservation
 * @length:	in, with SUBMIT: bytes to keep from the beginning of the payload, 0
 *		for all; with DISCARD 0
 * @__reserved:	in, 0
 *
 * Finishes a reservation: SUBMIT hands the record to the consumer, DISCARD makes the
 * consumer skip it. The part that @length cuts off becomes a discarded record behind
 * it, perhaps without payload, which is free when the consumer has passed it. Fails
 * with EINVAL if @position is no open reservation, or one of fewer than @length bytes;
 * EPERM if the reservation has another owner; ESTALE if it timed out, see struct
 * karena_ring_create, and the record is lost. Needs KARENA_RIGHT_PRODUCE.
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
 * @timeout_us:	in, with WAIT_SPACE: microseconds until ETIMEDOUT, 0 for no limit; else 0.
 *		After EINTR, what is left
 * @__reserved:	in, 0
 *
 * Sends one record as write() does, with the wake-up flags. Fails with EAGAIN if
 * there is no space just now; ENOSPC if the record can never fit; ESTALE as write();
 * with WAIT_SPACE also with ETIMEDOUT and EINTR. Needs KARENA_RIGHT_PRODUCE.
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
 * @buffer:	in, pointer to records in the layout of read(): for each a struct
 *		karena_record_header that holds the payload's length and is zero
 *		otherwise, and the payload, padded to 8 bytes; the last record's
 *		padding may be missing
 * @buffer_bytes: in, size of all records together
 * @timeout_us:	in, as for KARENA_IOC_RING_OUTPUT, until there is space for the first
 *		record
 * @__reserved:	in, 0
 *
 * Sends records one after another, each as KARENA_IOC_RING_OUTPUT does, and wakes once.
 * Returns the number of records sent, which is less than there are if one could not be
 * sent or a fatal signal came; to learn why, retry from the first unsent record. A record
 * counts as lost only in a call that sends none, and only the first does then. Fails
 * with EAGAIN if there is no space just now for the first record; ENOSPC if the first
 * record can never fit; ESTALE as write(); EINVAL if it has no bytes or passes the end
 * of the buffer; with WAIT_SPACE also with ETIMEDOUT and EINTR. Needs
 * KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_output_batch {
	__u32		size;
	__u32		flags;
	__aligned_u64	buffer;
	__aligned_u64	buffer_bytes;
	__u32		timeout_us;
	__u32		__reserved;
};

/* Most lengths in one call of KARENA_IOC_RING_RESERVE_BATCH. */
#define KARENA_RING_BATCH_MAX	128

/**
 * struct karena_ring_reserve_batch - KARENA_IOC_RING_RESERVE_BATCH, on a ring fd
 * @size:	in, sizeof(struct karena_ring_reserve_batch) as the caller was built
 * @flags:	in, KARENA_RING_WAIT_SPACE
 * @buffer:	in, pointer to an array of __u32: payload bytes of each record
 * @buffer_bytes: in, size of the array, 4 up to 4 * KARENA_RING_BATCH_MAX
 * @timeout_us:	in, as for KARENA_IOC_RING_RESERVE
 * @__reserved:	in, 0
 * @out_position: out, the first record's position
 * @out_offset:	out, file offset of the first payload in a mapping of the data
 *
 * Reserves all records, or none, as KARENA_IOC_RING_RESERVE does. The records are
 * contiguous: each position is the previous one plus the previous record's header and
 * its payload padded to 8 bytes. File offsets of payloads follow the same rule, modulo
 * the size of the data, which the mapping holds twice. Fails with EAGAIN if there is no
 * space for all just now; ENOSPC if they can never fit together; EPERM if the ring is
 * not IN_PLACE; with WAIT_SPACE also with ETIMEDOUT and EINTR. Needs
 * KARENA_RIGHT_PRODUCE.
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

/* Discard this entry's reservation instead of submitting it. */
#define KARENA_RING_ENTRY_DISCARD	0x00000001u

/**
 * struct karena_ring_finish_entry - how to finish one reservation
 * @position:	of the reservation
 * @length:	payload bytes to keep; 0 for all; with DISCARD 0
 * @flags:	KARENA_RING_ENTRY_DISCARD, or 0 to submit
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
 * @buffer_bytes: in, size of the array
 *
 * Finishes reservations one after another, each as KARENA_IOC_RING_SUBMIT or _DISCARD
 * does, and wakes once. Returns the number of reservations finished, which is less than
 * there are entries if one could not be finished; to learn why, retry from that entry.
 * Fails with EINVAL if the size is 0 or no multiple of an entry's, and for the first
 * entry as SUBMIT and DISCARD do, with EINVAL, EPERM or ESTALE. Needs
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
 * @out_lost_full_bytes: out, likewise
 * @out_lost_too_big: out, likewise
 * @out_lost_busy: out, likewise
 * @out_lost_dead: out, likewise
 * @out_wakeups: out, number of times that waiters were woken
 * @out_name:	out, NUL-terminated
 * @out_wake_bytes: out, as set by KARENA_IOC_RING_POLICY
 * @out_wake_records: out, likewise
 * @out_wake_delay_us: out, likewise
 * @out_reserve_timeout_us: out, @reserve_timeout_us of create
 * @out_lost_too_big_bytes: out, as in struct karena_ring_producer
 * @out_lost_busy_bytes: out, likewise
 * @out_lost_dead_bytes: out, likewise
 * @out_lost_timeout: out, likewise
 * @out_lost_timeout_bytes: out, likewise
 * @out_read:	out, submitted records that the consumer has passed
 * @out_fill_most: out, most bytes between the positions that the kernel has met. It
 *		looks for read(), poll(), WAIT and STAT, and when there is no space
 * @out_unread_us: out, minimum age in microseconds of the oldest unread record, counted
 *		from the first poll(), WAIT, STAT, wake-up or refusal of a user's
 *		record that met it; 0 if there is none
 *
 * The positions count the bytes produced and consumed since create, headers
 * included.
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
 * @wake_bytes:	in, wake when this many bytes lie between the positions, headers
 *		included; up to the size of the data area
 * @wake_records: in, wake when this many records were finished since the last
 *		wake-up, whoever sent that, while somebody waited
 * @wake_delay_us: in, wake at most this many microseconds after a record that woke
 *		nobody
 * @__reserved:	in, 0
 *
 * Sets when finished records wake the waiters of this ring, until it is set anew. If
 * all three are 0, as after create, each record wakes. Otherwise a record wakes when
 * @wake_bytes or @wake_records is reached, whichever is not 0 and comes first. If
 * @wake_delay_us is not 0, a record that did not wake does so after that delay. Each
 * wake-up, and this call, begins the count and the delay anew. A batch counts its records.
 * Independent of the policy, these wake: a record with KARENA_RING_FORCE_WAKEUP,
 * KARENA_IOC_RING_FLUSH, this call, and, if a record was held back since the last wake-up,
 * a record that finds no space and the end of the owner of a reservation. A record with
 * KARENA_RING_NO_WAKEUP neither counts nor starts the delay. No wait begins while a record
 * is there. Without a delay, a wait may go on while fewer records are there than were
 * asked for. Needs KARENA_RIGHT_CONSUME.
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
 * Wakes the waiters for records, as a record with KARENA_RING_FORCE_WAKEUP does.
 * Needs KARENA_RIGHT_PRODUCE.
 */
struct karena_ring_flush {
	__u32		size;
	__u32		flags;
};

/* @bytes counts records instead, including open and discarded ones. */
#define KARENA_WAIT_F_RECORDS		0x00000001u

/**
 * struct karena_ring_wait - KARENA_IOC_RING_WAIT, on a ring fd
 * @size:	in, sizeof(struct karena_ring_wait) as the caller was built
 * @flags:	in, KARENA_WAIT_F_RECORDS or 0
 * @bytes:	in, number of bytes to wait for, headers included; up to the size
 *		of the data area; 0 is as 1. With RECORDS, number of records, up to
 *		a sixteenth of that size
 * @timeout_us:	in, microseconds until ETIMEDOUT, or 0 for no limit; with
 *		IORING_URING_CMD_MULTISHOT counted from the last completion. After EINTR
 *		from ioctl(), what is left
 *
 * Waits until the record at the consumer position is there and at least @bytes lie
 * between the consumer and the producer position. Returns how many bytes lie there, or 0
 * if the ring has ended. On an io_uring with 32-byte CQEs the first extra word is the
 * producer position, except with IORING_URING_CMD_MULTISHOT. Takes no role and reads
 * nothing. Fails with ETIMEDOUT; EINTR on a signal, as described at
 * KARENA_RING_WAIT_SPACE; ECANCELED by KARENA_IOC_RING_WAIT_CANCEL. Needs
 * KARENA_RIGHT_CONSUME.
 */
struct karena_ring_wait {
	__u32		size;
	__u32		flags;
	__u32		bytes;
	__u32		timeout_us;
};

/* Cancel waits of any user_data; @user_data must be 0. */
#define KARENA_WAIT_CANCEL_F_ALL	0x00000001u

/**
 * struct karena_ring_wait_cancel - KARENA_IOC_RING_WAIT_CANCEL, on a ring fd
 * @size:	in, sizeof(struct karena_ring_wait_cancel) as the caller was built
 * @flags:	in, KARENA_WAIT_CANCEL_F_ALL or 0
 * @user_data:	in, user_data of the SQEs to cancel; calls by ioctl() count as 0
 *
 * Cancels calls that wait and were made through this open file: KARENA_IOC_RING_WAIT,
 * and calls with KARENA_RING_WAIT_SPACE. They fail with ECANCELED, unless they complete
 * at that moment. Returns the number of calls found; a call that has not begun to wait
 * is not found. Needs no right. As an io_uring command it finds the calls submitted
 * before it on the same io_uring, except those in a worker, which got there by
 * IOSQE_ASYNC or because they could not be tried at once.
 */
struct karena_ring_wait_cancel {
	__u32		size;
	__u32		flags;
	__aligned_u64	user_data;
};

#endif /* _UAPI_LINUX_KARENA_H */
