/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one table of operations. Every entry point looks up the operation's row, brings the
 * arguments into kernel memory, and executes the operation by its row.
 */
#ifndef KARENA_OPS_H
#define KARENA_OPS_H

#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/types.h>

#include "call.h"

/* Size of a buffer for any argument struct; checked when the table is built. */
#define KARENA_ARGS_MAX		256

/**
 * struct karena_op - a row of the table
 * @name:	for people
 * @type:	kind of object that has the operation; NULL: the device, or see @any_object
 * @any_object:	both kinds of object have the operation; @type is NULL then
 * @first_size:	size of the argument struct as first published
 * @size:	size of the argument struct today
 * @out:	offset of the first out_ field, @size if there is none
 * @timeout:	offset of the timeout in the argument struct, a u32 in microseconds; 0: the
 *		struct has none
 * @out_on_eintr: the out_ fields are also written when the call fails with EINTR
 * @flags:	accepted flags
 * @rights:	KARENA_RIGHT_* that the open file must have; kernel code needs none
 * @buffer:	offset of a __u64 pointer and a __u64 size in the argument struct, 0 for
 *		none
 * @buffer_dest: the operation writes the buffer; else it reads the buffer
 * @nowait:	the operation supports @nowait of struct karena_call
 * @waits:	the operation waits for other tasks; in a call with @nowait it sets @queue of
 *		the call instead
 * @multishot:	the operation can give several answers to one call, each above 0
 * @execute:	executes the operation, with a kernel copy of the arguments; may sleep.
 *		Returns a value not below 0, or -errno with nothing changed
 *
 * Each row is one cache line.
 */
struct karena_op {
	const char *name;
	const struct karena_object_type *type;
	bool any_object;
	u16 first_size;
	u16 size;
	u16 out;
	u16 timeout;
	bool out_on_eintr;
	u32 flags;
	u32 rights;
	u16 buffer;
	bool buffer_dest;
	bool nowait;
	bool waits;
	bool multishot;
	long (*execute)(struct karena_call *call, void *args);
} ____cacheline_aligned;

const struct karena_op *karena_op_find(unsigned int cmd, const struct karena_object *object);
long karena_op_kernel(struct karena_object *object, unsigned int cmd, void *args);

/**
 * karena_op_execute() - execute an operation whose arguments are in kernel memory
 * @op:		from karena_op_find()
 * @call:	its @object is the one passed to karena_op_find()
 * @args:	kernel copy of @op->size bytes
 *
 * Context: may sleep.
 * Return: result of the operation; -EINVAL for unknown flags; -EPERM for a missing
 * right.
 */
static inline long karena_op_execute(const struct karena_op *op, struct karena_call *call,
				     void *args)
{
	/* Every argument struct begins with its size and its flags. */
	u32 flags = ((u32 *)args)[1];

	if (flags & ~op->flags)
		return -EINVAL;
	if (op->rights && (karena_call_rights(call) & op->rights) != op->rights)
		return -EPERM;
	return op->execute(call, args);
}

#endif /* KARENA_OPS_H */
