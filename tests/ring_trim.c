// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submitting fewer bytes than were reserved: whatever is cut off, and wherever the
 * record lies, what is in the ring can be walked and is the bytes that were kept.
 */
#define _GNU_SOURCE
#include "kselftest_harness.h"
#include "ring_util.h"

#define LONGEST		72

FIXTURE(trim)
{
	struct ring ring;
	struct karena_ring_consumer *consumer;
	char *data;
	int fd;
};

FIXTURE_SETUP(trim)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->data = ring_data(&self->ring);
	ASSERT_NE(NULL, self->data);
	self->consumer = ring_consumer(&self->ring);
	ASSERT_NE(NULL, self->consumer);
}

FIXTURE_TEARDOWN(trim)
{
	ring_close(&self->ring);
}

typedef FIXTURE_DATA(trim) trim_data;

static int submit_length(int fd, unsigned long cmd, uint64_t position, uint32_t length)
{
	struct karena_ring_finish args = {
		.size = sizeof(args),
		.position = position,
		.length = length,
	};

	return call(fd, cmd, &args);
}

static int submit_trimmed(int fd, uint64_t position, uint32_t length)
{
	return submit_length(fd, KARENA_IOC_RING_SUBMIT, position, length);
}

static char *payload_of(trim_data *self, uint64_t position)
{
	return self->data + (position & self->ring.mask) + HEADER_BYTES;
}

/* A record of @reserved bytes of @fill, of which @kept are submitted. */
static uint64_t send_trimmed(trim_data *self, uint32_t reserved, uint32_t kept,
			     char fill)
{
	uint64_t position;

	must(ring_reserve(self->fd, reserved, &position) == 0);
	memset(payload_of(self, position), fill, reserved);
	must(submit_trimmed(self->fd, position, kept) == 0);
	return position;
}

/* Is it @kept bytes of @fill at @position, then zeroes up to 8? */
static bool is_record(trim_data *self, uint64_t position, uint32_t kept, char fill)
{
	const char *payload = payload_at(&self->ring, position);
	uint32_t i;

	if (word_at(&self->ring, position) != kept)
		return false;
	for (i = 0; i < record_size(kept) - HEADER_BYTES; i++) {
		if (payload[i] != (i < kept ? fill : 0))
			return false;
	}
	return true;
}

/* Passes over discarded records from @position on. */
static uint64_t pass_discarded(trim_data *self, uint64_t position, uint64_t end)
{
	while (position < end && word_at(&self->ring, position) & KARENA_RECORD_DISCARD)
		position += record_size(word_at(&self->ring, position));
	return position;
}

/*
 * All lengths, cut to all lengths, followed by another record: as both together take
 * other sizes each time, they come to lie at each of the alignments there are, and
 * across the end of the area.
 */
TEST_F(trim, trimmed_records_can_be_walked_wherever_they_lie)
{
	uint64_t at = 0, end, across = 0;
	uint32_t reserved, kept, pad;

	for (pad = 1; pad <= 57; pad += 8) {
		for (reserved = 1; reserved <= LONGEST; reserved++) {
			for (kept = 1; kept <= reserved; kept++) {
				ASSERT_EQ(at, send_trimmed(self, reserved, kept, 'a'));
				across += (at & self->ring.mask) + record_size(reserved) >
					  page_size;
				ASSERT_EQ(at + record_size(reserved), produced(&self->ring));
				ASSERT_EQ((ssize_t)pad, ring_write(self->fd, payload_of(self, at),
								   pad));
				end = produced(&self->ring);
				ASSERT_TRUE(is_record(self, at, kept, 'a'))
					TH_LOG("%u of %u", kept, reserved);
				at = pass_discarded(self, at + record_size(kept), end);
				ASSERT_EQ(end - record_size(pad), at);
				ASSERT_EQ(pad, word_at(&self->ring, at));
				at = end;
				consume_to(self->consumer, at);
			}
		}
	}
	EXPECT_LT(100, across * page_size / 4096);
	EXPECT_EQ(at, ring_stat(self->fd).out_consumer_position);
}

TEST_F(trim, read_gives_what_was_kept)
{
	char buffer[3 * LONGEST], expected[LONGEST];
	uint32_t reserved, kept;

	for (reserved = 1; reserved <= LONGEST; reserved++) {
		for (kept = 1; kept <= reserved; kept++) {
			uint32_t bytes = record_size(kept);

			send_trimmed(self, reserved, kept, 'b');
			must(ring_write(self->fd, "next", 4) == 4);
			memset(expected, 0, sizeof(expected));
			memset(expected, 'b', kept);
			/* It need not have space for what was reserved. */
			ASSERT_EQ((ssize_t)bytes, ring_read(self->fd, buffer, bytes));
			ASSERT_EQ(0, memcmp(buffer, &kept, sizeof(kept)));
			ASSERT_EQ(0, memcmp(buffer + HEADER_BYTES, expected, bytes - HEADER_BYTES));
			ASSERT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
			ASSERT_EQ(0, memcmp(buffer + HEADER_BYTES, "next", 4));
		}
	}
	send_trimmed(self, 60, 20, 'c');
	EXPECT_EQ(-EMSGSIZE, ring_read(self->fd, buffer, 24));
	EXPECT_EQ(32, ring_read(self->fd, buffer, 32));
}

/* Else whoever consumes next would be given it again. */
TEST_F(trim, consumer_that_stops_before_what_was_cut_off_has_read_it)
{
	char buffer[64];

	send_trimmed(self, 48, 8, 'd');
	consume_to(self->consumer, 16);
	EXPECT_EQ(56, ring_stat(self->fd).out_consumer_position);
	ASSERT_EQ(4, ring_write(self->fd, "next", 4));
	ASSERT_EQ(16, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer + HEADER_BYTES, "next", 4));
}

TEST_F(trim, space_cut_off_comes_back_when_it_is_passed)
{
	uint32_t whole = page_size - HEADER_BYTES;
	uint64_t position;

	send_trimmed(self, whole, 1, 'e');
	EXPECT_EQ(-EAGAIN, ring_reserve(self->fd, 1, NULL));
	consume_to(self->consumer, page_size);
	ASSERT_EQ(0, ring_reserve(self->fd, whole, &position));
	EXPECT_EQ(page_size, position);
	EXPECT_EQ(1, ring_stat(self->fd).out_submitted);
	EXPECT_EQ(0, ring_stat(self->fd).out_discarded);
}

TEST_F(trim, length_that_was_not_reserved_leaves_the_record_open)
{
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(self->fd, 20, &position));
	EXPECT_EQ(-EINVAL, submit_trimmed(self->fd, position, 21));
	EXPECT_EQ(-EINVAL, submit_trimmed(self->fd, position, ~0u));
	EXPECT_EQ(-EINVAL, submit_trimmed(self->fd, position, 0x80000014));
	EXPECT_EQ(-EINVAL, submit_length(self->fd, KARENA_IOC_RING_DISCARD, position, 4));
	EXPECT_EQ(20 | KARENA_RECORD_BUSY, word_at(&self->ring, position));
	EXPECT_EQ(0, submit_trimmed(self->fd, position, 20));
	EXPECT_EQ(20, word_at(&self->ring, position));
	EXPECT_EQ(-EINVAL, submit_trimmed(self->fd, position, 20));
}

/* The kernel knows what was reserved by itself. */
TEST_F(trim, overwritten_header_changes_nothing)
{
	uint64_t position;
	char buffer[64];

	ASSERT_EQ(0, ring_reserve(self->fd, 20, &position));
	*(volatile uint32_t *)(self->data + position) = 4000;
	EXPECT_EQ(-EINVAL, submit_trimmed(self->fd, position, 21));
	EXPECT_EQ(0, submit_trimmed(self->fd, position, 9));
	memset(self->data + position, 0xff, 32);
	ASSERT_EQ(24, ring_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer, "\x09\0\0\0", 4));
	EXPECT_EQ(32, ring_stat(self->fd).out_consumer_position);
}

TEST_HARNESS_MAIN
