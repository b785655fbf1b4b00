// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be done to a mapping: windows of any kind, and all that cuts and moves
 * them. Whatever was done, each place where a page can be seen has its bytes, and a
 * free of the page reaches each of them.
 */
#define _GNU_SOURCE
#include <sys/personality.h>

#include "arena_window.h"

/* Frees those pages one by one; returns how many can still be seen there. */
static unsigned int seen_after_free(int fd, char *map, unsigned int first, unsigned int nr)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++) {
		must(arena_free(fd, first + i, 1) == 0);
		bad += peek(map + i * page_size) != 0;
		bad += peek(map + (i + 1) * page_size - 1) != 0;
	}
	return bad;
}

TEST_F(mapping, window_shows_its_part)
{
	unsigned int first, nr;
	char *window;

	for (first = 0; first < NR; first++) {
		for (nr = 1; first + nr <= NR; nr++) {
			window = arena_map(self->fd, PROT_READ, first, nr);
			EXPECT_EQ(0, spoilt(window, first, nr));
			munmap(window, nr * page_size);
		}
	}
}

static int map_errno(int fd, int prot, int flags, off_t offset, size_t length)
{
	void *map = mmap(NULL, length, prot, flags, fd, offset);

	if (map == MAP_FAILED)
		return errno;
	munmap(map, length);
	return 0;
}

TEST_F(mapping, window_past_the_end_is_refused)
{
	off_t end = NR * page_size, last = end - page_size;

	EXPECT_EQ(0, map_errno(self->fd, RDWR, MAP_SHARED, last, page_size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, last, page_size + 1));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, end, page_size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, 0, end + 1));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, 1ll << 62, page_size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, 1, page_size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_SHARED, 0, 0));
	/* An offset that wraps with the length. */
	EXPECT_EQ(EOVERFLOW, map_errno(self->fd, RDWR, MAP_SHARED, -(off_t)page_size,
				       2 * page_size));
}

TEST_F(mapping, private_and_executable_are_refused)
{
	EXPECT_EQ(EINVAL, map_errno(self->fd, RDWR, MAP_PRIVATE, 0, page_size));
	EXPECT_EQ(EINVAL, map_errno(self->fd, PROT_READ, MAP_PRIVATE, 0, page_size));
	EXPECT_EQ(EPERM, map_errno(self->fd, PROT_EXEC, MAP_SHARED, 0, page_size));
	EXPECT_EQ(EPERM, map_errno(self->fd, RDWR | PROT_EXEC, MAP_SHARED, 0, page_size));
	EXPECT_EQ(EOPNOTSUPP, map_errno(self->fd, RDWR, MAP_SHARED_VALIDATE | MAP_SYNC, 0,
					page_size));
	EXPECT_EQ(0, map_errno(self->fd, RDWR, MAP_SHARED_VALIDATE, 0, page_size));
	EXPECT_EQ(0, map_errno(self->fd, PROT_NONE, MAP_SHARED, 0, page_size));
	EXPECT_EQ(0, map_errno(self->fd, PROT_WRITE, MAP_SHARED, 0, page_size));
	EXPECT_EQ(0, map_errno(self->fd, RDWR, MAP_SHARED | MAP_NORESERVE, 0, page_size));
}

/* A program for which whatever it reads is executable maps it all the same. */
TEST_F(mapping, readable_needs_not_be_executable)
{
	char *map;

	ASSERT_EQ(0, personality(READ_IMPLIES_EXEC));
	map = arena_map(self->fd, RDWR, 0, 1);
	EXPECT_EQ(0, personality(0) & ~READ_IMPLIES_EXEC);
	EXPECT_EQ(-1, mprotect(map, page_size, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mapping, all_windows_are_one_memory)
{
	char *windows[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++)
		windows[i] = arena_map(self->fd, RDWR, i % 8, 8);
	windows[3][2 * page_size] = '!';	/* page 5 */
	for (i = 0; i < 6; i++)
		EXPECT_EQ('!', windows[i][(5 - i) * page_size]);

	EXPECT_EQ(0, arena_free(self->fd, 5, 1));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(0, peek(windows[i] + (5 - i) * page_size));
	EXPECT_EQ(0, peek(self->map + 5 * page_size));
}

/*
 * Pieces of 1 or 2 pages taken out by munmap() or covered by MAP_FIXED.
 */
static void check_hole(struct __test_metadata *_metadata, int fd, char *map,
		       unsigned int first, unsigned int nr)
{
	unsigned int end = first + nr;

	EXPECT_EQ(0, spoilt(map, 0, first));
	EXPECT_EQ(0, spoilt(map + end * page_size, end, NR - end));
	EXPECT_EQ(0, arena_free(fd, first, nr));
	EXPECT_EQ(0, seen_after_free(fd, map, 0, first));
	EXPECT_EQ(0, seen_after_free(fd, map + end * page_size, end, NR - end));
}

FIXTURE(hole)
{
	int fd;
	char *map;
};

FIXTURE_VARIANT(hole)
{
	unsigned int first;
	unsigned int nr;
};

FIXTURE_VARIANT_ADD(hole, first_page) { 0, 1 };
FIXTURE_VARIANT_ADD(hole, middle_page) { NR / 2, 1 };
FIXTURE_VARIANT_ADD(hole, last_page) { NR - 1, 1 };
FIXTURE_VARIANT_ADD(hole, two_in_the_middle) { 5, 2 };
FIXTURE_VARIANT_ADD(hole, all_but_the_last) { 0, NR - 1 };

FIXTURE_SETUP(hole)
{
	unsigned int i;

	self->fd = arena_new(0, NR);
	self->map = arena_map(self->fd, RDWR, 0, NR);
	for (i = 0; i < NR; i++)
		memset(self->map + i * page_size, stamp(i), page_size);
}

FIXTURE_TEARDOWN(hole)
{
}

TEST_F(hole, by_munmap)
{
	char *hole = self->map + variant->first * page_size;

	ASSERT_EQ(0, munmap(hole, variant->nr * page_size));
	EXPECT_TRUE(faults(hole, variant->nr));
	check_hole(_metadata, self->fd, self->map, variant->first, variant->nr);
	EXPECT_TRUE(faults(hole, variant->nr));
}

TEST_F(hole, by_other_memory)
{
	char *hole = self->map + variant->first * page_size;

	ASSERT_EQ(hole, mmap(hole, variant->nr * page_size, RDWR,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_TRUE(page_is(hole, 0));
	memset(hole, '!', variant->nr * page_size);
	check_hole(_metadata, self->fd, self->map, variant->first, variant->nr);
	EXPECT_TRUE(page_is(hole, '!'));
}

TEST_F(hole, by_another_part_of_the_arena)
{
	char *hole = self->map + variant->first * page_size;
	unsigned int other = variant->first ? 0 : variant->nr;

	/* Where page @first was there is now page @other too. */
	ASSERT_EQ(hole, mmap(hole, page_size, RDWR, MAP_SHARED | MAP_FIXED, self->fd,
			     other * page_size));
	EXPECT_TRUE(page_is(hole, stamp(other)));
	EXPECT_EQ(0, arena_free(self->fd, variant->first, 1));
	EXPECT_TRUE(page_is(hole, stamp(other)));
	EXPECT_EQ(0, arena_free(self->fd, other, 1));
	EXPECT_EQ(0, peek(hole));
	EXPECT_EQ(0, peek(self->map + other * page_size));
}

TEST_F(hole, by_protection)
{
	char *hole = self->map + variant->first * page_size;

	ASSERT_EQ(0, mprotect(hole, variant->nr * page_size, PROT_NONE));
	EXPECT_TRUE(faults(hole, variant->nr));
	/* Freed while it cannot be seen, it must not come back with the right to see. */
	EXPECT_EQ(0, arena_free(self->fd, variant->first, 1));
	ASSERT_EQ(0, mprotect(hole, variant->nr * page_size, PROT_READ));
	EXPECT_EQ(0, peek(hole));
	EXPECT_EQ(0, spoilt(hole + page_size, variant->first + 1, variant->nr - 1));
	EXPECT_EQ(SIGSEGV, touch_write(hole, 1).sig);
	ASSERT_EQ(0, mprotect(hole, variant->nr * page_size, RDWR));
	EXPECT_EQ(0, touch_write(hole, 1).sig);
	check_hole(_metadata, self->fd, self->map, variant->first, variant->nr);
}

TEST_F(mapping, protection_beyond_the_rights_is_refused)
{
	struct karena_rights rights = {
		.size = sizeof(rights),
		.rights = KARENA_RIGHT_MAP,
	};
	char *map;
	int fd;

	EXPECT_EQ(-1, mprotect(self->map, page_size, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	fd = call(self->fd, KARENA_IOC_REOPEN, &rights);
	ASSERT_LE(0, fd);
	EXPECT_EQ(EACCES, map_errno(fd, RDWR, MAP_SHARED, 0, page_size));
	map = arena_map(fd, PROT_READ, 0, NR);
	EXPECT_EQ(0, spoilt(map, 0, NR));
	EXPECT_EQ(-1, mprotect(map, page_size, RDWR));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(map, page_size, PROT_NONE));
	EXPECT_EQ(0, mprotect(map, page_size, PROT_READ));
	EXPECT_EQ(0, seen_after_free(self->fd, map, 0, NR));
}

/*
 * mremap().
 */
TEST_F(mapping, moved_whole)
{
	char *place = spare_place(NR);

	move(self->map, NR, place);
	EXPECT_TRUE(faults(self->map, NR));
	EXPECT_EQ(0, spoilt(place, 0, NR));
	EXPECT_EQ(0, seen_after_free(self->fd, place, 0, NR));
}

/* Below and above where it was: the kernel takes other locks for each. */
TEST_F(mapping, moved_down_and_up)
{
	char *place = spare_place(3 * NR);
	char *map = place + NR * page_size;

	move(self->map, NR, map);
	move(map, NR, place);
	EXPECT_EQ(0, spoilt(place, 0, NR));
	EXPECT_EQ(0, seen_after_free(self->fd, place, 0, 4));
	move(place, NR, place + 2 * NR * page_size);
	place += 2 * NR * page_size;
	EXPECT_EQ(0, spoilt(place + 4 * page_size, 4, NR - 4));
	EXPECT_EQ(0, seen_after_free(self->fd, place, 0, NR));
}

TEST_F(mapping, moved_in_pieces)
{
	char *place = spare_place(NR);
	unsigned int i;

	/* Every other page, in reverse order. */
	for (i = 0; i < NR; i += 2)
		move(self->map + i * page_size, 1, place + (NR - 1 - i) * page_size);
	for (i = 0; i < NR; i++) {
		char *where = (i % 2 ? self->map : place) +
			      (i % 2 ? i : NR - 1 - i) * page_size;

		EXPECT_TRUE(page_is(where, stamp(i)));
		EXPECT_EQ(0, arena_free(self->fd, i, 1));
		EXPECT_EQ(0, peek(where));
	}
}

/* 2 MiB and more, which the kernel moves by whole page tables. */
TEST(moved_by_whole_tables)
{
	const unsigned int nr = 2048;
	size_t align = 512 * page_size;
	int fd = arena_new_batch(0, nr, 64);
	char *map, *place, *from, *to;
	unsigned int i, bad = 0;

	map = mmap(NULL, 2 * nr * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	place = mmap(NULL, 2 * nr * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	from = (char *)(((uintptr_t)map + align - 1) / align * align);
	to = (char *)(((uintptr_t)place + align - 1) / align * align);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, nr);
	ASSERT_EQ(from, mmap(from, nr * page_size, RDWR, MAP_SHARED | MAP_FIXED, fd, 0));
	for (i = 0; i < nr; i++)
		from[i * page_size] = i % 100 + 1;
	move(from, nr, to);
	for (i = 0; i < nr; i++)
		bad += to[i * page_size] != (char)(i % 100 + 1);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, arena_free(fd, 0, nr));
	for (i = 0; i < nr; i++)
		bad += to[i * page_size] != 0;
	EXPECT_EQ(0, bad);
}

TEST_F(mapping, shrunk)
{
	ASSERT_EQ(self->map, mremap(self->map, NR * page_size, 5 * page_size, 0));
	EXPECT_TRUE(faults(self->map + 5 * page_size, NR - 5));
	EXPECT_EQ(0, spoilt(self->map, 0, 5));
	EXPECT_EQ(0, seen_after_free(self->fd, self->map, 0, 5));
}

static int remap_errno(char *map, size_t old_size, size_t new_size, int flags, char *place)
{
	return mremap(map, old_size, new_size, flags, place) == MAP_FAILED ? errno : 0;
}

TEST_F(mapping, growth_is_refused)
{
	size_t size = NR * page_size;
	char *half = arena_map(self->fd, RDWR, 0, NR / 2);

	/* Within the arena, past its end; there or elsewhere. */
	EXPECT_EQ(EFAULT, remap_errno(half, size / 2, size, 0, NULL));
	EXPECT_EQ(EFAULT, remap_errno(half, size / 2, size, MREMAP_MAYMOVE, NULL));
	EXPECT_EQ(EFAULT, remap_errno(self->map, size, 2 * size, MREMAP_MAYMOVE, NULL));
	EXPECT_EQ(0, spoilt(half, 0, NR / 2));
	EXPECT_EQ(0, spoilt(self->map, 0, NR));
	EXPECT_EQ(0, seen_after_free(self->fd, half, 0, NR / 2));
}

TEST_F(mapping, duplication_is_refused)
{
	size_t size = NR * page_size;
	char *place = spare_place(NR);

	/* A copy by an old size of 0; the place kept by DONTUNMAP; itself. */
	EXPECT_EQ(EFAULT, remap_errno(self->map, 0, size, MREMAP_MAYMOVE, NULL));
	EXPECT_EQ(EFAULT, remap_errno(self->map, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				      place));
	EXPECT_EQ(EINVAL, remap_errno(self->map, size, size,
				      MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
	EXPECT_EQ(EINVAL, remap_errno(self->map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				      self->map));
	EXPECT_EQ(EINVAL, remap_errno(self->map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				      self->map + page_size));
	EXPECT_EQ(0, spoilt(self->map, 0, NR));
	EXPECT_EQ(0, seen_after_free(self->fd, self->map, 0, NR));
}

TEST_F(mapping, mapped_over_itself)
{
	ASSERT_EQ(self->map, mmap(self->map, NR * page_size, RDWR, MAP_SHARED | MAP_FIXED,
				  self->fd, 0));
	EXPECT_EQ(0, spoilt(self->map, 0, NR));
	EXPECT_EQ(0, seen_after_free(self->fd, self->map, 0, NR));
}

/* A mapping keeps the arena when all fds are closed; a new process cannot get in. */
TEST_F(mapping, outlives_the_fd)
{
	char link[64];

	close(self->fd);
	EXPECT_EQ(0, spoilt(self->map, 0, NR));
	self->map[0] = '!';
	EXPECT_EQ('!', self->map[0]);
	EXPECT_EQ(0, madvise(self->map, page_size, MADV_REMOVE));
	EXPECT_EQ(0, peek(self->map));

	/* Nor can it be opened by its name in /proc: that would be a new capability. */
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (long)self->map,
		 (long)(self->map + NR * page_size));
	EXPECT_EQ(-1, open(link, O_RDWR));
}

TEST_F(mapping, fd_cannot_be_opened_anew)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", self->fd);
	EXPECT_EQ(-1, open(link, O_RDWR));
	EXPECT_EQ(-1, open(link, O_RDONLY));
	EXPECT_TRUE(fcntl(self->fd, F_GETFD) & FD_CLOEXEC);
}

TEST_HARNESS_MAIN
