// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring that no file and no process knows.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "ring_fixture.h"
#include "../kmod/call.h"
#include "../kmod/ring_ops.h"

static void destroy(struct ring_fixture *f)
{
	if (f->ring)
		ring_destroy(&f->ring->object);
	f->ring = NULL;
}

void rg_make(struct kunit *test, u64 size, u32 flags)
{
	char name[KARENA_NAME_LEN] = "kunit";
	struct ring_fixture *f = test->priv;

	destroy(f);
	f->ring = ring_create(size, flags, 0, KARENA_NODE_ANY, name);
	if (IS_ERR(f->ring)) {
		int err = PTR_ERR(f->ring);

		f->ring = NULL;
		KUNIT_FAIL(test, "ring_create() says %d", err);
		KUNIT_ASSERT_NOT_NULL(test, f->ring);
	}
}

int rg_init(struct kunit *test)
{
	struct ring_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	ring_home_init(&f->alice, (void *)&f->alice);
	ring_home_init(&f->bob, (void *)&f->bob);
	rg_make(test, PAGE_SIZE, 0);
	return 0;
}

static void retire_all(struct ring_home *home)
{
	struct ring_party *party, *next;

	list_for_each_entry_safe(party, next, &home->parties, in_home)
		rg_retire(party);
}

void rg_exit(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	if (!f)
		return;
	retire_all(&f->alice);
	retire_all(&f->bob);
	destroy(f);
}

struct ring_party *rg_party(struct kunit *test, struct ring_home *home)
{
	struct ring_fixture *f = test->priv;
	struct ring_party *party;

	mutex_lock(&home->lock);
	party = ring_party_add(f->ring, home, (void *)0x1000);
	mutex_unlock(&home->lock);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, party);
	return party;
}

void rg_retire(struct ring_party *party)
{
	struct ring_home *home = party->home;

	mutex_lock(&home->lock);
	ring_party_retire(party);
	mutex_unlock(&home->lock);
}

void *rg_reserve(struct kunit *test, size_t length)
{
	struct ring_fixture *f = test->priv;
	void *payload = karena_ring_reserve(f->ring, length);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, payload);
	return payload;
}

void rg_send(struct kunit *test, size_t length, u8 fill)
{
	struct ring_fixture *f = test->priv;
	void *payload = rg_reserve(test, length);

	memset(payload, fill, length);
	karena_ring_submit(f->ring, payload, 0);
}

struct karena_ring_stat rg_stat(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct karena_call call = { .object = &f->ring->object };
	struct karena_ring_stat stat = {};

	KUNIT_ASSERT_EQ(test, ring_op_stat(&call, &stat), 0);
	return stat;
}

void rg_consume_to(struct kunit *test, u64 position)
{
	struct ring_fixture *f = test->priv;

	/* As a consumer does it: pairs with the acquire in accept(). */
	smp_store_release(&f->ring->consumer_page->position, position);
}

const struct karena_record_header *rg_record(struct kunit *test, u64 position)
{
	struct ring_fixture *f = test->priv;

	return record_header(&f->ring->records, position);
}
