// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose reservation it is, and that no dead owner stops a ring.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/socket.h>

#include <karena.h>

#include "ring_owner.h"

TEST_F(ring, open_record_holds_back_later_ones)
{
	uint64_t first, second;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &first));
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &second));
	EXPECT_EQ(0, ring_submit(self->fd, second));
	EXPECT_EQ(0, poll_now(self->fd) & POLLIN);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, first));
	EXPECT_EQ(0, ring_submit(self->fd, first));
	EXPECT_NE(0, poll_now(self->fd) & POLLIN);
}

TEST_F(ring, other_process_cannot_end_it)
{
	uint64_t position;
	pid_t pid;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	pid = fork_child();
	if (!pid) {
		uint64_t own;

		must(ring_submit(self->fd, position) == -EPERM);
		must(ring_discard(self->fd, position) == -EPERM);
		must(ring_reserve(self->fd, 8, &own) == 0);
		must(ring_submit(self->fd, position) == -EPERM);
		must(ring_submit(self->fd, own) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(BUSY(8), word_at(&self->ring, position));
	EXPECT_EQ(0, ring_submit(self->fd, position));
}

TEST_F(ring, other_open_file_cannot_end_it)
{
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
	uint64_t position, own;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	EXPECT_EQ(-EPERM, ring_submit(fd, position));
	ASSERT_EQ(0, ring_reserve(fd, 8, &own));
	EXPECT_EQ(-EPERM, ring_discard(fd, position));
	EXPECT_EQ(-EPERM, ring_submit(self->fd, own));
	EXPECT_EQ(0, ring_submit(self->fd, position));
	EXPECT_EQ(0, ring_submit(fd, own));
	close(fd);
}

TEST_F(ring, duplicate_can_end_it)
{
	int fd = dup(self->fd);
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(self->fd, 8, &position));
	EXPECT_EQ(0, ring_submit(fd, position));
	close(fd);
}

static void *reserve_in_thread(void *arg)
{
	uint64_t *position = arg;
	int fd = *position;

	must(ring_reserve(fd, 8, position) == 0);
	return NULL;
}

TEST_F(ring, record_outlives_its_thread)
{
	pthread_t thread;

	*self->position = self->fd;
	ASSERT_EQ(0, pthread_create(&thread, NULL, reserve_in_thread, self->position));
	pthread_join(thread, NULL);
	pause_ms(20);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(0, ring_submit(self->fd, *self->position));
}

TEST_F(ring, wrong_positions_are_refused)
{
	uint64_t position, bad;
	int i;

	ASSERT_EQ(0, ring_reserve(self->fd, 24, &position));
	random_begin();
	for (i = 0; i < 10000; i++) {
		bad = (uint64_t)random_below(1u << 31) << 33 ^ random_below(1u << 31);
		bad >>= random_below(64);
		if (bad == position)
			continue;
		ASSERT_EQ(-EINVAL, ring_submit(self->fd, bad));
		ASSERT_EQ(-EINVAL, ring_discard(self->fd, bad));
	}
	EXPECT_EQ(BUSY(24), word_at(&self->ring, position));
	EXPECT_EQ(0, ring_submit(self->fd, position));
	EXPECT_EQ(-EINVAL, ring_submit(self->fd, position));
	EXPECT_EQ(-EINVAL, ring_discard(self->fd, position));
}

TEST_F(ring, position_of_the_last_round_is_refused)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	uint64_t first, again;

	ASSERT_NE(NULL, consumer);
	ASSERT_EQ(0, ring_reserve(self->fd, page_size - HEADER_BYTES, &first));
	ASSERT_EQ(0, ring_submit(self->fd, first));
	consume_to(consumer, page_size);
	ASSERT_EQ(0, ring_reserve(self->fd, 8, &again));
	ASSERT_EQ(first + page_size, again);
	EXPECT_EQ(-EINVAL, ring_submit(self->fd, first));
	EXPECT_EQ(0, ring_submit(self->fd, again));
}

/* A full ring whose owner says nothing refuses at once, and goes on when it closes. */
TEST_F(ring, close_frees_a_ring_that_was_never_submitted)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);
	int64_t begin = now_ms();
	int i, nr = 0;

	ASSERT_NE(NULL, consumer);
	while (ring_reserve(fd, 24, NULL) == 0)
		nr++;
	EXPECT_EQ(page_size / 32, nr);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EAGAIN, ring_write(self->fd, "x", 1));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
	EXPECT_EQ(100, ring_stat(self->fd).out_lost_full - 1);

	close(fd);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(DISCARDED(24), word_at(&self->ring, i * 32));
	EXPECT_EQ(nr, self->ring.producer->lost_dead);
	consume_to(consumer, page_size);
	EXPECT_EQ(1, ring_write(self->fd, "x", 1));
}

TEST_F(ring, close_of_one_duplicate_changes_nothing)
{
	int fd = dup(self->fd);
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(fd, 8, &position));
	close(fd);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, position));
	EXPECT_EQ(0, ring_submit(self->fd, position));
}

TEST_F(ring, killed_owner_is_discarded)
{
	pid_t pid = fork_child();

	if (!pid) {
		must(ring_reserve(self->fd, 8, self->position) == 0);
		set_flag(self->flag, 1);
		pause();
	}
	wait_until(self->flag, 1);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
	EXPECT_EQ(1, ring_stat(self->fd).out_lost_dead);
	EXPECT_NE(0, poll_now(self->fd) & POLLIN);
}

TEST_F(ring, owner_that_exits_is_discarded)
{
	pid_t pid = fork_child();

	if (!pid) {
		must(ring_reserve(self->fd, 8, self->position) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
}

TEST_F(ring, owner_that_crashes_is_discarded)
{
	pid_t pid = fork_child();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		must(ring_reserve(self->fd, 8, self->position) == 0);
		raise(SIGSEGV);
		_exit(0);
	}
	EXPECT_EQ(-SIGSEGV, reap(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
}

/* The fd stays open across it, with all rights, but the process is another. */
TEST_F(ring, owner_that_execs_is_discarded)
{
	pid_t pid;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFD, 0));
	pid = fork_child();
	if (!pid) {
		must(ring_reserve(self->fd, 8, self->position) == 0);
		set_flag(self->flag, 1);
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	wait_until(self->flag, 1);
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	EXPECT_EQ(-SIGKILL, end_child(pid));
}

/* A grandchild goes on with the fd and a mapping after the owner was killed. */
TEST_F(ring, children_of_the_owner_do_not_keep_its_records)
{
	pid_t pid = fork_child();

	if (!pid) {
		must(ring_reserve(self->fd, 8, self->position) == 0);
		if (!fork()) {
			must(ring_open(self->fd).map);
			set_flag(self->flag, 1);
			wait_until(self->flag, 2);
			must(ring_submit(self->fd, *self->position) == -EINVAL);
			must(ring_write(self->fd, "alive", 5) == 5);
			set_flag(self->flag, 3);
			_exit(0);
		}
		pause();
	}
	wait_until(self->flag, 1);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
	set_flag(self->flag, 2);
	wait_until(self->flag, 3);
	EXPECT_EQ(5, word_at(&self->ring, *self->position + 16));
}

/* The only reference left is one that nobody has received. */
TEST_F(ring, file_in_flight_does_not_keep_records_of_the_dead)
{
	int sockets[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = fork_child();
	if (!pid) {
		int fd = ring_reopen(self->fd, KARENA_RIGHTS_RING);

		must(ring_reserve(fd, 8, self->position) == 0);
		must(karena_send_fd(sockets[0], fd) == 0);
		set_flag(self->flag, 1);
		pause();
	}
	wait_until(self->flag, 1);
	EXPECT_EQ(BUSY(8), word_at(&self->ring, *self->position));
	EXPECT_EQ(-SIGKILL, end_child(pid));
	EXPECT_TRUE(becomes(&self->ring, *self->position, DISCARDED(8)));
}

/* As children come and go on one open file, none owns what another left. */
TEST_F(ring, no_process_inherits_from_a_dead_one)
{
	unsigned long i;
	pid_t pid;

	for (i = 0; i < scaled(50); i++) {
		pid = fork_child();
		if (!pid) {
			if (i)
				must(ring_submit(self->fd, self->position[1]) == -EINVAL);
			must(ring_reserve(self->fd, 8, &self->position[1]) == 0);
			_exit(0);
		}
		ASSERT_EQ(0, reap(pid));
		ASSERT_TRUE(becomes(&self->ring, self->position[1], DISCARDED(8)));
	}
	EXPECT_EQ(i, ring_stat(self->fd).out_lost_dead);
}

/* A writer is killed at any moment: what it sent is whole, and the ring goes on. */
TEST_F(ring, killed_writers_leave_whole_records_only)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	uint64_t at = 0, records = 0;
	unsigned long i;
	pid_t pid;

	ASSERT_NE(NULL, consumer);
	random_begin();
	for (i = 0; i < scaled(40); i++) {
		uint32_t delay = random_below(4);

		pid = fork_child();
		if (!pid) {
			char payload[100];

			memset(payload, 'k', sizeof(payload));
			for (;;)
				ring_write(self->fd, payload, sizeof(payload));
		}
		pause_ms(delay);
		ASSERT_EQ(-SIGKILL, end_child(pid));
		while (at != produced(&self->ring)) {
			uint32_t word = word_at(&self->ring, at);

			ASSERT_EQ(0, word & KARENA_RECORD_BUSY);
			if (!(word & KARENA_RECORD_DISCARD)) {
				ASSERT_EQ(100, word);
				ASSERT_EQ('k', *(char *)payload_at(&self->ring, at));
				ASSERT_EQ('k', ((char *)payload_at(&self->ring, at))[99]);
				records++;
			}
			at += record_size(word);
			consume_to(consumer, at);
		}
	}
	EXPECT_EQ(records, ring_stat(self->fd).out_submitted);
}

TEST_HARNESS_MAIN
