// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring entry point: the same operations by the same table as by ioctl.
 *
 * A command is first issued where it may not sleep, with the submission queue's
 * entry in memory that the user can write. What can sleep is turned away there
 * with -EAGAIN, upon which io_uring copies the entry and issues the command again
 * from a worker. Each issue reads the entry once and goes by what it read.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "compat.h"
#include "compat_uring.h"
#include "objfd.h"
#include "uring.h"

/* Makes arguments of @request->op out of the entry that was read. */
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

/* Reads the entry, which is the user's memory: each word once. */
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

/* Parks a command that would have to sleep, or that goes on. */
static int sleep_elsewhere(struct io_uring_cmd *cmd, unsigned int issue_flags,
			   const struct karena_uring_request *request)
{
	if (!KARENA_URING_PARKS || !request->call.queue)
		return -EAGAIN;
	return karena_uring_park(cmd, issue_flags, request);
}

/**
 * karena_uring_features() - what this kernel's io_uring can do
 *
 * Context: any.
 * Return: KARENA_FEAT_URING_*.
 */
u64 karena_uring_features(void)
{
	return KARENA_FEAT_URING_CMD | (KARENA_URING_PARKS ? KARENA_FEAT_URING_WAIT : 0) |
	       (KARENA_URING_HAS_MULTISHOT ? KARENA_FEAT_URING_MULTISHOT : 0) |
	       (KARENA_URING_BUFFERS ? KARENA_FEAT_URING_BUFFERS : 0);
}

/**
 * karena_file_uring_cmd() - ->uring_cmd of every karena file
 * @cmd:	IORING_OP_URING_CMD
 * @issue_flags: how and where it is issued
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EAGAIN: issue again where it may sleep; -EIOCBQUEUED: completed here,
 * or will be; else the result.
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
	/* A worker waits itself, so that it can be interrupted by those who cancel. */
	request.call.nowait = nowait || request.call.multishot;
	/* But not for space: that may take as long as consumers without a worker do. */
	request.call.parks = true;

	request.call.token = karena_uring_user_data(cmd);
	ret = execute_first(cmd, issue_flags, &request);
	if (ret == -KARENA_EWOULDSLEEP && request.call.queue && !KARENA_URING_PARKS)
		ret = -EOPNOTSUPP;
	if (ret == -KARENA_EWOULDSLEEP || (ret > 0 && request.call.multishot))
		return sleep_elsewhere(cmd, issue_flags, &request);
	/* io_uring does not restart requests. It interrupts a worker to cancel its request. */
	if (ret == -ERESTARTNOINTR)
		ret = -EINTR;
	if (ret == -EINTR && request.op->waits)
		ret = -ECANCELED;
	/* From here -EAGAIN is an answer, and returned it would mean "again". */
	karena_uring_done(cmd, ret, request.call.result, issue_flags);
	return -EIOCBQUEUED;
}
