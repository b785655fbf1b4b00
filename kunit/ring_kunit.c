// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: records in and out, what is refused, who owns what.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "ring_fixture.h"

static ssize_t read_ring(struct kunit *test, void *buffer, size_t bytes)
{
	struct ring_fixture *f = test->priv;
	struct kvec vec = { .iov_base = buffer, .iov_len = bytes };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, bytes);
	return ring_read(f->ring, &iter);
}

static ssize_t output(struct kunit *test, const void *buffer, size_t bytes)
{
	struct ring_fixture *f = test->priv;
	struct kvec vec = { .iov_base = (void *)buffer, .iov_len = bytes };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, bytes);
	return ring_output(f->ring, &iter, 0);
}

static void header_page_should_describe_the_mapping(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	const struct karena_ring_header *header = ring_area_at(&f->ring->area, 0);

	KUNIT_EXPECT_EQ(test, header->header_bytes, sizeof(*header));
	KUNIT_EXPECT_EQ(test, header->record_header_bytes, 8);
	KUNIT_EXPECT_EQ(test, header->features, 0);
	KUNIT_EXPECT_EQ(test, header->data_bytes, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->consumer_offset, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->producer_offset, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->data_offset, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->map_bytes, 5 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->lanes, 1);
	KUNIT_EXPECT_EQ(test, header->lane_stride, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, header->flags, 0);
	KUNIT_EXPECT_STREQ(test, header->name, "kunit");
}

static void data_should_be_there_twice(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	u8 *data;

	rg_make(test, 4 * PAGE_SIZE, 0);
	data = ring_area_at(&f->ring->area, RING_DATA_PAGE);
	data[0] = 1;
	data[4 * PAGE_SIZE - 1] = 2;
	KUNIT_EXPECT_EQ(test, data[4 * PAGE_SIZE], 1);
	KUNIT_EXPECT_EQ(test, data[8 * PAGE_SIZE - 1], 2);
	data[5 * PAGE_SIZE] = 3;
	KUNIT_EXPECT_EQ(test, data[PAGE_SIZE], 3);
}

static void reserved_record_should_be_busy_until_submitted(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	void *payload = rg_reserve(test, 5);

	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 5 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, f->ring->producer_page->position, 16);
	memcpy(payload, "hello", 5);
	karena_ring_submit(f->ring, payload, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 5);
	KUNIT_EXPECT_STREQ(test, (char *)(rg_record(test, 0) + 1), "hello");
}

static void discarded_record_should_be_marked(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	karena_ring_discard(f->ring, rg_reserve(test, 5), 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 5 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_discarded, 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, 0);
}

static void record_in_place_should_show_in_header_and_slot(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct record_slot *slots;
	void *payload;

	rg_make(test, PAGE_SIZE, KARENA_RING_F_IN_PLACE);
	slots = f->ring->area.slots;
	KUNIT_ASSERT_NOT_NULL(test, slots);
	payload = rg_reserve(test, 16);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 16 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, slots[0].word, 16 | KARENA_RECORD_BUSY);
	karena_ring_submit(f->ring, payload, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 0)->word, 16);
	KUNIT_EXPECT_EQ(test, slots[0].word, 16);

	karena_ring_discard(f->ring, rg_reserve(test, 8), 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, 24)->word, 8 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_EQ(test, slots[1].word, 8 | KARENA_RECORD_DISCARD);
}

static void output_should_send_a_record(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, karena_ring_output(f->ring, "kernel", 6, 0), 0);
	KUNIT_EXPECT_EQ(test, output(test, "user", 4), 4);
	KUNIT_EXPECT_STREQ(test, (char *)(rg_record(test, 0) + 1), "kernel");
	KUNIT_EXPECT_STREQ(test, (char *)(rg_record(test, 16) + 1), "user");
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, 2);
}

static void record_should_wrap_in_one_piece(struct kunit *test)
{
	u8 *payload, *data;
	u64 position;

	/* Up to 8 bytes before the end: the header is there, the payload wraps. */
	rg_send(test, PAGE_SIZE - 2 * 8 - 8, 1);
	rg_send(test, 1, 2);
	position = PAGE_SIZE;
	rg_consume_to(test, position);
	rg_send(test, PAGE_SIZE - 3 * 8, 3);
	position += PAGE_SIZE - 2 * 8;
	rg_consume_to(test, position);

	payload = rg_reserve(test, 1000);
	memset(payload, 0x5a, 1000);
	karena_ring_submit(((struct ring_fixture *)test->priv)->ring, payload, 0);
	KUNIT_EXPECT_EQ(test, rg_record(test, position)->word, 1000);
	data = (u8 *)rg_record(test, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(data, 0x5a, 1000 - 8));
	KUNIT_EXPECT_EQ(test, data[PAGE_SIZE - 8], 0x5a);
}

static void lengths_out_of_range_should_be_refused_and_counted(struct kunit *test)
{
	static const size_t too_big[] = {
		PAGE_SIZE - 7, PAGE_SIZE, 1u << 30, 1u << 31, U32_MAX, 1ull << 32,
		(1ull << 32) + 8, 1ull << 63, SIZE_MAX,
	};
	struct ring_fixture *f = test->priv;
	int i;

	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_ring_reserve(f->ring, 0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, karena_ring_output(f->ring, "", 0, 0), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(too_big); i++) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(karena_ring_reserve(f->ring, too_big[i])), -ENOSPC);
		KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_too_big, i + 1);
	}
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_producer_position, 0);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_records, 0);

	karena_ring_submit(f->ring, rg_reserve(test, PAGE_SIZE - 8), 0);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_available, PAGE_SIZE);
}

static void full_ring_should_refuse_and_count(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	rg_send(test, PAGE_SIZE - 8, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(karena_ring_reserve(f->ring, 1)), -EAGAIN);
	KUNIT_EXPECT_EQ(test, karena_ring_output(f->ring, "lost", 4, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, output(test, "lost too", 8), -EAGAIN);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_full, 3);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_lost_full_bytes, 13);
	KUNIT_EXPECT_EQ(test, f->ring->producer_page->lost_full, 3);
	rg_consume_to(test, PAGE_SIZE);
	rg_send(test, 1, 0);
}

/* As many records as the page has room for, read at once: more than one walk. */
static void room_should_be_found_behind_many_records(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	int flags, i;

	for (flags = 0; flags <= KARENA_RING_F_IN_PLACE; flags++) {
		rg_make(test, PAGE_SIZE, flags);
		for (i = 0; i < PAGE_SIZE / 16; i++)
			rg_send(test, 1, 0);
		KUNIT_EXPECT_EQ(test, PTR_ERR(karena_ring_reserve(f->ring, 1)), -EAGAIN);
		rg_consume_to(test, PAGE_SIZE);
		rg_send(test, PAGE_SIZE - 8, 0);
		KUNIT_EXPECT_EQ(test, rg_stat(test).out_available, PAGE_SIZE);
	}
}

static void forged_consumer_position_should_only_look_full(struct kunit *test)
{
	static const u64 forged[] = { 8, 2047, 2056, 3072, PAGE_SIZE, 1ull << 32, 1ull << 63, ~0 };
	struct ring_fixture *f = test->priv;
	void *payload;
	int i;

	rg_make(test, PAGE_SIZE, KARENA_RING_F_IN_PLACE);
	payload = rg_reserve(test, 2048);
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		rg_consume_to(test, forged[i]);
		KUNIT_EXPECT_EQ(test, PTR_ERR(karena_ring_reserve(f->ring, 2048)), -EAGAIN);
		KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 0);
	}
	karena_ring_submit(f->ring, payload, 0);
	rg_consume_to(test, 2056);
	rg_send(test, 2048, 0);
}

static void position_that_goes_back_should_be_ignored(struct kunit *test)
{
	rg_send(test, 1, 0);
	rg_send(test, 1, 0);
	rg_consume_to(test, 32);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 32);
	rg_consume_to(test, 16);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 32);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_available, 0);
}

static void read_should_give_whole_records_in_order(struct kunit *test)
{
	struct karena_record_header *header;
	u8 buffer[64];

	rg_send(test, 3, 0xaa);
	rg_send(test, 8, 0xbb);
	rg_send(test, 9, 0xcc);
	memset(buffer, 0x11, sizeof(buffer));
	KUNIT_ASSERT_EQ(test, read_ring(test, buffer, 39), 32);
	header = (void *)buffer;
	KUNIT_EXPECT_EQ(test, header->word, 3);
	KUNIT_EXPECT_EQ(test, memcmp(buffer + 8, "\xaa\xaa\xaa\0\0\0\0\0", 8), 0);
	header = (void *)(buffer + 16);
	KUNIT_EXPECT_EQ(test, header->word, 8);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + 24, 0xbb, 8));
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + 32, 0x11, 32));
	KUNIT_EXPECT_EQ(test, read_ring(test, buffer, 16), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, read_ring(test, buffer, 24), 24);
	KUNIT_EXPECT_EQ(test, read_ring(test, buffer, 24), 0);
}

static void read_should_pass_over_discarded_records(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	u8 buffer[64];
	int i;

	for (i = 0; i < PAGE_SIZE / 16 - 2; i++)
		karena_ring_discard(f->ring, rg_reserve(test, 1), 0);
	KUNIT_EXPECT_EQ(test, read_ring(test, buffer, 64), 0);
	KUNIT_EXPECT_EQ(test, f->ring->consumer_page->position, PAGE_SIZE - 32);
	karena_ring_discard(f->ring, rg_reserve(test, 1), 0);
	rg_send(test, 1, 0xdd);
	KUNIT_EXPECT_EQ(test, read_ring(test, buffer, 64), 16);
	KUNIT_EXPECT_EQ(test, buffer[8], 0xdd);
	KUNIT_EXPECT_EQ(test, f->ring->consumer_page->position, PAGE_SIZE);
}

static void read_in_place_should_give_the_kernels_headers(struct kunit *test)
{
	struct karena_record_header *header;
	u8 buffer[64];

	rg_make(test, PAGE_SIZE, KARENA_RING_F_IN_PLACE);
	rg_send(test, 8, 0xaa);
	rg_send(test, 16, 0xbb);
	memset((void *)rg_record(test, 0), 0xff, 8);
	memset((void *)rg_record(test, 16), 0xff, 8);
	KUNIT_ASSERT_EQ(test, read_ring(test, buffer, 64), 40);
	header = (void *)buffer;
	KUNIT_EXPECT_EQ(test, header->word, 8);
	KUNIT_EXPECT_EQ(test, header->__reserved, 0);
	header = (void *)(buffer + 16);
	KUNIT_EXPECT_EQ(test, header->word, 16);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + 24, 0xbb, 16));
}

/* The consumer stores a position by its mapping while it reads by the kernel. */
static void read_should_start_over_when_the_consumer_moves_on(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct ring_run run;

	rg_send(test, 1, 0);
	rg_send(test, 1, 0);
	mutex_lock(&f->ring->read_lock);
	KUNIT_EXPECT_EQ(test, ring_read_begin(f->ring, 16, RING_STEPS, &run), 0);
	KUNIT_EXPECT_EQ(test, run.bytes, 16);
	rg_consume_to(test, 32);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_consumer_position, 32);
	KUNIT_EXPECT_FALSE(test, ring_read_end(f->ring, &run));
	KUNIT_EXPECT_EQ(test, ring_read_begin(f->ring, 16, RING_STEPS, &run), 0);
	KUNIT_EXPECT_EQ(test, run.bytes, 0);
	mutex_unlock(&f->ring->read_lock);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(header_page_should_describe_the_mapping),
	KUNIT_CASE(data_should_be_there_twice),
	KUNIT_CASE(reserved_record_should_be_busy_until_submitted),
	KUNIT_CASE(discarded_record_should_be_marked),
	KUNIT_CASE(record_in_place_should_show_in_header_and_slot),
	KUNIT_CASE(output_should_send_a_record),
	KUNIT_CASE(record_should_wrap_in_one_piece),
	KUNIT_CASE(lengths_out_of_range_should_be_refused_and_counted),
	KUNIT_CASE(full_ring_should_refuse_and_count),
	KUNIT_CASE(room_should_be_found_behind_many_records),
	KUNIT_CASE(forged_consumer_position_should_only_look_full),
	KUNIT_CASE(position_that_goes_back_should_be_ignored),
	KUNIT_CASE(read_should_give_whole_records_in_order),
	KUNIT_CASE(read_should_pass_over_discarded_records),
	KUNIT_CASE(read_in_place_should_give_the_kernels_headers),
	KUNIT_CASE(read_should_start_over_when_the_consumer_moves_on),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "karena_ring",
	.init = rg_init,
	.exit = rg_exit,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
