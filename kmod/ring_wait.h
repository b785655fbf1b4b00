/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for records and for space: poll(), RING_WAIT, a read() that blocks, and calls with
 * KARENA_RING_WAIT_SPACE. ring_wake.h declares what wakes the waiters.
 */
#ifndef KARENA_RING_WAIT_H
#define KARENA_RING_WAIT_H

#include <linux/poll.h>
#include <linux/types.h>

struct karena_call;
struct karena_ring;

/**
 * struct ring_attempt - tries to reserve or send records for which there may be no space
 * @run:	tries once. Returns -EAGAIN if there is no space just now, with nothing changed
 *		and no loss counted. While other threads wait for the caller's turn to end, @run
 *		is called with page faults disabled; if it returns -EFAULT, it is called again
 *		with page faults enabled
 * @bytes:	number of bytes that the records take in the ring; 0: @run sets it
 * @nr:		number of records, which are lost if the caller does not wait, or gives up
 * @payload:	number of payload bytes of these records
 */
struct ring_attempt {
	long (*run)(struct ring_attempt *attempt);
	u32 bytes;
	unsigned int nr;
	u64 payload;
};

bool ring_timeout_valid(u32 flags, u32 timeout_us);
long ring_attempt(struct karena_ring *ring, struct karena_call *call,
		  struct ring_attempt *attempt, u32 flags, u32 timeout_us);

int ring_wait_record(struct karena_ring *ring);
__poll_t ring_poll(struct file *file, struct poll_table_struct *table);
long ring_op_wait(struct karena_call *call, void *args);
long ring_op_wait_cancel(struct karena_call *call, void *args);

#endif /* KARENA_RING_WAIT_H */
