/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io_uring, from the bottom up: a command is executed, parked, and taken in.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "ops.h"

struct io_uring_cmd;

/* The command area of an entry. */
#define URING_CMD_BYTES		16
#define URING_CMD_BYTES_128	80

/**
 * struct karena_uring_request - a command, to be executed once or again
 * @op:		what it does
 * @call:	to what
 * @bytes:	of @area in use
 * @area:	the entry's command area, as it was when it was read; arguments that are
 *		inline are made up to those of @op, which writes its results there
 */
struct karena_uring_request {
	const struct karena_op *op;
	struct karena_call call;
	size_t bytes;
	u64 area[KARENA_ARGS_MAX / sizeof(u64)];
};

/* How much of it is in use. */
static inline size_t karena_uring_request_bytes(const struct karena_uring_request *request)
{
	return offsetof(struct karena_uring_request, area) + request->bytes;
}

static_assert(URING_CMD_BYTES_128 <= KARENA_ARGS_MAX);

/* uring_execute.c: executes the operation of a command */
long karena_uring_execute(struct io_uring_cmd *cmd, unsigned int issue_flags,
			  struct karena_uring_request *request);

/* uring_park.c: parks commands that wait, where KARENA_URING_PARKS */
int karena_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      const struct karena_uring_request *request);
void karena_uring_unpark(struct io_uring_cmd *cmd);

/* uring.c: the entry point */
u64 karena_uring_features(void);
int karena_file_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* KARENA_URING_H */
