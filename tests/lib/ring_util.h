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

int ring_create(const struct karena_ring_create *wanted);

int ring_new_fd(uint32_t flags, uint64_t bytes);

void *ring_window(int fd, int prot, uint64_t offset, uint64_t bytes);

struct ring ring_open(int fd);

static inline struct ring ring_new(uint32_t flags, uint64_t bytes)
{
	return ring_open(ring_new_fd(flags, bytes));
}

void ring_close(struct ring *ring);

static inline int ring_attach(int fd, uint32_t flags)
{
	struct karena_ring_attach args = { .size = sizeof(args), .flags = flags };

	return call(fd, KARENA_IOC_RING_ATTACH, &args);
}

/* Becomes the consumer. Returns its page, NULL with mmap()'s errno if it is not to be had. */
static inline struct karena_ring_consumer *ring_consumer(const struct ring *ring)
{
	ring_attach(ring->fd, KARENA_ATTACH_F_CONSUME);
	return ring_window(ring->fd, RDWR, ring->header->consumer_offset, page_size);
}

/* The data, writable. */
char *ring_data(const struct ring *ring);

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

int ring_reserve_flags(int fd, uint32_t flags, uint32_t length, uint64_t *position,
		       uint64_t *offset);

static inline int ring_reserve(int fd, uint32_t length, uint64_t *position)
{
	return ring_reserve_flags(fd, 0, length, position, NULL);
}

int ring_finish(int fd, unsigned long cmd, uint64_t position, uint32_t flags);

static inline int ring_submit(int fd, uint64_t position)
{
	return ring_finish(fd, KARENA_IOC_RING_SUBMIT, position, 0);
}

static inline int ring_discard(int fd, uint64_t position)
{
	return ring_finish(fd, KARENA_IOC_RING_DISCARD, position, 0);
}

int ring_output(int fd, const void *data, uint64_t bytes, uint32_t flags);

int wait_by_flags(int fd, uint32_t flags, uint32_t bytes, uint32_t timeout_us);

static inline int wait_by_ioctl(int fd, uint32_t bytes, uint32_t timeout_us)
{
	return wait_by_flags(fd, 0, bytes, timeout_us);
}

static inline int wait_for_records(int fd, uint32_t records, uint32_t timeout_us)
{
	return wait_by_flags(fd, KARENA_WAIT_F_RECORDS, records, timeout_us);
}

ssize_t ring_write(int fd, const void *data, size_t bytes);

ssize_t ring_read(int fd, void *data, size_t bytes);

struct karena_ring_stat ring_stat(int fd);

int ring_reopen(int fd, uint32_t rights);

int ring_restrict(int fd, uint32_t rights);

static inline void set_nonblock(int fd)
{
	must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

/* What poll() says at once. */
short poll_now(int fd);

/* What a process or an open file leaves behind is seen to when it goes, or soon after. */
bool becomes(const struct ring *ring, uint64_t position, uint32_t word);

#endif /* RING_UTIL_H */
