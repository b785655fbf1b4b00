// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers that wait for space: until there is some, their time is over or a signal
 * comes; and no record is doubled or lost by it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "kselftest_harness.h"
#include "ring_waiter.h"

/* A wait that takes so long was not woken. */
#define LOST_US		(HUNG_MS * 1000u)
#define SOON_US		30000u

FIXTURE(space)
{
	struct ring ring;
	int fd;
	struct karena_ring_consumer *consumer;
};

typedef FIXTURE_DATA(space) space_data;

FIXTURE_SETUP(space)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
}

FIXTURE_TEARDOWN(space)
{
	ring_close(&self->ring);
}

static int reserve_within(int fd, uint32_t length, uint32_t timeout_us, uint64_t *position)
{
	struct karena_ring_reserve args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.length = length,
		.timeout_us = timeout_us,
	};
	int ret = call(fd, KARENA_IOC_RING_RESERVE, &args);

	if (position)
		*position = args.out_position;
	return ret;
}

static int reserve_batch_within(int fd, const uint32_t *lengths, uint64_t bytes,
				uint32_t timeout_us)
{
	struct karena_ring_reserve_batch args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)lengths,
		.buffer_bytes = bytes,
		.timeout_us = timeout_us,
	};

	return call(fd, KARENA_IOC_RING_RESERVE_BATCH, &args);
}

static int output_batch_within(int fd, const void *records, uint64_t bytes, uint32_t timeout_us)
{
	struct karena_ring_output_batch args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)records,
		.buffer_bytes = bytes,
		.timeout_us = timeout_us,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT_BATCH, &args);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

TEST_F(space, with_space_there_is_no_wait)
{
	const uint32_t lengths[2] = { 8, 8 };
	struct karena_record_header record[2] = { { .word = 8 } };

	EXPECT_EQ(0, reserve_within(self->fd, 8, 0, NULL));
	EXPECT_EQ(0, output_within(self->fd, "x", 1, 0));
	EXPECT_EQ(0, reserve_batch_within(self->fd, lengths, sizeof(lengths), 0));
	EXPECT_EQ(1, output_batch_within(self->fd, record, sizeof(record), 0));
	EXPECT_EQ(-ENOSPC, reserve_within(self->fd, page_size, 0, NULL));
	EXPECT_EQ(-ENOSPC, output_within(self->fd, self->ring.data, page_size, 0));
	EXPECT_EQ(-EINVAL, reserve_within(self->fd, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, output_within(self->fd, "x", 0, 0));
}

TEST_F(space, time_without_wait_is_einval)
{
	const uint32_t length = 8;
	struct karena_record_header record[2] = { { .word = 8 } };
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve), .length = 8, .timeout_us = 1,
	};
	struct karena_ring_output output = {
		.size = sizeof(output), .buffer = (uintptr_t)"x", .buffer_bytes = 1,
		.timeout_us = 1,
	};
	struct karena_ring_reserve_batch reserve_batch = {
		.size = sizeof(reserve_batch), .buffer = (uintptr_t)&length, .buffer_bytes = 4,
		.timeout_us = 1,
	};
	struct karena_ring_output_batch output_batch = {
		.size = sizeof(output_batch), .buffer = (uintptr_t)record,
		.buffer_bytes = sizeof(record), .timeout_us = 1,
	};

	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_RESERVE, &reserve));
	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_OUTPUT, &output));
	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_RESERVE_BATCH, &reserve_batch));
	EXPECT_EQ(-EINVAL, call(self->fd, KARENA_IOC_RING_OUTPUT_BATCH, &output_batch));
	EXPECT_EQ(0, produced(&self->ring));
}

/* Each is one loss, however often it looked; a refusal counts as before. */
TEST_F(space, time_that_is_over_is_a_loss)
{
	const uint32_t lengths[2] = { 8, 16 };
	struct karena_record_header record[2] = { { .word = 8 } };
	struct karena_ring_stat before, after;
	uint64_t start;
	char data[200] = "";

	fill_with_records_of_16(&self->ring);
	before = ring_stat(self->fd);
	start = now_us();
	EXPECT_EQ(-ETIMEDOUT, reserve_within(self->fd, 8, SOON_US, NULL));
	EXPECT_LE(SOON_US, now_us() - start);
	EXPECT_EQ(-ETIMEDOUT, output_within(self->fd, data, 1, SOON_US));
	EXPECT_EQ(-ETIMEDOUT, output_within(self->fd, data, sizeof(data), SOON_US));
	EXPECT_EQ(-ETIMEDOUT, reserve_batch_within(self->fd, lengths, sizeof(lengths), SOON_US));
	EXPECT_EQ(-ETIMEDOUT, output_batch_within(self->fd, record, sizeof(record), SOON_US));
	after = ring_stat(self->fd);
	EXPECT_EQ(before.out_lost_full + 6, after.out_lost_full);
	EXPECT_EQ(before.out_lost_full_bytes + 8 + 1 + 200 + 24 + 8, after.out_lost_full_bytes);
	EXPECT_EQ(before.out_records, after.out_records);
	EXPECT_EQ(-EAGAIN, ring_output(self->fd, data, 1, 0));
	EXPECT_EQ(before.out_lost_full + 7, ring_stat(self->fd).out_lost_full);
}

/* As a consumer does by its mapping. */
static void give_back(space_data *self, uint64_t position)
{
	uint64_t wanted;

	consume_to(self->consumer, position);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wanted = __atomic_load_n(&self->ring.producer->space_wanted, __ATOMIC_RELAXED);
	if (wanted && produced(&self->ring) - position + wanted <= page_size)
		ring_stat(self->fd);
}

struct waiting {
	int fd;
	uint32_t length;
	int ret;
	bool done;
};

static void *reserve_in_thread(void *arg)
{
	struct waiting *waiting = arg;

	waiting->ret = reserve_within(waiting->fd, waiting->length, LOST_US, NULL);
	__atomic_store_n(&waiting->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_done(struct waiting *waiting)
{
	usleep(SOON_US);
	return __atomic_load_n(&waiting->done, __ATOMIC_ACQUIRE);
}

/* Whether so much is wanted before long. */
static bool wants(space_data *self, uint64_t bytes)
{
	uint64_t end = now_us() + LOST_US;

	while (__atomic_load_n(&self->ring.producer->space_wanted, __ATOMIC_RELAXED) != bytes) {
		if (now_us() > end)
			return false;
		usleep(1000);
	}
	return true;
}

/* One that needs more than half, and behind it one that needs little. */
TEST_F(space, each_is_woken_in_turn_when_there_is_space_for_it)
{
	struct waiting big = { .fd = self->fd, .length = page_size - 64 - HEADER_BYTES };
	struct waiting small = { .fd = self->fd, .length = 8 };
	pthread_t big_thread, small_thread;
	uint64_t at;

	fill_with_records_of_16(&self->ring);
	ASSERT_EQ(0, pthread_create(&big_thread, NULL, reserve_in_thread, &big));
	ASSERT_TRUE(wants(self, page_size - 64));
	ASSERT_EQ(0, pthread_create(&small_thread, NULL, reserve_in_thread, &small));
	for (at = 16; at < page_size - 64; at += 16)
		give_back(self, at);
	EXPECT_FALSE(is_done(&small));
	EXPECT_FALSE(is_done(&big));
	/* As much as both need. */
	give_back(self, page_size - 48);
	ASSERT_EQ(0, pthread_join(big_thread, NULL));
	EXPECT_EQ(0, big.ret);
	ASSERT_EQ(0, pthread_join(small_thread, NULL));
	EXPECT_EQ(0, small.ret);
	EXPECT_EQ(0, self->ring.producer->space_wanted);
}

TEST_F(space, a_read_wakes)
{
	struct waiting waiting = { .fd = self->fd, .length = 24 };
	pthread_t thread;
	char buffer[32];

	fill_with_records_of_16(&self->ring);
	ASSERT_EQ(0, pthread_create(&thread, NULL, reserve_in_thread, &waiting));
	ASSERT_TRUE(wants(self, 32));
	ASSERT_EQ(16, ring_read(self->fd, buffer, 16));
	ASSERT_FALSE(is_done(&waiting));
	ASSERT_EQ(16, ring_read(self->fd, buffer, 16));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, waiting.ret);
}

static int alarm_came;

static void came(int sig)
{
	(void)sig;
	set_flag(&alarm_came, 1);
}

static void on_alarm(int flags)
{
	struct sigaction action = { .sa_handler = came, .sa_flags = flags };

	must(sigaction(SIGALRM, &action, NULL) == 0);
}

static void alarms(unsigned int every_us, unsigned int first_us)
{
	struct itimerval timer = { { 0, every_us }, { 0, first_us } };

	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Not begun anew, even by SA_RESTART: its time would be, too. */
TEST_F(space, signal_ends_the_wait)
{
	uint64_t before, lost;

	fill_with_records_of_16(&self->ring);
	before = produced(&self->ring);
	lost = ring_stat(self->fd).out_lost_full;
	on_alarm(SA_RESTART);
	alarms(SOON_US, SOON_US);
	EXPECT_EQ(-EINTR, reserve_within(self->fd, 8, 0, NULL));
	EXPECT_EQ(-EINTR, output_within(self->fd, "x", 1, 0));
	alarms(0, 0);
	EXPECT_EQ(before, produced(&self->ring));
	EXPECT_EQ(lost, ring_stat(self->fd).out_lost_full);
}

/*
 * A storm of signals upon one who sends by copy and in place, and waits for space most of
 * the time: each number comes once, in order.
 */
#define STORM	4000

static void *count_up(void *arg)
{
	space_data *self = arg;
	char *data = ring_data(&self->ring);
	sigset_t alarm;
	uint64_t position;
	uint32_t i;
	int ret;

	must(data);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	must(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL) == 0);
	for (i = 0; i < STORM;) {
		/* One signal may take longer than the time to the next: it is sent anew. */
		if (__atomic_exchange_n(&alarm_came, 0, __ATOMIC_RELAXED))
			alarms(0, 300);
		if (i & 1) {
			ret = output_within(self->fd, &i, sizeof(i), 0);
		} else {
			ret = reserve_within(self->fd, 200, 0, &position);
			if (!ret) {
				memcpy(data + (position & self->ring.mask) + HEADER_BYTES, &i,
				       sizeof(i));
				must(ring_submit(self->fd, position) == 0);
			}
		}
		must(ret == 0 || ret == -EINTR);
		i += !ret;
	}
	return NULL;
}

TEST_F(space, storm_of_signals_doubles_and_loses_nothing)
{
	uint32_t i, number;
	uint64_t at = 0;
	pthread_t thread;
	sigset_t alarm;

	on_alarm(0);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &alarm, NULL));
	set_flag(&alarm_came, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, count_up, self));
	for (i = 0; i < STORM; i++) {
		uint32_t word;

		while (at == produced(&self->ring) ||
		       (word = word_at(&self->ring, at)) & KARENA_RECORD_BUSY)
			sched_yield();
		memcpy(&number, payload_at(&self->ring, at), sizeof(number));
		ASSERT_EQ(i, number);
		at += record_size(word);
		give_back(self, at);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(at, produced(&self->ring));
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_full);
}

/* Two producers that are nearly always in want of space, none left asleep. */
struct sender {
	int fd;
	uint32_t length;
	uint32_t records;
};

static void *send_waiting(void *arg)
{
	static const char data[2048];
	struct sender *sender = arg;
	uint32_t i;

	for (i = 0; i < sender->records; i++)
		must(output_within(sender->fd, data, sender->length, 0) == 0);
	return NULL;
}

TEST_F(space, producers_of_unlike_sizes_get_on)
{
	uint32_t records = scaled(3000), seen = 0;
	struct sender senders[2] = {
		{ self->fd, 5, records },
		{ self->fd, 2048, records / 4 },
	};
	pthread_t threads[2];
	uint64_t at = 0;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_waiting, &senders[i]));
	while (seen < records + records / 4) {
		struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };

		ASSERT_EQ(1, poll(&pollfd, 1, HUNG_MS));
		while (at != produced(&self->ring) &&
		       !(word_at(&self->ring, at) & KARENA_RECORD_BUSY)) {
			at += record_size(word_at(&self->ring, at));
			seen++;
		}
		give_back(self, at);
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_full);
}

TEST_HARNESS_MAIN
