// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena's io_uring part: what it prepares, each way of its consumer, and the
 * example that is made of them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <karena_uring.h>
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

static int complete(struct io_uring *uring)
{
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_submit_and_wait(uring, 1) < 0 || io_uring_wait_cqe(uring, &cqe))
		return -ENODATA;
	res = cqe->res;
	io_uring_cqe_seen(uring, cqe);
	return res;
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
	EXPECT_EQ(1, karena_ring_claim(self->ring, &record, 1));
	karena_prep_ring_output(SQE, self->ring, &output);
	EXPECT_EQ(0, complete(&self->uring));
	EXPECT_EQ(1, karena_ring_claim(self->ring, &record, 1));
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

TEST_F(library, consumer_takes_all_by_poll)
{
	struct karena_uring_consumer consumer;

	ASSERT_EQ(0, karena_uring_consumer_init(&consumer, self->device, self->ring,
						KARENA_URING_POLL));
	EXPECT_EQ(KARENA_URING_POLL, consumer.way);
	EXPECT_EQ(RECORDS * (RECORDS + 1) / 2, sum_of_all(&consumer, &self->uring));
}

TEST_F(library, consumer_takes_all_by_wait)
{
	struct karena_uring_consumer consumer;
	int ret = karena_uring_consumer_init(&consumer, self->device, self->ring,
					     KARENA_URING_WAIT);

	if (ret) {
		ASSERT_EQ(-EOPNOTSUPP, ret);
		SKIP(return, "this kernel cannot cancel commands");
	}
	/* In batches; the last is told by the time. */
	consumer.bytes = self->page / 4;
	consumer.timeout_us = 100000;
	EXPECT_EQ(RECORDS * (RECORDS + 1) / 2, sum_of_all(&consumer, &self->uring));
}

TEST_F(library, consumer_says_which_way_is_best)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_uring_consumer consumer;

	ASSERT_EQ(0, karena_query(self->device, &query));
	ASSERT_EQ(0, karena_uring_consumer_init(&consumer, self->device, self->ring,
						KARENA_URING_BEST));
	EXPECT_EQ(query.out_features & KARENA_FEAT_URING_WAIT ? KARENA_URING_WAIT
							      : KARENA_URING_POLL,
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
