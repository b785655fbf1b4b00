// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost that others wait? Rows are instructions of all processes together, on
 * one CPU: a record while producers wait for space; a hop to a receiver that sleeps, by each
 * way to wait; a record while pollers wait for the other thing. And by how much a wait that
 * is limited is late, in nanoseconds of the clock that counts instructions.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <liburing.h>
#include <karena.h>
#include <karena_uring.h>

#include "bench.h"

#define CHILDREN_MAX	1000
#define WARM_UP		50
#define ROUNDS		500
#define SAMPLES		11
/* As much as a pipe takes in one of its buffers, so that both hold about as many. */
#define LONG_RECORD	4080
#define RING_BYTES	(1 << 16)

static struct karena_device *device;
static char record[8192];
static pid_t children[CHILDREN_MAX];
static int nr_children;

static void check(bool ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

/* Returns true in the child. */
static bool spawn(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (!pid)
		return true;
	children[nr_children++] = pid;
	return false;
}

static void end_children(void)
{
	int i;

	for (i = 0; i < nr_children; i++)
		kill(children[i], SIGKILL);
	for (i = 0; i < nr_children; i++)
		waitpid(children[i], NULL, 0);
	nr_children = 0;
}

static int ring_new(uint64_t bytes)
{
	struct karena_ring *ring;

	check(karena_ring_create(device, bytes, NULL, &ring) == 0, "karena_ring_create");
	return karena_ring_fd(ring);
}

static void row(const char *what, int nr, double value)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%d", what, nr);
	bench_row(name, value, "instructions/record");
}

/* Producers that wait for space, and a consumer that takes one record at a time. */
static void send_by_ring(int fd)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)record,
		.buffer_bytes = LONG_RECORD,
	};

	bench_ioctl(fd, KARENA_IOC_RING_OUTPUT, &args, "output");
}

static void send_by_pipe(int fd)
{
	check(write(fd, record, LONG_RECORD) == LONG_RECORD, "write");
}

static void waiting_producers(const char *what, int in, int out, void (*send)(int fd),
			      size_t read_bytes, int nr)
{
	struct bench_samples samples = {};
	uint64_t start = 0;
	int i;

	for (i = 0; i < nr; i++) {
		if (!spawn())
			continue;
		for (;;)
			send(in);
	}
	usleep(200000);
	for (i = 0; i < WARM_UP + ROUNDS * SAMPLES; i++) {
		if (i >= WARM_UP && (i - WARM_UP) % ROUNDS == 0)
			start = bench_ticks();
		check(read(out, record, read_bytes) == (ssize_t)read_bytes, "read");
		sched_yield();
		if (i >= WARM_UP && (i - WARM_UP) % ROUNDS == ROUNDS - 1)
			bench_add(&samples, (double)(bench_ticks() - start) / ROUNDS);
	}
	end_children();
	row(what, nr, bench_median(&samples));
}

static void producers_that_wait(int nr)
{
	int fds[2], fd = ring_new(RING_BYTES);

	waiting_producers("waiting_producers.karena", fd, fd, send_by_ring,
			  LONG_RECORD + KARENA_RECORD_HEADER_BYTES, nr);
	close(fd);
	check(pipe(fds) == 0, "pipe");
	waiting_producers("waiting_producers.pipe", fds[1], fds[0], send_by_pipe,
			  LONG_RECORD, nr);
	close(fds[0]);
	close(fds[1]);
}

/* Records while others poll for space, of which there is too little. */
static void pollers_for_space(int nr)
{
	struct karena_ring_output args = {
		.size = sizeof(args), .flags = KARENA_RING_FORCE_WAKEUP,
		.buffer = (uintptr_t)record, .buffer_bytes = 8,
	};
	struct bench_samples samples = {};
	int fd = ring_new(RING_BYTES), i;
	uint64_t start;

	while (write(fd, record, LONG_RECORD) > 0)
		;
	check(read(fd, record, sizeof(record)) > 0, "read");
	for (i = 0; i < nr; i++) {
		struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

		if (!spawn())
			continue;
		for (;;)
			poll(&pollfd, 1, -1);
	}
	usleep(200000);
	while (samples.nr < SAMPLES) {
		start = bench_ticks();
		for (i = 0; i < 10; i++) {
			bench_ioctl(fd, KARENA_IOC_RING_OUTPUT, &args, "output");
			sched_yield();
		}
		bench_add(&samples, (double)(bench_ticks() - start) / 10);
	}
	end_children();
	close(fd);
	row("forced_record.pollers_for_space", nr, bench_median(&samples));
}

/*
 * A record, and a cancellation, that serve none of many io_uring commands which wait: by
 * another process, so that what is counted is the walk over them, with interrupts off.
 */
static void walk_over_parked(int fd, int nr)
{
	struct karena_ring_wait_cancel cancel = { .size = sizeof(cancel), .user_data = 1 };
	const struct sched_param param = { .sched_priority = 1 };
	uint64_t start;

	check(sched_setscheduler(0, SCHED_FIFO, &param) == 0, "sched_setscheduler");
	start = bench_ticks();
	bench_ioctl(fd, KARENA_IOC_RING_WAIT_CANCEL, &cancel, "cancel");
	row("cancel_none.parked", nr, bench_ticks() - start);
	start = bench_ticks();
	check(write(fd, record, 8) == 8, "write");
	row("record_for_none.parked", nr, bench_ticks() - start);
	cancel.flags = KARENA_WAIT_CANCEL_F_ALL;
	cancel.user_data = 0;
	start = bench_ticks();
	bench_ioctl(fd, KARENA_IOC_RING_WAIT_CANCEL, &cancel, "cancel");
	row("cancel_all.parked", nr, bench_ticks() - start);
	exit(0);
}

static void parked_waits(int nr)
{
	static struct karena_ring_wait wait = { .size = sizeof(wait), .bytes = RING_BYTES };
	int fd = ring_new(RING_BYTES), i;
	struct io_uring_cqe *cqe;
	struct io_uring uring;

	check(io_uring_queue_init(nr, &uring, 0) == 0, "io_uring_queue_init");
	for (i = 0; i < nr; i++)
		karena_prep_call(io_uring_get_sqe(&uring), fd, KARENA_IOC_RING_WAIT, &wait);
	check(io_uring_submit(&uring) == nr, "io_uring_submit");
	/* Kernels that cannot cancel commands have none that wait. */
	if (io_uring_peek_cqe(&uring, &cqe) && spawn())
		walk_over_parked(fd, nr);
	for (i = 0; i < nr_children; i++)
		waitpid(children[i], NULL, 0);
	nr_children = 0;
	io_uring_queue_exit(&uring);
	close(fd);
}

/* There and back, each to a receiver that sleeps. */
struct way {
	const char *name;
	void (*make)(int fds[2]);
	void (*send)(int fd);
	void (*receive)(int fd);
};

static void make_ring(int fds[2])
{
	fds[0] = ring_new(4096);
	fds[1] = fds[0];
}

static void make_pipe(int fds[2])
{
	check(pipe(fds) == 0, "pipe");
}

static void make_eventfd(int fds[2])
{
	fds[0] = eventfd(0, 0);
	check(fds[0] >= 0, "eventfd");
	fds[1] = fds[0];
	*(uint64_t *)record = 1;
}

static void write_8(int fd)
{
	check(write(fd, record, 8) == 8, "write");
}

static void read_some(int fd)
{
	char got[64];

	check(read(fd, got, sizeof(got)) > 0, "read");
}

static void wait_and_read(int fd)
{
	struct karena_ring_wait args = { .size = sizeof(args) };

	bench_ioctl(fd, KARENA_IOC_RING_WAIT, &args, "wait");
	read_some(fd);
}

static void poll_and_read(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	check(poll(&pollfd, 1, -1) == 1, "poll");
	read_some(fd);
}

static void epoll_and_read(int fd)
{
	static int epoll = -1, polled = -1;
	struct epoll_event event = { .events = EPOLLIN };

	if (polled != fd) {
		close(epoll);
		epoll = epoll_create1(0);
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
		polled = fd;
	}
	check(epoll_wait(epoll, &event, 1, -1) == 1, "epoll_wait");
	read_some(fd);
}

static const struct way ways[] = {
	{ "hop.karena.read", make_ring, write_8, read_some },
	{ "hop.karena.wait", make_ring, write_8, wait_and_read },
	{ "hop.karena.poll", make_ring, write_8, poll_and_read },
	{ "hop.karena.epoll", make_ring, write_8, epoll_and_read },
	{ "hop.pipe.read", make_pipe, write_8, read_some },
	{ "hop.pipe.poll", make_pipe, write_8, poll_and_read },
	{ "hop.pipe.epoll", make_pipe, write_8, epoll_and_read },
	{ "hop.eventfd.read", make_eventfd, write_8, read_some },
};

static void hop(const struct way *way)
{
	struct bench_samples samples = {};
	int there[2], back[2], i;
	uint64_t start;

	way->make(there);
	way->make(back);
	if (spawn()) {
		for (;;) {
			way->receive(there[0]);
			way->send(back[1]);
		}
	}
	while (samples.nr < SAMPLES + 1) {
		start = bench_ticks();
		for (i = 0; i < ROUNDS; i++) {
			way->send(there[1]);
			way->receive(back[0]);
		}
		bench_add(&samples, (double)(bench_ticks() - start) / (2 * ROUNDS));
	}
	end_children();
	bench_row(way->name, bench_median(&samples), "instructions/hop");
	for (i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}

/* How late is a wait that ends by its time? */
static double late_ns(int fd, uint32_t timeout_us, bool by_call)
{
	struct karena_ring_wait args = { .size = sizeof(args), .timeout_us = timeout_us };
	struct timespec limit = { .tv_nsec = timeout_us * 1000 };
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	double start = bench_seconds();

	if (by_call)
		check(ioctl(fd, KARENA_IOC_RING_WAIT, &args) < 0, "wait");
	else
		check(ppoll(&pollfd, 1, &limit, NULL) == 0, "ppoll");
	return (bench_seconds() - start) * 1e9 - timeout_us * 1e3;
}

static void lateness(const char *name, uint32_t timeout_us, bool by_call)
{
	struct bench_samples samples = {};
	int fd = ring_new(4096);

	while (samples.nr < SAMPLES)
		bench_add(&samples, late_ns(fd, timeout_us, by_call));
	bench_row(name, bench_median(&samples), "ns late");
	close(fd);
}

int main(void)
{
	size_t i;

	bench_begin();
	check(karena_open(NULL, &device) == 0, "karena_open");
	producers_that_wait(1);
	producers_that_wait(10);
	producers_that_wait(100);
	pollers_for_space(1);
	pollers_for_space(10);
	pollers_for_space(CHILDREN_MAX);
	parked_waits(1);
	parked_waits(1024);
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		hop(&ways[i]);
	lateness("late.karena.wait.1000us", 1000, true);
	lateness("late.ppoll.1000us", 1000, false);
	return 0;
}
