// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers that wait for room. Who must not wait is refused; so is who waited in
 * vain, and both are a loss.
 *
 * The protocol is that of ring_want_room(), with what the record takes in place of
 * half of the ring: get onto the wait queue, want the room, look for it. To look is to
 * try; an attempt reserves at once or changes nothing, hence a signal, which ends the
 * wait between two of them, can neither double a record nor lose one.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "call.h"
#include "ring.h"
#include "ring_loss.h"
#include "waiter.h"

static long sleep_for_room(struct karena_ring *ring, struct karena_call *call,
			   struct ring_attempt *attempt)
{
	struct karena_waiter waiter;
	long ret;

	karena_waiter_sleeps(&waiter, call);
	add_wait_queue(&ring->wait, &waiter.entry);
	for (;;) {
		ring_want_bytes(ring, attempt->bytes);
		ret = attempt->run(attempt);
		if (ret == -EAGAIN && READ_ONCE(waiter.cancelled))
			ret = -ECANCELED;
		if (ret == -EAGAIN && karena_call_is_over(call))
			ret = -ETIMEDOUT;
		if (ret == -EAGAIN && signal_pending(current))
			ret = -EINTR;
		if (ret != -EAGAIN)
			break;
		wait_woken(&waiter.entry, TASK_INTERRUPTIBLE, karena_call_jiffies_left(call));
	}
	remove_wait_queue(&ring->wait, &waiter.entry);
	return ret;
}

/* For a caller that is on the queue by now, or gets there and comes again. */
static long look_for_room(struct karena_ring *ring, struct karena_call *call,
			  struct ring_attempt *attempt)
{
	long ret;

	ring_want_bytes(ring, attempt->bytes);
	ret = attempt->run(attempt);
	if (ret != -EAGAIN)
		return ret;
	if (karena_call_is_over(call))
		return -ETIMEDOUT;
	call->queue = &ring->wait;
	return -KARENA_EWOULDSLEEP;
}

static long wait_for_room(struct karena_ring *ring, struct karena_call *call,
			  struct ring_attempt *attempt, u32 timeout_us)
{
	if (timeout_us && !call->until)
		call->until = ktime_add_us(ktime_get(), timeout_us);
	if (call->nowait || call->parks)
		return look_for_room(ring, call, attempt);
	return sleep_for_room(ring, call, attempt);
}

/**
 * ring_room_valid() - can these be the arguments of a call that may wait for room?
 * @flags:	the call's
 * @timeout_us:	likewise
 *
 * Context: any.
 * Return: whether.
 */
bool ring_room_valid(u32 flags, u32 timeout_us)
{
	return flags & KARENA_RING_WAIT_SPACE || !timeout_us;
}

/**
 * ring_attempt() - reserve or send, and wait for room if the caller wants to
 * @ring:	the ring
 * @call:	the call under way
 * @attempt:	what to try
 * @flags:	the call's
 * @timeout_us:	with KARENA_RING_WAIT_SPACE, microseconds; 0: no limit
 *
 * Context: may sleep.
 * Return: what the attempt does; -EAGAIN: no room just now, without WAIT_SPACE;
 * -ETIMEDOUT; -EINTR; -ECANCELED; -KARENA_EWOULDSLEEP.
 */
long ring_attempt(struct karena_ring *ring, struct karena_call *call,
		  struct ring_attempt *attempt, u32 flags, u32 timeout_us)
{
	long ret = attempt->run(attempt);

	if (ret == -EAGAIN && flags & KARENA_RING_WAIT_SPACE)
		ret = wait_for_room(ring, call, attempt, timeout_us);
	if (ret == -EAGAIN || ret == -ETIMEDOUT)
		ring_lost_full(ring, attempt->nr, attempt->payload);
	if (ret == -EAGAIN)
		ring_want_room(ring);
	return ret;
}
