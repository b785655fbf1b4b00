/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A shared ring's memory, as a module would make it: the data area mapped twice in a row,
 * and the words of consumer, producers and kernel. To be included behind record_shared.c.
 */
#ifndef KARENA_TESTS_SHARED_RING_H
#define KARENA_TESTS_SHARED_RING_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHARED_RING_KEY	0x8f3a94d1c07b62e5ull

/**
 * struct shared_memory - what the members of a ring share
 * @consumer:	words
 * @hint:	word
 * @armed:	words
 * @data:	mapped twice
 */
struct shared_memory {
	struct shared_consumer consumer;
	__u64 hint;
	struct shared_armed armed;
	char *data;
};

static inline bool shared_memory_map(struct shared_memory *memory, size_t size)
{
	int fd = memfd_create("shared", MFD_CLOEXEC);
	char *data;

	memset(memory, 0, sizeof(*memory));
	if (fd < 0 || ftruncate(fd, size))
		return false;
	data = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED ||
	    mmap(data, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(data + size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		return false;
	close(fd);
	memory->data = data;
	return true;
}

static inline void shared_memory_unmap(struct shared_memory *memory, size_t size)
{
	munmap(memory->data, 2 * size);
}

/* The ring in it, as one member sees it. */
static inline int shared_ring_of(struct shared_ring *r, struct shared_memory *memory, size_t size,
				 __u32 grain)
{
	memset(r, 0, sizeof(*r));
	r->data = memory->data;
	r->consumer = &memory->consumer;
	r->hint = &memory->hint;
	r->armed = &memory->armed;
	r->key = SHARED_RING_KEY;
	return shared_init(r, size, grain);
}

static inline void shared_ring_create(struct shared_ring *r, __u64 position)
{
	shared_create(r, position);
	shared_put_marks(r, position - shared_size(r), position);
}

#endif /* KARENA_TESTS_SHARED_RING_H */
