// SPDX-License-Identifier: GPL-2.0-only
/*
 * What create may be given: lengths, addresses, sizes, nodes and names at and around
 * every limit. Built for 64 and for 32 bit, which must come to the same.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "abi_limits.h"
#include "kselftest_harness.h"

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

static bool may_be_mapped(__u64 address)
{
	void *map = mmap((void *)(uintptr_t)address, page_size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (map == MAP_FAILED)
		return errno == EEXIST;
	munmap(map, page_size);
	return true;
}

/*
 * Where user addresses end: at a power of two, or a page below it. A 32-bit program, which
 * runs on x86, cannot try: there they are more with page tables of five levels.
 */
static __u64 address_end(void)
{
	static char text[1 << 16];
	unsigned int bits;

	if (sizeof(void *) < sizeof(__u64)) {
		must(read_file("/proc/cpuinfo", text, sizeof(text)) > 0);
		return TWO(strstr(text, " la57") ? 56 : 47) - page_size;
	}
	for (bits = 62; bits > 32; bits--) {
		if (may_be_mapped(TWO(bits) - page_size))
			return TWO(bits);
		if (may_be_mapped(TWO(bits) - 2 * page_size))
			return TWO(bits) - page_size;
	}
	must(false);
	return 0;
}

/* An arena at a fixed address ends where the address space does, or before. */
TEST(address_of_an_arena)
{
	const __u64 end = address_end();
	const __u64 lengths[] = {
		1, 16, TWO(20), TWO(46) / page_size, TWO(46) / page_size + 1, TWO(62) / page_size,
	};
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
