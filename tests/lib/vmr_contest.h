/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps and unmaps of the same few pages from 8 threads at once: nobody knows what is
 * there, but what all did has to add up.
 */
#ifndef TESTS_VMR_CONTEST_H
#define TESTS_VMR_CONTEST_H

#include "vmr_model.h"

/* Each thread makes @attempts. */
void play_contest(const struct numbered *files, int attempts);

#endif /* TESTS_VMR_CONTEST_H */
