// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Rings: producers that fill records in place, and producers of many records.
 */
#include "internal.h"

#include <errno.h>

#include "../kmod/record.h"

/* Most reservations that one system call finishes. */
#define FINISH_AT_ONCE 32

static int in_place(struct karena_ring *ring, char **data)
{
	*data = __atomic_load_n(&ring->in_place, __ATOMIC_ACQUIRE);
	return *data ? 0 : karena_ring_map_producer(ring, data);
}

static void note_position(struct karena_ring *ring, uint64_t position)
{
	uint64_t newest = __atomic_load_n(&ring->newest, __ATOMIC_RELAXED);

	while ((int64_t)(position - newest) > 0 &&
	       !__atomic_compare_exchange_n(&ring->newest, &newest, position, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void *payload_at(const struct karena_ring *ring, char *data, uint64_t position)
{
	return data + (position & (ring->data_bytes - 1)) + KARENA_RECORD_HEADER_BYTES;
}

static void *reserve_record(struct karena_ring *ring, size_t length, uint32_t flags,
			    uint32_t timeout_us)
{
	struct karena_ring_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.length = (uint32_t)length,
		.timeout_us = timeout_us,
	};
	char *data;
	int ret;

	if (args.length != length) {
		errno = ENOSPC;
		karena_refuse(-ENOSPC,
			      "ring_reserve: length %zu: no record can be so long",
			      length);
		return NULL;
	}
	ret = in_place(ring, &data);
	if (!ret)
		ret = karena_ioctl(ring->fd, KARENA_IOC_RING_RESERVE, &args);
	if (ret < 0) {
		errno = -ret;
		return NULL;
	}
	note_position(ring, args.out_position);
	return payload_at(ring, data, args.out_position);
}

void *karena_ring_reserve(struct karena_ring *ring, size_t length)
{
	return reserve_record(ring, length, 0, 0);
}

void *karena_ring_reserve_wait(struct karena_ring *ring, size_t length, uint32_t timeout_us)
{
	return reserve_record(ring, length, KARENA_RING_WAIT_SPACE, timeout_us);
}

/*
 * Computes a record's position from the address of its payload, which gives the position
 * modulo the ring's size. An open reservation keeps its space, so the newest one of this
 * handle is less than the ring's size ahead of it.
 */
static int position_of(const struct karena_ring *ring, const void *payload, uint64_t *position)
{
	uintptr_t data = (uintptr_t)__atomic_load_n(&ring->in_place, __ATOMIC_ACQUIRE);
	uint64_t newest = __atomic_load_n(&ring->newest, __ATOMIC_RELAXED);
	uint64_t at = (uintptr_t)payload - data - KARENA_RECORD_HEADER_BYTES;

	if (!data || at >= ring->data_bytes)
		return karena_refuse(-EINVAL,
				     "ring: data %p: is no reservation of this handle",
				     payload);
	*position = newest - ((newest - at) & (ring->data_bytes - 1));
	return 0;
}

/* @length: 0 keeps all. */
static int finish_reservation(struct karena_ring *ring, unsigned long nr, const void *payload,
			      uint32_t length, uint32_t flags)
{
	struct karena_ring_finish args = {
		.size = sizeof(args),
		.flags = flags,
		.length = length,
	};
	uint64_t position;
	int ret;

	ret = position_of(ring, payload, &position);
	if (ret < 0)
		return ret;
	args.position = position;
	return karena_ioctl(ring->fd, nr, &args);
}

int karena_ring_submit(struct karena_ring *ring, void *data, uint32_t flags)
{
	return finish_reservation(ring, KARENA_IOC_RING_SUBMIT, data, 0, flags);
}

int karena_ring_submit_trimmed(struct karena_ring *ring, void *data, size_t length,
			       uint32_t flags)
{
	if (!length || length > KARENA_RECORD_LEN_MASK)
		return karena_refuse(-EINVAL,
				     "ring_submit_trimmed: length %zu: must be at least 1 and at most what was reserved",
				     length);
	return finish_reservation(ring, KARENA_IOC_RING_SUBMIT, data, (uint32_t)length, flags);
}

int karena_ring_discard(struct karena_ring *ring, void *data, uint32_t flags)
{
	return finish_reservation(ring, KARENA_IOC_RING_DISCARD, data, 0, flags);
}

int karena_ring_output_batch(const struct karena_ring *ring, const void *records, size_t bytes,
			     uint32_t flags)
{
	struct karena_ring_output_batch args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)records,
		.buffer_bytes = bytes,
	};

	return karena_ioctl(ring->fd, KARENA_IOC_RING_OUTPUT_BATCH, &args);
}

int karena_ring_reserve_batch(struct karena_ring *ring, const uint32_t *lengths, unsigned int nr,
			      void **data)
{
	struct karena_ring_reserve_batch args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)lengths,
		.buffer_bytes = nr * (uint64_t)sizeof(*lengths),
	};
	uint64_t position;
	unsigned int i;
	char *base;
	int ret;

	ret = in_place(ring, &base);
	if (!ret)
		ret = karena_ioctl(ring->fd, KARENA_IOC_RING_RESERVE_BATCH, &args);
	if (ret < 0)
		return ret;
	position = args.out_position;
	for (i = 0; i < nr; i++) {
		note_position(ring, position);
		data[i] = payload_at(ring, base, position);
		position += record_bytes(lengths[i]);
	}
	return 0;
}

static int finish_some(struct karena_ring *ring, const struct karena_finish *finish,
		       unsigned int nr, uint32_t flags)
{
	struct karena_ring_finish_entry entries[FINISH_AT_ONCE];
	struct karena_ring_finish_batch args = { .size = sizeof(args), .flags = flags };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && i < FINISH_AT_ONCE; i++) {
		uint64_t position;

		ret = position_of(ring, finish[i].data, &position);
		if (ret < 0)
			break;
		entries[i].position = position;
		entries[i].length = finish[i].length;
		entries[i].flags = finish[i].discard ? KARENA_RING_ENTRY_DISCARD : 0;
	}
	if (!i)
		return ret;
	args.buffer = (uintptr_t)entries;
	args.buffer_bytes = i * sizeof(entries[0]);
	return karena_ioctl(ring->fd, KARENA_IOC_RING_FINISH_BATCH, &args);
}

int karena_ring_finish_batch(struct karena_ring *ring, const struct karena_finish *finish,
			     unsigned int nr, uint32_t flags)
{
	unsigned int done = 0, some;
	int ret;

	do {
		some = nr - done < FINISH_AT_ONCE ? nr - done : FINISH_AT_ONCE;
		ret = finish_some(ring, finish + done, some, flags);
		if (ret > 0)
			done += (unsigned int)ret;
	} while (ret == (int)some && done < nr);
	return done ? (int)done : ret;
}
