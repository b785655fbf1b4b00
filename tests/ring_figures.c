// SPDX-License-Identifier: GPL-2.0-only
/*
 * Figures of a ring beyond its counters: how full it has been, how long something has
 * been unread, what was lost in bytes.
 */
#define _GNU_SOURCE
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"
#include "ring_util.h"

/* The kernel's fast clock may differ by a little from the one that sleeps. */
#define SLACK_US	1000
#define SLEEP_US	30000
#define SLEPT_US	(SLEEP_US - SLACK_US)

static uint64_t now_us(void)
{
	struct timespec now;

	must(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

FIXTURE(figures)
{
	struct ring ring;
	int fd;
	struct karena_ring_consumer *consumer;
};

FIXTURE_SETUP(figures)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
}

FIXTURE_TEARDOWN(figures)
{
	ring_close(&self->ring);
}

TEST_F(figures, fill_is_the_most_that_was_met)
{
	static const char data[1000];

	EXPECT_EQ(0, ring_stat(self->fd).out_fill_most);
	must(ring_output(self->fd, data, 1000, 0) == 0);
	must(ring_output(self->fd, data, 1000, 0) == 0);
	EXPECT_EQ(2016, ring_stat(self->fd).out_fill_most);
	consume_to(self->consumer, 2016);
	must(ring_output(self->fd, data, 1000, 0) == 0);
	EXPECT_EQ(2016, ring_stat(self->fd).out_fill_most);
}

/* Nobody looked between the refusal and the consumer's having read all. */
TEST_F(figures, fill_is_known_of_a_ring_that_refused)
{
	static const char data[1000];
	uint64_t most = page_size / 1008 * 1008;

	for (uint64_t at = 0; at < most; at += 1008)
		must(ring_output(self->fd, data, 1000, 0) == 0);
	must(ring_output(self->fd, data, 1000, 0) == -EAGAIN);
	consume_to(self->consumer, most);
	EXPECT_EQ(most, ring_stat(self->fd).out_fill_most);
	must(ring_output(self->fd, data, 1000, 0) == 0);
	consume_to(self->consumer, most + 1008);
	EXPECT_EQ(most, ring_stat(self->fd).out_fill_most);
}

/* A forged position is none: neither ahead of the producer nor a ring behind. */
TEST_F(figures, fill_is_never_more_than_the_ring)
{
	must(ring_output(self->fd, "x", 1, 0) == 0);
	consume_to(self->consumer, 1ull << 40);
	EXPECT_EQ(16, ring_stat(self->fd).out_fill_most);
	consume_to(self->consumer, -1ull << 20);
	EXPECT_EQ(16, ring_stat(self->fd).out_fill_most);
}

TEST_F(figures, unread_is_counted_from_the_first_look)
{
	struct karena_ring_stat stat;
	uint64_t before;

	EXPECT_EQ(0, ring_stat(self->fd).out_unread_us);
	must(ring_output(self->fd, "x", 1, 0) == 0);
	ring_stat(self->fd);
	usleep(SLEEP_US);
	must(ring_output(self->fd, "y", 1, 0) == 0);
	EXPECT_LE(SLEPT_US, ring_stat(self->fd).out_unread_us);
	/* The second one came after that look; the next is the first to meet it. */
	consume_to(self->consumer, 16);
	before = now_us();
	stat = ring_stat(self->fd);
	EXPECT_LE(stat.out_unread_us, now_us() - before + SLACK_US);
	consume_to(self->consumer, 32);
	EXPECT_EQ(0, ring_stat(self->fd).out_unread_us);
}

/* Whoever was woken and does not come has something unread since then. */
TEST_F(figures, wakeup_is_a_look)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	must(ring_output(self->fd, "x", 1, 0) == 0);
	usleep(SLEEP_US);
	EXPECT_LE(SLEPT_US, ring_stat(self->fd).out_unread_us);
	close(epoll);
}

/* Those that were submitted, by whichever way they go out. */
TEST_F(figures, records_read_are_counted)
{
	char buffer[64];
	uint64_t position;

	must(ring_output(self->fd, "x", 1, 0) == 0);
	must(ring_reserve(self->fd, 1, &position) == 0);
	must(ring_discard(self->fd, position) == 0);
	must(ring_output(self->fd, "y", 1, 0) == 0);
	must(ring_output(self->fd, "z", 1, 0) == 0);
	EXPECT_EQ(0, ring_stat(self->fd).out_read);
	consume_to(self->consumer, 48);
	EXPECT_EQ(2, ring_stat(self->fd).out_read);
	EXPECT_EQ(16, read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(3, ring_stat(self->fd).out_read);
	EXPECT_EQ(4, ring_stat(self->fd).out_records);
	EXPECT_EQ(64, ring_stat(self->fd).out_consumer_position);
}

TEST_F(figures, bytes_are_lost_with_the_dead)
{
	struct karena_ring_stat stat;
	pid_t child = fork();

	if (!child) {
		must(ring_reserve(self->fd, 100, NULL) == 0);
		must(ring_reserve(self->fd, 11, NULL) == 0);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	/* Whoever looks at a process may keep its memory for a little longer. */
	do {
		stat = ring_stat(self->fd);
	} while (stat.out_lost_dead < 2 && !usleep(1000));
	EXPECT_EQ(2, stat.out_lost_dead);
	EXPECT_EQ(111, stat.out_lost_dead_bytes);
	EXPECT_EQ(111, self->ring.producer->lost_dead_bytes);
	EXPECT_EQ(-ENOSPC, ring_reserve(self->fd, page_size, NULL));
	EXPECT_EQ(page_size, self->ring.producer->lost_too_big_bytes);
}

TEST_HARNESS_MAIN
