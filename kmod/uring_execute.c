// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executes the operation of an io_uring command, with arguments that are in the entry
 * or in user memory. The entry point and parked commands call this.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/uio.h>

#include "compat.h"
#include "compat_uring.h"
#include "ioctl.h"
#include "uring.h"

static int import_payload(const struct karena_op *op, struct io_uring_cmd *cmd,
			  unsigned int issue_flags, const void *args, struct iov_iter *iter)
{
	const u64 *buffer = args + op->buffer;

	if (!(cmd->flags & IORING_URING_CMD_FIXED))
		return karena_import_buffer(op, args, iter);
	return karena_uring_import_fixed(buffer[0], min_t(u64, buffer[1], MAX_RW_COUNT),
					 op->buffer_dest ? ITER_DEST : ITER_SOURCE, iter, cmd,
					 issue_flags);
}

static long execute_inline(struct io_uring_cmd *cmd, unsigned int issue_flags,
			   struct karena_uring_request *request)
{
	const struct karena_op *op = request->op;
	struct iov_iter payload;
	long ret;

	if (op->buffer) {
		ret = import_payload(op, cmd, issue_flags, request->area, &payload);
		if (ret)
			return ret;
		request->call.payload = &payload;
	}
	ret = karena_op_execute(op, &request->call, request->area);
	if (ret >= 0 && op->out < op->size)
		request->call.result = request->area[op->out / sizeof(u64)];
	return ret;
}

static long execute_pointer(struct io_uring_cmd *cmd, struct karena_uring_request *request)
{
	const struct karena_uring_cmd *ptr = (const void *)request->area;

	/* Registered buffers are for inline arguments only. */
	if (ptr->__reserved || cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	return karena_execute_user(request->op, &request->call, u64_to_user_ptr(ptr->args));
}

/**
 * karena_uring_execute() - execute the operation of a command
 * @cmd:	the command
 * @issue_flags: how and where it is issued
 * @request:	what was read of the command; inline arguments were checked. Holds the
 *		queue to wait on, if any, and the second result afterwards
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
