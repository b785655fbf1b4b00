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
#define MAX_PAGES	96

static struct {
	int fds[FDS];
	struct {
		char *at;
		size_t pages;
	} maps[MAPS];
	struct world *world;	/* for what calls point to */
	unsigned long step;
} fuzz;

/* Mostly what may work, now and then anything. */
static __u64 random_offset(void)
{
	if (random_below(16))
		return random_below(MAX_PAGES + 2) * page_size;
	return random_64() >> random_below(64);
}

static __u64 random_count(void)
{
	if (random_below(16))
		return random_below(24);
	return random_64() >> random_below(64);
}

static int random_fd(void)
{
	return fuzz.fds[random_below(FDS)];
}

/* Errnos of every call, and of each beside. */
static bool expected(const struct call *call, int err)
{
	static const int common[] = { 0, ENOTTY, EFAULT, E2BIG, EINVAL, EPERM, ENOMEM };
	static const struct {
		unsigned int call;
		int err;
	} named[] = {
		{ CALL_arena_create, EMFILE }, { CALL_arena_create, ENFILE },
		{ CALL_ring_create, EMFILE }, { CALL_ring_create, ENFILE },
		{ CALL_arena_create, EDQUOT }, { CALL_ring_create, EDQUOT },
		{ CALL_reopen, EDQUOT }, { CALL_reopen, EMFILE }, { CALL_reopen, ENFILE },
		{ CALL_arena_alloc, EBUSY }, { CALL_arena_alloc, ENOSPC },
		{ CALL_arena_alloc, EDQUOT },
		{ CALL_arena_free, ENOENT }, { CALL_arena_free, EDQUOT },
		{ CALL_arena_reserve, EBUSY }, { CALL_arena_reserve, EDQUOT },
		{ CALL_arena_commit, EBUSY }, { CALL_arena_commit, EDQUOT },
		{ CALL_arena_decommit, EBUSY }, { CALL_arena_decommit, EDQUOT },
		{ CALL_ring_reserve, EAGAIN }, { CALL_ring_reserve, ENOSPC },
		{ CALL_ring_output, EAGAIN }, { CALL_ring_output, ENOSPC },
		{ CALL_ring_wait, ETIMEDOUT }, { CALL_ring_reserve, ETIMEDOUT },
		{ CALL_ring_output, ETIMEDOUT }, { CALL_ring_output_batch, ETIMEDOUT },
		{ CALL_ring_reserve_batch, ETIMEDOUT },
		{ CALL_ring_output_batch, EAGAIN }, { CALL_ring_output_batch, ENOSPC },
		{ CALL_ring_reserve_batch, EAGAIN }, { CALL_ring_reserve_batch, ENOSPC },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(common); i++) {
		if (err == common[i])
			return true;
	}
	for (i = 0; i < ARRAY_LEN(named); i++) {
		if (call == &calls[named[i].call] && err == named[i].err)
			return true;
	}
	return false;
}

static bool waits(const union args *args)
{
	return args->flags & KARENA_RING_WAIT_SPACE;
}

static void fill_at_random(const struct call *call, union args *args)
{
	unsigned int i;

	call_prepare(fuzz.world, call, args);
	args->flags = random_flags(call->flags);
	switch (call - calls) {
	case CALL_arena_create:
		args->arena_create.length = (1 + random_below(MAX_PAGES)) * page_size;
		args->arena_create.fault_pages = random_below(66);
		args->arena_create.node = (int)random_below(4) - 1;
		break;
	case CALL_ring_create:
		args->ring_create.data_bytes = page_size << random_below(4);
		break;
	case CALL_reopen:
	case CALL_restrict:
		args->rights.rights = random_below(4) ? KARENA_RIGHTS_ARENA : random_64() & 0x3f;
		break;
	case CALL_ring_reserve:
		args->ring_reserve.length = random_below(8) ? random_below(300) : random_64();
		break;
	case CALL_ring_submit:
	case CALL_ring_discard:
		args->ring_finish.position = 8 * random_below(1024);
		args->ring_finish.length = random_below(4) ? 0 : random_below(300);
		break;
	case CALL_ring_output_batch:
		fuzz.world->records[random_below(2)].header.word = random_below(40);
		args->output_batch.buffer_bytes = random_below(sizeof(fuzz.world->records) + 1);
		break;
	case CALL_ring_reserve_batch:
		fuzz.world->lengths[random_below(2)] = random_below(300);
		args->reserve_batch.buffer_bytes = 4 * random_below(3);
		break;
	case CALL_ring_finish_batch:
		fuzz.world->entries[random_below(2)] = (struct karena_ring_finish_entry) {
			.position = 8 * random_below(1024),
			.length = random_below(4) ? 0 : random_below(300),
			.flags = random_below(8) ? random_below(2) : random_64(),
		};
		args->finish_batch.buffer_bytes = 16 * random_below(3);
		break;
	case CALL_ring_output:
		args->output.buffer_bytes = random_below(sizeof(fuzz.world->payload) + 1);
		break;
	case CALL_ring_wait:
		args->ring_wait.bytes = random_below(2 * page_size);
		break;
	case CALL_ring_policy:
		args->policy.wake_bytes = random_below(2 * page_size);
		args->policy.wake_records = random_below(4);
		args->policy.wake_delay_us = random_below(100);
		break;
	case CALL_ring_wait_cancel:
		args->wait_cancel.user_data = random_below(2);
		break;
	case CALL_ring_flush:
	case CALL_query:
	case CALL_arena_stat:
	case CALL_ring_stat:
		break;
	default:
		/* Arenas' ranges lie in one place of the struct. */
		args->free.offset = random_offset();
		args->free.nr_pages = random_count();
	}
	if (call == &calls[CALL_arena_walk]) {
		args->walk.buffer = (uintptr_t)fuzz.world->ranges;
		args->walk.buffer_bytes = random_below(sizeof(fuzz.world->ranges) + 1);
		args->walk.offset = random_offset();
	}
	if (!random_below(16))
		args->size = random_below(300);
	if (!random_below(16)) {
		for (i = 0; i < 1 + random_below(8); i++)
			args->bytes[random_below(call->size)] = random_64();
	}
	/* Whatever it is, it is not to take long. */
	if (args->size < call->size)
		args->flags &= ~KARENA_RING_WAIT_SPACE;
	if (call == &calls[CALL_ring_wait])
		args->ring_wait.timeout_us = 1 + random_below(100);
	if (call == &calls[CALL_ring_reserve])
		args->ring_reserve.timeout_us = waits(args) ? 1 + random_below(100) : 0;
	if (call == &calls[CALL_ring_output])
		args->output.timeout_us = waits(args) ? 1 + random_below(100) : 0;
	if (call == &calls[CALL_ring_reserve_batch])
		args->reserve_batch.timeout_us = waits(args) ? 1 + random_below(100) : 0;
	if (call == &calls[CALL_ring_output_batch])
		args->output_batch.timeout_us = waits(args) ? 1 + random_below(100) : 0;
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
	if (!expected(call, err) && err != EBADF) {
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
		   random_below(MAX_PAGES) * page_size);
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
