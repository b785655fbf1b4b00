// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights of open files: every entry point to every operation, with each right missing,
 * by every way that an open file comes to somebody.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rights.h"
#include "kselftest_harness.h"

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

/* Enters an entry point of a new world by an fd with @rights. */
static int enter_with(const struct entry_point *entry, int (*way)(int full, __u32 rights),
		      __u32 rights)
{
	int fd, err;

	world_renew(&world);
	fd = way(world.fd[entry->kind], rights);
	must(rights_of(fd, entry->kind) == rights);
	err = entry->enter(fd);
	close(fd);
	return err;
}

/* The same for a call of the table. */
static int call_with(const struct call *call, enum kind kind,
		     int (*way)(int full, __u32 rights), __u32 rights)
{
	struct world seen;
	union args args;
	int fd, err;

	world_renew(&world);
	fd = way(world.fd[kind], rights);
	/* A reservation is its open file's. */
	seen = world;
	seen.fd[kind] = fd;
	call_prepare(&seen, call, &args);
	if (call == &calls[CALL_reopen] || call == &calls[CALL_restrict])
		args.rights.rights = 0;
	err = try_call(fd, call, &args);
	close(fd);
	return err;
}

TEST_F(rights, entry_point_refuses_without_any_one_right_that_it_needs)
{
	const struct entry_point *entry;
	__u32 right, rights;

	for (entry = entry_points; entry < entry_points + NR_ENTRY_POINTS; entry++) {
		for (right = 1; right <= KARENA_RIGHT_CONSUME; right <<= 1) {
			if (!(right & all_rights(entry->kind)))
				continue;
			rights = all_rights(entry->kind) & ~right;
			EXPECT_EQ(right & entry->needs ? entry->refusal : 0,
				  enter_with(entry, variant->way, rights))
				TH_LOG("%s without 0x%x", entry->name, right);
		}
	}
}

TEST_F(rights, entry_point_works_with_just_the_rights_that_it_needs)
{
	const struct entry_point *entry;

	for (entry = entry_points; entry < entry_points + NR_ENTRY_POINTS; entry++) {
		EXPECT_EQ(0, enter_with(entry, variant->way, entry->needs))
			TH_LOG("%s with 0x%x", entry->name, entry->needs);
		EXPECT_EQ(entry->refusal, enter_with(entry, variant->way, 0))
			TH_LOG("%s with nothing", entry->name);
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

/* What a mapping may become was granted at mmap(), also where it was not asked for then. */
TEST(read_only_mapping_made_before_can_still_be_made_writable)
{
	char *map, *later;
	int fd;

	world_build(&world);
	fd = world.fd[ARENA];
	map = arena_map(fd, PROT_READ, 0, WORLD_PAGES);
	ASSERT_EQ(0, restrict_to(fd, KARENA_RIGHT_MAP));
	later = arena_map(fd, PROT_READ, 0, WORLD_PAGES);
	EXPECT_EQ(0, mprotect(map, page_size, RDWR));
	map[0] = 5;
	EXPECT_EQ(5, later[0]);
	EXPECT_EQ(EACCES, outcome(mprotect(later, page_size, RDWR)));
	EXPECT_EQ(EACCES, map_window(fd, RDWR, page_size, 0));

	/* Of a ring what is mapped read-only stays so, whatever the rights are. */
	fd = world.fd[RING];
	map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, page_size);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(EACCES, outcome(mprotect(map, page_size, RDWR)));
	ASSERT_EQ(0, restrict_to(fd, KARENA_RIGHT_MAP));
	EXPECT_EQ(EACCES, outcome(mprotect(map, page_size, RDWR)));
}

/* Touches, faults and mprotect() within what was granted at mmap() go on. */
TEST(mapping_made_before_keeps_what_it_has)
{
	struct karena_ring_attach attach = {
		.size = sizeof(attach), .flags = KARENA_ATTACH_F_CONSUME,
	};
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

	header = world_ring_header();
	fd = world.fd[RING];
	data = mmap(NULL, 2 * header.data_bytes, RDWR, MAP_SHARED, fd, header.data_offset);
	ASSERT_NE(MAP_FAILED, data);
	ASSERT_EQ(0, ioctl(fd, KARENA_IOC_RING_ATTACH, &attach));
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
