// SPDX-License-Identifier: GPL-2.0-only
/*
 * KARENA_IOC_RING_WAIT by IORING_URING_CMD_MULTISHOT: submitted once, it completes for
 * each batch.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_sender.h"

#define DEFERRED	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

/* Without the feature no fd. */
FIXTURE(multishot) {
	struct io_uring uring;
	struct ring ring;
	struct karena_ring_consumer *consumer;
	uint64_t at;
	int fd;
};

FIXTURE_VARIANT(multishot) {
	unsigned int flags;
	unsigned int sqe_flags;
};

FIXTURE_VARIANT_ADD(multishot, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(multishot, cqe32) { .flags = IORING_SETUP_CQE32 };
FIXTURE_VARIANT_ADD(multishot, deferred) { .flags = DEFERRED };
FIXTURE_VARIANT_ADD(multishot, sqpoll) { .flags = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(multishot, from_a_worker) { .flags = 0, .sqe_flags = IOSQE_ASYNC };

FIXTURE_SETUP(multishot)
{
	if (!(features() & KARENA_FEAT_URING_MULTISHOT))
		return;
	must(io_uring_queue_init(4, &self->uring, variant->flags) == 0);
	self->ring = ring_new(KARENA_RING_F_IN_PLACE | KARENA_RING_F_END, page_size);
	self->fd = self->ring.fd;
	self->consumer = ring_consumer(&self->ring);
	must(self->consumer);
}

FIXTURE_TEARDOWN(multishot)
{
	if (self->fd) {
		io_uring_queue_exit(&self->uring);
		close(self->fd);
	}
}

#define BEGIN(wait_flags, bytes, timeout_us) do {				\
		struct io_uring_sqe *sqe = prep_wait_flags(&self->uring, self->fd,	\
							   wait_flags, bytes, timeout_us); \
		sqe->flags |= variant->sqe_flags;				\
		make_multishot(sqe);						\
		submit(&self->uring);						\
	} while (0)

static void send_some(int fd, int nr)
{
	while (nr--)
		send_one(fd);
}

/* Everything that is there is read. Returns its bytes. */
static uint64_t drain(const struct ring *ring, struct karena_ring_consumer *consumer,
		      uint64_t *at)
{
	uint64_t begin = *at;

	while (*at != produced(ring)) {
		uint32_t word = word_at(ring, *at);

		if (word & KARENA_RECORD_BUSY)
			break;
		*at += record_size(word);
	}
	consume_to(consumer, *at);
	return *at - begin;
}

#define DRAIN()		drain(&self->ring, self->consumer, &self->at)

/*
 * A thread that polls may report the last batch again until the kernel knows that it was
 * read, and count records with it that came meanwhile.
 */
static struct completion complete_but_for(struct io_uring *uring, int64_t res)
{
	struct completion done;

	do
		done = complete(uring);
	while (done.came && done.res >= res);
	return done;
}

static bool only_that_came_again(struct io_uring *uring, int64_t res)
{
	struct completion done;

	do
		done = complete_within(uring, 20);
	while (done.came && done.res >= res);
	return !done.came;
}

TEST_F(multishot, each_batch_is_reported)
{
	struct completion done;
	int i;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(KARENA_WAIT_F_RECORDS, 3, 0);
	for (i = 0; i < 20; i++) {
		send_some(self->fd, 2);
		if (i < 2)
			EXPECT_TRUE(only_that_came_again(&self->uring, 3 * RECORD));
		send_one(self->fd);
		done = complete(&self->uring);
		ASSERT_LE(3 * RECORD, done.res);
		ASSERT_TRUE(done.flags & IORING_CQE_F_MORE);
		ASSERT_FALSE(done.flags & IORING_CQE_F_BUFFER);
		ASSERT_EQ(3 * RECORD, DRAIN());
	}
	EXPECT_TRUE(only_that_came_again(&self->uring, 3 * RECORD));
}

TEST_F(multishot, what_was_there_before_is_reported)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	send_some(self->fd, 5);
	BEGIN(0, 0, 0);
	done = complete(&self->uring);
	EXPECT_EQ(5 * RECORD, done.res);
	EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
	EXPECT_TRUE(nothing_came(&self->uring));
}

/* The reader stopped before it; nothing new is behind it when it ends. */
TEST_F(multishot, an_open_record_is_reported_when_it_is_finished)
{
	uint64_t position;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(0, 0, 0);
	send_one(self->fd);
	must(ring_reserve(self->fd, 8, &position) == 0);
	ASSERT_LT(0, complete(&self->uring).res);
	ASSERT_EQ(RECORD, DRAIN());
	while (!nothing_came(&self->uring))
		;
	must(ring_submit(self->fd, position) == 0);
	EXPECT_EQ(RECORD, complete_but_for(&self->uring, 2 * RECORD).res);
}

TEST_F(multishot, the_end_is_the_last_completion)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(KARENA_WAIT_F_RECORDS, 4, 0);
	send_some(self->fd, 4);
	done = complete(&self->uring);
	EXPECT_EQ(4 * RECORD, done.res);
	EXPECT_EQ(4 * RECORD, DRAIN());
	send_one(self->fd);
	EXPECT_TRUE(only_that_came_again(&self->uring, 4 * RECORD));
	must(ring_restrict(self->fd, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME) == 0);
	done = complete_but_for(&self->uring, 4 * RECORD);
	EXPECT_EQ(RECORD, done.res);
	EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
	done = complete(&self->uring);
	EXPECT_TRUE(done.came);
	EXPECT_EQ(0, done.res);
	EXPECT_FALSE(done.flags & IORING_CQE_F_MORE);
}

/*
 * From the last completion on, not from the beginning. Who is late with the record is
 * woken by the time instead, and takes more of it.
 */
TEST_F(multishot, the_time_begins_anew_with_each_completion)
{
	struct completion done;
	int64_t begin;
	long ms;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	for (ms = 500; ms <= 16000; ms *= 2) {
		BEGIN(0, 0, ms * 1000);
		pause_ms(ms / 2);
		begin = now_ms();
		send_one(self->fd);
		done = complete(&self->uring);
		ASSERT_EQ(RECORD, DRAIN());
		if (done.res != -ETIMEDOUT)
			break;
	}
	ASSERT_EQ(RECORD, done.res);
	ASSERT_TRUE(done.flags & IORING_CQE_F_MORE);
	do
		done = complete_within(&self->uring, 60000);
	while (done.res == RECORD);
	EXPECT_TRUE(done.came);
	EXPECT_EQ(-ETIMEDOUT, done.res);
	EXPECT_FALSE(done.flags & IORING_CQE_F_MORE);
	EXPECT_LE(ms, now_ms() - begin);
}

TEST_F(multishot, a_right_that_is_cut_ends_it)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(0, 0, 0);
	EXPECT_TRUE(nothing_came(&self->uring));
	must(ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_CONSUME) == 0);
	send_one(self->fd);
	done = complete(&self->uring);
	EXPECT_EQ(-EPERM, done.res);
	EXPECT_FALSE(done.flags & IORING_CQE_F_MORE);
}

/* More completions than the queue holds: the reader sees that it ended, and misses none. */
TEST_F(multishot, overflow_of_completions_loses_no_record)
{
	struct completion done;
	uint64_t got = 0;
	int i, reported = 0;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(0, 0, 0);
	for (i = 0; i < 20; i++) {
		send_one(self->fd);
		/* Lets a thread that polls report each for itself. */
		pause_ms(1);
	}
	/* And one more, when all of that was read. */
	while (got < 21 * RECORD) {
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		ASSERT_LT(0, done.res);
		if (!(done.flags & IORING_CQE_F_MORE))
			BEGIN(0, 0, 0);
		got += DRAIN();
		if (got == 20 * RECORD && i++ == 20)
			send_one(self->fd);
		reported++;
	}
	printf("# reported %d times\n", reported);
}

TEST_F(multishot, calls_that_do_not_wait_refuse)
{
	struct karena_ring_finish finish = { .size = sizeof(finish) };
	struct io_uring_sqe *sqe;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	sqe = prep(&self->uring, IORING_OP_URING_CMD, self->fd, NULL, 0);
	sqe->cmd_op = KARENA_IOC_RING_SUBMIT | KARENA_URING_INLINE;
	memcpy(sqe->cmd, &finish, sizeof(finish));
	make_multishot(sqe);
	submit(&self->uring);
	EXPECT_EQ(-EINVAL, complete(&self->uring).res);
}

TEST_F(multishot, no_wake_up_is_lost)
{
	struct hand_off hand_off = { .fd = self->fd, .rounds = 1000 * scaled(1) };
	int64_t end = now_ms() + 20000;
	struct completion done;
	pthread_t producer;
	int i = 0;

	if (!self->fd)
		SKIP(return, "this kernel has no multishot commands");
	BEGIN(0, 0, 0);
	must(pthread_create(&producer, NULL, hand_over, &hand_off) == 0);
	while (i < hand_off.rounds) {
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		ASSERT_LT(0, done.res);
		ASSERT_TRUE(done.flags & IORING_CQE_F_MORE);
		/* What was read already may be reported. */
		i += DRAIN() / RECORD;
		if (now_ms() > end)
			hand_off.rounds = i;
		__atomic_store_n(&hand_off.done, i, __ATOMIC_RELEASE);
	}
	pthread_join(producer, NULL);
	printf("# %d hand-offs\n", i);
}

TEST(without_its_feature_io_uring_refuses_it)
{
	int fd = ring_new_fd(0, page_size);
	struct completion done;
	struct io_uring uring;

	if (features() & KARENA_FEAT_URING_MULTISHOT)
		SKIP(return, "this kernel has it");
	must(io_uring_queue_init(4, &uring, 0) == 0);
	make_multishot(prep_wait(&uring, fd, 0, 0));
	submit(&uring);
	done = complete(&uring);
	EXPECT_TRUE(done.came);
	EXPECT_TRUE(done.res == -EINVAL || done.res == -EOPNOTSUPP);
	io_uring_queue_exit(&uring);
	close(fd);
}

TEST_HARNESS_MAIN
