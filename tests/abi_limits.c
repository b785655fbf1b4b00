// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offsets, lengths and page counts at and around every limit: the end of the
 * arena, what 32 bits hold, what 64 bits hold, and products that wrap there. All
 * pairs are tried against a rule that cannot wrap. Built for 64 and for 32 bit,
 * which must come to the same.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <linux/falloc.h>

#include "abi_limits.h"
#include "kselftest_harness.h"

static unsigned int counts(__u64 *values, __u64 total)
{
	static const unsigned int exponents[] = { 19, 20, 31, 32, 51, 52, 53, 63 };
	unsigned int nr = 0, i;

	nr = around(values, nr, 0, 1);
	nr = around(values, nr, 2, 1);
	nr = around(values, nr, total, 1);
	nr = around(values, nr, total / 2, 1);
	for (i = 0; i < ARRAY_LEN(exponents); i++)
		nr = around(values, nr, TWO(exponents[i]), 1);
	/* As many pages as bring the sum of bytes back to 0, from the end. */
	nr = around(values, nr, TWO(52) - total, 1);
	must(nr <= MAX_VALUES);
	return nr;
}

/* The rule, by division alone. */
static bool in_arena(__u64 total, __u64 offset, __u64 nr_pages)
{
	return !(offset % page_size) && offset / page_size <= total &&
	       nr_pages <= total - offset / page_size;
}

FIXTURE(limits) {
	int device;
	int arena;
	__u64 total;
};

FIXTURE_VARIANT(limits) {
	__u64 total;
};

/* The last is as many as QUERY allows. */
FIXTURE_VARIANT_ADD(limits, one_page) { .total = 1 };
FIXTURE_VARIANT_ADD(limits, some_pages) { .total = 48 };
FIXTURE_VARIANT_ADD(limits, four_gibibytes) { .total = TWO(20) };
FIXTURE_VARIANT_ADD(limits, pages_of_32_bits) { .total = TWO(32) };
FIXTURE_VARIANT_ADD(limits, largest) { .total = 0 };

FIXTURE_SETUP(limits)
{
	struct karena_query query = { .size = sizeof(query) };

	self->device = device_open();
	ASSERT_EQ(0, ioctl(self->device, KARENA_IOC_QUERY, &query));
	self->total = variant->total ? variant->total : query.out_arena_max_bytes / page_size;
	self->arena = arena_new(0, self->total);
}

FIXTURE_TEARDOWN(limits)
{
	close(self->arena);
	close(self->device);
}

/* What each call does with a range of an arena in which all is free. */
static int expected(const struct call *call, __u64 total, __u64 offset, __u64 nr_pages)
{
	bool of_reserved = call == &calls[CALL_arena_commit] ||
			   call == &calls[CALL_arena_decommit];
	int err = 0;

	if (!in_arena(total, offset, nr_pages))
		err = EINVAL;
	else if (!nr_pages && call == &calls[CALL_arena_alloc])
		err = EINVAL;
	else if (nr_pages && of_reserved)
		err = EBUSY;
	return err;
}

/* All of them have offset and count in one place, which is pinned elsewhere. */
static int try_range(const struct call *call, int arena, __u64 offset, __u64 nr_pages,
		     union args *args)
{
	memset(args, 0, sizeof(*args));
	args->size = call->size;
	args->free.offset = offset;
	args->free.nr_pages = nr_pages;
	if (call == &calls[CALL_arena_alloc]) {
		args->flags = KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY;
		args->alloc.node = KARENA_NODE_ANY;
	}
	if (call == &calls[CALL_arena_commit]) {
		args->flags = KARENA_COMMIT_F_LAZY;
		args->commit.node = KARENA_NODE_ANY;
	}
	return try_call(arena, call, args);
}

static bool all_free(int arena)
{
	struct karena_arena_stat stat = arena_stat(arena);

	return !stat.out_allocated && !stat.out_reserved && !stat.out_guard &&
	       !stat.out_populated;
}

static void check_ranges(struct __test_metadata *_metadata, int arena, __u64 total,
			 const struct call *call)
{
	__u64 offset[MAX_VALUES], count[MAX_VALUES];
	unsigned int nr_offsets = offsets(offset, total);
	unsigned int nr_counts = counts(count, total);
	unsigned int i, k;
	union args args;
	int err;

	for (i = 0; i < nr_offsets; i++) {
		for (k = 0; k < nr_counts; k++) {
			err = try_range(call, arena, offset[i], count[k], &args);
			EXPECT_EQ(expected(call, total, offset[i], count[k]), err)
				TH_LOG("offset 0x%llx, 0x%llx pages", offset[i], count[k]);
			if (err) {
				EXPECT_TRUE(all_free(arena));
				continue;
			}
			if (call == &calls[CALL_arena_free] || call == &calls[CALL_arena_decommit])
				EXPECT_EQ(count[k], args.free.out_done);
			if (call == &calls[CALL_arena_alloc])
				EXPECT_EQ(offset[i], args.alloc.out_offset);
			err = try_range(&calls[CALL_arena_free], arena, offset[i], count[k], &args);
			EXPECT_EQ(0, err);
		}
	}
	EXPECT_TRUE(all_free(arena));
}

TEST_F(limits, of_alloc_there_and_not_elsewhere)
{
	check_ranges(_metadata, self->arena, self->total, &calls[CALL_arena_alloc]);
}

TEST_F(limits, of_free)
{
	check_ranges(_metadata, self->arena, self->total, &calls[CALL_arena_free]);
}

TEST_F(limits, of_reserve)
{
	check_ranges(_metadata, self->arena, self->total, &calls[CALL_arena_reserve]);
}

TEST_F(limits, of_commit)
{
	check_ranges(_metadata, self->arena, self->total, &calls[CALL_arena_commit]);
}

TEST_F(limits, of_decommit)
{
	check_ranges(_metadata, self->arena, self->total, &calls[CALL_arena_decommit]);
}

/* A hint may be anywhere in the arena, the count up to all of it. */
TEST_F(limits, of_alloc_anywhere)
{
	__u64 offset[MAX_VALUES], count[MAX_VALUES];
	unsigned int nr_offsets = offsets(offset, self->total);
	unsigned int nr_counts = counts(count, self->total);
	struct karena_arena_alloc alloc;
	unsigned int i, k;
	bool valid;

	for (i = 0; i < nr_offsets; i++) {
		for (k = 0; k < nr_counts; k++) {
			alloc = (struct karena_arena_alloc) {
				.size = sizeof(alloc),
				.flags = KARENA_ALLOC_F_LAZY,
				.offset = offset[i],
				.nr_pages = count[k],
				.node = KARENA_NODE_ANY,
			};
			valid = in_arena(self->total, offset[i], 0) && count[k] &&
				count[k] <= self->total;
			EXPECT_EQ(valid ? 0 : EINVAL,
				  outcome(ioctl(self->arena, KARENA_IOC_ARENA_ALLOC, &alloc)))
				TH_LOG("hint 0x%llx, 0x%llx pages", offset[i], count[k]);
			if (!valid)
				continue;
			EXPECT_TRUE(in_arena(self->total, alloc.out_offset, count[k]));
			EXPECT_EQ(0, arena_free(self->arena, 0, self->total));
		}
	}
	EXPECT_TRUE(all_free(self->arena));
}

TEST_F(limits, of_alignment)
{
	struct karena_arena_alloc alloc;
	unsigned int bit;
	__u64 align;
	int err;

	for (bit = 0; bit < 64; bit++) {
		align = TWO(bit);
		alloc = (struct karena_arena_alloc) {
			.size = sizeof(alloc),
			.flags = KARENA_ALLOC_F_LAZY,
			.nr_pages = 1,
			.align = align,
			.node = KARENA_NODE_ANY,
		};
		err = outcome(ioctl(self->arena, KARENA_IOC_ARENA_ALLOC, &alloc));
		EXPECT_EQ(align < page_size ? EINVAL : 0, err) TH_LOG("2^%u", bit);
		if (!err) {
			EXPECT_EQ(0, alloc.out_offset);
			/* Page 0 is taken now: the next such offset, if there is one. */
			err = outcome(ioctl(self->arena, KARENA_IOC_ARENA_ALLOC, &alloc));
			EXPECT_EQ(align / page_size < self->total ? 0 : ENOSPC, err);
			if (!err)
				EXPECT_EQ(align, alloc.out_offset);
			EXPECT_EQ(0, arena_free(self->arena, 0, self->total));
		}
		alloc.align = align | (align == 1 ? 2 : 1);
		EXPECT_EQ(EINVAL, outcome(ioctl(self->arena, KARENA_IOC_ARENA_ALLOC, &alloc)));
		alloc.align = ~align;
		EXPECT_EQ(EINVAL, outcome(ioctl(self->arena, KARENA_IOC_ARENA_ALLOC, &alloc)));
	}
}

TEST_F(limits, of_walk)
{
	__u64 offset[MAX_VALUES];
	unsigned int nr_offsets = offsets(offset, self->total);
	struct karena_arena_range range;
	struct karena_arena_walk walk;
	unsigned int i;
	bool valid;

	arena_take(self->arena, KARENA_ALLOC_F_LAZY, self->total - 1, 1);
	for (i = 0; i < nr_offsets; i++) {
		walk = (struct karena_arena_walk) {
			.size = sizeof(walk),
			.buffer = (uintptr_t)&range,
			.buffer_bytes = sizeof(range),
			.offset = offset[i],
		};
		valid = in_arena(self->total, offset[i], 0);
		EXPECT_EQ(valid ? 0 : EINVAL,
			  outcome(ioctl(self->arena, KARENA_IOC_ARENA_WALK, &walk)))
			TH_LOG("offset 0x%llx", offset[i]);
		if (!valid)
			continue;
		EXPECT_EQ(self->total * page_size, walk.out_next);
		EXPECT_EQ(offset[i] < self->total * page_size, walk.out_count);
		if (walk.out_count)
			EXPECT_EQ((self->total - 1) * page_size, range.offset);
	}
}

/* More bytes than there are, than 32 bits hold, than a copy takes in one go. */
TEST_F(limits, of_walks_buffer)
{
	static const __u64 sizes[] = {
		0, 1, 39, 40, 41, TWO(31) - 1, TWO(31), TWO(32) - 1, TWO(32), TWO(32) + 40,
		TWO(63), TWO(63) + 40, ~0ull
	};
	struct karena_arena_walk walk;
	unsigned int i;
	char *map;

	arena_take(self->arena, KARENA_ALLOC_F_LAZY, 0, 1);
	map = mmap(NULL, 2 * page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page_size, page_size, PROT_NONE));
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		walk = (struct karena_arena_walk) {
			.size = sizeof(walk),
			.buffer = (uintptr_t)map + page_size - 40,
			.buffer_bytes = sizes[i],
		};
		EXPECT_EQ(0, outcome(ioctl(self->arena, KARENA_IOC_ARENA_WALK, &walk)))
			TH_LOG("0x%llx bytes", sizes[i]);
		EXPECT_EQ(sizes[i] >= 40, walk.out_count);
	}
}

/* As free, but that a hole of no length is none and that offsets have a sign. */
TEST_F(limits, of_fallocate)
{
	__u64 offset[MAX_VALUES], count[MAX_VALUES];
	unsigned int nr_offsets = offsets(offset, self->total);
	unsigned int nr_counts = counts(count, self->total);
	unsigned int i, k;
	__u64 bytes;
	bool valid;
	int err;

	for (i = 0; i < nr_offsets; i++) {
		for (k = 0; k < nr_counts; k++) {
			bytes = count[k] * page_size;
			valid = in_arena(self->total, offset[i], bytes / page_size) && bytes;
			err = outcome(fallocate(self->arena,
						FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						offset[i], bytes));
			EXPECT_TRUE(valid ? !err : err == EINVAL || err == EFBIG)
				TH_LOG("offset 0x%llx, 0x%llx bytes: %d", offset[i], bytes, err);
		}
	}
}

TEST_F(limits, of_mmap)
{
	__u64 offset[MAX_VALUES];
	unsigned int nr_offsets = offsets(offset, self->total);
	unsigned int i, k;
	bool valid;
	char *map;

	for (i = 0; i < nr_offsets; i++) {
		for (k = 1; k <= 3; k++) {
			valid = in_arena(self->total, offset[i], k);
			/* What a 32-bit program can say: 32 bits of pages. */
			if (sizeof(long) == 4 && offset[i] >> 44)
				valid = false;
			map = mmap(NULL, k * page_size, PROT_READ, MAP_SHARED, self->arena,
				   offset[i]);
			EXPECT_EQ(valid, map != MAP_FAILED)
				TH_LOG("offset 0x%llx, %u pages", offset[i], k);
			if (map != MAP_FAILED)
				munmap(map, k * page_size);
		}
	}
}

TEST_HARNESS_MAIN
