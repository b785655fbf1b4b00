// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "arena_util.h"

long call(int fd, unsigned long cmd, void *args)
{
	long ret = ioctl(fd, cmd, args);

	return ret < 0 ? -errno : ret;
}

int device_open(void)
{
	int fd = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

int arena_create(const struct karena_arena_create *wanted)
{
	struct karena_arena_create args = *wanted;
	int dev = device_open();
	int fd;

	args.size = sizeof(args);
	fd = call(dev, KARENA_IOC_ARENA_CREATE, &args);
	close(dev);
	return fd;
}

int arena_new_batch(uint32_t flags, uint64_t nr_pages, uint32_t fault_pages)
{
	struct karena_arena_create args = {
		.flags = flags,
		.length = nr_pages * page_size,
		.node = KARENA_NODE_ANY,
		.fault_pages = fault_pages,
		.name = "test",
	};
	int fd = arena_create(&args);

	must(fd >= 0);
	return fd;
}

int64_t arena_alloc_on(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages,
		       uint64_t align_pages, int node)
{
	struct karena_arena_alloc args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.align = align_pages * page_size,
		.node = node,
	};
	long ret = call(fd, KARENA_IOC_ARENA_ALLOC, &args);

	return ret < 0 ? ret : (int64_t)(args.out_offset / page_size);
}

int arena_free_flags(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages, uint64_t *done)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.out_done = ~0ull,
	};
	int ret = call(fd, KARENA_IOC_ARENA_FREE, &args);

	if (done)
		*done = args.out_done;
	return ret;
}

int arena_reserve(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
	};

	return call(fd, KARENA_IOC_ARENA_RESERVE, &args);
}

int arena_commit(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = index * page_size,
		.nr_pages = nr_pages,
		.node = KARENA_NODE_ANY,
	};

	return call(fd, KARENA_IOC_ARENA_COMMIT, &args);
}

int arena_decommit(int fd, uint64_t index, uint64_t nr_pages)
{
	struct karena_arena_decommit args = {
		.size = sizeof(args),
		.offset = index * page_size,
		.nr_pages = nr_pages,
	};

	return call(fd, KARENA_IOC_ARENA_DECOMMIT, &args);
}

struct karena_arena_stat arena_stat_flags(int fd, uint32_t flags)
{
	struct karena_arena_stat stat = { .size = sizeof(stat), .flags = flags };

	must(call(fd, KARENA_IOC_ARENA_STAT, &stat) == 0);
	return stat;
}

uint32_t arena_walk(int fd, uint64_t index, struct karena_arena_range *ranges, uint32_t room,
		    uint64_t *next)
{
	struct karena_arena_walk args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)ranges,
		.buffer_bytes = room * sizeof(*ranges),
		.offset = index * page_size,
	};

	must(call(fd, KARENA_IOC_ARENA_WALK, &args) == 0);
	if (next)
		*next = args.out_next / page_size;
	return args.out_count;
}

struct karena_arena_range arena_range(int fd, uint64_t index)
{
	struct karena_arena_range range = { .offset = ~0ull };

	arena_walk(fd, index, &range, 1, NULL);
	return range;
}

uint32_t page_state(int fd, uint64_t index)
{
	struct karena_arena_range range = arena_range(fd, index);

	return range.offset == index * page_size ? range.state : KARENA_PAGE_FREE;
}

char *arena_map(int fd, int prot, uint64_t index, uint64_t nr_pages)
{
	char *map = mmap(NULL, nr_pages * page_size, prot, MAP_SHARED, fd, index * page_size);

	must(map != MAP_FAILED);
	return map;
}
