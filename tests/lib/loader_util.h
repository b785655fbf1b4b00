/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the module, and what it may leave behind.
 */
#ifndef KARENA_TESTS_LOADER_UTIL_H
#define KARENA_TESTS_LOADER_UTIL_H

#include "calls.h"
#include "module_util.h"

static inline int load(const char *parameters)
{
	return module_load("karena", parameters);
}

static inline int unload(void)
{
	return module_unload("karena");
}

/* What io_uring or another process holds goes a moment after it is let go. */
static inline int unload_soon(void)
{
	int64_t end = now_ms() + HUNG_MS;
	int err;

	while ((err = unload()) == EWOULDBLOCK && now_ms() < end)
		pause_ms(10);
	return err;
}

static inline bool lists_karena(const char *path)
{
	static char text[1 << 16];

	return read_file(path, text, sizeof(text)) > 0 && strstr(text, "karena");
}

/* Anything of the module that is to be seen while it is not loaded. */
static inline bool left_behind(void)
{
	return lists_karena("/proc/modules") || lists_karena("/proc/misc") ||
	       lists_karena("/proc/filesystems") || lists_karena("/proc/slabinfo") ||
	       lists_karena("/proc/devices") || !access(KARENA_DEVICE, F_OK) ||
	       !access("/sys/module/karena", F_OK) ||
	       !access("/sys/class/misc/karena", F_OK) ||
	       !access("/sys/kernel/tracing/events/karena", F_OK);
}

/* A little of everything, from outside. */
static inline void use(void)
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

#endif /* KARENA_TESTS_LOADER_UTIL_H */
