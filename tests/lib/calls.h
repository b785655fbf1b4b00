/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call of the contract as data: its number, its struct, what it demands,
 * and how to get to a state in which it succeeds. For programs that try the same
 * on all of them, by one loop or one fixture variant per call.
 */
#ifndef KARENA_TESTS_CALLS_H
#define KARENA_TESTS_CALLS_H

#include <stddef.h>

#include "arena_util.h"

#define ARRAY_LEN(array)	(sizeof(array) / sizeof((array)[0]))

/* Kinds of fd; a call's @on is a mask of their bits. */
enum kind { DEVICE, ARENA, RING, KINDS };

#define BIT(nr)			(1u << (nr))

union args {
	struct {
		__u32 size;
		__u32 flags;
	};
	struct karena_query query;
	struct karena_rights rights;
	struct karena_arena_create arena_create;
	struct karena_arena_alloc alloc;
	struct karena_arena_free free;
	struct karena_arena_reserve reserve;
	struct karena_arena_commit commit;
	struct karena_arena_decommit decommit;
	struct karena_arena_stat arena_stat;
	struct karena_arena_walk walk;
	struct karena_ring_create ring_create;
	struct karena_ring_reserve ring_reserve;
	struct karena_ring_finish ring_finish;
	struct karena_ring_output output;
	struct karena_ring_stat ring_stat;
	struct karena_ring_wait ring_wait;
	struct karena_ring_output_batch output_batch;
	struct karena_ring_reserve_batch reserve_batch;
	struct karena_ring_finish_batch finish_batch;
	struct karena_ring_policy policy;
	struct karena_ring_flush flush;
	struct karena_ring_wait_cancel wait_cancel;
	unsigned char bytes[256];
};

/**
 * struct world - one object of each kind
 * @fd:		by kind, all rights; pages of the arena are as below, the ring is
 *		IN_PLACE and has one record
 * @ranges:	where WALK writes
 * @payload:	what OUTPUT sends
 * @records:	what OUTPUT_BATCH sends
 * @lengths:	what RESERVE_BATCH reserves
 * @entries:	what FINISH_BATCH finishes
 */
struct world {
	int fd[KINDS];
	struct karena_arena_range ranges[8];
	char payload[32];
	struct {
		struct karena_record_header header;
		char payload[24];
	} records[2];
	__u32 lengths[2];
	struct karena_ring_finish_entry entries[2];
};

/* The arena of a world, by page; what is not named is free. */
enum {
	WORLD_ALLOCATED = 0,	/* four pages */
	WORLD_LAZY = 4,		/* two pages */
	WORLD_RESERVED = 8,	/* four pages */
	WORLD_GUARD = 14,	/* one page */
	WORLD_PAGES = 64,
};

/**
 * struct call - a call of the contract
 * @name:	as in the struct's name
 * @number:	KARENA_IOC_*
 * @on:		kinds of fd that have it
 * @size:	of its struct
 * @first:	of its struct as first published, 0: the same
 * @clock:	where its struct is told microseconds that go on by themselves, 0: nowhere
 * @out:	where its out_ fields begin, 0 if it has none
 * @flags:	that it takes
 * @reserved:	where a field begins that must be zero, 0 for none
 * @rights:	that it needs
 * @buffer:	where its pointer lies, 0 for none
 * @makes_fd:	it returns an fd
 * @prepare:	in a world just built, fill the arguments so that it succeeds;
 *		size is filled in and all else zero
 */
struct call {
	const char *name;
	unsigned int number;
	unsigned int on;
	unsigned int size;
	unsigned int out;
	unsigned int reserved;
	unsigned int first;
	unsigned int clock;
	unsigned int flags;
	unsigned int rights;
	unsigned int buffer;
	bool makes_fd;
	void (*prepare)(struct world *world, union args *args);
};

/* Takes the time out of @args. Returns whether it was one, and not what was there before. */
static inline bool cut_clock(const struct call *call, void *args)
{
	__u64 us;

	if (!call->clock)
		return true;
	memcpy(&us, (char *)args + call->clock, sizeof(us));
	memset((char *)args + call->clock, 0, sizeof(us));
	return us < 3600 * 1000000ull;
}

/* The shortest struct that the call takes. */
static inline unsigned int first_size(const struct call *call)
{
	return call->first ? call->first : call->size;
}

/* 0, or the errno of a system call that gave -1. */
static inline int outcome(long ret)
{
	return ret < 0 ? errno : 0;
}

static void prepare_nothing(struct world *world, union args *args)
{
	(void)world;
	(void)args;
}

static void prepare_rights(struct world *world, union args *args)
{
	(void)world;
	args->rights.rights = KARENA_RIGHT_MAP;
}

static void prepare_arena_create(struct world *world, union args *args)
{
	(void)world;
	args->arena_create.length = WORLD_PAGES * page_size;
	args->arena_create.node = KARENA_NODE_ANY;
	strcpy(args->arena_create.name, "prepared");
}

static void prepare_ring_create(struct world *world, union args *args)
{
	(void)world;
	args->ring_create.data_bytes = page_size;
	args->ring_create.node = KARENA_NODE_ANY;
	strcpy(args->ring_create.name, "prepared");
}

static void prepare_alloc(struct world *world, union args *args)
{
	(void)world;
	args->alloc.nr_pages = 3;
	args->alloc.node = KARENA_NODE_ANY;
}

static void prepare_free(struct world *world, union args *args)
{
	(void)world;
	args->free.offset = WORLD_ALLOCATED * page_size;
	args->free.nr_pages = 2;
}

static void prepare_reserve(struct world *world, union args *args)
{
	(void)world;
	args->reserve.offset = 32 * page_size;
	args->reserve.nr_pages = 2;
}

static void prepare_commit(struct world *world, union args *args)
{
	(void)world;
	args->commit.offset = (WORLD_RESERVED + 1) * page_size;
	args->commit.nr_pages = 2;
	args->commit.node = KARENA_NODE_ANY;
}

static void prepare_walk(struct world *world, union args *args)
{
	args->walk.buffer = (uintptr_t)world->ranges;
	args->walk.buffer_bytes = sizeof(world->ranges);
}

static void prepare_ring_reserve(struct world *world, union args *args)
{
	(void)world;
	args->ring_reserve.length = 24;
}

/* Position of a new reservation in a ring that has a record, or 0. */
static inline __u64 reserve_record(int ring)
{
	struct karena_ring_reserve reserve = {
		.size = sizeof(reserve),
		.length = 24,
	};

	return ioctl(ring, KARENA_IOC_RING_RESERVE, &reserve) ? 0 : reserve.out_position;
}

static void prepare_ring_finish(struct world *world, union args *args)
{
	args->ring_finish.position = reserve_record(world->fd[RING]);
}

static void prepare_output(struct world *world, union args *args)
{
	args->output.buffer = (uintptr_t)world->payload;
	args->output.buffer_bytes = sizeof(world->payload);
}

static void prepare_output_batch(struct world *world, union args *args)
{
	args->output_batch.buffer = (uintptr_t)world->records;
	args->output_batch.buffer_bytes = sizeof(world->records);
}

static void prepare_reserve_batch(struct world *world, union args *args)
{
	args->reserve_batch.buffer = (uintptr_t)world->lengths;
	args->reserve_batch.buffer_bytes = sizeof(world->lengths);
}

static void prepare_finish_batch(struct world *world, union args *args)
{
	world->entries[0].position = reserve_record(world->fd[RING]);
	world->entries[1].position = reserve_record(world->fd[RING]);
	args->finish_batch.buffer = (uintptr_t)world->entries;
	args->finish_batch.buffer_bytes = sizeof(world->entries);
}

#define RESERVED(_struct)	.reserved = offsetof(struct _struct, __reserved)

/* Indexes of calls[]. */
enum {
	CALL_query, CALL_arena_create, CALL_ring_create, CALL_reopen, CALL_restrict,
	CALL_arena_alloc, CALL_arena_free, CALL_arena_reserve, CALL_arena_commit,
	CALL_arena_decommit, CALL_arena_stat, CALL_arena_walk, CALL_ring_reserve,
	CALL_ring_submit, CALL_ring_discard, CALL_ring_output, CALL_ring_stat, CALL_ring_wait,
	CALL_ring_output_batch, CALL_ring_reserve_batch, CALL_ring_finish_batch, CALL_ring_policy,
	CALL_ring_flush, CALL_ring_wait_cancel,
	NR_CALLS
};

#define FINISH_FLAGS	(KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP)

static const struct call calls[NR_CALLS] = {
	[CALL_query] = {
		"query", KARENA_IOC_QUERY, BIT(DEVICE),
		sizeof(struct karena_query), offsetof(struct karena_query, out_abi_version),
		.prepare = prepare_nothing,
	},
	[CALL_arena_create] = {
		"arena_create", KARENA_IOC_ARENA_CREATE, BIT(DEVICE),
		sizeof(struct karena_arena_create), 0, .makes_fd = true,
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT | KARENA_ARENA_F_FIXED_ADDR |
			 KARENA_ARENA_F_INHERIT,
		.prepare = prepare_arena_create,
	},
	[CALL_ring_create] = {
		"ring_create", KARENA_IOC_RING_CREATE, BIT(DEVICE),
		sizeof(struct karena_ring_create), 0,
		.flags = KARENA_RING_F_IN_PLACE | KARENA_RING_F_END, .makes_fd = true,
		.prepare = prepare_ring_create,
	},
	[CALL_reopen] = {
		"reopen", KARENA_IOC_REOPEN, BIT(ARENA) | BIT(RING),
		sizeof(struct karena_rights), 0, RESERVED(karena_rights), .makes_fd = true,
		.prepare = prepare_rights,
	},
	[CALL_restrict] = {
		"restrict", KARENA_IOC_RESTRICT, BIT(ARENA) | BIT(RING),
		sizeof(struct karena_rights), 0, RESERVED(karena_rights),
		.prepare = prepare_rights,
	},
	[CALL_arena_alloc] = {
		"arena_alloc", KARENA_IOC_ARENA_ALLOC, BIT(ARENA),
		sizeof(struct karena_arena_alloc), offsetof(struct karena_arena_alloc, out_offset),
		RESERVED(karena_arena_alloc),
		.flags = KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY,
		.rights = KARENA_RIGHT_ALLOC,
		.prepare = prepare_alloc,
	},
	[CALL_arena_free] = {
		"arena_free", KARENA_IOC_ARENA_FREE, BIT(ARENA),
		sizeof(struct karena_arena_free), offsetof(struct karena_arena_free, out_done),
		.flags = KARENA_FREE_F_STRICT, .rights = KARENA_RIGHT_FREE,
		.prepare = prepare_free,
	},
	[CALL_arena_reserve] = {
		"arena_reserve", KARENA_IOC_ARENA_RESERVE, BIT(ARENA),
		sizeof(struct karena_arena_reserve), 0,
		.flags = KARENA_RESERVE_F_GUARD, .rights = KARENA_RIGHT_ALLOC,
		.prepare = prepare_reserve,
	},
	[CALL_arena_commit] = {
		"arena_commit", KARENA_IOC_ARENA_COMMIT, BIT(ARENA),
		sizeof(struct karena_arena_commit), 0, RESERVED(karena_arena_commit),
		.flags = KARENA_COMMIT_F_LAZY, .rights = KARENA_RIGHT_ALLOC,
		.prepare = prepare_commit,
	},
	[CALL_arena_decommit] = {
		"arena_decommit", KARENA_IOC_ARENA_DECOMMIT, BIT(ARENA),
		sizeof(struct karena_arena_decommit),
		offsetof(struct karena_arena_decommit, out_done),
		.rights = KARENA_RIGHT_FREE,
		.prepare = prepare_free,
	},
	[CALL_arena_stat] = {
		"arena_stat", KARENA_IOC_ARENA_STAT, BIT(ARENA),
		sizeof(struct karena_arena_stat), offsetof(struct karena_arena_stat, out_flags),
		.flags = KARENA_STAT_F_PINNED,
		.prepare = prepare_nothing,
	},
	[CALL_arena_walk] = {
		"arena_walk", KARENA_IOC_ARENA_WALK, BIT(ARENA),
		sizeof(struct karena_arena_walk), offsetof(struct karena_arena_walk, out_count),
		RESERVED(karena_arena_walk),
		.rights = KARENA_RIGHT_MAP,
		.buffer = offsetof(struct karena_arena_walk, buffer),
		.prepare = prepare_walk,
	},
	[CALL_ring_reserve] = {
		"ring_reserve", KARENA_IOC_RING_RESERVE, BIT(RING),
		sizeof(struct karena_ring_reserve),
		offsetof(struct karena_ring_reserve, out_position),
		.flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_ring_reserve,
	},
	[CALL_ring_submit] = {
		"ring_submit", KARENA_IOC_RING_SUBMIT, BIT(RING),
		sizeof(struct karena_ring_finish), 0, RESERVED(karena_ring_finish),
		offsetof(struct karena_ring_finish, length),
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_ring_finish,
	},
	[CALL_ring_discard] = {
		"ring_discard", KARENA_IOC_RING_DISCARD, BIT(RING),
		sizeof(struct karena_ring_finish), 0, RESERVED(karena_ring_finish),
		offsetof(struct karena_ring_finish, length),
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_ring_finish,
	},
	[CALL_ring_output] = {
		"ring_output", KARENA_IOC_RING_OUTPUT, BIT(RING),
		sizeof(struct karena_ring_output), 0, RESERVED(karena_ring_output),
		offsetof(struct karena_ring_output, timeout_us),
		.flags = FINISH_FLAGS | KARENA_RING_WAIT_SPACE, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output, buffer),
		.prepare = prepare_output,
	},
	[CALL_ring_stat] = {
		"ring_stat", KARENA_IOC_RING_STAT, BIT(RING),
		sizeof(struct karena_ring_stat), offsetof(struct karena_ring_stat, out_flags),
		.first = offsetof(struct karena_ring_stat, out_wake_bytes),
		.clock = offsetof(struct karena_ring_stat, out_unread_us),
		.prepare = prepare_nothing,
	},
	[CALL_ring_wait] = {
		"ring_wait", KARENA_IOC_RING_WAIT, BIT(RING),
		sizeof(struct karena_ring_wait), 0,
		.flags = KARENA_WAIT_F_RECORDS,
		.rights = KARENA_RIGHT_CONSUME,
		.prepare = prepare_nothing,
	},
	[CALL_ring_output_batch] = {
		"ring_output_batch", KARENA_IOC_RING_OUTPUT_BATCH, BIT(RING),
		sizeof(struct karena_ring_output_batch), 0, RESERVED(karena_ring_output_batch),
		.flags = FINISH_FLAGS | KARENA_RING_WAIT_SPACE, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output_batch, buffer),
		.prepare = prepare_output_batch,
	},
	[CALL_ring_reserve_batch] = {
		"ring_reserve_batch", KARENA_IOC_RING_RESERVE_BATCH, BIT(RING),
		sizeof(struct karena_ring_reserve_batch),
		offsetof(struct karena_ring_reserve_batch, out_position),
		RESERVED(karena_ring_reserve_batch), .flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_reserve_batch, buffer),
		.prepare = prepare_reserve_batch,
	},
	[CALL_ring_finish_batch] = {
		"ring_finish_batch", KARENA_IOC_RING_FINISH_BATCH, BIT(RING),
		sizeof(struct karena_ring_finish_batch), 0,
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_finish_batch, buffer),
		.prepare = prepare_finish_batch,
	},
	[CALL_ring_policy] = {
		"ring_policy", KARENA_IOC_RING_POLICY, BIT(RING),
		sizeof(struct karena_ring_policy), 0, RESERVED(karena_ring_policy),
		.rights = KARENA_RIGHT_CONSUME,
		.prepare = prepare_nothing,
	},
	[CALL_ring_flush] = {
		"ring_flush", KARENA_IOC_RING_FLUSH, BIT(RING),
		sizeof(struct karena_ring_flush), 0,
		.rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_nothing,
	},
	[CALL_ring_wait_cancel] = {
		"ring_wait_cancel", KARENA_IOC_RING_WAIT_CANCEL, BIT(RING),
		sizeof(struct karena_ring_wait_cancel), 0,
		.flags = KARENA_WAIT_CANCEL_F_ALL,
		.prepare = prepare_nothing,
	},
};

/* The one kind that has the call, or the first of them. */
static inline enum kind call_kind(const struct call *call)
{
	return call->on & BIT(DEVICE) ? DEVICE : call->on & BIT(ARENA) ? ARENA : RING;
}

/* By a device fd that is there, for those who could not open one. */
static inline int arena_on(int device, __u64 nr_pages)
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

static inline int ring_create(int device, __u64 data_bytes, __u32 flags)
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

static inline struct karena_ring_stat ring_stat(int ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	must(call(ring, KARENA_IOC_RING_STAT, &stat) == 0);
	return stat;
}

/* A second open file with just @rights; -1 with errno. */
static inline int reopen_with(int fd, __u32 rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return ioctl(fd, KARENA_IOC_REOPEN, &args);
}

static inline int restrict_to(int fd, __u32 rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return outcome(ioctl(fd, KARENA_IOC_RESTRICT, &args));
}

/* What the kernel says the open file may do. */
static inline __u32 rights_of(int fd, enum kind kind)
{
	return kind == ARENA ? arena_stat(fd).out_rights : ring_stat(fd).out_rights;
}

/* The arena and the ring as struct world says, in place of those there were. */
static inline void world_renew(struct world *world)
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
	ring = ring_create(world->fd[DEVICE], page_size, KARENA_RING_F_IN_PLACE);
	must(write(ring, world->payload, bytes) == bytes);
	world->fd[ARENA] = arena;
	world->fd[RING] = ring;
}

static inline void world_build(struct world *world)
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

static inline void world_end(struct world *world)
{
	enum kind kind;

	for (kind = DEVICE; kind < KINDS; kind++)
		close(world->fd[kind]);
}

static inline void call_prepare(struct world *world, const struct call *call, union args *args)
{
	memset(args, 0, sizeof(*args));
	args->size = call->size;
	call->prepare(world, args);
}

/* 0 or errno; an fd that is returned is closed. */
static inline int try_call(int fd, const struct call *call, void *args)
{
	int ret = ioctl(fd, call->number, args);

	if (ret > 0 && call->makes_fd)
		close(ret);
	return outcome(ret);
}

/**
 * struct snapshot - all that calls could change in a world
 * @arena:	counters of the arena
 * @ring:	counters of the ring
 * @ranges:	of the arena
 * @nr_ranges:	how many
 * @left:	bytes that the user may still take
 * @next_fd:	lowest fd that is not open
 */
struct snapshot {
	struct karena_arena_stat arena;
	struct karena_ring_stat ring;
	struct karena_arena_range ranges[16];
	__u64 nr_ranges;
	__u64 left;
	__s64 next_fd;
};

static inline __u64 bytes_left(int device)
{
	struct karena_query query = { .size = sizeof(query) };

	ioctl(device, KARENA_IOC_QUERY, &query);
	return query.out_user_left_bytes;
}

static inline struct snapshot take_snapshot(const struct world *world)
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

static inline bool same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
	return !memcmp(a, b, sizeof(*a));
}

#endif /* KARENA_TESTS_CALLS_H */
