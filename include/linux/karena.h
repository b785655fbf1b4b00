/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/karena.h> inside the kernel: the contract with user space, and what
 * the module offers to other modules. In user space <linux/karena.h> is
 * uapi/karena.h itself.
 *
 * A module that uses this says MODULE_IMPORT_NS of KARENA and is built with
 * karena's Module.symvers in KBUILD_EXTRA_SYMBOLS.
 */
#ifndef _LINUX_KARENA_H
#define _LINUX_KARENA_H

#include <linux/types.h>

#include "../../uapi/karena.h"

struct karena_arena;
struct karena_ring;

/*
 * Arenas. Offsets are bytes and page aligned, as in the contract; what a call
 * does and fails with is said there, with the ioctl of its name. All of them may
 * sleep.
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
 * Rings. Producing is for any context, NMI included: it takes the ring's lock and
 * no other, or in an NMI tries to, and leaves the waking to an irq_work where it
 * cannot be done at once. Getting, giving back and draining may sleep.
 */
struct karena_ring *karena_ring_get(int fd, u32 rights);
void karena_ring_put(struct karena_ring *ring);
void *karena_ring_reserve(struct karena_ring *ring, size_t length);
void karena_ring_submit(struct karena_ring *ring, void *payload, u32 flags);
void karena_ring_discard(struct karena_ring *ring, void *payload, u32 flags);
int karena_ring_output(struct karena_ring *ring, const void *data, size_t length, u32 flags);

/**
 * enum karena_ring_figure - what karena_ring_query() tells
 * @KARENA_RING_AVAILABLE:	bytes between the two positions
 * @KARENA_RING_SIZE:		bytes of the data area
 * @KARENA_RING_CONSUMER_POSITION: all below is read, as far as the consumer says so
 * @KARENA_RING_PRODUCER_POSITION: end of the last reserved record
 * @KARENA_RING_LOST:		records lost, whatever the cause
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
 * typedef karena_record_fn - is given a record
 * @context:	as passed to karena_ring_drain()
 * @payload:	8-byte aligned; valid until return. On a ring IN_PLACE users can
 *		write it: read once what is to be checked
 * @length:	bytes, as the kernel knows them
 *
 * May sleep; must not drain the same ring.
 *
 * Return: 0 to go on, anything else to stop after this record.
 */
typedef int (*karena_record_fn)(void *context, const void *payload, size_t length);

long karena_ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		       unsigned int max);

#endif /* _LINUX_KARENA_H */
