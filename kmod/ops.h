/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one table of operations. Every entry point looks an operation up here, brings
 * its arguments into kernel memory, and executes it.
 */
#ifndef KARENA_OPS_H
#define KARENA_OPS_H

#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "objfd.h"

struct iov_iter;
struct wait_queue_head;

/* Room for the largest argument struct; checked when the table is built. */
#define KARENA_ARGS_MAX		256

/* Kernel-internal, reported to the entry point alone: ask again where it may sleep. */
#define KARENA_EWOULDSLEEP	EPROBE_DEFER

/**
 * struct karena_call - one operation under way
 * @object:	what it is done to; NULL: the device
 * @file:	the open file it came by; NULL if kernel code asks
 * @payload:	what the argument's buffer points to, if the operation has one
 * @nowait:	shall not sleep: if it would have to, -KARENA_EWOULDSLEEP with nothing
 *		changed. Only for operations that say that they can
 * @multishot:	of an operation that can: the caller takes more than one answer
 * @last:	no more answers are to come after this one
 * @parks:	sleeps for others not by itself: if it would have to,
 *		-KARENA_EWOULDSLEEP with @queue set
 * @token:	a wait of it can be cancelled by; the caller's name for it
 * @result:	of an operation without out_ fields, what is to be reported beside its
 *		return value
 * @queue:	of an operation that waits and would have to sleep: what wakes it.
 *		To be executed again once the caller is on that queue, and whenever it
 *		is woken, and at @until
 * @until:	when the time is over; 0: never, or not known yet
 * @memo:	the operation's own; zeroes at first
 *
 * @until and @memo are kept from one execution to the next.
 */
struct karena_call {
	struct karena_object *object;
	struct file *file;
	struct iov_iter *payload;
	bool nowait;
	bool multishot;
	bool last;
	bool parks;
	u64 token;
	u64 result;
	struct wait_queue_head *queue;
	ktime_t until;
	u64 memo[3];
};

/**
 * struct karena_op - a row of the table
 * @name:	for people
 * @type:	kind of object that has it; NULL: the device
 * @any_object:	both kinds have it, @type is NULL
 * @first_size:	size of the argument struct as first published
 * @size:	size of it today
 * @out:	offset of the first out_ field, @size if there is none
 * @out_on_eintr: the out_ fields are written when the call fails with EINTR too
 * @flags:	accepted flags
 * @rights:	KARENA_RIGHT_* that the open file must have; kernel code needs none
 * @buffer:	offset of a __u64 pointer and a __u64 size in the argument, 0 for
 *		none
 * @buffer_dest: the buffer is written rather than read
 * @nowait:	heeds a call's @nowait
 * @waits:	waits for others, and with @nowait says for what
 * @multishot:	can give many answers to one call, each above 0
 * @execute:	does it, with arguments that are the kernel's own; may sleep.
 *		Returns a value not below 0, or -errno with nothing changed
 *
 * A row is in one cache line.
 */
struct karena_op {
	const char *name;
	const struct karena_object_type *type;
	bool any_object;
	u16 first_size;
	u16 size;
	u16 out;
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

/* Of a call that waits: is its time over? */
static inline bool karena_call_is_over(const struct karena_call *call)
{
	return call->until && ktime_compare(ktime_get(), call->until) >= 0;
}

/* Rounded up: the time is not over before it is. */
static inline long karena_call_jiffies_left(const struct karena_call *call)
{
	s64 left;

	if (!call->until)
		return MAX_SCHEDULE_TIMEOUT;
	left = ktime_to_ns(ktime_sub(call->until, ktime_get()));
	return left > 0 ? nsecs_to_jiffies(left) + 1 : 0;
}

const struct karena_op *karena_op_find(unsigned int cmd, const struct karena_object *object);
long karena_op_kernel(struct karena_object *object, unsigned int cmd, void *args);

/**
 * karena_call_rights() - what whoever calls may do to the object
 * @call:	on an object
 *
 * Context: any.
 * Return: KARENA_RIGHT_*: those of the open file; kernel code has all.
 */
static inline u32 karena_call_rights(const struct karena_call *call)
{
	return call->file ? READ_ONCE(karena_file_handle(call->file)->rights)
			  : call->object->type->rights;
}

/**
 * karena_op_execute() - execute an operation whose arguments are in kernel memory
 * @op:		from karena_op_find()
 * @call:	with the object given there
 * @args:	@op->size bytes, the kernel's own
 *
 * Context: may sleep.
 * Return: what the operation does, or -EINVAL for unknown flags, -EPERM for
 * lack of rights.
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
