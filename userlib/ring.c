// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Rings: the object, and sending records by copy. produce.c fills records in place,
 * consumer.c consumes.
 */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int karena_ring_from_fd(int fd, struct karena_ring **ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	struct karena_ring *made;
	int ret;

	ret = karena_ioctl(fd, KARENA_IOC_RING_STAT, &stat);
	if (ret < 0)
		return ret;
	if (posix_memalign((void **)&made, __alignof__(*made), sizeof(*made)))
		return karena_refuse_as(-ENOMEM, "ring_from_fd", NULL);
	memset(made, 0, sizeof(*made));
	made->fd = fd;
	made->data_bytes = stat.out_data_bytes;
	ret = karena_ring_map_init(made);
	if (ret < 0) {
		free(made);
		return karena_refuse_as(ret, "ring_from_fd", NULL);
	}
	*ring = made;
	return 0;
}

static int ring_from_own_fd(int fd, struct karena_ring **ring)
{
	int ret = karena_ring_from_fd(fd, ring);

	if (ret < 0)
		close(fd);
	return ret;
}

int karena_ring_create(const struct karena_device *device, uint64_t data_bytes,
		       const struct karena_ring_opts *opts, struct karena_ring **ring)
{
	struct karena_ring_create args = { .size = sizeof(args), .data_bytes = data_bytes };
	struct karena_ring_opts o;
	int ret;

	ret = karena_opts_copy(&o, sizeof(o), sizeof(o), opts, "karena_ring_opts");
	if (ret < 0)
		return ret;
	args.flags = o.flags;
	args.node = karena_node(o.node, o.on_node);
	args.reserve_timeout_us = o.reserve_timeout_us;
	ret = karena_copy_name("ring_create", args.name, o.name);
	if (ret < 0)
		return ret;
	ret = karena_ioctl(karena_device_fd(device), KARENA_IOC_RING_CREATE, &args);
	if (ret < 0)
		return ret;
	return ring_from_own_fd(ret, ring);
}

int karena_ring_reopen(const struct karena_ring *ring, uint32_t rights,
		       struct karena_ring **reopened)
{
	int ret = karena_reopen(ring->fd, rights);

	if (ret < 0)
		return ret;
	return ring_from_own_fd(ret, reopened);
}

int karena_ring_restrict(const struct karena_ring *ring, uint32_t rights)
{
	return karena_restrict(ring->fd, rights);
}

void karena_ring_close(struct karena_ring *ring)
{
	if (!ring)
		return;
	karena_ring_unmap(ring);
	close(ring->fd);
	free(ring);
}

int karena_ring_fd(const struct karena_ring *ring)
{
	return ring->fd;
}

uint64_t karena_ring_data_bytes(const struct karena_ring *ring)
{
	return ring->data_bytes;
}

int karena_ring_stat(const struct karena_ring *ring, struct karena_ring_stat *stat)
{
	return karena_ioctl(ring->fd, KARENA_IOC_RING_STAT, stat);
}

int karena_ring_wait(const struct karena_ring *ring, int events, int timeout_ms)
{
	struct pollfd pollfd = { .fd = ring->fd, .events = (short)events };

	if (!events || events & ~(POLLIN | POLLOUT))
		return karena_refuse(-EINVAL,
				     "ring_wait: events 0x%x: must be POLLIN, POLLOUT or both",
				     (unsigned int)events);
	if (poll(&pollfd, 1, timeout_ms) < 0)
		return karena_refuse_as(-errno, "ring_wait", NULL);
	if (pollfd.revents & POLLNVAL)
		return karena_refuse_as(-EBADF, "ring_wait", NULL);
	return pollfd.revents & (events | POLLHUP);
}

int karena_ring_flush(const struct karena_ring *ring)
{
	struct karena_ring_flush args = { .size = sizeof(args) };

	return karena_ioctl(ring->fd, KARENA_IOC_RING_FLUSH, &args);
}

int karena_ring_set_policy(const struct karena_ring *ring, uint32_t bytes, uint32_t records,
			   uint32_t delay_us)
{
	struct karena_ring_policy args = {
		.size = sizeof(args),
		.wake_bytes = bytes,
		.wake_records = records,
		.wake_delay_us = delay_us,
	};

	return karena_ioctl(ring->fd, KARENA_IOC_RING_POLICY, &args);
}

static int output_record(const struct karena_ring *ring, const void *data, size_t length,
			 uint32_t flags, uint32_t timeout_us)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)data,
		.buffer_bytes = length,
		.timeout_us = timeout_us,
	};

	return karena_ioctl(ring->fd, KARENA_IOC_RING_OUTPUT, &args);
}

int karena_ring_output(const struct karena_ring *ring, const void *data, size_t length,
		       uint32_t flags)
{
	return output_record(ring, data, length, flags, 0);
}

int karena_ring_output_wait(const struct karena_ring *ring, const void *data, size_t length,
			    uint32_t flags, uint32_t timeout_us)
{
	return output_record(ring, data, length, flags | KARENA_RING_WAIT_SPACE, timeout_us);
}
