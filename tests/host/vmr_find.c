// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps in a reservation: unmap, and every find.
 */
#include "vmr_fixture.h"

TEST_F(vmr, unmap_should_know_its_map_from_all_others)
{
	struct karena_vmr_map first, second, other;

	ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, PAGE, &self->memory, &first));
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &first));
	errno = 77;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &first));

	/* The same place and length again is another map. */
	ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, PAGE, &self->memory, &second));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &first));
	EXPECT_EQ(100, word(second.address));

	other = second;
	other.address = (char *)other.address + 1;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &other));
	other.address = NULL;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &other));
	other.address = (void *)UINTPTR_MAX;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &other));
	EXPECT_EQ(77, errno);
	EXPECT_EQ(0, karena_vmr_unmap(self->vmr, &second));
}

TEST_F(vmr, a_map_of_another_reservation_should_not_be_found)
{
	struct karena_vmr_map map;
	struct karena_vmr *other;

	ASSERT_EQ(0, karena_vmr_new(&other, NULL, PAGE));
	ASSERT_EQ(0, karena_vmr_map(other, 0, PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap(self->vmr, &map));
	EXPECT_EQ(0, karena_vmr_unmap(other, &map));
	EXPECT_EQ(0, karena_vmr_delete(&other));
}

TEST_F(vmr, finds_in_an_empty_reservation_should_say_so)
{
	struct karena_vmr_map map, poison;

	memset(&poison, 0xcc, sizeof(poison));
	map = poison;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND,
		  karena_vmr_map_find(self->vmr, 0, 16 * PAGE, &map));
	EXPECT_EQ(NULL, map.address);
	map = poison;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_first(self->vmr, &map));
	EXPECT_EQ(NULL, map.address);
	map = poison;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_last(self->vmr, &map));
	EXPECT_EQ(NULL, map.address);
	map = poison;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_next(self->vmr, &poison, &map));
	EXPECT_EQ(NULL, map.address);
	map = poison;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_prev(self->vmr, &poison, &map));
	EXPECT_EQ(NULL, map.address);
	EXPECT_EQ(0, map.length);
}

TEST_F(vmr, find_should_give_the_first_map_that_meets_the_range)
{
	static const struct {
		size_t offset;
		size_t length;
		int map;
	} cases[] = {
		/* Maps are at pages 2-3, 4 and 8-11. */
		{ 0, 2, -1 }, { 0, 3, 0 }, { 2, 1, 0 }, { 3, 1, 0 }, { 3, 9, 0 }, { 4, 1, 1 },
		{ 4, 9, 1 }, { 5, 3, -1 }, { 5, 4, 2 }, { 11, 1, 2 }, { 12, 4, -1 }, { 12, 99, -1 },
		{ 0, 99, 0 }, { 16, 1, -1 }, { 99, 1, -1 }, { 2, 0, -1 }, { 0, 0, -1 },
	};
	struct karena_vmr_map maps[3], found;

	ASSERT_EQ(0, karena_vmr_map(self->vmr, 8 * PAGE, 4 * PAGE, &self->anon, &maps[2]));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 2 * PAGE, 2 * PAGE, &self->memory, &maps[0]));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 4 * PAGE, PAGE, &self->disk, &maps[1]));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct karena_vmr_map want = { NULL, 0, 0 };
		int ret = KARENA_E_MAPPING_NOT_FOUND;

		if (cases[i].map >= 0) {
			want = maps[cases[i].map];
			ret = 0;
		}
		EXPECT_EQ(ret, karena_vmr_map_find(self->vmr, cases[i].offset * PAGE,
						   cases[i].length * PAGE, &found)) {
			TH_LOG("case %zu", i);
		}
		EXPECT_EQ(want.address, found.address);
		EXPECT_EQ(want.length, found.length);
		EXPECT_EQ(want.id, found.id);
	}

	/* Bytes, not pages; and lengths that pass the end of all addresses. */
	EXPECT_EQ(0, karena_vmr_map_find(self->vmr, 2 * PAGE + 5, 1, &found));
	EXPECT_EQ(maps[0].address, found.address);
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_find(self->vmr, 0, 2 * PAGE, &found));
	EXPECT_EQ(0, karena_vmr_map_find(self->vmr, 0, 2 * PAGE + 1, &found));
	EXPECT_EQ(0, karena_vmr_map_find(self->vmr, 5 * PAGE, SIZE_MAX, &found));
	EXPECT_EQ(maps[2].address, found.address);
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND,
		  karena_vmr_map_find(self->vmr, SIZE_MAX, SIZE_MAX, &found));
}

TEST_F(vmr, neighbours_should_come_by_address)
{
	static const size_t order[] = { 9, 1, 5, 13, 3 };
	static const size_t sorted[] = { 1, 3, 5, 9, 13 };
	struct karena_vmr_map map;
	size_t i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, karena_vmr_map(self->vmr, order[i] * PAGE, PAGE, &self->memory, NULL));

	ASSERT_EQ(0, karena_vmr_map_first(self->vmr, &map));
	for (i = 0; map.address; i++) {
		EXPECT_EQ(self->at + sorted[i] * PAGE, map.address);
		karena_vmr_map_next(self->vmr, &map, &map);
	}
	EXPECT_EQ(5, i);
	ASSERT_EQ(0, karena_vmr_map_last(self->vmr, &map));
	for (i = 5; map.address; i--) {
		EXPECT_EQ(self->at + sorted[i - 1] * PAGE, map.address);
		karena_vmr_map_prev(self->vmr, &map, &map);
	}
	EXPECT_EQ(0, i);
}

TEST_F(vmr, a_walk_should_survive_the_unmap_of_what_it_stands_on)
{
	struct karena_vmr_map map;
	size_t nr = 0;

	for (size_t i = 0; i < 16; i++)
		ASSERT_EQ(0, karena_vmr_map(self->vmr, i * PAGE, PAGE, &self->memory, NULL));
	karena_vmr_map_first(self->vmr, &map);
	while (map.address) {
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
		nr++;
		karena_vmr_map_next(self->vmr, &map, &map);
	}
	EXPECT_EQ(16, nr);
}

TEST_F(vmr, maps_should_fill_the_span_to_the_last_byte)
{
	struct karena_vmr_map map;

	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 16 * PAGE, &self->memory, &map));
	EXPECT_EQ(115, word(self->at + 15 * PAGE));
	EXPECT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	maps_read(&before);
	for (size_t i = 0; i < 16; i++)
		ASSERT_EQ(0, karena_vmr_map(self->vmr, i * PAGE, PAGE, &self->disk, NULL));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS,
		  karena_vmr_map(self->vmr, 15 * PAGE, PAGE, &self->disk, NULL));
	while (!karena_vmr_map_last(self->vmr, &map))
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

TEST_HARNESS_MAIN
