// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of the table on many records at once.
 *
 * A batch takes the ring's lock once for as many records as lie in one piece of the
 * caller's memory that is copied at a time, and wakes once, at its end. Reserving is all
 * or nothing. The others stop at the first record that fails: what came before stays
 * done, and is the number that is returned.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "call.h"
#include "compat.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_ops.h"
#include "ring_party.h"
#include "ring_short.h"

/* Bytes of records that are copied at a time, by way of the stack. */
#define CHUNK_BYTES	1024

/* Entries that are copied in, and ended, at a time. */
#define ENTRIES		32

/**
 * struct sending - records to be copied
 * @attempt:	the first may wait for space
 * @ring:	the ring
 * @from:	what is left of them
 * @flags:	of the call
 * @nr:		how many were sent
 */
struct sending {
	struct ring_attempt attempt;
	struct karena_ring *ring;
	struct iov_iter *from;
	u32 flags;
	long nr;
};

/* Returns -EAGAIN: no space for the record of @length that is next. */
static int no_space(struct sending *s, u32 length)
{
	s->attempt.bytes = record_bytes(length);
	s->attempt.payload = length;
	return -EAGAIN;
}

/*
 * Sends the next record by itself: it is long, or why it cannot be sent is to be told. Only
 * the first of a batch that can never fit is a loss. Of its padding as much is passed over
 * as there is.
 */
static int output_one(struct sending *s)
{
	struct iov_iter *from = s->from;
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
	if (s->nr && header.word > s->ring->length_max)
		return -ENOSPC;
	iov_iter_truncate(from, header.word);
	ret = ring_output(s->ring, from, KARENA_RING_NO_WAKEUP | KARENA_RING_WAIT_SPACE);
	iov_iter_reexpand(from, left - (header.word - iov_iter_count(from)));
	if (ret == -EAGAIN) {
		iov_iter_revert(from, sizeof(header));
		return no_space(s, header.word);
	}
	if (ret < 0)
		return ret;
	padding = record_bytes(header.word) - sizeof(header) - header.word;
	iov_iter_advance(from, min(padding, iov_iter_count(from)));
	s->nr++;
	return 0;
}

/*
 * Sends the records that lie whole in the next piece of memory. One that its end cuts off
 * is copied anew with the next piece, and what was copied of it before is not used.
 */
static int output_some(struct sending *s)
{
	u64 chunk[CHUNK_BYTES / sizeof(u64)] __uninitialized;
	struct ring_batch batch = { .from = chunk };
	size_t copied;
	int err;

	copied = copy_from_iter(chunk, min(iov_iter_count(s->from), sizeof(chunk)), s->from);
	batch.bytes = record_check_batch(chunk, copied, &batch.nr);
	if (!batch.nr) {
		iov_iter_revert(s->from, copied);
		return output_one(s);
	}
	err = ring_put(s->ring, &batch);
	s->nr += batch.nr;
	/* Padding that is missing was not copied. */
	if (copied > batch.bytes)
		iov_iter_revert(s->from, copied - batch.bytes);
	return err ? no_space(s, *(u32 *)((void *)chunk + batch.bytes)) : 0;
}

/* If there is space for some, the next is no loss: the caller begins with it again. */
static long output_all(struct ring_attempt *attempt)
{
	struct sending *s = container_of(attempt, struct sending, attempt);
	int err;

	do {
		err = output_some(s);
		cond_resched();
	} while (!err && iov_iter_count(s->from) && !fatal_signal_pending(current));
	if (!s->nr)
		return err;
	ring_tell_many(s->ring, s->flags & RING_FINISH_FLAGS, s->nr);
	if (err == -EAGAIN)
		ring_want_half(s->ring);
	return s->nr;
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
	u64 payload = 0, bytes = 0;
	unsigned int i;
	int err;

	for (i = 0; i < batch->nr; i++) {
		err = ring_check_length(ring, batch->lengths[i]);
		if (err)
			return err;
		payload += batch->lengths[i];
		bytes += record_bytes(batch->lengths[i]);
	}
	batch->payload = payload;
	batch->bytes = bytes;
	return ring_check_length(ring, bytes - KARENA_RECORD_HEADER_BYTES);
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
	struct batch batch __uninitialized;
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

/*
 * Returns how many; *@last is what the last one gave, 0 if all were ended. The first of the
 * call is finished by itself if it was passed over, to tell of that.
 */
static unsigned int finish_some(struct karena_ring *ring, struct ring_party *party,
				struct iov_iter *from, bool first, int *last)
{
	struct karena_ring_finish_entry entries[ENTRIES] __uninitialized;
	size_t bytes = min(iov_iter_count(from), sizeof(entries));
	unsigned int nr = bytes / sizeof(entries[0]);

	*last = -EFAULT;
	if (!copy_from_iter_full(entries, bytes, from))
		return 0;
	*last = ring_end_batch(ring, party, entries, &nr);
	if (*last == -ESTALE && first && !nr)
		*last = ring_end_for(ring, party, entries[0].position, entries[0].length,
				     entries[0].flags ? KARENA_RECORD_DISCARD : 0,
				     KARENA_RING_NO_WAKEUP);
	return nr;
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
	party = ring_party_find(call->file);
	do {
		nr += finish_some(ring, party, call->payload, !nr, &last);
		cond_resched();
	} while (!last && iov_iter_count(call->payload) && !fatal_signal_pending(current));
	if (nr)
		ring_tell_many(ring, args->flags, nr);
	return nr ?: last;
}
