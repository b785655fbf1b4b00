/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes, time, and flags in memory that processes or threads share.
 */
#ifndef KARENA_TESTS_PROCESS_H
#define KARENA_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A child that does not outlive its parent. */
pid_t fork_child(void);

/* Likewise, as a user other than root. */
pid_t fork_user(uid_t uid);

/* What @run comes to in a process of @uid, which it may share memory with. */
int as_user(uid_t uid, int (*run)(void *data), void *data);

/* Its exit status, or -signal; -1: any child's. Signals to the caller do not end the wait. */
int reap(pid_t pid);

int end_child(pid_t pid);

/* Memory that children share with their parent, zeroed. */
void *shared_memory(size_t bytes);

void pause_ms(long ms);

int64_t now_ms(void);

/* What takes so long would never end: an emulated machine may stand still for seconds. */
#define HUNG_MS		60000

/* Sleeps rather than spins: the other side may need this CPU. */
void wait_until(const int *flag, int value);

static inline void set_flag(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static inline int get_flag(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

void pin_to_cpu(int cpu);

/* For good, that is, and not for a page or a lock on its way there. */
void wait_until_asleep(pid_t pid);

#endif /* KARENA_TESTS_PROCESS_H */
