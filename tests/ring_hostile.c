// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever users write where they may write, the kernel acts on what is its own.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_util.h"

FIXTURE(ring)
{
	struct ring ring;
	int fd;
	struct karena_ring_consumer *consumer;
	char *data;
};

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	set_nonblock(self->fd);
	self->consumer = ring_consumer(&self->ring);
	self->data = ring_data(&self->ring);
	ASSERT_NE(NULL, self->consumer);
	ASSERT_NE(NULL, self->data);
}

FIXTURE_TEARDOWN(ring)
{
	ring_close(&self->ring);
}

/*
 * Two records of just over half the ring: whatever the consumer says, the second
 * is refused while the first is open.
 */
TEST_F(ring, forged_position_lets_no_records_overlap)
{
	uint64_t half = page_size / 2, stored, position;

	for (stored = 0; stored <= 2 * page_size; stored += 8) {
		uint64_t start = ring_stat(self->fd).out_producer_position;

		consume_to(self->consumer, start + stored);
		ASSERT_EQ(0, ring_reserve(self->fd, half, &position));
		ASSERT_EQ(-EAGAIN, ring_reserve(self->fd, half, NULL));
		consume_to(self->consumer, start + stored);
		ASSERT_EQ(-EAGAIN, ring_reserve(self->fd, half, NULL));
		ASSERT_EQ(start, ring_stat(self->fd).out_consumer_position);
		ASSERT_EQ(0, ring_submit(self->fd, position));
		consume_to(self->consumer, produced(&self->ring));
		ASSERT_EQ(0, ring_stat(self->fd).out_available);
	}
}

TEST_F(ring, position_that_is_no_border_only_looks_full)
{
	uint64_t stored[] = {
		1, 4, 8, 15, 17, 24, 47, 49, page_size, 1ull << 32, 1ull << 63, ~0ull
	};
	size_t i;

	/* Of three records of 16 bytes, never more than is read for sure is given back. */
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	for (i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		struct ring ring = ring_new(0, page_size);
		struct karena_ring_consumer *consumer = ring_consumer(&ring);
		uint64_t given = stored[i] > 48 ? 0 : stored[i] / 16 * 16;
		char payload[page_size];

		memset(payload, 0, page_size);
		ASSERT_NE(NULL, consumer);
		ASSERT_EQ(1, ring_write(ring.fd, "x", 1));
		ASSERT_EQ(1, ring_write(ring.fd, "x", 1));
		ASSERT_EQ(1, ring_write(ring.fd, "x", 1));
		consume_to(consumer, stored[i]);
		EXPECT_EQ(given, ring_stat(ring.fd).out_consumer_position);
		EXPECT_EQ(-EAGAIN, ring_write(ring.fd, payload,
					      page_size - 48 + given - HEADER_BYTES + 1));
		EXPECT_EQ(page_size - 48 + given - HEADER_BYTES,
			  ring_write(ring.fd, payload, page_size - 48 + given - HEADER_BYTES));
		munmap(consumer, page_size);
		ring_close(&ring);
	}
}

TEST_F(ring, position_that_goes_back_gives_nothing_twice)
{
	char got[64];

	ASSERT_EQ(1, ring_write(self->fd, "a", 1));
	ASSERT_EQ(1, ring_write(self->fd, "b", 1));
	ASSERT_EQ(16, ring_read(self->fd, got, 16));
	consume_to(self->consumer, 0);
	ASSERT_EQ(16, ring_read(self->fd, got, 64));
	EXPECT_EQ('b', got[HEADER_BYTES]);
	consume_to(self->consumer, 0);
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, got, 64));
	EXPECT_EQ(32, self->ring.header->record_header_bytes * 4);
	EXPECT_EQ(32, ring_stat(self->fd).out_consumer_position);
}

/* Every header word one may think of, over the header of an open record. */
TEST_F(ring, overwritten_headers_are_nothing_to_the_kernel)
{
	static const uint32_t words[] = {
		0, 1, 8, 9, KARENA_RECORD_BUSY, KARENA_RECORD_DISCARD, ~0u,
		KARENA_RECORD_LEN_MASK, 8 | KARENA_RECORD_DISCARD, 4096, 1u << 29,
	};
	struct ring other = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	uint64_t first, second, at;
	size_t i;

	ASSERT_EQ(9, ring_write(other.fd, "untouched", 9));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct karena_record_header *header;
		struct karena_ring_stat stat;

		ASSERT_EQ(0, ring_reserve(self->fd, 24, &first));
		ASSERT_EQ(0, ring_reserve(self->fd, 8, &second));
		header = (void *)(self->data + (first & self->ring.mask));
		*header = (struct karena_record_header) { words[i], words[i] };

		/* Still open to the kernel, still of 24 bytes, still ours. */
		consume_to(self->consumer, second);
		stat = ring_stat(self->fd);
		EXPECT_EQ(first, stat.out_consumer_position);
		EXPECT_EQ(48, stat.out_available);
		EXPECT_EQ(0, poll_now(self->fd) & POLLIN);
		EXPECT_EQ(0, ring_submit(self->fd, first));
		EXPECT_EQ(24, word_at(&self->ring, first));
		*header = (struct karena_record_header) { words[i], words[i] };
		EXPECT_EQ(0, ring_discard(self->fd, second));
		at = second + 16;
		consume_to(self->consumer, at);
		EXPECT_EQ(at, ring_stat(self->fd).out_consumer_position);
	}
	EXPECT_EQ(9, word_at(&other, 0));
	EXPECT_EQ(0, memcmp(payload_at(&other, 0), "untouched", 9));
	ring_close(&other);
}

static bool chaos_ended;

static uint32_t thread_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

struct chaos {
	int fd;
	uint64_t *words;
	uint64_t nr_words;
	uint64_t seed;
};

/* Writes anything anywhere. */
static void *scribble(void *arg)
{
	struct chaos *chaos = arg;
	uint64_t state = chaos->seed;

	while (!__atomic_load_n(&chaos_ended, __ATOMIC_RELAXED)) {
		uint64_t *word = &chaos->words[thread_random(&state) % chaos->nr_words];
		uint64_t value = (uint64_t)thread_random(&state) << 32 | thread_random(&state);

		if (thread_random(&state) % 2)
			value >>= thread_random(&state) % 64;
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Makes every call, with what it was told and with anything. */
static void *make_calls(void *arg)
{
	struct chaos *chaos = arg;
	uint64_t state = chaos->seed, position = 0, open[8] = { 0 };
	char buffer[512] = "";

	while (!__atomic_load_n(&chaos_ended, __ATOMIC_RELAXED)) {
		uint32_t which = thread_random(&state) % 8;

		switch (thread_random(&state) % 7) {
		case 0:
			ring_write(chaos->fd, buffer, thread_random(&state) % sizeof(buffer));
			break;
		case 1:
			if (!ring_reserve(chaos->fd, thread_random(&state) % 600, &position))
				open[which] = position;
			break;
		case 2:
			ring_submit(chaos->fd, open[which]);
			break;
		case 3:
			ring_discard(chaos->fd, open[which] + thread_random(&state) % 3 * 8);
			break;
		case 4:
			ring_read(chaos->fd, buffer, thread_random(&state) % sizeof(buffer));
			break;
		case 5:
			poll_now(chaos->fd);
			break;
		case 6:
			ring_stat(chaos->fd);
			break;
		}
	}
	return NULL;
}

TEST_F(ring, chaos_harms_no_other_ring)
{
	struct chaos scribblers[2], callers[2];
	pthread_t threads[4];
	struct ring other = ring_new(0, page_size);
	struct karena_ring_stat stat;
	char got[64];
	uint64_t sent = 0;
	int64_t deadline;
	int i;

	random_begin();
	scribblers[0] = (struct chaos) {
		.words = (uint64_t *)self->data,
		.nr_words = 2 * page_size / 8,
	};
	scribblers[1] = (struct chaos) { .words = (uint64_t *)self->consumer, .nr_words = 1 };
	set_nonblock(other.fd);
	for (i = 0; i < 2; i++) {
		callers[i].fd = self->fd;
		scribblers[i].seed = random_below(~0u);
		callers[i].seed = random_below(~0u);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, scribble, &scribblers[i]));
		ASSERT_EQ(0, pthread_create(&threads[2 + i], NULL, make_calls, &callers[i]));
	}
	deadline = now_ms() + (int64_t)scaled(3000);
	while (now_ms() < deadline) {
		ASSERT_EQ(sizeof(sent), ring_write(other.fd, &sent, sizeof(sent)));
		ASSERT_EQ(16, ring_read(other.fd, got, sizeof(got)));
		ASSERT_EQ(0, memcmp(got + HEADER_BYTES, &sent, sizeof(sent)));
		sent++;
		pause_ms(1);
	}
	__atomic_store_n(&chaos_ended, true, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	/* The books of the kernel still balance. */
	stat = ring_stat(self->fd);
	EXPECT_GE(page_size, stat.out_available);
	EXPECT_GE(stat.out_records, stat.out_submitted + stat.out_discarded);
	EXPECT_EQ(stat.out_producer_position, produced(&self->ring));
	ring_close(&other);
}

/* What was left open by chaos is discarded with its file; then all can be read. */
TEST_F(ring, ring_works_on_when_the_hostile_has_closed)
{
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
	uint64_t i, nr = 0;
	char got[4096];

	random_begin();
	while (ring_reserve(fd, 1 + random_below(40), NULL) == 0)
		nr++;
	for (i = 0; i < 2 * page_size; i++)
		self->data[i] = random_below(256);
	close(fd);
	EXPECT_EQ(nr, ring_stat(self->fd).out_lost_dead);
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, ring_stat(self->fd).out_available);
	ASSERT_EQ(5, ring_write(self->fd, "fresh", 5));
	ASSERT_EQ(16, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + HEADER_BYTES, "fresh", 5));
}

TEST_HARNESS_MAIN
