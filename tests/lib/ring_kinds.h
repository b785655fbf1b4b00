/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring of either kind, for what must hold of both.
 */
#ifndef RING_KINDS_H
#define RING_KINDS_H

#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(ring)
{
	struct ring ring;
	int fd;
};

FIXTURE_VARIANT(ring)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(ring, copy)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(ring, in_place)
{
	.flags = KARENA_RING_F_IN_PLACE,
};

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

#endif /* RING_KINDS_H */
