// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "tool_util.h"

char tool_said[1 << 16];

int run_tool(const char *arguments)
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

bool tool_says(const char *format, ...)
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

bool tool_says_only(const char *text)
{
	if (!strcmp(tool_said, text))
		return true;
	fprintf(stderr, "# karenactl should say:\n%s# but says:\n%s\n", text, tool_said);
	return false;
}
