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

static inline uint64_t features(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_features;
}

static inline bool uring_has(struct io_uring *uring, unsigned int op)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(uring);
	bool has;

	must(probe);
	has = io_uring_opcode_supported(probe, op);
	io_uring_free_probe(probe);
	return has;
}

static inline struct io_uring_sqe *prep(struct io_uring *uring, unsigned int op, int fd,
					const void *address, unsigned int length)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	must(sqe);
	io_uring_prep_rw(op, sqe, fd, address, length, 0);
	return sqe;
}

static inline struct io_uring_sqe *prep_wait_flags(struct io_uring *uring, int fd,
						   uint32_t flags, uint32_t bytes,
						   uint32_t timeout_us)
{
	struct karena_ring_wait wait = {
		.size = sizeof(wait),
		.flags = flags,
		.bytes = bytes,
		.timeout_us = timeout_us,
	};
	struct io_uring_sqe *sqe = prep(uring, IORING_OP_URING_CMD, fd, NULL, 0);

	/* Shares its place with the offset that was just cleared. */
	sqe->cmd_op = KARENA_IOC_RING_WAIT | KARENA_URING_INLINE;
	memcpy(sqe->cmd, &wait, sizeof(wait));
	return sqe;
}

static inline struct io_uring_sqe *prep_wait(struct io_uring *uring, int fd, uint32_t bytes,
					     uint32_t timeout_us)
{
	return prep_wait_flags(uring, fd, 0, bytes, timeout_us);
}

/* Of any io_uring command, so that it completes more than once. */
static inline void make_multishot(struct io_uring_sqe *sqe)
{
	sqe->uring_cmd_flags = CMD_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
}

/* A thread of the kernel's may have taken it before it could be counted. */
static inline void submit(struct io_uring *uring)
{
	must(io_uring_submit(uring) >= 0);
}

/* No entry is the kernel's to read any more: a thread of it may take its time. */
static inline void wait_until_read(const struct io_uring *uring)
{
	while (io_uring_sq_ready(uring))
		pause_ms(1);
}

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

static inline struct completion complete_within(struct io_uring *uring, long ms)
{
	struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000 };
	struct completion completion = { 0 };
	struct io_uring_cqe *cqe;

	if (io_uring_wait_cqe_timeout(uring, &cqe, &time))
		return completion;
	completion.came = true;
	completion.user_data = cqe->user_data;
	completion.res = cqe->res;
	must(is_for_users(cqe->res));
	completion.flags = cqe->flags;
	if (uring->flags & IORING_SETUP_CQE32)
		completion.extra = cqe->big_cqe[0];
	io_uring_cqe_seen(uring, cqe);
	return completion;
}

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
