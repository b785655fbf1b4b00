// SPDX-License-Identifier: MIT
/*
 * What a touch does to a reserved page, behind a guard, and in an arena with
 * SEGV_ON_FAULT. A child makes each touch that kills.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"

/* Offset in the index's arena, far behind the index. */
#define RESERVED_AT	(8ull << 30)
#define NR_RESERVED	256
#define NR_GUARD	16

/* Shared with the children: the address that killed them. */
static void *volatile *died_at;

static void note_address(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	*died_at = info->si_addr;
	/* SA_RESETHAND has removed the handler, so the repeated touch kills. */
}

/* Never returns 0: surviving the touch is a failure, too. */
static int touch_and_die(const struct karena_arena *arena, uint64_t offset)
{
	struct karena_view_opts opts = { .size = sizeof(opts), .offset = offset, .length = 1 };
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESETHAND };
	struct karena_view view;

	action.sa_sigaction = note_address;
	opts.length = karena_arena_page_size(arena);
	if (sigaction(SIGSEGV, &action, NULL) < 0 || karena_arena_map(arena, &opts, &view) < 0)
		return 2;
	died_at[1] = view.address;
	*(volatile char *)view.address = 1;
	return 1;
}

/* Returns 0 if touching @offset raised SIGSEGV at exactly that address. */
static int expect_segv(const char *what, const struct karena_arena *arena, uint64_t offset)
{
	int status;
	pid_t pid;

	died_at[0] = NULL;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(touch_and_die(arena, offset));
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV || died_at[0] != died_at[1]) {
		show(what, "not SIGSEGV at %p: wait status 0x%x, address %p", died_at[1], status,
		     died_at[0]);
		return -EPROTO;
	}
	show(what, "SIGSEGV, si_addr %p: that page", died_at[0]);
	return 0;
}

static int populated(const struct karena_arena *arena, uint64_t *pages)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	int ret = karena_arena_stat(arena, &stat);

	*pages = stat.out_populated;
	return ret;
}

static int show_reserved_alloc(const struct karena_arena *arena)
{
	struct karena_alloc_opts opts = {
		.size = sizeof(opts),
		.offset = RESERVED_AT,
		.flags = KARENA_ALLOC_F_FIXED,
	};
	uint64_t offset;
	int ret;

	ret = karena_arena_reserve(arena, RESERVED_AT, NR_RESERVED);
	if (ret < 0)
		return ret;
	ret = karena_arena_alloc(arena, 1, &opts, &offset);
	show("alloc of a reserved page", "%s", ret == -EBUSY ? "EBUSY" : strerror(-ret));
	return ret == -EBUSY ? 0 : -EPROTO;
}

static int show_reserved_touch(const struct shared *shared)
{
	volatile char *page = karena_view_ptr(&shared->view, RESERVED_AT, 1);
	uint64_t before, after;
	int ret;

	ret = populated(shared->arena, &before);
	if (ret < 0)
		return ret;
	*page = 1;
	ret = populated(shared->arena, &after);
	if (ret < 0)
		return ret;
	show("touch of a reserved page", "populated: %llu pages, then %llu",
	     (unsigned long long)before, (unsigned long long)after);
	return after == before + 1 ? 0 : -EPROTO;
}

static int show_guard(const struct karena_arena *arena)
{
	uint64_t offset = RESERVED_AT + NR_RESERVED * karena_arena_page_size(arena);
	int ret = karena_arena_guard(arena, offset, NR_GUARD);

	return ret < 0 ? ret : expect_segv("touch of a guard page", arena, offset);
}

static int show_segv_arena(const struct karena_device *device)
{
	struct karena_arena_opts opts = {
		.size = sizeof(opts),
		.name = "segv",
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT,
	};
	struct karena_arena *arena;
	int ret;

	ret = karena_arena_create(device, 1 << 20, &opts, &arena);
	if (ret < 0)
		return ret;
	ret = expect_segv("touch with SEGV_ON_FAULT", arena,
			  3 * karena_arena_page_size(arena));
	karena_arena_close(arena);
	return ret;
}

int show_faults(struct karena_device *device, const struct shared *shared)
{
	int ret;

	died_at = mmap(NULL, 2 * sizeof(*died_at), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (died_at == MAP_FAILED)
		return -errno;
	ret = show_reserved_alloc(shared->arena);
	if (!ret)
		ret = show_reserved_touch(shared);
	if (!ret)
		ret = show_guard(shared->arena);
	if (!ret)
		ret = show_segv_arena(device);
	return ret;
}
