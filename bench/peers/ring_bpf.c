// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does a record cost in a BPF ring buffer, and in a user ring buffer?
 *
 * ring_bpf OBJECT: the kernel runs the programs of OBJECT (ring.bpf.c), RECORDS records
 * per run. Rows are instructions per record, without those of the run and of the loop.
 * The consumer is libbpf's.
 *
 * ring_bpf OBJECT stream: records per second from one CPU to another, one record per
 * run, to a consumer that waits by epoll.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../bench.h"
#include "ring_bpf.h"

#define SAMPLES	11
#define STREAM	50000ul

static struct bpf_object *object;
static struct ring_buffer *consumer;
static struct user_ring_buffer *producer;
static uint64_t seen;

static int program(const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);

	if (!prog)
		errx(1, "no program %s", name);
	return bpf_program__fd(prog);
}

static int map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		errx(1, "no map %s", name);
	return fd;
}

static uint64_t run(int fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint64_t start = bench_ticks();

	if (bpf_prog_test_run_opts(fd, &opts))
		err(1, "BPF_PROG_RUN");
	return bench_ticks() - start;
}

static int look(void *context, void *data, size_t length)
{
	(void)context;
	(void)length;
	seen += *(uint64_t *)data;
	return 0;
}

static double consume(void)
{
	uint64_t start = bench_ticks();
	int nr = ring_buffer__consume(consumer);

	if (nr < 0)
		errx(1, "ring_buffer__consume: %d", nr);
	return (double)(bench_ticks() - start) / (nr ? nr : 1);
}

/* Adds a row for producing by the program @name, and perhaps one for consuming. */
static void produce_row(const char *name, const char *row, const char *consume_row)
{
	struct bench_samples sends = {}, receives = {};
	int nothing = program("nothing"), fd = program(name);
	uint64_t idle;

	run(fd);
	consume();
	while (sends.nr < SAMPLES) {
		idle = run(nothing);
		bench_add(&sends, ((double)run(fd) - idle) / RECORDS);
		bench_add(&receives, consume());
	}
	bench_row(row, bench_median(&sends), "instructions/record");
	if (consume_row)
		bench_row(consume_row, bench_median(&receives), "instructions/record");
}

/* Nothing is consumed, so reservations find the ring full. */
static void full_row(void)
{
	struct bench_samples samples = {};
	int nothing = program("nothing"), fd = program("reserve_submit_8");
	unsigned int i;
	uint64_t idle;

	for (i = 0; i <= RING_BYTES / 16 / RECORDS; i++)
		run(fd);
	while (samples.nr < SAMPLES) {
		idle = run(nothing);
		bench_add(&samples, ((double)run(fd) - idle) / RECORDS);
	}
	consume();
	bench_row("bpf.reserve.full", bench_median(&samples), "instructions/record");
}

static void user_ring_rows(void)
{
	struct bench_samples sends = {}, drains = {};
	int nothing = program("nothing"), fd = program("drain");
	uint64_t start, idle, *record;
	int i;

	while (sends.nr < SAMPLES) {
		start = bench_ticks();
		for (i = 0; i < RECORDS; i++) {
			record = user_ring_buffer__reserve(producer, sizeof(*record));
			if (!record)
				err(1, "user_ring_buffer__reserve");
			*record = i;
			user_ring_buffer__submit(producer, record);
		}
		bench_add(&sends, (double)(bench_ticks() - start) / RECORDS);
		idle = run(nothing);
		bench_add(&drains, ((double)run(fd) - idle) / RECORDS);
	}
	bench_row("bpf.user.reserve_submit.8", bench_median(&sends), "instructions/record");
	bench_row("bpf.user.drain.8", bench_median(&drains), "instructions/record");
}

static void *send_stream(void *unused)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = program("send_64");
	unsigned long sent = 0;

	bench_pin(1);
	while (sent < STREAM) {
		if (bpf_prog_test_run_opts(fd, &opts))
			err(1, "BPF_PROG_RUN");
		if (opts.retval)
			sched_yield();
		else
			sent++;
	}
	return unused;
}

static void stream_row(void)
{
	double begin = bench_seconds();
	pthread_t sender;

	bench_pin(0);
	if (pthread_create(&sender, NULL, send_stream, NULL))
		errx(1, "pthread_create");
	seen = 0;
	while (seen < STREAM) {
		if (ring_buffer__poll(consumer, -1) < 0)
			errx(1, "ring_buffer__poll");
	}
	bench_row("bpf.epoll.64.two_cpus", STREAM / (bench_seconds() - begin), "records/s");
	pthread_join(sender, NULL);
}

int main(int argc, char **argv)
{
	bool stream = argc == 3 && !strcmp(argv[2], "stream");

	if (argc != 2 && !stream)
		errx(1, "usage: ring_bpf OBJECT [stream]");
	if (!stream)
		bench_begin();
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object))
		err(1, "%s", argv[1]);
	consumer = ring_buffer__new(map("ring"), look, NULL, NULL);
	producer = user_ring_buffer__new(map("user_ring"), NULL);
	if (!consumer || !producer)
		err(1, "ring_buffer__new");
	if (stream) {
		stream_row();
		return 0;
	}

	produce_row("reserve_submit_8", "bpf.reserve_submit.8", "bpf.consume.8");
	produce_row("reserve_submit_64", "bpf.reserve_submit.64", "bpf.consume.64");
	produce_row("reserve_submit_1024", "bpf.reserve_submit.1024", "bpf.consume.1024");
	produce_row("output_8", "bpf.output.8", NULL);
	produce_row("output_64", "bpf.output.64", NULL);
	produce_row("output_1024", "bpf.output.1024", NULL);
	produce_row("dynptr_8", "bpf.dynptr.8", NULL);
	full_row();
	user_ring_rows();
	return 0;
}
