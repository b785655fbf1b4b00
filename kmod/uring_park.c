// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parks io_uring commands that wait, so that no thread has to sleep for them.
 *
 * The operation has set the queue that wakes it. The parked command is put onto that
 * queue, and executed again by task work whenever the queue is woken or the time is
 * over. The command ends with ECANCELED if io_uring cancels it, because the io_uring or
 * the task is going away, or if the user cancels it by another call. A multishot command
 * posts each answer as a completion of its own and goes on waiting.
 *
 * Each kick of a parked command increments its counter. The kick that finds the counter
 * at 0 makes its context the runner. The runner executes the command, subtracts the kicks
 * counted before that, and repeats this until none is left; afterwards it does not touch
 * the command any more. So there is one runner at a time, in whatever context, and no
 * kick is lost. The first runner is the task that parks the command.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "compat_uring.h"
#include "memory.h"
#include "uring.h"
#include "waiter.h"

/**
 * struct parked - a command that waits
 * @cmd:	the command, whose pdu points back
 * @cqe32:	IO_URING_F_CQE32 if the completion can hold the second result
 * @kicks:	number of kicks not yet handled, see above
 * @waiter:	on @request.call.queue; marked cancelled by io_uring's cancellation, too
 * @timer:	expires at @until
 * @until:	@request.call.until when the runner last looked; used by the runner only
 * @request:	request to execute; used by the runner only. Comes last, as only the part
 *		in use is allocated
 */
struct parked {
	struct io_uring_cmd *cmd;
	unsigned int cqe32;
	atomic_t kicks;
	struct karena_waiter waiter;
	struct hrtimer timer;
	ktime_t until;
	struct karena_uring_request request;
};

static struct parked *parked_of(const struct io_uring_cmd *cmd)
{
	return *(struct parked *const *)cmd->pdu;
}

/* Runs in the task, or, when that has died, in a kernel thread without its memory. */
static long parked_outcome(struct parked *parked, unsigned int issue_flags)
{
	if (READ_ONCE(parked->waiter.cancelled) || current->flags & PF_KTHREAD)
		return -ECANCELED;
	return karena_uring_execute(parked->cmd, issue_flags, &parked->request);
}

/* Stops timer and queue before the completion, which ends io_uring's cancellation. */
static void end_parked(struct parked *parked, long ret, unsigned int issue_flags)
{
	remove_wait_queue(parked->request.call.queue, &parked->waiter.entry);
	hrtimer_cancel(&parked->timer);
	atomic_dec(&parked->request.call.object->nr_parked);
	karena_uring_done(parked->cmd, ret, parked->request.call.result,
			  issue_flags | parked->cqe32);
	kfree(parked);
}

static bool parked_goes_on(struct parked *parked, long *ret, unsigned int issue_flags)
{
	const struct karena_call *call = &parked->request.call;

	if (*ret == -KARENA_EWOULDSLEEP)
		return true;
	if (*ret <= 0 || !call->multishot || !karena_uring_post(parked->cmd, *ret, issue_flags))
		return false;
	*ret = 0;
	return !call->last;
}

static void start_timer(struct parked *parked)
{
	if (parked->until == parked->request.call.until)
		return;
	parked->until = parked->request.call.until;
	hrtimer_start(&parked->timer, parked->until, HRTIMER_MODE_ABS_SOFT);
}

static void execute_parked(struct parked *parked, unsigned int issue_flags)
{
	int seen;
	long ret;

	do {
		seen = atomic_read(&parked->kicks);
		ret = parked_outcome(parked, issue_flags);
		if (!parked_goes_on(parked, &ret, issue_flags))
			return end_parked(parked, ret, issue_flags);
		start_timer(parked);
		/* Fully ordered: a kick is counted before this, or finds 0. */
	} while (atomic_sub_return(seen, &parked->kicks));
}

static void parked_work(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	execute_parked(parked_of(cmd), issue_flags);
}

KARENA_URING_TASK_WORK(task_work, parked_work);

/* Context: any but NMI. */
static void kick_parked(struct parked *parked)
{
	/* Fully ordered. Pairs with the subtraction in execute_parked(). */
	if (atomic_inc_return(&parked->kicks) == 1)
		io_uring_cmd_complete_in_task(parked->cmd, task_work);
}

static void parked_woken(struct karena_waiter *waiter, int flags)
{
	kick_parked(container_of(waiter, struct parked, waiter));
}

static enum hrtimer_restart parked_late(struct hrtimer *timer)
{
	kick_parked(container_of(timer, struct parked, timer));
	return HRTIMER_NORESTART;
}

/**
 * karena_uring_park() - park a command that has to wait
 * @cmd:	the command
 * @issue_flags: of its issue
 * @request:	was executed, and has set the queue to wait on
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EIOCBQUEUED if it is completed here or later, with -EAGAIN if there are
 * KARENA_PARKED_MAX commands on the object; -EAGAIN to be issued again where it may sleep;
 * -ENOMEM.
 */
int karena_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      const struct karena_uring_request *request)
{
	bool nowait = issue_flags & IO_URING_F_NONBLOCK;
	size_t request_bytes = karena_uring_request_bytes(request);
	struct karena_object *object = request->call.object;
	struct parked *parked;

	if (!atomic_add_unless(&object->nr_parked, 1, KARENA_PARKED_MAX)) {
		karena_uring_done(cmd, -EAGAIN, 0, issue_flags);
		return -EIOCBQUEUED;
	}
	parked = kzalloc(offsetof(struct parked, request) + request_bytes,
			 nowait ? KARENA_GFP_NOWAIT : KARENA_GFP);
	if (!parked) {
		atomic_dec(&object->nr_parked);
		return nowait ? -EAGAIN : -ENOMEM;
	}
	parked->cmd = cmd;
	memcpy(&parked->request, request, request_bytes);
	parked->cqe32 = issue_flags & IO_URING_F_CQE32;
	atomic_set(&parked->kicks, 1);
	karena_waiter_init(&parked->waiter, &request->call, parked_woken);
	karena_hrtimer_setup(&parked->timer, parked_late, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	*(struct parked **)cmd->pdu = parked;

	io_uring_cmd_mark_cancelable(cmd, issue_flags);
	add_wait_queue(request->call.queue, &parked->waiter.entry);
	/* A multishot command cannot post completions in a worker. */
	if (request->call.multishot && issue_flags & IO_URING_F_UNLOCKED)
		io_uring_cmd_complete_in_task(cmd, task_work);
	else
		execute_parked(parked, issue_flags);
	return -EIOCBQUEUED;
}

/**
 * karena_uring_unpark() - cancel a parked command for io_uring
 * @cmd:	a parked command; the caller keeps it from completing
 *
 * Context: any.
 */
void karena_uring_unpark(struct io_uring_cmd *cmd)
{
	struct parked *parked = parked_of(cmd);

	WRITE_ONCE(parked->waiter.cancelled, true);
	kick_parked(parked);
}
