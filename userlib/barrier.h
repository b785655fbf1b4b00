/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Loads and stores of words that others change concurrently. Each use names its
 * partner in the kernel.
 */
#ifndef KARENA_BARRIER_H
#define KARENA_BARRIER_H

#include <linux/types.h>

static inline __u32 load_acquire_u32(const __u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline __u64 load_acquire_u64(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void store_release_u64(__u64 *word, __u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif /* KARENA_BARRIER_H */
