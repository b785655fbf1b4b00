// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "random_util.h"

uint64_t random_state;

unsigned long scaled(unsigned long rounds)
{
	const char *scale = getenv("SCALE");
	unsigned long product = scale ? rounds * strtod(scale, NULL) : rounds;

	return product ? product : 1;
}

void random_begin(void)
{
	const char *seed = getenv("SEED");

	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 | getpid();
	printf("# SEED=%llu\n", (unsigned long long)random_state);
	random_state = random_state * 2 + 1;
}

uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % bound;
}

uint64_t random_64(void)
{
	return (uint64_t)random_below(1u << 30) << 34 ^ (uint64_t)random_below(1u << 30) << 17 ^
	       random_below(1u << 30);
}

uint32_t random_flags(uint32_t known)
{
	if (random_below(8))
		return random_64() & known;
	return random_64();
}
