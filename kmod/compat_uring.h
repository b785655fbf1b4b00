/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h for io_uring's headers, which only the io_uring entry point includes.
 */
#ifndef KARENA_COMPAT_URING_H
#define KARENA_COMPAT_URING_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/uio.h>

/* <linux/io_uring.h>: commands have a header of their own from 6.8 on. */
#ifdef KARENA_HAVE_URING_CMD_H
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* The command's flag bits came out to users with 6.1 and moved since. */
#ifndef IORING_URING_CMD_FIXED
#define IORING_URING_CMD_FIXED	BIT(0)
#endif

/* The command area: by the entry from 6.7 on, by a pointer of its own before. */
static inline const void *karena_uring_area(const struct io_uring_cmd *cmd)
{
#ifdef KARENA_HAVE_URING_CMD_SQE
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/*
 * What the user calls it, for those who look for it; for the user's own eyes, who may
 * have changed the entry since. Kernels that do not show it have no command wait.
 */
static inline u64 karena_uring_user_data(const struct io_uring_cmd *cmd)
{
#ifdef KARENA_HAVE_URING_CMD_SQE
	return READ_ONCE(cmd->sqe->user_data);
#else
	return 0;
#endif
}

/* @issue_flags came with 6.15. */
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

/* One function for both sizes of completions before 6.19. */
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

/* A command may wait where it can be cancelled: from 6.7 on. */
#ifdef KARENA_HAVE_URING_CANCEL
#define KARENA_URING_PARKS	true
static inline bool karena_uring_is_cancel(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}
#else
#define KARENA_URING_PARKS	false
static inline bool karena_uring_is_cancel(unsigned int issue_flags)
{
	return false;
}
#endif

/*
 * A command may complete more than once from 6.18 on, where the ring's lock is held:
 * not in a worker. No buffer was selected, so none is reported.
 */
#ifdef KARENA_HAVE_URING_MULTISHOT
#define KARENA_URING_HAS_MULTISHOT true
static inline bool karena_uring_is_multishot(const struct io_uring_cmd *cmd)
{
	return cmd->flags & IORING_URING_CMD_MULTISHOT;
}

/* Returns false if there was no room: @ret is to be the last completion's. */
static inline bool karena_uring_post(struct io_uring_cmd *cmd, long ret,
				     unsigned int issue_flags)
{
	struct io_br_sel selected = { .val = ret };

	return !io_uring_mshot_cmd_post_cqe(cmd, &selected, issue_flags);
}
#else
#define KARENA_URING_HAS_MULTISHOT false
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

/* Memory of files is registered from 6.5 on, before that of shmem and hugetlb alone. */
#ifdef KARENA_HAVE_URING_BUFFERS
#define KARENA_URING_BUFFERS	true
#else
#define KARENA_URING_BUFFERS	false
#endif

/* Task work is given the command, since 6.19 the request. */
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
