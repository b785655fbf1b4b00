/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all test programs have in common.
 */
#ifndef KARENA_TESTS_TEST_UTIL_H
#define KARENA_TESTS_TEST_UTIL_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * For helpers, threads and children, which the framework's macros do not reach:
 * ends the process, and with it the test or what the test waits for.
 */
#define must(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "# %s:%d: %s (%s)\n", __FILE__,		\
				__LINE__, #cond, strerror(errno));		\
			_exit(1);						\
		}								\
	} while (0)

/* Known before a program's own constructors. */
extern size_t page_size;

#endif /* KARENA_TESTS_TEST_UTIL_H */
