// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The consumer of a ring. It trusts nothing that a producer can write: of each
 * record, one word is loaded once, and checked against the producer position,
 * which is the kernel's own, before anything is done with it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../kmod/record.h"
#include "barrier.h"
#include "internal.h"

static void unmap_shown(struct karena_ring *ring)
{
	munmap(ring->shown, ring->shown_bytes);
}

/* Everything read-only: the producer's page and the data. */
static int map_shown(struct karena_ring *ring, const struct karena_ring_header *layout)
{
	void *address = NULL;
	int ret;

	ret = karena_mmap(ring->fd, 0, layout->map_bytes, PROT_READ, &address);
	if (ret < 0)
		return ret;
	ring->shown = address;
	ring->shown_bytes = (size_t)layout->map_bytes;
	ring->producer = (void *)((char *)address + layout->producer_offset);
	ring->data = (char *)address + layout->data_offset;
	return 0;
}

/* The consumer's page. Whoever maps it takes the role. */
static int map_consumer(struct karena_ring *ring, const struct karena_ring_header *layout)
{
	void *address = NULL;
	int ret;

	ret = karena_mmap(ring->fd, layout->consumer_offset, karena_page_size(),
			  PROT_READ | PROT_WRITE, &address);
	if (ret < 0)
		return ret;
	ring->consumer = address;
	return 0;
}

/* Begins where the last consumer ended, as far as the kernel believed it. */
static int find_position(struct karena_ring *ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	int ret;

	ret = karena_ring_stat(ring, &stat);
	if (ret < 0)
		return ret;
	ring->claimed = stat.out_consumer_position;
	ring->released = stat.out_consumer_position;
	return 0;
}

static int map_all(struct karena_ring *ring)
{
	struct karena_ring_header layout;
	int ret;

	ret = karena_ring_layout(ring, &layout);
	if (ret < 0)
		return ret;
	ret = map_shown(ring, &layout);
	if (ret < 0)
		return ret;
	ret = map_consumer(ring, &layout);
	if (ret < 0)
		goto err_shown;
	ret = find_position(ring);
	if (ret < 0)
		goto err_consumer;
	ring->mapped = true;
	return 0;

err_consumer:
	munmap(ring->consumer, karena_page_size());
err_shown:
	unmap_shown(ring);
	return ret;
}

void karena_consumer_unmap(struct karena_ring *ring)
{
	if (!ring->mapped)
		return;
	munmap(ring->consumer, karena_page_size());
	unmap_shown(ring);
	ring->mapped = false;
}

/*
 * Takes the role if need be, and tells the position up to which there are
 * headers. From here to there is never more than the ring holds.
 */
static int begin(struct karena_ring *ring, uint64_t *end)
{
	int ret;

	if (!ring->mapped) {
		ret = map_all(ring);
		if (ret < 0)
			return ret;
	}
	/* Pairs with the release in record_open(): below it there are headers. */
	*end = load_acquire_u64(&ring->producer->position);
	return *end - ring->claimed > ring->data_bytes ? -EBADMSG : 0;
}

/*
 * Claims records before @end, up to @max. Returns how many; if none, 0 or -EBADMSG.
 * As the area is mapped twice, a pointer can go from record to record to @end. What
 * the loop needs is kept out of memory, which @records might be, for all the compiler
 * knows.
 */
static inline int claim(struct karena_ring *ring, uint64_t end, struct karena_record *records,
			unsigned int max)
{
	const struct karena_record *full = records + max;
	struct karena_record *record = records;
	const char *first = ring->data + (ring->claimed & (ring->data_bytes - 1));
	const char *last = first + (end - ring->claimed);
	const char *at = first;
	int ret = 0;

	while (at != last && record != full) {
		/* Pairs with record_close(): without BUSY the payload is there. */
		uint32_t word = load_acquire_u32((const void *)at);
		uint32_t length = word;
		size_t bytes;

		/* Neither BUSY nor discarded is the rule. */
		if (__builtin_expect(word > KARENA_RECORD_LEN_MASK, false)) {
			if (word & KARENA_RECORD_BUSY)
				break;
			length &= KARENA_RECORD_LEN_MASK;
		}
		bytes = record_bytes(length);
		if (__builtin_expect(bytes > (size_t)(last - at), false)) {
			ret = -EBADMSG;
			break;
		}
		if (word == length) {
			record->data = at + KARENA_RECORD_HEADER_BYTES;
			record->length = length;
			record++;
		}
		at += bytes;
	}
	ring->claimed += at - first;
	return record == records ? ret : (int)(record - records);
}

/* Has the kernel look. Out of line: hardly ever needed, and its struct is large. */
__attribute__((noinline))
static void tell_room(const struct karena_ring *ring, uint64_t wanted)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	uint64_t filled = load_acquire_u64(&ring->producer->position) - ring->released;

	if (filled + wanted <= ring->data_bytes)
		karena_ring_stat(ring, &stat);
}

static bool nothing_claimed(const struct karena_ring *ring)
{
	return ring->claimed == ring->released;
}

void karena_ring_release(struct karena_ring *ring)
{
	uint64_t wanted;

	if (nothing_claimed(ring))
		return;
	/* Pairs with the acquire in accept() of ring.c: what is below was read. */
	store_release_u64(&ring->consumer->position, ring->claimed);
	ring->released = ring->claimed;
	/*
	 * Who waits for room is told by the kernel, which does not see us make it. Pairs
	 * with the one in ring_want_room(): of both looks one sees the other.
	 */
	full_barrier();
	wanted = load_acquire_u64(&ring->producer->room_wanted);
	if (wanted)
		tell_room(ring, wanted);
}

int karena_ring_claim(struct karena_ring *ring, struct karena_record *records, unsigned int max)
{
	bool clean = nothing_claimed(ring);
	uint64_t end;
	int ret;

	ret = begin(ring, &end);
	if (ret < 0)
		return ret;
	ret = claim(ring, end, records, max < INT_MAX ? max : INT_MAX);
	/* The caller has nothing to release, discarded records may have gone by. */
	if (ret <= 0 && clean)
		karena_ring_release(ring);
	return ret;
}

int karena_ring_consume(struct karena_ring *ring, karena_record_fn fn, void *context,
			unsigned int max)
{
	struct karena_record record;
	unsigned int count = 0;
	int stop = 0;
	uint64_t end;
	int ret;

	ret = begin(ring, &end);
	if (ret < 0)
		return ret;
	if (!nothing_claimed(ring))
		return -EINVAL;
	if (!max || max > INT_MAX)
		max = INT_MAX;
	while (count < max && !stop && (ret = claim(ring, end, &record, 1)) > 0) {
		stop = fn(context, record.data, record.length);
		count++;
	}
	karena_ring_release(ring);
	if (stop < 0)
		return stop;
	return count ? (int)count : ret;
}
