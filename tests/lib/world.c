// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "calls.h"

struct world world;

int arena_on(int device, __u64 nr_pages)
{
	struct karena_arena_create create = {
		.size = sizeof(create),
		.length = nr_pages * page_size,
		.node = KARENA_NODE_ANY,
		.name = "test",
	};
	int fd = ioctl(device, KARENA_IOC_ARENA_CREATE, &create);

	must(fd >= 0);
	return fd;
}

int ring_on(int device, __u64 data_bytes, __u32 flags)
{
	struct karena_ring_create create = {
		.size = sizeof(create),
		.flags = flags,
		.data_bytes = data_bytes,
		.node = KARENA_NODE_ANY,
		.name = "test",
	};

	return ioctl(device, KARENA_IOC_RING_CREATE, &create);
}

int reopen_with(int fd, __u32 rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return ioctl(fd, KARENA_IOC_REOPEN, &args);
}

int restrict_to(int fd, __u32 rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return outcome(ioctl(fd, KARENA_IOC_RESTRICT, &args));
}

void world_renew(struct world *world)
{
	ssize_t bytes = sizeof(world->payload);
	int arena, ring;

	close(world->fd[ARENA]);
	close(world->fd[RING]);
	arena = arena_on(world->fd[DEVICE], WORLD_PAGES);
	arena_take(arena, 0, WORLD_ALLOCATED, 4);
	arena_take(arena, KARENA_ALLOC_F_LAZY, WORLD_LAZY, 2);
	must(arena_reserve(arena, 0, WORLD_RESERVED, 4) == 0);
	must(arena_reserve(arena, KARENA_RESERVE_F_GUARD, WORLD_GUARD, 1) == 0);
	ring = ring_on(world->fd[DEVICE], page_size, KARENA_RING_F_IN_PLACE);
	must(write(ring, world->payload, bytes) == bytes);
	world->fd[ARENA] = arena;
	world->fd[RING] = ring;
}

void world_build(struct world *world)
{
	int i;

	memset(world, 0, sizeof(*world));
	memset(world->payload, 'p', sizeof(world->payload));
	for (i = 0; i < 2; i++) {
		world->records[i].header.word = sizeof(world->records[i].payload);
		world->lengths[i] = 24;
	}
	world->fd[ARENA] = -1;
	world->fd[RING] = -1;
	world->fd[DEVICE] = device_open();
	world_renew(world);
}

void world_end(struct world *world)
{
	enum kind kind;

	for (kind = DEVICE; kind < KINDS; kind++)
		close(world->fd[kind]);
}

void call_prepare(struct world *world, const struct call *call, union args *args)
{
	memset(args, 0, sizeof(*args));
	args->size = call->size;
	call->prepare(world, args);
}

void call_randomize(struct world *world, const struct call *call, union args *args)
{
	call_prepare(world, call, args);
	args->flags = random_flags(call->flags);
	if (call->randomize)
		call->randomize(world, args);
}

bool call_may_give(const struct call *call, int err)
{
	static const int common[] = { 0, ENOTTY, EFAULT, E2BIG, EINVAL, EPERM, ENOMEM };
	const int *own;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(common); i++) {
		if (err == common[i])
			return true;
	}
	for (own = call->errnos; own && *own; own++) {
		if (err == *own)
			return true;
	}
	return false;
}

int try_call(int fd, const struct call *call, void *args)
{
	int ret = ioctl(fd, call->number, args);

	if (ret > 0 && call->makes_fd)
		close(ret);
	return outcome(ret);
}

__u64 bytes_left(int device)
{
	struct karena_query query = { .size = sizeof(query) };

	ioctl(device, KARENA_IOC_QUERY, &query);
	return query.out_user_left_bytes;
}

struct snapshot take_snapshot(const struct world *world)
{
	struct snapshot shot;

	memset(&shot, 0, sizeof(shot));
	shot.arena = arena_stat(world->fd[ARENA]);
	shot.ring = ring_stat(world->fd[RING]);
	/* Time goes on by itself. */
	shot.ring.out_unread_us = 0;
	shot.nr_ranges = arena_walk(world->fd[ARENA], 0, shot.ranges, ARRAY_LEN(shot.ranges),
				    NULL);
	shot.left = bytes_left(world->fd[DEVICE]);
	shot.next_fd = dup(world->fd[DEVICE]);
	close(shot.next_fd);
	return shot;
}
