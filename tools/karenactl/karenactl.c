// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl: what the module can do, and what the arenas and rings of running
 * processes look like. It reaches an object of another process by a duplicate
 * of its descriptor, so it may look at whatever it may trace.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <karena.h>

#include "object.h"
#include "text.h"

static void usage(FILE *out)
{
	fprintf(out,
		"usage: karenactl query             what module and kernel can do\n"
		"       karenactl list [PID]...     arenas and rings of processes, else of all\n"
		"       karenactl show PID [FD]...  map of each arena, fill of each ring\n");
}

static int do_query(void)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *device;
	int ret;

	ret = karena_open(NULL, &device);
	if (ret < 0)
		return complain(KARENA_DEVICE, ret);
	ret = karena_query(device, &query);
	karena_close(device);
	if (ret < 0)
		return complain("query", ret);
	printf(KARENA_DEVICE ", ABI version %u\n", query.out_abi_version);
	field("features", "%s", bits_text(feature_bits, query.out_features));
	field("arenas", "up to %s; flags %s", size_text(query.out_arena_max_bytes),
	      bits_text(arena_bits, query.out_arena_flags));
	field("rings", "up to %s; flags %s", size_text(query.out_ring_max_bytes),
	      bits_text(ring_bits, query.out_ring_flags));
	field("page", "%s", size_text(query.out_page_size));
	if (query.out_user_left_bytes == UINT64_MAX)
		field("limit", "%s per user, but none for this one (CAP_IPC_LOCK)",
		      size_text(query.out_user_limit_bytes));
	else
		field("limit", "%s per user, %s left", size_text(query.out_user_limit_bytes),
		      size_text(query.out_user_left_bytes));
	return 0;
}

typedef int (*object_fn)(const struct object *object);

static int do_fd(pid_t pid, int fd, object_fn fn)
{
	struct object object;
	char what[64];
	int ret;

	ret = open_object(pid, fd, &object);
	if (!ret) {
		ret = fn(&object);
		close_object(&object);
	}
	if (!ret)
		return 0;
	snprintf(what, sizeof(what), "pid %d fd %d", pid, fd);
	return complain(what, ret);
}

/* A number that names an entry of a directory of /proc, or -1. */
static int parse_number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && value <= INT32_MAX ? (int)value : -1;
}

/* Returns 1 if anything went wrong. @found counts the objects. */
static int do_process(pid_t pid, object_fn fn, unsigned int *found)
{
	struct dirent *entry;
	int bad = 0, fd;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	if (!dir)
		return complain(path, -errno);
	while ((entry = readdir(dir))) {
		fd = parse_number(entry->d_name);
		if (fd < 0 || !kind_of_fd(pid, fd))
			continue;
		(*found)++;
		bad |= do_fd(pid, fd, fn);
	}
	closedir(dir);
	return bad;
}

static pid_t parse_pid(const char *text)
{
	if (!strcmp(text, "self"))
		return getpid();
	return parse_number(text);
}

/* Processes that end meanwhile, or may not be looked into, have nothing to list. */
static int list_all(void)
{
	struct dirent *entry;
	unsigned int found = 0;
	char path[64];
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return complain("/proc", -errno);
	while ((entry = readdir(dir))) {
		pid_t pid = parse_number(entry->d_name);

		snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
		if (pid > 0 && !access(path, R_OK | X_OK))
			do_process(pid, list_object, &found);
	}
	closedir(dir);
	return 0;
}

static int do_list(int count, char **pids)
{
	unsigned int found = 0;
	int bad = 0;

	list_header();
	if (!count)
		return list_all();
	for (int i = 0; i < count; i++)
		bad |= do_process(parse_pid(pids[i]), list_object, &found);
	return bad;
}

static int do_show(const char *pid_text, int count, char **fds)
{
	pid_t pid = parse_pid(pid_text);
	unsigned int found = 0;
	int bad = 0;

	if (!count) {
		bad = do_process(pid, show_object, &found);
		if (!bad && !found)
			printf("pid %d has neither arena nor ring open\n", pid);
		return bad;
	}
	for (int i = 0; i < count; i++)
		bad |= do_fd(pid, parse_number(fds[i]), show_object);
	return bad;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "query") && argc == 2)
		return do_query();
	if (!strcmp(command, "list"))
		return do_list(argc - 2, argv + 2);
	if (!strcmp(command, "show") && argc > 2)
		return do_show(argv[2], argc - 3, argv + 3);
	if (!strcmp(command, "help") || !strcmp(command, "--help") || !strcmp(command, "-h")) {
		usage(stdout);
		return 0;
	}
	usage(stderr);
	return 2;
}
