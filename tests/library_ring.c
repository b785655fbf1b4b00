// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: rings. Producers, and the consumer in both styles.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "library_ring.h"

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))

/* Runs @fn in a child, with a handle of its own. Returns what it returned. */
static int in_child(const struct karena_ring *ring, int (*fn)(struct karena_ring *ring))
{
	struct karena_ring *own;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(karena_ring_from_fd(dup(karena_ring_fd(ring)), &own) ? 255 : -fn(own));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

TEST_F(ring, create_passes_options_on)
{
	struct karena_ring_stat stat = ring_stat_of(self->ring);

	EXPECT_STREQ("in-place", stat.out_name);
	EXPECT_EQ(KARENA_RING_F_IN_PLACE, stat.out_flags);
	EXPECT_EQ(KARENA_RIGHTS_RING, stat.out_rights);
	EXPECT_EQ(RING_BYTES, stat.out_data_bytes);
	EXPECT_EQ(RING_BYTES, karena_ring_data_bytes(self->ring));
	EXPECT_NE(0, fcntl(karena_ring_fd(self->ring), F_GETFD) & FD_CLOEXEC);
}

TEST_F(ring, create_tells_why_it_fails)
{
	struct {
		struct karena_ring_opts opts;
		uint64_t more;
	} longer = { .opts.size = 8 };
	struct karena_ring_opts *opts = &longer.opts;
	struct karena_ring *ring = NULL;

	EXPECT_EQ(-EINVAL, karena_ring_create(self->device, RING_BYTES, opts, &ring));
	opts->size = sizeof(longer);
	longer.more = 1;
	EXPECT_EQ(-E2BIG, karena_ring_create(self->device, RING_BYTES, opts, &ring));
	longer.more = 0;
	opts->name = "sixteen-letters!";
	EXPECT_EQ(-ENAMETOOLONG, karena_ring_create(self->device, RING_BYTES, opts, &ring));
	opts->name = NULL;
	opts->flags = 1u << 31;
	EXPECT_EQ(-EINVAL, karena_ring_create(self->device, RING_BYTES, opts, &ring));
	EXPECT_EQ(-EINVAL, karena_ring_create(self->device, RING_BYTES + 8, NULL, &ring));
	EXPECT_EQ(-EINVAL, karena_ring_create(self->device, 2048, NULL, &ring));
	fill_descriptors();
	EXPECT_EQ(-EMFILE, karena_ring_create(self->device, RING_BYTES, NULL, &ring));
	EXPECT_EQ(NULL, ring);
}

TEST_F(ring, from_fd_takes_rings_only)
{
	struct karena_ring *ring = NULL;
	int fd = open("/dev/null", O_RDWR);

	EXPECT_EQ(-ENOTTY, karena_ring_from_fd(fd, &ring));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, karena_ring_from_fd(fd, &ring));
	EXPECT_EQ(-ENOTTY, karena_ring_from_fd(karena_device_fd(self->device), &ring));
	fd = dup(karena_ring_fd(self->ring));
	ASSERT_EQ(0, karena_ring_from_fd(fd, &ring));
	EXPECT_EQ(fd, karena_ring_fd(ring));
	karena_ring_close(ring);
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
	karena_ring_close(NULL);
}

TEST_F(ring, reopen_and_restrict_cut_rights)
{
	struct karena_ring *consumer, *more = NULL;
	uint32_t rights = KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME;

	ASSERT_EQ(0, karena_ring_reopen(self->ring, rights, &consumer));
	EXPECT_EQ(rights, ring_stat_of(consumer).out_rights);
	EXPECT_EQ(-EPERM, karena_ring_reopen(consumer, KARENA_RIGHT_PRODUCE, &more));
	EXPECT_EQ(-EPERM, karena_ring_output(consumer, "x", 1, 0));
	errno = 0;
	EXPECT_EQ(NULL, karena_ring_reserve(consumer, 8));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, karena_ring_restrict(consumer, KARENA_RIGHT_MAP));
	EXPECT_EQ(-EPERM, karena_ring_take(consumer, self->records, 1));
	EXPECT_EQ(-EINVAL, karena_ring_restrict(consumer, 1u << 31));
	EXPECT_EQ(0, karena_ring_restrict(consumer, 0));
	EXPECT_EQ(-EACCES, karena_ring_take(consumer, self->records, 1));
	EXPECT_EQ(NULL, more);
	karena_ring_close(consumer);
}

TEST_F(ring, stat_wants_its_size)
{
	struct karena_ring_stat stat = { .size = 8 };

	EXPECT_EQ(-EINVAL, karena_ring_stat(self->ring, &stat));
}

static void nothing(int signal)
{
	(void)signal;
}

TEST_F(ring, wait_tells_what_holds)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval again = { { 0, 50000 }, { 0, 50000 } }, never = { 0 };

	EXPECT_EQ(-EINVAL, karena_ring_wait(self->ring, 0, 0));
	EXPECT_EQ(-EINVAL, karena_ring_wait(self->ring, POLLPRI, 0));
	EXPECT_EQ(0, karena_ring_wait(self->ring, POLLIN, 0));
	EXPECT_EQ(0, karena_ring_wait(self->ring, POLLIN, 10));
	EXPECT_EQ(POLLOUT, karena_ring_wait(self->ring, POLLIN | POLLOUT, -1));
	EXPECT_EQ(0, send_record(self->ring, 'x', RING_BYTES - 8));
	EXPECT_EQ(POLLIN, karena_ring_wait(self->ring, POLLIN | POLLOUT, -1));
	EXPECT_EQ(0, karena_ring_wait(self->ring, POLLOUT, 0));
	sigaction(SIGALRM, &action, NULL);
	EXPECT_EQ(0, setitimer(ITIMER_REAL, &again, NULL));
	EXPECT_EQ(-EINTR, karena_ring_wait(self->ring, POLLOUT, -1));
	EXPECT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
}

TEST_F(ring, wait_on_a_closed_descriptor)
{
	close(karena_ring_fd(self->copy_only));
	EXPECT_EQ(-EBADF, karena_ring_wait(self->copy_only, POLLIN, -1));
}

TEST_F(ring, output_sends_a_copy)
{
	ASSERT_EQ(0, karena_ring_output(self->copy_only, "hello", 5, 0));
	ASSERT_EQ(1, karena_ring_take(self->copy_only, self->records, MANY));
	EXPECT_EQ(5, self->records[0].length);
	EXPECT_EQ(0, memcmp("hello", self->records[0].data, 5));
	karena_ring_release(self->copy_only);
}

TEST_F(ring, output_tells_why_it_fails)
{
	static char big[RING_BYTES];

	EXPECT_EQ(-EINVAL, karena_ring_output(self->copy_only, big, 0, 0));
	EXPECT_EQ(-EINVAL, karena_ring_output(self->copy_only, big, 1, 1u << 31));
	EXPECT_EQ(-EFAULT, karena_ring_output(self->copy_only, (void *)1, 8, 0));
	EXPECT_EQ(-ENOSPC, karena_ring_output(self->copy_only, big, RING_BYTES - 7, 0));
	EXPECT_EQ(0, karena_ring_output(self->copy_only, big, RING_BYTES - 8, 0));
	EXPECT_EQ(-EAGAIN, karena_ring_output(self->copy_only, big, 1, 0));
}

TEST_F(ring, reserve_tells_why_it_fails)
{
	EXPECT_EQ(NULL, karena_ring_reserve(self->copy_only, 8));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(NULL, karena_ring_reserve(self->ring, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, karena_ring_reserve(self->ring, RING_BYTES - 7));
	EXPECT_EQ(ENOSPC, errno);
	/* One byte more than the kernel's 32 bits can say, where there are so many. */
	EXPECT_EQ(NULL, karena_ring_reserve(self->ring, SIZE_MAX / 2 + 9));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_NE(NULL, karena_ring_reserve(self->ring, RING_BYTES - 8));
	EXPECT_EQ(NULL, karena_ring_reserve(self->ring, 1));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(ring, records_behind_an_open_one_wait)
{
	char *first = karena_ring_reserve(self->ring, 3);
	char *second = karena_ring_reserve(self->ring, 3);

	ASSERT_NE(NULL, first);
	ASSERT_NE(NULL, second);
	memcpy(first, "one", 3);
	memcpy(second, "two", 3);
	EXPECT_EQ(0, karena_ring_submit(self->ring, second, 0));
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(0, karena_ring_wait(self->ring, POLLIN, 0));
	EXPECT_EQ(0, karena_ring_submit(self->ring, first, 0));
	ASSERT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(0, memcmp("one", self->records[0].data, 3));
	EXPECT_EQ(0, memcmp("two", self->records[1].data, 3));
}

TEST_F(ring, submit_and_discard_want_an_open_reservation)
{
	char *data, stray;

	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, &stray, 0));
	EXPECT_EQ(-EINVAL, karena_ring_discard(self->ring, NULL, 0));
	data = karena_ring_reserve(self->ring, 24);
	ASSERT_NE(NULL, data);
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, &stray, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, NULL, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, data + 1, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, data + 16, 0));
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, data, 1u << 31));
	EXPECT_EQ(0, karena_ring_submit(self->ring, data, KARENA_RING_NO_WAKEUP));
	EXPECT_EQ(-EINVAL, karena_ring_submit(self->ring, data, 0));
	EXPECT_EQ(-EINVAL, karena_ring_discard(self->ring, data, 0));
	EXPECT_EQ(1, ring_stat_of(self->ring).out_submitted);
	EXPECT_EQ(0, ring_stat_of(self->ring).out_discarded);
}

TEST_F(ring, discarded_records_are_passed_over)
{
	void *data;

	for (int i = 0; i < 10; i++) {
		data = karena_ring_reserve(self->ring, 100);
		ASSERT_NE(NULL, data);
		ASSERT_EQ(0, karena_ring_discard(self->ring, data, 0));
	}
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(0, ring_stat_of(self->ring).out_available);
	ASSERT_EQ(0, send_record(self->ring, 'x', 7));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_TRUE(record_is(&self->records[0], 'x', 7));
}

/*
 * Reservations are ended in another order than they were made, in every place of
 * the ring: their positions are found back each time.
 */
TEST_F(ring, positions_are_found_back_all_around)
{
	void *data[3];

	for (unsigned int i = 0; i < 3000; i++) {
		size_t length = 1 + i * 37 % 1200;

		for (int j = 0; j < 3; j++) {
			data[j] = karena_ring_reserve(self->ring, length);
			ASSERT_NE(NULL, data[j]);
			memset(data[j], 'a' + j, length);
		}
		ASSERT_EQ(0, karena_ring_submit(self->ring, data[2], 0));
		ASSERT_EQ(0, karena_ring_discard(self->ring, data[0], 0));
		ASSERT_EQ(0, karena_ring_submit(self->ring, data[1], 0));
		ASSERT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
		ASSERT_TRUE(record_is(&self->records[0], 'b', length));
		ASSERT_TRUE(record_is(&self->records[1], 'c', length));
		karena_ring_release(self->ring);
	}
	EXPECT_EQ(6000, ring_stat_of(self->ring).out_submitted);
}

/**
 * struct seen - what a function given to karena_ring_consume() saw
 * @count:	records
 * @stop_at:	after that many it returns @ret
 * @ret:	then
 * @last:	first byte of the last record
 */
struct seen {
	int count;
	int stop_at;
	int ret;
	char last;
};

static int see(void *context, const void *data, size_t length)
{
	struct seen *seen = context;

	(void)length;
	seen->last = *(const char *)data;
	return ++seen->count == seen->stop_at ? seen->ret : 0;
}

TEST_F(ring, consume_calls_back_in_order)
{
	struct seen seen = { 0 };

	EXPECT_EQ(0, karena_ring_consume(self->ring, see, &seen, 0));
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 5));
	EXPECT_EQ(4, karena_ring_consume(self->ring, see, &seen, 4));
	EXPECT_EQ(3, seen.last);
	EXPECT_EQ(6 * 16, ring_stat_of(self->ring).out_available);
	EXPECT_EQ(6, karena_ring_consume(self->ring, see, &seen, 0));
	EXPECT_EQ(9, seen.last);
	EXPECT_EQ(10, seen.count);
	EXPECT_EQ(0, ring_stat_of(self->ring).out_available);
}

TEST_F(ring, consume_stops_when_told_to)
{
	struct seen seen = { .stop_at = 2, .ret = 1 };

	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 5));
	EXPECT_EQ(2, karena_ring_consume(self->ring, see, &seen, 0));
	seen.stop_at = 5;
	seen.ret = -EXDEV;
	EXPECT_EQ(-EXDEV, karena_ring_consume(self->ring, see, &seen, 0));
	EXPECT_EQ(5, seen.count);
	EXPECT_EQ(5, karena_ring_consume(self->ring, see, &seen, 0));
	EXPECT_EQ(9, seen.last);
}

TEST_F(ring, taken_records_keep_their_space_until_release)
{
	struct seen seen = { 0 };

	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 5));
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, 0));
	EXPECT_EQ(3, karena_ring_take(self->ring, self->records, 3));
	EXPECT_EQ(7, karena_ring_take(self->ring, self->records + 3, MANY - 3));
	for (int i = 0; i < 10; i++)
		EXPECT_TRUE(record_is(&self->records[i], (char)i, 5));
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(10 * 16, ring_stat_of(self->ring).out_available);
	EXPECT_EQ(-EINVAL, karena_ring_consume(self->ring, see, &seen, 0));
	karena_ring_release(self->ring);
	karena_ring_release(self->ring);
	EXPECT_EQ(0, ring_stat_of(self->ring).out_available);
}

static int take_one(struct karena_ring *ring)
{
	struct karena_record record;

	return karena_ring_take(ring, &record, 1);
}

static int consume_one(struct karena_ring *ring)
{
	struct seen seen = { 0 };

	return karena_ring_consume(ring, see, &seen, 0);
}

TEST_F(ring, one_process_consumes)
{
	EXPECT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_EQ(-EBUSY, in_child(self->ring, take_one));
	EXPECT_EQ(-EBUSY, in_child(self->ring, consume_one));
}

static int send_and_leave_one(struct karena_ring *ring)
{
	int ret = send_record(ring, 'c', 9);

	return ret ? ret : karena_ring_reserve(ring, 10) ? 0 : -errno;
}

/* In a child: maps pages where @ring has what a child does not inherit, then closes it. */
static int close_beside_own_pages(struct karena_ring *ring, char *holes[2])
{
	for (int i = 0; i < 2; i++) {
		if (mmap(holes[i], PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != holes[i])
			return 1;
		*holes[i] = 'm';
	}
	karena_ring_close(ring);
	return *holes[0] == 'm' && *holes[1] == 'm' ? 0 : 2;
}

/* The writable mapping of that offset in a ring named "in-place". */
static char *writable_mapping(uint64_t offset)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, at;
	char line[256], prot[5], *found = NULL;

	if (!maps)
		return NULL;
	while (!found && fgets(line, sizeof(line), maps))
		if (strstr(line, "in-place") &&
		    sscanf(line, "%lx-%*x %4s %lx", &start, prot, &at) == 3 &&
		    prot[1] == 'w' && at == offset)
			found = (char *)start;
	fclose(maps);
	return found;
}

TEST_F(ring, a_child_closes_an_inherited_handle_without_harm_to_its_own_mappings)
{
	char *holes[2], *payload;
	int status;
	pid_t pid;

	ASSERT_EQ(0, karena_ring_take(self->ring, self->records, MANY));
	payload = karena_ring_reserve(self->ring, 8);
	ASSERT_NE(NULL, payload);
	/* The consumer page is the second one, the data begin with the fourth. */
	holes[0] = writable_mapping(PAGE);
	holes[1] = writable_mapping(3 * PAGE);
	ASSERT_NE(NULL, holes[0]);
	ASSERT_NE(NULL, holes[1]);
	pid = fork();
	if (!pid)
		_exit(close_beside_own_pages(self->ring, holes));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, karena_ring_discard(self->ring, payload, 0));
}

TEST_F(ring, a_child_produces_with_a_handle_of_its_own)
{
	ASSERT_EQ(0, in_child(self->ring, send_and_leave_one));
	ASSERT_EQ(0, send_record(self->ring, 'p', 9));
	ASSERT_EQ(2, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_TRUE(record_is(&self->records[0], 'c', 9));
	EXPECT_TRUE(record_is(&self->records[1], 'p', 9));
	EXPECT_EQ(1, ring_stat_of(self->ring).out_lost_dead);
}

/* Another handle takes up where the first one stopped. */
TEST_F(ring, a_new_handle_goes_on)
{
	struct karena_ring *second;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, send_record(self->ring, (char)i, 5));
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	karena_ring_release(self->ring);
	ASSERT_EQ(1, karena_ring_take(self->ring, self->records, 1));
	ASSERT_EQ(0, karena_ring_from_fd(dup(karena_ring_fd(self->ring)), &second));
	karena_ring_close(self->ring);
	self->ring = second;
	ASSERT_EQ(3, karena_ring_take(self->ring, self->records, MANY));
	EXPECT_TRUE(record_is(&self->records[0], 1, 5));
}

/**
 * struct work - of a producing thread
 * @ring:	shared by all threads
 * @number:	of the thread
 * @failed:	something went wrong
 */
struct work {
	struct karena_ring *ring;
	uint32_t number;
	bool failed;
};

#define NR_THREADS	4
#define PER_THREAD	5000u

static void *produce(void *context)
{
	struct work *work = context;

	for (uint32_t i = 0; i < PER_THREAD && !work->failed; i++) {
		uint32_t *data;

		while (!(data = karena_ring_reserve(work->ring, 8 + i % 40)) && errno == EAGAIN)
			karena_ring_wait(work->ring, POLLOUT, -1);
		if (!data) {
			work->failed = true;
			break;
		}
		data[0] = work->number;
		data[1] = i;
		work->failed = karena_ring_submit(work->ring, data, 0);
	}
	return NULL;
}

/* In 32-bit programs, kernels without CONFIG_COMPAT_32BIT_TIME lack it, so no thread can wait. */
static bool kernel_has_futexes(void)
{
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0;
}

/* Threads of one process, all of which come to the ring for the first time. */
TEST_F(ring, threads_share_a_handle)
{
	uint32_t next[NR_THREADS] = { 0 }, total = 0;
	struct work works[NR_THREADS];
	pthread_t threads[NR_THREADS];

	if (!kernel_has_futexes())
		SKIP(return, "this kernel has no futex() for 32-bit programs");
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		works[i] = (struct work) { .ring = self->ring, .number = i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, produce, &works[i]));
	}
	while (total < NR_THREADS * PER_THREAD) {
		int count;

		ASSERT_EQ(POLLIN, karena_ring_wait(self->ring, POLLIN, -1));
		while ((count = karena_ring_take(self->ring, self->records, MANY)) > 0) {
			for (int i = 0; i < count; i++) {
				const uint32_t *data = self->records[i].data;

				ASSERT_GT(NR_THREADS, data[0]);
				ASSERT_EQ(next[data[0]]++, data[1]);
			}
			total += (uint32_t)count;
			karena_ring_release(self->ring);
		}
		ASSERT_EQ(0, count);
	}
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_FALSE(works[i].failed);
	}
}

TEST_HARNESS_MAIN
