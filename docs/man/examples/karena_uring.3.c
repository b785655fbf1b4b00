// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Allocates pages by io_uring, and asks why a second allocation fails. */
#include <err.h>
#include <stdio.h>

#include <karena_uring.h>

static int alloc(struct io_uring *uring, struct karena_arena *arena,
		 struct karena_arena_alloc *args)
{
	struct io_uring_cqe *cqe;
	int res;

	karena_prep_arena_alloc(io_uring_get_sqe(uring), arena, args);
	if (io_uring_submit_and_wait(uring, 1) < 0 || io_uring_wait_cqe(uring, &cqe))
		errx(1, "io_uring failed");
	res = cqe->res;
	io_uring_cqe_seen(uring, cqe);
	return karena_explain(karena_arena_fd(arena), KARENA_IOC_ARENA_ALLOC, args, res);
}

int main(void)
{
	struct karena_arena_alloc args = KARENA_ARENA_ALLOC_INIT;
	struct karena_device *device;
	struct karena_arena *arena;
	struct io_uring uring;

	if (karena_open(NULL, &device) || karena_arena_create(device, 1 << 20, NULL, &arena))
		errx(1, "%s", karena_errormsg());
	if (io_uring_queue_init(8, &uring, 0))
		errx(1, "no io_uring");

	args.nr_pages = 2;
	if (alloc(&uring, arena, &args) < 0)
		errx(1, "%s", karena_errormsg());
	printf("%llu pages from page %llu on\n", (unsigned long long)args.nr_pages,
	       (unsigned long long)(args.out_offset / karena_arena_page_size(arena)));

	args.align = 3;
	if (alloc(&uring, arena, &args) < 0)
		puts(karena_errormsg());
	io_uring_queue_exit(&uring);
	return 0;
}
