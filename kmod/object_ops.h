/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations that are not specific to arenas or rings.
 */
#ifndef KARENA_OBJECT_OPS_H
#define KARENA_OBJECT_OPS_H

struct karena_call;

long karena_op_query(struct karena_call *call, void *args);
long karena_op_list(struct karena_call *call, void *args);
long karena_op_reopen(struct karena_call *call, void *args);
long karena_op_restrict(struct karena_call *call, void *args);

#endif /* KARENA_OBJECT_OPS_H */
