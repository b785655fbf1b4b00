/* SPDX-License-Identifier: MIT */
/*
 * The consumer: a loop around io_uring that receives records of finished files and
 * writes a list of them.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "index.h"

/**
 * struct file_done - the record of a finished file
 * @writer:	the writer that indexed it
 * @sequence:	number of the record among those of @writer, from 0
 * @file:	number of the file
 * @bytes:	size of the file
 * @identifiers: number of different identifiers in it
 * @path:	NUL-terminated
 */
struct file_done {
	uint32_t writer;
	uint32_t sequence;
	uint32_t file;
	uint32_t bytes;
	uint32_t identifiers;
	char path[];
};

/**
 * struct source - a source of records
 * @fd:		readable when there are records
 * @drain:	passes all records that are there to collector_take(). Returns 0 when
 *		there will never be more, 1 otherwise, or -errno
 * @context:	for @drain
 */
struct source {
	int fd;
	int (*drain)(void *context);
	void *context;
};

/**
 * struct successor - takes over from a writer that was killed
 * @start:	called once, when all other writers have ended and all their records were
 *		taken, with the number of the killed writer and of the records that it had
 *		sent. Returns the pid of a process that continues under this number, or
 *		-errno. NULL: a killed writer makes the job fail
 * @context:	for @start
 */
struct successor {
	pid_t (*start)(void *context, unsigned int writer, uint32_t sequence);
	void *context;
};

/* A buffer that grows. */
struct text {
	char *data;
	size_t length;
	size_t room;
};

int text_add(struct text *text, const char *data, size_t length);

/**
 * struct collector - the consumer
 * @ring:	the io_uring
 * @list:	fd of the list of files
 * @coming:	lines to write next
 * @going:	lines being written
 * @gone:	number of bytes of @going that are written
 * @writing:	a write is in flight
 * @offset:	of @going in the list
 * @expected:	sequence of the next record, by writer
 * @files:	records read
 * @bytes:	total size of their files
 * @progress:	number of files, to report progress; 0: do not report
 * @successor:	of the first writer that is killed
 * @killed:	number of the killed writer plus one; 0: none
 */
struct collector {
	struct io_uring ring;
	int list;
	struct text coming;
	struct text going;
	size_t gone;
	bool writing;
	uint64_t offset;
	uint32_t expected[INDEX_WRITERS];
	uint64_t files;
	uint64_t bytes;
	uint64_t progress;
	struct successor successor;
	unsigned int killed;
};

int collector_init(struct collector *collector, const char *list_path);
int collector_take(struct collector *collector, const struct file_done *done, size_t length);
int collector_run(struct collector *collector, struct source *sources, unsigned int nr_sources,
		  pid_t *writers);
void collector_end(struct collector *collector);

#endif /* COLLECT_H */
