// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records handed to a consumer that waits, many times over: no wake-up is lost.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "ring_waiter.h"

/*
 * Hand-offs. Two threads throw a record to and fro over two rings; who has none
 * waits, in one way. Most are on one CPU, where the other is asleep for sure; the
 * rest on two, which takes an emulated machine far longer, but races.
 */
#define ROUNDS		5000
#define ROUNDS_APART	1000

static void choose_cpu(int thread, unsigned long round)
{
	if (round == 0)
		pin_to_cpu(0);
	if (round == scaled(ROUNDS - ROUNDS_APART))
		pin_to_cpu(thread);
}

static bool wait_poll(struct waiter *waiter)
{
	struct pollfd pollfd = { .fd = waiter->in.fd, .events = POLLIN };

	return poll(&pollfd, 1, HUNG_MS) == 1;
}

static bool wait_epoll(struct waiter *waiter)
{
	return epoll_events(waiter->epoll, HUNG_MS) & EPOLLIN;
}

static void *throw_to_and_fro(void *arg)
{
	struct waiter *waiter = arg;
	unsigned long i;

	for (i = 0; i < waiter->rounds; i++) {
		choose_cpu(waiter->thread, i);
		while (!take(waiter))
			must(waiter->wait(waiter));
		must(ring_write(waiter->out_fd, "ball", 4) == 4);
	}
	return NULL;
}

static void hand_off(bool (*wait)(struct waiter *), uint32_t epoll_flags)
{
	struct waiter waiters[2];
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++) {
		waiters[i] = (struct waiter) {
			.thread = i,
			.in = ring_new(0, page_size),
			.rounds = scaled(ROUNDS),
			.wait = wait,
		};
		waiters[i].consumer = ring_consumer(&waiters[i].in);
		must(waiters[i].consumer);
		waiters[i].epoll = epoll_new(waiters[i].in.fd, EPOLLIN | epoll_flags);
	}
	for (i = 0; i < 2; i++)
		waiters[i].out_fd = waiters[!i].in.fd;
	for (i = 0; i < 2; i++)
		must(!pthread_create(&threads[i], NULL, throw_to_and_fro, &waiters[i]));
	must(ring_write(waiters[0].in.fd, "ball", 4) == 4);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 2; i++) {
		close(waiters[i].epoll);
		munmap(waiters[i].consumer, page_size);
		ring_close(&waiters[i].in);
	}
}

TEST(poll_hand_offs_lose_no_wakeup)
{
	hand_off(wait_poll, 0);
}

TEST(epoll_level_hand_offs_lose_no_wakeup)
{
	hand_off(wait_epoll, 0);
}

TEST(epoll_edge_hand_offs_lose_no_wakeup)
{
	hand_off(wait_epoll, EPOLLET);
}

struct reader {
	int thread;
	int in_fd;
	int out_fd;
	unsigned long rounds;
};

static void *read_and_throw(void *arg)
{
	struct reader *reader = arg;
	unsigned long i;
	char got[16];

	for (i = 0; i < reader->rounds; i++) {
		choose_cpu(reader->thread, i);
		must(ring_read(reader->in_fd, got, sizeof(got)) == 16);
		must(ring_write(reader->out_fd, "ball", 4) == 4);
	}
	return NULL;
}

TEST(read_hand_offs_lose_no_wakeup)
{
	struct ring rings[2] = { ring_new(0, page_size), ring_new(0, page_size) };
	struct reader readers[2];
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		readers[i] = (struct reader) {
			.thread = i,
			.in_fd = rings[i].fd,
			.out_fd = rings[!i].fd,
			.rounds = scaled(ROUNDS),
		};
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_and_throw, &readers[i]));
	ASSERT_EQ(4, ring_write(rings[0].fd, "ball", 4));
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(scaled(ROUNDS), ring_stat(rings[0].fd).out_records - 1);
	for (i = 0; i < 2; i++)
		ring_close(&rings[i]);
}

/*
 * A stream: one sends as fast as it can, the other drains by edge-triggered epoll
 * and stores its position once per batch. A wake-up is due only when it had seen
 * all there was.
 */
static void *send_stream(void *arg)
{
	struct waiter *waiter = arg;
	unsigned long i = 0;

	while (i < waiter->rounds) {
		if (ring_write(waiter->in.fd, &i, sizeof(i)) > 0)
			i++;
		else
			sched_yield();
	}
	return NULL;
}

TEST(edge_triggered_stream_is_drained)
{
	struct waiter waiter = {
		.in = ring_new(0, page_size),
		.rounds = scaled(5000),
	};
	unsigned long expected = 0;
	pthread_t thread;

	waiter.consumer = ring_consumer(&waiter.in);
	ASSERT_NE(NULL, waiter.consumer);
	waiter.epoll = epoll_new(waiter.in.fd, EPOLLIN | EPOLLET);
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_stream, &waiter));
	while (expected < waiter.rounds) {
		ASSERT_NE(0, epoll_events(waiter.epoll, HUNG_MS) & EPOLLIN);
		while (waiter.at != produced(&waiter.in) &&
		       !(word_at(&waiter.in, waiter.at) & KARENA_RECORD_BUSY)) {
			ASSERT_EQ(expected, *(unsigned long *)payload_at(&waiter.in, waiter.at));
			expected++;
			waiter.at += 16;
		}
		consume_to(waiter.consumer, waiter.at);
	}
	pthread_join(thread, NULL);
	close(waiter.epoll);
	munmap(waiter.consumer, page_size);
	ring_close(&waiter.in);
}

TEST_HARNESS_MAIN
