// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers that wait for space by io_uring: without a thread where the kernel can
 * cancel commands, else not at all.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <karena_uring.h>

#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(uring)
{
	struct io_uring uring;
	int fd;
	bool parks;
};

typedef FIXTURE_DATA(uring) uring_data;

FIXTURE_SETUP(uring)
{
	struct karena_query query = { .size = sizeof(query) };
	int device = device_open();

	must(call(device, KARENA_IOC_QUERY, &query) == 0);
	close(device);
	self->parks = query.out_features & KARENA_FEAT_URING_WAIT;
	self->fd = ring_new_fd(KARENA_RING_F_IN_PLACE, page_size);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->uring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->uring);
	close(self->fd);
}

static void start(uring_data *self, uint32_t number, void *args)
{
	karena_prep_call(io_uring_get_sqe(&self->uring), self->fd, number, args);
	must(io_uring_submit(&self->uring) == 1);
}

/* -EAGAIN: not completed after @ms. */
static int completed(uring_data *self, int ms)
{
	struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000 };
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_wait_cqe_timeout(&self->uring, &cqe, &time))
		return -EAGAIN;
	res = cqe->res;
	io_uring_cqe_seen(&self->uring, cqe);
	return res;
}

static void fill(int fd)
{
	while (ring_output(fd, "full", 8, 0) == 0)
		;
}

TEST_F(uring, with_space_there_is_no_wait)
{
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve), .flags = KARENA_RING_WAIT_SPACE, .length = 8,
	};
	struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)"x", .buffer_bytes = 1,
	};

	start(self, KARENA_IOC_RING_RESERVE, &reserve);
	EXPECT_EQ(0, completed(self, HUNG_MS));
	start(self, KARENA_IOC_RING_OUTPUT, &output);
	EXPECT_EQ(0, completed(self, HUNG_MS));
}

TEST_F(uring, reserve_and_output_wait_without_a_thread)
{
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve), .flags = KARENA_RING_WAIT_SPACE, .length = 8,
	};
	struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)"x", .buffer_bytes = 1,
	};
	char buffer[32];

	fill(self->fd);
	start(self, KARENA_IOC_RING_RESERVE, &reserve);
	if (!self->parks) {
		EXPECT_EQ(-EOPNOTSUPP, completed(self, HUNG_MS));
		start(self, KARENA_IOC_RING_OUTPUT, &output);
		EXPECT_EQ(-EOPNOTSUPP, completed(self, HUNG_MS));
		return;
	}
	EXPECT_EQ(-EAGAIN, completed(self, 50));
	ASSERT_EQ(16, ring_read(self->fd, buffer, 16));
	EXPECT_EQ(0, completed(self, HUNG_MS));
	EXPECT_EQ(page_size, reserve.out_position);

	start(self, KARENA_IOC_RING_OUTPUT, &output);
	EXPECT_EQ(-EAGAIN, completed(self, 50));
	ASSERT_EQ(32, ring_read(self->fd, buffer, 32));
	EXPECT_EQ(0, completed(self, HUNG_MS));
	EXPECT_EQ(page_size + 32, ring_stat(self->fd).out_producer_position);
}

TEST_F(uring, the_time_is_kept_and_a_wait_can_be_left_behind)
{
	struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE, .timeout_us = 30000,
		.buffer = (uintptr_t)"x", .buffer_bytes = 1,
	};

	if (!self->parks)
		SKIP(return, "this kernel cannot cancel commands");
	fill(self->fd);
	start(self, KARENA_IOC_RING_OUTPUT, &output);
	EXPECT_EQ(-ETIMEDOUT, completed(self, HUNG_MS));
	output.timeout_us = 0;
	start(self, KARENA_IOC_RING_OUTPUT, &output);
	EXPECT_EQ(-EAGAIN, completed(self, 50));
}

TEST_HARNESS_MAIN
