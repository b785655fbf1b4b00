// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "loader_util.h"

int unload_soon(void)
{
	int64_t end = now_ms() + HUNG_MS;
	int err;

	while ((err = unload()) == EWOULDBLOCK && now_ms() < end)
		pause_ms(10);
	return err;
}

static bool lists_karena(const char *path)
{
	static char text[1 << 16];

	return read_file(path, text, sizeof(text)) > 0 && strstr(text, "karena");
}

bool left_behind(void)
{
	return lists_karena("/proc/modules") || lists_karena("/proc/misc") ||
	       lists_karena("/proc/filesystems") || lists_karena("/proc/slabinfo") ||
	       lists_karena("/proc/devices") || !access(KARENA_DEVICE, F_OK) ||
	       !access("/sys/module/karena", F_OK) ||
	       !access("/sys/class/misc/karena", F_OK) ||
	       !access("/sys/kernel/tracing/events/karena", F_OK);
}

void use(void)
{
	struct world world;
	char room[64];
	char *map;

	world_build(&world);
	map = arena_map(world.fd[ARENA], RDWR, 0, WORLD_PAGES);
	map[0] = 1;
	map[20 * page_size] = 2;
	must(arena_free(world.fd[ARENA], 0, 4) == 0);
	must(map[0] == 0);
	must(read(world.fd[RING], room, sizeof(room)) > 0);
	must(reserve_record(world.fd[RING]));
	munmap(map, WORLD_PAGES * page_size);
	world_end(&world);
}
