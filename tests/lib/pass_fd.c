// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <sys/socket.h>

#include "arena_util.h"
#include "pass_fd.h"

union fd_message {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

void send_fd(int socket, int fd)
{
	union fd_message message = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec byte = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};

	memcpy(CMSG_DATA(&message.header), &fd, sizeof(fd));
	must(sendmsg(socket, &msg, 0) == 1);
}

int receive_fd(int socket)
{
	union fd_message message;
	char byte;
	struct iovec room = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};
	int fd;

	must(recvmsg(socket, &msg, 0) == 1);
	memcpy(&fd, CMSG_DATA(&message.header), sizeof(fd));
	return fd;
}
