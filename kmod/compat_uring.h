/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h for io_uring's headers.
 */
#ifndef KARENA_COMPAT_URING_H
#define KARENA_COMPAT_URING_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/uio.h>

/* <linux/io_uring.h>: commands have their own header since 6.8. */
#ifdef KARENA_HAVE_URING_CMD_H
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* The command's flag bits: in the uapi header since 6.1, and moved later. */
#ifndef IORING_URING_CMD_FIXED
#define IORING_URING_CMD_FIXED	BIT(0)
#endif

/* The command area: reached through the entry since 6.7, by its own pointer before. */
static inline const void *karena_uring_area(const struct io_uring_cmd *cmd)
{
#ifdef KARENA_HAVE_URING_CMD_SQE
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/*
 * Returns the user_data, to compare with that of a cancellation. The user may have changed
 * it since, which only affects the user. On kernels without it no command waits.
 */
static inline u64 karena_uring_user_data(const struct io_uring_cmd *cmd)
{
#ifdef KARENA_HAVE_URING_CMD_SQE
	return READ_ONCE(cmd->sqe->user_data);
#else
	return 0;
#endif
}

/* @issue_flags: a parameter since 6.15. */
static inline int karena_uring_import_fixed(u64 ubuf, size_t bytes, int dir,
					    struct iov_iter *iter, struct io_uring_cmd *cmd,
					    unsigned int issue_flags)
{
#ifdef KARENA_HAVE_URING_IMPORT_FLAGS
	return io_uring_cmd_import_fixed(ubuf, bytes, dir, iter, cmd, issue_flags);
#else
	return io_uring_cmd_import_fixed(ubuf, bytes, dir, iter, cmd);
#endif
}

/* Before 6.19 one function completes CQEs of both sizes. */
static inline void karena_uring_done(struct io_uring_cmd *cmd, long ret, u64 result,
				     unsigned int issue_flags)
{
#ifdef KARENA_HAVE_URING_DONE32
	if (issue_flags & IO_URING_F_CQE32)
		io_uring_cmd_done32(cmd, ret, result, issue_flags);
	else
		io_uring_cmd_done(cmd, ret, issue_flags);
#else
	io_uring_cmd_done(cmd, ret, result, issue_flags);
#endif
}

#ifdef KARENA_HAVE_URING_CANCEL
static inline bool karena_uring_is_cancel(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}
#else
static inline bool karena_uring_is_cancel(unsigned int issue_flags)
{
	return false;
}
#endif

/*
 * A command may complete more than once where the ring's lock is held: not in a worker. No
 * buffer was selected, so none is reported.
 */
#ifdef KARENA_HAVE_URING_MULTISHOT
static inline bool karena_uring_is_multishot(const struct io_uring_cmd *cmd)
{
	return cmd->flags & IORING_URING_CMD_MULTISHOT;
}

/* Returns false if the CQ ring is full; @ret then belongs to the last completion. */
static inline bool karena_uring_post(struct io_uring_cmd *cmd, long ret,
				     unsigned int issue_flags)
{
	struct io_br_sel selected = { .val = ret };

	return !io_uring_mshot_cmd_post_cqe(cmd, &selected, issue_flags);
}
#else
static inline bool karena_uring_is_multishot(const struct io_uring_cmd *cmd)
{
	return false;
}

static inline bool karena_uring_post(struct io_uring_cmd *cmd, long ret,
				     unsigned int issue_flags)
{
	return false;
}
#endif

/* Task work gets the request since 6.19, the command before. */
#ifdef KARENA_HAVE_URING_TW_FUNC
#define KARENA_URING_TASK_WORK(_name, _work)					\
	static void _name(struct io_tw_req req, io_tw_token_t token)		\
	{									\
		_work(io_uring_cmd_from_tw(req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS); \
	}									\
	static_assert(true)
#else
#define KARENA_URING_TASK_WORK(_name, _work)					\
	static void _name(struct io_uring_cmd *cmd, unsigned int issue_flags)	\
	{									\
		_work(cmd, issue_flags);					\
	}									\
	static_assert(true)
#endif

#endif /* KARENA_COMPAT_URING_H */
