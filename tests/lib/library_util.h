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

#include "kselftest_harness.h"

/* As another user, who has the descriptors of the parent. Returns -errno. */
static inline int as_nobody(int (*fn)(void *context), void *context)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(setgid(65534) || setuid(65534) ? 255 : -fn(context));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* Leaves room for no descriptor more. */
static inline void fill_descriptors(void)
{
	struct rlimit limit;
	int fd = dup(0);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fd;
	close(fd);
	setrlimit(RLIMIT_NOFILE, &limit);
}

#endif /* KARENA_TESTS_LIBRARY_UTIL_H */
