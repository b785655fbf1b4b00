/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call: what every operation is given beside its arguments. Operations include this;
 * the table that leads to them is for entry points, see ops.h.
 */
#ifndef KARENA_CALL_H
#define KARENA_CALL_H

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "objfd.h"

struct iov_iter;
struct wait_queue_head;

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

#endif /* KARENA_CALL_H */
