// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timer that passes over open records, against producers that end them and that die.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_timeout.h"

/* Rounds around the moment at which the reservation times out. */
#define RACES		600u
#define RACE_TIMEOUT_US	1000

static int output_waiting(int fd, const void *data, uint64_t bytes)
{
	struct karena_ring_output args = {
		.size = sizeof(args),
		.flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)data,
		.buffer_bytes = bytes,
	};

	return call(fd, KARENA_IOC_RING_OUTPUT, &args);
}

struct race {
	int fd;
	char *data;
	bool sent[RACES];
	unsigned int nr_stale;
};

static void *race_with_the_timer(void *context)
{
	struct race *race = context;
	unsigned int seed = 1;
	uint64_t position;
	int ret;

	for (uint64_t i = 0; i < RACES; i++) {
		must(ring_reserve_flags(race->fd, KARENA_RING_WAIT_SPACE, sizeof(i), &position,
					NULL) == 0);
		memcpy(race->data + position % page_size + HEADER_BYTES, &i, sizeof(i));
		/* Has the consumer look, and start the timer. */
		must(output_waiting(race->fd, "next", 4) == 0);
		usleep(rand_r(&seed) % (2 * RACE_TIMEOUT_US));
		ret = ring_submit(race->fd, position);
		must(ret == 0 || ret == -ESTALE);
		race->sent[i] = !ret;
		race->nr_stale += !!ret;
	}
	must(output_waiting(race->fd, "end", 3) == 0);
	return NULL;
}

/* Either it comes out, once, or its owner gets ESTALE. */
TEST(record_is_sent_or_its_owner_gets_estale)
{
	static struct race race;
	static bool seen[RACES];
	struct {
		struct karena_record_header header;
		uint64_t number;
	} record;
	struct ring ring = ring_open(create_with_timeout(RACE_TIMEOUT_US, 0));
	pthread_t owner;

	race.fd = ring.fd;
	race.data = ring_data(&ring);
	must(race.data);
	must(pthread_create(&owner, NULL, race_with_the_timer, &race) == 0);
	for (;;) {
		ASSERT_EQ(sizeof(record), (size_t)ring_read(ring.fd, &record, sizeof(record)));
		if (record.header.word == 3)
			break;
		if (record.header.word == 4)
			continue;
		ASSERT_GT(RACES, record.number);
		ASSERT_FALSE(seen[record.number]);
		seen[record.number] = true;
	}
	must(pthread_join(owner, NULL) == 0);
	EXPECT_EQ(0, memcmp(seen, race.sent, sizeof(seen)));
	EXPECT_EQ(race.nr_stale, ring_stat(ring.fd).out_lost_timeout);
	printf("# %u of %u were passed over\n", race.nr_stale, RACES);
	munmap(race.data, 2 * page_size);
	ring_close(&ring);
}

/* With the timer on its way, running, or done. */
TEST(ring_may_go_while_a_record_holds_consumers_up)
{
	for (unsigned int i = 0; i < 300; i++) {
		int fd = create_with_timeout(1 + i % 100 * 10, 0);

		ASSERT_EQ(0, ring_reserve(fd, 8, NULL));
		ASSERT_EQ(0, ring_output(fd, "newer", 5, 0));
		ring_stat(fd);
		close(fd);
	}
}

TEST_HARNESS_MAIN
