// SPDX-License-Identifier: MIT
/*
 * The same job with standard kernel features. The index is in a memfd of its final size,
 * of which nothing is freed. Records go through a hand-made ring in another memfd, with
 * a lock, and an eventfd to wake.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "job.h"

#define INDEX_BYTES	(1ull << 30)
#define RING_BYTES	(64u << 10)

/**
 * struct hand_ring - in shared memory
 * @lock:	protects all other fields
 * @head:	total bytes put in
 * @tail:	total bytes taken out
 * @data:	records one after the other, each preceded by its length
 */
struct hand_ring {
	pthread_mutex_t lock;
	uint64_t head;
	uint64_t tail;
	unsigned char data[RING_BYTES];
};

/**
 * struct by_hand - state of the job before it forks
 * @memory:	of the index
 * @top:	in shared memory: offset of the first unused byte of @memory
 * @ring:	in shared memory
 * @wake:	eventfd
 * @collector:	used by the consumer
 */
struct by_hand {
	char *memory;
	uint64_t *top;
	struct hand_ring *ring;
	int wake;
	struct collector collector;
};

static void *map_memfd(const char *name, uint64_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	void *address;

	if (fd < 0)
		return NULL;
	address = ftruncate(fd, (off_t)bytes) < 0 ? MAP_FAILED :
		  mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return address == MAP_FAILED ? NULL : address;
}

static int more(void *context, uint64_t bytes, uint64_t *offset)
{
	const struct by_hand *hand = context;

	*offset = __atomic_fetch_add(hand->top, (bytes + 4095) & ~4095ull, __ATOMIC_RELAXED);
	return *offset + bytes > INDEX_BYTES ? -ENOSPC : 0;
}

static void copy_in(struct hand_ring *ring, const void *data, size_t length)
{
	size_t at = ring->head % RING_BYTES;
	size_t first = length < RING_BYTES - at ? length : RING_BYTES - at;

	memcpy(ring->data + at, data, first);
	memcpy(ring->data, (const char *)data + first, length - first);
	ring->head += length;
}

static void copy_out(struct hand_ring *ring, void *data, size_t length)
{
	size_t at = ring->tail % RING_BYTES;
	size_t first = length < RING_BYTES - at ? length : RING_BYTES - at;

	memcpy(data, ring->data + at, first);
	memcpy((char *)data + first, ring->data, length - first);
	ring->tail += length;
}

static int put(const struct by_hand *hand, const void *record, uint32_t length)
{
	struct hand_ring *ring = hand->ring;

	pthread_mutex_lock(&ring->lock);
	while (RING_BYTES - (ring->head - ring->tail) < sizeof(length) + length) {
		pthread_mutex_unlock(&ring->lock);
		sched_yield();
		pthread_mutex_lock(&ring->lock);
	}
	copy_in(ring, &length, sizeof(length));
	copy_in(ring, record, length);
	pthread_mutex_unlock(&ring->lock);
	return eventfd_write(hand->wake, 1) < 0 ? -errno : 0;
}

static uint32_t get(struct hand_ring *ring, void *record)
{
	uint32_t length = 0;

	pthread_mutex_lock(&ring->lock);
	if (ring->head != ring->tail) {
		copy_out(ring, &length, sizeof(length));
		copy_out(ring, record, length);
	}
	pthread_mutex_unlock(&ring->lock);
	return length;
}

/**
 * struct indexer - one of the indexing processes
 * @index:	in the memfd
 * @file:	file being indexed
 * @record:	of that file
 */
struct indexer {
	struct index index;
	unsigned int file;
	union {
		struct file_done record;
		char room[RECORD_MAX];
	};
};

static int add(void *context, const char *name, unsigned int length, uint32_t hash)
{
	struct indexer *indexer = context;
	int ret = index_add(&indexer->index, name, length, hash, indexer->file);

	if (ret > 0)
		indexer->record.identifiers++;
	return ret;
}

static int index_file(const struct by_hand *hand, struct indexer *indexer, struct scanner *scanner)
{
	const char *path = index_path(&indexer->index, indexer->file);
	int64_t bytes;
	int ret;

	indexer->record.identifiers = 0;
	bytes = scan_file(scanner, path, add, indexer);
	if (bytes < 0)
		return (int)bytes;
	indexer->record.file = indexer->file;
	indexer->record.bytes = (uint32_t)bytes;
	strcpy(indexer->record.path, path);
	ret = put(hand, &indexer->record, sizeof(indexer->record) + strlen(path) + 1);
	indexer->record.sequence++;
	return ret;
}

static int indexer_process(void *context, unsigned int writer)
{
	const struct by_hand *hand = context;
	struct scanner scanner = { 0 };
	struct indexer indexer;
	int ret = 0;

	memset(&indexer, 0, sizeof(indexer));
	indexer.index.base = hand->memory;
	indexer.index.more = more;
	indexer.index.context = context;
	indexer.index.writer = writer;
	indexer.record.writer = writer;
	while (!ret && index_take_file(&indexer.index, &indexer.file))
		ret = index_file(hand, &indexer, &scanner);
	scan_end(&scanner);
	return ret;
}

static int drain_ring(void *context)
{
	struct by_hand *hand = context;
	union {
		struct file_done record;
		char room[RECORD_MAX];
	} u;
	eventfd_t count;
	uint32_t length;
	int ret = 0;

	eventfd_read(hand->wake, &count);
	while (!ret && (length = get(hand->ring, &u)))
		ret = collector_take(&hand->collector, &u.record, length);
	return ret < 0 ? ret : 1;
}

static int make_ring(struct by_hand *hand)
{
	pthread_mutexattr_t attr;

	hand->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (hand->wake < 0)
		return -errno;
	hand->ring = map_memfd("ring", sizeof(*hand->ring));
	if (!hand->ring)
		return -ENOMEM;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&hand->ring->lock, &attr);
	return 0;
}

static int run(const struct job *job, struct by_hand *hand, struct done *done)
{
	struct source source = { .fd = hand->wake, .drain = drain_ring, .context = hand };
	double start = now();
	pid_t pids[INDEX_WRITERS];
	int ret;

	ret = collector_init(&hand->collector, job->list);
	if (ret < 0)
		return ret;
	ret = start_writers(pids, indexer_process, hand);
	if (ret < 0)
		goto out;
	ret = collector_run(&hand->collector, &source, 1, pids);
	if (ret < 0)
		kill_writers(pids);
	done->seconds = now() - start;
	done->files = hand->collector.files;
	done->bytes = hand->collector.bytes;
out:
	collector_end(&hand->collector);
	return ret;
}

int by_memfd(const struct job *job, struct done *done)
{
	/* Static, as the index in it outlives this function. */
	static struct by_hand hand;
	int ret;

	hand.memory = map_memfd("index", INDEX_BYTES);
	hand.top = map_memfd("top", sizeof(*hand.top));
	if (!hand.memory || !hand.top)
		return -ENOMEM;
	ret = make_ring(&hand);
	if (ret < 0)
		return ret;
	done->index.base = hand.memory;
	done->index.more = more;
	done->index.context = &hand;
	ret = index_create(&done->index, job->paths, job->nr_paths);
	if (ret < 0)
		return ret;
	return run(job, &hand, done);
}
