// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core of shared rings: what is not inline, and all walks. Each walk looks at a given
 * number of headers at most, as a member may write over them while it runs.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#endif

#include "record_shared.h"

/* How often the consumer's two words are loaded, if they change meanwhile. */
#ifndef LOADS_MAX
#define LOADS_MAX	64
#endif

/**
 * shared_init() - check and note the fixed numbers of a ring
 * @r:		with its pointers and its key
 * @size:	of the data area, from a header page
 * @grain:	likewise
 *
 * Return: 0; -EINVAL if they are none that a ring can have.
 */
int shared_init(struct shared_ring *r, __u64 size, __u32 grain)
{
	if (size < SHARED_GRAIN_MAX || size > KARENA_RECORD_LEN_MASK + 1ull || size & (size - 1) ||
	    grain < SHARED_GRAIN_MIN || grain > SHARED_GRAIN_MAX || grain & (grain - 1))
		return -EINVAL;
	r->mask = size - 1;
	r->shift = __builtin_ctzll(size);
	r->grain = grain;
	return 0;
}

static inline void shared_put_mark(char *unit, __u64 mark)
{
	record_store((shared_unit *)(void *)unit, mark);
	shared_point("mark stored");
}

/**
 * shared_put_marks() - write the marks of the next lap
 * @r:		the ring
 * @from:	where units are consumed, and nobody can reserve
 * @to:		likewise, @size behind it at most
 */
void shared_put_marks(const struct shared_ring *r, __u64 from, __u64 to)
{
	__u64 grain = r->grain, left, mark;
	char *unit, *end;

	while (from != to) {
		left = shared_size(r) - (from & r->mask);
		if (left > to - from)
			left = to - from;
		mark = shared_mark(r, from + shared_size(r));
		unit = r->data + (from & r->mask);
		end = unit + left;
		for (; end - unit >= (long)(4 * grain); unit += 4 * grain) {
			shared_put_mark(unit, mark);
			shared_put_mark(unit + grain, mark);
			shared_put_mark(unit + 2 * grain, mark);
			shared_put_mark(unit + 3 * grain, mark);
		}
		for (; unit != end; unit += grain)
			shared_put_mark(unit, mark);
		from += left;
	}
}

/**
 * shared_create() - make an empty ring
 * @r:		set up by shared_init(), the words in place
 * @position:	where the chain begins; a multiple of the size
 *
 * The marks are left to the caller, who writes them from @position - size to @position by
 * shared_put_marks(), in steps.
 */
void shared_create(struct shared_ring *r, __u64 position)
{
	record_store(&r->consumer->read, position);
	record_store(&r->consumer->freed, position);
	record_store(r->hint, position);
	record_store(&r->armed->records, 0);
	record_store(&r->armed->space, 0);
	r->limit = position + shared_size(r);
}

/*
 * Pairs with the release in shared_give_back(): below freed + size all units that are not
 * records' hold their marks.
 */
static __u64 shared_load_limit(const struct shared_ring *r)
{
	return record_load_acquire(&r->consumer->freed) + shared_size(r);
}

/*
 * Loads the consumer's words, as they were at some moment, and begins a walk at @read. As
 * they are two loads, the consumer may have moved between them: only if @freed is the same
 * as before, what does not fit together is wrong.
 */
static int shared_begin(const struct shared_ring *r, struct shared_walk *w)
{
	unsigned int loads = LOADS_MAX;

	do {
		w->limit = shared_load_limit(r);
		shared_point("limit loaded");
		/*
		 * Pairs with the release in shared_store_read(): who sees the one word moved sees
		 * in the second load of the other how far that had moved before.
		 */
		w->read = record_load_acquire(&r->consumer->read);
		w->position = w->read;
		if (w->limit - w->read <= shared_size(r) &&
		    !((w->limit | w->read) & (r->grain - 1)))
			return 0;
		if (w->limit == shared_load_limit(r))
			return -EBADMSG;
	} while (--loads);
	return -EAGAIN;
}

/* Goes on at @position, where a record began, unless the consumer has passed it. */
static void shared_begin_at(const struct shared_ring *r, struct shared_walk *w, __u64 position)
{
	if (position - w->read <= w->limit - w->read && !(position & (r->grain - 1)))
		w->position = position;
}

/* Has the consumer passed the walk? Then what lies there may be anything. */
static bool shared_is_passed(const struct shared_ring *r, const struct shared_walk *w)
{
	return !shared_reached(w->position, record_load(&r->consumer->read));
}

/* A record that passes the limit was reserved since that was loaded, or is none. */
static int shared_extend(const struct shared_ring *r, struct shared_walk *w, __u64 bytes)
{
	__u64 limit = shared_load_limit(r);

	if (shared_is_passed(r, w) || limit - w->position > shared_size(r))
		return -EAGAIN;
	w->limit = limit;
	return bytes > limit - w->position ? -EBADMSG : 1;
}

/*
 * Looks at the unit of the walk, which is below its limit. Returns 1 if a record begins
 * there, 0 if it is free and the chain ends, -EAGAIN if the walk is to begin anew.
 */
static int shared_look_at(const struct shared_ring *r, struct shared_walk *w, __u64 *header)
{
	__u64 bytes;

	/* Pairs with shared_store_read(): @read is loaded after what may be a later mark. */
	*header = record_load_acquire(shared_at(r, w->position));
	shared_point("header loaded");
	if (shared_is_passed(r, w))
		return -EAGAIN;
	if (shared_is_free(*header))
		return *header == shared_mark(r, w->position) ? 0 : -EBADMSG;
	bytes = shared_header_bytes(r, *header);
	return bytes > w->limit - w->position ? shared_extend(r, w, bytes) : 1;
}

/* Any limit that was true once will do, so threads may overwrite each other's. */
static void shared_set_limit(struct shared_ring *r, __u64 limit)
{
	/* Pairs with the acquire in shared_reserve(). */
	record_store_release(&r->limit, limit);
}

/* Begins where the hint says, if it can be so, else at what is read. */
static int shared_begin_at_hint(struct shared_ring *r, struct shared_walk *w)
{
	/* Pairs with the release in shared_swap(): the words below are not older. */
	__u64 hint = record_load_acquire(r->hint);
	int ret = shared_begin(r, w);

	if (ret)
		return ret;
	shared_begin_at(r, w, hint);
	shared_set_limit(r, w->limit);
	return 0;
}

/**
 * shared_reserve_bytes() - reserve a record, by a walk to the end of the chain
 * @r:		the ring
 * @bytes:	in all, a multiple of the grain
 * @header:	header of a BUSY record that takes @bytes
 * @steps:	how many headers to look at, at most
 * @unit:	out, its header
 *
 * Return: as shared_reserve().
 */
int shared_reserve_bytes(struct shared_ring *r, __u64 bytes, __u64 header, unsigned int steps,
			 shared_unit **unit)
{
	struct shared_walk w;
	__u64 found;
	int ret;

	if (bytes > shared_size(r))
		return -ENOSPC;
	ret = shared_begin_at_hint(r, &w);
	for (; !ret && steps; steps--) {
		if (w.limit - w.position < bytes) {
			if (w.limit == shared_load_limit(r))
				return -EAGAIN;
			ret = shared_begin_at_hint(r, &w);
			continue;
		}
		ret = shared_look_at(r, &w, &found);
		if (ret == 1) {
			w.position += shared_header_bytes(r, found);
			ret = 0;
		} else if (ret == -EAGAIN) {
			ret = shared_begin_at_hint(r, &w);
		} else if (!ret && shared_swap(r, w.position, bytes, header, unit)) {
			return 0;
		}
	}
	return ret ? ret : -EAGAIN;
}

/* No byte of what the payload was is to show behind it. */
static void shared_clear_padding(shared_unit *unit, __u32 length)
{
	char *end = (char *)(unit + 1) + length;

	__builtin_memset(end, 0, -length & (SHARED_UNIT - 1));
}

/**
 * shared_submit_trimmed() - submit a record with fewer bytes than were reserved
 * @r:		the ring
 * @unit:	the header of an open record of the caller
 * @header:	as the caller has loaded and checked it
 * @length:	payload bytes that it is to have, 1 up to what was reserved
 *
 * What is cut off becomes a discarded record, perhaps without payload. Its header is
 * there before the chain leads to it: shared_finish() publishes both.
 *
 * Return: as shared_finish().
 */
bool shared_submit_trimmed(struct shared_ring *r, shared_unit *unit, __u64 header, __u32 length)
{
	__u64 bytes = shared_header_bytes(r, header), keep = shared_bytes(r, length);

	shared_clear_padding(unit, length);
	if (keep < bytes)
		record_store(unit + keep / SHARED_UNIT,
			     shared_header((bytes - keep - KARENA_RECORD_HEADER_BYTES) |
					   KARENA_RECORD_DISCARD, SHARED_OWNER_NOBODY));
	shared_point("rest written");
	return shared_finish(r, unit, shared_header(length, shared_owner(header)));
}

/**
 * shared_split() - make a batch of one open record
 * @r:		the ring
 * @unit:	its header; it takes as many bytes as the batch together
 * @lengths:	payload bytes of each record, 1 or more
 * @nr:		how many, 1 or more
 * @open:	each is to be filled and finished; else those behind the first are
 *		filled already, and shared_finish() of the first submits all
 *
 * The headers inside come first, so that at each moment the chain leads over all of the
 * batch, or over each record.
 */
void shared_split(struct shared_ring *r, shared_unit *unit, const __u32 *lengths,
		  unsigned int nr, bool open)
{
	__u32 owner = shared_owner(record_load(unit)), busy = open ? KARENA_RECORD_BUSY : 0;
	shared_unit *at = unit;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		shared_clear_padding(at, lengths[i]);
		if (i)
			record_store(at, shared_header(lengths[i] | busy, owner));
		shared_point("header inside written");
		at += shared_bytes(r, lengths[i]) / SHARED_UNIT;
	}
	/* Pairs with the acquire in shared_look_at(): who steps inside finds headers. */
	if (open)
		record_exchange(unit, shared_header(lengths[0] | KARENA_RECORD_BUSY, owner));
	shared_point("split");
}

/*
 * Why the consumer stops at a unit: 0 if it is free or an open record. It is the
 * consumer's own position, so nobody passes it.
 */
int shared_check_front(const struct shared_ring *r, const struct shared_reader *c, __u64 header)
{
	if (shared_is_free(header))
		return header == shared_mark(r, c->at) ? 0 : -EBADMSG;
	if (shared_header_bytes(r, header) > c->freed + shared_size(r) - c->at)
		return -EBADMSG;
	return 0;
}

/**
 * shared_attach() - begin to use a ring that is there
 * @r:		set up by shared_init()
 *
 * Return: 0; -EAGAIN or -EBADMSG as shared_reserve().
 */
int shared_attach(struct shared_ring *r)
{
	struct shared_walk w;
	int ret = shared_begin(r, &w);

	if (!ret)
		shared_set_limit(r, w.limit);
	return ret;
}

/**
 * shared_take_over() - become the consumer, after the last one has ended
 * @r:		the ring
 * @c:		out
 *
 * The next shared_release() gives back, again or for the first time, what the last one
 * has left between its two words. What it had taken and not released comes again.
 *
 * Return: 0; -EBADMSG if its words do not fit together.
 */
int shared_take_over(struct shared_ring *r, struct shared_reader *c)
{
	struct shared_walk w;
	int ret = shared_begin(r, &w);

	/* Nobody moves them now. */
	if (ret)
		return -EBADMSG;
	c->at = w.read;
	c->read = w.read;
	c->freed = w.limit - shared_size(r);
	return 0;
}

static int shared_count_begin(const struct shared_ring *r, struct shared_fill *fill)
{
	fill->begun = true;
	fill->ready = false;
	fill->open = false;
	fill->bytes = 0;
	fill->records = 0;
	return shared_begin(r, &fill->walk);
}

static void shared_count_one(struct shared_fill *fill, __u64 header, __u64 bytes)
{
	if (header & SHARED_BUSY) {
		fill->open = true;
	} else if (!(header & SHARED_DISCARD)) {
		fill->records++;
		fill->ready = fill->ready || !fill->open;
	}
	fill->bytes += bytes;
	fill->walk.position += bytes;
}

/**
 * shared_count() - count what is in the ring
 * @r:		the ring
 * @fill:	zeroes, or as the last call left it
 * @steps:	how many headers to look at, at most
 *
 * Walks from what is read to the end of the chain, never by the hint, which may be
 * behind. Begins anew if the consumer passes it.
 *
 * Return: 0; -EAGAIN if the steps did not suffice: call it again; -EBADMSG.
 */
int shared_count(const struct shared_ring *r, struct shared_fill *fill, unsigned int steps)
{
	struct shared_walk *w = &fill->walk;
	__u64 header;
	int ret = 0;

	if (!fill->begun || shared_is_passed(r, w))
		ret = shared_count_begin(r, fill);
	for (; !ret && steps; steps--) {
		if (w->position == w->limit) {
			w->limit = shared_load_limit(r);
			/* Full to the last byte, unless space was given back meanwhile. */
			if (w->limit - w->position > shared_size(r))
				ret = shared_count_begin(r, fill);
			else if (w->limit == w->position)
				break;
			continue;
		}
		ret = shared_look_at(r, w, &header);
		if (!ret)
			break;
		if (ret == -EAGAIN) {
			ret = shared_count_begin(r, fill);
		} else if (ret == 1) {
			shared_count_one(fill, header, shared_header_bytes(r, header));
			ret = 0;
		}
	}
	if (ret)
		fill->begun = false;
	return ret || steps ? ret : -EAGAIN;
}

/* Discards an open record if its owner is gone. Returns false if somebody was faster. */
static bool shared_discard_dead(struct shared_ring *r, struct shared_death *death,
				__u64 position, __u64 header)
{
	__u32 length = shared_word(header) & KARENA_RECORD_LEN_MASK;

	if (!(header & SHARED_BUSY) || !death->gone(death->context, shared_owner(header)))
		return true;
	shared_point("before a dead one's swap");
	/* Pairs with the acquire in shared_next(), as shared_finish() does. */
	if (!record_swap(shared_at(r, position), &header,
			 shared_header(length | KARENA_RECORD_DISCARD, shared_owner(header))))
		return false;
	death->records++;
	death->bytes += length;
	shared_point("dead one's swapped");
	return true;
}

static int shared_death_begin(const struct shared_ring *r, struct shared_death *death,
			      struct shared_walk *w)
{
	int ret = shared_begin(r, w);

	if (ret)
		return ret;
	if (!death->begun) {
		death->begun = true;
		death->position = w->read;
		death->end = w->limit;
	}
	shared_begin_at(r, w, death->position);
	return 0;
}

/**
 * shared_abandon() - discard the open records of owners that are gone
 * @r:		the ring
 * @death:	@gone and @context, else zeroes; or as the last call left it
 * @steps:	how many headers to look at, at most
 *
 * Call it after the owners are gone: all that they reserved lies below what was the limit
 * when the walk began. Afterwards always wake all waiters, as an owner may have died between
 * a finish and its look at armed. Until it returns 0, do not give the owners' numbers to
 * others; after -EBADMSG never do.
 *
 * Return: 0 if none of theirs is open any more; -EAGAIN if the steps did not suffice: call
 * it again; -EBADMSG if a member wrote over words or headers, so that some may be left.
 */
int shared_abandon(struct shared_ring *r, struct shared_death *death, unsigned int steps)
{
	struct shared_walk w;
	__u64 header;
	int ret = shared_death_begin(r, death, &w);

	for (; !ret && steps; steps--) {
		if (shared_reached(w.position, death->end))
			return 0;
		/* Limits never go back. */
		if (w.position == w.limit)
			return -EBADMSG;
		ret = shared_look_at(r, &w, &header);
		if (!ret)
			return 0;
		if (ret == -EAGAIN) {
			ret = shared_death_begin(r, death, &w);
		} else if (ret == 1) {
			if (shared_discard_dead(r, death, w.position, header))
				w.position += shared_header_bytes(r, header);
			death->position = w.position;
			ret = 0;
		}
	}
	return ret ? ret : -EAGAIN;
}
