/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/karena, and the operations that are not specific to arenas or rings.
 */
#ifndef KARENA_DEV_H
#define KARENA_DEV_H

struct karena_call;

int karena_dev_init(void);
void karena_dev_exit(void);

long karena_op_query(struct karena_call *call, void *args);
long karena_op_reopen(struct karena_call *call, void *args);
long karena_op_restrict(struct karena_call *call, void *args);

#endif /* KARENA_DEV_H */
