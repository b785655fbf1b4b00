// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of operations, indexed by number.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/math.h>
#include <linux/nospec.h>
#include <linux/stddef.h>

#include "arena.h"
#include "compat.h"
#include "object_ops.h"
#include "objfd.h"
#include "ops.h"
#include "ring.h"
#include "ring_ops.h"

/*
 * Fills in a row's @first_size, @size and @out. _last is the last field of the struct as
 * first published; _out is OUT() of its first output, or NO_OUT(). _struct is a type, so
 * evaluating it more than once is harmless.
 */
#define ARGS(_struct, _last, _out)						\
	.first_size = offsetofend(struct _struct, _last),			\
	.size = sizeof(struct _struct) +					\
		BUILD_BUG_ON_ZERO(sizeof(struct _struct) > KARENA_ARGS_MAX) +	\
		BUILD_BUG_ON_ZERO(sizeof(struct _struct) % sizeof(u64)),	\
	.out = round_down(_out, sizeof(u64))

#define OUT(_struct, _field)	offsetof(struct _struct, _field)
#define NO_OUT(_struct)		sizeof(struct _struct)
/* Returns the index of a row. Fails to build if _cmd has another type, or a direction. */
#define NR(_cmd) \
	(_IOC_NR(_cmd) + BUILD_BUG_ON_ZERO((_cmd) != _IO(KARENA_IOC_TYPE, _IOC_NR(_cmd))))

static const struct karena_op karena_ops[] = {
	[NR(KARENA_IOC_QUERY)] = {
		.name = "query",
		ARGS(karena_query, out_parked_max, OUT(karena_query, out_abi_version)),
		.nowait = true,
		.execute = karena_op_query,
	},
	[NR(KARENA_IOC_ARENA_CREATE)] = {
		.name = "arena_create",
		ARGS(karena_arena_create, name, NO_OUT(karena_arena_create)),
		.flags = KARENA_ARENA_FLAGS,
		.execute = arena_op_create,
	},
	[NR(KARENA_IOC_RING_CREATE)] = {
		.name = "ring_create",
		ARGS(karena_ring_create, name, NO_OUT(karena_ring_create)),
		.flags = KARENA_RING_FLAGS,
		.execute = ring_op_create,
	},
	[NR(KARENA_IOC_LIST)] = {
		.name = "list",
		ARGS(karena_list, __reserved, OUT(karena_list, out_count)),
		.buffer = offsetof(struct karena_list, buffer),
		.buffer_dest = true,
		.execute = karena_op_list,
	},
	[NR(KARENA_IOC_REOPEN)] = {
		.name = "reopen",
		.any_object = true,
		ARGS(karena_rights, __reserved, NO_OUT(karena_rights)),
		.execute = karena_op_reopen,
	},
	[NR(KARENA_IOC_RESTRICT)] = {
		.name = "restrict",
		.any_object = true,
		ARGS(karena_rights, __reserved, NO_OUT(karena_rights)),
		.nowait = true,
		.execute = karena_op_restrict,
	},
	[NR(KARENA_IOC_ARENA_ALLOC)] = {
		.name = "arena_alloc",
		.type = &karena_arena_type,
		ARGS(karena_arena_alloc, out_offset, OUT(karena_arena_alloc, out_offset)),
		.flags = KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY,
		.rights = KARENA_RIGHT_ALLOC,
		.nowait = true,
		.execute = arena_op_alloc,
	},
	[NR(KARENA_IOC_ARENA_FREE)] = {
		.name = "arena_free",
		.type = &karena_arena_type,
		ARGS(karena_arena_free, out_done, OUT(karena_arena_free, out_done)),
		.out_on_eintr = true,
		.flags = KARENA_FREE_F_STRICT,
		.rights = KARENA_RIGHT_FREE,
		.execute = arena_op_free,
	},
	[NR(KARENA_IOC_ARENA_RESERVE)] = {
		.name = "arena_reserve",
		.type = &karena_arena_type,
		ARGS(karena_arena_reserve, nr_pages, NO_OUT(karena_arena_reserve)),
		.flags = KARENA_RESERVE_F_GUARD,
		.rights = KARENA_RIGHT_ALLOC,
		.nowait = true,
		.execute = arena_op_reserve,
	},
	[NR(KARENA_IOC_ARENA_COMMIT)] = {
		.name = "arena_commit",
		.type = &karena_arena_type,
		ARGS(karena_arena_commit, __reserved, NO_OUT(karena_arena_commit)),
		.flags = KARENA_COMMIT_F_LAZY,
		.rights = KARENA_RIGHT_ALLOC,
		.nowait = true,
		.execute = arena_op_commit,
	},
	[NR(KARENA_IOC_ARENA_DECOMMIT)] = {
		.name = "arena_decommit",
		.type = &karena_arena_type,
		ARGS(karena_arena_decommit, out_done, OUT(karena_arena_decommit, out_done)),
		.out_on_eintr = true,
		.rights = KARENA_RIGHT_FREE,
		.execute = arena_op_decommit,
	},
	[NR(KARENA_IOC_ARENA_STAT)] = {
		.name = "arena_stat",
		.type = &karena_arena_type,
		ARGS(karena_arena_stat, out_pinned, OUT(karena_arena_stat, out_flags)),
		.flags = KARENA_STAT_F_PINNED,
		.execute = arena_op_stat,
	},
	[NR(KARENA_IOC_ARENA_WALK)] = {
		.name = "arena_walk",
		.type = &karena_arena_type,
		ARGS(karena_arena_walk, out_next, OUT(karena_arena_walk, out_count)),
		.rights = KARENA_RIGHT_MAP,
		.buffer = offsetof(struct karena_arena_walk, buffer),
		.buffer_dest = true,
		.execute = arena_op_walk,
	},
	[NR(KARENA_IOC_RING_RESERVE)] = {
		.name = "ring_reserve",
		.type = &karena_ring_type,
		ARGS(karena_ring_reserve, out_offset, OUT(karena_ring_reserve, out_position)),
		.timeout = offsetof(struct karena_ring_reserve, timeout_us),
		.flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		.nowait = true,
		.execute = ring_op_reserve,
	},
	[NR(KARENA_IOC_RING_SUBMIT)] = {
		.name = "ring_submit",
		.type = &karena_ring_type,
		ARGS(karena_ring_finish, position, NO_OUT(karena_ring_finish)),
		.flags = RING_FINISH_FLAGS,
		.rights = KARENA_RIGHT_PRODUCE,
		.nowait = true,
		.execute = ring_op_submit,
	},
	[NR(KARENA_IOC_RING_DISCARD)] = {
		.name = "ring_discard",
		.type = &karena_ring_type,
		ARGS(karena_ring_finish, position, NO_OUT(karena_ring_finish)),
		.flags = RING_FINISH_FLAGS,
		.rights = KARENA_RIGHT_PRODUCE,
		.nowait = true,
		.execute = ring_op_discard,
	},
	[NR(KARENA_IOC_RING_OUTPUT)] = {
		.name = "ring_output",
		.type = &karena_ring_type,
		ARGS(karena_ring_output, buffer_bytes, NO_OUT(karena_ring_output)),
		.timeout = offsetof(struct karena_ring_output, timeout_us),
		.flags = RING_OUTPUT_FLAGS,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output, buffer),
		.nowait = true,
		.execute = ring_op_output,
	},
	[NR(KARENA_IOC_RING_OUTPUT_BATCH)] = {
		.name = "ring_output_batch",
		.type = &karena_ring_type,
		ARGS(karena_ring_output_batch, __reserved, NO_OUT(karena_ring_output_batch)),
		.timeout = offsetof(struct karena_ring_output_batch, timeout_us),
		.flags = RING_OUTPUT_FLAGS,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_output_batch, buffer),
		.nowait = true,
		.execute = ring_op_output_batch,
	},
	[NR(KARENA_IOC_RING_RESERVE_BATCH)] = {
		.name = "ring_reserve_batch",
		.type = &karena_ring_type,
		ARGS(karena_ring_reserve_batch, out_offset,
		     OUT(karena_ring_reserve_batch, out_position)),
		.timeout = offsetof(struct karena_ring_reserve_batch, timeout_us),
		.flags = KARENA_RING_WAIT_SPACE,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_reserve_batch, buffer),
		.nowait = true,
		.execute = ring_op_reserve_batch,
	},
	[NR(KARENA_IOC_RING_FINISH_BATCH)] = {
		.name = "ring_finish_batch",
		.type = &karena_ring_type,
		ARGS(karena_ring_finish_batch, buffer_bytes, NO_OUT(karena_ring_finish_batch)),
		.flags = RING_FINISH_FLAGS,
		.rights = KARENA_RIGHT_PRODUCE,
		.buffer = offsetof(struct karena_ring_finish_batch, buffer),
		.nowait = true,
		.execute = ring_op_finish_batch,
	},
	[NR(KARENA_IOC_RING_POLICY)] = {
		.name = "ring_policy",
		.type = &karena_ring_type,
		ARGS(karena_ring_policy, __reserved, NO_OUT(karena_ring_policy)),
		.rights = KARENA_RIGHT_CONSUME,
		.nowait = true,
		.execute = ring_op_policy,
	},
	[NR(KARENA_IOC_RING_FLUSH)] = {
		.name = "ring_flush",
		.type = &karena_ring_type,
		ARGS(karena_ring_flush, flags, NO_OUT(karena_ring_flush)),
		.rights = KARENA_RIGHT_PRODUCE,
		.nowait = true,
		.execute = ring_op_flush,
	},
	[NR(KARENA_IOC_RING_STAT)] = {
		.name = "ring_stat",
		.type = &karena_ring_type,
		ARGS(karena_ring_stat, out_name, OUT(karena_ring_stat, out_flags)),
		.nowait = true,
		.execute = ring_op_stat,
	},
	[NR(KARENA_IOC_RING_WAIT)] = {
		.name = "ring_wait",
		.type = &karena_ring_type,
		ARGS(karena_ring_wait, timeout_us, NO_OUT(karena_ring_wait)),
		.timeout = offsetof(struct karena_ring_wait, timeout_us),
		.flags = KARENA_WAIT_F_RECORDS,
		.rights = KARENA_RIGHT_CONSUME,
		.nowait = true,
		.waits = true,
		.multishot = true,
		.execute = ring_op_wait,
	},
	[NR(KARENA_IOC_RING_ATTACH)] = {
		.name = "ring_attach",
		.type = &karena_ring_type,
		ARGS(karena_ring_attach, flags, NO_OUT(karena_ring_attach)),
		.flags = KARENA_ATTACH_F_CONSUME,
		.execute = ring_op_attach,
	},
	[NR(KARENA_IOC_RING_WAIT_CANCEL)] = {
		.name = "ring_wait_cancel",
		.type = &karena_ring_type,
		ARGS(karena_ring_wait_cancel, user_data, NO_OUT(karena_ring_wait_cancel)),
		.flags = KARENA_WAIT_CANCEL_F_ALL,
		.nowait = true,
		.execute = ring_op_wait_cancel,
	},
};

/* Does this kind of object, or the device if @object is NULL, have the operation? */
static bool op_fits(const struct karena_op *op, const struct karena_object *object)
{
	/* The row of a number that is not used is all zeroes: it has no @execute. */
	if (!object)
		return op->execute && !op->type && !op->any_object;
	return op->any_object || op->type == object->type;
}

/**
 * karena_op_find() - look up the operation that a number names on an object
 * @cmd:	KARENA_IOC_*
 * @object:	an arena or a ring; NULL: the device
 *
 * Context: any.
 * Return: a row; NULL if this kind of object has no such call.
 */
const struct karena_op *karena_op_find(unsigned int cmd, const struct karena_object *object)
{
	/* A @cmd of another type, or with a direction, gives a number out of range. */
	unsigned int nr = cmd - _IO(KARENA_IOC_TYPE, 0);
	const struct karena_op *op;

	if (nr >= ARRAY_SIZE(karena_ops))
		return NULL;
	op = &karena_ops[array_index_nospec(nr, ARRAY_SIZE(karena_ops))];
	return op_fits(op, object) ? op : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(karena_op_find);

/**
 * karena_op_kernel() - execute an operation that has no buffer, for kernel code
 * @object:	an arena or a ring
 * @cmd:	KARENA_IOC_* of its kind
 * @args:	the operation's argument struct
 *
 * Context: may sleep.
 * Return: as karena_op_execute().
 */
long karena_op_kernel(struct karena_object *object, unsigned int cmd, void *args)
{
	const struct karena_op *op = karena_op_find(cmd, object);
	struct karena_call call = { .object = object };

	if (WARN_ON_ONCE(!op || op->buffer))
		return -ENOTTY;
	return karena_op_execute(op, &call, args);
}
