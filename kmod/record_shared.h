/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The core of shared rings: records in memory that all members of a ring write, without
 * a lock. Any member may die at any instruction. Also built in user space.
 *
 * A position counts bytes, as in the other core. It may wrap, so two of them are compared
 * by their difference. Records begin at multiples of the ring's grain (8 to 64 bytes); the
 * 8 bytes there are a unit, read and written as one word:
 *
 *   header	payload bytes, BUSY and DISCARD, and the owner of the record
 *   free mark	BUSY and DISCARD both, which no header has; the other bits are a mix of
 *		the lap (how many areas came before) and a random key of the ring
 *
 *          freed           read                    end of the chain       freed + size
 *            |              |                              |                   |
 *   ... free |consumed, not |[hdr|payload][hdr|payload]....|mark   mark   mark |
 *            |given back yet|                              |                   |
 *
 * A record's header is its reservation: one compare-and-swap of the mark at the end of
 * the chain takes position, length and owner together. A producer that dies before it
 * has left no trace; one that dies after it has left a record that tells its owner.
 *
 * Each unit's mark is that of its own position, so a producer that comes late, with a
 * position of an earlier lap, finds another word and fails. The key keeps payload that
 * happens to look like a mark of another lap from being taken for one. It protects from
 * accidents; members of a ring can destroy its records anyway.
 *
 * The consumer has two words. Below @read all is consumed. Below @freed all units hold the
 * marks of the next lap. A successor of a dead consumer writes the marks from @freed
 * to @read again, which does no harm, as nobody can reserve there; and goes on at @read.
 *
 * The hint is where the last reservation ended, or an earlier one: producers begin there to
 * look for the end of the chain, and nothing else goes by it.
 *
 * All words that members write are hostile. Each is read once; positions are checked
 * against each other before they are used; a walk never looks at a unit at or beyond
 * freed + size, where in a full ring the oldest record lies; and each walk ends after a
 * number of steps.
 */
#ifndef KARENA_RECORD_SHARED_H
#define KARENA_RECORD_SHARED_H

#include "record.h"

#ifdef __KERNEL__
/* Full barriers where they succeed. */
#define record_swap(p, old, new)	try_cmpxchg(p, old, new)
#define record_wmb()			smp_wmb()	/* partners: at its uses */
#define record_mb()			smp_mb()	/* likewise */
/* After an exchange, which is a full barrier. */
#define record_load_ordered(p)		READ_ONCE(*(p))
#elif !defined(record_swap)
#define record_swap(p, old, new) \
	__atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define record_wmb()			__atomic_thread_fence(__ATOMIC_RELEASE)
#define record_mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)
/* An exchange is no full barrier here, but is ordered with this one. */
#define record_load_ordered(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#endif

/* Where tests stop a member, let others run, or kill it. */
#ifndef shared_point
#define shared_point(name)		do { } while (0)
#endif

#define SHARED_UNIT			8u
#define SHARED_GRAIN_MIN		8u
#define SHARED_GRAIN_MAX		64u
/* See docs/shared.md for what this rests on. */
#define SHARED_GRAIN_DEFAULT		32u

/* Of what is cut off a record. */
#define SHARED_OWNER_NOBODY		0u
#define SHARED_OWNER_KERNEL		1u

/* How many headers the kernel looks at in a call. */
#define SHARED_STEPS			1024u

typedef __u64 __attribute__((__may_alias__)) shared_unit;

/**
 * struct shared_consumer - what the consumer writes, in a page of its own
 * @read:	all below is consumed
 * @freed:	all below holds the marks of the next lap
 */
struct shared_consumer {
	__aligned_u64 read;
	__aligned_u64 freed;
};

/**
 * struct shared_armed - what the kernel writes, and members read
 * @records:	not 0: somebody waits for records
 * @space:	not 0: somebody waits for space
 *
 * The kernel alone sets and clears them. If members cleared them, one that dies then would
 * take the wake-up with it.
 */
struct shared_armed {
	__u32 records;
	__u32 space;
};

/**
 * struct shared_ring - a ring as one member sees it; not shared
 * @data:	the data area, mapped twice in a row; fixed
 * @consumer:	fixed
 * @armed:	fixed
 * @hint:	where the last reservation ended, or an earlier one; fixed
 * @mask:	size of the data area less one; fixed
 * @key:	of the marks; fixed
 * @shift:	the area has 1 << @shift bytes; fixed
 * @grain:	fixed
 * @limit:	reservations may end here: freed + size of a while ago. Any thread of the
 *		member reads and writes it
 */
struct shared_ring {
	char *data;
	struct shared_consumer *consumer;
	struct shared_armed *armed;
	__u64 *hint;
	__u64 mask;
	__u64 key;
	__u32 shift;
	__u32 grain;
	__aligned_u64 limit;
};

/**
 * struct shared_reader - the consumer's own copies of its words
 * @at:		position of the next record
 * @read:	as stored
 * @freed:	as stored
 */
struct shared_reader {
	__u64 at;
	__u64 read;
	__u64 freed;
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SHARED_WORD_SHIFT		32
#define SHARED_OWNER_SHIFT		0
#else
#define SHARED_WORD_SHIFT		0
#define SHARED_OWNER_SHIFT		32
#endif

/* As struct karena_record_header has it. */
static inline __u64 shared_header(__u32 word, __u32 owner)
{
	return (__u64)word << SHARED_WORD_SHIFT | (__u64)owner << SHARED_OWNER_SHIFT;
}

static inline __u32 shared_word(__u64 header)
{
	return header >> SHARED_WORD_SHIFT;
}

static inline __u32 shared_owner(__u64 header)
{
	return header >> SHARED_OWNER_SHIFT;
}

#define SHARED_BUSY		((__u64)KARENA_RECORD_BUSY << SHARED_WORD_SHIFT)
#define SHARED_DISCARD		((__u64)KARENA_RECORD_DISCARD << SHARED_WORD_SHIFT)
#define SHARED_FREE		(SHARED_BUSY | SHARED_DISCARD)

/* Any odd number whose bits look random. */
#define SHARED_MIX		0x9e3779b97f4a7c15ull

/* What a free unit at @position holds. */
static inline __u64 shared_mark(const struct shared_ring *r, __u64 position)
{
	return ((position >> r->shift) * SHARED_MIX ^ r->key) | SHARED_FREE;
}

static inline bool shared_is_free(__u64 unit)
{
	return (unit & SHARED_FREE) == SHARED_FREE;
}

static inline __u64 shared_size(const struct shared_ring *r)
{
	return r->mask + 1;
}

/* Whatever the position is, within the area. */
static inline shared_unit *shared_at(const struct shared_ring *r, __u64 position)
{
	return (void *)(r->data + (position & r->mask & -(__u64)SHARED_UNIT));
}

/* Bytes that a record of @length payload bytes takes. */
static inline __u64 shared_bytes(const struct shared_ring *r, __u32 length)
{
	return ((__u64)length + KARENA_RECORD_HEADER_BYTES + r->grain - 1) & -(__u64)r->grain;
}

static inline __u64 shared_header_bytes(const struct shared_ring *r, __u64 header)
{
	return shared_bytes(r, shared_word(header) & KARENA_RECORD_LEN_MASK);
}

/* Is @position at or behind @other? */
static inline bool shared_reached(__u64 position, __u64 other)
{
	return (__s64)(position - other) >= 0;
}

int shared_reserve_bytes(struct shared_ring *r, __u64 bytes, __u64 header, unsigned int steps,
			 shared_unit **unit);

/* So many units are there: a walk that does not begin anew needs no more steps. */
static inline unsigned int shared_steps(const struct shared_ring *r)
{
	return shared_size(r) / SHARED_UNIT + SHARED_STEPS;
}

/* A position is free if its mark is there: take @bytes from it. */
static inline bool shared_swap(struct shared_ring *r, __u64 position, __u64 bytes, __u64 header,
			       shared_unit **unit)
{
	__u64 mark = shared_mark(r, position);

	*unit = shared_at(r, position);
	shared_point("before the swap");
	/*
	 * Pairs with the barriers in shared_store_read(): the consumer has read what lay here
	 * before this producer writes. A full barrier, so that a walk that is late sees in
	 * shared_look_at() that it is passed, also by what is written behind the swap.
	 */
	if (!record_swap(*unit, &mark, header))
		return false;
	shared_point("reserved");
	/* Pairs with the acquire in shared_reserve(): who begins there has seen as much. */
	record_store_release(r->hint, position + bytes);
	shared_point("hint stored");
	return true;
}

/**
 * shared_reserve() - reserve a record
 * @r:		the ring
 * @length:	payload bytes, 1 or more
 * @owner:	of the record
 * @steps:	how many headers to look at, at most: shared_steps() or SHARED_STEPS
 * @unit:	out, the record's header; the payload lies behind it
 *
 * Takes no lock and waits for nobody. Clears the padding behind the payload.
 *
 * Return: 0; -EAGAIN if there is no space, or the steps did not suffice; -ENOSPC if it
 * can never fit; -EBADMSG if a member wrote over the ring's words or headers.
 */
static inline int shared_reserve(struct shared_ring *r, __u32 length, __u32 owner,
				 unsigned int steps, shared_unit **unit)
{
	__u64 header = shared_header(length | KARENA_RECORD_BUSY, owner);
	__u64 bytes = shared_bytes(r, length);
	/* Pairs with the release in shared_swap(). */
	__u64 position = record_load_acquire(r->hint) & -(__u64)r->grain;
	/* Pairs with the release in shared_set_limit(): marks are there below it. */
	__u64 limit = record_load_acquire(&r->limit);
	int ret;

	shared_point("hint loaded");
	/* A hint that was made up may lie so far back that anything fits. */
	if (__builtin_expect((__s64)(limit - position - bytes) < 0 || bytes > shared_size(r) ||
			     !shared_swap(r, position, bytes, header, unit), false)) {
		ret = shared_reserve_bytes(r, bytes, header, steps, unit);
		if (ret)
			return ret;
	}
	/* The last unit of the payload, which there is. */
	record_store(*unit + (length + KARENA_RECORD_HEADER_BYTES - 1) / SHARED_UNIT, 0);
	return 0;
}

/* Is this the header of an open record of @owner? What else lies there may be anything. */
static inline bool shared_is_open(__u64 header, __u32 owner)
{
	return (header & SHARED_FREE) == SHARED_BUSY && shared_owner(header) == owner;
}

/**
 * shared_finish() - finish a record, or a batch that shared_split() made
 * @r:		the ring
 * @unit:	the header of an open record of the caller
 * @header:	what it is to be: not BUSY
 *
 * Return: whether somebody waits for records: the kernel is to be told.
 */
static inline bool shared_finish(struct shared_ring *r, shared_unit *unit, __u64 header)
{
	shared_point("before the finish");
	/*
	 * Pairs with the acquire in shared_next(): a consumer that finds the record reads its
	 * payload. And with the full barrier between the kernel's store of armed and its
	 * look at the records: one of the two sees the other's store. The kernel side has
	 * that barrier in the function that arms.
	 */
	record_exchange(unit, header);
	shared_point("finished");
	return record_load_ordered(&r->armed->records);
}

static inline bool shared_submit(struct shared_ring *r, shared_unit *unit)
{
	return shared_finish(r, unit, record_load(unit) & ~SHARED_BUSY);
}

static inline bool shared_discard(struct shared_ring *r, shared_unit *unit)
{
	return shared_finish(r, unit, (record_load(unit) & ~SHARED_BUSY) | SHARED_DISCARD);
}

bool shared_submit_trimmed(struct shared_ring *r, shared_unit *unit, __u64 header, __u32 length);
void shared_split(struct shared_ring *r, shared_unit *unit, const __u32 *lengths,
		  unsigned int nr, bool open);

int shared_check_front(const struct shared_ring *r, const struct shared_reader *c, __u64 header);

/**
 * shared_next() - find the consumer's next record
 * @r:		the ring
 * @c:		@at moves over discarded records
 * @header:	out, of the record at @c->at; add shared_header_bytes() to that to pass it
 *
 * Return: 1; 0 if none is there; -EBADMSG if a member wrote over a header. A walk is
 * bounded by what the ring holds: what was passed is to be released before more is there.
 */
static inline int shared_next(const struct shared_ring *r, struct shared_reader *c,
			      __u64 *header)
{
	__u64 left = c->freed + shared_size(r) - c->at, word, bytes;

	/* In a full ring the oldest record lies behind the last. */
	while (left) {
		/* Pairs with the exchange in shared_finish(): the payload is there. */
		word = record_load_acquire(shared_at(r, c->at));
		bytes = shared_header_bytes(r, word);
		if (__builtin_expect(word & SHARED_BUSY || bytes > left, false))
			return shared_check_front(r, c, word);
		if (__builtin_expect(!(word & SHARED_DISCARD), true)) {
			*header = word;
			return 1;
		}
		c->at += bytes;
		left -= bytes;
	}
	return 0;
}

/* Handles a record. Returns whether the walk ends behind it. */
typedef bool (*shared_give_fn)(void *context, const void *payload, __u32 length);

/**
 * shared_give() - pass the consumer's next records to a function
 * @r:		the ring
 * @c:		@at moves over them, and over discarded records
 * @give:	is called with each; a constant
 * @context:	for @give
 *
 * The same as a loop over shared_next(), in half as many instructions: as the area is mapped
 * twice, the walk goes by addresses, and the compiler can inline @give.
 *
 * Return: 0; -EBADMSG if a member wrote over a header, behind those that were given out.
 */
static inline int shared_give(const struct shared_ring *r, struct shared_reader *c,
			      shared_give_fn give, void *context)
{
	__u64 left = c->freed + shared_size(r) - c->at, grain = r->grain, word, bytes;
	const char *first = (const char *)shared_at(r, c->at);
	const char *at = first, *end = first + left;
	bool stop = false;

	while (at != end && !stop) {
		/* Pairs with the exchange in shared_finish(): the payload is there. */
		word = record_load_acquire((const shared_unit *)(const void *)at);
		bytes = shared_word(word) & KARENA_RECORD_LEN_MASK;
		bytes = (bytes + KARENA_RECORD_HEADER_BYTES + grain - 1) & -grain;
		if (__builtin_expect(word & SHARED_BUSY || bytes > (__u64)(end - at), false)) {
			c->at += at - first;
			return shared_check_front(r, c, word);
		}
		if (__builtin_expect(!(word & SHARED_DISCARD), true))
			stop = give(context, at + KARENA_RECORD_HEADER_BYTES,
				    shared_word(word) & KARENA_RECORD_LEN_MASK);
		at += bytes;
	}
	c->at += at - first;
	return 0;
}

void shared_put_marks(const struct shared_ring *r, __u64 from, __u64 to);

/* Give back what lies below @to, which is not above what was stored as read. */
static inline void shared_give_back(struct shared_ring *r, struct shared_reader *c, __u64 to)
{
	shared_put_marks(r, c->freed, to);
	/* Pairs with the acquire of it in shared_load_limit(): all marks below are there. */
	record_store_release(&r->consumer->freed, to);
	c->freed = to;
	shared_point("freed stored");
}

/* Nothing below @c->at will come out again, whoever consumes next. */
static inline void shared_store_read(struct shared_ring *r, struct shared_reader *c)
{
	shared_point("before read is stored");
	/* Payload was read before. With the barrier below pairs with shared_swap(). */
	record_store_release(&r->consumer->read, c->at);
	c->read = c->at;
	shared_point("read stored");
	/* Pairs with the acquire in shared_look_at(): who sees a later mark sees this. */
	record_wmb();
}

/* Does somebody wait for the space that was given back? The kernel is to be told. */
static inline bool shared_space_is_wanted(const struct shared_ring *r)
{
	/*
	 * Pairs with the full barrier between the kernel's store of armed and its look at
	 * @freed: one of the two sees the other's store.
	 */
	record_mb();
	return record_load(&r->armed->space);
}

/**
 * shared_release() - give back the space of all records that the consumer has passed
 * @r:		the ring
 * @c:		the consumer
 *
 * Return: whether somebody waits for space: the kernel is to be told.
 */
static inline bool shared_release(struct shared_ring *r, struct shared_reader *c)
{
	if (c->freed == c->at)
		return false;
	shared_store_read(r, c);
	shared_give_back(r, c, c->at);
	return shared_space_is_wanted(r);
}

/**
 * struct shared_walk - a walk over records by a task other than the consumer
 * @position:	of the header to look at next
 * @limit:	no unit at or beyond it is looked at
 * @read:	what the consumer had read as the walk began
 */
struct shared_walk {
	__u64 position;
	__u64 limit;
	__u64 read;
};

/**
 * struct shared_fill - what lies between the consumer and the end of the chain
 * @walk:	where the count is; begin with zeroes
 * @begun:	the count goes on where it stopped
 * @bytes:	of all records, headers included
 * @records:	submitted ones
 * @ready:	the first record that is not discarded is there
 * @open:	an open record was met
 */
struct shared_fill {
	struct shared_walk walk;
	bool begun;
	bool ready;
	bool open;
	__u64 bytes;
	__u64 records;
};

typedef bool (*shared_gone_fn)(void *context, __u32 owner);

/**
 * struct shared_death - the walk for owners that are gone
 * @gone:	is asked about the owner of each open record
 * @context:	for @gone
 * @begun:	the walk goes on where it stopped
 * @position:	where
 * @end:	no record of theirs lies at or beyond it
 * @records:	how many were discarded
 * @bytes:	their payload
 */
struct shared_death {
	shared_gone_fn gone;
	void *context;
	bool begun;
	__u64 position;
	__u64 end;
	__u64 records;
	__u64 bytes;
};

int shared_init(struct shared_ring *r, __u64 size, __u32 grain);
void shared_create(struct shared_ring *r, __u64 position);
int shared_attach(struct shared_ring *r);
int shared_take_over(struct shared_ring *r, struct shared_reader *c);
int shared_count(const struct shared_ring *r, struct shared_fill *fill, unsigned int steps);
int shared_abandon(struct shared_ring *r, struct shared_death *death, unsigned int steps);

#endif /* KARENA_RECORD_SHARED_H */
