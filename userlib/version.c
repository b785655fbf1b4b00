// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The library's version.
 */
#include "internal.h"

const char *karena_version(void)
{
	return KARENA_VERSION;
}
