// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for as much as a consumer cares to be woken for, or for the end; and an end
 * to that.
 */
#include <linux/build_bug.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "call.h"
#include "compat.h"
#include "ring.h"
#include "waiter.h"

/* Records may end between the look and the count: the view follows what was counted. */
static bool is_enough(struct karena_ring *ring, struct karena_call *call,
		      const struct karena_ring_wait *args, struct ring_view *view)
{
	struct ring_tally *tally = (struct ring_tally *)call->memo;

	BUILD_BUG_ON(sizeof(*tally) > sizeof(call->memo));
	if (!(args->flags & KARENA_WAIT_F_RECORDS))
		return ring_view_available(view) >= args->bytes;
	ring_count(ring, tally, args->bytes);
	view->consumer = tally->from;
	view->producer = max(view->producer, tally->to);
	return tally->nr >= args->bytes;
}

/* Bytes that wait to be read; 0: the end; or -KARENA_EWOULDSLEEP. */
static long look(struct karena_ring *ring, struct karena_call *call,
		 const struct karena_ring_wait *args)
{
	struct ring_view view __uninitialized;
	bool enough;

	ring_look(ring, &view);
	call->last = view.ended;
	if (view.ended)
		enough = view.there || !ring_view_available(&view);
	else
		enough = view.there && is_enough(ring, call, args, &view);
	call->result = view.producer;
	return enough ? ring_view_available(&view) : -KARENA_EWOULDSLEEP;
}

static ktime_t time_limit(const struct karena_ring_wait *args)
{
	return args->timeout_us ? ktime_add_us(ktime_get(), args->timeout_us) : 0;
}

static noinline long wait_enough(struct karena_ring *ring, struct karena_call *call,
				 const struct karena_ring_wait *args)
{
	struct karena_waiter waiter;
	long ret;

	karena_waiter_sleeps(&waiter, call);
	add_wait_queue(&ring->wait, &waiter.entry);
	for (;;) {
		ring_arm(ring);
		ret = look(ring, call, args);
		if (ret != -KARENA_EWOULDSLEEP)
			break;
		ret = -ECANCELED;
		if (READ_ONCE(waiter.cancelled))
			break;
		ret = -ETIMEDOUT;
		if (karena_call_is_over(call))
			break;
		ret = -EINTR;
		if (signal_pending(current))
			break;
		wait_woken(&waiter.entry, TASK_INTERRUPTIBLE, karena_call_jiffies_left(call));
	}
	remove_wait_queue(&ring->wait, &waiter.entry);
	return ret;
}

static int check_wait(const struct karena_ring *ring, const struct karena_ring_wait *args)
{
	u64 most = ring->records.mask + 1;

	if (args->flags & KARENA_WAIT_F_RECORDS)
		most /= RECORD_MIN_BYTES;
	return args->bytes > most ? -EINVAL : 0;
}

/**
 * ring_op_wait() - KARENA_IOC_RING_WAIT
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_wait
 *
 * Context: may sleep.
 * Return: bytes that wait to be read, the producer position as @call->result; 0:
 * the ring has ended; or -errno.
 */
long ring_op_wait(struct karena_call *call, void *argp)
{
	const struct karena_ring_wait *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	long ret;

	ret = check_wait(ring, args);
	if (ret)
		return ret;
	if (!call->until)
		call->until = time_limit(args);
	if (!call->nowait)
		return wait_enough(ring, call, args);

	/* Before the look, for a caller that is on the queue by now. */
	ring_arm(ring);
	ret = look(ring, call, args);
	if (ret == -KARENA_EWOULDSLEEP && karena_call_is_over(call))
		return -ETIMEDOUT;
	if (ret > 0 && call->multishot)
		call->until = time_limit(args);
	call->queue = &ring->wait;
	return ret;
}

/**
 * ring_op_wait_cancel() - KARENA_IOC_RING_WAIT_CANCEL
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_wait_cancel
 *
 * Context: may sleep.
 * Return: how many waits were told to end.
 */
long ring_op_wait_cancel(struct karena_call *call, void *argp)
{
	const struct karena_ring_wait_cancel *args = argp;
	bool all = args->flags & KARENA_WAIT_CANCEL_F_ALL;

	if (all && args->user_data)
		return -EINVAL;
	return karena_waiters_cancel(&to_ring(call->object)->wait, call->file,
				     all ? NULL : &args->user_data);
}
