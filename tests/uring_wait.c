// SPDX-License-Identifier: GPL-2.0-only
/*
 * KARENA_IOC_RING_WAIT, by ioctl() and as an io_uring command: what it waits for,
 * how it ends, and that no wake-up is lost.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_sender.h"

static void *send_later(void *fd)
{
	pause_ms(50);
	send_one(*(int *)fd);
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

/* Who is to be interrupted while it waits, which it may take long to come to. */
struct sleeper {
	pthread_t thread;
	int woken;
};

static void *interrupt_later(void *data)
{
	struct sleeper *sleeper = data;

	do {
		pause_ms(50);
		pthread_kill(sleeper->thread, SIGUSR1);
	} while (!get_flag(&sleeper->woken));
	return NULL;
}

TEST(ioctl_returns_what_is_there)
{
	int fd = ring_new_fd(0, page_size);

	send_one(fd);
	EXPECT_EQ(RECORD, wait_by_ioctl(fd, 0, 0));
	send_one(fd);
	EXPECT_EQ(2 * RECORD, wait_by_ioctl(fd, 0, 0));
	EXPECT_EQ(2 * RECORD, wait_by_ioctl(fd, 2 * RECORD, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_by_ioctl(fd, 2 * RECORD + 1, 1));
	close(fd);
}

TEST(ioctl_is_woken_by_the_record_that_makes_it_enough)
{
	int fd = ring_new_fd(0, page_size);
	pthread_t sender;

	send_one(fd);
	must(pthread_create(&sender, NULL, send_later, &fd) == 0);
	EXPECT_EQ(2 * RECORD, wait_by_ioctl(fd, 2 * RECORD, 0));
	pthread_join(sender, NULL);
	close(fd);
}

TEST(ioctl_gives_up_in_time_and_not_before)
{
	int fd = ring_new_fd(0, page_size);
	int64_t begin = now_ms();

	EXPECT_EQ(-ETIMEDOUT, wait_by_ioctl(fd, 0, 30000));
	EXPECT_LE(30, now_ms() - begin);
	close(fd);
}

TEST(ioctl_gives_way_to_a_signal)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	int fd = ring_new_fd(0, page_size);
	struct sleeper self = { .thread = pthread_self() };
	pthread_t other;

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	must(pthread_create(&other, NULL, interrupt_later, &self) == 0);
	EXPECT_EQ(-EINTR, wait_by_ioctl(fd, 0, 0));
	set_flag(&self.woken, 1);
	pthread_join(other, NULL);
	close(fd);
}

TEST(more_than_the_ring_holds_is_refused)
{
	int fd = ring_new_fd(0, page_size);

	EXPECT_EQ(-EINVAL, wait_by_ioctl(fd, page_size + 1, 1));
	EXPECT_EQ(-ETIMEDOUT, wait_by_ioctl(fd, page_size, 1));
	EXPECT_EQ(-EINVAL, wait_for_records(fd, page_size / RECORD + 1, 1));
	EXPECT_EQ(-ETIMEDOUT, wait_for_records(fd, page_size / RECORD, 1));
	close(fd);
}

/* Whatever their size; and those that the consumer has passed count no more. */
TEST(records_are_counted)
{
	int fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
	struct karena_ring_consumer *consumer;
	struct ring ring = ring_open(fd);
	uint64_t position;
	int i;

	consumer = ring_consumer(&ring);
	must(consumer);
	must(ring_write(fd, consumer, 800) == 800);
	EXPECT_EQ(808, wait_for_records(fd, 1, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_for_records(fd, 2, 1));
	must(ring_reserve(fd, 1, &position) == 0);
	EXPECT_EQ(824, wait_for_records(fd, 2, 0));
	must(ring_discard(fd, position) == 0);
	EXPECT_EQ(824, wait_for_records(fd, 2, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_for_records(fd, 3, 1));
	consume_to(consumer, 808);
	EXPECT_EQ(-ETIMEDOUT, wait_for_records(fd, 2, 1));
	send_one(fd);
	EXPECT_EQ(2 * RECORD, wait_for_records(fd, 2, 0));
	for (i = 2; i < 200; i++)
		send_one(fd);
	EXPECT_EQ(200 * RECORD, wait_for_records(fd, 200, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_for_records(fd, 201, 1));
	close(fd);
}

TEST(without_its_feature_io_uring_refuses_it)
{
	int fd = ring_new_fd(0, page_size);
	struct completion done;
	struct io_uring uring;

	if (features() & KARENA_FEAT_URING_WAIT)
		SKIP(return, "this kernel has it");
	send_one(fd);
	must(io_uring_queue_init(4, &uring, 0) == 0);
	prep_wait(&uring, fd, 0, 0);
	submit(&uring);
	done = complete(&uring);
	EXPECT_TRUE(done.came);
	EXPECT_EQ(-EOPNOTSUPP, done.res);
	io_uring_queue_exit(&uring);
	close(fd);
}

/* Who calls exec() takes back what it submitted, though the io_uring lives on. */
TEST(it_is_cancelled_by_exec)
{
	int fd = ring_new_fd(0, page_size);
	struct completion done;
	struct io_uring uring;
	pid_t child;

	if (!(features() & KARENA_FEAT_URING_WAIT))
		SKIP(return, "this kernel cannot cancel commands");
	must(io_uring_queue_init(4, &uring, 0) == 0);
	child = fork_child();
	if (!child) {
		prep_wait(&uring, fd, 0, 0);
		submit(&uring);
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	must(reap(child) == 0);
	done = complete(&uring);
	EXPECT_TRUE(done.came);
	EXPECT_EQ(-ECANCELED, done.res);
	io_uring_queue_exit(&uring);
	close(fd);
}

/* Without the feature no fd. */
FIXTURE(uring_wait) {
	struct io_uring uring;
	int fd;
};

#define DEFERRED	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE_VARIANT(uring_wait) {
	unsigned int flags;
	unsigned int sqe_flags;
};

FIXTURE_VARIANT_ADD(uring_wait, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(uring_wait, cqe32) { .flags = IORING_SETUP_CQE32 };
FIXTURE_VARIANT_ADD(uring_wait, deferred) { .flags = DEFERRED };
FIXTURE_VARIANT_ADD(uring_wait, sqpoll) { .flags = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(uring_wait, from_a_worker) { .flags = 0, .sqe_flags = IOSQE_ASYNC };

FIXTURE_SETUP(uring_wait)
{
	if (!(features() & KARENA_FEAT_URING_WAIT))
		return;
	must(io_uring_queue_init(64, &self->uring, variant->flags) == 0);
	self->fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
}

FIXTURE_TEARDOWN(uring_wait)
{
	if (self->fd) {
		io_uring_queue_exit(&self->uring);
		close(self->fd);
	}
}

#define BEGIN(bytes, timeout_us) do {						\
		prep_wait(&self->uring, self->fd, bytes, timeout_us)->flags |=	\
			variant->sqe_flags;					\
		submit(&self->uring);						\
	} while (0)

TEST_F(uring_wait, completes_at_once_with_what_is_there)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	send_one(self->fd);
	send_one(self->fd);
	BEGIN(0, 0);
	done = complete(&self->uring);
	ASSERT_TRUE(done.came);
	EXPECT_EQ(2 * RECORD, done.res);
	if (variant->flags & IORING_SETUP_CQE32)
		EXPECT_EQ(2 * RECORD, done.extra);
}

TEST_F(uring_wait, completes_with_the_record_that_makes_it_enough)
{
	struct completion done;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	BEGIN(3 * RECORD, 0);
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	send_one(self->fd);
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	done = complete(&self->uring);
	ASSERT_TRUE(done.came);
	EXPECT_EQ(3 * RECORD, done.res);
	if (variant->flags & IORING_SETUP_CQE32)
		EXPECT_EQ(3 * RECORD, done.extra);
	EXPECT_TRUE(nothing_came(&self->uring));
}

TEST_F(uring_wait, completes_with_the_record_that_makes_it_so_many)
{
	int i;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	prep_wait_flags(&self->uring, self->fd, KARENA_WAIT_F_RECORDS, 3, 0)->flags |=
		variant->sqe_flags;
	submit(&self->uring);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(nothing_came(&self->uring));
		must(ring_write(self->fd, "of any size, not only of eight bytes", 10 * i + 1) > 0);
	}
	EXPECT_EQ(16 + 24 + 32, complete(&self->uring).res);
}

TEST_F(uring_wait, a_reservation_is_not_there_yet)
{
	uint64_t position;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	must(ring_reserve(self->fd, 8, &position) == 0);
	send_one(self->fd);
	BEGIN(0, 0);
	EXPECT_TRUE(nothing_came(&self->uring));
	must(ring_submit(self->fd, position) == 0);
	EXPECT_EQ(2 * RECORD, complete(&self->uring).res);
}

TEST_F(uring_wait, a_reservation_that_times_out_is_passed_over)
{
	struct karena_ring_create args = {
		.flags = KARENA_RING_F_IN_PLACE,
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
		.reserve_timeout_us = 20000,
	};
	uint64_t position;
	int fd;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	fd = ring_create(&args);
	must(fd >= 0 && ring_reserve(fd, 8, &position) == 0);
	send_one(fd);
	prep_wait_flags(&self->uring, fd, 0, 0, 0)->flags |= variant->sqe_flags;
	submit(&self->uring);
	EXPECT_EQ(2 * RECORD, complete(&self->uring).res);
	EXPECT_EQ(-ESTALE, ring_submit(fd, position));
	close(fd);
}

TEST_F(uring_wait, a_silent_record_completes_it_with_the_next_one)
{
	struct completion done;
	uint64_t wakeups;
	bool late;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	BEGIN(0, 0);
	EXPECT_TRUE(nothing_came(&self->uring));
	wakeups = ring_stat(self->fd).out_wakeups;
	must(ring_output(self->fd, "silent!", 8, KARENA_RING_NO_WAKEUP) == 0);
	EXPECT_EQ(wakeups, ring_stat(self->fd).out_wakeups);
	done = complete_within(&self->uring, 20);
	if (!done.came) {
		send_one(self->fd);
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
	}
	/* Another thread may have begun to wait only when the first was there. */
	late = variant->flags & IORING_SETUP_SQPOLL || variant->sqe_flags & IOSQE_ASYNC;
	EXPECT_TRUE(done.res == 2 * RECORD || (late && done.res == RECORD));
}

TEST_F(uring_wait, gives_up_in_time_and_not_before)
{
	int64_t begin = now_ms();

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	BEGIN(2 * RECORD, 40000);
	send_one(self->fd);
	EXPECT_EQ(-ETIMEDOUT, complete(&self->uring).res);
	EXPECT_LE(40, now_ms() - begin);
}

TEST_F(uring_wait, each_of_many_completes_once)
{
	struct completion done;
	int i;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	for (i = 0; i < 60; i++)
		BEGIN(RECORD, 0);
	send_one(self->fd);
	for (i = 0; i < 60; i++) {
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		EXPECT_EQ(RECORD, done.res);
	}
	EXPECT_TRUE(nothing_came(&self->uring));
}

TEST_F(uring_wait, arguments_and_rights_are_checked)
{
	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	BEGIN(page_size + 1, 0);
	EXPECT_EQ(-EINVAL, complete(&self->uring).res);
	must(ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_CONSUME) == 0);
	BEGIN(0, 0);
	EXPECT_EQ(-EPERM, complete(&self->uring).res);
}

TEST_F(uring_wait, a_right_that_is_cut_ends_it_with_the_next_wake_up)
{
	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	if (variant->sqe_flags & IOSQE_ASYNC)
		SKIP(return, "a worker is in the midst of it");
	BEGIN(0, 0);
	EXPECT_TRUE(nothing_came(&self->uring));
	must(ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_CONSUME) == 0);
	send_one(self->fd);
	EXPECT_EQ(-EPERM, complete(&self->uring).res);
}

TEST_F(uring_wait, by_pointer_the_arguments_are_those_of_ioctl)
{
	struct karena_ring_wait wait = { .size = sizeof(wait), .bytes = 2 * RECORD };
	struct karena_uring_cmd area = { .args = (uintptr_t)&wait };
	struct io_uring_sqe *sqe;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	sqe = prep(&self->uring, IORING_OP_URING_CMD, self->fd, NULL, 0);
	sqe->cmd_op = KARENA_IOC_RING_WAIT;
	memcpy(sqe->cmd, &area, sizeof(area));
	submit(&self->uring);
	send_one(self->fd);
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	EXPECT_EQ(2 * RECORD, complete(&self->uring).res);
}

/* The entry may be written to as soon as it was submitted. */
TEST_F(uring_wait, the_entry_is_read_once)
{
	struct io_uring_sqe *sqe;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	sqe = prep_wait(&self->uring, self->fd, 2 * RECORD, 0);
	sqe->flags |= variant->sqe_flags;
	submit(&self->uring);
	EXPECT_TRUE(nothing_came(&self->uring));
	wait_until_read(&self->uring);
	memset(sqe->cmd, 0xff, sizeof(struct karena_ring_wait));
	send_one(self->fd);
	EXPECT_TRUE(nothing_came(&self->uring));
	send_one(self->fd);
	EXPECT_EQ(2 * RECORD, complete(&self->uring).res);
}

TEST_F(uring_wait, no_wake_up_is_lost)
{
	struct hand_off hand_off = { .fd = self->fd, .rounds = 1000 * scaled(1) };
	struct karena_ring_consumer *consumer;
	int64_t end = now_ms() + 20000;
	struct completion done;
	pthread_t producer;
	struct ring ring;
	int i;

	if (!self->fd)
		SKIP(return, "this kernel cannot cancel commands");
	ring = ring_open(self->fd);
	consumer = ring_consumer(&ring);
	must(consumer);
	must(pthread_create(&producer, NULL, hand_over, &hand_off) == 0);
	for (i = 0; i < hand_off.rounds; i++) {
		BEGIN(0, 0);
		done = complete(&self->uring);
		ASSERT_TRUE(done.came);
		ASSERT_EQ(RECORD, done.res);
		consume_to(consumer, RECORD * (i + 1ull));
		if (now_ms() > end)
			hand_off.rounds = i + 1;
		__atomic_store_n(&hand_off.done, i + 1, __ATOMIC_RELEASE);
	}
	pthread_join(producer, NULL);
	printf("# %d hand-offs\n", i);
}

TEST_HARNESS_MAIN
