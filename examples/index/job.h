/* SPDX-License-Identifier: MIT */
/*
 * The job, and the three ways in which it is done.
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
 * struct job - what is to be done
 * @paths:	of the files, in the order of strcmp()
 * @nr_paths:	how many
 * @list:	where the list of finished files goes
 */
struct job {
	char **paths;
	unsigned int nr_paths;
	const char *list;
};

/**
 * struct done - how it went
 * @seconds:	from the first indexer's start until index and list are complete
 * @files:	records read
 * @bytes:	of these files
 * @index:	complete, mapped in this process; of this process's memory, what
 *		is behind @index.base belongs to the job's way
 */
struct done {
	double seconds;
	uint64_t files;
	uint64_t bytes;
	struct index index;
};

/**
 * struct shared - what karena's way leaves behind, to be looked at
 * @arena:	the index is in it
 * @view:	of the arena in this process
 * @ring:	the records came through it
 * @dies_at:	file whose record an indexer has reserved when it is killed
 */
struct shared {
	struct karena_arena *arena;
	struct karena_view view;
	struct karena_ring *ring;
	uint32_t dies_at;
};

/* A record with the longest path that scan_tree() lists. */
#define RECORD_MAX	(sizeof(struct file_done) + PATH_MAX)

/* Each returns 0 or -errno. */
int by_karena(const struct job *job, struct shared *shared, struct done *done);
int by_memfd(const struct job *job, struct done *done);
int by_pipe(const struct job *job, struct done *done);

/* For those ways. */
double now(void);
int start_writers(pid_t *pids, int (*work)(void *context, unsigned int writer), void *context);
void kill_writers(const pid_t *pids);

/* What a touch does: faults.c. Returns 0 or -errno; -EPROTO: not what it should. */
int show_faults(struct karena_device *device, const struct shared *shared);

/* Ends the program; @error is -errno or 0. */
void die(const char *what, int error) __attribute__((noreturn));

/* A name and what it is, in two columns. */
void show(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* JOB_H */
