/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the module, and what it may leave behind.
 */
#ifndef KARENA_TESTS_LOADER_UTIL_H
#define KARENA_TESTS_LOADER_UTIL_H

#include "calls.h"
#include "module_util.h"

static inline int load(const char *parameters)
{
	return module_load("karena", parameters);
}

static inline int unload(void)
{
	return module_unload("karena");
}

/* What io_uring or another process holds goes a moment after it is let go. */
int unload_soon(void);

/* Anything of the module that is to be seen while it is not loaded. */
bool left_behind(void);

/* A little of everything, from outside. */
void use(void);

#endif /* KARENA_TESTS_LOADER_UTIL_H */
