/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas and rings to be mapped into reservations. What goes wrong here ends the
 * process.
 */
#ifndef TESTS_VMR_OBJECTS_H
#define TESTS_VMR_OBJECTS_H

#include <karena.h>

#include "vmr_util.h"

void must(int ret, const char *what);

struct karena_device *the_device(void);

struct karena_arena *make_arena(size_t pages, uint32_t flags);

/* An arena, each page of which begins with its number plus @first. */
int numbered_arena(size_t pages, uint64_t first, uint32_t flags);

/* An open file that may not map its arena writable. */
int read_only_arena(size_t pages);

struct karena_ring_header ring_header(int fd);

static inline uint64_t ring_data_offset(int fd)
{
	return ring_header(fd).data_offset;
}

struct karena_ring *make_ring(size_t pages);

/* A ring, each page of whose data begins with its number plus @first. */
int numbered_ring(size_t pages, uint64_t first);

#endif /* TESTS_VMR_OBJECTS_H */
