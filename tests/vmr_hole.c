// SPDX-License-Identifier: GPL-2.0-only
/*
 * Never a hole, with arenas and rings and the ways in which they refuse a map.
 */
#define _GNU_SOURCE
#include <karena.h>

/* An emulated machine is slow; the host does ten times as many. */
#define ROUNDS		200

#include "kselftest_harness.h"
#include "vmr_objects.h"
#include "vmr_hole.h"

TEST(no_thread_should_ever_get_an_address_in_the_span)
{
	int arena = numbered_arena(16, 0, 0), read_only = read_only_arena(16);
	int ring = numbered_ring(16, 0);
	uint64_t data = ring_data_offset(ring);
	struct attempt attempts[] = {
		{ .result = 0 }, { .result = 0 },
		/* Past the end; without the right; never; not just that part. */
		{ .result = -EINVAL }, { .result = -EACCES }, { .result = -EINVAL },
		{ .result = -EPERM },
	};

	ASSERT_EQ(0, karena_vmr_source_arena(&attempts[0].source, arena, 0, RW));
	ASSERT_EQ(0, karena_vmr_source_ring(&attempts[1].source, ring, data, PROT_READ));
	ASSERT_EQ(0, karena_vmr_source_arena(&attempts[2].source, arena, 16 * PAGE, RW));
	ASSERT_EQ(0, karena_vmr_source_arena(&attempts[3].source, read_only, 0, RW));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[4].source, arena, 0, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_ring(&attempts[5].source, ring, data, RW));
	EXPECT_EQ(0, count_holes(attempts, 6, ROUNDS));
}

TEST(the_same_probes_should_find_holes_where_there_are_some)
{
	EXPECT_LT(0, count_careless_holes());
}

TEST_HARNESS_MAIN
