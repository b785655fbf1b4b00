// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights of open files: every door to every operation, with each right missing,
 * by every way that an open file comes to somebody.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <linux/falloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "calls.h"
#include "kselftest_harness.h"

static struct world world;

/**
 * struct door - one way to have something done
 * @name:	for the log
 * @kind:	of fd
 * @needs:	KARENA_RIGHT_*
 * @refusal:	errno without one of them
 * @enter:	0 or errno, on an fd of a world just built
 */
struct door {
	const char *name;
	enum kind kind;
	__u32 needs;
	int refusal;
	int (*enter)(int fd);
};

static int map_window(int fd, int prot, size_t bytes, __u64 offset)
{
	void *map = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);

	if (map == MAP_FAILED)
		return errno;
	munmap(map, bytes);
	return 0;
}

/* Map read-only, then ask for more. */
static int map_and_protect(int fd, int prot, size_t bytes, __u64 offset)
{
	void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, offset);
	int err;

	if (map == MAP_FAILED)
		return errno;
	err = outcome(mprotect(map, bytes, prot));
	munmap(map, bytes);
	return err;
}

static int arena_map_read(int fd)
{
	return map_window(fd, PROT_READ, 4 * page_size, 0);
}

static int arena_map_write(int fd)
{
	return map_window(fd, RDWR, 4 * page_size, 0);
}

static int arena_map_write_only(int fd)
{
	return map_window(fd, PROT_WRITE, 4 * page_size, 0);
}

static int arena_protect_write(int fd)
{
	return map_and_protect(fd, RDWR, 4 * page_size, 0);
}

static int fallocate_punch(int fd)
{
	return outcome(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page_size));
}

/* XFS's old call for the same, which any regular file had, and later ours no more. */
static int unreserve_space(int fd)
{
	struct {
		__s16 type;
		__s16 whence;
		__s64 start;
		__s64 length;
		__s32 rest[6];
	} range = { .length = page_size };
	int err = outcome(ioctl(fd, _IOC(_IOC_WRITE, 'X', 43, sizeof(range)), &range));

	return err == ENOTTY ? fallocate_punch(fd) : err;
}

/* One io_uring request; what has no buffer of its own gets the payload. */
static int uring(int fd, int opcode)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring uring;
	char room[4096];
	int res;

	must(io_uring_queue_init(2, &uring, 0) == 0);
	sqe = io_uring_get_sqe(&uring);
	switch (opcode) {
	case IORING_OP_FALLOCATE:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					page_size);
		break;
	case IORING_OP_WRITE:
		io_uring_prep_write(sqe, fd, "uring", 5, 0);
		break;
	default:
		io_uring_prep_read(sqe, fd, room, sizeof(room), 0);
	}
	must(io_uring_submit_and_wait(&uring, 1) == 1);
	must(io_uring_wait_cqe(&uring, &cqe) == 0);
	res = cqe->res;
	io_uring_queue_exit(&uring);
	return res < 0 ? -res : 0;
}

static int uring_fallocate(int fd)
{
	return uring(fd, IORING_OP_FALLOCATE);
}

static int uring_read(int fd)
{
	return uring(fd, IORING_OP_READ);
}

static int uring_write(int fd)
{
	return uring(fd, IORING_OP_WRITE);
}

static struct karena_ring_header ring_header(void)
{
	const struct karena_ring_header *map;
	struct karena_ring_header header;

	map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, world.fd[RING], 0);
	must(map != MAP_FAILED);
	header = *map;
	munmap((void *)map, page_size);
	return header;
}

static int ring_map_read(int fd)
{
	return map_window(fd, PROT_READ, ring_header().map_bytes, 0);
}

static int ring_map_consumer(int fd)
{
	return map_window(fd, RDWR, page_size, ring_header().consumer_offset);
}

static int ring_map_data(int fd)
{
	struct karena_ring_header header = ring_header();

	return map_window(fd, RDWR, 2 * header.data_bytes, header.data_offset);
}

static int write_record(int fd)
{
	return outcome(write(fd, "record", 6));
}

static int writev_record(int fd)
{
	struct iovec parts[] = { { "re", 2 }, { "cord", 4 } };

	return outcome(writev(fd, parts, 2));
}

static int pwrite_record(int fd)
{
	struct iovec part = { "record", 6 };

	return outcome(pwritev2(fd, &part, 1, -1, RWF_NOWAIT));
}

static int read_records(int fd)
{
	char room[4096];

	return outcome(read(fd, room, sizeof(room)));
}

static int readv_records(int fd)
{
	char room[4096];
	struct iovec parts[] = { { room, 1024 }, { room + 1024, 3072 } };

	return outcome(readv(fd, parts, 2));
}

static const struct door doors[] = {
	{ "mmap read", ARENA, KARENA_RIGHT_MAP, EACCES, arena_map_read },
	{ "mmap write", ARENA, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE, EACCES,
	  arena_map_write },
	{ "mmap write only", ARENA, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE, EACCES,
	  arena_map_write_only },
	{ "mprotect write", ARENA, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE, EACCES,
	  arena_protect_write },
	{ "fallocate", ARENA, KARENA_RIGHT_FREE, EPERM, fallocate_punch },
	{ "unreserve space", ARENA, KARENA_RIGHT_FREE, EPERM, unreserve_space },
	{ "io_uring fallocate", ARENA, KARENA_RIGHT_FREE, EPERM, uring_fallocate },
	{ "mmap all of a ring read", RING, KARENA_RIGHT_MAP, EACCES, ring_map_read },
	{ "mmap consumer page write", RING, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME, EACCES,
	  ring_map_consumer },
	{ "mmap data write", RING,
	  KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE | KARENA_RIGHT_PRODUCE, EACCES,
	  ring_map_data },
	{ "write", RING, KARENA_RIGHT_PRODUCE, EPERM, write_record },
	{ "writev", RING, KARENA_RIGHT_PRODUCE, EPERM, writev_record },
	{ "pwritev2", RING, KARENA_RIGHT_PRODUCE, EPERM, pwrite_record },
	{ "io_uring write", RING, KARENA_RIGHT_PRODUCE, EPERM, uring_write },
	{ "read", RING, KARENA_RIGHT_CONSUME, EPERM, read_records },
	{ "readv", RING, KARENA_RIGHT_CONSUME, EPERM, readv_records },
	{ "io_uring read", RING, KARENA_RIGHT_CONSUME, EPERM, uring_read },
};

/*
 * Ways to an fd whose open file has just @rights of those of @full; each gives
 * the fd or ends the test.
 */

static int by_reopen(int full, __u32 rights)
{
	int fd = reopen_with(full, rights);

	must(fd >= 0);
	return fd;
}

static int by_restrict(int full, __u32 rights)
{
	int fd = by_reopen(full, full == world.fd[ARENA] ? KARENA_RIGHTS_ARENA :
							   KARENA_RIGHTS_RING);
	int copy = dup(fd);

	must(restrict_to(fd, rights) == 0);
	close(fd);
	return copy;
}

static int by_reopen_of_restricted(int full, __u32 rights)
{
	int fd, restricted = by_reopen(full, rights | KARENA_RIGHT_MAP);

	fd = by_reopen(restricted, rights);
	close(restricted);
	return fd;
}

static int by_dup(int full, __u32 rights)
{
	int fd, restricted = by_reopen(full, rights);

	fd = fcntl(restricted, F_DUPFD_CLOEXEC, 100);
	close(restricted);
	must(fd >= 100);
	return fd;
}

union fd_message {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int socket, int fd)
{
	union fd_message message = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec byte = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};

	memcpy(CMSG_DATA(&message.header), &fd, sizeof(fd));
	must(sendmsg(socket, &msg, 0) == 1);
}

static int receive_fd(int socket)
{
	union fd_message message;
	char byte;
	struct iovec room = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};
	int fd;

	must(recvmsg(socket, &msg, 0) == 1);
	memcpy(&fd, CMSG_DATA(&message.header), sizeof(fd));
	return fd;
}

static int by_socket(int full, __u32 rights)
{
	int fd, ends[2], restricted = by_reopen(full, rights);

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	send_fd(ends[0], restricted);
	close(restricted);
	fd = receive_fd(ends[1]);
	close(ends[0]);
	close(ends[1]);
	return fd;
}

static int by_pidfd(int full, __u32 rights)
{
	int restricted = by_reopen(full, rights);
	int fd, pidfd;
	pid_t child;

	child = fork_child();
	if (!child) {
		pause();
		_exit(1);
	}
	pidfd = syscall(SYS_pidfd_open, child, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, restricted, 0);
	must(fd >= 0);
	close(pidfd);
	close(restricted);
	end_child(child);
	return fd;
}

FIXTURE(rights) {
};

FIXTURE_VARIANT(rights) {
	int (*way)(int full, __u32 rights);
};

FIXTURE_VARIANT_ADD(rights, by_reopen) { .way = by_reopen };
FIXTURE_VARIANT_ADD(rights, by_restrict) { .way = by_restrict };
FIXTURE_VARIANT_ADD(rights, by_reopen_of_restricted) { .way = by_reopen_of_restricted };
FIXTURE_VARIANT_ADD(rights, by_dup) { .way = by_dup };
FIXTURE_VARIANT_ADD(rights, by_socket) { .way = by_socket };
FIXTURE_VARIANT_ADD(rights, by_pidfd) { .way = by_pidfd };

FIXTURE_SETUP(rights)
{
	world_build(&world);
}

FIXTURE_TEARDOWN(rights)
{
	world_end(&world);
}

static __u32 all_rights(enum kind kind)
{
	return kind == ARENA ? KARENA_RIGHTS_ARENA : KARENA_RIGHTS_RING;
}

/* Enters a door of a new world by an fd with @rights. */
static int enter_with(const struct door *door, int (*way)(int full, __u32 rights),
		      __u32 rights)
{
	int fd, err;

	world_renew(&world);
	fd = way(world.fd[door->kind], rights);
	must(rights_of(fd, door->kind) == rights);
	err = door->enter(fd);
	close(fd);
	return err;
}

/* The same for a call of the table. */
static int call_with(const struct call *call, enum kind kind,
		     int (*way)(int full, __u32 rights), __u32 rights)
{
	union args args;
	int fd, err;

	world_renew(&world);
	call_prepare(&world, call, &args);
	if (call == &calls[CALL_reopen] || call == &calls[CALL_restrict])
		args.rights.rights = 0;
	fd = way(world.fd[kind], rights);
	/* A reservation is its open file's. */
	if ((call == &calls[CALL_ring_submit] || call == &calls[CALL_ring_discard]) &&
	    rights & KARENA_RIGHT_PRODUCE) {
		args.ring_commit.position = reserve_record(fd);
		must(args.ring_commit.position);
	}
	err = try_call(fd, call, &args);
	close(fd);
	return err;
}

TEST_F(rights, door_is_shut_without_any_one_right_that_it_needs)
{
	const struct door *door;
	__u32 right, rights;

	for (door = doors; door < doors + ARRAY_LEN(doors); door++) {
		for (right = 1; right <= KARENA_RIGHT_CONSUME; right <<= 1) {
			if (!(right & all_rights(door->kind)))
				continue;
			rights = all_rights(door->kind) & ~right;
			EXPECT_EQ(right & door->needs ? door->refusal : 0,
				  enter_with(door, variant->way, rights))
				TH_LOG("%s without 0x%x", door->name, right);
		}
	}
}

TEST_F(rights, door_opens_with_just_the_rights_that_it_needs)
{
	const struct door *door;

	for (door = doors; door < doors + ARRAY_LEN(doors); door++) {
		EXPECT_EQ(0, enter_with(door, variant->way, door->needs))
			TH_LOG("%s with 0x%x", door->name, door->needs);
		EXPECT_EQ(door->refusal, enter_with(door, variant->way, 0))
			TH_LOG("%s with nothing", door->name);
	}
}

TEST_F(rights, call_is_eperm_without_the_right_that_it_needs)
{
	const struct call *call;
	enum kind kind;

	for (call = calls; call < calls + NR_CALLS; call++) {
		for (kind = ARENA; kind < KINDS; kind++) {
			if (!(call->on & BIT(kind)))
				continue;
			EXPECT_EQ(0, call_with(call, kind, variant->way, call->rights))
				TH_LOG("%s with 0x%x", call->name, call->rights);
			EXPECT_EQ(call->rights ? EPERM : 0,
				  call_with(call, kind, variant->way,
					    all_rights(kind) & ~call->rights))
				TH_LOG("%s without 0x%x", call->name, call->rights);
		}
	}
}

TEST_F(rights, madvise_remove_needs_the_right_to_free)
{
	int fd = variant->way(world.fd[ARENA], KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE);
	char *map = arena_map(fd, RDWR, 0, 2);

	EXPECT_EQ(EPERM, outcome(madvise(map, page_size, MADV_REMOVE)));
	EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(fd, 0));
}

/* No open file gives more rights than it has. */
TEST_F(rights, reopen_cannot_add_a_right)
{
	enum kind kind;
	__u32 right;
	int fd;

	for (kind = ARENA; kind < KINDS; kind++) {
		for (right = 1; right <= KARENA_RIGHT_CONSUME; right <<= 1) {
			if (!(right & all_rights(kind)))
				continue;
			world_renew(&world);
			fd = variant->way(world.fd[kind], all_rights(kind) & ~right);
			EXPECT_EQ(EPERM, outcome(reopen_with(fd, right)));
			EXPECT_EQ(EPERM, outcome(reopen_with(fd, all_rights(kind))));
			EXPECT_EQ(0, restrict_to(fd, all_rights(kind)));
			EXPECT_EQ(all_rights(kind) & ~right, rights_of(fd, kind));
			close(fd);
		}
	}
}

TEST_F(rights, restrict_reaches_every_duplicate_and_no_other_open_file)
{
	__u32 rights = KARENA_RIGHT_MAP | KARENA_RIGHT_ALLOC;
	int other = by_reopen(world.fd[ARENA], KARENA_RIGHTS_ARENA);
	int fd = variant->way(world.fd[ARENA], rights);
	int copy = dup(fd);

	ASSERT_EQ(0, restrict_to(copy, KARENA_RIGHT_MAP));
	EXPECT_EQ(KARENA_RIGHT_MAP, rights_of(fd, ARENA));
	EXPECT_EQ(EPERM, -arena_reserve(fd, 0, 40, 1));
	EXPECT_EQ(KARENA_RIGHTS_ARENA, rights_of(other, ARENA));
	EXPECT_EQ(0, arena_reserve(other, 0, 40, 1));
}

TEST_F(rights, rights_of_the_other_kind_are_einval)
{
	enum kind kind;
	__u32 right;

	for (kind = ARENA; kind < KINDS; kind++) {
		for (right = 1; right; right <<= 1) {
			if (right & all_rights(kind))
				continue;
			EXPECT_EQ(EINVAL, outcome(reopen_with(world.fd[kind], right)));
			EXPECT_EQ(EINVAL, restrict_to(world.fd[kind], right));
		}
		EXPECT_EQ(all_rights(kind), rights_of(world.fd[kind], kind));
	}
}

TEST(restrict_reaches_a_child_that_has_the_open_file)
{
	int fd, go[2];
	pid_t child;
	char byte;

	world_build(&world);
	fd = world.fd[ARENA];
	ASSERT_EQ(0, pipe(go));
	child = fork_child();
	if (!child) {
		must(read(go[0], &byte, 1) == 1);
		_exit(-arena_free(fd, 0, 1));
	}
	ASSERT_EQ(0, restrict_to(fd, KARENA_RIGHTS_ARENA & ~KARENA_RIGHT_FREE));
	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(EPERM, reap(child));
}

/* A right that the calls of another thread have been using all along. */
TEST(no_call_that_begins_after_restrict_has_the_right)
{
	int *cut = shared_memory(page_size);
	int fd, round, err;
	pid_t child;

	world_build(&world);
	for (round = 0; round < (int)scaled(50); round++) {
		fd = by_reopen(world.fd[ARENA], KARENA_RIGHTS_ARENA);
		*cut = 0;
		child = fork_child();
		if (!child) {
			do {
				err = get_flag(cut);
				err = err && arena_reserve(fd, 0, 40, 1) != -EPERM;
				arena_free(fd, 40, 1);
			} while (!err && !get_flag(cut));
			_exit(err || arena_free(fd, 40, 1) != -EPERM);
		}
		sched_yield();
		must(restrict_to(fd, 0) == 0);
		set_flag(cut, 1);
		ASSERT_EQ(0, reap(child));
		close(fd);
	}
}

/* Touches, faults and mprotect() within what was granted at mmap() go on. */
TEST(mapping_made_before_keeps_what_it_has)
{
	struct karena_ring_header header;
	char *map, *data;
	__u64 *consumer;
	int fd;

	world_build(&world);
	fd = world.fd[ARENA];
	map = arena_map(fd, RDWR, 0, WORLD_PAGES);
	map[0] = 1;
	ASSERT_EQ(0, restrict_to(fd, 0));
	map[0] = 2;
	map[40 * page_size] = 3;
	EXPECT_EQ(3, map[40 * page_size]);
	EXPECT_EQ(0, mprotect(map, page_size, PROT_READ));
	EXPECT_EQ(0, mprotect(map, page_size, RDWR));
	EXPECT_EQ(2, map[0]);
	EXPECT_EQ(EPERM, outcome(madvise(map, page_size, MADV_REMOVE)));
	EXPECT_EQ(2, map[0]);
	EXPECT_EQ(EACCES, map_window(fd, PROT_READ, page_size, 0));

	header = ring_header();
	fd = world.fd[RING];
	data = mmap(NULL, 2 * header.data_bytes, RDWR, MAP_SHARED, fd, header.data_offset);
	ASSERT_NE(MAP_FAILED, data);
	consumer = mmap(NULL, page_size, RDWR, MAP_SHARED, fd, header.consumer_offset);
	ASSERT_NE(MAP_FAILED, consumer);
	ASSERT_EQ(0, restrict_to(fd, 0));
	data[100] = 1;
	__atomic_store_n(consumer, 40, __ATOMIC_RELEASE);
	EXPECT_EQ(EPERM, write_record(fd));
	EXPECT_EQ(EPERM, read_records(fd));
}

/* mprotect() of a mapping is held to the rights that there were at mmap(). */
TEST(mapping_made_before_gains_nothing)
{
	char *map;
	int fd;

	world_build(&world);
	fd = by_reopen(world.fd[ARENA], KARENA_RIGHT_MAP);
	map = arena_map(fd, PROT_READ, 0, 2);
	EXPECT_EQ(EACCES, outcome(mprotect(map, page_size, RDWR)));
	EXPECT_EQ(EACCES, outcome(mprotect(map, page_size, PROT_WRITE)));
	EXPECT_EQ(EACCES, outcome(mprotect(map, page_size, PROT_READ | PROT_EXEC)));
	EXPECT_EQ(EACCES, outcome(madvise(map, page_size, MADV_REMOVE)));
	EXPECT_EQ(SIGSEGV, touch_write(map, 1).sig);
}

/* What one may see of a mapping made by an open file that may not be written. */
TEST(process_memory_is_no_way_round_a_right)
{
	char byte = 1;
	struct iovec local = { &byte, 1 }, remote;
	char *map;
	int mem;

	world_build(&world);
	map = arena_map(by_reopen(world.fd[ARENA], KARENA_RIGHT_MAP), PROT_READ, 0, 2);
	remote = (struct iovec){ map, 1 };
	EXPECT_EQ(EFAULT, outcome(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)));
	mem = open("/proc/self/mem", O_RDWR);
	ASSERT_GE(mem, 0);
	EXPECT_EQ(-1, pwrite(mem, &byte, 1, (uintptr_t)map));
	EXPECT_EQ(0, map[0]);
}

/* Only REOPEN makes an open file; names of the fd lead to none. */
TEST(object_cannot_be_opened_by_path)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_TRUNC,
				     O_RDWR | O_CREAT };
	char path[64];
	unsigned int i;
	enum kind kind;
	int fd;

	world_build(&world);
	for (kind = ARENA; kind < KINDS; kind++) {
		fd = by_reopen(world.fd[kind], 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		for (i = 0; i < ARRAY_LEN(modes); i++)
			EXPECT_EQ(ENXIO, outcome(open(path, modes[i], 0600)));
		EXPECT_EQ(EXDEV, outcome(linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/link",
						AT_SYMLINK_FOLLOW)));
		EXPECT_NE(0, outcome(syscall(SYS_execveat, fd, "", (char *[]){ path, NULL },
					     (char *[]){ NULL }, AT_EMPTY_PATH)));
	}
}

/* Size, owner and mode of an object are not its users' to change. */
TEST(inode_cannot_be_changed)
{
	struct stat before, after;
	enum kind kind;
	char *map;
	int fd;

	world_build(&world);
	map = arena_map(world.fd[ARENA], RDWR, 0, 1);
	map[0] = 7;
	for (kind = ARENA; kind < KINDS; kind++) {
		fd = world.fd[kind];
		ASSERT_EQ(0, fstat(fd, &before));
		EXPECT_EQ(EINVAL, outcome(ftruncate(fd, 0)));
		EXPECT_EQ(EINVAL, outcome(ftruncate(fd, 1 << 20)));
		EXPECT_EQ(EPERM, outcome(fchmod(fd, 0777)));
		EXPECT_EQ(EPERM, outcome(fchown(fd, 1, 1)));
		EXPECT_EQ(EPERM, outcome(futimens(fd, NULL)));
		EXPECT_EQ(EINVAL, outcome(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
		ASSERT_EQ(0, fstat(fd, &after));
		EXPECT_EQ(before.st_size, after.st_size);
		EXPECT_EQ(before.st_mode, after.st_mode);
		EXPECT_EQ(before.st_uid, after.st_uid);
	}
	EXPECT_EQ(7, map[0]);
}

TEST_HARNESS_MAIN
