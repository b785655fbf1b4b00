// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for as much as a consumer cares to be woken for.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "ops.h"
#include "ring.h"

/* Bytes that wait to be read; 0: not yet what was asked for. */
static u32 enough(struct karena_ring *ring, const struct karena_ring_wait *args, u64 *position)
{
	struct ring_view view;
	u64 available;

	ring_look(ring, &view);
	available = view.producer - view.consumer;
	*position = view.producer;
	return view.there && available >= args->bytes ? available : 0;
}

static bool is_over(const struct karena_call *call)
{
	return call->until && ktime_compare(ktime_get(), call->until) >= 0;
}

/* Rounded up: the time is not over before it is. */
static long jiffies_left(const struct karena_call *call)
{
	s64 left;

	if (!call->until)
		return MAX_SCHEDULE_TIMEOUT;
	left = ktime_to_ns(ktime_sub(call->until, ktime_get()));
	return left > 0 ? nsecs_to_jiffies(left) + 1 : 0;
}

static long wait_enough(struct karena_ring *ring, struct karena_call *call,
			const struct karena_ring_wait *args)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	long ret;

	add_wait_queue(&ring->wait, &wait);
	for (;;) {
		ring_arm(ring);
		ret = enough(ring, args, &call->result);
		if (!ret && is_over(call))
			ret = -ETIMEDOUT;
		if (!ret && signal_pending(current))
			ret = -EINTR;
		if (ret)
			break;
		wait_woken(&wait, TASK_INTERRUPTIBLE, jiffies_left(call));
	}
	remove_wait_queue(&ring->wait, &wait);
	return ret;
}

static int check_wait(const struct karena_ring *ring, const struct karena_ring_wait *args)
{
	return args->bytes > ring->records.mask + 1 ? -EINVAL : 0;
}

/**
 * ring_op_wait() - KARENA_IOC_RING_WAIT
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_wait
 *
 * Context: may sleep.
 * Return: bytes that wait to be read, the producer position as @call->result; or
 * -errno.
 */
long ring_op_wait(struct karena_call *call, void *argp)
{
	const struct karena_ring_wait *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	long ret;

	ret = check_wait(ring, args);
	if (ret)
		return ret;
	if (args->timeout_us && !call->until)
		call->until = ktime_add_us(ktime_get(), args->timeout_us);
	if (!call->nowait)
		return wait_enough(ring, call, args);

	/* Before the look, for a caller that is on the queue by now. */
	ring_arm(ring);
	ret = enough(ring, args, &call->result);
	if (ret)
		return ret;
	if (is_over(call))
		return -ETIMEDOUT;
	call->queue = &ring->wait;
	return -KARENA_EWOULDSLEEP;
}
