/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The io_uring door.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

#include <linux/types.h>

#include "ops.h"

struct io_uring_cmd;

/* The command area of an entry. */
#define URING_CMD_BYTES		16
#define URING_CMD_BYTES_128	80

/**
 * struct karena_uring_run - a command, to be run once or again
 * @op:		what it does
 * @call:	to what
 * @area:	the entry's command area, as it was when it was read
 * @bytes:	of @area
 */
struct karena_uring_run {
	const struct karena_op *op;
	struct karena_call call;
	u64 area[URING_CMD_BYTES_128 / sizeof(u64)];
	size_t bytes;
};

u64 karena_uring_features(void);
int karena_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
long karena_uring_run(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      struct karena_uring_run *run);

/* uring_park.c: commands that wait, where KARENA_URING_PARKS */
int karena_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
		      const struct karena_uring_run *run);
void karena_uring_unpark(struct io_uring_cmd *cmd);

#endif /* KARENA_URING_H */
