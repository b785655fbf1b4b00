// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job with karena: the index grows in an arena that all indexers share, a
 * page at a time; finished files are told by a ring.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

#define ARENA_BYTES	(16ull << 30)
#define RING_BYTES	(64u << 10)
#define BATCH		64

/**
 * struct indexer - one of the processes that index
 * @arena:	may map and allocate, but free nothing
 * @view:	the arena, where this process has it
 * @ring:	may produce only
 * @index:	in @arena
 * @file:	the one under way
 * @identifiers: different ones in it so far
 */
struct indexer {
	struct karena_arena *arena;
	struct karena_view view;
	struct karena_ring *ring;
	struct index index;
	unsigned int file;
	uint32_t identifiers;
};

/* Memory for the index: pages of the arena. */
static int more(void *context, uint64_t bytes, uint64_t *offset)
{
	const struct karena_arena *arena = context;
	size_t page = karena_arena_page_size(arena);

	return karena_arena_alloc(arena, (bytes + page - 1) / page, NULL, offset);
}

static int add(void *context, const char *name, unsigned int length, uint32_t hash)
{
	struct indexer *indexer = context;
	int ret = index_add(&indexer->index, name, length, hash, indexer->file);

	if (ret > 0)
		indexer->identifiers++;
	return ret;
}

/* A full ring is waited for, rather than a record lost. */
static struct file_done *reserve(struct karena_ring *ring, size_t length)
{
	void *record;

	while (!(record = karena_ring_reserve(ring, length)) && errno == EAGAIN)
		karena_ring_wait(ring, POLLOUT, -1);
	return record;
}

static int tell(struct indexer *indexer, uint32_t sequence, uint64_t bytes)
{
	const char *path = index_path(&indexer->index, indexer->file);
	struct file_done *done;

	done = reserve(indexer->ring, sizeof(*done) + strlen(path) + 1);
	if (!done)
		return -errno;
	done->writer = indexer->index.writer;
	done->sequence = sequence;
	done->bytes = (uint32_t)bytes;
	done->identifiers = indexer->identifiers;
	strcpy(done->path, path);
	return karena_ring_submit(indexer->ring, done, 0);
}

static int index_files(struct indexer *indexer)
{
	struct scanner scanner = { 0 };
	uint32_t sequence = 0;
	int64_t bytes;
	int ret = 0;

	while (!ret && index_take_file(&indexer->index, &indexer->file)) {
		indexer->identifiers = 0;
		bytes = scan_file(&scanner, index_path(&indexer->index, indexer->file), add,
				  indexer);
		ret = bytes < 0 ? (int)bytes : tell(indexer, sequence++, (uint64_t)bytes);
	}
	scan_end(&scanner);
	return ret;
}

/*
 * The child has its parent's descriptors and none of its mappings: it makes its
 * own, with the rights that an indexer needs.
 */
static int indexer_process(void *context, unsigned int writer)
{
	const struct shared *shared = context;
	struct indexer indexer;
	int ret;

	memset(&indexer, 0, sizeof(indexer));
	ret = karena_arena_reopen(shared->arena, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE |
				  KARENA_RIGHT_ALLOC, &indexer.arena);
	if (ret < 0)
		return ret;
	ret = karena_ring_reopen(shared->ring, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE |
				 KARENA_RIGHT_PRODUCE, &indexer.ring);
	if (ret < 0)
		goto err_arena;
	ret = karena_arena_map(indexer.arena, NULL, &indexer.view);
	if (ret < 0)
		goto err_ring;
	indexer.index.base = indexer.view.address;
	indexer.index.more = more;
	indexer.index.context = indexer.arena;
	indexer.index.writer = writer;
	ret = index_files(&indexer);
	karena_view_unmap(&indexer.view);
err_ring:
	karena_ring_close(indexer.ring);
err_arena:
	karena_arena_close(indexer.arena);
	return ret;
}

/**
 * struct drain - the consumer's end of the ring
 * @ring:	of records
 * @collector:	who takes them
 */
struct drain {
	struct karena_ring *ring;
	struct collector *collector;
};

static int drain_ring(void *context)
{
	struct drain *drain = context;
	struct karena_record records[BATCH];
	int count, ret = 0;

	while (!ret && (count = karena_ring_claim(drain->ring, records, BATCH)) > 0) {
		for (int i = 0; !ret && i < count; i++)
			ret = collector_take(drain->collector, records[i].data, records[i].length);
		karena_ring_release(drain->ring);
	}
	if (!ret)
		ret = count;
	return ret < 0 ? ret : 1;
}

static int run(const struct job *job, struct shared *shared, struct done *done)
{
	struct collector collector;
	struct drain drain = { .ring = shared->ring, .collector = &collector };
	struct source source = {
		.fd = karena_ring_fd(shared->ring),
		.drain = drain_ring,
		.context = &drain,
	};
	double start = now();
	pid_t pids[INDEX_WRITERS];
	int ret;

	ret = collector_init(&collector, job->list);
	if (ret < 0)
		return ret;
	collector.progress = job->nr_paths;
	ret = start_writers(pids, indexer_process, shared);
	if (ret < 0)
		goto out;
	show("indexers", "pids %d %d %d %d", pids[0], pids[1], pids[2], pids[3]);
	ret = collector_run(&collector, &source, 1, pids);
	if (ret < 0)
		kill_writers(pids);
	done->seconds = now() - start;
	done->files = collector.files;
	done->bytes = collector.bytes;
out:
	collector_end(&collector);
	return ret;
}

static int make_objects(struct karena_device *device, struct shared *shared)
{
	struct karena_arena_opts arena_opts = { .size = sizeof(arena_opts), .name = "index" };
	struct karena_ring_opts ring_opts = {
		.size = sizeof(ring_opts),
		.name = "files",
		.flags = KARENA_RING_F_IN_PLACE,
	};
	int ret;

	ret = karena_arena_create(device, ARENA_BYTES, &arena_opts, &shared->arena);
	if (ret < 0)
		return ret;
	ret = karena_ring_create(device, RING_BYTES, &ring_opts, &shared->ring);
	if (ret < 0)
		return ret;
	return karena_arena_map(shared->arena, NULL, &shared->view);
}

int by_karena(const struct job *job, struct shared *shared, struct done *done)
{
	struct karena_device *device;
	int ret;

	ret = karena_open(NULL, &device);
	if (ret < 0)
		return ret;
	ret = make_objects(device, shared);
	karena_close(device);
	if (ret < 0)
		return ret;
	done->index.base = shared->view.address;
	done->index.more = more;
	done->index.context = shared->arena;
	ret = index_create(&done->index, job->paths, job->nr_paths);
	if (ret < 0)
		return ret;
	return run(job, shared, done);
}
