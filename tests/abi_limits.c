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

#include "calls.h"

#define TWO(exponent)	(1ull << (exponent))

/* Values around a power of two or a limit. */
static unsigned int around(__u64 *values, unsigned int nr, __u64 middle, __u64 step)
{
	values[nr++] = middle - step;
	values[nr++] = middle;
	values[nr++] = middle + step;
	return nr;
}

#define MAX_VALUES	96

static unsigned int offsets(__u64 *values, __u64 total)
{
	static const unsigned int exponents[] = { 20, 31, 32, 33, 44, 62, 63 };
	__u64 page = page_size;
	unsigned int nr = 0, i;

	nr = around(values, nr, 0, 1);
	nr = around(values, nr, 0, page);
	nr = around(values, nr, page, 1);
	nr = around(values, nr, total * page, page);
	nr = around(values, nr, total * page, 1);
	for (i = 0; i < ARRAY_LEN(exponents); i++)
		nr = around(values, nr, TWO(exponents[i]), page);
	nr = around(values, nr, TWO(63), 1);
	must(nr <= MAX_VALUES);
	return nr;
}

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

TEST(length_of_an_arena)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_arena_create create;
	__u64 length[MAX_VALUES];
	unsigned int nr, i;
	int dev, fd;
	bool valid;

	dev = device_open();
	ASSERT_EQ(0, ioctl(dev, KARENA_IOC_QUERY, &query));
	EXPECT_EQ(0, query.out_arena_max_bytes % page_size);
	nr = offsets(length, query.out_arena_max_bytes / page_size);
	for (i = 0; i < nr; i++) {
		create = (struct karena_arena_create) {
			.size = sizeof(create),
			.length = length[i],
			.node = KARENA_NODE_ANY,
		};
		valid = length[i] && !(length[i] % page_size) &&
			length[i] <= query.out_arena_max_bytes;
		fd = ioctl(dev, KARENA_IOC_ARENA_CREATE, &create);
		EXPECT_EQ(valid ? 0 : EINVAL, outcome(fd)) TH_LOG("0x%llx bytes", length[i]);
		if (fd < 0)
			continue;
		EXPECT_EQ(length[i], arena_stat(fd).out_length);
		close(fd);
	}
	close(dev);
}

/* Where user addresses end: with page tables of five levels further up. */
static __u64 address_end(void)
{
	static char text[1 << 16];

	must(read_file("/proc/cpuinfo", text, sizeof(text)) > 0);
	return TWO(strstr(text, " la57") ? 56 : 47) - page_size;
}

/* An arena at a fixed address ends where the address space does, or before. */
TEST(address_of_an_arena)
{
	const __u64 end = address_end();
	static const __u64 lengths[] = { 1, 16, TWO(20), TWO(34), TWO(34) + 1, TWO(50) };
	struct karena_arena_create create;
	__u64 address[MAX_VALUES], bytes;
	unsigned int nr, i, k;
	bool valid;
	int dev, fd;

	dev = device_open();
	nr = offsets(address, end / page_size);
	for (i = 0; i < nr; i++) {
		for (k = 0; k < ARRAY_LEN(lengths); k++) {
			bytes = lengths[k] * page_size;
			create = (struct karena_arena_create) {
				.size = sizeof(create),
				.flags = KARENA_ARENA_F_FIXED_ADDR,
				.length = bytes,
				.address = address[i],
				.node = KARENA_NODE_ANY,
			};
			valid = !address[i] || (!(address[i] % page_size) && bytes <= end &&
						address[i] <= end - bytes);
			fd = ioctl(dev, KARENA_IOC_ARENA_CREATE, &create);
			EXPECT_EQ(valid ? 0 : EINVAL, outcome(fd))
				TH_LOG("at 0x%llx, 0x%llx bytes", address[i], bytes);
			close(fd);
			create.flags = 0;
			fd = ioctl(dev, KARENA_IOC_ARENA_CREATE, &create);
			EXPECT_EQ(address[i] ? EINVAL : 0, outcome(fd));
			close(fd);
		}
	}
	close(dev);
}

/* Powers of two from a page on; what is larger than the largest is not tried. */
TEST(size_of_a_ring)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_ring_create create;
	__u64 size[MAX_VALUES];
	unsigned int nr, i;
	int dev, fd;
	bool valid;

	dev = device_open();
	ASSERT_EQ(0, ioctl(dev, KARENA_IOC_QUERY, &query));
	EXPECT_EQ(0, query.out_ring_max_bytes & (query.out_ring_max_bytes - 1));
	nr = offsets(size, 16);
	nr = around(size, nr, query.out_ring_max_bytes, page_size);
	nr = around(size, nr, 2 * query.out_ring_max_bytes, 1);
	for (i = 0; i < nr; i++) {
		valid = size[i] >= page_size && !(size[i] & (size[i] - 1)) &&
			size[i] <= query.out_ring_max_bytes;
		/* Its memory is taken at once, so only small ones. */
		if (valid && size[i] > TWO(22))
			continue;
		create = (struct karena_ring_create) {
			.size = sizeof(create),
			.data_bytes = size[i],
			.node = KARENA_NODE_ANY,
		};
		fd = ioctl(dev, KARENA_IOC_RING_CREATE, &create);
		EXPECT_EQ(valid ? 0 : EINVAL, outcome(fd)) TH_LOG("0x%llx bytes", size[i]);
		close(fd);
	}
	close(dev);
}

static const int bad_nodes[] = { -2, 2, 3, 63, 64, 1023, 1024, 0x7fffffff, -0x80000000 };

TEST(node_that_is_not_there_is_einval)
{
	struct world world;
	union args args;
	unsigned int i;

	world_build(&world);
	for (i = 0; i < ARRAY_LEN(bad_nodes); i++) {
		call_prepare(&world, &calls[CALL_arena_create], &args);
		args.arena_create.node = bad_nodes[i];
		EXPECT_EQ(EINVAL, try_call(world.fd[DEVICE], &calls[CALL_arena_create], &args));
		call_prepare(&world, &calls[CALL_ring_create], &args);
		args.ring_create.node = bad_nodes[i];
		EXPECT_EQ(EINVAL, try_call(world.fd[DEVICE], &calls[CALL_ring_create], &args));
		call_prepare(&world, &calls[CALL_arena_alloc], &args);
		args.alloc.node = bad_nodes[i];
		EXPECT_EQ(EINVAL, try_call(world.fd[ARENA], &calls[CALL_arena_alloc], &args));
		call_prepare(&world, &calls[CALL_arena_commit], &args);
		args.commit.node = bad_nodes[i];
		EXPECT_EQ(EINVAL, try_call(world.fd[ARENA], &calls[CALL_arena_commit], &args));
	}
	for (i = 0; i < 2; i++) {
		call_prepare(&world, &calls[CALL_arena_alloc], &args);
		args.alloc.node = i;
		EXPECT_EQ(0, try_call(world.fd[ARENA], &calls[CALL_arena_alloc], &args));
	}
	world_end(&world);
}

/* Every byte value at every place of a name, alone and inside one. */
TEST(names)
{
	struct karena_arena_create create = {
		.size = sizeof(create),
		.length = page_size,
		.node = KARENA_NODE_ANY,
	};
	unsigned int at, value;
	int dev, fd;
	bool valid;

	dev = device_open();
	for (at = 0; at < KARENA_NAME_LEN; at++) {
		for (value = 0; value < 256; value++) {
			memset(create.name, 0, sizeof(create.name));
			memset(create.name, 'n', at);
			create.name[at] = value;
			valid = !value || (at < KARENA_NAME_LEN - 1 && value > ' ' &&
					   value < 0x7f && value != '/');
			fd = ioctl(dev, KARENA_IOC_ARENA_CREATE, &create);
			EXPECT_EQ(valid ? 0 : EINVAL, outcome(fd))
				TH_LOG("byte 0x%02x at %u", value, at);
			close(fd);
		}
	}
	/* What follows the end of the name counts too. */
	memcpy(create.name, "a\0b", 4);
	EXPECT_EQ(EINVAL, outcome(ioctl(dev, KARENA_IOC_ARENA_CREATE, &create)));
	close(dev);
}

TEST_HARNESS_MAIN
