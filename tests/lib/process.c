// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "file_util.h"
#include "process.h"
#include "test_util.h"

pid_t fork_child(void)
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int end_child(pid_t pid)
{
	must(kill(pid, SIGKILL) == 0);
	return reap(pid);
}

void *shared_memory(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED);
	return map;
}

void pause_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void wait_until(const int *flag, int value)
{
	while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) != value)
		pause_ms(1);
}

pid_t fork_user(uid_t uid)
{
	pid_t child = fork_child();

	if (!child) {
		must(setresuid(uid, uid, uid) == 0);
		/* A change of ids undid what fork_child() asked for. */
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	}
	return child;
}

int as_user(uid_t uid, int (*run)(void *data), void *data)
{
	pid_t child = fork_user(uid);

	if (!child)
		_exit(run(data));
	return reap(child);
}

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* Whether a process sleeps, by what the scheduler says. */
static bool is_asleep(pid_t pid)
{
	char path[32], text[512];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	must(read_file(path, text, sizeof(text)) > 0);
	end = strrchr(text, ')');
	return end && (end[2] == 'S' || end[2] == 'D');
}

void wait_until_asleep(pid_t pid)
{
	do {
		while (!is_asleep(pid))
			pause_ms(1);
		pause_ms(20);
	} while (!is_asleep(pid));
}
