/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring commands, from the bottom up: executing, parking, and the entry point.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "ops.h"

struct io_uring_cmd;

/* Size of an entry's command area. */
#define URING_CMD_BYTES		16
#define URING_CMD_BYTES_128	80

/**
 * struct karena_uring_request - a command, which may be executed more than once
 * @op:		the operation
 * @call:	the call
 * @bytes:	of @area in use
 * @area:	copy of the entry's command area. Inline arguments are extended to those of
 *		@op, and the operation writes its results there
 */
struct karena_uring_request {
	const struct karena_op *op;
	struct karena_call call;
	size_t bytes;
	u64 area[KARENA_ARGS_MAX / sizeof(u64)];
};

static inline size_t karena_uring_request_bytes(const struct karena_uring_request *request)
{
	return offsetof(struct karena_uring_request, area) + request->bytes;
}

static_assert(URING_CMD_BYTES_128 <= KARENA_ARGS_MAX);

/* uring_execute.c: execute the operation of a command */
long karena_uring_execute(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  struct karena_uring_request *request);

/* uring_park.c: park commands that wait, if KARENA_URING_PARKS */
int karena_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      const struct karena_uring_request *request);
void karena_uring_unpark(struct io_uring_cmd *cmd);

/* uring.c: the entry point */
int karena_file_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* KARENA_URING_H */
