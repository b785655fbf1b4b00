// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for records and for space: nobody sleeps while there is what he waits for.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "ring_waiter.h"

FIXTURE(ring)
{
	struct ring ring;
	int fd;
};

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
}

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

TEST_F(ring, poll_says_what_is_the_case)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	uint64_t position;

	ASSERT_NE(NULL, consumer);
	EXPECT_EQ(POLLOUT, poll_now(self->fd));
	ASSERT_EQ(0, ring_reserve(self->fd, page_size / 2 - HEADER_BYTES, &position));
	EXPECT_EQ(POLLOUT, poll_now(self->fd));
	ASSERT_EQ(0, ring_submit(self->fd, position));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->fd));
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	consume_to(consumer, page_size / 2);
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->fd));
	consume_to(consumer, page_size / 2 + 16);
	EXPECT_EQ(POLLOUT, poll_now(self->fd));
}

TEST_F(ring, edge_triggered_epoll_tells_once_and_again)
{
	int epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);

	EXPECT_EQ(0, epoll_events(epoll, 0));
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	EXPECT_EQ(EPOLLIN, epoll_events(epoll, 0));
	EXPECT_EQ(0, epoll_events(epoll, 0));
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	EXPECT_EQ(EPOLLIN, epoll_events(epoll, 0));
	EXPECT_EQ(0, epoll_events(epoll, 0));
	close(epoll);
}

/* The record behind an open one wakes when the open one is finished. */
TEST_F(ring, record_behind_an_open_one_wakes)
{
	int epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	uint64_t first;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &first));
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	EXPECT_EQ(0, epoll_events(epoll, 0));
	ASSERT_EQ(0, ring_submit(self->fd, first));
	EXPECT_EQ(EPOLLIN, epoll_events(epoll, HUNG_MS));
	close(epoll);
}

TEST_F(ring, discarded_record_wakes)
{
	int epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	uint64_t first;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &first));
	EXPECT_EQ(0, epoll_events(epoll, 0));
	ASSERT_EQ(0, ring_discard(self->fd, first));
	EXPECT_EQ(EPOLLIN, epoll_events(epoll, HUNG_MS));
	close(epoll);
}

/* A child that says 1 when it waits and 2 when it was woken. */
static pid_t sleep_for(int fd, short events, int *flag)
{
	pid_t pid = fork_child();

	if (!pid) {
		struct pollfd pollfd = { .fd = fd, .events = events };

		set_flag(flag, 1);
		must(poll(&pollfd, 1, -1) == 1);
		must(pollfd.revents & events);
		set_flag(flag, 2);
		_exit(0);
	}
	wait_until(flag, 1);
	wait_until_asleep(pid);
	return pid;
}

TEST_F(ring, no_wakeup_leaves_them_asleep_until_the_next)
{
	int *flag = shared_memory(page_size);
	pid_t pid = sleep_for(self->fd, POLLIN, flag);
	uint64_t position;

	ASSERT_EQ(0, ring_output(self->fd, "x", 1, KARENA_RING_NO_WAKEUP));
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	ASSERT_EQ(0, ring_finish(self->fd, KARENA_IOC_RING_SUBMIT, position,
				 KARENA_RING_NO_WAKEUP));
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	ASSERT_EQ(0, ring_finish(self->fd, KARENA_IOC_RING_DISCARD, position,
				 KARENA_RING_NO_WAKEUP));
	pause_ms(100);
	EXPECT_EQ(1, get_flag(flag));
	EXPECT_EQ(0, ring_stat(self->fd).out_wakeups);
	ASSERT_EQ(0, ring_output(self->fd, "x", 1, 0));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(1, ring_stat(self->fd).out_wakeups);
}

TEST_F(ring, force_wakes_who_was_told_already)
{
	int epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	uint64_t wakeups;

	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	wakeups = ring_stat(self->fd).out_wakeups;
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	EXPECT_EQ(wakeups, ring_stat(self->fd).out_wakeups);
	ASSERT_EQ(0, ring_output(self->fd, "x", 1, KARENA_RING_FORCE_WAKEUP));
	EXPECT_EQ(wakeups + 1, ring_stat(self->fd).out_wakeups);
	close(epoll);
}

static void fill_up(int fd)
{
	char payload[120] = "";

	while (ring_write(fd, payload, sizeof(payload)) > 0)
		;
}

TEST_F(ring, read_wakes_producers_that_wait_for_space)
{
	int *flag = shared_memory(page_size);
	char got[256];
	uint64_t left;
	pid_t pid;

	fill_up(self->fd);
	pid = sleep_for(self->fd, POLLOUT, flag);
	while ((left = ring_stat(self->fd).out_available) > page_size / 2) {
		EXPECT_EQ(1, get_flag(flag));
		ASSERT_LT(0, ring_read(self->fd, got, sizeof(got)));
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ring, poll_of_the_consumer_wakes_producers_that_wait_for_space)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	int *flag = shared_memory(page_size);
	pid_t pid;

	ASSERT_NE(NULL, consumer);
	fill_up(self->fd);
	pid = sleep_for(self->fd, POLLOUT, flag);
	consume_to(consumer, produced(&self->ring));
	poll_now(self->fd);
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ring, edge_triggered_producer_is_woken_for_space_again)
{
	int epoll = epoll_new(self->fd, EPOLLOUT | EPOLLET);
	char got[4096];
	int i;

	EXPECT_EQ(EPOLLOUT, epoll_events(epoll, 0));
	for (i = 0; i < 100; i++) {
		fill_up(self->fd);
		EXPECT_EQ(0, epoll_events(epoll, 0));
		while (ring_stat(self->fd).out_available)
			ASSERT_LT(0, ring_read(self->fd, got, sizeof(got)));
		ASSERT_EQ(EPOLLOUT, epoll_events(epoll, HUNG_MS));
		EXPECT_EQ(0, epoll_events(epoll, 0));
	}
	close(epoll);
}

static int flush(int fd)
{
	struct karena_ring_flush args = { .size = sizeof(args) };

	return call(fd, KARENA_IOC_RING_FLUSH, &args);
}

/* Behind an open record nothing is there, so the consumer sleeps, and wakes in vain. */
TEST_F(ring, record_leaves_those_asleep_who_poll_for_space)
{
	struct karena_ring_consumer *page = ring_consumer(&self->ring);
	int *flag = shared_memory(page_size), *other = shared_memory(page_size);
	int own = ring_reopen(self->fd, KARENA_RIGHT_PRODUCE);
	long long asleep, consumer_asleep;
	pid_t producer, consumer;
	uint64_t position;

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, ring_reserve(self->fd, page_size / 4 * 3 - HEADER_BYTES, &position));
	/* One open file for both might have an epoll that changes its events. */
	producer = sleep_for(own, POLLOUT, flag);
	consumer = sleep_for(self->fd, POLLIN, other);
	asleep = times_asleep(producer);
	consumer_asleep = times_asleep(consumer);
	EXPECT_EQ(0, flush(self->fd));
	wait_until_asleep(consumer);
	EXPECT_EQ(0, ring_output(self->fd, "x", 1, KARENA_RING_FORCE_WAKEUP));
	wait_until_asleep(consumer);
	EXPECT_EQ(0, ring_output(self->fd, "x", 1, 0));
	wait_until_asleep(consumer);
	EXPECT_LE(consumer_asleep + 3, times_asleep(consumer));
	wait_until_asleep(producer);
	EXPECT_EQ(asleep, times_asleep(producer));
	ASSERT_EQ(0, ring_submit(self->fd, position));
	EXPECT_EQ(0, reap(consumer));
	consume_to(page, produced(&self->ring));
	ring_stat(self->fd);
	EXPECT_EQ(0, reap(producer));
	close(own);
}

TEST_F(ring, space_leaves_those_asleep_who_poll_for_records)
{
	int *flag = shared_memory(page_size);
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	uint64_t position;
	long long asleep;
	pid_t pid;

	ASSERT_NE(NULL, consumer);
	fill_up(self->fd);
	consume_to(consumer, produced(&self->ring));
	/* Open, so that there is no record to be had. */
	ASSERT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, &position));
	pid = sleep_for(self->fd, POLLIN, flag);
	asleep = times_asleep(pid);
	EXPECT_EQ(-EAGAIN, ring_reserve(self->fd, 8, NULL));
	/* Discarded and passed: all is free again. */
	ASSERT_EQ(0, ring_finish(self->fd, KARENA_IOC_RING_DISCARD, position,
				 KARENA_RING_NO_WAKEUP));
	consume_to(consumer, produced(&self->ring));
	ring_stat(self->fd);
	wait_until_asleep(pid);
	EXPECT_EQ(asleep, times_asleep(pid));
	ASSERT_EQ(0, ring_output(self->fd, "x", 1, 0));
	EXPECT_EQ(0, reap(pid));
}

static void change_events(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	must(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0);
}

/* epoll puts itself on queues only when a file is added. */
TEST_F(ring, epoll_whose_events_were_changed_is_woken_for_the_new_ones)
{
	int epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	char got[4096];

	fill_up(self->fd);
	change_events(epoll, self->fd, EPOLLOUT | EPOLLET);
	EXPECT_EQ(0, epoll_events(epoll, 0));
	while (ring_stat(self->fd).out_available)
		ASSERT_LT(0, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(EPOLLOUT, epoll_events(epoll, 0));
	close(epoll);

	epoll = epoll_new(self->fd, EPOLLOUT | EPOLLET);
	change_events(epoll, self->fd, EPOLLIN | EPOLLET);
	EXPECT_EQ(0, epoll_events(epoll, 0));
	ASSERT_EQ(0, ring_output(self->fd, "x", 1, 0));
	EXPECT_EQ(EPOLLIN, epoll_events(epoll, 0));
	close(epoll);
}

/* The consumer sleeps edge-triggered, so that nothing but its own look wakes. */
static void *drain_edge_triggered(void *arg)
{
	struct waiter *waiter = arg;

	while (waiter->at < waiter->rounds * 128) {
		must(epoll_events(waiter->epoll, HUNG_MS) & EPOLLIN);
		while (take(waiter)) {
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (__atomic_load_n(&waiter->in.producer->space_wanted, __ATOMIC_RELAXED) &&
			    produced(&waiter->in) - waiter->at <= page_size / 2)
				ring_stat(waiter->in.fd);
		}
	}
	return NULL;
}

TEST_F(ring, producer_and_consumer_who_sleep_do_not_meet_asleep)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLOUT };
	struct waiter waiter = {
		.in = self->ring,
		.consumer = ring_consumer(&self->ring),
		.rounds = scaled(2000),
	};
	char payload[120] = "";
	unsigned long i = 0;
	pthread_t thread;

	ASSERT_NE(NULL, waiter.consumer);
	waiter.epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	/* A consumer that keeps up would leave nothing to wait for. */
	while (ring_write(self->fd, payload, sizeof(payload)) > 0)
		i++;
	ASSERT_EQ(0, pthread_create(&thread, NULL, drain_edge_triggered, &waiter));
	while (i < waiter.rounds) {
		if (ring_write(self->fd, payload, sizeof(payload)) > 0)
			i++;
		else
			ASSERT_EQ(1, poll(&pollfd, 1, HUNG_MS));
	}
	pthread_join(thread, NULL);
	printf("# refused %llu times\n", (unsigned long long)ring_stat(self->fd).out_lost_full);
	close(waiter.epoll);
}

#define POLLERS 64

static void *poll_for_ever(void *arg)
{
	int fd = *(int *)arg;
	char got[16];

	for (;;)
		ring_read(fd, got, sizeof(got));
	return NULL;
}

/* Many wait in three ways; the process ends, and nothing is left behind. */
TEST_F(ring, waiters_end_with_their_process)
{
	pid_t pid = fork_child();

	if (!pid) {
		int fd = ring_new_fd(0, page_size);
		int epoll = epoll_new(fd, EPOLLIN);
		pthread_t thread;
		int i;

		for (i = 0; i < POLLERS / 2; i++)
			must(!pthread_create(&thread, NULL, poll_for_ever, &fd));
		for (i = 0; i < POLLERS / 2; i++) {
			pid_t child = fork();

			must(child >= 0);
			if (!child && i % 2)
				epoll_wait(epoll, &(struct epoll_event) { 0 }, 1, 300);
			else if (!child)
				poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, 300);
			if (!child)
				_exit(0);
		}
		pause_ms(100);
		close(fd);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	pause_ms(400);
}

TEST_HARNESS_MAIN
