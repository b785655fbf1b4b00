/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call: what an operation gets in addition to its arguments. Operations include this
 * header; only entry points need the table of operations in ops.h.
 */
#ifndef KARENA_CALL_H
#define KARENA_CALL_H

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/types.h>

#include "objfd.h"

struct iov_iter;
struct wait_queue_head;

/* Never returned to users: the entry point executes the call again, see @nowait and @parks. */
#define KARENA_EWOULDSLEEP	EPROBE_DEFER

/**
 * struct karena_call - one execution of an operation
 * @object:	the object; NULL: the device
 * @file:	the open file that the call was made on; NULL for calls by kernel code
 * @payload:	the user memory that the argument struct's buffer names, if the operation has
 *		a buffer
 * @nowait:	the operation must not sleep at all: it returns -KARENA_EWOULDSLEEP instead,
 *		with nothing changed; only for operations that support @nowait
 * @multishot:	the caller takes several answers; only for operations that support @multishot
 * @last:	out: no further answer follows this one
 * @parks:	the operation may sleep, but not until there is space in a ring: instead it
 *		sets @queue and returns -KARENA_EWOULDSLEEP. RING_WAIT heeds @nowait only
 * @token:	the caller's name for the call, by which a wait can be cancelled
 * @result:	out: a result beside the return value, of operations without out_ fields
 * @queue:	out, of an operation that would have to wait: the queue on which it is woken.
 *		The caller adds itself to this queue, and executes the operation again at
 *		once, then whenever it is woken, and at @until
 * @until:	when the wait times out; 0: never, or not known yet. Set by the operation
 * @memo:	private to the operation; zeroed at first
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

/* Has the wait of a call timed out? */
static inline bool karena_call_is_over(const struct karena_call *call)
{
	return call->until && ktime_compare(ktime_get(), call->until) >= 0;
}

/*
 * Returns the microseconds left until @until, rounded up. Never returns 0: as a timeout of the
 * next call, 0 would be no limit.
 */
static inline u32 karena_call_us_left(const struct karena_call *call)
{
	s64 left = ktime_to_ns(ktime_sub(call->until, ktime_get()));

	return left > 0 ? DIV_ROUND_UP_ULL(left, NSEC_PER_USEC) : 1;
}

/**
 * karena_call_rights() - get the caller's rights to the object
 * @call:	on an object
 *
 * Context: any.
 * Return: KARENA_RIGHT_* of the open file; all of them for kernel code.
 */
static inline u32 karena_call_rights(const struct karena_call *call)
{
	return call->file ? READ_ONCE(karena_file_handle(call->file)->rights)
			  : call->object->type->rights;
}

#endif /* KARENA_CALL_H */
