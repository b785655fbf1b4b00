// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring commands that wait, without a thread that sleeps.
 *
 * The operation has said what wakes it. The command is put onto that queue, and
 * is executed again, by task work, whenever the queue is woken or its time is over.
 * What io_uring takes back, since it or the task goes, and what its user does, by
 * another call, ends with ECANCELED. A multishot command gives each answer by a
 * completion of its own and waits on.
 *
 * Whoever kicks a parked command counts up; the one that finds nothing counted becomes
 * the runner. The runner executes the command, subtracts what was counted before that,
 * and repeats this until nothing is left; then it touches the command no more. So there
 * is one runner at a time, in whichever context, and no kick is lost. The first runner
 * is the one that parks the command.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "compat_uring.h"
#include "pages.h"
#include "uring.h"
#include "waiter.h"

/**
 * struct parked - a command that waits
 * @cmd:	the command, which points back
 * @cqe32:	flag of its issue: the completion has room for the result
 * @kicks:	see above
 * @waiter:	on @request.call.queue; io_uring, too, says by it that it wants it back
 * @timer:	at @until
 * @until:	@request.call.until, when it was last looked at; the runner's
 * @request:	what is executed; the runner's. Comes last: only what is in use is there
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

/* In the task, or when that has died, in a thread of the kernel's, without its memory. */
static long parked_outcome(struct parked *parked, unsigned int issue_flags)
{
	if (READ_ONCE(parked->waiter.cancelled) || current->flags & PF_KTHREAD)
		return -ECANCELED;
	return karena_uring_execute(parked->cmd, issue_flags, &parked->request);
}

/* The timer and the queue are let go first, then the canceller, by the completion. */
static void end_parked(struct parked *parked, long ret, unsigned int issue_flags)
{
	remove_wait_queue(parked->request.call.queue, &parked->waiter.entry);
	hrtimer_cancel(&parked->timer);
	karena_uring_done(parked->cmd, ret, parked->request.call.result,
			  issue_flags | parked->cqe32);
	kfree(parked);
}

/* Is there more to wait for after this answer? */
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
	hrtimer_start(&parked->timer, parked->until, HRTIMER_MODE_ABS);
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

/* In any context but NMI. */
static void kick_parked(struct parked *parked)
{
	/* Fully ordered. Pairs with the subtraction in execute_parked(). */
	if (atomic_inc_return(&parked->kicks) == 1)
		io_uring_cmd_complete_in_task(parked->cmd, task_work);
}

static void parked_woken(struct karena_waiter *waiter)
{
	kick_parked(container_of(waiter, struct parked, waiter));
}

static enum hrtimer_restart parked_late(struct hrtimer *timer)
{
	kick_parked(container_of(timer, struct parked, timer));
	return HRTIMER_NORESTART;
}

/**
 * karena_uring_park() - let a command wait
 * @cmd:	the command
 * @issue_flags: of its issue
 * @request:	was executed, and said what it waits for
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EIOCBQUEUED: it completes or has completed; -EAGAIN: issue again where
 * it may sleep; -ENOMEM.
 */
int karena_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      const struct karena_uring_request *request)
{
	bool nowait = issue_flags & IO_URING_F_NONBLOCK;
	size_t request_bytes = karena_uring_request_bytes(request);
	struct parked *parked;

	parked = kzalloc(offsetof(struct parked, request) + request_bytes,
			 nowait ? GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN : KARENA_GFP);
	if (!parked)
		return nowait ? -EAGAIN : -ENOMEM;
	parked->cmd = cmd;
	memcpy(&parked->request, request, request_bytes);
	parked->cqe32 = issue_flags & IO_URING_F_CQE32;
	atomic_set(&parked->kicks, 1);
	karena_waiter_init(&parked->waiter, &request->call, parked_woken);
	karena_hrtimer_setup(&parked->timer, parked_late, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	*(struct parked **)cmd->pdu = parked;

	io_uring_cmd_mark_cancelable(cmd, issue_flags);
	add_wait_queue(request->call.queue, &parked->waiter.entry);
	/* In a worker nothing that goes on can complete. */
	if (request->call.multishot && issue_flags & IO_URING_F_UNLOCKED)
		io_uring_cmd_complete_in_task(cmd, task_work);
	else
		execute_parked(parked, issue_flags);
	return -EIOCBQUEUED;
}

/**
 * karena_uring_unpark() - io_uring takes a command back
 * @cmd:	parked, held from completing by the caller
 *
 * Context: any.
 */
void karena_uring_unpark(struct io_uring_cmd *cmd)
{
	struct parked *parked = parked_of(cmd);

	WRITE_ONCE(parked->waiter.cancelled, true);
	kick_parked(parked);
}
