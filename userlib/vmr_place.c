// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * How the span of a reservation is taken, filled, emptied and given back, such that no
 * other mmap() of the process can ever get a piece of it.
 *
 * Never a hole
 * ------------
 * The kernel can replace a mapping in one step: mmap(MAP_FIXED) and
 * mremap(MREMAP_FIXED) remove what is at the target and put the new mapping there
 * without releasing the lock of the address space. But both remove first, and some
 * failures come after that. Then they return an error and leave a hole, on 6.1 as on
 * current kernels. After the removal these can fail:
 *
 * for mmap(): the driver's ->mmap, because of a bad offset, a missing right, or a file
 * system without DAX or after a shutdown; accounting of private writable memory (before
 * 6.12); setting up shared anonymous memory; and allocating the descriptor of the
 * mapping.
 *
 * for mremap() of unchanged length: the driver's ->get_unmapped_area and ->mremap;
 * accounting, again of private writable memory; and allocating the descriptor and page
 * tables. The number of mappings is checked before.
 *
 * The kernel grants requests as small as a descriptor, unless the process is being
 * killed, or its cgroup is at its limit with nothing to kill. All other failures are kept
 * out of the step in one of these ways:
 *
 * protect: the placeholder already is private anonymous memory. To map such memory only
 * changes its protection, and mprotect() removes nothing.
 *
 * direct: mmap(MAP_FIXED), if nothing can fail any more: a shared mapping of shmem, whose
 * ->mmap only looks at seals, if these are final.
 *
 * move: everything else is first mapped elsewhere, where a failure does no harm, and
 * moved into place. A private mapping is made and moved without PROT_WRITE, hence
 * unaccounted, and made writable by mprotect() in place. A few drivers refuse to have a
 * mapping moved. So a mapping of anything but plain files and our objects is moved twice,
 * first to a place where a hole does no harm: a driver that refuses does so there.
 *
 * If the step fails nevertheless, the hole is filled at once, by MAP_FIXED_NOREPLACE: if
 * another thread was faster, its mapping stays.
 *
 * The placeholder is not MAP_NORESERVE. Without PROT_WRITE it is not accounted in any
 * mode of overcommit, but memory that mprotect() makes of it must be.
 */
#include "vmr.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PLACEHOLDER	(MAP_PRIVATE | MAP_ANONYMOUS)

#define MIB		((size_t)1 << 20)
#define GIB		((size_t)1 << 30)

static inline void *to_pointer(uintptr_t address)
{
	return (void *)address;
}

/* Takes exactly the range, where nothing may be mapped. */
int vmr_span_take(uintptr_t address, size_t size)
{
	void *at = mmap(to_pointer(address), size, PROT_NONE,
			PLACEHOLDER | MAP_FIXED_NOREPLACE, -1, 0);

	if (at == MAP_FAILED)
		return errno == EEXIST ? KARENA_E_MAPPING_EXISTS : -errno;
	if (at == to_pointer(address))
		return 0;
	/* Kernels before 4.17 treat the address as a hint. */
	munmap(at, size);
	return KARENA_E_MAPPING_EXISTS;
}

/*
 * Unmaps a range. If the kernel has joined it with mappings on both sides, this needs one
 * more mapping.
 */
int vmr_span_release(uintptr_t address, size_t size)
{
	int ret = munmap(to_pointer(address), size) ? -errno : 0;

	if (ret != -ENOMEM || !vmr_spare_begin(2))
		return ret;
	ret = munmap(to_pointer(address), size) ? -errno : 0;
	vmr_spare_end();
	return ret;
}

static size_t span_alignment(size_t size)
{
	size_t alignment = size >= 2 * GIB ? GIB : 2 * MIB;
	size_t page = karena_page_size();

	return alignment > page ? alignment : page;
}

/*
 * Takes an aligned range anywhere. Unmaps the excess at once, so that there is nothing
 * to remember.
 */
int vmr_span_new(size_t size, uintptr_t *address)
{
	size_t alignment = span_alignment(size);
	size_t taken = size + alignment - karena_page_size();
	size_t head, tail;
	uintptr_t start;
	void *at;
	int ret;

	if (taken < size)
		return -ENOMEM;
	at = mmap(NULL, taken, PROT_NONE, PLACEHOLDER, -1, 0);
	if (at == MAP_FAILED)
		return -errno;

	head = -(uintptr_t)at & (alignment - 1);
	tail = taken - size - head;
	start = (uintptr_t)at + head;
	if (head && munmap(at, head)) {
		ret = -errno;
		vmr_span_release((uintptr_t)at, taken);
		return ret;
	}
	/* The head is anybody's from here on. */
	if (tail && munmap(to_pointer(start + size), tail)) {
		ret = -errno;
		vmr_span_release(start, size + tail);
		return ret;
	}
	*address = start;
	return 0;
}

/*
 * Replaces a map by the placeholder in one step, which frees all memory of a private
 * map.
 */
int vmr_clear(uintptr_t at, size_t length)
{
	int ret;

	if (mmap(to_pointer(at), length, PROT_NONE, PLACEHOLDER | MAP_FIXED, -1, 0) != MAP_FAILED)
		return 0;
	ret = -errno;
	/* Once filled, the hole is the placeholder that was wanted. */
	return vmr_span_take(at, length) ? ret : 0;
}

static int place_by_protect(uintptr_t at, size_t length, int prot)
{
	int ret;

	if (!mprotect(to_pointer(at), length, prot))
		return 0;
	ret = -errno;
	/* The placeholder may consist of several mappings, of which some were changed. */
	mprotect(to_pointer(at), length, PROT_NONE);
	return ret;
}

static int mmap_flags(const struct karena_vmr_source *source)
{
	int flags = source->fd < 0 ? MAP_ANONYMOUS : 0;

	if (source->flags & KARENA_VMR_PRIVATE)
		return flags | MAP_PRIVATE;
	if (source->flags & KARENA_VMR_SYNC)
		return flags | MAP_SHARED_VALIDATE | MAP_SYNC;
	return flags | MAP_SHARED;
}

static void *map_source(void *at, size_t length, const struct karena_vmr_source *source, int prot,
			int flags)
{
	return mmap(at, length, prot, mmap_flags(source) | flags, source->fd,
		    (off_t)source->offset);
}

static int place_directly(uintptr_t at, size_t length, const struct karena_vmr_source *source)
{
	int ret;

	if (map_source(to_pointer(at), length, source, source->prot, MAP_FIXED) != MAP_FAILED)
		return 0;
	ret = -errno;
	vmr_span_take(at, length);
	return ret;
}

/*
 * Is @mark still the word at @at, where another thread may have mapped something? Returns
 * false if the system call is forbidden, which loses addresses but never touches others'
 * memory.
 */
static bool is_marked(void *at, uintptr_t mark)
{
	uintptr_t found;
	struct iovec here = { &found, sizeof(found) };
	struct iovec there = { at, sizeof(found) };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof(found) &&
	       found == mark;
}

/*
 * Unmaps @at after a move to it failed. If it failed before removing @at, that is still
 * mapped; if it failed later, another thread may have mapped something there.
 */
static void release_rehearsal(void *at, size_t length, uintptr_t mark)
{
	if (!vmr_span_take((uintptr_t)at, length) || is_marked(at, mark))
		vmr_span_release((uintptr_t)at, length);
}

/*
 * Moves a mapping once to where a hole does no harm, to see whether its driver permits
 * that. Sets *@staged to the new place.
 */
static int rehearse_move(void **staged, size_t length)
{
	/* The address of a live variable is a mark that nobody else uses. */
	uintptr_t mark = (uintptr_t)&mark;
	void *at;
	int ret;

	at = mmap(NULL, length, PROT_READ | PROT_WRITE, PLACEHOLDER | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	*(uintptr_t *)at = mark;
	if (mremap(*staged, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED) {
		ret = errno == ENOMEM ? -ENOMEM : KARENA_E_NOT_SUPPORTED;
		release_rehearsal(at, length, mark);
		return ret;
	}
	*staged = at;
	return 0;
}

static int place_by_move(uintptr_t at, size_t length, const struct karena_vmr_source *source)
{
	bool late_write = (source->flags & KARENA_VMR_PRIVATE) && (source->prot & PROT_WRITE);
	int prot = late_write ? source->prot & ~PROT_WRITE : source->prot;
	void *staged;
	int ret = 0;

	staged = map_source(NULL, length, source, prot, 0);
	if (staged == MAP_FAILED)
		return -errno;
	if (!(source->traits & VMR_MOVES))
		ret = rehearse_move(&staged, length);
	if (ret)
		goto unmap_staged;
	if (mremap(staged, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		   to_pointer(at)) == MAP_FAILED) {
		ret = -errno;
		vmr_span_take(at, length);
		goto unmap_staged;
	}
	if (late_write && mprotect(to_pointer(at), length, source->prot)) {
		ret = -errno;
		/* If even this fails, the next map replaces what is left. */
		vmr_clear(at, length);
	}
	return ret;

unmap_staged:
	vmr_span_release((uintptr_t)staged, length);
	return ret;
}

/* Replaces the placeholder by a known source, in one step or not at all. */
int vmr_place(uintptr_t at, size_t length, const struct karena_vmr_source *source)
{
	if (source->fd < 0 && (source->flags & KARENA_VMR_PRIVATE))
		return place_by_protect(at, length, source->prot);
	if (source->traits & VMR_STEADY && !source->flags)
		return place_directly(at, length, source);
	return place_by_move(at, length, source);
}

/* Puts a mapping back whose address may be somebody else's by now; then it stays away. */
static void move_back(void *from, size_t length, void *staged)
{
	if (!vmr_span_take((uintptr_t)from, length))
		mremap(staged, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, from);
}

/*
 * Replaces the placeholder by a mapping that exists. First moves the mapping to where a
 * hole does no harm. Returns 0; -ENOMEM; KARENA_E_NOT_SUPPORTED.
 */
int vmr_move(uintptr_t at, size_t length, void *from)
{
	void *staged = from;
	int ret = rehearse_move(&staged, length);

	if (ret)
		return ret;
	if (mremap(staged, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		   to_pointer(at)) != MAP_FAILED)
		return 0;
	ret = -errno;
	vmr_span_take(at, length);
	move_back(from, length, staged);
	return ret;
}
