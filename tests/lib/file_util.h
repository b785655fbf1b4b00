/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of /proc, /sys and of cgroups.
 */
#ifndef KARENA_TESTS_FILE_UTIL_H
#define KARENA_TESTS_FILE_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* The whole of a small file as a string; bytes read, or -errno. */
long read_file(const char *path, char *text, size_t room);

int write_file(const char *path, const char *text);

/* What its last process, which is reaped, still holds of it goes a moment later. */
void remove_cgroup(const char *path);

/* The number after @key at the start of a line of @path, or -1. */
long long file_number(const char *path, const char *key);

/* How much memory is not for movable pages alone, from /proc/zoneinfo. */
uint64_t unmovable_pages(void);

#endif /* KARENA_TESTS_FILE_UTIL_H */
