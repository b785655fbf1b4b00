// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Without the library: makes a ring, writes a record and reads it. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/karena.h>

int main(void)
{
	struct karena_ring_create create = {
		.size = sizeof(create), .data_bytes = 65536, .node = KARENA_NODE_ANY,
	};
	struct karena_record_header header;
	char buffer[64];
	int device, ring;

	device = open("/dev/karena", O_RDWR | O_CLOEXEC);
	if (device < 0)
		err(1, "/dev/karena");
	ring = ioctl(device, KARENA_IOC_RING_CREATE, &create);
	if (ring < 0)
		err(1, "RING_CREATE");
	if (write(ring, "a record", 8) != 8 || read(ring, buffer, sizeof(buffer)) != 16)
		err(1, "ring");
	memcpy(&header, buffer, sizeof(header));
	printf("%u bytes: %.8s\n", header.word & KARENA_RECORD_LEN_MASK, buffer + sizeof(header));
	return 0;
}
