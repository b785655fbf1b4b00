// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl without the module, and wrong usage. To be run at the top of the tree.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include <karena_version.h>

#include "tool_util.h"

#include "kselftest_harness.h"

#define USAGE \
	"usage: karenactl query             what module and kernel can do\n" \
	"       karenactl list [--json]     all arenas and rings, and who holds them\n" \
	"       karenactl list PID...       descriptors that processes have of them\n" \
	"       karenactl show PID [FD]...  map of each arena, fill of each ring\n" \
	"       karenactl help              this\n" \
	"       karenactl --version         the version\n" \
	"\n" \
	"Looking at a process takes the right to trace it: root has it for all, others for\n" \
	"their own. list shows root all objects, and others those that their user has made.\n" \
	"\n" \
	"Exit status: 0: success; 1: something could not be shown or written; 2: wrong usage.\n"

#define NOT_LOADED \
	"karenactl: /dev/karena: the module karena is not loaded: load it with 'modprobe karena'\n"

struct golden {
	const char *arguments;
	int status;
	const char *says;
};

static const struct golden misused[] = {
	{ "", 2, "karenactl: there is no command\n" USAGE },
	{ "look", 2, "karenactl: there is no command 'look'\n" USAGE },
	{ "--json", 2, "karenactl: there is no command '--json'\n" USAGE },
	{ "query more", 2, "karenactl: query takes no 'more'\n" USAGE },
	{ "query --json", 2, "karenactl: query has no option '--json'\n" USAGE },
	{ "list --jason", 2, "karenactl: list has no option '--jason'\n" USAGE },
	{ "list 1 --json", 2, "karenactl: '--json' is not the number of a process\n" USAGE },
	{ "list --json 1", 2, "karenactl: '--json' is not the number of a process\n" USAGE },
	{ "list 1 -v", 2, "karenactl: list has no option '-v'\n" USAGE },
	{ "list abc", 2, "karenactl: 'abc' is not the number of a process\n" USAGE },
	{ "list 1 0", 2, "karenactl: '0' is not the number of a process\n" USAGE },
	{ "list 1x", 2, "karenactl: '1x' is not the number of a process\n" USAGE },
	{ "list ''", 2, "karenactl: '' is not the number of a process\n" USAGE },
	{ "list 4294967297", 2, "karenactl: '4294967297' is not the number of a process\n" USAGE },
	{ "list 99999999999999999999", 2,
	  "karenactl: '99999999999999999999' is not the number of a process\n" USAGE },
	{ "show", 2, "karenactl: show takes the number of a process\n" USAGE },
	{ "show abc", 2, "karenactl: 'abc' is not the number of a process\n" USAGE },
	{ "show 1 junk", 2, "karenactl: 'junk' is not the number of a descriptor\n" USAGE },
	{ "show 1 4294967297", 2,
	  "karenactl: '4294967297' is not the number of a descriptor\n" USAGE },
	{ "help me", 2, "karenactl: help takes no 'me'\n" USAGE },
	{ "help 2>/dev/null", 0, USAGE },
	{ "--help", 0, USAGE },
	{ "-h", 0, USAGE },
	{ "--version", 0, "karenactl " KARENA_VERSION "\n" },
	{ "--version 1", 2, "karenactl: --version takes no '1'\n" USAGE },
	{ "help >/dev/full", 1, "karenactl: standard output: No space left on device\n" },
	{ "help >&-", 1, "karenactl: standard output: Bad file descriptor\n" },
	{ "look >/dev/full", 2, "karenactl: there is no command 'look'\n" USAGE },
};

static const struct golden not_loaded[] = {
	{ "query", 1, NOT_LOADED },
	{ "list", 1, NOT_LOADED },
	{ "list self", 1, NOT_LOADED },
	{ "show 1", 1, NOT_LOADED },
	{ "show 1 0", 1, NOT_LOADED },
	{ "list >/dev/null", 1, NOT_LOADED },
};

FIXTURE(tool) {
};

FIXTURE_SETUP(tool)
{
	char path[4096];

	ASSERT_NE(NULL, getcwd(path, sizeof(path) - 64));
	strcat(path, "/build/bin:/usr/bin:/bin");
	ASSERT_EQ(0, setenv("PATH", path, 1));
}

FIXTURE_TEARDOWN(tool)
{
}

TEST_F(tool, wrong_usage_is_refused_with_status_2)
{
	for (size_t i = 0; i < sizeof(misused) / sizeof(misused[0]); i++) {
		EXPECT_EQ(misused[i].status, run_tool(misused[i].arguments)) {
			TH_LOG("karenactl %s", misused[i].arguments);
		}
		EXPECT_TRUE(tool_says_only(misused[i].says));
	}
}

TEST_F(tool, without_the_module_only_that_is_reported)
{
	if (!access("/sys/module/karena", F_OK))
		SKIP(return, "the module is loaded");
	for (size_t i = 0; i < sizeof(not_loaded) / sizeof(not_loaded[0]); i++) {
		EXPECT_EQ(not_loaded[i].status, run_tool(not_loaded[i].arguments)) {
			TH_LOG("karenactl %s", not_loaded[i].arguments);
		}
		EXPECT_TRUE(tool_says_only(not_loaded[i].says));
	}
}

TEST_HARNESS_MAIN
