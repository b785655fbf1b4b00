/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs that test reservations have in common, on the host and in a
 * VM: a look at what the process has mapped, and files to map.
 */
#ifndef TESTS_VMR_UTIL_H
#define TESTS_VMR_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))
#define RW	(PROT_READ | PROT_WRITE)

/*
 * How much of @all is to be done: times what SCALE in the environment says, and a
 * tenth on a kernel that looks at each of its own accesses to memory, which takes
 * ten times as long; not none.
 */
int effort(int all);

/* As SEED in the environment has it, else another one each time. */
uint64_t pick_seed(void);

/*
 * Where nothing is mapped, and with nothing for a long way behind it: others are
 * given the upper end of a large gap first.
 */
char *remote_range(void);

/*
 * What the process has mapped.
 */
struct maps {
	size_t length;
	char text[8 << 20];
};

void maps_read(struct maps *maps);

static inline bool maps_equal(const struct maps *a, const struct maps *b)
{
	return a->length == b->length && !memcmp(a->text, b->text, a->length);
}

/* One line of it; all of the text is too long for sscanf() to be given. */
struct maps_line {
	unsigned long start;
	unsigned long end;
	char prot[5];
	unsigned long inode;
};

/* Is every page of the range mapped, and without any access? */
bool is_placeholder(const struct maps *maps, const void *at, size_t length);

/* Is nothing mapped in the range? */
bool is_free(const struct maps *maps, const void *at, size_t length);

/* The process cannot read the byte, whether something is mapped there or not. */
bool is_inaccessible(const void *at);

/* Makes a file of pages each of which begins with its number plus @first. */
void number_pages(int fd, size_t pages, uint64_t first);

int numbered_memfd(size_t pages, uint64_t first, unsigned int flags);

/* As numbered_memfd(), but on the disk where the program is. */
int numbered_file(size_t pages, uint64_t first);

#endif /* TESTS_VMR_UTIL_H */
