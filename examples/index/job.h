/* SPDX-License-Identifier: MIT */
/*
 * The job, and the three ways to do it.
 */
#ifndef JOB_H
#define JOB_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include <karena.h>

#include "collect.h"
#include "index.h"
#include "scan.h"

/**
 * struct job - the job
 * @paths:	of the files, in the order of strcmp()
 * @nr_paths:	number of files
 * @list:	path of the list of finished files
 */
struct job {
	char **paths;
	unsigned int nr_paths;
	const char *list;
};

/**
 * struct done - results of the job
 * @seconds:	from the start of the first indexer until index and list are complete
 * @files:	number of records read
 * @bytes:	total size of their files
 * @index:	complete, mapped in this process; the memory at @index.base belongs to the
 *		way that did the job
 */
struct done {
	double seconds;
	uint64_t files;
	uint64_t bytes;
	struct index index;
};

/**
 * struct shared - objects that the way with karena leaves to be examined
 * @arena:	contains the index
 * @view:	of the arena in this process
 * @ring:	carried the records
 * @dies_at:	file for whose record an indexer has a reservation when it is killed
 */
struct shared {
	struct karena_arena *arena;
	struct karena_view view;
	struct karena_ring *ring;
	uint32_t dies_at;
};

/* Size of a record with the longest path that scan_tree() lists. */
#define RECORD_MAX	(sizeof(struct file_done) + PATH_MAX)

/* Each returns 0 or -errno. */
int by_karena(const struct job *job, struct shared *shared, struct done *done);
int by_memfd(const struct job *job, struct done *done);
int by_pipe(const struct job *job, struct done *done);

double now(void);
int start_writers(pid_t *pids, int (*work)(void *context, unsigned int writer), void *context);
void kill_writers(const pid_t *pids);

/* Shows what a touch does, see faults.c. 0, -errno, or -EPROTO if that is wrong. */
int show_faults(struct karena_device *device, const struct shared *shared);

/* Ends the program; @error is -errno or 0. */
void die(const char *what, int error) __attribute__((noreturn));

/* Prints a name and its value in two columns. */
void show(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* JOB_H */
