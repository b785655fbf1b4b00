// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The record core: walks over records. Each is bounded by a number of steps, so
 * that whoever holds the lock can let others in.
 */
#ifdef __KERNEL__
#include "compat.h"
#else
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#endif

#include "record.h"

/**
 * record_init() - an empty ring
 * @r:		to be set up
 * @headers:	the data area, mapped twice in a row, zeroed
 * @slots:	an array of @size / 16 slots, zeroed; NULL: headers are slots
 * @published:	the producer position that consumers read
 * @size:	of the data area, a power of two up to 2^30
 */
void record_init(struct records *r, void *headers, void *slots, __u64 *published, __u64 size)
{
	r->headers = headers;
	r->slots = slots;
	r->published = published;
	r->mask = size - 1;
	r->producer = 0;
	r->limit = size;
	r->consumer = 0;
	r->nr_read = 0;
	r->nr_stuck = 0;
	*published = 0;
}
EXPORT_SYMBOL_IF_KUNIT(record_init);

static struct record_slot *slot_at(const struct records *r, __u64 position)
{
	return record_slot(r, record_header(r, position), r->slots);
}

/*
 * To consumers one that is stuck was discarded. Pairs with the exchange in record_end():
 * who finds a record there may read its payload, or give its space to others.
 */
static __u32 word_at(const struct records *r, __u64 position)
{
	__u32 word = record_load_acquire(&slot_at(r, position)->word);

	return word & KARENA_RECORD_DISCARD ? word & ~KARENA_RECORD_BUSY : word;
}

/* What readers see. */
static __u32 shown_at(const struct records *r, __u64 position, __u32 word)
{
	return r->slots ? record_shown(slot_at(r, position), word) : word;
}

/**
 * record_check_batch() - check records that are laid out as in the data area
 * @from:	a private copy of them, aligned to 8 bytes, with space for padding of the
 *		last record that is missing; padding is zeroed
 * @bytes:	how many there are, up to the size of the data area
 * @nr:		out, how many records are whole and have a valid header, from the first on
 *
 * Return: bytes that these records take in the data area.
 */
__u32 record_check_batch(void *from, __u32 bytes, unsigned int *nr)
{
	/* Behind the header that is looked at. */
	long left = (long)bytes - KARENA_RECORD_HEADER_BYTES;
	char *at = from;

	for (*nr = 0; left > 0; ++*nr) {
		const struct karena_record_header *header = (void *)at;
		__u64 both = header->word | (__u64)header->__reserved << 32;

		/* No bytes are the greatest number here; flags are more than there are. */
		if (both - 1 >= (__u64)left)
			break;
		if (__builtin_expect(both % RECORD_ALIGN, 0))
			record_clear_padding(at + KARENA_RECORD_HEADER_BYTES, both);
		at += record_bytes(both);
		left -= record_bytes(both);
	}
	return at - (char *)from;
}
EXPORT_SYMBOL_IF_KUNIT(record_check_batch);

static void put_slots(struct records *r, const void *from, __u32 bytes)
{
	__u64 position = r->producer;
	__u32 at = 0, length;

	for (; at < bytes; at += record_bytes(length)) {
		length = ((const struct karena_record_header *)((const char *)from + at))->word;
		*slot_at(r, position + at) = (struct record_slot) {
			.word = length,
			.owner = record_owner_word(position + at, RECORD_OWNER_KERNEL),
		};
	}
}

/**
 * record_put() - copy whole records to the producer position
 * @r:		with space for them
 * @from:	records that record_check_batch() has checked
 * @bytes:	that they take
 *
 * They are there at once: nobody sees one of them that is open.
 */
void record_put(struct records *r, const void *from, __u32 bytes)
{
	__builtin_memcpy(record_header(r, r->producer), from, bytes);
	if (r->slots)
		put_slots(r, from, bytes);
	record_publish(r, r->producer + bytes);
}
EXPORT_SYMBOL_IF_KUNIT(record_put);

/* To be passed over, of so many bytes in all. */
static void put_filler(struct karena_record_header *header, __u32 bytes)
{
	struct record_slot filler = {
		.word = (bytes - KARENA_RECORD_HEADER_BYTES) | KARENA_RECORD_DISCARD,
	};

	*(struct record_slot *)header = filler;
}

/**
 * record_trim() - make a record shorter that is about to be closed
 * @r:		as it is
 * @header:	of a BUSY record, to be closed by the caller, not discarded
 * @length:	payload bytes it is to have
 * @slots:	as for record_open()
 *
 * The headers stay a chain that can be walked: what is cut off, if it is 8 bytes or
 * more, becomes a discarded record, perhaps without payload. Giving it back would
 * move the producer position backwards, under the eyes of who has read it. In slots of
 * their own the record keeps its bytes: one that begins 8 bytes behind another has no
 * slot to itself.
 *
 * Needs no lock: until the record is closed nobody looks at what lies in it, but
 * record_count(), which passes over open records and goes by their lengths.
 *
 * Return: 0; -EINVAL if that is none, or more than was reserved.
 */
int record_trim(struct records *r, struct karena_record_header *header, __u32 length,
		bool slots)
{
	struct record_slot *slot = record_slot(r, header, slots);
	__u32 reserved = record_load(&slot->word) & KARENA_RECORD_LEN_MASK;
	__u32 bytes = record_bytes(length);

	if (!length || length > reserved)
		return -EINVAL;
	if (length == reserved)
		return 0;
	/* No byte of the payload that was is to show there. */
	record_clear_padding(header + 1, length);
	if (bytes < record_bytes(reserved))
		put_filler(record_header(r, record_offset(r, header) + bytes),
			   record_bytes(reserved) - bytes);

	if (slots)
		record_store(&slot->owner, length | RECORD_TRIMMED);
	else
		/* Pairs with word_at(): record_count() walks from here to the filler. */
		record_store_release(&slot->word, length | KARENA_RECORD_BUSY);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(record_trim);

/*
 * A walk works on a copy: what another may load or store meanwhile the compiler would
 * have to load anew for each record.
 */

/* As word_at(), where headers are slots, by the offset in the area. */
static inline __u32 header_word(const struct records *r, __u64 offset)
{
	const struct record_slot *slot = (const void *)((char *)r->headers + offset);

	return record_load_acquire(&slot->word);
}

/*
 * Where headers are slots: bytes of the records from the consumer position on that lie
 * within @limit, which does not go beyond the producer's, before the first whose word has
 * a flag of @stop. @nr in: how many at most, out: how many. Whether the area ends or the
 * walk is looked at only @edge.
 */
static inline __u64 walk_headers(const struct records *r, __u64 limit, unsigned int *nr,
				 __u32 stop)
{
	const struct records copy = *r;
	__u64 first = record_consumer(&copy) & copy.mask, at = first, next;
	__u64 size = copy.mask + 1, end = first + limit, edge = end < size ? end : size;
	unsigned int most = limit ? *nr : 0, left = most;

	*nr = 0;
	if (!most)
		return 0;
	do {
		__u32 word = header_word(&copy, at);

		if (word & stop)
			break;
		next = at + record_word_bytes(word);
		if (__builtin_expect(next >= edge, false)) {
			if (next > end)
				break;
			/* The last one, or it goes on at the beginning of the area. */
			if (next == end) {
				most -= left - 1;
				left = 1;
			}
			next -= size;
			first -= size;
			end -= size;
			edge = end;
		}
		at = next;
	} while (--left);
	*nr = most - left;
	return at - first;
}

/**
 * record_front() - the record at the consumer position
 * @r:		as it is
 *
 * Return: its header's word; KARENA_RECORD_BUSY if there is none.
 */
__u32 record_front(const struct records *r)
{
	__u64 position = record_consumer(r);

	if (position == r->producer)
		return KARENA_RECORD_BUSY;
	return shown_at(r, position, word_at(r, position));
}
EXPORT_SYMBOL_IF_KUNIT(record_front);

/**
 * record_advance() - give back what the kernel itself has read
 * @r:		as it is
 * @position:	a border; none below it is BUSY
 * @nr:		submitted records that lie from the consumer position up to it
 */
void record_advance(struct records *r, __u64 position, unsigned int nr)
{
	r->nr_read += nr;
	record_store(&r->consumer, position);
	if (!r->nr_stuck)
		record_store(&r->limit, position + r->mask + 1);
}
EXPORT_SYMBOL_IF_KUNIT(record_advance);

/*
 * As far as nothing is stuck; returns whether it stopped for the number of steps alone.
 * Pairs with the exchange in record_end(): the owner of what was stuck writes no more.
 */
static bool give_back(struct records *r, unsigned int steps)
{
	__u64 position = r->nr_stuck ? record_given_back(r) : record_consumer(r);

	for (; position != record_consumer(r) && steps; steps--) {
		const struct record_slot *slot = slot_at(r, position);
		__u32 word = record_load_acquire(&slot->word);

		if (record_slot_is_open(slot, word, r->slots))
			break;
		position += record_word_bytes(word);
	}
	record_store(&r->limit, position + r->mask + 1);
	return !steps && position != record_consumer(r);
}

/* Those to be read in one piece, then one that was discarded, and so on. */
static bool accept_headers(struct records *r, __u64 claim, unsigned int steps)
{
	__u64 position = record_consumer(r);
	unsigned int nr;
	__u32 word;

	do {
		nr = steps;
		position += walk_headers(r, claim - position, &nr,
					 KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD);
		record_advance(r, position, nr);
		steps -= nr;
		if (!steps || position == claim)
			break;
		word = word_at(r, position);
		if (!record_discarded(word) || record_word_bytes(word) > claim - position)
			break;
		position += record_word_bytes(word);
		record_advance(r, position, 0);
	} while (--steps);
	return !steps && position != claim;
}

static bool accept_slots(struct records *r, __u64 claim, unsigned int steps)
{
	const struct records copy = *r;
	__u64 position = record_consumer(r);
	unsigned int nr = 0;

	while ((__s64)(claim - position) > 0 && steps) {
		__u32 word = word_at(&copy, position);
		__u32 shown = record_word_bytes(shown_at(&copy, position, word));

		if (word & KARENA_RECORD_BUSY || shown > claim - position)
			break;
		position += record_word_bytes(word);
		nr += !record_discarded(word);
		steps--;
	}
	record_advance(r, position, nr);
	return !steps && (__s64)(claim - position) > 0;
}

/**
 * record_accept() - give back what the consumer says it has read
 * @r:		as it is
 * @claim:	a position that a user may have made up
 * @steps:	how many records to look at, at most
 *
 * The furthest border that is not above @claim and has no BUSY record below it
 * becomes the consumer position. A claim outside of what is there is none. As
 * the walk goes on where it ended, each record is walked once. A consumer that has
 * read a trimmed record, and not passed over what was cut off, is behind that for the
 * core, too: else who consumes next would be given the record again.
 *
 * Return: whether it stopped for the number of steps alone.
 */
bool record_accept(struct records *r, __u64 claim, unsigned int steps)
{
	__u64 position = record_consumer(r);
	bool more = false;

	if (claim - position <= r->producer - position)
		more = r->slots ? accept_slots(r, claim, steps) : accept_headers(r, claim, steps);
	if (__builtin_expect(r->nr_stuck, 0))
		more |= give_back(r, steps);
	return more;
}
EXPORT_SYMBOL_IF_KUNIT(record_accept);

/* Kernel code ends its records soon, without the lock; if trimmed, just now. */
static bool is_users(__u32 owner)
{
	return !(owner & RECORD_TRIMMED) && owner >> 1 != RECORD_OWNER_KERNEL;
}

/**
 * record_pass_stuck() - open records that hold consumers up are stuck
 * @r:		as it is
 * @below:	a border, up to the producer position; those that begin below it have been
 *		open for too long
 * @steps:	how many records to look at, at most
 * @payload:	out, their payload bytes
 *
 * Of users, from the consumer position on up to one that is there. They are discarded for
 * consumers, open for their owner; until it ends them space from there on is not free.
 *
 * Return: how many.
 */
unsigned int record_pass_stuck(struct records *r, __u64 below, unsigned int steps,
			       __u64 *payload)
{
	__u64 position = record_consumer(r);
	unsigned int nr = 0;

	for (*payload = 0; (__s64)(below - position) > 0 && steps; steps--) {
		struct record_slot *slot = slot_at(r, position);
		__u32 word = word_at(r, position);
		__u32 length = word & KARENA_RECORD_LEN_MASK;

		if (!record_discarded(word)) {
			if (record_there(word) || !is_users(record_load(&slot->owner)))
				break;
			record_end(slot, record_header(r, position),
				   (r->slots ? word : length) | KARENA_RECORD_DISCARD,
				   length | KARENA_RECORD_DISCARD, r->slots);
			*payload += length;
			nr++;
		}
		position += record_bytes(length);
	}
	r->nr_stuck += nr;
	return nr;
}
EXPORT_SYMBOL_IF_KUNIT(record_pass_stuck);

/**
 * record_end_stuck() - end a record that is stuck; record_accept() gives back the rest
 * @r:		as it is
 * @position:	the record's
 */
void record_end_stuck(struct records *r, __u64 position)
{
	record_close(r, record_header(r, position), KARENA_RECORD_DISCARD, r->slots);
	r->nr_stuck--;
	give_back(r, 1);
}
EXPORT_SYMBOL_IF_KUNIT(record_end_stuck);

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
 * Return: how many were discarded, without those that were stuck. All is done when
 * @position is the producer position.
 */
unsigned int record_abandon(struct records *r, record_gone_fn gone, void *context,
			    __u64 *position, unsigned int steps)
{
	__u64 first = record_given_back(r);
	unsigned int found = 0;

	/* Between two calls records may be given back, but no open one. */
	if (*position - first > r->producer - first)
		*position = first;

	for (; *position != r->producer && steps; steps--) {
		const struct record_slot *slot = slot_at(r, *position);
		__u32 word = record_load_acquire(&slot->word);

		/* At a border, BUSY is that of the record there, and so is the owner. */
		if (word & KARENA_RECORD_BUSY &&
		    gone(context, record_load(&slot->owner) >> 1)) {
			if (word & KARENA_RECORD_DISCARD) {
				record_end_stuck(r, *position);
			} else {
				record_close(r, record_header(r, *position),
					     KARENA_RECORD_DISCARD, true);
				found++;
			}
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
	record_advance(r, position, 0);
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
 * @space:	bytes that the reader has for it
 * @nr:		in: how many records at most; out: how many
 *
 * Return: the bytes that those records take, headers included, which are there one
 * after the other, are not discarded, and fit into @space together, as trimmed.
 */
__u64 record_run(const struct records *r, __u64 space, unsigned int *nr)
{
	const struct records copy = *r;
	__u64 position = record_consumer(r);
	unsigned int steps = *nr;

	if (!r->slots) {
		__u64 limit = r->producer - position;

		return walk_headers(r, limit < space ? limit : space, nr,
				    KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD);
	}
	for (*nr = 0; position != copy.producer && *nr < steps; ++*nr) {
		__u32 word = word_at(&copy, position);
		__u32 shown = record_word_bytes(shown_at(&copy, position, word));

		if (word & (KARENA_RECORD_BUSY | KARENA_RECORD_DISCARD) || shown > space)
			break;
		position += record_word_bytes(word);
		space -= shown;
	}
	return position - record_consumer(r);
}
EXPORT_SYMBOL_IF_KUNIT(record_run);
