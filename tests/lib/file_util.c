// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "file_util.h"
#include "process.h"
#include "test_util.h"

long read_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t ret;

	if (fd < 0)
		return -errno;
	while ((ret = read(fd, text + got, room - 1 - got)) > 0)
		got += ret;
	ret = ret < 0 ? -errno : (ssize_t)got;
	close(fd);
	text[got] = '\0';
	return ret;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text));
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

void remove_cgroup(const char *path)
{
	int64_t end = now_ms() + HUNG_MS;

	while (rmdir(path) && now_ms() < end)
		pause_ms(10);
}

long long file_number(const char *path, const char *key)
{
	char text[8192], *line;

	if (read_file(path, text, sizeof(text)) < 0)
		return -1;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, strlen(key)))
			return strtoll(line + strlen(key), NULL, 0);
	}
	return -1;
}

uint64_t unmovable_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	unsigned long nr_pages = 0, n;
	bool counts = false;
	char line[256], zone[32];

	must(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*u, zone %31s", zone) == 1)
			counts = strcmp(zone, "Movable");
		else if (counts && sscanf(line, " managed %lu", &n) == 1)
			nr_pages += n;
		else if (counts && sscanf(line, " cma %lu", &n) == 1)
			nr_pages -= n;
	}
	fclose(file);
	return nr_pages;
}
