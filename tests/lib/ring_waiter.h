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

#endif /* RING_WAITER_H */
