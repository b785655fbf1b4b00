/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that test io_uring requests on rings have in common.
 */
#ifndef KARENA_TESTS_URING_UTIL_H
#define KARENA_TESTS_URING_UTIL_H

#include <liburing.h>

#include "ring_util.h"

/* From 6.7 on; liburing's headers may be older. */
#define OP_READ_MULTISHOT	49
/* From 6.18 on. */
#define CMD_MULTISHOT		2

uint64_t features(void);

bool uring_has(struct io_uring *uring, unsigned int op);

struct io_uring_sqe *prep(struct io_uring *uring, unsigned int op, int fd, const void *address,
			  unsigned int length);

struct io_uring_sqe *prep_wait_flags(struct io_uring *uring, int fd, uint32_t flags,
				     uint32_t bytes, uint32_t timeout_us);

static inline struct io_uring_sqe *prep_wait(struct io_uring *uring, int fd, uint32_t bytes,
					     uint32_t timeout_us)
{
	return prep_wait_flags(uring, fd, 0, bytes, timeout_us);
}

/* Of any io_uring command, so that it completes more than once. */
void make_multishot(struct io_uring_sqe *sqe);

/* A thread of the kernel's may have taken it before it could be counted. */
static inline void submit(struct io_uring *uring)
{
	must(io_uring_submit(uring) >= 0);
}

/* No entry is the kernel's to read any more: a thread of it may take its time. */
void wait_until_read(const struct io_uring *uring);

/* None of the kernel's own errnos, that tell it to make a system call again. */
static inline bool is_for_users(int res)
{
	return res > -512 || res < -530;
}

/**
 * struct completion - a completion, read
 * @came:	false: none in time
 * @user_data:	of its request
 * @res:	its result
 * @flags:	IORING_CQE_F_*
 * @extra:	first extra word, if it has one
 */
struct completion {
	bool came;
	uint64_t user_data;
	int res;
	unsigned int flags;
	uint64_t extra;
};

struct completion complete_within(struct io_uring *uring, long ms);

/* Soon, but on a machine that is emulated and busy. */
static inline struct completion complete(struct io_uring *uring)
{
	return complete_within(uring, HUNG_MS);
}

static inline bool nothing_came(struct io_uring *uring)
{
	return !complete_within(uring, 20).came;
}

#endif /* KARENA_TESTS_URING_UTIL_H */
