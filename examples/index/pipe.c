// SPDX-License-Identifier: MIT
/*
 * The same job with pipes. Nothing is shared: each indexer sends the identifiers of a
 * file through its own pipe, and one process builds the index.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "job.h"

#define INDEX_BYTES	(1ull << 30)
#define PIPE_BYTES	(1 << 20)

/**
 * struct private_memory - memory of an index that is not shared
 * @base:	reserved address space, zero pages
 * @top:	offset of the first unused byte
 */
struct private_memory {
	char *base;
	uint64_t top;
};

/**
 * struct message - sent for each file
 * @bytes:	total size, this struct included
 * @record_bytes: size of the record, which follows; then come the identifiers, each
 *		preceded by its length in 16 bits
 * @file:	number of the file
 */
struct message {
	uint32_t bytes;
	uint32_t record_bytes;
	uint32_t file;
};

/**
 * struct by_pipe - state of the job before it forks
 * @memory:	of the index
 * @index:	of all files in the consumer; each writer uses its copy to know which
 *		identifiers of a file it has sent
 * @collector:	used by the consumer
 * @pipes:	a pipe for each writer, read end first
 * @nr_paths:	number of files
 */
struct by_pipe {
	struct private_memory memory;
	struct index index;
	struct collector collector;
	int pipes[INDEX_WRITERS][2];
	unsigned int nr_paths;
};

/**
 * struct outlet - a writer's end of its pipe
 * @by_pipe:	this process's copy
 * @file:	file being indexed
 * @identifiers: number of different identifiers in it so far
 * @names:	the identifiers in the format of a message
 */
struct outlet {
	struct by_pipe *by_pipe;
	unsigned int file;
	uint32_t identifiers;
	struct text names;
};

/**
 * struct inlet - the consumer's end of a pipe
 * @by_pipe:	the consumer's state
 * @fd:		non-blocking
 * @text:	data received that is not a whole message yet
 */
struct inlet {
	struct by_pipe *by_pipe;
	int fd;
	struct text text;
};

static int get_memory(struct private_memory *memory)
{
	memory->base = mmap(NULL, INDEX_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory->base == MAP_FAILED ? -errno : 0;
}

static int more(void *context, uint64_t bytes, uint64_t *offset)
{
	struct private_memory *memory = context;

	*offset = memory->top;
	memory->top += (bytes + 4095) & ~4095ull;
	return memory->top > INDEX_BYTES ? -ENOSPC : 0;
}

static int add(void *context, const char *name, unsigned int length, uint32_t hash)
{
	struct outlet *outlet = context;
	uint16_t bytes = (uint16_t)length;
	int ret;

	if (bytes != length)
		return -EMSGSIZE;
	ret = index_add(&outlet->by_pipe->index, name, length, hash, outlet->file);
	if (ret <= 0)
		return ret;
	outlet->identifiers++;
	ret = text_add(&outlet->names, (const char *)&bytes, sizeof(bytes));
	return ret < 0 ? ret : text_add(&outlet->names, name, length);
}

static int write_whole(int fd, const void *data, size_t bytes)
{
	while (bytes) {
		ssize_t ret = write(fd, data, bytes);

		if (ret < 0)
			return -errno;
		data = (const char *)data + ret;
		bytes -= (size_t)ret;
	}
	return 0;
}

static int send_file(const struct outlet *outlet, int fd, const struct file_done *done)
{
	const char *path = index_path(&outlet->by_pipe->index, outlet->file);
	struct message message = {
		.record_bytes = (uint32_t)(sizeof(*done) + strlen(path) + 1),
		.file = outlet->file,
	};
	int ret;

	message.bytes = (uint32_t)(sizeof(message) + message.record_bytes + outlet->names.length);
	ret = write_whole(fd, &message, sizeof(message));
	if (!ret)
		ret = write_whole(fd, done, sizeof(*done));
	if (!ret)
		ret = write_whole(fd, path, strlen(path) + 1);
	if (!ret)
		ret = write_whole(fd, outlet->names.data, outlet->names.length);
	return ret;
}

/* Files are assigned beforehand, as there is no shared place to take them from. */
static int indexer_process(void *context, unsigned int writer)
{
	struct outlet outlet = { .by_pipe = context, .file = writer };
	struct file_done done = { .writer = writer };
	struct scanner scanner = { 0 };
	int ret = 0;

	for (; !ret && outlet.file < outlet.by_pipe->nr_paths; outlet.file += INDEX_WRITERS) {
		int64_t bytes;

		outlet.identifiers = 0;
		outlet.names.length = 0;
		bytes = scan_file(&scanner, index_path(&outlet.by_pipe->index, outlet.file), add,
				  &outlet);
		if (bytes < 0)
			return (int)bytes;
		done.file = outlet.file;
		done.bytes = (uint32_t)bytes;
		done.identifiers = outlet.identifiers;
		ret = send_file(&outlet, outlet.by_pipe->pipes[writer][1], &done);
		done.sequence++;
	}
	scan_end(&scanner);
	return ret;
}

static int take_names(struct index *index, unsigned int file, const char *p, const char *end)
{
	int ret = 0;

	while (ret >= 0 && p < end) {
		uint32_t hash = INDEX_HASH_START;
		uint16_t length;

		memcpy(&length, p, sizeof(length));
		p += sizeof(length);
		for (unsigned int i = 0; i < length; i++)
			hash = index_hash(hash, (unsigned char)p[i]);
		ret = index_add(index, p, length, hash, file);
		p += length;
	}
	return ret < 0 ? ret : 0;
}

static int take_message(struct by_pipe *by_pipe, const char *data, const struct message *message)
{
	const char *record = data + sizeof(*message);
	union {
		struct file_done record;
		char room[RECORD_MAX];
	} u;
	int ret;

	memcpy(&u, record, message->record_bytes);
	ret = take_names(&by_pipe->index, message->file, record + message->record_bytes,
			 data + message->bytes);
	if (ret < 0)
		return ret;
	return collector_take(&by_pipe->collector, &u.record, message->record_bytes);
}

/* Handles all whole messages and keeps the rest. */
static int take_messages(struct inlet *inlet)
{
	const char *data = inlet->text.data;
	size_t left = inlet->text.length;
	struct message message;
	int ret = 0;

	while (!ret && left >= sizeof(message)) {
		memcpy(&message, data, sizeof(message));
		if (message.bytes > left)
			break;
		ret = take_message(inlet->by_pipe, data, &message);
		data += message.bytes;
		left -= message.bytes;
	}
	memmove(inlet->text.data, data, left);
	inlet->text.length = left;
	return ret;
}

static int drain_pipe(void *context)
{
	static char buffer[PIPE_BYTES];
	struct inlet *inlet = context;
	ssize_t bytes;
	int ret = 0;

	while (!ret && (bytes = read(inlet->fd, buffer, sizeof(buffer))) > 0) {
		ret = text_add(&inlet->text, buffer, (size_t)bytes);
		if (!ret)
			ret = take_messages(inlet);
	}
	if (ret < 0)
		return ret;
	if (!bytes)
		return inlet->text.length ? -EPIPE : 0;
	return errno == EAGAIN ? 1 : -errno;
}

static int make_pipes(struct by_pipe *by_pipe)
{
	for (unsigned int i = 0; i < INDEX_WRITERS; i++) {
		int *fds = by_pipe->pipes[i];

		if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ||
		    fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
			return -errno;
	}
	return 0;
}

static int run(const struct job *job, struct by_pipe *by_pipe, struct done *done)
{
	struct inlet inlets[INDEX_WRITERS] = { 0 };
	struct source sources[INDEX_WRITERS];
	double start = now();
	pid_t pids[INDEX_WRITERS];
	int ret;

	ret = collector_init(&by_pipe->collector, job->list);
	if (ret < 0)
		return ret;
	ret = start_writers(pids, indexer_process, by_pipe);
	if (ret < 0)
		goto out;
	for (unsigned int i = 0; i < INDEX_WRITERS; i++) {
		close(by_pipe->pipes[i][1]);
		inlets[i].by_pipe = by_pipe;
		inlets[i].fd = by_pipe->pipes[i][0];
		sources[i].fd = inlets[i].fd;
		sources[i].drain = drain_pipe;
		sources[i].context = &inlets[i];
	}
	ret = collector_run(&by_pipe->collector, sources, INDEX_WRITERS, pids);
	if (ret < 0)
		kill_writers(pids);
	done->seconds = now() - start;
	done->files = by_pipe->collector.files;
	done->bytes = by_pipe->collector.bytes;
	for (unsigned int i = 0; i < INDEX_WRITERS; i++)
		free(inlets[i].text.data);
out:
	collector_end(&by_pipe->collector);
	return ret;
}

int by_pipe(const struct job *job, struct done *done)
{
	/* Static, as the index in it outlives this function. */
	static struct by_pipe by_pipe;
	int ret;

	ret = get_memory(&by_pipe.memory);
	if (!ret)
		ret = make_pipes(&by_pipe);
	if (ret < 0)
		return ret;
	by_pipe.nr_paths = job->nr_paths;
	by_pipe.index.base = by_pipe.memory.base;
	by_pipe.index.more = more;
	by_pipe.index.context = &by_pipe.memory;
	ret = index_create(&by_pipe.index, job->paths, job->nr_paths);
	if (ret < 0)
		return ret;
	ret = run(job, &by_pipe, done);
	done->index = by_pipe.index;
	return ret;
}
