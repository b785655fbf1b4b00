/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the tests of libkarena.
 */
#ifndef KARENA_TESTS_LIBRARY_UTIL_H
#define KARENA_TESTS_LIBRARY_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

/* As another user, who has the descriptors of the parent. Returns -errno. */
int as_nobody(int (*fn)(void *context), void *context);

/* Leaves room for no descriptor more. */
void fill_descriptors(void);

struct karena_arena_stat arena_stat_of(const struct karena_arena *arena);

struct karena_ring_stat ring_stat_of(const struct karena_ring *ring);

/* Submits a record of @length bytes, each of them @byte. Returns 0 or -errno. */
int send_record(struct karena_ring *ring, char byte, size_t length);

bool record_is(const struct karena_record *record, char byte, size_t length);

#endif /* KARENA_TESTS_LIBRARY_UTIL_H */
