// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that somebody holds beside page tables: a pipe, a device, another process's
 * memory calls. When such a page is freed it leaves the arena: whoever holds it has
 * the old bytes and never new ones, and nothing that comes by it reaches the new page.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#define NR	16

FIXTURE(pinned)
{
	int fd;
	char *map;
	int pipe[2];
};

FIXTURE_SETUP(pinned)
{
	self->fd = arena_new_batch(0, NR, 1);
	self->map = arena_map(self->fd, RDWR, 0, NR);
	memset(self->map, 'a', NR * page_size);
	must(pipe(self->pipe) == 0);
}

FIXTURE_TEARDOWN(pinned)
{
}

/* Puts pages into the pipe as they are, without a copy. */
static void into_pipe(int end, char *where, size_t bytes)
{
	struct iovec part = { where, bytes };

	must(vmsplice(end, &part, 1, 0) == (ssize_t)bytes);
}

/* Takes a page out of the pipe; whether it is full of @value. */
static bool pipe_has(int end, char value)
{
	char *copy = malloc(page_size);
	bool same;

	must(copy && read(end, copy, page_size) == (ssize_t)page_size);
	same = page_is(copy, value);
	free(copy);
	return same;
}

static uint64_t pinned_pages(int fd)
{
	return arena_range(fd, 0).nr_pinned;
}

TEST_F(pinned, pipe_keeps_the_old_bytes)
{
	EXPECT_EQ(0, pinned_pages(self->fd));
	into_pipe(self->pipe[1], self->map, 2 * page_size);
	EXPECT_EQ(2, pinned_pages(self->fd));

	/* Shared until it is freed, as with any memory. */
	memset(self->map + page_size, 'A', page_size);
	ASSERT_EQ(0, arena_free(self->fd, 0, 2));
	EXPECT_EQ(0, peek(self->map));
	memset(self->map, 'b', 2 * page_size);
	EXPECT_EQ(0, pinned_pages(self->fd));
	EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
	EXPECT_TRUE(pipe_has(self->pipe[0], 'A'));
	EXPECT_TRUE(page_is(self->map, 'b'));
	EXPECT_EQ(NR, arena_stat(self->fd).out_populated);
}

TEST_F(pinned, pipe_keeps_the_old_bytes_of_a_decommit)
{
	into_pipe(self->pipe[1], self->map, page_size);
	ASSERT_EQ(0, arena_decommit(self->fd, 0, 1));
	ASSERT_EQ(0, arena_commit(self->fd, 0, 0, 1));
	EXPECT_TRUE(page_is(self->map, 0));
	memset(self->map, 'b', page_size);
	EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
}

/* Of many pages that are freed at once some are held, some mapped, and some neither. */
TEST_F(pinned, pages_held_among_others_keep_the_old_bytes)
{
	enum { MANY = 200, STRIDE = MANY / NR };
	int fd = arena_new_batch(0, MANY, 1);
	char *map = arena_map(fd, RDWR, 0, MANY);
	unsigned int i;

	memset(map, 'a', MANY * page_size);
	ASSERT_EQ(0, madvise(map + MANY / 3 * page_size, MANY / 3 * page_size, MADV_DONTNEED));
	for (i = 0; i < NR; i++)
		into_pipe(self->pipe[1], map + i * STRIDE * page_size, page_size);
	EXPECT_EQ(MANY, arena_stat(fd).out_populated);
	ASSERT_EQ(0, arena_free(fd, 0, MANY));
	EXPECT_EQ(0, arena_stat(fd).out_populated);
	for (i = 0; i < MANY; i++)
		EXPECT_TRUE(page_is(map + i * page_size, 0));
	memset(map, 'b', MANY * page_size);
	for (i = 0; i < NR; i++)
		EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
}

/* The page is given to nobody else before the pin ends. */
TEST_F(pinned, page_is_not_reused_while_held)
{
	char *other = arena_map(arena_new(0, 4096), RDWR, 0, 4096);
	unsigned int i;

	into_pipe(self->pipe[1], self->map, NR * page_size);
	ASSERT_EQ(0, arena_free(self->fd, 0, NR));
	memset(self->map, 'b', NR * page_size);
	memset(other, 'c', 4096 * page_size);
	for (i = 0; i < NR; i++)
		EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
}

TEST_F(pinned, page_outlives_the_arena)
{
	into_pipe(self->pipe[1], self->map, NR * page_size);
	ASSERT_EQ(0, munmap(self->map, NR * page_size));
	ASSERT_EQ(0, close(self->fd));
	arena_take(arena_new(0, 1024), 0, 0, 1024);
	EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
	/* The rest goes with the pipe. */
	close(self->pipe[0]);
	close(self->pipe[1]);
}

/*
 * Each byte of a page tells its generation, as whoever copies may do so byte by byte
 * while another writes; 'a', of before the first, is none.
 */
static uint32_t word_of(uint32_t generation)
{
	return (1 + generation % ('a' - 1)) * 0x01010101u;
}

TEST_F(pinned, races_with_free_stay_in_one_generation)
{
	char *bytes = malloc(page_size);
	unsigned long round, mixed = 0;
	pid_t pid = fork_child();

	if (!pid) {
		char *map = arena_map(self->fd, RDWR, 0, NR);
		uint32_t generation, i;

		for (generation = 0; ; generation++) {
			must(arena_free(self->fd, 0, 1) == 0);
			for (i = 0; i < page_size / 4; i++)
				((volatile uint32_t *)map)[i] = word_of(generation);
		}
	}
	/* A page of the pipe has one generation and what was there before: zeroes. */
	for (round = 0; round < scaled(500); round++) {
		char first = 0;
		unsigned int i;

		into_pipe(self->pipe[1], self->map, page_size);
		sched_yield();
		must(read(self->pipe[0], bytes, page_size) == (ssize_t)page_size);
		for (i = 0; i < page_size; i++) {
			if (!bytes[i] || bytes[i] == 'a')
				continue;
			first = first ? first : bytes[i];
			mixed += bytes[i] != first;
		}
	}
	EXPECT_EQ(0, mixed);
	EXPECT_EQ(-SIGKILL, end_child(pid));
	free(bytes);
}

/*
 * Another process's memory calls, which hold the pages while they copy to or from
 * memory of the caller; that is memory that a userfaultfd keeps waiting.
 */
struct copy {
	char *arena;
	char *slow;
	bool out;
	ssize_t ret;
};

static void *copy_slowly(void *data)
{
	struct copy *copy = data;
	struct iovec here = { copy->slow, page_size };
	struct iovec there = { copy->arena, page_size };

	copy->ret = (copy->out ? process_vm_readv : process_vm_writev)(getpid(), &here, 1,
								       &there, 1, 0);
	return NULL;
}

/* A page that faults into the userfaultfd, or NULL where there is none. */
static char *slow_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*uffd < 0)
		return NULL;
	must(ioctl(*uffd, UFFDIO_API, &api) == 0);
	reg.range.start = (uintptr_t)page;
	reg.range.len = page_size;
	must(ioctl(*uffd, UFFDIO_REGISTER, &reg) == 0);
	return page;
}

static void wait_for_fault(int uffd)
{
	struct uffd_msg msg;

	must(read(uffd, &msg, sizeof(msg)) == sizeof(msg));
	must(msg.event == UFFD_EVENT_PAGEFAULT);
}

static void resolve_fault(int uffd, char *page, char value)
{
	char *source = aligned_alloc(page_size, page_size);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page,
		.src = (uintptr_t)source,
		.len = page_size,
	};

	memset(source, value, page_size);
	must(ioctl(uffd, UFFDIO_COPY, &copy) == 0);
	free(source);
}

TEST_F(pinned, reader_of_another_process_has_the_old_bytes)
{
	struct copy copy = { .arena = self->map, .out = true };
	pthread_t thread;
	int uffd;

	copy.slow = slow_page(&uffd);
	if (!copy.slow)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	must(pthread_create(&thread, NULL, copy_slowly, &copy) == 0);
	wait_for_fault(uffd);
	EXPECT_LE(1, pinned_pages(self->fd));
	ASSERT_EQ(0, arena_free(self->fd, 0, 1));
	memset(self->map, 'b', page_size);
	resolve_fault(uffd, copy.slow, 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(page_size, copy.ret);
	EXPECT_TRUE(page_is(copy.slow, 'a'));
	EXPECT_TRUE(page_is(self->map, 'b'));
}

TEST_F(pinned, writer_of_another_process_does_not_reach_the_new_page)
{
	struct copy copy = { .arena = self->map };
	pthread_t thread;
	int uffd;

	copy.slow = slow_page(&uffd);
	if (!copy.slow)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	must(pthread_create(&thread, NULL, copy_slowly, &copy) == 0);
	wait_for_fault(uffd);
	ASSERT_EQ(0, arena_free(self->fd, 0, 1));
	memset(self->map, 'b', page_size);
	resolve_fault(uffd, copy.slow, 'x');
	pthread_join(thread, NULL);
	EXPECT_EQ(page_size, copy.ret);
	EXPECT_TRUE(page_is(self->map, 'b'));
}

/*
 * O_DIRECT. On a ramdisk an access is over when the call returns; so the page is
 * freed from another CPU meanwhile.
 */
#define RAMDISK	"/dev/ram0"

static int open_device(const char *path)
{
	return open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
}

TEST_F(pinned, device_reads_and_writes_pages_of_arenas)
{
	int disk = open_device(RAMDISK);
	unsigned int i;

	if (disk < 0)
		SKIP(return, "no ramdisk: %s", strerror(errno));
	for (i = 0; i < NR; i++)
		memset(self->map + i * page_size, 'A' + i, page_size);
	ASSERT_EQ(NR * page_size, pwrite(disk, self->map, NR * page_size, 0));
	ASSERT_EQ(0, arena_free(self->fd, 0, NR));
	ASSERT_EQ(NR * page_size, pread(disk, self->map, NR * page_size, 0));
	for (i = 0; i < NR; i++)
		EXPECT_TRUE(page_is(self->map + i * page_size, 'A' + i));

	/* A page that a touch may not populate is a bad address for a device too. */
	must(arena_free(self->fd, 3, 1) == 0);
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 3, 1) == 0);
	EXPECT_EQ(-1, pwrite(disk, self->map + 3 * page_size, page_size, 0));
	EXPECT_EQ(EFAULT, errno);
}

struct freer {
	pthread_t thread;
	int fd;
	int stop;
};

static void *free_all_the_time(void *data)
{
	struct freer *freer = data;

	while (!get_flag(&freer->stop)) {
		must(arena_free(freer->fd, 0, NR) == 0);
		sched_yield();
	}
	return NULL;
}

static void begin_freeing(struct freer *freer, int fd)
{
	*freer = (struct freer) { .fd = fd };
	must(pthread_create(&freer->thread, NULL, free_all_the_time, freer) == 0);
}

static void end_freeing(struct freer *freer)
{
	set_flag(&freer->stop, 1);
	must(pthread_join(freer->thread, NULL) == 0);
}

/* Freed meanwhile, a page may have lost all that the device wrote; it gets no more. */
static bool written_after_free(const volatile char *page)
{
	bool zero = false;
	size_t i;

	for (i = 0; i < page_size; i++) {
		if (page[i] == 'd' && zero)
			return true;
		zero |= page[i] == 0;
		if (page[i] != 'd' && page[i] != 0)
			return true;
	}
	return false;
}

TEST_F(pinned, device_read_races_with_free)
{
	char *data = aligned_alloc(page_size, NR * page_size);
	int disk = open_device(RAMDISK);
	unsigned long round, wrong = 0;
	struct freer freer;
	unsigned int i;

	if (disk < 0)
		SKIP(return, "no ramdisk: %s", strerror(errno));
	memset(data, 'd', NR * page_size);
	must(pwrite(disk, data, NR * page_size, 0) == (ssize_t)(NR * page_size));
	must(arena_free(self->fd, 0, NR) == 0);
	begin_freeing(&freer, self->fd);
	for (round = 0; round < scaled(200); round++) {
		must(pread(disk, self->map, NR * page_size, 0) == (ssize_t)(NR * page_size));
		for (i = 0; i < NR; i++)
			wrong += written_after_free(self->map + i * page_size);
	}
	end_freeing(&freer);
	EXPECT_EQ(0, wrong);
}

/* What the device gets is the page as it was when it was pinned, whole. */
TEST_F(pinned, device_write_races_with_free)
{
	char *data = aligned_alloc(page_size, NR * page_size);
	int disk = open_device(RAMDISK);
	unsigned long round, wrong = 0;
	struct freer freer;
	unsigned int i;

	if (disk < 0)
		SKIP(return, "no ramdisk: %s", strerror(errno));
	must(arena_free(self->fd, 0, NR) == 0);
	begin_freeing(&freer, self->fd);
	for (round = 0; round < scaled(200); round++) {
		for (i = 0; i < NR; i++)
			self->map[(i + 1) * page_size - 1] = 'A' + i;
		must(pwrite(disk, self->map, NR * page_size, 0) == (ssize_t)(NR * page_size));
		must(pread(disk, data, NR * page_size, 0) == (ssize_t)(NR * page_size));
		for (i = 0; i < NR; i++) {
			char last = data[(i + 1) * page_size - 1];

			data[(i + 1) * page_size - 1] = 0;
			wrong += !page_is(data + i * page_size, 0);
			wrong += last && last != (char)('A' + i);
		}
	}
	end_freeing(&freer);
	EXPECT_EQ(0, wrong);
}

/*
 * io_uring's registered buffers. Kernel 6.1 takes none that is a file's, but for
 * shmem and hugetlb.
 */
TEST_F(pinned, registered_buffer_keeps_the_old_bytes_or_is_refused)
{
	struct iovec buffer = { self->map, NR * page_size };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int ret;

	ret = io_uring_queue_init(4, &ring, 0);
	if (ret)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	ret = io_uring_register_buffers(&ring, &buffer, 1);
	if (ret) {
		EXPECT_EQ(-EOPNOTSUPP, ret);
		EXPECT_EQ(0, pinned_pages(self->fd));
		EXPECT_TRUE(page_is(self->map, 'a'));
		return;
	}
	EXPECT_EQ(NR, pinned_pages(self->fd));
	ASSERT_EQ(0, arena_free(self->fd, 0, NR));
	memset(self->map, 'b', NR * page_size);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write_fixed(sqe, self->pipe[1], self->map, page_size, 0, 0);
	ASSERT_EQ(1, io_uring_submit_and_wait(&ring, 1));
	ASSERT_EQ(0, io_uring_peek_cqe(&ring, &cqe));
	EXPECT_EQ(page_size, cqe->res);
	EXPECT_TRUE(pipe_has(self->pipe[0], 'a'));
	EXPECT_TRUE(page_is(self->map, 'b'));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
