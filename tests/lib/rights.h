/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry points: every way to have something done to an object. And ways by which an open
 * file with less than all rights comes to somebody.
 */
#ifndef KARENA_TESTS_RIGHTS_H
#define KARENA_TESTS_RIGHTS_H

#include "calls.h"

/**
 * struct entry_point - one way to have something done
 * @name:	for the log
 * @kind:	of fd
 * @needs:	KARENA_RIGHT_*
 * @refusal:	errno without one of them
 * @enter:	0 or errno, on an fd of a world just built
 */
struct entry_point {
	const char *name;
	enum kind kind;
	__u32 needs;
	int refusal;
	int (*enter)(int fd);
};

/* Some of the ways: 0 or errno. */
int map_window(int fd, int prot, size_t bytes, __u64 offset);

int write_record(int fd);

int read_records(int fd);

/* Of the ring of @world. */
struct karena_ring_header world_ring_header(void);

#define NR_ENTRY_POINTS	17

extern const struct entry_point entry_points[NR_ENTRY_POINTS];

/*
 * Ways to an fd whose open file has just @rights of those of @full, an fd of @world; each gives
 * the fd or ends the test.
 */

int by_reopen(int full, __u32 rights);

int by_restrict(int full, __u32 rights);

int by_reopen_of_restricted(int full, __u32 rights);

int by_dup(int full, __u32 rights);

int by_socket(int full, __u32 rights);

int by_pidfd(int full, __u32 rights);

#endif /* KARENA_TESTS_RIGHTS_H */
