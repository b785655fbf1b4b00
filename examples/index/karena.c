// SPDX-License-Identifier: MIT
/*
 * The job with karena: the index grows in an arena that all indexers share, a page at a
 * time; indexers report finished files through a ring.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

#define ARENA_BYTES	(16ull << 30)
#define RING_BYTES	(64u << 10)
#define BATCH		64

/**
 * struct indexer - one of the indexing processes
 * @arena:	with the rights to map and allocate, but not to free
 * @view:	of the arena in this process
 * @ring:	with the right to produce only
 * @index:	in @arena
 * @file:	file being indexed
 * @identifiers: number of different identifiers in it so far
 * @sequence:	number of records sent
 * @dies_at:	file at whose record it is killed, UINT32_MAX: none
 */
struct indexer {
	struct karena_arena *arena;
	struct karena_view view;
	struct karena_ring *ring;
	struct index index;
	unsigned int file;
	uint32_t identifiers;
	uint32_t sequence;
	uint32_t dies_at;
};

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

/* Waits if the ring is full, rather than losing a record. */
static struct file_done *reserve(struct karena_ring *ring, size_t length)
{
	void *record;

	while (!(record = karena_ring_reserve(ring, length)) && errno == EAGAIN)
		karena_ring_wait(ring, POLLOUT, -1);
	return record;
}

static int report(struct indexer *indexer, uint64_t bytes)
{
	const char *path = index_path(&indexer->index, indexer->file);
	struct file_done *done;

	done = reserve(indexer->ring, sizeof(*done) + strlen(path) + 1);
	if (!done)
		return -errno;
	done->writer = indexer->index.writer;
	done->sequence = indexer->sequence;
	done->file = indexer->file;
	done->bytes = (uint32_t)bytes;
	done->identifiers = indexer->identifiers;
	strcpy(done->path, path);
	indexer->sequence++;
	if (indexer->file == indexer->dies_at)
		kill(getpid(), SIGKILL);
	return karena_ring_submit(indexer->ring, done, 0);
}

static int index_file(struct indexer *indexer, struct scanner *scanner)
{
	int64_t bytes;

	indexer->identifiers = 0;
	bytes = scan_file(scanner, index_path(&indexer->index, indexer->file), add, indexer);
	return bytes < 0 ? (int)bytes : report(indexer, (uint64_t)bytes);
}

static int index_files(struct indexer *indexer)
{
	struct scanner scanner = { 0 };
	int ret = 0;

	while (!ret && index_take_file(&indexer->index, &indexer->file))
		ret = index_file(indexer, &scanner);
	scan_end(&scanner);
	return ret;
}

/*
 * A child inherits its parent's descriptors but not its mappings. So it makes its own,
 * with the rights that an indexer needs.
 */
static int indexer_init(struct indexer *indexer, const struct shared *shared,
			unsigned int writer)
{
	int ret;

	memset(indexer, 0, sizeof(*indexer));
	indexer->dies_at = UINT32_MAX;
	ret = karena_arena_reopen(shared->arena, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE |
				  KARENA_RIGHT_ALLOC, &indexer->arena);
	if (ret < 0)
		return ret;
	ret = karena_ring_reopen(shared->ring, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE |
				 KARENA_RIGHT_PRODUCE, &indexer->ring);
	if (ret < 0)
		goto err_arena;
	ret = karena_arena_map(indexer->arena, NULL, &indexer->view);
	if (ret < 0)
		goto err_ring;
	indexer->index.base = indexer->view.address;
	indexer->index.more = more;
	indexer->index.context = indexer->arena;
	indexer->index.writer = writer;
	return 0;

err_ring:
	karena_ring_close(indexer->ring);
err_arena:
	karena_arena_close(indexer->arena);
	return ret;
}

static void indexer_fini(struct indexer *indexer)
{
	karena_view_unmap(&indexer->view);
	karena_ring_close(indexer->ring);
	karena_arena_close(indexer->arena);
}

static int indexer_process(void *context, unsigned int writer)
{
	const struct shared *shared = context;
	struct indexer indexer;
	int ret;

	ret = indexer_init(&indexer, shared, writer);
	if (ret < 0)
		return ret;
	indexer.dies_at = shared->dies_at;
	ret = index_files(&indexer);
	indexer_fini(&indexer);
	return ret;
}

/**
 * struct drain - the consumer's end of the ring
 * @job:	the job
 * @shared:	with the ring
 * @collector:	receives the records
 * @done:	by file, whether its record came
 */
struct drain {
	const struct job *job;
	struct shared *shared;
	struct collector collector;
	bool *done;
};

static int take_record(struct drain *drain, const struct karena_record *record)
{
	const struct file_done *done = record->data;
	int ret = collector_take(&drain->collector, done, record->length);

	if (ret < 0)
		return ret;
	if (done->file >= drain->job->nr_paths || drain->done[done->file])
		return -EBADMSG;
	drain->done[done->file] = true;
	return 0;
}

static int drain_ring(void *context)
{
	struct drain *drain = context;
	struct karena_ring *ring = drain->shared->ring;
	struct karena_record records[BATCH];
	int count, ret = 0;

	while (!ret && (count = karena_ring_take(ring, records, BATCH)) > 0) {
		for (int i = 0; !ret && i < count; i++)
			ret = take_record(drain, &records[i]);
		karena_ring_release(ring);
	}
	if (!ret)
		ret = count;
	return ret < 0 ? ret : 1;
}

/*
 * Indexes a file that the killed indexer was working on again, under its number. What the
 * killed indexer has added for the file is last in its lists, so it is not added twice.
 */
static int redo(const struct drain *drain, unsigned int writer, uint32_t sequence,
		unsigned int file)
{
	struct scanner scanner = { 0 };
	struct indexer indexer;
	int ret;

	ret = indexer_init(&indexer, drain->shared, writer);
	if (ret < 0)
		return ret;
	indexer.sequence = sequence;
	indexer.file = file;
	ret = index_file(&indexer, &scanner);
	scan_end(&scanner);
	indexer_fini(&indexer);
	return ret;
}

static pid_t start_redo(void *context, unsigned int writer, uint32_t sequence)
{
	struct drain *drain = context;
	unsigned int file = 0;
	pid_t pid;

	while (file < drain->job->nr_paths && drain->done[file])
		file++;
	if (file == drain->job->nr_paths)
		return -EPROTO;
	show("killed with -9", "indexer %u, between reserve and submit", writer);
	show("", "of %s", drain->job->paths[file]);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(redo(drain, writer, sequence, file) < 0);
	if (pid < 0)
		return -errno;
	show("", "which pid %d does again", pid);
	return pid;
}

static int run_collector(struct drain *drain, struct done *done)
{
	struct source source = {
		.fd = karena_ring_fd(drain->shared->ring),
		.drain = drain_ring,
		.context = drain,
	};
	struct collector *collector = &drain->collector;
	double start = now();
	pid_t pids[INDEX_WRITERS];
	int ret;

	collector->progress = drain->job->nr_paths;
	collector->successor.start = start_redo;
	collector->successor.context = drain;
	ret = start_writers(pids, indexer_process, drain->shared);
	if (ret < 0)
		return ret;
	show("indexers", "pids %d %d %d %d", pids[0], pids[1], pids[2], pids[3]);
	ret = collector_run(collector, &source, 1, pids);
	if (ret < 0)
		kill_writers(pids);
	done->seconds = now() - start;
	done->files = collector->files;
	done->bytes = collector->bytes;
	return ret;
}

static int run(const struct job *job, struct shared *shared, struct done *done)
{
	struct drain drain = { .job = job, .shared = shared };
	int ret;

	drain.done = calloc(job->nr_paths, sizeof(*drain.done));
	if (!drain.done)
		return -ENOMEM;
	ret = collector_init(&drain.collector, job->list);
	if (ret < 0)
		goto out;
	/* Midway, and by whichever indexer takes that file. */
	shared->dies_at = job->nr_paths / 2;
	ret = run_collector(&drain, done);
	collector_end(&drain.collector);
out:
	free(drain.done);
	return ret;
}

static int make_objects(struct karena_device *device, struct shared *shared)
{
	/* An index begins at offset 0. */
	struct karena_arena_opts arena_opts = {
		.size = sizeof(arena_opts),
		.name = "index",
		.use_page_0 = true,
	};
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
