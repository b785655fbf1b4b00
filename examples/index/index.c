// SPDX-License-Identifier: MIT
/*
 * The index: a hash table of chains, without a lock.
 *
 *   root -> buckets -> entry -> entry -> ...        an entry per identifier
 *                        |
 *                        +-> lists[writer] -> block -> block   numbers of files
 *
 * New entries are added to the head of their chain by compare and exchange, and are never
 * removed. Each writer has its own list in every entry, so all that readers of lists
 * need is to see a number before its count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

#define CHUNK_BYTES	(256u << 10)
#define BUCKETS		(1u << 20)
#define FIRST_BLOCK	2
#define LARGEST_BLOCK	254

/* At offset 0 of the memory. */
struct index_root {
	uint32_t next_file;
	uint32_t nr_files;
	ref_t paths;
	ref_t buckets;
};

/* @count grows with each file; @file is in the order in which files were taken. */
struct block {
	ref_t next;
	uint16_t room;
	uint16_t count;
	uint32_t file[];
};

struct entry {
	ref_t next;
	uint32_t hash;
	ref_t lists[INDEX_WRITERS];
	char name[];
};

static void *at(const struct index *index, ref_t ref)
{
	return index->base + (uint64_t)ref * 8;
}

static ref_t load_ref(const ref_t *ref)
{
	return __atomic_load_n(ref, __ATOMIC_ACQUIRE);
}

static struct index_root *root(const struct index *index)
{
	return (struct index_root *)index->base;
}

static ref_t *bucket(const struct index *index, uint32_t hash)
{
	ref_t *buckets = at(index, root(index)->buckets);

	return &buckets[(hash ^ hash >> 20) & (BUCKETS - 1)];
}

/* Takes zeroed memory from this process's chunk, or from a new one. */
static ref_t take(struct index *index, uint64_t bytes)
{
	uint64_t offset;

	bytes = (bytes + 7) & ~7ull;
	if (bytes > index->end - index->next) {
		uint64_t chunk = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

		if (index->more(index->context, chunk, &offset) < 0)
			return 0;
		index->next = offset;
		index->end = offset + chunk;
	}
	offset = index->next;
	index->next += bytes;
	return (ref_t)(offset / 8);
}

static void give_back(struct index *index, ref_t ref)
{
	uint64_t offset = (uint64_t)ref * 8;

	memset(index->base + offset, 0, index->next - offset);
	index->next = offset;
}

/* Searches a chain from @from to before @until. */
static struct entry *find(const struct index *index, ref_t from, ref_t until, const char *name,
			  unsigned int length, uint32_t hash)
{
	while (from != until) {
		struct entry *entry = at(index, from);

		if (entry->hash == hash && !strncmp(entry->name, name, length) &&
		    !entry->name[length])
			return entry;
		from = entry->next;
	}
	return NULL;
}

/* Adds an entry. The caller has searched the chain from @head on for the name. */
static struct entry *insert(struct index *index, ref_t *head_ref, ref_t head, const char *name,
			    unsigned int length, uint32_t hash)
{
	ref_t ref = take(index, sizeof(struct entry) + length + 1);
	struct entry *entry = at(index, ref);
	struct entry *other;
	ref_t seen;

	if (!ref)
		return NULL;
	entry->hash = hash;
	memcpy(entry->name, name, length);
	for (;;) {
		entry->next = head;
		seen = head;
		/* Pairs with load_ref(): a reader that sees the entry sees its contents. */
		if (__atomic_compare_exchange_n(head_ref, &head, ref, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return entry;
		other = find(index, head, seen, name, length, hash);
		if (other) {
			give_back(index, ref);
			return other;
		}
	}
}

static struct block *grow_list(struct index *index, ref_t *list)
{
	struct block *full = *list ? at(index, *list) : NULL;
	unsigned int room = FIRST_BLOCK;
	struct block *block;
	ref_t ref;

	if (full)
		room = full->room * 2 + 2 < LARGEST_BLOCK ? full->room * 2 + 2 : LARGEST_BLOCK;
	ref = take(index, sizeof(*block) + room * sizeof(block->file[0]));
	if (!ref)
		return NULL;
	block = at(index, ref);
	block->next = *list;
	block->room = (uint16_t)room;
	__atomic_store_n(list, ref, __ATOMIC_RELEASE);
	return block;
}

/* Returns 1 if @file is new in the list, 0 if it was the last there already. */
static int post(struct index *index, ref_t *list, unsigned int file)
{
	struct block *block = *list ? at(index, *list) : NULL;

	if (block && block->count && block->file[block->count - 1] == file)
		return 0;
	if (!block || block->count == block->room)
		block = grow_list(index, list);
	if (!block)
		return -ENOMEM;
	block->file[block->count] = file;
	__atomic_store_n(&block->count, block->count + 1, __ATOMIC_RELEASE);
	return 1;
}

/*
 * Adds an occurrence of @name in @file. A writer finishes one file before it begins the
 * next. Returns 1 for a new pair, 0 for a known one, or -ENOMEM.
 */
int index_add(struct index *index, const char *name, unsigned int length, uint32_t hash,
	      unsigned int file)
{
	ref_t *head_ref = bucket(index, hash);
	ref_t head = load_ref(head_ref);
	struct entry *entry;

	entry = find(index, head, 0, name, length, hash);
	if (!entry)
		entry = insert(index, head_ref, head, name, length, hash);
	if (!entry)
		return -ENOMEM;
	return post(index, &entry->lists[index->writer], file);
}

static ref_t copy_path(struct index *index, const char *path)
{
	size_t bytes = strlen(path) + 1;
	ref_t ref = take(index, bytes);

	if (ref)
		memcpy(at(index, ref), path, bytes);
	return ref;
}

int index_create(struct index *index, char **paths, unsigned int nr_paths)
{
	ref_t buckets, list;

	/* The first memory is at offset 0, where take() returns 0. */
	if (take(index, sizeof(struct index_root)) || !index->end)
		return -ENOMEM;
	buckets = take(index, BUCKETS * sizeof(ref_t));
	list = take(index, nr_paths * sizeof(ref_t));
	if (!buckets || !list)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr_paths; i++) {
		ref_t path = copy_path(index, paths[i]);

		if (!path)
			return -ENOMEM;
		((ref_t *)at(index, list))[i] = path;
	}
	root(index)->buckets = buckets;
	root(index)->paths = list;
	root(index)->nr_files = nr_paths;
	return 0;
}

const char *index_path(const struct index *index, unsigned int file)
{
	const ref_t *paths = at(index, root(index)->paths);

	return at(index, paths[file]);
}

/* Gives each file to one process. Returns 0 when none is left. */
int index_take_file(struct index *index, unsigned int *file)
{
	*file = __atomic_fetch_add(&root(index)->next_file, 1, __ATOMIC_RELAXED);
	return *file < root(index)->nr_files;
}

static int compare_files(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Stores up to @room files in @files, in order. Returns how many there are in all. */
static unsigned int list_files(const struct index *index, const struct entry *entry,
			       uint32_t *files, unsigned int room)
{
	unsigned int count = 0;

	for (int i = 0; i < INDEX_WRITERS; i++) {
		const struct block *block;

		for (ref_t ref = load_ref(&entry->lists[i]); ref; ref = block->next) {
			unsigned int there;

			block = at(index, ref);
			there = __atomic_load_n(&block->count, __ATOMIC_ACQUIRE);
			for (unsigned int j = 0; j < there; j++, count++)
				if (count < room)
					files[count] = block->file[j];
		}
	}
	if (room)
		qsort(files, count < room ? count : room, sizeof(*files), compare_files);
	return count;
}

static unsigned int count_files(const struct index *index, const struct entry *entry)
{
	return list_files(index, entry, NULL, 0);
}

unsigned int index_lookup(const struct index *index, const char *name,
			  void (*found)(void *context, const char *path), void *context)
{
	unsigned int length = (unsigned int)strlen(name), count;
	uint32_t hash = INDEX_HASH_START;
	const struct entry *entry;
	uint32_t *files;

	for (unsigned int i = 0; i < length; i++)
		hash = index_hash(hash, (unsigned char)name[i]);
	entry = find(index, load_ref(bucket(index, hash)), 0, name, length, hash);
	if (!entry)
		return 0;
	count = count_files(index, entry);
	files = calloc(count, sizeof(*files));
	if (!files)
		return 0;
	count = list_files(index, entry, files, count);
	for (unsigned int i = 0; i < count; i++)
		found(context, index_path(index, files[i]));
	free(files);
	return count;
}

static void visit_entries(const struct index *index,
			  void (*fn)(void *context, const struct entry *entry), void *context)
{
	const ref_t *buckets = at(index, root(index)->buckets);

	for (unsigned int i = 0; i < BUCKETS; i++) {
		const struct entry *entry;

		for (ref_t ref = load_ref(&buckets[i]); ref; ref = entry->next) {
			entry = at(index, ref);
			fn(context, entry);
		}
	}
}

struct counting {
	const struct index *index;
	struct index_counts *counts;
};

static void count_entry(void *context, const struct entry *entry)
{
	struct counting *counting = context;

	counting->counts->identifiers++;
	counting->counts->postings += count_files(counting->index, entry);
}

void index_count(const struct index *index, struct index_counts *counts)
{
	struct counting counting = { .index = index, .counts = counts };

	memset(counts, 0, sizeof(*counts));
	counts->files = root(index)->nr_files;
	visit_entries(index, count_entry, &counting);
}

struct collected {
	const struct entry **entries;
	size_t count;
};

static void collect_entry(void *context, const struct entry *entry)
{
	struct collected *collected = context;

	collected->entries[collected->count++] = entry;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a;
	const struct entry *y = *(const struct entry *const *)b;

	return strcmp(x->name, y->name);
}

static void dump_entry(const struct index *index, const struct entry *entry, uint32_t *files,
		       FILE *out)
{
	unsigned int count = list_files(index, entry, files, root(index)->nr_files);

	for (unsigned int i = 0; i < count; i++) {
		fputs_unlocked(index_path(index, files[i]), out);
		putc_unlocked(':', out);
		fputs_unlocked(entry->name, out);
		putc_unlocked('\n', out);
	}
}

/* Writes a line "path:identifier" per pair, in the order of identifier, then path. */
int index_dump(const struct index *index, FILE *out)
{
	struct collected collected = { 0 };
	struct index_counts counts;
	uint32_t *files;
	int ret = -ENOMEM;

	index_count(index, &counts);
	collected.entries = malloc(counts.identifiers * sizeof(*collected.entries));
	files = malloc(counts.files * sizeof(*files));
	if (!collected.entries || !files)
		goto out;
	visit_entries(index, collect_entry, &collected);
	qsort(collected.entries, collected.count, sizeof(*collected.entries), compare_entries);
	for (size_t i = 0; i < collected.count; i++)
		dump_entry(index, collected.entries[i], files, out);
	ret = ferror(out) ? -EIO : 0;
out:
	free(files);
	free(collected.entries);
	return ret;
}
