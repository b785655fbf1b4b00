// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Two children send through a ring, which ends when the last of them has ended. */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <karena.h>

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static int count(void *context, const void *data, size_t length)
{
	(void)data;
	(void)length;
	++*(unsigned int *)context;
	return 0;
}

int main(void)
{
	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
	struct karena_ring *ring, *producers;
	struct karena_device *device;
	unsigned int records = 0;
	int events, taken;

	opts.name = "reports";
	opts.flags = KARENA_RING_F_END;
	check(karena_open(NULL, &device));
	check(karena_ring_create(device, 65536, &opts, &ring));

	/* An open file for producers, and no right to produce in our own. */
	check(karena_ring_reopen(ring, KARENA_RIGHT_PRODUCE, &producers));
	check(karena_ring_restrict(ring, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME));
	for (int child = 0; child < 2; child++) {
		if (!fork()) {
			for (int i = 0; i < 500; i++)
				check(karena_ring_output_wait(producers, "report", 6, 0, 0));
			_exit(0);
		}
	}
	karena_ring_close(producers);

	do {
		events = check(karena_ring_wait(ring, POLLIN, -1));
		taken = check(karena_ring_consume(ring, count, &records, 0));
	} while (taken || !(events & POLLHUP));
	printf("%u records, and the end\n", records);
	karena_ring_close(ring);
	karena_close(device);
	return 0;
}
