// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy from or to user memory of a call on a ring fails
 * once: the call says so and has changed nothing. Needs a kernel with fault
 * injection.
 */
#define _GNU_SOURCE
#include "ring_util.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"

static int fail_nth_fd = -1;

/* Everything may fail, of whatever kind. */
static bool injection_begin(void)
{
	fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth_fd < 0)
		return false;
	must(write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") == 0);
	must(write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N") == 0);
	must(write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N") == 0);
	must(write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0") == 0);
	return true;
}

/* The call's result with its @nth point failed; @reached: that it has so many. */
#define WITH_FAILURE(nth, reached, expression)					\
({										\
	char text[16];								\
	int result;								\
										\
	snprintf(text, sizeof(text), "%d", nth);				\
	must(pwrite(fail_nth_fd, text, strlen(text), 0) > 0);			\
	result = (expression);							\
	memset(text, 0, sizeof(text));						\
	must(pread(fail_nth_fd, text, sizeof(text) - 1, 0) > 0);		\
	*(reached) = atoi(text) == 0;						\
	must(pwrite(fail_nth_fd, "0", 1, 0) == 1);				\
	result;									\
})

FIXTURE(fail)
{
	bool reached;
	int nth;
	int failures;
};

FIXTURE_SETUP(fail)
{
	if (!injection_begin())
		SKIP(return, "no fault injection in this kernel");
	self->reached = true;
}

FIXTURE_TEARDOWN(fail)
{
}

/* As the kernel says it for want of memory, or of access to the caller's. */
static bool is_failure(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

TEST_F(fail, create)
{
	struct karena_ring_create args = {
		.size = sizeof(args),
		.flags = KARENA_RING_F_IN_PLACE,
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
	};
	int dev = device_open();
	int ret = -1;

	for (self->nth = 1; self->reached; self->nth++) {
		ret = WITH_FAILURE(self->nth, &self->reached,
				   call(dev, KARENA_IOC_RING_CREATE, &args));
		if (ret >= 0)
			close(ret);
		else
			ASSERT_TRUE(is_failure(ret) || ret == -ENFILE) TH_LOG("errno %d", -ret);
		self->failures += ret < 0;
	}
	EXPECT_LE(0, ret);
	EXPECT_LT(8, self->failures);
}

/* The first one makes the caller known to the ring. */
TEST_F(fail, reserve)
{
	uint64_t position, done = 0;
	int ret = -1;

	for (self->nth = 1; self->reached; self->nth++) {
		struct ring ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);

		ret = WITH_FAILURE(self->nth, &self->reached,
				   ring_reserve(ring.fd, 8, &position));
		if (ret == 0) {
			ASSERT_EQ(0, ring_submit(ring.fd, position));
			done++;
		} else {
			ASSERT_TRUE(is_failure(ret));
			ASSERT_EQ(0, ring_stat(ring.fd).out_records);
			self->failures++;
		}
		ring_close(&ring);
	}
	EXPECT_EQ(0, ret);
	EXPECT_LT(2, self->failures);
}

TEST_F(fail, map_consumer)
{
	int ret = -1;

	for (self->nth = 1; self->reached; self->nth++) {
		struct ring ring = ring_new(0, page_size);
		void *map = NULL;

		ret = WITH_FAILURE(self->nth, &self->reached,
				   (map = ring_consumer(&ring)) ? 0 : -errno);
		ASSERT_TRUE(ret == 0 || is_failure(ret));
		self->failures += ret < 0;
		if (map)
			munmap(map, page_size);
		/* The role is free or ours: the ring can be read. */
		set_nonblock(ring.fd);
		ASSERT_EQ(-EAGAIN, ring_read(ring.fd, &ret, sizeof(ret)));
		ring_close(&ring);
	}
	EXPECT_LT(2, self->failures);
}

TEST_F(fail, write)
{
	struct ring ring = ring_new(0, page_size);
	struct karena_ring_consumer *consumer = ring_consumer(&ring);
	char payload[600];
	int ret = -1;

	memset(payload, 'w', sizeof(payload));
	for (self->nth = 1; self->reached; self->nth++) {
		uint64_t submitted = ring_stat(ring.fd).out_submitted;

		ret = WITH_FAILURE(self->nth, &self->reached,
				   ring_write(ring.fd, payload, sizeof(payload)));
		ASSERT_TRUE(ret == sizeof(payload) || is_failure(ret));
		ASSERT_EQ(submitted + (ret > 0), ring_stat(ring.fd).out_submitted);
		self->failures += ret < 0;
		/* Nothing is left open. */
		consume_to(consumer, produced(&ring));
		ASSERT_EQ(0, ring_stat(ring.fd).out_available);
	}
	EXPECT_EQ(sizeof(payload), ret);
	munmap(consumer, page_size);
	ring_close(&ring);
}

TEST_F(fail, read)
{
	struct ring ring = ring_new(0, page_size);
	char got[1024];
	int ret = -1;

	set_nonblock(ring.fd);
	for (self->nth = 1; self->reached; self->nth++) {
		uint64_t position;

		if (!ring_stat(ring.fd).out_available)
			ASSERT_EQ(600, ring_write(ring.fd, got, 600));
		position = ring_stat(ring.fd).out_consumer_position;
		ret = WITH_FAILURE(self->nth, &self->reached,
				   ring_read(ring.fd, got, sizeof(got)));
		ASSERT_TRUE(ret == 608 || is_failure(ret));
		ASSERT_EQ(position + (ret > 0 ? 608 : 0),
			  ring_stat(ring.fd).out_consumer_position);
		self->failures += ret < 0;
	}
	EXPECT_EQ(608, ret);
	EXPECT_LT(1, self->failures);
	ring_close(&ring);
}

TEST_F(fail, output_submit_and_stat)
{
	struct ring ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	uint64_t position;
	int ret;

	ASSERT_EQ(0, ring_reserve(ring.fd, 8, &position));
	for (self->nth = 1; self->reached; self->nth++) {
		ret = WITH_FAILURE(self->nth, &self->reached, ring_submit(ring.fd, position));
		ASSERT_TRUE(ret == 0 || is_failure(ret));
		if (ret == 0 && self->reached)
			ASSERT_EQ(0, ring_reserve(ring.fd, 8, &position));
	}
	for (self->nth = 1, self->reached = true; self->reached; self->nth++) {
		ret = WITH_FAILURE(self->nth, &self->reached, ring_output(ring.fd, "x", 1, 0));
		ASSERT_TRUE(ret == 0 || is_failure(ret));
	}
	for (self->nth = 1, self->reached = true; self->reached; self->nth++) {
		ret = WITH_FAILURE(self->nth, &self->reached,
				   call(ring.fd, KARENA_IOC_RING_STAT, &stat));
		ASSERT_TRUE(ret == 0 || is_failure(ret));
	}
	EXPECT_EQ(0, ret);
	ring_close(&ring);
}

TEST_HARNESS_MAIN
