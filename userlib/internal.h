/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Internal to the library. Each of its files includes this header first, so that all see
 * the same C library.
 */
#ifndef KARENA_INTERNAL_H
#define KARENA_INTERNAL_H

/* Sizes of arenas and files, and times of files, may need more than 32 bits. */
#define _FILE_OFFSET_BITS	64
#define _TIME_BITS		64
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <sys/types.h>

#include "karena.h"

/* Fails if a header of the C library was included before. */
typedef char karena_offsets_have_64_bits[sizeof(off_t) == sizeof(uint64_t) ? 1 : -1];

/* error.c */
__attribute__((format(printf, 1, 2)))
void karena_set_reason(const char *format, ...);
void karena_set_meaning(int error, const char *name, const char *meaning);

/* Sets the message of this thread, as of printf(3). Returns @error. */
#define karena_refuse(error, ...) \
	({ int _refused = (error); karena_set_reason(__VA_ARGS__); _refused; })

/*
 * Sets the message of this thread, cheaply. @name: of the call; @meaning: of the error,
 * NULL for what it means everywhere. Both are constant. Returns @error.
 */
static inline int karena_refuse_as(int error, const char *name, const char *meaning)
{
	karena_set_meaning(error, name, meaning);
	return error;
}

/* explain.c */
bool karena_explain_rights(const char *name, int fd, uint32_t rights, int error);
bool karena_explain_mode(const char *name, int fd, int error);

int karena_call(int fd, unsigned long nr, void *args);
int karena_ioctl(int fd, unsigned long nr, void *args);
int karena_opts_copy(void *to, size_t to_bytes, size_t first_bytes, const void *opts,
		     const char *type);
int karena_copy_name(const char *call, char to[KARENA_NAME_LEN], const char *name);
int karena_reopen(int fd, uint32_t rights);
int karena_restrict(int fd, uint32_t rights);
size_t karena_page_size(void);
int karena_mmap(int fd, uint64_t offset, uint64_t length, int prot, void **address);

/**
 * struct karena_ring - a ring's handle
 * @fd:		fixed
 * @data_bytes:	fixed; a power of two
 * @next:	in the registry, protected by its lock
 * @prev:	as @next
 * @in_place:	producer: writable mapping of the data area, or NULL before the first
 *		reservation. Set once, by compare and exchange
 * @newest:	producer: highest position that this handle reserved; atomic, hence aligned
 * @mapped:	consumer: this handle has the role and the mappings below
 * @consumer:	consumer: writable mapping of the consumer page
 * @shown:	consumer: read-only mapping of the whole file
 * @producer:	consumer: the producer page in @shown
 * @data:	consumer: the data area in @shown
 * @shown_bytes: consumer: size of @shown
 * @taken:	consumer: position behind the last record given out
 * @released:	consumer: position last stored in the consumer page
 *
 * Any thread may use the fields of the producer, one at a time those of the consumer. The
 * two are on separate cache lines.
 */
struct karena_ring {
	int fd;
	uint64_t data_bytes;
	char *in_place;
	struct karena_ring *next;
	struct karena_ring *prev;

	uint64_t newest __attribute__((aligned(8)));

	bool mapped __attribute__((aligned(64)));
	struct karena_ring_consumer *consumer;
	void *shown;
	const struct karena_ring_producer *producer;
	const char *data;
	size_t shown_bytes;
	uint64_t taken;
	uint64_t released;
};

/* ring_map.c */
int karena_ring_map_init(struct karena_ring *ring);
int karena_ring_map_consumer(struct karena_ring *ring);
int karena_ring_map_producer(struct karena_ring *ring, char **data);
void karena_ring_unmap(struct karena_ring *ring);

static inline int32_t karena_node(int32_t node, bool on_node)
{
	return on_node ? node : KARENA_NODE_ANY;
}

#endif /* KARENA_INTERNAL_H */
