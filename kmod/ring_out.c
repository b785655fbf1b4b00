// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records out of a ring, and looks at it. Who may read, the callers see to.
 */
#include <linux/export.h>
#include <linux/sched.h>

#include "compat.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_short.h"
#include "trace.h"

/* Returns whether the first of them is there. */
static bool look_at_unread(struct karena_ring *ring)
{
	ring_note_unread(ring);
	/* Mostly it is not if it is open, and then the ring is not settled. */
	if (!record_there(record_front(&ring->records)))
		return false;
	ring_note_settled(ring);
	return true;
}

/**
 * ring_look() - a ring at one moment
 * @ring:	the ring
 * @view:	out
 *
 * Accepts first what the consumer says it has read, all of it.
 *
 * Context: may sleep, but is no reason to wake up.
 */
void ring_look(struct karena_ring *ring, struct ring_view *view)
{
	const struct records *r = &ring->records;
	u64 watch, payload = 0;
	unsigned long flags;
	unsigned int nr;
	bool more;

	view->ended = ring_has_ended(ring);
	do {
		ring_lock(ring, &flags);
		more = ring_accept(ring);
		view->consumer = record_consumer(r);
		view->producer = r->producer;
		view->space = r->limit - r->producer;
		view->nr_records = ring->nr_records;
		view->nr_read = r->nr_read;
		view->there = ring_view_available(view) && look_at_unread(ring);
		nr = more ? 0 : ring_stuck_pass(ring, &payload);
		more |= nr;
		watch = more ? 0 : ring_stuck_watch(ring);
		ring_unlock(ring, flags);
		ring_stuck_passed(ring, nr, payload);
		cond_resched();
	} while (more);
	if (watch)
		ring_stuck_start(ring, watch);
	ring_tell_space(ring);
}
EXPORT_SYMBOL_IF_KUNIT(ring_look);

/**
 * ring_count() - count the records that wait to be read
 * @ring:	the ring
 * @tally:	in: zeroes, or what came of an earlier call; out: the count, which goes
 *		on where that ended if the consumer has not moved since
 * @enough:	it need not count further
 *
 * Accepts first what the consumer says it has read: it may have read what an earlier look
 * has found.
 *
 * Context: may sleep, but is no reason to wake up.
 */
void ring_count(struct karena_ring *ring, struct ring_tally *tally, u64 enough)
{
	const struct records *r = &ring->records;
	unsigned long flags;
	bool more;

	do {
		ring_lock(ring, &flags);
		more = ring_accept(ring);
		if (tally->from != record_consumer(r)) {
			tally->from = record_consumer(r);
			tally->to = tally->from;
			tally->nr = 0;
		}
		tally->nr += record_count(r, &tally->to, RING_STEPS);
		more |= tally->to != r->producer && tally->nr < enough;
		ring_unlock(ring, flags);
		cond_resched();
	} while (more);
	ring_tell_space(ring);
}
EXPORT_SYMBOL_IF_KUNIT(ring_count);

/* The kernel has read up to the consumer position: let the consumer see it too. */
static void publish_consumer(struct karena_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	/* Pairs with the acquire of whoever maps the page to look. */
	smp_store_release(&ring->consumer_page->position, record_consumer(&ring->records));
}

/* By the counts, or by a walk. */
static u64 ring_run(struct karena_ring *ring, u64 space, unsigned int *nr)
{
	return ring_run_settled(ring, space, nr) ?: record_run(&ring->records, space, nr);
}

/**
 * ring_read_begin() - what is to be read next?
 * @ring:	the ring
 * @space:	bytes that the reader has
 * @steps:	how many records at most, up to RING_STEPS
 * @run:	out
 *
 * Passes over discarded records.
 *
 * Context: may sleep; under ring->read_lock.
 * Return: 0, also if nothing is there, which @run->bytes tells; -EMSGSIZE if the
 * first record does not fit into @space.
 */
int ring_read_begin(struct karena_ring *ring, size_t space, unsigned int steps,
		    struct ring_run *run)
{
	struct records *r = &ring->records;
	unsigned long flags;
	bool more, there;

	lockdep_assert_held(&ring->read_lock);
	do {
		ring_lock(ring, &flags);
		more = ring_accept(ring);
		run->word = record_front(r);
		/* Not where more is to be accepted: the consumer is ahead of that. */
		if (!more && record_discarded(run->word)) {
			record_skip(r, RING_STEPS);
			publish_consumer(ring);
			more = true;
		}
		there = !more && record_there(run->word);
		run->position = record_consumer(r);
		run->nr = steps;
		run->bytes = there ? ring_run(ring, space, &run->nr) : 0;
		run->last = run->position + run->bytes == r->producer;
		ring_unlock(ring, flags);
		cond_resched();
	} while (more);
	return there && !run->bytes ? -EMSGSIZE : 0;
}
EXPORT_SYMBOL_IF_KUNIT(ring_read_begin);

/**
 * ring_read_end() - a run was read
 * @ring:	the ring
 * @run:	from ring_read_begin()
 *
 * Context: may sleep; under ring->read_lock.
 * Return: false if it was not the reader's any more: the consumer has meanwhile
 * stored a position, and what was read is nothing to rely on.
 */
bool ring_read_end(struct karena_ring *ring, const struct ring_run *run)
{
	struct records *r = &ring->records;
	unsigned long flags;
	bool mine;

	lockdep_assert_held(&ring->read_lock);
	ring_lock(ring, &flags);
	mine = record_consumer(r) == run->position;
	if (mine) {
		record_advance(r, run->position + run->bytes, run->nr);
		ring_pass_settled(ring);
		publish_consumer(ring);
	}
	ring_unlock(ring, flags);
	return mine;
}
EXPORT_SYMBOL_IF_KUNIT(ring_read_end);

/*
 * Gives @fn the records of a run, one by one. Returns how many; @run is cut to
 * those, and *@stop is what @fn said to the last.
 */
static unsigned int drain_run(struct karena_ring *ring, struct ring_run *run,
			      karena_record_fn fn, void *context, int *stop)
{
	u64 position = run->position, end = run->position + run->bytes;
	const struct karena_record_header *header;
	u32 word = run->word;
	unsigned int nr = 0;

	while (position != end && !*stop) {
		header = record_header(&ring->records, position);
		/* Only where headers are the kernel's a run has more than one. */
		if (nr)
			word = header->word;
		*stop = fn(context, header + 1, word & KARENA_RECORD_LEN_MASK);
		position += ring_in_place(ring) ? run->bytes : record_word_bytes(word);
		nr++;
	}
	run->bytes = position - run->position;
	run->nr = nr;
	return nr;
}

/**
 * ring_drain() - give the records that are there to a function
 * @ring:	the ring; the caller is its consumer
 * @fn:		called in the records' order, with ring->read_lock held
 * @context:	for @fn
 * @max:	records at most
 *
 * Context: may sleep.
 * Return: how many; or what @fn returned, if that was negative.
 */
long ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		unsigned int max)
{
	unsigned int most = ring_in_place(ring) ? 1 : RING_STEPS;
	unsigned int count = 0;
	struct ring_run run;
	int stop = 0;

	mutex_lock(&ring->read_lock);
	while (count < max && !stop) {
		ring_read_begin(ring, SIZE_MAX, min(max - count, most), &run);
		if (!run.bytes)
			break;
		count += drain_run(ring, &run, fn, context, &stop);
		ring_read_end(ring, &run);
		trace_karena_ring_read(ring, run.position, run.bytes);
	}
	mutex_unlock(&ring->read_lock);
	ring_tell_space(ring);
	if (count < max && !stop)
		ring_stuck_look(ring);
	return stop < 0 ? (long)stop : (long)count;
}
EXPORT_SYMBOL_IF_KUNIT(ring_drain);

/*
 * The consumer's word, where it can be true; whether records end there nobody
 * looks.
 */
static u64 consumer_guess(const struct karena_ring *ring)
{
	u64 accepted = READ_ONCE(ring->records.consumer);
	u64 claim = READ_ONCE(ring->consumer_page->position);
	u64 producer = READ_ONCE(ring->records.producer);

	return claim - accepted <= producer - accepted ? claim : accepted;
}

static u64 available(const struct karena_ring *ring)
{
	u64 consumer = consumer_guess(ring);
	s64 bytes = READ_ONCE(ring->records.producer) - consumer;

	/* The two are not of one moment. */
	return clamp_t(s64, bytes, 0, ring->records.mask + 1);
}

u64 karena_ring_query(const struct karena_ring *ring, enum karena_ring_figure what)
{
	switch (what) {
	case KARENA_RING_AVAILABLE:
		return available(ring);
	case KARENA_RING_SIZE:
		return ring->records.mask + 1;
	case KARENA_RING_CONSUMER_POSITION:
		return consumer_guess(ring);
	case KARENA_RING_PRODUCER_POSITION:
		return READ_ONCE(ring->records.producer);
	case KARENA_RING_LOST:
		return ring_lost(ring);
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(karena_ring_query, KARENA_NS);
