// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "vmr_contest.h"

#define CONTESTED	12

struct contest {
	struct karena_vmr *vmr;
	struct karena_vmr_source sources[3];
	long mapped[CONTESTED];
	int attempts;
	/* Of all maps that can be made, by id. */
	char *ids;
};

static size_t most_maps(const struct contest *contest)
{
	return (size_t)THREADS * contest->attempts;
}

static void contest_map(struct contest *contest, unsigned int page, unsigned int kind)
{
	struct karena_vmr_map map;
	int ret;

	ret = karena_vmr_map(contest->vmr, page * PAGE, PAGE, &contest->sources[kind], &map);
	CHECK(!ret || ret == KARENA_E_MAPPING_EXISTS);
	if (ret)
		return;
	__atomic_fetch_add(&contest->mapped[page], 1, __ATOMIC_RELAXED);
	/* No two maps have the same one, so nobody sees one a second time. */
	if (map.id <= most_maps(contest))
		CHECK(!__atomic_exchange_n(&contest->ids[map.id], 1, __ATOMIC_RELAXED));
}

static void contest_unmap(struct contest *contest, unsigned int page)
{
	struct karena_vmr_map map;
	int ret;

	if (karena_vmr_map_find(contest->vmr, page * PAGE, PAGE, &map))
		return;
	CHECK(map.length == PAGE);
	ret = karena_vmr_unmap(contest->vmr, &map);
	CHECK(!ret || ret == KARENA_E_MAPPING_NOT_FOUND);
	if (!ret)
		__atomic_fetch_sub(&contest->mapped[page], 1, __ATOMIC_RELAXED);
}

static void contest_walk(struct contest *contest)
{
	struct karena_vmr_map map, next;

	karena_vmr_map_first(contest->vmr, &map);
	while (map.address) {
		karena_vmr_map_next(contest->vmr, &map, &next);
		CHECK(!next.address || next.address > map.address);
		map = next;
	}
}

static void *contend(void *arg)
{
	struct contest *contest = arg;
	struct thread me = { .seed = (uint64_t)(uintptr_t)&me };

	for (int i = 0; i < effort(contest->attempts); i++) {
		unsigned int page = roll(&me, CONTESTED);

		switch (roll(&me, 5)) {
		case 0 ... 1:
			contest_map(contest, page, roll(&me, 3));
			break;
		case 2 ... 3:
			contest_unmap(contest, page);
			break;
		default:
			contest_walk(contest);
		}
	}
	return NULL;
}

void play_contest(const struct numbered *files, int attempts)
{
	struct contest contest = { .attempts = attempts };
	pthread_t threads[THREADS];
	struct karena_vmr_map map;

	contest.ids = calloc(most_maps(&contest) + 1, 1);
	CHECK(contest.ids);
	make_sources(contest.sources, files);
	CHECK(!karena_vmr_new(&contest.vmr, NULL, CONTESTED * PAGE));
	for (size_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, contend, &contest));
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	for (size_t i = 0; i < CONTESTED; i++)
		CHECK(contest.mapped[i] ==
		      !karena_vmr_map_find(contest.vmr, i * PAGE, PAGE, &map));
	CHECK(!empty(&contest.vmr));
	free(contest.ids);
}
