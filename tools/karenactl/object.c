// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "object.h"
#include "process.h"
#include "text.h"

/*
 * Returns 'a' for an arena, 'r' for a ring. Errors: -ENOTTY for anything else; -EBADF if
 * there is no such descriptor; -ESRCH if there is no such process; others of open(2).
 */
static int kind_of_fd(pid_t pid, int fd)
{
	char path[64], line[256], kind = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	file = fopen(path, "re");
	if (!file && errno == ENOENT) {
		snprintf(path, sizeof(path), "/proc/%d", pid);
		return access(path, F_OK) ? -ESRCH : -EBADF;
	}
	if (!file)
		return -errno;
	while (!kind && fgets(line, sizeof(line), file))
		sscanf(line, "karena-type: %c", &kind);
	fclose(file);
	return kind ? kind : -ENOTTY;
}

/* Returns a duplicate of another process's descriptor, or -errno. */
static int take_fd(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int taken, error;

	if (pidfd < 0)
		return -errno;
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	error = errno;
	close(pidfd);
	return taken < 0 ? -error : taken;
}

int open_object(pid_t pid, int fd, struct object *object)
{
	int kind = kind_of_fd(pid, fd), taken, ret;

	memset(object, 0, sizeof(*object));
	object->pid = pid;
	object->fd = fd;
	if (kind < 0)
		return kind;
	taken = take_fd(pid, fd);
	if (taken < 0)
		return taken;
	if (kind == 'a')
		ret = karena_arena_from_fd(taken, &object->arena);
	else
		ret = karena_ring_from_fd(taken, &object->ring);
	if (ret < 0)
		close(taken);
	return ret;
}

void close_object(struct object *object)
{
	karena_arena_close(object->arena);
	karena_ring_close(object->ring);
}

void list_header(void)
{
	printf("%7s %-15s %4s %-5s %-15s %10s %10s  %s\n", "PID", "COMMAND", "FD", "KIND", "NAME",
	       "SIZE", "USED", "RIGHTS");
}

static void list_line(const struct object *object, const char *kind, const char *name,
		      uint64_t bytes, uint64_t used, uint32_t rights)
{
	char command[32];

	command_of(object->pid, command, sizeof(command));
	printf("%7d %-15s %4d %-5s %-15s %10s %10s  %s\n", object->pid, command, object->fd, kind,
	       name, size_text(bytes), size_text(used), bits_text(right_bits, rights));
}

int list_object(const struct object *object)
{
	struct karena_arena_stat arena = { .size = sizeof(arena) };
	struct karena_ring_stat ring = { .size = sizeof(ring) };
	int ret;

	if (object->arena) {
		ret = karena_arena_stat(object->arena, &arena);
		if (!ret)
			list_line(object, "arena", arena.out_name, arena.out_length,
				  arena.out_populated * karena_arena_page_size(object->arena),
				  arena.out_rights);
	} else {
		ret = karena_ring_stat(object->ring, &ring);
		if (!ret)
			list_line(object, "ring", ring.out_name, ring.out_data_bytes,
				  ring.out_available, ring.out_rights);
	}
	return ret;
}
