// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records in and out by io_uring's own requests: poll, multishot poll, read,
 * multishot read into provided buffers, write.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "uring_util.h"

#define GROUP		3
#define NR_BUFFERS	8
#define BUFFER_BYTES	256

/**
 * struct scene - an io_uring and a ring
 * @uring:	has @buffers as group GROUP
 * @fd:		the ring's
 * @group:	of which buffers are taken, and to which they are given back
 * @buffers:	their memory
 * @next:	number of the record that is to come next
 */
struct scene {
	struct io_uring uring;
	int fd;
	struct io_uring_buf_ring *group;
	char buffers[NR_BUFFERS][BUFFER_BYTES];
	uint32_t next;
};

static void give_back(struct scene *scene, unsigned int index, unsigned int bytes)
{
	io_uring_buf_ring_add(scene->group, scene->buffers[index], bytes, index,
			      io_uring_buf_ring_mask(NR_BUFFERS), 0);
	io_uring_buf_ring_advance(scene->group, 1);
}

static void provide_buffers(struct scene *scene, unsigned int bytes)
{
	struct io_uring_buf_reg reg = { .ring_entries = NR_BUFFERS, .bgid = GROUP };
	unsigned int i;

	scene->group = mmap(NULL, NR_BUFFERS * sizeof(struct io_uring_buf), RDWR,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(scene->group != MAP_FAILED);
	io_uring_buf_ring_init(scene->group);
	reg.ring_addr = (uintptr_t)scene->group;
	must(io_uring_register_buf_ring(&scene->uring, &reg, 0) == 0);
	for (i = 0; i < NR_BUFFERS; i++)
		give_back(scene, i, bytes);
}

static void begin_read_multishot(struct scene *scene)
{
	struct io_uring_sqe *sqe = prep(&scene->uring, OP_READ_MULTISHOT, scene->fd, NULL, 0);

	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	submit(&scene->uring);
}

/* A record of a number and so many bytes more. */
static bool send_numbered(int fd, uint32_t number, unsigned int more)
{
	char payload[BUFFER_BYTES] = { 0 };

	memcpy(payload, &number, sizeof(number));
	return write(fd, payload, sizeof(number) + more) > 0;
}

/* Whole records, with the numbers that are due. Returns how many, or -1. */
static int check_records(struct scene *scene, const char *from, int bytes)
{
	struct karena_record_header header;
	uint32_t number;
	int nr = 0;

	while (bytes > 0) {
		memcpy(&header, from, sizeof(header));
		memcpy(&number, from + sizeof(header), sizeof(number));
		if ((int)record_size(header.word) > bytes || number != scene->next)
			return -1;
		scene->next++;
		nr++;
		from += record_size(header.word);
		bytes -= record_size(header.word);
	}
	return nr;
}

FIXTURE(uring) {
	struct scene scene;
};

#define DEFERRED	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE_VARIANT(uring) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(uring, plain) { .flags = 0 };
FIXTURE_VARIANT_ADD(uring, deferred) { .flags = DEFERRED };
FIXTURE_VARIANT_ADD(uring, sqpoll) { .flags = IORING_SETUP_SQPOLL };

FIXTURE_SETUP(uring)
{
	must(io_uring_queue_init(4, &self->scene.uring, variant->flags) == 0);
	self->scene.fd = ring_new_fd(0, page_size);
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->scene.uring);
	close(self->scene.fd);
}

TEST_F(uring, read_waits_for_a_record)
{
	struct scene *scene = &self->scene;

	prep(&scene->uring, IORING_OP_READ, scene->fd, scene->buffers[0], BUFFER_BYTES);
	submit(&scene->uring);
	EXPECT_TRUE(nothing_came(&scene->uring));
	send_numbered(scene->fd, 0, 0);
	EXPECT_EQ(16, complete(&scene->uring).res);
	EXPECT_EQ(1, check_records(scene, scene->buffers[0], 16));
}

TEST_F(uring, linked_writes_come_in_order)
{
	static const uint32_t numbers[] = { 0, 1, 2 };
	struct scene *scene = &self->scene;
	struct iovec iov = { (void *)&numbers[1], sizeof(numbers[1]) };
	int i;

	prep(&scene->uring, IORING_OP_WRITE, scene->fd, &numbers[0], 4)->flags |= IOSQE_IO_LINK;
	prep(&scene->uring, IORING_OP_WRITEV, scene->fd, &iov, 1)->flags |= IOSQE_IO_LINK;
	prep(&scene->uring, IORING_OP_WRITE, scene->fd, &numbers[2], 4);
	submit(&scene->uring);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(4, complete(&scene->uring).res);
	ASSERT_EQ(48, read(scene->fd, scene->buffers[0], BUFFER_BYTES));
	EXPECT_EQ(3, check_records(scene, scene->buffers[0], 48));
}

/* Told by a write that fails what a full ring is, and by a poll when it is none. */
TEST_F(uring, space_is_waited_for_by_poll)
{
	struct scene *scene = &self->scene;
	struct completion done;

	set_nonblock(scene->fd);
	while (send_numbered(scene->fd, 0, 200) || send_numbered(scene->fd, 0, 0))
		;
	prep(&scene->uring, IORING_OP_WRITE, scene->fd, "full", 4);
	io_uring_prep_poll_add(io_uring_get_sqe(&scene->uring), scene->fd, POLLOUT);
	submit(&scene->uring);
	done = complete_within(&scene->uring, 100);
	if (done.came)
		EXPECT_EQ(-EAGAIN, done.res);
	while (read(scene->fd, scene->buffers[0], BUFFER_BYTES) > 0)
		;
	EXPECT_TRUE(complete(&scene->uring).came);
}

struct producer {
	int fd;
	uint32_t nr;
	uint32_t seen;
};

/* Each when the last was seen, or several in a row. */
static void *produce(void *data)
{
	struct producer *producer = data;
	uint32_t i;

	for (i = 0; i < producer->nr; i++) {
		while (i % 5 == 0 && __atomic_load_n(&producer->seen, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		while (!send_numbered(producer->fd, i, i % 90))
			sched_yield();
	}
	return NULL;
}

static void saw(struct producer *producer, struct scene *scene)
{
	__atomic_store_n(&producer->seen, scene->next, __ATOMIC_RELEASE);
}

/* Edge-triggered after its first completion: nothing is reported twice. */
TEST_F(uring, multishot_poll_loses_no_event)
{
	struct scene *scene = &self->scene;
	struct producer producer = { .fd = scene->fd, .nr = 1000 * scaled(1) };
	char *room = scene->buffers[0];
	struct completion done = { 0 };
	pthread_t thread;
	ssize_t got;

	set_nonblock(scene->fd);
	must(pthread_create(&thread, NULL, produce, &producer) == 0);
	while (scene->next < producer.nr) {
		if (!(done.flags & IORING_CQE_F_MORE)) {
			io_uring_prep_poll_multishot(io_uring_get_sqe(&scene->uring), scene->fd,
						     POLLIN);
			submit(&scene->uring);
		}
		done = complete(&scene->uring);
		ASSERT_TRUE(done.came);
		ASSERT_TRUE(done.res & POLLIN);
		while ((got = read(scene->fd, room, BUFFER_BYTES)) > 0)
			ASSERT_LT(0, check_records(scene, room, got));
		ASSERT_EQ(EAGAIN, errno);
		saw(&producer, scene);
	}
	pthread_join(thread, NULL);
}

TEST_F(uring, multishot_read_gives_whole_records_each_once)
{
	struct scene *scene = &self->scene;
	struct producer producer = { .fd = scene->fd, .nr = 1000 * scaled(1) };
	struct completion done = { 0 };
	unsigned int index;
	pthread_t thread;

	if (!uring_has(&scene->uring, OP_READ_MULTISHOT))
		SKIP(return, "this kernel has no multishot read");
	provide_buffers(scene, BUFFER_BYTES);
	must(pthread_create(&thread, NULL, produce, &producer) == 0);
	while (scene->next < producer.nr) {
		if (!(done.flags & IORING_CQE_F_MORE))
			begin_read_multishot(scene);
		done = complete(&scene->uring);
		ASSERT_TRUE(done.came);
		if (done.res == -ENOBUFS)
			continue;
		ASSERT_LT(0, done.res);
		ASSERT_TRUE(done.flags & IORING_CQE_F_BUFFER);
		index = done.flags >> IORING_CQE_BUFFER_SHIFT;
		ASSERT_LT(0, check_records(scene, scene->buffers[index], done.res));
		give_back(scene, index, BUFFER_BYTES);
		saw(&producer, scene);
	}
	pthread_join(thread, NULL);
}

/* What is discarded wakes, but gives nothing to read. */
TEST_F(uring, multishot_read_goes_on_after_discarded_records)
{
	struct scene *scene = &self->scene;
	struct completion done = { 0 };
	uint64_t position;
	unsigned int i;

	if (!uring_has(&scene->uring, OP_READ_MULTISHOT))
		SKIP(return, "this kernel has no multishot read");
	close(scene->fd);
	scene->fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
	provide_buffers(scene, BUFFER_BYTES);
	for (i = 0; i < 50; i++) {
		if (!(done.flags & IORING_CQE_F_MORE))
			begin_read_multishot(scene);
		must(ring_reserve(scene->fd, 8, &position) == 0);
		must(ring_discard(scene->fd, position) == 0);
		EXPECT_TRUE(!complete_within(&scene->uring, i % 3).came);
		must(send_numbered(scene->fd, i, 0));
		done = complete(&scene->uring);
		ASSERT_EQ(16, done.res);
		give_back(scene, done.flags >> IORING_CQE_BUFFER_SHIFT, BUFFER_BYTES);
	}
}

TEST_F(uring, record_larger_than_the_provided_buffer_stays_whole)
{
	struct scene *scene = &self->scene;
	struct completion done;

	if (!uring_has(&scene->uring, OP_READ_MULTISHOT))
		SKIP(return, "this kernel has no multishot read");
	provide_buffers(scene, 64);
	begin_read_multishot(scene);
	send_numbered(scene->fd, 0, 4);
	done = complete(&scene->uring);
	EXPECT_EQ(16, done.res);
	EXPECT_TRUE(done.flags & IORING_CQE_F_MORE);
	send_numbered(scene->fd, 0, 150);
	done = complete(&scene->uring);
	EXPECT_EQ(-EMSGSIZE, done.res);
	EXPECT_FALSE(done.flags & IORING_CQE_F_MORE);
	ASSERT_EQ(168, read(scene->fd, scene->buffers[0], BUFFER_BYTES));
	EXPECT_EQ(1, check_records(scene, scene->buffers[0], 168));
}

/* More completions than the queue holds: kept aside, none lost. */
TEST_F(uring, overflow_of_completions_loses_no_record)
{
	struct scene *scene = &self->scene;
	struct completion done = { 0 };
	uint32_t i;

	if (!uring_has(&scene->uring, OP_READ_MULTISHOT))
		SKIP(return, "this kernel has no multishot read");
	provide_buffers(scene, 24);
	for (i = 0; i < 32; i++)
		must(send_numbered(scene->fd, i, 0));
	while (scene->next < 32) {
		if (!(done.flags & IORING_CQE_F_MORE))
			begin_read_multishot(scene);
		done = complete(&scene->uring);
		ASSERT_TRUE(done.came);
		if (done.res == -ENOBUFS)
			continue;
		ASSERT_EQ(16, done.res);
		i = done.flags >> IORING_CQE_BUFFER_SHIFT;
		ASSERT_EQ(1, check_records(scene, scene->buffers[i], done.res));
		give_back(scene, i, 24);
	}
}

TEST_HARNESS_MAIN
