/* SPDX-License-Identifier: MIT */
/*
 * An index from identifiers to the files that contain them. Several processes build it
 * concurrently in shared memory, which each may map at a different address.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INDEX_WRITERS	4

/* Offset in the shared memory, in units of 8 bytes; 0: none. */
typedef uint32_t ref_t;

struct index_root;

/**
 * struct index - one process's access to the index
 * @base:	where this process maps the shared memory
 * @more:	allocates @bytes more shared memory, zeroed, at *@offset; 0 or -errno
 * @context:	for @more
 * @writer:	number of this process, below INDEX_WRITERS
 * @next:	offset of the first unused byte of this process's chunk
 * @end:	offset of the end of the chunk
 */
struct index {
	char *base;
	int (*more)(void *context, uint64_t bytes, uint64_t *offset);
	void *context;
	unsigned int writer;
	uint64_t next;
	uint64_t end;
};

/**
 * struct index_counts - contents of an index
 * @files:	number of listed files
 * @identifiers: number of different identifiers
 * @postings:	number of pairs of identifier and file
 */
struct index_counts {
	uint64_t files;
	uint64_t identifiers;
	uint64_t postings;
};

/* For the process that makes the index: @paths in the order of strcmp(). */
int index_create(struct index *index, char **paths, unsigned int nr_paths);

/* For processes that use an existing index. */
const char *index_path(const struct index *index, unsigned int file);
int index_take_file(struct index *index, unsigned int *file);
int index_add(struct index *index, const char *name, unsigned int length, uint32_t hash,
	      unsigned int file);
unsigned int index_lookup(const struct index *index, const char *name,
			  void (*found)(void *context, const char *path), void *context);
void index_count(const struct index *index, struct index_counts *counts);
int index_dump(const struct index *index, FILE *out);

#define INDEX_HASH_START	2166136261u

static inline uint32_t index_hash(uint32_t hash, unsigned char c)
{
	return (hash ^ c) * 16777619u;
}

#endif /* INDEX_H */
