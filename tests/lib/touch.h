/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Touches of memory that may end in a signal.
 */
#ifndef KARENA_TESTS_TOUCH_H
#define KARENA_TESTS_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a touch came to: a signal and where it said that it happened, or 0. Each
 * thread can have one under way.
 */
struct touch {
	int sig;
	void *address;
};

/* Reads a byte into *@value, or writes *@value there. */
struct touch touch(void *where, char *value, bool write);

/* Reads four bytes at once into *@value. */
struct touch touch_word(void *where, uint32_t *value);

struct touch touch_read(void *where);

static inline struct touch touch_write(void *where, char value)
{
	return touch(where, &value, true);
}

/* The byte there, or -signal. */
int peek(void *where);

/* By read(2), which writes to the buffer, or write(2), which reads it: 0 or errno. */
int touch_in_kernel(void *where, bool write_there);

bool page_is(const void *where, char value);

#endif /* KARENA_TESTS_TOUCH_H */
