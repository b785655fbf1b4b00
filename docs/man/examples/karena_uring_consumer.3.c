// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Sums up what a child sends, in a loop over an io_uring, until the ring ends. */
#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include <karena_uring_consumer.h>

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_strerror(ret));
	return ret;
}

static void produce(const struct karena_ring *ring)
{
	for (int i = 1; i <= 1000; i++)
		check(karena_ring_output_wait(ring, &i, sizeof(i), 0, 0));
	_exit(0);
}

static int add(void *context, const void *data, size_t length)
{
	(void)length;
	*(long *)context += *(const int *)data;
	return 0;
}

int main(void)
{
	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
	struct karena_ring *ring, *producers;
	struct karena_uring_consumer consumer;
	struct karena_device *device;
	struct io_uring uring;
	long sum = 0;

	opts.flags = KARENA_RING_F_END;
	check(karena_open(NULL, &device));
	check(karena_ring_create(device, 65536, &opts, &ring));
	check(karena_ring_reopen(ring, KARENA_RIGHT_PRODUCE, &producers));
	check(karena_ring_restrict(ring, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME));
	if (!fork())
		produce(producers);
	karena_ring_close(producers);

	check(io_uring_queue_init(8, &uring, 0));
	check(karena_uring_consumer_init(&consumer, device, ring, KARENA_URING_BEST));
	while (!consumer.ended) {
		struct io_uring_cqe *cqe;

		check(karena_uring_consumer_arm(&consumer, &uring));
		check(io_uring_submit_and_wait(&uring, 1));
		while (!io_uring_peek_cqe(&uring, &cqe)) {
			/* Other requests have other user_data. */
			if (io_uring_cqe_get_data(cqe) == &consumer)
				check(karena_uring_consumer_take(&consumer, cqe, add, &sum));
			io_uring_cqe_seen(&uring, cqe);
		}
	}
	printf("%ld\n", sum);
	io_uring_queue_exit(&uring);
	karena_uring_consumer_fini(&consumer, NULL);
	return 0;
}
