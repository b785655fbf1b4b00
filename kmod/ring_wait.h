/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting, for records and for space: poll(), WAIT, a read() that blocks, and calls with
 * KARENA_RING_WAIT_SPACE. Who wakes them is in ring_wake.h.
 */
#ifndef KARENA_RING_WAIT_H
#define KARENA_RING_WAIT_H

#include <linux/poll.h>
#include <linux/types.h>

struct karena_call;
struct karena_ring;

/**
 * struct ring_attempt - to reserve or to send what there may be no space for
 * @run:	tries; -EAGAIN: no space just now, nothing changed, no loss counted. While
 *		others wait for it, it is called with page faults disabled; -EFAULT then has
 *		it called again with page faults
 * @bytes:	of space that it takes; 0: @run sets it
 * @nr:		records that are lost if it must not wait, or no longer
 * @payload:	their payload bytes
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
