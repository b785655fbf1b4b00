/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random operations on reservations from 8 threads at once, against a plain model.
 *
 * A part is a range of pages that one thread knows all about: it keeps an array
 * that says what each page is, and every result must be what the array says.
 * Each thread has a part of a reservation that it shares with three others, and
 * a reservation of its own, where it also moves the start.
 *
 * The program brings along what is mapped. What is wrong ends the process.
 */
#ifndef TESTS_VMR_MODEL_H
#define TESTS_VMR_MODEL_H

#include <pthread.h>

#include <karena_vmr.h>

#include "vmr_util.h"

/* 16 pages of a file, each of which begins with its number plus @first. */
struct numbered {
	int fd;
	uint64_t offset;
	uint64_t first;
};

#define THREADS		8

struct part;

struct thread {
	pthread_t thread;
	uint64_t seed;
	int operations;
	struct part *parts[2];
	const struct numbered *files;
	/* Of either file, and anonymous. */
	struct karena_vmr_source sources[3];
};

/* In a thread, as ASSERT in a test. */
void check(bool ok, int line);

#define CHECK(ok)	check(ok, __LINE__)

unsigned int roll(struct thread *me, unsigned int below);

void make_sources(struct karena_vmr_source *sources, const struct numbered *files);

int empty(struct karena_vmr **vmr);

/* Plays @operations; the first of two numbered files and the second are mapped, and memory. */
void play_game(const struct numbered *files, uint64_t seed, int operations);

#endif /* TESTS_VMR_MODEL_H */
