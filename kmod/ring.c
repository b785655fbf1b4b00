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

/**
 * ring_check_length() - can a record of this length ever fit?
 * @ring:	the ring
 * @length:	payload bytes
 *
 * Context: any.
 * Return: 0, -EINVAL for none, or -ENOSPC for too many, which is counted.
 */
int ring_check_length(struct karena_ring *ring, u64 length)
{
	if (length - 1 < ring->length_max)
		return 0;
	return ring_refuse_length(ring, length);
}

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
static noinline bool make_room(struct karena_ring *ring, u32 bytes, unsigned long *flags,
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

static void open_for(struct karena_ring *ring, struct ring_party *party, u32 length)
{
	struct records *r = &ring->records;
	u64 position = r->producer;

	record_open(r, length, party ? party->id : RECORD_OWNER_KERNEL, ring_in_place(ring));
	if (party)
		ring_party_opened(party, position);
	ring->nr_records++;
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
 * ring_try_reserve() - reserve records one behind the other, if there is room
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
 * Return: 0; -EAGAIN: no room just now; -EBUSY: the lock was not to be had, see
 * ring_lock().
 */
int ring_try_reserve(struct karena_ring *ring, struct ring_party *party, const u32 *lengths,
		     unsigned int nr, u32 bytes, u64 *position)
{
	struct records *r = &ring->records;
	unsigned long flags;
	unsigned int i;

	if (record_full(r, &ring->consumer_page->position, bytes))
		return -EAGAIN;
	if (!ring_lock(ring, &flags))
		return -EBUSY;
	if (!record_fits(r, bytes) && !make_room(ring, bytes, &flags, party)) {
		ring_unlock(ring, flags);
		return -EAGAIN;
	}
	*position = r->producer;
	for (i = 0; i < nr; i++)
		open_for(ring, party, lengths[i]);
	ring_unlock(ring, flags);
	if (trace_karena_ring_reserve_enabled())
		trace_reserved(ring, *position, lengths, nr);
	return 0;
}

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

/* Without the lock there was no room below that limit. */
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
	case RING_NO_ROOM:
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

/* Ends a record of whoever reserved it, on any ring. Returns its word, for the tracepoint. */
static noinline u32 end_any(struct karena_ring *ring, struct karena_record_header *header,
			    u32 discard)
{
	u32 word = record_close(&ring->records, header, discard, ring_in_place(ring));

	if (discard)
		atomic64_inc(&ring->nr_discarded);
	else
		ring_count_submitted(ring);
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

/**
 * ring_end_for() - end a record that a process reserved
 * @ring:	as for ring_reserve_for()
 * @party:	who asks; NULL: somebody who has reserved nothing here
 * @position:	any number
 * @length:	payload bytes to keep; 0: all
 * @discard:	0 or KARENA_RECORD_DISCARD
 * @flags:	as for karena_ring_submit()
 * @first:	of those that the caller ends: it is told of no other one's -ESTALE
 *
 * Under the lock, so that the record found is the one that is ended, although
 * two threads may come with one position.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if no open record is there, or a shorter one; -EPERM if it is
 * another's; -ESTALE if it was passed over, and with @first has ended now.
 */
int ring_end_for(struct karena_ring *ring, struct ring_party *party, u64 position,
		 u32 length, u32 discard, u32 flags, bool first)
{
	struct records *r = &ring->records;
	u32 word = 0;
	unsigned long irq;
	int err;

	ring_lock(ring, &irq);
	err = record_find(r, position, party ? party->id : RECORD_OWNER_NOBODY);
	if (!err && length)
		err = record_trim(r, record_header(r, position), length, true);
	if (!err) {
		word = end_any(ring, record_header(r, position), discard);
		party->nr_open--;
	}
	if (err == -ESTALE && first) {
		record_end_stuck(r, position);
		party->nr_open--;
	}
	ring_unlock(ring, irq);

	if (!err)
		ring_tell_traced(ring, record_header(r, position), word, flags);
	if (err == -ESTALE)
		ring_stuck_look(ring);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ring_end_for);

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
