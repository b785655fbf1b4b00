// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "vmr_objects.h"

void must(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "# %s: %s\n", what, karena_strerror(ret));
	_exit(1);
}

struct karena_device *the_device(void)
{
	static struct karena_device *device;

	if (!device)
		must(karena_open(NULL, &device), "open");
	return device;
}

struct karena_arena *make_arena(size_t pages, uint32_t flags)
{
	struct karena_arena_opts opts = {
		.size = sizeof(opts),
		.name = "vmr-test",
		.flags = flags,
	};
	struct karena_arena *arena;

	must(karena_arena_create(the_device(), pages * PAGE, &opts, &arena), "create an arena");
	return arena;
}

int numbered_arena(size_t pages, uint64_t first, uint32_t flags)
{
	struct karena_arena *arena = make_arena(pages, flags);
	struct karena_view view;

	must(karena_arena_map(arena, NULL, &view), "map an arena");
	for (size_t i = 0; i < pages; i++)
		*(uint64_t *)((char *)view.address + i * PAGE) = first + i;
	must(karena_view_unmap(&view), "unmap an arena");
	return karena_arena_fd(arena);
}

int read_only_arena(size_t pages)
{
	struct karena_arena *arena = make_arena(pages, 0);

	must(karena_arena_restrict(arena, KARENA_RIGHT_MAP), "restrict an arena");
	return karena_arena_fd(arena);
}

struct karena_ring_header ring_header(int fd)
{
	struct karena_ring_header header;
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	must(at == MAP_FAILED ? -errno : 0, "map a ring's header");
	header = *(const struct karena_ring_header *)at;
	munmap(at, PAGE);
	return header;
}

struct karena_ring *make_ring(size_t pages)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.name = "vmr-test",
		.flags = KARENA_RING_F_IN_PLACE,
	};
	struct karena_ring *ring;

	must(karena_ring_create(the_device(), pages * PAGE, &opts, &ring), "create a ring");
	return ring;
}

int numbered_ring(size_t pages, uint64_t first)
{
	struct karena_ring *ring = make_ring(pages);
	int fd = karena_ring_fd(ring);
	struct karena_ring_header header = ring_header(fd);
	char *at;

	at = mmap(NULL, 2 * header.data_bytes, RW, MAP_SHARED, fd, (off_t)header.data_offset);
	must(at == MAP_FAILED ? -errno : 0, "map a ring's data");
	for (size_t i = 0; i < pages; i++)
		*(uint64_t *)(at + i * PAGE) = first + i;
	munmap(at, 2 * header.data_bytes);
	return fd;
}
