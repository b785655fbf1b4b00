/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena with io_uring: entries of the submission queue are filled as by
 * liburing's io_uring_prep_*(), and a consumer waits for a ring's records in an
 * io_uring that also serves others.
 *
 * This header alone needs liburing (2.2 or later); it has no library code. What
 * read(2), write(2) and poll(2) do on a ring, io_uring_prep_read() and its like do
 * on karena_ring_fd().
 *
 * An entry that liburing handed out last may be one of 64 or 128 bytes; the calls
 * below fit either.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>

#include "karena.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * karena_prep_call() - any call of the contract
 * @sqe:	an entry
 * @fd:		karena_device_fd(), karena_arena_fd(), karena_ring_fd()
 * @number:	KARENA_IOC_*
 * @args:	its struct, which stays the kernel's until the completion
 *
 * The completion's res is what ioctl(2) returns, a negative errno on failure.
 * Since 1.0.
 */
static inline void karena_prep_call(struct io_uring_sqe *sqe, int fd, uint32_t number,
				    void *args)
{
	struct karena_uring_cmd area;

	memset(&area, 0, sizeof(area));
	area.args = (uintptr_t)args;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = number;
	memcpy(sqe->cmd, &area, sizeof(area));
}

/* A call whose struct of 16 bytes goes into the entry. */
static inline void karena_prep_inline(struct io_uring_sqe *sqe, int fd, uint32_t number,
				      const void *args)
{
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = number | KARENA_URING_INLINE;
	memcpy(sqe->cmd, args, 16);
}

/* Those of an arena; res is 0 or as said in <linux/karena.h>. Since 1.0. */
static inline void karena_prep_arena_alloc(struct io_uring_sqe *sqe,
					   const struct karena_arena *arena,
					   struct karena_arena_alloc *args)
{
	karena_prep_call(sqe, karena_arena_fd(arena), KARENA_IOC_ARENA_ALLOC, args);
}

static inline void karena_prep_arena_free(struct io_uring_sqe *sqe,
					  const struct karena_arena *arena,
					  struct karena_arena_free *args)
{
	karena_prep_call(sqe, karena_arena_fd(arena), KARENA_IOC_ARENA_FREE, args);
}

static inline void karena_prep_arena_reserve(struct io_uring_sqe *sqe,
					     const struct karena_arena *arena,
					     struct karena_arena_reserve *args)
{
	karena_prep_call(sqe, karena_arena_fd(arena), KARENA_IOC_ARENA_RESERVE, args);
}

static inline void karena_prep_arena_commit(struct io_uring_sqe *sqe,
					    const struct karena_arena *arena,
					    struct karena_arena_commit *args)
{
	karena_prep_call(sqe, karena_arena_fd(arena), KARENA_IOC_ARENA_COMMIT, args);
}

static inline void karena_prep_arena_decommit(struct io_uring_sqe *sqe,
					      const struct karena_arena *arena,
					      struct karena_arena_decommit *args)
{
	karena_prep_call(sqe, karena_arena_fd(arena), KARENA_IOC_ARENA_DECOMMIT, args);
}

/* Those of a ring. Since 1.0. */
static inline void karena_prep_ring_reserve(struct io_uring_sqe *sqe,
					    const struct karena_ring *ring,
					    struct karena_ring_reserve *args)
{
	karena_prep_call(sqe, karena_ring_fd(ring), KARENA_IOC_RING_RESERVE, args);
}

static inline void karena_prep_ring_output(struct io_uring_sqe *sqe,
					   const struct karena_ring *ring,
					   struct karena_ring_output *args)
{
	karena_prep_call(sqe, karena_ring_fd(ring), KARENA_IOC_RING_OUTPUT, args);
}

/* @position of the reservation; @flags: KARENA_RING_NO_WAKEUP or _FORCE_WAKEUP, or 0. */
static inline void karena_prep_ring_submit(struct io_uring_sqe *sqe,
					   const struct karena_ring *ring,
					   uint64_t position, uint32_t flags)
{
	struct karena_ring_commit args = { sizeof(args), flags, position };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_SUBMIT, &args);
}

static inline void karena_prep_ring_discard(struct io_uring_sqe *sqe,
					    const struct karena_ring *ring,
					    uint64_t position, uint32_t flags)
{
	struct karena_ring_commit args = { sizeof(args), flags, position };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_DISCARD, &args);
}

/**
 * karena_prep_ring_wait() - until so many bytes of records are there
 * @sqe:	an entry
 * @ring:	a ring
 * @bytes:	headers included; 0: one record
 * @timeout_us:	microseconds; 0: for ever
 *
 * The completion's res is the number of bytes that are there; -ETIMEDOUT;
 * -EOPNOTSUPP: a kernel without KARENA_FEAT_URING_WAIT. Since 1.0.
 */
static inline void karena_prep_ring_wait(struct io_uring_sqe *sqe,
					 const struct karena_ring *ring, uint32_t bytes,
					 uint32_t timeout_us)
{
	struct karena_ring_wait args = { sizeof(args), 0, bytes, timeout_us };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_WAIT, &args);
}

/*
 * Consuming
 * ---------
 */

/* How a consumer is told of records. */
enum karena_uring_way {
	KARENA_URING_BEST,	/* the first of these that the kernel has */
	KARENA_URING_WAIT,	/* KARENA_IOC_RING_WAIT: a number of bytes, and a time */
	KARENA_URING_POLL,	/* multishot poll: armed once */
};

/**
 * struct karena_uring_consumer - a ring's consumer in an io_uring
 * @ring:	which it consumes
 * @way:	how it is told; never KARENA_URING_BEST
 * @bytes:	with WAIT, to be told when so many are there; may be changed
 * @timeout_us:	with WAIT, to be told by then at the latest; may be changed
 * @armed:	a request is in flight
 *
 * Its address is the user_data of its requests: it stays where it is until none is
 * in flight.
 */
struct karena_uring_consumer {
	struct karena_ring *ring;
	enum karena_uring_way way;
	uint32_t bytes;
	uint32_t timeout_us;
	bool armed;
};

/**
 * karena_uring_consumer_init() - choose the way
 * @consumer:	out; its @way tells which was chosen
 * @device:	a device
 * @ring:	the ring
 * @way:	a way, or KARENA_URING_BEST
 *
 * Errors: -EOPNOTSUPP: the kernel has not got @way. Since 1.0.
 */
static inline int karena_uring_consumer_init(struct karena_uring_consumer *consumer,
					     const struct karena_device *device,
					     struct karena_ring *ring,
					     enum karena_uring_way way)
{
	struct karena_query query;
	bool waits;
	int ret;

	memset(&query, 0, sizeof(query));
	query.size = sizeof(query);
	ret = karena_query(device, &query);
	if (ret)
		return ret;
	waits = query.out_features & KARENA_FEAT_URING_WAIT;
	if (way == KARENA_URING_WAIT && !waits)
		return -EOPNOTSUPP;
	if (way == KARENA_URING_BEST)
		way = waits ? KARENA_URING_WAIT : KARENA_URING_POLL;
	memset(consumer, 0, sizeof(*consumer));
	consumer->ring = ring;
	consumer->way = way;
	return 0;
}

/**
 * karena_uring_consumer_arm() - have a request in flight
 * @consumer:	a consumer
 * @uring:	where
 *
 * Before each submission; does nothing if one is in flight. Errors: -EBUSY: no
 * entry is free. One thread. Since 1.0.
 */
static inline int karena_uring_consumer_arm(struct karena_uring_consumer *consumer,
					    struct io_uring *uring)
{
	struct io_uring_sqe *sqe;

	if (consumer->armed)
		return 0;
	sqe = io_uring_get_sqe(uring);
	if (!sqe)
		return -EBUSY;
	if (consumer->way == KARENA_URING_WAIT)
		karena_prep_ring_wait(sqe, consumer->ring, consumer->bytes,
				      consumer->timeout_us);
	else
		io_uring_prep_poll_multishot(sqe, karena_ring_fd(consumer->ring), POLLIN);
	io_uring_sqe_set_data(sqe, consumer);
	consumer->armed = true;
	return 0;
}

/**
 * karena_uring_consumer_take() - call a function for each record that is there
 * @consumer:	a consumer
 * @cqe:	a completion whose user_data it is
 * @fn:		see karena_ring_consume(); returns 0 or a negative value
 * @context:	for @fn
 *
 * Goes on until nothing is there, so that a poll that is armed once tells of all
 * that comes later. Returns how many records were given to @fn, 0 also when the
 * time was over; or the completion's errno, or that of karena_ring_consume(), or
 * @fn's own negative value. One thread. Since 1.0.
 */
static inline int karena_uring_consumer_take(struct karena_uring_consumer *consumer,
					     const struct io_uring_cqe *cqe,
					     karena_record_fn fn, void *context)
{
	int ret, total = 0;

	if (!(cqe->flags & IORING_CQE_F_MORE))
		consumer->armed = false;
	if (cqe->res < 0 && cqe->res != -ETIMEDOUT)
		return cqe->res;
	do {
		ret = karena_ring_consume(consumer->ring, fn, context, 0);
		if (ret > 0)
			total += ret;
	} while (ret > 0);
	return ret < 0 ? ret : total;
}

#ifdef __cplusplus
}
#endif

#endif /* KARENA_URING_H */
