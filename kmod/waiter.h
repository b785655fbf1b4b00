/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Those who wait for the answer to a call, be it a thread that sleeps or a command of
 * io_uring that is parked, so that they can be found on the queue and cancelled.
 */
#ifndef KARENA_WAITER_H
#define KARENA_WAITER_H

#include <linux/types.h>
#include <linux/wait.h>

struct file;
struct karena_call;

/**
 * struct karena_waiter - one of them
 * @entry:	on the queue of what it waits for
 * @wake:	in any context but NMI, with that queue's lock held
 * @file:	by which the call came; fixed
 * @token:	of the call; fixed
 * @cancelled:	cancelled, and woken afterwards
 */
struct karena_waiter {
	struct wait_queue_entry entry;
	void (*wake)(struct karena_waiter *waiter);
	const struct file *file;
	u64 token;
	bool cancelled;
};

void karena_waiter_init(struct karena_waiter *waiter, const struct karena_call *call,
			void (*wake)(struct karena_waiter *waiter));
void karena_waiter_sleeps(struct karena_waiter *waiter, const struct karena_call *call);
long karena_waiters_cancel(struct wait_queue_head *queue, const struct file *file,
			   const u64 *token);

#endif /* KARENA_WAITER_H */
