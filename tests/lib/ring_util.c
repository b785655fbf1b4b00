// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "ring_util.h"

int ring_create(const struct karena_ring_create *wanted)
{
	struct karena_ring_create args = *wanted;
	int dev = device_open();
	int fd;

	args.size = sizeof(args);
	fd = call(dev, KARENA_IOC_RING_CREATE, &args);
	close(dev);
	return fd;
}

int ring_new_fd(uint32_t flags, uint64_t bytes)
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

void *ring_window(int fd, int prot, uint64_t offset, uint64_t bytes)
{
	void *map = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);

	return map == MAP_FAILED ? NULL : map;
}

struct ring ring_open(int fd)
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

void ring_close(struct ring *ring)
{
	must(munmap(ring->map, ring->header->map_bytes) == 0);
	must(close(ring->fd) == 0);
}

char *ring_data(const struct ring *ring)
{
	return ring_window(ring->fd, RDWR, ring->header->data_offset,
			   2 * ring->header->data_bytes);
}

int ring_reserve_flags(int fd, uint32_t flags, uint32_t length, uint64_t *position,
		       uint64_t *offset)
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

int ring_finish(int fd, unsigned long cmd, uint64_t position, uint32_t flags)
{
	struct karena_ring_finish args = {
		.size = sizeof(args),
		.flags = flags,
		.position = position,
	};

	return call(fd, cmd, &args);
}

int ring_output(int fd, const void *data, uint64_t bytes, uint32_t flags)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)data,
		.buffer_bytes = bytes,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT, &args);
}

int wait_by_flags(int fd, uint32_t flags, uint32_t bytes, uint32_t timeout_us)
{
	struct karena_ring_wait args = {
		.size = sizeof(args),
		.flags = flags,
		.bytes = bytes,
		.timeout_us = timeout_us,
	};

	return call(fd, KARENA_IOC_RING_WAIT, &args);
}

ssize_t ring_write(int fd, const void *data, size_t bytes)
{
	ssize_t ret = write(fd, data, bytes);

	return ret < 0 ? -errno : ret;
}

ssize_t ring_read(int fd, void *data, size_t bytes)
{
	ssize_t ret = read(fd, data, bytes);

	return ret < 0 ? -errno : ret;
}

struct karena_ring_stat ring_stat(int fd)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	must(call(fd, KARENA_IOC_RING_STAT, &stat) == 0);
	return stat;
}

int ring_reopen(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return call(fd, KARENA_IOC_REOPEN, &args);
}

int ring_restrict(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return call(fd, KARENA_IOC_RESTRICT, &args);
}

short poll_now(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT };

	must(poll(&pollfd, 1, 0) >= 0);
	return pollfd.revents;
}

bool becomes(const struct ring *ring, uint64_t position, uint32_t word)
{
	int64_t deadline = now_ms() + HUNG_MS;

	while (word_at(ring, position) != word) {
		if (now_ms() > deadline)
			return false;
		pause_ms(1);
	}
	return true;
}
