// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of a ring can be mapped, by whom, and what becomes of a mapping.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "ring_kinds.h"

#define DATA_PAGES	4
#define MAP_PAGES	(3 + 2 * DATA_PAGES)
#define CONSUMER_PAGE	1
#define PRODUCER_PAGE	2
#define DATA_PAGE	3

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(variant->flags, DATA_PAGES * page_size);
	self->fd = self->ring.fd;
}

/* 0 or -errno; what was mapped is unmapped. */
static int try_window(int fd, int prot, int flags, uint64_t first, uint64_t nr)
{
	void *map = mmap(NULL, nr * page_size, prot, flags, fd, first * page_size);

	if (map == MAP_FAILED)
		return -errno;
	must(munmap(map, nr * page_size) == 0);
	return 0;
}

static int expected(uint32_t ring_flags, int prot, uint64_t first, uint64_t nr)
{
	if (first + nr > MAP_PAGES)
		return -EINVAL;
	if (!(prot & PROT_WRITE))
		return 0;
	if (first == CONSUMER_PAGE && nr == 1)
		return 0;
	if (first == DATA_PAGE && nr == 2 * DATA_PAGES && ring_flags & KARENA_RING_F_IN_PLACE)
		return 0;
	return -EPERM;
}

TEST_F(ring, only_the_named_windows_are_writable)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_WRITE, RDWR };
	uint64_t first, nr;
	size_t i;

	ASSERT_EQ(0, ring_attach(self->fd, KARENA_ATTACH_F_CONSUME));
	for (i = 0; i < sizeof(prots) / sizeof(prots[0]); i++) {
		for (first = 0; first <= MAP_PAGES + 1; first++) {
			for (nr = 1; nr <= MAP_PAGES + 2; nr++)
				ASSERT_EQ(expected(variant->flags, prots[i], first, nr),
					  try_window(self->fd, prots[i], MAP_SHARED, first, nr))
				TH_LOG("prot %d, page %llu, %llu pages", prots[i],
				       (unsigned long long)first, (unsigned long long)nr);
		}
	}
}

TEST_F(ring, offset_far_away_is_refused)
{
	uint64_t first;

	for (first = 1ull << 20; first < (1ull << 63) / page_size; first <<= 1) {
		EXPECT_EQ(-EINVAL, try_window(self->fd, PROT_READ, MAP_SHARED, first, 1));
		EXPECT_EQ(-EINVAL, try_window(self->fd, RDWR, MAP_SHARED,
					      first + CONSUMER_PAGE, 1));
	}
}

TEST_F(ring, private_and_executable_mappings_are_refused)
{
	EXPECT_EQ(-EINVAL, try_window(self->fd, PROT_READ, MAP_PRIVATE, 0, 1));
	EXPECT_EQ(-EINVAL, try_window(self->fd, RDWR, MAP_PRIVATE, DATA_PAGE, 2 * DATA_PAGES));
	EXPECT_EQ(-EPERM, try_window(self->fd, PROT_READ | PROT_EXEC, MAP_SHARED, 0, 1));
}

TEST_F(ring, mapping_cannot_gain_rights)
{
	char *map = ring_window(self->fd, PROT_READ, 0, MAP_PAGES * page_size);
	int page;

	ASSERT_NE(NULL, map);
	for (page = 0; page < MAP_PAGES; page++) {
		EXPECT_EQ(-1, mprotect(map + page * page_size, page_size, RDWR));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, mprotect(map + page * page_size, page_size,
				       PROT_READ | PROT_EXEC));
		EXPECT_EQ(EACCES, errno);
	}
	EXPECT_EQ(0, munmap(map, MAP_PAGES * page_size));
}

TEST_F(ring, writable_consumer_page_can_be_closed_and_opened)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);

	ASSERT_NE(NULL, consumer);
	EXPECT_EQ(0, mprotect(consumer, page_size, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch_write(consumer, 1).sig);
	EXPECT_EQ(0, mprotect(consumer, page_size, RDWR));
	EXPECT_EQ(0, touch_write(consumer, 0).sig);
	EXPECT_EQ(-1, mprotect(consumer, page_size, RDWR | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(ring, page_read_only_is_not_written)
{
	int page;

	for (page = 0; page < MAP_PAGES; page++) {
		EXPECT_EQ(SIGSEGV, touch_write(self->ring.map + page * page_size, 1).sig);
		EXPECT_EQ(0, touch_read(self->ring.map + page * page_size).sig);
	}
}

TEST_F(ring, data_is_mapped_twice)
{
	const char *data = self->ring.data;
	char payload[256];
	uint64_t i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i;
	while (ring_write(self->fd, payload, sizeof(payload)) > 0)
		;
	EXPECT_EQ(0, memcmp(data, data + DATA_PAGES * page_size, DATA_PAGES * page_size));
	EXPECT_NE(0, word_at(&self->ring, 0));
}

TEST_F(ring, rights_decide_what_is_mapped)
{
	uint32_t all = KARENA_RIGHTS_RING;
	uint32_t rights;
	int fd;

	for (rights = 0; rights < 64; rights++) {
		bool consume = rights & KARENA_RIGHT_MAP && rights & KARENA_RIGHT_CONSUME;
		bool write = rights & KARENA_RIGHT_MAP && rights & KARENA_RIGHT_MAP_WRITE &&
			     rights & KARENA_RIGHT_PRODUCE;

		if (rights & ~all)
			continue;
		fd = ring_reopen(self->fd, rights);
		ASSERT_LE(0, fd);
		EXPECT_EQ(rights & KARENA_RIGHT_MAP ? 0 : -EACCES,
			  try_window(fd, PROT_READ, MAP_SHARED, 0, MAP_PAGES));
		ring_attach(fd, KARENA_ATTACH_F_CONSUME);
		EXPECT_EQ(consume ? 0 : -EACCES,
			  try_window(fd, RDWR, MAP_SHARED, CONSUMER_PAGE, 1));
		if (variant->flags & KARENA_RING_F_IN_PLACE)
			EXPECT_EQ(write ? 0 : -EACCES, try_window(fd, RDWR, MAP_SHARED, DATA_PAGE,
								  2 * DATA_PAGES));
		close(fd);
	}
}

TEST_F(ring, mapping_keeps_what_it_had_when_rights_are_cut)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);

	ASSERT_NE(NULL, consumer);
	ASSERT_EQ(0, ring_restrict(self->fd, 0));
	EXPECT_EQ(0, touch_write(consumer, 0).sig);
	EXPECT_EQ(-EACCES, try_window(self->fd, PROT_READ, MAP_SHARED, 0, 1));
}

TEST_F(ring, mapping_keeps_the_ring)
{
	struct ring ring = ring_new(variant->flags, page_size);

	ASSERT_EQ(4, ring_write(ring.fd, "kept", 4));
	close(ring.fd);
	EXPECT_EQ(0, memcmp(payload_at(&ring, 0), "kept", 4));
	munmap(ring.map, ring.header->map_bytes);
}

TEST_F(ring, child_has_only_what_is_read_only)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);
	char *data = variant->flags ? ring_data(&self->ring) : NULL;
	pid_t pid;

	ASSERT_NE(NULL, consumer);
	ASSERT_EQ(5, ring_write(self->fd, "child", 5));
	pid = fork_child();
	if (!pid) {
		must(touch_read(consumer).sig == SIGSEGV);
		must(!data || touch_read(data).sig == SIGSEGV);
		must(!memcmp(payload_at(&self->ring, 0), "child", 5));
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(ring, consumer_page_cannot_be_handed_to_children)
{
	struct karena_ring_consumer *consumer = ring_consumer(&self->ring);

	ASSERT_NE(NULL, consumer);
	EXPECT_EQ(-1, madvise(consumer, page_size, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
}

/* Kernels that let a child have it give it nothing to write into. */
TEST_F(ring, child_that_is_given_the_data_cannot_touch_it)
{
	char *data = ring_data(&self->ring), *moved;
	uint64_t bytes = 2 * DATA_PAGES * page_size;
	pid_t pid;

	if (!data)
		return;
	data[HEADER_BYTES] = 'a';
	if (madvise(data, bytes, MADV_DOFORK))
		ASSERT_EQ(EINVAL, errno);
	pid = fork_child();
	if (!pid) {
		must(touch_read(data).sig);
		must(touch_write(data + HEADER_BYTES, 'b').sig);
		must(ring_write(self->fd, data, 8) == -EFAULT);
		/* Nor a part of it, elsewhere, nor a grandchild. */
		moved = mremap(data, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
			       mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0));
		must(moved == MAP_FAILED || touch_write(moved, 'b').sig);
		pid = fork_child();
		if (!pid)
			_exit(touch_write(data + page_size, 'b').sig ? 0 : 1);
		_exit(reap(pid));
	}
	EXPECT_EQ(0, reap(pid));
	/* The process that made it still can, of a part that was split off too. */
	EXPECT_EQ('a', data[HEADER_BYTES]);
	ASSERT_EQ(0, munmap(data, page_size));
	EXPECT_EQ(0, touch_write(data + page_size, 'c').sig);
}

TEST_F(ring, window_moves_and_shrinks_but_does_not_grow)
{
	size_t bytes = MAP_PAGES * page_size;
	char *map = ring_window(self->fd, PROT_READ, 0, bytes);
	char *moved;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(5, ring_write(self->fd, "moved", 5));
	EXPECT_EQ(MAP_FAILED, mremap(map, bytes, bytes + page_size, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(map, 0, bytes, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);

	moved = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(moved, mremap(map, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	EXPECT_EQ(SIGSEGV, touch_read(map).sig);
	EXPECT_EQ(0, memcmp(moved + DATA_PAGE * page_size + HEADER_BYTES, "moved", 5));
	EXPECT_EQ(moved, mremap(moved, bytes, 4 * page_size, 0));
	EXPECT_EQ(SIGSEGV, touch_read(moved + 4 * page_size).sig);
	EXPECT_EQ(0, memcmp(moved + DATA_PAGE * page_size + HEADER_BYTES, "moved", 5));
	EXPECT_EQ(0, munmap(moved, 4 * page_size));
}

TEST_F(ring, window_with_a_hole_works_on)
{
	size_t bytes = MAP_PAGES * page_size;
	char *map = ring_window(self->fd, PROT_READ, 0, bytes);
	int page;

	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, munmap(map, page_size));
	EXPECT_EQ(0, munmap(map + 5 * page_size, page_size));
	EXPECT_EQ(0, munmap(map + (MAP_PAGES - 1) * page_size, page_size));
	for (page = 0; page < MAP_PAGES; page++) {
		bool hole = page == 0 || page == 5 || page == MAP_PAGES - 1;

		EXPECT_EQ(hole ? SIGSEGV : 0, touch_read(map + page * page_size).sig);
	}
	EXPECT_EQ(0, munmap(map, bytes));
}

TEST_F(ring, advice_loses_no_data)
{
	char *map = ring_window(self->fd, PROT_READ, 0, MAP_PAGES * page_size);

	ASSERT_NE(NULL, map);
	ASSERT_EQ(4, ring_write(self->fd, "stay", 4));
	EXPECT_EQ(0, touch_read(map + DATA_PAGE * page_size).sig);
	EXPECT_EQ(0, madvise(map, MAP_PAGES * page_size, MADV_DONTNEED));
	EXPECT_EQ(0, memcmp(map + DATA_PAGE * page_size + HEADER_BYTES, "stay", 4));
	EXPECT_EQ(-1, madvise(map, MAP_PAGES * page_size, MADV_REMOVE));
	EXPECT_EQ(0, memcmp(map + DATA_PAGE * page_size + HEADER_BYTES, "stay", 4));
	EXPECT_EQ(0, munmap(map, MAP_PAGES * page_size));
}

TEST_F(ring, other_processes_may_look)
{
	struct iovec local, remote;
	char got[8] = "";

	ASSERT_EQ(4, ring_write(self->fd, "look", 4));
	local = (struct iovec) { .iov_base = got, .iov_len = 4 };
	remote = (struct iovec) { .iov_base = (void *)payload_at(&self->ring, 0), .iov_len = 4 };
	EXPECT_EQ(4, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_STREQ("look", got);
}

TEST_HARNESS_MAIN
