// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's coming and going: what keeps it, what a load that fails leaves
 * behind, loads and unloads in a row and under users' feet. Each case finds the
 * module loaded and leaves it loaded.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <karena.h>

#include "loader_util.h"
#include "kselftest_harness.h"

#define PARAMETER	"/sys/module/karena/parameters/user_max_bytes"

FIXTURE(loader) {
	struct world world;
};

FIXTURE_SETUP(loader)
{
	ASSERT_EQ(0, access(KARENA_DEVICE, F_OK));
}

FIXTURE_TEARDOWN(loader)
{
	if (access(KARENA_DEVICE, F_OK))
		EXPECT_EQ(0, load(""));
}

/* The module stays while @what is there, and can go once it is not. */
static void held_by(struct __test_metadata *_metadata, const char *what)
{
	EXPECT_EQ(EWOULDBLOCK, unload()) TH_LOG("%s", what);
}

static void let_go(struct __test_metadata *_metadata, const char *what)
{
	EXPECT_EQ(0, unload_soon()) TH_LOG("%s", what);
	EXPECT_FALSE(left_behind());
	EXPECT_EQ(0, load(""));
}

TEST_F(loader, open_file_keeps_it)
{
	enum kind kind, other;

	for (kind = DEVICE; kind < KINDS; kind++) {
		world_build(&self->world);
		for (other = DEVICE; other < KINDS; other++) {
			if (other != kind)
				close(self->world.fd[other]);
		}
		held_by(_metadata, "an open file");
		close(self->world.fd[kind]);
		let_go(_metadata, "an open file");
	}
}

TEST_F(loader, mapping_keeps_it)
{
	static const enum kind kinds[] = { ARENA, RING };
	unsigned int i;
	char *map;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		world_build(&self->world);
		map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, self->world.fd[kinds[i]], 0);
		ASSERT_NE(MAP_FAILED, map);
		world_end(&self->world);
		held_by(_metadata, "a mapping");
		EXPECT_EQ(0, touch_read(map).sig);
		munmap(map, page_size);
		let_go(_metadata, "a mapping");
	}
}

TEST_F(loader, file_in_flight_keeps_it)
{
	int ends[2];

	world_build(&self->world);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	ASSERT_EQ(0, karena_send_fd(ends[0], self->world.fd[ARENA]));
	world_end(&self->world);
	held_by(_metadata, "a file in flight");
	close(ends[0]);
	close(ends[1]);
	let_go(_metadata, "a file in flight");
}

TEST_F(loader, registered_file_and_request_under_way_keep_it)
{
	struct io_uring_sqe *sqe;
	struct io_uring uring;

	world_build(&self->world);
	ASSERT_EQ(0, io_uring_queue_init(4, &uring, 0));
	ASSERT_EQ(0, io_uring_register_files(&uring, self->world.fd, KINDS));
	world_end(&self->world);
	held_by(_metadata, "a registered file");

	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_poll_add(sqe, RING, POLLOUT);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_poll_add(sqe, RING, POLLERR);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(2, io_uring_submit(&uring));
	held_by(_metadata, "a poll");
	io_uring_queue_exit(&uring);
	let_go(_metadata, "a registered file");
}

TEST_F(loader, reader_that_waits_keeps_it)
{
	char room[64];
	pid_t child;

	world_build(&self->world);
	ASSERT_LT(0, read(self->world.fd[RING], room, sizeof(room)));
	child = fork_child();
	if (!child) {
		int ring = ring_on(device_open(), page_size, 0);

		_exit(read(ring, room, sizeof(room)) > 0);
	}
	world_end(&self->world);
	wait_until_asleep(child);
	held_by(_metadata, "a reader");
	EXPECT_EQ(-SIGKILL, end_child(child));
	let_go(_metadata, "a reader");
}

TEST_F(loader, child_that_has_it_keeps_it)
{
	pid_t child;

	world_build(&self->world);
	child = fork_child();
	if (!child) {
		pause();
		_exit(1);
	}
	world_end(&self->world);
	held_by(_metadata, "a child");
	EXPECT_EQ(-SIGKILL, end_child(child));
	let_go(_metadata, "a child");
}

TEST_F(loader, comes_and_goes_again_and_again)
{
	unsigned long round;

	for (round = 0; round < scaled(100); round++) {
		use();
		ASSERT_EQ(0, unload_soon());
		ASSERT_FALSE(left_behind());
		ASSERT_EQ(ENOENT, unload());
		ASSERT_EQ(ENOENT, outcome(open(KARENA_DEVICE, O_RDWR)));
		ASSERT_EQ(0, load(""));
	}
	EXPECT_EQ(EEXIST, load(""));
}

/* Either in time or too late, but never in between. */
TEST_F(loader, comes_and_goes_under_the_feet_of_users)
{
	struct karena_arena_create create = {
		.size = sizeof(create),
		.length = page_size,
		.node = KARENA_NODE_ANY,
	};
	unsigned long round, gone = 0;
	int *stop = shared_memory(page_size);
	pid_t users[2];
	unsigned int i;
	int dev, fd, err;

	for (i = 0; i < ARRAY_LEN(users); i++) {
		users[i] = fork_child();
		while (!users[i] && !get_flag(stop)) {
			dev = open(KARENA_DEVICE, O_RDWR | O_CLOEXEC);
			if (dev < 0) {
				must(errno == ENOENT || errno == ENODEV || errno == ENXIO);
				continue;
			}
			fd = ioctl(dev, KARENA_IOC_ARENA_CREATE, &create);
			must(fd >= 0);
			close(dev);
			must(arena_stat(fd).out_length == page_size);
			close(fd);
		}
		if (!users[i])
			_exit(0);
	}
	for (round = 0; round < scaled(30); round++) {
		err = unload();
		ASSERT_TRUE(!err || err == EWOULDBLOCK);
		gone += !err;
		if (!err)
			ASSERT_EQ(0, load(""));
		sched_yield();
	}
	set_flag(stop, 1);
	for (i = 0; i < ARRAY_LEN(users); i++)
		EXPECT_EQ(0, reap(users[i]));
	TH_LOG("went %lu times in %lu", gone, round);
	EXPECT_EQ(0, unload_soon());
	EXPECT_FALSE(left_behind());
}

TEST_F(loader, device_is_roots_at_first)
{
	struct stat stat;

	ASSERT_EQ(0, unload_soon());
	ASSERT_EQ(0, load(""));
	ASSERT_EQ(0, lstat(KARENA_DEVICE, &stat) == 0 ? 0 : errno);
	EXPECT_TRUE(S_ISCHR(stat.st_mode));
	EXPECT_EQ(0660, stat.st_mode & 07777);
	EXPECT_EQ(0, stat.st_uid);
	EXPECT_EQ(0, stat.st_gid);
}

static __u64 limit(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_user_limit_bytes;
}

TEST_F(loader, parameter_sets_the_users_limit)
{
	__u64 quarter = unmovable_pages() / 4 * page_size;

	EXPECT_EQ(quarter, limit());
	ASSERT_EQ(0, unload_soon());
	ASSERT_EQ(0, load("user_max_bytes=10000000"));
	EXPECT_EQ(10000000, limit());
	EXPECT_EQ(10000000, file_number(PARAMETER, ""));

	ASSERT_EQ(0, write_file(PARAMETER, "123456789"));
	EXPECT_EQ(123456789, limit());
	EXPECT_EQ(-EINVAL, write_file(PARAMETER, "some"));
	EXPECT_EQ(-EINVAL, write_file(PARAMETER, "-1"));
	EXPECT_EQ(123456789, limit());
	ASSERT_EQ(0, write_file(PARAMETER, "1"));
	EXPECT_EQ(1, limit());
	ASSERT_EQ(0, write_file(PARAMETER, "0"));
	EXPECT_EQ(quarter, limit());
	ASSERT_EQ(0, unload_soon());
	ASSERT_EQ(0, load(""));
}

TEST_HARNESS_MAIN
