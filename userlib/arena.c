// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Arenas: the calls, views, and the walk over ranges. A handle does not change once it
 * is made, so any thread may use it.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct karena_arena {
	int fd;
	uint64_t length;
	size_t page_size;
};

#define WALK_BATCH	64

/**
 * struct karena_walk - a walk over ranges, which come in batches
 * @arena:	the arena
 * @offset:	where the next batch begins
 * @count:	entries in @ranges
 * @next:	first entry not given out yet
 * @ranges:	as the kernel reported them
 */
struct karena_walk {
	const struct karena_arena *arena;
	uint64_t offset;
	unsigned int count;
	unsigned int next;
	struct karena_arena_range ranges[WALK_BATCH];
};

int karena_arena_from_fd(int fd, struct karena_arena **arena)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	struct karena_arena *made;
	int ret;

	ret = karena_ioctl(fd, KARENA_IOC_ARENA_STAT, &stat);
	if (ret < 0)
		return ret;
	made = malloc(sizeof(*made));
	if (!made)
		return karena_refuse_as(-ENOMEM, "arena_from_fd", NULL);
	made->fd = fd;
	made->length = stat.out_length;
	made->page_size = karena_page_size();
	*arena = made;
	return 0;
}

static int arena_from_own_fd(int fd, struct karena_arena **arena)
{
	int ret = karena_arena_from_fd(fd, arena);

	if (ret < 0)
		close(fd);
	return ret;
}

int karena_arena_create(const struct karena_device *device, uint64_t length,
			const struct karena_arena_opts *opts, struct karena_arena **arena)
{
	struct karena_arena_create args = { .size = sizeof(args), .length = length };
	struct karena_arena_opts o;
	int ret;

	ret = karena_opts_copy(&o, sizeof(o), sizeof(o), opts, "karena_arena_opts");
	if (ret < 0)
		return ret;
	args.flags = o.flags;
	if (length > karena_page_size() && !o.use_page_0)
		args.flags |= KARENA_ARENA_F_NULL_PAGE;
	args.address = o.address;
	args.node = karena_node(o.node, o.on_node);
	args.fault_pages = o.fault_pages;
	ret = karena_copy_name("arena_create", args.name, o.name);
	if (ret < 0)
		return ret;
	ret = karena_ioctl(karena_device_fd(device), KARENA_IOC_ARENA_CREATE, &args);
	if (ret < 0)
		return ret;
	return arena_from_own_fd(ret, arena);
}

int karena_arena_reopen(const struct karena_arena *arena, uint32_t rights,
			struct karena_arena **reopened)
{
	int ret = karena_reopen(arena->fd, rights);

	if (ret < 0)
		return ret;
	return arena_from_own_fd(ret, reopened);
}

int karena_arena_restrict(const struct karena_arena *arena, uint32_t rights)
{
	return karena_restrict(arena->fd, rights);
}

void karena_arena_close(struct karena_arena *arena)
{
	if (!arena)
		return;
	close(arena->fd);
	free(arena);
}

int karena_arena_fd(const struct karena_arena *arena)
{
	return arena->fd;
}

uint64_t karena_arena_length(const struct karena_arena *arena)
{
	return arena->length;
}

size_t karena_arena_page_size(const struct karena_arena *arena)
{
	return arena->page_size;
}

static int explain_window(const struct karena_arena *arena, const struct karena_view_opts *o)
{
	unsigned long long offset = o->offset, length = o->length, end = arena->length;

	if (o->offset % arena->page_size || (uintptr_t)o->address % arena->page_size)
		return karena_refuse(-EINVAL,
				     "arena_map: offset %llu, address %p: must be multiples of the page size, %zu",
				     offset, o->address, arena->page_size);
	if (o->offset >= arena->length || o->length > arena->length - o->offset)
		return karena_refuse(-EINVAL,
				     "arena_map: offset %llu, length %llu: must not pass the arena's end, %llu",
				     offset, length, end);
	return karena_refuse(-EINVAL,
			     "arena_map: address %p, prot 0x%x: not possible there, or, with KARENA_ARENA_F_FIXED_ADDR, not the arena's own",
			     o->address, o->prot);
}

/* Sets the message for a map that failed. Returns @error. */
static int explain_map(const struct karena_arena *arena, const struct karena_view_opts *o,
		       int error)
{
	uint32_t rights = KARENA_RIGHT_MAP | (o->prot & PROT_WRITE ? KARENA_RIGHT_MAP_WRITE : 0);

	if (error == -EINVAL)
		return explain_window(arena, o);
	if (error == -EACCES && karena_explain_rights("arena_map", arena->fd, rights, error))
		return error;
	if (error == -EPERM && o->prot & PROT_EXEC)
		return karena_refuse(error,
				     "arena_map: prot 0x%x: must not have PROT_EXEC",
				     o->prot);
	if (error == -EEXIST)
		return karena_refuse_as(error, "arena_map", "something is mapped at the address");
	if (error == -EOVERFLOW)
		return karena_refuse(error, "arena_map: length %llu: is more than an address space",
				     (unsigned long long)o->length);
	return karena_refuse_as(error, "arena_map", NULL);
}

int karena_arena_map(const struct karena_arena *arena, const struct karena_view_opts *opts,
		     struct karena_view *view)
{
	struct karena_view_opts o;
	void *address;
	int ret;

	ret = karena_opts_copy(&o, sizeof(o), sizeof(o), opts, "karena_view_opts");
	if (ret < 0)
		return ret;
	if (o.offset >= arena->length)
		return explain_map(arena, &o, -EINVAL);
	if (!o.length)
		o.length = arena->length - o.offset;
	if (!o.prot)
		o.prot = PROT_READ | PROT_WRITE;
	address = o.address;
	ret = karena_mmap(arena->fd, o.offset, o.length, o.prot, &address);
	if (ret < 0)
		return explain_map(arena, &o, ret);
	view->address = address;
	view->offset = o.offset;
	view->length = (size_t)o.length;
	return 0;
}

int karena_view_unmap(struct karena_view *view)
{
	if (!view->length)
		return 0;
	if (munmap(view->address, view->length) < 0)
		return karena_refuse(-errno, "view_unmap: address %p, length %zu: is no view",
				     view->address, view->length);
	memset(view, 0, sizeof(*view));
	return 0;
}

int karena_arena_alloc(const struct karena_arena *arena, uint64_t nr_pages,
		       const struct karena_alloc_opts *opts, uint64_t *offset)
{
	struct karena_arena_alloc args = { .size = sizeof(args), .nr_pages = nr_pages };
	struct karena_alloc_opts o;
	int ret;

	ret = karena_opts_copy(&o, sizeof(o), sizeof(o), opts, "karena_alloc_opts");
	if (ret < 0)
		return ret;
	args.flags = o.flags;
	args.offset = o.offset;
	args.align = o.align;
	args.node = karena_node(o.node, o.on_node);
	ret = karena_ioctl(arena->fd, KARENA_IOC_ARENA_ALLOC, &args);
	if (ret < 0)
		return ret;
	*offset = args.out_offset;
	return 0;
}

int karena_arena_free(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
		      uint32_t flags)
{
	struct karena_arena_free args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
	};

	return karena_ioctl(arena->fd, KARENA_IOC_ARENA_FREE, &args);
}

static int arena_reserve(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
			 uint32_t flags)
{
	struct karena_arena_reserve args = {
		.size = sizeof(args),
		.flags = flags,
		.offset = offset,
		.nr_pages = nr_pages,
	};

	return karena_ioctl(arena->fd, KARENA_IOC_ARENA_RESERVE, &args);
}

int karena_arena_reserve(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages)
{
	return arena_reserve(arena, offset, nr_pages, 0);
}

int karena_arena_guard(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages)
{
	return arena_reserve(arena, offset, nr_pages, KARENA_RESERVE_F_GUARD);
}

int karena_arena_commit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages,
			const struct karena_commit_opts *opts)
{
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.offset = offset,
		.nr_pages = nr_pages,
	};
	struct karena_commit_opts o;
	int ret;

	ret = karena_opts_copy(&o, sizeof(o), sizeof(o), opts, "karena_commit_opts");
	if (ret < 0)
		return ret;
	args.flags = o.flags;
	args.node = karena_node(o.node, o.on_node);
	return karena_ioctl(arena->fd, KARENA_IOC_ARENA_COMMIT, &args);
}

int karena_arena_decommit(const struct karena_arena *arena, uint64_t offset, uint64_t nr_pages)
{
	struct karena_arena_decommit args = {
		.size = sizeof(args),
		.offset = offset,
		.nr_pages = nr_pages,
	};

	return karena_ioctl(arena->fd, KARENA_IOC_ARENA_DECOMMIT, &args);
}

int karena_arena_stat(const struct karena_arena *arena, struct karena_arena_stat *stat)
{
	return karena_ioctl(arena->fd, KARENA_IOC_ARENA_STAT, stat);
}

int karena_walk_new(const struct karena_arena *arena, uint64_t offset, struct karena_walk **walk)
{
	struct karena_walk *made;

	if (offset > arena->length || offset % arena->page_size)
		return karena_refuse(-EINVAL,
				     "walk_new: offset %llu: must be a multiple of the page size, %zu, and at most the arena's end, %llu",
				     (unsigned long long)offset, arena->page_size,
				     (unsigned long long)arena->length);
	made = malloc(sizeof(*made));
	if (!made)
		return karena_refuse_as(-ENOMEM, "walk_new", NULL);
	made->arena = arena;
	made->offset = offset;
	made->count = 0;
	made->next = 0;
	*walk = made;
	return 0;
}

/* Returns 1 if there is an entry to give out, 0 at the end. */
static int walk_fill(struct karena_walk *walk)
{
	struct karena_arena_walk args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)walk->ranges,
		.buffer_bytes = sizeof(walk->ranges),
	};
	int ret;

	while (walk->next == walk->count) {
		if (walk->offset >= walk->arena->length)
			return 0;
		args.offset = walk->offset;
		ret = karena_ioctl(walk->arena->fd, KARENA_IOC_ARENA_WALK, &args);
		if (ret < 0)
			return ret;
		walk->offset = args.out_next;
		walk->count = args.out_count;
		walk->next = 0;
	}
	return 1;
}

static bool walk_joins(const struct karena_walk *walk, const struct karena_arena_range *range)
{
	const struct karena_arena_range *more = &walk->ranges[walk->next];
	uint64_t end = range->offset + range->nr_pages * walk->arena->page_size;

	return more->state == range->state && more->offset == end;
}

static void walk_join(struct karena_walk *walk, struct karena_arena_range *range)
{
	const struct karena_arena_range *more = &walk->ranges[walk->next++];

	range->nr_pages += more->nr_pages;
	range->nr_populated += more->nr_populated;
	range->nr_pinned += more->nr_pinned;
}

int karena_walk_next(struct karena_walk *walk, struct karena_arena_range *range)
{
	struct karena_arena_range joined;
	int ret;

	ret = walk_fill(walk);
	if (ret <= 0)
		return ret;
	joined = walk->ranges[walk->next++];
	/* The next call meets an error here again, and reports it. */
	while (walk_fill(walk) > 0 && walk_joins(walk, &joined))
		walk_join(walk, &joined);
	*range = joined;
	return 1;
}

void karena_walk_free(struct karena_walk *walk)
{
	free(walk);
}
