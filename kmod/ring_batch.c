// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of the table on many records at once.
 *
 * Each but the reservation is the operation on one record done again and again, with
 * one wake-up at its end, and stops at the first that fails: what came before stays
 * done, and is the number that is returned. Reserving is all or nothing, in one hold
 * of the ring's lock, so that one position tells all.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "call.h"
#include "ring.h"
#include "ring_party.h"
#include "ring_short.h"

/* Entries that are copied in, and ended, at a time. */
#define ENTRIES		16

/* Records to be copied. The first may wait for room. */
struct sending {
	struct ring_attempt attempt;
	struct karena_ring *ring;
	struct iov_iter *from;
	u32 flags;
};

/*
 * Sends the record that comes next, whose header precedes it. Of its padding so much is
 * passed over as there is.
 */
static ssize_t output_next(struct karena_ring *ring, struct iov_iter *from, u32 flags,
			   struct ring_attempt *attempt)
{
	struct karena_record_header header;
	size_t left, padding;
	ssize_t ret;

	if (iov_iter_count(from) < sizeof(header))
		return -EINVAL;
	if (!copy_from_iter_full(&header, sizeof(header), from))
		return -EFAULT;
	left = iov_iter_count(from);
	if (header.__reserved || !header.word || header.word > left)
		return -EINVAL;
	iov_iter_truncate(from, header.word);
	ret = ring_output(ring, from, flags | KARENA_RING_NO_WAKEUP);
	iov_iter_reexpand(from, left - (header.word - iov_iter_count(from)));
	if (ret == -EAGAIN) {
		attempt->bytes = record_bytes(header.word);
		attempt->payload = header.word;
		iov_iter_revert(from, sizeof(header));
	}
	if (ret < 0)
		return ret;
	padding = record_bytes(header.word) - sizeof(header) - header.word;
	iov_iter_advance(from, min(padding, iov_iter_count(from)));
	return 0;
}

/* The first that there is no room for waits, is a loss of the attempt's, or of its own. */
static long output_all(struct ring_attempt *attempt)
{
	struct sending *s = container_of(attempt, struct sending, attempt);
	u32 flags = KARENA_RING_WAIT_SPACE;
	long nr = 0;
	ssize_t ret;

	do {
		ret = output_next(s->ring, s->from, flags, attempt);
		if (ret)
			break;
		flags = 0;
		nr++;
		cond_resched();
	} while (iov_iter_count(s->from) && !fatal_signal_pending(current));
	if (nr)
		ring_tell_many(s->ring, s->flags & RING_FINISH_FLAGS, nr);
	return nr ?: ret;
}

/**
 * ring_op_output_batch() - KARENA_IOC_RING_OUTPUT_BATCH
 * @call:	on a ring's fd, with the records
 * @argp:	struct karena_ring_output_batch
 *
 * Context: may sleep.
 * Return: records sent, or -errno if none.
 */
long ring_op_output_batch(struct karena_call *call, void *argp)
{
	const struct karena_ring_output_batch *args = argp;
	struct sending sending = {
		.attempt = { .run = output_all, .nr = 1 },
		.ring = to_ring(call->object),
		.from = call->payload,
		.flags = args->flags,
	};

	if (!ring_wakeup_valid(args->flags) || args->__reserved ||
	    !ring_timeout_valid(args->flags, args->timeout_us))
		return -EINVAL;
	return ring_attempt(sending.ring, call, &sending.attempt, args->flags, args->timeout_us);
}

/* The lengths of a batch, and what they come to. */
struct batch {
	u32 lengths[KARENA_RING_BATCH_MAX];
	unsigned int nr;
	u64 payload;
	u64 bytes;
};

static int get_lengths(struct batch *batch, u64 bytes, struct iov_iter *from)
{
	if (!bytes || bytes % sizeof(u32) || bytes > sizeof(batch->lengths))
		return -EINVAL;
	batch->nr = bytes / sizeof(u32);
	return copy_from_iter_full(batch->lengths, bytes, from) ? 0 : -EFAULT;
}

/* A batch that can never fit is one loss; so is a record of it that cannot. */
static int measure(struct karena_ring *ring, struct batch *batch)
{
	unsigned int i;
	int err;

	batch->payload = 0;
	batch->bytes = 0;
	for (i = 0; i < batch->nr; i++) {
		err = ring_check_length(ring, batch->lengths[i]);
		if (err)
			return err;
		batch->payload += batch->lengths[i];
		batch->bytes += record_bytes(batch->lengths[i]);
	}
	return ring_check_length(ring, batch->bytes - KARENA_RECORD_HEADER_BYTES);
}

/**
 * ring_op_reserve_batch() - KARENA_IOC_RING_RESERVE_BATCH
 * @call:	on a ring's fd, with the lengths
 * @argp:	struct karena_ring_reserve_batch
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_reserve_batch(struct karena_call *call, void *argp)
{
	struct karena_ring *ring = to_ring(call->object);
	struct karena_ring_reserve_batch *args = argp;
	struct batch batch;
	struct ring_reserving reserving = {
		.ring = ring,
		.lengths = batch.lengths,
		.position = &args->out_position,
	};
	long ret;

	if (args->__reserved || !ring_timeout_valid(args->flags, args->timeout_us))
		return -EINVAL;
	reserving.party = ring_producer(ring, call);
	if (IS_ERR(reserving.party))
		return PTR_ERR(reserving.party);
	ret = get_lengths(&batch, args->buffer_bytes, call->payload);
	if (!ret)
		ret = measure(ring, &batch);
	if (ret)
		return ret;
	reserving.attempt.nr = batch.nr;
	reserving.attempt.bytes = batch.bytes;
	reserving.attempt.payload = batch.payload;
	ret = ring_reserve_waiting(&reserving, call, args->flags, args->timeout_us);
	if (ret)
		return ret;
	args->out_offset = ring_payload_offset(ring, args->out_position);
	return 0;
}

static int commit_one(struct karena_ring *ring, struct ring_party *party,
		      const struct karena_ring_finish_entry *entry, bool first)
{
	u32 discard = 0;

	if (entry->flags & ~KARENA_RING_ENTRY_DISCARD)
		return -EINVAL;
	if (entry->flags & KARENA_RING_ENTRY_DISCARD) {
		if (entry->length)
			return -EINVAL;
		discard = KARENA_RECORD_DISCARD;
	}
	return ring_end_for(ring, party, entry->position, entry->length, discard,
			    KARENA_RING_NO_WAKEUP, first);
}

/* Returns how many; *@last is what the last one gave, 0 if all were ended. */
static long commit_some(struct karena_ring *ring, struct ring_party *party,
			struct iov_iter *from, bool first, int *last)
{
	struct karena_ring_finish_entry entries[ENTRIES];
	size_t bytes = min(iov_iter_count(from), sizeof(entries));
	unsigned int nr = bytes / sizeof(entries[0]), i;

	*last = copy_from_iter_full(entries, bytes, from) ? 0 : -EFAULT;
	if (*last)
		return 0;
	for (i = 0; i < nr; i++) {
		*last = commit_one(ring, party, &entries[i], first && !i);
		if (*last)
			break;
	}
	return i;
}

/**
 * ring_op_finish_batch() - KARENA_IOC_RING_FINISH_BATCH
 * @call:	on a ring's fd, with the entries
 * @argp:	struct karena_ring_finish_batch
 *
 * Context: may sleep.
 * Return: reservations ended, or -errno if none.
 */
long ring_op_finish_batch(struct karena_call *call, void *argp)
{
	const struct karena_ring_finish_batch *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	struct ring_party *party;
	int last = 0;
	long nr = 0;

	if (!ring_wakeup_valid(args->flags) || !ring_in_place(ring))
		return -EINVAL;
	if (!args->buffer_bytes ||
	    args->buffer_bytes % sizeof(struct karena_ring_finish_entry))
		return -EINVAL;
	party = ring_party_find(ring, call->file);
	do {
		nr += commit_some(ring, party, call->payload, !nr, &last);
		cond_resched();
	} while (!last && iov_iter_count(call->payload) && !fatal_signal_pending(current));
	if (nr)
		ring_tell_many(ring, args->flags, nr);
	return nr ?: last;
}
