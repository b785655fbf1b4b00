// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a ring: reported by every kind of wait, when nobody is left to produce and
 * nothing is open, and not before.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "uring_util.h"

#define RECORD		16
#define CONSUMES	(KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME)
#define PRODUCES	(KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE | KARENA_RIGHT_PRODUCE)

/**
 * struct ends - the two ends of a ring
 * @in:		can produce
 * @out:	can consume
 */
struct ends {
	int in;
	int out;
};

static struct ends ring_with_ends(uint32_t flags)
{
	struct ends ends = { .out = ring_new_fd(flags, page_size) };

	ends.in = ring_reopen(ends.out, PRODUCES);
	must(ends.in >= 0);
	must(ring_restrict(ends.out, CONSUMES) == 0);
	return ends;
}

FIXTURE(end) {
	struct ends ends;
};

FIXTURE_SETUP(end)
{
	self->ends = ring_with_ends(KARENA_RING_F_END | KARENA_RING_F_IN_PLACE);
}

FIXTURE_TEARDOWN(end)
{
	close(self->ends.in);
	close(self->ends.out);
}

static bool has_ended(int fd)
{
	return poll_now(fd) & POLLHUP;
}

TEST(the_end_is_not_reported_unless_asked_for)
{
	struct ends ends = ring_with_ends(0);
	char room[64];

	close(ends.in);
	set_nonblock(ends.out);
	EXPECT_EQ(0, poll_now(ends.out) & (POLLIN | POLLHUP));
	EXPECT_EQ(-EAGAIN, ring_read(ends.out, room, sizeof(room)));
	EXPECT_EQ(-ETIMEDOUT, wait_by_ioctl(ends.out, 0, 1));
	close(ends.out);
}

TEST_F(end, comes_when_the_last_producer_closes)
{
	int other = ring_reopen(self->ends.in, KARENA_RIGHT_PRODUCE);

	close(self->ends.in);
	EXPECT_FALSE(has_ended(self->ends.out));
	close(other);
	EXPECT_EQ(POLLIN | POLLHUP, poll_now(self->ends.out) & (POLLIN | POLLHUP));
}

TEST_F(end, comes_when_the_last_producer_gives_up_the_right)
{
	must(ring_restrict(self->ends.in, PRODUCES) == 0);
	EXPECT_FALSE(has_ended(self->ends.out));
	must(ring_restrict(self->ends.in, KARENA_RIGHT_MAP) == 0);
	EXPECT_TRUE(has_ended(self->ends.out));
	must(ring_restrict(self->ends.in, 0) == 0);
	EXPECT_TRUE(has_ended(self->ends.out));
}

TEST_F(end, comes_after_what_is_there)
{
	char room[64];

	must(ring_write(self->ends.in, "one", 3) == 3);
	must(ring_write(self->ends.in, "two", 3) == 3);
	close(self->ends.in);
	EXPECT_EQ(2 * RECORD, wait_by_ioctl(self->ends.out, page_size, 0));
	EXPECT_EQ(2 * RECORD, wait_for_records(self->ends.out, 100, 0));
	EXPECT_TRUE(poll_now(self->ends.out) & POLLIN);
	EXPECT_EQ(2 * RECORD, ring_read(self->ends.out, room, sizeof(room)));
	EXPECT_EQ(0, ring_read(self->ends.out, room, sizeof(room)));
	EXPECT_EQ(0, wait_by_ioctl(self->ends.out, page_size, 0));
	set_nonblock(self->ends.out);
	EXPECT_EQ(0, ring_read(self->ends.out, room, sizeof(room)));
}

TEST_F(end, a_mapping_that_can_be_written_holds_it_off)
{
	struct ring ring = ring_open(self->ends.in);
	char *data = ring_data(&ring);

	must(data);
	close(self->ends.in);
	EXPECT_FALSE(has_ended(self->ends.out));
	must(munmap(data, 2 * ring.header->data_bytes) == 0);
	must(munmap(ring.map, ring.header->map_bytes) == 0);
	EXPECT_TRUE(has_ended(self->ends.out));
}

/* It cannot be submitted any more, and is discarded when its owner goes. */
TEST_F(end, an_open_record_of_who_gave_up_the_right_holds_it_off)
{
	uint64_t position;
	char room[64];

	must(ring_reserve(self->ends.in, 8, &position) == 0);
	must(ring_restrict(self->ends.in, 0) == 0);
	EXPECT_FALSE(has_ended(self->ends.out));
	close(self->ends.in);
	EXPECT_TRUE(has_ended(self->ends.out));
	EXPECT_EQ(0, ring_read(self->ends.out, room, sizeof(room)));
}

static int die_with_an_open_record(int fd, const int *seen_alive)
{
	uint64_t position;

	must(ring_reserve(fd, 8, &position) == 0);
	wait_until(seen_alive, 1);
	/* The other is to be asleep when it is woken, if it can be. */
	pause_ms(50);
	return 0;
}

TEST_F(end, comes_with_the_end_of_the_last_process)
{
	int *seen_alive = shared_memory(sizeof(*seen_alive));
	pid_t child = fork_child();
	char room[64];

	if (!child)
		_exit(die_with_an_open_record(self->ends.in, seen_alive));
	close(self->ends.in);
	EXPECT_FALSE(has_ended(self->ends.out));
	set_flag(seen_alive, 1);
	EXPECT_EQ(0, ring_read(self->ends.out, room, sizeof(room)));
	EXPECT_EQ(0, reap(child));
	EXPECT_TRUE(has_ended(self->ends.out));
}

/*
 * Each kind of wait. Returns whether it reports the end.
 */

static bool read_reports(int fd)
{
	char room[64];

	return ring_read(fd, room, sizeof(room)) == 0;
}

static bool wait_reports(int fd)
{
	return wait_by_ioctl(fd, page_size, 0) == 0;
}

static bool poll_reports(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, HUNG_MS) == 1 && pollfd.revents == (POLLIN | POLLHUP);
}

static bool epoll_reports(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int nr;

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	nr = epoll_wait(epoll, &event, 1, HUNG_MS);
	close(epoll);
	return nr == 1 && event.events == (EPOLLIN | EPOLLHUP);
}

static struct completion one_request(int fd, void (*prepare)(struct io_uring *uring, int fd))
{
	struct completion done;
	struct io_uring uring;

	must(io_uring_queue_init(8, &uring, 0) == 0);
	prepare(&uring, fd);
	submit(&uring);
	done = complete(&uring);
	must(done.came);
	io_uring_queue_exit(&uring);
	return done;
}

static void prepare_poll(struct io_uring *uring, int fd)
{
	io_uring_prep_poll_multishot(io_uring_get_sqe(uring), fd, POLLIN);
}

static bool uring_poll_reports(int fd)
{
	return one_request(fd, prepare_poll).res == (POLLIN | POLLHUP);
}

static void prepare_read(struct io_uring *uring, int fd)
{
	static char room[64];

	prep(uring, IORING_OP_READ, fd, room, sizeof(room));
}

static bool uring_read_reports(int fd)
{
	return one_request(fd, prepare_read).res == 0;
}

static void prepare_read_multishot(struct io_uring *uring, int fd)
{
	static char room[4][64];
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	io_uring_prep_provide_buffers(sqe, room, sizeof(room[0]), 4, 7, 0);
	submit(uring);
	must(complete(uring).came);
	sqe = prep(uring, OP_READ_MULTISHOT, fd, NULL, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 7;
}

static bool uring_read_multishot_reports(int fd)
{
	struct completion done = one_request(fd, prepare_read_multishot);

	return done.res == 0 && !(done.flags & IORING_CQE_F_MORE);
}

static void prepare_wait(struct io_uring *uring, int fd)
{
	prep_wait(uring, fd, page_size, 0);
}

static bool uring_wait_reports(int fd)
{
	return one_request(fd, prepare_wait).res == 0;
}

static void prepare_multishot_wait(struct io_uring *uring, int fd)
{
	make_multishot(prep_wait(uring, fd, page_size, 0));
}

static bool uring_multishot_wait_reports(int fd)
{
	struct completion done = one_request(fd, prepare_multishot_wait);

	return done.res == 0 && !(done.flags & IORING_CQE_F_MORE);
}

/* Without the wait no ends. */
FIXTURE(wait) {
	struct ends ends;
};

FIXTURE_VARIANT(wait) {
	bool (*reports)(int fd);
	uint64_t feature;
};

FIXTURE_VARIANT_ADD(wait, read) { .reports = read_reports };
FIXTURE_VARIANT_ADD(wait, wait) { .reports = wait_reports };
FIXTURE_VARIANT_ADD(wait, poll) { .reports = poll_reports };
FIXTURE_VARIANT_ADD(wait, epoll) { .reports = epoll_reports };
FIXTURE_VARIANT_ADD(wait, uring_poll) { .reports = uring_poll_reports };
FIXTURE_VARIANT_ADD(wait, uring_read) { .reports = uring_read_reports };
FIXTURE_VARIANT_ADD(wait, uring_read_multishot) { .reports = uring_read_multishot_reports };

FIXTURE_VARIANT_ADD(wait, uring_wait) {
	.reports = uring_wait_reports, .feature = KARENA_FEAT_URING_WAIT,
};

FIXTURE_VARIANT_ADD(wait, uring_multishot_wait) {
	.reports = uring_multishot_wait_reports, .feature = KARENA_FEAT_URING_MULTISHOT,
};

static bool kernel_has(uint64_t feature, bool (*reports)(int fd))
{
	struct io_uring uring;
	bool has;

	if (reports != uring_read_multishot_reports)
		return (features() & feature) == feature;
	must(io_uring_queue_init(4, &uring, 0) == 0);
	has = uring_has(&uring, OP_READ_MULTISHOT);
	io_uring_queue_exit(&uring);
	return has;
}

FIXTURE_SETUP(wait)
{
	if (kernel_has(variant->feature, variant->reports))
		self->ends = ring_with_ends(KARENA_RING_F_END);
}

FIXTURE_TEARDOWN(wait)
{
	if (self->ends.out)
		close(self->ends.out);
}

TEST_F(wait, is_told_at_once)
{
	if (!self->ends.in)
		SKIP(return, "this kernel has no such wait");
	close(self->ends.in);
	EXPECT_TRUE(variant->reports(self->ends.out));
}

static void *close_later(void *fd)
{
	pause_ms(50);
	close(*(int *)fd);
	return NULL;
}

TEST_F(wait, is_woken_by_close)
{
	pthread_t thread;

	if (!self->ends.in)
		SKIP(return, "this kernel has no such wait");
	must(pthread_create(&thread, NULL, close_later, &self->ends.in) == 0);
	EXPECT_TRUE(variant->reports(self->ends.out));
	pthread_join(thread, NULL);
}

static void *restrict_later(void *fd)
{
	pause_ms(50);
	must(ring_restrict(*(int *)fd, KARENA_RIGHT_MAP) == 0);
	return NULL;
}

TEST_F(wait, is_woken_by_a_right_given_up)
{
	pthread_t thread;

	if (!self->ends.in)
		SKIP(return, "this kernel has no such wait");
	must(pthread_create(&thread, NULL, restrict_later, &self->ends.in) == 0);
	EXPECT_TRUE(variant->reports(self->ends.out));
	pthread_join(thread, NULL);
	close(self->ends.in);
}

static void *send_and_close(void *fd)
{
	must(ring_write(*(int *)fd, "last", 4) == 4);
	return close_later(fd);
}

/* A wait for more than will come ends with what came. */
TEST_F(end, gives_a_wait_what_there_is)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, send_and_close, &self->ends.in) == 0);
	EXPECT_EQ(RECORD, wait_by_ioctl(self->ends.out, page_size, 0));
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
