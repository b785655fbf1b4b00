// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Produces into a ring until it is full, by copy and in place. */
#include <err.h>
#include <errno.h>
#include <stdio.h>

#include <karena.h>

int main(void)
{
	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
	struct karena_ring_stat stat = KARENA_RING_STAT_INIT;
	struct karena_device *device;
	struct karena_ring *ring;
	char data[120] = "another record";
	unsigned int sent = 0;
	char *text;
	int ret;

	opts.flags = KARENA_RING_F_IN_PLACE;
	if (karena_open(NULL, &device) || karena_ring_create(device, 65536, &opts, &ring))
		errx(1, "%s", karena_errormsg());

	/* 40 bytes are reserved, and as many kept as there is to say. */
	text = karena_ring_reserve(ring, 40);
	if (!text)
		errx(1, "%s", karena_errormsg());
	ret = sprintf(text, "the first record");
	ret = karena_ring_submit_trimmed(ring, text, (size_t)ret, 0);
	if (ret < 0)
		errx(1, "%s", karena_errormsg());

	/* These take 8 + 120 bytes each. karena_ring_output_wait() would wait for space. */
	while (!(ret = karena_ring_output(ring, data, sizeof(data), 0)))
		sent++;
	if (ret != -EAGAIN || karena_ring_stat(ring, &stat))
		errx(1, "%s", karena_errormsg());
	printf("%u by copy, %llu submitted, %llu lost\n", sent,
	       (unsigned long long)stat.out_submitted, (unsigned long long)stat.out_lost_full);
	karena_ring_close(ring);
	karena_close(device);
	return 0;
}
