// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records copied into a ring and out of it by the kernel.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "ring_kinds.h"

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(variant->flags, 4 * page_size);
	self->fd = self->ring.fd;
	set_nonblock(self->fd);
}

/* A byte that tells where in which record it is. */
static unsigned char byte_of(uint64_t position, uint64_t index)
{
	return (position / 8 * 31 + index * 7) ^ index >> 8;
}

static void fill(unsigned char *payload, uint64_t position, uint64_t length)
{
	uint64_t i;

	for (i = 0; i < length; i++)
		payload[i] = byte_of(position, i);
}

static bool filled(const unsigned char *payload, uint64_t position, uint64_t length)
{
	uint64_t i;

	for (i = 0; i < length; i++) {
		if (payload[i] != byte_of(position, i))
			return false;
	}
	return true;
}

static bool zeroes(const unsigned char *byte, const unsigned char *end)
{
	while (byte < end) {
		if (*byte++)
			return false;
	}
	return true;
}

/* Sends so many bytes, and reads them again; @got has space for the largest record. */
static bool there_and_back(const struct ring *ring, unsigned char *got, uint64_t length)
{
	uint64_t position = produced(ring);
	ssize_t bytes = record_size(length);

	fill(got, position, length);
	if (ring_write(ring->fd, got, length) != (ssize_t)length)
		return false;
	if (word_at(ring, position) != length ||
	    !filled(payload_at(ring, position), position, length))
		return false;
	memset(got, 0xcc, bytes);
	return ring_read(ring->fd, got, bytes) == bytes &&
	       ((struct karena_record_header *)got)->word == length &&
	       filled(got + HEADER_BYTES, position, length) &&
	       zeroes(got + HEADER_BYTES + length, got + bytes);
}

TEST_F(ring, records_of_any_size_survive_at_any_offset)
{
	uint64_t size = 4 * page_size;
	unsigned char *got = malloc(size);
	uint64_t length, offset;

	/*
	 * Small, also about the lengths from which on they are copied in other ways; of
	 * about a page; and up to as large as the ring. Also across its end.
	 */
	for (offset = page_size - 16; offset <= page_size + 16; offset += 8) {
		for (length = 1; length <= 140; length++)
			ASSERT_TRUE(there_and_back(&self->ring, got, length));
		for (length = page_size - 24; length <= page_size + 24; length++)
			ASSERT_TRUE(there_and_back(&self->ring, got, length));
		for (length = size - 24; length <= size - HEADER_BYTES; length++)
			ASSERT_TRUE(there_and_back(&self->ring, got, length));
		/* Up to that offset in a page. */
		length = (offset - produced(&self->ring) - HEADER_BYTES) % page_size;
		if (length)
			ASSERT_TRUE(there_and_back(&self->ring, got, length));
	}
	free(got);
}

TEST_F(ring, neighbours_are_left_alone)
{
	uint64_t lengths[] = { 1, 7, 8, 9, 15, 16, 17, 100, 1000, page_size - 8, page_size };
	size_t bytes = 3 * record_size(page_size), i, j;
	unsigned char *got = malloc(bytes);

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint64_t first = produced(&self->ring);

		for (j = 0; j < 3; j++) {
			fill(got, produced(&self->ring), lengths[i]);
			ASSERT_EQ(lengths[i], ring_write(self->fd, got, lengths[i]));
		}
		for (j = 0; j < 3; j++) {
			ASSERT_EQ(lengths[i], word_at(&self->ring, first));
			ASSERT_TRUE(filled(payload_at(&self->ring, first), first, lengths[i]));
			first += record_size(lengths[i]);
		}
		ASSERT_EQ(3 * record_size(lengths[i]), ring_read(self->fd, got, bytes));
	}
	free(got);
}

TEST_F(ring, padding_shows_nothing_of_earlier_records)
{
	unsigned char got[64], full[1000], drain[4096];
	uint64_t length, position;

	memset(full, 0xff, sizeof(full));
	for (length = 1; length <= 24; length++) {
		/* Once round with bytes that would show. */
		while (ring_write(self->fd, full, sizeof(full)) > 0)
			;
		while (ring_read(self->fd, drain, sizeof(drain)) > 0)
			;
		position = produced(&self->ring);
		ASSERT_EQ(length, ring_write(self->fd, full, length));
		ASSERT_TRUE(zeroes((unsigned char *)payload_at(&self->ring, position) + length,
				   (unsigned char *)payload_at(&self->ring, position) +
				   record_size(length) - HEADER_BYTES));
		ASSERT_EQ(record_size(length), ring_read(self->fd, got, sizeof(got)));
		ASSERT_TRUE(zeroes(got + HEADER_BYTES + length, got + record_size(length)));
	}
}

TEST_F(ring, lengths_that_cannot_be_are_told_apart)
{
	uint64_t size = 4 * page_size;
	struct karena_ring_stat before, after;
	char *payload = malloc(size + 1);

	memset(payload, 1, size + 1);
	before = ring_stat(self->fd);
	EXPECT_EQ(-EINVAL, ring_write(self->fd, payload, 0));
	EXPECT_EQ(-EINVAL, ring_output(self->fd, payload, 0, 0));
	EXPECT_EQ(-ENOSPC, ring_write(self->fd, payload, size - HEADER_BYTES + 1));
	EXPECT_EQ(-ENOSPC, ring_write(self->fd, payload, size + 1));
	EXPECT_EQ(-ENOSPC, ring_output(self->fd, payload, size - HEADER_BYTES + 1, 0));
	EXPECT_EQ(-ENOSPC, ring_output(self->fd, payload, 1ull << 31, 0));
	EXPECT_EQ(-ENOSPC, ring_output(self->fd, payload, 1ull << 46, 0));
	after = ring_stat(self->fd);
	EXPECT_EQ(before.out_producer_position, after.out_producer_position);
	EXPECT_EQ(before.out_records, after.out_records);
	EXPECT_EQ(5, after.out_lost_too_big);
	EXPECT_EQ(size - HEADER_BYTES, ring_write(self->fd, payload, size - HEADER_BYTES));
	free(payload);
}

TEST_F(ring, full_ring_says_so_also_when_it_may_wait)
{
	char payload[1000] = "";
	uint64_t sent = 0;

	must(fcntl(self->fd, F_SETFL, 0) == 0);
	while (ring_write(self->fd, payload, sizeof(payload)) == sizeof(payload))
		sent++;
	EXPECT_EQ(4 * page_size / record_size(sizeof(payload)), sent);
	EXPECT_EQ(-EAGAIN, ring_write(self->fd, payload, sizeof(payload)));
	EXPECT_EQ(-EAGAIN, ring_output(self->fd, payload, sizeof(payload), 0));
	EXPECT_EQ(3, ring_stat(self->fd).out_lost_full);
	EXPECT_EQ(3000, ring_stat(self->fd).out_lost_full_bytes);
	/* A smaller one may still fit. */
	EXPECT_EQ(1, ring_write(self->fd, payload, 1));
}

TEST_F(ring, writev_sends_one_record)
{
	struct iovec vec[4] = {
		{ .iov_base = "one", .iov_len = 3 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = "two", .iov_len = 3 },
		{ .iov_base = "three", .iov_len = 6 },
	};

	ASSERT_EQ(12, writev(self->fd, vec, 4));
	EXPECT_EQ(12, word_at(&self->ring, 0));
	EXPECT_STREQ("onetwothree", payload_at(&self->ring, 0));
}

TEST_F(ring, readv_fills_one_after_the_other)
{
	char head[12], tail[20] = "";
	struct iovec vec[2] = {
		{ .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = tail, .iov_len = sizeof(tail) },
	};

	ASSERT_EQ(16, ring_write(self->fd, "0123456789abcde", 16));
	ASSERT_EQ(24, readv(self->fd, vec, 2));
	EXPECT_EQ(0, memcmp(head + HEADER_BYTES, "0123", 4));
	EXPECT_EQ(0, strcmp("456789abcde", tail));
}

TEST_F(ring, unknown_or_contradicting_flags_are_refused)
{
	uint32_t both = KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP;

	EXPECT_EQ(-EINVAL, ring_output(self->fd, "x", 1, both));
	EXPECT_EQ(-EINVAL, ring_output(self->fd, "x", 1, 8));
	EXPECT_EQ(-EINVAL, ring_finish(self->fd, KARENA_IOC_RING_SUBMIT, 0, both));
	EXPECT_EQ(0, ring_stat(self->fd).out_records);
}

TEST_F(ring, right_to_produce_is_needed)
{
	ASSERT_EQ(0, ring_restrict(self->fd, KARENA_RIGHTS_RING & ~KARENA_RIGHT_PRODUCE));
	EXPECT_EQ(-EPERM, ring_write(self->fd, "x", 1));
	EXPECT_EQ(-EPERM, ring_output(self->fd, "x", 1, 0));
	EXPECT_EQ(-EPERM, ring_reserve(self->fd, 1, NULL));
	EXPECT_EQ(-EPERM, ring_submit(self->fd, 0));
	EXPECT_EQ(-EPERM, ring_discard(self->fd, 0));
}

TEST_F(ring, reserve_needs_a_ring_in_place)
{
	bool in_place = variant->flags & KARENA_RING_F_IN_PLACE;

	EXPECT_EQ(in_place ? 0 : -EPERM, ring_reserve(self->fd, 1, NULL));
	EXPECT_EQ(-EINVAL, ring_submit(self->fd, 16));
	EXPECT_EQ(-EINVAL, ring_discard(self->fd, 16));
}

TEST_F(ring, position_cannot_be_sought)
{
	char got[16];

	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->fd, got, sizeof(got), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd, got, sizeof(got), 0));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(ring, record_too_large_for_the_buffer_stays)
{
	char got[64];

	ASSERT_EQ(24, ring_write(self->fd, "stays for a larger one.", 24));
	EXPECT_EQ(-EMSGSIZE, ring_read(self->fd, got, 1));
	EXPECT_EQ(-EMSGSIZE, ring_read(self->fd, got, 31));
	EXPECT_EQ(0, ring_read(self->fd, got, 0));
	ASSERT_EQ(32, ring_read(self->fd, got, 32));
	EXPECT_STREQ("stays for a larger one.", got + HEADER_BYTES);
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, got, 32));
}

TEST_F(ring, nothing_waits_that_may_not)
{
	struct iovec vec = { .iov_base = (char[16]) { 0 }, .iov_len = 16 };

	EXPECT_EQ(-EAGAIN, ring_read(self->fd, vec.iov_base, 16));
	must(fcntl(self->fd, F_SETFL, 0) == 0);
	EXPECT_EQ(-1, preadv2(self->fd, &vec, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(16, pwritev2(self->fd, &vec, 1, -1, RWF_NOWAIT));
	while (ring_write(self->fd, vec.iov_base, 16) > 0)
		;
	EXPECT_EQ(-1, pwritev2(self->fd, &vec, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

static void nothing(int sig)
{
	(void)sig;
}

TEST_F(ring, signal_ends_a_wait)
{
	struct sigaction action = { .sa_handler = nothing };
	pid_t pid, self_pid = getpid();
	char got[16];

	must(fcntl(self->fd, F_SETFL, 0) == 0);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	pid = fork_child();
	if (!pid) {
		for (;;) {
			pause_ms(10);
			kill(self_pid, SIGUSR1);
		}
	}
	EXPECT_EQ(-EINTR, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(-SIGKILL, end_child(pid));
}

TEST_F(ring, read_takes_the_kernels_word_for_the_header)
{
	struct karena_record_header *header;
	char got[64], *data;

	if (!(variant->flags & KARENA_RING_F_IN_PLACE)) {
		EXPECT_EQ(NULL, ring_data(&self->ring));
		EXPECT_EQ(EPERM, errno);
		return;
	}
	data = ring_data(&self->ring);
	ASSERT_NE(NULL, data);
	ASSERT_EQ(5, ring_write(self->fd, "first", 5));
	ASSERT_EQ(9, ring_write(self->fd, "secondly", 9));
	memset(data, 0xff, HEADER_BYTES);
	memset(data + 16, 0, HEADER_BYTES);
	ASSERT_EQ(40, ring_read(self->fd, got, sizeof(got)));
	header = (void *)got;
	EXPECT_EQ(5, header->word);
	EXPECT_EQ(0, header->__reserved);
	header = (void *)(got + 16);
	EXPECT_EQ(9, header->word);
	EXPECT_STREQ("secondly", got + 24);
}

TEST_F(ring, discarded_records_are_passed_over)
{
	char got[64];
	uint64_t position;

	if (!(variant->flags & KARENA_RING_F_IN_PLACE))
		return;
	ASSERT_EQ(0, ring_reserve(self->fd, 24, &position));
	ASSERT_EQ(0, ring_discard(self->fd, position));
	EXPECT_NE(0, poll_now(self->fd) & POLLIN);
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, poll_now(self->fd) & POLLIN);
	EXPECT_EQ(32, ring_stat(self->fd).out_consumer_position);
	ASSERT_EQ(0, ring_reserve(self->fd, 24, &position));
	ASSERT_EQ(1, ring_write(self->fd, "x", 1));
	ASSERT_EQ(0, ring_discard(self->fd, position));
	ASSERT_EQ(16, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ('x', got[HEADER_BYTES]);
}

/* A ring that nobody reads keeps its size, and what does not fit is counted. */
TEST_F(ring, sent_is_read_and_lost)
{
	uint64_t sent = 0, refused = 0, read_bytes = 0;
	char payload[100] = "", got[4096];
	ssize_t ret;
	int i;

	for (i = 0; i < 2000; i++) {
		if (ring_write(self->fd, payload, 1 + i % sizeof(payload)) > 0)
			sent++;
		else
			refused++;
	}
	while ((ret = ring_read(self->fd, got, sizeof(got))) > 0)
		read_bytes += ret;
	EXPECT_EQ(-EAGAIN, ret);
	EXPECT_EQ(2000, sent + refused);
	EXPECT_EQ(sent, ring_stat(self->fd).out_submitted);
	EXPECT_EQ(refused, ring_stat(self->fd).out_lost_full);
	EXPECT_EQ(refused, self->ring.producer->lost_full);
	EXPECT_EQ(produced(&self->ring), read_bytes);
}

#define RACERS		3
#define RACE_RECORDS	3000

struct race {
	int fd;
	bool ended;
	unsigned char seen[RACE_RECORDS];
};

static void *race_to_read(void *arg)
{
	struct race *race = arg;
	char got[160], *at;
	ssize_t bytes;
	bool ended;

	for (;;) {
		/* Before the look, which then is one at all there will be. */
		ended = __atomic_load_n(&race->ended, __ATOMIC_ACQUIRE);
		bytes = ring_read(race->fd, got, sizeof(got));
		if (bytes == -EAGAIN && ended)
			return NULL;
		if (bytes == -EAGAIN) {
			sched_yield();
			continue;
		}
		must(bytes > 0);
		for (at = got; at < got + bytes; at += 16)
			__atomic_fetch_add(&race->seen[*(uint32_t *)(at + HEADER_BYTES)], 1,
					   __ATOMIC_RELAXED);
	}
}

TEST_F(ring, each_record_is_read_once)
{
	struct race race = { .fd = self->fd };
	pthread_t threads[RACERS];
	uint32_t i;

	for (i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_to_read, &race));
	for (i = 0; i < RACE_RECORDS;) {
		if (ring_write(self->fd, &i, sizeof(i)) == sizeof(i))
			i++;
		else
			sched_yield();
	}
	__atomic_store_n(&race.ended, true, __ATOMIC_RELEASE);
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < RACE_RECORDS; i++)
		ASSERT_EQ(1, race.seen[i]);
}

TEST_HARNESS_MAIN
