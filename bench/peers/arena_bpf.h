/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interface between the BPF programs and the program that runs them.
 */
#ifndef KARENA_BENCH_ARENA_BPF_H
#define KARENA_BENCH_ARENA_BPF_H

#define ARENA_PAGES	16384

/* Calls in a run, by the number of pages of each. */
#define CALLS_1		500
#define CALLS_64	100
#define CALLS_512	20

#endif /* KARENA_BENCH_ARENA_BPF_H */
