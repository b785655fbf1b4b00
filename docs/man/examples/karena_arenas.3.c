// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * A counter in an arena, with a lock that outlives its owner: a child dies while it has
 * the lock and has changed only half of the data. A guard page lies behind it.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

/* Both counters are equal while nobody has the lock. */
struct shared {
	pthread_mutex_t lock;
	volatile int first;
	volatile int second;
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

static void make_lock(struct shared *shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->lock, &attr);
}

static void add(struct shared *shared, int die)
{
	if (pthread_mutex_lock(&shared->lock) == EOWNERDEAD) {
		/* Undo what the dead owner left half done. */
		shared->first = shared->second;
		pthread_mutex_consistent(&shared->lock);
		puts("repaired");
	}
	shared->first++;
	if (die)
		_exit(1);
	shared->second++;
	pthread_mutex_unlock(&shared->lock);
}

int main(void)
{
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_view view;
	struct shared *shared;
	uint64_t offset;

	check(karena_open(NULL, &device));
	check(karena_arena_create(device, 1ull << 40, NULL, &arena));
	check(karena_arena_map(arena, NULL, &view));
	check(karena_arena_alloc(arena, 1, NULL, &offset));
	check(karena_arena_guard(arena, offset + karena_arena_page_size(arena), 1));
	shared = karena_view_ptr(&view, offset, sizeof(*shared));
	make_lock(shared);

	if (!fork()) {
		/* Children do not inherit views: this one maps the arena elsewhere. */
		check(karena_arena_map(arena, NULL, &view));
		shared = karena_view_ptr(&view, offset, sizeof(*shared));
		add(shared, 0);
		add(shared, 1);
	}
	wait(NULL);
	add(shared, 0);
	printf("%d and %d\n", shared->first, shared->second);

	check(karena_view_unmap(&view));
	karena_arena_close(arena);
	karena_close(device);
	return 0;
}
