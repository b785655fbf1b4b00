// SPDX-License-Identifier: MIT
/*
 * The consumer's loop. One io_uring has a request for everything that it waits for:
 * records to arrive, writers to end, the list to be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect.h"

/* Origin of a completion: one of these, together with an index. */
enum { FROM_SOURCE, FROM_WRITER, FROM_LIST };

#define TAG(kind, index)	((uint64_t)(kind) << 32 | (index))
#define TAG_KIND(tag)		((tag) >> 32)
#define TAG_INDEX(tag)		((uint32_t)(tag))

int collector_init(struct collector *collector, const char *list_path)
{
	int ret;

	memset(collector, 0, sizeof(*collector));
	collector->list = open(list_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (collector->list < 0)
		return -errno;
	ret = io_uring_queue_init(32, &collector->ring, 0);
	if (ret < 0)
		close(collector->list);
	return ret;
}

void collector_end(struct collector *collector)
{
	io_uring_queue_exit(&collector->ring);
	close(collector->list);
	free(collector->coming.data);
	free(collector->going.data);
}

int text_add(struct text *text, const char *line, size_t length)
{
	if (text->length + length > text->room) {
		size_t room = 2 * (text->length + length);
		char *data = realloc(text->data, room);

		if (!data)
			return -ENOMEM;
		text->data = data;
		text->room = room;
	}
	memcpy(text->data + text->length, line, length);
	text->length += length;
	return 0;
}

static void report_progress(const struct collector *collector)
{
	uint64_t quarter = collector->progress / 4;

	if (quarter && collector->files % quarter == 0 && collector->files / quarter < 4)
		printf("      %llu %% of the files\n",
		       (unsigned long long)(collector->files / quarter * 25));
}

/* Checks that records of a writer come in order, without gaps or duplicates. */
int collector_take(struct collector *collector, const struct file_done *done, size_t length)
{
	const char *end;
	int ret;

	if (length <= sizeof(*done) || done->writer >= INDEX_WRITERS)
		return -EBADMSG;
	end = memchr(done->path, '\0', length - sizeof(*done));
	if (!end || done->sequence != collector->expected[done->writer]++)
		return -EBADMSG;
	ret = text_add(&collector->coming, done->path, (size_t)(end - done->path));
	if (!ret)
		ret = text_add(&collector->coming, "\n", 1);
	collector->files++;
	collector->bytes += done->bytes;
	report_progress(collector);
	return ret;
}

static struct io_uring_sqe *get_sqe(struct collector *collector)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&collector->ring);

	if (!sqe) {
		io_uring_submit(&collector->ring);
		sqe = io_uring_get_sqe(&collector->ring);
	}
	return sqe;
}

static void want_poll(struct collector *collector, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = get_sqe(collector);

	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, tag);
}

static void want_write(struct collector *collector)
{
	struct io_uring_sqe *sqe = get_sqe(collector);

	io_uring_prep_write(sqe, collector->list, collector->going.data + collector->gone,
			    (unsigned int)(collector->going.length - collector->gone),
			    collector->offset + collector->gone);
	io_uring_sqe_set_data64(sqe, TAG(FROM_LIST, 0));
	collector->writing = true;
}

/* Has one write in flight; lines that come meanwhile go into the next one. */
static void write_list(struct collector *collector)
{
	struct text empty = collector->going;

	if (collector->writing || !collector->coming.length)
		return;
	collector->offset += empty.length;
	empty.length = 0;
	collector->going = collector->coming;
	collector->coming = empty;
	collector->gone = 0;
	want_write(collector);
}

static int written(struct collector *collector, int res)
{
	collector->writing = false;
	if (res <= 0)
		return res ? res : -EIO;
	collector->gone += (size_t)res;
	if (collector->gone < collector->going.length)
		want_write(collector);
	return 0;
}

/* A writer that fails makes the job fail, except for the first one with a successor. */
static int writer_ended(struct collector *collector, pid_t pid, unsigned int writer)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && collector->successor.start &&
	    !collector->killed) {
		collector->killed = writer + 1;
		return 0;
	}
	fprintf(stderr, "indexer %d ended with status 0x%x\n", pid, status);
	return -ECHILD;
}

static int drain(struct collector *collector, struct source *source, unsigned int index)
{
	int ret = source->drain(source->context);

	if (ret > 0)
		want_poll(collector, source->fd, TAG(FROM_SOURCE, index));
	return ret < 0 ? ret : 0;
}

static int completed(struct collector *collector, struct source *sources, const pid_t *writers,
		     unsigned int *alive, const struct io_uring_cqe *cqe)
{
	uint64_t tag = io_uring_cqe_get_data64(cqe);

	switch (TAG_KIND(tag)) {
	case FROM_LIST:
		return written(collector, cqe->res);
	case FROM_WRITER:
		(*alive)--;
		if (cqe->res < 0)
			return cqe->res;
		return writer_ended(collector, writers[TAG_INDEX(tag)], TAG_INDEX(tag));
	default:
		if (cqe->res < 0)
			return cqe->res;
		return drain(collector, &sources[TAG_INDEX(tag)], TAG_INDEX(tag));
	}
}

static int next_completion(struct collector *collector, struct source *sources,
			   const pid_t *writers, unsigned int *alive)
{
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit_and_wait(&collector->ring, 1);
	if (ret < 0 && ret != -EINTR)
		return ret;
	while (!io_uring_peek_cqe(&collector->ring, &cqe)) {
		struct io_uring_cqe seen = *cqe;

		io_uring_cqe_seen(&collector->ring, cqe);
		ret = completed(collector, sources, writers, alive, &seen);
		if (ret < 0)
			return ret;
	}
	write_list(collector);
	return 0;
}

/* Drains records that were still there when the last writer had ended. */
static int drain_rest(struct source *sources, unsigned int nr_sources)
{
	for (unsigned int i = 0; i < nr_sources; i++) {
		int ret = sources[i].drain(sources[i].context);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void want_end(struct collector *collector, int *pidfd, pid_t pid, unsigned int writer)
{
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	want_poll(collector, *pidfd, TAG(FROM_WRITER, writer));
}

static int start_successor(struct collector *collector, pid_t *writers, int *pidfds)
{
	struct successor *successor = &collector->successor;
	unsigned int writer = collector->killed - 1;
	pid_t pid;

	pid = successor->start(successor->context, writer, collector->expected[writer]);
	if (pid < 0)
		return pid;
	writers[writer] = pid;
	close(pidfds[writer]);
	want_end(collector, &pidfds[writer], pid, writer);
	return 0;
}

/* Returns when all writers have ended and the list has every record. */
int collector_run(struct collector *collector, struct source *sources, unsigned int nr_sources,
		  pid_t *writers)
{
	unsigned int alive = INDEX_WRITERS;
	int pidfds[INDEX_WRITERS];
	bool redone = false;
	int ret = 0;

	for (unsigned int i = 0; i < nr_sources; i++)
		want_poll(collector, sources[i].fd, TAG(FROM_SOURCE, i));
	for (unsigned int i = 0; i < INDEX_WRITERS; i++)
		want_end(collector, &pidfds[i], writers[i], i);
	while (!ret && alive) {
		ret = next_completion(collector, sources, writers, &alive);
		if (ret < 0 || alive)
			continue;
		ret = drain_rest(sources, nr_sources);
		if (ret < 0 || !collector->killed || redone)
			continue;
		ret = start_successor(collector, writers, pidfds);
		redone = true;
		alive = 1;
	}
	write_list(collector);
	while (!ret && collector->writing)
		ret = next_completion(collector, sources, writers, &alive);
	for (unsigned int i = 0; i < INDEX_WRITERS; i++)
		close(pidfds[i]);
	return ret;
}
