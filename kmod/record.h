/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The record core: records and positions in a ring of bytes, nothing about who
 * waits, maps the memory or owns it. Also built in user space.
 *
 * A position is the number of bytes that came before. It does not wrap, and two
 * of them are compared by their signed difference. The record at a position
 * begins at (position & mask) of the data area: an 8-byte header, then the
 * payload, padded to 8 bytes. A payload has at least one byte, hence a record at
 * least 16.
 *
 *            consumer                        producer
 *               |                               |
 *   ... free ...[hdr|payload][hdr|payload][hdr..]... free ...
 *               |<-------- at most size ------->|
 *
 * What the core acts on is a slot per record, laid out as a header is. Where
 * users cannot write the data area, the header itself is the slot. Where they
 * can, slots are an array of their own, and the header in the data area is a
 * copy that the core writes and never reads. In that array each 16 bytes of data
 * have a slot; as no two records begin in the same 16 bytes, a record is told by
 * its slot. BUSY is set in a slot when a record begins there, and the consumer
 * position passes no BUSY slot: so a slot that has BUSY set is that of a record
 * between consumer and producer, whatever an earlier round left in the others.
 * This costs half the data's size. A queue of descriptors would be smaller, and
 * would be a second thing that can be full.
 *
 * Locking: whoever calls holds the ring's lock, except for record_close() and
 * where a function says otherwise.
 */
#ifndef KARENA_RECORD_H
#define KARENA_RECORD_H

#include "../uapi/karena.h"

#ifdef __KERNEL__
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#define record_load(p)			READ_ONCE(*(p))
#define record_load_acquire(p)		smp_load_acquire(p)	/* partners: at its uses */
#define record_store(p, v)		WRITE_ONCE(*(p), v)
#define record_store_release(p, v)	smp_store_release(p, v)	/* likewise */
#define record_exchange(p, v)		xchg(p, v)
#else
#include <errno.h>
#include <stdbool.h>

#define record_load(p)			__atomic_load_n(p, __ATOMIC_RELAXED)
#define record_load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define record_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define record_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define record_exchange(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#endif

#define RECORD_ALIGN		8u
/* Two records begin at least so far apart; a power of two. */
#define RECORD_MIN_BYTES	16u
/* Of the owner of records that the kernel itself reserves. */
#define RECORD_OWNER_KERNEL	0u
/* Of those into which the kernel copies what a user sends. */
#define RECORD_OWNER_COPY	1u
#define RECORD_OWNER_MAX	0x3ffffffeu
/* Owns no record: to ask what it is told of others'. */
#define RECORD_OWNER_NOBODY	0x3fffffffu
/* In a slot's owner, which is no owner then: the payload bytes of a trimmed record. */
#define RECORD_TRIMMED		0x80000000u

/**
 * struct record_slot - what the core knows of a record; laid out as its header
 * @word:	payload bytes and KARENA_RECORD_BUSY, _DISCARD
 * @owner:	who reserved it, shifted left by one; the lowest bit tells which of
 *		the two positions that share a slot it is. Of a record that was
 *		trimmed RECORD_TRIMMED and what is left of it, while @word tells
 *		what was reserved. Where headers are slots, 0, but of an open
 *		record that is not the kernel's own
 */
struct record_slot {
	__u32 word;
	__u32 owner;
} __attribute__((__may_alias__));

/**
 * struct records - a ring's records
 * @slots:	an array of their own, else NULL; fixed
 * @headers:	the data area, mapped twice in a row; fixed
 * @published:	the producer position that consumers read; fixed
 * @mask:	size of the data area less one; fixed
 * @producer:	end of the last record; also read without the lock
 * @limit:	how far the producer may go: the size of the data area from the consumer
 *		position on, or from the first record below that is stuck; also read
 *		without the lock
 * @consumer:	a border of records with no open one below it but those that are stuck.
 *		It never goes back; also read without the lock
 * @nr_read:	submitted records below the consumer position
 * @nr_stuck:	records that were passed over while they were open, and are so still
 */
struct records {
	struct record_slot *slots;
	struct karena_record_header *headers;
	__u64 *published;
	__u64 mask;
	__u64 producer;
	__u64 limit;
	__u64 consumer;
	__u64 nr_read;
	__u32 nr_stuck;
};

/* Bytes that a record of @length payload bytes takes, @length in 1 .. 2^30 - 1. */
static inline __u32 record_bytes(__u32 length)
{
	return (length + KARENA_RECORD_HEADER_BYTES + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
}

static inline __u32 record_word_bytes(__u32 word)
{
	return record_bytes(word & KARENA_RECORD_LEN_MASK);
}

/* The longest payload that fits into an area of @size bytes. */
static inline __u32 record_length_max(__u64 size)
{
	__u64 max = size - KARENA_RECORD_HEADER_BYTES;

	return max < KARENA_RECORD_LEN_MASK ? max : KARENA_RECORD_LEN_MASK;
}

static inline __u64 record_consumer(const struct records *r)
{
	return r->consumer;
}

/* All below is given back: no open record lies there. */
static inline __u64 record_given_back(const struct records *r)
{
	return r->limit - r->mask - 1;
}

static inline struct karena_record_header *record_header(const struct records *r, __u64 position)
{
	return (void *)((char *)r->headers + (position & r->mask));
}

/* Where in the data area the record of that header lies. */
static inline __u64 record_offset(const struct records *r,
				  const struct karena_record_header *header)
{
	return (const char *)header - (const char *)r->headers;
}

static inline struct record_slot *record_slot(const struct records *r,
					      struct karena_record_header *header, bool slots)
{
	if (!slots)
		return (void *)header;
	return r->slots + record_offset(r, header) / RECORD_MIN_BYTES;
}

/* Is there space for @bytes more? */
static inline bool record_fits(const struct records *r, __u32 bytes)
{
	return r->producer + bytes <= r->limit;
}

/*
 * The same without the lock: a guess, but "no" was true at a moment of the call, as
 * the limit is read after the producer position, and once. It is @limit then.
 */
static inline bool record_may_fit(const struct records *r, __u32 bytes, __u64 *limit)
{
	/* Pairs with the release in record_publish(). */
	__u64 producer = record_load_acquire(&r->producer);

	*limit = record_load(&r->limit);
	return producer + bytes <= *limit;
}

/*
 * Was that limit made of all that the consumer says it has read? What is read of
 * @claim is compared only.
 */
static inline bool record_limit_holds(const struct records *r, __u64 limit, const __u64 *claim)
{
	return record_load(claim) == limit - r->mask - 1;
}

/*
 * Without the lock: is the ring full, and is nothing new in the position that
 * the consumer says it has reached?
 */
static inline bool record_full(const struct records *r, const __u64 *claim, __u32 bytes)
{
	__u64 limit;

	return !record_may_fit(r, bytes, &limit) && record_limit_holds(r, limit, claim);
}

/* Of a slot in an array of their own. */
static inline __u32 record_owner_word(__u64 position, __u32 owner)
{
	return owner << 1 | (position / RECORD_ALIGN & 1);
}

/**
 * record_begin() - write the header of a record that is to begin, BUSY
 * @r:		with space for it
 * @position:	the producer position, or behind other records that were begun there
 * @length:	payload bytes
 * @owner:	RECORD_OWNER_KERNEL, RECORD_OWNER_COPY, or a number up to
 *		RECORD_OWNER_MAX; the last only where slots are an array of their own
 * @slots:	whether they are; a constant where the caller knows
 *
 * Clears the padding behind the payload, so that no byte of an earlier record
 * shows there. record_publish() follows.
 *
 * Return: the record's header.
 */
static inline struct karena_record_header *record_begin(struct records *r, __u64 position,
							__u32 length, __u32 owner, bool slots)
{
	struct karena_record_header *header = record_header(r, position);
	struct record_slot slot = { .word = length | KARENA_RECORD_BUSY };

	__builtin_memset((char *)header + record_bytes(length) - RECORD_ALIGN, 0, RECORD_ALIGN);
	if (slots)
		*(struct record_slot *)header = slot;
	if (slots || owner != RECORD_OWNER_KERNEL)
		slot.owner = record_owner_word(position, owner);
	*record_slot(r, header, slots) = slot;
	return header;
}

/**
 * record_publish() - move the producer position
 * @r:		as it is
 * @position:	a border; the headers below it are written
 */
static inline void record_publish(struct records *r, __u64 position)
{
	/* Pairs with the acquire in record_may_fit(): who sees it sees the space it took. */
	record_store_release(&r->producer, position);
	/* Pairs with the consumer's acquire of the position. */
	record_store_release(r->published, position);
}

/**
 * record_open() - begin a record at the producer position
 * @r:		with space for it
 * @length:	as for record_begin(), as are @owner and @slots
 * @owner:	whose it is
 * @slots:	whether they are an array of their own
 *
 * The position is published last: a consumer that sees it sees the header, which is BUSY.
 *
 * Return: the record's header.
 */
static inline struct karena_record_header *record_open(struct records *r, __u32 length,
						       __u32 owner, bool slots)
{
	__u64 position = r->producer;
	struct karena_record_header *header = record_begin(r, position, length, owner, slots);

	record_publish(r, position + record_bytes(length));
	return header;
}

/* Zeroes what lies behind a payload of @length bytes up to the next record. */
static inline void record_clear_padding(void *payload, __u32 length)
{
	if (length % RECORD_ALIGN)
		__builtin_memset((char *)payload + length, 0,
				 RECORD_ALIGN - length % RECORD_ALIGN);
}

/* What readers see in place of a slot's word: the same, but for trimmed records. */
static inline __u32 record_shown(const struct record_slot *slot, __u32 word)
{
	__u32 owner = record_load(&slot->owner);

	if (!(owner & RECORD_TRIMMED))
		return word;
	return (word & ~KARENA_RECORD_LEN_MASK) | (owner & KARENA_RECORD_LEN_MASK);
}

/* What the kernel goes by comes last. */
static inline void record_end(struct record_slot *slot, struct karena_record_header *header,
			      __u32 word, __u32 shown, bool slots)
{
	/* Pairs with the consumer's acquire of the header. */
	if (slots)
		record_store_release(&header->word, shown);
	record_exchange(&slot->word, word);
}

/**
 * record_close_as() - end a record whose word is known
 * @r:		as it is
 * @header:	of a BUSY record that nobody else ends
 * @word:	its length, not trimmed, and 0 or KARENA_RECORD_DISCARD
 * @slots:	as for record_open()
 *
 * Needs no lock. The exchange is a full barrier: whoever ends a record may look
 * afterwards whether somebody waits for it. It comes last, since once it is
 * done the space may be given back and reserved anew.
 */
static inline void record_close_as(struct records *r, struct karena_record_header *header,
				   __u32 word, bool slots)
{
	record_end(record_slot(r, header, slots), header, word, word, slots);
}

/**
 * record_close() - end a record: it is there, or passed over
 * @r:		as it is
 * @header:	of a BUSY record that nobody else ends
 * @discard:	0 or KARENA_RECORD_DISCARD
 * @slots:	as for record_open()
 *
 * Return: the header's word, as readers see it.
 */
static inline __u32 record_close(struct records *r, struct karena_record_header *header,
				 __u32 discard, bool slots)
{
	struct record_slot *slot = record_slot(r, header, slots);
	__u32 word = (record_load(&slot->word) & ~KARENA_RECORD_BUSY) | discard;
	__u32 shown = slots ? record_shown(slot, word) : word;

	/* Nobody's any more. Where slots are their own, users do not see it. */
	if (!slots)
		record_store(&slot->owner, 0);
	record_end(slot, header, word, shown, slots);
	return shown;
}

/* Is the record there whose slot has this word? */
static inline bool record_there(__u32 word)
{
	return !(word & KARENA_RECORD_BUSY);
}

/* Is it there to be passed over? */
static inline bool record_discarded(__u32 word)
{
	return record_there(word) && word & KARENA_RECORD_DISCARD;
}

/*
 * Does it still belong to somebody who writes into it? Where headers are slots, consumers
 * go by them: one that timed out is not BUSY there, but has its owner. Only under the lock
 * does a record lose that.
 */
static inline bool record_slot_is_open(const struct record_slot *slot, __u32 word, bool slots)
{
	return word & KARENA_RECORD_BUSY || (!slots && record_load(&slot->owner));
}

/**
 * record_find() - check that a position is of an open record of an owner
 * @r:		as it is
 * @position:	any number; where headers are slots, a border
 * @owner:	not RECORD_OWNER_KERNEL
 * @slots:	as for record_open()
 *
 * Return: 0; -EINVAL if no open record is there; -EPERM if it is another's; -ESTALE if
 * it is stuck.
 */
static inline int record_find(const struct records *r, __u64 position, __u32 owner, bool slots)
{
	__u64 first = record_given_back(r);
	const struct record_slot *slot;
	__u32 word, is;

	if (position % RECORD_ALIGN || position - first >= r->producer - first)
		return -EINVAL;
	slot = record_slot(r, record_header(r, position), slots);
	word = record_load(&slot->word);
	if (!record_slot_is_open(slot, word, slots))
		return -EINVAL;
	is = record_load(&slot->owner);
	if (is == record_owner_word(position, owner))
		return word & KARENA_RECORD_DISCARD ? -ESTALE : 0;
	/* The other position of the slot names no record. */
	return (is & 1) == record_owner_word(position, 0) ? -EPERM : -EINVAL;
}

void record_init(struct records *r, void *headers, void *slots, __u64 *published, __u64 size);
__u32 record_check_batch(void *from, __u32 bytes, unsigned int *nr);
void record_put(struct records *r, const void *from, __u32 bytes);
int record_trim(struct records *r, struct karena_record_header *header, __u32 length,
		bool slots);
__u32 record_front(const struct records *r);
bool record_accept(struct records *r, __u64 claim, unsigned int steps);
typedef bool (*record_gone_fn)(void *context, __u32 owner);
unsigned int record_pass_stuck(struct records *r, __u64 below, unsigned int steps,
			       __u64 *payload);
void record_end_stuck(struct records *r, __u64 position);
unsigned int record_abandon(struct records *r, record_gone_fn gone, void *context,
			    __u64 *position, unsigned int steps);
bool record_skip(struct records *r, unsigned int steps);
unsigned int record_count(const struct records *r, __u64 *position, unsigned int steps);
__u64 record_run(const struct records *r, __u64 space, unsigned int *nr);
void record_advance(struct records *r, __u64 position, unsigned int nr);

#endif /* KARENA_RECORD_H */
