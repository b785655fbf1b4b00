/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A BPF ring buffer as one of the ways of producers.h: a program of ring.bpf.c fills
 * it, and libbpf empties it.
 */
#ifndef KARENA_BENCH_BPF_WAY_H
#define KARENA_BENCH_BPF_WAY_H

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../producers.h"
#include "ring_bpf.h"

static_assert(RECORDS == PRODUCERS_BATCH, "as many records in a turn");

static const char *bpf_way_object;
static struct bpf_object *bpf_way_loaded;
static struct ring_buffer *bpf_way_consumer;
static int bpf_way_program;
static uint64_t bpf_way_seen;

static inline int bpf_way_look(void *context, void *data, size_t length)
{
	(void)context;
	(void)length;
	bpf_way_seen += *(uint64_t *)data;
	return 0;
}

/* Returns false if the kernel does not permit it; errno has the reason. */
static inline bool bpf_way_load(unsigned int bytes)
{
	struct bpf_map *map;

	bpf_way_loaded = bpf_object__open_file(bpf_way_object, NULL);
	if (!bpf_way_loaded)
		return false;
	map = bpf_object__find_map_by_name(bpf_way_loaded, "ring");
	if (!map || bpf_map__set_max_entries(map, bytes) || bpf_object__load(bpf_way_loaded)) {
		bpf_object__close(bpf_way_loaded);
		return false;
	}
	bpf_way_program = bpf_program__fd(bpf_object__find_program_by_name(bpf_way_loaded,
									   "reserve_submit_8"));
	bpf_way_consumer = ring_buffer__new(bpf_map__fd(map), bpf_way_look, NULL, NULL);
	if (!bpf_way_consumer)
		err(1, "ring_buffer__new");
	return true;
}

static inline void bpf_way_make(unsigned int bytes)
{
	if (!bpf_way_load(bytes))
		err(1, "%s", bpf_way_object);
}

static inline void bpf_way_end(void)
{
	ring_buffer__free(bpf_way_consumer);
	bpf_object__close(bpf_way_loaded);
}

static inline unsigned int bpf_way_produce(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_way_program, &opts))
		err(1, "BPF_PROG_RUN");
	return opts.retval;
}

static inline void bpf_way_consume(void)
{
	int ret = ring_buffer__consume(bpf_way_consumer);

	if (ret < 0)
		errx(1, "ring_buffer__consume: %d", ret);
}

#define BPF_WAY { "bpf", bpf_way_make, bpf_way_end, bpf_way_produce, bpf_way_consume }

#endif /* KARENA_BENCH_BPF_WAY_H */
