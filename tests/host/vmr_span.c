// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations as spans: new, delete, extend, shrink, their promises and errors.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

static struct maps before, after;

TEST(new_should_hold_the_whole_span_without_access)
{
	struct karena_vmr *vmr = NULL;
	char *at;

	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 16 * PAGE));
	at = karena_vmr_get_address(vmr);
	ASSERT_EQ(16 * PAGE, karena_vmr_get_size(vmr));
	maps_read(&after);
	ASSERT_TRUE(is_placeholder(&after, at, 16 * PAGE));
	ASSERT_TRUE(is_inaccessible(at));
	ASSERT_TRUE(is_inaccessible(at + 16 * PAGE - 1));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	ASSERT_EQ(NULL, vmr);
}

TEST(new_should_align_to_2_mib_and_from_2_gib_up_to_1_gib)
{
	static const struct {
		size_t size;
		size_t alignment;
	} cases[] = {
		{ 4096, 2 * MIB },
		{ 2 * MIB, 2 * MIB },
		{ 2 * MIB + 65536, 2 * MIB },
		{ GIB, 2 * MIB },
		{ 2 * GIB - 65536, 2 * MIB },
		{ 2 * GIB, GIB },
		{ 5 * GIB, GIB },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct karena_vmr *vmr;

		if (cases[i].size % PAGE)
			continue;
		ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, cases[i].size));
		EXPECT_EQ(0, (uintptr_t)karena_vmr_get_address(vmr) % cases[i].alignment);
		EXPECT_EQ(cases[i].size, karena_vmr_get_size(vmr));
		ASSERT_EQ(0, karena_vmr_delete(&vmr));
	}
}

TEST(new_should_keep_no_padding_and_delete_should_return_all)
{
	struct karena_vmr *vmr;
	size_t grown;

	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, PAGE));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	maps_read(&before);
	for (size_t size = PAGE; size < 8 * GIB; size *= 8) {
		ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, size));
		maps_read(&after);
		grown = (size_t)karena_vmr_get_address(vmr);
		/* The page before and the page behind are others', or nobody's. */
		EXPECT_TRUE(is_placeholder(&after, (void *)grown, size));
		EXPECT_FALSE(is_placeholder(&after, (char *)grown - PAGE, PAGE));
		EXPECT_FALSE(is_placeholder(&after, (char *)grown + size, PAGE));
		ASSERT_EQ(0, karena_vmr_delete(&vmr));
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}
}

TEST(new_with_an_address_should_take_that_range_and_no_byte_more)
{
	/* Nothing aligned: an odd page with neighbours in use on both sides. */
	char *at = remote_range() + 3 * PAGE;
	struct karena_vmr *vmr;
	void *left, *right;

	left = mmap(at - PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	right = mmap(at + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ(at - PAGE, left);
	ASSERT_EQ(at + PAGE, right);
	*(char *)left = 1;
	*(char *)right = 2;

	ASSERT_EQ(0, karena_vmr_new(&vmr, at, PAGE));
	ASSERT_EQ(at, karena_vmr_get_address(vmr));
	ASSERT_EQ(PAGE, karena_vmr_get_size(vmr));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	ASSERT_EQ(1, *(char *)left);
	ASSERT_EQ(2, *(char *)right);
	munmap(left, PAGE);
	munmap(right, PAGE);
}

TEST(new_should_refuse_what_is_wrong_and_change_nothing)
{
	struct karena_vmr *const poison = (void *)0xdeadbeef;
	struct karena_vmr *vmr;
	char *at = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* What the heap needs once, it has then. */
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, PAGE));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	vmr = poison;
	munmap(at, PAGE);
	munmap(at + 2 * PAGE, PAGE);
	maps_read(&before);
	errno = 77;
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_new(&vmr, at + 1, PAGE));
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_new(&vmr, at + PAGE / 2, PAGE));
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_new(&vmr, at + 1, 1));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_new(&vmr, NULL, 0));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_new(&vmr, NULL, PAGE + 1));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_new(&vmr, at, PAGE - 1));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_new(&vmr, at + PAGE, PAGE));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_new(&vmr, at, 2 * PAGE));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_new(&vmr, at + PAGE, 2 * PAGE));
	EXPECT_EQ(-ENOMEM, karena_vmr_new(&vmr, NULL, (size_t)1 << 62));
	EXPECT_EQ(-ENOMEM, karena_vmr_new(&vmr, NULL, -PAGE));
	EXPECT_EQ(-ENOMEM, karena_vmr_new(&vmr, (void *)-PAGE, PAGE));
	EXPECT_EQ(77, errno);
	EXPECT_EQ(poison, vmr);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

TEST(delete_should_take_null)
{
	struct karena_vmr *vmr = NULL;

	ASSERT_EQ(0, karena_vmr_delete(&vmr));
}

TEST(delete_should_refuse_while_anything_is_mapped)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr, *same;

	ASSERT_EQ(0, karena_vmr_source_anon(&source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 4 * PAGE));
	same = vmr;
	ASSERT_EQ(0, karena_vmr_map(vmr, 2 * PAGE, PAGE, &source, &map));
	*(char *)map.address = 5;
	errno = 77;
	ASSERT_EQ(KARENA_E_RESERVATION_NOT_EMPTY, karena_vmr_delete(&vmr));
	ASSERT_EQ(77, errno);
	ASSERT_EQ(same, vmr);
	ASSERT_EQ(5, *(char *)map.address);
	ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
}

TEST(extend_should_add_at_the_end_and_keep_all_else)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	char *at = remote_range();

	ASSERT_EQ(0, karena_vmr_source_anon(&source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&vmr, at, 4 * PAGE));
	ASSERT_EQ(0, karena_vmr_map(vmr, 3 * PAGE, PAGE, &source, &map));
	*(char *)map.address = 7;

	ASSERT_EQ(0, karena_vmr_extend(vmr, 4 * PAGE));
	ASSERT_EQ(at, karena_vmr_get_address(vmr));
	ASSERT_EQ(8 * PAGE, karena_vmr_get_size(vmr));
	ASSERT_EQ(7, *(char *)map.address);
	maps_read(&after);
	ASSERT_TRUE(is_placeholder(&after, at + 4 * PAGE, 4 * PAGE));
	ASSERT_FALSE(is_placeholder(&after, at + 8 * PAGE, PAGE));

	ASSERT_EQ(0, karena_vmr_map(vmr, 7 * PAGE, PAGE, &source, NULL));
	ASSERT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_map(vmr, 8 * PAGE, PAGE, &source, NULL));
	ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	ASSERT_EQ(0, karena_vmr_map_first(vmr, &map));
	ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	maps_read(&after);
	ASSERT_FALSE(is_placeholder(&after, at, PAGE));
	ASSERT_FALSE(is_placeholder(&after, at + 7 * PAGE, PAGE));
}

TEST(extend_should_refuse_what_is_wrong_and_change_nothing)
{
	struct karena_vmr *vmr;
	char *at = remote_range();
	void *other;

	ASSERT_EQ(0, karena_vmr_new(&vmr, at, 4 * PAGE));
	other = mmap(at + 6 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0);
	ASSERT_EQ(at + 6 * PAGE, other);
	*(char *)other = 3;
	maps_read(&before);
	errno = 77;
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_extend(vmr, 0));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_extend(vmr, PAGE + 1));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_extend(vmr, 3 * PAGE));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_extend(vmr, 100 * PAGE));
	EXPECT_EQ(-ENOMEM, karena_vmr_extend(vmr, (size_t)1 << 62));
	EXPECT_EQ(-ENOMEM, karena_vmr_extend(vmr, -PAGE));
	EXPECT_EQ(77, errno);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	EXPECT_EQ(4 * PAGE, karena_vmr_get_size(vmr));
	EXPECT_EQ(3, *(char *)other);
	EXPECT_EQ(0, karena_vmr_extend(vmr, 2 * PAGE));
	EXPECT_EQ(0, karena_vmr_delete(&vmr));
	munmap(other, PAGE);
}

TEST(shrink_should_give_back_the_start_and_the_end)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map, found;
	struct karena_vmr *vmr;
	char *at;

	ASSERT_EQ(0, karena_vmr_source_anon(&source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 16 * PAGE));
	at = karena_vmr_get_address(vmr);
	ASSERT_EQ(0, karena_vmr_map(vmr, 8 * PAGE, PAGE, &source, &map));

	ASSERT_EQ(0, karena_vmr_shrink(vmr, 0, 4 * PAGE));
	ASSERT_EQ(at + 4 * PAGE, karena_vmr_get_address(vmr));
	ASSERT_EQ(12 * PAGE, karena_vmr_get_size(vmr));
	ASSERT_EQ(0, karena_vmr_shrink(vmr, 10 * PAGE, 2 * PAGE));
	ASSERT_EQ(at + 4 * PAGE, karena_vmr_get_address(vmr));
	ASSERT_EQ(10 * PAGE, karena_vmr_get_size(vmr));
	maps_read(&after);
	ASSERT_FALSE(is_placeholder(&after, at + 3 * PAGE, PAGE));
	ASSERT_TRUE(is_placeholder(&after, at + 4 * PAGE, 4 * PAGE));
	ASSERT_TRUE(is_placeholder(&after, at + 9 * PAGE, 5 * PAGE));
	ASSERT_FALSE(is_placeholder(&after, at + 14 * PAGE, PAGE));

	/* Offsets count from the new start; the map is where it was. */
	ASSERT_EQ(0, karena_vmr_map_find(vmr, 4 * PAGE, 1, &found));
	ASSERT_EQ(map.address, found.address);
	ASSERT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_find(vmr, 8 * PAGE, PAGE, &found));
	ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
}

TEST(shrink_should_refuse_what_is_wrong_and_change_nothing)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;

	ASSERT_EQ(0, karena_vmr_source_anon(&source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 8 * PAGE));
	ASSERT_EQ(0, karena_vmr_map(vmr, PAGE, PAGE, &source, &map));
	ASSERT_EQ(0, karena_vmr_map(vmr, 6 * PAGE, PAGE, &source, NULL));
	maps_read(&before);
	errno = 77;
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_shrink(vmr, 1, PAGE));
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_shrink(vmr, 1, 1));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_shrink(vmr, 0, 0));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_shrink(vmr, 0, PAGE + 1));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_shrink(vmr, 0, 9 * PAGE));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_shrink(vmr, 8 * PAGE, PAGE));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_shrink(vmr, 7 * PAGE, 2 * PAGE));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_shrink(vmr, 4 * PAGE, 0 - 2 * PAGE));
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, karena_vmr_shrink(vmr, 3 * PAGE, PAGE));
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, karena_vmr_shrink(vmr, 0, 8 * PAGE));
	EXPECT_EQ(KARENA_E_RESERVATION_NOT_EMPTY, karena_vmr_shrink(vmr, 0, 2 * PAGE));
	EXPECT_EQ(KARENA_E_RESERVATION_NOT_EMPTY, karena_vmr_shrink(vmr, 6 * PAGE, 2 * PAGE));
	EXPECT_EQ(77, errno);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	EXPECT_EQ(8 * PAGE, karena_vmr_get_size(vmr));
	EXPECT_EQ(0, karena_vmr_shrink(vmr, 0, PAGE));
	EXPECT_EQ(0, karena_vmr_shrink(vmr, 6 * PAGE, PAGE));
}

TEST(a_growing_span_should_extend_up_to_its_most_whatever_lies_behind)
{
	struct karena_vmr *vmr, *behind = NULL;
	char *at;

	ASSERT_EQ(-EINVAL, karena_vmr_new_growing(&vmr, NULL, 2 * PAGE, PAGE));
	ASSERT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_new_growing(&vmr, NULL, PAGE, PAGE + 1));
	ASSERT_EQ(0, karena_vmr_new_growing(&vmr, NULL, PAGE, 4 * PAGE));
	at = karena_vmr_get_address(vmr);
	EXPECT_EQ(PAGE, karena_vmr_get_size(vmr));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_new(&behind, at + PAGE, PAGE));
	ASSERT_EQ(0, karena_vmr_new(&behind, at + 4 * PAGE, PAGE));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_extend(vmr, 4 * PAGE));
	EXPECT_EQ(PAGE, karena_vmr_get_size(vmr));
	EXPECT_EQ(0, karena_vmr_extend(vmr, 3 * PAGE));
	EXPECT_EQ(4 * PAGE, karena_vmr_get_size(vmr));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_extend(vmr, PAGE));
	/* Nothing is left to grow by, so this is given back. */
	EXPECT_EQ(0, karena_vmr_shrink(vmr, 3 * PAGE, PAGE));
	maps_read(&after);
	EXPECT_TRUE(is_free(&after, at + 3 * PAGE, PAGE));
	EXPECT_EQ(0, karena_vmr_delete(&behind));
	EXPECT_EQ(0, karena_vmr_delete(&vmr));
	maps_read(&after);
	EXPECT_TRUE(is_free(&after, at, 4 * PAGE));
}

TEST(a_growing_span_should_keep_what_it_shrinks_by_and_give_all_back_in_the_end)
{
	struct karena_vmr *vmr;
	char *at;

	ASSERT_EQ(0, karena_vmr_new_growing(&vmr, NULL, 3 * PAGE, 4 * PAGE));
	at = karena_vmr_get_address(vmr);
	EXPECT_EQ(0, karena_vmr_shrink(vmr, 2 * PAGE, PAGE));
	EXPECT_EQ(2 * PAGE, karena_vmr_get_size(vmr));
	maps_read(&after);
	EXPECT_TRUE(is_placeholder(&after, at, 4 * PAGE));
	EXPECT_EQ(0, karena_vmr_extend(vmr, 2 * PAGE));
	EXPECT_EQ(0, karena_vmr_shrink(vmr, 0, PAGE));
	EXPECT_EQ(at + PAGE, karena_vmr_get_address(vmr));
	EXPECT_EQ(0, karena_vmr_delete(&vmr));
	maps_read(&after);
	EXPECT_TRUE(is_free(&after, at, 4 * PAGE));
}

TEST(strerror_should_know_each_error_and_errno)
{
	static const int own[] = {
		KARENA_E_ADDRESS_UNALIGNED, KARENA_E_LENGTH_UNALIGNED,
		KARENA_E_OFFSET_UNALIGNED, KARENA_E_OUT_OF_RANGE,
		KARENA_E_MAPPING_EXISTS, KARENA_E_MAPPING_NOT_FOUND,
		KARENA_E_RESERVATION_NOT_EMPTY, KARENA_E_NOT_SUPPORTED,
	};
	size_t nr = sizeof(own) / sizeof(own[0]);

	for (size_t i = 0; i < nr; i++) {
		EXPECT_LT(own[i], -4095);
		EXPECT_STRNE("Unknown error", karena_strerror(own[i]));
		for (size_t k = 0; k < i; k++)
			EXPECT_STRNE(karena_strerror(own[k]), karena_strerror(own[i]));
	}
	EXPECT_STREQ(strerror(0), karena_strerror(0));
	EXPECT_STREQ(strerror(ENOMEM), karena_strerror(-ENOMEM));
	EXPECT_STREQ(strerror(EAGAIN), karena_strerror(-EAGAIN));
	EXPECT_STREQ("Unknown error", karena_strerror(KARENA_E_NOT_SUPPORTED - 1));
	EXPECT_STREQ("Unknown error", karena_strerror(1));
}

TEST_HARNESS_MAIN
