// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users whose records the kernel copies, and who are not given the CPU for that, or whose
 * memory goes meanwhile: the consumer waits no longer than the ring's timeout.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "ring_kinds.h"
#include "uring_util.h"

#define TIMEOUT_US	20000
/* Of the emulated machine's time: without a timeout it is a multiple of that. */
#define SOON_MS		5000
#define RING_BYTES	(64u << 20)
#define LONG_BYTES	(40u << 20)
#define ATTEMPTS	20
#define NEWER		16
#define REST_BYTES	(1 << 20)

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/karena_copy"
#define CPU_MAX		CGROUP "/cpu.max"
/* A thousandth of a second in each: the copy takes many. */
#define LITTLE_CPU	"1000 1000000"

FIXTURE_SETUP(ring)
{
	struct karena_ring_create args = {
		.flags = variant->flags,
		.data_bytes = RING_BYTES,
		.node = KARENA_NODE_ANY,
		.reserve_timeout_us = TIMEOUT_US,
		.name = "copy",
	};
	int fd = ring_create(&args);

	ASSERT_LE(0, fd);
	self->ring = ring_open(fd);
	self->fd = fd;
}

typedef int (*send_fn)(int fd, const char *record, uint32_t length);

static int by_write(int fd, const char *record, uint32_t length)
{
	return ring_write(fd, record + HEADER_BYTES, length);
}

static int by_writev(int fd, const char *record, uint32_t length)
{
	struct iovec vec[2] = {
		{ .iov_base = (char *)record + HEADER_BYTES, .iov_len = 1000 },
		{ .iov_base = (char *)record + HEADER_BYTES + 1000, .iov_len = length - 1000 },
	};
	ssize_t ret = writev(fd, vec, 2);

	return ret < 0 ? -errno : ret;
}

static int by_output(int fd, const char *record, uint32_t length)
{
	return ring_output(fd, record + HEADER_BYTES, length, 0) ?: (int)length;
}

static int by_output_waiting(int fd, const char *record, uint32_t length)
{
	return ring_output(fd, record + HEADER_BYTES, length, KARENA_RING_WAIT_SPACE) ?:
	       (int)length;
}

static int by_batch(int fd, const char *record, uint32_t length)
{
	struct karena_ring_output_batch args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)record,
		.buffer_bytes = HEADER_BYTES + length,
	};
	int ret = call(fd, KARENA_IOC_RING_OUTPUT_BATCH, &args);

	return ret == 1 ? (int)length : ret;
}

static int by_uring(int fd, unsigned int op, const void *address, uint32_t length)
{
	struct karena_uring_cmd area = { 0 };
	struct io_uring uring;
	struct io_uring_sqe *sqe;
	int res;

	must(io_uring_queue_init(2, &uring, 0) == 0);
	sqe = prep(&uring, op, fd, op == IORING_OP_WRITE ? address : NULL, length);
	if (op == IORING_OP_URING_CMD) {
		area.args = (uintptr_t)address;
		sqe->cmd_op = KARENA_IOC_RING_OUTPUT;
		memcpy(sqe->cmd, &area, sizeof(area));
	}
	must(io_uring_submit_and_wait(&uring, 1) == 1);
	res = complete(&uring).res;
	io_uring_queue_exit(&uring);
	return res;
}

static int by_uring_write(int fd, const char *record, uint32_t length)
{
	return by_uring(fd, IORING_OP_WRITE, record + HEADER_BYTES, length);
}

static int by_uring_output(int fd, const char *record, uint32_t length)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)record + HEADER_BYTES,
		.buffer_bytes = length,
	};

	return by_uring(fd, IORING_OP_URING_CMD, &args, 0) ?: (int)length;
}

/* How a sender is kept from the CPU: by a busy thread, by the limit of its cgroup. */
enum hold { BUSY, LIMITED };

/* A long record that is about to be sent, with its header before it. */
struct sender {
	int fd;
	send_fn send;
	enum hold hold;
	char *record;
	int busy[2];
	int stop;
	int through;
	int ret;
};

static char *long_record(void)
{
	char *record = mmap(NULL, HEADER_BYTES + LONG_BYTES, RDWR, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	must(record != MAP_FAILED);
	memset(record + HEADER_BYTES, 'l', LONG_BYTES);
	((struct karena_record_header *)record)->word = LONG_BYTES;
	return record;
}

static void join_limited(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%ld", syscall(SYS_gettid));
	must(write_file(CGROUP "/cgroup.threads", text) == 0);
}

static void *send_idly(void *context)
{
	struct sender *sender = context;
	struct sched_param param = { 0 };

	pin_to_cpu(0);
	if (sender->hold == LIMITED)
		join_limited();
	else
		must(sched_setscheduler(0, SCHED_IDLE, &param) == 0);
	sender->ret = sender->send(sender->fd, sender->record, LONG_BYTES);
	set_flag(&sender->through, 1);
	return NULL;
}

/* Once it is told to, takes the sender's CPU, but for a few thousandths. */
static void *take_the_cpu(void *context)
{
	struct sender *sender = context;
	char byte;

	pin_to_cpu(0);
	must(read(sender->busy[0], &byte, 1) == 1);
	if (sender->hold == LIMITED) {
		must(write_file(CPU_MAX, LITTLE_CPU) == 0);
		wait_until(&sender->stop, 1);
		must(write_file(CPU_MAX, "max") == 0);
	}
	while (!get_flag(&sender->stop))
		;
	return NULL;
}

/* Records behind it, short ones and longer ones. */
static void send_newer(int fd)
{
	char bytes[4096];

	for (int i = 0; i < NEWER; i++) {
		memset(bytes, 'a' + i, sizeof(bytes));
		must(ring_write(fd, bytes, i % 2 ? 100 : sizeof(bytes)) > 0);
	}
}

static bool newer_is_whole(const char *got, int i)
{
	uint32_t length = i % 2 ? 100 : 4096;

	if (((const struct karena_record_header *)got)->word != length)
		return false;
	for (uint32_t at = 0; at < length; at++) {
		if (got[HEADER_BYTES + at] != 'a' + i)
			return false;
	}
	return true;
}

/* The consumer comes to what is newer in time, and finds it whole. */
static void read_newer(int fd)
{
	char got[2 * 4096];
	ssize_t bytes;

	for (int i = 0; i < NEWER; i++) {
		bytes = ring_read(fd, got, record_size(i % 2 ? 100 : 4096));
		must(bytes == (ssize_t)record_size(i % 2 ? 100 : 4096));
		must(newer_is_whole(got, i));
	}
}

/*
 * The space of the one that was passed over is its sender's still, who writes on: fill
 * what is free. Returns how many records that took.
 */
static int fill_the_rest(int fd, const char *rest)
{
	int nr = 0;

	while (ring_write(fd, rest, REST_BYTES) == REST_BYTES)
		nr++;
	return nr;
}

/* The sender is through, and has left them as they were. */
static void check_the_rest(int fd, const char *rest, int nr)
{
	struct {
		struct karena_record_header header;
		char payload[REST_BYTES];
	} *got = malloc(sizeof(*got));

	for (int i = 0; i < nr; i++) {
		must(ring_read(fd, got, sizeof(*got)) == sizeof(*got));
		must(got->header.word == REST_BYTES && !got->header.__reserved);
		must(!memcmp(got->payload, rest, REST_BYTES));
	}
	free(got);
}

/*
 * Sends a long record by a thread that is starved in the middle of it. Returns what the
 * thread got, after the consumer has read what is newer; the length: it was through before.
 */
static int starve(struct ring *ring, send_fn send, enum hold hold, char *record)
{
	struct sender sender = {
		.fd = ring->fd, .send = send, .hold = hold, .record = record,
	};
	uint64_t position = produced(ring);
	int64_t begin;
	struct pollfd pollfd = { .fd = ring->fd, .events = POLLIN };
	char *rest = malloc(REST_BYTES);
	pthread_t thread, busy;
	int nr = 0;

	memset(rest, 'r', REST_BYTES);
	must(pipe(sender.busy) == 0);
	must(pthread_create(&busy, NULL, take_the_cpu, &sender) == 0);
	must(pthread_create(&thread, NULL, send_idly, &sender) == 0);
	while (produced(ring) == position)
		must(!get_flag(&sender.through));
	must(write(sender.busy[1], "x", 1) == 1);
	send_newer(ring->fd);
	begin = now_ms();
	must(poll(&pollfd, 1, HUNG_MS) == 1);
	must(now_ms() - begin < SOON_MS);
	if (word_at(ring, position) & KARENA_RECORD_DISCARD) {
		read_newer(ring->fd);
		nr = fill_the_rest(ring->fd, rest);
		must(nr > 0);
	}
	set_flag(&sender.stop, 1);
	pthread_join(thread, NULL);
	pthread_join(busy, NULL);
	check_the_rest(ring->fd, rest, nr);
	free(rest);
	close(sender.busy[0]);
	close(sender.busy[1]);
	return sender.ret;
}

static void drain(int fd)
{
	char *got = malloc(RING_BYTES);

	set_nonblock(fd);
	while (ring_read(fd, got, RING_BYTES) > 0)
		;
	must(ring_stat(fd).out_available == 0);
	must(fcntl(fd, F_SETFL, 0) == 0);
	free(got);
}

/* Starves the sender until a record times out, or often. */
static bool times_out(struct ring *ring, send_fn send, enum hold hold)
{
	char *record = long_record();
	struct karena_ring_stat before, after;
	int ret = LONG_BYTES;

	pin_to_cpu(1);
	for (int i = 0; i < ATTEMPTS && ret == LONG_BYTES; i++) {
		before = ring_stat(ring->fd);
		ret = starve(ring, send, hold, record);
		drain(ring->fd);
	}
	after = ring_stat(ring->fd);
	munmap(record, HEADER_BYTES + LONG_BYTES);
	return ret == -ESTALE && after.out_lost_timeout == before.out_lost_timeout + 1 &&
	       after.out_lost_timeout_bytes == before.out_lost_timeout_bytes + LONG_BYTES &&
	       after.out_records == after.out_submitted + after.out_discarded;
}

/* All of the ring is free again. */
static bool is_empty(int fd)
{
	char *bytes = calloc(1, RING_BYTES);
	bool empty = ring_write(fd, bytes, RING_BYTES - HEADER_BYTES) ==
		     RING_BYTES - HEADER_BYTES;

	free(bytes);
	return empty;
}

TEST_F(ring, write_that_is_starved_times_out)
{
	EXPECT_TRUE(times_out(&self->ring, by_write, BUSY));
	EXPECT_TRUE(is_empty(self->fd));
}

TEST_F(ring, writev_that_is_starved_times_out)
{
	EXPECT_TRUE(times_out(&self->ring, by_writev, BUSY));
	EXPECT_TRUE(is_empty(self->fd));
}

TEST_F(ring, output_that_is_starved_times_out)
{
	EXPECT_TRUE(times_out(&self->ring, by_output, BUSY));
	EXPECT_TRUE(times_out(&self->ring, by_output_waiting, BUSY));
	EXPECT_TRUE(is_empty(self->fd));
}

TEST_F(ring, batch_that_is_starved_times_out)
{
	EXPECT_TRUE(times_out(&self->ring, by_batch, BUSY));
	EXPECT_TRUE(is_empty(self->fd));
}

TEST_F(ring, request_of_io_uring_that_is_starved_times_out)
{
	EXPECT_TRUE(times_out(&self->ring, by_uring_write, BUSY));
	EXPECT_TRUE(times_out(&self->ring, by_uring_output, BUSY));
	EXPECT_TRUE(is_empty(self->fd));
}

/* A cgroup for threads of this process, or why there is none. */
static int limited_begin(void)
{
	int err = write_file(CGROUPS "/cgroup.subtree_control", "+cpu");

	if (err)
		return err;
	must(mkdir(CGROUP, 0755) == 0);
	must(write_file(CGROUP "/cgroup.type", "threaded") == 0);
	return access(CPU_MAX, W_OK) ? -errno : 0;
}

/* On newer kernels a limit holds up no system call, but only what comes after it. */
TEST_F(ring, write_under_a_cpu_limit_times_out_or_is_not_held_up)
{
	uint64_t before;
	int err = limited_begin();

	if (err) {
		rmdir(CGROUP);
		SKIP(return, "this kernel has no limits of the CPU: %s", strerror(-err));
	}
	before = ring_stat(self->fd).out_lost_timeout;
	if (!times_out(&self->ring, by_write, LIMITED))
		EXPECT_EQ(before, ring_stat(self->fd).out_lost_timeout);
	EXPECT_TRUE(is_empty(self->fd));
	remove_cgroup(CGROUP);
}

static int watch_faults(char *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)page, .len = page_size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	must(uffd >= 0);
	must(ioctl(uffd, UFFDIO_API, &api) == 0);
	must(ioctl(uffd, UFFDIO_REGISTER, &range) == 0);
	return uffd;
}

static void await_fault(int uffd)
{
	struct uffd_msg msg;

	must(read(uffd, &msg, sizeof(msg)) == sizeof(msg));
}

static void give_page(int uffd, char *page)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)page, .len = page_size },
	};

	must(ioctl(uffd, UFFDIO_ZEROPAGE, &zero) == 0);
}

static void *send_now(void *context)
{
	struct sender *sender = context;

	sender->ret = sender->send(sender->fd, sender->record, LONG_BYTES);
	return NULL;
}

/*
 * The last page comes when it is looked after, is gone when the copy gets there, and its
 * next fault nobody answers.
 */
TEST_F(ring, page_that_goes_during_the_copy_and_never_comes_stops_nobody)
{
	struct sender sender = { .fd = self->fd, .send = by_write, .record = long_record() };
	char *last = sender.record + (HEADER_BYTES + LONG_BYTES - 1) / page_size * page_size;
	uint64_t position = produced(&self->ring);
	int uffd;
	pthread_t thread;

	must(madvise(last, page_size, MADV_DONTNEED) == 0);
	uffd = watch_faults(last);
	must(pthread_create(&thread, NULL, send_now, &sender) == 0);
	await_fault(uffd);
	give_page(uffd, last);
	while (produced(&self->ring) == position)
		;
	must(madvise(last, page_size, MADV_DONTNEED) == 0);
	await_fault(uffd);
	EXPECT_EQ(LONG_BYTES | KARENA_RECORD_DISCARD, word_at(&self->ring, position));
	send_newer(self->fd);
	read_newer(self->fd);
	give_page(uffd, last);
	pthread_join(thread, NULL);
	EXPECT_EQ(LONG_BYTES, sender.ret);
	EXPECT_EQ(1 + NEWER, ring_stat(self->fd).out_submitted);
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_timeout);
	close(uffd);
	munmap(sender.record, HEADER_BYTES + LONG_BYTES);
}

TEST_HARNESS_MAIN
