// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free and decommit go through long ranges in steps, between which others may
 * change what is to come: what they made of it must stand, whichever was first.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/* Populated, this takes more steps than one. */
#define PAGES		8192
#define LAST		(PAGES - 1)
#define ROUNDS		12

enum call { DECOMMIT, FREE_STRICT };

struct race {
	int fd;
	enum call call;
	int ready;
	int ret;
};

static void *long_call(void *arg)
{
	struct race *race = arg;

	pin_to_cpu(1);
	set_flag(&race->ready, 1);
	if (race->call == DECOMMIT)
		race->ret = arena_decommit(race->fd, 0, PAGES);
	else
		race->ret = arena_free_flags(race->fd, KARENA_FREE_F_STRICT, 0, PAGES, NULL);
	return NULL;
}

/* As soon as the other call is under way, make its last page a guard. */
static void guard_the_last(struct race *race)
{
	wait_until(&race->ready, 1);
	while (page_state(race->fd, 0) == KARENA_PAGE_ALLOCATED)
		sched_yield();
	must(arena_free(race->fd, LAST, 1) == 0);
	must(arena_reserve(race->fd, KARENA_RESERVE_F_GUARD, LAST, 1) == 0);
}

FIXTURE(steps)
{
	struct race race;
};

FIXTURE_VARIANT(steps)
{
	enum call call;
	uint32_t left;
};

FIXTURE_VARIANT_ADD(steps, decommit)
{
	.call = DECOMMIT,
	.left = KARENA_PAGE_RESERVED,
};

FIXTURE_VARIANT_ADD(steps, free_strict)
{
	.call = FREE_STRICT,
	.left = KARENA_PAGE_FREE,
};

FIXTURE_SETUP(steps)
{
	self->race.fd = arena_new(0, PAGES);
	self->race.call = variant->call;
	pin_to_cpu(0);
}

FIXTURE_TEARDOWN(steps)
{
	close(self->race.fd);
}

TEST_F_TIMEOUT(steps, what_others_do_between_them_stands, 600)
{
	unsigned long i, rounds = scaled(ROUNDS);
	struct race *race = &self->race;
	pthread_t thread;

	for (i = 0; i < rounds; i++) {
		arena_take(race->fd, 0, 0, PAGES);
		race->ready = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, long_call, race));
		guard_the_last(race);
		ASSERT_EQ(0, pthread_join(thread, NULL));

		ASSERT_EQ(0, race->ret);
		ASSERT_EQ(KARENA_PAGE_GUARD, page_state(race->fd, LAST));
		ASSERT_EQ(variant->left, page_state(race->fd, 0));
		ASSERT_EQ(variant->left, page_state(race->fd, LAST - 1));
		ASSERT_EQ(0, arena_free(race->fd, 0, PAGES));
	}
}

TEST_HARNESS_MAIN
