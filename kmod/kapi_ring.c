// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel entry point to rings, as far as there is something to unpack. What
 * produces and looks is exported where it is defined, in ring.c and ring_out.c:
 * one call less between a producer and its record.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "compat.h"
#include "objfd.h"
#include "ring.h"
#include "ring_party.h"

/**
 * karena_ring_get() - a ring for kernel code, by a process's fd
 * @fd:		of the calling process
 * @rights:	KARENA_RIGHT_* that the fd must have: PRODUCE to produce, CONSUME to
 *		drain
 *
 * The ring lives until karena_ring_put(), whatever the process does; a module
 * gives it back before it goes.
 *
 * Context: process; may sleep.
 * Return: the ring; or as a pointer -EBADF if @fd is not open, -EINVAL if it is
 * no ring's, -EPERM if it lacks a right, -ENOMEM.
 * Since: 1.0
 */
struct karena_ring *karena_ring_get(int fd, u32 rights)
{
	struct karena_object *object;

	might_sleep();
	object = karena_object_get(fd, &karena_ring_type, rights);
	if (IS_ERR(object))
		return ERR_CAST(object);
	ring_kernel_begin(to_ring(object));
	return to_ring(object);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_get, KARENA_NS);

/**
 * karena_ring_put() - give back a ring of karena_ring_get()
 * @ring:	not to be used any more; the caller has finished what it reserved, in
 *		whatever context
 *
 * The consumer role, if kernel code has it, goes with the last of them.
 *
 * Context: may sleep.
 * Since: 1.0
 */
void karena_ring_put(struct karena_ring *ring)
{
	might_sleep();
	ring_kernel_end(ring);
	karena_object_put(&ring->object);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_put, KARENA_NS);

/**
 * karena_ring_drain() - read the records that are there
 * @ring:	the ring
 * @fn:		called in the records' order; discarded ones are passed over
 * @context:	for @fn
 * @max:	records at most; 0: as many as come before none is there
 *
 * Never waits for a record. Kernel code is one consumer, whichever module it is
 * of: the role is taken by the first call, and kept until all have given the ring
 * back.
 *
 * Context: may sleep.
 * Return: how many were given to @fn, or what @fn returned if that was negative,
 * its record counting as read; -EBUSY: a process is the consumer.
 * Since: 1.0
 */
long karena_ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		       unsigned int max)
{
	int err;

	might_sleep();
	err = ring_take_role_kernel(ring);
	if (err)
		return err;
	return ring_drain(ring, fn, context, max ?: UINT_MAX);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_drain, KARENA_NS);
