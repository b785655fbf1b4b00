// SPDX-License-Identifier: GPL-2.0-only
/*
 * The io_uring door: the same operations by the same table as by ioctl.
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
#include "ops.h"
#include "uring.h"

/* The command area of an entry. */
#define CMD_BYTES	16
#define CMD_BYTES_128	80

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

/* The arguments out of the entry itself, into @op->size bytes. */
static int inline_args(const struct karena_op *op, const u64 *area, size_t bytes, void *args)
{
	u32 size = *(const u32 *)area;

	if (size < op->first_size || size > bytes)
		return -EINVAL;
	if (size > op->size && memchr_inv((const void *)area + op->size, 0, size - op->size))
		return -E2BIG;
	memset(args, 0, op->size);
	memcpy(args, area, min_t(u32, size, op->size));
	return 0;
}

static long run_inline(const struct karena_op *op, struct karena_call *call,
		       struct io_uring_cmd *cmd, unsigned int issue_flags, const u64 *area,
		       size_t bytes, u64 *result)
{
	u64 args[KARENA_ARGS_MAX / sizeof(u64)];
	struct iov_iter payload;
	long ret;
	int err;

	err = inline_args(op, area, bytes, args);
	if (err)
		return err;
	if (op->buffer) {
		err = import_payload(op, cmd, issue_flags, args, &payload);
		if (err)
			return err;
		call->payload = &payload;
	}
	ret = karena_op_run(op, call, args);
	if (ret >= 0 && op->out < op->size)
		*result = args[op->out / sizeof(u64)];
	return ret;
}

static long run_pointer(const struct karena_op *op, struct karena_call *call,
			struct io_uring_cmd *cmd, const u64 *area)
{
	const struct karena_uring_cmd *ptr = (const void *)area;

	/* A registered buffer goes with arguments that are in the entry. */
	if (ptr->__reserved || cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	return karena_run_user(op, call, u64_to_user_ptr(ptr->args));
}

/* The entry is the user's memory: each word is read once. */
static void read_area(const struct io_uring_cmd *cmd, u64 *area, size_t bytes)
{
	const u64 *from = karena_uring_area(cmd);
	size_t i;

	for (i = 0; i < bytes / sizeof(u64); i++)
		area[i] = READ_ONCE(from[i]);
}

/**
 * karena_uring_cmd() - ->uring_cmd of every karena file
 * @cmd:	IORING_OP_URING_CMD
 * @issue_flags: how and where it is issued
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EAGAIN: issue again where it may sleep; -EIOCBQUEUED: completed here;
 * else the result.
 */
int karena_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	size_t bytes = issue_flags & IO_URING_F_SQE128 ? CMD_BYTES_128 : CMD_BYTES;
	const struct karena_handle *handle = karena_handle(cmd->file);
	struct karena_call call = {
		.object = handle ? handle->object : NULL,
		.file = cmd->file,
		.nowait = issue_flags & IO_URING_F_NONBLOCK,
	};
	u64 area[CMD_BYTES_128 / sizeof(u64)];
	const struct karena_op *op;
	u64 result = 0;
	long ret;

	if (issue_flags & IO_URING_F_IOPOLL)
		return -EOPNOTSUPP;
	op = karena_op_find(cmd->cmd_op & ~KARENA_URING_INLINE, call.object);
	if (!op)
		return -ENOTTY;
	if (call.nowait && !op->nowait)
		return -EAGAIN;

	read_area(cmd, area, bytes);
	if (cmd->cmd_op & KARENA_URING_INLINE)
		ret = run_inline(op, &call, cmd, issue_flags, area, bytes, &result);
	else
		ret = run_pointer(op, &call, cmd, area);

	if (ret == -KARENA_EWOULDSLEEP)
		return -EAGAIN;
	/* A system call would be made again. A worker is interrupted to be cancelled. */
	if (ret == -ERESTARTNOINTR)
		ret = -EINTR;
	/* From here -EAGAIN is an answer, and returned it would mean "again". */
	karena_uring_done(cmd, ret, result, issue_flags);
	return -EIOCBQUEUED;
}
