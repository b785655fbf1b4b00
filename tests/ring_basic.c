// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record in, a record out, each way; and what create and stat say.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(ring)
{
	struct ring ring;
	struct karena_ring_consumer *consumer;
};

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
}

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

TEST_F(ring, header_page_describes_the_mapping)
{
	const struct karena_ring_header *header = self->ring.header;

	EXPECT_LE(sizeof(*header), header->header_bytes);
	EXPECT_EQ(HEADER_BYTES, header->record_header_bytes);
	EXPECT_EQ(0, header->features);
	EXPECT_EQ(page_size, header->data_bytes);
	EXPECT_EQ(page_size, header->consumer_offset);
	EXPECT_EQ(2 * page_size, header->producer_offset);
	EXPECT_EQ(3 * page_size, header->data_offset);
	EXPECT_EQ(5 * page_size, header->map_bytes);
	EXPECT_EQ(1, header->lanes);
	EXPECT_EQ(KARENA_RING_F_IN_PLACE, header->flags);
	EXPECT_EQ(4 * page_size, header->lane_stride);
	EXPECT_STREQ("test", header->name);
}

TEST_F(ring, written_record_is_read_by_mapping)
{
	ASSERT_EQ(5, ring_write(self->ring.fd, "hello", 5));
	EXPECT_EQ(16, produced(&self->ring));
	EXPECT_EQ(5, word_at(&self->ring, 0));
	EXPECT_EQ(0, memcmp(payload_at(&self->ring, 0), "hello\0\0", 8));
}

TEST_F(ring, record_is_filled_in_place)
{
	char *data = ring_data(&self->ring);
	uint64_t position, offset;

	ASSERT_NE(NULL, data);
	ASSERT_EQ(0, ring_reserve_flags(self->ring.fd, 0, 9, &position, &offset));
	EXPECT_EQ(0, position);
	EXPECT_EQ(self->ring.header->data_offset + HEADER_BYTES, offset);
	EXPECT_EQ(24, produced(&self->ring));
	EXPECT_EQ(9 | KARENA_RECORD_BUSY, word_at(&self->ring, 0));
	memcpy(data + HEADER_BYTES, "in place", 9);
	ASSERT_EQ(0, ring_submit(self->ring.fd, position));
	EXPECT_EQ(9, word_at(&self->ring, 0));
	EXPECT_STREQ("in place", payload_at(&self->ring, 0));
}

TEST_F(ring, read_gives_whole_records)
{
	struct karena_record_header header;
	char got[64];

	ASSERT_EQ(5, ring_write(self->ring.fd, "hello", 5));
	ASSERT_EQ(0, ring_output(self->ring.fd, "world!!!", 8, 0));
	memset(got, 0xcc, sizeof(got));
	ASSERT_EQ(32, ring_read(self->ring.fd, got, sizeof(got)));
	memcpy(&header, got, sizeof(header));
	EXPECT_EQ(5, header.word);
	EXPECT_EQ(0, memcmp(got + 8, "hello\0\0", 8));
	memcpy(&header, got + 16, sizeof(header));
	EXPECT_EQ(8, header.word);
	EXPECT_EQ(0, memcmp(got + 24, "world!!!", 8));
	EXPECT_EQ((char)0xcc, got[32]);
	EXPECT_EQ(32, self->consumer->position);
}

TEST_F(ring, stat_counts)
{
	struct karena_ring_stat stat;
	uint64_t first, second;

	ASSERT_EQ(0, ring_reserve(self->ring.fd, 8, &first));
	ASSERT_EQ(0, ring_reserve(self->ring.fd, 8, &second));
	ASSERT_EQ(0, ring_submit(self->ring.fd, first));
	ASSERT_EQ(0, ring_discard(self->ring.fd, second));
	ASSERT_EQ(1, ring_write(self->ring.fd, "x", 1));
	ASSERT_EQ(-ENOSPC, ring_output(self->ring.fd, "x", page_size, 0));
	consume_to(self->consumer, 16);

	stat = ring_stat(self->ring.fd);
	EXPECT_EQ(KARENA_RING_F_IN_PLACE, stat.out_flags);
	EXPECT_EQ(KARENA_RIGHTS_RING, stat.out_rights);
	EXPECT_EQ(page_size, stat.out_data_bytes);
	EXPECT_EQ(32, stat.out_available);
	EXPECT_EQ(16, stat.out_consumer_position);
	EXPECT_EQ(48, stat.out_producer_position);
	EXPECT_EQ(3, stat.out_records);
	EXPECT_EQ(2, stat.out_submitted);
	EXPECT_EQ(1, stat.out_discarded);
	EXPECT_EQ(1, stat.out_lost_too_big);
	EXPECT_EQ(0, stat.out_lost_full);
	EXPECT_STREQ("test", stat.out_name);
	EXPECT_EQ(1, self->ring.producer->lost_too_big);
}

TEST_HARNESS_MAIN
