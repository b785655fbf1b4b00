// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiters for the answer to a call, and their cancellation. Waiters are told from other
 * entries of the queue, such as those of ->poll, by their wake function.
 */
#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/spinlock.h>

#include "call.h"
#include "compat.h"
#include "waiter.h"

static int waiter_woken(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct karena_waiter *waiter = container_of(entry, struct karena_waiter, entry);

	waiter->wake(waiter, flags);
	return 0;
}

static void wake_sleeper(struct karena_waiter *waiter, int flags)
{
	woken_wake_function(&waiter->entry, TASK_NORMAL, flags, NULL);
}

/**
 * karena_waiter_init() - set up a waiter
 * @waiter:	the waiter, which the caller then adds to a queue
 * @call:	the call that waits; NULL: it cannot be cancelled
 * @wake:	see struct karena_waiter
 *
 * Context: any.
 */
void karena_waiter_init(struct karena_waiter *waiter, const struct karena_call *call,
			void (*wake)(struct karena_waiter *waiter, int flags))
{
	init_waitqueue_func_entry(&waiter->entry, waiter_woken);
	waiter->wake = wake;
	waiter->file = call ? call->file : NULL;
	waiter->token = call ? call->token : 0;
	waiter->cancelled = false;
}
EXPORT_SYMBOL_IF_KUNIT(karena_waiter_init);

/**
 * karena_waiter_init_current() - set up a waiter for the calling thread
 * @waiter:	the waiter, which the caller then adds to a queue
 * @call:	as for karena_waiter_init()
 *
 * Context: process.
 */
void karena_waiter_init_current(struct karena_waiter *waiter, const struct karena_call *call)
{
	karena_waiter_init(waiter, call, wake_sleeper);
	waiter->entry.private = current;
}

/* As poll() does; a realtime thread is not late. */
static u64 slack_ns(void)
{
	return rt_task(current) ? 0 : current->timer_slack_ns;
}

/**
 * karena_waiter_sleep() - sleep until woken, or a signal or the time comes
 * @waiter:	the calling thread's, on a queue
 * @until:	by CLOCK_MONOTONIC; 0: there is no limit
 *
 * Does not sleep if the waiter was woken since it last slept. As wait_woken(), whose limit
 * is in ticks.
 *
 * Context: process; may sleep.
 */
void karena_waiter_sleep(struct karena_waiter *waiter, ktime_t until)
{
	struct wait_queue_entry *entry = &waiter->entry;

	/* A full barrier; its partner is in the kernel's woken_wake_function(). */
	set_current_state(TASK_INTERRUPTIBLE);
	if (!(READ_ONCE(entry->flags) & WQ_FLAG_WOKEN))
		schedule_hrtimeout_range(until ? &until : NULL, slack_ns(), HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
	/* Before what the caller looks at. Pairs likewise. */
	smp_store_mb(entry->flags, entry->flags & ~WQ_FLAG_WOKEN);
}

/* Wakes after @cancelled is set, so that a waiter about to sleep sees the flag. */
static bool waiter_cancel(struct karena_waiter *waiter)
{
	if (waiter->cancelled)
		return false;
	WRITE_ONCE(waiter->cancelled, true);
	waiter->wake(waiter, 0);
	return true;
}

/**
 * karena_waiters_cancel() - cancel the waits of an open file
 * @queue:	queue of the waits
 * @file:	open file that the calls were made on
 * @token:	token of the calls to cancel; NULL: any
 *
 * Context: any but NMI.
 * Return: the number of waits that were not cancelled before.
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
