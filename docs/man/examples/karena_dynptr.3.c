// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Sends strings in records that have just their size. */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include <karena.h>

static int send_text(struct karena_ring *ring, const char *text)
{
	struct karena_dynptr record;
	uint32_t length = (uint32_t)strlen(text);

	/* No check in between: if the reserve fails, the submit does nothing. */
	karena_ring_reserve_dynptr(ring, sizeof(length) + length, &record);
	karena_dynptr_write(&record, 0, &length, sizeof(length));
	karena_dynptr_write(&record, sizeof(length), text, length);
	return karena_ring_submit_dynptr(&record, 0);
}

static int print(void *context, const void *data, size_t length)
{
	(void)context;
	printf("%.*s", (int)(length - sizeof(uint32_t)), (const char *)data + sizeof(uint32_t));
	return 0;
}

int main(void)
{
	struct karena_ring_opts opts = KARENA_RING_OPTS_INIT;
	struct karena_device *device;
	struct karena_ring *ring;

	opts.flags = KARENA_RING_F_IN_PLACE;
	if (karena_open(NULL, &device) || karena_ring_create(device, 65536, &opts, &ring) ||
	    send_text(ring, "two ") || send_text(ring, "records\n"))
		errx(1, "%s", karena_errormsg());
	if (karena_ring_consume(ring, print, NULL, 0) < 0)
		errx(1, "%s", karena_errormsg());
	return 0;
}
