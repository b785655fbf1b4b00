// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: who is woken, by what, and from where; and producers in several
 * contexts at once.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "../kmod/ring_short.h"
#include "ring_fixture.h"

/* Waits without sleeping: counts what it is told. */
struct listener {
	wait_queue_entry_t entry;
	__poll_t events;
	int nr;
};

static int listen(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct listener *listener = container_of(entry, struct listener, entry);

	listener->nr++;
	listener->events = key_to_poll(key);
	return 1;
}

static void listen_on(struct wait_queue_head *queue, struct listener *listener)
{
	*listener = (struct listener) { .nr = 0 };
	init_waitqueue_func_entry(&listener->entry, listen);
	add_wait_queue(queue, &listener->entry);
}

static void listen_begin(struct kunit *test, struct listener *listener)
{
	struct ring_fixture *f = test->priv;

	listen_on(&f->ring->wait, listener);
}

static void listen_end(struct kunit *test, struct listener *listener)
{
	struct ring_fixture *f = test->priv;

	remove_wait_queue(&f->ring->wait, &listener->entry);
}

static void record_should_wake_the_armed_once(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener;

	listen_begin(test, &listener);
	rg_send(test, 1, 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 0);
	ring_arm(f->ring);
	rg_send(test, 1, 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	KUNIT_EXPECT_FALSE(test, listener.events);
	rg_send(test, 1, 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	ring_arm(f->ring);
	karena_ring_discard(f->ring, rg_reserve(test, 1), 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 2);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_wakeups, 2);
	listen_end(test, &listener);
}

static void no_wakeup_should_leave_it_to_the_next(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener;

	listen_begin(test, &listener);
	ring_arm(f->ring);
	karena_ring_submit(f->ring, rg_reserve(test, 1), KARENA_RING_NO_WAKEUP);
	karena_ring_discard(f->ring, rg_reserve(test, 1), KARENA_RING_NO_WAKEUP);
	KUNIT_EXPECT_EQ(test, listener.nr, 0);
	karena_ring_submit(f->ring, rg_reserve(test, 1), 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	listen_end(test, &listener);
}

static void force_should_wake_the_unarmed(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener;

	listen_begin(test, &listener);
	karena_ring_submit(f->ring, rg_reserve(test, 1), KARENA_RING_FORCE_WAKEUP);
	karena_ring_discard(f->ring, rg_reserve(test, 1), KARENA_RING_FORCE_WAKEUP);
	KUNIT_EXPECT_EQ(test, listener.nr, 2);
	listen_end(test, &listener);
}

static void wakeup_of_nobody_should_not_count(struct kunit *test)
{
	struct ring_fixture *f = test->priv;

	ring_arm(f->ring);
	karena_ring_submit(f->ring, rg_reserve(test, 1), 0);
	karena_ring_submit(f->ring, rg_reserve(test, 1), KARENA_RING_FORCE_WAKEUP);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_wakeups, 0);
}

static void wakeup_should_be_deferred_with_interrupts_off(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener;
	int at_once;

	listen_begin(test, &listener);
	ring_arm(f->ring);
	local_irq_disable();
	karena_ring_output(f->ring, "x", 1, 0);
	at_once = listener.nr;
	local_irq_enable();
	irq_work_sync(&f->ring->wake_work);
	KUNIT_EXPECT_EQ(test, at_once, 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	listen_end(test, &listener);
}

static void space_should_be_told_when_half_is_free(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener, consumer;
	struct ring_view view;

	listen_begin(test, &consumer);
	listen_on(&f->ring->space.wait, &listener);
	rg_send(test, PAGE_SIZE / 2 - 8, 0);
	rg_send(test, PAGE_SIZE / 4 - 8, 0);
	rg_send(test, PAGE_SIZE / 4 - 8, 0);
	ring_want_half(f->ring);
	KUNIT_EXPECT_EQ(test, listener.nr, 0);
	rg_consume_to(test, PAGE_SIZE / 2);
	ring_look(f->ring, &view);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	KUNIT_EXPECT_FALSE(test, listener.events);
	rg_consume_to(test, PAGE_SIZE);
	ring_look(f->ring, &view);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	/* Where it is there already, at once. */
	ring_want_half(f->ring);
	KUNIT_EXPECT_EQ(test, listener.nr, 2);
	KUNIT_EXPECT_EQ(test, consumer.nr, 0);
	remove_wait_queue(&f->ring->space.wait, &listener.entry);
	listen_end(test, &consumer);
}

static void space_should_be_told_where_epolls_may_have_changed_their_events(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener, consumer;

	listen_begin(test, &consumer);
	listen_on(&f->ring->space.wait, &listener);
	ring_mix_queues(f->ring);
	ring_want_half(f->ring);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	KUNIT_EXPECT_EQ(test, consumer.nr, 1);
	ring_arm(f->ring);
	rg_send(test, 1, 0);
	KUNIT_EXPECT_EQ(test, listener.nr, 2);
	KUNIT_EXPECT_EQ(test, consumer.nr, 2);
	remove_wait_queue(&f->ring->space.wait, &listener.entry);
	listen_end(test, &consumer);
}

/* A producer who finds space tells those who wait for it. */
static void space_should_be_told_by_a_producer_too(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	struct listener listener;

	listen_on(&f->ring->space.wait, &listener);
	rg_send(test, PAGE_SIZE - 8, 0);
	ring_want_half(f->ring);
	rg_consume_to(test, PAGE_SIZE);
	rg_send(test, 8, 0);
	irq_work_sync(&f->ring->space.work);
	KUNIT_EXPECT_EQ(test, listener.nr, 1);
	remove_wait_queue(&f->ring->space.wait, &listener.entry);
}

/* A thread that waits for its turn, without sleeping: counts its wake-ups. */
struct turn {
	struct ring_turn turn;
	int nr;
};

static void count_turn(struct karena_waiter *waiter, int flags)
{
	container_of(waiter, struct turn, turn.waiter)->nr++;
}

static void turn_begin(struct kunit *test, struct turn *turn, u64 bytes)
{
	struct ring_fixture *f = test->priv;

	*turn = (struct turn) { .turn.bytes = bytes };
	karena_waiter_init(&turn->turn.waiter, NULL, count_turn);
	ring_turn_begin(f->ring, &turn->turn);
}

static void turns_should_be_granted_in_order_and_only_what_is_free(struct kunit *test)
{
	const u64 *wanted = &((struct ring_fixture *)test->priv)->ring->producer_page->space_wanted;
	struct ring_fixture *f = test->priv;
	struct ring_view view;
	struct turn turns[3];

	rg_send(test, 24, 0);
	rg_send(test, PAGE_SIZE - 32 - 8, 0);
	turn_begin(test, &turns[0], 16);
	turn_begin(test, &turns[1], PAGE_SIZE / 2);
	turn_begin(test, &turns[2], 16);
	KUNIT_EXPECT_EQ(test, *wanted, 16);
	rg_consume_to(test, 32);
	ring_look(f->ring, &view);
	KUNIT_EXPECT_TRUE(test, turns[0].turn.granted);
	KUNIT_EXPECT_FALSE(test, turns[1].turn.granted);
	KUNIT_EXPECT_FALSE(test, turns[2].turn.granted);
	KUNIT_EXPECT_EQ(test, *wanted, PAGE_SIZE / 2);
	/* One that gives up lets in the one behind it, beside what was granted before. */
	ring_turn_end(f->ring, &turns[1].turn);
	KUNIT_EXPECT_TRUE(test, turns[2].turn.granted);
	KUNIT_EXPECT_EQ(test, f->ring->space.granted, 32);
	KUNIT_EXPECT_EQ(test, *wanted, 0);
	/* What others took cannot be granted again. */
	rg_send(test, 24, 0);
	ring_turn_return(f->ring, &turns[0].turn, 16);
	KUNIT_EXPECT_FALSE(test, turns[0].turn.granted);
	KUNIT_EXPECT_EQ(test, *wanted, 16);
	ring_turn_end(f->ring, &turns[2].turn);
	ring_turn_end(f->ring, &turns[0].turn);
	KUNIT_EXPECT_EQ(test, f->ring->space.granted, 0);
	KUNIT_EXPECT_EQ(test, *wanted, 0);
	KUNIT_EXPECT_EQ(test, turns[0].nr, 1);
	KUNIT_EXPECT_EQ(test, turns[1].nr, 0);
	KUNIT_EXPECT_EQ(test, turns[2].nr, 1);
}

/* More than are granted in one hold of the lock: those who leave see to the rest. */
static void many_turns_should_be_granted_in_steps(struct kunit *test)
{
	unsigned int nr = 80, granted = 0, i;
	struct ring_fixture *f = test->priv;
	struct ring_view view;
	struct turn *turns;

	turns = kunit_kcalloc(test, nr, sizeof(*turns), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, turns);
	rg_send(test, PAGE_SIZE - 8, 0);
	for (i = 0; i < nr; i++)
		turn_begin(test, &turns[i], 16);
	rg_consume_to(test, PAGE_SIZE);
	ring_look(f->ring, &view);
	for (i = 0; i < nr; i++)
		granted += turns[i].turn.granted;
	KUNIT_EXPECT_EQ(test, granted, 64);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, turns[i].turn.granted);
		ring_turn_end(f->ring, &turns[i].turn);
	}
}

static void send_in_hardirq(void *ring)
{
	karena_ring_output(ring, "irq", 3, 0);
}

static void record_should_come_from_a_hard_interrupt(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	int cpu;

	for_each_online_cpu(cpu)
		smp_call_function_single(cpu, send_in_hardirq, f->ring, 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, num_online_cpus());
	KUNIT_EXPECT_STREQ(test, (char *)(rg_record(test, 0) + 1), "irq");
}

#define PRODUCERS	3
#define RECORDS		8000

/* A record of the concurrent case: who sent it, and which of its records it is. */
struct message {
	u32 producer;
	u32 number;
};

struct producer {
	struct karena_ring *ring;
	struct completion done;
	u32 id;
	bool stop;
};

/* Every seventh is discarded; where there is no room it tries again. */
static int produce(void *argument)
{
	struct producer *p = argument;
	struct message *message;
	u32 i = 0;

	while (i < RECORDS && !READ_ONCE(p->stop)) {
		message = karena_ring_reserve(p->ring, sizeof(*message));
		if (IS_ERR(message)) {
			cond_resched();
			continue;
		}
		*message = (struct message) { .producer = p->id, .number = i };
		if (i % 7 == 6)
			karena_ring_discard(p->ring, message, 0);
		else
			karena_ring_submit(p->ring, message, 0);
		i++;
	}
	/* Not to be in the module's text when that goes. */
	kthread_complete_and_exit(&p->done, 0);
}

static void next_number(u32 *number)
{
	(*number)++;
	if (*number % 7 == 6)
		(*number)++;
}

/* Reads what is there; each producer's records are to come in order, none twice. */
static u32 consume(struct kunit *test, struct karena_ring *ring, u32 *expected)
{
	struct {
		struct karena_record_header header;
		struct message message;
	} got[16];
	struct kvec vec = { .iov_base = got, .iov_len = sizeof(got) };
	struct iov_iter iter;
	ssize_t bytes, i;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(got));
	bytes = ring_read(ring, &iter);
	KUNIT_EXPECT_GE(test, bytes, 0);
	if (bytes < 0)
		return 0;
	for (i = 0; i < bytes / sizeof(got[0]); i++) {
		u32 from = got[i].message.producer;

		KUNIT_EXPECT_EQ(test, got[i].header.word, sizeof(struct message));
		KUNIT_EXPECT_LT(test, from, PRODUCERS);
		if (from >= PRODUCERS)
			continue;
		KUNIT_EXPECT_EQ(test, got[i].message.number, expected[from]);
		next_number(&expected[from]);
	}
	return bytes / sizeof(got[0]);
}

static int start(struct producer *producer, struct karena_ring *ring, u32 id)
{
	*producer = (struct producer) { .ring = ring, .id = id };
	init_completion(&producer->done);
	return PTR_ERR_OR_ZERO(kthread_run(produce, producer, "karena-%u", id));
}

static void producers_at_once_should_lose_nothing(struct kunit *test)
{
	u32 total = 0, wanted = PRODUCERS * (RECORDS - RECORDS / 7);
	unsigned long deadline = jiffies + 240 * HZ;
	struct ring_fixture *f = test->priv;
	struct producer producers[PRODUCERS];
	u32 expected[PRODUCERS] = {};
	int i, nr = 0;

	while (nr < PRODUCERS && !start(&producers[nr], f->ring, nr))
		nr++;
	KUNIT_EXPECT_EQ(test, nr, PRODUCERS);
	while (nr == PRODUCERS && total < wanted && time_before(jiffies, deadline)) {
		total += consume(test, f->ring, expected);
		cond_resched();
	}
	for (i = 0; i < nr; i++) {
		WRITE_ONCE(producers[i].stop, total < wanted);
		wait_for_completion(&producers[i].done);
	}
	KUNIT_EXPECT_EQ(test, total, wanted);
	KUNIT_EXPECT_EQ(test, consume(test, f->ring, expected), 0);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_records, PRODUCERS * RECORDS);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, wanted);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_discarded, PRODUCERS * (RECORDS / 7));
}

/* Counts on each CPU in each of the ways there are, as an interrupt there. */
static void count_both_ways(void *context)
{
	struct karena_ring *ring = context;

	ring_count_submitted_by(ring, 1, true);
	ring_count_submitted_by(ring, 1, false);
}

static void submitted_should_be_counted_alike_by_all_architectures(struct kunit *test)
{
	struct ring_fixture *f = test->priv;
	int i;

	for (i = 0; i < 100; i++)
		on_each_cpu(count_both_ways, f->ring, 1);
	KUNIT_EXPECT_EQ(test, rg_stat(test).out_submitted, 2ull * 100 * num_online_cpus());
}

static struct kunit_case ring_wait_cases[] = {
	KUNIT_CASE(record_should_wake_the_armed_once),
	KUNIT_CASE(no_wakeup_should_leave_it_to_the_next),
	KUNIT_CASE(force_should_wake_the_unarmed),
	KUNIT_CASE(wakeup_of_nobody_should_not_count),
	KUNIT_CASE(wakeup_should_be_deferred_with_interrupts_off),
	KUNIT_CASE(space_should_be_told_when_half_is_free),
	KUNIT_CASE(space_should_be_told_where_epolls_may_have_changed_their_events),
	KUNIT_CASE(space_should_be_told_by_a_producer_too),
	KUNIT_CASE(turns_should_be_granted_in_order_and_only_what_is_free),
	KUNIT_CASE(many_turns_should_be_granted_in_steps),
	KUNIT_CASE(record_should_come_from_a_hard_interrupt),
	KUNIT_CASE(producers_at_once_should_lose_nothing),
	KUNIT_CASE(submitted_should_be_counted_alike_by_all_architectures),
	{}
};

static struct kunit_suite ring_wait_suite = {
	.name = "karena_ring_wait",
	.init = rg_init,
	.exit = rg_exit,
	.test_cases = ring_wait_cases,
};

kunit_test_suite(ring_wait_suite);
