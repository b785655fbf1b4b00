// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: a consumer whose producers forge what it reads.
 */
#define _GNU_SOURCE
#include "library_ring.h"

static struct karena_ring_header layout_of(const struct karena_ring *ring)
{
	struct karena_ring_header layout;
	void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED,
			  karena_ring_fd(ring), 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(&layout, page, sizeof(layout));
	return layout;
}

/* The data area as a producer can write it. */
static char *map_data(const struct karena_ring *ring)
{
	void *data = mmap(NULL, 2 * RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  karena_ring_fd(ring), (off_t)layout_of(ring).data_offset);

	if (data == MAP_FAILED)
		abort();
	return data;
}

static void forge(char *data, uint64_t position, uint32_t word)
{
	memcpy(data + (position & (RING_BYTES - 1)), &word, sizeof(word));
}

static int pass_over(void *context, const void *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
	return 0;
}

/* What a walk of all that is there says at its end, and how many it met. */
static int walk_all(struct karena_ring *ring, unsigned int *nr)
{
	struct karena_ring_walk walk;
	struct karena_record record;
	int ret = karena_ring_walk_begin(ring, &walk);

	*nr = 0;
	if (ret)
		return ret;
	for (;;) {
		ret = karena_ring_walk_next(&walk, &record);
		if (ret <= 0)
			break;
		++*nr;
	}
	karena_ring_walk_end(ring, &walk);
	return ret;
}

TEST_F(ring, a_forged_length_is_found_out)
{
	static const uint32_t words[] = {
		17, 25, RING_BYTES, RING_BYTES * 2, KARENA_RECORD_LEN_MASK,
		KARENA_RECORD_DISCARD | 17, KARENA_RECORD_DISCARD | KARENA_RECORD_LEN_MASK,
	};
	char *data = map_data(self->ring), copy[24];
	unsigned int nr;

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		ASSERT_EQ(0, send_record(self->ring, 'a', 16));
		ASSERT_EQ(0, send_record(self->ring, 'b', 16));
		ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
		karena_ring_release(self->ring);
		forge(data, ring_stat_of(self->ring).out_consumer_position, words[i]);
		EXPECT_EQ(-EBADMSG, karena_ring_take(self->ring, self->records, MANY));
		EXPECT_EQ(-EBADMSG, karena_ring_consume(self->ring, pass_over, NULL, 0));
		EXPECT_EQ(-EBADMSG, walk_all(self->ring, &nr));
		EXPECT_EQ(0, nr);
		forge(data, ring_stat_of(self->ring).out_consumer_position, 16);
		ASSERT_EQ(1, karena_ring_take(self->ring, self->records, MANY));
		ASSERT_TRUE(record_is(&self->records[0], 'b', 16));
		karena_ring_release(self->ring);
	}
	ASSERT_EQ(0, send_record(self->ring, 'c', 16));
	forge(data, ring_stat_of(self->ring).out_consumer_position, 999);
	EXPECT_EQ(-EBADMSG, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(24, read(karena_ring_fd(self->ring), copy, sizeof(copy)));
	EXPECT_EQ('c', copy[8]);
}

TEST_F(ring, good_records_come_before_a_forged_one)
{
	char *data = map_data(self->ring);

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 16));
	forge(data, 2 * 24, 1000);
	EXPECT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(-EBADMSG, karena_ring_take(self->ring, self->records, MANY));
	karena_ring_release(self->ring);
	EXPECT_EQ(-EBADMSG, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(2 * 24, ring_stat_of(self->ring).out_consumer_position);
}

TEST_F(ring, a_walk_meets_good_records_before_a_forged_one)
{
	char *data = map_data(self->ring);
	unsigned int nr;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 16));
	forge(data, 3 * 24, 17);
	EXPECT_EQ(-EBADMSG, walk_all(self->ring, &nr));
	EXPECT_EQ(3, nr);
	EXPECT_EQ(3 * 24, ring_stat_of(self->ring).out_consumer_position);
	forge(data, 3 * 24, KARENA_RECORD_BUSY | 17);
	EXPECT_EQ(0, walk_all(self->ring, &nr));
	EXPECT_EQ(0, nr);
	forge(data, 3 * 24, KARENA_RECORD_DISCARD | 16);
	EXPECT_EQ(0, walk_all(self->ring, &nr));
	EXPECT_EQ(0, nr);
	EXPECT_EQ(4 * 24, ring_stat_of(self->ring).out_consumer_position);
}

static void forge_all(char *data, unsigned int *seed)
{
	for (uint64_t i = 24; i < RING_BYTES; i += 8) {
		uint32_t word = (uint32_t)rand_r(seed) % 400;

		if (rand_r(seed) % 8 == 0)
			word |= KARENA_RECORD_DISCARD;
		if (rand_r(seed) % 16 == 0)
			word |= KARENA_RECORD_BUSY;
		if (rand_r(seed) % 2)
			forge(data, i, word);
	}
}

/* A ring full of records of which the first alone is as it was sent. */
static struct karena_ring *junk_ring(const struct karena_device *device, unsigned int *seed)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_IN_PLACE };
	struct karena_ring *ring;
	char *data;

	if (karena_ring_create(device, RING_BYTES, &opts, &ring) || send_record(ring, 'x', 16))
		abort();
	while (!send_record(ring, 'x', 1 + (size_t)rand_r(seed) % 300))
		;
	data = map_data(ring);
	forge_all(data, seed);
	munmap(data, 2 * RING_BYTES);
	return ring;
}

/*
 * Whatever is in the headers: what is given out lies inside, and it ends. The
 * first record tells where the consumer has the data area.
 */
TEST_F(ring, junk_leads_nowhere_outside)
{
	unsigned int seed = (unsigned int)getpid(), given = 0, found_out = 0;

	TH_LOG("seed %u", seed);
	for (int round = 0; round < 300; round++) {
		struct karena_ring *ring = junk_ring(self->device, &seed);
		const char *low, *high;
		int count;

		ASSERT_EQ(1, karena_ring_take(ring, self->records, 1));
		low = (const char *)self->records[0].data - KARENA_RECORD_HEADER_BYTES;
		high = low + 2 * RING_BYTES;
		while ((count = karena_ring_take(ring, self->records, MANY)) > 0) {
			for (int i = 0; i < count; i++) {
				const char *data = self->records[i].data;

				ASSERT_LT(low, data);
				ASSERT_GE(high, data + self->records[i].length);
				given++;
			}
			ASSERT_GE(RING_BYTES / 8, given);
		}
		ASSERT_TRUE(!count || count == -EBADMSG);
		found_out += count == -EBADMSG;
		given = 0;
		karena_ring_release(ring);
		karena_ring_close(ring);
	}
	EXPECT_LT(0, found_out);
	EXPECT_GT(300, found_out);
}

TEST_HARNESS_MAIN
