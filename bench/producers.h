/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compares kinds of rings by one and two producers, each a thread on its own CPU, alone or
 * with a consumer that spins. The kinds take turns, so that other load affects all of
 * them alike.
 */
#ifndef KARENA_BENCH_PRODUCERS_H
#define KARENA_BENCH_PRODUCERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bench.h"

#define PRODUCERS_MAX	2
/* Many short rounds, so that other load does not disturb some of them. */
#define PRODUCERS_ROUNDS 60
/* Per producer and round; with two, all fit into PRODUCERS_BYTES as records of 16. */
#define PRODUCERS_TURNS	100
#define PRODUCERS_BATCH	500
#define PRODUCERS_BYTES	(2 << 20)
/* Size of the ring that is consumed. */
#define CONSUMED_BYTES	(4 << 20)
/* Share of the time for which all threads of an undisturbed round had a CPU. */
#define PRODUCERS_BUSY	0.9

/**
 * struct producers_way - a kind of ring
 * @name:	in the rows
 * @make:	makes a ring
 * @end:	undoes @make
 * @produce:	tries to send PRODUCERS_BATCH records; returns the number refused
 * @consume:	takes the records that are there
 */
struct producers_way {
	const char *name;
	void (*make)(unsigned int bytes);
	void (*end)(void);
	unsigned int (*produce)(void);
	void (*consume)(void);
};

struct producer {
	pthread_t thread;
	const struct producers_way *way;
	/* Number of threads that have yet to begin: they wait for each other. */
	atomic_uint *missing;
	int cpu;
	unsigned int refused;
	double begin, end;
	/* Seconds of CPU time of this process meanwhile. */
	double busy;
};

struct consumer {
	pthread_t thread;
	const struct producers_way *way;
	int cpu;
	atomic_bool over;
};

/**
 * struct producers_figures - results of the rounds of one kind
 * @rate:	millions of records sent per second
 * @undisturbed: those of @rate in which nobody else used the CPUs
 * @lost:	refused records, in percent
 */
struct producers_figures {
	struct bench_samples rate;
	struct bench_samples undisturbed;
	struct bench_samples lost;
};

static inline void *producers_produce(void *arg)
{
	struct producer *producer = arg;
	int i;

	bench_pin(producer->cpu);
	atomic_fetch_sub(producer->missing, 1);
	while (atomic_load(producer->missing))
		;
	producer->busy = -bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	producer->begin = bench_seconds();
	for (i = 0; i < PRODUCERS_TURNS; i++)
		producer->refused += producer->way->produce();
	producer->end = bench_seconds();
	producer->busy += bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	return NULL;
}

static inline void *producers_consume(void *arg)
{
	struct consumer *consumer = arg;

	if (consumer->cpu >= 0)
		bench_pin(consumer->cpu);
	while (!atomic_load(&consumer->over))
		consumer->way->consume();
	return NULL;
}

static inline void producers_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	if (pthread_create(thread, NULL, run, arg))
		errx(1, "pthread_create");
}

/* Did each of @threads have a CPU, or all of them all CPUs, while @producer ran? */
static inline bool producers_undisturbed(const struct producer *producer, unsigned int threads)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double most = (producer->end - producer->begin) * (threads < cpus ? threads : cpus);

	return producer->busy >= PRODUCERS_BUSY * most;
}

/* Measures from the beginning of the first to the end of the last. */
static inline void producers_add(struct producers_figures *figures,
				 const struct producer *producers, unsigned int nr, bool consumed)
{
	double tried = (double)nr * PRODUCERS_TURNS * PRODUCERS_BATCH;
	double begin = producers[0].begin, end = producers[0].end;
	double refused = producers[0].refused;
	unsigned int i;

	for (i = 1; i < nr; i++) {
		begin = producers[i].begin < begin ? producers[i].begin : begin;
		end = producers[i].end > end ? producers[i].end : end;
		refused += producers[i].refused;
	}
	bench_add(&figures->rate, (tried - refused) / (end - begin) / 1e6);
	if (producers_undisturbed(producers, nr + consumed))
		bench_add(&figures->undisturbed, (tried - refused) / (end - begin) / 1e6);
	bench_add(&figures->lost, refused / tried * 100);
}

static inline void producers_round(const struct producers_way *way, unsigned int nr,
				   bool consumed, struct producers_figures *figures)
{
	/* With one producer the consumer has its own CPU. */
	struct consumer consumer = { .way = way, .cpu = nr == 1 ? 1 : -1 };
	struct producer producers[PRODUCERS_MAX] = {};
	atomic_uint missing = nr;
	unsigned int i;

	way->make(consumed ? CONSUMED_BYTES : PRODUCERS_BYTES);
	if (consumed)
		producers_thread(&consumer.thread, producers_consume, &consumer);
	for (i = 0; i < nr; i++) {
		producers[i] = (struct producer) { .way = way, .missing = &missing, .cpu = i };
		producers_thread(&producers[i].thread, producers_produce, &producers[i]);
	}
	for (i = 0; i < nr; i++)
		pthread_join(producers[i].thread, NULL);
	atomic_store(&consumer.over, true);
	if (consumed)
		pthread_join(consumer.thread, NULL);
	way->end();
	producers_add(figures, producers, nr, consumed);
}

/*
 * Prints PREFIX.NAME.NUMBERp, with .consumed if there is a consumer: the median of all
 * rounds; and .least, the time of the best undisturbed round.
 */
static inline void producers_rows(const char *prefix, const char *name, unsigned int nr,
				  bool consumed, struct producers_figures *figures)
{
	char row[80];

	snprintf(row, sizeof(row), "%s.%s.%up%s", prefix, name, nr, consumed ? ".consumed" : "");
	bench_row(row, bench_median(&figures->rate), "million records/s");
	strcat(row, ".least");
	if (figures->undisturbed.nr)
		bench_row(row, 1e3 / bench_most(&figures->undisturbed), "ns/record");
	else
		fprintf(stderr, "%s: no round was undisturbed\n", row);
	strcpy(row + strlen(row) - strlen("least"), "lost");
	bench_row(row, bench_median(&figures->lost), "% of records");
}

static inline void producers_case(const char *prefix, const struct producers_way *ways,
				  unsigned int nr_ways, unsigned int nr, bool consumed)
{
	struct producers_figures figures[nr_ways];
	unsigned int i, round;

	memset(figures, 0, sizeof(figures));
	for (round = 0; round < PRODUCERS_ROUNDS; round++) {
		for (i = 0; i < nr_ways; i++)
			producers_round(&ways[i], nr, consumed, &figures[i]);
	}
	for (i = 0; i < nr_ways; i++)
		producers_rows(prefix, ways[i].name, nr, consumed, &figures[i]);
}

static inline void producers_measure(const char *prefix, const struct producers_way *ways,
				     unsigned int nr_ways)
{
	struct bench_load begin = bench_load();
	unsigned int nr;
	char row[80];

	for (nr = 1; nr <= PRODUCERS_MAX; nr++) {
		producers_case(prefix, ways, nr_ways, nr, false);
		producers_case(prefix, ways, nr_ways, nr, true);
	}
	snprintf(row, sizeof(row), "%s.others", prefix);
	bench_load_row(row, &begin);
}

#endif /* KARENA_BENCH_PRODUCERS_H */
