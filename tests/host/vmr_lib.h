/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libkarena's reservations as a part of the test program, so that the program's
 * sanitizer sees into them, and that the test stands between them and whatever
 * they take from the system: each such call can be made to fail.
 */
#ifndef TESTS_HOST_VMR_LIB_H
#define TESTS_HOST_VMR_LIB_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "raw_calls.h"

/* How many calls from now the one is that fails; 0: none does. */
static unsigned long fail_after;
/* What it fails with, and whether it removes what is at its target first. */
static int fail_errno = ENOMEM;
static bool fail_late;
/* Whether all calls after it fail, too. */
static bool fail_on;
/* What happens then to the hole, before anybody else can do anything. */
static void (*fail_hook)(void *at, size_t length);
/* What happens after an unmap, before anybody else can do anything. */
static void (*unmap_hook)(void *at, size_t length);
/* Calls made in all, by single-threaded tests that count them. */
static unsigned long calls;

static inline bool this_call_fails(void)
{
	if (!fail_after)
		return false;
	calls++;
	if (--fail_after)
		return false;
	fail_after = fail_on;
	errno = fail_errno;
	return true;
}

static inline void *failing_malloc(size_t size)
{
	return this_call_fails() ? NULL : malloc(size);
}

static inline void *failing_calloc(size_t nr, size_t size)
{
	return this_call_fails() ? NULL : calloc(nr, size);
}

static inline void *failing_realloc(void *old, size_t size)
{
	return this_call_fails() ? NULL : realloc(old, size);
}

/* As the kernel fails when it has removed what it was to replace. */
static inline void *fail_with_hole(void *at, size_t length)
{
	raw_munmap(at, length);
	if (fail_hook)
		fail_hook(at, length);
	errno = fail_errno;
	return MAP_FAILED;
}

static inline void *failing_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (!this_call_fails())
		return raw_mmap(at, length, prot, flags, fd, offset);
	return fail_late && (flags & MAP_FIXED) ? fail_with_hole(at, length) : MAP_FAILED;
}

static inline void *failing_mremap(void *from, size_t old, size_t length, int flags, void *to)
{
	if (!this_call_fails())
		return raw_mremap(from, old, length, flags, to);
	return fail_late ? fail_with_hole(to, length) : MAP_FAILED;
}

static inline int failing_mprotect(void *at, size_t length, int prot)
{
	return this_call_fails() ? -1 : raw_mprotect(at, length, prot);
}

static inline int failing_munmap(void *at, size_t length)
{
	int ret;

	if (this_call_fails())
		return -1;
	ret = raw_munmap(at, length);
	if (!ret && unmap_hook)
		unmap_hook(at, length);
	return ret;
}

static inline int failing_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attr)
{
	return this_call_fails() ? ENOMEM : pthread_mutex_init(lock, attr);
}

static inline int failing_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return this_call_fails() ? ENOMEM : pthread_atfork(prepare, parent, child);
}

#define malloc			failing_malloc
#define calloc			failing_calloc
#define realloc			failing_realloc
#define mmap			failing_mmap
#define mremap			failing_mremap
#define mprotect		failing_mprotect
#define munmap			failing_munmap
#define pthread_mutex_init	failing_mutex_init
#define pthread_atfork		failing_atfork

#include "../../userlib/device.c"
#include "../../userlib/error.c"
#include "../../userlib/vmr.c"
#include "../../userlib/vmr_fork.c"
#include "../../userlib/vmr_map.c"
#include "../../userlib/vmr_place.c"
#include "../../userlib/vmr_set.c"
#include "../../userlib/vmr_source.c"
#include "../../userlib/vmr_spare.c"

#undef malloc
#undef calloc
#undef realloc
#undef mmap
#undef mremap
#undef mprotect
#undef munmap
#undef pthread_mutex_init
#undef pthread_atfork

#include "raw_maps.h"
#include "vmr_util.h"

#endif /* TESTS_HOST_VMR_LIB_H */
