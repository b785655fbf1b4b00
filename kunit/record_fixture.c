// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of bytes and a plain model of it.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "record_fixture.h"

const struct record_case record_cases[RECORD_CASES] = {
	{ .name = "headers", .slots = false, .start = 0 },
	{ .name = "slots", .slots = true, .start = 0 },
	{ .name = "headers_beyond_4_gib", .slots = false, .start = (1ull << 32) - 64 },
	{ .name = "slots_beyond_8_eib", .slots = true, .start = (1ull << 63) - 64 },
};

const struct record_case slot_cases[SLOT_CASES] = {
	{ .name = "slots", .slots = true, .start = 0 },
	{ .name = "slots_beyond_8_eib", .slots = true, .start = (1ull << 63) - 64 },
};

void record_case_desc(const struct record_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

static const struct record_case *this_case(const struct kunit *test)
{
	return test->param_value ?: &record_cases[0];
}

int rc_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct record_fixture), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	rc_make(test, 64);
	return 0;
}

void rc_make(struct kunit *test, u64 size)
{
	const struct record_case *c = this_case(test);
	struct record_fixture *f = test->priv;
	void *slots = NULL;
	void *headers;

	/*
	 * The second half stands for the same pages once more. What is written
	 * there is never a header, so that it need not be the same memory.
	 */
	headers = kunit_kzalloc(test, 2 * size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, headers);
	if (c->slots) {
		slots = kunit_kzalloc(test, size / RECORD_MIN_BYTES * sizeof(struct record_slot),
				      GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, slots);
	}
	record_init(&f->r, headers, slots, &f->published, size);
	f->size = size;
	rc_reset(f, c->start);
}

void rc_reset(struct record_fixture *f, u64 start)
{
	memset(f->r.headers, 0, 2 * f->size);
	if (f->r.slots)
		memset(f->r.slots, 0, f->size / RECORD_MIN_BYTES * sizeof(*f->r.slots));
	f->r.producer = start;
	f->r.limit = start + f->size;
	f->published = start;
	f->consumer = start;
	f->producer = start;
	f->nr_read = 0;
	f->r.consumer = start;
	f->r.nr_read = 0;
	f->r.nr_stuck = 0;
	f->nr = 0;
}

static u32 model_bytes(u32 length)
{
	return 8 + DIV_ROUND_UP(length, 8) * 8;
}

static void model_pop(struct record_fixture *f)
{
	f->nr_read += f->records[0].state == MODEL_THERE;
	f->consumer += model_bytes(f->records[0].length);
	f->nr--;
	memmove(f->records, f->records + 1, f->nr * sizeof(f->records[0]));
}

bool rc_open(struct kunit *test, u32 length, u32 owner)
{
	struct record_fixture *f = test->priv;
	struct karena_record_header *header;
	u32 bytes = model_bytes(length);
	bool fits = f->producer + bytes - f->consumer <= f->size;
	u64 claim = f->consumer, limit;

	KUNIT_ASSERT_EQ(test, record_bytes(length), bytes);
	KUNIT_ASSERT_EQ(test, record_fits(&f->r, bytes), fits);
	KUNIT_ASSERT_EQ(test, record_may_fit(&f->r, bytes, &limit), fits);
	KUNIT_ASSERT_EQ(test, record_full(&f->r, &claim, bytes), !fits);
	claim++;
	KUNIT_ASSERT_FALSE(test, record_full(&f->r, &claim, bytes));
	if (!fits)
		return false;

	header = record_open(&f->r, length, owner, f->r.slots);
	KUNIT_ASSERT_PTR_EQ(test, header, record_header(&f->r, f->producer));
	f->records[f->nr++] = (struct model_record) {
		.position = f->producer,
		.length = length,
		.owner = owner,
	};
	f->producer += bytes;
	return true;
}

/* Two records of @length that are there at once. */
bool rc_put(struct kunit *test, u32 length)
{
	struct record_fixture *f = test->priv;
	u32 bytes = model_bytes(length), i;
	struct karena_record_header *header;
	unsigned int nr;
	char *batch;
	u64 at;

	if (f->producer + 2 * bytes - f->consumer > f->size)
		return false;
	batch = kunit_kzalloc(test, 2 * bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, batch);
	memset(batch, 'x', 2 * bytes);
	for (i = 0; i < 2; i++) {
		header = (void *)(batch + i * bytes);
		*header = (struct karena_record_header) { .word = length };
		f->records[f->nr++] = (struct model_record) {
			.position = f->producer + i * bytes,
			.length = length,
			.owner = RECORD_OWNER_KERNEL,
			.state = MODEL_THERE,
		};
	}
	KUNIT_ASSERT_EQ(test, record_check_batch(batch, 2 * bytes, &nr), 2 * bytes);
	KUNIT_ASSERT_EQ(test, nr, 2);
	record_put(&f->r, batch, 2 * bytes);
	/* In a ring the second half of the data shows the first. */
	at = (f->producer & f->r.mask) + 2 * bytes;
	if (at > f->size)
		memcpy(f->r.headers, (char *)f->r.headers + f->size, at - f->size);
	f->producer += 2 * bytes;
	kunit_kfree(test, batch);
	return true;
}

void rc_close(struct kunit *test, unsigned int index, bool discard)
{
	struct record_fixture *f = test->priv;
	struct model_record *record = &f->records[index];
	u32 word;

	word = record_close(&f->r, record_header(&f->r, record->position),
			    discard ? KARENA_RECORD_DISCARD : 0, f->r.slots);
	KUNIT_ASSERT_EQ(test, word, record->length | (discard ? KARENA_RECORD_DISCARD : 0));
	record->state = discard ? MODEL_DISCARDED : MODEL_THERE;
}

void rc_accept(struct kunit *test, u64 claim)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_FALSE(test, record_accept(&f->r, claim, MODEL_RECORDS));
	if (claim < f->consumer || claim > f->producer)
		return;
	while (f->nr && f->records[0].state != MODEL_BUSY &&
	       f->consumer + model_bytes(f->records[0].length) <= claim)
		model_pop(f);
}

bool rc_is(void *context, u32 owner)
{
	return owner == *(u32 *)context;
}

void rc_abandon(struct kunit *test, u32 owner)
{
	struct record_fixture *f = test->priv;
	unsigned int i, nr = 0;
	u64 position = 0;

	for (i = 0; i < f->nr; i++) {
		if (f->records[i].owner == owner && f->records[i].state == MODEL_BUSY) {
			f->records[i].state = MODEL_DISCARDED;
			nr++;
		}
	}
	KUNIT_ASSERT_EQ(test, record_abandon(&f->r, rc_is, &owner, &position, MODEL_RECORDS),
			nr);
	KUNIT_ASSERT_EQ(test, position, f->producer);
}

void rc_skip(struct kunit *test)
{
	struct record_fixture *f = test->priv;

	KUNIT_ASSERT_FALSE(test, record_skip(&f->r, MODEL_RECORDS));
	while (f->nr && f->records[0].state == MODEL_DISCARDED)
		model_pop(f);
}

u32 rc_header(const struct record_fixture *f, u64 position)
{
	return record_header(&f->r, position)->word;
}

static u32 model_word(const struct model_record *record)
{
	return record->length | (record->state == MODEL_BUSY ? KARENA_RECORD_BUSY : 0) |
	       (record->state == MODEL_DISCARDED ? KARENA_RECORD_DISCARD : 0);
}

static const struct model_record *model_at(const struct record_fixture *f, u64 position)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++) {
		if (f->records[i].position == position)
			return &f->records[i];
	}
	return NULL;
}

static int model_find(const struct record_fixture *f, u64 position, u32 owner)
{
	const struct model_record *record = model_at(f, position);

	if (!record || record->state != MODEL_BUSY)
		return -EINVAL;
	return record->owner == owner ? 0 : -EPERM;
}

/* Every position there is, with all those around that name the same slots. */
static void check_find(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 position;

	if (!f->r.slots)
		return;
	for (position = f->consumer - 2 * f->size; position != f->consumer + 2 * f->size;
	     position += 4) {
		KUNIT_ASSERT_EQ(test, record_find(&f->r, position, ALICE, f->r.slots),
				model_find(f, position, ALICE));
		KUNIT_ASSERT_EQ(test, record_find(&f->r, position, BOB, f->r.slots),
				model_find(f, position, BOB));
	}
}

/* What is there in one piece for readers of any buffer up to the ring's size. */
static void check_run(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 room, bytes = 0;
	unsigned int i = 0, nr;

	for (room = 0; room <= f->size; room += 8) {
		while (i < f->nr && f->records[i].state == MODEL_THERE &&
		       bytes + model_bytes(f->records[i].length) <= room)
			bytes += model_bytes(f->records[i++].length);
		nr = MODEL_RECORDS;
		KUNIT_ASSERT_EQ(test, record_run(&f->r, room, &nr), bytes);
		KUNIT_ASSERT_EQ(test, nr, i);
	}
}

void rc_check_walk(struct kunit *test)
{
	struct record_fixture *f = test->priv;
	u64 position = f->consumer;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, record_consumer(&f->r), f->consumer);
	KUNIT_ASSERT_EQ(test, f->r.nr_read, f->nr_read);
	KUNIT_ASSERT_EQ(test, f->r.producer, f->producer);
	KUNIT_ASSERT_EQ(test, f->published, f->producer);
	KUNIT_ASSERT_LE(test, f->producer - f->consumer, f->size);
	KUNIT_ASSERT_EQ(test, record_front(&f->r),
			f->nr ? model_word(&f->records[0]) : KARENA_RECORD_BUSY);

	/* What is public can be walked. */
	for (i = 0; i < f->nr; i++) {
		KUNIT_ASSERT_EQ(test, f->records[i].position, position);
		KUNIT_ASSERT_EQ(test, rc_header(f, position), model_word(&f->records[i]));
		position += record_word_bytes(rc_header(f, position));
	}
	KUNIT_ASSERT_EQ(test, position, f->producer);
}

void rc_check(struct kunit *test)
{
	rc_check_walk(test);
	check_find(test);
	check_run(test);
}
