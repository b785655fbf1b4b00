// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for records and for space, by threads that sleep, by pollers, and by io_uring
 * commands, which are parked. Each of them gets onto a queue, then arms or wants space, then
 * looks. ring_wake.c explains why none of them sleeps through an event that it waits for.
 *
 * A signal ends a call that sleeps. If no signal handler runs, the kernel makes the call again.
 * The entry point has then written the time that is left into the call's arguments, so the
 * module keeps no state of such a call. Nothing is reserved or sent while a call sleeps, so a
 * call that is made again neither doubles nor loses a record.
 */
#include <linux/build_bug.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "call.h"
#include "compat.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_wait.h"
#include "ring_wake.h"
#include "waiter.h"

/**
 * struct sleeper - a thread that sleeps until @look has an answer
 * @waiter:	the thread, on a queue
 * @look:	has the next event wake the thread, and then looks for an answer. Returns
 *		-KARENA_EWOULDSLEEP if there is none yet
 * @ring:	the ring
 * @call:	the call under way; NULL for read()
 */
struct sleeper {
	struct karena_waiter *waiter;
	long (*look)(struct sleeper *sleeper);
	struct karena_ring *ring;
	struct karena_call *call;
};

/* Sleeps until @look has an answer, the wait is cancelled or over, or a signal comes. */
static long sleep_until_answered(struct sleeper *sleeper)
{
	const struct karena_call *call = sleeper->call;
	struct karena_waiter *waiter = sleeper->waiter;
	long ret;

	for (;;) {
		ret = sleeper->look(sleeper);
		if (ret != -KARENA_EWOULDSLEEP)
			return ret;
		if (READ_ONCE(waiter->cancelled))
			return -ECANCELED;
		if (call && karena_call_is_over(call))
			return -ETIMEDOUT;
		if (signal_pending(current))
			return -ERESTARTNOHAND;
		karena_waiter_sleep(waiter, call ? call->until : 0);
	}
}

static long sleep_for_records(struct sleeper *sleeper)
{
	struct karena_ring *ring = sleeper->ring;
	struct karena_waiter waiter;
	long ret;

	sleeper->waiter = &waiter;
	karena_waiter_init_current(&waiter, sleeper->call);
	add_wait_queue(&ring->wait, &waiter.entry);
	ret = sleep_until_answered(sleeper);
	remove_wait_queue(&ring->wait, &waiter.entry);
	return ret;
}

static long look_for_one(struct sleeper *sleeper)
{
	struct ring_view view;

	ring_arm(sleeper->ring);
	ring_look(sleeper->ring, &view);
	return view.there || view.ended ? 0 : -KARENA_EWOULDSLEEP;
}

/**
 * ring_wait_record() - sleep until a record is there, or the ring has ended
 * @ring:	the ring
 *
 * Context: may sleep.
 * Return: 0, or -ERESTARTSYS if a signal came.
 */
int ring_wait_record(struct karena_ring *ring)
{
	struct sleeper sleeper = { .look = look_for_one, .ring = ring };

	return sleep_for_records(&sleeper) ? -ERESTARTSYS : 0;
}

/*
 * Are there as many bytes or records as a wait asks for? Records may be finished, and read,
 * between the look and the count, so the view is updated to the positions of the count.
 */
static bool is_enough(struct karena_ring *ring, struct karena_call *call,
		      const struct karena_ring_wait *args, struct ring_view *view)
{
	struct ring_tally *tally = (struct ring_tally *)call->memo;

	BUILD_BUG_ON(sizeof(*tally) > sizeof(call->memo));
	if (!(args->flags & KARENA_WAIT_F_RECORDS))
		return ring_view_available(view) >= args->bytes;
	ring_count(ring, tally, max(args->bytes, 1u));
	view->consumer = tally->from;
	view->producer = max(view->producer, tally->to);
	return tally->nr >= max(args->bytes, 1u);
}

/* Returns the number of unread bytes; 0: the ring has ended; or -KARENA_EWOULDSLEEP. */
static long look_for_enough(struct karena_ring *ring, struct karena_call *call,
			    const struct karena_ring_wait *args)
{
	struct ring_view view __uninitialized;
	bool enough;

	ring_arm(ring);
	ring_look(ring, &view);
	call->last = view.ended;
	if (view.ended)
		enough = view.there || !ring_view_available(&view);
	else
		enough = view.there && is_enough(ring, call, args, &view);
	call->result = view.producer;
	return enough ? ring_view_available(&view) : -KARENA_EWOULDSLEEP;
}

/* A thread that executes KARENA_IOC_RING_WAIT. */
struct waiting {
	struct sleeper sleeper;
	const struct karena_ring_wait *args;
};

static long look_for_call(struct sleeper *sleeper)
{
	struct waiting *waiting = container_of(sleeper, struct waiting, sleeper);

	return look_for_enough(sleeper->ring, sleeper->call, waiting->args);
}

static ktime_t time_limit(const struct karena_ring_wait *args)
{
	return args->timeout_us ? ktime_add_us(ktime_get(), args->timeout_us) : 0;
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
 * Return: number of unread bytes, with the producer position in @call->result; 0: the ring
 * has ended; or -errno.
 */
long ring_op_wait(struct karena_call *call, void *argp)
{
	const struct karena_ring_wait *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	struct waiting waiting = {
		.sleeper = { .look = look_for_call, .ring = ring, .call = call },
		.args = args,
	};
	long ret;

	ret = check_wait(ring, args);
	if (ret)
		return ret;
	if (!call->until)
		call->until = time_limit(args);
	if (!call->nowait)
		return sleep_for_records(&waiting.sleeper);

	/* The caller is on the queue, or gets onto the queue and then makes the call again. */
	ret = look_for_enough(ring, call, args);
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
 * Return: number of waits that were told to end.
 */
long ring_op_wait_cancel(struct karena_call *call, void *argp)
{
	const struct karena_ring_wait_cancel *args = argp;
	bool all = args->flags & KARENA_WAIT_CANCEL_F_ALL;
	struct karena_ring *ring = to_ring(call->object);
	const u64 *token = all ? NULL : &args->user_data;

	if (all && args->user_data)
		return -EINVAL;
	return karena_waiters_cancel(&ring->wait, call->file, token) +
	       karena_waiters_cancel(&ring->space.wait, call->file, token) +
	       karena_waiters_cancel(&ring->space.turns, call->file, token);
}

/* A thread that waits for its turn, and then tries to reserve or send. */
struct trying {
	struct sleeper sleeper;
	struct ring_turn turn;
	struct ring_attempt *attempt;
};

/*
 * Ends the thread's turn and tries with page faults enabled, so that no other thread waits for
 * the page faults. Meanwhile the thread is on @wait of struct ring_space, where it can be
 * cancelled. Then it queues for a turn again, behind the others, in case the space was taken.
 */
static long try_out_of_turn(struct trying *trying)
{
	struct karena_ring *ring = trying->sleeper.ring;
	struct ring_turn *turn = &trying->turn;
	long ret;

	ring_turn_end(ring, turn);
	add_wait_queue(&ring->space.wait, &turn->waiter.entry);
	ret = trying->attempt->run(trying->attempt);
	remove_wait_queue(&ring->space.wait, &turn->waiter.entry);
	ring_turn_begin(ring, turn);
	return ret;
}

/* Tries if the turn was granted. If others have taken the space, waits in the same place. */
static long try_in_turn(struct sleeper *sleeper)
{
	struct trying *trying = container_of(sleeper, struct trying, sleeper);
	struct ring_attempt *attempt = trying->attempt;
	long ret;

	if (!READ_ONCE(trying->turn.granted))
		return -KARENA_EWOULDSLEEP;
	pagefault_disable();
	ret = attempt->run(attempt);
	pagefault_enable();
	if (ret == -EAGAIN)
		ring_turn_return(sleeper->ring, &trying->turn, attempt->bytes);
	if (ret == -EFAULT)
		ret = try_out_of_turn(trying);
	/* If the turn was granted again since, the waiter was woken, and does not sleep. */
	return ret == -EAGAIN ? -KARENA_EWOULDSLEEP : ret;
}

static long sleep_for_space(struct karena_ring *ring, struct karena_call *call,
			    struct ring_attempt *attempt)
{
	struct trying trying = {
		.sleeper = { .look = try_in_turn, .ring = ring, .call = call },
		.turn = { .bytes = attempt->bytes },
		.attempt = attempt,
	};
	long ret;

	trying.sleeper.waiter = &trying.turn.waiter;
	karena_waiter_init_current(&trying.turn.waiter, call);
	ring_turn_begin(ring, &trying.turn);
	ret = sleep_until_answered(&trying.sleeper);
	ring_turn_end(ring, &trying.turn);
	return ret;
}

/*
 * Tries without sleeping for space. The caller is on @call->queue, or gets onto it and then
 * makes the call again.
 */
static long look_for_space(struct karena_ring *ring, struct karena_call *call,
			   struct ring_attempt *attempt)
{
	long ret;

	ring_want_bytes(ring, attempt->bytes);
	ret = attempt->run(attempt);
	if (ret != -EAGAIN)
		return ret;
	if (karena_call_is_over(call))
		return -ETIMEDOUT;
	call->queue = &ring->space.wait;
	return -KARENA_EWOULDSLEEP;
}

static long wait_for_space(struct karena_ring *ring, struct karena_call *call,
			   struct ring_attempt *attempt, u32 timeout_us)
{
	if (timeout_us && !call->until)
		call->until = ktime_add_us(ktime_get(), timeout_us);
	if (call->nowait || call->parks)
		return look_for_space(ring, call, attempt);
	return sleep_for_space(ring, call, attempt);
}

/* Do threads wait for space that the caller, who may sleep, would overtake? */
static bool others_wait(struct karena_ring *ring, const struct karena_call *call,
			const struct ring_attempt *attempt)
{
	/* A guess: without a barrier a thread that has just come may be missed. */
	if (!waitqueue_active(&ring->space.turns))
		return false;
	return attempt->bytes && !call->nowait && !call->parks;
}

/**
 * ring_timeout_valid() - check that a call with a timeout may wait for space
 * @flags:	flags of the call
 * @timeout_us:	timeout of the call in microseconds; 0: none
 *
 * Context: any.
 * Return: false if there is a timeout, but no KARENA_RING_WAIT_SPACE.
 */
bool ring_timeout_valid(u32 flags, u32 timeout_us)
{
	return flags & KARENA_RING_WAIT_SPACE || !timeout_us;
}

/**
 * ring_attempt() - reserve or send, and wait for space if the caller wants to
 * @ring:	the ring
 * @call:	the call under way
 * @attempt:	what to try
 * @flags:	flags of the call
 * @timeout_us:	with KARENA_RING_WAIT_SPACE, microseconds; 0: no limit
 *
 * Counts the records as lost if there is no space and the caller does not wait, or its time
 * is over.
 *
 * Context: may sleep.
 * Return: as @run of @attempt; -EAGAIN: no space just now, without WAIT_SPACE;
 * -ETIMEDOUT; -ERESTARTNOHAND for a signal; -ECANCELED; -KARENA_EWOULDSLEEP.
 */
long ring_attempt(struct karena_ring *ring, struct karena_call *call,
		  struct ring_attempt *attempt, u32 flags, u32 timeout_us)
{
	bool waits = flags & KARENA_RING_WAIT_SPACE;
	long ret = -EAGAIN;

	if (!waits || !others_wait(ring, call, attempt))
		ret = attempt->run(attempt);
	if (ret == -EAGAIN && waits)
		ret = wait_for_space(ring, call, attempt, timeout_us);
	if (ret == -EAGAIN || ret == -ETIMEDOUT)
		ring_lost_full(ring, attempt->nr, attempt->payload);
	if (ret == -EAGAIN)
		ring_want_half(ring);
	return ret;
}

/*
 * Puts a poller onto the queues for the events that it asks for. An epoll that has polled for
 * one of the two kinds of event may later poll for the other, and does not get onto that queue
 * then: see ring_mix_queues().
 */
static void queue_poller(struct file *file, struct poll_table_struct *table, bool records,
			 bool space)
{
	struct karena_handle *handle = karena_file_handle(file);
	struct karena_ring *ring = to_ring(handle->object);

	if (!poll_does_not_wait(table)) {
		if (!space)
			WRITE_ONCE(handle->polled_records_only, true);
		if (!records)
			WRITE_ONCE(handle->polled_space_only, true);
	} else if ((space && READ_ONCE(handle->polled_records_only)) ||
		   (records && READ_ONCE(handle->polled_space_only))) {
		ring_mix_queues(ring);
	}
	if (records)
		poll_wait(file, &ring->wait, table);
	if (space)
		poll_wait(file, &ring->space.wait, table);
}

/**
 * ring_poll() - implement ->poll of a ring's files
 * @file:	the open file
 * @table:	how to queue, and for which events
 *
 * A record that was discarded counts as a record that is there: the consumer is to pass over
 * it.
 *
 * Context: may sleep.
 * Return: the events that have come, EPOLL*.
 */
__poll_t ring_poll(struct file *file, struct poll_table_struct *table)
{
	struct karena_ring *ring = to_ring(karena_file_handle(file)->object);
	__poll_t asked = poll_requested_events(table);
	bool space = asked & RING_POLL_SPACE;
	bool records = asked & RING_POLL_RECORD || !space;
	struct ring_view view __uninitialized;
	__poll_t events = 0;

	queue_poller(file, table, records, space);
	if (records)
		ring_arm(ring);
	ring_look(ring, &view);
	if (space && view.space < ring_half(ring)) {
		ring_want_half(ring);
		ring_look(ring, &view);
	}

	if (view.there || view.ended)
		events |= RING_POLL_RECORD;
	if (view.ended)
		events |= EPOLLHUP;
	if (view.space >= ring_half(ring))
		events |= RING_POLL_SPACE;
	return events;
}
