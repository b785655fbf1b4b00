/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Producers that are called by probes; see probe.c. The caller keeps calls apart.
 */
#ifndef KARENA_PRODUCE_PROBE_H
#define KARENA_PRODUCE_PROBE_H

#include <linux/karena_kapi.h>

#include "karena_produce.h"

int probe_begin(struct karena_ring *ring, unsigned long what);
void probe_end(void);
void probe_counts(struct produce_probed *counts);

#endif /* KARENA_PRODUCE_PROBE_H */
