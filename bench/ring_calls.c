// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost one thread to send and receive a record, by each way that a ring
 * has, and by its peers? Rows are instructions per record, system calls included. BATCH
 * records are sent, then received, repeatedly.
 */
#define _GNU_SOURCE
#include <mqueue.h>
#include <stdbool.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <karena.h>
#include <linux/netlink.h>

#include "bench.h"

#define BATCH		32
#define ROUNDS		100
#define SAMPLES		11
#define RECORD_MAX	1024

static struct karena_device *device;
static struct karena_ring *ring;
static int in, out;
static char record[RECORD_MAX];
static char buffer[BATCH * (RECORD_MAX + KARENA_RECORD_HEADER_BYTES)];

static void check(long got, long want, const char *what)
{
	if (got != want)
		err(1, "%s: %ld instead of %ld", what, got, want);
}

static void make_ring(uint32_t flags)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .name = "bench", .flags = flags };
	int ret = karena_ring_create(device, 1 << 20, &opts, &ring);

	if (ret)
		errx(1, "karena_ring_create: %s", strerror(-ret));
	in = karena_ring_fd(ring);
	out = in;
}

static void ring_make(void)
{
	make_ring(0);
}

static void ring_make_in_place(void)
{
	make_ring(KARENA_RING_F_IN_PLACE);
}

static void ring_end(void)
{
	karena_ring_close(ring);
}

static void write_one(size_t length)
{
	check(write(in, record, length), length, "write");
}

static void ring_output(size_t length)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)record,
		.buffer_bytes = length,
	};

	bench_ioctl(in, KARENA_IOC_RING_OUTPUT, &args, "ring output");
}

static void ring_reserve_submit(size_t length)
{
	struct karena_ring_reserve reserve = { .size = sizeof(reserve), .length = length };
	struct karena_ring_finish finish = { .size = sizeof(finish) };

	bench_ioctl(in, KARENA_IOC_RING_RESERVE, &reserve, "ring reserve");
	finish.position = reserve.out_position;
	bench_ioctl(in, KARENA_IOC_RING_SUBMIT, &finish, "ring submit");
}

static void ring_reserve_fill_submit(size_t length)
{
	uint64_t *payload = karena_ring_reserve(ring, length);

	if (!payload)
		err(1, "karena_ring_reserve");
	*payload = 1;
	check(karena_ring_submit(ring, payload, 0), 0, "karena_ring_submit");
}

static void prepare_batch(size_t length)
{
	struct karena_record_header *header;
	int i;

	for (i = 0; i < BATCH; i++) {
		header = (void *)(buffer + i * (KARENA_RECORD_HEADER_BYTES + length));
		*header = (struct karena_record_header){ .word = length };
	}
}

/* Sends as many as are received by one call, laid out before. */
static void ring_output_batch(size_t length)
{
	struct karena_ring_output_batch args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)buffer,
		.buffer_bytes = BATCH * (KARENA_RECORD_HEADER_BYTES + length),
	};

	if (((struct karena_record_header *)buffer)->word != length)
		prepare_batch(length);
	check(bench_ioctl(in, KARENA_IOC_RING_OUTPUT_BATCH, &args, "output batch"), BATCH,
	      "output batch");
}

static void ring_reserve_finish_batch(size_t length)
{
	static uint32_t lengths[BATCH];
	static struct karena_ring_finish_entry entries[BATCH];
	struct karena_ring_reserve_batch reserve = {
		.size = sizeof(reserve),
		.buffer = (uintptr_t)lengths,
		.buffer_bytes = sizeof(lengths),
	};
	struct karena_ring_finish_batch finish = {
		.size = sizeof(finish),
		.buffer = (uintptr_t)entries,
		.buffer_bytes = sizeof(entries),
	};
	int i;

	for (i = 0; i < BATCH; i++)
		lengths[i] = length;
	bench_ioctl(in, KARENA_IOC_RING_RESERVE_BATCH, &reserve, "reserve batch");
	for (i = 0; i < BATCH; i++)
		entries[i].position = reserve.out_position +
				      i * (KARENA_RECORD_HEADER_BYTES + length);
	check(bench_ioctl(in, KARENA_IOC_RING_FINISH_BATCH, &finish, "finish batch"), BATCH,
	      "finish batch");
}

static void ring_read(size_t length)
{
	size_t bytes = BATCH * (KARENA_RECORD_HEADER_BYTES + ((length + 7) & ~7ul));

	check(read(out, buffer, sizeof(buffer)), bytes, "read");
}

static void ring_take(size_t length)
{
	struct karena_record records[BATCH];

	(void)length;
	check(karena_ring_take(ring, records, BATCH), BATCH, "karena_ring_take");
	karena_ring_release(ring);
}

static uint64_t seen;

static int look(void *context, const void *data, size_t length)
{
	(void)context;
	(void)length;
	seen += *(const uint64_t *)data;
	return 0;
}

static void ring_consume(size_t length)
{
	(void)length;
	check(karena_ring_consume(ring, look, NULL, 0), BATCH, "karena_ring_consume");
}

/* Pairs of descriptors. */
static void pair_end(void)
{
	close(in);
	if (out != in)
		close(out);
}

static void pipe_make(void)
{
	int fds[2];

	if (pipe(fds))
		err(1, "pipe");
	out = fds[0];
	in = fds[1];
}

static void read_all(size_t length)
{
	check(read(out, buffer, BATCH * length), BATCH * length, "read");
}

static void read_each(size_t length)
{
	int i;

	for (i = 0; i < BATCH; i++)
		check(read(out, buffer, RECORD_MAX), length, "read");
}

static void socket_make(void)
{
	int fds[2];
	int bytes = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds))
		err(1, "socketpair");
	out = fds[0];
	in = fds[1];
	setsockopt(in, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static struct iovec pieces[BATCH];
static struct mmsghdr messages[BATCH];

static void prepare_pieces(size_t length)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ record, length };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
	}
}

static void write_batch(size_t length)
{
	if (pieces[0].iov_len != length)
		prepare_pieces(length);
	check(writev(in, pieces, BATCH), BATCH * length, "writev");
}

static void send_batch(size_t length)
{
	if (pieces[0].iov_len != length)
		prepare_pieces(length);
	check(sendmmsg(in, messages, BATCH, 0), BATCH, "sendmmsg");
}

static int netlink_open(struct sockaddr_nl *address)
{
	socklen_t length = sizeof(*address);
	int bytes = 1 << 20;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);

	*address = (struct sockaddr_nl) { .nl_family = AF_NETLINK };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, length) ||
	    getsockname(fd, (struct sockaddr *)address, &length))
		err(1, "netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

static void netlink_make(void)
{
	struct sockaddr_nl to, from;

	out = netlink_open(&to);
	in = netlink_open(&from);
	if (connect(in, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
}

static void queue_make(void)
{
	struct mq_attr attr = { .mq_maxmsg = BATCH, .mq_msgsize = RECORD_MAX };

	in = mq_open("/bench", O_RDWR | O_CREAT, 0600, &attr);
	if (in < 0)
		err(1, "mq_open");
	mq_unlink("/bench");
	out = in;
}

static void queue_send(size_t length)
{
	check(mq_send(in, record, length, 0), 0, "mq_send");
}

static void queue_receive(size_t length)
{
	int i;

	for (i = 0; i < BATCH; i++)
		check(mq_receive(out, buffer, RECORD_MAX, NULL), length, "mq_receive");
}

static void eventfd_make(void)
{
	in = eventfd(0, EFD_SEMAPHORE);
	if (in < 0)
		err(1, "eventfd");
	out = in;
	*(uint64_t *)record = 1;
}

/**
 * struct way - a way to send and receive records
 * @send_row:	name of the row for sending; NULL: another way has it
 * @receive_row: name of the row for receiving; NULL: another way has it
 * @make:	sets up the way
 * @end:	undoes @make
 * @send:	sends one record, or BATCH records
 * @receive:	receives BATCH records
 * @length:	bytes of a record
 * @batch:	@send sends BATCH records
 */
struct way {
	const char *send_row;
	const char *receive_row;
	void (*make)(void);
	void (*end)(void);
	void (*send)(size_t length);
	void (*receive)(size_t length);
	size_t length;
	bool batch;
};

#define RING(_send, _receive, _call, _get, _length) \
	{ _send, _receive, ring_make, ring_end, _call, _get, _length, false }
#define IN_PLACE(_send, _call) \
	{ _send, NULL, ring_make_in_place, ring_end, _call, ring_take, 8, false }
#define BATCHED(_send, _make, _end, _call, _get, _length) \
	{ _send, NULL, _make, _end, _call, _get, _length, true }
#define PEER(_send_row, _receive_row, _make, _send, _receive, _length) \
	{ _send_row, _receive_row, _make, pair_end, _send, _receive, _length, false }

static const struct way ways[] = {
	RING("karena.write.8", "karena.read.8", write_one, ring_read, 8),
	RING("karena.write.64", "karena.read.64", write_one, ring_read, 64),
	RING("karena.write.1024", "karena.read.1024", write_one, ring_read, 1024),
	RING("karena.output.8", "karena.consume.8", ring_output, ring_take, 8),
	RING("karena.output.64", "karena.consume.64", ring_output, ring_take, 64),
	RING("karena.output.1024", "karena.consume.1024", ring_output, ring_take, 1024),
	RING(NULL, "karena.consume.8.callback", ring_output, ring_consume, 8),
	IN_PLACE("karena.reserve_submit.8", ring_reserve_submit),
	IN_PLACE("karena.reserve_submit.8.by_call", ring_reserve_fill_submit),
	BATCHED("karena.output_batch.8", ring_make, ring_end, ring_output_batch, ring_take, 8),
	BATCHED("karena.output_batch.64", ring_make, ring_end, ring_output_batch, ring_take, 64),
	BATCHED("karena.output_batch.8.in_place", ring_make_in_place, ring_end,
		ring_output_batch, ring_take, 8),
	BATCHED("karena.reserve_finish_batch.8", ring_make_in_place, ring_end,
		ring_reserve_finish_batch, ring_take, 8),

	PEER("pipe.send.8", "pipe.receive.8", pipe_make, write_one, read_all, 8),
	PEER("pipe.send.64", "pipe.receive.64", pipe_make, write_one, read_all, 64),
	PEER("unix_dgram.send.8", "unix_dgram.receive.8", socket_make, write_one, read_each, 8),
	PEER("unix_dgram.send.64", "unix_dgram.receive.64", socket_make, write_one, read_each, 64),
	PEER("netlink.send.8", "netlink.receive.8", netlink_make, write_one, read_each, 8),
	PEER("netlink.send.64", "netlink.receive.64", netlink_make, write_one, read_each, 64),
	PEER("posix_mq.send.8", "posix_mq.receive.8", queue_make, queue_send, queue_receive, 8),
	PEER("posix_mq.send.64", "posix_mq.receive.64", queue_make, queue_send, queue_receive, 64),
	BATCHED("pipe.writev.8", pipe_make, pair_end, write_batch, read_all, 8),
	BATCHED("pipe.writev.64", pipe_make, pair_end, write_batch, read_all, 64),
	BATCHED("unix_dgram.sendmmsg.8", socket_make, pair_end, send_batch, read_each, 8),
	BATCHED("unix_dgram.sendmmsg.64", socket_make, pair_end, send_batch, read_each, 64),
	PEER("eventfd.send.8", "eventfd.receive.8", eventfd_make, write_one, read_each, 8),
};

static void round_trip(const struct way *way, uint64_t *sent, uint64_t *received)
{
	int i, calls = way->batch ? 1 : BATCH;
	uint64_t start = bench_ticks();

	for (i = 0; i < calls; i++)
		way->send(way->length);
	*sent += bench_ticks() - start;
	start = bench_ticks();
	way->receive(way->length);
	*received += bench_ticks() - start;
}

static void measure(const struct way *way)
{
	struct bench_samples sends = {}, receives = {};
	uint64_t sent, received;
	int i;

	way->make();
	round_trip(way, &sent, &received);
	while (sends.nr < SAMPLES) {
		sent = 0;
		received = 0;
		for (i = 0; i < ROUNDS; i++)
			round_trip(way, &sent, &received);
		bench_add(&sends, (double)sent / (ROUNDS * BATCH));
		bench_add(&receives, (double)received / (ROUNDS * BATCH));
	}
	way->end();
	if (way->send_row)
		bench_row(way->send_row, bench_median(&sends), "instructions/record");
	if (way->receive_row)
		bench_row(way->receive_row, bench_median(&receives), "instructions/record");
}

/* Measures calls that find nothing, or no space. */
static void refusals(void)
{
	struct bench_samples full = {}, empty = {};
	uint64_t start;
	int i;

	make_ring(0);
	fcntl(in, F_SETFL, O_NONBLOCK);
	while (write(in, record, RECORD_MAX) > 0)
		;
	while (full.nr < SAMPLES) {
		start = bench_ticks();
		for (i = 0; i < BATCH; i++)
			check(write(in, record, RECORD_MAX), -1, "write to a full ring");
		bench_add(&full, (double)(bench_ticks() - start) / BATCH);
	}
	while (karena_ring_consume(ring, look, NULL, 0) > 0)
		;
	while (empty.nr < SAMPLES) {
		start = bench_ticks();
		for (i = 0; i < BATCH; i++)
			check(karena_ring_consume(ring, look, NULL, 0), 0, "consume");
		bench_add(&empty, (double)(bench_ticks() - start) / BATCH);
	}
	ring_end();
	bench_row("karena.write.full", bench_median(&full), "instructions/call");
	bench_row("karena.consume.empty", bench_median(&empty), "instructions/call");
}

int main(void)
{
	size_t i;
	int ret;

	bench_begin();
	ret = karena_open(NULL, &device);
	if (ret)
		errx(1, "karena_open: %s", strerror(-ret));
	bench_row("calibrate.2000", bench_calibrate(2000), "instructions");
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		measure(&ways[i]);
	refusals();
	return 0;
}
