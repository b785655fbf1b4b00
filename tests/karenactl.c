// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl: what it says of objects that are as they are known to be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <karena.h>

#include "kselftest_harness.h"
#include "tool_util.h"

FIXTURE(tool) {
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_ring *ring;
	uint64_t page;
	unsigned int kib;
};

FIXTURE_SETUP(tool)
{
	struct karena_arena_opts arena_opts = { .size = sizeof(arena_opts), .name = "a-name" };
	struct karena_ring_opts ring_opts = { .size = sizeof(ring_opts), .name = "r-name" };

	self->page = (uint64_t)sysconf(_SC_PAGESIZE);
	self->kib = self->page / 1024;
	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_arena_create(self->device, 4096 * self->page, &arena_opts,
					 &self->arena));
	ASSERT_EQ(0, karena_ring_create(self->device, 2 * self->page, &ring_opts, &self->ring));
}

FIXTURE_TEARDOWN(tool)
{
	karena_ring_close(self->ring);
	karena_arena_close(self->arena);
	karena_close(self->device);
}

static int run_on_us(const char *command)
{
	char arguments[64];

	snprintf(arguments, sizeof(arguments), "%s %d", command, getpid());
	return run_tool(arguments);
}

TEST_F(tool, query_tells_features)
{
	EXPECT_EQ(0, run_tool("query"));
	EXPECT_TRUE(tool_says("features   arena ring"));
	EXPECT_TRUE(tool_says("none for this one (CAP_IPC_LOCK)"));
}

TEST_F(tool, list_tells_who_has_what)
{
	uint64_t offset;
	char lines[512];

	ASSERT_EQ(0, karena_arena_alloc(self->arena, 2, NULL, &offset));
	ASSERT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHT_MAP));
	ASSERT_EQ(0, karena_ring_output(self->ring, "x", 1, 0));
	snprintf(lines, sizeof(lines),
		 "    PID COMMAND           FD KIND  NAME                  SIZE       USED  RIGHTS\n"
		 "%7d karenactl       %4d arena a-name          %6u MiB %6u KiB  map\n"
		 "%7d karenactl       %4d ring  r-name          %6u KiB       16 B  map map-write produce consume\n",
		 getpid(), karena_arena_fd(self->arena), 4 * self->kib, 2 * self->kib,
		 getpid(), karena_ring_fd(self->ring), 2 * self->kib);
	EXPECT_EQ(0, run_on_us("list"));
	EXPECT_TRUE(tool_says_only(lines));
}

/* The module's own ids go on from what other tests have made. */
static uint64_t id_of(struct karena_device *device, const char *name)
{
	struct karena_list_entry entry = {};

	while (karena_list(device, entry.id, &entry, 1) == 1)
		if (!strcmp(entry.name, name))
			return entry.id;
	return 0;
}

#define TITLES \
	"    ID KIND  NAME                  SIZE     MEMORY USER       CREATOR  HELD BY\n"

TEST_F(tool, list_tells_of_all_objects)
{
	unsigned long long arena = id_of(self->device, "a-name"),
			   ring = id_of(self->device, "r-name");
	struct karena_view view;
	uint64_t offset;

	ASSERT_EQ(0, karena_arena_alloc(self->arena, 2, NULL, &offset));
	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &view));
	EXPECT_EQ(0, run_tool("list"));
	EXPECT_TRUE(tool_says(TITLES));
	/* The shell that runs karenactl, and karenactl, have what they inherited. */
	EXPECT_TRUE(tool_says("%6llu arena a-name          %6u MiB %6u KiB root       %7d  ", arena,
			      4 * self->kib, 2 * self->kib, getpid()));
	EXPECT_TRUE(tool_says("%d:karenactl fd %d 1 map", getpid(), karena_arena_fd(self->arena)));
	EXPECT_TRUE(tool_says("%6llu ring  r-name ", ring));
	EXPECT_TRUE(tool_says("\nroot: 2 objects, "));
	EXPECT_TRUE(tool_says("\nall: 2 objects, "));
	EXPECT_EQ(NULL, strstr(tool_said, "more, in no process"));
	karena_view_unmap(&view);
}

TEST_F(tool, list_tells_of_what_no_descriptor_leads_to)
{
	struct karena_arena_opts arena_opts = { .size = sizeof(arena_opts), .name = "mapped" };
	struct karena_arena *arena;
	struct karena_view view;
	int ends[2];

	ASSERT_EQ(0, karena_arena_create(self->device, 4 * self->page, &arena_opts, &arena));
	ASSERT_EQ(0, karena_arena_map(arena, NULL, &view));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	ASSERT_EQ(0, karena_send_fd(ends[0], karena_arena_fd(arena)));
	close(karena_arena_fd(arena));
	EXPECT_EQ(0, run_tool("list"));
	EXPECT_TRUE(tool_says(" %d:karenactl 1 map; 1 more, in no process\n", getpid()));
	close(ends[0]);
	close(ends[1]);
	karena_view_unmap(&view);
}

#define JSON_BEGIN \
	"{\"objects\":[\n{\"id\":%llu,\"kind\":\"arena\",\"name\":\"a-name\",\"inode\":"
#define JSON_NUMBERS \
	",\"size\":%llu,\"memory\":0,\"uid\":0,\"creator\":%d,\"open_files\":1,\"references\":"
#define JSON_HOLDER \
	"{\"pid\":%d,\"command\":\"na\\\"me\\\\\",\"fds\":[%d],\"mappings\":0}"

TEST_F(tool, list_writes_json)
{
	unsigned long long arena = id_of(self->device, "a-name");

	ASSERT_EQ(0, prctl(PR_SET_NAME, "na\"me\\"));
	EXPECT_EQ(0, run_tool("list --json"));
	EXPECT_TRUE(tool_says(JSON_BEGIN, arena));
	EXPECT_TRUE(tool_says(JSON_NUMBERS, 4096ull * self->page, getpid()));
	EXPECT_TRUE(tool_says(",\"in_kernel\":0,\"parked\":0,\"holders\":["));
	EXPECT_TRUE(tool_says(JSON_HOLDER, getpid(), karena_arena_fd(self->arena)));
	EXPECT_TRUE(tool_says("\n],\"processes_not_seen\":0}\n"));
}

TEST_F(tool, list_prints_nothing_that_a_terminal_would_obey)
{
	ASSERT_EQ(0, prctl(PR_SET_NAME, "\033[2Jname"));
	EXPECT_EQ(0, run_on_us("list"));
	EXPECT_TRUE(tool_says(" ?[2Jname "));
	EXPECT_EQ(NULL, strchr(tool_said, '\033'));
}

TEST_F(tool, show_tells_which_right_the_descriptor_lacks)
{
	ASSERT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHT_ALLOC));
	EXPECT_EQ(1, run_on_us("show"));
	EXPECT_TRUE(tool_says("karenactl: pid %d fd %d: arena_walk: ", getpid(),
			      karena_arena_fd(self->arena)));
	EXPECT_TRUE(tool_says("KARENA_RIGHT_MAP"));
	/* The others are shown all the same. */
	EXPECT_TRUE(tool_says("ring \"r-name\""));
}

/* A user may make objects, and sees only them. */
static bool group_sees_what_is_theirs(void)
{
	struct karena_arena_opts opts = { .size = sizeof(opts), .name = "theirs" };
	struct karena_device *device;
	struct karena_arena *arena;

	if (karena_open(NULL, &device) || setgid(65534) || setuid(65534) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return false;
	if (karena_arena_create(device, sysconf(_SC_PAGESIZE), &opts, &arena))
		return false;
	if (run_tool("list") || !tool_says(" arena theirs ") || !tool_says(" nobody ") ||
	    strstr(tool_said, "a-name"))
		return false;
	return tool_says("\nall: 1 object, 0 B\n") && !strstr(tool_said, "karenactl: ");
}

#define NOT_WRITTEN	"karenactl: standard output: No space left on device\n"

TEST_F(tool, what_cannot_be_written_is_a_failure)
{
	static const char *const all[] = { "query", "list", "show self", "help" };
	char arguments[64];

	for (size_t i = 0; i < 4; i++) {
		snprintf(arguments, sizeof(arguments), "%s >/dev/full", all[i]);
		EXPECT_EQ(1, run_tool(arguments));
		EXPECT_TRUE(tool_says_only(NOT_WRITTEN));
	}
}

TEST_F(tool, show_draws_what_is_where)
{
	struct karena_alloc_opts opts = { .size = sizeof(opts), .flags = KARENA_ALLOC_F_FIXED };
	uint64_t offset;

	ASSERT_EQ(0, karena_arena_alloc(self->arena, 3, &opts, &offset));
	opts.offset = 3 * self->page;
	opts.flags |= KARENA_ALLOC_F_LAZY;
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 2, &opts, &offset));
	ASSERT_EQ(0, karena_arena_guard(self->arena, 5 * self->page, 1));
	ASSERT_EQ(0, karena_arena_reserve(self->arena, 2048 * self->page, 4));
	EXPECT_EQ(0, run_on_us("show"));
	EXPECT_TRUE(tool_says("arena \"a-name\", %u MiB; pid", 4 * self->kib));
	EXPECT_TRUE(tool_says("5 allocated, 4 reserved, 1 guard"));
	EXPECT_TRUE(tool_says("       0 B |+++++X.........."));
	EXPECT_TRUE(tool_says(" %.2g MiB free\n", 1984 * self->kib / 1024.0));
	EXPECT_TRUE(tool_says("%6u MiB |rrrr............", 2 * self->kib));
	EXPECT_TRUE(tool_says("a character is %u KiB", self->kib));
	EXPECT_TRUE(tool_says("  0x%llx          1 %6u KiB  guard",
			      (unsigned long long)(5 * self->page), self->kib));
}

TEST_F(tool, show_draws_the_fill_of_a_ring)
{
	static char payload[32768];

	ASSERT_EQ(0, karena_ring_output(self->ring, payload, self->page / 2 - 8, 0));
	EXPECT_EQ(0, run_on_us("show"));
	EXPECT_TRUE(tool_says("ring \"r-name\", %u KiB; pid", 2 * self->kib));
	EXPECT_TRUE(tool_says("1 reserved: 1 submitted, 0 discarded"));
	EXPECT_TRUE(tool_says("%6u KiB |################................", self->kib / 2));
}

/* One more than fit: the last is counted among the number of the others. */
TEST_F(tool, show_lists_only_so_many_ranges)
{
	for (uint64_t i = 0; i < 34; i += 2)
		ASSERT_EQ(0, karena_arena_reserve(self->arena, i * self->page, 1));
	EXPECT_EQ(0, run_on_us("show"));
	EXPECT_TRUE(tool_says("and 1 more\n"));
}

TEST_F(tool, show_takes_descriptors)
{
	char arguments[64], said[256];
	int pid = getpid();

	snprintf(arguments, sizeof(arguments), "show %d %d", pid, karena_ring_fd(self->ring));
	EXPECT_EQ(0, run_tool(arguments));
	EXPECT_TRUE(tool_says("ring \"r-name\""));
	EXPECT_EQ(NULL, strstr(tool_said, "a-name"));
	snprintf(arguments, sizeof(arguments), "show %d 0 999", pid);
	snprintf(said, sizeof(said),
		 "karenactl: pid %d fd 0: neither an arena nor a ring\n"
		 "karenactl: pid %d fd 999: no such descriptor\n", pid, pid);
	EXPECT_EQ(1, run_tool(arguments));
	EXPECT_TRUE(tool_says_only(said));
}

TEST_F(tool, processes_without_objects)
{
	EXPECT_EQ(0, run_tool("show 1"));
	EXPECT_TRUE(tool_says_only("pid 1 has neither arena nor ring open\n"));
	EXPECT_EQ(1, run_tool("show 99999999"));
	EXPECT_TRUE(tool_says_only("karenactl: pid 99999999: no such process\n"));
	EXPECT_EQ(1, run_tool("show 99999999 3"));
	EXPECT_TRUE(tool_says_only("karenactl: pid 99999999 fd 3: no such process\n"));
	EXPECT_EQ(1, run_tool("list 99999999"));
	EXPECT_TRUE(tool_says("karenactl: pid 99999999: no such process\n"));
}

#define FORBIDDEN	"not allowed to look at it: be root, or the user whose process it is\n"

#define NOT_OPENED	"not allowed to open it: be root, or of its group\n"

/* Its parent is root's, and it has what its parent has. */
static bool nobody_sees_what_is_his(void)
{
	run_on_us("list");
	if (!tool_says(" arena a-name ") || !tool_says(" ring  r-name ") ||
	    strstr(tool_said, "karenactl: "))
		return false;
	if (run_tool("list") != 1 || !tool_says_only("karenactl: /dev/karena: " NOT_OPENED))
		return false;
	if (run_on_us("show") || run_tool("show 1") != 1 ||
	    !tool_says_only("karenactl: pid 1: " FORBIDDEN))
		return false;
	return run_tool("query") == 1 &&
	       tool_says_only("karenactl: /dev/karena: " NOT_OPENED);
}

TEST_F(tool, users_see_what_is_theirs_and_how_much_is_not)
{
	pid_t child = fork();
	int status;

	ASSERT_LE(0, child);
	if (!child) {
		if (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1))
			_exit(255);
		_exit(nobody_sees_what_is_his() ? 0 : 1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(tool, list_shows_users_only_what_is_theirs)
{
	pid_t child;
	int status;

	ASSERT_EQ(0, chmod("/dev/karena", 0666));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(group_sees_what_is_theirs() ? 0 : 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, chmod("/dev/karena", 0660));
}

TEST_HARNESS_MAIN
