// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel code and rings, by the module karena_produce: records from every context at
 * once, a ring's life while the kernel uses it, the kernel as consumer.
 */
#define _GNU_SOURCE
#include <karena.h>
#include <sys/epoll.h>
#include <sys/utsname.h>

#include "ring_kernel.h"

/* On each kind of ring. */
#define NMIS_WANTED	500
#define BATCH		64

/* <linux/karena_kapi.h> has these for kernel code. */
#define RING_AVAILABLE		0
#define RING_SIZE		1
#define RING_CONSUMER_POSITION	2
#define RING_PRODUCER_POSITION	3
#define RING_LOST		4

static struct produce_counts counts_of(int produce)
{
	struct produce_counts counts;

	must(produce_call(produce, PRODUCE_COUNTS, (unsigned long)&counts) == 0);
	return counts;
}

static struct karena_ring *new_ring(uint32_t flags, uint64_t bytes)
{
	struct karena_ring *ring;

	must(karena_ring_from_fd(ring_new_fd(flags, bytes), &ring) == 0);
	return ring;
}

TEST_F(kernel, get_tells_why_it_fails)
{
	int ring = ring_new_fd(variant->flags, page_size);
	int consumer = ring_reopen(ring, KARENA_RIGHT_CONSUME);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int arena = arena_new(0, 1);
	int device = device_open();

	ASSERT_LE(0, consumer);
	EXPECT_EQ(-EBADF, get_ring(self->produce, -1, 0));
	EXPECT_EQ(-EBADF, get_ring(self->produce, 1000, 0));
	EXPECT_EQ(-ENOTTY, get_ring(self->produce, null, 0));
	EXPECT_EQ(-ENOTTY, get_ring(self->produce, device, 0));
	EXPECT_EQ(-ENOTTY, get_ring(self->produce, arena, 0));
	EXPECT_EQ(-EPERM, get_ring(self->produce, consumer, KARENA_RIGHT_PRODUCE));
	EXPECT_EQ(0, get_ring(self->produce, consumer, KARENA_RIGHT_CONSUME));
	close(device);
	close(arena);
	close(null);
	close(consumer);
	close(ring);
}

TEST_F(kernel, query_tells_each_figure)
{
	int ring = ring_new_fd(variant->flags, page_size);
	char record[16];

	ASSERT_EQ(0, get_ring(self->produce, ring, 0));
	ASSERT_EQ(8, ring_write(ring, record, 8));
	ASSERT_EQ(8, ring_write(ring, record, 8));
	ASSERT_EQ(16, ring_read(ring, record, 16));
	EXPECT_EQ(-ENOSPC, ring_output(ring, record, page_size, 0));
	EXPECT_EQ(16, produce_call(self->produce, PRODUCE_QUERY, RING_AVAILABLE));
	EXPECT_EQ(page_size, produce_call(self->produce, PRODUCE_QUERY, RING_SIZE));
	EXPECT_EQ(16, produce_call(self->produce, PRODUCE_QUERY, RING_CONSUMER_POSITION));
	EXPECT_EQ(32, produce_call(self->produce, PRODUCE_QUERY, RING_PRODUCER_POSITION));
	EXPECT_EQ(1, produce_call(self->produce, PRODUCE_QUERY, RING_LOST));
	EXPECT_EQ(0, produce_call(self->produce, PRODUCE_QUERY, RING_LOST + 1));
	close(ring);
}

/* The kernel is the consumer until it gives the ring back. */
TEST_F(kernel, drain_takes_the_role)
{
	int ring = ring_new_fd(variant->flags, page_size);
	char record[32] = "";

	set_nonblock(ring);
	ASSERT_EQ(0, get_ring(self->produce, ring, KARENA_RIGHT_CONSUME));
	EXPECT_EQ(0, produce_call(self->produce, PRODUCE_DRAIN, 0));
	ASSERT_EQ(3, ring_write(ring, record, 3));
	ASSERT_EQ(20, ring_write(ring, record, 20));
	ASSERT_EQ(1, ring_write(ring, record, 1));
	EXPECT_EQ(-EBUSY, ring_read(ring, record, sizeof(record)));
	EXPECT_EQ(23, produce_call(self->produce, PRODUCE_DRAIN, 2));
	EXPECT_EQ(1, produce_call(self->produce, PRODUCE_DRAIN, 0));
	ASSERT_EQ(5, ring_write(ring, record, 5));
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
	EXPECT_EQ(16, ring_read(ring, record, sizeof(record)));

	/* Now the program is. */
	ASSERT_EQ(0, get_ring(self->produce, ring, KARENA_RIGHT_CONSUME));
	EXPECT_EQ(-EBUSY, produce_call(self->produce, PRODUCE_DRAIN, 0));
	close(ring);
}

/* The kernel's consumer need not do more than ask again. */
TEST_F(kernel, drain_passes_over_what_timed_out)
{
	struct karena_ring_create args = {
		.flags = KARENA_RING_F_IN_PLACE,
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
		.reserve_timeout_us = 1000,
	};
	int ring = ring_create(&args);
	int64_t end = now_ms() + HUNG_MS;
	uint64_t position;
	int got;

	ASSERT_LE(0, ring);
	ASSERT_EQ(0, get_ring(self->produce, ring, KARENA_RIGHT_CONSUME));
	ASSERT_EQ(0, ring_reserve(ring, 8, &position));
	ASSERT_EQ(3, ring_write(ring, &args, 3));
	do {
		got = produce_call(self->produce, PRODUCE_DRAIN, 0);
		ASSERT_GT(end, now_ms());
	} while (!got);
	EXPECT_EQ(3, got);
	EXPECT_EQ(-ESTALE, ring_submit(ring, position));
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
	close(ring);
}

/* The kernel's is the last hold on the ring, and then on the module. */
TEST_F(kernel, ring_outlives_its_files)
{
	int ring = ring_new_fd(variant->flags, page_size);
	int64_t end = now_ms() + HUNG_MS;

	ASSERT_EQ(0, get_ring(self->produce, ring, KARENA_RIGHT_PRODUCE));
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_START, 0));
	close(ring);
	/* Full, with nobody to read it. */
	while (produce_call(self->produce, PRODUCE_QUERY, RING_AVAILABLE) <= (int)page_size - 256)
		ASSERT_GT(end, now_ms());
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_STOP, 0));
	EXPECT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
}

/**
 * struct seen - what the consumer has got
 * @next:	number of the next record, by context and CPU
 * @records:	all of them
 */
struct seen {
	uint32_t next[PRODUCE_CONTEXTS][PRODUCE_CPUS];
	uint64_t records;
};

/* Is it whole, and the one that comes next of where it is from? */
static bool check_record(struct seen *seen, const struct karena_record *got)
{
	const struct produce_record *record = got->data;
	const unsigned char *fill = (const void *)(record + 1);
	uint32_t *next;
	size_t i;

	if (got->length < sizeof(*record) || record->length != got->length ||
	    record->context >= PRODUCE_CONTEXTS || record->cpu >= PRODUCE_CPUS ||
	    got->length != PRODUCE_LENGTH(record->number))
		return false;
	for (i = 0; i < got->length - sizeof(*record); i++) {
		if (fill[i] != (unsigned char)record->number)
			return false;
	}
	next = &seen->next[record->context][record->cpu];
	if (PRODUCE_DISCARDED(*next))
		(*next)++;
	seen->records++;
	return record->number == (*next)++;
}

/* Returns how many came; -1 if one was not right. */
static int consume(struct karena_ring *ring, struct seen *seen)
{
	struct karena_record records[BATCH];
	int nr = karena_ring_take(ring, records, BATCH);
	int i;

	for (i = 0; i < nr; i++) {
		if (!check_record(seen, &records[i]))
			return -1;
	}
	karena_ring_release(ring);
	return nr;
}

/* Each context has sent from each CPU, and NMIs, if there are, have met reservations. */
static bool enough(const struct produce_counts *counts)
{
	int context, cpu;

	for (context = 0; context < PRODUCE_CONTEXTS; context++) {
		for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
			if (counts->reserved[context][cpu] < 100)
				return false;
		}
	}
	return counts->nmi_in_reserve >= NMIS_WANTED || !(PRODUCE_CONTEXTS > PRODUCE_NMI);
}

/* What has come is all that was reserved, but for what was discarded. */
static bool is_all(const struct seen *seen, const struct produce_counts *counts)
{
	int context, cpu;

	for (context = 0; context < PRODUCE_CONTEXTS; context++) {
		for (cpu = 0; cpu < PRODUCE_CPUS; cpu++) {
			uint64_t reserved = counts->reserved[context][cpu];
			uint64_t next = seen->next[context][cpu];

			if (PRODUCE_DISCARDED(next) && next < reserved)
				next++;
			if (next != reserved)
				return false;
		}
	}
	return true;
}

static uint64_t refused(const struct produce_counts *counts)
{
	uint64_t sum = 0;
	int context;

	for (context = 0; context < PRODUCE_CONTEXTS; context++)
		sum += counts->refused[context];
	return sum;
}

/* Who had the kernel produce is killed: what had begun is ended, nothing is lost. */
TEST_F(kernel, killed_user_leaves_whole_records)
{
	struct karena_ring *ring = new_ring(variant->flags, 1 << 16);
	int *flag = shared_memory(page_size);
	struct produce_counts counts;
	struct karena_ring_stat stat;
	struct seen seen = { .records = 0 };
	int64_t end;
	pid_t pid;
	int nr;

	ASSERT_EQ(0, consume(ring, &seen));
	pid = fork_child();
	if (!pid) {
		int produce = open(PRODUCE_DEVICE, O_RDWR | O_CLOEXEC);

		must(get_ring(produce, karena_ring_fd(ring), KARENA_RIGHT_PRODUCE) == 0);
		must(produce_call(produce, PRODUCE_START, 0) == 0);
		set_flag(flag, 1);
		pause();
	}
	wait_until(flag, 1);
	end = now_ms() + 300;
	do {
		nr = consume(ring, &seen);
		ASSERT_LE(0, nr);
	} while (now_ms() < end || (!seen.records && now_ms() < end + HUNG_MS));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	while ((nr = consume(ring, &seen)) > 0)
		;
	ASSERT_EQ(0, nr);

	counts = counts_of(self->produce);
	stat = ring_stat(karena_ring_fd(ring));
	EXPECT_TRUE(is_all(&seen, &counts));
	EXPECT_LT(0, seen.records);
	EXPECT_EQ(seen.records, stat.out_submitted);
	EXPECT_EQ(0, stat.out_available);
	EXPECT_EQ(0, stat.out_lost_dead);
	karena_ring_close(ring);
}

TEST_F(kernel, every_context_produces_at_once)
{
	struct karena_ring *ring = new_ring(variant->flags, 1 << 16);
	struct karena_ring_stat stat;
	struct produce_counts counts;
	struct seen seen = { .records = 0 };
	int64_t end = now_ms() + (TEST_TIMEOUT_DEFAULT - 100) * 1000ll;
	int nr;

	ASSERT_EQ(0, get_ring(self->produce, karena_ring_fd(ring), KARENA_RIGHT_PRODUCE));
	/* The role, before the first record. */
	ASSERT_EQ(0, consume(ring, &seen));
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_START, 0));
	do {
		/* There is always more to come: not to be woken is to have lost it. */
		ASSERT_EQ(POLLIN, karena_ring_wait(ring, POLLIN, HUNG_MS));
		while ((nr = consume(ring, &seen)) > 0)
			;
		ASSERT_EQ(0, nr);
		counts = counts_of(self->produce);
	} while (!enough(&counts) && now_ms() < end);
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_STOP, 0));
	while ((nr = consume(ring, &seen)) > 0)
		;
	ASSERT_EQ(0, nr);

	counts = counts_of(self->produce);
	stat = ring_stat(karena_ring_fd(ring));
	TH_LOG("%llu records, refused %llu to NMIs, %llu for want of space; %llu NMIs met one",
	       (unsigned long long)stat.out_records, (unsigned long long)stat.out_lost_busy,
	       (unsigned long long)stat.out_lost_full,
	       (unsigned long long)counts.nmi_in_reserve);
	EXPECT_TRUE(enough(&counts));
	EXPECT_TRUE(is_all(&seen, &counts));
	EXPECT_EQ(seen.records, stat.out_submitted);
	EXPECT_EQ(stat.out_records, stat.out_submitted + stat.out_discarded);
	EXPECT_EQ(refused(&counts), stat.out_lost_full + stat.out_lost_busy);
	/* NMIs that came between taking the lock and giving it back. */
	EXPECT_EQ(PRODUCE_CONTEXTS > PRODUCE_NMI, stat.out_lost_busy > 0);
	EXPECT_EQ(0, stat.out_available);
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
	karena_ring_close(ring);
}

/* Whatever it took the ring for. */
TEST_F(kernel, the_kernel_counts_as_a_producer)
{
	int fd = ring_new_fd(variant->flags | KARENA_RING_F_END, page_size);

	ASSERT_EQ(0, get_ring(self->produce, fd, KARENA_RIGHT_CONSUME));
	must(ring_restrict(fd, KARENA_RIGHT_CONSUME) == 0);
	EXPECT_FALSE(poll_now(fd) & POLLHUP);
	ASSERT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
	EXPECT_TRUE(poll_now(fd) & POLLHUP);
	close(fd);
}

#define TRACING	"/sys/kernel/tracing/"
#define WAKE	TRACING "events/karena/karena_ring_wake/"

/* Sends a record with preemption off. Returns how many wake-ups its sender did itself. */
static int wakeups_by_sender(int produce)
{
	char text[1 << 16], *at = text;
	int nr = 0;

	snprintf(text, sizeof(text), "common_pid == %d", getpid());
	must(write_file(WAKE "filter", text) == 0);
	must(write_file(TRACING "trace", "\n") == 0);
	must(write_file(WAKE "enable", "1") == 0);
	must(produce_call(produce, PRODUCE_ATOMIC, 0) == 0);
	must(write_file(WAKE "enable", "0") == 0);
	must(write_file(WAKE "filter", "0") == 0);
	must(read_file(TRACING "trace", text, sizeof(text)) > 0);
	while ((at = strstr(at, " karena_ring_wake: "))) {
		at++;
		nr++;
	}
	return nr;
}

static bool is_realtime(void)
{
	struct utsname name;

	must(uname(&name) == 0);
	return strstr(name.version, "PREEMPT_RT");
}

/* On a kernel for real time the locks of a wait queue sleep. */
TEST_F(kernel, wakes_by_itself_with_preemption_off_but_not_on_a_realtime_kernel)
{
	int fd = ring_new_fd(variant->flags, page_size), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	ASSERT_EQ(0, get_ring(self->produce, fd, KARENA_RIGHT_PRODUCE));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	EXPECT_EQ(!is_realtime(), wakeups_by_sender(self->produce) > 0);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, HUNG_MS));
	EXPECT_EQ(0, produce_call(self->produce, PRODUCE_PUT, 0));
	close(epoll);
	close(fd);
}

TEST_HARNESS_MAIN
