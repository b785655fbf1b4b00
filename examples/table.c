// SPDX-License-Identifier: MIT
/*
 * table WORKERS TRANSFERS: WORKERS processes transfer money between the accounts of one
 * table in an arena. Each in turn is killed in the middle of a transfer, while it has the
 * lock, and another one repairs the table. The sum of all accounts stays.
 *
 * Mutexes and condition variables in an arena are those of pthreads with
 * PTHREAD_PROCESS_SHARED, in pages that stay allocated while anybody may wait. A death
 * leaves memory as it was at that moment: the mutex has to be robust, and the table needs
 * a note of what was under way. A condition variable is not robust, so nobody may die
 * while it waits; here only the parent waits, with a time limit.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <karena.h>

#define ACCOUNTS	64
#define EACH		100

/**
 * struct table - in the arena
 * @lock:	robust, protects the rest
 * @changed:	signalled after each transfer
 * @done:	transfers
 * @repairs:	transfers that were undone
 * @from:	of the transfer that is under way
 * @to:		likewise
 * @amount:	likewise; 0 for none
 * @was:	accounts @from and @to before it
 * @account:	money
 */
struct table {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t done;
	uint64_t repairs;
	unsigned int from;
	unsigned int to;
	volatile long amount;
	volatile long was[2];
	volatile long account[ACCOUNTS];
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

static void must(int error)
{
	if (error) {
		errno = error;
		err(1, "table");
	}
}

static struct table *make_table(const struct karena_view *view, uint64_t offset)
{
	struct table *table = karena_view_ptr(view, offset, sizeof(*table));
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	must(pthread_mutexattr_init(&mutex));
	must(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED));
	must(pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST));
	must(pthread_mutex_init(&table->lock, &mutex));
	must(pthread_condattr_init(&cond));
	must(pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED));
	must(pthread_cond_init(&table->changed, &cond));
	for (int i = 0; i < ACCOUNTS; i++)
		table->account[i] = EACH;
	return table;
}

/* Undoes what the owner that died had begun. */
static void repair(struct table *table)
{
	if (table->amount) {
		table->account[table->from] = table->was[0];
		table->account[table->to] = table->was[1];
		table->amount = 0;
		table->repairs++;
	}
	must(pthread_mutex_consistent(&table->lock));
}

static void lock_table(struct table *table)
{
	int error = pthread_mutex_lock(&table->lock);

	if (error == EOWNERDEAD)
		repair(table);
	else
		must(error);
}

/* A compiler must not reorder these stores; a death of the machine is another matter. */
static void transfer(struct table *table, bool die)
{
	lock_table(table);
	table->from = (unsigned int)rand() % ACCOUNTS;
	table->to = (table->from + 1 + (unsigned int)rand() % (ACCOUNTS - 1)) % ACCOUNTS;
	table->was[0] = table->account[table->from];
	table->was[1] = table->account[table->to];
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	table->amount = 1 + rand() % 10;
	table->account[table->from] -= table->amount;
	if (die)
		raise(SIGKILL);
	table->account[table->to] += table->amount;
	table->amount = 0;
	table->done++;
	must(pthread_cond_signal(&table->changed));
	must(pthread_mutex_unlock(&table->lock));
}

/* In a process of its own, which has no view yet. */
static void work(const struct karena_arena *arena, uint64_t offset, int transfers, bool die)
{
	struct karena_view view;

	srand((unsigned int)getpid());
	check(karena_arena_map(arena, NULL, &view));
	for (int i = 0; i < transfers; i++)
		transfer(karena_view_ptr(&view, offset, sizeof(struct table)),
			 die && i == transfers / 2);
	_exit(0);
}

/* Waits for that many transfers, or until nobody is left to make them. */
static void wait_for(struct table *table, uint64_t transfers)
{
	struct timespec soon;

	lock_table(table);
	while (table->done < transfers) {
		int error;

		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_sec++;
		error = pthread_cond_timedwait(&table->changed, &table->lock, &soon);
		if (error == EOWNERDEAD)
			repair(table);
		else if (error != ETIMEDOUT)
			must(error);
	}
	must(pthread_mutex_unlock(&table->lock));
}

int main(int argc, char **argv)
{
	int workers = argc == 3 ? atoi(argv[1]) : 0, transfers = argc == 3 ? atoi(argv[2]) : 0;
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_view view;
	struct table *table;
	uint64_t offset;
	long sum = 0;

	if (workers < 1 || transfers < 1)
		errx(1, "usage: table WORKERS TRANSFERS");
	check(karena_open(NULL, &device));
	check(karena_arena_create(device, 1 << 20, NULL, &arena));
	check(karena_arena_map(arena, NULL, &view));
	check(karena_arena_alloc(arena, 1, NULL, &offset));
	table = make_table(&view, offset);
	for (int i = 0; i < workers; i++) {
		/* The first one is killed, and a second does its work. */
		if (!fork())
			work(arena, offset, transfers, true);
		if (!fork())
			work(arena, offset, transfers, false);
	}
	wait_for(table, (uint64_t)workers * (uint64_t)(transfers + transfers / 2));
	while (wait(NULL) > 0)
		;
	lock_table(table);
	for (int i = 0; i < ACCOUNTS; i++)
		sum += table->account[i];
	printf("sum %ld, repairs %llu\n", sum, (unsigned long long)table->repairs);
	return 0;
}
