// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "uring_calls.h"

struct io_uring ring;

struct io_uring_sqe *command(int fd, __u32 cmd_op, const void *area, size_t bytes)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	must(sqe);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	/* Shares its place with the offset that was just cleared. */
	sqe->cmd_op = cmd_op;
	memcpy(sqe->cmd, area, bytes);
	return sqe;
}

int complete_one(__u64 *extra)
{
	struct io_uring_cqe *cqe;
	int res;

	/* A thread of the kernel's may have taken it before it could be counted. */
	must(io_uring_submit(&ring) >= 0);
	must(io_uring_wait_cqe(&ring, &cqe) == 0);
	res = cqe->res;
	/* None of the kernel's own errnos, that tell it to make a system call again. */
	must(res > -512 || res < -530);
	if (extra)
		*extra = cqe->big_cqe[0];
	io_uring_cqe_seen(&ring, cqe);
	must(io_uring_peek_cqe(&ring, &cqe) == -EAGAIN);
	return res;
}

int by_pointer(int fd, __u32 cmd_op, void *args)
{
	struct karena_uring_cmd area = { .args = (uintptr_t)args };

	command(fd, cmd_op, &area, sizeof(area));
	return complete_one(NULL);
}

void close_if_fd(const struct call *call, int res)
{
	if (call->makes_fd && res > 0)
		close(res);
}

bool kernel_can(const struct call *call, const struct world *world)
{
	struct karena_query query = { .size = sizeof(query) };

	must(ioctl(world->fd[DEVICE], KARENA_IOC_QUERY, &query) == 0);
	return !call->feature || query.out_features & call->feature;
}
