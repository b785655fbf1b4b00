// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <liburing.h>
#include <linux/falloc.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <karena.h>

#include "rights.h"

int map_window(int fd, int prot, size_t bytes, __u64 offset)
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

struct karena_ring_header world_ring_header(void)
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
	return map_window(fd, PROT_READ, world_ring_header().map_bytes, 0);
}

/* Whoever may consume has the role. */
static int ring_map_consumer(int fd)
{
	struct karena_ring_attach args = {
		.size = sizeof(args), .flags = KARENA_ATTACH_F_CONSUME,
	};

	ioctl(fd, KARENA_IOC_RING_ATTACH, &args);
	return map_window(fd, RDWR, page_size, world_ring_header().consumer_offset);
}

static int ring_map_data(int fd)
{
	struct karena_ring_header header = world_ring_header();

	return map_window(fd, RDWR, 2 * header.data_bytes, header.data_offset);
}

int write_record(int fd)
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

int read_records(int fd)
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

const struct entry_point entry_points[NR_ENTRY_POINTS] = {
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

int by_reopen(int full, __u32 rights)
{
	int fd = reopen_with(full, rights);

	must(fd >= 0);
	return fd;
}

int by_restrict(int full, __u32 rights)
{
	int fd = by_reopen(full, full == world.fd[ARENA] ? KARENA_RIGHTS_ARENA :
							   KARENA_RIGHTS_RING);
	int copy = dup(fd);

	must(restrict_to(fd, rights) == 0);
	close(fd);
	return copy;
}

int by_reopen_of_restricted(int full, __u32 rights)
{
	int fd, restricted = by_reopen(full, rights | KARENA_RIGHT_MAP);

	fd = by_reopen(restricted, rights);
	close(restricted);
	return fd;
}

int by_dup(int full, __u32 rights)
{
	int fd, restricted = by_reopen(full, rights);

	fd = fcntl(restricted, F_DUPFD_CLOEXEC, 100);
	close(restricted);
	must(fd >= 100);
	return fd;
}

int by_socket(int full, __u32 rights)
{
	int fd, ends[2], restricted = by_reopen(full, rights);

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	must(karena_send_fd(ends[0], restricted) == 0);
	close(restricted);
	fd = karena_recv_fd(ends[1]);
	must(fd >= 0);
	close(ends[0]);
	close(ends[1]);
	return fd;
}

int by_pidfd(int full, __u32 rights)
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
