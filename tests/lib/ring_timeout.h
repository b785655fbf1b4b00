/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings that pass over what holds their consumers up.
 */
#ifndef RING_TIMEOUT_H
#define RING_TIMEOUT_H

#include "ring_util.h"

int create_with_timeout(uint32_t reserve_timeout_us, uint32_t flags);

#endif /* RING_TIMEOUT_H */
