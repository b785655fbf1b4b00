// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which records wake: by bytes, by records, after a time; and that nobody sleeps for
 * ever by it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"
#include "ring_util.h"

#define DELAY_US	50000u

FIXTURE(policy)
{
	struct ring ring;
	int fd;
	int epoll;
	struct karena_ring_consumer *consumer;
};

typedef FIXTURE_DATA(policy) policy_data;

FIXTURE_SETUP(policy)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(0, epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->fd, &event));
}

FIXTURE_TEARDOWN(policy)
{
	close(self->epoll);
	ring_close(&self->ring);
}

static int set_policy(int fd, uint32_t bytes, uint32_t records, uint32_t delay_us)
{
	struct karena_ring_policy args = {
		.size = sizeof(args),
		.wake_bytes = bytes,
		.wake_records = records,
		.wake_delay_us = delay_us,
	};

	return call(fd, KARENA_IOC_RING_POLICY, &args);
}

static int flush(int fd)
{
	struct karena_ring_flush args = { .size = sizeof(args) };

	return call(fd, KARENA_IOC_RING_FLUSH, &args);
}

/* Is the edge-triggered waiter woken within @ms? */
static bool woken(policy_data *self, int ms)
{
	struct epoll_event event;
	int ret = epoll_wait(self->epoll, &event, 1, ms);

	must(ret >= 0);
	return ret;
}

/* A record of 16 bytes. */
static void send_one(policy_data *self, uint32_t flags)
{
	must(ring_output(self->fd, "record", 8, flags) == 0);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

/* Setting it woke: that is not what is to be seen. */
static void set_quietly(policy_data *self, uint32_t bytes, uint32_t records, uint32_t delay_us)
{
	must(set_policy(self->fd, bytes, records, delay_us) == 0);
	woken(self, 0);
}

TEST_F(policy, bytes_wake_when_they_are_there)
{
	int round, i;

	set_quietly(self, 64, 0, 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 3; i++)
			send_one(self, 0);
		EXPECT_FALSE(woken(self, 0));
		send_one(self, 0);
		EXPECT_TRUE(woken(self, HUNG_MS));
		consume_to(self->consumer, produced(&self->ring));
	}
}

TEST_F(policy, records_wake_when_so_many_have_ended)
{
	int round, i;

	set_quietly(self, 0, 5, 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 4; i++)
			send_one(self, 0);
		EXPECT_FALSE(woken(self, 0));
		send_one(self, 0);
		EXPECT_TRUE(woken(self, HUNG_MS));
	}
}

TEST_F(policy, whichever_comes_first_wakes)
{
	static const char data[200];

	set_quietly(self, 200, 2, 0);
	must(ring_output(self->fd, data, sizeof(data), 0) == 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
	consume_to(self->consumer, produced(&self->ring));
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, delay_is_the_longest)
{
	uint64_t start;
	int i;

	set_quietly(self, 0, 0, DELAY_US);
	for (i = 0; i < 3; i++) {
		start = now_us();
		send_one(self, 0);
		send_one(self, 0);
		EXPECT_TRUE(woken(self, HUNG_MS));
		EXPECT_LE(DELAY_US, now_us() - start);
		consume_to(self->consumer, produced(&self->ring));
		EXPECT_FALSE(woken(self, 0));
	}
	set_quietly(self, page_size, 1000, DELAY_US);
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, flags_of_a_record_go_before)
{
	set_quietly(self, 0, 2, DELAY_US);
	send_one(self, KARENA_RING_FORCE_WAKEUP);
	EXPECT_TRUE(woken(self, HUNG_MS));
	send_one(self, KARENA_RING_NO_WAKEUP);
	send_one(self, KARENA_RING_NO_WAKEUP);
	EXPECT_FALSE(woken(self, 3 * DELAY_US / 1000));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, flush_wakes_and_so_does_a_new_policy)
{
	set_quietly(self, 0, 100, 0);
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(0, flush(self->fd));
	EXPECT_TRUE(woken(self, HUNG_MS));
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(0, set_policy(self->fd, 0, 0, 0));
	EXPECT_TRUE(woken(self, HUNG_MS));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

/* Of a delay that would take longer than the test. */
TEST_F(policy, new_policy_ends_the_delay_of_the_old_one)
{
	set_quietly(self, 0, 0, 2 * HUNG_MS * 1000);
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(0, set_policy(self->fd, 0, 0, 2000));
	EXPECT_TRUE(woken(self, HUNG_MS));
	consume_to(self->consumer, produced(&self->ring));
	EXPECT_FALSE(woken(self, 0));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
	/* And by way of none. */
	set_quietly(self, 0, 0, 2 * HUNG_MS * 1000);
	send_one(self, 0);
	set_quietly(self, 0, 0, 0);
	set_quietly(self, 0, 0, 2000);
	consume_to(self->consumer, produced(&self->ring));
	EXPECT_FALSE(woken(self, 0));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

static void send_some(policy_data *self, int nr, uint32_t flags)
{
	while (nr--)
		send_one(self, flags);
}

/* Of a policy of 5 records. */
static void check_count_begins_anew(struct __test_metadata *_metadata, policy_data *self)
{
	EXPECT_TRUE(woken(self, HUNG_MS));
	send_some(self, 4, 0);
	EXPECT_FALSE(woken(self, 0));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, records_are_counted_since_the_last_wakeup_whoever_sent_it)
{
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve), .length = page_size - 8,
	};

	set_quietly(self, 0, 5, 0);
	send_some(self, 3, 0);
	EXPECT_EQ(0, flush(self->fd));
	check_count_begins_anew(_metadata, self);
	send_some(self, 3, 0);
	send_one(self, KARENA_RING_FORCE_WAKEUP);
	check_count_begins_anew(_metadata, self);
	send_some(self, 3, 0);
	EXPECT_EQ(0, set_policy(self->fd, 0, 5, 0));
	check_count_begins_anew(_metadata, self);
	send_some(self, 3, 0);
	EXPECT_EQ(-EAGAIN, call(self->fd, KARENA_IOC_RING_RESERVE, &reserve));
	check_count_begins_anew(_metadata, self);
}

TEST_F(policy, delay_is_over_with_any_wakeup)
{
	uint64_t wakeups;

	set_quietly(self, 0, 0, DELAY_US);
	send_one(self, 0);
	EXPECT_EQ(0, flush(self->fd));
	consume_to(self->consumer, produced(&self->ring));
	EXPECT_FALSE(woken(self, 0));
	wakeups = ring_stat(self->fd).out_wakeups;
	EXPECT_FALSE(woken(self, 3 * DELAY_US / 1000));
	EXPECT_EQ(wakeups, ring_stat(self->fd).out_wakeups);
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, batch_counts_its_records)
{
	struct karena_record_header records[5 * 2] = { 0 };
	struct karena_ring_output_batch output = {
		.size = sizeof(output), .buffer = (uintptr_t)records,
		.buffer_bytes = sizeof(records),
	};
	struct karena_ring_finish_entry entries[5] = { 0 };
	struct karena_ring_finish_batch finish = {
		.size = sizeof(finish), .buffer = (uintptr_t)entries,
		.buffer_bytes = sizeof(entries),
	};
	uint64_t position;
	int i;

	for (i = 0; i < 5; i++)
		records[2 * i].word = 8;
	set_quietly(self, 0, 5, 0);
	EXPECT_EQ(5, call(self->fd, KARENA_IOC_RING_OUTPUT_BATCH, &output));
	EXPECT_TRUE(woken(self, HUNG_MS));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
		entries[i].position = position;
	}
	EXPECT_EQ(5, call(self->fd, KARENA_IOC_RING_FINISH_BATCH, &finish));
	EXPECT_TRUE(woken(self, HUNG_MS));
	output.buffer_bytes = sizeof(records) / 5 * 4;
	EXPECT_EQ(4, call(self->fd, KARENA_IOC_RING_OUTPUT_BATCH, &output));
	EXPECT_FALSE(woken(self, 0));
	send_one(self, 0);
	EXPECT_TRUE(woken(self, HUNG_MS));
}

/* However often it is refused, while the consumer sleeps, or polls as if it did. */
TEST_F(policy, full_ring_wakes_once_for_what_was_held_back)
{
	uint64_t wakeups;
	int i;

	set_quietly(self, 0, 2 * page_size, 0);
	while (ring_output(self->fd, "record", 8, 0) == 0)
		;
	EXPECT_TRUE(woken(self, HUNG_MS));
	EXPECT_FALSE(woken(self, 0));
	wakeups = ring_stat(self->fd).out_wakeups;
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(-EAGAIN, ring_output(self->fd, "record", 8, 0));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
	}
	EXPECT_EQ(wakeups, ring_stat(self->fd).out_wakeups);
	consume_to(self->consumer, 16);
	EXPECT_EQ(0, ring_output(self->fd, "record", 8, 0));
	EXPECT_EQ(-EAGAIN, ring_output(self->fd, "record", 8, 0));
	EXPECT_EQ(wakeups + 1, ring_stat(self->fd).out_wakeups);
}

/* With NO_WAKEUP only, and no policy at all. */
TEST_F(policy, flush_tells_of_records_that_woke_nobody)
{
	woken(self, 0);
	send_one(self, KARENA_RING_NO_WAKEUP);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(0, flush(self->fd));
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, producer_that_finds_no_space_wakes)
{
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve), .flags = KARENA_RING_WAIT_SPACE,
		.length = page_size - 8, .timeout_us = DELAY_US,
	};

	set_quietly(self, page_size, 0, 0);
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(-EAGAIN, ring_reserve(self->fd, page_size - 8, NULL));
	EXPECT_TRUE(woken(self, HUNG_MS));
	send_one(self, 0);
	EXPECT_FALSE(woken(self, 0));
	EXPECT_EQ(-ETIMEDOUT, call(self->fd, KARENA_IOC_RING_RESERVE, &reserve));
	EXPECT_TRUE(woken(self, HUNG_MS));
}

TEST_F(policy, death_with_an_open_record_wakes)
{
	pid_t child;

	set_quietly(self, page_size, 0, 0);
	child = fork();
	if (!child) {
		must(ring_reserve(self->fd, 8, NULL) == 0);
		_exit(0);
	}
	EXPECT_TRUE(woken(self, HUNG_MS));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
}

TEST_F(policy, nobody_begins_to_wait_while_a_record_is_there)
{
	char buffer[32];

	set_quietly(self, page_size, 0, 0);
	send_one(self, 0);
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->fd));
	EXPECT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
}

static void *read_one(void *arg)
{
	char buffer[32];
	policy_data *self = arg;

	return (void *)ring_read(self->fd, buffer, sizeof(buffer));
}

TEST_F(policy, read_that_waits_gets_it_after_the_delay)
{
	pthread_t thread;
	void *bytes;

	set_quietly(self, page_size, 0, DELAY_US);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, self));
	usleep(20000);
	send_one(self, 0);
	ASSERT_EQ(0, pthread_join(thread, &bytes));
	EXPECT_EQ(16, (intptr_t)bytes);
}

/* The timer goes with the ring. */
TEST_F(policy, ring_may_go_while_a_delay_runs)
{
	int i;

	for (i = 0; i < 200; i++) {
		struct epoll_event event = { .events = EPOLLIN };
		int fd = ring_new_fd(0, page_size);

		must(set_policy(fd, 0, 0, 1 + i * 20) == 0);
		must(epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
		must(ring_output(fd, "x", 1, 0) == 0);
		close(fd);
	}
}

/*
 * Hand-offs, each after a delay: a record is sent only when the one before was read.
 * One that is held back and never wakes stops it.
 */
static void *answer(void *arg)
{
	policy_data *self = arg;
	uint64_t seen = 0;
	unsigned long i;

	for (i = 0; i < scaled(2000); i++) {
		struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };

		while (produced(&self->ring) == seen)
			must(poll(&pollfd, 1, HUNG_MS) == 1);
		seen = produced(&self->ring);
		consume_to(self->consumer, seen);
	}
	return NULL;
}

TEST_F(policy, delayed_wakeups_are_not_lost)
{
	pthread_t thread;
	unsigned long i;

	set_quietly(self, 0, 3, 100);
	ASSERT_EQ(0, pthread_create(&thread, NULL, answer, self));
	for (i = 0; i < scaled(2000); i++) {
		uint64_t sent = 16 * (i + 1);

		send_one(self, 0);
		while (__atomic_load_n(&self->consumer->position, __ATOMIC_ACQUIRE) != sent)
			sched_yield();
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_F(policy, what_makes_no_sense_is_refused)
{
	struct karena_ring_policy args = { .size = sizeof(args), .__reserved = 1 };

	EXPECT_EQ(-EINVAL, set_policy(self->fd, page_size + 1, 0, 0));
	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_POLICY, &args));
	ASSERT_EQ(0, ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_CONSUME));
	EXPECT_EQ(-EPERM, set_policy(self->fd, 0, 0, 0));
	ASSERT_EQ(0, ring_restrict(self->fd, KARENA_RIGHT_MAP));
	EXPECT_EQ(-EPERM, flush(self->fd));
}

TEST_HARNESS_MAIN
