// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The consumer of a ring. It trusts nothing that a producer can write. It loads one word
 * of each record once, and checks it against the producer position, which only the
 * kernel writes, before it uses the record.
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "../kmod/record.h"
#include "barrier.h"

/* Returns the number of bytes with valid headers; never more than the ring holds. */
static inline uint64_t bytes_there(const struct karena_ring *ring)
{
	/* Pairs with the release in record_publish(): below the position there are headers. */
	return load_acquire_u64(&ring->producer->position) - ring->taken;
}

/* Makes the kernel look. Out of line, as it is rare and its struct is large. */
__attribute__((noinline))
static void wake_producers(const struct karena_ring *ring, uint64_t wanted)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	uint64_t filled = load_acquire_u64(&ring->producer->position) - ring->released;

	if (filled + wanted <= ring->data_bytes)
		karena_ring_stat(ring, &stat);
}

static bool nothing_taken(const struct karena_ring *ring)
{
	return ring->taken == ring->released;
}

void karena_ring_release(struct karena_ring *ring)
{
	uint64_t wanted;

	if (nothing_taken(ring))
		return;
	/* Pairs with the acquire in ring_accept(): all records below were read. */
	store_release_u64(&ring->consumer->position, ring->taken);
	ring->released = ring->taken;
	/*
	 * The kernel wakes producers that wait for space, but does not notice the store
	 * that makes space. Pairs with the exchange in update_wanted(): one of the two
	 * sides sees the other's store.
	 */
	full_barrier();
	wanted = load_acquire_u64(&ring->producer->space_wanted);
	if (wanted)
		wake_producers(ring, wanted);
}

__attribute__((noinline, cold))
static int is_damaged(void)
{
	return karena_refuse_as(-EBADMSG, "ring",
				"a producer wrote over a record's length: only read() can go on");
}

/* Handles a record. Returns whether the walk ends after it. */
typedef bool (*give_fn)(void *context, const void *data, size_t length);

/* Returns the end of the record of @length bytes at @at; beyond @end if it passes that. */
static inline const char *record_behind(const char *at, uint32_t length, const char *end)
{
	/* With 32-bit addresses the sum may overflow. */
	if (sizeof(at) == 4 && record_bytes(length) > (size_t)(end - at))
		return end + 1;
	return at + record_bytes(length);
}

/*
 * Passes the records of the next @bytes, of which there is at least one, to @give. As the
 * area is mapped twice, the walk need not care about its end. Returns 0 or -EBADMSG.
 *
 * Inlined together with @give, as the walk is most of a record's cost. It checks each
 * condition that ends the walk just once per record. karena_ring_walk_next() cannot do
 * so, as it can stop behind each record; built on it, a record would take 21
 * instructions instead of 17.
 */
static inline __attribute__((always_inline))
int give_records(struct karena_ring *ring, size_t bytes, give_fn give, void *context)
{
	const char *first = ring->data + (ring->taken & (ring->data_bytes - 1));
	const char *at = first, *end = first + bytes, *next;
	uint32_t word, length;
	int ret = 0;

	for (;;) {
		/* Pairs with record_end(): without BUSY the payload is there. */
		word = load_acquire_u32((const void *)at);
		length = word;
		/* Most records are neither BUSY nor discarded. */
		if (__builtin_expect(word > KARENA_RECORD_LEN_MASK, false)) {
			if (word & KARENA_RECORD_BUSY)
				goto out;
			length &= KARENA_RECORD_LEN_MASK;
		}
		next = record_behind(at, length, end);
		if (__builtin_expect(next >= end, false))
			break;
		if (word == length && give(context, at + KARENA_RECORD_HEADER_BYTES, length)) {
			at = next;
			goto out;
		}
		at = next;
	}
	/* The last record, or one whose length is wrong. */
	if (next > end) {
		ret = -EBADMSG;
		goto out;
	}
	if (word == length)
		give(context, at + KARENA_RECORD_HEADER_BYTES, length);
	at = next;
out:
	ring->taken += at - first;
	return ret;
}

/* Destination of records for karena_ring_take(). */
struct record_array {
	struct karena_record *record;
	struct karena_record *full;
};

static inline bool give_to_array(void *context, const void *data, size_t length)
{
	struct record_array *array = context;

	array->record->data = data;
	array->record->length = length;
	return ++array->record == array->full;
}

__attribute__((noinline))
static int take_first(struct karena_ring *ring, struct karena_record *records, unsigned int max)
{
	int ret = karena_ring_map_consumer(ring);

	return ret < 0 ? ret : karena_ring_take(ring, records, max);
}

/* Finds nothing to give out, but the walk may have skipped discarded records. */
__attribute__((noinline))
static int take_nothing(struct karena_ring *ring, bool clean, int ret)
{
	if (clean)
		karena_ring_release(ring);
	return ret < 0 ? is_damaged() : 0;
}

/* Makes only tail calls, so that it saves no registers. */
int karena_ring_take(struct karena_ring *ring, struct karena_record *records, unsigned int max)
{
	struct record_array array;
	uint64_t before, bytes;
	int ret = 0;

	if (__builtin_expect(!ring->mapped, false))
		return take_first(ring, records, max);
	bytes = bytes_there(ring);
	if (bytes > ring->data_bytes)
		return is_damaged();
	array.record = records;
	array.full = records + (max < INT_MAX ? max : INT_MAX);
	before = ring->taken;
	if (bytes && max)
		ret = give_records(ring, (size_t)bytes, give_to_array, &array);
	if (array.record == records)
		return take_nothing(ring, before == ring->released, ret);
	return (int)(array.record - records);
}

/* State of karena_ring_consume(). */
struct call {
	karena_record_fn fn;
	void *context;
	unsigned int left;
	int stop;
};

static inline bool give_to_function(void *context, const void *data, size_t length)
{
	struct call *call = context;

	call->stop = call->fn(call->context, data, length);
	return !--call->left || call->stop;
}

static inline int begin_consuming(struct karena_ring *ring, uint64_t *bytes)
{
	int ret = 0;

	if (!ring->mapped)
		ret = karena_ring_map_consumer(ring);
	if (ret < 0)
		return ret;
	*bytes = bytes_there(ring);
	if (*bytes > ring->data_bytes)
		return is_damaged();
	if (!nothing_taken(ring))
		return karena_refuse_as(-EINVAL, "ring", "records were taken and not released");
	return 0;
}

int karena_ring_consume(struct karena_ring *ring, karena_record_fn fn, void *context,
			unsigned int max)
{
	struct call call = { .fn = fn, .context = context };
	uint64_t bytes = 0;
	int ret = begin_consuming(ring, &bytes);

	if (ret < 0 || !bytes)
		return ret;
	if (!max || max > INT_MAX)
		max = INT_MAX;
	call.left = max;
	ret = give_records(ring, (size_t)bytes, give_to_function, &call);
	karena_ring_release(ring);
	if (call.stop < 0)
		return call.stop;
	if (call.left < max)
		return (int)(max - call.left);
	return ret < 0 ? is_damaged() : 0;
}

int karena_ring_walk_begin(struct karena_ring *ring, struct karena_ring_walk *walk)
{
	uint64_t bytes;
	int ret = begin_consuming(ring, &bytes);

	if (ret < 0)
		return ret;
	walk->first = ring->data + (ring->taken & (ring->data_bytes - 1));
	walk->at = walk->first;
	walk->left = (size_t)bytes;
	return 0;
}

void karena_ring_walk_end(struct karena_ring *ring, struct karena_ring_walk *walk)
{
	ring->taken += walk->at - walk->first;
	walk->first = walk->at;
	karena_ring_release(ring);
}
