/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The io_uring door.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

struct io_uring_cmd;

int karena_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* KARENA_URING_H */
