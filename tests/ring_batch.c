// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many records by one call: sent, reserved, ended.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "random_util.h"
#include "ring_util.h"

#define MANY		(4 * KARENA_RING_BATCH_MAX)

FIXTURE(batch)
{
	struct ring ring;
	int fd;
	char *stream;
	size_t bytes;
};

typedef FIXTURE_DATA(batch) batch_data;

FIXTURE_SETUP(batch)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, 4 * page_size);
	self->fd = self->ring.fd;
	self->stream = calloc(8, page_size);
	self->bytes = 0;
	ASSERT_NE(NULL, self->stream);
}

FIXTURE_TEARDOWN(batch)
{
	free(self->stream);
	ring_close(&self->ring);
}

/* One more record of @length bytes of @fill in what is to be sent. */
static void add(batch_data *self, uint32_t length, char fill)
{
	struct karena_record_header header = { .word = length };

	memcpy(self->stream + self->bytes, &header, sizeof(header));
	memset(self->stream + self->bytes + HEADER_BYTES, fill, length);
	self->bytes += record_size(length);
}

static int output_batch(int fd, const void *stream, uint64_t bytes, uint32_t flags)
{
	struct karena_ring_output_batch args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)stream,
		.buffer_bytes = bytes,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT_BATCH, &args);
}

static int reserve_batch(int fd, const uint32_t *lengths, uint64_t bytes, uint64_t *position,
			 uint64_t *offset)
{
	struct karena_ring_reserve_batch args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)lengths,
		.buffer_bytes = bytes,
	};
	int ret = call(fd, KARENA_IOC_RING_RESERVE_BATCH, &args);

	*position = args.out_position;
	if (offset)
		*offset = args.out_offset;
	return ret;
}

static int finish_batch(int fd, const struct karena_ring_finish_entry *entries, uint64_t bytes,
			uint32_t flags)
{
	struct karena_ring_finish_batch args = {
		.size = sizeof(args),
		.flags = flags,
		.buffer = (uintptr_t)entries,
		.buffer_bytes = bytes,
	};

	return call(fd, KARENA_IOC_RING_FINISH_BATCH, &args);
}

TEST_F(batch, what_read_gave_can_be_sent_on)
{
	int other = ring_new_fd(0, 4 * page_size);
	char got[512], again[512];
	ssize_t bytes;

	add(self, 1, 'a');
	add(self, 200, 'b');
	add(self, 8, 'c');
	ASSERT_EQ(3, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(self->bytes, produced(&self->ring));
	bytes = ring_read(self->fd, got, sizeof(got));
	ASSERT_EQ((ssize_t)self->bytes, bytes);
	EXPECT_EQ(0, memcmp(got, self->stream, bytes));
	ASSERT_EQ(3, output_batch(other, got, bytes, 0));
	ASSERT_EQ(bytes, ring_read(other, again, sizeof(again)));
	EXPECT_EQ(0, memcmp(got, again, bytes));
	close(other);
}

TEST_F(batch, padding_of_the_last_may_be_missing)
{
	char got[64];

	add(self, 3, 'a');
	add(self, 3, 'b');
	ASSERT_EQ(2, output_batch(self->fd, self->stream, self->bytes - 5, 0));
	ASSERT_EQ(32, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + 24, "bbb\0\0\0\0", 8));
}

TEST_F(batch, output_stops_at_the_first_that_cannot_be_sent)
{
	struct karena_record_header *header = (void *)self->stream;
	struct karena_ring_stat before;
	int i;

	/* Of no bytes, with flags, with what is reserved, past the end. */
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 0, 0));
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 16, 0));
	header->word = 8 | KARENA_RECORD_DISCARD;
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 16, 0));
	header->word = 8;
	header->__reserved = 1;
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 16, 0));
	header->__reserved = 0;
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 15, 0));
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 7, 0));
	EXPECT_EQ(-EINVAL, output_batch(self->fd, self->stream, 16,
					KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP));
	header->word = 4 * page_size;
	EXPECT_EQ(-ENOSPC, output_batch(self->fd, self->stream, 8 * page_size, 0));
	EXPECT_EQ(0, produced(&self->ring));
	EXPECT_EQ(-EFAULT, output_batch(self->fd, NULL, 16, 0));

	/* What came before is sent. */
	add(self, 8, 'a');
	add(self, 8, 'b');
	add(self, 8, 'c');
	header[4].word = 0;
	EXPECT_EQ(2, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(32, produced(&self->ring));

	self->bytes = 0;
	for (i = 0; i < 5; i++)
		add(self, page_size - 8, 'd');
	before = ring_stat(self->fd);
	EXPECT_EQ(3, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(-EAGAIN, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(before.out_records + 3, ring_stat(self->fd).out_records);
	EXPECT_EQ(before.out_lost_full + 1, ring_stat(self->fd).out_lost_full);
	EXPECT_EQ(before.out_lost_full_bytes + page_size - 8,
		  ring_stat(self->fd).out_lost_full_bytes);
}

/* Only a batch of which nothing is sent is a loss, of its first record. */
TEST_F(batch, what_is_sent_by_the_next_call_is_no_loss)
{
	struct karena_ring_stat stat;
	char *got = malloc(4 * page_size);
	int i, sent, all = 0;

	ASSERT_NE(NULL, got);
	for (i = 0; i < 2000; i++)
		add(self, 8, 'a' + i % 26);
	while (all < i) {
		sent = output_batch(self->fd, self->stream + 16 * all, 16 * (i - all), 0);
		ASSERT_LT(0, sent);
		all += sent;
		ASSERT_LT(0, ring_read(self->fd, got, 4 * page_size));
	}
	stat = ring_stat(self->fd);
	EXPECT_EQ(2000, stat.out_submitted);
	EXPECT_EQ(0, stat.out_lost_full);

	/* Nor is one that can never fit, behind others. */
	self->bytes = 0;
	add(self, 8, 'a');
	add(self, 5 * page_size, 'b');
	EXPECT_EQ(1, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_too_big);
	EXPECT_EQ(-ENOSPC, output_batch(self->fd, self->stream + 16, self->bytes - 16, 0));
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_too_big);
	free(got);
}

/* Who sent less than all is told when there is space, as who sent nothing. */
TEST_F(batch, space_is_told_after_a_part_was_sent)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC), i;
	char *got = malloc(4 * page_size);

	ASSERT_NE(NULL, got);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	for (i = 0; i < 5; i++)
		add(self, page_size - 8, 'd');
	ASSERT_EQ(4, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(4 * (ssize_t)page_size, ring_read(self->fd, got, 4 * page_size));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, HUNG_MS));
	close(epoll);
	free(got);
}

/* A record of a length that is likely to be at a limit of how batches are copied. */
static uint32_t some_length(void)
{
	static const uint32_t limits[] = { 1, 8, 128, 1016, 1024, 2000 };

	return random_below(2) ? 1 + random_below(40) :
	       limits[random_below(6)] + random_below(9);
}

/* Some records, of which one may be wrong. Returns how many. */
static int add_some(batch_data *self)
{
	struct karena_record_header *header;
	int nr = 1 + random_below(40), i;
	size_t at;

	self->bytes = 0;
	for (i = 0; i < nr && self->bytes < 6 * page_size; i++) {
		at = self->bytes;
		add(self, some_length(), 'a' + random_below(26));
		header = (void *)(self->stream + at);
		/* Padding of the last round may be anything. */
		if (header->word % 8)
			self->stream[self->bytes - 1] = '!';
		if (random_below(100))
			continue;
		if (random_below(2))
			header->__reserved = 1;
		else
			header->word = random_below(3) ? 0 : header->word | KARENA_RECORD_DISCARD;
	}
	return i;
}

/* What the batch has to do, by single calls. Returns as the batch. */
static int output_singly(batch_data *self, int fd)
{
	struct karena_record_header *header;
	size_t at = 0, left;
	int nr = 0, ret;

	while (at < self->bytes) {
		header = (void *)(self->stream + at);
		left = self->bytes - at;
		if (header->__reserved || header->word & ~KARENA_RECORD_LEN_MASK ||
		    header->word > left - HEADER_BYTES)
			ret = -EINVAL;
		else
			ret = ring_output(fd, header + 1, header->word, 0);
		if (ret)
			return nr ? nr : ret;
		at += record_size(header->word);
		nr++;
	}
	return nr;
}

/* Random batches make the same ring as the same records sent one by one. */
static void compare_with_singles(struct __test_metadata *_metadata, batch_data *self,
				 uint32_t flags)
{
	struct ring batched = ring_new(flags, 4 * page_size);
	struct ring singly = ring_new(flags, 4 * page_size);
	char *a = malloc(8 * page_size), *b = malloc(8 * page_size);
	struct karena_ring_stat as, bs;
	unsigned long round;
	ssize_t bytes, room;

	ASSERT_TRUE(a && b);
	set_nonblock(batched.fd);
	set_nonblock(singly.fd);
	for (round = 0; round < scaled(500); round++) {
		add_some(self);
		ASSERT_EQ(output_singly(self, singly.fd),
			  output_batch(batched.fd, self->stream, self->bytes, 0));
		ASSERT_EQ(produced(&singly), produced(&batched));
		if (random_below(3))
			continue;
		room = random_below(4) ? 4 * page_size : 3000;
		bytes = ring_read(singly.fd, b, room);
		ASSERT_EQ(bytes, ring_read(batched.fd, a, room));
		if (bytes > 0)
			ASSERT_EQ(0, memcmp(a, b, bytes));
	}
	as = ring_stat(batched.fd);
	bs = ring_stat(singly.fd);
	EXPECT_EQ(bs.out_records, as.out_records);
	EXPECT_EQ(bs.out_submitted, as.out_submitted);
	EXPECT_EQ(bs.out_read, as.out_read);
	ring_close(&batched);
	ring_close(&singly);
	free(a);
	free(b);
}

TEST_F(batch, random_output_is_as_by_single_calls)
{
	random_begin();
	compare_with_singles(_metadata, self, 0);
	compare_with_singles(_metadata, self, KARENA_RING_F_IN_PLACE);
}

/* The payload's page is not there: what precedes it is sent, then it is reported. */
TEST_F(batch, output_tells_of_memory_that_is_not_there)
{
	char *area = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *stream = area + page_size - 24;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, munmap(area + page_size, page_size));
	*(uint32_t *)stream = 8;
	*(uint32_t *)(stream + 16) = 8;
	EXPECT_EQ(1, output_batch(self->fd, stream, 32, 0));
	EXPECT_EQ(-EFAULT, output_batch(self->fd, stream + 16, 16, 0));
	EXPECT_EQ(16, produced(&self->ring));
	munmap(area, page_size);
}

TEST_F(batch, reserved_records_lie_one_behind_the_other)
{
	const uint32_t lengths[] = { 5, 100, 8 };
	struct karena_ring_finish_entry entries[3] = { 0 };
	uint64_t position, offset, at;
	char *data = ring_data(&self->ring);
	int i, round;

	ASSERT_NE(NULL, data);
	for (round = 0; round < 300; round++) {
		char got[256];

		at = produced(&self->ring);
		ASSERT_EQ(0, reserve_batch(self->fd, lengths, sizeof(lengths), &position, &offset));
		ASSERT_EQ(at, position);
		ASSERT_EQ(self->ring.header->data_offset + (at & self->ring.mask) + HEADER_BYTES,
			  offset);
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(lengths[i] | KARENA_RECORD_BUSY, word_at(&self->ring, at));
			memset(data + (at & self->ring.mask) + HEADER_BYTES, 'a' + i, lengths[i]);
			entries[i].position = at;
			at += record_size(lengths[i]);
		}
		ASSERT_EQ(at, produced(&self->ring));
		entries[1].length = 10;
		entries[2].flags = KARENA_RING_ENTRY_DISCARD;
		ASSERT_EQ(3, finish_batch(self->fd, entries, sizeof(entries), 0));
		ASSERT_EQ(40, ring_read(self->fd, got, sizeof(got)));
		ASSERT_EQ(0, memcmp(got, "\5\0\0\0\0\0\0\0aaaaa\0\0\0"
				    "\12\0\0\0\0\0\0\0bbbbbbbbbb", 34));
		ASSERT_EQ(at, ring_stat(self->fd).out_producer_position);
	}
}

TEST_F(batch, reserve_takes_all_or_none)
{
	static const uint32_t none;
	uint32_t lengths[KARENA_RING_BATCH_MAX + 1];
	struct karena_ring_stat stat;
	uint64_t position;
	int i, copy;

	for (i = 0; i < KARENA_RING_BATCH_MAX + 1; i++)
		lengths[i] = 8;
	EXPECT_EQ(-EINVAL, reserve_batch(self->fd, lengths, sizeof(lengths), &position, NULL));
	EXPECT_EQ(-EINVAL, reserve_batch(self->fd, lengths, 0, &position, NULL));
	EXPECT_EQ(-EINVAL, reserve_batch(self->fd, lengths, 6, &position, NULL));
	EXPECT_EQ(-EINVAL, reserve_batch(self->fd, &none, 4, &position, NULL));
	EXPECT_EQ(-EFAULT, reserve_batch(self->fd, NULL, 4, &position, NULL));
	lengths[0] = 2 * page_size;
	lengths[1] = 2 * page_size;
	EXPECT_EQ(-ENOSPC, reserve_batch(self->fd, lengths, 8, &position, NULL));
	lengths[1] = ~0u;
	EXPECT_EQ(-ENOSPC, reserve_batch(self->fd, lengths, 8, &position, NULL));
	EXPECT_EQ(0, produced(&self->ring));

	lengths[1] = 2 * page_size - 16;
	ASSERT_EQ(0, reserve_batch(self->fd, lengths, 8, &position, NULL));
	EXPECT_EQ(4 * page_size, produced(&self->ring));
	EXPECT_EQ(-EAGAIN, reserve_batch(self->fd, lengths, 8, &position, NULL));
	stat = ring_stat(self->fd);
	EXPECT_EQ(2, stat.out_records);
	EXPECT_EQ(2, stat.out_lost_full);
	EXPECT_EQ(4 * page_size - 16, stat.out_lost_full_bytes);
	EXPECT_EQ(2, stat.out_lost_too_big);

	copy = ring_new_fd(0, page_size);
	EXPECT_EQ(-EPERM, reserve_batch(copy, lengths, 8, &position, NULL));
	EXPECT_EQ(-EINVAL, finish_batch(copy, NULL, 16, 0));
	close(copy);
}

TEST_F(batch, finish_stops_at_the_first_that_is_no_reservation)
{
	struct karena_ring_finish_entry entries[4] = { 0 };
	const uint32_t lengths[] = { 8, 8, 8, 8 };
	uint64_t position;
	int i, other;

	ASSERT_EQ(0, reserve_batch(self->fd, lengths, sizeof(lengths), &position, NULL));
	for (i = 0; i < 4; i++)
		entries[i].position = position + 16 * i;
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries, 0, 0));
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries, 24, 0));
	EXPECT_EQ(-EFAULT, finish_batch(self->fd, NULL, 16, 0));
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries, 16,
					KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP));
	other = ring_reopen(self->fd, KARENA_RIGHT_PRODUCE);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EPERM, finish_batch(other, entries, sizeof(entries), 0));
	close(other);

	entries[1].position += 8;
	EXPECT_EQ(1, finish_batch(self->fd, entries, sizeof(entries), 0));
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries + 1, 16, 0));
	entries[2].flags = 2;
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries + 2, 16, 0));
	entries[2].flags = KARENA_RING_ENTRY_DISCARD;
	entries[2].length = 4;
	EXPECT_EQ(-EINVAL, finish_batch(self->fd, entries + 2, 16, 0));
	entries[2].length = 0;
	EXPECT_EQ(2, finish_batch(self->fd, entries + 2, 32, 0));
	EXPECT_EQ(8, word_at(&self->ring, position));
	EXPECT_EQ(8 | KARENA_RECORD_BUSY, word_at(&self->ring, position + 16));
	EXPECT_EQ(8 | KARENA_RECORD_DISCARD, word_at(&self->ring, position + 32));
	EXPECT_EQ(8, word_at(&self->ring, position + 48));
}

/* Random entries, some of them wrong: the same as one call for each. */
TEST_F(batch, random_finish_is_as_by_single_calls)
{
	struct ring other = ring_new(KARENA_RING_F_IN_PLACE, 4 * page_size);
	struct karena_ring_finish_entry entries[70];
	uint32_t lengths[70];
	char *a = malloc(4 * page_size), *b = malloc(4 * page_size);
	uint64_t position, same, at;
	int i, nr, done, ret;
	unsigned long round;
	ssize_t bytes;

	ASSERT_TRUE(a && b);
	set_nonblock(self->fd);
	set_nonblock(other.fd);
	random_begin();
	for (round = 0; round < scaled(300); round++) {
		nr = 1 + random_below(70);
		for (i = 0; i < nr; i++)
			lengths[i] = 1 + random_below(40);
		ASSERT_EQ(0, reserve_batch(self->fd, lengths, 4 * nr, &position, NULL));
		ASSERT_EQ(0, reserve_batch(other.fd, lengths, 4 * nr, &same, NULL));
		ASSERT_EQ(same, position);
		at = position;
		for (i = 0; i < nr; i++) {
			entries[i] = (struct karena_ring_finish_entry){ .position = at };
			if (!random_below(4))
				entries[i].flags = KARENA_RING_ENTRY_DISCARD;
			else if (!random_below(4))
				entries[i].length = 1 + random_below(lengths[i]);
			if (!random_below(200))
				entries[i].length = 41;
			if (!random_below(200))
				entries[i].position += 8;
			at += record_size(lengths[i]);
		}
		/* What was not finished is by the next call, and what is wrong is left out. */
		for (done = 0; done < nr; done++) {
			ret = finish_batch(self->fd, entries + done, 16 * (nr - done), 0);
			if (ret > 0)
				done += ret;
			if (ret != -EINVAL && done == nr)
				break;
		}
		for (i = 0; i < nr; i++) {
			struct karena_ring_finish args = {
				.size = sizeof(args),
				.position = entries[i].position,
				.length = entries[i].length,
			};

			ret = call(other.fd, entries[i].flags ? KARENA_IOC_RING_DISCARD :
				   KARENA_IOC_RING_SUBMIT, &args);
			ASSERT_TRUE(ret == 0 || ret == -EINVAL);
		}
		for (at = position; at != produced(&self->ring); at += record_size(lengths[i++])) {
			i = at == position ? 0 : i;
			ASSERT_EQ(word_at(&other, at), word_at(&self->ring, at));
			ring_discard(self->fd, at);
			ring_discard(other.fd, at);
		}
		bytes = ring_read(self->fd, a, 4 * page_size);
		ASSERT_EQ(bytes, ring_read(other.fd, b, 4 * page_size));
		if (bytes > 0)
			ASSERT_EQ(0, memcmp(a, b, bytes));
	}
	EXPECT_EQ(ring_stat(other.fd).out_submitted, ring_stat(self->fd).out_submitted);
	EXPECT_EQ(ring_stat(other.fd).out_discarded, ring_stat(self->fd).out_discarded);
	ring_close(&other);
	free(a);
	free(b);
}

TEST_F(batch, more_than_are_ended_at_a_time_are_ended)
{
	static struct karena_ring_finish_entry entries[MANY];
	uint32_t lengths[KARENA_RING_BATCH_MAX];
	uint64_t position;
	int i, round;

	for (i = 0; i < KARENA_RING_BATCH_MAX; i++)
		lengths[i] = 1 + i % 8;
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, reserve_batch(self->fd, lengths, sizeof(lengths), &position, NULL));
		for (i = 0; i < KARENA_RING_BATCH_MAX; i++)
			entries[round * KARENA_RING_BATCH_MAX + i].position = position + 16 * i;
	}
	EXPECT_EQ(MANY, finish_batch(self->fd, entries, sizeof(entries), 0));
	EXPECT_EQ(MANY, ring_stat(self->fd).out_submitted);
}

/* NO_WAKEUP wakes nobody, and without it those who wait are woken. */
TEST_F(batch, wakes_at_its_end)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t before;

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	add(self, 8, 'a');
	add(self, 8, 'b');
	ASSERT_EQ(2, output_batch(self->fd, self->stream, self->bytes, KARENA_RING_NO_WAKEUP));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	before = ring_stat(self->fd).out_wakeups;
	ASSERT_EQ(2, output_batch(self->fd, self->stream, self->bytes, 0));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, HUNG_MS));
	EXPECT_EQ(before + 1, ring_stat(self->fd).out_wakeups);
	close(epoll);
}

TEST_HARNESS_MAIN
