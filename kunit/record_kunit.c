// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record core, case by case; whose records are: see record_owner_kunit.c.
 * Records are drawn as they lie: a letter for each 8 bytes, H a header, p payload.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "record_fixture.h"

KUNIT_ARRAY_PARAM(record, record_cases, record_case_desc);
/* Users may write headers only where slots lie apart. */
KUNIT_ARRAY_PARAM(slot, slot_cases, record_case_desc);

static u64 run_of(const struct record_fixture *f, u64 room, unsigned int most)
{
	return record_run(&f->r, room, &most);
}

static void new_ring_should_be_empty(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	rc_check(test);
	KUNIT_EXPECT_FALSE(test, record_there(record_front(&f->r)));
	KUNIT_EXPECT_EQ(test, run_of(f, f->size, 1), 0);
}

static void record_should_take_header_and_padded_payload(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, record_bytes(1), 16);
	KUNIT_EXPECT_EQ(test, record_bytes(8), 16);
	KUNIT_EXPECT_EQ(test, record_bytes(9), 24);
	KUNIT_EXPECT_EQ(test, record_bytes(16), 24);
	KUNIT_EXPECT_EQ(test, record_bytes(KARENA_RECORD_LEN_MASK), 0x40000008);
	KUNIT_EXPECT_EQ(test, record_word_bytes(9 | KARENA_RECORD_BUSY), 24);
	KUNIT_EXPECT_EQ(test, record_word_bytes(9 | KARENA_RECORD_DISCARD), 24);
}

static void longest_payload_should_fill_the_ring(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, record_length_max(4096), 4088);
	KUNIT_EXPECT_EQ(test, record_bytes(record_length_max(4096)), 4096);
	KUNIT_EXPECT_EQ(test, record_length_max(1ull << 32), KARENA_RECORD_LEN_MASK);

	KUNIT_ASSERT_TRUE(test, rc_open(test, record_length_max(64), ALICE));
	rc_check(test);
	KUNIT_ASSERT_FALSE(test, rc_open(test, 1, ALICE));
	rc_close(test, 0, false);
	rc_check(test);
}

/* Hp Hp Hp Hp, and no room for another until the first is read. */
static void full_ring_should_have_no_room(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	int i;

	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_FALSE(test, rc_open(test, 1, ALICE));
	rc_close(test, 0, false);
	KUNIT_ASSERT_FALSE(test, rc_open(test, 1, ALICE));
	rc_accept(test, f->consumer + 16);
	KUNIT_ASSERT_TRUE(test, rc_open(test, 1, ALICE));
	rc_check(test);
}

/* Of 24 bytes each, Hpp, two fit into 64: a third would pass the end. */
static void room_should_be_counted_to_the_byte(struct kunit *test)
{
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_FALSE(test, rc_open(test, 9, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_FALSE(test, rc_open(test, 1, ALICE));
	rc_check(test);
}

static void open_should_publish_a_busy_header(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 5, ALICE));
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer), 5 | KARENA_RECORD_BUSY);
	KUNIT_EXPECT_EQ(test, f->published, f->consumer + 16);
	/* Where headers are slots, the second word holds the owner. */
	KUNIT_EXPECT_EQ(test, record_header(&f->r, f->consumer)->__reserved,
			f->r.slots ? 0 : record_owner_word(f->consumer, ALICE));
	KUNIT_EXPECT_FALSE(test, record_there(record_front(&f->r)));
}

static void open_should_clear_the_padding_only(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u8 *bytes = (u8 *)f->r.headers;
	u32 length;

	for (length = 1; length <= 24; length++) {
		u32 end = record_bytes(length);

		rc_reset(f, 0);
		memset(bytes, 0xa5, 2 * f->size);
		KUNIT_ASSERT_TRUE(test, rc_open(test, length, ALICE));
		KUNIT_EXPECT_NULL(test, memchr_inv(bytes + 8 + length, 0, end - 8 - length));
		KUNIT_EXPECT_NULL(test, memchr_inv(bytes + end, 0xa5, 2 * f->size - end));
		KUNIT_EXPECT_NULL(test, memchr_inv(bytes + 8, 0xa5, end - 16));
	}
}

static void close_should_make_the_record_be_there(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 5, ALICE));
	rc_close(test, 0, false);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer), 5);
	KUNIT_EXPECT_TRUE(test, record_there(record_front(&f->r)));
	rc_check(test);
}

static void discarded_record_should_be_there_too(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 5, ALICE));
	rc_close(test, 0, true);
	KUNIT_EXPECT_EQ(test, rc_header(f, f->consumer), 5 | KARENA_RECORD_DISCARD);
	KUNIT_EXPECT_TRUE(test, record_there(record_front(&f->r)));
	rc_check(test);
}

/* What a user writes into a header is nothing to the kernel that has slots. */
static void overwritten_header_should_change_nothing(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	struct karena_record_header *header;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 5, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, BOB));
	header = record_header(&f->r, f->consumer);
	memset(header, 0xff, 16);
	rc_accept(test, f->consumer + 16);
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), f->consumer);
	KUNIT_EXPECT_EQ(test, record_find(&f->r, f->consumer, ALICE, f->r.slots), 0);
	rc_close(test, 0, false);
	rc_check(test);
	memset(header, 0, 16);
	rc_accept(test, f->consumer + 16);
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), f->producer - 16);
}

static void accept_should_stop_at_a_busy_record(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, false);
	rc_close(test, 2, false);
	rc_accept(test, f->producer);
	KUNIT_EXPECT_EQ(test, f->nr, 2);
	rc_check(test);
}

static void accept_should_stop_below_a_claim_between_borders(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer;
	u64 claim;

	for (claim = start; claim <= start + 48; claim++) {
		rc_reset(f, start);
		KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
		KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
		rc_close(test, 0, false);
		rc_close(test, 1, false);
		rc_accept(test, claim);
		KUNIT_EXPECT_EQ(test, record_consumer(&f->r),
				start + (claim - start) / 24 * 24);
		rc_check(test);
	}
}

static void claim_out_of_range_should_be_ignored(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, false);
	rc_close(test, 1, false);
	rc_accept(test, f->consumer + 16);

	rc_accept(test, f->producer + 1);
	rc_accept(test, f->producer + 8);
	rc_accept(test, f->producer + f->size);
	rc_accept(test, f->consumer - 1);
	rc_accept(test, f->consumer - 16);
	rc_accept(test, f->consumer ^ (1ull << 63));
	rc_accept(test, ~0ull);
	KUNIT_EXPECT_EQ(test, f->nr, 1);
	rc_check(test);
}

/*
 * A consumer position forged to three quarters of the ring, then a record of
 * just over half of it, open, must not let another one of that size begin.
 */
static void forged_claim_should_not_let_open_records_overlap(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	rc_make(test, 4096);
	rc_accept(test, f->consumer + 3072);
	KUNIT_ASSERT_TRUE(test, rc_open(test, 2048, ALICE));
	rc_accept(test, f->consumer + 3072);
	rc_accept(test, f->producer);
	KUNIT_ASSERT_FALSE(test, rc_open(test, 2048, BOB));
	rc_check(test);
}

static void accept_should_go_on_where_it_stopped(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer;
	int i;

	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
		rc_close(test, i, i == 1);
	}
	KUNIT_EXPECT_TRUE(test, record_accept(&f->r, start + 48, 1));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), start + 16);
	KUNIT_EXPECT_FALSE(test, record_accept(&f->r, start + 48, 2));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), start + 48);
	KUNIT_EXPECT_FALSE(test, record_accept(&f->r, start + 48, 1));
}

static void skip_should_pass_over_discarded_records_only(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 start = f->consumer;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 1, true);
	rc_skip(test);
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), start);
	rc_close(test, 0, true);
	rc_close(test, 2, false);

	KUNIT_EXPECT_TRUE(test, record_skip(&f->r, 1));
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), start + 16);
	rc_skip(test);
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), start + 40);
	rc_check(test);
}

static void skip_should_end_at_the_producer(struct kunit *test)
{
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, true);
	rc_skip(test);
	rc_check(test);
}

/* Hp Hpp Hp(busy): two in one piece, then none. */
static void run_should_be_what_fits_and_is_there(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, false);
	rc_close(test, 1, false);
	KUNIT_EXPECT_EQ(test, run_of(f, 15, 8), 0);
	KUNIT_EXPECT_EQ(test, run_of(f, 16, 8), 16);
	KUNIT_EXPECT_EQ(test, run_of(f, 39, 8), 16);
	KUNIT_EXPECT_EQ(test, run_of(f, 40, 8), 40);
	KUNIT_EXPECT_EQ(test, run_of(f, 4096, 8), 40);
	KUNIT_EXPECT_EQ(test, run_of(f, 4096, 1), 16);
	record_advance(&f->r, f->consumer + 40, 2);
	KUNIT_EXPECT_EQ(test, run_of(f, 4096, 8), 0);
	KUNIT_EXPECT_EQ(test, record_consumer(&f->r), f->consumer + 40);
}

static void count_should_go_on_where_it_stopped(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 position = f->consumer;

	KUNIT_EXPECT_EQ(test, record_count(&f->r, &position, 8), 0);
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 16, ALICE));
	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, ALICE));
	rc_close(test, 0, true);
	KUNIT_EXPECT_EQ(test, record_count(&f->r, &position, 2), 2);
	KUNIT_EXPECT_EQ(test, position, f->consumer + 40);
	KUNIT_EXPECT_EQ(test, record_count(&f->r, &position, 2), 1);
	KUNIT_EXPECT_EQ(test, position, f->producer);
	KUNIT_EXPECT_EQ(test, record_count(&f->r, &position, 2), 0);
}

/* Each length cut to each other: the public headers lead to the producer position. */
static void trimmed_record_should_leave_a_chain(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u32 length, kept;

	for (length = 1; length <= 40; length++) {
		for (kept = 1; kept <= length; kept++) {
			struct karena_record_header *header;
			u64 start = f->producer, at;

			KUNIT_ASSERT_TRUE(test, rc_open(test, length, ALICE));
			header = record_header(&f->r, start);
			KUNIT_ASSERT_EQ(test, record_trim(&f->r, header, kept, f->r.slots), 0);
			KUNIT_ASSERT_EQ(test, record_close(&f->r, header, 0, f->r.slots), kept);
			KUNIT_ASSERT_EQ(test, record_front(&f->r), kept);
			KUNIT_ASSERT_EQ(test, rc_header(f, start), kept);
			for (at = start + record_bytes(kept); at != f->producer;) {
				KUNIT_ASSERT_LT(test, at, f->producer);
				KUNIT_ASSERT_TRUE(test, record_discarded(rc_header(f, at)));
				at += record_word_bytes(rc_header(f, at));
			}
			rc_reset(f, f->producer);
		}
	}
}

static void trim_should_refuse_what_was_not_reserved(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	struct karena_record_header *header;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 20, ALICE));
	header = record_header(&f->r, f->consumer);
	KUNIT_EXPECT_EQ(test, record_trim(&f->r, header, 0, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_trim(&f->r, header, 21, f->r.slots), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_trim(&f->r, header, 20, f->r.slots), 0);
	rc_check(test);
}

static void batch_should_end_before_a_wrong_header(struct kunit *test)
{
	static const struct {
		u32 word, reserved, bytes, good;
	} cases[] = {
		{ 8, 0, 32, 32 },
		{ 1, 0, 32, 32 },
		{ 1, 0, 25, 32 },
		{ 0, 0, 32, 16 },
		{ 9, 0, 32, 16 },
		{ 8, 0, 31, 16 },
		{ 8, 1, 32, 16 },
		{ 8 | KARENA_RECORD_BUSY, 0, 32, 16 },
		{ 8 | KARENA_RECORD_DISCARD, 0, 32, 16 },
		{ 8, 0, 24, 16 },
		{ 8, 0, 8, 0 },
		{ 8, 0, 0, 0 },
	};
	unsigned int i, nr;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 batch[8] = { 8, 0, ~0u, ~0u, cases[i].word, cases[i].reserved, ~0u, ~0u };

		KUNIT_EXPECT_EQ(test, record_check_batch(batch, cases[i].bytes, &nr),
				cases[i].good);
		KUNIT_EXPECT_EQ(test, nr, cases[i].good / 16);
		if (cases[i].good == 32 && cases[i].word == 1) {
			KUNIT_EXPECT_EQ(test, batch[6], 0xff);
			KUNIT_EXPECT_EQ(test, batch[7], 0);
		}
	}
}

static void batch_should_be_there_at_once(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_TRUE(test, rc_open(test, 8, RECORD_OWNER_KERNEL));
	KUNIT_ASSERT_TRUE(test, rc_put(test, 3));
	rc_check(test);
	KUNIT_ASSERT_FALSE(test, rc_put(test, 8));
	rc_close(test, 0, false);
	rc_accept(test, f->producer);
	rc_check(test);
}

static struct kunit_case record_kunit_cases[] = {
	KUNIT_CASE_PARAM(new_ring_should_be_empty, record_gen_params),
	KUNIT_CASE(record_should_take_header_and_padded_payload),
	KUNIT_CASE_PARAM(longest_payload_should_fill_the_ring, record_gen_params),
	KUNIT_CASE_PARAM(full_ring_should_have_no_room, record_gen_params),
	KUNIT_CASE_PARAM(room_should_be_counted_to_the_byte, record_gen_params),
	KUNIT_CASE_PARAM(open_should_publish_a_busy_header, record_gen_params),
	KUNIT_CASE_PARAM(open_should_clear_the_padding_only, record_gen_params),
	KUNIT_CASE_PARAM(close_should_make_the_record_be_there, record_gen_params),
	KUNIT_CASE_PARAM(discarded_record_should_be_there_too, record_gen_params),
	KUNIT_CASE_PARAM(overwritten_header_should_change_nothing, slot_gen_params),
	KUNIT_CASE_PARAM(accept_should_stop_at_a_busy_record, record_gen_params),
	KUNIT_CASE_PARAM(accept_should_stop_below_a_claim_between_borders, record_gen_params),
	KUNIT_CASE_PARAM(claim_out_of_range_should_be_ignored, record_gen_params),
	KUNIT_CASE_PARAM(forged_claim_should_not_let_open_records_overlap, record_gen_params),
	KUNIT_CASE_PARAM(accept_should_go_on_where_it_stopped, record_gen_params),
	KUNIT_CASE_PARAM(skip_should_pass_over_discarded_records_only, record_gen_params),
	KUNIT_CASE_PARAM(skip_should_end_at_the_producer, record_gen_params),
	KUNIT_CASE_PARAM(run_should_be_what_fits_and_is_there, record_gen_params),
	KUNIT_CASE_PARAM(count_should_go_on_where_it_stopped, record_gen_params),
	KUNIT_CASE(batch_should_end_before_a_wrong_header),
	KUNIT_CASE_PARAM(batch_should_be_there_at_once, record_gen_params),
	KUNIT_CASE_PARAM(trimmed_record_should_leave_a_chain, record_gen_params),
	KUNIT_CASE_PARAM(trim_should_refuse_what_was_not_reserved, record_gen_params),
	{}
};

static struct kunit_suite record_suite = {
	.name = "karena_record",
	.init = rc_init,
	.test_cases = record_kunit_cases,
};

kunit_test_suite(record_suite);
