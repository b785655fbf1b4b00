/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings of libkarena's, and what their tests send and look at.
 */
#ifndef KARENA_TESTS_LIBRARY_RING_H
#define KARENA_TESTS_LIBRARY_RING_H

#include "library_util.h"

/* A page, where pages are largest. */
#define RING_BYTES	65536u
#define MANY		64

FIXTURE(ring) {
	struct karena_device *device;
	struct karena_ring *ring;
	struct karena_ring *copy_only;
	struct karena_record records[MANY];
};

FIXTURE_SETUP(ring)
{
	struct karena_ring_opts opts = {
		.size = sizeof(opts),
		.name = "in-place",
		.flags = KARENA_RING_F_IN_PLACE,
	};

	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, &opts, &self->ring));
	ASSERT_EQ(0, karena_ring_create(self->device, RING_BYTES, NULL, &self->copy_only));
}

FIXTURE_TEARDOWN(ring)
{
	karena_ring_close(self->copy_only);
	karena_ring_close(self->ring);
	karena_close(self->device);
}

static inline struct karena_ring_stat stat_of(const struct karena_ring *ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };

	if (karena_ring_stat(ring, &stat))
		abort();
	return stat;
}

/* Submits a record of @length bytes, each of them @byte. Returns 0 or -errno. */
static inline int send(struct karena_ring *ring, char byte, size_t length)
{
	void *data = karena_ring_reserve(ring, length);

	if (!data)
		return -errno;
	memset(data, byte, length);
	return karena_ring_submit(ring, data, 0);
}

static inline bool record_is(const struct karena_record *record, char byte, size_t length)
{
	const char *data = record->data;

	if (record->length != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (data[i] != byte)
			return false;
	return true;
}

#endif /* KARENA_TESTS_LIBRARY_RING_H */
