/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interface between the module karena_bench and the program that uses it.
 */
#ifndef KARENA_BENCH_MODULE_H
#define KARENA_BENCH_MODULE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_DEVICE		"/dev/karena_bench"

/* The operation that a run repeats; the first is the loop alone. */
#define BENCH_NOTHING		0
#define BENCH_RESERVE_SUBMIT	1
#define BENCH_OUTPUT		2
#define BENCH_DYNPTR		3

/**
 * struct bench_run - argument of BENCH_RUN
 * @what:	BENCH_*
 * @length:	payload bytes, 8 to BENCH_LENGTH_MAX
 * @times:	number of repetitions
 * @refused:	out, number of repetitions that were refused
 */
struct bench_run {
	__u32 what;
	__u32 length;
	__u32 times;
	__u32 refused;
};

#define BENCH_LENGTH_MAX	1024

#define BENCH_RING	_IO('b', 0)			/* the argument: a ring's fd */
#define BENCH_RUN	_IOWR('b', 1, struct bench_run)

#endif /* KARENA_BENCH_MODULE_H */
