/* SPDX-License-Identifier: MIT */
/*
 * An index from identifiers to the files they are in, which several processes
 * build at once in memory that they share, wherever each has it mapped.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INDEX_WRITERS	4

/* Where something is in the shared memory, in units of 8 bytes. 0: nowhere. */
typedef uint32_t ref_t;

struct index_root;

/**
 * struct index - one process's access to the index
 * @base:	where the shared memory is mapped here
 * @more:	gets @bytes more of it, zeroed, at *@offset; 0 or -errno
 * @context:	for @more
 * @writer:	who we are, below INDEX_WRITERS
 * @next:	offset of the first byte of ours that is not in use
 * @end:	and where ours ends
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
 * struct index_counts - what is in an index
 * @files:	listed
 * @identifiers: different ones
 * @postings:	pairs of identifier and file
 */
struct index_counts {
	uint64_t files;
	uint64_t identifiers;
	uint64_t postings;
};

/* For whoever makes the index: @paths in the order of strcmp(). */
int index_create(struct index *index, char **paths, unsigned int nr_paths);

/* For those who find it made. */
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
