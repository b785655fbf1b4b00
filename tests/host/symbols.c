// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inline functions of the header as a language sees them that calls symbols only.
 */
#define KARENA_NO_INLINE
#include <karena.h>

#include "kselftest_harness.h"

TEST(a_view_turns_offsets_into_pointers_and_back)
{
	char memory[16];
	struct karena_view view = { memory, 4096, sizeof(memory) };

	EXPECT_EQ(memory + 4, karena_view_ptr(&view, 4100, 12));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4100, 13));
	EXPECT_EQ(4100, karena_view_offset(&view, memory + 4));
	EXPECT_EQ(KARENA_NO_OFFSET, karena_view_offset(&view, memory + 16));
}

TEST(a_walk_ends_behind_its_last_record)
{
	uint64_t memory[] = { KARENA_RECORD_DISCARD | 8, 0, 5, 0 };
	struct karena_ring_walk walk = { (char *)memory, (char *)memory, sizeof(memory) };
	struct karena_record record = { 0 };

	EXPECT_EQ(1, karena_ring_walk_next(&walk, &record));
	EXPECT_EQ(&memory[3], record.data);
	EXPECT_EQ(5, record.length);
	EXPECT_EQ(0, karena_ring_walk_next(&walk, &record));
}

TEST_HARNESS_MAIN
