// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record core as user space builds it: producers at once beside a consumer
 * that looks at public memory only, on both kinds of rings.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kmod/record.c"
#include "kselftest_harness.h"

#define SIZE		4096u
#define PRODUCERS	2
#define RECORDS		50000u

struct ring {
	struct records r;
	__u64 published;
	__u64 consumer;
	pthread_mutex_t lock;
	char *data;
	void *slots;
};

struct message {
	uint32_t producer;
	uint32_t number;
	uint32_t length;
};

/* The data is mapped twice in a row, as the core expects it. */
static bool ring_init(struct ring *ring, bool slots)
{
	int fd = memfd_create("data", MFD_CLOEXEC);
	char *data;

	memset(ring, 0, sizeof(*ring));
	if (fd < 0 || ftruncate(fd, SIZE))
		return false;
	data = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED ||
	    mmap(data, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(data + SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		return false;
	close(fd);
	ring->data = data;
	ring->slots = slots ? calloc(SIZE / RECORD_MIN_BYTES, sizeof(struct record_slot)) : NULL;
	pthread_mutex_init(&ring->lock, NULL);
	record_init(&ring->r, data, ring->slots, &ring->published, SIZE);
	return true;
}

static void ring_fini(struct ring *ring)
{
	munmap(ring->data, 2 * SIZE);
	free(ring->slots);
	pthread_mutex_destroy(&ring->lock);
}

/* As the kernel reserves: NULL if there is no space. */
static struct karena_record_header *reserve(struct ring *ring, uint32_t length)
{
	struct karena_record_header *header = NULL;
	uint32_t bytes = record_bytes(length);

	if (record_full(&ring->r, &ring->consumer, bytes))
		return NULL;
	pthread_mutex_lock(&ring->lock);
	while (!record_fits(&ring->r, bytes) &&
	       record_accept(&ring->r, __atomic_load_n(&ring->consumer, __ATOMIC_ACQUIRE), 16))
		;
	if (record_fits(&ring->r, bytes))
		header = record_open(&ring->r, length, RECORD_OWNER_KERNEL, ring->slots);
	pthread_mutex_unlock(&ring->lock);
	return header;
}

struct producer {
	struct ring *ring;
	uint32_t id;
};

static void *produce(void *arg)
{
	struct producer *p = arg;
	uint32_t i;

	for (i = 0; i < RECORDS;) {
		uint32_t length = sizeof(struct message) + (i * 7 + p->id) % 200;
		struct karena_record_header *header = reserve(p->ring, length);
		struct message message = { p->id, i, length };

		if (!header) {
			sched_yield();
			continue;
		}
		memset(header + 1, (int)i, length);
		memcpy(header + 1, &message, sizeof(message));
		record_close(&p->ring->r, header, i % 5 == 4 ? KARENA_RECORD_DISCARD : 0,
			     p->ring->slots);
		i++;
	}
	return NULL;
}

/* Is it the next one of its producer, and whole? */
static bool check(const struct karena_record_header *header, uint32_t word, uint32_t *next)
{
	const unsigned char *payload = (const void *)(header + 1);
	struct message message;
	uint32_t i;

	memcpy(&message, payload, sizeof(message));
	if (message.producer >= PRODUCERS || message.length != word)
		return false;
	if (next[message.producer] % 5 == 4)
		next[message.producer]++;
	if (message.number != next[message.producer]++)
		return false;
	for (i = sizeof(message); i < word; i++) {
		if (payload[i] != (unsigned char)message.number)
			return false;
	}
	return true;
}

FIXTURE(record)
{
	struct ring ring;
};

FIXTURE_VARIANT(record)
{
	bool slots;
};

FIXTURE_VARIANT_ADD(record, headers)
{
	.slots = false,
};

FIXTURE_VARIANT_ADD(record, slots)
{
	.slots = true,
};

FIXTURE_SETUP(record)
{
	ASSERT_TRUE(ring_init(&self->ring, variant->slots));
}

FIXTURE_TEARDOWN(record)
{
	ring_fini(&self->ring);
}

TEST_F(record, producers_at_once_come_whole_and_in_order)
{
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	uint32_t next[PRODUCERS] = { 0 }, seen = 0;
	uint64_t position = 0;
	uint32_t i;

	for (i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer) { &self->ring, i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, produce, &producers[i]));
	}
	while (seen < PRODUCERS * RECORDS) {
		const struct karena_record_header *header;
		uint32_t word;

		if (position == __atomic_load_n(&self->ring.published, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		header = (void *)(self->ring.data + position % SIZE);
		word = __atomic_load_n(&header->word, __ATOMIC_ACQUIRE);
		if (word & KARENA_RECORD_BUSY)
			continue;
		if (!(word & KARENA_RECORD_DISCARD))
			ASSERT_TRUE(check(header, word, next));
		position += record_word_bytes(word);
		__atomic_store_n(&self->ring.consumer, position, __ATOMIC_RELEASE);
		seen++;
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(position, self->ring.published);
}

/* Whatever position is stored, the space of an open record is nobody else's. */
TEST_F(record, forged_positions_give_no_open_space_away)
{
	struct karena_record_header *header = reserve(&self->ring, SIZE / 2);
	uint64_t stored;

	ASSERT_NE(NULL, header);
	for (stored = 0; stored < 4 * SIZE; stored++) {
		__atomic_store_n(&self->ring.consumer, stored, __ATOMIC_RELEASE);
		ASSERT_EQ(NULL, reserve(&self->ring, SIZE / 2));
		ASSERT_EQ(0, record_consumer(&self->ring.r));
	}
	record_close(&self->ring.r, header, 0, self->ring.slots);
	__atomic_store_n(&self->ring.consumer, record_bytes(SIZE / 2), __ATOMIC_RELEASE);
	ASSERT_NE(NULL, reserve(&self->ring, SIZE / 2));
}

TEST_HARNESS_MAIN
