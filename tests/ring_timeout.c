// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers that live, and do not end what they have reserved, on a ring that passes
 * such reservations over.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <liburing.h>

#include "kselftest_harness.h"
#include "ring_timeout.h"
#include "ring_waiter.h"

#define TIMEOUT_US	20000
/* More than are passed over at once. */
#define MANY		200
#define BETWEEN		16

#define DISCARDED(length)	((length) | KARENA_RECORD_DISCARD)

FIXTURE(timeout)
{
	struct ring ring;
	int fd;
};

FIXTURE_SETUP(timeout)
{
	self->ring = ring_open(create_with_timeout(TIMEOUT_US, 0));
	self->fd = self->ring.fd;
}

FIXTURE_TEARDOWN(timeout)
{
	ring_close(&self->ring);
}

static void await_record(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	must(poll(&pollfd, 1, HUNG_MS) == 1);
}

/* A child that has reserved 8 bytes at position 0, and is stopped. */
static pid_t stopped_producer(int fd)
{
	uint64_t position;
	pid_t pid = fork_child();
	int status;

	if (!pid) {
		must(ring_reserve(fd, 8, &position) == 0);
		must(position == 0);
		raise(SIGSTOP);
		must(ring_submit(fd, position) == -ESTALE);
		must(ring_submit(fd, position) == -EINVAL);
		_exit(0);
	}
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	return pid;
}

/* All that can be reserved is, and is read: the ring is empty, and there is no space. */
static void fill_up_to_the_timed_out_one(int fd)
{
	uint64_t position;
	char buffer[16];

	set_nonblock(fd);
	must(ring_reserve(fd, page_size - 2 * 16 - HEADER_BYTES, &position) == 0);
	must(ring_discard(fd, position) == 0);
	must(ring_read(fd, buffer, sizeof(buffer)) == 16);
	must(ring_read(fd, buffer, sizeof(buffer)) == -EAGAIN);
	must(ring_stat(fd).out_available == 0);
}

TEST_F(timeout, stopped_producer_is_passed_over)
{
	pid_t pid = stopped_producer(self->fd);
	struct karena_ring_stat stat;
	char buffer[64];

	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	await_record(self->fd);
	EXPECT_EQ(DISCARDED(8), word_at(&self->ring, 0));
	ASSERT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "newer", 5));
	stat = ring_stat(self->fd);
	EXPECT_EQ(TIMEOUT_US, stat.out_reserve_timeout_us);
	EXPECT_EQ(1, stat.out_lost_timeout);
	EXPECT_EQ(8, stat.out_lost_timeout_bytes);
	EXPECT_EQ(1, stat.out_discarded);
	EXPECT_EQ(32, stat.out_consumer_position);
	EXPECT_EQ(1, self->ring.producer->lost_timeout);
	EXPECT_EQ(8, self->ring.producer->lost_timeout_bytes);

	kill(pid, SIGCONT);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(5, word_at(&self->ring, 16));
	EXPECT_EQ(0, memcmp(self->ring.data + 16 + HEADER_BYTES, "newer", 5));
	stat = ring_stat(self->fd);
	EXPECT_EQ(1, stat.out_discarded);
	EXPECT_EQ(1, stat.out_submitted);
	EXPECT_EQ(0, stat.out_lost_dead);
}

/* Whose record was passed over, and is all that keeps the next from being reserved. */
static pid_t producer_in_the_way(int fd)
{
	pid_t pid = stopped_producer(fd);

	must(ring_output(fd, "newer", 5, 0) == 0);
	await_record(fd);
	fill_up_to_the_timed_out_one(fd);
	must(ring_reserve(fd, 8, NULL) == -EAGAIN);
	return pid;
}

TEST_F(timeout, its_space_is_kept_until_it_submits)
{
	pid_t pid = producer_in_the_way(self->fd);
	uint64_t position;

	EXPECT_EQ(-EAGAIN, ring_output(self->fd, "no space", 7, 0));
	EXPECT_EQ(0, poll_now(self->fd) & POLLOUT);
	EXPECT_EQ(DISCARDED(8), word_at(&self->ring, 0));

	kill(pid, SIGCONT);
	EXPECT_EQ(0, reap(pid));
	EXPECT_NE(0, poll_now(self->fd) & POLLOUT);
	EXPECT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, &position));
}

TEST_F(timeout, its_space_is_free_when_it_dies)
{
	pid_t pid = producer_in_the_way(self->fd);
	uint64_t position;

	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_EQ(0, ring_reserve_flags(self->fd, KARENA_RING_WAIT_SPACE,
					page_size - HEADER_BYTES, &position, NULL));
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_timeout);
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_dead);
}

TEST_F(timeout, blocking_read_passes_it_over)
{
	char buffer[64];
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	EXPECT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(-ESTALE, ring_discard(self->fd, position));
}

/* By its mapping; the kernel comes after what it says. */
TEST_F(timeout, consumer_that_maps_passes_it_over)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	await_record(self->fd);
	consume_to(consumer, 32);
	EXPECT_EQ(32, ring_stat(self->fd).out_consumer_position);
	EXPECT_EQ(-EAGAIN, ring_reserve(self->fd, page_size - HEADER_BYTES, NULL));
	EXPECT_EQ(-ESTALE, ring_submit(self->fd, position));
	EXPECT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, NULL));
	munmap(consumer, page_size);
}

/* The role goes on with the position, not with who had it. */
TEST_F(timeout, next_consumer_begins_behind_it)
{
	pid_t producer = stopped_producer(self->fd), consumer;
	char buffer[16];
	int got;

	ASSERT_EQ(0, ring_output(self->fd, "first", 5, 0));
	ASSERT_EQ(0, ring_output(self->fd, "second", 6, 0));
	consumer = fork_child();
	if (!consumer) {
		must(ring_read(self->fd, buffer, sizeof(buffer)) == 16);
		must(!memcmp(buffer + HEADER_BYTES, "first", 5));
		_exit(0);
	}
	EXPECT_EQ(0, reap(consumer));
	/* Its memory may be gone a little later. */
	do {
		got = ring_read(self->fd, buffer, sizeof(buffer));
	} while (got == -EBUSY);
	ASSERT_EQ(16, got);
	EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "second", 6));

	kill(producer, SIGCONT);
	EXPECT_EQ(0, reap(producer));
	EXPECT_EQ(48, ring_stat(self->fd).out_consumer_position);
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_timeout);
}

/* It comes there by its mapping, makes no call, and is woken for what lies behind. */
TEST_F(timeout, consumer_that_comes_to_it_later_is_woken)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	int epoll;

	ASSERT_EQ(0, ring_output(self->fd, "older", 5, 0));
	ASSERT_EQ(0, ring_reserve(self->fd, 8, NULL));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	epoll = epoll_new(self->fd, EPOLLIN | EPOLLET);
	ASSERT_EQ(EPOLLIN, epoll_events(epoll, HUNG_MS));
	/* Longer than the timer runs once: it meets a reader that is slow. */
	pause_ms(2 * TIMEOUT_US / 1000);
	EXPECT_EQ(8 | KARENA_RECORD_BUSY, word_at(&self->ring, 16));
	consume_to(consumer, 16);
	while (word_at(&self->ring, 16) & KARENA_RECORD_BUSY)
		ASSERT_EQ(EPOLLIN, epoll_events(epoll, HUNG_MS));
	EXPECT_EQ(DISCARDED(8), word_at(&self->ring, 16));
	EXPECT_EQ(5, word_at(&self->ring, 32));
	consume_to(consumer, 48);
	EXPECT_EQ(0, ring_stat(self->fd).out_available);
	close(epoll);
	munmap(consumer, page_size);
}

/* A record that ends before it times out is sent, however long the reader waits. */
TEST_F(timeout, record_of_a_slow_reader_is_not_lost)
{
	uint64_t position;
	char buffer[16];

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	ASSERT_EQ(0, ring_submit(self->fd, position));
	ring_stat(self->fd);
	pause_ms(2 * TIMEOUT_US / 1000);
	EXPECT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_timeout);
}

/* A batch stops before it, so that the next reports it. */
TEST_F(timeout, batch_reports_it_by_a_call_of_its_own)
{
	struct karena_ring_finish_entry entries[2] = { };
	uint64_t fresh, stale;
	struct karena_ring_finish_batch args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)entries,
		.buffer_bytes = sizeof(entries),
	};

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &stale));
	await_record(self->fd);
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &fresh));
	entries[0].position = fresh;
	entries[1].position = stale;
	EXPECT_EQ(1, call(self->fd, KARENA_IOC_RING_FINISH_BATCH, &args));
	args.buffer = (uintptr_t)&entries[1];
	args.buffer_bytes = sizeof(entries[1]);
	EXPECT_EQ(-ESTALE, call(self->fd, KARENA_IOC_RING_FINISH_BATCH, &args));
	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_FINISH_BATCH, &args));
}

/* Of one owner: one is lost, and the space of both is free, when it dies. */
TEST_F(timeout, owner_may_die_with_one_that_was_passed_over_and_one_that_was_not)
{
	pid_t pid = fork_child();
	char buffer[16];

	if (!pid) {
		must(ring_reserve(self->fd, 8, NULL) == 0);
		await_record(self->fd);
		must(ring_reserve(self->fd, 16, NULL) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	while (ring_stat(self->fd).out_lost_dead != 1)
		pause_ms(1);
	EXPECT_EQ(16, ring_stat(self->fd).out_lost_dead_bytes);
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_timeout);
	EXPECT_EQ(8, ring_stat(self->fd).out_lost_timeout_bytes);
	set_nonblock(self->fd);
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, NULL));
}

TEST_F(timeout, many_are_passed_over)
{
	char buffer[16];

	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, ring_reserve(self->fd, 8, NULL));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	EXPECT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "newer", 5));
	EXPECT_EQ(MANY, ring_stat(self->fd).out_lost_timeout);
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(-ESTALE, ring_submit(self->fd, i * 16));
	EXPECT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, NULL));
}

/* They are as old as the first: the consumer does not wait as long for each. */
TEST(many_between_others_take_no_longer_than_one)
{
	int fd = create_with_timeout(100 * TIMEOUT_US, 0);
	char buffer[16];
	int64_t begin;

	for (int i = 0; i < BETWEEN; i++) {
		ASSERT_EQ(0, ring_reserve(fd, 8, NULL));
		ASSERT_EQ(0, ring_output(fd, "newer", 5, 0));
	}
	begin = now_ms();
	for (int i = 0; i < BETWEEN; i++) {
		ASSERT_EQ(16, ring_read(fd, buffer, sizeof(buffer)));
		EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "newer", 5));
	}
	EXPECT_GT(BETWEEN / 2 * 100 * TIMEOUT_US / 1000, now_ms() - begin);
	EXPECT_EQ(BETWEEN, ring_stat(fd).out_lost_timeout);
	close(fd);
}

static void *wait_for_a_quarter(void *fd)
{
	struct karena_ring_reserve args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.length = page_size / 4 - HEADER_BYTES,
		.timeout_us = HUNG_MS * 1000,
	};

	return (void *)call(*(int *)fd, KARENA_IOC_RING_RESERVE, &args);
}

/* Two are, with records between them: as much is free when the first has ended. */
TEST_F(timeout, producer_that_waits_is_woken_for_space_up_to_the_next)
{
	uint64_t first, second, rest;
	pthread_t waiter;
	char buffer[16];
	void *ret;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &first));
	await_record(self->fd);
	for (uint64_t i = 0; i < page_size / 40; i++) {
		ASSERT_EQ(0, ring_output(self->fd, "between", 7, 0));
		ASSERT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	}
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &second));
	await_record(self->fd);
	ASSERT_EQ(0, ring_reserve(self->fd, page_size - second - 16 - HEADER_BYTES, &rest));
	ASSERT_EQ(0, ring_discard(self->fd, rest));
	set_nonblock(self->fd);
	ASSERT_EQ(-EAGAIN, ring_read(self->fd, buffer, sizeof(buffer)));
	ASSERT_EQ(2, ring_stat(self->fd).out_lost_timeout);

	must(pthread_create(&waiter, NULL, wait_for_a_quarter, &self->fd) == 0);
	while (__atomic_load_n(&self->ring.producer->space_wanted, __ATOMIC_RELAXED) !=
	       page_size / 4)
		pause_ms(1);
	EXPECT_EQ(-ESTALE, ring_submit(self->fd, first));
	must(pthread_join(waiter, &ret) == 0);
	EXPECT_EQ(0, (long)ret);
	EXPECT_EQ(-EAGAIN, ring_reserve(self->fd, page_size / 2, NULL));
	EXPECT_EQ(-ESTALE, ring_submit(self->fd, second));
}

TEST_F(timeout, wait_passes_it_over)
{
	ASSERT_EQ(0, ring_reserve(self->fd, 8, NULL));
	EXPECT_EQ(16, wait_by_ioctl(self->fd, 0, HUNG_MS * 1000));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	EXPECT_EQ(32, wait_by_ioctl(self->fd, 32, HUNG_MS * 1000));
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_timeout);
}

TEST_F(timeout, read_by_io_uring_passes_it_over)
{
	struct io_uring_cqe *cqe;
	struct io_uring uring;
	char buffer[16];

	must(io_uring_queue_init(8, &uring, 0) == 0);
	ASSERT_EQ(0, ring_reserve(self->fd, 8, NULL));
	ASSERT_EQ(0, ring_output(self->fd, "newer", 5, 0));
	io_uring_prep_read(io_uring_get_sqe(&uring), self->fd, buffer, sizeof(buffer), 0);
	must(io_uring_submit_and_wait(&uring, 1) == 1);
	must(io_uring_wait_cqe(&uring, &cqe) == 0);
	EXPECT_EQ(16, cqe->res);
	EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "newer", 5));
	io_uring_queue_exit(&uring);
}

/* A record that timed out holds up no reader, and the end comes when its owner has gone. */
TEST(ring_ends_when_the_last_producer_with_a_timed_out_record_dies)
{
	int fd = create_with_timeout(TIMEOUT_US, KARENA_RING_F_END);
	int reader = ring_reopen(fd, KARENA_RIGHT_CONSUME);
	char buffer[16];
	pid_t pid;

	ASSERT_LE(0, reader);
	pid = stopped_producer(fd);
	ASSERT_EQ(0, ring_output(fd, "newer", 5, 0));
	close(fd);
	EXPECT_EQ(16, ring_read(reader, buffer, sizeof(buffer)));
	EXPECT_EQ(1, ring_stat(reader).out_lost_timeout);
	kill(pid, SIGKILL);
	EXPECT_EQ(0, ring_read(reader, buffer, sizeof(buffer)));
	must(waitpid(pid, NULL, 0) == pid);
	close(reader);
}

TEST(ring_that_was_not_asked_to_waits)
{
	int fd = create_with_timeout(0, 0);

	ASSERT_EQ(0, ring_reserve(fd, 8, NULL));
	EXPECT_EQ(0, poll_now(fd) & POLLIN);
	pause_ms(2 * TIMEOUT_US / 1000);
	EXPECT_EQ(0, poll_now(fd) & POLLIN);
	EXPECT_EQ(0, ring_stat(fd).out_lost_timeout);
	close(fd);
}

TEST_HARNESS_MAIN
