/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena: reservations of address space.
 *
 * A reservation is a span of addresses that nothing else in the process is
 * given. At first all of it is placeholder, which no access may touch. Arenas,
 * rings, files and anonymous memory are mapped at offsets inside it, and give
 * way to the placeholder again when they are unmapped.
 *
 * Never a hole
 * ------------
 * From new to delete, no other mmap(2) of the process is given an address inside
 * the span: a map replaces the placeholder in one step, an unmap replaces the
 * map in one step, and a map that fails leaves the placeholder as it was. The one
 * exception is a kernel that is refused a descriptor of some 200 bytes in the very
 * step: as a process is being killed, or with its memory cgroup at the limit and
 * nothing in it to kill. The hole is then filled at once, if nobody was faster.
 * The application must not change mappings inside the span by other means, but
 * for mprotect(2) and madvise(2) on what is mapped.
 *
 * Results
 * -------
 * 0 on success; a negative errno, or one of KARENA_E_*, on failure. errno itself
 * is left alone. A failed call changes nothing, and leaves its output arguments
 * as they were, except for a find that finds nothing. Of errors that apply at
 * once, the one that is first in the call's list is returned.
 *
 * Lengths, offsets and sizes are bytes. "Unaligned" is not a multiple of the
 * page size (or of the source's larger one, where a call says so); a length or
 * size of 0 is unaligned as well.
 *
 * Threads
 * -------
 * Every call on a reservation may run in any number of threads at once, but for
 * delete: with it no other call on the same reservation may be under way.
 *
 * fork
 * ----
 * A child of fork(2) has a copy of every reservation, which it uses and deletes
 * without effect on its parent, whatever the parent's other threads were at.
 * Maps that the kernel does not pass on (arenas without KARENA_ARENA_F_INHERIT,
 * writable mappings of rings, devices, what madvise(MADV_DONTFORK) excluded) are gone
 * in the child's copy, and placeholder is where they were, before fork() returns in the
 * child. A map of which the kernel passes on a part is still a map there; the rest of it
 * is inaccessible. None of this holds for vfork(2), posix_spawn(3) and bare clone(2),
 * whose children must call none of these functions.
 */
#ifndef KARENA_VMR_H
#define KARENA_VMR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Errors that errno has no name for; karena_strerror() knows them and errno.
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
 * karena_strerror() - what a result means, in words
 * @error:	0, a negative errno or one of KARENA_E_*, as calls return them
 *
 * Returns a string that is not to be changed or freed; for errno it is that of
 * strerror(3) and may be overwritten by the same thread's next call.
 * Any thread. Since 1.0.
 */
const char *karena_strerror(int error);

/* A reservation. */
struct karena_vmr;

/**
 * karena_vmr_new() - reserve a span of addresses
 * @vmr:	out
 * @address:	of the span, page aligned: exactly there or not at all; NULL:
 *		anywhere, aligned to 2 MiB, from 2 GiB of @size up to 1 GiB
 * @size:	bytes, page aligned
 *
 * Takes no memory but some 200 bytes, and no more addresses than @size. (With
 * NULL, for a moment, as many again as the alignment.) While there are reservations, the
 * library keeps two mappings of a page for when the process reaches vm.max_map_count.
 *
 * Errors: KARENA_E_ADDRESS_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_MAPPING_EXISTS: something is mapped in [@address, @address + @size);
 * -ENOMEM: no memory, no span of that size, RLIMIT_AS or vm.max_map_count;
 * -EPERM: @address is below vm.mmap_min_addr; -EAGAIN: RLIMIT_MEMLOCK, after
 * mlockall(MCL_FUTURE). Since 1.0.
 */
int karena_vmr_new(struct karena_vmr **vmr, void *address, size_t size);

/**
 * karena_vmr_delete() - give a reservation back
 * @vmr:	in: a reservation, or NULL, which is no error; out: NULL
 *
 * Errors, all of which leave *@vmr and the reservation as they were:
 * KARENA_E_RESERVATION_NOT_EMPTY: something is mapped in it; those of munmap(2),
 * of which -ENOMEM (vm.max_map_count) is possible where the application has
 * mappings of the placeholder's kind on both sides. Since 1.0.
 */
int karena_vmr_delete(struct karena_vmr **vmr);

/**
 * karena_vmr_get_address() - where a reservation begins
 * @vmr:	a reservation
 *
 * Cannot fail. Offsets count from here. Since 1.0.
 */
void *karena_vmr_get_address(const struct karena_vmr *vmr);

/**
 * karena_vmr_get_size() - how long a reservation is
 * @vmr:	a reservation
 *
 * Cannot fail. Since 1.0.
 */
size_t karena_vmr_get_size(const struct karena_vmr *vmr);

/**
 * karena_vmr_extend() - add to a reservation's end
 * @vmr:	a reservation
 * @size:	bytes to add, page aligned
 *
 * The address and all maps stay. Errors: KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_MAPPING_EXISTS: something is mapped there; -ENOMEM, -EAGAIN as with
 * karena_vmr_new(). Since 1.0.
 */
int karena_vmr_extend(struct karena_vmr *vmr, size_t size);

/**
 * karena_vmr_shrink() - give back an empty piece at a reservation's start or end
 * @vmr:	a reservation
 * @offset:	of the piece, page aligned
 * @size:	of the piece, page aligned
 *
 * Taken from the start, the address moves up and offsets count from the new one.
 * Errors: KARENA_E_OFFSET_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_OUT_OF_RANGE: it passes the end; KARENA_E_NOT_SUPPORTED: it is in the
 * middle, or all; KARENA_E_RESERVATION_NOT_EMPTY: something is mapped in it;
 * those of munmap(2) as with karena_vmr_delete(). Since 1.0.
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
 * struct karena_vmr_source - what is to be mapped
 * @size:	sizeof(struct karena_vmr_source)
 * @fd:		descriptor, or -1 for anonymous memory
 * @prot:	PROT_NONE, or of PROT_READ, PROT_WRITE and PROT_EXEC
 * @offset:	of the first byte in the file; 0 for anonymous memory
 * @flags:	KARENA_VMR_*
 * @traits:	the library's own; 0 in a struct that is filled in by hand
 * @granularity: what address, length and @offset are multiples of: the page
 *		size, for files of huge pages theirs; 0 in a struct that is
 *		filled in by hand
 *
 * Plain data, which owns nothing: @fd stays the caller's, may be closed once
 * all is mapped, and must not come to mean another file in the meantime.
 * Make one with the calls below, which look at the file once. One filled in by
 * hand works as well, but has every map look again, which takes some system
 * calls. @offset, @prot and @flags may be changed between maps.
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
 * karena_vmr_source_fd() - a file as a source
 * @source:	out
 * @fd:		of anything that mmap(2) takes: a regular file, DAX or not, a
 *		memfd, a device, an arena, a ring ...
 * @offset:	in the file
 * @prot:	as in struct karena_vmr_source
 * @flags:	KARENA_VMR_*
 *
 * Errors: -EINVAL: @prot or @flags; -EBADF: @fd; KARENA_E_NOT_SUPPORTED: an
 * arena with KARENA_ARENA_F_FIXED_ADDR, which has an address already; other
 * errors of fstat(2) and fstatfs(2). Any thread. Since 1.0.
 */
int karena_vmr_source_fd(struct karena_vmr_source *source, int fd, uint64_t offset, int prot,
			 uint32_t flags);

/**
 * karena_vmr_source_anon() - anonymous memory as a source
 * @source:	out
 * @prot:	as in struct karena_vmr_source
 * @flags:	KARENA_VMR_PRIVATE: the process's own, copied on fork; 0: shared
 *		with children
 *
 * Errors: -EINVAL: @prot or @flags. Any thread. Since 1.0.
 */
int karena_vmr_source_anon(struct karena_vmr_source *source, int prot, uint32_t flags);

/**
 * karena_vmr_source_arena() - a window of an arena as a source
 * @source:	out
 * @fd:		of an arena: karena_arena_fd()
 * @offset:	of the window in the arena
 * @prot:	PROT_READ or PROT_READ | PROT_WRITE
 *
 * Errors: as karena_vmr_source_fd(); -ENOTTY: not an arena. Any thread.
 * Since 1.0.
 */
int karena_vmr_source_arena(struct karena_vmr_source *source, int fd, uint64_t offset, int prot);

/**
 * karena_vmr_source_ring() - a ring as a source
 * @source:	out
 * @fd:		of a ring: karena_ring_fd()
 * @offset:	0, or that of a part as struct karena_ring_header has it
 * @prot:	PROT_READ, or PROT_READ | PROT_WRITE for exactly the consumer
 *		page or exactly the data
 *
 * Errors: as karena_vmr_source_fd(); -ENOTTY: not a ring. Any thread. Since 1.0.
 */
int karena_vmr_source_ring(struct karena_vmr_source *source, int fd, uint64_t offset, int prot);

/*
 * Maps
 * ====
 */

/**
 * struct karena_vmr_map - a map in a reservation
 * @address:	of its first byte; NULL: none
 * @length:	bytes
 * @id:		distinguishes it from all others that the reservation ever had
 *
 * Plain data, copied at will: it says what was there when it was written.
 * Nothing dangles when the map goes.
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
 * @length:	bytes, page aligned
 * @source:	what to map
 * @map:	out; or NULL
 *
 * Replaces the placeholder in one step, without giving the source's driver a
 * chance to fail in between. For this the source is first mapped elsewhere, then
 * moved into place, unless it is one whose mapping cannot fail any more
 * (private anonymous memory, a memfd whose seals are final). So there must be
 * @length bytes of address space besides, for a moment, and some few mappings
 * below vm.max_map_count.
 *
 * Errors: -EINVAL, -E2BIG: @source, and the errors of karena_vmr_source_fd() if
 * it was filled in by hand; KARENA_E_OFFSET_UNALIGNED; KARENA_E_LENGTH_UNALIGNED;
 * KARENA_E_OUT_OF_RANGE: it passes the reservation's end;
 * KARENA_E_MAPPING_EXISTS: a map is there; KARENA_E_ADDRESS_UNALIGNED,
 * KARENA_E_LENGTH_UNALIGNED, KARENA_E_OFFSET_UNALIGNED: address, @length or the
 * source's own offset is not a multiple of the source's granularity;
 * KARENA_E_NOT_SUPPORTED: the source's driver refuses to have a mapping moved;
 * -ENOMEM: no memory, RLIMIT_AS or vm.max_map_count; -EAGAIN: locked memory;
 * other errors of mmap(2) and mprotect(2). Since 1.0.
 */
int karena_vmr_map(struct karena_vmr *vmr, size_t offset, size_t length,
		   const struct karena_vmr_source *source, struct karena_vmr_map *map);

/**
 * karena_vmr_unmap() - replace a map by the placeholder, in one step
 * @vmr:	a reservation
 * @map:	as karena_vmr_map() or a find gave it
 *
 * Of threads that unmap the same map, one succeeds. Also at the limit of mappings a map
 * can be unmapped, unless there are maps directly before and behind it, with which the
 * kernel may have joined it. Errors:
 * KARENA_E_MAPPING_NOT_FOUND: it is not in this reservation, or no longer;
 * -ENOMEM: vm.max_map_count, between two such maps: those at the ends of the row can be
 * unmapped first; -EAGAIN: locked memory; both leave it mapped. Since 1.0.
 */
int karena_vmr_unmap(struct karena_vmr *vmr, const struct karena_vmr_map *map);

/**
 * karena_vmr_map_find() - the first map that meets a range
 * @vmr:	a reservation
 * @offset:	of the range; any byte
 * @length:	of the range; one of 0 meets nothing
 * @map:	out; its @address is NULL if there is none
 *
 * Takes time logarithmic in the number of maps. Errors:
 * KARENA_E_MAPPING_NOT_FOUND. Since 1.0.
 */
int karena_vmr_map_find(struct karena_vmr *vmr, size_t offset, size_t length,
			struct karena_vmr_map *map);

/**
 * karena_vmr_map_first() - the map of lowest address
 * @vmr:	a reservation
 * @map:	out; its @address is NULL if there is none
 *
 * Errors: KARENA_E_MAPPING_NOT_FOUND: nothing is mapped. Since 1.0.
 */
int karena_vmr_map_first(struct karena_vmr *vmr, struct karena_vmr_map *map);

/**
 * karena_vmr_map_last() - the map of highest address
 * @vmr:	a reservation
 * @map:	out; its @address is NULL if there is none
 *
 * Errors: KARENA_E_MAPPING_NOT_FOUND: nothing is mapped. Since 1.0.
 */
int karena_vmr_map_last(struct karena_vmr *vmr, struct karena_vmr_map *map);

/**
 * karena_vmr_map_next() - the map of next higher address
 * @vmr:	a reservation
 * @map:	a map, which need not be there any more
 * @next:	out; may be @map; its @address is NULL if there is none
 *
 * Logarithmic as well. Errors: KARENA_E_MAPPING_NOT_FOUND: none is behind @map.
 * Since 1.0.
 */
int karena_vmr_map_next(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *next);

/**
 * karena_vmr_map_prev() - the map of next lower address
 * @vmr:	a reservation
 * @map:	a map, which need not be there any more
 * @prev:	out; may be @map; its @address is NULL if there is none
 *
 * Logarithmic as well. Errors: KARENA_E_MAPPING_NOT_FOUND: none is before @map.
 * Since 1.0.
 */
int karena_vmr_map_prev(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *prev);

#ifdef __cplusplus
}
#endif

#endif /* KARENA_VMR_H */
