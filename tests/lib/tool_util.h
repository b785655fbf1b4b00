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
static char tool_said[1 << 16];

/* Returns its exit status. @arguments may have redirections. */
static inline int run_tool(const char *arguments)
{
	char command[256];
	size_t length;
	FILE *pipe;

	snprintf(command, sizeof(command), "2>&1 karenactl %s", arguments);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	length = fread(tool_said, 1, sizeof(tool_said) - 1, pipe);
	tool_said[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

/* Is that a part of it? */
__attribute__((format(printf, 1, 2)))
static inline bool tool_says(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strstr(tool_said, text))
		return true;
	fprintf(stderr, "# not in what karenactl says: %s\n%s\n", text, tool_said);
	return false;
}

/* Is that all of it? */
static inline bool tool_says_only(const char *text)
{
	if (!strcmp(tool_said, text))
		return true;
	fprintf(stderr, "# karenactl should say:\n%s# but says:\n%s\n", text, tool_said);
	return false;
}

#endif /* TESTS_TOOL_UTIL_H */
