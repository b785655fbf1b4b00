// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena's io_uring part: what it prepares, each way of its consumer, and the
 * example that is made of them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <karena_uring_consumer.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

FIXTURE(library) {
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_arena *arena;
	struct io_uring uring;
	size_t page;
};

FIXTURE_SETUP(library)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_IN_PLACE };

	self->page = sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, self->page, &opts, &self->ring));
	ASSERT_EQ(0, karena_arena_create(self->device, 16 * self->page, NULL, &self->arena));
	ASSERT_EQ(0, io_uring_queue_init(8, &self->uring, 0));
}

FIXTURE_TEARDOWN(library)
{
	io_uring_queue_exit(&self->uring);
	karena_arena_close(self->arena);
	karena_ring_close(self->ring);
	karena_close(self->device);
}

/* None of the kernel's own errnos, that tell it to make a system call again. */
static bool is_for_users(int res)
{
	return res > -512 || res < -530;
}

static int complete(struct io_uring *uring)
{
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_submit_and_wait(uring, 1) < 0 || io_uring_wait_cqe(uring, &cqe))
		return -ENODATA;
	res = cqe->res;
	io_uring_cqe_seen(uring, cqe);
	return is_for_users(res) ? res : -ENOTRECOVERABLE;
}

#define SQE	io_uring_get_sqe(&self->uring)

TEST_F(library, arena_calls_do_what_they_say)
{
	struct karena_arena_alloc alloc = {
		.size = sizeof(alloc), .nr_pages = 2, .node = KARENA_NODE_ANY,
	};
	struct karena_arena_free release = { .size = sizeof(release), .nr_pages = 1 };
	struct karena_arena_reserve reserve = {
		.size = sizeof(reserve), .offset = 8 * self->page, .nr_pages = 3,
	};
	struct karena_arena_commit commit = {
		.size = sizeof(commit), .offset = 8 * self->page, .nr_pages = 2,
		.node = KARENA_NODE_ANY,
	};
	struct karena_arena_decommit decommit = {
		.size = sizeof(decommit), .offset = 8 * self->page, .nr_pages = 1,
	};
	struct karena_arena_stat stat = { .size = sizeof(stat) };

	karena_prep_arena_alloc(SQE, self->arena, &alloc);
	ASSERT_EQ(0, complete(&self->uring));
	release.offset = alloc.out_offset;
	karena_prep_arena_free(SQE, self->arena, &release);
	EXPECT_EQ(0, complete(&self->uring));
	EXPECT_EQ(1, release.out_done);
	karena_prep_arena_reserve(SQE, self->arena, &reserve);
	EXPECT_EQ(0, complete(&self->uring));
	karena_prep_arena_commit(SQE, self->arena, &commit);
	EXPECT_EQ(0, complete(&self->uring));
	karena_prep_arena_decommit(SQE, self->arena, &decommit);
	EXPECT_EQ(0, complete(&self->uring));
	karena_prep_call(SQE, karena_arena_fd(self->arena), KARENA_IOC_ARENA_STAT, &stat);
	EXPECT_EQ(0, complete(&self->uring));
	EXPECT_EQ(2, stat.out_allocated);
	EXPECT_EQ(2, stat.out_reserved);
}

TEST_F(library, waits_are_ended_by_name_or_all_of_them)
{
	struct karena_query query = { .size = sizeof(query) };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int i, cancelled = 0, reported = 0;

	ASSERT_EQ(0, karena_query(self->device, &query));
	if (!(query.out_features & KARENA_FEAT_URING_WAIT))
		SKIP(return, "this kernel has no such wait");
	for (i = 1; i <= 3; i++) {
		sqe = SQE;
		karena_prep_ring_wait(sqe, self->ring, 0, 0);
		io_uring_sqe_set_data64(sqe, i);
	}
	sqe = SQE;
	karena_prep_ring_wait_cancel(sqe, self->ring, 2);
	io_uring_sqe_set_data64(sqe, 10);
	sqe = SQE;
	karena_prep_ring_wait_cancel_all(sqe, self->ring);
	io_uring_sqe_set_data64(sqe, 10);
	ASSERT_EQ(5, io_uring_submit(&self->uring));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->uring, &cqe));
		if (cqe->user_data == 10)
			reported = reported * 10 + cqe->res;
		else
			cancelled += cqe->res == -ECANCELED;
		io_uring_cqe_seen(&self->uring, cqe);
	}
	EXPECT_EQ(3, cancelled);
	/* One, then two. */
	EXPECT_EQ(12, reported);
}

TEST_F(library, ring_calls_do_what_they_say)
{
	struct karena_ring_reserve reserve = { .size = sizeof(reserve), .length = 8 };
	struct karena_ring_output output = {
		.size = sizeof(output), .buffer = (uintptr_t)"payload", .buffer_bytes = 8,
	};
	struct karena_record record;

	karena_prep_ring_reserve(SQE, self->ring, &reserve);
	ASSERT_EQ(0, complete(&self->uring));
	karena_prep_ring_discard(SQE, self->ring, reserve.out_position, 0);
	EXPECT_EQ(0, complete(&self->uring));
	karena_prep_ring_reserve(SQE, self->ring, &reserve);
	ASSERT_EQ(0, complete(&self->uring));
	karena_prep_ring_submit(SQE, self->ring, reserve.out_position, 0);
	EXPECT_EQ(0, complete(&self->uring));
	EXPECT_EQ(1, karena_ring_take(self->ring, &record, 1));
	karena_prep_ring_output(SQE, self->ring, &output);
	EXPECT_EQ(0, complete(&self->uring));
	EXPECT_EQ(1, karena_ring_take(self->ring, &record, 1));
	EXPECT_STREQ("payload", record.data);
	karena_ring_release(self->ring);
}

static int add_up(void *sum, const void *data, size_t length)
{
	*(uint64_t *)sum += *(const uint64_t *)data;
	return length == sizeof(uint64_t) ? 0 : -EBADMSG;
}

#define RECORDS	2000ull

static void produce(struct karena_ring *ring)
{
	uint64_t i;

	for (i = 1; i <= RECORDS; i++) {
		while (karena_ring_output(ring, &i, sizeof(i), 0) == -EAGAIN)
			karena_ring_wait(ring, POLLOUT, -1);
	}
	_exit(0);
}

/* Takes all that a child sends. Returns the sum, or a negative errno. */
static int64_t sum_of_all(struct karena_uring_consumer *consumer, struct io_uring *uring)
{
	struct io_uring_cqe *cqe;
	uint64_t sum = 0, nr = 0;
	int ret = 0;

	if (!fork())
		produce(consumer->ring);
	while (nr < RECORDS && ret >= 0) {
		ret = karena_uring_consumer_arm(consumer, uring);
		if (ret < 0 || io_uring_submit_and_wait(uring, 1) < 0 ||
		    io_uring_wait_cqe(uring, &cqe))
			break;
		ret = karena_uring_consumer_take(consumer, cqe, add_up, &sum);
		io_uring_cqe_seen(uring, cqe);
		nr += ret > 0 ? ret : 0;
	}
	wait(NULL);
	return ret < 0 ? ret : (int64_t)sum;
}

FIXTURE(way) {
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_uring_consumer consumer;
	struct io_uring uring;
	int ret;
};

FIXTURE_VARIANT(way) {
	enum karena_uring_way way;
	uint32_t bytes;
	uint32_t flags;
	uint32_t timeout_us;
};

FIXTURE_VARIANT_ADD(way, wait_multishot) { .way = KARENA_URING_WAIT_MULTISHOT };
FIXTURE_VARIANT_ADD(way, wait) { .way = KARENA_URING_WAIT };
FIXTURE_VARIANT_ADD(way, poll) { .way = KARENA_URING_POLL };
FIXTURE_VARIANT_ADD(way, read_multishot) { .way = KARENA_URING_READ_MULTISHOT };
FIXTURE_VARIANT_ADD(way, read) { .way = KARENA_URING_READ };
FIXTURE_VARIANT_ADD(way, best) { .way = KARENA_URING_BEST };

/* In batches; the last is reported when the time is over. */
FIXTURE_VARIANT_ADD(way, wait_multishot_records) {
	.way = KARENA_URING_WAIT_MULTISHOT, .bytes = 20, .flags = KARENA_WAIT_F_RECORDS,
	.timeout_us = 100000,
};

FIXTURE_VARIANT_ADD(way, wait_bytes) {
	.way = KARENA_URING_WAIT, .bytes = 1000, .timeout_us = 100000,
};

FIXTURE_SETUP(way)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_END };

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, sysconf(_SC_PAGESIZE), &opts,
					&self->ring));
	ASSERT_EQ(0, io_uring_queue_init(8, &self->uring, 0));
	self->ret = karena_uring_consumer_init(&self->consumer, self->device, self->ring,
					       variant->way);
	self->consumer.bytes = variant->bytes;
	self->consumer.flags = variant->flags;
	self->consumer.timeout_us = variant->timeout_us;
}

FIXTURE_TEARDOWN(way)
{
	if (!self->ret)
		karena_uring_consumer_fini(&self->consumer, NULL);
	io_uring_queue_exit(&self->uring);
	karena_ring_close(self->ring);
	karena_close(self->device);
}

/* A way that the kernel has not got is refused, and only that. */
static bool way_is_there(struct __test_metadata *_metadata, int ret, enum karena_uring_way way)
{
	if (!ret)
		return true;
	EXPECT_EQ(-EOPNOTSUPP, ret);
	EXPECT_TRUE(way == KARENA_URING_WAIT_MULTISHOT || way == KARENA_URING_WAIT ||
		    way == KARENA_URING_READ_MULTISHOT);
	return false;
}

TEST_F(way, takes_all)
{
	if (!way_is_there(_metadata, self->ret, variant->way))
		SKIP(return, "this kernel has not got it");
	if (variant->way != KARENA_URING_BEST)
		EXPECT_EQ(variant->way, self->consumer.way);
	EXPECT_EQ(RECORDS * (RECORDS + 1) / 2, sum_of_all(&self->consumer, &self->uring));
}

/* The parent gives up the right that its child produces by. */
static int produce_alone(struct karena_ring *ring)
{
	struct karena_rights rights = {
		.size = sizeof(rights), .rights = KARENA_RIGHTS_RING,
	};
	struct karena_ring *other;
	int fd = ioctl(karena_ring_fd(ring), KARENA_IOC_REOPEN, &rights);

	if (fd < 0 || karena_ring_from_fd(fd, &other))
		return -1;
	if (!fork())
		produce(other);
	karena_ring_close(other);
	rights.rights = KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME;
	return ioctl(karena_ring_fd(ring), KARENA_IOC_RESTRICT, &rights);
}

TEST_F(way, tells_of_the_end)
{
	struct karena_uring_consumer *consumer = &self->consumer;
	struct io_uring_cqe *cqe;
	uint64_t sum = 0;

	if (!way_is_there(_metadata, self->ret, variant->way))
		SKIP(return, "this kernel has not got it");
	ASSERT_EQ(0, produce_alone(self->ring));
	while (!consumer->ended) {
		ASSERT_EQ(0, karena_uring_consumer_arm(consumer, &self->uring));
		ASSERT_LE(0, io_uring_submit_and_wait(&self->uring, 1));
		ASSERT_EQ(0, io_uring_wait_cqe(&self->uring, &cqe));
		ASSERT_LE(0, karena_uring_consumer_take(consumer, cqe, add_up, &sum));
		io_uring_cqe_seen(&self->uring, cqe);
	}
	wait(NULL);
	EXPECT_EQ(RECORDS * (RECORDS + 1) / 2, sum);
}

/* Nothing is in flight then, and it can be armed anew. */
TEST_F(way, can_be_given_up)
{
	struct karena_uring_consumer *consumer = &self->consumer;
	struct io_uring_cqe *cqe;
	int round, nr;
	uint64_t sum = 0;

	if (!way_is_there(_metadata, self->ret, variant->way))
		SKIP(return, "this kernel has not got it");
	consumer->timeout_us = 0;
	EXPECT_EQ(0, karena_uring_consumer_disarm(consumer, &self->uring));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, karena_uring_consumer_arm(consumer, &self->uring));
		ASSERT_EQ(1, io_uring_submit(&self->uring));
		ASSERT_EQ(0, karena_uring_consumer_disarm(consumer, &self->uring));
		ASSERT_EQ(1, io_uring_submit(&self->uring));
		for (nr = 0; nr < 2; nr++) {
			ASSERT_EQ(0, io_uring_wait_cqe(&self->uring, &cqe));
			if (io_uring_cqe_get_data(cqe)) {
				EXPECT_EQ(-ECANCELED, karena_uring_consumer_take(consumer, cqe,
										 add_up, &sum));
			} else {
				EXPECT_LE(0, cqe->res);
			}
			io_uring_cqe_seen(&self->uring, cqe);
		}
		EXPECT_FALSE(consumer->armed);
	}
	EXPECT_EQ(0, sum);
}

TEST_F(library, consumer_says_which_way_is_best)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_uring_consumer consumer;
	enum karena_uring_way best = KARENA_URING_POLL;

	ASSERT_EQ(0, karena_query(self->device, &query));
	if (query.out_features & KARENA_FEAT_URING_WAIT)
		best = KARENA_URING_WAIT;
	if (query.out_features & KARENA_FEAT_URING_MULTISHOT)
		best = KARENA_URING_WAIT_MULTISHOT;
	ASSERT_EQ(0, karena_uring_consumer_init(&consumer, self->device, self->ring,
						KARENA_URING_BEST));
	EXPECT_EQ(best, consumer.way);
	karena_uring_consumer_fini(&consumer, &self->uring);
}

/* Who may not map the ring reads, by whatever the kernel has for it. */
TEST_F(library, consumer_without_the_right_to_map_reads)
{
	struct karena_rights rights = {
		.size = sizeof(rights),
		.rights = KARENA_RIGHT_PRODUCE | KARENA_RIGHT_CONSUME,
	};
	struct karena_uring_consumer consumer;

	ASSERT_EQ(0, ioctl(karena_ring_fd(self->ring), KARENA_IOC_RESTRICT, &rights));
	ASSERT_EQ(0, karena_uring_consumer_init(&consumer, self->device, self->ring,
						KARENA_URING_BEST));
	EXPECT_EQ(karena_uring_has(KARENA_OP_READ_MULTISHOT) ? KARENA_URING_READ_MULTISHOT
							     : KARENA_URING_READ,
		  consumer.way);
	EXPECT_EQ(RECORDS * (RECORDS + 1) / 2, sum_of_all(&consumer, &self->uring));
}

#define PRODUCERS	4
#define PAGES		50

/* The ramdisk is a file that takes O_DIRECT on every kernel. */
TEST(example_writes_every_page_once)
{
	bool seen[PRODUCERS][PAGES] = { { 0 } };
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = open("/dev/ram0", O_RDWR);
	unsigned int i, producer, number;
	char text[64], none[64] = { 0 };
	int fields, status;

	ASSERT_LE(0, fd);
	for (i = 0; i < PRODUCERS * PAGES; i++)
		ASSERT_EQ(64, pwrite(fd, none, 64, i * page));
	fsync(fd);
	close(fd);
	if (!fork()) {
		execl("/bin/service", "service", "/dev/ram0", "4", "50", NULL);
		_exit(1);
	}
	ASSERT_LT(0, wait(&status));
	ASSERT_EQ(0, status);

	fd = open("/dev/ram0", O_RDONLY);
	for (i = 0; i < PRODUCERS * PAGES; i++) {
		ASSERT_EQ(64, pread(fd, text, 64, i * page));
		fields = sscanf(text, "producer %u, page %u\n", &producer, &number);
		ASSERT_EQ(2, fields);
		ASSERT_TRUE(producer < PRODUCERS && number < PAGES);
		ASSERT_FALSE(seen[producer][number]);
		seen[producer][number] = true;
	}
	close(fd);
}

TEST_HARNESS_MAIN
