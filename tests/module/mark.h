/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KARENA_PRODUCE_MARK_H
#define KARENA_PRODUCE_MARK_H

#include <linux/types.h>

int mark(unsigned long start, unsigned long bytes, bool on);

#endif /* KARENA_PRODUCE_MARK_H */
