/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sweep over fault points: what passes is repeated with its first point failing,
 * then its second, until it comes through without meeting one. Whatever fails says
 * ENOMEM or EFAULT and has changed nothing; whatever succeeds has done all of it.
 */
#ifndef KARENA_TESTS_FAULT_SWEEP_H
#define KARENA_TESTS_FAULT_SWEEP_H

#include "calls.h"
#include "fault_points.h"

#define POINTS_MAX	2000

/**
 * struct sweep - something to be done to a world just built
 * @prepare:	done before; may be NULL
 * @run:	0 or errno
 * @tidy:	undoes what @run did if it succeeded; may be NULL
 * @out:	it has outputs, whose copy may fail when all is done
 * @cannot_fail: for want of memory, that is
 * @partial:	a success may have done less than it could, or more than it had to
 * @stepwise:	a failure keeps what was done before it
 * @splits:	a failure may leave the process's mappings in other pieces
 * @again:	it may ask to be called again
 * @canceled:	it is, if io_uring can make no thread that would do it
 * @late:	objects may go a moment after it, and what they were charged with
 */
struct sweep {
	void (*prepare)(void);
	int (*run)(void);
	void (*tidy)(void);
	bool out;
	bool cannot_fail;
	bool partial;
	bool stepwise;
	bool splits;
	bool again;
	bool canceled;
	bool late;
};

/* How many lines /proc/self/maps has: mappings that are there. */
unsigned int count_maps(void);

/* False if this kernel has no fault points. */
bool sweep_begin(void);

/* Lets each point fail in turn. Returns at how many of them something was wrong, and says what. */
unsigned int sweep_points(const struct sweep *what);

#endif /* KARENA_TESTS_FAULT_SWEEP_H */
