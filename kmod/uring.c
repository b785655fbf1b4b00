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
#include <linux/uio.h>

#include "compat.h"
#include "compat_uring.h"
#include "ioctl.h"
#include "objfd.h"
#include "uring.h"

/* Registered memory in place of the buffer that the arguments point to. */
static int import_fixed(const struct karena_op *op, struct io_uring_cmd *cmd,
			unsigned int issue_flags, const void *args, struct iov_iter *iter)
{
	const u64 *buffer = args + op->buffer;

	return karena_uring_import_fixed(buffer[0], min_t(u64, buffer[1], MAX_RW_COUNT),
					 op->buffer_dest ? ITER_DEST : ITER_SOURCE, iter, cmd,
					 issue_flags);
}

static int import_payload(const struct karena_op *op, struct io_uring_cmd *cmd,
			  unsigned int issue_flags, const void *args, struct iov_iter *iter)
{
	if (cmd->flags & IORING_URING_CMD_FIXED)
		return import_fixed(op, cmd, issue_flags, args, iter);
	return karena_import_buffer(op, args, iter);
}

/* The arguments are in the entry: what was read of it becomes those of @request->op. */
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

static noinline long execute_payload(struct io_uring_cmd *cmd, unsigned int issue_flags,
				     struct karena_uring_request *request)
{
	struct iov_iter payload;
	int err;

	err = import_payload(request->op, cmd, issue_flags, request->area, &payload);
	if (err)
		return err;
	request->call.payload = &payload;
	return karena_op_execute(request->op, &request->call, request->area);
}

static long execute_inline(struct io_uring_cmd *cmd, unsigned int issue_flags,
			   struct karena_uring_request *request)
{
	const struct karena_op *op = request->op;
	long ret;

	if (op->buffer)
		ret = execute_payload(cmd, issue_flags, request);
	else
		ret = karena_op_execute(op, &request->call, request->area);
	if (ret >= 0 && op->out < op->size)
		request->call.result = request->area[op->out / sizeof(u64)];
	return ret;
}

static long execute_pointer(struct io_uring_cmd *cmd, struct karena_uring_request *request)
{
	const struct karena_uring_cmd *ptr = (const void *)request->area;

	/* A registered buffer goes with arguments that are in the entry. */
	if (ptr->__reserved || cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	return karena_execute_user(request->op, &request->call, u64_to_user_ptr(ptr->args));
}

/**
 * karena_uring_execute() - execute the operation of a command
 * @cmd:	the command
 * @issue_flags: how and where it is issued
 * @request:	what was read of it, with arguments that are inline checked; what it waits
 *		for, if anything, and its result beside the return value, are left there
 *
 * Context: may sleep unless @request->call.nowait.
 * Return: as karena_op_execute(), or as karena_execute_user().
 */
long karena_uring_execute(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  struct karena_uring_request *request)
{
	if (cmd->cmd_op & KARENA_URING_INLINE)
		return execute_inline(cmd, issue_flags, request);
	return execute_pointer(cmd, request);
}

/* The entry is the user's memory: each word is read once. */
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

/* The operation would have to sleep, or to go on. */
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
	/* A system call would be made again. A worker is interrupted to be cancelled. */
	if (ret == -ERESTARTNOINTR)
		ret = -EINTR;
	if (ret == -EINTR && request.op->waits)
		ret = -ECANCELED;
	/* From here -EAGAIN is an answer, and returned it would mean "again". */
	karena_uring_done(cmd, ret, request.call.result, issue_flags);
	return -EIOCBQUEUED;
}
