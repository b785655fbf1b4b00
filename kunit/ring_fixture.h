/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the ring share: a ring that no file and no process knows.
 */
#ifndef KARENA_RING_FIXTURE_H
#define KARENA_RING_FIXTURE_H

#include <kunit/test.h>

#include "../kmod/ring.h"
#include "../kmod/ring_party.h"

/**
 * struct ring_fixture - a ring and two processes that use it
 * @ring:	the ring
 * @alice:	a process
 * @bob:	another
 */
struct ring_fixture {
	struct karena_ring *ring;
	struct ring_home alice;
	struct ring_home bob;
};

/* Of each suite; the ring is gone with the case, and can be made anew before. */
int rg_init(struct kunit *test);
void rg_exit(struct kunit *test);
void rg_make(struct kunit *test, u64 size, u32 flags);

/* Each process through one open file, which is only a number. */
struct ring_party *rg_party(struct kunit *test, struct ring_home *home);
void rg_retire(struct ring_party *party);

void *rg_reserve(struct kunit *test, size_t length);
/* A record of @length bytes of @fill, sent. */
void rg_send(struct kunit *test, size_t length, u8 fill);
struct karena_ring_stat rg_stat(struct kunit *test);
/* As the consumer does by its mapping. */
void rg_consume_to(struct kunit *test, u64 position);
const struct karena_record_header *rg_record(struct kunit *test, u64 position);

#endif /* KARENA_RING_FIXTURE_H */
