// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Tells whether arenas can serve as registered buffers, and how much memory is left. */
#include <err.h>
#include <stdio.h>

#include <karena.h>

int main(void)
{
	struct karena_query query = KARENA_QUERY_INIT;
	struct karena_device *device;

	if (karena_open(NULL, &device) || karena_query(device, &query))
		errx(1, "%s", karena_errormsg());
	printf("registered buffers: %s\n",
	       query.out_features & KARENA_FEAT_URING_BUFFERS ? "yes" : "no");
	if (query.out_user_left_bytes == UINT64_MAX)
		puts("no limit");
	else
		printf("%llu MiB left\n", (unsigned long long)query.out_user_left_bytes >> 20);
	karena_close(device);
	return 0;
}
