/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the record core share: a ring of bytes of any size, and a
 * plain model of it, a list of records.
 */
#ifndef KARENA_RECORD_FIXTURE_H
#define KARENA_RECORD_FIXTURE_H

#include <kunit/test.h>

#include "../kmod/record.h"

/* As the cases use them; any numbers would do. */
#define ALICE	7
#define BOB	8

/* What may follow each other on a ring of that size. */
#define MODEL_RECORDS	256

/**
 * struct record_case - a kind of ring
 * @name:	for people
 * @slots:	slots are an array of their own
 * @start:	position of the first record
 */
struct record_case {
	const char *name;
	bool slots;
	u64 start;
};

enum model_state { MODEL_BUSY, MODEL_THERE, MODEL_DISCARDED };

struct model_record {
	u64 position;
	u32 length;
	u32 owner;
	enum model_state state;
};

/**
 * struct record_fixture - a ring and its model
 * @r:		the ring
 * @published:	its producer position
 * @size:	of its data area
 * @consumer:	the model's consumer position
 * @producer:	the model's producer position
 * @nr_read:	submitted records that the model has passed
 * @nr:		the model's records between the two
 * @records:	in order
 */
struct record_fixture {
	struct records r;
	u64 published;
	u64 size;
	u64 consumer;
	u64 producer;
	u64 nr_read;
	unsigned int nr;
	struct model_record records[MODEL_RECORDS];
};

/* Of each suite; the size can be changed with rc_make(). */
int rc_init(struct kunit *test);
void rc_make(struct kunit *test, u64 size);

/* Back to an empty ring that begins at @start. */
void rc_reset(struct record_fixture *f, u64 start);

/* The calls under test, done to the ring and to the model. */
bool rc_open(struct kunit *test, u32 length, u32 owner);
bool rc_put(struct kunit *test, u32 length);
void rc_close(struct kunit *test, unsigned int index, bool discard);
void rc_accept(struct kunit *test, u64 claim);
/* For record_abandon(): is it the owner that @context points to? */
bool rc_is(void *context, u32 owner);
void rc_abandon(struct kunit *test, u32 owner);
void rc_skip(struct kunit *test);

/* The ring is what the model says: positions and records; and all else too. */
void rc_check_walk(struct kunit *test);
void rc_check(struct kunit *test);

/* What the cases look at. */
u32 rc_header(const struct record_fixture *f, u64 position);

/*
 * Both kinds of rings, each also at positions of more than 32 bits; for
 * KUNIT_ARRAY_PARAM(). A case without a parameter is given the first.
 */
#define RECORD_CASES 4
extern const struct record_case record_cases[RECORD_CASES];
/* Those of them whose slots are an array of their own. */
#define SLOT_CASES 2
extern const struct record_case slot_cases[SLOT_CASES];
void record_case_desc(const struct record_case *c, char *desc);

#endif /* KARENA_RECORD_FIXTURE_H */
