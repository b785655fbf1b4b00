// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Passing descriptors to other processes.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the one descriptor of a message; padding may let a second one in. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

#define MOST_FDS	(CMSG_SPACE(sizeof(int)) / sizeof(int))

int karena_send_fd(int socket, int fd)
{
	union control control = { .room = { 0 } };
	struct iovec byte = { "", 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		return karena_refuse(-errno, "send_fd: socket %d, fd %d: %s", socket, fd,
				     strerror(errno));
	return 0;
}

/* Collects the descriptors of a message. Returns their number. */
static unsigned int collect_fds(struct msghdr *message, int fds[MOST_FDS])
{
	struct cmsghdr *header;
	unsigned int nr = 0;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t bytes = header->cmsg_len - CMSG_LEN(0);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(header), bytes);
		nr = (unsigned int)(bytes / sizeof(fds[0]));
	}
	return nr;
}

int karena_recv_fd(int socket)
{
	union control control;
	char byte;
	struct iovec room = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[MOST_FDS];
	unsigned int nr;
	ssize_t ret;

	ret = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (ret < 0)
		return karena_refuse(-errno, "recv_fd: socket %d: %s", socket, strerror(errno));
	nr = collect_fds(&message, fds);
	if (nr == 1 && ret == 1 && !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
		return fds[0];
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
	if (!ret)
		return karena_refuse_as(-EPIPE, "recv_fd", "the other side has closed the socket");
	/* The kernel cuts off a descriptor for which the process has no number left. */
	if (!nr && message.msg_flags & MSG_CTRUNC)
		return karena_refuse_as(-EMFILE, "recv_fd", NULL);
	return karena_refuse_as(-EBADMSG, "recv_fd",
				"what came is not one byte with one descriptor");
}
