// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract in numbers: offsets, sizes, call numbers and flags, as literals.
 * What is here once is never changed, only added to. Built for 64 and for 32 bit.
 *
 * The assertions of abi_layout.h hold the header; the cases hold the kernel, by
 * arguments that are laid out byte by byte, as a program does that was built long
 * ago.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "abi_layout.h"
#include "kselftest_harness.h"

/* Arguments as bytes: the size first, the rest by literal offsets. */
struct bytes {
	unsigned char at[160];
};

static struct bytes bytes_of(__u32 size)
{
	struct bytes bytes;

	memset(&bytes, 0, sizeof(bytes));
	memcpy(bytes.at, &size, sizeof(size));
	return bytes;
}

static void put32(struct bytes *bytes, unsigned int at, __u32 value)
{
	memcpy(bytes->at + at, &value, sizeof(value));
}

static void put64(struct bytes *bytes, unsigned int at, __u64 value)
{
	memcpy(bytes->at + at, &value, sizeof(value));
}

static __u32 get32(const struct bytes *bytes, unsigned int at)
{
	__u32 value;

	memcpy(&value, bytes->at + at, sizeof(value));
	return value;
}

static __u64 get64(const struct bytes *bytes, unsigned int at)
{
	__u64 value;

	memcpy(&value, bytes->at + at, sizeof(value));
	return value;
}

FIXTURE(layout) {
	int device;
	__u64 page;
};

FIXTURE_SETUP(layout)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->device = open("/dev/karena", O_RDWR);
	ASSERT_GE(self->device, 0);
}

FIXTURE_TEARDOWN(layout)
{
	close(self->device);
}

static int byte_arena(int device, __u64 page)
{
	struct bytes create = bytes_of(48);

	put32(&create, 4, 1);			/* SEGV_ON_FAULT */
	put64(&create, 8, 32 * page);
	put32(&create, 24, -1);
	put32(&create, 28, 5);
	memcpy(create.at + 32, "layout", 7);
	return ioctl(device, 0xbd01, create.at);
}

static int byte_ring(int device, __u64 page)
{
	struct bytes create = bytes_of(40);

	put32(&create, 4, 1);			/* IN_PLACE */
	put64(&create, 8, 2 * page);
	put32(&create, 16, -1);
	memcpy(create.at + 24, "layout", 7);
	return ioctl(device, 0xbd02, create.at);
}

TEST_F(layout, query)
{
	struct bytes query = bytes_of(72);

	ASSERT_EQ(0, ioctl(self->device, 0xbd00, query.at));
	EXPECT_EQ(1, get32(&query, 8));
	EXPECT_EQ(self->page, get32(&query, 12));
	EXPECT_EQ(3, get64(&query, 16) & 3);
	EXPECT_EQ(7, get32(&query, 24) & 7);
	EXPECT_EQ(1, get32(&query, 28) & 1);
	EXPECT_LT(1ull << 46, get64(&query, 32));
	EXPECT_LE(self->page, get64(&query, 40));
	EXPECT_LE(self->page, get64(&query, 48));
	EXPECT_EQ(~0ull, get64(&query, 56));
	EXPECT_LE(64, get64(&query, 64));
}

TEST_F(layout, arena_create_and_stat)
{
	struct bytes stat = bytes_of(136);
	struct statfs fs;
	int arena;

	arena = byte_arena(self->device, self->page);
	ASSERT_GE(arena, 0);
	ASSERT_EQ(0, fstatfs(arena, &fs));
	EXPECT_EQ(0x6b61726e, fs.f_type);

	ASSERT_EQ(0, ioctl(arena, 0xbd25, stat.at));
	EXPECT_EQ(1, get32(&stat, 8));
	EXPECT_EQ(5, get32(&stat, 12));
	EXPECT_EQ(32 * self->page, get64(&stat, 16));
	EXPECT_EQ(0, get64(&stat, 24));
	EXPECT_EQ(0xffffffff, get32(&stat, 104));
	EXPECT_EQ(0x0f, get32(&stat, 108));
	EXPECT_STREQ("layout", (char *)stat.at + 112);
	close(arena);
}

TEST_F(layout, arena_alloc_free_reserve_commit_decommit)
{
	struct bytes alloc = bytes_of(48);
	struct bytes free = bytes_of(32);
	struct bytes reserve = bytes_of(24);
	struct bytes commit = bytes_of(32);
	struct bytes decommit = bytes_of(32);
	struct bytes stat = bytes_of(136);
	int arena;

	arena = byte_arena(self->device, self->page);
	ASSERT_GE(arena, 0);

	put64(&alloc, 8, 3 * self->page);
	put64(&alloc, 16, 4);
	put64(&alloc, 24, 8 * self->page);
	put32(&alloc, 32, -1);
	ASSERT_EQ(0, ioctl(arena, 0xbd20, alloc.at));
	EXPECT_EQ(8 * self->page, get64(&alloc, 40));

	put64(&reserve, 8, 20 * self->page);
	put64(&reserve, 16, 5);
	ASSERT_EQ(0, ioctl(arena, 0xbd22, reserve.at));

	put32(&commit, 4, 2);			/* LAZY */
	put64(&commit, 8, 21 * self->page);
	put64(&commit, 16, 3);
	put32(&commit, 24, -1);
	ASSERT_EQ(0, ioctl(arena, 0xbd23, commit.at));

	put64(&decommit, 8, 22 * self->page);
	put64(&decommit, 16, 1);
	ASSERT_EQ(0, ioctl(arena, 0xbd24, decommit.at));
	EXPECT_EQ(1, get64(&decommit, 24));

	put32(&free, 4, 1);			/* STRICT */
	put64(&free, 8, 8 * self->page);
	put64(&free, 16, 2);
	ASSERT_EQ(0, ioctl(arena, 0xbd21, free.at));
	EXPECT_EQ(2, get64(&free, 24));

	put32(&reserve, 4, 1);			/* GUARD */
	put64(&reserve, 8, 8 * self->page);
	put64(&reserve, 16, 1);
	ASSERT_EQ(0, ioctl(arena, 0xbd22, reserve.at));

	ASSERT_EQ(0, ioctl(arena, 0xbd25, stat.at));
	EXPECT_EQ(4, get64(&stat, 32));
	EXPECT_EQ(3, get64(&stat, 40));
	EXPECT_EQ(1, get64(&stat, 48));
	EXPECT_EQ(2, get64(&stat, 56));
	EXPECT_EQ(4, get64(&stat, 64));
	close(arena);
}

TEST_F(layout, arena_fault_counters)
{
	struct bytes alloc = bytes_of(48);
	struct bytes stat = bytes_of(136);
	unsigned char *map, *second;
	int arena, zero;

	arena = byte_arena(self->device, self->page);
	ASSERT_GE(arena, 0);
	put32(&alloc, 4, 3);			/* FIXED, LAZY */
	put64(&alloc, 16, 1);
	put32(&alloc, 32, -1);
	ASSERT_EQ(0, ioctl(arena, 0xbd20, alloc.at));

	map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0);
	second = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, second);
	map[0] = 1;
	EXPECT_EQ(1, second[0]);
	zero = open("/dev/zero", O_RDONLY);
	EXPECT_EQ(-1, read(zero, map + self->page, 1));

	ASSERT_EQ(0, ioctl(arena, 0xbd25, stat.at));
	EXPECT_EQ(1, get64(&stat, 72));
	EXPECT_EQ(1, get64(&stat, 80));
	EXPECT_EQ(1, get64(&stat, 88));
	EXPECT_EQ(0, get64(&stat, 96));
	close(zero);
	close(arena);
}

TEST_F(layout, arena_walk)
{
	struct bytes reserve = bytes_of(24);
	struct bytes walk = bytes_of(48);
	struct bytes range = bytes_of(0);
	int arena;

	arena = byte_arena(self->device, self->page);
	ASSERT_GE(arena, 0);
	put32(&reserve, 4, 1);			/* GUARD */
	put64(&reserve, 8, 9 * self->page);
	put64(&reserve, 16, 7);
	ASSERT_EQ(0, ioctl(arena, 0xbd22, reserve.at));

	put64(&walk, 8, (uintptr_t)range.at);
	put64(&walk, 16, 40);
	put64(&walk, 24, 10 * self->page);
	ASSERT_EQ(0, ioctl(arena, 0xbd26, walk.at));
	EXPECT_EQ(1, get32(&walk, 32));
	EXPECT_EQ(16 * self->page, get64(&walk, 40));
	EXPECT_EQ(10 * self->page, get64(&range, 0));
	EXPECT_EQ(6, get64(&range, 8));
	EXPECT_EQ(0, get64(&range, 16));
	EXPECT_EQ(0, get64(&range, 24));
	EXPECT_EQ(3, get32(&range, 32));
	EXPECT_EQ(0, get32(&range, 36));
	close(arena);
}

TEST_F(layout, reopen_and_restrict)
{
	struct bytes rights = bytes_of(16);
	struct bytes stat = bytes_of(136);
	int arena, other;

	arena = byte_arena(self->device, self->page);
	ASSERT_GE(arena, 0);
	put32(&rights, 8, 0x0d);
	other = ioctl(arena, 0xbd10, rights.at);
	ASSERT_GE(other, 0);
	put32(&rights, 8, 0x07);
	ASSERT_EQ(0, ioctl(other, 0xbd11, rights.at));
	ASSERT_EQ(0, ioctl(other, 0xbd25, stat.at));
	EXPECT_EQ(0x05, get32(&stat, 108));
	close(other);
	close(arena);
}

TEST_F(layout, ring_reserve_submit_discard_output_stat)
{
	struct bytes reserve = bytes_of(32);
	struct bytes finish = bytes_of(16);
	struct bytes output = bytes_of(24);
	struct bytes stat = bytes_of(136);
	int ring;

	ring = byte_ring(self->device, self->page);
	ASSERT_GE(ring, 0);

	put64(&output, 8, (uintptr_t)"twelve bytes");
	put64(&output, 16, 12);
	ASSERT_EQ(0, ioctl(ring, 0xbd43, output.at));

	put32(&reserve, 8, 30);
	ASSERT_EQ(0, ioctl(ring, 0xbd40, reserve.at));
	EXPECT_EQ(24, get64(&reserve, 16));
	put64(&finish, 8, 24);
	ASSERT_EQ(0, ioctl(ring, 0xbd41, finish.at));

	ASSERT_EQ(0, ioctl(ring, 0xbd40, reserve.at));
	EXPECT_EQ(64, get64(&reserve, 16));
	put32(&finish, 4, 1);			/* NO_WAKEUP */
	put64(&finish, 8, 64);
	ASSERT_EQ(0, ioctl(ring, 0xbd42, finish.at));

	ASSERT_EQ(0, ioctl(ring, 0xbd44, stat.at));
	EXPECT_EQ(1, get32(&stat, 8));
	EXPECT_EQ(0x33, get32(&stat, 12));
	EXPECT_EQ(2 * self->page, get64(&stat, 16));
	EXPECT_EQ(104, get64(&stat, 24));
	EXPECT_EQ(0, get64(&stat, 32));
	EXPECT_EQ(104, get64(&stat, 40));
	EXPECT_EQ(3, get64(&stat, 48));
	EXPECT_EQ(2, get64(&stat, 56));
	EXPECT_EQ(1, get64(&stat, 64));
	EXPECT_STREQ("layout", (char *)stat.at + 120);
	close(ring);
}

TEST_F(layout, ring_mapping)
{
	unsigned long data_offset;
	struct bytes header;
	unsigned char *map;
	__u64 position;
	__u32 word;
	int ring;

	ring = byte_ring(self->device, self->page);
	ASSERT_GE(ring, 0);
	ASSERT_EQ(5, write(ring, "hello", 5));

	map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, ring, 0);
	ASSERT_NE(MAP_FAILED, map);
	memcpy(header.at, map, 88);
	EXPECT_LE(88, get32(&header, 0));
	EXPECT_EQ(8, get32(&header, 4));
	EXPECT_EQ(0, get64(&header, 8));
	EXPECT_EQ(2 * self->page, get64(&header, 16));
	EXPECT_EQ(1, get32(&header, 56));
	EXPECT_EQ(1, get32(&header, 60));
	EXPECT_STREQ("layout", (char *)header.at + 72);

	data_offset = get64(&header, 40);
	EXPECT_EQ(data_offset + 4 * self->page, get64(&header, 48));
	map = mmap(NULL, get64(&header, 48), PROT_READ, MAP_SHARED, ring, 0);
	ASSERT_NE(MAP_FAILED, map);
	memcpy(&position, map + get64(&header, 24), 8);
	EXPECT_EQ(0, position);
	memcpy(&position, map + get64(&header, 32), 8);
	EXPECT_EQ(16, position);
	memcpy(&word, map + data_offset, 4);
	EXPECT_EQ(5, word);
	EXPECT_EQ(0, memcmp("hello", map + data_offset + 8, 5));
	memcpy(&word, map + data_offset + 2 * self->page, 4);
	EXPECT_EQ(5, word);
	close(ring);
}

TEST_HARNESS_MAIN
