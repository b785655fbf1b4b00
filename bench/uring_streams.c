// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many records per second pass from one CPU to another, by each way that the receiver
 * can wait for them? One thread sends 64 bytes per system call; another receives what is
 * there, and waits if there is nothing. Compare rows of one boot only: an emulated
 * machine exaggerates the cost of waking a CPU.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <karena_uring_consumer.h>

#include "bench.h"

#define LENGTH		64
#define RECORD		(KARENA_RECORD_HEADER_BYTES + LENGTH)
#define RECORDS		50000ul
#define ROOM		4096
#define GROUP		1
#define NR_BUFFERS	4

static struct karena_device *device;
static struct karena_ring *ring;
static struct karena_uring_consumer consumer;
static struct io_uring uring;
static int in, out;
/* Bytes received per record. */
static size_t unit;
static char room[ROOM * NR_BUFFERS];

static void check(long got, const char *what)
{
	if (got < 0)
		errx(1, "%s: %s", what, strerror(-got));
}

static void *send_all(void *unused)
{
	uint64_t record[LENGTH / 8] = { 1 };
	size_t bytes = unit == 0 ? sizeof(record[0]) : sizeof(record);
	unsigned long sent = 0;

	bench_pin(1);
	while (sent < RECORDS) {
		if (write(in, record, bytes) == (ssize_t)bytes)
			sent++;
		else
			sched_yield();
	}
	return unused;
}

static int look(void *context, const void *data, size_t length)
{
	*(uint64_t *)context += *(const uint64_t *)data;
	return length == LENGTH ? 0 : -EBADMSG;
}

static long by_poll(void)
{
	uint64_t seen = 0;
	int ret;

	check(karena_ring_wait(ring, POLLIN, -1), "wait");
	do {
		ret = karena_ring_consume(ring, look, &seen, 0);
	} while (ret > 0);
	return (long)seen;
}

static long by_read(void)
{
	ssize_t got = read(out, room, ROOM);

	if (got < 0)
		err(1, "read");
	return unit ? got / (long)unit : (long)*(uint64_t *)room;
}

static struct io_uring_cqe *enter(void)
{
	struct io_uring_cqe *cqe;

	check(io_uring_submit_and_wait(&uring, 1), "io_uring_enter");
	check(io_uring_peek_cqe(&uring, &cqe), "completion");
	return cqe;
}

static long by_uring(void)
{
	struct io_uring_cqe *cqe;
	uint64_t seen = 0;

	check(karena_uring_consumer_arm(&consumer, &uring), "arm");
	cqe = enter();
	check(karena_uring_consumer_take(&consumer, cqe, look, &seen), "take");
	io_uring_cqe_seen(&uring, cqe);
	return (long)seen;
}

static struct io_uring_buf_ring *group;
static bool armed;

static void give_back(unsigned int index)
{
	io_uring_buf_ring_add(group, room + index * ROOM, ROOM, index,
			      io_uring_buf_ring_mask(NR_BUFFERS), 0);
	io_uring_buf_ring_advance(group, 1);
}

static void provide(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = NR_BUFFERS, .bgid = GROUP };
	unsigned int i;

	group = aligned_alloc(4096, 4096);
	if (!group)
		err(1, "aligned_alloc");
	io_uring_buf_ring_init(group);
	reg.ring_addr = (uintptr_t)group;
	check(io_uring_register_buf_ring(&uring, &reg, 0), "register buffers");
	for (i = 0; i < NR_BUFFERS; i++)
		give_back(i);
}

static void arm_pipe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring);

	if (!group)
		provide();
	io_uring_prep_rw(KARENA_OP_READ_MULTISHOT, sqe, out, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	armed = true;
}

static long by_multishot_of_pipe(void)
{
	struct io_uring_cqe *cqe;
	long got;

	if (!armed)
		arm_pipe();
	cqe = enter();
	armed = cqe->flags & IORING_CQE_F_MORE;
	got = cqe->res > 0 ? cqe->res / LENGTH : 0;
	if (cqe->flags & IORING_CQE_F_BUFFER)
		give_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	io_uring_cqe_seen(&uring, cqe);
	return got;
}

enum source { RING, PIPE, EVENTFD };

/**
 * struct way - a way to receive records
 * @row:	name of the row
 * @source:	source of the records
 * @uring:	way of the consumer, KARENA_URING_BEST for none
 * @receive:	receives what is there; returns the number of records
 */
struct way {
	const char *row;
	enum source source;
	enum karena_uring_way uring;
	long (*receive)(void);
};

static const struct way ways[] = {
	{ "karena.poll_mmap.64", RING, KARENA_URING_BEST, by_poll },
	{ "karena.read.64", RING, KARENA_URING_BEST, by_read },
	{ "karena.read_multishot.64", RING, KARENA_URING_READ_MULTISHOT, by_uring },
	{ "karena.wait_mmap.64", RING, KARENA_URING_WAIT_MULTISHOT, by_uring },
	{ "karena.wait_once_mmap.64", RING, KARENA_URING_WAIT, by_uring },
	{ "pipe.read.64", PIPE, KARENA_URING_BEST, by_read },
	{ "pipe.read_multishot.64", PIPE, KARENA_URING_BEST, by_multishot_of_pipe },
	{ "eventfd.read", EVENTFD, KARENA_URING_BEST, by_read },
};

static void open_source(enum source source)
{
	int fds[2];

	switch (source) {
	case RING:
		check(karena_ring_create(device, 1 << 16, NULL, &ring), "ring");
		in = karena_ring_fd(ring);
		out = in;
		unit = RECORD;
		break;
	case PIPE:
		if (pipe(fds))
			err(1, "pipe");
		out = fds[0];
		in = fds[1];
		unit = LENGTH;
		break;
	case EVENTFD:
		in = eventfd(0, EFD_CLOEXEC);
		out = in;
		unit = 0;
		break;
	}
}

static void close_source(enum source source)
{
	if (source == RING) {
		karena_ring_close(ring);
		return;
	}
	close(in);
	if (out != in)
		close(out);
}

static bool prepare(const struct way *way)
{
	if (way->receive == by_multishot_of_pipe)
		return karena_uring_has(KARENA_OP_READ_MULTISHOT);
	if (way->uring == KARENA_URING_BEST ||
	    !karena_uring_consumer_init(&consumer, device, ring, way->uring))
		return true;
	/* As in uring_ways.c: the best form of WAIT on this kernel. */
	return way->uring == KARENA_URING_WAIT_MULTISHOT &&
	       !karena_uring_consumer_init(&consumer, device, ring, KARENA_URING_WAIT);
}

static void measure(const struct way *way)
{
	unsigned long got = 0;
	pthread_t sender;
	double begin;

	open_source(way->source);
	check(io_uring_queue_init(8, &uring, IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN), "io_uring");
	if (prepare(way)) {
		begin = bench_seconds();
		if (pthread_create(&sender, NULL, send_all, NULL))
			errx(1, "pthread_create");
		while (got < RECORDS)
			got += way->receive();
		bench_row(way->row, got / (bench_seconds() - begin), "records/s");
		pthread_join(sender, NULL);
	}
	io_uring_queue_exit(&uring);
	close_source(way->source);
}

int main(void)
{
	unsigned int i;

	bench_suffix = ".two_cpus";
	bench_pin(0);
	check(karena_open(NULL, &device), "open");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		measure(&ways[i]);
	return 0;
}
