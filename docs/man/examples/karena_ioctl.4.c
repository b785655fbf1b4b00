// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* Without the library: allocates pages of an arena, writes to them, and lists what there is. */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/karena.h>

int main(void)
{
	struct karena_arena_create create = {
		.size = sizeof(create), .length = 1ull << 40, .node = KARENA_NODE_ANY,
		.flags = KARENA_ARENA_F_NULL_PAGE, .name = "pages",
	};
	struct karena_arena_alloc alloc = {
		.size = sizeof(alloc), .nr_pages = 3, .node = KARENA_NODE_ANY,
	};
	struct karena_arena_range ranges[4];
	struct karena_arena_walk walk = {
		.size = sizeof(walk), .buffer = (uintptr_t)ranges, .buffer_bytes = sizeof(ranges),
	};
	int device, arena;
	char *memory;

	device = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		err(1, KARENA_DEVICE);
	arena = ioctl(device, KARENA_IOC_ARENA_CREATE, &create);
	if (arena < 0)
		err(1, "ARENA_CREATE");
	if (ioctl(arena, KARENA_IOC_ARENA_ALLOC, &alloc))
		err(1, "ARENA_ALLOC");
	memory = mmap(NULL, create.length, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	strcpy(memory + alloc.out_offset, "here");
	if (ioctl(arena, KARENA_IOC_ARENA_WALK, &walk))
		err(1, "ARENA_WALK");
	for (unsigned int i = 0; i < walk.out_count; i++)
		printf("%llu pages, %llu of them with memory\n",
		       (unsigned long long)ranges[i].nr_pages,
		       (unsigned long long)ranges[i].nr_populated);
	return 0;
}
