/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call of the contract as data: its number, its struct, what it demands,
 * and how to get to a state in which it succeeds. For programs that try the same
 * on all of them, by one loop or one fixture variant per call.
 */
#ifndef KARENA_TESTS_CALLS_H
#define KARENA_TESTS_CALLS_H

#include <stddef.h>

#include "ring_util.h"

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
	struct karena_list list;
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
	struct karena_ring_attach attach;
	unsigned char bytes[256];
};

/**
 * struct world - one object of each kind
 * @fd:		by kind, all rights; pages of the arena are as below, the ring is
 *		IN_PLACE and has one record
 * @objects:	where LIST writes
 * @ranges:	where WALK writes
 * @payload:	what OUTPUT sends
 * @records:	what OUTPUT_BATCH sends
 * @lengths:	what RESERVE_BATCH reserves
 * @entries:	what FINISH_BATCH finishes
 */
struct world {
	int fd[KINDS];
	struct karena_list_entry objects[1];	/* others come and go */
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
 * @timeout:	where its timeout lies, 0 for none; if it takes WAIT_SPACE, it waits with
 *		this flag only
 * @feature:	KARENA_FEAT_* without which io_uring does not have it, 0 for none
 * @makes_fd:	it returns an fd
 * @sleeps:	io_uring has a worker do it, although it is short and there is memory, since it
 *		sleeps: for memory, for a lock that is held over its taking, for a file; not only
 *		as the first by which a process becomes an owner
 * @cannot_fail: for want of memory, that is
 * @partial:	a success may have done less than it could
 * @errnos:	that it can fail with beside those of all calls, 0 at the end; NULL for none
 * @prepare:	in a world just built, fill the arguments so that it succeeds;
 *		size is filled in and all else zero
 * @randomize:	change what @prepare filled in, at random, but not for long waits; may be
 *		NULL
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
	unsigned int timeout;
	unsigned int feature;
	bool makes_fd;
	bool sleeps;
	bool cannot_fail;
	bool partial;
	const int *errnos;
	void (*prepare)(struct world *world, union args *args);
	void (*randomize)(struct world *world, union args *args);
};

/* Takes the time out of @args. Returns whether it was one, and not what was there before. */
bool cut_clock(const struct call *call, void *args);

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

/* Position of a new reservation in a ring that has a record, or 0. */
__u64 reserve_record(int ring);

/* Indexes of calls[]. */
enum {
	CALL_query, CALL_list, CALL_arena_create, CALL_ring_create, CALL_reopen, CALL_restrict,
	CALL_arena_alloc, CALL_arena_free, CALL_arena_reserve, CALL_arena_commit,
	CALL_arena_decommit, CALL_arena_stat, CALL_arena_walk, CALL_ring_reserve,
	CALL_ring_submit, CALL_ring_discard, CALL_ring_output, CALL_ring_stat, CALL_ring_wait,
	CALL_ring_output_batch, CALL_ring_reserve_batch, CALL_ring_finish_batch, CALL_ring_policy,
	CALL_ring_flush, CALL_ring_wait_cancel, CALL_ring_attach,
	NR_CALLS
};

extern const struct call calls[NR_CALLS];

/* For programs that need one world only. */
extern struct world world;

/* The one kind that has the call, or the first of them. */
static inline enum kind call_kind(const struct call *call)
{
	return call->on & BIT(DEVICE) ? DEVICE : call->on & BIT(ARENA) ? ARENA : RING;
}

/* By a device fd that is there, for those who could not open one. */
int arena_on(int device, __u64 nr_pages);

int ring_on(int device, __u64 data_bytes, __u32 flags);

/* A second open file with just @rights; -1 with errno. */
int reopen_with(int fd, __u32 rights);

int restrict_to(int fd, __u32 rights);

/* What the kernel says the open file may do. */
static inline __u32 rights_of(int fd, enum kind kind)
{
	return kind == ARENA ? arena_stat(fd).out_rights : ring_stat(fd).out_rights;
}

/* The arena and the ring as struct world says, in place of those there were. */
void world_renew(struct world *world);

void world_build(struct world *world);

void world_end(struct world *world);

void call_prepare(struct world *world, const struct call *call, union args *args);

/* Prepares and randomizes the arguments; flags are mostly such as there are. */
void call_randomize(struct world *world, const struct call *call, union args *args);

/* Is that 0, or an errno that the header names for the call? */
bool call_may_give(const struct call *call, int err);

/* Of pages, in bytes, and how many: mostly what may work, now and then anything. */
__u64 random_offset(void);

__u64 random_count(void);

/* 0 or errno; an fd that is returned is closed. */
int try_call(int fd, const struct call *call, void *args);

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

__u64 bytes_left(int device);

struct snapshot take_snapshot(const struct world *world);

static inline bool same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
	return !memcmp(a, b, sizeof(*a));
}

#endif /* KARENA_TESTS_CALLS_H */
