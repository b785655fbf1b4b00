/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers that a test can be given again, and how many of them.
 */
#ifndef RANDOM_UTIL_H
#define RANDOM_UTIL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Rounds, or milliseconds, times what SCALE in the environment says; not none. */
static inline unsigned long scaled(unsigned long rounds)
{
	const char *scale = getenv("SCALE");
	unsigned long product = scale ? rounds * strtod(scale, NULL) : rounds;

	return product ? product : 1;
}

/* Seeded from SEED in the environment, else from the clock; says with what. */
static uint64_t random_state;

static inline void random_begin(void)
{
	const char *seed = getenv("SEED");

	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 | getpid();
	printf("# SEED=%llu\n", (unsigned long long)random_state);
	random_state = random_state * 2 + 1;
}

static inline uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % bound;
}

static inline uint64_t random_64(void)
{
	return (uint64_t)random_below(1u << 30) << 34 ^ (uint64_t)random_below(1u << 30) << 17 ^
	       random_below(1u << 30);
}

/* Mostly flags that there are. */
static inline uint32_t random_flags(uint32_t known)
{
	if (random_below(8))
		return random_64() & known;
	return random_64();
}

#endif /* RANDOM_UTIL_H */
