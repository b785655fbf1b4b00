// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl: what it says of objects that are as they are known to be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

#include "kselftest_harness.h"

FIXTURE(tool) {
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_ring *ring;
	uint64_t page;
	char said[16384];
};

typedef FIXTURE_DATA(tool) tool_data;

FIXTURE_SETUP(tool)
{
	struct karena_arena_opts arena_opts = { .size = sizeof(arena_opts), .name = "a-name" };
	struct karena_ring_opts ring_opts = { .size = sizeof(ring_opts), .name = "r-name" };

	self->page = (uint64_t)sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_arena_create(self->device, 4096 * self->page, &arena_opts,
					 &self->arena));
	ASSERT_EQ(0, karena_ring_create(self->device, 8192, &ring_opts, &self->ring));
}

FIXTURE_TEARDOWN(tool)
{
	karena_ring_close(self->ring);
	karena_arena_close(self->arena);
	karena_close(self->device);
}

/* Runs karenactl; returns its exit status, and what it said in self->said. */
static int run(tool_data *self, const char *arguments)
{
	char command[256];
	FILE *pipe;
	size_t length;

	snprintf(command, sizeof(command), "karenactl %s 2>&1", arguments);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	length = fread(self->said, 1, sizeof(self->said) - 1, pipe);
	self->said[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static int run_on_us(tool_data *self, const char *command)
{
	char arguments[64];

	snprintf(arguments, sizeof(arguments), "%s %d", command, getpid());
	return run(self, arguments);
}

static bool says(tool_data *self, const char *text)
{
	if (strstr(self->said, text))
		return true;
	fprintf(stderr, "not in what karenactl says: %s\n%s\n", text, self->said);
	return false;
}

TEST_F(tool, wrong_usage_is_reported)
{
	EXPECT_EQ(2, run(self, ""));
	EXPECT_EQ(2, run(self, "show"));
	EXPECT_EQ(2, run(self, "query more"));
	EXPECT_EQ(0, run(self, "help"));
	EXPECT_TRUE(says(self, "usage: karenactl query"));
}

TEST_F(tool, query_tells_features)
{
	EXPECT_EQ(0, run(self, "query"));
	EXPECT_TRUE(says(self, "features   arena ring"));
	EXPECT_TRUE(says(self, "none for this one (CAP_IPC_LOCK)"));
}

TEST_F(tool, list_tells_who_has_what)
{
	uint64_t offset;
	char line[128];

	ASSERT_EQ(0, karena_arena_alloc(self->arena, 2, NULL, &offset));
	ASSERT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHT_MAP));
	ASSERT_EQ(0, karena_ring_output(self->ring, "x", 1, 0));
	snprintf(line, sizeof(line), "%7d %-15s %4d arena a-name", getpid(), "karenactl",
		 karena_arena_fd(self->arena));
	EXPECT_EQ(0, run_on_us(self, "list"));
	EXPECT_TRUE(says(self, line));
	EXPECT_TRUE(says(self, "16 MiB      8 KiB  map\n"));
	EXPECT_TRUE(says(self, "8 KiB       16 B  map map-write produce consume\n"));
	EXPECT_EQ(0, run(self, "list"));
	EXPECT_TRUE(says(self, line));
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
	EXPECT_EQ(0, run_on_us(self, "show"));
	EXPECT_TRUE(says(self, "arena \"a-name\", 16 MiB; pid"));
	EXPECT_TRUE(says(self, "5 allocated, 4 reserved, 1 guard"));
	EXPECT_TRUE(says(self, "       0 B |+++++X.........."));
	EXPECT_TRUE(says(self, "             7.8 MiB free\n"));
	EXPECT_TRUE(says(self, "     8 MiB |rrrr............"));
	EXPECT_TRUE(says(self, "a character is 4 KiB"));
	EXPECT_TRUE(says(self, "  0x5000          1      4 KiB  guard"));
}

TEST_F(tool, show_draws_the_fill_of_a_ring)
{
	static char payload[2048 - 8];

	ASSERT_EQ(0, karena_ring_output(self->ring, payload, sizeof(payload), 0));
	EXPECT_EQ(0, run_on_us(self, "show"));
	EXPECT_TRUE(says(self, "ring \"r-name\", 8 KiB; pid"));
	EXPECT_TRUE(says(self, "1 reserved: 1 submitted, 0 discarded"));
	EXPECT_TRUE(says(self, "     2 KiB |################................"));
}

/* One more than fit: the last is counted among the number of the others. */
TEST_F(tool, show_lists_only_so_many_ranges)
{
	for (uint64_t i = 0; i < 34; i += 2)
		ASSERT_EQ(0, karena_arena_reserve(self->arena, i * self->page, 1));
	EXPECT_EQ(0, run_on_us(self, "show"));
	EXPECT_TRUE(says(self, "and 1 more\n"));
}

TEST_F(tool, show_takes_descriptors)
{
	char arguments[64];

	snprintf(arguments, sizeof(arguments), "show %d %d", getpid(),
		 karena_ring_fd(self->ring));
	EXPECT_EQ(0, run(self, arguments));
	EXPECT_TRUE(says(self, "ring \"r-name\""));
	EXPECT_EQ(NULL, strstr(self->said, "a-name"));
	snprintf(arguments, sizeof(arguments), "show %d 0 999 junk", getpid());
	EXPECT_EQ(1, run(self, arguments));
	EXPECT_TRUE(says(self, "fd 0: Invalid argument"));
	EXPECT_TRUE(says(self, "fd 999: Invalid argument"));
	EXPECT_TRUE(says(self, "fd -1: Invalid argument"));
}

TEST_F(tool, processes_without_objects)
{
	EXPECT_EQ(0, run(self, "show 1"));
	EXPECT_TRUE(says(self, "pid 1 has neither arena nor ring open"));
	EXPECT_EQ(1, run(self, "show 99999999"));
	EXPECT_TRUE(says(self, "No such file or directory"));
}

TEST_F(tool, processes_of_others_are_not_looked_into)
{
	char arguments[64];
	int status;
	pid_t pid = getpid(), child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		snprintf(arguments, sizeof(arguments), "show %d", pid);
		if (setgid(65534) || setuid(65534))
			_exit(255);
		_exit(run(self, arguments) == 1 && says(self, "Permission denied") ? 0 : 1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
