// SPDX-License-Identifier: MIT
/*
 * ticks NUMBER: print as many events of the driver tickring, which is in examples/driver.
 * The program makes the ring, the driver sends to it, whatever context it is in.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <karena.h>

#include "driver/tickring.h"

static const char *const sources[TICKRING_SOURCES] = { "hard interrupt", "softirq", "process" };

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static void print(const struct tickring_event *event)
{
	printf("%s %llu at %llu.%09llu s\n", sources[event->source],
	       (unsigned long long)event->number,
	       (unsigned long long)event->now / 1000000000,
	       (unsigned long long)event->now % 1000000000);
}

int main(int argc, char **argv)
{
	unsigned long left = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	struct karena_device *device;
	struct karena_record record;
	struct karena_ring *ring;
	int driver;

	if (!left)
		errx(2, "usage: ticks NUMBER");
	check(karena_open(NULL, &device));
	check(karena_ring_create(device, 65536, NULL, &ring));
	driver = open(TICKRING_DEVICE, O_RDWR | O_CLOEXEC);
	if (driver < 0)
		err(1, TICKRING_DEVICE);
	if (ioctl(driver, TICKRING_IOC_ATTACH, karena_ring_fd(ring)) < 0)
		err(1, "attach");
	while (left) {
		check(karena_ring_wait(ring, POLLIN, -1));
		while (left && check(karena_ring_take(ring, &record, 1))) {
			print(record.data);
			karena_ring_release(ring);
			left--;
		}
	}
	return 0;
}
