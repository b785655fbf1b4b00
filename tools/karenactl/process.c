// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

/* Parses the number of a process, a descriptor, or an entry of /proc; -1 if it is none. */
int parse_number(const char *text)
{
	long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	return !errno && !*end && value <= INT_MAX ? (int)value : -1;
}

bool is_forbidden(int error)
{
	return error == -EACCES || error == -EPERM;
}

/* Kernel threads have no descriptors. */
bool is_kernel_thread(pid_t pid)
{
	unsigned int flags = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file) && strrchr(line, ')'))
		sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %u", &flags);
	if (file)
		fclose(file);
	return flags & 0x00200000;	/* PF_KTHREAD */
}

/* A process can choose its name, so filter out what a terminal would obey. */
void command_of(pid_t pid, char *command, size_t bytes)
{
	char path[64], *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(command, (int)bytes, file))
		snprintf(command, bytes, "?");
	if (file)
		fclose(file);
	command[strcspn(command, "\n")] = '\0';
	for (at = command; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

/*
 * Calls @fn for each entry of a directory of /proc whose name is a number, until it returns
 * other than 0. Returns what it returned, or the negative errno of opening the directory.
 */
int visit_numbers(const char *path, int (*fn)(int number, void *data), void *data)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (parse_number(entry->d_name) >= 0)
			ret = fn(parse_number(entry->d_name), data);
	closedir(dir);
	return ret;
}
