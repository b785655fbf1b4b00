// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "ring_waiter.h"

int epoll_new(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	must(epoll >= 0);
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	return epoll;
}

uint32_t epoll_events(int epoll, int ms)
{
	struct epoll_event event = { 0 };
	int ret = epoll_wait(epoll, &event, 1, ms);

	must(ret >= 0);
	return ret ? event.events : 0;
}

bool take(struct waiter *waiter)
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

long long times_asleep(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return file_number(path, "voluntary_ctxt_switches:");
}

int output_within(int fd, const void *data, uint64_t bytes, uint32_t timeout_us)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)data,
		.buffer_bytes = bytes,
		.timeout_us = timeout_us,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT, &args);
}

void fill_with_records_of_16(const struct ring *ring)
{
	while (produced(ring) != ring->header->data_bytes)
		must(ring_output(ring->fd, "filled", 8, 0) == 0);
}
