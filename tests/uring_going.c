// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in flight when something goes: the ring's descriptor, the io_uring, the
 * thread, the process, by whatever way. Nothing hangs, and everything is let go of:
 * the module's references come back to what they were.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "kselftest_harness.h"
#include "module_util.h"
#include "uring_util.h"

/**
 * struct scene - requests that wait for records and for space that never come
 * @uring:	theirs
 * @fd:		a ring without records
 * @full:	a ring without space
 * @refs:	the module's references before
 * @in_flight:	shared: they are under way
 */
struct scene {
	struct io_uring uring;
	int fd;
	int full;
	long refs;
	int *in_flight;
};

static long refs(void)
{
	char text[32];

	must(read_file("/sys/module/karena/refcnt", text, sizeof(text)) > 0);
	return atol(text);
}

/*
 * What io_uring holds goes a moment after it is let go: within a second on a machine
 * that has nothing else to do.
 */
static bool refs_come_back_to(long before)
{
	int64_t begin = now_ms();

	while (now_ms() - begin < HUNG_MS) {
		if (refs() == before) {
			printf("# gone after %lld ms\n", (long long)(now_ms() - begin));
			return true;
		}
		pause_ms(10);
	}
	printf("# references: %ld, before: %ld\n", refs(), before);
	return false;
}

static void begin_multishot_read(struct scene *scene)
{
	static char room[4][256];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->uring);

	io_uring_prep_provide_buffers(sqe, room, sizeof(room[0]), 4, 7, 0);
	submit(&scene->uring);
	must(complete(&scene->uring).came);
	sqe = prep(&scene->uring, OP_READ_MULTISHOT, scene->fd, NULL, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 7;
}

static void begin_to_produce(struct scene *scene)
{
	static struct karena_ring_output output = {
		.size = sizeof(output), .flags = KARENA_RING_WAIT_SPACE,
		.buffer = (uintptr_t)"late", .buffer_bytes = 4,
	};
	struct karena_uring_cmd area = { .args = (uintptr_t)&output };
	struct io_uring_sqe *sqe;

	while (ring_output(scene->full, "full", 4, 0) == 0)
		;
	sqe = io_uring_get_sqe(&scene->uring);
	io_uring_prep_poll_add(sqe, scene->full, POLLOUT);
	if (!(features() & KARENA_FEAT_URING_WAIT))
		return;
	sqe = prep(&scene->uring, IORING_OP_URING_CMD, scene->full, NULL, 0);
	sqe->cmd_op = KARENA_IOC_RING_OUTPUT;
	memcpy(sqe->cmd, &area, sizeof(area));
}

static void close_rings(struct scene *scene)
{
	close(scene->fd);
	close(scene->full);
}

/* One of each kind that this kernel has. */
static void begin_requests(struct scene *scene)
{
	static char room[2][256];
	struct io_uring_sqe *sqe;

	sqe = io_uring_get_sqe(&scene->uring);
	io_uring_prep_poll_add(sqe, scene->fd, POLLIN);
	sqe->flags |= IOSQE_IO_LINK;
	prep(&scene->uring, IORING_OP_WRITE, scene->fd, "linked", 6);
	sqe = io_uring_get_sqe(&scene->uring);
	io_uring_prep_poll_multishot(sqe, scene->fd, POLLIN);
	prep(&scene->uring, IORING_OP_READ, scene->fd, room[0], sizeof(room[0]));
	sqe = prep(&scene->uring, IORING_OP_READ, scene->fd, room[1], sizeof(room[1]));
	sqe->flags |= IOSQE_ASYNC;
	if (features() & KARENA_FEAT_URING_WAIT) {
		prep_wait(&scene->uring, scene->fd, 0, 0);
		prep_wait(&scene->uring, scene->fd, 0, 3600u * 1000000);
		prep_wait(&scene->uring, scene->fd, 0, 0)->flags |= IOSQE_ASYNC;
	}
	if (features() & KARENA_FEAT_URING_MULTISHOT) {
		make_multishot(prep_wait(&scene->uring, scene->fd, 0, 0));
		make_multishot(prep_wait(&scene->uring, scene->fd, 100, 3600u * 1000000));
	}
	begin_to_produce(scene);
	submit(&scene->uring);
	if (uring_has(&scene->uring, OP_READ_MULTISHOT)) {
		begin_multishot_read(scene);
		submit(&scene->uring);
	}
	must(nothing_came(&scene->uring));
	set_flag(scene->in_flight, 1);
}

static int by_exit(struct scene *scene)
{
	begin_requests(scene);
	return 0;
}

static int by_kill(struct scene *scene)
{
	begin_requests(scene);
	pause();
	return 1;
}

static int by_exec(struct scene *scene)
{
	begin_requests(scene);
	execl("/bin/true", "true", NULL);
	return 1;
}

static int by_closing_the_ring_then_io_uring(struct scene *scene)
{
	begin_requests(scene);
	close_rings(scene);
	pause_ms(20);
	io_uring_queue_exit(&scene->uring);
	return !refs_come_back_to(scene->refs);
}

static int by_closing_io_uring(struct scene *scene)
{
	begin_requests(scene);
	io_uring_queue_exit(&scene->uring);
	pause_ms(20);
	if (ring_write(scene->fd, "after", 5) != 5)
		return 2;
	close_rings(scene);
	return !refs_come_back_to(scene->refs);
}

static void *begin_in_thread(void *scene)
{
	begin_requests(scene);
	return NULL;
}

static int by_end_of_the_thread(struct scene *scene)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, begin_in_thread, scene) == 0);
	must(pthread_join(thread, NULL) == 0);
	close_rings(scene);
	io_uring_queue_exit(&scene->uring);
	return !refs_come_back_to(scene->refs);
}

/* A child's end takes nothing of its parent's along. */
static int after_a_child_came_and_went(struct scene *scene)
{
	pid_t child;

	begin_requests(scene);
	child = fork();
	must(child >= 0);
	if (!child)
		_exit(0);
	if (reap(child) || !nothing_came(&scene->uring))
		return 2;
	if (ring_write(scene->fd, "after", 5) != 5)
		return 3;
	return !complete(&scene->uring).came;
}

FIXTURE(going) {
	struct scene scene;
};

FIXTURE_VARIANT(going) {
	int (*way)(struct scene *scene);
};

FIXTURE_VARIANT_ADD(going, by_exit) { .way = by_exit };
FIXTURE_VARIANT_ADD(going, by_kill) { .way = by_kill };
FIXTURE_VARIANT_ADD(going, by_exec) { .way = by_exec };
FIXTURE_VARIANT_ADD(going, ring_first) { .way = by_closing_the_ring_then_io_uring };
FIXTURE_VARIANT_ADD(going, io_uring_first) { .way = by_closing_io_uring };
FIXTURE_VARIANT_ADD(going, by_end_of_the_thread) { .way = by_end_of_the_thread };
FIXTURE_VARIANT_ADD(going, after_a_child) { .way = after_a_child_came_and_went };

FIXTURE_SETUP(going)
{
	self->scene.in_flight = shared_memory(sizeof(int));
	self->scene.refs = refs();
}

FIXTURE_TEARDOWN(going)
{
}

static void go(struct __test_metadata *_metadata, struct scene *scene,
	       int (*way)(struct scene *scene), unsigned int flags)
{
	pid_t child;

	set_flag(scene->in_flight, 0);
	child = fork_child();
	if (!child) {
		if (io_uring_queue_init(16, &scene->uring, flags))
			_exit(9);
		scene->fd = ring_new_fd(0, page_size);
		scene->full = ring_new_fd(0, page_size);
		_exit(way(scene));
	}
	if (way == by_kill) {
		wait_until(scene->in_flight, 1);
		EXPECT_LT(scene->refs, refs());
		EXPECT_EQ(EWOULDBLOCK, module_unload("karena"));
		EXPECT_EQ(-SIGKILL, end_child(child));
	} else {
		EXPECT_EQ(0, reap(child));
	}
	EXPECT_TRUE(refs_come_back_to(scene->refs));
}

TEST_F(going, lets_go_of_everything)
{
	go(_metadata, &self->scene, variant->way, 0);
}

TEST_F(going, lets_go_of_everything_deferred)
{
	/* Only the thread that made it may use it. */
	if (variant->way == by_end_of_the_thread)
		SKIP(return, "an io_uring of one thread");
	go(_metadata, &self->scene, variant->way,
	   IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

TEST_F(going, lets_go_of_everything_polled_by_the_kernel)
{
	go(_metadata, &self->scene, variant->way, IORING_SETUP_SQPOLL);
}

/* Two that wait for each other, one of which holds a ring that it reads. */
TEST(io_urings_that_poll_each_other_go_with_their_process)
{
	long before = refs();
	pid_t child = fork_child();

	if (!child) {
		int fd = ring_new_fd(0, page_size);
		struct io_uring uring, other;
		char room[64];

		must(io_uring_queue_init(16, &uring, 0) == 0);
		must(io_uring_queue_init(16, &other, 0) == 0);
		must(io_uring_register_files(&uring, &fd, 1) == 0);
		prep(&uring, IORING_OP_READ, 0, room, sizeof(room))->flags |= IOSQE_FIXED_FILE;
		io_uring_prep_poll_add(io_uring_get_sqe(&uring), other.ring_fd, POLLIN);
		io_uring_prep_poll_add(io_uring_get_sqe(&other), uring.ring_fd, POLLIN);
		io_uring_prep_poll_add(io_uring_get_sqe(&other), fd, POLLIN);
		submit(&uring);
		submit(&other);
		_exit(0);
	}
	EXPECT_EQ(0, reap(child));
	EXPECT_TRUE(refs_come_back_to(before));
}

TEST_HARNESS_MAIN
