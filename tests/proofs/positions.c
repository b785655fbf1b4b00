// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of positions, for CBMC: each operation of the record core, on any ring
 * that is in order, see ring_in_order.h.
 *
 * A ring in any state that is in order undergoes one operation (OPERATION), and is in
 * order afterwards. An empty ring is in order (record_init()). So a ring is in order
 * after any number of operations, in any sequence.
 *
 * Any are claims of the consumer's, positions named by users, and what lies where no
 * record begins.
 */
#include "ring_in_order.h"

#ifndef OPERATION
#define OPERATION	open_one
#endif

/* Only if there is space, which is what is given back and nothing else. */
static void open_one(void)
{
	__u32 length = nondet_u32(), owner = nondet_u32() % 2 ? ALICE : RECORD_OWNER_KERNEL;
	unsigned int i;
	__u64 limit;
	__u32 bytes;

	assume(length >= 1 && length <= record_length_max(SIZE));
	bytes = record_bytes(length);
	prove(record_fits(&ring, bytes) == (producer - given_back + bytes <= SIZE));
	prove(record_may_fit(&ring, bytes, &limit) == record_fits(&ring, bytes));
	prove(record_full(&ring, &given_back, bytes) == !record_fits(&ring, bytes));
	if (!record_fits(&ring, bytes))
		return;
	/* Its first byte is above each open record, its last below the next round's. */
	for (i = 0; i < RECORDS; i++)
		prove(!is_open(i) || (list[i].position + bytes_of(i) <= producer &&
				      producer + bytes <= list[i].position + SIZE));
	record_open(&ring, length, owner, SLOTS);
	list[end].position = producer;
	list[end].word = length | KARENA_RECORD_BUSY;
	list[end].owner = owner;
	list[end].left = 0;
	end++;
	producer += bytes;
}

/* Any bytes that claim to be records: as many as are whole and fit are there at once. */
static void put_some(void)
{
	static __u64 copy[SIZE / sizeof(__u64)];
	__u32 bytes = nondet_u32(), room = SIZE - (producer - given_back), at = 0, good, i;
	unsigned int nr;

	assume(bytes <= SIZE);
	good = record_check_batch(copy, bytes < room ? bytes : room, &nr);
	prove(good <= room && good < bytes + RECORD_ALIGN && nr <= RECORDS);
	for (i = 0; i < RECORDS; i++) {
		if (i >= nr)
			continue;
		assume(end <= RECORDS);
		list[end].position = producer + at;
		list[end].word = (__u32)copy[at / sizeof(__u64)];
		list[end].owner = RECORD_OWNER_KERNEL;
		list[end].left = 0;
		prove(list[end].word && list[end].word <= SIZE);
		at += bytes_of(end);
		end++;
	}
	prove(at == good);
	record_put(&ring, copy, good);
	producer += good;
}

/* A trimmed record keeps its place; where headers are slots, two are there then. */
static void trim(unsigned int i, __u32 length)
{
	__u32 before = bytes_of(i), reserved = list[i].word & KARENA_RECORD_LEN_MASK;
	struct karena_record_header *header = record_header(&ring, list[i].position);
	bool wrong = !length || length > reserved;
	__u32 bytes = record_bytes(length);
	unsigned int j;

	prove(record_trim(&ring, header, length, SLOTS) == (wrong ? -EINVAL : 0));
	if (wrong || length == reserved)
		return;
	if (bytes < before)
		prove(data[place(list[i].position + bytes, 8)].word ==
		      ((before - bytes - 8) | KARENA_RECORD_DISCARD));
	if (SLOTS) {
		list[i].left = length;
		return;
	}
	list[i].word = length | KARENA_RECORD_BUSY;
	if (bytes == before)
		return;
	for (j = RECORDS + 1; j > 0; j--) {
		if (j > i + 1)
			list[j] = list[j - 1];
	}
	list[i + 1].position = list[i].position + bytes;
	list[i + 1].word = (before - bytes - 8) | KARENA_RECORD_DISCARD;
	list[i + 1].owner = RECORD_OWNER_KERNEL;
	end++;
}

static void end_one(void)
{
	__u32 discard = nondet_u32() & KARENA_RECORD_DISCARD;
	unsigned int which = nondet_u32(), i;
	__u32 shown;

	for (i = 0; i < RECORDS; i++) {
		if (i != which || !is_open(i) || is_stuck(i))
			continue;
		/* Of those that are copied none is trimmed. */
		if (!discard && (SLOTS || list[i].owner == RECORD_OWNER_KERNEL))
			trim(i, nondet_u32() % (2 * SIZE));
		list[i].word = (list[i].word & ~KARENA_RECORD_BUSY) | discard;
		shown = list[i].left ? list[i].left : list[i].word;
		prove(record_close(&ring, record_header(&ring, list[i].position), discard,
				   SLOTS) == shown);
		prove(data[place(list[i].position, 8)].word == shown);
		return;
	}
}

/* As much as @steps allow; returns whether there is more. */
static bool pass_to(__u64 claim, __u32 steps)
{
	unsigned int read = 0, i;

	for (i = 0; i < RECORDS; i++) {
		if (i != first || i >= end || (is_open(i) && !is_stuck(i)) || !steps ||
		    consumer + shown_of(i) > claim)
			continue;
		consumer += bytes_of(i);
		read += !(list[i].word & KARENA_RECORD_DISCARD);
		first++;
		steps--;
	}
	prove(ring.nr_read == read);
	return !steps && consumer < claim;
}

/*
 * Whatever the consumer says, only what has ended below it is given back. Where a record
 * is stuck the two are steps of their own, each of which is proved: see the two below.
 */
static void accept(void)
{
	__u32 steps = nondet_u32() % (RECORDS + 2);
	__u64 claim = nondet_u64();
	bool more;

	/* For CBMC's sake as constants, what follows from it. */
	assume(!nr_stuck());
	ring.nr_stuck = 0;
	first = 0;
	consumer = given_back;
	ring.consumer = given_back;
	more = record_accept(&ring, claim, steps);
	if (claim < consumer || claim > producer)
		prove(!more);
	else
		prove(more == pass_to(claim, steps));
}

/*
 * What has ended below a claim, or is stuck; check_given_back() sees to the rest. What lies
 * below the consumer position it does not look at.
 */
static void accept_stuck(void)
{
	__u32 steps = nondet_u32() % (RECORDS + 2);
	__u64 claim = nondet_u64();
	bool more;

	assume(!first && claim >= consumer && claim <= producer);
	more = SLOTS ? accept_slots(&ring, claim, steps) : accept_headers(&ring, claim, steps);
	prove(more == pass_to(claim, steps));
}

/* As far as nothing is stuck, whose owner may have ended it since. */
static void give_back_some(void)
{
	__u32 steps = nondet_u32() % (RECORDS + 2), left = steps;
	bool more = give_back(&ring, steps);
	__u64 now = given_back;
	unsigned int i;

	if (!nr_stuck())
		now = consumer;
	for (i = 0; i < RECORDS; i++) {
		if (i < end && list[i].position == now && now != consumer && left &&
		    !is_open(i)) {
			now += bytes_of(i);
			left--;
		}
	}
	prove(record_given_back(&ring) == now);
	prove(more == (!left && now != consumer));
}

/*
 * A position that anybody may name: an open record of the owner's, or an error. Where
 * headers are slots, nobody may, and it is that of a record.
 */
static void find(void)
{
	__u64 position = nondet_u64();
	int expected = -EINVAL;
	unsigned int i, which = nondet_u32();

	if (!SLOTS) {
		assume(which < end && list[which].owner != RECORD_OWNER_KERNEL);
		position = list[which].position;
	}
	for (i = 0; i < RECORDS; i++) {
		if (is_open(i) && list[i].position == position)
			expected = list[i].owner != ALICE ? -EPERM : is_stuck(i) ? -ESTALE : 0;
	}
	prove(record_find(&ring, position, ALICE, SLOTS) == expected);
}

static bool is_alice(void *context, __u32 owner)
{
	(void)context;
	return owner == ALICE;
}

/* From a border that is not above what she has left open, or was one long ago. */
static void abandon(void)
{
	unsigned int from = nondet_u32(), i, nr = 0;
	__u64 position = nondet_u64();

	assume(from <= end);
	if (from < end)
		position = list[from].position;
	else
		assume(position < given_back);
	for (i = 0; i < RECORDS; i++) {
		if (!is_open(i) || list[i].owner != ALICE)
			continue;
		assume(from == end || from <= i);
		nr += !is_stuck(i);
		list[i].word = (list[i].word & ~KARENA_RECORD_BUSY) | KARENA_RECORD_DISCARD;
	}
	prove(record_abandon(&ring, is_alice, NULL, &position, RECORDS) == nr);
	prove(position == producer);
}

static void skip(void)
{
	unsigned int i;

	prove(!record_skip(&ring, RECORDS));
	for (i = 0; i < RECORDS; i++) {
		if (i == first && i < end && list[i].word & KARENA_RECORD_DISCARD) {
			consumer += bytes_of(i);
			first++;
		}
	}
}

/* read(): what it gets is there, fits, and can be given back. */
static void run(void)
{
	__u64 space = nondet_u64(), begin = consumer, bytes, shown = 0;
	unsigned int nr = RECORDS, read = 0, i;

	bytes = record_run(&ring, space, &nr);

	prove(bytes <= producer - consumer);
	for (i = 0; i < RECORDS; i++) {
		if (i < end && list[i].position - begin < bytes) {
			prove(!(list[i].word & ~KARENA_RECORD_LEN_MASK));
			shown += shown_of(i);
			consumer += bytes_of(i);
			first++;
			read++;
		}
	}
	prove(shown <= space);
	prove(nr == read);
	record_advance(&ring, record_consumer(&ring) + bytes, nr);
}

/* Of users, from the consumer position on, as far as all are open or discarded. */
static void pass_stuck(void)
{
	__u32 left = nondet_u32() % (RECORDS + 2);
	__u64 below = nondet_u64(), payload, bytes = 0;
	unsigned int nr, passed = 0, i;

	/* Above the producer position no slot is BUSY, but bytes of a header may be. */
	assume(below < 1ull << 63 && (SLOTS || below <= producer));
	nr = record_pass_stuck(&ring, below, left, &payload);
	for (i = 0; i < RECORDS; i++) {
		if (i < first || i >= end || list[i].position >= below || !left)
			continue;
		left--;
		if (list[i].word & KARENA_RECORD_DISCARD)
			continue;
		if (!is_open(i) || list[i].owner == RECORD_OWNER_KERNEL) {
			left = 0;
			continue;
		}
		bytes += list[i].word & KARENA_RECORD_LEN_MASK;
		list[i].word |= KARENA_RECORD_DISCARD;
		prove(data[place(list[i].position, 8)].word ==
		      (list[i].word & ~KARENA_RECORD_BUSY));
		passed++;
	}
	prove(nr == passed);
	prove(payload == bytes);
}

static void end_stuck(void)
{
	unsigned int which = nondet_u32(), i;

	for (i = 0; i < RECORDS; i++) {
		if (i != which || !is_stuck(i))
			continue;
		list[i].word &= ~KARENA_RECORD_BUSY;
		record_end_stuck(&ring, list[i].position);
		prove(data[place(list[i].position, 8)].word == list[i].word);
		return;
	}
}

int main(void)
{
	make_ring();
	OPERATION();
	check_ring();
	return 0;
}

/* Those that this program is not made for. */
void (*const operations[])(void) = {
	open_one, put_some, end_one, accept, accept_stuck, give_back_some, find, abandon, skip, run,
	pass_stuck, end_stuck,
};
