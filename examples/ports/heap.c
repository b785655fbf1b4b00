// SPDX-License-Identifier: MIT
/*
 * dlmalloc as the heap of several processes, in an arena that has one address in all of
 * them, so that what malloc returns to one is a pointer for all. Not a line of dlmalloc is
 * changed: an arena is memory. Its pages come as they are touched.
 *
 * What a death in malloc or free means: the heap may be half changed, and dlmalloc cannot
 * repair it. Whoever gets the lock next throws the heap away, pages and all, and begins a
 * new one under another number, by which others see that their pointers are void. What
 * must not be lost with it has to be kept elsewhere; here it is the count of all nodes.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

#include "lock.h"

#define ONLY_MSPACES	1
#define USE_LOCKS	0
#define HAVE_MMAP	0
#define HAVE_MORECORE	0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wexpansion-to-defined"
#include "dlmalloc.c"
#pragma GCC diagnostic pop

#define WORKERS		4
#define NODES		20000
#define ARENA_BYTES	(1ull << 30)

struct node {
	struct node *next;
	size_t length;
};

/**
 * struct heap - at the beginning of the arena
 * @lock:	protects the rest
 * @space:	dlmalloc's
 * @number:	goes up when the heap is thrown away
 * @list:	of nodes
 * @made:	nodes, in this heap and those before
 */
struct heap {
	pthread_mutex_t lock;
	mspace space;
	unsigned int number;
	struct node *list;
	unsigned long made;
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

static struct karena_arena *arena;

/* Behind the page of struct heap. */
static void begin_heap(struct heap *heap)
{
	size_t page = karena_arena_page_size(arena);

	heap->list = NULL;
	heap->space = create_mspace_with_base((char *)heap + page, ARENA_BYTES - page, 0);
}

static void lock_heap(struct heap *heap)
{
	size_t page = karena_arena_page_size(arena);

	if (!take_lock(&heap->lock))
		return;
	check(karena_arena_free(arena, page, ARENA_BYTES / page - 1, 0));
	heap->number++;
	begin_heap(heap);
	must(pthread_mutex_consistent(&heap->lock));
}

static void work(struct heap *heap, int number)
{
	for (int i = 0; i < NODES; i++) {
		size_t length = sizeof(struct node) + (size_t)(i * 37 % 1000);
		struct node *node, *old;

		lock_heap(heap);
		node = mspace_malloc(heap->space, length);
		/* One of them dies, and nobody knows how far it came. */
		if (!number && i == NODES / 2)
			raise(SIGKILL);
		node->length = length;
		node->next = heap->list;
		heap->list = node;
		heap->made++;
		/* Nodes of others are freed as one's own. */
		if (i % 3 == 0 && node->next) {
			old = node->next;
			node->next = old->next;
			mspace_free(heap->space, old);
		}
		must(pthread_mutex_unlock(&heap->lock));
	}
	_exit(0);
}

int main(void)
{
	struct karena_arena_opts opts = KARENA_ARENA_OPTS_INIT;
	struct karena_device *device;
	struct karena_view view;
	struct heap *heap;

	/* Children inherit the mapping: whoever maps it anew gets the same address. */
	opts.flags = KARENA_ARENA_F_FIXED_ADDR | KARENA_ARENA_F_INHERIT;
	check(karena_open(NULL, &device));
	check(karena_arena_create(device, ARENA_BYTES, &opts, &arena));
	check(karena_arena_map(arena, NULL, &view));
	heap = view.address;
	make_lock(&heap->lock);
	begin_heap(heap);
	for (int i = 0; i < WORKERS; i++)
		if (!fork())
			work(heap, i);
	while (wait(NULL) > 0)
		;
	lock_heap(heap);
	for (struct node *node = heap->list; node; node = heap->list) {
		if (node->length < sizeof(*node))
			errx(1, "a node was overwritten");
		heap->list = node->next;
		mspace_free(heap->space, node);
	}
	printf("%lu nodes, %u heap thrown away\n", heap->made, heap->number);
	return 0;
}
