// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring's multishot poll on a ring: woken once for what is there, it is woken again
 * for what comes later, as long as it lives.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_util.h"

#define ROUNDS		200
#define STREAM		5000

FIXTURE(multishot)
{
	struct io_uring uring;
	struct ring ring;
	struct karena_ring_consumer *consumer;
	uint64_t at;
};

FIXTURE_SETUP(multishot)
{
	/* A poll that finds no space for its completion ends. */
	struct io_uring_params params = { .flags = IORING_SETUP_CQSIZE, .cq_entries = 8192 };
	struct io_uring_sqe *sqe;

	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
	ASSERT_EQ(0, io_uring_queue_init_params(8, &self->uring, &params));
	sqe = io_uring_get_sqe(&self->uring);
	io_uring_prep_poll_multishot(sqe, self->ring.fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&self->uring));
	self->at = 0;
}

FIXTURE_TEARDOWN(multishot)
{
	io_uring_queue_exit(&self->uring);
	munmap(self->consumer, page_size);
	ring_close(&self->ring);
}

/* Is it woken for a record, and still there to be woken again? */
static bool woken(struct io_uring *uring)
{
	struct __kernel_timespec lost = { .tv_sec = HUNG_MS / 1000 };
	struct io_uring_cqe *cqe;
	bool good;

	if (io_uring_wait_cqe_timeout(uring, &cqe, &lost))
		return false;
	good = cqe->res > 0 && cqe->res & POLLIN && cqe->flags & IORING_CQE_F_MORE;
	io_uring_cqe_seen(uring, cqe);
	return good;
}

/* Reads until nothing is there; returns how many were not discarded. */
static unsigned int drain(const struct ring *ring, struct karena_ring_consumer *consumer,
			  uint64_t *at)
{
	unsigned int nr = 0;

	while (*at != produced(ring)) {
		uint32_t word = word_at(ring, *at);

		if (word & KARENA_RECORD_BUSY)
			break;
		nr += !(word & KARENA_RECORD_DISCARD);
		*at += record_size(word);
		consume_to(consumer, *at);
	}
	return nr;
}

TEST_F(multishot, each_record_wakes)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(1, ring_write(self->ring.fd, "x", 1));
		ASSERT_TRUE(woken(&self->uring)) TH_LOG("round %d", i);
		ASSERT_EQ(1, drain(&self->ring, self->consumer, &self->at));
	}
}

TEST_F(multishot, records_are_told_after_discarded_ones)
{
	uint64_t position;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, ring_reserve(self->ring.fd, 8, &position));
		ASSERT_EQ(0, ring_discard(self->ring.fd, position));
		ASSERT_TRUE(woken(&self->uring)) TH_LOG("round %d", i);
		ASSERT_EQ(0, drain(&self->ring, self->consumer, &self->at));
		ASSERT_EQ(1, ring_write(self->ring.fd, "x", 1));
		ASSERT_TRUE(woken(&self->uring)) TH_LOG("round %d", i);
		ASSERT_EQ(1, drain(&self->ring, self->consumer, &self->at));
	}
}

static void *send_stream(void *arg)
{
	const int *fd = arg;
	unsigned long i;

	for (i = 0; i < scaled(STREAM);) {
		if (ring_write(*fd, "x", 1) == 1)
			i++;
		else
			sched_yield();
	}
	return NULL;
}

TEST_F(multishot, stream_is_drained)
{
	unsigned long got = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, send_stream, &self->ring.fd));
	while (got < scaled(STREAM)) {
		ASSERT_TRUE(woken(&self->uring)) TH_LOG("%lu came", got);
		/* What comes from here on is drained, or wakes later. */
		io_uring_cq_advance(&self->uring, io_uring_cq_ready(&self->uring));
		got += drain(&self->ring, self->consumer, &self->at);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(scaled(STREAM), got);
}

TEST_HARNESS_MAIN
