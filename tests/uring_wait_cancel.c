// SPDX-License-Identifier: GPL-2.0-only
/*
 * KARENA_IOC_RING_WAIT_CANCEL: waits end by it, asleep in ioctl(), parked, or in a
 * worker of io_uring's, those that were asked for and no others.
 */
#define _GNU_SOURCE
#include <karena_uring.h>

#include "kselftest_harness.h"
#include "uring_sender.h"

#define CANCELLER	100

static int cancel(int fd, uint32_t flags, uint64_t user_data)
{
	struct karena_ring_wait_cancel args = {
		.size = sizeof(args), .flags = flags, .user_data = user_data,
	};

	return call(fd, KARENA_IOC_RING_WAIT_CANCEL, &args);
}

/* Who is to be cancelled may not have come to wait yet. */
static void cancel_when_it_waits(int fd, uint32_t flags, uint64_t user_data)
{
	int ret;

	while ((ret = cancel(fd, flags, user_data)) == 0)
		pause_ms(1);
	must(ret == 1);
}

static void fill(int fd)
{
	while (ring_output(fd, "full", 8, 0) == 0)
		;
}

/**
 * struct sleeper - a thread in a call that waits
 * @thread:	it
 * @fd:		on which
 * @ret:	what came of it
 */
struct sleeper {
	pthread_t thread;
	int fd;
	int ret;
};

static void *sleep_for_a_record(void *data)
{
	struct sleeper *sleeper = data;

	sleeper->ret = wait_by_ioctl(sleeper->fd, 0, 0);
	return NULL;
}

static void *sleep_to_reserve(void *data)
{
	struct sleeper *sleeper = data;

	sleeper->ret = ring_reserve_flags(sleeper->fd, KARENA_RING_WAIT_SPACE, 8, NULL, NULL);
	return NULL;
}

static void *sleep_to_send(void *data)
{
	struct sleeper *sleeper = data;

	sleeper->ret = ring_output(sleeper->fd, "payload", 8, KARENA_RING_WAIT_SPACE);
	return NULL;
}

FIXTURE(sleeper) {
	struct sleeper sleeper;
};

FIXTURE_VARIANT(sleeper) {
	void *(*sleeps)(void *sleeper);
	bool for_space;
};

FIXTURE_VARIANT_ADD(sleeper, for_a_record) { .sleeps = sleep_for_a_record };
FIXTURE_VARIANT_ADD(sleeper, to_reserve) { .sleeps = sleep_to_reserve, .for_space = true };
FIXTURE_VARIANT_ADD(sleeper, to_send) { .sleeps = sleep_to_send, .for_space = true };

FIXTURE_SETUP(sleeper)
{
	self->sleeper.fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
	if (variant->for_space)
		fill(self->sleeper.fd);
}

FIXTURE_TEARDOWN(sleeper)
{
	close(self->sleeper.fd);
}

TEST_F(sleeper, in_ioctl_is_cancelled)
{
	struct karena_ring_stat before, after;
	uint32_t flags;
	int fd = self->sleeper.fd;

	before = ring_stat(fd);
	for (flags = 0; flags <= KARENA_WAIT_CANCEL_F_ALL; flags++) {
		must(pthread_create(&self->sleeper.thread, NULL, variant->sleeps,
				    &self->sleeper) == 0);
		cancel_when_it_waits(fd, flags, 0);
		pthread_join(self->sleeper.thread, NULL);
		EXPECT_EQ(-ECANCELED, self->sleeper.ret);
	}
	/* Nothing was changed, and nothing is lost. */
	after = ring_stat(fd);
	EXPECT_EQ(before.out_producer_position, after.out_producer_position);
	EXPECT_EQ(before.out_lost_full, after.out_lost_full);
	EXPECT_EQ(0, cancel(fd, KARENA_WAIT_CANCEL_F_ALL, 0));
}

TEST_F(sleeper, is_not_found_by_another_name_or_open_file)
{
	int fd = self->sleeper.fd;
	int other = ring_reopen(fd, KARENA_RIGHTS_RING);

	must(other >= 0);
	must(pthread_create(&self->sleeper.thread, NULL, variant->sleeps, &self->sleeper) == 0);
	pause_ms(20);
	EXPECT_EQ(0, cancel(other, KARENA_WAIT_CANCEL_F_ALL, 0));
	EXPECT_EQ(0, cancel(fd, 0, 1));
	cancel_when_it_waits(fd, 0, 0);
	pthread_join(self->sleeper.thread, NULL);
	EXPECT_EQ(-ECANCELED, self->sleeper.ret);
	close(other);
}

TEST(all_have_no_name)
{
	int fd = ring_new_fd(0, page_size);

	EXPECT_EQ(-EINVAL, cancel(fd, KARENA_WAIT_CANCEL_F_ALL, 1));
	EXPECT_EQ(0, cancel(fd, 0, 1));
	close(fd);
}

/* Without the feature no fd. */
FIXTURE(parked) {
	struct io_uring uring;
	int fd;
};

#define DEFERRED	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE_VARIANT(parked) {
	unsigned int flags;
	unsigned int sqe_flags;
	bool multishot;
};

FIXTURE_VARIANT_ADD(parked, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(parked, deferred) { .flags = DEFERRED };
FIXTURE_VARIANT_ADD(parked, sqpoll) { .flags = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(parked, in_a_worker) { .sqe_flags = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(parked, multishot) { .multishot = true };
FIXTURE_VARIANT_ADD(parked, multishot_sqpoll) {
	.flags = IORING_SETUP_SQPOLL, .multishot = true,
};

FIXTURE_SETUP(parked)
{
	if (!(features() & (variant->multishot ? KARENA_FEAT_URING_MULTISHOT
					     : KARENA_FEAT_URING_WAIT)))
		return;
	must(io_uring_queue_init(8, &self->uring, variant->flags) == 0);
	self->fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
}

FIXTURE_TEARDOWN(parked)
{
	if (self->fd) {
		io_uring_queue_exit(&self->uring);
		close(self->fd);
	}
}

#define BEGIN(name) do {							\
		struct io_uring_sqe *sqe = prep_wait(&self->uring, self->fd, 0, 0); \
										\
		if (variant->multishot)						\
			make_multishot(sqe);					\
		sqe->flags |= variant->sqe_flags;				\
		sqe->user_data = name;						\
		submit(&self->uring);						\
	} while (0)

static void prepare_cancel(struct io_uring *uring, int fd, uint64_t user_data)
{
	struct karena_ring_wait_cancel args = { .size = sizeof(args), .user_data = user_data };
	struct io_uring_sqe *sqe = prep(uring, IORING_OP_URING_CMD, fd, NULL, 0);

	sqe->cmd_op = KARENA_IOC_RING_WAIT_CANCEL | KARENA_URING_INLINE;
	memcpy(sqe->cmd, &args, sizeof(args));
	sqe->user_data = CANCELLER;
}

TEST_F(parked, is_cancelled_by_its_name)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel has no such command");
	BEGIN(1);
	BEGIN(2);
	cancel_when_it_waits(self->fd, 0, 1);
	done = complete(&self->uring);
	ASSERT_TRUE(done.came);
	EXPECT_EQ(1, done.user_data);
	EXPECT_EQ(-ECANCELED, done.res);
	EXPECT_FALSE(done.flags & IORING_CQE_F_MORE);
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	done = complete(&self->uring);
	EXPECT_EQ(2, done.user_data);
	EXPECT_EQ(RECORD, done.res);
}

/* By a command behind it, which finds it for certain but in a worker. */
TEST_F(parked, is_cancelled_by_a_command)
{
	struct completion done;
	int nr, cancelled = 0, reported = 0;

	if (!self->fd)
		SKIP(return, "this kernel has no such command");
	if (variant->sqe_flags & IOSQE_ASYNC)
		SKIP(return, "it may not have begun");
	BEGIN(1);
	prepare_cancel(&self->uring, self->fd, 1);
	submit(&self->uring);
	for (nr = 0; nr < 2; nr++) {
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		if (done.user_data == CANCELLER)
			reported = done.res;
		else
			cancelled = done.res;
	}
	EXPECT_EQ(1, reported);
	EXPECT_EQ(-ECANCELED, cancelled);
}

TEST_F(parked, all_are_cancelled_and_io_uring_goes_on)
{
	struct completion done;
	int i, nr = 0;

	if (!self->fd)
		SKIP(return, "this kernel has no such command");
	for (i = 0; i < 5; i++)
		BEGIN(i);
	while (nr < 5) {
		nr += cancel(self->fd, KARENA_WAIT_CANCEL_F_ALL, 0);
		pause_ms(1);
	}
	for (i = 0; i < 5; i++) {
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		EXPECT_EQ(-ECANCELED, done.res);
	}
	EXPECT_TRUE(nothing_came(&self->uring));
	BEGIN(7);
	send_one(self->fd);
	done = complete(&self->uring);
	EXPECT_EQ(7, done.user_data);
	EXPECT_EQ(RECORD, done.res);
}

TEST_F(parked, is_found_among_those_who_poll)
{
	struct io_uring_sqe *sqe;
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel has no such command");
	sqe = io_uring_get_sqe(&self->uring);
	io_uring_prep_poll_add(sqe, self->fd, POLLIN);
	sqe->user_data = 2;
	BEGIN(1);
	cancel_when_it_waits(self->fd, 0, 1);
	done = complete(&self->uring);
	EXPECT_EQ(1, done.user_data);
	EXPECT_EQ(-ECANCELED, done.res);
	EXPECT_EQ(0, cancel(self->fd, 0, 2));
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	EXPECT_EQ(2, complete(&self->uring).user_data);
}

/**
 * struct canceller - a thread that cancels whatever waits
 * @thread:	it
 * @fd:		on which
 * @over:	it is to end
 */
struct canceller {
	pthread_t thread;
	int fd;
	int over;
};

static void *cancel_all(void *data)
{
	struct canceller *canceller = data;

	while (!get_flag(&canceller->over)) {
		cancel(canceller->fd, KARENA_WAIT_CANCEL_F_ALL, 0);
		sched_yield();
	}
	return NULL;
}

/* Each ends once, with the record or without, and what it did not report stays. */
TEST_F(parked, by_a_record_or_cancelled_each_ends_once)
{
	struct canceller canceller = { .fd = self->fd };
	int i, rounds = scaled(200), cancelled = 0;
	struct completion done;
	char record[RECORD];

	if (!self->fd)
		SKIP(return, "this kernel has no such command");
	if (variant->multishot)
		SKIP(return, "it does not end by a record");
	must(pthread_create(&canceller.thread, NULL, cancel_all, &canceller) == 0);
	for (i = 0; i < rounds; i++) {
		BEGIN(i);
		send_one(self->fd);
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		ASSERT_EQ(i, done.user_data);
		ASSERT_TRUE(done.res == RECORD || done.res == -ECANCELED);
		cancelled += done.res == -ECANCELED;
		ASSERT_EQ(RECORD, ring_read(self->fd, record, RECORD));
	}
	EXPECT_TRUE(nothing_came(&self->uring));
	set_flag(&canceller.over, 1);
	pthread_join(canceller.thread, NULL);
	printf("# %d of %d were cancelled\n", cancelled, rounds);
}

/* A producer that is parked until there is space. */
TEST(a_parked_producer_is_cancelled)
{
	struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)"x", .buffer_bytes = 1,
	};
	struct karena_uring_cmd area = { .args = (uintptr_t)&output };
	struct karena_ring_stat before;
	struct io_uring_sqe *sqe;
	struct completion done;
	struct io_uring uring;
	int fd;

	if (!(features() & KARENA_FEAT_URING_WAIT))
		SKIP(return, "this kernel has no such command");
	fd = ring_new_fd(0, page_size);
	fill(fd);
	before = ring_stat(fd);
	must(io_uring_queue_init(4, &uring, 0) == 0);
	sqe = prep(&uring, IORING_OP_URING_CMD, fd, NULL, 0);
	sqe->cmd_op = KARENA_IOC_RING_OUTPUT;
	memcpy(sqe->cmd, &area, sizeof(area));
	sqe->user_data = 1;
	submit(&uring);
	cancel_when_it_waits(fd, 0, 1);
	done = complete(&uring);
	EXPECT_TRUE(done.came);
	EXPECT_EQ(-ECANCELED, done.res);
	EXPECT_EQ(before.out_producer_position, ring_stat(fd).out_producer_position);
	EXPECT_EQ(before.out_lost_full, ring_stat(fd).out_lost_full);
	io_uring_queue_exit(&uring);
	close(fd);
}

static uint64_t parked_max(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_parked_max;
}

/* Of either kind. */
TEST(more_commands_than_may_wait_on_a_ring_are_refused)
{
	struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)"payload", .buffer_bytes = 8,
	};
	int fd = ring_new_fd(0, page_size), other;
	uint64_t most = parked_max(), i;
	struct completion done;
	struct io_uring uring;

	if (!(features() & KARENA_FEAT_URING_WAIT))
		SKIP(return, "this kernel cannot cancel commands");
	ASSERT_LT(0, most);
	ASSERT_EQ(0, io_uring_queue_init(2 * most, &uring, 0));
	for (i = 0; i < most; i++) {
		prep_wait(&uring, fd, 0, 0)->user_data = i;
		submit(&uring);
	}
	EXPECT_TRUE(nothing_came(&uring));
	prep_wait(&uring, fd, 0, 0)->user_data = most;
	submit(&uring);
	done = complete(&uring);
	EXPECT_EQ(most, done.user_data);
	EXPECT_EQ(-EAGAIN, done.res);
	/* Others are not concerned. */
	other = ring_new_fd(0, page_size);
	prep_wait(&uring, other, 0, 0)->user_data = most + 1;
	submit(&uring);
	EXPECT_TRUE(nothing_came(&uring));

	EXPECT_EQ(1, cancel(fd, 0, 5));
	done = complete(&uring);
	EXPECT_EQ(5, done.user_data);
	EXPECT_EQ(-ECANCELED, done.res);
	fill(fd);
	for (i = 0; i < most - 1; i++)
		EXPECT_LT(0, complete(&uring).res);
	for (i = 0; i <= most; i++) {
		karena_prep_call(io_uring_get_sqe(&uring), fd, KARENA_IOC_RING_OUTPUT, &output);
		submit(&uring);
	}
	EXPECT_EQ(-EAGAIN, complete(&uring).res);
	EXPECT_TRUE(nothing_came(&uring));
	EXPECT_EQ(most, cancel(fd, KARENA_WAIT_CANCEL_F_ALL, 0));
	for (i = 0; i < most; i++)
		EXPECT_EQ(-ECANCELED, complete(&uring).res);
	io_uring_queue_exit(&uring);
	close(other);
	close(fd);
}

TEST_HARNESS_MAIN
