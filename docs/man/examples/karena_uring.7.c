// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * One loop over one io_uring: requests come in through one ring, and each answer goes out
 * through another, without a system call but io_uring's.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena_uring_consumer.h>

#define REQUESTS	100

struct service {
	struct io_uring uring;
	struct karena_uring_consumer requests;
	struct karena_ring *answers;
	struct karena_ring_output sends[REQUESTS];
	int numbers[REQUESTS];
	int asked;
	int answered;
};

static void check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_strerror(ret));
}

/* Takes a request, and queues its answer; what a command names has to stay until then. */
static int answer(void *context, const void *data, size_t length)
{
	struct service *service = context;
	struct karena_ring_output *send = &service->sends[service->asked];
	int *number = &service->numbers[service->asked++];
	struct io_uring_sqe *sqe;

	(void)length;
	*number = 2 * *(const int *)data;
	*send = (struct karena_ring_output)KARENA_RING_OUTPUT_INIT;
	send->buffer = (uintptr_t)number;
	send->buffer_bytes = sizeof(*number);
	sqe = io_uring_get_sqe(&service->uring);
	karena_prep_ring_output(sqe, service->answers, send);
	io_uring_sqe_set_data(sqe, send);
	return 0;
}

static void complete(struct service *service, const struct io_uring_cqe *cqe)
{
	if (io_uring_cqe_get_data(cqe) == &service->requests) {
		check(karena_uring_consumer_take(&service->requests, cqe, answer, service));
	} else {
		check(cqe->res);
		service->answered++;
	}
}

static void serve(struct service *service)
{
	struct io_uring_cqe *cqe;

	while (service->answered < REQUESTS) {
		check(karena_uring_consumer_arm(&service->requests, &service->uring));
		check(io_uring_submit_and_wait(&service->uring, 1));
		while (!io_uring_peek_cqe(&service->uring, &cqe)) {
			complete(service, cqe);
			io_uring_cqe_seen(&service->uring, cqe);
		}
	}
}

/* In a child: asks, and sums up the answers. */
static void ask(const struct karena_ring *requests, struct karena_ring *answers)
{
	struct karena_record record;
	long sum = 0;

	for (int i = 0; i < REQUESTS; i++)
		check(karena_ring_output_wait(requests, &i, sizeof(i), 0, 0));
	for (int i = 0; i < REQUESTS; i++) {
		check(karena_ring_wait(answers, POLLIN, -1));
		check(karena_ring_take(answers, &record, 1));
		sum += *(const int *)record.data;
		karena_ring_release(answers);
	}
	printf("%ld\n", sum);
}

int main(void)
{
	static struct service service;
	struct karena_device *device;
	struct karena_ring *requests;

	check(karena_open(NULL, &device));
	check(karena_ring_create(device, 65536, NULL, &requests));
	check(karena_ring_create(device, 65536, NULL, &service.answers));
	if (!fork()) {
		ask(requests, service.answers);
		return 0;
	}
	check(io_uring_queue_init(2 * REQUESTS, &service.uring, 0));
	check(karena_uring_consumer_init(&service.requests, device, requests,
					 KARENA_URING_BEST));
	serve(&service);
	wait(NULL);
	return 0;
}
