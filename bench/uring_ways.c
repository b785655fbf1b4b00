// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost a service whose loop is io_uring to get a record, by each way to learn
 * of records? Rows are instructions per record of the receiving side, system calls
 * included. BATCH records are sent, then received, repeatedly. Requests that are armed
 * while records are sent make the sender wake the receiver: .send is the cost for the
 * sender, .calls the receiver's system calls per 1,000 records. The mmap figures include
 * parsing of the records, by an inlined function; the read figures do not: the records
 * are in a buffer then, from a ring or a pipe.
 *
 * wait_mmap is the best form of WAIT on this kernel: armed once if a command may complete
 * more than once, else for each batch. wait_once_mmap is always armed for each batch.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <karena_uring_consumer.h>

#include "bench.h"

#define BATCH		32
#define ROUNDS		100
#define SAMPLES		11
#define LENGTH		64
#define RECORD		(KARENA_RECORD_HEADER_BYTES + LENGTH)
#define GROUP		1
#define NR_BUFFERS	4
/* Since 6.7; older liburing headers do not have it. */
#define OP_READ_MULTISHOT 49

static struct karena_device *device;
static struct karena_ring *ring;
static struct karena_uring_consumer consumer;
static struct io_uring uring;
static struct io_uring_buf_ring *group;
static char buffers[NR_BUFFERS][BATCH * RECORD];
static int in, out;
static uint64_t seen;
static unsigned long calls;

static void check(long got, long want, const char *what)
{
	if (got != want)
		errx(1, "%s: %ld instead of %ld", what, got, want);
}

static int look(void *context, const void *data, size_t length)
{
	(void)context;
	(void)length;
	seen += *(const uint64_t *)data;
	return 0;
}

static struct io_uring_cqe *enter(void)
{
	struct io_uring_cqe *cqe;

	calls++;
	if (io_uring_submit_and_wait(&uring, 1) < 0 || io_uring_peek_cqe(&uring, &cqe))
		errx(1, "io_uring gave no completion");
	return cqe;
}

static void take(void)
{
	struct io_uring_cqe *cqe;

	karena_uring_consumer_arm(&consumer, &uring);
	cqe = enter();
	check(karena_uring_consumer_take(&consumer, cqe, look, NULL), BATCH, "consume");
	io_uring_cqe_seen(&uring, cqe);
}

/* The kernel's thread takes the request; a system call wakes the thread if it sleeps. */
static void arm_polling(void)
{
	karena_uring_consumer_arm(&consumer, &uring);
	calls += !!(IO_URING_READ_ONCE(*uring.sq.kflags) & IORING_SQ_NEED_WAKEUP);
	io_uring_submit(&uring);
}

/* Shared memory shows what the kernel's thread has completed. */
static void take_polling(void)
{
	struct io_uring_cqe *cqe;
	int got = 0;

	while (got < BATCH) {
		if (!consumer.armed)
			arm_polling();
		if (io_uring_peek_cqe(&uring, &cqe))
			continue;
		got += karena_uring_consumer_take(&consumer, cqe, look, NULL);
		io_uring_cqe_seen(&uring, cqe);
	}
}

static void read_once(void)
{
	struct io_uring_cqe *cqe;

	io_uring_prep_read(io_uring_get_sqe(&uring), out, buffers[0], sizeof(buffers[0]), 0);
	cqe = enter();
	check(cqe->res, BATCH * (in == out ? RECORD : LENGTH), "read");
	io_uring_cqe_seen(&uring, cqe);
}

static void give_back(unsigned int index)
{
	io_uring_buf_ring_add(group, buffers[index], sizeof(buffers[0]), index,
			      io_uring_buf_ring_mask(NR_BUFFERS), 0);
	io_uring_buf_ring_advance(group, 1);
}

static void read_multishot(void)
{
	struct io_uring_cqe *cqe = enter();

	check(cqe->res, BATCH * (in == out ? RECORD : LENGTH), "multishot read");
	give_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	io_uring_cqe_seen(&uring, cqe);
}

static bool arm_nothing(void)
{
	return true;
}

static bool arm_wait_once(void)
{
	if (karena_uring_consumer_init(&consumer, device, ring, KARENA_URING_WAIT))
		return false;
	consumer.bytes = BATCH * RECORD;
	return true;
}

static bool arm_wait_multishot(void)
{
	if (karena_uring_consumer_init(&consumer, device, ring, KARENA_URING_WAIT_MULTISHOT))
		return false;
	consumer.bytes = BATCH * RECORD;
	return !karena_uring_consumer_arm(&consumer, &uring);
}

static bool arm_wait(void)
{
	return arm_wait_multishot() || arm_wait_once();
}

static bool arm_poll(void)
{
	karena_uring_consumer_init(&consumer, device, ring, KARENA_URING_POLL);
	return true;
}

static bool has_read_multishot(void)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&uring);
	bool has = probe && io_uring_opcode_supported(probe, OP_READ_MULTISHOT);

	io_uring_free_probe(probe);
	return has;
}

static bool arm_read(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = NR_BUFFERS, .bgid = GROUP };
	struct io_uring_sqe *sqe;
	unsigned int i;

	if (!has_read_multishot())
		return false;
	group = mmap(NULL, NR_BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	io_uring_buf_ring_init(group);
	reg.ring_addr = (uintptr_t)group;
	check(io_uring_register_buf_ring(&uring, &reg, 0), 0, "register buffers");
	for (i = 0; i < NR_BUFFERS; i++)
		give_back(i);
	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, out, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	return true;
}

/**
 * struct way - a way to get records
 * @row:	name of the row
 * @of_pipe:	from a pipe instead of a ring
 * @arm:	called before the first batch; false: this kernel does not have the way
 * @receive:	receives BATCH records
 */
struct way {
	const char *row;
	bool of_pipe;
	bool (*arm)(void);
	void (*receive)(void);
};

static const struct way ways[] = {
	{ "karena.wait_mmap.64", false, arm_wait, take },
	{ "karena.wait_once_mmap.64", false, arm_wait_once, take },
	{ "karena.poll_mmap.64", false, arm_poll, take },
	{ "karena.read.64", false, arm_nothing, read_once },
	{ "karena.read_multishot.64", false, arm_read, read_multishot },
	{ "pipe.read.64", true, arm_nothing, read_once },
	{ "pipe.read_multishot.64", true, arm_read, read_multishot },
};

static void open_source(const struct way *way)
{
	int fds[2];

	if (way->of_pipe) {
		if (pipe(fds))
			err(1, "pipe");
		out = fds[0];
		in = fds[1];
		return;
	}
	check(karena_ring_create(device, 1 << 20, NULL, &ring), 0, "ring");
	in = karena_ring_fd(ring);
	out = in;
}

static void close_source(const struct way *way)
{
	if (way->of_pipe) {
		close(in);
		close(out);
	} else {
		karena_ring_close(ring);
	}
}

/* Returns the cost of a record for the receiver, and in *@sent for the sender. */
static double one_sample(const struct way *way, int rounds, double *sent)
{
	static char record[LENGTH];
	uint64_t start, middle, send = 0, receive = 0;
	int i, round;

	calls = 0;
	for (round = 0; round < rounds; round++) {
		start = bench_ticks();
		for (i = 0; i < BATCH; i++)
			check(write(in, record, LENGTH), LENGTH, "write");
		middle = bench_ticks();
		way->receive();
		receive += bench_ticks() - middle;
		send += middle - start;
	}
	*sent = (double)send / (rounds * BATCH);
	return (double)receive / (rounds * BATCH);
}

static void row(const struct way *way, const char *what, double value, const char *of)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", way->row, what);
	bench_row(name, value, of);
}

static double calls_per_1000(int rounds)
{
	return calls * 1000.0 / (rounds * BATCH);
}

/* Calls by a registered number need not look up io_uring's file. */
static void open_uring(unsigned int flags)
{
	check(io_uring_queue_init(8, &uring, flags), 0, "io_uring");
	check(io_uring_register_ring_fd(&uring), 1, "io_uring's own number");
}

static void measure(const struct way *way)
{
	struct bench_samples samples = {}, sends = {};
	double sent;

	open_source(way);
	open_uring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (way->arm()) {
		io_uring_submit(&uring);
		one_sample(way, ROUNDS, &sent);
		while (samples.nr < SAMPLES) {
			bench_add(&samples, one_sample(way, ROUNDS, &sent));
			bench_add(&sends, sent);
		}
		row(way, "", bench_median(&samples), "instructions");
		row(way, ".send", bench_median(&sends), "instructions");
		row(way, ".calls", calls_per_1000(ROUNDS), "per 1,000 records");
	}
	io_uring_queue_exit(&uring);
	close_source(way);
}

/* With one processor the thread must wait for its turn: only calls are meaningful. */
static void measure_polling(void)
{
	static const struct way way = {
		"karena.wait_mmap.64.sqpoll", false, arm_wait_multishot, take_polling,
	};
	double sent;

	open_source(&way);
	open_uring(IORING_SETUP_SQPOLL);
	if (way.arm()) {
		io_uring_submit(&uring);
		one_sample(&way, 2, &sent);
		row(&way, ".calls", calls_per_1000(2), "per 1,000 records");
	}
	io_uring_queue_exit(&uring);
	close_source(&way);
}

int main(void)
{
	unsigned int i;

	bench_begin();
	check(karena_open(NULL, &device), 0, "open");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		measure(&ways[i]);
	measure_polling();
	return 0;
}
