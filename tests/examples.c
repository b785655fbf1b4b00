// SPDX-License-Identifier: GPL-2.0-only
/*
 * The examples do what they say.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

/* Runs a shell command. Returns its exit status, and what it printed in @said. */
static int run(const char *command, char *said, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t length;

	if (!pipe)
		return -1;
	length = fread(said, 1, size - 1, pipe);
	said[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

TEST(first_says_hello)
{
	char said[64];

	ASSERT_EQ(0, run("first", said, sizeof(said)));
	EXPECT_TRUE(strstr(said, "hello from ") == said);
}

TEST(collect_ends_with_the_last_producer_and_has_added_all_up)
{
	char said[64];

	ASSERT_EQ(0, run("{ collect /at 2 & collect /at 1 2000 & collect /at 2001 6000; wait; }",
			 said, sizeof(said)));
	EXPECT_STREQ("18003000\n", said);
}

/* 4 times the squares of 1 to 3,000. */
TEST(pipeline_passes_on_all_records_and_the_end)
{
	char said[64];

	ASSERT_EQ(0, run("timeout 60 pipeline 4 3000", said, sizeof(said)));
	EXPECT_STREQ("36018002000\n", said);
}

TEST(table_loses_nothing_when_owners_of_its_lock_are_killed)
{
	char said[64];

	ASSERT_EQ(0, run("table 4 100", said, sizeof(said)));
	EXPECT_STREQ("sum 6400, repairs 4\n", said);
}

TEST_HARNESS_MAIN
