/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of the module karena_produce: they return what it returns, or -errno.
 */
#ifndef KARENA_TESTS_PRODUCE_UTIL_H
#define KARENA_TESTS_PRODUCE_UTIL_H

#include <stdint.h>

int produce_call(int fd, unsigned long cmd, unsigned long arg);

int get_ring(int produce, int fd, uint32_t rights);

#endif /* KARENA_TESTS_PRODUCE_UTIL_H */
