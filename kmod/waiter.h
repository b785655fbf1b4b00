/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiters for the answer to a call: threads that sleep, or io_uring commands that are
 * parked. They can be found on their queue and cancelled.
 */
#ifndef KARENA_WAITER_H
#define KARENA_WAITER_H

#include <linux/ktime.h>
#include <linux/types.h>
#include <linux/wait.h>

struct file;
struct karena_call;

/**
 * struct karena_waiter - a waiter for the answer to a call
 * @entry:	on the queue that wakes it
 * @wake:	wakes the waiter, with the wake-up's flags or 0; in any context but NMI, with
 *		the queue's lock held
 * @file:	open file that the call was made on; NULL: nobody cancels it; fixed
 * @token:	token of the call; fixed
 * @cancelled:	the wait was cancelled; @wake is called after this is set
 */
struct karena_waiter {
	struct wait_queue_entry entry;
	void (*wake)(struct karena_waiter *waiter, int flags);
	const struct file *file;
	u64 token;
	bool cancelled;
};

void karena_waiter_init(struct karena_waiter *waiter, const struct karena_call *call,
			void (*wake)(struct karena_waiter *waiter, int flags));
void karena_waiter_init_current(struct karena_waiter *waiter, const struct karena_call *call);
void karena_waiter_sleep(struct karena_waiter *waiter, ktime_t until);
long karena_waiters_cancel(struct wait_queue_head *queue, const struct file *file,
			   const u64 *token);

#endif /* KARENA_WAITER_H */
