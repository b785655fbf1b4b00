/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All objects, with the processes that hold them.
 */
#ifndef KARENACTL_LIST_H
#define KARENACTL_LIST_H

#include <stdbool.h>

int list_objects(bool json);

#endif /* KARENACTL_LIST_H */
