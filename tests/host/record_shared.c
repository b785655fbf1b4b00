// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core of shared rings, one behaviour at a time: members that die at a point, words
 * that were written over, rings that are full to the last byte.
 */
#define _GNU_SOURCE
#include <errno.h>
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

#define SIZE	4096u
#define ALICE	2u
#define BOB	3u

/* The member that comes to @dies_at for the @dies_in-th time dies there. */
static const char *dies_at;
static unsigned int dies_in;
static jmp_buf dead;

static void at_point(const char *name)
{
	if (dies_at && !strcmp(dies_at, name) && !--dies_in) {
		dies_at = NULL;
		longjmp(dead, 1);
	}
}

/* Runs @what until it dies at that point. */
#define die_at(point, nth, what)		\
	do {					\
		dies_at = point;		\
		dies_in = nth;			\
		if (!setjmp(dead)) {		\
			what;			\
			dies_at = NULL;		\
			ASSERT_TRUE(false);	\
		}				\
	} while (0)

FIXTURE(shared)
{
	struct shared_memory memory;
	struct shared_ring r;
	struct shared_reader c;
};

FIXTURE_VARIANT(shared)
{
	uint32_t grain;
};

FIXTURE_VARIANT_ADD(shared, grain_8)
{
	.grain = 8,
};

FIXTURE_VARIANT_ADD(shared, grain_16)
{
	.grain = 16,
};

FIXTURE_VARIANT_ADD(shared, grain_64)
{
	.grain = 64,
};

FIXTURE_SETUP(shared)
{
	ASSERT_TRUE(shared_memory_map(&self->memory, SIZE));
	ASSERT_EQ(0, shared_ring_of(&self->r, &self->memory, SIZE, variant->grain));
	shared_ring_create(&self->r, 0);
	ASSERT_EQ(0, shared_take_over(&self->r, &self->c));
}

FIXTURE_TEARDOWN(shared)
{
	shared_memory_unmap(&self->memory, SIZE);
}

static int reserve(struct shared_ring *r, uint32_t length, uint32_t owner, shared_unit **unit)
{
	return shared_reserve(r, length, owner, shared_steps(r), unit);
}

/* Sends a record whose payload is its number. */
static int send(struct shared_ring *r, uint32_t length, uint64_t number)
{
	shared_unit *unit;
	int ret = reserve(r, length, ALICE, &unit);

	if (ret)
		return ret;
	unit[1] = number;
	shared_submit(r, unit);
	return 0;
}

/* Sends until the ring is full; returns how many. */
static unsigned int fill(struct shared_ring *r, uint32_t length)
{
	unsigned int nr = 0;
	int ret;

	while (!(ret = send(r, length, nr)))
		nr++;
	return ret == -EAGAIN ? nr : 0;
}

/* The next record's first word, or a negative errno; 0 if there is none. */
static int64_t take(struct shared_ring *r, struct shared_reader *c)
{
	__u64 header = 0;
	int64_t got;
	int ret = shared_next(r, c, &header);

	if (ret <= 0)
		return ret;
	got = shared_at(r, c->at)[1];
	c->at += shared_header_bytes(r, header);
	return got;
}

static bool is_alice(void *context, __u32 owner)
{
	++*(unsigned int *)context;
	return owner == ALICE;
}

static int abandon(struct shared_ring *r, struct shared_death *death, unsigned int steps)
{
	static unsigned int asked;

	death->gone = is_alice;
	death->context = &asked;
	return shared_abandon(r, death, steps);
}

TEST_F(shared, numbers_that_no_ring_has_are_refused)
{
	EXPECT_EQ(-EINVAL, shared_init(&self->r, SIZE, 4));
	EXPECT_EQ(-EINVAL, shared_init(&self->r, SIZE, 24));
	EXPECT_EQ(-EINVAL, shared_init(&self->r, SIZE, 128));
	EXPECT_EQ(-EINVAL, shared_init(&self->r, SIZE + 8, 8));
	EXPECT_EQ(-EINVAL, shared_init(&self->r, 32, 8));
	EXPECT_EQ(-EINVAL, shared_init(&self->r, 1ull << 31, 8));
}

TEST_F(shared, a_record_is_laid_out_as_in_other_rings)
{
	const struct karena_record_header *header;
	shared_unit *unit;

	ASSERT_EQ(0, reserve(&self->r, 100, ALICE, &unit));
	header = (const void *)unit;
	EXPECT_EQ(self->memory.data, (const char *)header);
	EXPECT_EQ(100 | KARENA_RECORD_BUSY, header->word);
	EXPECT_EQ(ALICE, header->__reserved);
	shared_submit(&self->r, unit);
	EXPECT_EQ(100, header->word);
	ASSERT_EQ(0, reserve(&self->r, 9, BOB, &unit));
	header = (const void *)unit;
	shared_discard(&self->r, unit);
	EXPECT_EQ(9 | KARENA_RECORD_DISCARD, header->word);
}

TEST_F(shared, a_ring_is_full_to_the_last_byte_and_goes_on)
{
	unsigned int nr, i, lap;

	for (lap = 0; lap < 5; lap++) {
		nr = fill(&self->r, 2 * variant->grain - 8);
		ASSERT_EQ(SIZE / variant->grain / 2, nr);
		for (i = 0; i < nr; i++)
			ASSERT_EQ(i, take(&self->r, &self->c));
		ASSERT_EQ(0, take(&self->r, &self->c));
		EXPECT_EQ(-EAGAIN, send(&self->r, 1, 0));
		shared_release(&self->r, &self->c);
		ASSERT_EQ(0, take(&self->r, &self->c));
	}
}

TEST_F(shared, what_can_never_fit_is_refused)
{
	shared_unit *unit;

	EXPECT_EQ(-ENOSPC, reserve(&self->r, SIZE - 7, ALICE, &unit));
	EXPECT_EQ(-ENOSPC, reserve(&self->r, 1 << 30, ALICE, &unit));
	EXPECT_EQ(-ENOSPC, reserve(&self->r, ~0u, ALICE, &unit));
	EXPECT_EQ(0, reserve(&self->r, SIZE - 8, ALICE, &unit));
}

/* A member has written over the hint, and put the mark there that belongs to it. */
TEST_F(shared, what_can_never_fit_is_refused_whatever_the_hint)
{
	shared_unit *unit;

	self->memory.hint = -(1ull << 20);
	*shared_at(&self->r, self->memory.hint) = shared_mark(&self->r, self->memory.hint);
	EXPECT_EQ(-ENOSPC, reserve(&self->r, 1 << 16, ALICE, &unit));
}

TEST_F(shared, padding_holds_no_earlier_payload)
{
	shared_unit *unit;
	uint32_t length;

	for (length = 1; length <= 16; length++) {
		memset(self->memory.data, 0x55, SIZE);
		shared_ring_create(&self->r, 0);
		ASSERT_EQ(0, reserve(&self->r, 24, ALICE, &unit));
		memset(unit + 1, 0xaa, 24);
		shared_submit_trimmed(&self->r, unit, *unit, length);
		EXPECT_EQ(0, memcmp((char *)(unit + 1) + length, "\0\0\0\0\0\0\0", -length & 7));
		ASSERT_EQ(0, reserve(&self->r, length, ALICE, &unit));
		memset(unit + 1, 0xaa, length);
		EXPECT_EQ(0, memcmp((char *)(unit + 1) + length, "\0\0\0\0\0\0\0", -length & 7));
	}
}

/* More headers than 16 bytes of data for each. */
TEST_F(shared, a_walk_over_rests_of_8_bytes_reaches_the_end)
{
	struct shared_fill full = { .bytes = 0 };
	shared_unit *unit;
	unsigned int nr = 0;

	while (!reserve(&self->r, 2 * variant->grain, ALICE, &unit)) {
		shared_submit_trimmed(&self->r, unit, *unit, variant->grain);
		nr++;
	}
	ASSERT_EQ(0, shared_count(&self->r, &full, shared_steps(&self->r)));
	EXPECT_EQ(nr, full.records);
	unit = shared_at(&self->r, 0);
	self->c.at = shared_header_bytes(&self->r, *unit);
	shared_release(&self->r, &self->c);
	self->memory.hint = 0;
	EXPECT_EQ(0, reserve(&self->r, 1, ALICE, &unit));
	EXPECT_EQ(-EAGAIN, reserve(&self->r, SIZE / 2, ALICE, &unit));
}

/* The oldest record lies behind the newest: whoever walks stops between them. */
TEST_F(shared, a_full_ring_is_walked_once)
{
	unsigned int lap, nr, i;

	for (lap = 0; lap < 3; lap++) {
		struct shared_fill full = { .bytes = 0 };
		struct shared_death death = { .begun = false };

		nr = fill(&self->r, variant->grain);
		ASSERT_EQ(0, shared_count(&self->r, &full, shared_steps(&self->r)));
		EXPECT_EQ(nr, full.records);
		EXPECT_EQ(nr * shared_bytes(&self->r, variant->grain), full.bytes);
		EXPECT_TRUE(full.ready);
		EXPECT_EQ(0, abandon(&self->r, &death, shared_steps(&self->r)));
		for (i = 0; i < nr; i++)
			ASSERT_EQ(i, take(&self->r, &self->c));
		ASSERT_EQ(0, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
		ASSERT_EQ(0, send(&self->r, SIZE - 8, 7));
		ASSERT_EQ(7, take(&self->r, &self->c));
		ASSERT_EQ(0, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
	}
}

/* As who loaded the hint a lap ago and swaps now: the word is what the lap would be. */
TEST_F(shared, a_payload_that_names_a_lap_is_no_mark)
{
	shared_unit *unit;
	unsigned int i;

	ASSERT_EQ(0, send(&self->r, 1, 1));
	ASSERT_EQ(1, take(&self->r, &self->c));
	shared_release(&self->r, &self->c);
	ASSERT_EQ(0, reserve(&self->r, SIZE - 8, ALICE, &unit));
	for (i = 1; i < SIZE / SHARED_UNIT; i++)
		unit[i] = SHARED_FREE;
	for (i = 0; i < SIZE; i += variant->grain) {
		EXPECT_FALSE(shared_swap(&self->r, i, variant->grain,
					 shared_header(1 | KARENA_RECORD_BUSY, BOB), &unit));
	}
}

TEST_F(shared, a_consumer_that_dies_between_its_stores_is_succeeded)
{
	static const struct {
		const char *point;
		unsigned int nth;
		int first;
	} deaths[] = {
		/* Nothing was released: all come again. */
		{ "before read is stored", 1, 0 },
		{ "read stored", 1, 3 },
		{ "mark stored", 1, 3 },
		{ "mark stored", 4, 3 },
		{ "freed stored", 1, 3 },
	};
	volatile unsigned int i;
	unsigned int j, nr;

	for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		nr = fill(&self->r, 2 * variant->grain - 8);
		for (j = 0; j < 3; j++)
			ASSERT_EQ(j, take(&self->r, &self->c));
		die_at(deaths[i].point, deaths[i].nth, shared_release(&self->r, &self->c));
		ASSERT_EQ(0, shared_take_over(&self->r, &self->c));
		for (j = deaths[i].first; j < nr; j++)
			ASSERT_EQ(j, take(&self->r, &self->c));
		ASSERT_EQ(0, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
		/* All of the ring is free. */
		ASSERT_EQ(0, send(&self->r, SIZE - 8, 5));
		ASSERT_EQ(5, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
	}
}

/* A gigabyte of marks takes a quarter of a second. */
TEST_F(shared, producers_do_not_give_space_back)
{
	char before[SIZE];
	unsigned int nr = fill(&self->r, 2 * variant->grain - 8), i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(i, take(&self->r, &self->c));
	die_at("mark stored", 1, shared_release(&self->r, &self->c));
	memcpy(before, self->memory.data, SIZE);
	EXPECT_EQ(-EAGAIN, send(&self->r, 1, 0));
	EXPECT_EQ(0, memcmp(before, self->memory.data, SIZE));
	EXPECT_EQ(0, self->memory.consumer.freed);
}

TEST_F(shared, a_dead_producers_records_are_passed_over)
{
	struct shared_death death = { .begun = false };
	shared_unit *unit;

	ASSERT_EQ(0, send(&self->r, 8, 1));
	die_at("reserved", 1, send(&self->r, 100, 0));
	die_at("hint stored", 1, send(&self->r, 8, 0));
	ASSERT_EQ(0, reserve(&self->r, 8, BOB, &unit));
	die_at("before the finish", 1, send(&self->r, 300, 0));
	unit[1] = 2;
	shared_submit(&self->r, unit);
	ASSERT_EQ(1, take(&self->r, &self->c));
	ASSERT_EQ(0, take(&self->r, &self->c));
	ASSERT_EQ(0, abandon(&self->r, &death, shared_steps(&self->r)));
	EXPECT_EQ(3, death.records);
	EXPECT_EQ(408, death.bytes);
	ASSERT_EQ(2, take(&self->r, &self->c));
	ASSERT_EQ(0, take(&self->r, &self->c));
	shared_release(&self->r, &self->c);
	ASSERT_EQ(0, send(&self->r, SIZE - 8, 5));
}

/* It is not, when the steps were not enough: the number is still somebody's. */
TEST_F(shared, a_number_is_free_when_no_record_has_it)
{
	struct shared_death death = { .begun = false };
	unsigned int i, calls = 1;
	shared_unit *unit;
	int ret;

	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, reserve(&self->r, 8, ALICE, &unit));
	while ((ret = abandon(&self->r, &death, 3)) == -EAGAIN)
		calls++;
	EXPECT_EQ(0, ret);
	EXPECT_EQ(7, calls);
	EXPECT_EQ(20, death.records);
	for (i = 0; i < 20; i++)
		EXPECT_FALSE(*shared_at(&self->r, i * shared_bytes(&self->r, 8)) & SHARED_BUSY);
}

TEST_F(shared, an_open_record_holds_up_the_consumer_and_keeps_its_space)
{
	shared_unit *unit;

	ASSERT_EQ(0, reserve(&self->r, 8, ALICE, &unit));
	ASSERT_EQ(0, send(&self->r, 8, 2));
	EXPECT_EQ(0, take(&self->r, &self->c));
	shared_release(&self->r, &self->c);
	EXPECT_EQ(0, self->memory.consumer.freed);
	unit[1] = 1;
	shared_submit(&self->r, unit);
	EXPECT_EQ(1, take(&self->r, &self->c));
	EXPECT_EQ(2, take(&self->r, &self->c));
}

/* The chain leads over the rest as soon as it leads to it. */
TEST_F(shared, who_dies_while_it_trims_leaves_a_chain)
{
	static const char *const points[] = { "rest written", "before the finish", "finished" };
	volatile unsigned int i;

	for (i = 0; i < 3; i++) {
		struct shared_death death = { .begun = false };
		shared_unit *unit;

		ASSERT_EQ(0, reserve(&self->r, 1000, ALICE, &unit));
		memset(unit + 1, 0x11, 1000);
		die_at(points[i], 1, shared_submit_trimmed(&self->r, unit, *unit, 8));
		ASSERT_EQ(0, send(&self->r, 8, 2));
		ASSERT_EQ(0, abandon(&self->r, &death, shared_steps(&self->r)));
		if (i == 2)
			EXPECT_EQ(0x1111111111111111, take(&self->r, &self->c));
		EXPECT_EQ(2, take(&self->r, &self->c));
		EXPECT_EQ(0, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
	}
}

struct given {
	uint64_t numbers[64];
	unsigned int nr;
	unsigned int max;
};

static bool give(void *context, const void *payload, __u32 length)
{
	struct given *given = context;

	(void)length;
	memcpy(&given->numbers[given->nr++], payload, sizeof(uint64_t));
	return given->nr == given->max;
}

TEST_F(shared, a_walk_gives_what_lies_between_stops)
{
	struct given given = { .max = 64 };
	shared_unit *unit, *open;
	unsigned int lap, i;

	for (lap = 0; lap < 40; lap++) {
		given.nr = 0;
		for (i = 0; i < 9; i++) {
			ASSERT_EQ(0, send(&self->r, 8 + 40 * i, i));
			ASSERT_EQ(0, reserve(&self->r, 8, BOB, &unit));
			shared_discard(&self->r, unit);
		}
		ASSERT_EQ(0, reserve(&self->r, 8, BOB, &open));
		ASSERT_EQ(0, send(&self->r, 8, 10));
		given.max = 4;
		ASSERT_EQ(0, shared_give(&self->r, &self->c, give, &given));
		EXPECT_EQ(4, given.nr);
		given.max = 64;
		ASSERT_EQ(0, shared_give(&self->r, &self->c, give, &given));
		EXPECT_EQ(9, given.nr);
		open[1] = 9;
		shared_submit(&self->r, open);
		ASSERT_EQ(0, shared_give(&self->r, &self->c, give, &given));
		ASSERT_EQ(11, given.nr);
		for (i = 0; i < 11; i++)
			EXPECT_EQ(i, given.numbers[i]);
		shared_release(&self->r, &self->c);
	}
	ASSERT_EQ(0, send(&self->r, 8, 1));
	*shared_at(&self->r, self->c.at) = SIZE;
	EXPECT_EQ(-EBADMSG, shared_give(&self->r, &self->c, give, &given));
	EXPECT_EQ(11, given.nr);
	/* Full to the last byte. */
	shared_ring_create(&self->r, 0);
	ASSERT_EQ(0, shared_take_over(&self->r, &self->c));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send(&self->r, SIZE / 4 - 8, i));
	given.nr = 0;
	ASSERT_EQ(0, shared_give(&self->r, &self->c, give, &given));
	EXPECT_EQ(4, given.nr);
	ASSERT_EQ(0, shared_give(&self->r, &self->c, give, &given));
	EXPECT_EQ(4, given.nr);
}

TEST_F(shared, members_leave_armed_as_it_is)
{
	shared_unit *unit;

	self->memory.armed.records = 1;
	self->memory.armed.space = 1;
	ASSERT_EQ(0, reserve(&self->r, 8, ALICE, &unit));
	EXPECT_TRUE(shared_submit(&self->r, unit));
	ASSERT_EQ(0, reserve(&self->r, 8, ALICE, &unit));
	EXPECT_TRUE(shared_discard(&self->r, unit));
	take(&self->r, &self->c);
	EXPECT_TRUE(shared_release(&self->r, &self->c));
	EXPECT_EQ(1, self->memory.armed.records);
	EXPECT_EQ(1, self->memory.armed.space);
	self->memory.armed.records = 0;
	self->memory.armed.space = 0;
	ASSERT_EQ(0, reserve(&self->r, 8, ALICE, &unit));
	EXPECT_FALSE(shared_submit(&self->r, unit));
	take(&self->r, &self->c);
	EXPECT_FALSE(shared_release(&self->r, &self->c));
}

/* A producer that is late, or a member that lies, costs the others a walk. */
TEST_F(shared, a_hint_that_is_wrong_does_no_harm)
{
	static const uint64_t hints[] = {
		0, 8, 64, SIZE - 64, 2 * SIZE, 1ull << 63, ~0ull, -64ull,
	};
	unsigned int i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		/* Not into free space, where a record would be lost: see the documents. */
		if (hints[i] - self->memory.hint < SIZE)
			continue;
		ASSERT_EQ(0, send(&self->r, 100, 2 * i + 1));
		self->memory.hint = hints[i];
		ASSERT_EQ(0, send(&self->r, 100, 2 * i + 2));
		EXPECT_EQ(2 * i + 1, take(&self->r, &self->c));
		EXPECT_EQ(2 * i + 2, take(&self->r, &self->c));
		shared_release(&self->r, &self->c);
	}
}

TEST_F(shared, words_that_do_not_fit_together_are_found_out)
{
	struct shared_fill full = { .bytes = 0 };
	struct shared_death death = { .begun = false };
	struct shared_ring r = self->r;
	shared_unit *unit;

	ASSERT_EQ(0, send(&r, 8, 1));
	r.limit = 0;
	self->memory.consumer.read = 2 * SIZE;
	EXPECT_EQ(-EBADMSG, reserve(&r, 8, ALICE, &unit));
	EXPECT_EQ(-EBADMSG, shared_attach(&r));
	EXPECT_EQ(-EBADMSG, shared_count(&r, &full, 100));
	EXPECT_EQ(-EBADMSG, abandon(&r, &death, 100));
	EXPECT_EQ(-EBADMSG, shared_take_over(&r, &self->c));
	self->memory.consumer.read = 4;
	EXPECT_EQ(-EBADMSG, reserve(&r, 8, ALICE, &unit));
	self->memory.consumer.read = 0;
	self->memory.consumer.freed = 64;
	EXPECT_EQ(-EBADMSG, reserve(&r, 8, ALICE, &unit));
}

TEST_F(shared, headers_that_were_written_over_are_found_out)
{
	static const uint64_t headers[] = {
		SHARED_FREE, SIZE, KARENA_RECORD_LEN_MASK, ~0ull >> 2, ~0ull,
	};
	unsigned int i;

	ASSERT_EQ(0, send(&self->r, 100, 1));
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct shared_fill full = { .bytes = 0 };
		struct shared_death death = { .begun = false };
		shared_unit *unit;

		*shared_at(&self->r, 0) = headers[i];
		self->memory.hint = 0;
		EXPECT_EQ(-EBADMSG, reserve(&self->r, 8, ALICE, &unit));
		EXPECT_EQ(-EBADMSG, shared_count(&self->r, &full, 100));
		EXPECT_EQ(-EBADMSG, abandon(&self->r, &death, 100));
		EXPECT_EQ(-EBADMSG, take(&self->r, &self->c));
	}
}

/* A header of no bytes at all would hold a walk up for ever. */
TEST_F(shared, walks_end_whatever_lies_there)
{
	struct shared_fill full = { .bytes = 0 };
	struct shared_death death = { .begun = false };
	shared_unit *unit;

	memset(self->memory.data, 0, SIZE);
	EXPECT_EQ(-EAGAIN, reserve(&self->r, 8, ALICE, &unit));
	EXPECT_EQ(0, shared_count(&self->r, &full, shared_steps(&self->r)));
	EXPECT_EQ(SIZE, full.bytes);
	EXPECT_EQ(0, abandon(&self->r, &death, shared_steps(&self->r)));
}

TEST_HARNESS_MAIN
