/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interface between the BPF programs and the programs that run them.
 */
#ifndef KARENA_BENCH_RING_BPF_H
#define KARENA_BENCH_RING_BPF_H

#define RECORDS		500
#define RING_BYTES	(1 << 20)

#endif /* KARENA_BENCH_RING_BPF_H */
