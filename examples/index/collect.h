/* SPDX-License-Identifier: MIT */
/*
 * The consumer: a loop around io_uring that hears of finished files and writes
 * the list of them.
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
 * @writer:	who did it
 * @sequence:	the how manieth of that writer's, from 0
 * @file:	its number
 * @bytes:	of the file
 * @identifiers: different ones in it
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
 * struct source - where records come from
 * @fd:		readable when there are some
 * @drain:	hands all that are there to collector_take(). Returns 0 when no more
 *		will ever come, 1 otherwise, or -errno
 * @context:	for @drain
 */
struct source {
	int fd;
	int (*drain)(void *context);
	void *context;
};

/**
 * struct successor - whoever goes on for a writer that was killed
 * @start:	called once, when all others have ended and all their records were
 *		taken, with the number of the one that was killed and how many records
 *		it had sent; returns the pid of who goes on under its number, or -errno.
 *		NULL: a writer that is killed spoils the whole
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
 * @ring:	of io_uring
 * @list:	fd of the list of files
 * @coming:	lines that are to be written next
 * @going:	lines that are being written
 * @gone:	how many bytes of @going are written
 * @writing:	a write is in flight
 * @offset:	in the list, of @going
 * @expected:	sequence of the next record, by writer
 * @files:	records read
 * @bytes:	their files' bytes
 * @progress:	files there are, to report how far it is; 0: do not
 * @successor:	of the first writer that is killed
 * @killed:	which that is, and one; 0: none
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
