/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of the table on rings, but for the waits of ring_wait.h, and what ring_ops.c
 * and ring_batch.c share.
 */
#ifndef KARENA_RING_OPS_H
#define KARENA_RING_OPS_H

#include <linux/types.h>

#include "ring_wait.h"

struct karena_call;
struct karena_ring;
struct ring_party;

/**
 * struct ring_reserving - records to be reserved in place
 * @attempt:	how many, and what they take
 * @ring:	IN_PLACE
 * @party:	for whom
 * @lengths:	payload bytes of each
 * @position:	out, of the first
 */
struct ring_reserving {
	struct ring_attempt attempt;
	struct karena_ring *ring;
	struct ring_party *party;
	const u32 *lengths;
	u64 *position;
};

long ring_reserve_waiting(struct ring_reserving *reserving, struct karena_call *call, u32 flags,
			  u32 timeout_us);

struct ring_party *ring_producer(struct karena_ring *ring, const struct karena_call *call);
u64 ring_payload_offset(const struct karena_ring *ring, u64 position);

/* ring_ops.c */
long ring_op_create(struct karena_call *call, void *args);
long ring_op_attach(struct karena_call *call, void *args);
long ring_op_reserve(struct karena_call *call, void *args);
long ring_op_submit(struct karena_call *call, void *args);
long ring_op_discard(struct karena_call *call, void *args);
long ring_op_output(struct karena_call *call, void *args);
long ring_op_stat(struct karena_call *call, void *args);
long ring_op_policy(struct karena_call *call, void *args);
long ring_op_flush(struct karena_call *call, void *args);

/* ring_batch.c: those on many records */
long ring_op_output_batch(struct karena_call *call, void *args);
long ring_op_reserve_batch(struct karena_call *call, void *args);
long ring_op_finish_batch(struct karena_call *call, void *args);

#endif /* KARENA_RING_OPS_H */
