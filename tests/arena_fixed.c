// SPDX-License-Identifier: GPL-2.0-only
/*
 * FIXED_ADDR: an arena that is at one address in every process.
 */
#define _GNU_SOURCE
#include "arena_util.h"
#include "kselftest_harness.h"

#define NR	16
#define ADDRESS	((char *)0x10000000000)

static int fixed_new(char *address, uint32_t flags)
{
	struct karena_arena_create args = {
		.flags = flags | KARENA_ARENA_F_FIXED_ADDR,
		.length = NR * page_size,
		.address = (uintptr_t)address,
		.node = KARENA_NODE_ANY,
	};
	int fd = arena_create(&args);

	must(fd >= 0);
	return fd;
}

static char *map_at(int fd, char *address, int flags, unsigned int first, unsigned int nr)
{
	return mmap(address, nr * page_size, RDWR, MAP_SHARED | flags, fd, first * page_size);
}

static int refusal(int fd, char *address, int flags, unsigned int first, unsigned int nr)
{
	return map_at(fd, address, flags, first, nr) == MAP_FAILED ? errno : 0;
}

/* Runs in a child that has nothing of the arena mapped; its exit status. */
static int in_child(int (*what)(int fd, char *address), int fd, char *address)
{
	pid_t pid = fork_child();

	if (!pid)
		_exit(what(fd, address));
	return reap(pid);
}

static int maps_there(int fd, char *address)
{
	must(map_at(fd, NULL, 0, 0, NR) == address);
	must(address[0] == 'a');
	address[1] = 'b';
	return 0;
}

TEST(one_address_in_every_process)
{
	int fd = fixed_new(ADDRESS, 0);

	EXPECT_EQ((uintptr_t)ADDRESS, arena_stat(fd).out_address);
	ASSERT_EQ(ADDRESS, map_at(fd, NULL, 0, 0, NR));
	ADDRESS[0] = 'a';
	EXPECT_EQ(0, in_child(maps_there, fd, ADDRESS));
	EXPECT_EQ('b', ADDRESS[1]);
}

TEST(windows_lie_at_their_offset)
{
	int fd = fixed_new(ADDRESS, 0);
	char *page5 = ADDRESS + 5 * page_size;

	EXPECT_EQ(page5, map_at(fd, NULL, 0, 5, 2));
	EXPECT_EQ(page5 + 2 * page_size, map_at(fd, page5 + 2 * page_size, 0, 7, 1));
	EXPECT_EQ(ADDRESS, map_at(fd, ADDRESS, MAP_FIXED, 0, 5));
	EXPECT_EQ(page5 + 3 * page_size, map_at(fd, page5 + 3 * page_size,
						MAP_FIXED_NOREPLACE, 8, NR - 8));
	memset(ADDRESS, 1, NR * page_size);
	EXPECT_EQ(NR, arena_stat(fd).out_populated);
}

TEST(other_addresses_are_refused)
{
	int fd = fixed_new(ADDRESS, 0);

	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS + page_size, 0, 0, NR));
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS + page_size, MAP_FIXED, 0, NR));
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS, 0, 1, 1));
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS + NR * page_size, MAP_FIXED, 0, NR));
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS, 0, NR, 1));
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS, 0, 0, NR + 1));
	/* NULL is an address too where it is demanded. */
	EXPECT_EQ(EINVAL, refusal(fd, NULL, MAP_FIXED, 0, NR));
	EXPECT_EQ(0, refusal(fd, ADDRESS, 0, 0, NR));
}

TEST(what_is_there_already_is_left_alone)
{
	int fd = fixed_new(ADDRESS, 0);
	char *page = ADDRESS + 5 * page_size;

	ASSERT_EQ(page, mmap(page, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			     -1, 0));
	memset(page, '!', page_size);
	EXPECT_EQ(EEXIST, refusal(fd, NULL, 0, 0, NR));
	EXPECT_EQ(EEXIST, refusal(fd, ADDRESS, 0, 0, NR));
	EXPECT_EQ(EEXIST, refusal(fd, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ(EEXIST, refusal(fd, ADDRESS, MAP_FIXED_NOREPLACE, 0, NR));
	EXPECT_EQ(EEXIST, refusal(fd, page, MAP_FIXED, 5, 1));
	EXPECT_TRUE(page_is(page, '!'));

	/* Its own mapping is something that is there, too. */
	EXPECT_EQ(0, refusal(fd, ADDRESS, 0, 0, 5));
	EXPECT_EQ(EEXIST, refusal(fd, ADDRESS, MAP_FIXED, 0, 5));
	EXPECT_EQ(EEXIST, refusal(fd, page - page_size, MAP_FIXED, 4, 1));
	EXPECT_EQ(0, refusal(fd, NULL, 0, 6, NR - 6));
	EXPECT_TRUE(page_is(page, '!'));
	EXPECT_EQ(0, munmap(page, page_size));
	EXPECT_EQ(0, refusal(fd, page, MAP_FIXED, 5, 1));
}

static int maps_nowhere(int fd, char *address)
{
	must(mmap(address, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	     address);
	*address = 'x';
	must(refusal(fd, NULL, 0, 0, NR) == EEXIST);
	must(refusal(fd, address, MAP_FIXED, 0, NR) == EEXIST);
	must(*address == 'x' && address[1] == 0);
	return 0;
}

TEST(another_process_with_something_there_is_refused)
{
	int fd = fixed_new(ADDRESS, 0);

	ASSERT_EQ(ADDRESS, map_at(fd, NULL, 0, 0, NR));
	ADDRESS[0] = 'a';
	EXPECT_EQ(0, in_child(maps_nowhere, fd, ADDRESS));
	EXPECT_EQ('a', ADDRESS[0]);
}

/*
 * The address is chosen by the first mapping.
 */
TEST(first_mapping_chooses)
{
	int fd = fixed_new(NULL, 0);
	char *map;

	EXPECT_EQ(0, arena_stat(fd).out_address);
	map = map_at(fd, NULL, 0, 0, NR);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ((uintptr_t)map, arena_stat(fd).out_address);
	*map = 'a';
	EXPECT_EQ(0, in_child(maps_there, fd, map));

	/* For good, also when nobody has it mapped any more. */
	ASSERT_EQ(0, munmap(map, NR * page_size));
	EXPECT_EQ((uintptr_t)map, arena_stat(fd).out_address);
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ(map, map_at(fd, NULL, 0, 0, NR));
}

/* And sees to it that there is room for all others. */
TEST(first_mapping_of_a_later_window_chooses)
{
	int fd = fixed_new(NULL, 0);
	char *map = map_at(fd, NULL, 0, 5, 3);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ((uintptr_t)map - 5 * page_size, arena_stat(fd).out_address);
	EXPECT_EQ(map - 5 * page_size, map_at(fd, NULL, 0, 0, 5));
	EXPECT_EQ(map + 3 * page_size, map_at(fd, NULL, 0, 8, NR - 8));
}

TEST(first_mapping_may_demand)
{
	int fd = fixed_new(NULL, 0);
	char *there = ADDRESS + NR * page_size;

	ASSERT_EQ(there, mmap(there, page_size, RDWR,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	*there = '!';
	EXPECT_EQ(EEXIST, refusal(fd, there, MAP_FIXED, 0, NR));
	EXPECT_EQ('!', *there);
	EXPECT_EQ(0, arena_stat(fd).out_address);
	/* Offset 0 would lie below address 0, or at it; the end past that of memory. */
	EXPECT_EQ(EINVAL, refusal(fd, (char *)(4 * page_size), MAP_FIXED, 8, 1));
	EXPECT_EQ(EINVAL, refusal(fd, (char *)(8 * page_size), MAP_FIXED, 8, 1));
	EXPECT_EQ(ENOMEM, refusal(fd, (char *)(1ul << 56) - 2 * page_size, MAP_FIXED, 0, 1));
	EXPECT_EQ(0, arena_stat(fd).out_address);

	ASSERT_EQ(ADDRESS, map_at(fd, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ((uintptr_t)ADDRESS, arena_stat(fd).out_address);
}

TEST(refused_mapping_chooses_nothing)
{
	struct karena_rights none = { .size = sizeof(none) };
	int fd = fixed_new(NULL, 0);
	int powerless = call(fd, KARENA_IOC_REOPEN, &none);

	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size, RDWR, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(EINVAL, refusal(fd, NULL, 0, 0, NR + 1));
	EXPECT_EQ(EACCES, refusal(powerless, NULL, 0, 0, NR));
	EXPECT_EQ(EACCES, refusal(powerless, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ(0, arena_stat(fd).out_address);
}

/* Not even one that is refused at its very end, when it has a place. */
TEST(refused_mapping_leaves_the_choice_to_the_next)
{
	struct karena_rights look = { .size = sizeof(look), .rights = KARENA_RIGHT_MAP };
	int fd = fixed_new(NULL, 0);
	int reader = call(fd, KARENA_IOC_REOPEN, &look);

	EXPECT_EQ(EACCES, refusal(reader, NULL, 0, 0, NR));
	EXPECT_EQ(EACCES, refusal(reader, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ(0, arena_stat(fd).out_address);
	ASSERT_EQ(ADDRESS + NR * page_size, map_at(fd, ADDRESS + NR * page_size, MAP_FIXED, 0, NR));
	EXPECT_EQ((uintptr_t)ADDRESS + NR * page_size, arena_stat(fd).out_address);
	EXPECT_EQ(EINVAL, refusal(fd, ADDRESS, MAP_FIXED, 0, NR));
}

TEST(first_mapping_needs_room_for_the_whole)
{
	struct karena_arena_create args = {
		.flags = KARENA_ARENA_F_FIXED_ADDR,
		.length = 1ull << 62,
		.node = KARENA_NODE_ANY,
	};
	int fd = arena_create(&args);

	ASSERT_LE(0, fd);
	EXPECT_EQ(ENOMEM, refusal(fd, NULL, 0, 0, NR));
	EXPECT_EQ(ENOMEM, refusal(fd, ADDRESS, MAP_FIXED, 0, NR));
	EXPECT_EQ(0, arena_stat(fd).out_address);
}

/*
 * Two processes that were started anew, so that the kernel would choose another
 * place in each: this program again, told a memfd, the first of the arenas' fds,
 * and which of the two it is.
 */
#define RACES	100

struct races {
	int arrived;
	char *got[RACES][2];
};

static int race(int memfd, int fd, unsigned int which)
{
	struct races *races = mmap(NULL, sizeof(*races), RDWR, MAP_SHARED, memfd, 0);
	int i;

	must(races != MAP_FAILED);
	pin_to_cpu(which);
	for (i = 0; i < RACES; i++) {
		__atomic_add_fetch(&races->arrived, 1, __ATOMIC_ACQ_REL);
		while (get_flag(&races->arrived) < 2 * (i + 1))
			sched_yield();
		races->got[i][which] = map_at(fd + i, NULL, 0, 0, NR);
	}
	return 0;
}

/* Before main(), which is the framework's. */
__attribute__((constructor)) static void race_if_told(int argc, char **argv)
{
	if (strcmp(argv[0], "race") || argc != 4)
		return;
	_exit(race(atoi(argv[1]), atoi(argv[2]), atoi(argv[3])));
}

static pid_t start_race(int memfd, int fd, unsigned int which)
{
	char numbers[3][16];
	pid_t pid = fork_child();

	if (pid)
		return pid;
	snprintf(numbers[0], sizeof(numbers[0]), "%d", memfd);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", fd);
	snprintf(numbers[2], sizeof(numbers[2]), "%u", which);
	execl("/proc/self/exe", "race", numbers[0], numbers[1], numbers[2], NULL);
	_exit(1);
}

/* Whoever asks for no address in particular gets the one, also if both come at once. */
TEST(first_mappings_at_once_agree)
{
	const int first_fd = 100;
	int memfd = memfd_create("races", 0);
	struct races *races;
	pid_t pids[2];
	int fd, i;

	ASSERT_EQ(0, ftruncate(memfd, sizeof(*races)));
	races = mmap(NULL, sizeof(*races), RDWR, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, races);
	for (i = 0; i < RACES; i++) {
		fd = fixed_new(NULL, 0);
		must(dup2(fd, first_fd + i) >= 0);
		close(fd);
	}
	for (i = 0; i < 2; i++)
		pids[i] = start_race(memfd, first_fd, i);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, reap(pids[i]));
	for (i = 0; i < RACES; i++) {
		char *address = (char *)arena_stat(first_fd + i).out_address;

		EXPECT_EQ(address, races->got[i][0]);
		EXPECT_EQ(address, races->got[i][1]);
	}
}

/*
 * It does not move.
 */
TEST(moving_is_refused)
{
	int fd = fixed_new(ADDRESS, 0);
	size_t size = NR * page_size;

	ASSERT_EQ(ADDRESS, map_at(fd, NULL, 0, 0, NR));
	memset(ADDRESS, 'a', size);
	EXPECT_EQ(MAP_FAILED, mremap(ADDRESS, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				     ADDRESS + 2 * size));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mremap(ADDRESS + page_size, page_size, page_size,
				     MREMAP_MAYMOVE | MREMAP_FIXED, ADDRESS + 2 * size));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(page_is(ADDRESS, 'a'));
	EXPECT_TRUE(page_is(ADDRESS + page_size, 'a'));
	EXPECT_EQ(-SIGSEGV, peek(ADDRESS + 2 * size));
	EXPECT_EQ(0, arena_free(fd, 0, 2));
	EXPECT_EQ(0, peek(ADDRESS));
	EXPECT_EQ(0, peek(ADDRESS + page_size));
	EXPECT_EQ('a', peek(ADDRESS + 2 * page_size));
}

TEST(parts_come_and_go)
{
	int fd = fixed_new(ADDRESS, 0);
	size_t size = NR * page_size;

	ASSERT_EQ(ADDRESS, map_at(fd, NULL, 0, 0, NR));
	memset(ADDRESS, 'a', size);
	EXPECT_EQ(ADDRESS, mremap(ADDRESS, size, size / 2, 0));
	EXPECT_EQ(0, munmap(ADDRESS + page_size, page_size));
	EXPECT_EQ(-SIGSEGV, peek(ADDRESS + page_size));
	EXPECT_EQ(ADDRESS + page_size, map_at(fd, NULL, 0, 1, 1));
	EXPECT_EQ(ADDRESS + size / 2, map_at(fd, NULL, 0, NR / 2, NR / 2));
	EXPECT_EQ('a', peek(ADDRESS + page_size));
	EXPECT_EQ('a', peek(ADDRESS + size - 1));
}

TEST(fork_with_inherit_has_it_there)
{
	int fd = fixed_new(ADDRESS, KARENA_ARENA_F_INHERIT);
	pid_t pid;

	ASSERT_EQ(ADDRESS, map_at(fd, NULL, 0, 0, NR));
	ADDRESS[0] = 'a';
	pid = fork_child();
	if (!pid) {
		must(peek(ADDRESS) == 'a');
		must(refusal(fd, NULL, 0, 0, NR) == EEXIST);
		ADDRESS[1] = 'b';
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ('b', ADDRESS[1]);
}

TEST(touched_as_any_other)
{
	int fd = fixed_new(ADDRESS, KARENA_ARENA_F_SEGV_ON_FAULT);
	struct touch t;

	ASSERT_EQ(ADDRESS + page_size, map_at(fd, NULL, 0, 1, NR - 1));
	t = touch_write(ADDRESS + 3 * page_size + 5, 1);
	EXPECT_EQ(SIGSEGV, t.sig);
	EXPECT_EQ(ADDRESS + 3 * page_size + 5, t.address);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 3, 1);
	EXPECT_EQ(0, touch_write(ADDRESS + 3 * page_size + 5, 1).sig);
}

TEST_HARNESS_MAIN
