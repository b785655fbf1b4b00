// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "uring_util.h"

uint64_t features(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_features;
}

bool uring_has(struct io_uring *uring, unsigned int op)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(uring);
	bool has;

	must(probe);
	has = io_uring_opcode_supported(probe, op);
	io_uring_free_probe(probe);
	return has;
}

struct io_uring_sqe *prep(struct io_uring *uring, unsigned int op, int fd, const void *address,
			  unsigned int length)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);

	must(sqe);
	io_uring_prep_rw(op, sqe, fd, address, length, 0);
	return sqe;
}

struct io_uring_sqe *prep_wait_flags(struct io_uring *uring, int fd, uint32_t flags,
				     uint32_t bytes, uint32_t timeout_us)
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

void make_multishot(struct io_uring_sqe *sqe)
{
	sqe->uring_cmd_flags = CMD_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
}

void wait_until_read(const struct io_uring *uring)
{
	while (io_uring_sq_ready(uring))
		pause_ms(1);
}

struct completion complete_within(struct io_uring *uring, long ms)
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
