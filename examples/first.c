// SPDX-License-Identifier: MIT
/* A child writes into an arena, and tells its parent through a ring where it wrote. */
#include <err.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

int main(void)
{
	struct karena_device *device;
	struct karena_record record;
	struct karena_arena *arena;
	struct karena_ring *ring;
	struct karena_view view;
	uint64_t offset;
	int status;
	pid_t child;

	check(karena_open(NULL, &device));
	check(karena_arena_create(device, 1ull << 40, NULL, &arena));
	check(karena_ring_create(device, 65536, NULL, &ring));
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		check(karena_arena_map(arena, NULL, &view));
		check(karena_arena_alloc(arena, 1, NULL, &offset));
		sprintf(karena_view_ptr(&view, offset, 32), "hello from %d", getpid());
		check(karena_ring_output(ring, &offset, sizeof(offset), 0));
		return 0;
	}
	if (wait(&status) < 0 || status)
		errx(1, "the child failed");
	check(karena_arena_map(arena, NULL, &view));
	check(karena_ring_take(ring, &record, 1));
	puts(karena_view_ptr(&view, *(const uint64_t *)record.data, 32));
	karena_ring_release(ring);
	return 0;
}
