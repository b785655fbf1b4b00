/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says while a test runs.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "arena_util.h"

/* Opened behind what the log holds by now. */
int open_log(void);

unsigned int new_lines(int log);

#endif /* KERNEL_LOG_H */
