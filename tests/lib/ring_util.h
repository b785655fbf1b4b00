/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that test rings have in common, written from the contract
 * alone. Calls return what the kernel returns, or -errno.
 */
#ifndef RING_UTIL_H
#define RING_UTIL_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "arena_util.h"

#define HEADER_BYTES	KARENA_RECORD_HEADER_BYTES

/* A ring and a read-only mapping of all of it. */
struct ring {
	int fd;
	char *map;
	const struct karena_ring_header *header;
	const struct karena_ring_producer *producer;
	const char *data;
	uint64_t mask;
};

static inline int ring_create(const struct karena_ring_create *wanted)
{
	struct karena_ring_create args = *wanted;
	int dev = device_open();
	int fd;

	args.size = sizeof(args);
	fd = call(dev, KARENA_IOC_RING_CREATE, &args);
	close(dev);
	return fd;
}

static inline int ring_new_fd(uint32_t flags, uint64_t bytes)
{
	struct karena_ring_create args = {
		.flags = flags,
		.data_bytes = bytes,
		.node = KARENA_NODE_ANY,
		.name = "test",
	};
	int fd = ring_create(&args);

	must(fd >= 0);
	return fd;
}

static inline void *ring_window(int fd, int prot, uint64_t offset, uint64_t bytes)
{
	void *map = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);

	return map == MAP_FAILED ? NULL : map;
}

static inline struct ring ring_open(int fd)
{
	struct ring ring = { .fd = fd };
	uint64_t bytes;

	ring.header = ring_window(fd, PROT_READ, 0, page_size);
	must(ring.header);
	bytes = ring.header->map_bytes;
	must(munmap((void *)ring.header, page_size) == 0);

	ring.map = ring_window(fd, PROT_READ, 0, bytes);
	must(ring.map);
	ring.header = (void *)ring.map;
	ring.producer = (void *)(ring.map + ring.header->producer_offset);
	ring.data = ring.map + ring.header->data_offset;
	ring.mask = ring.header->data_bytes - 1;
	return ring;
}

static inline struct ring ring_new(uint32_t flags, uint64_t bytes)
{
	return ring_open(ring_new_fd(flags, bytes));
}

static inline void ring_close(struct ring *ring)
{
	must(munmap(ring->map, ring->header->map_bytes) == 0);
	must(close(ring->fd) == 0);
}

/* The writable consumer page, NULL with errno if it is not to be had. */
static inline struct karena_ring_consumer *ring_consumer(const struct ring *ring)
{
	return ring_window(ring->fd, RDWR, ring->header->consumer_offset, page_size);
}

/* The data, writable. */
static inline char *ring_data(const struct ring *ring)
{
	return ring_window(ring->fd, RDWR, ring->header->data_offset,
			   2 * ring->header->data_bytes);
}

static inline uint64_t produced(const struct ring *ring)
{
	return __atomic_load_n(&ring->producer->position, __ATOMIC_ACQUIRE);
}

static inline void consume_to(struct karena_ring_consumer *consumer, uint64_t position)
{
	__atomic_store_n(&consumer->position, position, __ATOMIC_RELEASE);
}

static inline const struct karena_record_header *record_at(const struct ring *ring,
							   uint64_t position)
{
	return (const void *)(ring->data + (position & ring->mask));
}

static inline uint32_t word_at(const struct ring *ring, uint64_t position)
{
	return __atomic_load_n(&record_at(ring, position)->word, __ATOMIC_ACQUIRE);
}

static inline const void *payload_at(const struct ring *ring, uint64_t position)
{
	return record_at(ring, position) + 1;
}

static inline uint64_t record_size(uint32_t word)
{
	return ((word & KARENA_RECORD_LEN_MASK) + HEADER_BYTES + 7) & ~7ull;
}

static inline int ring_reserve_flags(int fd, uint32_t flags, uint32_t length,
				     uint64_t *position, uint64_t *offset)
{
	struct karena_ring_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.length = length,
		.out_position = ~0ull,
		.out_offset = ~0ull,
	};
	int ret = call(fd, KARENA_IOC_RING_RESERVE, &args);

	if (position)
		*position = args.out_position;
	if (offset)
		*offset = args.out_offset;
	return ret;
}

static inline int ring_reserve(int fd, uint32_t length, uint64_t *position)
{
	return ring_reserve_flags(fd, 0, length, position, NULL);
}

static inline int ring_finish(int fd, unsigned long cmd, uint64_t position, uint32_t flags)
{
	struct karena_ring_finish args = {
		.size = sizeof(args),
		.flags = flags,
		.position = position,
	};

	return call(fd, cmd, &args);
}

static inline int ring_submit(int fd, uint64_t position)
{
	return ring_finish(fd, KARENA_IOC_RING_SUBMIT, position, 0);
}

static inline int ring_discard(int fd, uint64_t position)
{
	return ring_finish(fd, KARENA_IOC_RING_DISCARD, position, 0);
}

static inline int ring_output(int fd, const void *data, uint64_t bytes, uint32_t flags)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)data,
		.buffer_bytes = bytes,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT, &args);
}

static inline int wait_by_flags(int fd, uint32_t flags, uint32_t bytes, uint32_t timeout_us)
{
	struct karena_ring_wait args = {
		.size = sizeof(args),
		.flags = flags,
		.bytes = bytes,
		.timeout_us = timeout_us,
	};

	return call(fd, KARENA_IOC_RING_WAIT, &args);
}

static inline int wait_by_ioctl(int fd, uint32_t bytes, uint32_t timeout_us)
{
	return wait_by_flags(fd, 0, bytes, timeout_us);
}

static inline int wait_for_records(int fd, uint32_t records, uint32_t timeout_us)
{
	return wait_by_flags(fd, KARENA_WAIT_F_RECORDS, records, timeout_us);
}

static inline ssize_t ring_write(int fd, const void *data, size_t bytes)
{
	ssize_t ret = write(fd, data, bytes);

	return ret < 0 ? -errno : ret;
}

static inline ssize_t ring_read(int fd, void *data, size_t bytes)
{
	ssize_t ret = read(fd, data, bytes);

	return ret < 0 ? -errno : ret;
}

static inline struct karena_ring_stat ring_stat(int fd)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	must(call(fd, KARENA_IOC_RING_STAT, &stat) == 0);
	return stat;
}

static inline int ring_reopen(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return call(fd, KARENA_IOC_REOPEN, &args);
}

static inline int ring_restrict(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return call(fd, KARENA_IOC_RESTRICT, &args);
}

static inline void set_nonblock(int fd)
{
	must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

/* What poll() says at once. */
static inline short poll_now(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT };

	must(poll(&pollfd, 1, 0) >= 0);
	return pollfd.revents;
}

#endif /* RING_UTIL_H */
