// SPDX-License-Identifier: MIT
/*
 * pipeline PRODUCERS NUMBERS: PRODUCERS processes send NUMBERS numbers each, over RINGS
 * rings. A worker waits for all of these rings by one epoll, and sends the square of each
 * number through one more ring to the first process, which adds them up.
 *
 * Each ring ends with its last producer, so the end goes through the pipeline as the
 * records do, also if a process dies. Nobody must hold the producers' handle of a ring
 * without producing, or the ring would not end.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

#define RINGS	3

/**
 * struct channel - a ring that ends
 * @in:		handle that can produce, and nothing else
 * @out:	handle that can consume, and nothing else
 */
struct channel {
	struct karena_ring *in;
	struct karena_ring *out;
};

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static struct channel make_channel(const struct karena_device *device)
{
	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
	struct channel channel;

	opts.flags = KARENA_RING_F_END;
	check(karena_ring_create(device, 65536, &opts, &channel.out));
	check(karena_ring_reopen(channel.out, KARENA_RIGHT_PRODUCE, &channel.in));
	check(karena_ring_restrict(channel.out, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME));
	return channel;
}

static void produce(const struct karena_ring *ring, int numbers)
{
	for (uint64_t i = 1; i <= (uint64_t)numbers; i++)
		check(karena_ring_output_wait(ring, &i, sizeof(i), 0, 0));
	_exit(0);
}

static int send_square(void *context, const void *data, size_t length)
{
	uint64_t number = *(const uint64_t *)data;

	if (length != sizeof(number))
		return -EBADMSG;
	number *= number;
	return karena_ring_output_wait(context, &number, sizeof(number), 0, 0);
}

/* Ends when all of the rings have. */
static void work(struct channel *channels, struct karena_ring *squares)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), open = RINGS;

	if (epoll < 0)
		err(1, "epoll_create1");
	for (int i = 0; i < RINGS; i++) {
		struct epoll_event event = { .events = EPOLLIN };

		karena_ring_close(channels[i].in);
		event.data.ptr = channels[i].out;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, karena_ring_fd(channels[i].out), &event))
			err(1, "epoll_ctl");
	}
	while (open) {
		struct epoll_event event;
		struct karena_ring *ring;

		if (epoll_wait(epoll, &event, 1, -1) < 0)
			err(1, "epoll_wait");
		ring = event.data.ptr;
		if (check(karena_ring_consume(ring, send_square, squares, 0)) ||
		    !(event.events & EPOLLHUP))
			continue;
		epoll_ctl(epoll, EPOLL_CTL_DEL, karena_ring_fd(ring), NULL);
		open--;
	}
	_exit(0);
}

static int add(void *context, const void *data, size_t length)
{
	(void)length;
	*(uint64_t *)context += *(const uint64_t *)data;
	return 0;
}

static uint64_t add_all(struct karena_ring *ring)
{
	uint64_t sum = 0;
	int events, taken;

	do {
		events = check(karena_ring_wait(ring, POLLIN, -1));
		taken = check(karena_ring_consume(ring, add, &sum, 0));
	} while (taken || !(events & POLLHUP));
	return sum;
}

int main(int argc, char **argv)
{
	int producers = argc == 3 ? atoi(argv[1]) : 0, numbers = argc == 3 ? atoi(argv[2]) : 0;
	struct channel channels[RINGS], squares;
	struct karena_device *device;

	if (producers < 1 || numbers < 1)
		errx(1, "usage: pipeline PRODUCERS NUMBERS");
	check(karena_open(NULL, &device));
	for (int i = 0; i < RINGS; i++)
		channels[i] = make_channel(device);
	for (int i = 0; i < producers; i++)
		if (!fork())
			produce(channels[i % RINGS].in, numbers);
	squares = make_channel(device);
	if (!fork())
		work(channels, squares.in);
	for (int i = 0; i < RINGS; i++) {
		karena_ring_close(channels[i].in);
		karena_ring_close(channels[i].out);
	}
	karena_ring_close(squares.in);
	printf("%llu\n", (unsigned long long)add_all(squares.out));
	while (wait(NULL) > 0)
		;
	karena_ring_close(squares.out);
	karena_close(device);
	return 0;
}
