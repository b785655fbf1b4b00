// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that go over UNIX sockets, and messages that have none, or too many.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <karena.h>

#include "kselftest_harness.h"

#define MOST	4

FIXTURE(pair) {
	int ends[2];
	int next;
};

static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

FIXTURE_SETUP(pair)
{
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->ends));
	self->next = next_fd();
}

FIXTURE_TEARDOWN(pair)
{
	close(self->ends[0]);
	close(self->ends[1]);
}

/* Sends @bytes with @nr descriptors of one file. */
static void send_many(int socket, const char *bytes, unsigned int nr)
{
	char control[CMSG_SPACE(MOST * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct cmsghdr *header = (void *)control;
	struct iovec iov = { (void *)bytes, strlen(bytes) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[MOST] = { 0 };

	header->cmsg_len = CMSG_LEN(nr * sizeof(int));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(header), fds, nr * sizeof(int));
	message.msg_control = nr ? control : NULL;
	message.msg_controllen = nr ? CMSG_SPACE(nr * sizeof(int)) : 0;
	if (sendmsg(socket, &message, 0) < 0)
		abort();
}

TEST_F(pair, a_descriptor_arrives_close_on_exec_and_is_the_same_file)
{
	struct stat sent, received;
	int fd;

	ASSERT_EQ(0, fstat(self->ends[0], &sent));
	ASSERT_EQ(0, karena_send_fd(self->ends[0], self->ends[0]));
	fd = karena_recv_fd(self->ends[1]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &received));
	EXPECT_EQ(sent.st_ino, received.st_ino);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
}

TEST_F(pair, what_was_sent_behind_a_descriptor_stays_in_the_socket)
{
	char text[8] = "";
	int fd;

	ASSERT_EQ(0, karena_send_fd(self->ends[0], 0));
	ASSERT_EQ(4, write(self->ends[0], "more", 4));
	fd = karena_recv_fd(self->ends[1]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4, read(self->ends[1], text, sizeof(text)));
	EXPECT_STREQ("more", text);
	close(fd);
}

TEST_F(pair, a_message_without_a_descriptor_is_refused)
{
	send_many(self->ends[0], "x", 0);
	EXPECT_EQ(-EBADMSG, karena_recv_fd(self->ends[1]));
}

TEST_F(pair, none_of_several_descriptors_stays_open)
{
	for (unsigned int nr = 2; nr <= MOST; nr++) {
		send_many(self->ends[0], "x", nr);
		EXPECT_EQ(-EBADMSG, karena_recv_fd(self->ends[1]));
		EXPECT_EQ(self->next, next_fd());
	}
}

TEST(a_message_that_is_cut_off_is_refused)
{
	int ends[2], next;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	next = next_fd();
	send_many(ends[0], "two", 1);
	EXPECT_EQ(-EBADMSG, karena_recv_fd(ends[1]));
	EXPECT_EQ(next, next_fd());
	ASSERT_EQ(0, karena_send_fd(ends[0], 0));
	EXPECT_EQ(next, karena_recv_fd(ends[1]));
	close(next);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(pair, a_closed_socket_is_told_without_a_signal)
{
	close(self->ends[1]);
	EXPECT_EQ(-EPIPE, karena_send_fd(self->ends[0], 0));
	EXPECT_EQ(-EPIPE, karena_recv_fd(self->ends[0]));
}

TEST_F(pair, a_descriptor_that_is_not_open_is_refused)
{
	EXPECT_EQ(-EBADF, karena_send_fd(self->ends[0], self->next));
	EXPECT_EQ(-EBADF, karena_send_fd(self->next, 0));
	EXPECT_EQ(-EBADF, karena_recv_fd(self->next));
}

TEST_F(pair, without_a_free_number_the_descriptor_is_lost)
{
	struct rlimit limit;

	ASSERT_EQ(0, karena_send_fd(self->ends[0], 0));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = (rlim_t)self->next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, karena_recv_fd(self->ends[1]));
}

TEST_HARNESS_MAIN
