/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * libkarena with io_uring: prepares entries of the submission queue, as liburing's
 * io_uring_prep_*() do. For a consumer whose main loop is an io_uring see
 * <karena_uring_consumer.h>.
 *
 * Only these two headers need liburing (2.2 or later), and the library has no code for
 * them. To read(2), write(2) or poll(2) a ring, use io_uring_prep_read() and the others
 * on karena_ring_fd().
 *
 * A command that fails has a negative errno as its result. karena_explain() with the same
 * descriptor, number and struct tells why, by karena_errormsg().
 *
 * The calls below fill entries of 64 or of 128 bytes. The entry must be the last one
 * that liburing handed out.
 */
#ifndef KARENA_URING_H
#define KARENA_URING_H

#include <liburing.h>
#include <stddef.h>
#include <string.h>

#include "karena.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * karena_prep_call() - prepare any call of <linux/karena.h>
 * @sqe:	an entry
 * @fd:		karena_device_fd(), karena_arena_fd(), karena_ring_fd()
 * @number:	KARENA_IOC_*
 * @args:	the call's struct; must stay valid and untouched until the completion
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

/* Prepare a call whose struct of 16 bytes fits into the entry. */
static inline void karena_prep_inline(struct io_uring_sqe *sqe, int fd, uint32_t number,
				      const void *args)
{
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = number | KARENA_URING_INLINE;
	memcpy(sqe->cmd, args, 16);
}

/* Prepare arena calls. The completion's res is 0 or as in <linux/karena.h>. Since 1.0. */
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

/* Prepare ring calls. Since 1.0. */
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

/* A reservation that is finished as a whole fits into an entry of 64 bytes. */
static inline void karena_prep_ring_finish(struct io_uring_sqe *sqe,
					   const struct karena_ring *ring,
					   uint32_t number, uint64_t position, uint32_t flags)
{
	struct karena_ring_finish args;

	memset(&args, 0, sizeof(args));
	args.size = offsetof(struct karena_ring_finish, length);
	args.flags = flags;
	args.position = position;
	karena_prep_inline(sqe, karena_ring_fd(ring), number, &args);
}

/* @position: of the reservation; @flags: KARENA_RING_NO_WAKEUP or _FORCE_WAKEUP, or 0. */
static inline void karena_prep_ring_submit(struct io_uring_sqe *sqe,
					   const struct karena_ring *ring,
					   uint64_t position, uint32_t flags)
{
	karena_prep_ring_finish(sqe, ring, KARENA_IOC_RING_SUBMIT, position, flags);
}

static inline void karena_prep_ring_discard(struct io_uring_sqe *sqe,
					    const struct karena_ring *ring,
					    uint64_t position, uint32_t flags)
{
	karena_prep_ring_finish(sqe, ring, KARENA_IOC_RING_DISCARD, position, flags);
}

/**
 * karena_prep_ring_wait_flags() - prepare a wait for bytes or records
 * @sqe:	an entry
 * @ring:	a ring
 * @flags:	KARENA_WAIT_F_RECORDS or 0
 * @count:	bytes, headers included, or with RECORDS records; 0 for one record
 * @timeout_us:	microseconds; 0 for no limit
 *
 * The completion's res is the number of bytes that are there; 0 if the ring has ended;
 * -ETIMEDOUT; or -EOPNOTSUPP without KARENA_FEAT_URING_WAIT. Since 1.0.
 */
static inline void karena_prep_ring_wait_flags(struct io_uring_sqe *sqe,
					       const struct karena_ring *ring,
					       uint32_t flags, uint32_t count,
					       uint32_t timeout_us)
{
	struct karena_ring_wait args = { sizeof(args), flags, count, timeout_us };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_WAIT, &args);
}

/* Prepare a wait for bytes. Since 1.0. */
static inline void karena_prep_ring_wait(struct io_uring_sqe *sqe,
					 const struct karena_ring *ring, uint32_t bytes,
					 uint32_t timeout_us)
{
	karena_prep_ring_wait_flags(sqe, ring, 0, bytes, timeout_us);
}

/*
 * Prepare a wait that completes repeatedly, see IORING_URING_CMD_MULTISHOT in
 * <linux/karena.h>. -EINVAL without KARENA_FEAT_URING_MULTISHOT. Since 1.0.
 */
static inline void karena_prep_ring_wait_multishot(struct io_uring_sqe *sqe,
						   const struct karena_ring *ring,
						   uint32_t flags, uint32_t count,
						   uint32_t timeout_us)
{
	karena_prep_ring_wait_flags(sqe, ring, flags, count, timeout_us);
	sqe->rw_flags = 2;	/* IORING_URING_CMD_MULTISHOT */
	sqe->flags |= IOSQE_BUFFER_SELECT;
}

/**
 * karena_prep_ring_wait_cancel() - prepare the cancellation of waits
 * @sqe:	an entry
 * @ring:	a ring
 * @user_data:	of the entries of the waits
 *
 * Cancels waits of karena_prep_ring_wait() and its variants, which
 * IORING_OP_ASYNC_CANCEL does not find, and calls with KARENA_RING_WAIT_SPACE, if they
 * were made through @ring. They complete with -ECANCELED. The completion's res is the
 * number of waits found. Since 1.0.
 */
static inline void karena_prep_ring_wait_cancel(struct io_uring_sqe *sqe,
						const struct karena_ring *ring,
						uint64_t user_data)
{
	struct karena_ring_wait_cancel args = { sizeof(args), 0, user_data };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_WAIT_CANCEL, &args);
}

/* Prepare the cancellation of all waits, whatever their user_data. Since 1.0. */
static inline void karena_prep_ring_wait_cancel_all(struct io_uring_sqe *sqe,
						    const struct karena_ring *ring)
{
	struct karena_ring_wait_cancel args = { sizeof(args), KARENA_WAIT_CANCEL_F_ALL, 0 };

	karena_prep_inline(sqe, karena_ring_fd(ring), KARENA_IOC_RING_WAIT_CANCEL, &args);
}

#ifdef __cplusplus
}
#endif

#endif /* KARENA_URING_H */
