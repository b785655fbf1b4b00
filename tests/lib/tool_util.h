/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running karenactl, which is in the PATH.
 */
#ifndef TESTS_TOOL_UTIL_H
#define TESTS_TOOL_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* What it printed last, errors included. */
extern char tool_said[1 << 16];

/* Returns its exit status. @arguments may have redirections. */
int run_tool(const char *arguments);

/* Is that a part of it? */
__attribute__((format(printf, 1, 2)))
bool tool_says(const char *format, ...);

/* Is that all of it? */
bool tool_says_only(const char *text);

#endif /* TESTS_TOOL_UTIL_H */
