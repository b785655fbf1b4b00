// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings and fork(): what a child has of them, and that a free reaches it.
 */
#define _GNU_SOURCE
#include "arena_window.h"

struct family {
	int step;
	int sees[4];
};

static void step_to(struct family *family, int step)
{
	set_flag(&family->step, step);
}

/* In a child: say what is seen, let the parent free page 3, look again. */
static void look_twice(struct family *family, char *where)
{
	family->sees[0] = peek(where);
	step_to(family, 1);
	wait_until(&family->step, 2);
	family->sees[1] = peek(where);
	_exit(0);
}

static void free_between(struct family *family, int fd, pid_t pid)
{
	wait_until(&family->step, 1);
	must(arena_free(fd, 3, 1) == 0);
	step_to(family, 2);
	must(reap(pid) == 0);
}

TEST_F(mapping, fork_leaves_it_out)
{
	char *page = self->map + 3 * page_size;
	pid_t pid = fork_child();

	if (!pid)
		_exit(faults(self->map, NR) ? 0 : 1);
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(page_is(page, stamp(3)));
	/* The child has the fd, and can map. */
	pid = fork_child();
	if (!pid)
		_exit(spoilt(arena_map(self->fd, PROT_READ, 0, NR), 0, NR));
	EXPECT_EQ(0, reap(pid));
}

TEST(fork_with_inherit_copies_it)
{
	struct family *family = shared_memory(sizeof(*family));
	int fd = arena_new(KARENA_ARENA_F_INHERIT, NR);
	char *map = arena_map(fd, RDWR, 0, NR);
	pid_t pid;

	map[3 * page_size] = 'a';
	pid = fork_child();
	if (!pid)
		look_twice(family, map + 3 * page_size);
	free_between(family, fd, pid);
	EXPECT_EQ('a', family->sees[0]);
	EXPECT_EQ(0, family->sees[1]);

	/* The other way round: the child writes and frees. */
	map[3 * page_size] = 'b';
	pid = fork_child();
	if (!pid) {
		map[4 * page_size] = 'c';
		must(arena_free(fd, 3, 1) == 0);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, peek(map + 3 * page_size));
	EXPECT_EQ('c', peek(map + 4 * page_size));
}

TEST_F(mapping, advice_changes_what_fork_does)
{
	struct family *family = shared_memory(sizeof(*family));
	char *page = self->map + 3 * page_size;
	pid_t pid;

	if (madvise(self->map, NR * page_size, MADV_DOFORK)) {
		ASSERT_EQ(EINVAL, errno);
		SKIP(return, "this kernel refuses MADV_DOFORK");
	}
	pid = fork_child();
	if (!pid)
		look_twice(family, page);
	free_between(family, self->fd, pid);
	EXPECT_EQ(stamp(3), family->sees[0]);
	EXPECT_EQ(0, family->sees[1]);

	ASSERT_EQ(0, madvise(page, page_size, MADV_DONTFORK));
	pid = fork_child();
	if (!pid)
		_exit(faults(page, 1) && !spoilt(page + page_size, 4, NR - 4) ? 0 : 1);
	EXPECT_EQ(0, reap(pid));
}

/* A grandchild that has moved its copy is reached too, its parent gone. */
TEST(free_reaches_moved_copy_of_grandchild)
{
	struct family *family = shared_memory(sizeof(*family));
	int fd = arena_new(KARENA_ARENA_F_INHERIT, NR);
	char *map = arena_map(fd, RDWR, 0, NR);
	pid_t pid;

	map[3 * page_size] = 'a';
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid = fork();
	if (!pid) {
		char *place;

		pid = fork();
		if (pid)
			_exit(0);
		place = spare_place(NR);
		move(map, NR, place);
		look_twice(family, place + 3 * page_size);
	}
	EXPECT_EQ(0, reap(pid));
	free_between(family, fd, -1);
	EXPECT_EQ('a', family->sees[0]);
	EXPECT_EQ(0, family->sees[1]);
}

TEST_HARNESS_MAIN
