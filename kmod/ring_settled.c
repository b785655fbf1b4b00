// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring is settled when no record in it is open. What lies below the producer position is
 * then known from the counts of records reserved, submitted and discarded, without a walk,
 * and stays known when more are reserved behind it: that is a border with no open record
 * below it, and so many below it were submitted. A consumer that comes up to it is given
 * what it claims, and if there are no gaps, who reads gets it as one run.
 *
 * A gap is what readers pass over: a discarded record, or what was cut off from one that
 * was trimmed. Both are counted, the latter before the record ends: whoever finds that
 * all ended finds all gaps counted. Records are counted once they have ended, by
 * ring_submit_short(), end_any() and ring_abandon(); those that are stuck before, by the
 * timer of ring_stuck.c, so a ring that has some is not settled.
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "compat.h"
#include "ring.h"

/*
 * What is counted per CPU lies on a cache line of each CPU, written by those that produce.
 * Fewer unread bytes than these, for each, are sooner walked over.
 */
#define BYTES_PER_CPU	512

/**
 * ring_nr_submitted() - records submitted since create
 * @ring:	the ring
 *
 * Context: any.
 * Return: how many.
 */
u64 ring_nr_submitted(const struct karena_ring *ring)
{
	unsigned int cpu;
	u64 sum = 0;

	/* Without a call for each, as for_each_possible_cpu() has. */
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (!cpu_possible(cpu))
			continue;
		/* Pairs with record_end(): of those that are counted all is there. */
		sum += smp_load_acquire(&per_cpu_ptr(ring->submitted, cpu)->counter);
	}
	return sum;
}

/**
 * ring_all_ended() - is no record open?
 * @ring:	the ring
 * @submitted:	from ring_nr_submitted(), just now
 *
 * A record is counted after it ended, but one that is passed over as stuck while it is
 * open. Who was restricted while it had a record open cannot submit that; it is discarded
 * when its owner goes.
 *
 * Context: any.
 */
bool ring_all_ended(const struct karena_ring *ring, u64 submitted)
{
	return READ_ONCE(ring->nr_records) ==
	       submitted + atomic64_read_acquire(&ring->nr_discarded);
}

/**
 * ring_note_settled() - look whether a ring is settled
 * @ring:	the ring
 *
 * Context: any; under ring->lock.
 * Return: whether it is; it may be if false.
 */
bool ring_note_settled(struct karena_ring *ring)
{
	const struct records *r = &ring->records;
	struct ring_settled *settled = &ring->settled;
	u64 submitted;

	lockdep_assert_held(&ring->lock);
	if (settled->position == r->producer)
		return true;
	/* Nor is the lock held for more CPUs than records are walked over. */
	if (nr_cpu_ids > RING_STEPS ||
	    r->producer - record_consumer(r) < (u64)BYTES_PER_CPU * nr_cpu_ids)
		return false;
	submitted = ring_nr_submitted(ring);
	if (!ring_all_ended(ring, submitted) || r->nr_stuck)
		return false;
	settled->position = r->producer;
	settled->submitted = submitted;
	settled->gaps = ring->nr_records - submitted + atomic64_read(&ring->nr_trimmed);
	return true;
}

/**
 * ring_pass_settled() - the consumer position has moved
 * @ring:	the ring
 *
 * Context: any; under ring->lock.
 */
void ring_pass_settled(struct karena_ring *ring)
{
	struct ring_settled *settled = &ring->settled;

	lockdep_assert_held(&ring->lock);
	if (record_consumer(&ring->records) == settled->position)
		settled->passed = settled->gaps;
}

/**
 * ring_run_settled() - how much can be read in one piece, if that is all
 * @ring:	the ring
 * @space:	bytes that the reader has for it
 * @nr:		in: how many records at most; out: how many
 *
 * Context: any; under ring->lock.
 * Return: as record_run(); 0: it is not all, or whether it is takes a walk, and @nr is as
 * it was.
 */
u64 ring_run_settled(struct karena_ring *ring, u64 space, unsigned int *nr)
{
	const struct ring_settled *settled = &ring->settled;
	const struct records *r = &ring->records;
	u64 bytes = r->producer - record_consumer(r), unread;

	/* In place each record is a run for itself. */
	if (bytes > space || ring_in_place(ring) || !ring_note_settled(ring))
		return 0;
	unread = settled->submitted - r->nr_read;
	if (settled->gaps != settled->passed || unread > *nr)
		return 0;
	*nr = unread;
	return bytes;
}
