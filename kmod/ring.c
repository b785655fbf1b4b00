// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records into a ring, in any context.
 *
 * What a record costs is two locked operations: the lock to reserve it, the
 * exchange to end it. Space is looked at before anything is taken, against a
 * consumer position of the kernel's own. The one that the consumer writes is
 * read only when the ring looks full, hence its cache line stays with the
 * consumer; a ring that is full takes no lock.
 *
 * karena_ring_reserve(), _submit() and _output() try the short way first, see
 * ring_short.h. All that it leaves out goes by reserve_any().
 *
 * Tracepoints come when the lock was given back: a probe may produce, too.
 *
 * Kernel code of other modules calls the functions whose names begin with
 * karena_ as they are: there is nothing for an entry point to unpack.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/hardirq.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "compat.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_party.h"
#include "ring_short.h"
#include "trace.h"

/* More bytes are copied by a call. */
#define COPY_SHORT_BYTES	64

/* See ring_short.h. */
DEFINE_PER_CPU(unsigned int, ring_holds);

/**
 * ring_lock_try() - try to take a ring's lock for a caller that must not wait
 * @ring:	the ring
 * @flags:	interrupts as they were before ring_lock()
 *
 * Context: see ring_only_tries().
 * Return: whether the lock is the caller's; if not, interrupts are as they were.
 */
bool ring_lock_try(struct karena_ring *ring, unsigned long flags)
{
	if (raw_spin_trylock(&ring->lock)) {
		__release(&ring->lock);
		return true;
	}
	__this_cpu_dec(ring_holds);
	local_irq_restore(flags);
	return false;
}

/*
 * The ring looked full: look what the consumer has read since. Lets interrupts in
 * between, and other tasks if @may_sleep, unless the caller could not take the lock again.
 */
static noinline bool make_space(struct karena_ring *ring, u32 bytes, unsigned long *flags,
				bool may_sleep)
{
	struct records *r = &ring->records;
	bool more, fits;
	u64 limit;

	for (;;) {
		limit = r->limit;
		more = ring_accept(ring);
		ring_tell_space(ring);
		fits = record_fits(r, bytes);
		/* Where one that timed out is still open, the others give back nothing. */
		if (fits || !more || r->limit == limit)
			return fits;
		if (ring_only_tries())
			continue;
		ring_unlock(ring, *flags);
		if (may_sleep)
			cond_resched();
		ring_lock(ring, flags);
	}
}

/* Begins records one behind the other at the producer position, which it returns. */
static __always_inline u64 open_records(struct karena_ring *ring, struct ring_party *party,
					const u32 *lengths, unsigned int nr, bool slots)
{
	u32 owner = party ? party->id : RECORD_OWNER_KERNEL;
	/* A copy, which no store may change: see record.c. */
	struct records copy = ring->records;
	u64 first = copy.producer, position = first;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u32 length = lengths[i];

		record_begin(&copy, position, length, owner, slots);
		position += record_bytes(length);
	}
	record_publish(&ring->records, position);
	if (party)
		ring_party_opened(party, first, nr);
	ring->nr_records += nr;
	return first;
}

static noinline void trace_reserved(struct karena_ring *ring, u64 position, const u32 *lengths,
				    unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		trace_karena_ring_reserve(ring, position & ring->records.mask, lengths[i]);
		position += record_bytes(lengths[i]);
	}
}

/**
 * ring_try_reserve() - reserve records one behind the other, if there is space
 * @ring:	the ring
 * @party:	for whom; NULL: the kernel
 * @lengths:	payload bytes of each, checked by ring_check_length()
 * @nr:		how many; up to RING_STEPS
 * @bytes:	that they take together, not more than the ring's size
 * @position:	out, of the first
 *
 * Counts no loss: the caller may try again.
 *
 * Context: may sleep for a @party; for the kernel any, NMI included.
 * Return: 0; -EAGAIN: no space just now; -EBUSY: the lock was not to be had, see
 * ring_lock().
 */
int ring_try_reserve(struct karena_ring *ring, struct ring_party *party, const u32 *lengths,
		     unsigned int nr, u32 bytes, u64 *position)
{
	struct records *r = &ring->records;
	unsigned long flags;

	if (record_full(r, &ring->consumer_page->position, bytes))
		return -EAGAIN;
	if (!ring_lock(ring, &flags))
		return -EBUSY;
	if (!record_fits(r, bytes) && !make_space(ring, bytes, &flags, party)) {
		ring_unlock(ring, flags);
		return -EAGAIN;
	}
	if (ring_in_place(ring))
		*position = open_records(ring, party, lengths, nr, true);
	else
		*position = open_records(ring, party, lengths, nr, false);
	ring_unlock(ring, flags);
	if (trace_karena_ring_reserve_enabled())
		trace_reserved(ring, *position, lengths, nr);
	return 0;
}

/* As if each had been reserved and submitted by itself. */
static noinline void trace_put(struct karena_ring *ring, u64 position, const void *from,
			       u32 bytes)
{
	const struct karena_record_header *header;
	u32 at, offset;

	for (at = 0; at < bytes; at += record_bytes(header->word)) {
		header = from + at;
		offset = (position + at) & ring->records.mask;
		trace_karena_ring_reserve(ring, offset, header->word);
		trace_karena_ring_finish(ring, offset, header->word);
	}
}

/**
 * ring_put() - send records that are laid out one behind the other
 * @ring:	the ring
 * @batch:	what to send; out, what was sent: as much as there is space for, from the
 *		first record on
 *
 * The caller wakes waiters by ring_tell(), for which this ends in a full barrier.
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN: not everything was sent.
 */
int ring_put(struct karena_ring *ring, struct ring_batch *batch)
{
	struct records *r = &ring->records;
	const struct karena_record_header *first = batch->from;
	u32 bytes = batch->bytes;
	unsigned long flags;
	u64 position;

	if (record_full(r, &ring->consumer_page->position, record_bytes(first->word))) {
		batch->bytes = 0;
		batch->nr = 0;
		return -EAGAIN;
	}
	ring_lock(ring, &flags);
	if (!record_fits(r, bytes) && !make_space(ring, bytes, &flags, true))
		batch->bytes = record_check_batch(batch->from, r->limit - r->producer,
						  &batch->nr);
	position = r->producer;
	if (batch->bytes)
		record_put(r, batch->from, batch->bytes);
	ring->nr_records += batch->nr;
	ring_unlock(ring, flags);

	ring_count_submitted(ring, batch->nr);
	/* The records are there before the look at @armed. Pairs with ring_arm(). */
	smp_mb();
	if (trace_karena_ring_reserve_enabled() || trace_karena_ring_finish_enabled())
		trace_put(ring, position, batch->from, batch->bytes);
	return batch->bytes < bytes ? -EAGAIN : 0;
}
EXPORT_SYMBOL_IF_KUNIT(ring_put);

/* Of whatever length, on any ring, in any context, for anybody. */
static noinline int reserve_any(struct karena_ring *ring, size_t length,
				struct ring_party *party, u64 *position)
{
	u32 one = length;
	int err;

	err = ring_check_length(ring, length);
	if (err)
		return err;
	err = ring_try_reserve(ring, party, &one, 1, record_bytes(one), position);
	if (err == -EAGAIN)
		return ring_refuse_full(ring, length);
	if (err == -EBUSY)
		return ring_refuse_busy(ring, length);
	return err;
}

static noinline void *reserve_slowly(struct karena_ring *ring, size_t length)
{
	u64 position;
	int err;

	err = reserve_any(ring, length, NULL, &position);
	return err ? ERR_PTR(err) : record_header(&ring->records, position) + 1;
}

static noinline void *reserve_traced(struct karena_ring *ring,
				     struct karena_record_header *header)
{
	trace_karena_ring_reserve(ring, record_offset(&ring->records, header),
				  header->word & KARENA_RECORD_LEN_MASK);
	return header + 1;
}

/* Without the lock there was no space below that limit. */
static noinline void *reserve_from_full(struct karena_ring *ring, size_t length, u64 limit)
{
	if (record_limit_holds(&ring->records, limit, &ring->consumer_page->position))
		return ERR_PTR(ring_refuse_full(ring, length));
	return reserve_slowly(ring, length);
}

void *karena_ring_reserve(struct karena_ring *ring, size_t length)
{
	struct karena_record_header *header;
	u64 limit;

	switch (ring_reserve_short(ring, length, &header, &limit)) {
	case RING_NO_SPACE:
		return reserve_from_full(ring, length, limit);
	case RING_LONG_WAY:
		return reserve_slowly(ring, length);
	case RING_RESERVED:
		break;
	}
	if (trace_karena_ring_reserve_enabled())
		return reserve_traced(ring, header);
	return header + 1;
}
EXPORT_SYMBOL_NS_GPL(karena_ring_reserve, KARENA_NS);

/**
 * ring_tell_traced() - tell of a record that has ended, also by its tracepoint
 * @ring:	the ring
 * @header:	the record's
 * @word:	that it was closed with
 * @flags:	as for karena_ring_submit()
 *
 * Context: any, NMI included.
 */
void ring_tell_traced(struct karena_ring *ring, const struct karena_record_header *header,
		      u32 word, u32 flags)
{
	trace_karena_ring_finish(ring, record_offset(&ring->records, header), word);
	ring_tell(ring, flags);
}

/* After they have ended: see ring_settled.c. */
static __always_inline void ring_count_ended(struct karena_ring *ring, unsigned int nr,
					     u32 discard)
{
	if (!discard)
		ring_count_submitted(ring, nr);
	else if (nr)
		atomic64_add(nr, &ring->nr_discarded);
}

/* Ends a record of whoever reserved it, on any ring. Returns its word, for the tracepoint. */
static noinline u32 end_any(struct karena_ring *ring, struct karena_record_header *header,
			    u32 discard)
{
	u32 word = record_close(&ring->records, header, discard, ring_in_place(ring));

	ring_count_ended(ring, 1, discard);
	return word;
}

static noinline void submit_in_place(struct karena_ring *ring,
				     struct karena_record_header *header, u32 flags)
{
	ring_tell_traced(ring, header, end_any(ring, header, 0), flags);
}

void karena_ring_submit(struct karena_ring *ring, void *payload, u32 flags)
{
	struct karena_record_header *header = payload - sizeof(*header);

	if (unlikely(!ring->quick_max))
		submit_in_place(ring, header, flags);
	else
		ring_submit_short(ring, header, header->word & ~KARENA_RECORD_BUSY, flags);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_submit, KARENA_NS);

int karena_ring_submit_trimmed(struct karena_ring *ring, void *payload, size_t length,
			       u32 flags)
{
	int err = -EINVAL;

	if (length <= ring->length_max)
		err = record_trim(&ring->records, payload - sizeof(struct karena_record_header),
				  length, ring_in_place(ring));
	if (err)
		return err;
	/* Before it ends: see ring_settled.c. */
	atomic64_inc(&ring->nr_trimmed);
	karena_ring_submit(ring, payload, flags);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_ring_submit_trimmed, KARENA_NS);

void karena_ring_discard(struct karena_ring *ring, void *payload, u32 flags)
{
	struct karena_record_header *header = payload - sizeof(*header);

	ring_tell_traced(ring, header, end_any(ring, header, KARENA_RECORD_DISCARD), flags);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_discard, KARENA_NS);

/* By calls: what the short way leaves out. */
static noinline int output_slowly(struct karena_ring *ring, const void *data, size_t length,
				  u32 flags)
{
	void *payload = karena_ring_reserve(ring, length);

	if (IS_ERR(payload))
		return PTR_ERR(payload);
	memcpy(payload, data, length);
	karena_ring_submit(ring, payload, flags);
	return 0;
}

int karena_ring_output(struct karena_ring *ring, const void *data, size_t length, u32 flags)
{
	if (length <= COPY_SHORT_BYTES && likely(ring_output_short(ring, data, length, flags)))
		return 0;
	return output_slowly(ring, data, length, flags);
}
EXPORT_SYMBOL_NS_GPL(karena_ring_output, KARENA_NS);

/**
 * ring_reserve_for() - reserve a record for a process
 * @ring:	IN_PLACE, or @party is its copier
 * @party:	the process and its open file, both in use by the caller; or the copier
 * @length:	payload bytes
 * @position:	out
 *
 * Context: may sleep.
 * Return: 0, or -errno as karena_ring_reserve().
 */
int ring_reserve_for(struct karena_ring *ring, struct ring_party *party, size_t length,
		     u64 *position)
{
	return reserve_any(ring, length, party, position);
}
EXPORT_SYMBOL_IF_KUNIT(ring_reserve_for);

/* Under the lock. Returns as ring_end_for(); 0: @word is that of the record, for tracing. */
static __always_inline int end_open(struct records *r, u32 owner, u64 position, u32 length,
				    u32 discard, bool slots, u32 *word)
{
	int err;

	err = record_find(r, position, owner, slots);
	if (!err && unlikely(length))
		err = record_trim(r, record_header(r, position), length, slots);
	if (!err)
		*word = record_close(r, record_header(r, position), discard, slots);
	return err;
}

static void trace_ended(struct karena_ring *ring, u64 position, u32 word)
{
	trace_karena_ring_finish(ring, position & ring->records.mask, word);
}

static u32 owner_of(const struct ring_party *party)
{
	return party ? party->id : RECORD_OWNER_NOBODY;
}

/**
 * ring_end_for() - end a record that a process reserved
 * @ring:	as for ring_reserve_for()
 * @party:	who asks; NULL: somebody who has reserved nothing here
 * @position:	any number
 * @length:	payload bytes to keep; 0: all
 * @discard:	0 or KARENA_RECORD_DISCARD
 * @flags:	as for karena_ring_submit()
 *
 * Under the lock, so that the record found is the one that is ended, although
 * two threads may come with one position.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if no open record is there, or a shorter one; -EPERM if it is
 * another's; -ESTALE if it was passed over, and has ended now.
 */
int ring_end_for(struct karena_ring *ring, struct ring_party *party, u64 position,
		 u32 length, u32 discard, u32 flags)
{
	unsigned long irq;
	u32 word = 0;
	int err;

	ring_lock(ring, &irq);
	err = end_open(&ring->records, owner_of(party), position, length, discard,
		       ring_in_place(ring), &word);
	if (err == -ESTALE)
		record_end_stuck(&ring->records, position);
	if (!err || err == -ESTALE)
		party->nr_open--;
	ring_unlock(ring, irq);

	if (!err) {
		ring_count_ended(ring, 1, discard);
		trace_ended(ring, position, word);
		ring_tell(ring, flags);
	}
	if (err == -ESTALE)
		ring_stuck_look(ring);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ring_end_for);

/* Under the lock. Its word stays in @entry, for tracing. Returns as ring_end_for(). */
static noinline int end_entry(struct karena_ring *ring, u32 owner,
			      struct karena_ring_finish_entry *entry)
{
	if (entry->flags & ~KARENA_RING_ENTRY_DISCARD || (entry->flags && entry->length))
		return -EINVAL;
	return end_open(&ring->records, owner, entry->position, entry->length,
			entry->flags ? KARENA_RECORD_DISCARD : 0, true, &entry->length);
}

/* The same for a record that is submitted whole, as most are. */
static __always_inline int end_whole(struct records *r, u32 owner,
				     struct karena_ring_finish_entry *entry)
{
	struct karena_record_header *header = record_header(r, entry->position);
	int err;

	err = record_find(r, entry->position, owner, true);
	if (err)
		return err;
	/* Of a trimmed record record_find() does not find the owner, so readers see its word. */
	entry->length = READ_ONCE(record_slot(r, header, true)->word) & ~KARENA_RECORD_BUSY;
	record_close_as(r, header, entry->length, true);
	return 0;
}

/**
 * ring_end_batch() - end records that a process reserved, up to the first that cannot be
 * @ring:	IN_PLACE
 * @party:	as for ring_end_for()
 * @entries:	how to end which; overwritten
 * @nr:		how many at most, up to RING_STEPS; out, how many were ended
 *
 * In one hold of the lock. The caller wakes waiters by ring_tell(). One that was passed
 * over stays open: -ESTALE is told by ring_end_for(), when it is the first.
 *
 * Context: may sleep.
 * Return: 0 if all were ended; else as ring_end_for() for the first that was not.
 */
int ring_end_batch(struct karena_ring *ring, struct ring_party *party,
		   struct karena_ring_finish_entry *entries, unsigned int *nr)
{
	unsigned int most = *nr, nr_discarded = 0, i;
	struct karena_ring_finish_entry *entry;
	u32 owner = owner_of(party);
	struct records copy;
	unsigned long irq;
	int err = 0;

	ring_lock(ring, &irq);
	/* A copy, which no store may change: see record.c. */
	copy = ring->records;
	for (i = 0; i < most; i++) {
		entry = &entries[i];
		if (likely(!entry->flags && !entry->length)) {
			err = end_whole(&copy, owner, entry);
		} else {
			err = end_entry(ring, owner, entry);
			nr_discarded += !err && entry->flags;
		}
		if (err)
			break;
	}
	*nr = i;
	if (party)
		party->nr_open -= i;
	ring_unlock(ring, irq);

	ring_count_ended(ring, *nr - nr_discarded, 0);
	ring_count_ended(ring, nr_discarded, KARENA_RECORD_DISCARD);
	if (trace_karena_ring_finish_enabled()) {
		for (i = 0; i < *nr; i++)
			trace_ended(ring, entries[i].position, entries[i].length);
	}
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ring_end_batch);

/* A walk over what parties that are gone have left open, and what it came to. */
struct abandoning {
	struct karena_ring *ring;
	u64 position;
	unsigned int nr;
	u64 bytes;
};

/* 0 if it was lost before. */
static u32 lost_at(struct karena_ring *ring, u64 position)
{
	struct records *r = &ring->records;
	const struct record_slot *slot = record_slot(r, record_header(r, position), true);
	u32 word = READ_ONCE(slot->word);

	return word & KARENA_RECORD_DISCARD ? 0 : word & KARENA_RECORD_LEN_MASK;
}

/* Each record that a party which goes has left open is met once, and counted off. */
static bool party_is_gone(void *context, u32 owner)
{
	struct abandoning *walk = context;
	struct karena_ring *ring = walk->ring;
	struct ring_party *party;
	bool gone;

	lockdep_assert_held(&ring->lock);
	rcu_read_lock();
	party = xa_load(&ring->party_ids, owner);
	gone = party && READ_ONCE(party->gone);
	if (gone) {
		party->nr_open--;
		walk->bytes += lost_at(ring, walk->position);
	}
	rcu_read_unlock();
	return gone;
}

/**
 * ring_abandon() - discard what a party that is gone has left open
 * @ring:	the ring
 * @party:	@party->gone: makes no call any more
 *
 * On the way it discards what others that are gone have left, so that many that go
 * together take no more than one walk over the ring.
 *
 * Context: may sleep.
 */
void ring_abandon(struct karena_ring *ring, struct ring_party *party)
{
	struct records *r = &ring->records;
	struct abandoning walk = { .ring = ring, .position = party->first_open };
	unsigned long flags;
	bool more;

	if (!party->nr_open)
		return;
	do {
		ring_lock(ring, &flags);
		walk.nr += record_abandon(r, party_is_gone, &walk, &walk.position, RING_STEPS);
		more = party->nr_open && walk.position != r->producer;
		ring_unlock(ring, flags);
		cond_resched();
	} while (more);

	WARN_ON_ONCE(party->nr_open);
	atomic64_add(walk.nr, &ring->nr_discarded);
	ring_lost_dead(ring, walk.nr, walk.bytes);
	ring_tell_many(ring, 0, walk.nr);
	ring_stuck_look(ring);
	ring_flush_held(ring);
}
EXPORT_SYMBOL_IF_KUNIT(ring_abandon);
