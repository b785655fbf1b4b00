// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations that are not specific to arenas or rings. karena_op_*() execute KARENA_IOC_*,
 * which uapi/karena.h describes; see @execute of struct karena_op.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "account.h"
#include "arena.h"
#include "call.h"
#include "compat.h"
#include "object_list.h"
#include "object_ops.h"
#include "objfd.h"
#include "ring.h"

/* What io_uring can do with karena files on this kernel, as KARENA_FEAT_*. */
static u64 uring_features(void)
{
	if (!IS_ENABLED(CONFIG_IO_URING))
		return 0;
	return KARENA_FEAT_URING_CMD |
	       (KARENA_URING_PARKS ? KARENA_FEAT_URING_WAIT : 0) |
	       (KARENA_URING_HAS_MULTISHOT ? KARENA_FEAT_URING_MULTISHOT : 0) |
	       (KARENA_URING_BUFFERS ? KARENA_FEAT_URING_BUFFERS : 0);
}

long karena_op_query(struct karena_call *call, void *args)
{
	struct karena_query *query = args;

	query->out_abi_version = KARENA_ABI_VERSION;
	query->out_page_size = PAGE_SIZE;
	query->out_features = KARENA_FEAT_ARENA | KARENA_FEAT_RING | uring_features();
	query->out_arena_flags = KARENA_ARENA_FLAGS;
	query->out_ring_flags = KARENA_RING_FLAGS;
	query->out_arena_max_bytes = KARENA_ARENA_MAX_BYTES;
	query->out_ring_max_bytes = KARENA_RING_MAX_BYTES;
	query->out_parked_max = KARENA_PARKED_MAX;
	query->out_user_limit_bytes = karena_account_limit_bytes();
	query->out_user_left_bytes = karena_account_left_bytes();
	return 0;
}

long karena_op_list(struct karena_call *call, void *argp)
{
	struct karena_list *args = argp;
	struct karena_list_entry entry;
	u64 after = args->after;
	u32 count = 0;

	if (args->__reserved)
		return -EINVAL;
	while (iov_iter_count(call->payload) >= sizeof(entry) && karena_list_next(after, &entry)) {
		if (copy_to_iter(&entry, sizeof(entry), call->payload) != sizeof(entry))
			return -EFAULT;
		after = entry.id;
		count++;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	args->out_count = count;
	return 0;
}

long karena_op_reopen(struct karena_call *call, void *argp)
{
	const struct karena_rights *args = argp;

	if (args->__reserved)
		return -EINVAL;
	return karena_object_reopen(karena_file_handle(call->file), args->rights);
}

long karena_op_restrict(struct karena_call *call, void *argp)
{
	const struct karena_rights *args = argp;

	if (args->__reserved || args->rights & ~call->object->type->rights)
		return -EINVAL;
	karena_object_restrict(karena_file_handle(call->file), args->rights);
	return 0;
}
