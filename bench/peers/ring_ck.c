// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost to pass a pointer through Concurrency Kit's ring for many producers
 * and one consumer? Rows are instructions per entry.
 */
#define _GNU_SOURCE
#include <ck_ring.h>

#include "../bench.h"

#define ENTRIES	32
#define ROUNDS	100
#define SAMPLES	11

static ck_ring_t ring;
static ck_ring_buffer_t slots[2 * ENTRIES];
static char entry[8];

static uint64_t enqueue(void)
{
	uint64_t start = bench_ticks();
	int i;

	for (i = 0; i < ENTRIES; i++) {
		if (!ck_ring_enqueue_mpsc(&ring, slots, entry))
			errx(1, "ck_ring is full");
	}
	return bench_ticks() - start;
}

static uint64_t dequeue(void)
{
	uint64_t start = bench_ticks();
	void *got;
	int i;

	for (i = 0; i < ENTRIES; i++) {
		if (!ck_ring_dequeue_mpsc(&ring, slots, &got))
			errx(1, "ck_ring is empty");
	}
	return bench_ticks() - start;
}

int main(void)
{
	struct bench_samples in = {}, out = {};
	uint64_t enqueued, dequeued;
	int i;

	bench_begin();
	ck_ring_init(&ring, 2 * ENTRIES);
	while (in.nr < SAMPLES) {
		enqueued = 0;
		dequeued = 0;
		for (i = 0; i < ROUNDS; i++) {
			enqueued += enqueue();
			dequeued += dequeue();
		}
		bench_add(&in, (double)enqueued / (ROUNDS * ENTRIES));
		bench_add(&out, (double)dequeued / (ROUNDS * ENTRIES));
	}
	bench_row("ck_ring.enqueue", bench_median(&in), "instructions/entry");
	bench_row("ck_ring.dequeue", bench_median(&out), "instructions/entry");
	return 0;
}
