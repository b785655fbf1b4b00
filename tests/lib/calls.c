// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "calls.h"

bool cut_clock(const struct call *call, void *args)
{
	__u64 us;

	if (!call->clock)
		return true;
	memcpy(&us, (char *)args + call->clock, sizeof(us));
	memset((char *)args + call->clock, 0, sizeof(us));
	return us < 3600 * 1000000ull;
}

static void prepare_nothing(struct world *world, union args *args)
{
	(void)world;
	(void)args;
}

static void prepare_list(struct world *world, union args *args)
{
	args->list.buffer = (uintptr_t)world->objects;
	args->list.buffer_bytes = sizeof(world->objects);
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

__u64 reserve_record(int ring)
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

/* Pages of arenas that are created at random. */
#define MAX_PAGES	96

__u64 random_offset(void)
{
	if (random_below(16))
		return random_below(MAX_PAGES + 2) * page_size;
	return random_64() >> random_below(64);
}

__u64 random_count(void)
{
	if (random_below(16))
		return random_below(24);
	return random_64() >> random_below(64);
}

static void random_arena_create(struct world *world, union args *args)
{
	(void)world;
	args->arena_create.length = (1 + random_below(MAX_PAGES)) * page_size;
	args->arena_create.fault_pages = random_below(66);
	args->arena_create.node = (int)random_below(4) - 1;
}

static void random_ring_create(struct world *world, union args *args)
{
	(void)world;
	args->ring_create.data_bytes = page_size << random_below(4);
}

static void random_rights(struct world *world, union args *args)
{
	(void)world;
	args->rights.rights = random_below(4) ? KARENA_RIGHTS_ARENA : random_64() & 0x3f;
}

/* Arenas' ranges lie in one place of each struct. */
static void random_range(struct world *world, union args *args)
{
	(void)world;
	args->free.offset = random_offset();
	args->free.nr_pages = random_count();
}

static void random_walk(struct world *world, union args *args)
{
	args->walk.buffer_bytes = random_below(sizeof(world->ranges) + 1);
	args->walk.offset = random_offset();
}

static void random_ring_reserve(struct world *world, union args *args)
{
	(void)world;
	args->ring_reserve.length = random_below(8) ? random_below(300) : random_64();
}

static void random_ring_finish(struct world *world, union args *args)
{
	(void)world;
	args->ring_finish.position = 8 * random_below(1024);
	args->ring_finish.length = random_below(4) ? 0 : random_below(300);
}

static void random_output(struct world *world, union args *args)
{
	args->output.buffer_bytes = random_below(sizeof(world->payload) + 1);
}

static void random_output_batch(struct world *world, union args *args)
{
	world->records[random_below(2)].header.word = random_below(40);
	args->output_batch.buffer_bytes = random_below(sizeof(world->records) + 1);
}

static void random_reserve_batch(struct world *world, union args *args)
{
	world->lengths[random_below(2)] = random_below(300);
	args->reserve_batch.buffer_bytes = 4 * random_below(3);
}

static void random_finish_batch(struct world *world, union args *args)
{
	world->entries[random_below(2)] = (struct karena_ring_finish_entry) {
		.position = 8 * random_below(1024),
		.length = random_below(4) ? 0 : random_below(300),
		.flags = random_below(8) ? random_below(2) : random_64(),
	};
	args->finish_batch.buffer_bytes = 16 * random_below(3);
}

static void random_ring_wait(struct world *world, union args *args)
{
	(void)world;
	args->ring_wait.bytes = random_below(2 * page_size);
}

static void random_policy(struct world *world, union args *args)
{
	(void)world;
	args->policy.wake_bytes = random_below(2 * page_size);
	args->policy.wake_records = random_below(4);
	args->policy.wake_delay_us = random_below(100);
}

static void random_wait_cancel(struct world *world, union args *args)
{
	(void)world;
	args->wait_cancel.user_data = random_below(2);
}

#define RESERVED(_struct)	.reserved = offsetof(struct _struct, __reserved)

#define TIMEOUT(_struct)	.timeout = offsetof(struct _struct, timeout_us)
#define ERRNOS(...)	.errnos = (const int []){ __VA_ARGS__, 0 }

#define FINISH_FLAGS	(KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP)

const struct call calls[NR_CALLS] = {
	[CALL_query] = {
		"query", KARENA_IOC_QUERY, BIT(DEVICE),
		sizeof(struct karena_query), offsetof(struct karena_query, out_abi_version),
		.prepare = prepare_nothing,
	},
	[CALL_list] = {
		"list", KARENA_IOC_LIST, BIT(DEVICE),
		sizeof(struct karena_list), offsetof(struct karena_list, out_count),
		RESERVED(karena_list),
		.buffer = offsetof(struct karena_list, buffer),
		.sleeps = true,
		.prepare = prepare_list,
	},
	[CALL_arena_create] = {
		"arena_create", KARENA_IOC_ARENA_CREATE, BIT(DEVICE),
		sizeof(struct karena_arena_create), 0, .makes_fd = true,
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT | KARENA_ARENA_F_FIXED_ADDR |
			 KARENA_ARENA_F_INHERIT | KARENA_ARENA_F_NULL_PAGE,
		.sleeps = true,
		ERRNOS(EMFILE, ENFILE, EDQUOT),
		.prepare = prepare_arena_create,
		.randomize = random_arena_create,
	},
	[CALL_ring_create] = {
		"ring_create", KARENA_IOC_RING_CREATE, BIT(DEVICE),
		sizeof(struct karena_ring_create), 0,
		.flags = KARENA_RING_F_IN_PLACE | KARENA_RING_F_END, .makes_fd = true,
		.sleeps = true,
		ERRNOS(EMFILE, ENFILE, EDQUOT),
		.prepare = prepare_ring_create,
		.randomize = random_ring_create,
	},
	[CALL_reopen] = {
		"reopen", KARENA_IOC_REOPEN, BIT(ARENA) | BIT(RING),
		sizeof(struct karena_rights), 0, RESERVED(karena_rights), .makes_fd = true,
		.sleeps = true,
		ERRNOS(EDQUOT, EMFILE, ENFILE),
		.prepare = prepare_rights,
		.randomize = random_rights,
	},
	[CALL_restrict] = {
		"restrict", KARENA_IOC_RESTRICT, BIT(ARENA) | BIT(RING),
		sizeof(struct karena_rights), 0, RESERVED(karena_rights),
		.prepare = prepare_rights,
		.randomize = random_rights,
	},
	[CALL_arena_alloc] = {
		"arena_alloc", KARENA_IOC_ARENA_ALLOC, BIT(ARENA),
		sizeof(struct karena_arena_alloc), offsetof(struct karena_arena_alloc, out_offset),
		RESERVED(karena_arena_alloc),
		.flags = KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY,
		.rights = KARENA_RIGHT_ALLOC,
		ERRNOS(EBUSY, ENOSPC, EDQUOT),
		.prepare = prepare_alloc,
		.randomize = random_range,
	},
	[CALL_arena_free] = {
		"arena_free", KARENA_IOC_ARENA_FREE, BIT(ARENA),
		sizeof(struct karena_arena_free), offsetof(struct karena_arena_free, out_done),
		.flags = KARENA_FREE_F_STRICT, .rights = KARENA_RIGHT_FREE,
		.cannot_fail = true, .sleeps = true,
		ERRNOS(ENOENT, EDQUOT),
		.prepare = prepare_free,
		.randomize = random_range,
	},
	[CALL_arena_reserve] = {
		"arena_reserve", KARENA_IOC_ARENA_RESERVE, BIT(ARENA),
		sizeof(struct karena_arena_reserve), 0,
		.flags = KARENA_RESERVE_F_GUARD, .rights = KARENA_RIGHT_ALLOC,
		ERRNOS(EBUSY, EDQUOT),
		.prepare = prepare_reserve,
		.randomize = random_range,
	},
	[CALL_arena_commit] = {
		"arena_commit", KARENA_IOC_ARENA_COMMIT, BIT(ARENA),
		sizeof(struct karena_arena_commit), 0, RESERVED(karena_arena_commit),
		.flags = KARENA_COMMIT_F_LAZY, .rights = KARENA_RIGHT_ALLOC,
		ERRNOS(EBUSY, EDQUOT),
		.prepare = prepare_commit,
		.randomize = random_range,
	},
	[CALL_arena_decommit] = {
		"arena_decommit", KARENA_IOC_ARENA_DECOMMIT, BIT(ARENA),
		sizeof(struct karena_arena_decommit),
		offsetof(struct karena_arena_decommit, out_done),
		.rights = KARENA_RIGHT_FREE,
		.cannot_fail = true, .sleeps = true,
		ERRNOS(EBUSY, EDQUOT),
		.prepare = prepare_free,
		.randomize = random_range,
	},
	[CALL_arena_stat] = {
		"arena_stat", KARENA_IOC_ARENA_STAT, BIT(ARENA),
		sizeof(struct karena_arena_stat), offsetof(struct karena_arena_stat, out_flags),
		.flags = KARENA_STAT_F_PINNED,
		.sleeps = true,
		.prepare = prepare_nothing,
	},
	[CALL_arena_walk] = {
		"arena_walk", KARENA_IOC_ARENA_WALK, BIT(ARENA),
		sizeof(struct karena_arena_walk), offsetof(struct karena_arena_walk, out_count),
		RESERVED(karena_arena_walk),
		.rights = KARENA_RIGHT_MAP,
		.buffer = offsetof(struct karena_arena_walk, buffer),
		.sleeps = true,
		.prepare = prepare_walk,
		.randomize = random_walk,
	},
	[CALL_ring_reserve] = {
		"ring_reserve", KARENA_IOC_RING_RESERVE, BIT(RING),
		sizeof(struct karena_ring_reserve),
		offsetof(struct karena_ring_reserve, out_position),
		.flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		TIMEOUT(karena_ring_reserve),
		ERRNOS(EAGAIN, ENOSPC, ETIMEDOUT),
		.prepare = prepare_ring_reserve,
		.randomize = random_ring_reserve,
	},
	[CALL_ring_submit] = {
		"ring_submit", KARENA_IOC_RING_SUBMIT, BIT(RING),
		sizeof(struct karena_ring_finish), 0, RESERVED(karena_ring_finish),
		offsetof(struct karena_ring_finish, length),
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_ring_finish,
		.randomize = random_ring_finish,
	},
	[CALL_ring_discard] = {
		"ring_discard", KARENA_IOC_RING_DISCARD, BIT(RING),
		sizeof(struct karena_ring_finish), 0, RESERVED(karena_ring_finish),
		offsetof(struct karena_ring_finish, length),
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.prepare = prepare_ring_finish,
		.randomize = random_ring_finish,
	},
	[CALL_ring_output] = {
		"ring_output", KARENA_IOC_RING_OUTPUT, BIT(RING),
		sizeof(struct karena_ring_output), 0, RESERVED(karena_ring_output),
		offsetof(struct karena_ring_output, timeout_us),
		.flags = FINISH_FLAGS | KARENA_RING_WAIT_SPACE, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output, buffer),
		TIMEOUT(karena_ring_output), .partial = true,
		ERRNOS(EAGAIN, ENOSPC, ETIMEDOUT),
		.prepare = prepare_output,
		.randomize = random_output,
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
		TIMEOUT(karena_ring_wait), .feature = KARENA_FEAT_URING_WAIT,
		ERRNOS(ETIMEDOUT),
		.prepare = prepare_nothing,
		.randomize = random_ring_wait,
	},
	[CALL_ring_output_batch] = {
		"ring_output_batch", KARENA_IOC_RING_OUTPUT_BATCH, BIT(RING),
		sizeof(struct karena_ring_output_batch), 0, RESERVED(karena_ring_output_batch),
		.flags = FINISH_FLAGS | KARENA_RING_WAIT_SPACE, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output_batch, buffer),
		TIMEOUT(karena_ring_output_batch), .partial = true,
		ERRNOS(EAGAIN, ENOSPC, ETIMEDOUT),
		.prepare = prepare_output_batch,
		.randomize = random_output_batch,
	},
	[CALL_ring_reserve_batch] = {
		"ring_reserve_batch", KARENA_IOC_RING_RESERVE_BATCH, BIT(RING),
		sizeof(struct karena_ring_reserve_batch),
		offsetof(struct karena_ring_reserve_batch, out_position),
		RESERVED(karena_ring_reserve_batch), .flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_reserve_batch, buffer),
		TIMEOUT(karena_ring_reserve_batch),
		ERRNOS(EAGAIN, ENOSPC, ETIMEDOUT),
		.prepare = prepare_reserve_batch,
		.randomize = random_reserve_batch,
	},
	[CALL_ring_finish_batch] = {
		"ring_finish_batch", KARENA_IOC_RING_FINISH_BATCH, BIT(RING),
		sizeof(struct karena_ring_finish_batch), 0,
		.flags = FINISH_FLAGS, .rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_finish_batch, buffer),
		.prepare = prepare_finish_batch,
		.randomize = random_finish_batch,
	},
	[CALL_ring_policy] = {
		"ring_policy", KARENA_IOC_RING_POLICY, BIT(RING),
		sizeof(struct karena_ring_policy), 0, RESERVED(karena_ring_policy),
		.rights = KARENA_RIGHT_CONSUME,
		.prepare = prepare_nothing,
		.randomize = random_policy,
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
		.randomize = random_wait_cancel,
	},
	[CALL_ring_attach] = {
		"ring_attach", KARENA_IOC_RING_ATTACH, BIT(RING),
		sizeof(struct karena_ring_attach), 0,
		.flags = KARENA_ATTACH_F_CONSUME,
		.rights = KARENA_RIGHT_PRODUCE,	/* with CONSUME the other one */
		.sleeps = true,
		ERRNOS(EBUSY),
		.prepare = prepare_nothing,
	},
};
