// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those who wait for the answer to a call, and their end before it comes. They are
 * distinguished by their function from others on the queue, such as ->poll's.
 */
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "call.h"
#include "waiter.h"

static int waiter_woken(struct wait_queue_entry *entry, unsigned int mode, int sync, void *key)
{
	struct karena_waiter *waiter = container_of(entry, struct karena_waiter, entry);

	waiter->wake(waiter);
	return 0;
}

static void wake_sleeper(struct karena_waiter *waiter)
{
	woken_wake_function(&waiter->entry, TASK_NORMAL, 0, NULL);
}

/**
 * karena_waiter_init() - somebody is about to wait
 * @waiter:	goes onto a queue next
 * @call:	what for
 * @wake:	see struct karena_waiter
 *
 * Context: any.
 */
void karena_waiter_init(struct karena_waiter *waiter, const struct karena_call *call,
			void (*wake)(struct karena_waiter *waiter))
{
	init_waitqueue_func_entry(&waiter->entry, waiter_woken);
	waiter->wake = wake;
	waiter->file = call->file;
	waiter->token = call->token;
	waiter->cancelled = false;
}

/**
 * karena_waiter_sleeps() - the caller is about to, by wait_woken()
 * @waiter:	as above
 * @call:	as above
 *
 * Context: process.
 */
void karena_waiter_sleeps(struct karena_waiter *waiter, const struct karena_call *call)
{
	karena_waiter_init(waiter, call, wake_sleeper);
	waiter->entry.private = current;
}

/* Those who are looking meanwhile see it before they sleep, as they are woken after. */
static bool waiter_cancel(struct karena_waiter *waiter)
{
	if (waiter->cancelled)
		return false;
	WRITE_ONCE(waiter->cancelled, true);
	waiter->wake(waiter);
	return true;
}

/**
 * karena_waiters_cancel() - cancel waits
 * @queue:	on which they are
 * @file:	by which their calls came
 * @token:	of their calls; NULL: any
 *
 * Context: any but NMI.
 * Return: how many had not been cancelled before.
 */
long karena_waiters_cancel(struct wait_queue_head *queue, const struct file *file,
			   const u64 *token)
{
	struct karena_waiter *waiter;
	unsigned long flags;
	long nr = 0;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry(waiter, &queue->head, entry.entry) {
		if (waiter->entry.func != waiter_woken || waiter->file != file)
			continue;
		if (!token || waiter->token == *token)
			nr += waiter_cancel(waiter);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return nr;
}
