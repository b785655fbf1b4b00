// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "library_util.h"

int as_nobody(int (*fn)(void *context), void *context)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(setgid(65534) || setuid(65534) ? 255 : -fn(context));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

void fill_descriptors(void)
{
	struct rlimit limit;
	int fd = dup(0);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fd;
	close(fd);
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct karena_arena_stat arena_stat_of(const struct karena_arena *arena)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };

	if (karena_arena_stat(arena, &stat))
		abort();
	return stat;
}

struct karena_ring_stat ring_stat_of(const struct karena_ring *ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	if (karena_ring_stat(ring, &stat))
		abort();
	return stat;
}

int send_record(struct karena_ring *ring, char byte, size_t length)
{
	void *data = karena_ring_reserve(ring, length);

	if (!data)
		return -errno;
	memset(data, byte, length);
	return karena_ring_submit(ring, data, 0);
}

bool record_is(const struct karena_record *record, char byte, size_t length)
{
	const char *data = record->data;

	if (record->length != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (data[i] != byte)
			return false;
	return true;
}
