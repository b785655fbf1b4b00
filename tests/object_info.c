// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is shown of objects: readers of it while objects come and go, and that no
 * address of the kernel is in it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <glob.h>
#include <poll.h>

#include "calls.h"
#include "kselftest_harness.h"

#define TRACING		"/sys/kernel/tracing"
#define EVENTS		TRACING "/events/karena"

/* Everything that a child does to objects for others to look at. */
static void come_and_go(void)
{
	struct world world;
	char room[64], *map;

	world_build(&world);
	for (;;) {
		world_renew(&world);
		map = arena_map(world.fd[ARENA], RDWR, 0, WORLD_PAGES);
		map[30 * page_size] = 1;
		must(read(world.fd[RING], room, sizeof(room)) > 0);
		must(reserve_record(world.fd[RING]) > 0);
		must(arena_free(world.fd[ARENA], 0, 8) == 0);
		munmap(map, WORLD_PAGES * page_size);
	}
}

static void read_all(const char *path)
{
	static char text[1 << 16];

	/* It may well be gone by now. */
	read_file(path, text, sizeof(text));
}

/* Files of /proc that lead to what the process has open or mapped. */
static void look_at(pid_t pid)
{
	static const char *const files[] = { "maps", "smaps", "numa_maps", "smaps_rollup" };
	char path[300], target[300];
	struct dirent *entry;
	unsigned int i;
	DIR *dir;

	for (i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		read_all(path);
	}
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, entry->d_name);
		read_all(path);
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		must(readlink(path, target, sizeof(target)) != 0);
	}
	if (dir)
		closedir(dir);
}

TEST(readers_while_objects_come_and_go)
{
	int64_t end = now_ms() + scaled(3000);
	unsigned long looks = 0;
	pid_t child;

	child = fork_child();
	if (!child)
		come_and_go();
	do {
		look_at(child);
		looks++;
	} while (now_ms() < end);
	EXPECT_EQ(-SIGKILL, end_child(child));
	TH_LOG("%lu looks", looks);
	EXPECT_LT(0, looks);
}

/* STAT of an object whose other users are just closing and freeing it. */
TEST(stat_while_others_close)
{
	unsigned long round;
	struct world world;
	enum kind kind;
	pid_t child;

	world_build(&world);
	for (round = 0; round < scaled(50); round++) {
		world_renew(&world);
		child = fork_child();
		if (!child) {
			must(arena_free(world.fd[ARENA], 0, WORLD_PAGES) == 0);
			_exit(0);
		}
		while (arena_stat(world.fd[ARENA]).out_populated)
			must(ring_stat(world.fd[RING]).out_records == 1);
		for (kind = ARENA; kind < KINDS; kind++)
			must(rights_of(world.fd[kind], kind));
		EXPECT_EQ(0, reap(child));
	}
	world_end(&world);
}

/* An address of the kernel, in hexadecimal: sixteen digits from ffff8 on. */
static const char *find_address(const char *text)
{
	size_t digits = 0;
	const char *at;

	for (at = text; *at; at++) {
		digits = isxdigit((unsigned char)*at) ? digits + 1 : 0;
		if (digits == 16 && !strncasecmp(at - 15, "ffff", 4) &&
		    strncasecmp(at - 15, "ffffffffffffffff", 16))
			return at - 15;
	}
	return NULL;
}

/*
 * The same as a number, at any multiple of four bytes: of memory as it lies there,
 * of allocated memory, or of code. A small negative number is none.
 */
static bool is_address(__u32 low, __u32 high)
{
	if (high == 0xffffffff)
		return low >= 0x80000000 && low < 0xffffe000;
	return high >= 0xffff8000 && high < 0xffffff00;
}

static bool holds_address(const void *bytes, size_t size)
{
	const char *at;
	__u32 words[2];

	for (at = bytes; at + 8 <= (const char *)bytes + size; at += 4) {
		memcpy(words, at, sizeof(words));
		if (is_address(words[0], words[1]))
			return true;
	}
	return false;
}

TEST(look_for_addresses_finds_them)
{
	static const __u64 numbers[] = { 1, 0xffff888012345678, 2 };
	static const __u64 harmless[] = { 0x7fffffffffff, -1ull, -22ull };

	EXPECT_NE(NULL, find_address("a ffff888012345678 b"));
	EXPECT_NE(NULL, find_address("0xFFFFFFFFC0123456"));
	EXPECT_EQ(NULL, find_address("00007f0012345678 ffffffffffffffff ffff8880"));
	EXPECT_TRUE(holds_address(numbers, sizeof(numbers)));
	EXPECT_TRUE(holds_address((char *)numbers + 4, sizeof(numbers) - 4));
	EXPECT_FALSE(holds_address(harmless, sizeof(harmless)));
}

TEST(no_address_in_fdinfo_and_maps)
{
	static char text[1 << 16];
	struct world world;
	enum kind kind;
	char path[64];

	world_build(&world);
	arena_map(world.fd[ARENA], PROT_READ, 0, 4);
	for (kind = ARENA; kind < KINDS; kind++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world.fd[kind]);
		ASSERT_LT(0, read_file(path, text, sizeof(text)));
		EXPECT_NE(NULL, strstr(text, "karena-type:"));
		EXPECT_EQ(NULL, find_address(text)) TH_LOG("%s", text);
	}
	ASSERT_LT(0, read_file("/proc/self/smaps", text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "karena-arena:test"));
	if (strstr(text, "[vsyscall]"))
		*strstr(text, "ffffffffff600000") = '\0';
	EXPECT_EQ(NULL, find_address(text));
	world_end(&world);
}

/* fdinfo says what STAT says. */
TEST(fdinfo_reports_what_stat_reports)
{
	struct karena_arena_stat stat;
	struct karena_ring_stat ring;
	struct world world;
	char path[64];

	world_build(&world);
	stat = arena_stat(world.fd[ARENA]);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world.fd[ARENA]);
	EXPECT_EQ(stat.out_rights, file_number(path, "karena-rights:"));
	EXPECT_EQ(stat.out_length, file_number(path, "karena-length:"));
	EXPECT_EQ(stat.out_allocated, file_number(path, "karena-allocated:"));
	EXPECT_EQ(stat.out_reserved, file_number(path, "karena-reserved:"));
	EXPECT_EQ(stat.out_guard, file_number(path, "karena-guard:"));
	EXPECT_EQ(stat.out_populated, file_number(path, "karena-populated:"));
	EXPECT_EQ(stat.out_populated_peak, file_number(path, "karena-populated-peak:"));

	ring = ring_stat(world.fd[RING]);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", world.fd[RING]);
	EXPECT_EQ(ring.out_rights, file_number(path, "karena-rights:"));
	EXPECT_EQ(ring.out_data_bytes, file_number(path, "karena-data-bytes:"));
	EXPECT_EQ(ring.out_available, file_number(path, "karena-available:"));
	EXPECT_EQ(ring.out_records, file_number(path, "karena-records:"));
	EXPECT_EQ(ring.out_submitted, file_number(path, "karena-submitted:"));
	world_end(&world);
}

TEST(no_address_in_what_calls_report)
{
	struct karena_ring_header *header;
	struct karena_arena_range ranges[8];
	struct karena_arena_stat stat;
	struct karena_ring_stat ring;
	struct world world;
	char *map;

	world_build(&world);
	stat = arena_stat(world.fd[ARENA]);
	EXPECT_FALSE(holds_address(&stat, sizeof(stat)));
	ring = ring_stat(world.fd[RING]);
	EXPECT_FALSE(holds_address(&ring, sizeof(ring)));
	arena_walk(world.fd[ARENA], 0, ranges, ARRAY_LEN(ranges), NULL);
	EXPECT_FALSE(holds_address(ranges, 3 * sizeof(ranges[0])));

	/* An open reservation, whose header is the kernel's. */
	ASSERT_LT(0, reserve_record(world.fd[RING]));
	header = mmap(NULL, page_size, PROT_READ, MAP_SHARED, world.fd[RING], 0);
	ASSERT_NE(MAP_FAILED, header);
	map = mmap(NULL, header->map_bytes, PROT_READ, MAP_SHARED, world.fd[RING], 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_FALSE(holds_address(map, header->map_bytes));
	world_end(&world);
}

static void do_all_calls(void)
{
	const struct call *call;
	static char room[1 << 16];
	struct world world;
	union args args;
	pid_t child;
	char *map;

	world_build(&world);
	for (call = calls; call < calls + NR_CALLS; call++) {
		world_renew(&world);
		map = arena_map(world.fd[ARENA], RDWR, 0, WORLD_PAGES);
		must(touch_write(map + 20 * page_size, 1).sig == 0);
		must(touch_write(map + WORLD_GUARD * page_size, 1).sig == SIGSEGV);
		call_prepare(&world, call, &args);
		must(try_call(world.fd[call_kind(call)], call, &args) == 0);
		munmap(map, WORLD_PAGES * page_size);
	}
	/* A record lost, one read, one that wakes somebody, one left open. */
	world_renew(&world);
	must(write(world.fd[RING], room, page_size) < 0 && errno == ENOSPC);
	must(read(world.fd[RING], room, sizeof(room)) > 0);
	child = fork_child();
	if (!child)
		_exit(poll(&(struct pollfd){ world.fd[RING], POLLIN, 0 }, 1, -1) != 1);
	wait_until_asleep(child);
	must(write(world.fd[RING], room, 8) == 8);
	must(reap(child) == 0);
	must(reserve_record(world.fd[RING]) > 0);
	world_end(&world);
}

/* What the trace's text says, and its pages as they are. */
TEST(no_address_in_the_trace)
{
	static char text[1 << 18], raw[1 << 16];
	int cpu, fd, pages = 0;
	char path[96];
	ssize_t bytes;

	ASSERT_EQ(0, write_file(TRACING "/trace", "\n"));
	ASSERT_EQ(0, write_file(EVENTS "/enable", "1"));
	do_all_calls();
	ASSERT_EQ(0, write_file(EVENTS "/enable", "0"));
	ASSERT_LT(0, read_file(TRACING "/trace", text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "karena_"));
	EXPECT_EQ(NULL, find_address(text)) TH_LOG("%.200s", find_address(text) - 100);

	for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		snprintf(path, sizeof(path), TRACING "/per_cpu/cpu%d/trace_pipe_raw", cpu);
		fd = open(path, O_RDONLY | O_NONBLOCK);
		ASSERT_GE(fd, 0);
		while ((bytes = read(fd, raw, page_size)) > 0) {
			EXPECT_FALSE(holds_address(raw, bytes));
			pages++;
		}
		close(fd);
	}
	EXPECT_LT(0, pages);
	write_file(TRACING "/trace", "\n");
}

/* Where a field's line in an event's format says that it ends, or -1: not behind @end. */
static int end_of_field(const char *line, int end)
{
	int offset, size;

	must(sscanf(line, "%*[^;]; offset:%d; size:%d;", &offset, &size) == 2);
	return !end || offset == end ? offset + size : -1;
}

/*
 * What is no field's would bear what was in the trace's pages before. The kernel's own fields,
 * before the blank line, are left out: those of RT kernels have a hole.
 */
TEST(events_have_no_holes)
{
	static char text[1 << 14];
	const char *line;
	glob_t paths;
	int end;

	ASSERT_EQ(0, glob(EVENTS "/karena_*/format", 0, NULL, &paths));
	EXPECT_LE(10, paths.gl_pathc);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		ASSERT_LT(0, read_file(paths.gl_pathv[i], text, sizeof(text)));
		end = 0;
		line = strstr(text, "\n\n");
		ASSERT_NE(NULL, line);
		for (line = strstr(line, "field:"); line; line = strstr(line + 1, "field:"))
			end = end_of_field(line, end);
		EXPECT_EQ(0, end % 8) TH_LOG("%s", paths.gl_pathv[i]);
	}
	globfree(&paths);
}

/* Each event is there, by the name that the header of tracepoints gives it. */
TEST(events_are_seen)
{
	static const char *const names[] = {
		" karena_object_create:", " karena_object_destroy:",
		" karena_arena_state:", " karena_arena_fault:", " karena_ring_reserve:",
		" karena_ring_finish:", " karena_ring_lost:", " karena_ring_abandon:",
		" karena_ring_wake:", " karena_ring_read:",
	};
	static char text[1 << 18];
	unsigned int i;

	ASSERT_EQ(0, write_file(TRACING "/trace", "\n"));
	ASSERT_EQ(0, write_file(EVENTS "/enable", "1"));
	do_all_calls();
	ASSERT_EQ(0, write_file(EVENTS "/enable", "0"));
	ASSERT_LT(0, read_file(TRACING "/trace", text, sizeof(text)));
	for (i = 0; i < ARRAY_LEN(names); i++) {
		EXPECT_NE(NULL, strstr(text, names[i]))
			TH_LOG("no %s", names[i]);
	}
	write_file(TRACING "/trace", "\n");
}

TEST_HARNESS_MAIN
