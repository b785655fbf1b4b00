// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl: shows the features of the module, and the arenas and rings of running
 * processes. It accesses an object of another process through a duplicate of its
 * descriptor, so it can show the objects of any process that it may trace.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <karena.h>

#include "list.h"
#include "object.h"
#include "process.h"
#include "text.h"

/* Exit statuses besides 0. */
#define FAILED	1
#define MISUSED	2

static void usage(FILE *out)
{
	fprintf(out,
		"usage: karenactl query             what module and kernel can do\n"
		"       karenactl list [--json]     all arenas and rings, and who holds them\n"
		"       karenactl list PID...       descriptors that processes have of them\n"
		"       karenactl show PID [FD]...  map of each arena, fill of each ring\n"
		"       karenactl help              this\n"
		"       karenactl --version         the version\n"
		"\n"
		"Looking at a process takes the right to trace it: root has it for all, others for\n"
		"their own. list shows root all objects, and others those that their user has made.\n"
		"\n"
		"Exit status: 0: success; 1: something could not be shown or written; 2: wrong usage.\n");
}

/* Reports a wrong command line. Returns the exit status. */
__attribute__((format(printf, 1, 2)))
static int misused(const char *format, ...)
{
	va_list args;

	fputs("karenactl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	usage(stderr);
	return MISUSED;
}

/* Returns the exit status. */
static int complain_of_device(void)
{
	complain("%s", karena_errormsg());
	return FAILED;
}

/* Those who may not open the device may still look at objects. */
static bool module_is_missing(void)
{
	struct karena_device *device;
	int ret = karena_open(NULL, &device);

	if (!ret)
		karena_close(device);
	return ret == -ENOENT || ret == -ENXIO;
}

static int do_query(int count, char **words)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *device;
	int ret;

	(void)count;
	(void)words;
	ret = karena_open(NULL, &device);
	if (ret < 0)
		return complain_of_device();
	ret = karena_query(device, &query);
	karena_close(device);
	if (ret < 0)
		return complain_of_device();
	printf(KARENA_DEVICE ", ABI version %u\n", query.out_abi_version);
	field("features", "%s", bits_text(feature_bits, query.out_features));
	field("arenas", "up to %s; flags %s", size_text(query.out_arena_max_bytes),
	      bits_text(arena_bits, query.out_arena_flags));
	field("rings", "up to %s; flags %s", size_text(query.out_ring_max_bytes),
	      bits_text(ring_bits, query.out_ring_flags));
	field("page", "%s", size_text(query.out_page_size));
	if (query.out_user_left_bytes == UINT64_MAX)
		field("limit", "%s per user, but none for this one (CAP_IPC_LOCK)",
		      size_text(query.out_user_limit_bytes));
	else
		field("limit", "%s per user, %s left", size_text(query.out_user_limit_bytes),
		      size_text(query.out_user_left_bytes));
	return 0;
}

typedef int (*object_fn)(const struct object *object);

/* A result: the user was told why. */
#define TOLD	1

/*
 * Returns 0, TOLD if the object could not be shown, or the negative errno for which there
 * is no object.
 */
static int do_fd(pid_t pid, int fd, object_fn fn)
{
	struct object object;
	int ret = open_object(pid, fd, &object);

	if (ret)
		return ret;
	ret = fn(&object);
	if (ret) {
		/* The map takes memory of its own. */
		complain("pid %d fd %d: %s", pid, fd,
			 ret == -ENOMEM ? strerror(ENOMEM) : karena_errormsg());
		ret = TOLD;
	}
	close_object(&object);
	return ret;
}

/* Returns the exit status. @fd: a descriptor, or -1. @error: of do_fd(). */
static int complain_of(pid_t pid, int fd, int error)
{
	const char *why = strerror(-error);
	char which[24] = "";

	if (error == TOLD)
		return FAILED;
	if (is_forbidden(error))
		why = "not allowed to look at it: be root, or the user whose process it is";
	else if (error == -ESRCH)
		why = "no such process";
	else if (error == -EBADF)
		why = "no such descriptor";
	else if (error == -ENOTTY)
		why = "neither an arena nor a ring";
	if (fd >= 0)
		snprintf(which, sizeof(which), " fd %d", fd);
	complain("pid %d%s: %s", pid, which, why);
	return FAILED;
}

static bool went_away(int error)
{
	return error == -ESRCH || error == -EBADF;
}

/**
 * struct visit - going through the objects of a process
 * @pid:	the process
 * @fn:		called for each
 * @found:	number of objects
 * @first:	negative errno of the first failure, or 0
 */
struct visit {
	pid_t pid;
	object_fn fn;
	unsigned int found;
	int first;
};

static int visit_fd(int fd, void *data)
{
	struct visit *visit = data;
	int ret = do_fd(visit->pid, fd, visit->fn);

	/* It may have been closed meanwhile. */
	if (ret == -ENOTTY || went_away(ret))
		return 0;
	visit->found++;
	if (ret && !visit->first)
		visit->first = ret;
	return 0;
}

/*
 * Calls @fn for each object of a process, and counts them in @found. Returns 0, or the negative
 * errno of the first failure.
 */
static int do_process(pid_t pid, object_fn fn, unsigned int *found)
{
	struct visit visit = { .pid = pid, .fn = fn };
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	ret = visit_numbers(path, visit_fd, &visit);
	*found += visit.found;
	if (ret)
		return ret == -ENOENT ? -ESRCH : ret;
	return visit.first;
}

/* Returns the process that a word names, or -1. */
static pid_t parse_pid(const char *word)
{
	pid_t pid = strcmp(word, "self") ? parse_number(word) : getpid();

	return pid > 0 ? pid : -1;
}

/* Lists all objects, or the descriptors that processes have of objects. */
static int do_list(int count, char **words)
{
	bool json = count == 1 && !strcmp(words[0], "--json");
	unsigned int found = 0;
	int status = 0;

	if (!count || json)
		return list_objects(json) ? complain_of_device() : 0;
	for (int i = 0; i < count; i++)
		if (parse_pid(words[i]) < 0)
			return misused("'%s' is not the number of a process", words[i]);
	if (module_is_missing())
		return complain_of_device();
	list_header();
	for (int i = 0; i < count; i++) {
		pid_t pid = parse_pid(words[i]);
		int ret = do_process(pid, list_object, &found);

		if (ret)
			status = complain_of(pid, -1, ret);
	}
	return status;
}

static int show_all(pid_t pid)
{
	unsigned int found = 0;
	int ret = do_process(pid, show_object, &found);

	if (ret)
		return complain_of(pid, -1, ret);
	if (!found)
		printf("pid %d has neither arena nor ring open\n", pid);
	return 0;
}

static int do_show(int count, char **words)
{
	pid_t pid = parse_pid(words[0]);
	int status = 0;

	if (pid < 0)
		return misused("'%s' is not the number of a process", words[0]);
	for (int i = 1; i < count; i++)
		if (parse_number(words[i]) < 0)
			return misused("'%s' is not the number of a descriptor", words[i]);
	if (module_is_missing())
		return complain_of_device();
	if (count == 1)
		return show_all(pid);
	for (int i = 1; i < count; i++) {
		int fd = parse_number(words[i]), ret = do_fd(pid, fd, show_object);

		if (ret)
			status = complain_of(pid, fd, ret);
	}
	return status;
}

static int do_help(int count, char **words)
{
	(void)count;
	(void)words;
	usage(stdout);
	return 0;
}

static int do_version(int count, char **words)
{
	(void)count;
	(void)words;
	printf("karenactl %s\n", karena_version());
	return 0;
}

/**
 * struct command - a command
 * @name:	first word of the command line
 * @least:	minimum number of further words
 * @most:	maximum number of further words
 * @option:	the option that it has, or NULL
 * @run:	called with the further words; returns the exit status
 */
struct command {
	const char *name;
	int least;
	int most;
	const char *option;
	int (*run)(int count, char **words);
};

static const struct command commands[] = {
	{ "query", 0, 0, NULL, do_query },
	{ "list", 0, INT_MAX, "--json", do_list },
	{ "show", 1, INT_MAX, NULL, do_show },
	{ "help", 0, 0, NULL, do_help },
	{ "--help", 0, 0, NULL, do_help },
	{ "-h", 0, 0, NULL, do_help },
	{ "--version", 0, 0, NULL, do_version },
};

static int run(const struct command *command, int count, char **words)
{
	for (int i = 0; i < count; i++)
		if (words[i][0] == '-' && strcmp(words[i], command->option ?: "-"))
			return misused("%s has no option '%s'", command->name, words[i]);
	if (count > command->most)
		return misused("%s takes no '%s'", command->name, words[command->most]);
	if (count < command->least)
		return misused("%s takes the number of a process", command->name);
	return command->run(count, words);
}

/* Reports errors of output that was still in a buffer, too. */
static int finish(int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (!fclose(stdout) && !failed)
		return status;
	complain("standard output: %s", errno ? strerror(errno) : "not all could be written");
	return FAILED;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return misused("there is no command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return finish(run(&commands[i], argc - 2, argv + 2));
	return misused("there is no command '%s'", argv[1]);
}
