/* SPDX-License-Identifier: MIT */
/*
 * A robust mutex of an arena, around an allocator that other processes use, too.
 */
#ifndef PORTS_LOCK_H
#define PORTS_LOCK_H

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static inline void must(int error)
{
	if (error) {
		errno = error;
		err(1, "lock");
	}
}

static inline void make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	must(pthread_mutexattr_init(&attr));
	must(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	must(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	must(pthread_mutex_init(lock, &attr));
}

/* Returns whether the owner has died, so that what the lock protects may be half done. */
static inline bool take_lock(pthread_mutex_t *lock)
{
	int error = pthread_mutex_lock(lock);

	if (error == EOWNERDEAD)
		return true;
	must(error);
	return false;
}

#endif /* PORTS_LOCK_H */
