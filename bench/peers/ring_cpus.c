// SPDX-License-Identifier: GPL-2.0-only
/*
 * On two CPUs: how many records per second do one and two producers in the kernel send,
 * and how many do they lose, compared with a BPF ring buffer of the same size?
 *
 * ring_cpus OBJECT: uses the programs of OBJECT (ring.bpf.c) and the module karena_bench.
 * Rates only mean something as ratios.
 */
#define _GNU_SOURCE
#include "../ring_module.h"
#include "bpf_way.h"

static struct karena_device *device;
static struct karena_ring *ring;
static int bench;
static uint64_t seen;

static void karena_make(unsigned int bytes)
{
	bench = bench_ring_module(device, bytes, &ring);
}

static void karena_end(void)
{
	close(bench);
	karena_ring_close(ring);
}

static unsigned int karena_produce(void)
{
	struct bench_run args = {
		.what = BENCH_RESERVE_SUBMIT,
		.length = 8,
		.times = PRODUCERS_BATCH,
	};

	bench_ioctl(bench, BENCH_RUN, &args, "produce");
	return args.refused;
}

static int look(void *context, const void *data, size_t length)
{
	(void)context;
	(void)length;
	seen += *(const uint64_t *)data;
	return 0;
}

static void karena_consume(void)
{
	int ret = karena_ring_consume(ring, look, NULL, 0);

	if (ret < 0)
		errx(1, "karena_ring_consume: %s", karena_strerror(ret));
}

int main(int argc, char **argv)
{
	static const struct producers_way ways[] = {
		{ "karena", karena_make, karena_end, karena_produce, karena_consume },
		BPF_WAY,
	};
	int ret;

	if (argc != 2)
		errx(1, "usage: ring_cpus OBJECT");
	bpf_way_object = argv[1];
	ret = karena_open(NULL, &device);
	if (ret)
		errx(1, "karena_open: %s", karena_strerror(ret));
	producers_measure("cpus", ways, sizeof(ways) / sizeof(ways[0]));
	return 0;
}
