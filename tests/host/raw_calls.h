/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls without the sanitizer's own: it would map memory of its own along
 * with them, and correct addresses that are meant to be wrong.
 */
#ifndef TESTS_HOST_RAW_CALLS_H
#define TESTS_HOST_RAW_CALLS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void *raw_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, at, length, prot, flags, fd, offset);
}

static inline void *raw_mremap(void *from, size_t old, size_t length, int flags, void *to)
{
	return (void *)syscall(SYS_mremap, from, old, length, flags, to);
}

static inline int raw_mprotect(void *at, size_t length, int prot)
{
	return (int)syscall(SYS_mprotect, at, length, prot);
}

static inline int raw_munmap(void *at, size_t length)
{
	return (int)syscall(SYS_munmap, at, length);
}

#endif /* TESTS_HOST_RAW_CALLS_H */
