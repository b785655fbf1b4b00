// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The inline functions of the header as symbols, for other languages.
 */
#define KARENA_INLINE

#include "internal.h"
