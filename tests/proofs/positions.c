// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of positions, for CBMC: the record core itself (kmod/record.[ch]) on
 * a ring of SIZE bytes, 64 as a rule.
 *
 * A ring in any state that is in order undergoes one operation (OPERATION), and is in
 * order afterwards. An empty ring is in order (record_init()). So a ring is in order
 * after any number of operations, in any sequence. In order means:
 *
 *   between what is given back and the producer position lie records, one after the
 *   other, of which the core knows length, state and owner; they are not longer than the
 *   ring together, hence no two share a byte
 *   those below the consumer position have ended, or are open and stuck; where none is
 *   stuck, all below it is given back
 *   where slots are an array of their own (SLOTS=1), no slot but that of an open record
 *   says BUSY; what the data holds does not matter, since users may write it
 *
 * Positions are any, and so are claims of the consumer's, positions named by users, and
 * what lies where no record begins. That nothing outside of data and slots is touched
 * CBMC sees to by itself.
 */
#include <stddef.h>

/* What the core clears are payload bytes, up to 8, which no header is among. */
#ifdef __CPROVER__
#define __builtin_memset(at, value, bytes)	\
	__CPROVER_assert(__CPROVER_w_ok(at, bytes), "clears what is its own")
#endif

#include "../../kmod/record.c"

#ifndef SIZE
#define SIZE		64u
#endif
/* What is cut off a trimmed record may be one more. */
#define RECORDS		(SIZE / RECORD_MIN_BYTES)
#ifndef SLOTS
#define SLOTS		1
#endif
#ifndef OPERATION
#define OPERATION	open_one
#endif

/* Of CBMC: any value; what is assumed; what is to be proved. */
__u64 nondet_u64(void);
__u32 nondet_u32(void);
#ifdef __CPROVER__
#define assume(what)	__CPROVER_assume(what)
#define prove(what)	__CPROVER_assert(what, #what)
#else
#define assume(what)	((void)(what))
#define prove(what)	((void)(what))
#endif

#define ALICE		7u
#define BOB		8u

/* They hold anything: CBMC is told to begin with static variables so. */
static struct karena_record_header data[2 * SIZE / sizeof(struct karena_record_header)];
static struct record_slot slots[SIZE / RECORD_MIN_BYTES];
static __u64 published;
static struct records ring;

/*
 * The same as a list: records 0 .. end - 1, from the consumer position on those from
 * @first on. @left of those trimmed in slots, or 0.
 */
static struct {
	__u64 position;
	__u32 word;
	__u32 owner;
	__u32 left;
} list[RECORDS + 2];
static unsigned int first, end;
static __u64 given_back, consumer, producer;

static __u32 bytes_of(unsigned int i)
{
	return 8 + ((list[i].word & KARENA_RECORD_LEN_MASK) + 7) / 8 * 8;
}

/* What readers see of it. */
static __u32 shown_of(unsigned int i)
{
	return list[i].left ? 8 + (list[i].left + 7) / 8 * 8 : bytes_of(i);
}

static __u32 owner_of(unsigned int i)
{
	if (list[i].left)
		return list[i].left | RECORD_TRIMMED;
	return list[i].owner << 1 | (list[i].position / 8 & 1);
}

static bool is_open(unsigned int i)
{
	return i < end && list[i].word & KARENA_RECORD_BUSY;
}

static bool is_stuck(unsigned int i)
{
	return SLOTS && is_open(i) && list[i].word & KARENA_RECORD_DISCARD;
}

static unsigned int nr_stuck(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i <= RECORDS; i++)
		nr += is_stuck(i);
	return nr;
}

static unsigned int place(__u64 position, unsigned int unit)
{
	return position % SIZE / unit;
}

static void put(unsigned int i)
{
	if (SLOTS) {
		slots[place(list[i].position, RECORD_MIN_BYTES)].word = list[i].word;
		slots[place(list[i].position, RECORD_MIN_BYTES)].owner = owner_of(i);
	} else {
		data[place(list[i].position, 8)].word = list[i].word;
	}
}

static __u32 word_in_ring(__u64 position)
{
	if (SLOTS)
		return slots[place(position, RECORD_MIN_BYTES)].word;
	return data[place(position, 8)].word;
}

/* Of any length, in any state, anybody's. */
static void make_record(unsigned int i)
{
	__u32 length = nondet_u32(), state = nondet_u32(), owner = nondet_u32();
	__u32 left = nondet_u32();

	/* Without payload is what was cut off, where headers are slots. */
	assume(length <= SIZE && (length || (!SLOTS && state == KARENA_RECORD_DISCARD)));
	assume(!left || (SLOTS && !state && left < length));
	assume(!(state & ~(KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD)));
	assume(owner == RECORD_OWNER_KERNEL || owner == ALICE || owner == BOB);
	/* That is stuck, which users' are. */
	assume(state != (KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD) ||
	       (SLOTS && owner != RECORD_OWNER_KERNEL));
	list[i].position = producer;
	list[i].word = length | state;
	list[i].owner = SLOTS ? owner : RECORD_OWNER_KERNEL;
	list[i].left = left;
	producer += bytes_of(i);
	assume(producer - given_back <= SIZE);
	put(i);
}

static void make_ring(void)
{
	unsigned int i;

	given_back = nondet_u64();
	assume(given_back % RECORD_ALIGN == 0 && given_back < 1ull << 62);
	producer = given_back;
	for (i = 0; i < RECORDS; i++)
		assume(!(slots[i].word & KARENA_RECORD_BUSY));
	end = nondet_u32();
	first = SLOTS ? nondet_u32() : 0;
	assume(first <= end && end <= RECORDS);
	consumer = given_back;
	for (i = 0; i < RECORDS; i++) {
		if (i < end)
			make_record(i);
		if (i < first) {
			assume(!is_open(i) || is_stuck(i));
			consumer = producer;
		}
	}
	assume(nr_stuck() || !first);
	record_init(&ring, data, SLOTS ? slots : NULL, &published, SIZE);
	ring.limit = given_back + SIZE;
	ring.consumer = consumer;
	ring.producer = producer;
	ring.nr_stuck = nr_stuck();
	published = producer;
}

/* Up to a border, no open record below it; all, where none is stuck. */
static void check_given_back(void)
{
	__u64 now = record_given_back(&ring);
	unsigned int i;

	prove(ring.nr_stuck == nr_stuck());
	if (!ring.nr_stuck) {
		prove(now == consumer);
		return;
	}
	prove(now >= given_back && now <= consumer);
	for (i = 0; i <= RECORDS + 1; i++) {
		if (i < end && list[i].position < now)
			prove(!is_open(i) && list[i].position + bytes_of(i) <= now);
	}
}

static bool slot_is_of_open_record(unsigned int slot)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i <= RECORDS; i++)
		found = found || (is_open(i) && place(list[i].position, RECORD_MIN_BYTES) == slot);
	return found;
}

static void check_ring(void)
{
	unsigned int i;

	prove(record_consumer(&ring) == consumer);
	prove(ring.producer == producer);
	prove(published == producer);
	prove(producer - given_back <= SIZE);
	check_given_back();
	for (i = 0; i <= RECORDS + 1; i++) {
		if (i >= end)
			continue;
		prove(word_in_ring(list[i].position) == list[i].word);
		if (SLOTS && (is_open(i) || list[i].left))
			prove(slots[place(list[i].position, RECORD_MIN_BYTES)].owner ==
			      owner_of(i));
	}
	for (i = 0; SLOTS && i < RECORDS; i++)
		prove(!(slots[i].word & KARENA_RECORD_BUSY) || slot_is_of_open_record(i));
}

/* Only if there is room, which is what is given back and nothing else. */
static void open_one(void)
{
	__u32 length = nondet_u32(), owner = nondet_u32() % 2 ? ALICE : BOB;
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
	record_open(&ring, length, SLOTS ? owner : RECORD_OWNER_KERNEL, SLOTS);
	list[end].position = producer;
	list[end].word = length | KARENA_RECORD_BUSY;
	list[end].owner = SLOTS ? owner : RECORD_OWNER_KERNEL;
	list[end].left = 0;
	end++;
	producer += bytes;
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
		if (!discard)
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
	more = accept_slots(&ring, claim, steps);
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

/* A position that anybody may name: an open record of the owner's, or an error. */
static void find(void)
{
	__u64 position = nondet_u64();
	int expected = -EINVAL;
	unsigned int i;

	for (i = 0; i < RECORDS; i++) {
		if (is_open(i) && list[i].position == position)
			expected = list[i].owner != ALICE ? -EPERM : is_stuck(i) ? -ESTALE : 0;
	}
	prove(record_find(&ring, position, ALICE) == expected);
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
	__u64 room = nondet_u64(), begin = consumer, bytes, shown = 0;
	unsigned int nr = RECORDS, read = 0, i;

	bytes = record_run(&ring, room, &nr);

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
	prove(shown <= room);
	prove(nr == read);
	record_advance(&ring, record_consumer(&ring) + bytes, nr);
}

/* Of users, from the consumer position on, as far as all are open or discarded. */
static void pass_stuck(void)
{
	__u32 left = nondet_u32() % (RECORDS + 2);
	__u64 below = nondet_u64(), payload, bytes = 0;
	unsigned int nr, passed = 0, i;

	assume(below < 1ull << 63);
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
	open_one, end_one, accept, accept_stuck, give_back_some, find, abandon, skip, run,
	pass_stuck, end_stuck,
};
