/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A consumer that waits.
 */
#ifndef RING_WAITER_H
#define RING_WAITER_H

#include <pthread.h>

#include "ring_util.h"

static inline int epoll_new(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	must(epoll >= 0);
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	return epoll;
}

/* The events, or 0 after @ms. */
static inline uint32_t epoll_events(int epoll, int ms)
{
	struct epoll_event event = { 0 };
	int ret = epoll_wait(epoll, &event, 1, ms);

	must(ret >= 0);
	return ret ? event.events : 0;
}

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
static inline bool take(struct waiter *waiter)
{
	bool any = false;

	while (waiter->at != produced(&waiter->in)) {
		uint32_t word = word_at(&waiter->in, waiter->at);

		if (word & KARENA_RECORD_BUSY)
			break;
		waiter->at += record_size(word);
		consume_to(waiter->consumer, waiter->at);
		any = true;
	}
	return any;
}

#endif /* RING_WAITER_H */
