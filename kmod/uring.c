// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring entry point: executes the same operations, by the same table, as ioctl.
 *
 * io_uring first issues a command where it may not sleep, while the entry of the
 * submission queue is still in memory that the user can write. Operations that may sleep
 * return -EAGAIN there. io_uring then copies the entry and issues the command again from
 * a worker. Each issue reads the entry once and uses only what it read.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "compat.h"
#include "compat_uring.h"
#include "objfd.h"
#include "uring.h"

/* Extends the arguments that were read from the entry to those of @request->op. */
static int inline_args(const struct io_uring_cmd *cmd, struct karena_uring_request *request)
{
	const struct karena_op *op = request->op;
	u32 size = *(const u32 *)request->area;
	void *end = (void *)request->area + size;

	if (size < op->first_size || size > request->bytes)
		return -EINVAL;
	if (size > op->size &&
	    memchr_inv(request->area + op->size / sizeof(u64), 0, size - op->size))
		return -E2BIG;
	if (!op->buffer && cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	if (size < op->size)
		memset(end, 0, op->size - size);
	request->bytes = max_t(size_t, request->bytes, op->size);
	return 0;
}

/* Users can write the entry, so read each word just once. */
static void read_area(const struct io_uring_cmd *cmd, struct karena_uring_request *request)
{
	const u64 *from = karena_uring_area(cmd);
	size_t i;

	for (i = 0; i < request->bytes / sizeof(u64); i++)
		request->area[i] = READ_ONCE(from[i]);
}

static long execute_first(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  struct karena_uring_request *request)
{
	int err;

	read_area(cmd, request);
	if (cmd->cmd_op & KARENA_URING_INLINE) {
		err = inline_args(cmd, request);
		if (err)
			return err;
	}
	return karena_uring_execute(cmd, issue_flags, request);
}

static int sleep_elsewhere(struct io_uring_cmd *cmd, unsigned int issue_flags,
			   const struct karena_uring_request *request)
{
	if (!KARENA_URING_PARKS || !request->call.queue)
		return -EAGAIN;
	return karena_uring_park(cmd, issue_flags, request);
}

/**
 * karena_file_uring_cmd() - execute an io_uring command on any karena file
 * @cmd:	IORING_OP_URING_CMD
 * @issue_flags: how and where it is issued
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EAGAIN to be issued again where it may sleep; -EIOCBQUEUED if it is completed
 * here or later; else the result.
 */
int karena_file_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	const struct karena_handle *handle = karena_file_handle(cmd->file);
	struct karena_uring_request request __uninitialized;
	bool nowait = issue_flags & IO_URING_F_NONBLOCK;
	long ret;

	if (karena_uring_is_cancel(issue_flags)) {
		karena_uring_unpark(cmd);
		return 0;
	}
	if (issue_flags & IO_URING_F_IOPOLL)
		return -EOPNOTSUPP;
	request.call = (struct karena_call){
		.object = handle ? handle->object : NULL,
		.file = cmd->file,
	};
	request.bytes = issue_flags & IO_URING_F_SQE128 ? URING_CMD_BYTES_128 : URING_CMD_BYTES;
	request.op = karena_op_find(cmd->cmd_op & ~KARENA_URING_INLINE, request.call.object);
	if (!request.op)
		return -ENOTTY;
	if (nowait && !request.op->nowait)
		return -EAGAIN;
	if (request.op->waits && !KARENA_URING_PARKS)
		return -EOPNOTSUPP;
	request.call.multishot = karena_uring_is_multishot(cmd);
	if (request.call.multishot && !request.op->multishot)
		return -EINVAL;
	/* In a worker the operation sleeps by itself; cancelling interrupts it. */
	request.call.nowait = nowait || request.call.multishot;
	/* Space may take long to come, so do not occupy a worker to wait for it. */
	request.call.parks = true;

	request.call.token = karena_uring_user_data(cmd);
	ret = execute_first(cmd, issue_flags, &request);
	if (ret == -KARENA_EWOULDSLEEP && request.call.queue && !KARENA_URING_PARKS)
		ret = -EOPNOTSUPP;
	if (ret == -KARENA_EWOULDSLEEP || (ret > 0 && request.call.multishot))
		return sleep_elsewhere(cmd, issue_flags, &request);
	/* io_uring does not restart requests. It interrupts a worker to cancel its request. */
	if (ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND)
		ret = -EINTR;
	if (ret == -EINTR && request.op->waits)
		ret = -ECANCELED;
	/* The shortest way to a CQE; it has no second result. */
	if (!ret && !(issue_flags & IO_URING_F_CQE32) && !request.call.multishot)
		return 0;
	/* -EAGAIN goes into the CQE, too: if returned, it means "issue again". */
	karena_uring_done(cmd, ret, request.call.result, issue_flags);
	return -EIOCBQUEUED;
}
