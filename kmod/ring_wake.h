/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waking, the lower half of waiting. Waiters for records and waiters for space are on
 * different queues. The comment at the top of ring_wake.c explains the protocols.
 */
#ifndef KARENA_RING_WAKE_H
#define KARENA_RING_WAKE_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/poll.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "waiter.h"

struct karena_ring;

#define RING_POLL_RECORD	(EPOLLIN | EPOLLRDNORM)
#define RING_POLL_SPACE		(EPOLLOUT | EPOLLWRNORM)

/* Value of @armed of struct karena_ring; ring_tell_many() says why it is this flag. */
#define RING_ARMED		KARENA_RING_FORCE_WAKEUP

/**
 * struct ring_policy - which records wake, and when
 * @holds:	the policy may hold wake-ups back. Written under ring->party_lock, as are the
 *		next three; producers read these four without it
 * @bytes:	wake when so many bytes are there; 0: never because of bytes
 * @records:	wake when so many records are held back; 0: never because of records
 * @delay_us:	hold a wake-up back for so long at most; 0: no limit
 * @held:	records finished since the last wake-up, none of which was a reason to wake
 * @delaying:	@timer is going to run, and to wake. Not a bool, which not each architecture
 *		can exchange
 * @timer:	ends the delay
 * @start:	starts @timer for callers in a context where they cannot
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
 * struct ring_space - waiters for space
 * @wait:	pollers, and calls that may not try soon after they are woken. All of them are
 *		woken when @wanted bytes are free
 * @turns:	threads that sleep in a call, in the order in which they came. The lock of
 *		@turns protects @granted, @wanted and the turns, and is held to write
 *		@space_wanted of the producer page
 * @granted:	bytes needed by those threads on @turns that were woken and have not tried yet
 * @wanted:	the fewest bytes that a waiter on @wait waits for; 0: there is none
 * @work:	wakes for callers in a context where they cannot
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
 * @bytes:	number of bytes that the thread needs
 * @granted:	the thread was woken for its turn; written under the lock of @turns
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

void ring_turn_begin(struct karena_ring *ring, struct ring_turn *turn);
void ring_turn_end(struct karena_ring *ring, struct ring_turn *turn);
void ring_turn_return(struct karena_ring *ring, struct ring_turn *turn, u64 bytes);

#endif /* KARENA_RING_WAKE_H */
