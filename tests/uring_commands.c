// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call as an io_uring command: arguments by pointer and in the submission
 * queue's entry, with the results and refusals of ioctl(), from whatever kind of
 * io_uring.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "uring_calls.h"

#define INLINE_BYTES		16
#define INLINE_BYTES_128	80

static int by_entry(int fd, __u32 cmd_op, const void *args, size_t bytes, __u64 *extra)
{
	command(fd, cmd_op | KARENA_URING_INLINE, args, bytes);
	return complete_one(extra);
}

FIXTURE(uring_call) {
	struct world world;
};

FIXTURE_VARIANT(uring_call) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(uring_call, plain) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(uring_call, sqe128_cqe32) {
	.flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
};

FIXTURE_VARIANT_ADD(uring_call, deferred) {
	.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(uring_call, sqpoll) {
	.flags = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(uring_call)
{
	world_build(&self->world);
	uring_open(variant->flags);
}

FIXTURE_TEARDOWN(uring_call)
{
	io_uring_queue_exit(&ring);
	world_end(&self->world);
}

/* What the same call gives by ioctl() in a world just like it. */
static int by_ioctl(const struct call *call, union args *args)
{
	struct world world;
	int err;

	world_build(&world);
	call_prepare(&world, call, args);
	err = try_call(world.fd[call_kind(call)], call, args);
	world_end(&world);
	return err;
}

/* Pointers differ from world to world, and the time; what else comes out does not. */
static bool same_outputs(const struct call *call, union args *a, union args *b)
{
	if (!cut_clock(call, a) || !cut_clock(call, b))
		return false;
	return !call->out || !memcmp(a->bytes + call->out, b->bytes + call->out,
				     call->size - call->out);
}

TEST_F(uring_call, by_pointer_does_what_ioctl_does)
{
	union args expected, args;
	const struct call *call;
	int err, res;

	for (call = calls; call < calls + NR_CALLS; call++) {
		if (!kernel_can(call, &self->world))
			continue;
		TH_LOG("%s", call->name);
		err = by_ioctl(call, &expected);
		ASSERT_EQ(0, err);

		world_renew(&self->world);
		call_prepare(&self->world, call, &args);
		res = by_pointer(self->world.fd[call_kind(call)], call->number, &args);
		close_if_fd(call, res);
		ASSERT_LE(0, res);
		EXPECT_TRUE(same_outputs(call, &expected, &args));
	}
}

TEST_F(uring_call, in_the_entry_does_what_ioctl_does_where_it_fits)
{
	size_t room = variant->flags & IORING_SETUP_SQE128 ? INLINE_BYTES_128 : INLINE_BYTES;
	bool extra_word = variant->flags & IORING_SETUP_CQE32;
	union args expected, args, before;
	const struct call *call;
	__u64 extra;
	int res;

	for (call = calls; call < calls + NR_CALLS; call++) {
		if (!kernel_can(call, &self->world))
			continue;
		TH_LOG("%s", call->name);
		ASSERT_EQ(0, by_ioctl(call, &expected));

		world_renew(&self->world);
		call_prepare(&self->world, call, &args);
		before = args;
		res = by_entry(self->world.fd[call_kind(call)], call->number, &args,
			       call->size < room ? call->size : room,
			       extra_word ? &extra : NULL);
		close_if_fd(call, res);
		EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)));
		if (call->size > room) {
			ASSERT_EQ(-EINVAL, res);
			continue;
		}
		ASSERT_LE(0, res);
		if (extra_word && call->out) {
			EXPECT_EQ(0, memcmp(&extra, expected.bytes + call->out, sizeof(extra)));
		}
	}
}

TEST_F(uring_call, refusals_are_those_of_ioctl)
{
	const struct call *call;
	union args args;
	int fd;

	for (call = calls; call < calls + NR_CALLS; call++) {
		if (!kernel_can(call, &self->world))
			continue;
		TH_LOG("%s", call->name);
		world_renew(&self->world);
		fd = self->world.fd[call_kind(call)];
		call_prepare(&self->world, call, &args);

		args.size = first_size(call) - 8;
		EXPECT_EQ(-EINVAL, by_pointer(fd, call->number, &args));
		args.size = call->size;
		args.flags = ~call->flags;
		EXPECT_EQ(-EINVAL, by_pointer(fd, call->number, &args));
		args.flags = 0;
		EXPECT_EQ(-EFAULT, by_pointer(fd, call->number, (void *)page_size));
		args.size = call->size + 8;
		args.bytes[call->size] = 1;
		EXPECT_EQ(-E2BIG, by_pointer(fd, call->number, &args));
	}
}

TEST_F(uring_call, the_area_is_checked)
{
	union args args = { .size = sizeof(args.arena_stat) };
	struct karena_uring_cmd area = { .args = (uintptr_t)&args, .__reserved = 1 };

	command(self->world.fd[ARENA], KARENA_IOC_ARENA_STAT, &area, sizeof(area));
	EXPECT_EQ(-EINVAL, complete_one(NULL));
}

TEST_F(uring_call, unknown_numbers_are_no_calls)
{
	union args args = { .size = sizeof(args.query) };

	EXPECT_EQ(-ENOTTY, by_pointer(self->world.fd[DEVICE], 0, &args));
	EXPECT_EQ(-ENOTTY, by_pointer(self->world.fd[DEVICE], KARENA_IOC_ARENA_STAT, &args));
	EXPECT_EQ(-ENOTTY, by_pointer(self->world.fd[ARENA], KARENA_IOC_RING_STAT, &args));
	EXPECT_EQ(-ENOTTY, by_pointer(self->world.fd[RING], KARENA_IOC_ARENA_STAT, &args));
	EXPECT_EQ(-ENOTTY, by_pointer(self->world.fd[ARENA],
				      _IOR(KARENA_IOC_TYPE, 0x25, int), &args));
}

TEST_F(uring_call, rights_are_those_of_the_open_file)
{
	const struct call *call;
	union args args;
	int fd;

	for (call = calls; call < calls + NR_CALLS; call++) {
		if (!call->rights || !kernel_can(call, &self->world))
			continue;
		TH_LOG("%s", call->name);
		world_renew(&self->world);
		call_prepare(&self->world, call, &args);
		fd = reopen_with(self->world.fd[call_kind(call)], 0);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EPERM, by_pointer(fd, call->number, &args));
		close(fd);
	}
}

/* -EAGAIN from a driver also means "issue me again": here it is the answer. */
TEST_F(uring_call, a_full_ring_is_an_answer)
{
	struct karena_ring_output output = {
		.size = sizeof(output),
		.buffer = (uintptr_t)self->world.payload,
		.buffer_bytes = sizeof(self->world.payload),
	};
	int fd = self->world.fd[RING];

	while (call(fd, KARENA_IOC_RING_OUTPUT, &output) == 0)
		;
	EXPECT_EQ(-EAGAIN, by_pointer(fd, KARENA_IOC_RING_OUTPUT, &output));
	EXPECT_EQ(-EAGAIN, by_pointer(fd, KARENA_IOC_RING_OUTPUT, &output));
}

/* A process's reservation is its own by whichever entry point, worker threads included. */
TEST_F(uring_call, a_reservation_of_one_entry_point_is_finished_by_another)
{
	struct karena_ring_reserve reserve = { .size = sizeof(reserve), .length = 8 };
	/* In an entry of 64 bytes there is space for the first fields only. */
	struct karena_ring_finish finish = { .size = offsetof(struct karena_ring_finish, length) };
	int fd = self->world.fd[RING];

	ASSERT_EQ(0, by_pointer(fd, KARENA_IOC_RING_RESERVE, &reserve));
	finish.position = reserve.out_position;
	EXPECT_EQ(0, call(fd, KARENA_IOC_RING_SUBMIT, &finish));

	ASSERT_EQ(0, call(fd, KARENA_IOC_RING_RESERVE, &reserve));
	finish.position = reserve.out_position;
	EXPECT_EQ(0, by_entry(fd, KARENA_IOC_RING_SUBMIT, &finish, finish.size, NULL));
	EXPECT_EQ(-EINVAL, by_entry(fd, KARENA_IOC_RING_SUBMIT, &finish, finish.size, NULL));
}

TEST_F(uring_call, forced_to_a_worker_it_does_the_same)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	struct karena_uring_cmd area = { .args = (uintptr_t)&stat };
	struct io_uring_sqe *sqe;

	sqe = command(self->world.fd[RING], KARENA_IOC_RING_STAT, &area, sizeof(area));
	sqe->flags |= IOSQE_ASYNC;
	ASSERT_EQ(0, complete_one(NULL));
	EXPECT_EQ(page_size, stat.out_data_bytes);
}

TEST_F(uring_call, linked_commands_run_in_order)
{
	struct karena_arena_alloc alloc = {
		.size = sizeof(alloc), .flags = KARENA_ALLOC_F_FIXED,
		.offset = 40 * page_size, .nr_pages = 2, .node = KARENA_NODE_ANY,
	};
	struct karena_arena_free release = {
		.size = sizeof(release), .flags = KARENA_FREE_F_STRICT,
		.offset = 40 * page_size, .nr_pages = 2,
	};
	struct karena_uring_cmd area = { .args = (uintptr_t)&alloc };
	struct io_uring_cqe *cqe;
	int fd = self->world.fd[ARENA];
	int i;

	command(fd, KARENA_IOC_ARENA_ALLOC, &area, sizeof(area))->flags |= IOSQE_IO_LINK;
	area.args = (uintptr_t)&release;
	command(fd, KARENA_IOC_ARENA_FREE, &area, sizeof(area));
	must(io_uring_submit(&ring) >= 0);
	for (i = 0; i < 2; i++) {
		must(io_uring_wait_cqe(&ring, &cqe) == 0);
		EXPECT_EQ(0, cqe->res);
		io_uring_cqe_seen(&ring, cqe);
	}
	EXPECT_EQ(2, release.out_done);
}

/* By a registered file, whose process has no fd for it any more. */
TEST_F(uring_call, registered_files_have_the_calls)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	struct karena_uring_cmd area = { .args = (uintptr_t)&stat };
	struct io_uring_sqe *sqe;

	must(io_uring_register_files(&ring, &self->world.fd[ARENA], 1) == 0);
	close(self->world.fd[ARENA]);
	self->world.fd[ARENA] = -1;
	sqe = command(0, KARENA_IOC_ARENA_STAT, &area, sizeof(area));
	sqe->flags |= IOSQE_FIXED_FILE;
	EXPECT_EQ(0, complete_one(NULL));
	EXPECT_EQ(WORLD_PAGES * page_size, stat.out_length);
}

TEST(a_registered_buffer_is_sent_as_a_record)
{
	static char buffer[4096] __attribute__((aligned(4096)));
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct karena_ring_output output = {
		.size = sizeof(output),
		.buffer = (uintptr_t)buffer + 100,
		.buffer_bytes = 40,
	};
	struct karena_ring_finish finish = { .size = sizeof(finish) };
	struct io_uring_sqe *sqe;
	struct world world;
	char record[64];

	world_build(&world);
	uring_open(IORING_SETUP_SQE128);
	must(io_uring_register_buffers(&ring, &iov, 1) == 0);
	memset(buffer + 100, 'x', 40);

	sqe = command(world.fd[RING], KARENA_IOC_RING_OUTPUT | KARENA_URING_INLINE, &output,
		      sizeof(output));
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 0;
	ASSERT_EQ(0, complete_one(NULL));

	/* The one that the world came with, then ours. */
	ASSERT_EQ(40, read(world.fd[RING], record, 40));
	ASSERT_EQ(48, read(world.fd[RING], record, sizeof(record)));
	EXPECT_EQ(0, memcmp(record + KARENA_RECORD_HEADER_BYTES, buffer + 100, 40));

	/* Outside of the buffer. */
	output.buffer = (uintptr_t)buffer + sizeof(buffer) - 8;
	sqe = command(world.fd[RING], KARENA_IOC_RING_OUTPUT | KARENA_URING_INLINE, &output,
		      sizeof(output));
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 0;
	EXPECT_EQ(-EFAULT, complete_one(NULL));

	/* Of a call that has none. */
	finish.position = reserve_record(world.fd[RING]);
	sqe = command(world.fd[RING], KARENA_IOC_RING_SUBMIT | KARENA_URING_INLINE, &finish,
		      sizeof(finish));
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 0;
	EXPECT_EQ(-EINVAL, complete_one(NULL));

	io_uring_queue_exit(&ring);
	world_end(&world);
}

TEST(an_io_uring_that_polls_for_completions_is_turned_away_or_does_not_poll)
{
	union args args = { .size = sizeof(args.query) };
	int device = device_open();
	int res;

	uring_open(IORING_SETUP_IOPOLL);
	res = by_pointer(device, KARENA_IOC_QUERY, &args);
	EXPECT_TRUE(res == -EOPNOTSUPP || (res == 0 && args.query.out_page_size == page_size));
	io_uring_queue_exit(&ring);
	close(device);
}

TEST(the_feature_bit_says_what_works)
{
	struct karena_query query = { .size = sizeof(query) };
	int device = device_open();

	ASSERT_EQ(0, call(device, KARENA_IOC_QUERY, &query));
	EXPECT_TRUE(query.out_features & KARENA_FEAT_URING_CMD);
	close(device);
}

TEST_HARNESS_MAIN
