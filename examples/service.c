// SPDX-License-Identifier: MIT
/*
 * service FILE PRODUCERS PAGES: each of PRODUCERS processes fills PAGES pages of an
 * arena, and a service writes these pages to FILE by O_DIRECT, without copying them. The
 * service is one loop over one io_uring, through which it waits for records, writes, and
 * frees the pages.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena_uring_consumer.h>

#define ARENA_PAGES	256

static size_t page;

struct service {
	struct io_uring uring;
	struct karena_uring_consumer consumer;
	struct karena_arena *arena;
	struct karena_view view;
	int file;
	uint64_t taken;
	uint64_t done;
	struct karena_arena_free frees[ARENA_PAGES];
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
}

/* Of liburing, or what a completion says. */
static void check_result(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, karena_strerror(ret));
}

/* Waits if the arena is full: the service frees pages once it has written them. */
static uint64_t page_to_fill(struct karena_arena *arena)
{
	uint64_t offset;
	int ret;

	while ((ret = karena_arena_alloc(arena, 1, NULL, &offset)) == -ENOSPC)
		usleep(1000);
	check(ret);
	return offset;
}

static void produce(struct karena_arena *arena, struct karena_ring *ring, int number, int pages)
{
	struct karena_view view;
	uint64_t offset;
	int i, ret;

	check(karena_arena_map(arena, NULL, &view));
	for (i = 0; i < pages; i++) {
		offset = page_to_fill(arena);
		sprintf(karena_view_ptr(&view, offset, page), "producer %d, page %d\n",
			number, i);
		while ((ret = karena_ring_output(ring, &offset, sizeof(offset), 0)) == -EAGAIN)
			karena_ring_wait(ring, POLLOUT, -1);
		check(ret);
	}
}

/* Handles a record: writes the filled page, then frees it. */
static int take_page(void *context, const void *data, size_t length)
{
	struct service *service = context;
	uint64_t offset = *(const uint64_t *)data;
	struct karena_arena_free *args = &service->frees[offset / page];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&service->uring);

	io_uring_prep_write(sqe, service->file, karena_view_ptr(&service->view, offset, page),
			    page, service->taken++ * page);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data(sqe, NULL);

	*args = (struct karena_arena_free) {
		.size = sizeof(*args), .offset = offset, .nr_pages = 1,
	};
	sqe = io_uring_get_sqe(&service->uring);
	karena_prep_arena_free(sqe, service->arena, args);
	io_uring_sqe_set_data(sqe, args);
	return length == sizeof(offset) ? 0 : -EBADMSG;
}

/* A page was freed, or written. */
static void complete_request(struct service *service, const struct io_uring_cqe *cqe)
{
	struct karena_arena_free *args = io_uring_cqe_get_data(cqe);

	if (!args)
		check_result(cqe->res, "write");
	else
		check(karena_explain(karena_arena_fd(service->arena), KARENA_IOC_ARENA_FREE,
				     args, cqe->res));
}

static void complete(struct service *service, const struct io_uring_cqe *cqe)
{
	if (io_uring_cqe_get_data(cqe) != &service->consumer) {
		complete_request(service, cqe);
		service->done++;
		return;
	}
	check_result(karena_uring_consumer_take(&service->consumer, cqe, take_page, service),
		     "take");
}

static void serve(struct service *service, uint64_t pages)
{
	struct io_uring_cqe *cqe;

	while (service->done < pages) {
		check_result(karena_uring_consumer_arm(&service->consumer, &service->uring),
			     "arm");
		check_result(io_uring_submit_and_wait(&service->uring, 1), "submit");
		while (io_uring_peek_cqe(&service->uring, &cqe) == 0) {
			complete(service, cqe);
			io_uring_cqe_seen(&service->uring, cqe);
		}
	}
}

int main(int argc, char **argv)
{
	static struct service service;
	struct karena_device *device;
	struct karena_ring *ring;
	int i, producers, pages;

	if (argc != 4)
		errx(1, "usage: service FILE PRODUCERS PAGES");
	producers = atoi(argv[2]);
	pages = atoi(argv[3]);
	page = sysconf(_SC_PAGESIZE);
	check(karena_open(NULL, &device));
	check(karena_arena_create(device, ARENA_PAGES * page, NULL, &service.arena));
	check(karena_ring_create(device, 65536, NULL, &ring));
	for (i = 0; i < producers; i++) {
		if (!fork()) {
			produce(service.arena, ring, i, pages);
			return 0;
		}
	}

	service.file = open(argv[1], O_WRONLY | O_CREAT | O_DIRECT, 0644);
	if (service.file < 0)
		err(1, "%s", argv[1]);
	check(karena_arena_map(service.arena, NULL, &service.view));
	check_result(io_uring_queue_init(4 * ARENA_PAGES, &service.uring, 0), "io_uring");
	check_result(karena_uring_consumer_init(&service.consumer, device, ring,
						KARENA_URING_BEST), "consumer");
	puts(service.consumer.way == KARENA_URING_POLL ? "poll" : "wait");
	serve(&service, (uint64_t)producers * pages);
	while (wait(NULL) > 0)
		;
	return 0;
}
