// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that are taken back: by IORING_OP_ASYNC_CANCEL, by user_data, by file, all
 * of them, and by a linked timeout. What cannot be found that way goes on.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_util.h"

#define RECORD		16
#define TARGET		1
#define CANCEL		2
#define TIMEOUT		3

/* From 5.19 on; liburing's headers may be older. */
#define CANCEL_ALL	1u
#define CANCEL_FD	2u
#define CANCEL_ANY	4u

static char room[2][64];

static struct io_uring_sqe *prepare_read(struct io_uring *uring, int fd)
{
	return prep(uring, IORING_OP_READ, fd, room[0], sizeof(room[0]));
}

static struct io_uring_sqe *prepare_poll(struct io_uring *uring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	return sqe;
}

static struct io_uring_sqe *prepare_wait(struct io_uring *uring, int fd)
{
	return prep_wait(uring, fd, 0, 0);
}

static struct io_uring_sqe *prepare_wait_in_worker(struct io_uring *uring, int fd)
{
	struct io_uring_sqe *sqe = prep_wait(uring, fd, 0, 0);

	sqe->flags |= IOSQE_ASYNC;
	return sqe;
}

static struct io_uring_sqe *prepare_multishot_wait(struct io_uring *uring, int fd)
{
	struct io_uring_sqe *sqe = prep_wait(uring, fd, 0, 0);

	make_multishot(sqe);
	return sqe;
}

FIXTURE(cancel) {
	struct io_uring uring;
	int fd;
};

/**
 * variant of cancel - what is to be taken back
 * @prepare:	it
 * @feature:	that the kernel must have
 * @said:	the canceller's result where it is found
 * @res:	what it ends with then; 0: it is not found
 */
FIXTURE_VARIANT(cancel) {
	struct io_uring_sqe *(*prepare)(struct io_uring *uring, int fd);
	uint64_t feature;
	int said;
	int res;
};

FIXTURE_VARIANT_ADD(cancel, read) {
	.prepare = prepare_read, .said = 0, .res = -ECANCELED,
};

FIXTURE_VARIANT_ADD(cancel, multishot_poll) {
	.prepare = prepare_poll, .said = 0, .res = -ECANCELED,
};

FIXTURE_VARIANT_ADD(cancel, wait) {
	.prepare = prepare_wait, .feature = KARENA_FEAT_URING_WAIT, .said = -ENOENT,
};

FIXTURE_VARIANT_ADD(cancel, wait_in_worker) {
	.prepare = prepare_wait_in_worker, .feature = KARENA_FEAT_URING_WAIT,
	.said = -EALREADY, .res = -ECANCELED,
};

FIXTURE_VARIANT_ADD(cancel, multishot_wait) {
	.prepare = prepare_multishot_wait, .feature = KARENA_FEAT_URING_MULTISHOT,
	.said = -ENOENT,
};

FIXTURE_SETUP(cancel)
{
	must(io_uring_queue_init(8, &self->uring, 0) == 0);
	self->fd = ring_new_fd(0, page_size);
}

FIXTURE_TEARDOWN(cancel)
{
	io_uring_queue_exit(&self->uring);
	close(self->fd);
}

static bool kernel_has(uint64_t feature)
{
	return (features() & feature) == feature;
}

/**
 * struct results - what came of a request and of its canceller
 * @target:	false: it goes on
 * @res:	else its result
 * @said:	the other's
 */
struct results {
	bool target;
	int res;
	int said;
};

/* The canceller's completion, and the other's if that is taken back. */
static struct results results(struct io_uring *uring, bool is_found)
{
	struct results results = { 0 };
	struct completion done;
	int nr;

	for (nr = is_found ? 2 : 1; nr; nr--) {
		done = complete(uring);
		must(done.came);
		if (done.user_data == TARGET) {
			results.target = true;
			results.res = done.res;
		} else {
			results.said = done.res;
		}
	}
	must(nothing_came(uring));
	return results;
}

/* On the ring's queue, where nobody else is: a wake-up that counts has met it. */
static void wait_until_queued(int fd)
{
	struct karena_ring_flush flush = { .size = sizeof(flush) };
	uint64_t before = ring_stat(fd).out_wakeups;

	do {
		pause_ms(1);
		must(call(fd, KARENA_IOC_RING_FLUSH, &flush) == 0);
	} while (ring_stat(fd).out_wakeups == before);
}

/*
 * In flight. What a worker has taken, and does not do yet, a kernel may not find to
 * take it back.
 */
static void begin(struct io_uring *uring, struct io_uring_sqe *sqe, int fd)
{
	bool in_worker = sqe->flags & IOSQE_ASYNC;

	sqe->user_data = TARGET;
	submit(uring);
	if (in_worker)
		wait_until_queued(fd);
	must(nothing_came(uring));
}

static void prepare_cancel(struct io_uring *uring, int fd, uint64_t address, unsigned int flags)
{
	struct io_uring_sqe *sqe = prep(uring, IORING_OP_ASYNC_CANCEL, fd, NULL, 0);

	sqe->addr = address;
	sqe->cancel_flags = flags;
	sqe->user_data = CANCEL;
	submit(uring);
}

/* Not found, it still does what it was for. */
static bool goes_on(struct io_uring *uring, int fd)
{
	struct completion done;

	must(write(fd, "payload", 8) == 8);
	done = complete(uring);
	return done.came && done.res == RECORD;
}

/*
 * Of what it interrupts in a worker it may forget, and say that it found nothing; and
 * what no worker has begun is done with at once.
 */
static bool is_said(int want, int said)
{
	return said == want || (want == -EALREADY && (said == -ENOENT || said == 0));
}

#define EXPECT_TAKEN_BACK(found) do {						\
		struct results got = results(&self->uring, variant->res);	\
										\
		if (variant->res) {						\
			EXPECT_TRUE(is_said(found, got.said));			\
			EXPECT_TRUE(got.target);				\
			EXPECT_EQ(variant->res, got.res);			\
		} else {							\
			EXPECT_FALSE(got.target);				\
			EXPECT_TRUE(goes_on(&self->uring, self->fd));		\
		}								\
	} while (0)

TEST_F(cancel, by_user_data)
{
	if (!kernel_has(variant->feature))
		SKIP(return, "this kernel has no such command");
	begin(&self->uring, variant->prepare(&self->uring, self->fd), self->fd);
	prepare_cancel(&self->uring, -1, TARGET, 0);
	EXPECT_TAKEN_BACK(variant->said);
}

TEST_F(cancel, by_file)
{
	if (!kernel_has(variant->feature))
		SKIP(return, "this kernel has no such command");
	begin(&self->uring, variant->prepare(&self->uring, self->fd), self->fd);
	prepare_cancel(&self->uring, self->fd, 0, CANCEL_FD);
	EXPECT_TAKEN_BACK(variant->said);
}

/* The canceller reports how many. */
TEST_F(cancel, all_there_are)
{
	struct results got;

	if (!kernel_has(variant->feature))
		SKIP(return, "this kernel has no such command");
	if (variant->said == -EALREADY)
		SKIP(return, "looked for until it is gone");
	begin(&self->uring, variant->prepare(&self->uring, self->fd), self->fd);
	prepare_cancel(&self->uring, -1, 0, CANCEL_ANY);
	got = results(&self->uring, variant->res);
	EXPECT_EQ(variant->res ? 1 : 0, got.said);
	EXPECT_EQ(variant->res != 0, got.target);
}

TEST_F(cancel, by_a_linked_timeout)
{
	struct __kernel_timespec time = { .tv_nsec = 20000000 };
	struct io_uring_sqe *sqe;
	struct results got;

	if (!kernel_has(variant->feature))
		SKIP(return, "this kernel has no such command");
	if (variant->prepare == prepare_poll)
		SKIP(return, "one shot only");
	if (variant->prepare == prepare_wait_in_worker)
		SKIP(return, "a kernel may begin to count when the worker is done");
	sqe = variant->prepare(&self->uring, self->fd);
	sqe->user_data = TARGET;
	sqe->flags |= IOSQE_IO_LINK;
	sqe = io_uring_get_sqe(&self->uring);
	io_uring_prep_link_timeout(sqe, &time, 0);
	sqe->user_data = TIMEOUT;
	submit(&self->uring);
	got = results(&self->uring, variant->res);
	EXPECT_EQ(variant->res != 0, got.target);
	EXPECT_EQ(variant->said ?: -ETIME, got.said);
	if (variant->res) {
		EXPECT_EQ(variant->res, got.res);
		return;
	}
	EXPECT_TRUE(goes_on(&self->uring, self->fd));
}

TEST_HARNESS_MAIN
