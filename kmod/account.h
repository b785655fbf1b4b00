/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits the bytes of memory that all objects of a user take together.
 */
#ifndef KARENA_ACCOUNT_H
#define KARENA_ACCOUNT_H

#include <linux/types.h>

struct karena_account;

struct karena_account *karena_account_get(void);
void karena_account_put(struct karena_account *account);
int karena_account_charge(struct karena_account *account, unsigned long bytes);
void karena_account_force(struct karena_account *account, unsigned long bytes);
void karena_account_uncharge(struct karena_account *account, unsigned long bytes);
u64 karena_account_limit_bytes(void);
u64 karena_account_left_bytes(void);
unsigned long karena_account_left(struct karena_account *account);

#endif /* KARENA_ACCOUNT_H */
