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

/* The arguments are in the entry: what was read of it becomes those of @run->op. */
static int inline_args(const struct io_uring_cmd *cmd, struct karena_uring_run *run)
{
	const struct karena_op *op = run->op;
	u32 size = *(const u32 *)run->area;
	void *end = (void *)run->area + size;

	if (size < op->first_size || size > run->bytes)
		return -EINVAL;
	if (size > op->size && memchr_inv(run->area + op->size / sizeof(u64), 0, size - op->size))
		return -E2BIG;
	if (!op->buffer && cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	if (size < op->size)
		memset(end, 0, op->size - size);
	run->bytes = max_t(size_t, run->bytes, op->size);
	return 0;
}

static noinline long run_payload(struct io_uring_cmd *cmd, unsigned int issue_flags,
				 struct karena_uring_run *run)
{
	struct iov_iter payload;
	int err;

	err = import_payload(run->op, cmd, issue_flags, run->area, &payload);
	if (err)
		return err;
	run->call.payload = &payload;
	return karena_op_run(run->op, &run->call, run->area);
}

static long run_inline(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       struct karena_uring_run *run)
{
	const struct karena_op *op = run->op;
	long ret;

	if (op->buffer)
		ret = run_payload(cmd, issue_flags, run);
	else
		ret = karena_op_run(op, &run->call, run->area);
	if (ret >= 0 && op->out < op->size)
		run->call.result = run->area[op->out / sizeof(u64)];
	return ret;
}

static long run_pointer(struct io_uring_cmd *cmd, struct karena_uring_run *run)
{
	const struct karena_uring_cmd *ptr = (const void *)run->area;

	/* A registered buffer goes with arguments that are in the entry. */
	if (ptr->__reserved || cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	return karena_run_user(run->op, &run->call, u64_to_user_ptr(ptr->args));
}

/**
 * karena_uring_run() - run the operation of a command
 * @cmd:	the command
 * @issue_flags: how and where it is issued
 * @run:	what was read of it, with arguments that are inline checked; what it waits
 *		for, if anything, and its result beside the return value, are left there
 *
 * Context: may sleep unless @run->call.nowait.
 * Return: as karena_op_run(), or as karena_run_user().
 */
long karena_uring_run(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      struct karena_uring_run *run)
{
	if (cmd->cmd_op & KARENA_URING_INLINE)
		return run_inline(cmd, issue_flags, run);
	return run_pointer(cmd, run);
}

/* The entry is the user's memory: each word is read once. */
static void read_area(const struct io_uring_cmd *cmd, struct karena_uring_run *run)
{
	const u64 *from = karena_uring_area(cmd);
	size_t i;

	for (i = 0; i < run->bytes / sizeof(u64); i++)
		run->area[i] = READ_ONCE(from[i]);
}

static long run_first(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      struct karena_uring_run *run)
{
	int err;

	read_area(cmd, run);
	if (cmd->cmd_op & KARENA_URING_INLINE) {
		err = inline_args(cmd, run);
		if (err)
			return err;
	}
	return karena_uring_run(cmd, issue_flags, run);
}

/* The operation would have to sleep, or to go on. */
static int sleep_elsewhere(struct io_uring_cmd *cmd, unsigned int issue_flags,
			   const struct karena_uring_run *run)
{
	if (!KARENA_URING_PARKS || !run->call.queue)
		return -EAGAIN;
	return karena_uring_park(cmd, issue_flags, run);
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
 * karena_uring_cmd() - ->uring_cmd of every karena file
 * @cmd:	IORING_OP_URING_CMD
 * @issue_flags: how and where it is issued
 *
 * Context: may sleep unless issued with IO_URING_F_NONBLOCK.
 * Return: -EAGAIN: issue again where it may sleep; -EIOCBQUEUED: completed here,
 * or will be; else the result.
 */
int karena_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	const struct karena_handle *handle = karena_handle(cmd->file);
	struct karena_uring_run run __uninitialized;
	bool nowait = issue_flags & IO_URING_F_NONBLOCK;
	long ret;

	if (karena_uring_is_cancel(issue_flags)) {
		karena_uring_unpark(cmd);
		return 0;
	}
	if (issue_flags & IO_URING_F_IOPOLL)
		return -EOPNOTSUPP;
	run.call = (struct karena_call){
		.object = handle ? handle->object : NULL,
		.file = cmd->file,
	};
	run.bytes = issue_flags & IO_URING_F_SQE128 ? URING_CMD_BYTES_128 : URING_CMD_BYTES;
	run.op = karena_op_find(cmd->cmd_op & ~KARENA_URING_INLINE, run.call.object);
	if (!run.op)
		return -ENOTTY;
	if (nowait && !run.op->nowait)
		return -EAGAIN;
	if (run.op->waits && !KARENA_URING_PARKS)
		return -EOPNOTSUPP;
	run.call.multishot = karena_uring_is_multishot(cmd);
	if (run.call.multishot && !run.op->multishot)
		return -EINVAL;
	/* A worker waits itself, so that it can be interrupted by those who cancel. */
	run.call.nowait = nowait || run.call.multishot;
	/* But not for space: that may take as long as consumers without a worker do. */
	run.call.parks = true;

	run.call.token = karena_uring_user_data(cmd);
	ret = run_first(cmd, issue_flags, &run);
	if (ret == -KARENA_EWOULDSLEEP && run.call.queue && !KARENA_URING_PARKS)
		ret = -EOPNOTSUPP;
	if (ret == -KARENA_EWOULDSLEEP || (ret > 0 && run.call.multishot))
		return sleep_elsewhere(cmd, issue_flags, &run);
	/* A system call would be made again. A worker is interrupted to be cancelled. */
	if (ret == -ERESTARTNOINTR)
		ret = -EINTR;
	if (ret == -EINTR && run.op->waits)
		ret = -ECANCELED;
	/* From here -EAGAIN is an answer, and returned it would mean "again". */
	karena_uring_done(cmd, ret, run.call.result, issue_flags);
	return -EIOCBQUEUED;
}
