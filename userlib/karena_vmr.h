/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena: reservations of address space.
 *
 * A reservation is a span of addresses that the kernel gives to nothing else in the
 * process. At first all of it is placeholder, which must not be accessed. Arenas, rings,
 * files and anonymous memory are mapped at offsets inside the span, and replaced by the
 * placeholder again when they are unmapped.
 *
 * Never a hole
 * ------------
 * From new to delete, no other mmap(2) of the process gets an address inside the span.
 * A map replaces the placeholder in one step, an unmap replaces the map in one step, and
 * a map that fails leaves the placeholder as it was. There is one exception: in that very
 * step the kernel fails to allocate a descriptor of some 200 bytes, because the process
 * is being killed, or its memory cgroup is at the limit with nothing in it to kill. The
 * hole is then filled at once, unless another thread was faster. The application must
 * not change mappings inside the span by other means, except by mprotect(2) and
 * madvise(2) on what is mapped.
 *
 * Results
 * -------
 * Calls return 0 on success; a negative errno, or one of KARENA_E_*, on failure. They do
 * not set errno. A call that fails changes nothing, and leaves its output arguments
 * unchanged, except for a find that finds nothing. If several errors apply, the one
 * listed first is returned.
 *
 * Lengths, offsets and sizes are bytes. "Unaligned" means not a multiple of the page size
 * (or of the source's larger one, where a call says so); a length or size of 0 is
 * unaligned, too.
 *
 * Threads
 * -------
 * Any number of threads may make calls on a reservation at once, except for delete: no
 * other call on the same reservation may be under way during delete.
 *
 * fork
 * ----
 * A child of fork(2) has a copy of every reservation, whatever the parent's other threads
 * were doing. It can use and delete its copy without effect on the parent. Maps that the
 * kernel does not pass on (arenas without KARENA_ARENA_F_INHERIT, writable mappings of
 * rings, devices, everything that madvise(MADV_DONTFORK) excluded) are replaced by the
 * placeholder in the copy before fork() returns in the child. If the kernel passes on a
 * part of a map, the map stays, and the rest of it is inaccessible. None of this holds for
 * vfork(2), posix_spawn(3) and bare clone(2), whose children must call none of these
 * functions.
 */
#ifndef KARENA_VMR_H
#define KARENA_VMR_H

#include <stddef.h>
#include <stdint.h>

#include "karena_init.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Errors without an errno of their own. karena_strerror() describes these and errno.
 */
#define KARENA_E_ADDRESS_UNALIGNED	(-4201)
#define KARENA_E_LENGTH_UNALIGNED	(-4202)
#define KARENA_E_OFFSET_UNALIGNED	(-4203)
#define KARENA_E_OUT_OF_RANGE		(-4204)
#define KARENA_E_MAPPING_EXISTS		(-4205)
#define KARENA_E_MAPPING_NOT_FOUND	(-4206)
#define KARENA_E_RESERVATION_NOT_EMPTY	(-4207)
#define KARENA_E_NOT_SUPPORTED		(-4208)

/**
 * karena_strerror() - describe a result in words
 * @error:	0, a negative errno or one of KARENA_E_*, as returned by calls
 *
 * Returns a string that must not be changed or freed. For an errno it is that of
 * strerror(3), which the same thread's next call may overwrite.
 * Any thread. Since 1.0.
 */
const char *karena_strerror(int error);

/* A reservation. */
struct karena_vmr;

/**
 * karena_vmr_new() - reserve a span of addresses
 * @vmr:	out
 * @address:	address to reserve exactly at, page aligned; NULL for any: aligned to
 *		2 MiB, or from 2 GiB of @size up to 1 GiB
 * @size:	bytes, page aligned
 *
 * Takes some 200 bytes of memory, and @size bytes of address space (with NULL, for a
 * moment, as many more as the alignment). While there are reservations, the library also
 * keeps two mappings of a page for when the process reaches vm.max_map_count.
 *
 * Errors: KARENA_E_ADDRESS_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_MAPPING_EXISTS if something is mapped in [@address, @address + @size);
 * -ENOMEM for no memory, no span of that size, RLIMIT_AS or vm.max_map_count; -EPERM if
 * @address is below vm.mmap_min_addr; -EAGAIN for RLIMIT_MEMLOCK, after
 * mlockall(MCL_FUTURE). Since 1.0.
 */
int karena_vmr_new(struct karena_vmr **vmr, void *address, size_t size);

/**
 * karena_vmr_new_growing() - reserve a span, and space for it to grow
 * @vmr:	out
 * @address:	as for karena_vmr_new()
 * @size:	bytes, page aligned
 * @most:	bytes up to which the span can grow, page aligned, at least @size
 *
 * karena_vmr_extend() cannot fail up to @most, and karena_vmr_shrink() at the end leaves
 * the piece for growing again. Delete gives all of it back. Errors: as karena_vmr_new(),
 * for @most; -EINVAL if @most is less than @size. Since 1.0.
 */
int karena_vmr_new_growing(struct karena_vmr **vmr, void *address, size_t size, size_t most);

/**
 * karena_vmr_delete() - give a reservation back
 * @vmr:	in: a reservation, or NULL, which does nothing; out: NULL
 *
 * Errors, all of which leave *@vmr and the reservation unchanged:
 * KARENA_E_RESERVATION_NOT_EMPTY if something is mapped in it; those of munmap(2).
 * -ENOMEM (vm.max_map_count) is possible if the application has mappings of the
 * placeholder's kind on both sides. Since 1.0.
 */
int karena_vmr_delete(struct karena_vmr **vmr);

/**
 * karena_vmr_get_address() - get the start of a reservation
 * @vmr:	a reservation
 *
 * Cannot fail. Offsets count from here. Since 1.0.
 */
void *karena_vmr_get_address(const struct karena_vmr *vmr);

/**
 * karena_vmr_get_size() - get the size of a reservation
 * @vmr:	a reservation
 *
 * Cannot fail. Since 1.0.
 */
size_t karena_vmr_get_size(const struct karena_vmr *vmr);

/**
 * karena_vmr_extend() - extend a reservation at its end
 * @vmr:	a reservation
 * @size:	bytes to add, page aligned
 *
 * The address and all maps stay. Works if the addresses behind the reservation are free.
 * They seldom are: the kernel gives out addresses downward, so that the next older mapping
 * is mostly right behind. Use karena_vmr_new_growing() if the span will have to grow.
 * Errors: KARENA_E_LENGTH_UNALIGNED; KARENA_E_MAPPING_EXISTS if something is mapped there;
 * -ENOMEM, -EAGAIN as karena_vmr_new(). Since 1.0.
 */
int karena_vmr_extend(struct karena_vmr *vmr, size_t size);

/**
 * karena_vmr_shrink() - give back an empty piece at a reservation's start or end
 * @vmr:	a reservation
 * @offset:	of the piece, page aligned
 * @size:	of the piece, page aligned
 *
 * If the piece is at the start, the address moves up and offsets count from the new
 * address. Errors: KARENA_E_OFFSET_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_OUT_OF_RANGE if the piece passes the end; KARENA_E_NOT_SUPPORTED if it is in
 * the middle, or is the whole reservation; KARENA_E_RESERVATION_NOT_EMPTY if something
 * is mapped in it; those of munmap(2) as karena_vmr_delete(). Since 1.0.
 */
int karena_vmr_shrink(struct karena_vmr *vmr, size_t offset, size_t size);

/*
 * Sources
 * =======
 */

/* Writes stay private to the process (MAP_PRIVATE). */
#define KARENA_VMR_PRIVATE	0x00000001u
/* Writes are durable once flushed from the CPU: DAX files only (MAP_SYNC). */
#define KARENA_VMR_SYNC		0x00000002u

/**
 * struct karena_vmr_source - what to map
 * @size:	sizeof(struct karena_vmr_source)
 * @fd:		descriptor, or -1 for anonymous memory
 * @prot:	PROT_NONE, or of PROT_READ, PROT_WRITE and PROT_EXEC
 * @offset:	of the first byte in the file; 0 for anonymous memory
 * @flags:	KARENA_VMR_*
 * @traits:	private to the library; 0 in a struct filled in by hand
 * @granularity: required alignment of address, length and @offset: the page size, for
 *		files of huge pages theirs; 0 in a struct filled in by hand
 *
 * Plain data that owns nothing: @fd still belongs to the caller. It may be closed once
 * everything is mapped, and must not refer to another file before that. Make a source
 * with one of the calls below, which examine the file once. A source filled in by hand
 * (KARENA_VMR_SOURCE_INIT) works as well, but each map examines the file again, which
 * takes some system calls. @offset, @prot and @flags may be changed between maps.
 */
struct karena_vmr_source {
	size_t size;
	int fd;
	int prot;
	uint64_t offset;
	uint32_t flags;
	uint32_t traits;
	size_t granularity;
};

/**
 * karena_vmr_source_fd() - make a source of a file
 * @source:	out
 * @fd:		of anything that mmap(2) takes: a regular file, DAX or not, a
 *		memfd, a device, an arena, a ring ...
 * @offset:	in the file
 * @prot:	as in struct karena_vmr_source
 * @flags:	KARENA_VMR_*
 *
 * Errors: -EINVAL for @prot or @flags; -EBADF for @fd; KARENA_E_NOT_SUPPORTED for an
 * arena with KARENA_ARENA_F_FIXED_ADDR, which has its own address; other errors of
 * fstat(2) and fstatfs(2). Any thread. Since 1.0.
 */
int karena_vmr_source_fd(struct karena_vmr_source *source, int fd, uint64_t offset, int prot,
			 uint32_t flags);

/**
 * karena_vmr_source_anon() - make a source of anonymous memory
 * @source:	out
 * @prot:	as in struct karena_vmr_source
 * @flags:	KARENA_VMR_PRIVATE: private to the process, copied on fork; 0: shared
 *		with children
 *
 * Errors: -EINVAL for @prot or @flags. Any thread. Since 1.0.
 */
int karena_vmr_source_anon(struct karena_vmr_source *source, int prot, uint32_t flags);

/**
 * karena_vmr_source_arena() - make a source of a window of an arena
 * @source:	out
 * @fd:		of an arena: karena_arena_fd()
 * @offset:	of the window in the arena
 * @prot:	PROT_READ or PROT_READ | PROT_WRITE
 *
 * Errors: as karena_vmr_source_fd(); -ENOTTY if @fd is not an arena. Any thread.
 * Since 1.0.
 */
int karena_vmr_source_arena(struct karena_vmr_source *source, int fd, uint64_t offset, int prot);

/**
 * karena_vmr_source_ring() - make a source of a ring
 * @source:	out
 * @fd:		of a ring: karena_ring_fd()
 * @offset:	0, or the offset of a part in struct karena_ring_header
 * @prot:	PROT_READ, or PROT_READ | PROT_WRITE for exactly the consumer
 *		page or exactly the data
 *
 * Errors: as karena_vmr_source_fd(); -ENOTTY if @fd is not a ring. Any thread.
 * Since 1.0.
 */
int karena_vmr_source_ring(struct karena_vmr_source *source, int fd, uint64_t offset, int prot);

/*
 * Maps
 * ====
 */

/**
 * struct karena_vmr_map - a map in a reservation
 * @address:	of the first byte; NULL: none
 * @length:	bytes
 * @id:		unique among all maps that the reservation ever had
 *
 * Plain data, may be copied. It describes what was mapped when it was written, and stays
 * valid data when the map is gone.
 */
struct karena_vmr_map {
	void *address;
	size_t length;
	uint64_t id;
};

/**
 * karena_vmr_map() - map a source into a reservation
 * @vmr:	a reservation
 * @offset:	in the reservation, page aligned
 * @length:	bytes, page aligned; 0 for all from the source's offset to its end, rounded up
 * @source:	what to map
 * @map:	out; or NULL
 *
 * Replaces the placeholder in one step, in which the source's driver cannot fail. For
 * this the source is first mapped elsewhere, then moved into place, unless mapping it
 * cannot fail any more (private anonymous memory, a memfd whose seals are final). So for a
 * moment a map needs another @length bytes of address space, and a few mappings below
 * vm.max_map_count.
 *
 * A length of 0 is for files, arenas and rings, whose size the kernel reports: it is
 * -EINVAL if the source's offset is not below that size, and KARENA_E_LENGTH_UNALIGNED for
 * anonymous memory and devices.
 *
 * Errors: -EINVAL, -E2BIG for @source, and the errors of karena_vmr_source_fd() if
 * @source was filled in by hand; KARENA_E_OFFSET_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_OUT_OF_RANGE if the map passes the reservation's end;
 * KARENA_E_MAPPING_EXISTS if another map is there; KARENA_E_ADDRESS_UNALIGNED,
 * KARENA_E_LENGTH_UNALIGNED, KARENA_E_OFFSET_UNALIGNED if address, @length or the
 * source's own offset is not a multiple of the source's granularity;
 * KARENA_E_NOT_SUPPORTED if the source's driver refuses to have a mapping moved;
 * -ENOMEM for no memory, RLIMIT_AS or vm.max_map_count; -EAGAIN for locked memory; other
 * errors of mmap(2) and mprotect(2). Since 1.0.
 */
int karena_vmr_map(struct karena_vmr *vmr, size_t offset, size_t length,
		   const struct karena_vmr_source *source, struct karena_vmr_map *map);

/**
 * karena_vmr_adopt() - move an existing mapping into a reservation
 * @vmr:	a reservation
 * @offset:	in the reservation, page aligned
 * @length:	of the mapping in bytes, page aligned
 * @address:	of the mapping, page aligned
 * @map:	out; or NULL
 *
 * The mapping keeps its contents and protection, and is no longer at @address. No other
 * thread may use it meanwhile. Errors: KARENA_E_ADDRESS_UNALIGNED;
 * KARENA_E_OFFSET_UNALIGNED; KARENA_E_LENGTH_UNALIGNED; KARENA_E_OUT_OF_RANGE if it passes
 * the reservation's end; KARENA_E_MAPPING_EXISTS if another map is there;
 * -EINVAL if the mapping is in this reservation; KARENA_E_NOT_SUPPORTED if the range is not
 * one mapping, or its driver refuses to have it
 * moved; -ENOMEM for no memory or vm.max_map_count: the mapping is then where it was,
 * unless another thread has taken its address. Since 1.0.
 */
int karena_vmr_adopt(struct karena_vmr *vmr, size_t offset, size_t length, void *address,
		     struct karena_vmr_map *map);

/**
 * karena_vmr_unmap_at() - replace the map at an address by the placeholder
 * @vmr:	a reservation
 * @address:	of any byte of the map
 *
 * Works as karena_vmr_unmap(), with its errors. Since 1.0.
 */
int karena_vmr_unmap_at(struct karena_vmr *vmr, const void *address);

/**
 * karena_vmr_map_source() - get the source that a map was made of
 * @vmr:	a reservation
 * @map:	from karena_vmr_map() or a find
 * @source:	out: fd, offset, prot and flags as they were given; the rest as filled in by
 *		hand
 *
 * The descriptor may have been closed since. Errors: KARENA_E_MAPPING_NOT_FOUND if the map
 * is not, or no longer, in this reservation; KARENA_E_NOT_SUPPORTED if it was adopted.
 * Since 1.0.
 */
int karena_vmr_map_source(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			  struct karena_vmr_source *source);

/**
 * karena_vmr_unmap() - replace a map by the placeholder, in one step
 * @vmr:	a reservation
 * @map:	from karena_vmr_map() or a find
 *
 * If several threads unmap the same map, one succeeds. At the limit of mappings a map can
 * still be unmapped, unless there are maps directly before and behind it, with which the
 * kernel may have joined it. Errors: KARENA_E_MAPPING_NOT_FOUND if the map is not, or no
 * longer, in this reservation; -ENOMEM (vm.max_map_count) between two such maps: unmap
 * those at the ends of the row first; -EAGAIN for locked memory. With -ENOMEM and -EAGAIN
 * the map stays mapped. Since 1.0.
 */
int karena_vmr_unmap(struct karena_vmr *vmr, const struct karena_vmr_map *map);

/**
 * karena_vmr_map_find() - find the first map that overlaps a range
 * @vmr:	a reservation
 * @offset:	of the range; any byte
 * @length:	of the range; a length of 0 overlaps nothing
 * @map:	out; its @address is NULL if there is none
 *
 * Takes time logarithmic in the number of maps. Errors:
 * KARENA_E_MAPPING_NOT_FOUND. Since 1.0.
 */
int karena_vmr_map_find(struct karena_vmr *vmr, size_t offset, size_t length,
			struct karena_vmr_map *map);

/**
 * karena_vmr_map_first() - find the map of lowest address
 * @vmr:	a reservation
 * @map:	out; its @address is NULL if there is none
 *
 * Errors: KARENA_E_MAPPING_NOT_FOUND if nothing is mapped. Since 1.0.
 */
int karena_vmr_map_first(struct karena_vmr *vmr, struct karena_vmr_map *map);

/**
 * karena_vmr_map_last() - find the map of highest address
 * @vmr:	a reservation
 * @map:	out; its @address is NULL if there is none
 *
 * Errors: KARENA_E_MAPPING_NOT_FOUND if nothing is mapped. Since 1.0.
 */
int karena_vmr_map_last(struct karena_vmr *vmr, struct karena_vmr_map *map);

/**
 * karena_vmr_map_next() - find the map of next higher address
 * @vmr:	a reservation
 * @map:	a map, which may be gone
 * @next:	out; may be @map; its @address is NULL if there is none
 *
 * Takes logarithmic time as well. Errors: KARENA_E_MAPPING_NOT_FOUND if no map is behind
 * @map. Since 1.0.
 */
int karena_vmr_map_next(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *next);

/**
 * karena_vmr_map_prev() - find the map of next lower address
 * @vmr:	a reservation
 * @map:	a map, which may be gone
 * @prev:	out; may be @map; its @address is NULL if there is none
 *
 * Takes logarithmic time as well. Errors: KARENA_E_MAPPING_NOT_FOUND if no map is before
 * @map. Since 1.0.
 */
int karena_vmr_map_prev(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *prev);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_VMR_H */
