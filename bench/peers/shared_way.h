/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings in memory that producers write by themselves: the core of shared rings, as a member
 * uses it; and a ring under a robust mutex, which also outlives a member.
 */
#ifndef KARENA_BENCH_SHARED_WAY_H
#define KARENA_BENCH_SHARED_WAY_H

#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kmod/record_shared.c"

#define SHARED_WAY_OWNER	2u

/* Mapped twice in a row. */
static inline char *shared_way_data(size_t bytes)
{
	int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	int fd = memfd_create("bench", MFD_CLOEXEC);
	char *at = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || ftruncate(fd, bytes) || at == MAP_FAILED ||
	    mmap(at, bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED ||
	    mmap(at + bytes, bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED)
		err(1, "data area");
	close(fd);
	return at;
}

static struct {
	struct shared_consumer consumer __attribute__((aligned(64)));
	__u64 hint __attribute__((aligned(64)));
	struct shared_armed armed __attribute__((aligned(64)));
} shared_way_words;

static struct shared_ring shared_way __attribute__((aligned(64)));
static struct shared_reader shared_way_reader __attribute__((aligned(64)));

static inline void shared_way_make(size_t bytes, uint32_t grain)
{
	struct shared_ring *r = &shared_way;

	memset(&shared_way_words, 0, sizeof(shared_way_words));
	memset(r, 0, sizeof(*r));
	r->data = shared_way_data(bytes);
	r->consumer = &shared_way_words.consumer;
	r->hint = &shared_way_words.hint;
	r->armed = &shared_way_words.armed;
	r->key = 0x8f3a94d1c07b62e5ull;
	if (shared_init(r, bytes, grain))
		errx(1, "no ring of %zu bytes", bytes);
	shared_create(r, 0);
	shared_put_marks(r, -(uint64_t)bytes, 0);
	if (shared_take_over(r, &shared_way_reader))
		errx(1, "shared_take_over");
}

static inline void shared_way_end(void)
{
	munmap(shared_way.data, 2 * shared_size(&shared_way));
}

/* NULL if there is no space. */
static inline void *shared_way_reserve(uint32_t length)
{
	shared_unit *unit;

	if (shared_reserve(&shared_way, length, SHARED_WAY_OWNER, shared_steps(&shared_way), &unit))
		return NULL;
	return unit + 1;
}

static inline void shared_way_submit(void *payload)
{
	if (shared_submit(&shared_way, (shared_unit *)payload - 1))
		errx(1, "nobody waits here");
}

struct shared_way_seen {
	uint64_t sum;
	unsigned int left;
};

static inline bool shared_way_see(void *context, const void *payload, __u32 length)
{
	struct shared_way_seen *seen = context;

	(void)length;
	seen->sum += *(const uint64_t *)payload;
	return !--seen->left;
}

/* What is there, up to @max records; their first words are added to @sum. */
static inline unsigned int shared_way_consume(unsigned int max, uint64_t *sum)
{
	struct shared_way_seen seen = { .left = max };

	if (shared_give(&shared_way, &shared_way_reader, shared_way_see, &seen))
		errx(1, "a header was written over");
	if (shared_release(&shared_way, &shared_way_reader))
		errx(1, "nobody waits here");
	*sum += seen.sum;
	return max - seen.left;
}

static struct {
	pthread_mutex_t lock __attribute__((aligned(64)));
	uint64_t producer __attribute__((aligned(64)));
	uint64_t consumer __attribute__((aligned(64)));
	char *data;
	uint64_t size;
} mutex_way;

static inline void mutex_way_make(size_t bytes)
{
	pthread_mutexattr_t attributes;

	memset(&mutex_way, 0, sizeof(mutex_way));
	mutex_way.data = shared_way_data(bytes);
	mutex_way.size = bytes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (pthread_mutex_init(&mutex_way.lock, &attributes))
		errx(1, "pthread_mutex_init");
}

static inline void mutex_way_end(void)
{
	munmap(mutex_way.data, 2 * mutex_way.size);
}

static inline char *mutex_way_at(uint64_t position)
{
	return mutex_way.data + (position & (mutex_way.size - 1));
}

/* The lock is held until the record is there, so a death leaves nothing half done. */
static inline bool mutex_way_send(const void *payload, uint32_t length)
{
	uint64_t bytes = (length + 15) & -8ull, consumer;
	bool fits;
	char *at;

	if (pthread_mutex_lock(&mutex_way.lock))
		errx(1, "pthread_mutex_lock");
	consumer = __atomic_load_n(&mutex_way.consumer, __ATOMIC_ACQUIRE);
	fits = mutex_way.producer + bytes - consumer <= mutex_way.size;
	if (fits) {
		at = mutex_way_at(mutex_way.producer);
		*(uint64_t *)(void *)at = length;
		memcpy(at + 8, payload, length);
		__atomic_store_n(&mutex_way.producer, mutex_way.producer + bytes, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&mutex_way.lock);
	return fits;
}

static inline unsigned int mutex_way_consume(unsigned int max, uint64_t *seen)
{
	uint64_t position = mutex_way.consumer;
	uint64_t end = __atomic_load_n(&mutex_way.producer, __ATOMIC_ACQUIRE);
	unsigned int nr;

	for (nr = 0; nr < max && position != end; nr++) {
		const uint64_t *at = (const void *)mutex_way_at(position);

		*seen += at[1];
		position += (at[0] + 15) & -8ull;
	}
	__atomic_store_n(&mutex_way.consumer, position, __ATOMIC_RELEASE);
	return nr;
}

#endif /* KARENA_BENCH_SHARED_WAY_H */
