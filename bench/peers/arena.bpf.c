// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates and frees pages of a BPF arena. These programs treat an address in the arena
 * as a number, so any compiler will do.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "arena_bpf.h"

/* BPF_MAP_TYPE_ARENA, which older headers do not have, and BPF_F_MMAPABLE. */
#define MAP_TYPE_ARENA	33
#define MMAPABLE	(1u << 10)

#define MAP	__attribute__((section(".maps"), used))
#define PROGRAM	__attribute__((section("syscall"), used))

struct {
	__uint(type, MAP_TYPE_ARENA);
	__uint(map_flags, MMAPABLE);
	__uint(max_entries, ARENA_PAGES);
} arena MAP;

void *bpf_arena_alloc_pages(void *map, void *address, __u32 nr_pages, int node,
			    __u64 flags) __ksym;
void bpf_arena_free_pages(void *map, void *at, __u32 nr_pages) __ksym;

void *at[CALLS_1];

PROGRAM int nothing(void)
{
	int i;

	for (i = 0; i < CALLS_1; i++)
		asm volatile("" : : "r"(i));
	return 0;
}

/* Returns the number of allocations that failed. */
#define ALLOC(_nr_pages)						\
PROGRAM int alloc_##_nr_pages(void)					\
{									\
	int i, refused = 0;						\
									\
	for (i = 0; i < CALLS_##_nr_pages; i++) {			\
		at[i] = bpf_arena_alloc_pages(&arena, NULL, _nr_pages, -1, 0);	\
		if (!at[i])						\
			refused++;					\
	}								\
	return refused;							\
}

#define FREE(_nr_pages)							\
PROGRAM int free_##_nr_pages(void)					\
{									\
	int i;								\
									\
	for (i = 0; i < CALLS_##_nr_pages; i++)				\
		bpf_arena_free_pages(&arena, at[i], _nr_pages);		\
	return 0;							\
}

ALLOC(1)
ALLOC(64)
ALLOC(512)
FREE(1)
FREE(64)
FREE(512)

char _license[] __attribute__((section("license"), used)) = "GPL";
