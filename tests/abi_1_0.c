// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program of 1.0's time: built with the header of that version, which is kept, it
 * makes each call and reads each layout that there was. Later modules must serve it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Before any other header could include the one of today. */
#include "abi/1.0/karena.h"
#include "kselftest_harness.h"

#define PAGES		64
#define RECORDS		2

/* As ioctl(2), but for -errno. */
static long call(int fd, unsigned long nr, void *args)
{
	long ret = ioctl(fd, nr, args);

	return ret < 0 ? -errno : ret;
}

/* A struct of 1.0, which begins with its size. */
#define ARGS(type, ...)	((struct type) { .size = sizeof(struct type), ##__VA_ARGS__ })
#define CALL(fd, nr, args)	call(fd, KARENA_IOC_##nr, &(args))

FIXTURE(program) {
	int device;
	uint64_t page;
};

FIXTURE_SETUP(program)
{
	struct karena_query query = ARGS(karena_query);

	self->device = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, CALL(self->device, QUERY, query));
	ASSERT_EQ(KARENA_ABI_VERSION, query.out_abi_version);
	ASSERT_EQ(KARENA_FEAT_ARENA | KARENA_FEAT_RING,
		  query.out_features & (KARENA_FEAT_ARENA | KARENA_FEAT_RING));
	self->page = query.out_page_size;
}

FIXTURE_TEARDOWN(program)
{
	close(self->device);
}

typedef FIXTURE_DATA(program) program_data;

static int new_arena(program_data *self)
{
	struct karena_arena_create create = ARGS(karena_arena_create,
		.length = PAGES * self->page, .node = KARENA_NODE_ANY, .name = "arena");

	return CALL(self->device, ARENA_CREATE, create);
}

static int new_ring(program_data *self)
{
	struct karena_ring_create create = ARGS(karena_ring_create,
		.flags = KARENA_RING_F_IN_PLACE, .data_bytes = 4 * self->page,
		.node = KARENA_NODE_ANY, .name = "ring");

	return CALL(self->device, RING_CREATE, create);
}

TEST_F(program, has_a_second_open_file_with_fewer_rights)
{
	struct karena_rights fewer = ARGS(karena_rights, .rights = KARENA_RIGHT_MAP);
	struct karena_rights all = ARGS(karena_rights, .rights = KARENA_RIGHTS_ARENA);
	int arena = new_arena(self);
	int other;

	ASSERT_LE(0, arena);
	other = CALL(arena, REOPEN, all);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, CALL(other, RESTRICT, fewer));
	EXPECT_EQ(-EPERM, CALL(other, REOPEN, all));
	close(other);
	close(arena);
}

TEST_F(program, changes_pages_of_an_arena)
{
	struct karena_arena_alloc alloc = ARGS(karena_arena_alloc, .nr_pages = 4,
		.node = KARENA_NODE_ANY, .flags = KARENA_ALLOC_F_FIXED);
	struct karena_arena_reserve reserve = ARGS(karena_arena_reserve,
		.offset = 8 * self->page, .nr_pages = 4);
	struct karena_arena_commit commit = ARGS(karena_arena_commit,
		.offset = 8 * self->page, .nr_pages = 2, .node = KARENA_NODE_ANY);
	struct karena_arena_decommit decommit = ARGS(karena_arena_decommit,
		.offset = 8 * self->page, .nr_pages = 1);
	struct karena_arena_free release = ARGS(karena_arena_free, .nr_pages = 1);
	int arena = new_arena(self);
	char *map;

	ASSERT_LE(0, arena);
	map = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0);
	ASSERT_NE(MAP_FAILED, map);
	alloc.out_offset = 1;
	EXPECT_EQ(0, CALL(arena, ARENA_ALLOC, alloc));
	EXPECT_EQ(0, alloc.out_offset);
	map[0] = 1;
	EXPECT_EQ(0, CALL(arena, ARENA_RESERVE, reserve));
	EXPECT_EQ(0, CALL(arena, ARENA_COMMIT, commit));
	EXPECT_EQ(0, CALL(arena, ARENA_DECOMMIT, decommit));
	EXPECT_EQ(1, decommit.out_done);
	EXPECT_EQ(0, CALL(arena, ARENA_FREE, release));
	EXPECT_EQ(1, release.out_done);
	EXPECT_EQ(0, map[0]);
	munmap(map, PAGES * self->page);
	close(arena);
}

TEST_F(program, reads_what_an_arena_is_like)
{
	struct karena_arena_reserve reserve = ARGS(karena_arena_reserve,
		.offset = 2 * self->page, .nr_pages = 3, .flags = KARENA_RESERVE_F_GUARD);
	struct karena_arena_range ranges[2];
	struct karena_arena_walk walk = ARGS(karena_arena_walk,
		.buffer = (uintptr_t)ranges, .buffer_bytes = sizeof(ranges));
	struct karena_arena_stat stat = ARGS(karena_arena_stat);
	int arena = new_arena(self);

	ASSERT_LE(0, arena);
	ASSERT_EQ(0, CALL(arena, ARENA_RESERVE, reserve));
	EXPECT_EQ(0, CALL(arena, ARENA_STAT, stat));
	EXPECT_EQ(PAGES * self->page, stat.out_length);
	EXPECT_EQ(3, stat.out_guard);
	EXPECT_EQ(KARENA_RIGHTS_ARENA, stat.out_rights);
	EXPECT_STREQ("arena", stat.out_name);
	EXPECT_EQ(0, CALL(arena, ARENA_WALK, walk));
	EXPECT_EQ(1, walk.out_count);
	EXPECT_EQ(2 * self->page, ranges[0].offset);
	EXPECT_EQ(3, ranges[0].nr_pages);
	EXPECT_EQ(KARENA_PAGE_GUARD, ranges[0].state);
	close(arena);
}

/* What a ring's mapping shows, by the offsets in its header. */
static char *map_ring(program_data *self, int ring, const struct karena_ring_header **header)
{
	char *map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, ring, 0);
	size_t bytes;

	if (map == MAP_FAILED)
		return NULL;
	bytes = ((struct karena_ring_header *)map)->map_bytes;
	munmap(map, self->page);
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, ring, 0);
	*header = (void *)map;
	return map == MAP_FAILED ? NULL : map;
}

static uint32_t first_word(const char *map, const struct karena_ring_header *header)
{
	return ((const struct karena_record_header *)(map + header->data_offset))->word;
}

TEST_F(program, finds_records_in_the_mapping)
{
	struct karena_ring_reserve reserve = ARGS(karena_ring_reserve, .length = 8);
	struct karena_ring_finish finish = ARGS(karena_ring_finish);
	const struct karena_ring_producer *producer;
	const struct karena_ring_header *header;
	int ring = new_ring(self);
	uint64_t *data;
	char *map;

	ASSERT_LE(0, ring);
	map = map_ring(self, ring, &header);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(KARENA_RECORD_HEADER_BYTES, header->record_header_bytes);
	EXPECT_EQ(4 * self->page, header->data_bytes);
	EXPECT_EQ(0, header->features);
	data = mmap(NULL, 2 * header->data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		    header->data_offset);
	ASSERT_NE(MAP_FAILED, data);

	ASSERT_EQ(0, CALL(ring, RING_RESERVE, reserve));
	EXPECT_EQ(KARENA_RECORD_BUSY | 8, first_word(map, header));
	data[(reserve.out_offset - header->data_offset) / sizeof(*data)] = 42;
	finish.position = reserve.out_position;
	EXPECT_EQ(0, CALL(ring, RING_SUBMIT, finish));
	EXPECT_EQ(8, first_word(map, header));
	producer = (void *)(map + header->producer_offset);
	EXPECT_EQ(16, producer->position);
	EXPECT_EQ(42, *(uint64_t *)(map + reserve.out_offset));
	close(ring);
}

/* A record of a batch: its header and 8 bytes. */
struct entry {
	struct karena_record_header header;
	uint64_t payload;
};

TEST_F(program, sends_and_reads_records)
{
	struct entry entries[RECORDS] = { { { 8, 0 }, 1 }, { { 8, 0 }, 2 } };
	struct entry read_back[RECORDS + 1];
	uint64_t payload = 3;
	struct karena_ring_output_batch batch = ARGS(karena_ring_output_batch,
		.buffer = (uintptr_t)entries, .buffer_bytes = sizeof(entries));
	struct karena_ring_output output = ARGS(karena_ring_output,
		.buffer = (uintptr_t)&payload, .buffer_bytes = sizeof(payload));
	struct karena_ring_wait wait = ARGS(karena_ring_wait, .bytes = 1, .timeout_us = 1000);
	struct karena_ring_stat stat = ARGS(karena_ring_stat);
	int ring = new_ring(self);

	ASSERT_LE(0, ring);
	EXPECT_EQ(RECORDS, CALL(ring, RING_OUTPUT_BATCH, batch));
	EXPECT_EQ(0, CALL(ring, RING_OUTPUT, output));
	EXPECT_EQ((long)sizeof(read_back), CALL(ring, RING_WAIT, wait));
	EXPECT_EQ(0, CALL(ring, RING_STAT, stat));
	EXPECT_EQ(RECORDS + 1, stat.out_submitted);
	EXPECT_EQ(sizeof(read_back), stat.out_available);
	EXPECT_STREQ("ring", stat.out_name);
	EXPECT_EQ((ssize_t)sizeof(read_back), read(ring, read_back, sizeof(read_back)));
	EXPECT_EQ(1, read_back[0].payload);
	EXPECT_EQ(3, read_back[RECORDS].payload);
	EXPECT_EQ(-ETIMEDOUT, CALL(ring, RING_WAIT, wait));
	close(ring);
}

TEST_F(program, finishes_reservations_one_by_one_and_by_batches)
{
	uint32_t lengths[RECORDS] = { 8, 8 };
	struct karena_ring_reserve_batch reserves = ARGS(karena_ring_reserve_batch,
		.buffer = (uintptr_t)lengths, .buffer_bytes = sizeof(lengths));
	struct karena_ring_finish_entry entries[RECORDS] = {};
	struct karena_ring_finish_batch finishes = ARGS(karena_ring_finish_batch,
		.buffer = (uintptr_t)entries, .buffer_bytes = sizeof(entries));
	struct karena_ring_reserve reserve = ARGS(karena_ring_reserve, .length = 8);
	struct karena_ring_finish finish = ARGS(karena_ring_finish);
	struct karena_ring_stat stat = ARGS(karena_ring_stat);
	int ring = new_ring(self);

	ASSERT_LE(0, ring);
	ASSERT_EQ(0, CALL(ring, RING_RESERVE, reserve));
	finish.position = reserve.out_position;
	EXPECT_EQ(0, CALL(ring, RING_DISCARD, finish));
	EXPECT_EQ(-EINVAL, CALL(ring, RING_DISCARD, finish));
	ASSERT_EQ(0, CALL(ring, RING_RESERVE_BATCH, reserves));
	entries[0].position = reserves.out_position;
	entries[1].position = reserves.out_position + sizeof(struct entry);
	EXPECT_EQ(RECORDS, CALL(ring, RING_FINISH_BATCH, finishes));
	EXPECT_EQ(0, CALL(ring, RING_STAT, stat));
	EXPECT_EQ(RECORDS, stat.out_submitted);
	EXPECT_EQ(1, stat.out_discarded);
	close(ring);
}

TEST_F(program, sets_who_is_woken)
{
	struct karena_ring_policy policy = ARGS(karena_ring_policy, .wake_records = 5);
	struct karena_ring_wait_cancel cancel = ARGS(karena_ring_wait_cancel,
		.flags = KARENA_WAIT_CANCEL_F_ALL);
	struct karena_ring_flush flush = ARGS(karena_ring_flush);
	struct karena_ring_attach attach = ARGS(karena_ring_attach,
		.flags = KARENA_ATTACH_F_CONSUME);
	struct karena_ring_stat stat = ARGS(karena_ring_stat);
	int ring = new_ring(self);

	ASSERT_LE(0, ring);
	EXPECT_EQ(0, CALL(ring, RING_POLICY, policy));
	EXPECT_EQ(0, CALL(ring, RING_FLUSH, flush));
	EXPECT_EQ(0, CALL(ring, RING_ATTACH, attach));
	EXPECT_EQ(0, CALL(ring, RING_WAIT_CANCEL, cancel));
	EXPECT_EQ(0, CALL(ring, RING_STAT, stat));
	EXPECT_EQ(5, stat.out_wake_records);
	close(ring);
}

TEST_HARNESS_MAIN
