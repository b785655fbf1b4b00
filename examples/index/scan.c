// SPDX-License-Identifier: MIT
/*
 * Reads files, finds identifiers, lists trees.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"
#include "scan.h"

static bool is_start(unsigned char c)
{
	return (unsigned char)((c | 32) - 'a') < 26 || c == '_';
}

static bool is_part(unsigned char c)
{
	return is_start(c) || (unsigned char)(c - '0') < 10;
}

static int scan_buffer(const unsigned char *p, const unsigned char *end, scan_fn fn, void *context)
{
	while (p < end) {
		const unsigned char *name = p;
		uint32_t hash = INDEX_HASH_START;
		int ret;

		if (!is_start(*p)) {
			p++;
			continue;
		}
		for (; p < end && is_part(*p); p++)
			hash = index_hash(hash, *p);
		ret = fn(context, (const char *)name, (unsigned int)(p - name), hash);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int make_room(struct scanner *scanner, size_t bytes)
{
	unsigned char *buffer;

	if (bytes <= scanner->room)
		return 0;
	buffer = realloc(scanner->buffer, bytes);
	if (!buffer)
		return -ENOMEM;
	scanner->buffer = buffer;
	scanner->room = bytes;
	return 0;
}

static int64_t read_whole(struct scanner *scanner, int fd)
{
	struct stat stat;
	size_t bytes = 0;
	ssize_t ret;

	if (fstat(fd, &stat) < 0)
		return -errno;
	if (make_room(scanner, (size_t)stat.st_size) < 0)
		return -ENOMEM;
	while (bytes < (size_t)stat.st_size) {
		ret = read(fd, scanner->buffer + bytes, (size_t)stat.st_size - bytes);
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		bytes += (size_t)ret;
	}
	return (int64_t)bytes;
}

int64_t scan_file(struct scanner *scanner, const char *path, scan_fn fn, void *context)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t bytes;
	int ret;

	if (fd < 0)
		return -errno;
	bytes = read_whole(scanner, fd);
	close(fd);
	if (bytes < 0)
		return bytes;
	ret = scan_buffer(scanner->buffer, scanner->buffer + bytes, fn, context);
	return ret < 0 ? ret : bytes;
}

void scan_end(struct scanner *scanner)
{
	free(scanner->buffer);
}

struct list {
	char **paths;
	unsigned int count;
	unsigned int room;
};

static int list_add(struct list *list, const char *path)
{
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (list->count == list->room) {
		unsigned int room = list->room ? list->room * 2 : 1024;
		char **paths = realloc(list->paths, room * sizeof(*paths));

		if (!paths)
			return -ENOMEM;
		list->paths = paths;
		list->room = room;
	}
	list->paths[list->count] = strdup(path);
	if (!list->paths[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

static int list_entry(struct list *list, const FTSENT *entry)
{
	switch (entry->fts_info) {
	case FTS_F:
		return list_add(list, entry->fts_path);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return -entry->fts_errno;
	default:
		return 0;
	}
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int scan_tree(const char *dir, char ***paths, unsigned int *nr_paths)
{
	struct list list = { 0 };
	FTSENT *entry;
	char *dirs[2];
	int ret = 0;
	FTS *fts;

	dirs[0] = (char *)dir;
	dirs[1] = NULL;
	fts = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return -errno;
	while (!ret && (entry = fts_read(fts)))
		ret = list_entry(&list, entry);
	fts_close(fts);
	qsort(list.paths, list.count, sizeof(*list.paths), compare_paths);
	*paths = list.paths;
	*nr_paths = list.count;
	return ret;
}
