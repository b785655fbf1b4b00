// SPDX-License-Identifier: GPL-2.0-only
/*
 * A producer is killed at each point of the protocol. Its program is traced: it stops
 * where a call begins (nothing of it has happened) and where it ends (the kernel has done
 * all, the program knows nothing of it), and between calls at any instruction. Wherever
 * it is killed, the consumer gets what was sent by then, once, and the ring goes on.
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>

#include "kselftest_harness.h"
#include "ring_util.h"

#define MAX_CALLS	6
#define PRODUCERS	2

/**
 * struct producer - who runs one of the programs
 * @ring:	theirs
 * @id:		below PRODUCERS
 * @data:	in place: the data, writable
 */
struct producer {
	struct ring ring;
	uint32_t id;
	char *data;
};

/* A payload begins with it; the rest is bytes of @number. */
struct message {
	uint32_t producer;
	uint32_t number;
	uint32_t length;
};

/**
 * struct way - a program
 * @name:	for people
 * @run:	makes the calls and stores in between, nothing else
 * @calls:	by name
 * @sends:	which record each call sends, -1 for none
 */
struct way {
	const char *name;
	void (*run)(struct producer *producer);
	const char *calls[MAX_CALLS];
	int sends[MAX_CALLS];
};

static uint32_t length_of(uint32_t number)
{
	/* What is copied by way of the stack, and what is not. */
	return number % 2 ? 300 : 24;
}

static void fill(char *payload, uint32_t producer, uint32_t number)
{
	struct message *message = (void *)payload;
	uint32_t i, length = length_of(number);

	message->producer = producer;
	message->number = number;
	message->length = length;
	for (i = sizeof(*message); i < length; i++)
		payload[i] = (char)number;
}

static uint64_t open_record(struct producer *p, uint32_t number)
{
	uint64_t position;

	must(ring_reserve(p->ring.fd, length_of(number), &position) == 0);
	return position;
}

static void fill_in_place(struct producer *p, uint64_t position, uint32_t number)
{
	fill(p->data + (position & p->ring.mask) + HEADER_BYTES, p->id, number);
}

static void run_in_place(struct producer *p)
{
	uint64_t first, second, third;

	first = open_record(p, 0);
	fill_in_place(p, first, 0);
	must(ring_submit(p->ring.fd, first) == 0);
	second = open_record(p, 1);
	third = open_record(p, 2);
	fill_in_place(p, second, 1);
	fill_in_place(p, third, 2);
	must(ring_discard(p->ring.fd, second) == 0);
	must(ring_submit(p->ring.fd, third) == 0);
}

static void run_copy(struct producer *p)
{
	char payload[300];
	struct iovec vec[2] = {
		{ .iov_base = payload, .iov_len = 100 },
		{ .iov_base = payload + 100, .iov_len = 200 },
	};

	fill(payload, p->id, 0);
	must(ring_write(p->ring.fd, payload, 24) == 24);
	fill(payload, p->id, 1);
	must(writev(p->ring.fd, vec, 2) == 300);
	fill(payload, p->id, 2);
	must(ring_output(p->ring.fd, payload, 24, 0) == 0);
	fill(payload, p->id, 3);
	must(ring_output(p->ring.fd, payload, 300, 0) == 0);
}

static const struct way ways[] = {
	{
		.name = "in place",
		.run = run_in_place,
		.calls = { "RESERVE", "SUBMIT", "RESERVE", "RESERVE", "DISCARD", "SUBMIT" },
		.sends = { -1, 0, -1, -1, -1, 2 },
	},
	{
		.name = "copy",
		.run = run_copy,
		.calls = { "write", "writev", "short OUTPUT", "long OUTPUT" },
		.sends = { 0, 1, 2, 3 },
	},
};

#define WAYS	(sizeof(ways) / sizeof(ways[0]))

/* A point: of a way, at the begin (2 * call) or the end (2 * call + 1) of a call. */
struct point {
	const struct way *way;
	unsigned int stop;
};

static unsigned int nr_stops(const struct way *way)
{
	unsigned int nr = 0;

	while (nr < MAX_CALLS && way->calls[nr])
		nr++;
	return 2 * nr;
}

static unsigned int all_points(struct point *points)
{
	unsigned int i, stop, nr = 0;

	for (i = 0; i < WAYS; i++) {
		for (stop = 0; stop < nr_stops(&ways[i]); stop++)
			points[nr++] = (struct point) { &ways[i], stop };
	}
	return nr;
}

#define MAX_POINTS	(WAYS * 2 * MAX_CALLS)

/* What had been sent by then: a bit for each record. */
static unsigned int sent_at(const struct point *point)
{
	unsigned int call, sent = 0;

	for (call = 0; 2 * call < point->stop; call++) {
		if (point->way->sends[call] >= 0)
			sent |= 1u << point->way->sends[call];
	}
	return sent;
}

static unsigned int sent_by(const struct way *way)
{
	struct point end = { way, nr_stops(way) };

	return sent_at(&end);
}

/* Stopped before its first call. */
static pid_t start(const struct way *way, const struct ring *ring, uint32_t id)
{
	pid_t pid = fork_child();
	int status;

	if (!pid) {
		struct producer p = { .ring = *ring, .id = id, .data = ring_data(ring) };

		must(p.data);
		must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		kill(getpid(), SIGSTOP);
		way->run(&p);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	must(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	return pid;
}

static void go_to(pid_t pid, unsigned int stop)
{
	unsigned int i;
	int status;

	for (i = 0; i <= stop; i++) {
		must(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
		must(waitpid(pid, &status, 0) == pid);
		must(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
	}
}

/* Returns false if the program came to its end on the way. */
static bool go_on(pid_t pid, unsigned int instructions)
{
	int status;

	while (instructions--) {
		must(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
		must(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			return false;
	}
	return true;
}

/**
 * struct consumer - of a mapping
 * @ring:	the ring
 * @page:	the consumer's
 * @at:		how far it has read
 * @got:	by producer, a bit for each record
 */
struct consumer {
	struct ring ring;
	struct karena_ring_consumer *page;
	uint64_t at;
	unsigned int got[PRODUCERS];
};

/* Is it whole, and does it come once and in order? */
static bool take_record(struct consumer *c, uint32_t length)
{
	const struct message *message = payload_at(&c->ring, c->at);
	const char *payload = (const void *)message;
	uint32_t i;

	if (message->producer >= PRODUCERS || message->number > MAX_CALLS ||
	    message->length != length || length != length_of(message->number))
		return false;
	for (i = sizeof(*message); i < length; i++) {
		if (payload[i] != (char)message->number)
			return false;
	}
	if (c->got[message->producer] >> message->number)
		return false;
	c->got[message->producer] |= 1u << message->number;
	return true;
}

/* All that is there; false if that is never all, or something is wrong. */
static bool drain(struct consumer *c)
{
	int64_t end = now_ms() + HUNG_MS;

	memset(c->got, 0, sizeof(c->got));
	while (c->at != produced(&c->ring)) {
		uint32_t word = word_at(&c->ring, c->at);

		if (word & KARENA_RECORD_BUSY) {
			if (now_ms() > end)
				return false;
			pause_ms(1);
			continue;
		}
		if (!(word & KARENA_RECORD_DISCARD) && !take_record(c, word))
			return false;
		c->at += record_size(word);
		consume_to(c->page, c->at);
	}
	return true;
}

/* The whole ring can be had, at once: nothing was left behind. */
static bool goes_on(struct consumer *c)
{
	uint64_t position;

	if (ring_reserve(c->ring.fd, page_size - HEADER_BYTES, &position))
		return false;
	return ring_discard(c->ring.fd, position) == 0 && drain(c);
}

FIXTURE(points)
{
	struct consumer consumer;
	struct point points[MAX_POINTS];
	unsigned int nr_points;
};

FIXTURE_SETUP(points)
{
	struct consumer *c = &self->consumer;

	c->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	c->page = ring_consumer(&c->ring);
	ASSERT_NE(NULL, c->page);
	self->nr_points = all_points(self->points);
}

FIXTURE_TEARDOWN(points)
{
	munmap(self->consumer.page, page_size);
	ring_close(&self->consumer.ring);
}

static const char *name_of(const struct point *point)
{
	static char names[2][64];
	static unsigned int which;
	char *name = names[which++ % 2];

	snprintf(name, sizeof(names[0]), "%s, %s %s (%u)", point->way->name,
		 point->stop % 2 ? "end of" : "begin of", point->way->calls[point->stop / 2],
		 point->stop);
	return name;
}

/* Both stand at their points when the first dies. */
static bool kill_two(struct consumer *c, const struct point *first, const struct point *second)
{
	pid_t pids[2] = { start(first->way, &c->ring, 0), start(second->way, &c->ring, 1) };

	go_to(pids[0], first->stop);
	go_to(pids[1], second->stop);
	must(end_child(pids[0]) == -SIGKILL);
	must(end_child(pids[1]) == -SIGKILL);
	return drain(c) && c->got[0] == sent_at(first) && c->got[1] == sent_at(second) &&
	       goes_on(c);
}

TEST_F(points, each_pair_of_two_producers)
{
	struct karena_ring_stat stat;
	unsigned int i, j, nr = 0;

	ASSERT_LE(12, self->nr_points);
	for (i = 0; i < self->nr_points; i++) {
		for (j = i; j < self->nr_points; j++) {
			/* Either one may be the first. */
			const struct point *first = &self->points[nr % 2 ? i : j];
			const struct point *second = &self->points[nr % 2 ? j : i];

			ASSERT_TRUE(kill_two(&self->consumer, first, second))
				TH_LOG("%s; %s", name_of(first), name_of(second));
			nr++;
		}
	}
	stat = ring_stat(self->consumer.ring.fd);
	EXPECT_EQ(stat.out_records, stat.out_submitted + stat.out_discarded);
	EXPECT_LT(0, stat.out_lost_dead);
	TH_LOG("%u points, %u pairs, %llu records discarded for the dead", self->nr_points, nr,
	       (unsigned long long)stat.out_lost_dead);
}

/* Any number of instructions behind a point; what was sent on the way may have come. */
TEST_F(points, any_instruction)
{
	struct consumer *c = &self->consumer;
	unsigned long i, rounds = scaled(100);
	unsigned int instructions, ended = 0;

	random_begin();
	for (i = 0; i < rounds; i++) {
		const struct point *point = &self->points[random_below(self->nr_points)];
		pid_t pid = start(point->way, &c->ring, 0);

		instructions = random_below(random_below(8) ? 60 : 600);
		go_to(pid, point->stop);
		if (!go_on(pid, instructions))
			ended++;
		else
			must(end_child(pid) == -SIGKILL);
		ASSERT_TRUE(drain(c)) TH_LOG("%s + %u", name_of(point), instructions);
		ASSERT_EQ(sent_at(point), c->got[0] & sent_at(point))
			TH_LOG("%s + %u", name_of(point), instructions);
		ASSERT_EQ(0, c->got[0] & ~sent_by(point->way));
		ASSERT_TRUE(goes_on(c));
	}
	TH_LOG("%lu points, %u of them behind the end", rounds, ended);
}

TEST_HARNESS_MAIN
