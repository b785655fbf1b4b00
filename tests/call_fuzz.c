// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any sequence of calls by a user without privilege: the kernel has nothing to
 * say about it in its log, and every refusal is one that the header names for that
 * call. Random steps; SEED= repeats a run, SCALE= multiplies the steps.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "calls.h"
#include "kernel_log.h"
#include "kselftest_harness.h"

#define NOBODY		65534
#define STEPS		20000
#define STEPS_OF_ONE	1000	/* by one process */
#define FDS		12
#define MAPS		8

static struct {
	int fds[FDS];
	struct {
		char *at;
		size_t pages;
	} maps[MAPS];
	struct world *world;	/* for what calls point to */
	unsigned long step;
} fuzz;

static int random_fd(void)
{
	return fuzz.fds[random_below(FDS)];
}

/* Whatever the arguments are, they are not to take long. */
static void limit_wait(const struct call *call, union args *args)
{
	__u32 timeout_us = 1 + random_below(100);

	if (args->size < call->size)
		args->flags &= ~KARENA_RING_WAIT_SPACE;
	if (!call->timeout)
		return;
	if (call->flags & KARENA_RING_WAIT_SPACE && !(args->flags & KARENA_RING_WAIT_SPACE))
		timeout_us = 0;
	memcpy(args->bytes + call->timeout, &timeout_us, sizeof(timeout_us));
}

static void fill_at_random(const struct call *call, union args *args)
{
	unsigned int i;

	call_randomize(fuzz.world, call, args);
	if (!random_below(16))
		args->size = random_below(300);
	if (!random_below(16)) {
		for (i = 0; i < 1 + random_below(8); i++)
			args->bytes[random_below(call->size)] = random_64();
	}
	limit_wait(call, args);
}

static void step_call(void)
{
	const struct call *call = &calls[random_below(NR_CALLS)];
	static union args args;
	int fd = random_fd();
	int ret, err;

	fill_at_random(call, &args);
	ret = ioctl(fd, call->number, random_below(64) ? &args : (void *)random_offset());
	err = outcome(ret);
	if (ret > 0 && call->makes_fd) {
		int *slot = &fuzz.fds[1 + random_below(FDS - 1)];

		close(*slot);
		*slot = ret;
	}
	if (!call_may_give(call, err) && err != EBADF) {
		printf("# step %lu: %s gave %d\n", fuzz.step, call->name, err);
		_exit(1);
	}
}

static void step_map(void)
{
	unsigned int slot = random_below(MAPS);
	size_t pages = 1 + random_below(32);
	void *where = NULL;
	int flags = random_below(16) ? MAP_SHARED : MAP_PRIVATE;
	char *map;

	if (fuzz.maps[slot].at && random_below(2)) {
		where = fuzz.maps[slot].at;
		flags |= MAP_FIXED;
		if (pages > fuzz.maps[slot].pages)
			pages = fuzz.maps[slot].pages;
	}
	if (!random_below(8))
		flags |= MAP_POPULATE;
	map = mmap(where, pages * page_size, random_below(8), flags, random_fd(),
		   random_offset());
	if (map == MAP_FAILED || where)
		return;
	if (fuzz.maps[slot].at)
		munmap(fuzz.maps[slot].at, fuzz.maps[slot].pages * page_size);
	fuzz.maps[slot].at = map;
	fuzz.maps[slot].pages = pages;
}

static void step_change_map(void)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
		MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK,
		MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	unsigned int slot = random_below(MAPS);
	size_t pages = fuzz.maps[slot].pages;
	char *map = fuzz.maps[slot].at;
	size_t first, bytes;
	char *moved;

	if (!map)
		return;
	first = random_below(pages);
	bytes = (1 + random_below(pages - first)) * page_size;
	switch (random_below(8)) {
	case 0:
		munmap(map + first * page_size, bytes);
		break;
	case 1:
		mprotect(map + first * page_size, bytes, random_below(8));
		break;
	case 2:
		mlock(map + first * page_size, bytes);
		munlock(map + first * page_size, bytes);
		break;
	case 3:
		moved = mremap(map, pages * page_size, (1 + random_below(2 * pages)) * page_size,
			       MREMAP_MAYMOVE);
		if (moved == MAP_FAILED)
			break;
		fuzz.maps[slot].at = NULL;
		munmap(moved, 2 * pages * page_size);
		break;
	default:
		madvise(map + first * page_size, bytes, advices[random_below(ARRAY_LEN(advices))]);
	}
}

static void step_touch(void)
{
	unsigned int slot = random_below(MAPS);
	char *map = fuzz.maps[slot].at;

	if (!map)
		return;
	map += random_below(fuzz.maps[slot].pages) * page_size;
	if (random_below(2))
		touch_read(map + random_below(page_size));
	else
		touch_write(map + random_below(page_size), random_below(256));
}

/* The kernel touches what is mapped, from and to whatever there is. */
static void step_copy(void)
{
	unsigned int slot = random_below(MAPS);
	char *map = fuzz.maps[slot].at;
	char room[256];
	struct iovec here = { room, sizeof(room) }, there;
	size_t bytes = random_below(5000);

	if (!map)
		return;
	there = (struct iovec){ map + random_below(fuzz.maps[slot].pages * page_size), bytes };
	switch (random_below(5)) {
	case 0:
		process_vm_readv(getpid(), &here, 1, &there, 1, 0);
		break;
	case 1:
		process_vm_writev(getpid(), &here, 1, &there, 1, 0);
		break;
	case 2:
		writev(random_fd(), &there, 1);
		break;
	case 3:
		preadv2(random_fd(), &there, 1, -1, RWF_NOWAIT);
		break;
	default:
		mincore((void *)((uintptr_t)there.iov_base & -page_size), page_size,
			(unsigned char *)room);
	}
}

static void step_file(void)
{
	int fd = random_fd(), other = random_fd();
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };
	static char room[8192];
	struct stat stat;
	int copy;

	switch (random_below(12)) {
	case 0:
		write(fd, room, random_below(600));
		break;
	case 1:
		pwritev2(fd, &(struct iovec){ room, random_below(600) }, 1, -1, RWF_NOWAIT);
		break;
	case 2:
	case 3:
		preadv2(fd, &(struct iovec){ room, random_below(sizeof(room)) }, 1, -1,
			RWF_NOWAIT);
		break;
	case 4:
		poll(&poller, 1, 0);
		break;
	case 5:
		fallocate(fd, random_below(4) ? 3 : random_below(64), random_offset(),
			  random_count() * page_size);
		break;
	case 6:
		ftruncate(fd, random_offset());
		fsync(fd);
		lseek(fd, random_offset(), random_below(5));
		break;
	case 7:
		fstat(fd, &stat);
		fchmod(fd, 0777);
		futimens(fd, NULL);
		break;
	case 8:
		sendfile(fd, other, NULL, random_below(9000));
		syscall(SYS_copy_file_range, fd, NULL, other, NULL, random_below(9000), 0);
		break;
	case 9:
		copy = dup(fd);
		fcntl(copy, F_SETFL, random_below(2) ? O_NONBLOCK : O_APPEND | O_ASYNC);
		close(copy);
		break;
	case 10:
		posix_fadvise(fd, random_offset(), random_count(), random_below(6));
		readahead(fd, random_offset(), page_size);
		break;
	default:
		ioctl(fd, random_64() & 0xffff, random_offset());
	}
}

static void step_fork(void)
{
	unsigned int i;
	pid_t child;

	if (random_below(10))
		return;
	child = fork_child();
	if (!child) {
		for (i = 0; i < 5; i++) {
			step_touch();
			step_call();
		}
		_exit(0);
	}
	must(reap(child) == 0);
}

static void one_step(void)
{
	switch (random_below(16)) {
	case 0:
	case 1:
		step_map();
		break;
	case 2:
		step_change_map();
		break;
	case 3:
	case 4:
	case 5:
		step_touch();
		break;
	case 6:
		step_copy();
		break;
	case 7:
	case 8:
		step_file();
		break;
	case 9:
		step_fork();
		break;
	default:
		step_call();
	}
}

/*
 * For what the kernel writes to: a pointer to it of which some bytes are random, or
 * a length, must not lead to what the program itself needs.
 */
static void *lonely_memory(size_t bytes)
{
	void *where = (void *)(1ul << 40);
	void *memory = mmap(where, bytes, RDWR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	must(memory == where);
	return memory;
}

/* A process that begins with one object of each kind, and with their doubles. */
static int steps(int device, unsigned long nr)
{
	unsigned int i;

	must(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	fuzz.world = lonely_memory(sizeof(*fuzz.world));
	fuzz.world->fd[ARENA] = -1;
	fuzz.world->fd[RING] = -1;
	fuzz.world->fd[DEVICE] = device;
	world_renew(fuzz.world);
	for (i = 0; i < FDS; i++)
		fuzz.fds[i] = dup(fuzz.world->fd[i % KINDS]);
	for (i = 0; i < nr; i++, fuzz.step++)
		one_step();
	return 0;
}

TEST(log_is_read)
{
	int log = open_log();

	EXPECT_EQ(0, new_lines(log));
	ASSERT_EQ(0, write_file("/dev/kmsg", "<5>vm: test of the log\n"));
	EXPECT_EQ(1, new_lines(log));
	close(log);
}

TEST(random_calls_of_a_user_leave_no_line_in_the_log)
{
	unsigned long nr = scaled(STEPS), done;
	int device = device_open();
	int log = open_log();
	pid_t child;

	random_begin();
	for (done = 0; done < nr; done += STEPS_OF_ONE) {
		fuzz.step = done;
		random_below(2);
		child = fork_child();
		if (!child)
			_exit(steps(device, STEPS_OF_ONE));
		/* Each process goes on from a number that its parent knows. */
		random_state += STEPS_OF_ONE;
		ASSERT_EQ(0, reap(child)) TH_LOG("from step %lu on", done);
		ASSERT_EQ(0, new_lines(log));
	}
	close(log);
	close(device);
}

TEST_HARNESS_MAIN
