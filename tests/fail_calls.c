// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot be had and copies that fault, at every point of every call, by
 * ioctl() and by io_uring: see fault_sweep.h.
 */
#define _GNU_SOURCE
#include <liburing.h>

#include "fault_sweep.h"
#include "kselftest_harness.h"

static const struct call *under_test;
static union args args;

static void prepare_call(void)
{
	call_prepare(&world, under_test, &args);
}

static int run_by_ioctl(void)
{
	return try_call(world.fd[call_kind(under_test)], under_test, &args);
}

/*
 * By io_uring. What may sleep is done by a thread of the kernel's, whose points are
 * its own: of such a call it is the way there and back that is tried.
 */
static struct io_uring ring;

static void renew_uring(void)
{
	if (ring.ring_fd > 0)
		io_uring_queue_exit(&ring);
	must(io_uring_queue_init(4, &ring, 0) == 0);
}

static void prepare_command(void)
{
	struct karena_uring_cmd area = { .args = (uintptr_t)&args };
	struct io_uring_sqe *sqe;

	prepare_call();
	renew_uring();
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, world.fd[call_kind(under_test)], NULL, 0, 0);
	/* Shares its place with the offset that was just cleared. */
	sqe->cmd_op = under_test->number;
	memcpy(sqe->cmd, &area, sizeof(area));
}

static int run_by_uring(void)
{
	struct io_uring_cqe *cqe;
	int res;

	res = io_uring_submit(&ring);
	if (res < 0)
		return -res;
	while (io_uring_wait_cqe(&ring, &cqe))
		;
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	if (res > 0 && under_test->makes_fd)
		close(res);
	return res < 0 ? -res : 0;
}

FIXTURE(points) {
};

FIXTURE_VARIANT(points) {
	const struct call *call;
};

FIXTURE_VARIANT_ADD(points, query) { .call = &calls[CALL_query] };
FIXTURE_VARIANT_ADD(points, arena_create) { .call = &calls[CALL_arena_create] };
FIXTURE_VARIANT_ADD(points, ring_create) { .call = &calls[CALL_ring_create] };
FIXTURE_VARIANT_ADD(points, reopen) { .call = &calls[CALL_reopen] };
FIXTURE_VARIANT_ADD(points, restrict) { .call = &calls[CALL_restrict] };
FIXTURE_VARIANT_ADD(points, arena_alloc) { .call = &calls[CALL_arena_alloc] };
FIXTURE_VARIANT_ADD(points, arena_free) { .call = &calls[CALL_arena_free] };
FIXTURE_VARIANT_ADD(points, arena_reserve) { .call = &calls[CALL_arena_reserve] };
FIXTURE_VARIANT_ADD(points, arena_commit) { .call = &calls[CALL_arena_commit] };
FIXTURE_VARIANT_ADD(points, arena_decommit) { .call = &calls[CALL_arena_decommit] };
FIXTURE_VARIANT_ADD(points, arena_stat) { .call = &calls[CALL_arena_stat] };
FIXTURE_VARIANT_ADD(points, arena_walk) { .call = &calls[CALL_arena_walk] };
FIXTURE_VARIANT_ADD(points, ring_reserve) { .call = &calls[CALL_ring_reserve] };
FIXTURE_VARIANT_ADD(points, ring_submit) { .call = &calls[CALL_ring_submit] };
FIXTURE_VARIANT_ADD(points, ring_discard) { .call = &calls[CALL_ring_discard] };
FIXTURE_VARIANT_ADD(points, ring_output) { .call = &calls[CALL_ring_output] };
FIXTURE_VARIANT_ADD(points, ring_output_batch) { .call = &calls[CALL_ring_output_batch] };
FIXTURE_VARIANT_ADD(points, ring_reserve_batch) { .call = &calls[CALL_ring_reserve_batch] };
FIXTURE_VARIANT_ADD(points, ring_finish_batch) { .call = &calls[CALL_ring_finish_batch] };
FIXTURE_VARIANT_ADD(points, ring_policy) { .call = &calls[CALL_ring_policy] };
FIXTURE_VARIANT_ADD(points, ring_flush) { .call = &calls[CALL_ring_flush] };
FIXTURE_VARIANT_ADD(points, ring_wait_cancel) { .call = &calls[CALL_ring_wait_cancel] };
FIXTURE_VARIANT_ADD(points, ring_attach) { .call = &calls[CALL_ring_attach] };
FIXTURE_VARIANT_ADD(points, ring_stat) { .call = &calls[CALL_ring_stat] };

FIXTURE_SETUP(points)
{
	under_test = variant->call;
	sweep_begin();
}

FIXTURE_TEARDOWN(points)
{
	if (fail_nth >= 0)
		world_end(&world);
}

TEST_F_TIMEOUT(points, of_ioctl, 900)
{
	struct sweep sweep = {
		.prepare = prepare_call,
		.run = run_by_ioctl,
		.out = variant->call->out,
		.cannot_fail = variant->call->cannot_fail,
		.partial = variant->call->partial,
	};

	if (fail_nth < 0)
		SKIP(return, "this kernel has no fault injection");
	EXPECT_EQ(0, sweep_points(&sweep));
}

TEST_F_TIMEOUT(points, of_io_uring, 900)
{
	struct sweep sweep = {
		.prepare = prepare_command,
		.run = run_by_uring,
		.out = variant->call->out,
		.partial = variant->call->partial,
		.again = true,
		.canceled = true,
		/* The thread that ran it has the file for a moment longer. */
		.late = true,
	};

	if (fail_nth < 0)
		SKIP(return, "this kernel has no fault injection");
	EXPECT_EQ(0, sweep_points(&sweep));
	io_uring_queue_exit(&ring);
}

/* The frame itself: a point that is met is reported, and one that is not. */
TEST(points_are_reported)
{
	if (!fault_points_begin())
		SKIP(return, "this kernel has no fault injection");
	fault_point_arm(1);
	EXPECT_EQ(-1, open(KARENA_DEVICE, O_RDWR));
	EXPECT_TRUE(fault_point_met());
	fault_point_arm(100000);
	EXPECT_LE(0, open(KARENA_DEVICE, O_RDWR));
	EXPECT_FALSE(fault_point_met());
}

TEST_HARNESS_MAIN
