/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of calls.h as io_uring commands, one at a time.
 */
#ifndef KARENA_TESTS_URING_CALLS_H
#define KARENA_TESTS_URING_CALLS_H

#include <liburing.h>

#include "calls.h"

extern struct io_uring ring;

static inline void uring_open(unsigned int flags)
{
	must(io_uring_queue_init(8, &ring, flags) == 0);
}

/* Space for an entry of 128 bytes is taken by liburing where it is due. */
struct io_uring_sqe *command(int fd, __u32 cmd_op, const void *area, size_t bytes);

/* The one completion of what was prepared; its first extra word, if it has one. */
int complete_one(__u64 *extra);

int by_pointer(int fd, __u32 cmd_op, void *args);

void close_if_fd(const struct call *call, int res);

/* Where it cannot, the refusal has a test of its own. */
bool kernel_can(const struct call *call, const struct world *world);

#endif /* KARENA_TESTS_URING_CALLS_H */
