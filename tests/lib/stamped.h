/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapped pages of an arena that are full of a stamp of their own.
 */
#ifndef KARENA_TESTS_STAMPED_H
#define KARENA_TESTS_STAMPED_H

#include <stdbool.h>

static inline char stamp(unsigned int index)
{
	return 'A' + index;
}

/* Pages that do not have their stamp, of @nr seen at @map, the arena's @first on. */
unsigned int spoilt(const char *map, unsigned int first, unsigned int nr);

bool faults(char *map, unsigned int nr);

char *spare_place(unsigned int nr);

void move(char *from, unsigned int nr, char *to);

#endif /* KARENA_TESTS_STAMPED_H */
