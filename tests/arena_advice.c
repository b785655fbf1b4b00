// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel can be told about a mapping, or asked: each piece of advice, each
 * lock and policy has the result that is written here, changes no byte and no state
 * of a page unless that is its purpose, and a free reaches the mapping afterwards.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "arena_util.h"
#include "kselftest_harness.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define NR	16
#define LAZY	NR	/* Pages behind the stamped ones: allocated, without memory. */
#define FREE	(NR + 8)
#define ALL	(NR + 16)

FIXTURE(advice)
{
	int fd;
	char *map;
	struct karena_arena_stat before;
};

FIXTURE_SETUP(advice)
{
	unsigned int i;

	self->fd = arena_new_batch(0, ALL, 1);
	self->map = arena_map(self->fd, RDWR, 0, ALL);
	arena_take(self->fd, 0, 0, NR);
	arena_take(self->fd, KARENA_ALLOC_F_LAZY, LAZY, 8);
	for (i = 0; i < NR; i++)
		memset(self->map + i * page_size, 'A' + i, page_size);
	self->before = arena_stat(self->fd);
}

FIXTURE_TEARDOWN(advice)
{
}

static unsigned int spoilt(const char *map)
{
	unsigned int i, bad = 0;

	for (i = 0; i < NR; i++)
		bad += !page_is(map + i * page_size, 'A' + i);
	return bad;
}

/* Neither states nor memory are other than before. */
static bool unchanged(int fd, const struct karena_arena_stat *before)
{
	struct karena_arena_stat now = arena_stat(fd);

	return now.out_allocated == before->out_allocated &&
	       now.out_reserved == before->out_reserved &&
	       now.out_guard == before->out_guard &&
	       now.out_populated == before->out_populated;
}

static bool free_reaches(int fd, char *map, unsigned int index)
{
	return arena_free(fd, index, 1) == 0 && peek(map + index * page_size) == 0;
}

static int advise(void *where, size_t bytes, int advice)
{
	return madvise(where, bytes, advice) ? errno : 0;
}

/* The result, and that of a kernel that does without the feature. */
#define TAKEN(advice)	 { #advice, MADV_##advice, 0, 0 }
#define OPTIONAL(advice) { #advice, MADV_##advice, 0, EINVAL }
#define REFUSED(advice)	 { #advice, MADV_##advice, EINVAL, EINVAL }

static const struct {
	const char *name;
	int advice;
	int result;
	int without;
} harmless[] = {
	TAKEN(NORMAL), TAKEN(RANDOM), TAKEN(SEQUENTIAL), TAKEN(WILLNEED),
	TAKEN(DONTNEED), TAKEN(DONTNEED_LOCKED), TAKEN(COLD), TAKEN(PAGEOUT),
	TAKEN(DONTFORK), OPTIONAL(DOFORK), TAKEN(KEEPONFORK), TAKEN(DONTDUMP),
	OPTIONAL(MERGEABLE), OPTIONAL(UNMERGEABLE), OPTIONAL(HUGEPAGE), OPTIONAL(NOHUGEPAGE),
	REFUSED(FREE), REFUSED(COLLAPSE), REFUSED(DODUMP), REFUSED(WIPEONFORK),
	{ "unknown", 77, EINVAL, EINVAL },
};

TEST_F(advice, leaves_pages_as_they_are)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(harmless); i++) {
		err = advise(self->map, ALL * page_size, harmless[i].advice);
		EXPECT_TRUE(err == harmless[i].result || err == harmless[i].without) {
			TH_LOG("%s: %s", harmless[i].name, strerror(err));
		}
		EXPECT_TRUE(!spoilt(self->map) && unchanged(self->fd, &self->before)) {
			TH_LOG("after %s", harmless[i].name);
		}
	}
	for (i = 0; i < NR; i++)
		EXPECT_TRUE(free_reaches(self->fd, self->map, i));
}

TEST_F(advice, on_one_page_in_the_middle)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(harmless); i++) {
		advise(self->map + 7 * page_size, page_size, harmless[i].advice);
		EXPECT_EQ(0, spoilt(self->map));
	}
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	for (i = 0; i < NR; i++)
		EXPECT_TRUE(free_reaches(self->fd, self->map, i));
}

/* Which pages have a page table entry, one bit each. */
static unsigned long entries(char *map, unsigned int nr)
{
	unsigned char vec[64];
	unsigned long bits = 0;
	unsigned int i;

	must(mincore(map, nr * page_size, vec) == 0);
	for (i = 0; i < nr; i++)
		bits |= (unsigned long)(vec[i] & 1) << i;
	return bits;
}

TEST_F(advice, dontneed_drops_page_table_entries_only)
{
	char *other = arena_map(self->fd, RDWR, 0, ALL);

	EXPECT_EQ('A' + 3, other[3 * page_size]);
	ASSERT_EQ(0, madvise(self->map, 8 * page_size, MADV_DONTNEED));
	EXPECT_EQ(0xff00, entries(self->map, ALL));
	EXPECT_EQ(0x8, entries(other, ALL));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	EXPECT_EQ(0, spoilt(self->map));
}

TEST_F(advice, populate_touches)
{
	EXPECT_EQ(0, advise(self->map + LAZY * page_size, 4 * page_size, MADV_POPULATE_READ));
	EXPECT_EQ(NR + 4, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0, advise(self->map + LAZY * page_size, 8 * page_size, MADV_POPULATE_WRITE));
	EXPECT_EQ(NR + 8, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0, advise(self->map + FREE * page_size, 8 * page_size, MADV_POPULATE_WRITE));
	EXPECT_EQ(NR + 16, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_EQ(0, arena_free(self->fd, 0, ALL));
	EXPECT_EQ(0, peek(self->map));
}

TEST_F(advice, populate_stops_where_a_touch_is_a_signal)
{
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, FREE + 2, 1) == 0);
	EXPECT_EQ(EFAULT, advise(self->map + FREE * page_size, 8 * page_size,
				 MADV_POPULATE_WRITE));
	EXPECT_EQ(KARENA_PAGE_GUARD, page_state(self->fd, FREE + 2));
	EXPECT_EQ(KARENA_PAGE_FREE, page_state(self->fd, FREE + 3));
}

TEST_F(advice, remove_frees)
{
	struct karena_rights rights = {
		.size = sizeof(rights),
		.rights = KARENA_RIGHT_MAP | KARENA_RIGHT_FREE,
	};
	char *read_only = arena_map(call(self->fd, KARENA_IOC_REOPEN, &rights), PROT_READ, 0, NR);
	char *window = arena_map(self->fd, RDWR, 4, 4);

	/* The kernel asks for a mapping that can be written. */
	EXPECT_EQ(EACCES, advise(read_only, page_size, MADV_REMOVE));
	EXPECT_EQ(0, spoilt(self->map));

	/* By the offset in the arena, whatever the window. */
	ASSERT_EQ(0, advise(window + page_size, 2 * page_size, MADV_REMOVE));
	EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(self->fd, 4));
	EXPECT_EQ(KARENA_PAGE_FREE, page_state(self->fd, 5));
	EXPECT_EQ(KARENA_PAGE_FREE, page_state(self->fd, 6));
	EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(self->fd, 7));
	EXPECT_EQ(0, peek(self->map + 5 * page_size));
	EXPECT_EQ(0, peek(read_only + 6 * page_size));
	EXPECT_EQ('A' + 7, peek(window + 3 * page_size));
}

static int allocate(int fd, int mode, off_t offset, off_t length)
{
	return fallocate(fd, mode, offset, length) ? errno : 0;
}

TEST_F(advice, punched_holes_are_freed_and_no_other_mode_is_known)
{
	static const int others[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, 0x4000,
	};
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(EOPNOTSUPP, allocate(self->fd, others[i], 0, page_size));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, 1, page_size));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, 0, page_size / 2));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, 0, 0));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, 0, (ALL + 1) * page_size));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, ALL * page_size, page_size));
	EXPECT_EQ(EINVAL, allocate(self->fd, punch, -page_size, page_size));
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(unchanged(self->fd, &self->before));

	EXPECT_EQ(0, allocate(self->fd, punch, 3 * page_size, 2 * page_size));
	EXPECT_EQ(KARENA_PAGE_FREE, page_state(self->fd, 3));
	EXPECT_EQ(0, peek(self->map + 3 * page_size));
	EXPECT_EQ(0, peek(self->map + 4 * page_size));
	EXPECT_EQ('A' + 5, peek(self->map + 5 * page_size));
}

/* The size was given at create. */
TEST_F(advice, truncation_is_refused)
{
	struct stat stat;

	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ftruncate(self->fd, 2 * ALL * page_size));
	EXPECT_EQ(0, fstat(self->fd, &stat));
	EXPECT_EQ(ALL * page_size, stat.st_size);
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_EQ(0xffff, entries(self->map, ALL));
}

/*
 * Locks. Pages of arenas stay in memory anyway.
 */
TEST_F(advice, mlock_changes_nothing_for_free)
{
	ASSERT_EQ(0, mlock(self->map, NR * page_size));
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_EQ(0, file_number("/proc/self/status", "VmLck:"));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 3));
	EXPECT_EQ(0, advise(self->map + 4 * page_size, page_size, MADV_REMOVE));
	EXPECT_EQ(0, munlock(self->map, NR * page_size));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 5));
	EXPECT_EQ(0, syscall(SYS_mlock2, self->map, ALL * page_size, 1 /* MLOCK_ONFAULT */));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 6));
}

TEST_F(advice, mlockall_changes_nothing_for_free)
{
	char *map;

	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	EXPECT_EQ(ALL, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_EQ(0, arena_free(self->fd, FREE, 8));
	map = arena_map(self->fd, RDWR, 0, ALL);
	EXPECT_EQ(0, spoilt(map));
	EXPECT_EQ(ALL, arena_stat(self->fd).out_populated);
	EXPECT_TRUE(free_reaches(self->fd, map, 3));
	EXPECT_EQ(0, munlockall());
	EXPECT_TRUE(free_reaches(self->fd, self->map, 4));
	EXPECT_EQ(0, peek(map + 4 * page_size));
}

/* All that a lock does is to touch each page. */
TEST_F(advice, mlock_touches)
{
	int fd = arena_new_batch(KARENA_ARENA_F_SEGV_ON_FAULT, 8, 1);
	char *map = arena_map(fd, RDWR, 0, 8);

	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, 4);
	EXPECT_EQ(0, mlock(map, 4 * page_size));
	EXPECT_EQ(4, arena_stat(fd).out_populated);
	EXPECT_EQ(-1, mlock(map, 8 * page_size));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(4, arena_stat(fd).out_allocated);

	EXPECT_EQ(0, mlock(self->map, ALL * page_size));
	EXPECT_EQ(ALL, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0, spoilt(self->map));
}

TEST_F(advice, map_populate_touches)
{
	char *map = mmap(NULL, 8 * page_size, RDWR, MAP_SHARED | MAP_POPULATE, self->fd,
			 LAZY * page_size);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(NR + 8, arena_stat(self->fd).out_populated);
	EXPECT_EQ(0xff, entries(map, 8));
	EXPECT_EQ(0, arena_free(self->fd, LAZY, 8));
	EXPECT_EQ(0, entries(map, 8));
}

/* Looked at on the side: page table entries, and nothing is populated by looking. */
TEST_F(advice, mincore_tells_entries)
{
	EXPECT_EQ(0xffff, entries(self->map, ALL));
	EXPECT_EQ(0, entries(arena_map(self->fd, RDWR, 0, ALL), ALL));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
}

/*
 * NUMA policy is not the mapping's but the arena's, and pages do not move.
 */
static int bind(void *where, size_t bytes, int mode, unsigned long nodes, unsigned int flags)
{
	return syscall(SYS_mbind, where, bytes, mode, &nodes, 8 * sizeof(nodes), flags) ?
		errno : 0;
}

TEST_F(advice, mbind_moves_nothing)
{
	size_t bytes = ALL * page_size;
	int err;

	err = bind(self->map, bytes, MPOL_BIND, 1, 0);
	if (err == ENOSYS)
		SKIP(return, "the kernel knows no NUMA");
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, bind(self->map, bytes, MPOL_BIND, 1, MPOL_MF_MOVE));
	EXPECT_EQ(0, bind(self->map, page_size, MPOL_INTERLEAVE, 1, 0));
	EXPECT_EQ(0, bind(self->map, bytes, MPOL_DEFAULT, 0, 0));
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 3));
}

static long move_page(void *where, int node, int *status)
{
	*status = -1000;
	return syscall(SYS_move_pages, 0, 1ul, &where, node < 0 ? NULL : &node, status,
		       MPOL_MF_MOVE);
}

TEST_F(advice, move_pages_tells_the_node_and_moves_nothing)
{
	int status, node;

	if (move_page(self->map, -1, &status))
		SKIP(return, "no move_pages(): %s", strerror(errno));
	node = status;
	EXPECT_LE(0, node);
	EXPECT_EQ(0, move_page(self->map + LAZY * page_size, -1, &status));
	EXPECT_EQ(-ENOENT, status);

	/* To the other node, if there is one. */
	move_page(self->map, !node, &status);
	EXPECT_EQ(0, move_page(self->map, -1, &status));
	EXPECT_EQ(node, status);
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 0));
}

TEST_F(advice, from_another_process)
{
	static const int advices[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, MADV_COLLAPSE, MADV_DONTNEED,
	};
	struct iovec part = { self->map, ALL * page_size };
	int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	unsigned int i;
	pid_t pid;

	ASSERT_LE(0, pidfd);
	pid = fork_child();
	if (!pid) {
		for (i = 0; i < ARRAY_SIZE(advices); i++)
			syscall(SYS_process_madvise, pidfd, &part, 1, advices[i], 0);
		must(syscall(SYS_process_madvise, pidfd, &part, 1, MADV_COLD, 0) ==
		     (long)part.iov_len);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 3));
}

/* Accessed and soft-dirty bits, and the peak: entries are changed under our hands. */
TEST_F(advice, clear_refs_changes_no_byte)
{
	static const char *const kinds[] = { "1", "2", "3", "4", "5" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		int err = write_file("/proc/self/clear_refs", kinds[i]);

		if (err == -ENOENT)
			SKIP(return, "no /proc/self/clear_refs");
		EXPECT_EQ(0, spoilt(self->map));
		/* Written to as before, also where the entry is new. */
		EXPECT_EQ(0, touch_write(self->map + i * page_size, 'A' + i).sig);
		EXPECT_EQ(0, madvise(self->map + i * page_size, page_size, MADV_DONTNEED));
		EXPECT_EQ(0, touch_write(self->map + i * page_size, 'A' + i).sig);
	}
	EXPECT_TRUE(unchanged(self->fd, &self->before));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 0));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 7));
}

TEST_F(advice, userfaultfd_is_refused)
{
	static const unsigned long modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
		4 /* UFFDIO_REGISTER_MODE_MINOR */,
	};
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg;
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		reg = (struct uffdio_register) {
			.range = { (uintptr_t)self->map, ALL * page_size },
			.mode = modes[i],
		};
		EXPECT_EQ(-1, ioctl(fd, UFFDIO_REGISTER, &reg));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(free_reaches(self->fd, self->map, 3));
}

TEST_F(advice, msync_has_nothing_to_do)
{
	EXPECT_EQ(0, msync(self->map, ALL * page_size, MS_ASYNC));
	EXPECT_EQ(0, msync(self->map, ALL * page_size, MS_INVALIDATE));
	EXPECT_EQ(0, spoilt(self->map));
	EXPECT_TRUE(unchanged(self->fd, &self->before));
}

/* As ordinary files do, but for what the contract gives them. */
TEST_F(advice, fd_is_no_stream)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(-1, syscall(SYS_copy_file_range, self->fd, NULL, self->fd, NULL, 1, 0));
	EXPECT_EQ(0, spoilt(self->map));
}

TEST_F(advice, fstatfs_tells_what_it_is)
{
	struct statfs fs;

	ASSERT_EQ(0, fstatfs(self->fd, &fs));
	EXPECT_EQ(KARENA_FS_MAGIC, fs.f_type);
}

TEST_HARNESS_MAIN
