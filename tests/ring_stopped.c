// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that wait, and are interrupted. Being stopped and continued, frozen, or looked at by
 * a debugger ends none of them; a signal with a handler does, and says what is left of the
 * time. Nothing of the module is needed to go on.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "module_util.h"
#include "ring_waiter.h"

#define TIMEOUT_US	(HUNG_MS * 1000u)
#define CGROUP		"/sys/fs/cgroup/karena_stopped"

/* The arguments, which the caller and the test share. */
union args {
	struct karena_ring_wait wait;
	struct karena_ring_output output;
	struct karena_ring_reserve reserve;
	struct karena_ring_output_batch output_batch;
	struct karena_ring_reserve_batch reserve_batch;
};

FIXTURE(stopped)
{
	struct ring ring;
	int fd;
	union args *args;
	uint32_t *timeout_us;
};

typedef FIXTURE_DATA(stopped) stopped_data;

FIXTURE_VARIANT(stopped)
{
	unsigned long call;
	bool space;
};

FIXTURE_VARIANT_ADD(stopped, read) { .call = 0 };
FIXTURE_VARIANT_ADD(stopped, wait) { .call = KARENA_IOC_RING_WAIT };
FIXTURE_VARIANT_ADD(stopped, output) { .call = KARENA_IOC_RING_OUTPUT, .space = true };
FIXTURE_VARIANT_ADD(stopped, reserve) { .call = KARENA_IOC_RING_RESERVE, .space = true };
FIXTURE_VARIANT_ADD(stopped, output_batch) { .call = KARENA_IOC_RING_OUTPUT_BATCH, .space = true };
FIXTURE_VARIANT_ADD(stopped, reserve_batch) {
	.call = KARENA_IOC_RING_RESERVE_BATCH,
	.space = true,
};

static const struct karena_record_header record_of_8[2] = { { .word = 8 } };
static const uint32_t lengths[1] = { 8 };

static void set_args(stopped_data *self, unsigned long call)
{
	union args *args = self->args;

	switch (call) {
	case KARENA_IOC_RING_WAIT:
		args->wait = (struct karena_ring_wait) {
			.size = sizeof(args->wait),
		};
		self->timeout_us = &args->wait.timeout_us;
		break;
	case KARENA_IOC_RING_OUTPUT:
		args->output = (struct karena_ring_output) {
			.size = sizeof(args->output), .flags = KARENA_RING_WAIT_SPACE,
			.buffer = (uintptr_t)record_of_8, .buffer_bytes = 8,
		};
		self->timeout_us = &args->output.timeout_us;
		break;
	case KARENA_IOC_RING_RESERVE:
		args->reserve = (struct karena_ring_reserve) {
			.size = sizeof(args->reserve), .flags = KARENA_RING_WAIT_SPACE,
			.length = 8,
		};
		self->timeout_us = &args->reserve.timeout_us;
		break;
	case KARENA_IOC_RING_OUTPUT_BATCH:
		args->output_batch = (struct karena_ring_output_batch) {
			.size = sizeof(args->output_batch), .flags = KARENA_RING_WAIT_SPACE,
			.buffer = (uintptr_t)record_of_8, .buffer_bytes = sizeof(record_of_8),
		};
		self->timeout_us = &args->output_batch.timeout_us;
		break;
	case KARENA_IOC_RING_RESERVE_BATCH:
		args->reserve_batch = (struct karena_ring_reserve_batch) {
			.size = sizeof(args->reserve_batch), .flags = KARENA_RING_WAIT_SPACE,
			.buffer = (uintptr_t)lengths, .buffer_bytes = sizeof(lengths),
		};
		self->timeout_us = &args->reserve_batch.timeout_us;
		break;
	}
}

FIXTURE_SETUP(stopped)
{
	self->ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	self->fd = self->ring.fd;
	self->args = shared_memory(page_size);
	set_args(self, variant->call);
	if (variant->space)
		fill_with_records_of_16(&self->ring);
}

FIXTURE_TEARDOWN(stopped)
{
	munmap(self->args, page_size);
	if (self->fd >= 0)
		ring_close(&self->ring);
}

static int make_call(stopped_data *self, unsigned long number)
{
	char got[16];

	if (!number)
		return ring_read(self->fd, got, sizeof(got));
	return call(self->fd, number, self->args);
}

static void make_call_and_exit(stopped_data *self, unsigned long number)
{
	int ret = make_call(self, number);

	_exit(ret < 0 ? -ret : 0);
}

static void handled(int sig)
{
	(void)sig;
}

/* A child that makes the call, and exits with its error number. It is asleep on return. */
static pid_t start(stopped_data *self, unsigned long number, uint32_t timeout_us)
{
	struct sigaction action = { .sa_handler = handled, .sa_flags = SA_RESTART };
	pid_t pid;

	if (self->timeout_us)
		*self->timeout_us = timeout_us;
	pid = fork_child();
	if (!pid) {
		must(sigaction(SIGUSR1, &action, NULL) == 0);
		make_call_and_exit(self, number);
	}
	wait_until_asleep(pid);
	return pid;
}

/* It waits still, and gets what it waits for. */
static void check_goes_on(struct __test_metadata *_metadata, stopped_data *self, bool for_space,
			  pid_t pid)
{
	char got[16];

	wait_until_asleep(pid);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	if (self->timeout_us) {
		EXPECT_LT(0, *self->timeout_us);
		EXPECT_GT(TIMEOUT_US, *self->timeout_us);
	}
	if (for_space) {
		ASSERT_EQ(16, ring_read(self->fd, got, sizeof(got)));
	} else {
		ASSERT_EQ(0, ring_output(self->fd, "x", 1, 0));
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, ring_stat(self->fd).out_lost_full);
}

static void stop(pid_t pid)
{
	int status;

	must(kill(pid, SIGSTOP) == 0);
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
}

TEST_F(stopped, being_stopped_and_continued_ends_no_wait)
{
	pid_t pid = start(self, variant->call, TIMEOUT_US);

	stop(pid);
	ASSERT_EQ(0, kill(pid, SIGCONT));
	check_goes_on(_metadata, self, variant->space, pid);
}

TEST_F(stopped, being_looked_at_by_a_debugger_ends_no_wait)
{
	pid_t pid = start(self, variant->call, TIMEOUT_US);
	int status;

	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid, 0, 0));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
	check_goes_on(_metadata, self, variant->space, pid);
}

TEST_F(stopped, being_frozen_ends_no_wait)
{
	char text[16];
	pid_t pid;

	if (mkdir(CGROUP, 0700) || access(CGROUP "/cgroup.freeze", W_OK))
		SKIP(return, "no cgroup that freezes: %s", strerror(errno));
	pid = start(self, variant->call, TIMEOUT_US);
	snprintf(text, sizeof(text), "%d", pid);
	ASSERT_EQ(0, write_file(CGROUP "/cgroup.procs", text));
	ASSERT_EQ(0, write_file(CGROUP "/cgroup.freeze", "1"));
	while (file_number(CGROUP "/cgroup.events", "frozen") != 1)
		pause_ms(1);
	ASSERT_EQ(0, write_file(CGROUP "/cgroup.freeze", "0"));
	check_goes_on(_metadata, self, variant->space, pid);
	remove_cgroup(CGROUP);
}

/* What has no limit gets none. */
TEST_F(stopped, wait_without_a_limit_goes_on_without_one)
{
	pid_t pid = start(self, variant->call, 0);

	stop(pid);
	ASSERT_EQ(0, kill(pid, SIGCONT));
	wait_until_asleep(pid);
	if (self->timeout_us) {
		EXPECT_EQ(0, *self->timeout_us);
	}
	EXPECT_EQ(-SIGKILL, end_child(pid));
}

TEST_F(stopped, time_goes_on_for_one_that_is_stopped)
{
	pid_t pid;

	if (!variant->call)
		SKIP(return, "read() has no time");
	pid = start(self, variant->call, 300000);
	stop(pid);
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(ETIMEDOUT, reap(pid));
	EXPECT_LE(*self->timeout_us, 300000);
}

/* Not begun anew, even by SA_RESTART, but for read(), which has no time. */
TEST_F(stopped, handler_ends_the_wait_and_the_rest_of_the_time_is_told)
{
	pid_t pid = start(self, variant->call, TIMEOUT_US);

	ASSERT_EQ(0, kill(pid, SIGUSR1));
	if (!variant->call) {
		check_goes_on(_metadata, self, variant->space, pid);
		return;
	}
	EXPECT_EQ(EINTR, reap(pid));
	EXPECT_LT(0, *self->timeout_us);
	EXPECT_GT(TIMEOUT_US, *self->timeout_us);
}

/* As select() does. */
TEST_F(stopped, time_that_cannot_be_written_ends_the_wait)
{
	union args *writable = self->args;
	int status;
	pid_t pid;

	/* The outputs of the others are written beforehand. */
	if (variant->call != KARENA_IOC_RING_WAIT && variant->call != KARENA_IOC_RING_OUTPUT &&
	    variant->call != KARENA_IOC_RING_OUTPUT_BATCH)
		SKIP(return, "a struct that has to be written anyway");
	*self->timeout_us = TIMEOUT_US;
	pid = fork_child();
	if (!pid) {
		must(mprotect(writable, page_size, PROT_READ) == 0);
		make_call_and_exit(self, variant->call);
	}
	wait_until_asleep(pid);
	stop(pid);
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EINTR, WEXITSTATUS(status));
	EXPECT_EQ(TIMEOUT_US, *self->timeout_us);
}

/* A child with this process's files, not its memory. */
static pid_t start_with_our_files(stopped_data *self, unsigned long number)
{
	pid_t pid;

	fflush(NULL);
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	must(pid >= 0);
	if (!pid) {
		/* Its mapping would keep the file. */
		munmap(self->ring.map, self->ring.header->map_bytes);
		make_call_and_exit(self, number);
	}
	wait_until_asleep(pid);
	return pid;
}

/* The descriptor, and with it the ring and the module, go while a call is interrupted. */
TEST_F(stopped, file_and_module_may_go_while_a_call_is_stopped)
{
	pid_t pid;

	if (self->timeout_us)
		*self->timeout_us = TIMEOUT_US;
	pid = start_with_our_files(self, variant->call);
	stop(pid);
	EXPECT_EQ(EWOULDBLOCK, module_unload("karena"));
	ring_close(&self->ring);
	self->fd = -1;
	EXPECT_EQ(0, module_unload("karena"));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(EBADF, reap(pid));
	EXPECT_EQ(0, module_load("karena", ""));
}

TEST_HARNESS_MAIN
