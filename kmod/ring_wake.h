/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waking, the lower half of waiting. Those who wait for records and those who wait for
 * space are on queues of their own. The protocols are explained in ring_wake.c.
 */
#ifndef KARENA_RING_WAKE_H
#define KARENA_RING_WAKE_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/poll.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "waiter.h"

struct karena_call;
struct karena_ring;

#define RING_POLL_RECORD	(EPOLLIN | EPOLLRDNORM)
#define RING_POLL_SPACE		(EPOLLOUT | EPOLLWRNORM)

/* Of @armed; see ended(). */
#define RING_ARMED		KARENA_RING_FORCE_WAKEUP

/**
 * struct ring_policy - which records wake
 * @holds:	some wake-ups are held back; written under ring->party_lock, as are the
 *		next three, read by producers without
 * @bytes:	enough to wake, 0: any number is not
 * @records:	likewise
 * @delay_us:	for so long at most; 0: no limit
 * @held:	records that were finished since the last wake-up and were no reason for one
 * @delaying:	@timer is going to run, and to wake; not a bool, which not each architecture
 *		can exchange
 * @timer:	ends the delay
 * @start:	starts @timer where that cannot be done at once
 */
struct ring_policy {
	bool holds;
	u32 bytes;
	u32 records;
	u32 delay_us;
	atomic_t held;
	unsigned int delaying;
	struct hrtimer timer;
	struct irq_work start;
};

/**
 * struct ring_space - those who wait for space
 * @wait:	pollers, and calls that nobody can rely on to come soon: all are woken when
 *		@wanted bytes are free
 * @turns:	threads that sleep in a call, in the order in which they came. Its lock
 *		protects the rest, and writing of @space_wanted of the producer page
 * @granted:	bytes that threads of @turns need which were woken, and have not tried yet
 * @wanted:	the fewest bytes that anybody on @wait waits for, 0: nobody does
 * @work:	wakes where that cannot be done at once
 */
struct ring_space {
	wait_queue_head_t wait;
	wait_queue_head_t turns;
	u64 granted;
	u64 wanted;
	struct irq_work work;
};

/**
 * struct ring_turn - a thread on @turns of struct ring_space
 * @waiter:	the thread
 * @bytes:	of space that it needs
 * @granted:	it was woken for its turn; written under the lock of @turns
 */
struct ring_turn {
	struct karena_waiter waiter;
	u64 bytes;
	bool granted;
};

void ring_wake_init(struct karena_ring *ring);
void ring_wake_fini(struct karena_ring *ring);
void ring_arm(struct karena_ring *ring);
void ring_wake(struct karena_ring *ring, u32 flags, unsigned int nr);
void ring_wake_end(struct karena_ring *ring);
void ring_mix_queues(struct karena_ring *ring);

void ring_tell_space(struct karena_ring *ring);
void ring_want_bytes(struct karena_ring *ring, u64 bytes);
void ring_want_half(struct karena_ring *ring);
u64 ring_half(const struct karena_ring *ring);

long ring_op_policy(struct karena_call *call, void *args);
long ring_op_flush(struct karena_call *call, void *args);

void ring_turn_begin(struct karena_ring *ring, struct ring_turn *turn);
void ring_turn_end(struct karena_ring *ring, struct ring_turn *turn);
void ring_turn_return(struct karena_ring *ring, struct ring_turn *turn, u64 bytes);

#endif /* KARENA_RING_WAKE_H */
