// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel code that produces into a ring from where it is called by a probe: in the middle
 * of what another is doing with the same ring, with its lock held or not.
 */
#define _GNU_SOURCE
#include "ring_kernel.h"

#define ROUNDS	100

static struct produce_probed probed(int produce)
{
	struct produce_probed probed;

	must(produce_call(produce, PRODUCE_PROBED, (unsigned long)&probed) == 0);
	return probed;
}

/* A record of each kind, and looks, which take the lock, too. */
static void use(int fd, uint32_t flags)
{
	uint64_t position;
	char got[4096];

	must(ring_write(fd, "short", 5) == 5);
	must(ring_write(fd, got, 200) == 200);
	if (flags & KARENA_RING_F_IN_PLACE) {
		must(ring_reserve(fd, 8, &position) == 0);
		must(ring_submit(fd, position) == 0);
		must(ring_reserve(fd, 8, &position) == 0);
		must(ring_discard(fd, position) == 0);
	}
	ring_stat(fd);
	poll_now(fd);
	while (ring_read(fd, got, sizeof(got)) > 0)
		;
}

/* Each loss has its cause, each record its count. */
static bool adds_up(int fd, const struct produce_probed *probed, uint64_t used)
{
	struct karena_ring_stat stat = ring_stat(fd);

	return stat.out_records == used + probed->sent &&
	       stat.out_lost_busy + stat.out_lost_full == probed->refused;
}

static uint64_t records_of(uint32_t flags)
{
	return ROUNDS * (flags & KARENA_RING_F_IN_PLACE ? 4 : 2);
}

/* Uses a ring with such a probe; of a kernel that has none all is 0. */
static struct produce_probed use_probed(int produce, uint32_t flags, unsigned long what)
{
	struct produce_probed seen = { .sent = 0 };
	int fd = ring_new_fd(flags, 1 << 16);
	int ret;

	set_nonblock(fd);
	must(get_ring(produce, fd, KARENA_RIGHT_PRODUCE) == 0);
	ret = produce_call(produce, PRODUCE_PROBE, what);
	if (!ret) {
		for (int i = 0; i < ROUNDS; i++)
			use(fd, flags);
		must(produce_call(produce, PRODUCE_UNPROBE, 0) == 0);
		seen = probed(produce);
		must(adds_up(fd, &seen, records_of(flags)));
	}
	must(!ret || ret == -EOPNOTSUPP || ret == -ENOSYS);
	must(produce_call(produce, PRODUCE_PUT, 0) == 0);
	close(fd);
	return seen;
}

TEST_F(kernel, probe_of_a_reservation_sends_a_record)
{
	struct produce_probed seen = use_probed(self->produce, variant->flags,
						PRODUCE_PROBE_RESERVED);

	EXPECT_EQ(records_of(variant->flags), seen.sent);
	EXPECT_EQ(0, seen.refused);
}

TEST_F(kernel, probe_of_a_finish_sends_a_record)
{
	struct produce_probed seen = use_probed(self->produce, variant->flags,
						PRODUCE_PROBE_FINISHED);

	EXPECT_EQ(records_of(variant->flags), seen.sent);
	EXPECT_EQ(0, seen.refused);
}

/* With the ring's lock held on the same CPU: refused, and counted. */
TEST_F(kernel, probe_of_what_runs_under_the_lock_is_refused)
{
	struct ring ring = ring_new(variant->flags, page_size);
	struct karena_ring_consumer *consumer = ring_consumer(&ring);
	struct produce_probed seen;

	ASSERT_EQ(0, get_ring(self->produce, ring.fd, KARENA_RIGHT_PRODUCE));
	if (produce_call(self->produce, PRODUCE_PROBE, PRODUCE_PROBE_ACCEPTS))
		SKIP(return, "this kernel has no kprobes");
	for (int i = 1; i <= ROUNDS; i++) {
		ASSERT_EQ(8, ring_write(ring.fd, "consumed", 8));
		consume_to(consumer, i * 16);
		EXPECT_EQ(i * 16, ring_stat(ring.fd).out_consumer_position);
	}
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_UNPROBE, 0));
	seen = probed(self->produce);
	EXPECT_EQ(0, seen.sent);
	EXPECT_EQ(ROUNDS, seen.refused);
	EXPECT_EQ(ROUNDS, ring_stat(ring.fd).out_lost_busy);
	EXPECT_EQ(5 * ROUNDS, ring_stat(ring.fd).out_lost_busy_bytes);
	EXPECT_EQ(ROUNDS, ring.producer->lost_busy);
	munmap(consumer, page_size);
	ring_close(&ring);
}

/* Where locks are checked, that is one. */
TEST_F(kernel, probe_of_the_locks_release_is_refused)
{
	struct produce_probed seen = use_probed(self->produce, variant->flags,
						PRODUCE_PROBE_RELEASES);

	EXPECT_EQ(0, seen.sent);
	TH_LOG("%llu refused", (unsigned long long)seen.refused);
}

/* Of a CPU that waits for the lock, or has waited, while all contexts produce. */
static void contend(int produce, uint32_t flags, unsigned long what)
{
	int fd = ring_new_fd(flags, 1 << 16);
	int64_t end = now_ms() + (int64_t)scaled(1000);
	struct produce_probed seen;
	char got[4096];

	set_nonblock(fd);
	must(get_ring(produce, fd, KARENA_RIGHT_PRODUCE) == 0);
	must(produce_call(produce, PRODUCE_PROBE, what) == 0);
	must(produce_call(produce, PRODUCE_START, 0) == 0);
	do {
		ring_stat(fd);
		while (ring_read(fd, got, sizeof(got)) > 0)
			;
		seen = probed(produce);
	} while (now_ms() < end);
	must(produce_call(produce, PRODUCE_STOP, 0) == 0);
	must(produce_call(produce, PRODUCE_UNPROBE, 0) == 0);
	printf("# %llu sent, %llu refused\n", (unsigned long long)seen.sent,
	       (unsigned long long)seen.refused);
	must(produce_call(produce, PRODUCE_PUT, 0) == 0);
	close(fd);
}

TEST_F(kernel, probes_of_contention_do_not_wait_for_themselves)
{
	contend(self->produce, variant->flags, PRODUCE_PROBE_CONTENDS);
	contend(self->produce, variant->flags, PRODUCE_PROBE_CONTENDED);
}

TEST_HARNESS_MAIN
