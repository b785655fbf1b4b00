// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each entry that is submitted has exactly one last completion, whatever kind of
 * request it is, however it is modified, and whatever kind of io_uring has it.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_sender.h"

#define GROUP	7

/* Names of the entries: one before the request, the request, one after it. */
enum { BEFORE = 1, TARGET, AFTER, CANCELLER, NAMES };

/**
 * struct scene - an io_uring and a ring
 * @uring:	theirs; a registered file is number 0
 * @fd:		the ring's, or its number among those that are registered
 * @sender:	another open file of it
 * @room:	that is read into
 * @stat:	arguments, and
 * @output:	likewise
 * @last:	by name, last completions that came
 */
struct scene {
	struct io_uring uring;
	int fd;
	int sender;
	char room[8][256];
	struct karena_ring_stat stat;
	struct karena_ring_output output;
	int last[NAMES];
};

/* A call as a command, by pointer. */
static struct io_uring_sqe *prep_call(struct scene *scene, unsigned int number, void *args)
{
	struct io_uring_sqe *sqe = prep(&scene->uring, IORING_OP_URING_CMD, scene->fd, NULL, 0);
	struct karena_uring_cmd area = { .args = (uintptr_t)args };

	sqe->cmd_op = number;
	memcpy(sqe->cmd, &area, sizeof(area));
	return sqe;
}

static struct io_uring_sqe *prep_poll(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->uring);

	io_uring_prep_poll_add(sqe, scene->fd, POLLIN);
	return sqe;
}

static struct io_uring_sqe *prep_poll_multishot(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->uring);

	io_uring_prep_poll_multishot(sqe, scene->fd, POLLIN);
	return sqe;
}

static struct io_uring_sqe *prep_read(struct scene *scene)
{
	return prep(&scene->uring, IORING_OP_READ, scene->fd, scene->room, sizeof(scene->room));
}

static struct io_uring_sqe *prep_read_multishot(struct scene *scene)
{
	struct io_uring_sqe *sqe = prep(&scene->uring, OP_READ_MULTISHOT, scene->fd, NULL, 0);

	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	return sqe;
}

static struct io_uring_sqe *prep_write(struct scene *scene)
{
	return prep(&scene->uring, IORING_OP_WRITE, scene->fd, "payload", 8);
}

static struct io_uring_sqe *prep_waiting(struct scene *scene)
{
	return prep_wait(&scene->uring, scene->fd, 0, 0);
}

static struct io_uring_sqe *prep_multishot(struct scene *scene)
{
	struct io_uring_sqe *sqe = prep_wait(&scene->uring, scene->fd, 0, 0);

	make_multishot(sqe);
	return sqe;
}

static struct io_uring_sqe *prep_stat(struct scene *scene)
{
	scene->stat = (struct karena_ring_stat) { .size = sizeof(scene->stat) };
	return prep_call(scene, KARENA_IOC_RING_STAT, &scene->stat);
}

static struct io_uring_sqe *prep_output(struct scene *scene)
{
	scene->output = (struct karena_ring_output) {
		.size = sizeof(scene->output),
		.buffer = (uintptr_t)"payload",
		.buffer_bytes = 8,
	};
	return prep_call(scene, KARENA_IOC_RING_OUTPUT, &scene->output);
}

/* How a request comes to its end. */
enum ending {
	BY_ITSELF,
	BY_A_RECORD,
	BY_CANCELLING,		/* after a record */
	BY_WAIT_CANCEL,		/* likewise */
};

FIXTURE(request) {
	struct scene scene;
};

/**
 * variant of request - a kind
 * @prepare:	it
 * @ending:	its end
 * @op:		of io_uring's, that the kernel must have, or 0: NOP
 * @feature:	likewise
 */
FIXTURE_VARIANT(request) {
	struct io_uring_sqe *(*prepare)(struct scene *scene);
	enum ending ending;
	unsigned int op;
	uint64_t feature;
};

FIXTURE_VARIANT_ADD(request, poll) { .prepare = prep_poll, .ending = BY_A_RECORD };
FIXTURE_VARIANT_ADD(request, poll_multishot) {
	.prepare = prep_poll_multishot, .ending = BY_CANCELLING,
};

FIXTURE_VARIANT_ADD(request, read) { .prepare = prep_read, .ending = BY_A_RECORD };
FIXTURE_VARIANT_ADD(request, read_multishot) {
	.prepare = prep_read_multishot, .ending = BY_CANCELLING, .op = OP_READ_MULTISHOT,
};

FIXTURE_VARIANT_ADD(request, write) { .prepare = prep_write };
FIXTURE_VARIANT_ADD(request, wait) {
	.prepare = prep_waiting, .ending = BY_A_RECORD, .feature = KARENA_FEAT_URING_WAIT,
};

FIXTURE_VARIANT_ADD(request, wait_multishot) {
	.prepare = prep_multishot, .ending = BY_WAIT_CANCEL, .feature = KARENA_FEAT_URING_MULTISHOT,
};

FIXTURE_VARIANT_ADD(request, stat) { .prepare = prep_stat };
FIXTURE_VARIANT_ADD(request, output) { .prepare = prep_output };

FIXTURE_SETUP(request)
{
}

FIXTURE_TEARDOWN(request)
{
}

/* How an entry is modified, beside by flags of its own. */
enum modifier {
	IN_PLAIN,
	IN_A_WORKER,
	IN_A_CHAIN,
	AFTER_ALL,
	REGISTERED,
	NR_MODIFIERS
};

static const unsigned int sqe_flags[NR_MODIFIERS] = {
	[IN_A_WORKER] = IOSQE_ASYNC,
	[IN_A_CHAIN] = IOSQE_IO_LINK,
	[AFTER_ALL] = IOSQE_IO_DRAIN,
	[REGISTERED] = IOSQE_FIXED_FILE,
};

/* Takes a completion if one comes. Returns false if none did. */
static bool take(struct scene *scene, long ms)
{
	struct completion done = complete_within(&scene->uring, ms);

	if (!done.came)
		return false;
	must(done.user_data > 0 && done.user_data < NAMES);
	if (!(done.flags & IORING_CQE_F_MORE))
		scene->last[done.user_data]++;
	return true;
}

static void provide_buffers(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->uring);

	io_uring_prep_provide_buffers(sqe, scene->room, sizeof(scene->room[0]), 8, GROUP, 0);
	sqe->user_data = BEFORE;
	submit(&scene->uring);
	must(take(scene, HUNG_MS) && scene->last[BEFORE] == 1);
	scene->last[BEFORE] = 0;
}

/* No fd leads to the request's open file when it is registered. */
static void scene_begin(struct scene *scene, unsigned int flags, enum modifier modifier)
{
	memset(scene, 0, sizeof(*scene));
	must(io_uring_queue_init(16, &scene->uring, flags) == 0);
	scene->fd = ring_new_fd(0, page_size);
	scene->sender = ring_reopen(scene->fd, KARENA_RIGHTS_RING);
	must(scene->sender >= 0);
	if (modifier == REGISTERED) {
		must(io_uring_register_files(&scene->uring, &scene->fd, 1) == 0);
		close(scene->fd);
		scene->fd = 0;
	}
}

static void scene_end(struct scene *scene, enum modifier modifier)
{
	io_uring_queue_exit(&scene->uring);
	if (modifier != REGISTERED)
		close(scene->fd);
	close(scene->sender);
}

static void prep_nop(struct scene *scene, int name)
{
	struct io_uring_sqe *sqe = prep(&scene->uring, IORING_OP_NOP, -1, NULL, 0);

	sqe->user_data = name;
}

/* By ioctl(), unless the open file has no fd: then by a command. */
static void cancel_waits(struct scene *scene, enum modifier modifier)
{
	struct karena_ring_wait_cancel args = { .size = sizeof(args), .user_data = TARGET };
	struct io_uring_sqe *sqe;

	if (modifier != REGISTERED) {
		must(call(scene->fd, KARENA_IOC_RING_WAIT_CANCEL, &args) >= 0);
		return;
	}
	/* This is done again and again: there must be an entry left for it. */
	wait_until_read(&scene->uring);
	sqe = prep(&scene->uring, IORING_OP_URING_CMD, scene->fd, NULL, 0);
	sqe->cmd_op = KARENA_IOC_RING_WAIT_CANCEL | KARENA_URING_INLINE;
	memcpy(sqe->cmd, &args, sizeof(args));
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = CANCELLER;
	submit(&scene->uring);
}

static void cancel_request(struct scene *scene)
{
	struct io_uring_sync_cancel_reg args = {
		.addr = TARGET, .fd = -1, .timeout = { -1, -1 },
	};

	io_uring_register_sync_cancel(&scene->uring, &args);
}

/* It reports a record, and then comes to its end, if it has begun by then. */
static void end_request(struct scene *scene, enum ending ending, enum modifier modifier)
{
	if (ending != BY_ITSELF)
		send_one(scene->sender);
	if (ending == BY_CANCELLING || ending == BY_WAIT_CANCEL)
		must(take(scene, HUNG_MS));
	while (ending > BY_A_RECORD && !scene->last[TARGET]) {
		if (ending == BY_CANCELLING)
			cancel_request(scene);
		else
			cancel_waits(scene, modifier);
		/* To the last, for which it waits in the kernel, where work is done. */
		while (take(scene, 20))
			;
	}
}

/* Has each entry that was submitted had its last completion, once? */
static bool each_once(struct scene *scene, int before, int after)
{
	while (scene->last[BEFORE] < before || !scene->last[TARGET] ||
	       scene->last[AFTER] < after)
		must(take(scene, HUNG_MS));
	while (take(scene, 20))
		;
	return scene->last[BEFORE] == before && scene->last[TARGET] == 1 &&
	       scene->last[AFTER] == after;
}

TEST_F(request, has_one_last_completion)
{
	static const unsigned int flags[] = {
		0, IORING_SETUP_SQPOLL,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	struct scene *scene = &self->scene;
	struct io_uring_sqe *sqe;
	enum modifier modifier;
	unsigned int i;

	if ((features() & variant->feature) != variant->feature)
		SKIP(return, "this kernel has no such request");
	for (i = 0; i < 3 * NR_MODIFIERS; i++) {
		modifier = i / 3;
		scene_begin(scene, flags[i % 3], modifier);
		if (!uring_has(&scene->uring, variant->op))
			SKIP(return, "this kernel has no such request");
		if (variant->op == OP_READ_MULTISHOT)
			provide_buffers(scene);
		if (modifier == AFTER_ALL)
			prep_nop(scene, BEFORE);
		sqe = variant->prepare(scene);
		sqe->flags |= sqe_flags[modifier];
		sqe->user_data = TARGET;
		if (modifier == AFTER_ALL || modifier == IN_A_CHAIN)
			prep_nop(scene, AFTER);
		submit(&scene->uring);
		end_request(scene, variant->ending, modifier);
		EXPECT_TRUE(each_once(scene, modifier == AFTER_ALL,
				      modifier == AFTER_ALL || modifier == IN_A_CHAIN))
			TH_LOG("modifier %d, io_uring of %#x", modifier, flags[i % 3]);
		scene_end(scene, modifier);
	}
}

/* A descriptor that was a direct one from the beginning. */
TEST(a_device_that_io_uring_opened_has_its_calls)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_uring_cmd area = { .args = (uintptr_t)&query };
	struct io_uring_sqe *sqe;
	struct io_uring uring;

	must(io_uring_queue_init(4, &uring, 0) == 0);
	must(io_uring_register_files_sparse(&uring, 2) == 0);
	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_openat_direct(sqe, AT_FDCWD, KARENA_DEVICE, O_RDWR, 0, 1);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = prep(&uring, IORING_OP_URING_CMD, 1, NULL, 0);
	sqe->cmd_op = KARENA_IOC_QUERY;
	memcpy(sqe->cmd, &area, sizeof(area));
	sqe->flags |= IOSQE_FIXED_FILE;
	submit(&uring);
	EXPECT_EQ(0, complete(&uring).res);
	EXPECT_EQ(0, complete(&uring).res);
	EXPECT_EQ(page_size, query.out_page_size);
	EXPECT_TRUE(nothing_came(&uring));
	io_uring_queue_exit(&uring);
}

TEST_HARNESS_MAIN
