// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that sleep in a call until there is space: freed space wakes as many as it
 * serves, in the order in which they came, and a wake-up that one does not use is the next
 * one's.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "kselftest_harness.h"
#include "ring_waiter.h"

#define WAITERS	10

FIXTURE(turns)
{
	struct ring ring;
	int fd;
	int *result;
};

typedef FIXTURE_DATA(turns) turns_data;

FIXTURE_SETUP(turns)
{
	self->ring = ring_new(0, page_size);
	self->fd = self->ring.fd;
	self->result = shared_memory(page_size);
	fill_with_records_of_16(&self->ring);
}

FIXTURE_TEARDOWN(turns)
{
	munmap(self->result, page_size);
	ring_close(&self->ring);
}

/* A child that waits for space and then exits; it is asleep on return. */
static pid_t wait_on(int fd, const void *data, uint64_t bytes, uint32_t timeout_us)
{
	pid_t pid = fork_child();

	if (!pid)
		_exit(-output_within(fd, data, bytes, timeout_us));
	wait_until_asleep(pid);
	return pid;
}

static pid_t wait_for_16(turns_data *self, uint64_t number)
{
	return wait_on(self->fd, &number, sizeof(number), 0);
}

/* Reads the records of @bytes. */
static void free_bytes(turns_data *self, uint64_t bytes)
{
	char got[16];

	for (; bytes; bytes -= 16)
		must(ring_read(self->fd, got, sizeof(got)) == 16);
}

TEST_F(turns, freed_space_wakes_as_many_as_it_serves)
{
	long long asleep[WAITERS];
	pid_t pids[WAITERS];
	int i;

	for (i = 0; i < WAITERS; i++)
		pids[i] = wait_for_16(self, i);
	for (i = 0; i < WAITERS; i++)
		asleep[i] = times_asleep(pids[i]);
	free_bytes(self, 16);
	EXPECT_EQ(0, reap(pids[0]));
	for (i = 1; i < WAITERS; i++) {
		wait_until_asleep(pids[i]);
		EXPECT_EQ(asleep[i], times_asleep(pids[i]));
	}
	EXPECT_EQ(1, ring_stat(self->fd).out_wakeups);
	free_bytes(self, 16 * (WAITERS - 1));
	for (i = 1; i < WAITERS; i++)
		EXPECT_EQ(0, reap(pids[i]));
}

TEST_F(turns, space_goes_to_those_who_wait_in_their_order)
{
	uint64_t at = page_size;
	pid_t pids[WAITERS];
	int i;

	for (i = 0; i < WAITERS; i++)
		pids[i] = wait_for_16(self, i);
	for (i = 0; i < WAITERS; i++) {
		free_bytes(self, 16);
		EXPECT_EQ(0, reap(pids[i]));
		EXPECT_EQ(i, *(const uint64_t *)payload_at(&self->ring, at + 16 * i));
	}
}

TEST_F(turns, one_that_needs_much_is_not_overtaken)
{
	pid_t big = wait_on(self->fd, self->ring.data, page_size - HEADER_BYTES, 0);
	pid_t small = wait_for_16(self, 0);
	long long asleep = times_asleep(small);
	pid_t late;

	free_bytes(self, page_size - 16);
	late = wait_for_16(self, 1);
	wait_until_asleep(small);
	EXPECT_EQ(asleep, times_asleep(small));
	EXPECT_EQ(page_size, produced(&self->ring));
	free_bytes(self, 16);
	EXPECT_EQ(0, reap(big));
	EXPECT_EQ(2 * page_size, produced(&self->ring));
	EXPECT_EQ(-SIGKILL, end_child(late));
	EXPECT_EQ(-SIGKILL, end_child(small));
}

/* The space that was there for it all along is the next one's. */
static void check_handed_on(struct __test_metadata *_metadata, turns_data *self, pid_t small)
{
	EXPECT_EQ(0, reap(small));
	EXPECT_EQ(page_size + 16, produced(&self->ring));
}

TEST_F(turns, one_that_is_killed_hands_on)
{
	pid_t big = wait_on(self->fd, self->ring.data, page_size / 2, 0);
	pid_t small = wait_for_16(self, 0);

	free_bytes(self, 16);
	EXPECT_EQ(-SIGKILL, end_child(big));
	check_handed_on(_metadata, self, small);
}

TEST_F(turns, one_whose_time_is_over_hands_on)
{
	pid_t big = wait_on(self->fd, self->ring.data, page_size / 2, 500000);
	pid_t small = wait_for_16(self, 0);

	free_bytes(self, 16);
	EXPECT_EQ(ETIMEDOUT, reap(big));
	check_handed_on(_metadata, self, small);
}

TEST_F(turns, one_that_is_cancelled_hands_on)
{
	int other = ring_reopen(self->fd, KARENA_RIGHT_PRODUCE);
	struct karena_ring_wait_cancel args = {
		.size = sizeof(args), .flags = KARENA_WAIT_CANCEL_F_ALL,
	};
	pid_t big = wait_on(other, self->ring.data, page_size / 2, 0);
	pid_t small = wait_for_16(self, 0);

	free_bytes(self, 16);
	EXPECT_EQ(1, call(other, KARENA_IOC_RING_WAIT_CANCEL, &args));
	EXPECT_EQ(ECANCELED, reap(big));
	check_handed_on(_metadata, self, small);
	close(other);
}

/* In turn, but for the process that is stopped, until it is continued. */
TEST_F(turns, one_that_is_stopped_hands_on)
{
	pid_t stopped = wait_for_16(self, 1);
	pid_t next = wait_for_16(self, 2);
	int status;

	ASSERT_EQ(0, kill(stopped, SIGSTOP));
	ASSERT_EQ(stopped, waitpid(stopped, &status, WUNTRACED));
	free_bytes(self, 16);
	EXPECT_EQ(0, reap(next));
	EXPECT_EQ(2, *(const uint64_t *)payload_at(&self->ring, page_size));
	ASSERT_EQ(0, kill(stopped, SIGCONT));
	free_bytes(self, 16);
	EXPECT_EQ(0, reap(stopped));
}

/* A page of the caller's own, which goes while it waits, and does not come back. */
struct page {
	char *at;
	int uffd;
	int fd;
	int ret;
};

static bool page_faults_can_be_caught(struct page *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	page->at = mmap(NULL, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (page->uffd < 0)
		return false;
	must(ioctl(page->uffd, UFFDIO_API, &api) == 0);
	memset(page->at, 1, page_size);
	reg.range.start = (uintptr_t)page->at;
	reg.range.len = page_size;
	must(ioctl(page->uffd, UFFDIO_REGISTER, &reg) == 0);
	return true;
}

static void *send_page(void *arg)
{
	struct page *page = arg;

	page->ret = output_within(page->fd, page->at, 8, 0);
	return NULL;
}

TEST_F(turns, page_that_does_not_come_holds_up_nobody)
{
	struct page page = { .fd = self->fd };
	struct uffdio_zeropage zero = { .range.len = page_size };
	struct uffd_msg msg;
	pthread_t thread;
	pid_t next;

	if (!page_faults_can_be_caught(&page))
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_page, &page));
	while (!self->ring.producer->space_wanted)
		pause_ms(1);
	pause_ms(50);
	ASSERT_EQ(0, madvise(page.at, page_size, MADV_DONTNEED));
	next = wait_for_16(self, 2);
	free_bytes(self, 16);
	EXPECT_EQ(0, reap(next));
	EXPECT_EQ(2, *(const uint64_t *)payload_at(&self->ring, page_size));
	ASSERT_EQ((ssize_t)sizeof(msg), read(page.uffd, &msg, sizeof(msg)));
	free_bytes(self, 16);
	zero.range.start = (uintptr_t)page.at;
	ASSERT_EQ(0, ioctl(page.uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, page.ret);
	close(page.uffd);
}

/*
 * Several who wait nearly all the time, for unlike sizes, and give up for each reason there
 * is, while the space that is freed is just what they take: none is left asleep.
 */
#define SENDERS	4
#define STORM	2000

static void nothing(int sig)
{
	(void)sig;
}

static void send_in_storm(int fd, unsigned int sender)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval timer = { .it_interval.tv_usec = 700 + 100 * sender };
	static const char data[600];
	unsigned int sent = 0;
	int ret;

	must(sigaction(SIGALRM, &action, NULL) == 0);
	timer.it_value = timer.it_interval;
	/* Every other one also by signals. */
	if (sender & 1)
		must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	while (sent < scaled(STORM)) {
		ret = output_within(fd, data, 8 + 190 * sender, sent % 3 ? 0 : 200 * sender);
		must(ret == 0 || ret == -EINTR || ret == -ETIMEDOUT);
		sent += !ret;
	}
	_exit(0);
}

TEST_F(turns, storm_of_those_who_give_up_leaves_nobody_asleep)
{
	unsigned long left = SENDERS * scaled(STORM);
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };
	pid_t pids[SENDERS];
	char got[1024];
	ssize_t ret;
	int i;

	free_bytes(self, page_size);
	for (i = 0; i < SENDERS; i++) {
		pids[i] = fork_child();
		if (!pids[i])
			send_in_storm(self->fd, i);
	}
	while (left) {
		ASSERT_EQ(1, poll(&pollfd, 1, HUNG_MS));
		/* One record at a time, of whatever size. */
		ret = ring_read(self->fd, got, 16);
		for (i = 1; ret == -EMSGSIZE; i++)
			ret = ring_read(self->fd, got, 16 + 192 * i);
		ASSERT_LT(0, ret);
		left--;
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, reap(pids[i]));
}

TEST_HARNESS_MAIN
