// SPDX-License-Identifier: MIT
/*
 * The demo: four processes build one index of a source tree in an arena
 * and report finished files through a ring. Then other programs examine the index, and
 * the same job is done with a memfd and with pipes. See usage().
 *
 * Ends with status 1 if any result is wrong.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "job.h"

#define SOUGHT		"io_uring_cmd_done"
#define FOUND		"found"

static void usage(void)
{
	fprintf(stderr,
		"usage: index TREE REFERENCE\n"
		"  index the files below TREE and compare with the directory REFERENCE,\n"
		"  as reference.sh makes it\n"
		"       index lookup FD NAME\n"
		"  list the files that have NAME, from the index in the arena FD\n");
	exit(2);
}

void die(const char *what, int error)
{
	fflush(stdout);
	if (error)
		fprintf(stderr, "FAILED: %s: %s\n", what, strerror(-error));
	else
		fprintf(stderr, "FAILED: %s\n", what);
	exit(1);
}

void show(const char *name, const char *format, ...)
{
	va_list args;

	printf("    %-26s ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int start_writers(pid_t *pids, int (*work)(void *context, unsigned int writer), void *context)
{
	fflush(stdout);
	for (unsigned int i = 0; i < INDEX_WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int ret = work(context, i);

			if (ret < 0)
				fprintf(stderr, "indexer: %s\n", strerror(-ret));
			_exit(ret < 0);
		}
		if (pids[i] < 0) {
			int ret = -errno;

			while (i--)
				kill(pids[i], SIGKILL);
			return ret;
		}
	}
	return 0;
}

void kill_writers(const pid_t *pids)
{
	for (unsigned int i = 0; i < INDEX_WRITERS; i++)
		kill(pids[i], SIGKILL);
}

static double megabytes(uint64_t bytes)
{
	return (double)bytes / 1e6;
}

static void show_ring(const struct job *job, const struct karena_ring *ring, uint64_t read)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	int ret = karena_ring_stat(ring, &stat);
	uint64_t lost;

	if (ret < 0)
		die("ring", ret);
	lost = stat.out_lost_too_big + stat.out_lost_busy;
	show("records", "%llu sent, %llu read, %llu lost", (unsigned long long)stat.out_submitted,
	     (unsigned long long)read, (unsigned long long)(stat.out_submitted - read + lost));
	show("", "%llu reserved by one who was killed: discarded",
	     (unsigned long long)stat.out_lost_dead);
	show("ring", "%llu times full: the indexer waited; %llu wake-ups",
	     (unsigned long long)stat.out_lost_full, (unsigned long long)stat.out_wakeups);
	if (stat.out_submitted != job->nr_paths || read != job->nr_paths || lost ||
	    stat.out_lost_dead != 1)
		die("records", 0);
}

static void do_job(const struct job *job, struct shared *shared, struct done *done,
		   const struct reference *reference)
{
	struct index_counts counts;
	int ret;

	ret = by_karena(job, shared, done);
	if (ret < 0)
		die("karena", ret);
	show("time", "%.1f s, %.1f MB/s", done->seconds,
	     megabytes(done->bytes) / done->seconds);
	show_ring(job, shared->ring, done->files);
	index_count(&done->index, &counts);
	show("in the arena", "%llu identifiers in %llu files, %llu pairs",
	     (unsigned long long)counts.identifiers, (unsigned long long)counts.files,
	     (unsigned long long)counts.postings);
	check_done(job, done, reference);
	show("list of files", "SHA-256 %.16s..., as find and sort make it", reference->files);
	show("index", "SHA-256 %.16s..., as grep and sort make it", reference->index);
}

static void print_path(void *context, const char *path)
{
	(void)context;
	printf("%s\n", path);
}

/* Runs another program, with a descriptor that only allows reading. */
static int lookup(int fd, const char *name)
{
	struct karena_view_opts opts = { .size = sizeof(opts), .prot = PROT_READ };
	struct index index = { 0 };
	struct karena_arena *arena;
	struct karena_view view;
	int ret;

	ret = karena_arena_from_fd(fd, &arena);
	if (ret < 0)
		die("lookup: not an arena", ret);
	ret = karena_arena_map(arena, NULL, &view);
	if (ret != -EACCES)
		die("lookup: the arena can be mapped writable", ret);
	ret = karena_arena_map(arena, &opts, &view);
	if (ret < 0)
		die("lookup: map", ret);
	index.base = view.address;
	return index_lookup(&index, name, print_path, NULL) ? 0 : 1;
}

static void show_lookup(const struct shared *shared, const struct reference *reference)
{
	char self[PATH_MAX] = "", command[5 * PATH_MAX];
	struct karena_arena *reader;
	int ret, fd;

	ret = karena_arena_reopen(shared->arena, KARENA_RIGHT_MAP, &reader);
	if (ret < 0)
		die("reopen", ret);
	fd = dup(karena_arena_fd(reader));
	karena_arena_close(reader);
	if (fd < 0 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("lookup", -errno);
	fflush(stdout);
	snprintf(command, sizeof(command),
		 "cd '%s' && '%s' lookup %d " SOUGHT " >" FOUND
		 " && sed 's/^/    /' " FOUND " && cmp " FOUND " lookup",
		 reference->dir, self, fd);
	ret = system(command);
	close(fd);
	if (ret)
		die("lookup " SOUGHT, 0);
	show("", "as grep finds it");
}

static void show_tool(void)
{
	char command[64];

	/* Where Yama is, a process may not trace its parent unless that says so. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	fflush(stdout);
	snprintf(command, sizeof(command), "karenactl query && karenactl show %d", getpid());
	if (system(command))
		die(command, 0);
}

/*
 * Returns the number of free pages, or -1 if unknown: MemFree of /proc/meminfo, and the
 * pages in the lists of each CPU, which MemFree leaves out.
 */
static int64_t free_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	long long pages, sum = 0;
	char line[128];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %lld", &pages) == 1 ||
		    sscanf(line, " count: %lld", &pages) == 1)
			sum += pages;
	fclose(file);
	return sum;
}

static uint64_t populated(const struct karena_arena *arena)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	int ret = karena_arena_stat(arena, &stat);

	if (ret < 0)
		die("stat", ret);
	return stat.out_populated;
}

/* Shows that the machine has the arena's memory back, but for what others took. */
static void show_free(const struct karena_arena *arena)
{
	uint64_t page = karena_arena_page_size(arena), pages = populated(arena), left;
	int64_t before = free_pages(), after;
	int ret;

	ret = karena_arena_free(arena, 0, karena_arena_length(arena) / page, 0);
	if (ret < 0)
		die("free", ret);
	after = free_pages();
	left = populated(arena);
	show("populated in the arena", "%llu pages, then %llu: %.1f MB freed",
	     (unsigned long long)pages, (unsigned long long)left,
	     megabytes((pages - left) * page));
	show("free in the machine", "%lld pages, then %lld: %.1f MB more", (long long)before,
	     (long long)after, (double)(after - before) * (double)page / 1e6);
	if (left || before < 0 || after - before < (int64_t)(pages - left) / 10 * 9)
		die("free", 0);
}

static void show_row(const char *name, const struct done *done, const char *remark)
{
	show(name, "%5.1f s %7.1f MB/s %8.0f files/s   %s", done->seconds,
	     megabytes(done->bytes) / done->seconds, (double)done->files / done->seconds, remark);
}

static void peers(const struct job *job, const struct reference *reference,
		  const struct done *karena)
{
	struct done memfd = { 0 }, pipe = { 0 };
	int ret;

	ret = by_memfd(job, &memfd);
	if (ret < 0)
		die("memfd", ret);
	check_done(job, &memfd, reference);
	show("memfd and eventfd", "the same list, the same index");
	ret = by_pipe(job, &pipe);
	if (ret < 0)
		die("pipe", ret);
	check_done(job, &pipe, reference);
	show("pipes", "the same list, the same index");
	putchar('\n');
	show_row("karena", karena, "index shared by all, grows and shrinks");
	show_row("memfd and eventfd", &memfd, "index shared by all, only grows");
	show_row("pipes", &pipe, "index built and seen by one process");
}

static void title(const char *text)
{
	printf("\n%s\n", text);
}

static void index_tree(const char *tree, const char *dir)
{
	char list[PATH_MAX + 8];
	struct job job = { .list = list };
	struct reference reference;
	struct done done = { 0 };
	struct utsname machine;
	struct shared shared;
	struct karena_device *device;
	int ret;

	read_reference(&reference, dir);
	snprintf(list, sizeof(list), "%s/list", reference.dir);
	if (chdir(tree) < 0)
		die(tree, -errno);
	ret = scan_tree(".", &job.paths, &job.nr_paths);
	if (ret < 0 || !job.nr_paths)
		die(tree, ret);
	uname(&machine);
	printf("karena on Linux %s, %ld CPUs\n", machine.release, sysconf(_SC_NPROCESSORS_ONLN));
	ret = karena_open(NULL, &device);
	if (ret < 0)
		die(KARENA_DEVICE, ret);

	printf("\nFour processes build one index of %u files\n", job.nr_paths);
	do_job(&job, &shared, &done, &reference);
	title("A reader asks for " SOUGHT ", with a descriptor that can only look");
	show_lookup(&shared, &reference);
	title("What a touch does");
	ret = show_faults(device, &shared);
	if (ret < 0)
		die("touch", ret);
	title("What karenactl sees of it");
	show_tool();
	title("What free gives back");
	show_free(shared.arena);
	title("The same job by other means");
	peers(&job, &reference, &done);
	printf("\nAll as it should be.\n");
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "lookup"))
		return lookup(atoi(argv[2]), argv[3]);
	if (argc != 3)
		usage();
	index_tree(argv[1], argv[2]);
	return 0;
}
