// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to die in the midst of it, and what is left behind: nothing that stops a ring.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <liburing.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "ring_owner.h"

/* The descriptor is closed, the mapping goes with the memory of the process. */
TEST_F(ring, mapping_that_is_the_last_reference_keeps_nothing)
{
	pid_t pid = fork_child();

	if (!pid) {
		struct ring own = ring_open(ring_reopen(self->fd, KARENA_RIGHTS_RING));

		must(ring_data(&own));
		must(ring_reserve(own.fd, 8, self->position) == 0);
		close(own.fd);
		set_flag(self->flag, 1);
		pause();
	}
	wait_until(self->flag, 1);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
}

/* The last reference is io_uring's, which goes by work of its own. */
TEST_F(ring, file_that_io_uring_has_registered_keeps_nothing)
{
	pid_t pid = fork_child();

	if (!pid) {
		int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
		struct io_uring_sqe *sqe;
		struct io_uring uring;

		must(io_uring_queue_init(4, &uring, 0) == 0);
		must(io_uring_register_files(&uring, &fd, 1) == 0);
		must(ring_reserve(fd, 8, self->position) == 0);
		close(fd);
		sqe = io_uring_get_sqe(&uring);
		io_uring_prep_poll_add(sqe, 0, POLLIN);
		sqe->flags |= IOSQE_FIXED_FILE;
		must(io_uring_submit(&uring) == 1);
		set_flag(self->flag, 1);
		pause();
	}
	wait_until(self->flag, 1);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
}

/* Its threads are in calls when it is killed, all of them. */
static void *reserve_for_ever(void *arg)
{
	int fd = *(int *)arg;
	uint64_t position;

	for (;;) {
		if (ring_reserve(fd, 8, &position) == 0)
			ring_submit(fd, position);
	}
	return NULL;
}

TEST_F(ring, process_killed_in_many_calls_keeps_nothing)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	unsigned long i;

	ASSERT_NE(NULL, consumer);
	for (i = 0; i < scaled(20); i++) {
		pid_t pid = fork_child();

		if (!pid) {
			pthread_t thread;
			int t;

			for (t = 0; t < 4; t++)
				must(!pthread_create(&thread, NULL, reserve_for_ever, &self->fd));
			pause();
		}
		pause_ms(5);
		ASSERT_EQ(-SIGKILL, end_child(pid));
		consume_to(consumer, produced(&self->ring));
		ASSERT_EQ(0, ring_stat(self->fd).out_available);
	}
}

/*
 * As those who run out of memory die: the memory is taken from under a process that
 * is on its way out.
 */
TEST_F(ring, memory_that_is_reaped_early_keeps_nothing)
{
	unsigned long i, reaped = 0;

	for (i = 0; i < scaled(20); i++) {
		pid_t pid = fork_child();
		uint64_t at;
		int pidfd;

		if (!pid) {
			char *memory = mmap(NULL, 1 << 22, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1,
					    0);

			memset(memory, 1, 1 << 22);
			must(ring_reserve(self->fd, 8, self->position) == 0);
			set_flag(self->flag, 1);
			pause();
		}
		wait_until(self->flag, 1);
		pidfd = syscall(SYS_pidfd_open, pid, 0);
		ASSERT_LE(0, pidfd);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		if (syscall(SYS_process_mrelease, pidfd, 0) == 0)
			reaped++;
		ASSERT_EQ(-SIGKILL, reap(pid));
		close(pidfd);
		at = *self->position;
		ASSERT_TRUE(becomes(&self->ring, at, DISCARDED(8)));
		set_flag(self->flag, 0);
	}
	TH_LOG("%lu of %lu were still there", reaped, i);
	EXPECT_EQ(i, ring_stat(self->fd).out_lost_dead);
}

static pid_t clone_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (uintptr_t)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
	};
	pid_t child;

	fflush(NULL);
	child = syscall(SYS_clone3, &args, sizeof(args));
	must(child >= 0);
	return child;
}

/* A new process with the number of a dead one is another. */
TEST_F(ring, number_of_a_dead_process_owns_nothing)
{
	pid_t pid, same;

	pid = clone_as(0);
	if (!pid) {
		must(ring_reserve(self->fd, 8, self->position) == 0);
		_exit(0);
	}
	ASSERT_EQ(0, reap(pid));
	same = clone_as(pid);
	if (!same) {
		uint64_t own;

		must(ring_submit(self->fd, *self->position) == -EINVAL);
		must(ring_discard(self->fd, *self->position) == -EINVAL);
		must(ring_reserve(self->fd, 8, &own) == 0);
		must(ring_submit(self->fd, own) == 0);
		_exit(0);
	}
	EXPECT_EQ(pid, same);
	EXPECT_EQ(0, reap(same));
	EXPECT_EQ(DISCARDED(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_dead);
}

/* A page whose fault nobody answers, until the process is gone. */
static char *page_that_never_comes(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range;
	char *page = mmap(NULL, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	must(page != MAP_FAILED && uffd >= 0);
	must(ioctl(uffd, UFFDIO_API, &api) == 0);
	range = (struct uffdio_register) {
		.range = { .start = (uintptr_t)page, .len = page_size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	must(ioctl(uffd, UFFDIO_REGISTER, &range) == 0);
	return page;
}

/* The consumer is killed in the midst of a copy: the record is the next one's, whole. */
TEST_F(ring, consumer_killed_while_it_reads_loses_nothing)
{
	char payload[100], got[256];
	pid_t pid;
	int i;

	memset(payload, 'r', sizeof(payload));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(100, ring_write(self->fd, payload, 100));
	pid = fork_child();
	if (!pid) {
		/* The first fits before the page that does not come. */
		char *page = page_that_never_comes();

		must(ring_read(self->fd, got, 112) == 112);
		set_flag(self->flag, 1);
		ring_read(self->fd, page, page_size);
		_exit(0);
	}
	wait_until(self->flag, 1);
	wait_until_asleep(pid);
	EXPECT_EQ(-EBUSY, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	set_nonblock(self->fd);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(112, ring_read(self->fd, got, 112));
		EXPECT_EQ(0, memcmp(got + HEADER_BYTES, payload, 100));
	}
	EXPECT_EQ(-EAGAIN, ring_read(self->fd, got, sizeof(got)));
}

/* So is a producer by copy, whose record was not reserved for it. */
TEST_F(ring, producer_killed_while_it_copies_holds_nothing)
{
	uint32_t lengths[] = { 8, 2000 };
	size_t i;

	for (i = 0; i < 2; i++) {
		pid_t pid = fork_child();

		if (!pid) {
			char *page = page_that_never_comes();

			set_flag(self->flag, 1);
			ring_write(self->fd, page, lengths[i]);
			_exit(0);
		}
		wait_until(self->flag, 1);
		wait_until_asleep(pid);
		EXPECT_EQ(0, ring_stat(self->fd).out_available);
		EXPECT_EQ(-SIGKILL, end_child(pid));
		EXPECT_EQ(0, ring_stat(self->fd).out_records);
		set_flag(self->flag, 0);
	}
	EXPECT_EQ(1, ring_write(self->fd, "x", 1));
}

/**
 * struct drained - what the consumer of a storm has got
 * @records:	that were submitted
 * @discarded:	that were not
 */
struct drained {
	uint64_t records;
	uint64_t discarded;
};

static void drain(struct ring *ring, struct karena_ring_consumer *page, uint64_t *at,
		  struct drained *drained)
{
	while (*at != produced(ring)) {
		uint32_t word = word_at(ring, *at);
		const char *payload = payload_at(ring, *at);

		if (word & KARENA_RECORD_BUSY)
			return;
		if (word & KARENA_RECORD_DISCARD) {
			drained->discarded++;
		} else {
			must(word == 100 && payload[0] == 'k' && payload[99] == 'k');
			drained->records++;
		}
		*at += record_size(word);
		consume_to(page, *at);
	}
}

/* Sends in both ways, until it is killed. */
static void send_for_ever(struct ring *ring)
{
	char *data = ring_data(ring), payload[100];
	uint64_t position;

	must(data);
	memset(payload, 'k', sizeof(payload));
	for (;;) {
		ring_write(ring->fd, payload, sizeof(payload));
		if (ring_reserve(ring->fd, sizeof(payload), &position))
			continue;
		sched_yield();
		memset(data + (position & ring->mask) + HEADER_BYTES, 'k', sizeof(payload));
		ring_submit(ring->fd, position);
	}
}

#define WAVE	10

/* Wave after wave of producers is killed; what they leave is whole records and space. */
TEST_F(ring, storm_of_kills_leaves_an_empty_ring)
{
	struct karena_ring_consumer *page = ring_consumer(&self->ring);
	unsigned long wave, waves = scaled(10);
	struct drained drained = { 0 };
	struct karena_ring_stat stat;
	pid_t pids[WAVE];
	uint64_t at = 0;
	int i, ms;

	ASSERT_NE(NULL, page);
	random_begin();
	for (wave = 0; wave < waves; wave++) {
		for (i = 0; i < WAVE; i++) {
			pids[i] = fork_child();
			if (!pids[i])
				send_for_ever(&self->ring);
		}
		for (ms = random_below(6); ms >= 0; ms--) {
			drain(&self->ring, page, &at, &drained);
			pause_ms(1);
		}
		for (i = 0; i < WAVE; i++)
			must(kill(pids[i], SIGKILL) == 0);
		for (i = 0; i < WAVE; i++)
			ASSERT_EQ(-SIGKILL, reap(pids[i]));
		drain(&self->ring, page, &at, &drained);
		ASSERT_EQ(0, ring_stat(self->fd).out_available);
	}
	stat = ring_stat(self->fd);
	EXPECT_EQ(stat.out_submitted, drained.records);
	EXPECT_EQ(stat.out_discarded, drained.discarded);
	EXPECT_EQ(stat.out_lost_dead, drained.discarded);
	TH_LOG("%lu killed, %llu records, %llu left open", waves * WAVE,
	       (unsigned long long)drained.records, (unsigned long long)drained.discarded);
}

static void nothing(int sig)
{
	(void)sig;
}

static void catch_usr1(void)
{
	struct sigaction action = { .sa_handler = nothing };

	must(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* As write() is to be used: what was not sent is sent again. */
static void send_numbers(int fd, uint64_t count)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	uint64_t i = 0;
	ssize_t ret;

	while (i < count) {
		ret = ring_write(fd, &i, sizeof(i));
		if (ret == sizeof(i))
			i++;
		else if (ret == -EAGAIN)
			poll(&pollfd, 1, 100);
		else
			must(ret == -EINTR);
	}
}

/* Both sides are interrupted all the time, and no call is restarted for them. */
TEST_F(ring, storm_of_signals_loses_and_doubles_nothing)
{
	uint64_t expected = 0, count = scaled(2000);
	pid_t producer, storm, me = getpid();
	struct { uint64_t header, number; } record;
	unsigned long interrupted = 0;
	ssize_t ret;

	catch_usr1();
	producer = fork_child();
	if (!producer) {
		send_numbers(self->fd, count);
		_exit(0);
	}
	storm = fork_child();
	if (!storm) {
		for (;;) {
			kill(me, SIGUSR1);
			kill(producer, SIGUSR1);
			usleep(200);
		}
	}
	while (expected < count) {
		ret = ring_read(self->fd, &record, sizeof(record));
		if (ret == -EINTR) {
			interrupted++;
			continue;
		}
		ASSERT_EQ(sizeof(record), ret);
		ASSERT_EQ(expected, record.number);
		expected++;
	}
	end_child(storm);
	EXPECT_EQ(0, reap(producer));
	TH_LOG("%lu waits were interrupted", interrupted);
	EXPECT_EQ(0, ring_stat(self->fd).out_available);
	EXPECT_EQ(count, ring_stat(self->fd).out_submitted);
}

TEST_HARNESS_MAIN
