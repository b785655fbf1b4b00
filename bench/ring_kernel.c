// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does a record cost kernel code? The module karena_bench produces RECORDS records
 * per call. Rows are instructions per record, without those of the call into the module
 * and of the loop.
 */
#define _GNU_SOURCE
#include "ring_module.h"

#define RECORDS		500
#define RING_BYTES	(1 << 20)
#define SAMPLES		11

static struct karena_ring *ring;
static int bench;

static int look(void *context, const void *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
	return 0;
}

static void consume_all(void)
{
	int nr = karena_ring_consume(ring, look, NULL, 0);

	if (nr < 0)
		errx(1, "karena_ring_consume: %s", karena_strerror(nr));
}

static uint64_t run(uint32_t what, uint32_t length, uint32_t refused)
{
	struct bench_run args = { .what = what, .length = length, .times = RECORDS };
	uint64_t start = bench_ticks();

	if (ioctl(bench, BENCH_RUN, &args))
		err(1, "run %u", what);
	start = bench_ticks() - start;
	if (args.refused != refused)
		errx(1, "%u of %u records refused", args.refused, RECORDS);
	return start;
}

static void row(const char *name, uint32_t what, uint32_t length)
{
	struct bench_samples samples = {};
	uint64_t idle;

	run(what, length, 0);
	while (samples.nr < SAMPLES) {
		consume_all();
		idle = run(BENCH_NOTHING, length, 0);
		bench_add(&samples, ((double)run(what, length, 0) - idle) / RECORDS);
	}
	consume_all();
	bench_row(name, bench_median(&samples), "instructions/record");
}

/* Nothing is consumed, so reservations find the ring full. */
static void full_row(void)
{
	struct bench_samples samples = {};
	char record[1000] = "";
	uint64_t idle, taken;

	while (!karena_ring_output(ring, record, sizeof(record), 0))
		;
	while (!karena_ring_output(ring, record, 8, 0))
		;
	while (samples.nr < SAMPLES) {
		idle = run(BENCH_NOTHING, 8, 0);
		taken = run(BENCH_RESERVE_SUBMIT, 8, RECORDS);
		bench_add(&samples, ((double)taken - idle) / RECORDS);
	}
	consume_all();
	bench_row("karena.kernel.reserve.full", bench_median(&samples), "instructions/record");
}

int main(void)
{
	struct karena_device *device;
	int ret;

	bench_begin();
	ret = karena_open(NULL, &device);
	if (ret)
		errx(1, "karena_open: %s", karena_strerror(ret));
	bench = bench_ring_module(device, RING_BYTES, &ring);
	row("karena.kernel.reserve_submit.8", BENCH_RESERVE_SUBMIT, 8);
	row("karena.kernel.reserve_submit.64", BENCH_RESERVE_SUBMIT, 64);
	row("karena.kernel.reserve_submit.1024", BENCH_RESERVE_SUBMIT, 1024);
	row("karena.kernel.output.8", BENCH_OUTPUT, 8);
	row("karena.kernel.output.64", BENCH_OUTPUT, 64);
	row("karena.kernel.output.1024", BENCH_OUTPUT, 1024);
	row("karena.kernel.dynptr.8", BENCH_DYNPTR, 8);
	full_row();
	return 0;
}
