/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that test arenas have in common. Calls take and give pages
 * by their index in the arena, and return what the kernel returns, or -errno.
 */
#ifndef ARENA_UTIL_H
#define ARENA_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <linux/karena.h>

#include "file_util.h"
#include "process.h"
#include "random_util.h"
#include "test_util.h"
#include "touch.h"

#define RDWR (PROT_READ | PROT_WRITE)

/* As many as there are addresses for, in half of the smallest address space. */
#define HUGE_PAGES	((1ull << 46) / page_size)

/* Newer than the C library's headers. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

long call(int fd, unsigned long cmd, void *args);

int device_open(void);

int arena_create(const struct karena_arena_create *wanted);

/* @fault_pages 1: what is populated is what was touched; 0: the default. */
int arena_new_batch(uint32_t flags, uint64_t nr_pages, uint32_t fault_pages);

static inline int arena_new(uint32_t flags, uint64_t nr_pages)
{
	return arena_new_batch(flags, nr_pages, 0);
}

int64_t arena_alloc_on(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages,
		       uint64_t align_pages, int node);

static inline int64_t arena_alloc(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	return arena_alloc_on(fd, flags, index, nr_pages, 0, KARENA_NODE_ANY);
}

/* Just there, or a failed test. */
static inline void arena_take(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages)
{
	must(arena_alloc(fd, flags | KARENA_ALLOC_F_FIXED, index, nr_pages) == (int64_t)index);
}

int arena_free_flags(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages, uint64_t *done);

static inline int arena_free(int fd, uint64_t index, uint64_t nr_pages)
{
	return arena_free_flags(fd, 0, index, nr_pages, NULL);
}

int arena_reserve(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages);

int arena_commit(int fd, uint32_t flags, uint64_t index, uint64_t nr_pages);

int arena_decommit(int fd, uint64_t index, uint64_t nr_pages);

struct karena_arena_stat arena_stat_flags(int fd, uint32_t flags);

static inline struct karena_arena_stat arena_stat(int fd)
{
	return arena_stat_flags(fd, 0);
}

/* Ranges from @index on, as many as fit; returns how many, @next is an index. */
uint32_t arena_walk(int fd, uint64_t index, struct karena_arena_range *ranges, uint32_t room,
		    uint64_t *next);

/* The first range at or after @index; a free page has none of its own. */
struct karena_arena_range arena_range(int fd, uint64_t index);

uint32_t page_state(int fd, uint64_t index);

char *arena_map(int fd, int prot, uint64_t index, uint64_t nr_pages);

#endif /* ARENA_UTIL_H */
