// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core of shared rings as the kernel builds it: the kernel as producer, as consumer, and
 * as the one that sees to the dead. What members may do to each other is tested in user
 * space, see tests/host/record_shared.c.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>

/* The module does not use it yet, so it is part of this one. */
#include "../kmod/record_shared.c"

#define SIZE	4096u
#define DEAD	2u

/**
 * struct shared_fixture - a ring
 * @r:		the kernel's view
 * @c:		the kernel as consumer
 * @consumer:	word of the ring
 * @armed:	likewise
 * @hint:	likewise
 */
struct shared_fixture {
	struct shared_ring r;
	struct shared_reader c;
	struct shared_consumer consumer;
	struct shared_armed armed;
	u64 hint;
};

/*
 * The second half of the data stands for the same pages once more. No header is written
 * there, so that it need not be the same memory.
 */
static int shared_test_init(struct kunit *test)
{
	struct shared_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->r.data = kunit_kzalloc(test, 2 * SIZE, GFP_KERNEL);
	if (!f->r.data)
		return -ENOMEM;
	f->r.consumer = &f->consumer;
	f->r.armed = &f->armed;
	f->r.hint = &f->hint;
	f->r.key = 0x8f3a94d1c07b62e5ull;
	if (shared_init(&f->r, SIZE, 64))
		return -EINVAL;
	/* Laps before positions wrap. */
	shared_create(&f->r, -4ull * SIZE);
	shared_put_marks(&f->r, -5ull * SIZE, -4ull * SIZE);
	return shared_take_over(&f->r, &f->c);
}

static int send(struct shared_fixture *f, u32 owner, u64 number)
{
	shared_unit *unit;
	int ret = shared_reserve(&f->r, 8, owner, SHARED_STEPS, &unit);

	if (ret)
		return ret;
	unit[1] = number;
	if (owner == SHARED_OWNER_KERNEL)
		shared_submit(&f->r, unit);
	return 0;
}

/* The next record's number; a negative errno; 0 if there is none. */
static s64 take(struct shared_fixture *f)
{
	u64 header, number;
	int ret = shared_next(&f->r, &f->c, &header);

	if (ret <= 0)
		return ret;
	number = shared_at(&f->r, f->c.at)[1];
	f->c.at += shared_header_bytes(&f->r, header);
	return number;
}

static void records_should_come_out_in_order_for_laps(struct kunit *test)
{
	struct shared_fixture *f = test->priv;
	u64 i;

	for (i = 1; i <= 10 * SIZE / 64; i++) {
		KUNIT_ASSERT_EQ(test, send(f, SHARED_OWNER_KERNEL, i), 0);
		KUNIT_ASSERT_EQ(test, take(f), i);
		if (i % 7 == 0)
			KUNIT_ASSERT_FALSE(test, shared_release(&f->r, &f->c));
	}
	KUNIT_EXPECT_EQ(test, take(f), 0);
}

static void full_ring_should_refuse_until_space_is_given_back(struct kunit *test)
{
	struct shared_fixture *f = test->priv;
	struct shared_fill fill = {};
	u64 i;

	for (i = 1; i <= SIZE / 64; i++)
		KUNIT_ASSERT_EQ(test, send(f, SHARED_OWNER_KERNEL, i), 0);
	KUNIT_EXPECT_EQ(test, send(f, SHARED_OWNER_KERNEL, i), -EAGAIN);
	KUNIT_EXPECT_EQ(test, shared_count(&f->r, &fill, SHARED_STEPS), 0);
	KUNIT_EXPECT_EQ(test, fill.records, SIZE / 64);
	KUNIT_EXPECT_EQ(test, fill.bytes, SIZE);
	for (i = 1; i <= SIZE / 64; i++)
		KUNIT_ASSERT_EQ(test, take(f), i);
	f->armed.space = 1;
	KUNIT_EXPECT_TRUE(test, shared_release(&f->r, &f->c));
	KUNIT_EXPECT_EQ(test, send(f, SHARED_OWNER_KERNEL, 1), 0);
}

static bool is_dead(void *context, u32 owner)
{
	return owner == DEAD;
}

static void records_of_the_dead_should_be_discarded(struct kunit *test)
{
	struct shared_fixture *f = test->priv;
	struct shared_death death = { .gone = is_dead };
	u64 i;

	for (i = 1; i <= 12; i++)
		KUNIT_ASSERT_EQ(test, send(f, i % 2 ? DEAD : SHARED_OWNER_KERNEL, i), 0);
	KUNIT_EXPECT_EQ(test, take(f), 0);
	KUNIT_EXPECT_EQ(test, shared_abandon(&f->r, &death, 5), -EAGAIN);
	KUNIT_EXPECT_EQ(test, shared_abandon(&f->r, &death, SHARED_STEPS), 0);
	KUNIT_EXPECT_EQ(test, death.records, 6);
	for (i = 2; i <= 12; i += 2)
		KUNIT_EXPECT_EQ(test, take(f), i);
	KUNIT_EXPECT_EQ(test, take(f), 0);
}

static void damaged_ring_should_be_found_out(struct kunit *test)
{
	struct shared_fixture *f = test->priv;
	struct shared_death death = { .gone = is_dead };
	struct shared_fill fill = {};

	KUNIT_ASSERT_EQ(test, send(f, SHARED_OWNER_KERNEL, 1), 0);
	*shared_at(&f->r, f->c.at) = ~0ull;
	f->hint = f->c.at;
	KUNIT_EXPECT_EQ(test, send(f, SHARED_OWNER_KERNEL, 1), -EBADMSG);
	KUNIT_EXPECT_EQ(test, shared_count(&f->r, &fill, SHARED_STEPS), -EBADMSG);
	KUNIT_EXPECT_EQ(test, shared_abandon(&f->r, &death, SHARED_STEPS), -EBADMSG);
	KUNIT_EXPECT_EQ(test, take(f), -EBADMSG);
	f->consumer.freed += 64;
	KUNIT_EXPECT_EQ(test, shared_attach(&f->r), -EBADMSG);
}

static struct kunit_case record_shared_kunit_cases[] = {
	KUNIT_CASE(records_should_come_out_in_order_for_laps),
	KUNIT_CASE(full_ring_should_refuse_until_space_is_given_back),
	KUNIT_CASE(records_of_the_dead_should_be_discarded),
	KUNIT_CASE(damaged_ring_should_be_found_out),
	{}
};

static struct kunit_suite record_shared_suite = {
	.name = "karena_record_shared",
	.init = shared_test_init,
	.test_cases = record_shared_kunit_cases,
};

kunit_test_suite(record_shared_suite);
