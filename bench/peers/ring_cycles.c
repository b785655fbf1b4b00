// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does a whole cycle of a record cost one thread: reserve, fill, submit, consume, give
 * back? By length, for the core of shared rings with each grain; for the core of other rings
 * with a lock; for a ring under a robust mutex; and for a ring of Concurrency Kit that passes
 * pointers to records of one length. Batches are sent, then consumed, for many laps.
 *
 * ring_cycles: nanoseconds on this machine, the least of many samples; and what a record costs
 * to send while two threads do so at once, the least of the rounds in which they really did.
 * ring_cycles count: instructions, in a guest whose clock counts them.
 */
#define _GNU_SOURCE
#include <ck_ring.h>
#include <stdatomic.h>

#include "../bench.h"
#include "../../kmod/record.c"
#include "shared_way.h"

#define RING_BYTES	(512 << 10)
#define BATCH		32
#define BATCHES		8
#define SAMPLES		20000
#define LENGTH_MAX	4096
/* Number of batches that each of two threads sends in a round. */
#define PAIR_BATCHES	32
#define PAIR_SECONDS	6
/* So often a thread looks whether a round begins before it lets others run. */
#define PAIR_LOOKS	20000

static char payload[LENGTH_MAX];
static uint64_t seen;
static bool counts;

static struct records core;
static uint32_t core_lock;
static uint64_t core_published __attribute__((aligned(64)));
static uint64_t core_consumer __attribute__((aligned(64)));

static ck_ring_t ck;
static ck_ring_buffer_t *ck_slots;
static char *ck_records;
static __thread unsigned int ck_next;

/**
 * struct way - a kind of ring
 * @name:	in the rows
 * @grain:	of a shared ring, else 0
 * @make:	makes one
 * @send:	sends BATCH records of @length bytes, filled from payload if @fill, else their
 *		first word alone
 * @consume:	consumes them
 * @end:	undoes @make
 */
struct way {
	const char *name;
	uint32_t grain;
	void (*make)(const struct way *way);
	void (*send)(uint32_t length, bool fill);
	void (*consume)(uint32_t length);
	void (*end)(void);
};

__attribute__((noreturn))
static void full(void)
{
	errx(1, "the ring is full or empty");
}

static void put(char *to, uint32_t length, bool fill)
{
	if (fill)
		memcpy(to, payload, length);
	else
		*(uint64_t *)(void *)to = 1;
}

static void make_shared(const struct way *way)
{
	shared_way_make(RING_BYTES, way->grain);
}

static void send_shared(uint32_t length, bool fill)
{
	unsigned int i;
	char *to;

	for (i = 0; i < BATCH; i++) {
		to = shared_way_reserve(length);
		if (!to)
			full();
		put(to, length, fill);
		shared_way_submit(to);
	}
}

static void consume_shared(uint32_t length)
{
	(void)length;
	if (shared_way_consume(BATCH, &seen) != BATCH)
		full();
}

static void make_core(const struct way *way)
{
	(void)way;
	core_consumer = 0;
	record_init(&core, shared_way_data(RING_BYTES), NULL, (__u64 *)&core_published, RING_BYTES);
}

/* As kmod/ring.c, with a spin lock. */
static void send_core(uint32_t length, bool fill)
{
	struct karena_record_header *header;
	uint32_t bytes = record_bytes(length);
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		while (__atomic_exchange_n(&core_lock, 1, __ATOMIC_ACQUIRE)) {
			while (__atomic_load_n(&core_lock, __ATOMIC_RELAXED))
				__builtin_ia32_pause();
		}
		while (!record_fits(&core, bytes) && record_accept(&core, core_consumer, 128))
			;
		if (!record_fits(&core, bytes))
			full();
		header = record_open(&core, length, RECORD_OWNER_KERNEL, false);
		__atomic_store_n(&core_lock, 0, __ATOMIC_RELEASE);
		put((char *)(header + 1), length, fill);
		record_close_as(&core, header, length, false);
	}
}

static void consume_core(uint32_t length)
{
	uint64_t end = record_load_acquire(&core_published), position = core_consumer;
	unsigned int nr = 0;
	uint32_t word;

	(void)length;
	for (; position != end && nr < BATCH; nr++) {
		const struct karena_record_header *header = record_header(&core, position);

		word = record_load_acquire(&header->word);
		if (word & KARENA_RECORD_BUSY)
			break;
		seen += *(const uint64_t *)(header + 1);
		position += record_word_bytes(word);
	}
	record_store_release(&core_consumer, position);
	if (nr != BATCH)
		full();
}

static void end_core(void)
{
	munmap(core.headers, 2 * RING_BYTES);
}

static void make_mutex(const struct way *way)
{
	(void)way;
	mutex_way_make(RING_BYTES);
}

static void send_mutex(uint32_t length, bool fill)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		if (!mutex_way_send(payload, fill ? length : 8))
			full();
	}
}

static void consume_mutex(uint32_t length)
{
	(void)length;
	if (mutex_way_consume(BATCH, &seen) != BATCH)
		full();
}

static void make_ck(const struct way *way)
{
	(void)way;
	ck_slots = calloc(4 * PAIR_BATCHES * BATCH, sizeof(*ck_slots));
	ck_records = malloc(RING_BYTES);
	if (!ck_slots || !ck_records)
		err(1, "ck_ring");
	memset(ck_records, 0, RING_BYTES);
	ck_ring_init(&ck, 4 * PAIR_BATCHES * BATCH);
}

/* Its records are the caller's; here they lie in an area of the same size. */
static void send_ck(uint32_t length, bool fill)
{
	uint32_t bytes = (length + 15) & -8u;
	unsigned int i;
	char *to;

	for (i = 0; i < BATCH; i++) {
		to = ck_records + ck_next;
		ck_next += bytes;
		if (ck_next + bytes > RING_BYTES)
			ck_next = 0;
		put(to, length, fill);
		if (!ck_ring_enqueue_mpsc(&ck, ck_slots, to))
			full();
	}
}

static void consume_ck(uint32_t length)
{
	unsigned int i;
	void *got;

	(void)length;
	for (i = 0; i < BATCH; i++) {
		if (!ck_ring_dequeue_mpsc(&ck, ck_slots, &got))
			full();
		seen += *(const uint64_t *)got;
	}
}

static void end_ck(void)
{
	free(ck_slots);
	free(ck_records);
}

static uint64_t now(void)
{
	struct timespec time;

	if (counts)
		return bench_ticks();
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* The least of what a record costs to send, to consume, and both. */
static void measure(const struct way *way, uint32_t length, bool fill, double least[3])
{
	unsigned int nr = counts ? 2 * RING_BYTES / (BATCH * 16) : SAMPLES / (1 + length / 256);
	unsigned int i, j;
	double got[3];
	uint64_t start, sent, end;

	for (i = 0; i < 3; i++)
		least[i] = 1e9;
	for (i = 0; i < nr; i++) {
		got[0] = 0;
		got[1] = 0;
		for (j = 0; j < BATCHES; j++) {
			start = now();
			way->send(length, fill);
			sent = now();
			way->consume(length);
			end = now();
			got[0] += sent - start;
			got[1] += end - sent;
		}
		got[2] = got[0] + got[1];
		for (j = 0; j < 3; j++)
			least[j] = got[j] < least[j] ? got[j] : least[j];
	}
	for (i = 0; i < 3; i++)
		least[i] /= BATCH * BATCHES;
}

static void rows(const struct way *way, uint32_t length)
{
	const char *unit = counts ? "instructions/record" : "ns/record";
	double bare[3], least[3];
	char name[80];

	measure(way, length, false, bare);
	measure(way, length, true, least);
	snprintf(name, sizeof(name), "cycle.%s.send.%u", way->name, length);
	bench_row(name, bare[0], unit);
	snprintf(name, sizeof(name), "cycle.%s.consume.%u", way->name, length);
	bench_row(name, least[1], unit);
	snprintf(name, sizeof(name), "cycle.%s.%u", way->name, length);
	bench_row(name, least[2], unit);
}

/**
 * struct pair - two threads that send at once
 * @way:	what they send to
 * @round:	goes up when a round begins; 0 when all is over
 * @ready:	how many wait for that
 * @begin:	of the round, by thread
 * @end:	likewise
 */
static struct {
	const struct way *way;
	atomic_uint round;
	atomic_uint ready;
	uint64_t begin[2];
	uint64_t end[2];
} pair;

static void *send_rounds(void *arg)
{
	unsigned int which = (uintptr_t)arg, round, i;

	bench_pin(which);
	ck_next = which * RING_BYTES / 2;
	for (round = 1;; round++) {
		atomic_fetch_add(&pair.ready, 1);
		for (i = 1; atomic_load(&pair.round) == round - 1; i++) {
			if (i % PAIR_LOOKS == 0)
				sched_yield();
		}
		if (!atomic_load(&pair.round))
			return NULL;
		pair.begin[which] = now();
		for (i = 0; i < PAIR_BATCHES; i++)
			pair.way->send(8, false);
		pair.end[which] = now();
	}
}

static void wait_for_both(unsigned int round)
{
	while (atomic_load(&pair.ready) != 2 * round)
		sched_yield();
}

/* The time of a round, if each thread was at it for nine tenths of that. */
static double pair_round(void)
{
	uint64_t first = pair.begin[0] < pair.begin[1] ? pair.begin[0] : pair.begin[1];
	uint64_t last = pair.end[0] > pair.end[1] ? pair.end[0] : pair.end[1];
	double all = last - first;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (pair.end[i] - pair.begin[i] < 0.9 * all)
			return 1e9;
	}
	return all / (2 * PAIR_BATCHES * BATCH);
}

static void pair_rows(const struct way *way)
{
	pthread_t threads[2];
	double least = 1e9, got, over = bench_seconds() + PAIR_SECONDS;
	unsigned int round, i;
	char name[80];

	pair.way = way;
	atomic_store(&pair.round, 0);
	atomic_store(&pair.ready, 0);
	for (i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, send_rounds, (void *)(uintptr_t)i))
			errx(1, "pthread_create");
	}
	for (round = 1; bench_seconds() < over; round++) {
		wait_for_both(round);
		for (i = 0; round > 1 && i < 2 * PAIR_BATCHES; i++)
			way->consume(8);
		atomic_store(&pair.round, round);
		wait_for_both(round + 1);
		got = pair_round();
		least = got < least ? got : least;
	}
	atomic_store(&pair.round, 0);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	snprintf(name, sizeof(name), "pair.%s.8", way->name);
	if (least < 1e9)
		bench_row(name, least, "ns/record");
	else
		fprintf(stderr, "%s: no round in which both were at it\n", name);
}

int main(int argc, char **argv)
{
	static const struct way ways[] = {
		{ "shared_8", 8, make_shared, send_shared, consume_shared, shared_way_end },
		{ "shared_16", 16, make_shared, send_shared, consume_shared, shared_way_end },
		{ "shared_32", 32, make_shared, send_shared, consume_shared, shared_way_end },
		{ "shared_64", 64, make_shared, send_shared, consume_shared, shared_way_end },
		{ "record", 0, make_core, send_core, consume_core, end_core },
		{ "mutex", 0, make_mutex, send_mutex, consume_mutex, mutex_way_end },
		{ "ck_ring", 0, make_ck, send_ck, consume_ck, end_ck },
	};
	static const uint32_t lengths[] = { 8, 64, 256, 1024, 4096 };
	struct bench_load begin = bench_load();
	unsigned int i, j;

	counts = argc == 2 && !strcmp(argv[1], "count");
	if (counts)
		bench_begin();
	for (j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
		for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			ways[i].make(&ways[i]);
			rows(&ways[i], lengths[j]);
			ways[i].end();
		}
	}
	for (i = 0; !counts && i < sizeof(ways) / sizeof(ways[0]); i++) {
		ways[i].make(&ways[i]);
		pair_rows(&ways[i]);
		ways[i].end();
	}
	if (!counts)
		bench_load_row("cycle.others", &begin);
	return 0;
}
