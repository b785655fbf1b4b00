// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Consumes two rings, into which children send, by one edge-triggered epoll. */
#include <err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <karena.h>

#define RINGS	2
#define EACH	1000

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static void produce(const struct karena_ring *ring)
{
	for (int i = 0; i < EACH; i++)
		check(karena_ring_output_wait(ring, &i, sizeof(i), 0, 0));
	_exit(0);
}

/* Takes records until none is there, so that the next one makes another event. */
static long take_all(struct karena_ring *ring)
{
	struct karena_record records[64];
	long sum = 0;
	int nr;

	while ((nr = check(karena_ring_take(ring, records, 64)))) {
		for (int i = 0; i < nr; i++)
			sum += *(const int *)records[i].data;
		karena_ring_release(ring);
	}
	return sum;
}

int main(void)
{
	struct karena_ring *rings[RINGS];
	struct karena_device *device;
	long sum = 0, wanted = (long)RINGS * EACH * (EACH - 1) / 2;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	check(karena_open(NULL, &device));
	for (int i = 0; i < RINGS; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET };

		check(karena_ring_create(device, 4096 * 16, NULL, &rings[i]));
		event.data.ptr = rings[i];
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, karena_ring_fd(rings[i]), &event))
			err(1, "epoll_ctl");
		if (!fork())
			produce(rings[i]);
	}
	while (sum < wanted) {
		struct epoll_event events[RINGS];
		int nr = epoll_wait(epoll, events, RINGS, -1);

		for (int i = 0; i < nr; i++)
			sum += take_all(events[i].data.ptr);
	}
	printf("%ld\n", sum);
	return 0;
}
