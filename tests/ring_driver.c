// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver outside karena that sends to a program through a ring, by the calls for
 * kernel code: the module of examples/driver, loaded, used and unloaded.
 */
#define _GNU_SOURCE
#include <karena.h>

#include "../examples/driver/tickring.h"
#include "kselftest_harness.h"
#include "module_util.h"
#include "ring_util.h"

#define DRIVER	"tickring"
/* From each source. */
#define WANTED	100
#define BATCH	64

/**
 * struct seen - what the consumer has got
 * @next:	number of the next event, by source
 * @missing:	events that did not come, by source
 * @records:	all that did
 * @now:	of the last, by source
 */
struct seen {
	uint64_t next[TICKRING_SOURCES];
	uint64_t missing[TICKRING_SOURCES];
	uint64_t records;
	uint64_t now[TICKRING_SOURCES];
};

FIXTURE(driver)
{
	struct karena_ring *ring;
	int ring_fd;
	int fd;
	struct seen seen;
};

FIXTURE_VARIANT(driver)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(driver, copy)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(driver, in_place)
{
	.flags = KARENA_RING_F_IN_PLACE,
};

FIXTURE_SETUP(driver)
{
	ASSERT_EQ(0, module_load(DRIVER, ""));
	self->fd = open(TICKRING_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, karena_ring_from_fd(ring_new_fd(variant->flags, page_size), &self->ring));
	self->ring_fd = karena_ring_fd(self->ring);
	memset(&self->seen, 0, sizeof(self->seen));
}

FIXTURE_TEARDOWN(driver)
{
	if (self->ring)
		karena_ring_close(self->ring);
	close(self->fd);
	EXPECT_EQ(0, module_unload(DRIVER));
	EXPECT_NE(0, access(TICKRING_DEVICE, F_OK));
}

static int attach(int fd, int ring)
{
	return call(fd, TICKRING_IOC_ATTACH, (void *)(long)ring);
}

static int note(int fd)
{
	return call(fd, TICKRING_IOC_NOTE, NULL);
}

/* Is it whole, and later than what came before from where it is from? */
static bool check_event(struct seen *seen, const struct karena_record *record)
{
	const struct tickring_event *event = record->data;
	uint32_t source = event->source;

	if (record->length != sizeof(*event) || source >= TICKRING_SOURCES || event->reserved ||
	    event->number < seen->next[source] || event->now < seen->now[source])
		return false;
	seen->missing[source] += event->number - seen->next[source];
	seen->next[source] = event->number + 1;
	seen->now[source] = event->now;
	seen->records++;
	return true;
}

/* Returns how many came; -1 if one was not right. */
static int consume(struct karena_ring *ring, struct seen *seen)
{
	struct karena_record records[BATCH];
	int nr = karena_ring_take(ring, records, BATCH);
	int i;

	for (i = 0; i < nr; i++) {
		if (!check_event(seen, &records[i]))
			return -1;
	}
	karena_ring_release(ring);
	return nr;
}

static bool enough(const struct seen *seen)
{
	int source;

	for (source = 0; source < TICKRING_SOURCES; source++) {
		if (seen->next[source] < WANTED)
			return false;
	}
	return true;
}

static void fill(int ring)
{
	while (!ring_stat(ring).out_lost_full)
		pause_ms(1);
}

TEST_F(driver, sends_from_each_context_at_once)
{
	struct karena_ring_stat stat;
	uint64_t missing = 0;
	int source, nr;

	/* The role, before the first record. */
	ASSERT_EQ(0, consume(self->ring, &self->seen));
	ASSERT_EQ(0, attach(self->fd, self->ring_fd));
	while (!enough(&self->seen)) {
		nr = note(self->fd);
		ASSERT_TRUE(nr == 0 || nr == -EAGAIN);
		ASSERT_EQ(POLLIN, karena_ring_wait(self->ring, POLLIN, HUNG_MS));
		ASSERT_LE(0, consume(self->ring, &self->seen));
	}
	/* What was sent before the driver let go is there, and nothing comes after. */
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	while ((nr = consume(self->ring, &self->seen)) > 0)
		;
	ASSERT_EQ(0, nr);

	stat = ring_stat(self->ring_fd);
	for (source = 0; source < TICKRING_SOURCES; source++)
		missing += self->seen.missing[source];
	TH_LOG("%llu events, %llu missing, %llu found the ring full",
	       (unsigned long long)self->seen.records, (unsigned long long)missing,
	       (unsigned long long)stat.out_lost_full);
	EXPECT_EQ(self->seen.records, stat.out_submitted);
	EXPECT_EQ(0, stat.out_discarded);
	EXPECT_EQ(0, stat.out_available);
	EXPECT_GE(stat.out_lost_full, missing);
}

TEST_F(driver, goes_on_when_there_is_space_again)
{
	struct seen *seen = &self->seen;
	uint64_t refused;

	ASSERT_EQ(0, attach(self->fd, self->ring_fd));
	fill(self->ring_fd);
	EXPECT_EQ(-EAGAIN, note(self->fd));
	refused = ring_stat(self->ring_fd).out_lost_full;
	ASSERT_LT(0, consume(self->ring, seen));
	/* What was refused is missing in the numbers, and what comes then is whole. */
	while (!seen->missing[TICKRING_HARDIRQ] && !seen->missing[TICKRING_SOFTIRQ])
		ASSERT_LE(0, consume(self->ring, seen));
	EXPECT_LE(2, refused);
}

TEST_F(driver, is_refused_what_the_program_may_not_do)
{
	int consumer = ring_reopen(self->ring_fd, KARENA_RIGHT_CONSUME);
	int arena = arena_new(0, 1);

	ASSERT_LE(0, consumer);
	EXPECT_EQ(-EINVAL, note(self->fd));
	EXPECT_EQ(-EPERM, attach(self->fd, consumer));
	EXPECT_EQ(-ENOTTY, attach(self->fd, arena));
	EXPECT_EQ(-ENOTTY, attach(self->fd, self->fd));
	EXPECT_EQ(-EBADF, attach(self->fd, -1));
	EXPECT_EQ(-ENOTTY, call(self->fd, TICKRING_IOC_NOTE + 1, NULL));
	EXPECT_EQ(0, attach(self->fd, self->ring_fd));
	EXPECT_EQ(-EBUSY, attach(self->fd, self->ring_fd));
	close(arena);
	close(consumer);
}

/* The ring's last user is the driver then, sending all the while. */
TEST_F(driver, outlives_the_program_s_hold_on_the_ring)
{
	ASSERT_EQ(0, attach(self->fd, self->ring_fd));
	karena_ring_close(self->ring);
	self->ring = NULL;
	while (note(self->fd) != -EAGAIN)
		;
	EXPECT_EQ(EWOULDBLOCK, module_unload(DRIVER));
}

TEST_HARNESS_MAIN
