// SPDX-License-Identifier: GPL-2.0-only
/*
 * The C library's process-shared locks, and futexes themselves, in an arena that two
 * processes have at different addresses.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/* At the start of the arena; what a child does with it, it does at its own address. */
struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock;
	sem_t here, there;
	unsigned int turn;
	unsigned long count;
	int futex;
	int step;
};

FIXTURE(locks)
{
	int fd;
	struct shared *shared;
};

FIXTURE_SETUP(locks)
{
	self->fd = arena_new(0, 16);
	self->shared = (struct shared *)arena_map(self->fd, RDWR, 0, 16);
}

FIXTURE_TEARDOWN(locks)
{
}

/* In a child: the arena where its parent has it not. */
static struct shared *map_elsewhere(int fd, const struct shared *parents)
{
	char *place = mmap(NULL, 64 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	place += 16 * page_size;
	must(place != (char *)parents);
	must(mmap(place, 16 * page_size, RDWR, MAP_SHARED | MAP_FIXED, fd, 0) == place);
	return (struct shared *)place;
}

static void init_mutex(pthread_mutex_t *mutex, int robust, int protocol)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setprotocol(&attr, protocol);
	must(pthread_mutex_init(mutex, &attr) == 0);
}

/* No two at once: the sum is exact though nothing in it is atomic. */
static void count_up(struct shared *shared, unsigned long times)
{
	while (times--) {
		must(pthread_mutex_lock(&shared->mutex) == 0);
		*(volatile unsigned long *)&shared->count += 1;
		if (times % 64 == 0)
			sched_yield();
		must(pthread_mutex_unlock(&shared->mutex) == 0);
	}
}

static unsigned long count_by_two(int fd, struct shared *shared, unsigned long times)
{
	pid_t pid = fork_child();

	if (!pid) {
		count_up(map_elsewhere(fd, shared), times);
		_exit(0);
	}
	count_up(shared, times);
	must(reap(pid) == 0);
	return shared->count;
}

TEST_F(locks, mutex_keeps_processes_apart)
{
	const unsigned long times = scaled(5000);

	init_mutex(&self->shared->mutex, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	EXPECT_EQ(2 * times, count_by_two(self->fd, self->shared, times));
}

TEST_F(locks, mutex_with_inheritance_keeps_processes_apart)
{
	const unsigned long times = scaled(1000);

	init_mutex(&self->shared->mutex, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
	EXPECT_EQ(2 * times, count_by_two(self->fd, self->shared, times));
}

/* Dies with the mutex, when it is killed or when it is told to. */
static void die_owning(int fd, struct shared *parents, bool killed)
{
	struct shared *shared = map_elsewhere(fd, parents);

	must(pthread_mutex_lock(&shared->mutex) == 0);
	shared->turn = 1;
	set_flag(&shared->step, 1);
	if (killed)
		pause();
	wait_until(&shared->step, 2);
	_exit(0);
}

FIXTURE(robust)
{
	int fd;
	struct shared *shared;
};

FIXTURE_VARIANT(robust)
{
	int protocol;
	bool killed;
};

FIXTURE_VARIANT_ADD(robust, owner_exits) { PTHREAD_PRIO_NONE, false };
FIXTURE_VARIANT_ADD(robust, owner_is_killed) { PTHREAD_PRIO_NONE, true };
FIXTURE_VARIANT_ADD(robust, owner_with_inheritance_is_killed) { PTHREAD_PRIO_INHERIT, true };

FIXTURE_SETUP(robust)
{
	self->fd = arena_new(0, 16);
	self->shared = (struct shared *)arena_map(self->fd, RDWR, 0, 16);
	init_mutex(&self->shared->mutex, PTHREAD_MUTEX_ROBUST, variant->protocol);
}

FIXTURE_TEARDOWN(robust)
{
}

static void *lock_and_report(void *data)
{
	struct shared *shared = data;

	return (void *)(long)pthread_mutex_lock(&shared->mutex);
}

TEST_F(robust, next_owner_learns_of_it)
{
	struct shared *shared = self->shared;
	pthread_t waiter;
	void *result;
	pid_t pid;

	pid = fork_child();
	if (!pid)
		die_owning(self->fd, shared, variant->killed);
	wait_until(&shared->step, 1);
	EXPECT_EQ(EBUSY, pthread_mutex_trylock(&shared->mutex));
	must(pthread_create(&waiter, NULL, lock_and_report, shared) == 0);
	pause_ms(20);
	set_flag(&shared->step, 2);
	if (variant->killed) {
		EXPECT_EQ(-SIGKILL, end_child(pid));
	} else {
		EXPECT_EQ(0, reap(pid));
	}

	/* The thread that waited has it, and ended as its owner: EOWNERDEAD once more. */
	pthread_join(waiter, &result);
	EXPECT_EQ(EOWNERDEAD, (long)result);
	EXPECT_EQ(EOWNERDEAD, pthread_mutex_lock(&shared->mutex));
	EXPECT_EQ(0, pthread_mutex_consistent(&shared->mutex));
	EXPECT_EQ(0, pthread_mutex_unlock(&shared->mutex));
	EXPECT_EQ(0, pthread_mutex_lock(&shared->mutex));
	EXPECT_EQ(1, shared->turn);
}

/* In turns, each waiting for the other to say that it is its turn. */
static void take_turns(struct shared *shared, unsigned int parity, unsigned int turns)
{
	while (turns--) {
		must(pthread_mutex_lock(&shared->mutex) == 0);
		while (shared->turn % 2 != parity)
			must(pthread_cond_wait(&shared->cond, &shared->mutex) == 0);
		shared->turn++;
		must(pthread_cond_broadcast(&shared->cond) == 0);
		must(pthread_mutex_unlock(&shared->mutex) == 0);
	}
}

TEST_F(locks, condition_wakes_the_other)
{
	const unsigned int turns = scaled(500);
	pthread_condattr_t attr;
	pid_t pid;

	pthread_condattr_init(&attr);
	pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	must(pthread_cond_init(&self->shared->cond, &attr) == 0);
	init_mutex(&self->shared->mutex, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	pid = fork_child();
	if (!pid) {
		take_turns(map_elsewhere(self->fd, self->shared), 1, turns);
		_exit(0);
	}
	take_turns(self->shared, 0, turns);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(2 * turns, self->shared->turn);
}

TEST_F(locks, barrier_holds_all_back)
{
	const unsigned int rounds = scaled(100), processes = 3;
	pthread_barrierattr_t attr;
	unsigned int i, round;
	pid_t pids[2];

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	must(pthread_barrier_init(&self->shared->barrier, &attr, processes) == 0);
	for (i = 0; i < 2; i++) {
		pids[i] = fork_child();
		if (!pids[i]) {
			struct shared *shared = map_elsewhere(self->fd, self->shared);

			for (round = 0; round < rounds; round++) {
				__atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
				pthread_barrier_wait(&shared->barrier);
				pthread_barrier_wait(&shared->barrier);
			}
			_exit(0);
		}
	}
	for (round = 0; round < rounds; round++) {
		pthread_barrier_wait(&self->shared->barrier);
		EXPECT_EQ(2 * (round + 1), self->shared->count);
		pthread_barrier_wait(&self->shared->barrier);
	}
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, reap(pids[i]));
}

TEST_F(locks, semaphores_hand_over)
{
	const unsigned int rounds = scaled(500);
	unsigned int i;
	pid_t pid;

	must(sem_init(&self->shared->here, 1, 0) == 0);
	must(sem_init(&self->shared->there, 1, 0) == 0);
	pid = fork_child();
	if (!pid) {
		struct shared *shared = map_elsewhere(self->fd, self->shared);

		for (i = 0; i < rounds; i++) {
			must(sem_wait(&shared->there) == 0);
			shared->count++;
			must(sem_post(&shared->here) == 0);
		}
		_exit(0);
	}
	for (i = 0; i < rounds; i++) {
		must(sem_post(&self->shared->there) == 0);
		must(sem_wait(&self->shared->here) == 0);
		EXPECT_EQ(i + 1, self->shared->count);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(locks, rwlock_keeps_writers_apart)
{
	const unsigned long times = scaled(1000);
	pthread_rwlockattr_t attr;
	struct shared *shared = self->shared;
	unsigned long i;
	pid_t pid;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	must(pthread_rwlock_init(&shared->rwlock, &attr) == 0);
	pid = fork_child();
	if (!pid)
		shared = map_elsewhere(self->fd, self->shared);
	for (i = 0; i < times; i++) {
		must(pthread_rwlock_rdlock(&shared->rwlock) == 0);
		must(pthread_rwlock_unlock(&shared->rwlock) == 0);
		must(pthread_rwlock_wrlock(&shared->rwlock) == 0);
		*(volatile unsigned long *)&shared->count += 1;
		must(pthread_rwlock_unlock(&shared->rwlock) == 0);
	}
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(2 * times, shared->count);
}

/*
 * Futexes.
 */
static long futex(int *where, int op, int value)
{
	long ret = syscall(SYS_futex, where, op, value, NULL, NULL, 0);

	return ret < 0 ? -errno : ret;
}

/* Wakes @where until somebody was there to be woken, or the time is over. */
static long wake_one(int *where)
{
	int64_t end = now_ms() + HUNG_MS;
	long woken;

	do {
		woken = futex(where, FUTEX_WAKE, 1);
		if (!woken)
			pause_ms(1);
	} while (!woken && now_ms() < end);
	return woken;
}

static pid_t wait_in_child(int fd, struct shared *parents)
{
	pid_t pid = fork_child();

	if (!pid) {
		struct shared *shared = map_elsewhere(fd, parents);

		set_flag(&shared->step, 1);
		must(futex(&shared->futex, FUTEX_WAIT, 0) == 0);
		_exit(0);
	}
	wait_until(&parents->step, 1);
	wait_until_asleep(pid);
	return pid;
}

TEST_F(locks, futex_is_one_in_all_processes)
{
	pid_t pid = wait_in_child(self->fd, self->shared);

	EXPECT_EQ(1, wake_one(&self->shared->futex));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(-EAGAIN, futex(&self->shared->futex, FUTEX_WAIT, 7));
}

/* Two arenas' futexes at one offset are two, and so are two offsets' of one. */
TEST_F(locks, futex_is_no_other_arena_s)
{
	struct shared *other = (struct shared *)arena_map(arena_new(0, 16), RDWR, 0, 16);
	char *next = (char *)&self->shared->futex + page_size;
	pid_t pid = wait_in_child(self->fd, self->shared);

	EXPECT_EQ(0, futex(&other->futex, FUTEX_WAKE, 1));
	EXPECT_EQ(0, futex((int *)next, FUTEX_WAKE, 1));
	EXPECT_EQ(1, wake_one(&self->shared->futex));
	EXPECT_EQ(0, reap(pid));
}

/* The name of a futex is its place in the arena: it outlives the page there. */
TEST_F(locks, futex_of_a_freed_page_can_be_woken)
{
	pid_t pid = wait_in_child(self->fd, self->shared);

	EXPECT_EQ(0, arena_free(self->fd, 0, 16));
	EXPECT_EQ(1, wake_one(&self->shared->futex));
	EXPECT_EQ(0, reap(pid));
}

TEST_F(locks, waiter_on_a_freed_page_can_be_killed)
{
	int64_t begin;
	pid_t pid;

	pid = wait_in_child(self->fd, self->shared);
	EXPECT_EQ(0, arena_free(self->fd, 0, 16));
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 0, 16) == 0);
	EXPECT_EQ(-EFAULT, futex(&self->shared->futex, FUTEX_WAKE, 1));
	begin = now_ms();
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

/* A mutex whose page went is a mutex of zeroes: an unlocked one, to those who come. */
TEST_F(locks, mutex_of_a_freed_page_is_as_new)
{
	struct shared *shared = self->shared;

	init_mutex(&shared->mutex, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	must(pthread_mutex_lock(&shared->mutex) == 0);
	EXPECT_EQ(0, arena_free(self->fd, 0, 1));
	init_mutex(&shared->mutex, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
	EXPECT_EQ(40, count_by_two(self->fd, shared, 20));
}

/* A robust list that leads through a page that is gone does not keep its owner. */
TEST_F(locks, owner_whose_mutex_is_freed_can_die)
{
	struct shared *shared = self->shared;
	int64_t begin;
	pid_t pid;

	init_mutex(&shared->mutex, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
	pid = fork_child();
	if (!pid)
		die_owning(self->fd, shared, true);
	wait_until(&shared->step, 1);
	wait_until_asleep(pid);
	must(arena_free(self->fd, 0, 16) == 0);
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 0, 16) == 0);
	begin = now_ms();
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

TEST_HARNESS_MAIN
