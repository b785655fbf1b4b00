/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers that a test can be given again, and how many of them.
 */
#ifndef RANDOM_UTIL_H
#define RANDOM_UTIL_H

#include <stdint.h>

/* Rounds, or milliseconds, times what SCALE in the environment says; not none. */
unsigned long scaled(unsigned long rounds);

extern uint64_t random_state;

/* Seeds @random_state from SEED in the environment, else from the clock, and says with what. */
void random_begin(void);

uint32_t random_below(uint32_t bound);

uint64_t random_64(void);

/* Mostly flags that there are. */
uint32_t random_flags(uint32_t known);

#endif /* RANDOM_UTIL_H */
