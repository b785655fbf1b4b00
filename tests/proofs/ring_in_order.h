/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring of the record core (kmod/record.[ch]) of SIZE bytes, 64 as a rule, in any state
 * that is in order, for CBMC; and the proof that it is so still. In order means:
 *
 *   between what is given back and the producer position lie records, one after the
 *   other, of which the core knows length, state and owner; they are not longer than the
 *   ring together, hence no two share a byte
 *   those below the consumer position have ended, or are open and stuck; where none is
 *   stuck, all below it is given back
 *   where headers are slots (SLOTS=0), an owner stands in those of open records alone, but
 *   for the kernel's own; one that is stuck does not say BUSY
 *   where slots are an array of their own (SLOTS=1), no slot but that of an open record
 *   says BUSY; what the data holds does not matter, since users may write it
 *
 * Positions are any. That nothing outside of data and slots is touched CBMC sees to by
 * itself.
 */
#ifndef KARENA_TESTS_RING_IN_ORDER_H
#define KARENA_TESTS_RING_IN_ORDER_H

#include <stddef.h>

/* What the core clears are payload bytes, up to 8, which no header is among. */
#ifdef __CPROVER__
#define __builtin_memset(at, value, bytes)	\
	__CPROVER_assert(__CPROVER_w_ok(at, bytes), "clears what is its own")
/* Only records that are put are copied. */
#define __builtin_memcpy(to, from, bytes)	copy_mirrored(to, from, bytes)

static void copy_mirrored(void *to, const void *from, unsigned long bytes);
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

#ifdef __CPROVER__
/* The second half of the data shows the first. */
static void copy_mirrored(void *to, const void *from, unsigned long bytes)
{
	unsigned long at = (struct karena_record_header *)to - data, i;
	const struct karena_record_header *header = from;

	prove(at <= SIZE / sizeof(*data) && bytes <= SIZE);
	for (i = 0; i < SIZE / sizeof(*data); i++) {
		if (i < bytes / sizeof(*data))
			data[(at + i) % (SIZE / sizeof(*data))] = header[i];
	}
}
#endif

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
	if (!SLOTS && (list[i].owner == RECORD_OWNER_KERNEL ||
		       !(list[i].word & KARENA_RECORD_BUSY)))
		return 0;
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
	return is_open(i) && list[i].word & KARENA_RECORD_DISCARD;
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

/* Of a stuck one what consumers are to see, where headers are slots. */
static __u32 word_of(unsigned int i)
{
	__u32 word = list[i].word;

	return !SLOTS && word & KARENA_RECORD_DISCARD ? word & ~KARENA_RECORD_BUSY : word;
}

static void put(unsigned int i)
{
	if (SLOTS) {
		slots[place(list[i].position, RECORD_MIN_BYTES)].word = list[i].word;
		slots[place(list[i].position, RECORD_MIN_BYTES)].owner = owner_of(i);
	} else {
		data[place(list[i].position, 8)].word = word_of(i);
		data[place(list[i].position, 8)].__reserved = owner_of(i);
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
	       owner != RECORD_OWNER_KERNEL);
	list[i].position = producer;
	list[i].word = length | state;
	list[i].owner = owner;
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
	first = nondet_u32();
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
		prove(word_in_ring(list[i].position) == word_of(i));
		if (SLOTS && (is_open(i) || list[i].left))
			prove(slots[place(list[i].position, RECORD_MIN_BYTES)].owner ==
			      owner_of(i));
		if (!SLOTS)
			prove(data[place(list[i].position, 8)].__reserved == owner_of(i));
	}
	for (i = 0; SLOTS && i < RECORDS; i++)
		prove(!(slots[i].word & KARENA_RECORD_BUSY) || slot_is_of_open_record(i));
}

#endif /* KARENA_TESTS_RING_IN_ORDER_H */
