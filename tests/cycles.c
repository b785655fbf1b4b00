// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects created, used and given up many times over: memory and slab objects are
 * as many afterwards as before, give or take one in a hundred and what is not worth
 * an object every other round. 10,000 rounds if the time suffices, but 400.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "calls.h"
#include "kselftest_harness.h"

#define ROUNDS		10000
#define ROUNDS_MIN	400
#define BUDGET_MS	20000

#define MAX_CACHES	512

struct cache {
	char name[64];
	long objects;
};

struct memory {
	long free_kb;

	struct cache caches[MAX_CACHES];
	unsigned int nr_caches;
};

/* Slabs keep free objects; KASAN keeps freed ones. Shrinking lets both go. */
static void shrink_caches(void)
{
	struct dirent *entry;
	char path[300];
	DIR *dir;

	dir = opendir("/sys/kernel/slab");
	must(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		write_file(path, "1");
	}
	closedir(dir);
}

/* With what each processor keeps for itself of it. */
static long free_memory(void)
{
	static char text[1 << 17];
	char *at = text;
	long pages = 0;

	must(read_file("/proc/zoneinfo", text, sizeof(text)) > 0);
	while ((at = strstr(at, "count:")))
		pages += strtol(at + strlen("count:"), &at, 10);
	return file_number("/proc/meminfo", "MemFree:") + pages * (long)page_size / 1024;
}

static void count_caches(struct memory *memory)
{
	static char text[1 << 17];
	struct cache *cache;
	char *line, *end;

	must(read_file("/proc/slabinfo", text, sizeof(text)) > 0);
	line = strchr(strchr(text, '\n') + 1, '\n') + 1;
	for (; *line && memory->nr_caches < MAX_CACHES; line = end + 1) {
		end = strchr(line, '\n');
		cache = &memory->caches[memory->nr_caches++];
		must(sscanf(line, "%63s %ld", cache->name, &cache->objects) == 2);
	}
}

/*
 * RCU, work queues and caches need a while to come to rest, after shrinking too,
 * which opens several hundred files.
 */
static void come_to_rest(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		pause_ms(300);
		shrink_caches();
		pause_ms(700);
	}
}

static struct memory measure(void)
{
	static struct memory memory;

	come_to_rest();
	memset(&memory, 0, sizeof(memory));
	count_caches(&memory);
	memory.free_kb = free_memory();
	return memory;
}

/* One of each kind, by which all that can be had is taken once. */
static void cycle(int device)
{
	int arena = arena_on(device, 256);
	int ring = ring_on(device, page_size, KARENA_RING_F_IN_PLACE);
	char room[64];
	char *map, *part;
	int other;

	must(ring >= 0);
	map = arena_map(arena, RDWR, 0, 256);
	part = arena_map(arena, PROT_READ, 16, 16);
	arena_take(arena, 0, 16, 8);
	must(arena_reserve(arena, 0, 100, 10) == 0);
	must(arena_reserve(arena, KARENA_RESERVE_F_GUARD, 120, 1) == 0);
	map[0] = 1;
	map[200 * page_size] = 1;
	must(part[0] == 0);
	must(arena_free(arena, 18, 2) == 0);
	other = reopen_with(arena, KARENA_RIGHT_MAP);
	must(other >= 0);

	must(write(ring, "hello", 5) == 5);
	must(reserve_record(ring) > 0);
	must(read(ring, room, sizeof(room)) == 16);

	munmap(part, 16 * page_size);
	close(arena);
	close(other);
	munmap(map, 256 * page_size);
	close(ring);
}

/*
 * Kernels whose slabs have sheaves keep up to so many free objects in them, which
 * shrinking does not let go of, or not yet.
 */
static long kept_in_sheaves(void)
{
	return access("/sys/kernel/slab/kmalloc-96/sheaf_capacity", F_OK) ? 0 : 1000;
}

/*
 * What is lost is lost in each round. Areas of kernel stacks are kept until there
 * are many of them; kmemleak's notes are of all that the kernel has, and what leaks
 * it reports itself.
 */
static bool has_grown(const struct cache *before, const struct cache *after, long rounds)
{
	return strcmp(before->name, "vmap_area") && strncmp(before->name, "kmemleak", 8) &&
	       after->objects - before->objects >
		       before->objects / 100 + rounds / 2 + kept_in_sheaves();
}

static bool has_shrunk(const struct memory *before, const struct memory *after)
{
	return before->free_kb - after->free_kb >= before->free_kb / 100;
}

static const struct cache *find_cache(const struct memory *memory, const char *name)
{
	unsigned int i;

	for (i = 0; i < memory->nr_caches; i++) {
		if (!strcmp(memory->caches[i].name, name))
			return &memory->caches[i];
	}
	return NULL;
}

/* Also counts the caches that are there before and after. */
static bool is_back(struct __test_metadata *_metadata, const struct memory *before,
		    const struct memory *after, long rounds, unsigned int *same)
{
	bool back = !has_shrunk(before, after);
	const struct cache *a, *b;
	unsigned int i;

	*same = 0;
	for (i = 0; i < before->nr_caches; i++) {
		a = &before->caches[i];
		b = find_cache(after, a->name);
		if (!b)
			continue;
		(*same)++;
		if (has_grown(a, b, rounds)) {
			TH_LOG("%s: %ld, then %ld", a->name, a->objects, b->objects);
			back = false;
		}
	}
	return back;
}

/* What is lost does not come back, however long one waits; what is only late does. */
static void expect_back(struct __test_metadata *_metadata, const struct memory *before,
			long rounds)
{
	int64_t end = now_ms() + HUNG_MS;
	static struct memory after;
	unsigned int same;
	bool back;

	do {
		after = measure();
		TH_LOG("%ld rounds; free KiB: %ld, then %ld", rounds, before->free_kb,
		       after.free_kb);
		back = is_back(_metadata, before, &after, rounds, &same);
	} while (!back && now_ms() < end);
	EXPECT_TRUE(back);
	EXPECT_LT(20, same);
}

/* How many rounds were made, of a share of them all, in that share of the time. */
static long repeat(void (*round)(int device), int device, unsigned int share)
{
	int64_t end = now_ms() + scaled(BUDGET_MS) / share;
	long rounds;

	for (rounds = 0; rounds < (long)scaled(ROUNDS) / share; rounds++) {
		if (rounds >= ROUNDS_MIN && now_ms() > end)
			break;
		round(device);
	}
	return rounds;
}

TEST(memory_comes_back)
{
	static struct memory before;
	int device = device_open();
	long rounds;

	/* What is taken and kept is taken before. */
	repeat(cycle, device, 4);
	before = measure();
	EXPECT_NE(NULL, find_cache(&before, "maple_node"));
	EXPECT_NE(NULL, find_cache(&before, "filp"));
	rounds = repeat(cycle, device, 1);
	expect_back(_metadata, &before, rounds);
	close(device);
}

/* By the death of the process rather than by its own hand. */
static void deadly_cycle(int device)
{
	pid_t child = fork_child();

	if (!child) {
		cycle(device);
		arena_map(arena_on(device, 64), RDWR, 0, 64)[0] = 1;
		must(reserve_record(ring_on(device, page_size, KARENA_RING_F_IN_PLACE)) == 0);
		kill(getpid(), SIGKILL);
	}
	must(reap(child) == -SIGKILL);
}

TEST(memory_comes_back_from_the_dead)
{
	static struct memory before;
	int device = device_open();
	long rounds;

	repeat(deadly_cycle, device, 8);
	before = measure();
	rounds = repeat(deadly_cycle, device, 2);
	expect_back(_metadata, &before, rounds);
	close(device);
}

TEST_HARNESS_MAIN
