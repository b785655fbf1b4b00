// SPDX-License-Identifier: MIT
/*
 * Boost.Interprocess's allocator and containers in an arena that each process maps where
 * it likes: its pointers are offsets from themselves. Not a line of it is changed: what a
 * managed_shared_memory is on a file, a managed_external_buffer is on a view.
 *
 * Its own mutex is not robust: after a death in an allocation all others would wait for
 * ever. So it gets none, and a robust mutex of ours is around each use of it. What was
 * half done is still unknown after a death, so whoever is next begins anew.
 */
#include <csignal>
#include <cstdio>
#include <functional>
#include <new>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/indexes/null_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/mem_algo/rbtree_best_fit.hpp>
#include <boost/interprocess/sync/mutex_family.hpp>

#include <karena.h>

#include "lock.h"

namespace ipc = boost::interprocess;

typedef ipc::basic_managed_external_buffer<char, ipc::rbtree_best_fit<ipc::null_mutex_family>,
					   ipc::iset_index> buffer;
typedef ipc::allocator<std::pair<const int, int>, buffer::segment_manager> pair_allocator;
typedef ipc::map<int, int, std::less<int>, pair_allocator> table;

static const uint64_t arena_bytes = 1 << 26;
static const int workers = 4, each = 5000;

// In the first page; the buffer is behind it.
struct header {
	pthread_mutex_t lock;
	unsigned int thrown_away;
	unsigned int made;
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

static table *begin_table(karena_view *view, size_t page)
{
	buffer made(ipc::create_only, static_cast<char *>(view->address) + page,
		    view->length - page);

	return made.construct<table>("table")(std::less<int>(), made.get_segment_manager());
}

// Where the table is in this process's view.
static table *find_table(karena_view *view, size_t page)
{
	buffer there(ipc::open_only, static_cast<char *>(view->address) + page,
		     view->length - page);

	return there.find<table>("table").first;
}

static void lock_table(karena_arena *arena, karena_view *view, header *head)
{
	size_t page = karena_arena_page_size(arena);

	if (!take_lock(&head->lock))
		return;
	check(karena_arena_free(arena, page, arena_bytes / page - 1, 0));
	begin_table(view, page);
	head->thrown_away++;
	must(pthread_mutex_consistent(&head->lock));
}

static void work(karena_arena *arena, int number)
{
	size_t page = karena_arena_page_size(arena);
	karena_view view;

	// In children another address, as they do not inherit the view.
	check(karena_arena_map(arena, NULL, &view));
	header *head = static_cast<header *>(view.address);

	for (int i = 0; i < each; i++) {
		lock_table(arena, &view, head);
		(*find_table(&view, page))[i * workers + number] = i;
		if (!number && i == each / 2)
			raise(SIGKILL);
		head->made++;
		must(pthread_mutex_unlock(&head->lock));
	}
	_exit(0);
}

int main()
{
	karena_device *device;
	karena_arena *arena;
	karena_view view;

	check(karena_open(NULL, &device));
	check(karena_arena_create(device, arena_bytes, NULL, &arena));
	check(karena_arena_map(arena, NULL, &view));
	header *head = new (view.address) header();
	size_t page = karena_arena_page_size(arena);

	make_lock(&head->lock);
	begin_table(&view, page);
	for (int i = 0; i < workers; i++)
		if (!fork())
			work(arena, i);
	while (wait(NULL) > 0)
		;
	lock_table(arena, &view, head);
	for (const auto &entry : *find_table(&view, page))
		if (entry.first / workers != entry.second)
			errx(1, "an entry is wrong");
	printf("%u entries, %u table thrown away\n", head->made, head->thrown_away);
	return 0;
}
