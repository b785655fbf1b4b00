// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core of shared rings with threads at once, on this machine's processors. Producers and
 * the consumer die at its named points: then the thread discards what it has left, as the
 * kernel would, and goes on as another member. Each producer's records must come out once,
 * in order, whole.
 *
 * Also built for the thread sanitizer. Units where a header may be are read by walks that are
 * late, so they are filled by atomic stores; all other bytes of a payload are not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void at_point(const char *name);
#define shared_point(name) at_point(name)

#include "../../kmod/record_shared.c"
#include "kselftest_harness.h"
#include "shared_ring.h"

#define SIZE		4096u
#define PRODUCERS	2
#define RECORDS		30000u
/* A member dies at each of so many points. */
#define DEATHS		3000

/**
 * struct member - a thread
 * @r:		its view of the ring
 * @number:	of the producer, from 0
 * @random:	state
 * @sent:	records that were submitted
 * @deaths:	how often it died
 * @mortal:	it may die now
 * @dead:	where it goes on then
 */
struct member {
	struct shared_ring r;
	uint32_t number;
	uint64_t random;
	uint64_t sent;
	unsigned int deaths;
	bool mortal;
	bool submits;
	jmp_buf dead;
};

static struct shared_memory memory;
static uint32_t grain;
static uint32_t next_owner;
static uint32_t nr_ended;
static __thread struct member *me;

static uint32_t draw(uint32_t below)
{
	me->random ^= me->random << 13;
	me->random ^= me->random >> 7;
	me->random ^= me->random << 17;
	return (me->random >> 20) % below;
}

static void at_point(const char *name)
{
	if (!me)
		return;
	if (me->submits && !strcmp(name, "finished")) {
		me->submits = false;
		me->sent++;
	}
	if (!draw(64))
		sched_yield();
	if (me->mortal && !draw(DEATHS))
		longjmp(me->dead, 1);
}

static uint64_t payload_word(uint32_t number, uint64_t sent, uint32_t i)
{
	return i ? ((uint64_t)number << 48 | sent << 8 | i) * SHARED_MIX : sent << 8 | number;
}

static bool may_be_header(const shared_unit *unit)
{
	return !(((const char *)unit - memory.data) & (grain - 1));
}

static void fill(shared_unit *unit, uint32_t length, uint64_t sent)
{
	uint32_t i;

	for (i = 0; i < length / SHARED_UNIT; i++) {
		uint64_t word = payload_word(me->number, sent, i);

		if (may_be_header(&unit[1 + i]))
			record_store(&unit[1 + i], word);
		else
			unit[1 + i] = word;
	}
}

static void produce_one(uint32_t owner)
{
	uint32_t length = SHARED_UNIT * (1 + draw(draw(16) ? 20 : SIZE / 32));
	uint32_t way = draw(8), keep = length;
	shared_unit *unit;

	if (shared_reserve(&me->r, length, owner, shared_steps(&me->r), &unit)) {
		sched_yield();
		return;
	}
	if (way == 0) {
		shared_discard(&me->r, unit);
		return;
	}
	if (way == 1)
		keep = SHARED_UNIT * (1 + draw(length / SHARED_UNIT));
	fill(unit, keep, me->sent);
	me->submits = true;
	if (keep < length)
		shared_submit_trimmed(&me->r, unit, record_load(unit), keep);
	else
		shared_submit(&me->r, unit);
}

static bool is_owner(void *context, __u32 owner)
{
	return owner == *(uint32_t *)context;
}

/* As the kernel does it. */
static void bury(uint32_t owner)
{
	struct shared_death death = { .gone = is_owner, .context = &owner };
	int ret;

	me->mortal = false;
	me->submits = false;
	me->deaths++;
	do {
		ret = shared_abandon(&me->r, &death, 64);
	} while (ret == -EAGAIN);
	if (ret)
		abort();
}

static void attach(struct member *member)
{
	me = member;
	if (shared_ring_of(&member->r, &memory, SIZE, grain) || shared_attach(&member->r))
		abort();
}

static void *produce(void *arg)
{
	volatile uint32_t owner;

	attach(arg);
	while (me->sent < RECORDS) {
		owner = __atomic_add_fetch(&next_owner, 1, __ATOMIC_RELAXED);
		if (setjmp(me->dead)) {
			bury(owner);
			continue;
		}
		me->mortal = true;
		while (me->sent < RECORDS)
			produce_one(owner);
		me->mortal = false;
	}
	__atomic_add_fetch(&nr_ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static uint64_t expected[PRODUCERS];

/* Is it its producer's next, and whole? */
static bool check(const shared_unit *unit, uint32_t length)
{
	uint64_t first = record_load(&unit[1]), sent = first >> 8;
	uint32_t number = first & 0xff, i;

	if (number >= PRODUCERS || sent != expected[number])
		return false;
	for (i = 0; i < length / SHARED_UNIT; i++) {
		uint64_t word = may_be_header(&unit[1 + i]) ? record_load(&unit[1 + i]) :
							      unit[1 + i];

		if (word != payload_word(number, sent, i))
			return false;
	}
	expected[number]++;
	return true;
}

/* Returns false when all is over. What was taken and not released would come again. */
__attribute__((noinline))
static bool consume_some(struct shared_reader *c)
{
	bool ended = __atomic_load_n(&nr_ended, __ATOMIC_ACQUIRE) == PRODUCERS;
	unsigned int max = 1 + draw(8);
	__u64 header = 0;
	int ret = 0;

	me->mortal = false;
	while (max && (ret = shared_next(&me->r, c, &header)) == 1) {
		if (!check(shared_at(&me->r, c->at), shared_word(header)))
			abort();
		c->at += shared_header_bytes(&me->r, header);
		max--;
	}
	if (ret < 0)
		abort();
	shared_store_read(&me->r, c);
	me->mortal = true;
	shared_give_back(&me->r, c, c->at);
	shared_space_is_wanted(&me->r);
	me->mortal = false;
	if (max)
		sched_yield();
	return ret || !max || !ended;
}

static void *consume(void *arg)
{
	struct shared_reader c;

	attach(arg);
	do {
		if (setjmp(me->dead))
			me->deaths++;
		if (shared_take_over(&me->r, &c))
			abort();
	} while (consume_some(&c));
	return NULL;
}

static void run(struct __test_metadata *_metadata)
{
	struct member members[PRODUCERS + 1] = { };
	pthread_t threads[PRODUCERS + 1];
	struct shared_ring r;
	unsigned int i;

	ASSERT_TRUE(shared_memory_map(&memory, SIZE));
	ASSERT_EQ(0, shared_ring_of(&r, &memory, SIZE, grain));
	shared_ring_create(&r, -64ull * SIZE);
	next_owner = SHARED_OWNER_KERNEL;
	for (i = 0; i <= PRODUCERS; i++) {
		members[i].number = i;
		members[i].random = 0x1234567 * (i + 1);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < PRODUCERS ? produce : consume,
					    &members[i]));
	}
	for (i = 0; i <= PRODUCERS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_LT(0, members[i].deaths);
	}
	for (i = 0; i < PRODUCERS; i++)
		EXPECT_EQ(members[i].sent, expected[i]);
	EXPECT_EQ(memory.consumer.read, memory.consumer.freed);
	TH_LOG("%llu laps, %u and %u producers and %u consumers died",
	       memory.consumer.read / SIZE + 64, members[0].deaths, members[1].deaths,
	       members[2].deaths);
}

TEST(records_of_threads_that_die_come_out_once_with_a_grain_of_8)
{
	grain = 8;
	run(_metadata);
}

TEST(records_of_threads_that_die_come_out_once_with_a_grain_of_64)
{
	grain = 64;
	run(_metadata);
}

TEST_HARNESS_MAIN
