/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A consumer that waits.
 */
#ifndef RING_WAITER_H
#define RING_WAITER_H

#include <pthread.h>

#include "ring_util.h"

int epoll_new(int fd, uint32_t events);

/* The events, or 0 after @ms. */
uint32_t epoll_events(int epoll, int ms);

struct waiter {
	int thread;
	struct ring in;
	int out_fd;
	struct karena_ring_consumer *consumer;
	uint64_t at;
	int epoll;
	unsigned long rounds;
	bool (*wait)(struct waiter *waiter);
};

/* Looks as a consumer does who uses no full barrier. */
bool take(struct waiter *waiter);

/* How often a process that waits has gone to sleep: it does so anew whenever it is woken. */
long long times_asleep(pid_t pid);

/* Sends by copy, and waits for space. */
int output_within(int fd, const void *data, uint64_t bytes, uint32_t timeout_us);

/* To the last byte, and nobody is refused. */
void fill_with_records_of_16(const struct ring *ring);

#endif /* RING_WAITER_H */
