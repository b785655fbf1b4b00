// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: what a child may do with the ring handles that it inherits, and how the end
 * of a ring works with children.
 */
#define _GNU_SOURCE
#include <poll.h>

#include "library_ring.h"

#define CONSUMES	(KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME)
#define PRODUCES	(KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE | KARENA_RIGHT_PRODUCE)
#define RECORDS		200

/* Runs @fn in a child, with the inherited handle. Returns what it returned. */
static int in_child(struct karena_ring *ring, int (*fn)(struct karena_ring *ring))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(-fn(ring));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

static int ignore(void *context, const void *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
	return 0;
}

static int take(struct karena_ring *ring)
{
	struct karena_record record;

	return karena_ring_take(ring, &record, 1);
}

static int consume(struct karena_ring *ring)
{
	return karena_ring_consume(ring, ignore, NULL, 0);
}

static int walk(struct karena_ring *ring)
{
	struct karena_ring_walk walk;

	return karena_ring_walk_begin(ring, &walk);
}

TEST_F(ring, a_child_is_told_that_its_parent_consumes)
{
	ASSERT_EQ(0, send_record(self->ring, 'a', 5));
	ASSERT_EQ(0, send_record(self->ring, 'b', 5));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	EXPECT_EQ(-EBUSY, in_child(self->ring, take));
	EXPECT_EQ(-EBUSY, in_child(self->ring, consume));
	EXPECT_EQ(-EBUSY, in_child(self->ring, walk));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	EXPECT_TRUE(record_is(&self->records[0], 'b', 5));
}

static int release_then_send(struct karena_ring *ring)
{
	karena_ring_release(ring);
	return send_record(ring, 'c', 9);
}

TEST_F(ring, a_child_produces_with_the_handle_that_it_inherited)
{
	void *open = karena_ring_reserve(self->ring, 8);

	ASSERT_NE(NULL, open);
	ASSERT_EQ(0, karena_ring_discard(self->ring, open, 0));
	ASSERT_EQ(0, send_record(self->ring, 'p', 9));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	ASSERT_EQ(0, in_child(self->ring, release_then_send));
	karena_ring_release(self->ring);
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_TRUE(record_is(&self->records[0], 'c', 9));
}

static void *reserved;

static int submit_reserved(struct karena_ring *ring)
{
	return karena_ring_submit(ring, reserved, 0);
}

static int discard_reserved_after_one_of_its_own(struct karena_ring *ring)
{
	int ret = send_record(ring, 'c', 40);

	return ret ? ret : karena_ring_discard(ring, reserved, 0);
}

TEST_F(ring, a_child_has_none_of_the_reservations_of_its_parent)
{
	int ret;

	reserved = karena_ring_reserve(self->ring, 8);
	ASSERT_NE(NULL, reserved);
	EXPECT_EQ(-EINVAL, in_child(self->ring, submit_reserved));
	/* The child's own mapping may lie where its parent's does. */
	ret = in_child(self->ring, discard_reserved_after_one_of_its_own);
	EXPECT_TRUE(ret == -EINVAL || ret == -EPERM);
	EXPECT_EQ(0, karena_ring_submit(self->ring, reserved, 0));
}

/* Once its parent is gone, takes what that has left. */
static int take_over(struct karena_ring *ring, int done)
{
	struct karena_record record;
	int ret;

	do
		ret = karena_ring_take(ring, &record, 1);
	while (ret == -EBUSY);
	if (ret != 1 || write(done, record.data, 1) != 1)
		return 1;
	karena_ring_release(ring);
	return write(done, "r", 1) != 1;
}

TEST_F(ring, a_child_consumes_after_its_parent_with_the_handle_that_it_inherited)
{
	struct karena_record record;
	int done[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(done));
	ASSERT_EQ(0, send_record(self->ring, '1', 5));
	ASSERT_EQ(0, send_record(self->ring, '2', 5));
	pid = fork();
	if (!pid) {
		if (karena_ring_take(self->ring, &record, 1) != 1)
			_exit(1);
		karena_ring_release(self->ring);
		pid = fork();
		_exit(pid ? pid < 0 : take_over(self->ring, done[1]));
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	close(done[1]);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	EXPECT_EQ('2', byte);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	EXPECT_EQ('r', byte);
	close(done[0]);
}

FIXTURE(ending) {
	struct karena_device *device;
	struct karena_ring *ring;
};

FIXTURE_SETUP(ending)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_END };

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, &opts, &self->ring));
}

FIXTURE_TEARDOWN(ending)
{
	karena_ring_close(self->ring);
	karena_close(self->device);
}

static bool has_ended(struct karena_ring *ring)
{
	struct pollfd pollfd = { .fd = karena_ring_fd(ring), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLHUP;
}

static int output_one(struct karena_ring *ring)
{
	return karena_ring_output(ring, "x", 1, 0);
}

TEST_F(ending, restricting_an_open_file_takes_the_right_from_children_that_share_it)
{
	EXPECT_EQ(0, in_child(self->ring, output_one));
	ASSERT_EQ(0, karena_ring_restrict(self->ring, CONSUMES));
	EXPECT_EQ(-EPERM, in_child(self->ring, output_one));
	EXPECT_TRUE(has_ended(self->ring));
}

TEST_F(ending, is_told_by_wait_beside_what_is_left)
{
	struct karena_record record;

	ASSERT_EQ(0, output_one(self->ring));
	EXPECT_EQ(POLLIN, karena_ring_wait(self->ring, POLLIN, 0));
	ASSERT_EQ(0, karena_ring_restrict(self->ring, CONSUMES));
	EXPECT_EQ(POLLIN | POLLHUP, karena_ring_wait(self->ring, POLLIN, -1));
	EXPECT_EQ(1, karena_ring_take(self->ring, &record, 1));
	karena_ring_release(self->ring);
	EXPECT_EQ(POLLIN | POLLHUP, karena_ring_wait(self->ring, POLLIN, -1));
	EXPECT_EQ(0, karena_ring_take(self->ring, &record, 1));
	EXPECT_EQ(POLLOUT | POLLHUP, karena_ring_wait(self->ring, POLLOUT, -1));
}

static void send_all(struct karena_ring *ring)
{
	for (uint32_t i = 0; i < RECORDS; i++)
		if (karena_ring_output_wait(ring, &i, sizeof(i), 0, 0))
			_exit(1);
	_exit(0);
}

/* As karena.h says: the children share an open file of their own, and are the last. */
TEST_F(ending, comes_after_all_records_of_children_that_have_an_open_file_of_their_own)
{
	struct karena_ring *producers;
	int count = 0, status, ret;

	ASSERT_EQ(0, karena_ring_reopen(self->ring, PRODUCES, &producers));
	ASSERT_EQ(0, karena_ring_restrict(self->ring, CONSUMES));
	for (int i = 0; i < 3; i++)
		if (!fork())
			send_all(producers);
	karena_ring_close(producers);
	for (;;) {
		struct pollfd pollfd = { .fd = karena_ring_fd(self->ring), .events = POLLIN };

		ASSERT_EQ(1, poll(&pollfd, 1, -1));
		ret = consume(self->ring);
		ASSERT_LE(0, ret);
		count += ret;
		if (!ret && pollfd.revents & POLLHUP)
			break;
	}
	EXPECT_EQ(3 * RECORDS, count);
	while (wait(&status) > 0)
		EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
