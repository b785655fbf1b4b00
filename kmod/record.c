// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The record core: walks over records. Each is bounded by a number of steps, so
 * that whoever holds the lock can let others in.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include "compat.h"
#else
#include <errno.h>
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#endif

#include "record.h"

/**
 * record_init() - an empty ring
 * @r:		to be set up
 * @headers:	the data area, mapped twice in a row, zeroed
 * @slots:	an array of @size / 16 slots, zeroed; NULL: headers are slots
 * @published:	the producer position that consumers read
 * @size:	of the data area, a power of two
 */
void record_init(struct records *r, void *headers, void *slots, __u64 *published, __u64 size)
{
	r->headers = headers;
	r->slots = slots;
	r->published = published;
	r->mask = size - 1;
	r->producer = 0;
	r->limit = size;
	*published = 0;
}
EXPORT_SYMBOL_IF_KUNIT(record_init);

static struct record_slot *slot_at(const struct records *r, __u64 position)
{
	return record_slot(r, record_header(r, position), r->slots);
}

/*
 * Pairs with the exchange in record_close(): who finds a record there may read its
 * payload, or give its space to others.
 */
static __u32 word_at(const struct records *r, __u64 position)
{
	return record_load_acquire(&slot_at(r, position)->word);
}

/*
 * A walk works on a copy: what another may load or store meanwhile the compiler would
 * have to load anew for each record.
 */

/**
 * record_front() - the record at the consumer position
 * @r:		as it is
 *
 * Return: its slot's word; KARENA_RECORD_BUSY if there is none.
 */
__u32 record_front(const struct records *r)
{
	__u64 position = record_consumer(r);

	return position == r->producer ? KARENA_RECORD_BUSY : word_at(r, position);
}
EXPORT_SYMBOL_IF_KUNIT(record_front);

/**
 * record_advance() - give back what the kernel itself has read
 * @r:		as it is
 * @position:	a border; none below it is BUSY
 */
void record_advance(struct records *r, __u64 position)
{
	record_store(&r->limit, position + r->mask + 1);
}
EXPORT_SYMBOL_IF_KUNIT(record_advance);

/**
 * record_accept() - give back what the consumer says it has read
 * @r:		as it is
 * @claim:	a position that a user may have made up
 * @steps:	how many records to look at, at most
 *
 * The furthest border that is not above @claim and has no BUSY record below it
 * becomes the consumer position. A claim outside of what is there is none. As
 * the walk goes on where it ended, each record is walked once.
 *
 * Return: whether it stopped for the number of steps alone.
 */
bool record_accept(struct records *r, __u64 claim, unsigned int steps)
{
	const struct records copy = *r;
	__u64 position = record_consumer(r);

	if (claim - position > r->producer - position)
		return false;

	while (position != claim && steps) {
		__u32 word = word_at(&copy, position);
		__u32 bytes = record_word_bytes(word);

		if (word & KARENA_RECORD_BUSY || bytes > claim - position)
			break;
		position += bytes;
		steps--;
	}
	record_advance(r, position);
	return !steps && position != claim;
}
EXPORT_SYMBOL_IF_KUNIT(record_accept);

/**
 * record_find() - is this an open record of that owner?
 * @r:		with slots in an array of their own
 * @position:	any number
 * @owner:	not RECORD_OWNER_KERNEL
 *
 * Return: 0; -EINVAL if no open record is there; -EPERM if it is another's.
 */
int record_find(const struct records *r, __u64 position, __u32 owner)
{
	__u64 consumer = record_consumer(r);
	const struct record_slot *slot;

	if (position % RECORD_ALIGN || position - consumer >= r->producer - consumer)
		return -EINVAL;
	slot = slot_at(r, position);
	if (!(record_load(&slot->word) & KARENA_RECORD_BUSY))
		return -EINVAL;
	if (record_load(&slot->owner) == record_owner_word(position, owner))
		return 0;
	/* The other position of the slot names no record. */
	if ((slot->owner & 1) != record_owner_word(position, 0))
		return -EINVAL;
	return -EPERM;
}
EXPORT_SYMBOL_IF_KUNIT(record_find);

/**
 * record_abandon() - discard the open records of owners who are gone
 * @r:		with slots in an array of their own
 * @gone:	is asked of each open record once, whether its owner is; it ends no
 *		record any more
 * @context:	for @gone
 * @position:	in and out, where to go on; begin with a border that none of them
 *		is below
 * @steps:	how many records to look at, at most
 *
 * Return: how many were discarded. All is done when @position is the producer
 * position.
 */
unsigned int record_abandon(struct records *r, record_gone_fn gone, void *context,
			    __u64 *position, unsigned int steps)
{
	__u64 consumer = record_consumer(r);
	unsigned int found = 0;

	/* Between two calls records may be given back, but no open one. */
	if (*position - consumer > r->producer - consumer)
		*position = consumer;

	for (; *position != r->producer && steps; steps--) {
		const struct record_slot *slot = slot_at(r, *position);
		__u32 word = record_load_acquire(&slot->word);

		/* At a border, BUSY is that of the record there, and so is the owner. */
		if (word & KARENA_RECORD_BUSY && gone(context, slot->owner >> 1)) {
			record_close(r, record_header(r, *position), KARENA_RECORD_DISCARD,
				     true);
			found++;
		}
		*position += record_word_bytes(word);
	}
	return found;
}
EXPORT_SYMBOL_IF_KUNIT(record_abandon);

/**
 * record_skip() - pass over discarded records at the consumer position
 * @r:		as it is
 * @steps:	how many at most
 *
 * Return: whether it stopped for the number of steps alone.
 */
bool record_skip(struct records *r, unsigned int steps)
{
	__u64 position = record_consumer(r);
	bool more = false;

	while (position != r->producer) {
		__u32 word = word_at(r, position);

		if (!record_discarded(word))
			break;
		more = !steps--;
		if (more)
			break;
		position += record_word_bytes(word);
	}
	record_advance(r, position);
	return more;
}
EXPORT_SYMBOL_IF_KUNIT(record_skip);

/**
 * record_count() - how many records follow?
 * @r:		as it is
 * @position:	in and out: a border, not below the consumer position
 * @steps:	how many at most
 *
 * Return: how many lie between what @position was and what it is.
 */
unsigned int record_count(const struct records *r, __u64 *position, unsigned int steps)
{
	const struct records copy = *r;
	__u64 at = *position;
	unsigned int nr = 0;

	for (; at != copy.producer && nr < steps; nr++)
		at += record_word_bytes(word_at(&copy, at));
	*position = at;
	return nr;
}
EXPORT_SYMBOL_IF_KUNIT(record_count);

/**
 * record_run() - how much can be read at the consumer position in one piece?
 * @r:		as it is
 * @room:	bytes that the reader has for it
 * @steps:	how many records at most
 *
 * Return: the bytes, headers included, of the records that are there one after
 * the other, are not discarded, and fit into @room together.
 */
__u64 record_run(const struct records *r, __u64 room, unsigned int steps)
{
	const struct records copy = *r;
	__u64 position = record_consumer(r);

	for (; position != copy.producer && steps; steps--) {
		__u32 word = word_at(&copy, position);
		__u32 bytes = record_word_bytes(word);

		if (word & (KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD) || bytes > room)
			break;
		position += bytes;
		room -= bytes;
	}
	return position - record_consumer(r);
}
EXPORT_SYMBOL_IF_KUNIT(record_run);
