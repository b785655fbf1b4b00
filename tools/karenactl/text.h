/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wording of karenactl's output.
 */
#ifndef KARENACTL_TEXT_H
#define KARENACTL_TEXT_H

#include <stdint.h>

/* Cells in a row of a map. */
#define ROW_CELLS	64

/**
 * struct bit - a flag and its name
 * @bit:	the flag
 * @name:	its name
 */
struct bit {
	uint64_t bit;
	const char *name;
};

extern const struct bit feature_bits[];
extern const struct bit arena_bits[];
extern const struct bit ring_bits[];
extern const struct bit right_bits[];

const char *bits_text(const struct bit *bits, uint64_t value);
const char *size_text(uint64_t bytes);
void field(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* KARENACTL_TEXT_H */
