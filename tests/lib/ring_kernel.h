/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module karena_produce, for rings of both kinds.
 */
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include "../module/karena_produce.h"
#include "kselftest_harness.h"
#include "module_util.h"
#include "produce_util.h"
#include "ring_util.h"

#define MODULE		"karena_produce"

FIXTURE(kernel)
{
	int produce;
};

FIXTURE_VARIANT(kernel)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(kernel, copy)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(kernel, in_place)
{
	.flags = KARENA_RING_F_IN_PLACE,
};

FIXTURE_SETUP(kernel)
{
	ASSERT_EQ(0, module_load(MODULE, ""));
	/* An emulated CPU may stand still in an NMI; that is no news for the log. */
	write_file("/sys/kernel/debug/x86/nmi_longest_ns", "1000000000000");
	self->produce = open(PRODUCE_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->produce);
}

FIXTURE_TEARDOWN(kernel)
{
	if (self->produce >= 0)
		close(self->produce);
	ASSERT_EQ(0, module_unload(MODULE));
}

#endif /* RING_KERNEL_H */
