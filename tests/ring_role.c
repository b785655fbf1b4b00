// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one consumer: who it is, who may watch, and when the role ends.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(ring)
{
	struct ring ring;
	int fd;
};

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(0, page_size);
	self->fd = self->ring.fd;
	set_nonblock(self->fd);
}

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

/* Does the kernel take this process with that file for the consumer, or is it free? */
static int try_role(int fd)
{
	char byte;
	int ret = ring_read(fd, &byte, 1);

	return ret == -EAGAIN ? 0 : ret;
}

static int try_role_by_map(int fd)
{
	void *map;

	ring_attach(fd, KARENA_ATTACH_F_CONSUME);
	map = ring_window(fd, RDWR, page_size, page_size);
	if (!map)
		return -errno;
	must(munmap(map, page_size) == 0);
	return 0;
}

/* 0 if a child cannot have it by any way. */
static int check_taken(int fd)
{
	pid_t pid = fork_child();

	if (!pid) {
		must(try_role(fd) == -EBUSY);
		must(try_role_by_map(fd) == -EBUSY);
		_exit(0);
	}
	return reap(pid);
}

TEST_F(ring, read_takes_the_role)
{
	ASSERT_EQ(0, try_role(self->fd));
	EXPECT_EQ(0, check_taken(self->fd));
	EXPECT_EQ(0, try_role_by_map(self->fd));
}

TEST_F(ring, writable_consumer_page_takes_the_role)
{
	ASSERT_EQ(0, try_role_by_map(self->fd));
	EXPECT_EQ(0, check_taken(self->fd));
	EXPECT_EQ(0, try_role(self->fd));
}

TEST_F(ring, other_open_file_is_another)
{
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);

	ASSERT_LE(0, fd);
	set_nonblock(fd);
	ASSERT_EQ(0, try_role(self->fd));
	EXPECT_EQ(-EBUSY, try_role(fd));
	EXPECT_EQ(-EBUSY, try_role_by_map(fd));
	close(fd);
}

TEST_F(ring, duplicate_is_the_same)
{
	int fd = dup(self->fd);

	ASSERT_EQ(0, try_role(self->fd));
	EXPECT_EQ(0, try_role(fd));
	EXPECT_EQ(0, try_role_by_map(fd));
	close(fd);
	EXPECT_EQ(0, try_role(self->fd));
}

TEST_F(ring, observers_see_the_records)
{
	pid_t pid;

	ASSERT_EQ(0, try_role(self->fd));
	ASSERT_EQ(4, ring_write(self->fd, "seen", 4));
	pid = fork_child();
	if (!pid) {
		struct ring seen = ring_open(self->fd);

		must(produced(&seen) == 16);
		must(!memcmp(payload_at(&seen, 0), "seen", 4));
		must(poll_now(self->fd) & POLLIN);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ring, role_ends_with_the_open_file)
{
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);

	set_nonblock(fd);
	ASSERT_EQ(0, try_role(fd));
	ASSERT_EQ(-EBUSY, try_role(self->fd));
	close(fd);
	EXPECT_EQ(0, try_role(self->fd));
}

/* What a mapping demands is done by a call before. */
TEST_F(ring, mapping_does_not_take_the_role)
{
	struct ring copy = ring_new(0, page_size);
	int fd;

	EXPECT_EQ(NULL, ring_window(self->fd, RDWR, page_size, page_size));
	EXPECT_EQ(EPERM, errno);
	ASSERT_EQ(0, ring_attach(self->fd, KARENA_ATTACH_F_CONSUME));
	EXPECT_EQ(0, ring_attach(self->fd, KARENA_ATTACH_F_CONSUME));
	EXPECT_NE(NULL, ring_window(self->fd, RDWR, page_size, page_size));
	fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
	EXPECT_EQ(NULL, ring_window(fd, RDWR, page_size, page_size));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-EBUSY, ring_attach(fd, KARENA_ATTACH_F_CONSUME));
	close(fd);

	fd = ring_reopen(self->fd, KARENA_RIGHT_PRODUCE);
	EXPECT_EQ(-EPERM, ring_attach(fd, KARENA_ATTACH_F_CONSUME));
	close(fd);
	fd = ring_reopen(self->fd, KARENA_RIGHT_CONSUME);
	EXPECT_EQ(-EPERM, ring_attach(fd, 0));
	close(fd);
	EXPECT_EQ(-EPERM, ring_attach(copy.fd, 0));
	ring_close(&copy);
}

TEST_F(ring, mapping_keeps_the_role_of_a_closed_fd)
{
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
	void *map;

	ASSERT_EQ(0, ring_attach(fd, KARENA_ATTACH_F_CONSUME));
	map = ring_window(fd, RDWR, page_size, page_size);
	ASSERT_NE(NULL, map);
	close(fd);
	EXPECT_EQ(-EBUSY, try_role(self->fd));
	munmap(map, page_size);
	EXPECT_EQ(0, try_role(self->fd));
}

static void take_role_and_wait(int fd, int *flag)
{
	must(try_role(fd) == 0);
	set_flag(flag, 1);
	wait_until(flag, 2);
}

TEST_F(ring, role_ends_with_the_process)
{
	int *flag = shared_memory(page_size);
	pid_t pid = fork_child();

	if (!pid) {
		take_role_and_wait(self->fd, flag);
		_exit(0);
	}
	wait_until(flag, 1);
	EXPECT_EQ(-EBUSY, try_role(self->fd));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_EQ(0, try_role(self->fd));
}

TEST_F(ring, role_ends_with_exec)
{
	int until_exec[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(until_exec, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFD, 0));
	pid = fork_child();
	if (!pid) {
		must(try_role(self->fd) == 0);
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(until_exec[1]);
	ASSERT_EQ(0, read(until_exec[0], &byte, 1));
	ASSERT_EQ(0, waitpid(pid, NULL, WNOHANG));
	EXPECT_EQ(0, try_role(self->fd));
	EXPECT_EQ(-SIGKILL, end_child(pid));
}

static void *take_role(void *arg)
{
	must(try_role(*(int *)arg) == 0);
	return NULL;
}

TEST_F(ring, role_outlives_the_thread)
{
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, take_role, &self->fd));
	pthread_join(thread, NULL);
	pid = fork_child();
	if (!pid) {
		must(try_role(self->fd) == -EBUSY);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, try_role(self->fd));
}

TEST_F(ring, next_consumer_goes_on_where_the_last_one_was)
{
	char got[32];
	pid_t pid;

	ASSERT_EQ(5, ring_write(self->fd, "first", 5));
	ASSERT_EQ(6, ring_write(self->fd, "second", 6));
	pid = fork_child();
	if (!pid) {
		must(ring_read(self->fd, got, 16) == 16);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	ASSERT_EQ(16, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + HEADER_BYTES, "second", 6));
}

TEST_F(ring, right_to_consume_is_needed)
{
	char got[16];

	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	ASSERT_EQ(0, ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_CONSUME));
	EXPECT_EQ(-EPERM, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(-EACCES, try_role_by_map(self->fd));
}

TEST_HARNESS_MAIN
