// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages given out and taken back: where they come from and in what alignment, what
 * free() does to each state, that nothing of their bytes is ever seen again, and
 * that nobody is disturbed for pages that nobody has mapped.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/*
 * What free() does to each state.
 */
FIXTURE(states)
{
	int fd;
};

/* 0-3 populated, 4-7 lazy, 8-11 reserved, 12-15 guard, 16 on free. */
FIXTURE_SETUP(states)
{
	self->fd = arena_new_batch(0, 32, 1);
	arena_take(self->fd, 0, 0, 4);
	arena_take(self->fd, KARENA_ALLOC_F_LAZY, 4, 4);
	must(arena_reserve(self->fd, 0, 8, 4) == 0);
	must(arena_reserve(self->fd, KARENA_RESERVE_F_GUARD, 12, 4) == 0);
}

FIXTURE_TEARDOWN(states)
{
}

static bool counts_are(int fd, uint64_t allocated, uint64_t reserved, uint64_t guard,
		       uint64_t populated)
{
	struct karena_arena_stat stat = arena_stat(fd);

	return stat.out_allocated == allocated && stat.out_reserved == reserved &&
	       stat.out_guard == guard && stat.out_populated == populated;
}

TEST_F(states, all_become_free)
{
	uint64_t done;

	ASSERT_TRUE(counts_are(self->fd, 8, 4, 4, 4));
	EXPECT_EQ(0, arena_free_flags(self->fd, 0, 3, 1, &done));
	EXPECT_EQ(1, done);
	EXPECT_TRUE(counts_are(self->fd, 7, 4, 4, 3));
	EXPECT_EQ(0, arena_free_flags(self->fd, 0, 6, 8, &done));
	EXPECT_EQ(8, done);
	EXPECT_TRUE(counts_are(self->fd, 5, 0, 2, 3));
	EXPECT_EQ(0, arena_free_flags(self->fd, 0, 0, 32, &done));
	EXPECT_EQ(32, done);
	EXPECT_TRUE(counts_are(self->fd, 0, 0, 0, 0));
	EXPECT_EQ(0, arena_free_flags(self->fd, 0, 0, 32, &done));
	EXPECT_EQ(32, done);
}

TEST_F(states, none_change_by_no_pages)
{
	uint64_t done;
	uint64_t index;

	for (index = 0; index <= 32; index += 8) {
		EXPECT_EQ(0, arena_free_flags(self->fd, 0, index, 0, &done));
		EXPECT_EQ(0, done);
		EXPECT_EQ(0, arena_free_flags(self->fd, KARENA_FREE_F_STRICT, index, 0, &done));
		EXPECT_EQ(0, done);
	}
	EXPECT_TRUE(counts_are(self->fd, 8, 4, 4, 4));
}

TEST_F(states, strict_wants_all_allocated)
{
	static const struct {
		uint64_t first;
		uint64_t nr;
	} wrong[] = { { 0, 9 }, { 7, 2 }, { 8, 1 }, { 12, 1 }, { 16, 1 }, { 0, 32 }, { 31, 1 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-ENOENT, arena_free_flags(self->fd, KARENA_FREE_F_STRICT,
						    wrong[i].first, wrong[i].nr, NULL));
		EXPECT_TRUE(counts_are(self->fd, 8, 4, 4, 4));
	}
	/* Populated and lazy ones are allocated, of one allocation or several. */
	EXPECT_EQ(0, arena_free_flags(self->fd, KARENA_FREE_F_STRICT, 2, 4, NULL));
	EXPECT_TRUE(counts_are(self->fd, 4, 4, 4, 2));
}

TEST_F(states, decommit_wants_allocated_or_reserved)
{
	EXPECT_EQ(-EBUSY, arena_decommit(self->fd, 0, 13));
	EXPECT_EQ(-EBUSY, arena_decommit(self->fd, 16, 1));
	EXPECT_TRUE(counts_are(self->fd, 8, 4, 4, 4));
	EXPECT_EQ(0, arena_decommit(self->fd, 2, 10));
	EXPECT_TRUE(counts_are(self->fd, 2, 10, 4, 2));
	EXPECT_EQ(-EBUSY, arena_commit(self->fd, 0, 0, 3));
	EXPECT_EQ(-EBUSY, arena_commit(self->fd, 0, 11, 2));
	EXPECT_TRUE(counts_are(self->fd, 2, 10, 4, 2));
	EXPECT_EQ(0, arena_commit(self->fd, 0, 2, 4));
	EXPECT_EQ(0, arena_commit(self->fd, KARENA_COMMIT_F_LAZY, 6, 6));
	EXPECT_TRUE(counts_are(self->fd, 12, 0, 4, 6));
}

/*
 * Alignment.
 */
TEST(alignment_is_met_among_odd_gaps)
{
	const uint64_t nr_pages = 1 << 16;
	int fd = arena_new(0, nr_pages);
	uint64_t align, at;
	int64_t got;

	/* A page here and there, so that hardly a gap begins at a round number. */
	for (at = 0; at < nr_pages; at += 3 + at % 61)
		arena_take(fd, KARENA_ALLOC_F_LAZY, at, 1);
	for (align = 1; align <= 1 << 14; align <<= 1) {
		must(arena_free(fd, 2 * align, 2) == 0);
		got = arena_alloc_on(fd, KARENA_ALLOC_F_LAZY, 0, 2, align, KARENA_NODE_ANY);
		EXPECT_LE(0, got);
		EXPECT_EQ(0, got % (int64_t)align);
		EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(fd, got));
		EXPECT_EQ(KARENA_PAGE_ALLOCATED, page_state(fd, got + 1));
	}
	/* A gap that is long enough only if it need not be aligned. */
	must(arena_free(fd, 0, nr_pages) == 0);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, nr_pages);
	must(arena_free(fd, 5, 18) == 0);
	EXPECT_EQ(-ENOSPC, arena_alloc_on(fd, 0, 0, 16, 16, KARENA_NODE_ANY));
	EXPECT_EQ(8, arena_alloc_on(fd, 0, 0, 8, 8, KARENA_NODE_ANY));
	EXPECT_EQ(16, arena_alloc_on(fd, 0, 0, 7, 16, KARENA_NODE_ANY));
}

TEST(alignment_holds_for_demands)
{
	int fd = arena_new(0, 64);

	EXPECT_EQ(-EINVAL, arena_alloc_on(fd, KARENA_ALLOC_F_FIXED, 4, 1, 8, KARENA_NODE_ANY));
	EXPECT_EQ(8, arena_alloc_on(fd, KARENA_ALLOC_F_FIXED, 8, 1, 8, KARENA_NODE_ANY));
	EXPECT_EQ(-EINVAL, arena_alloc_on(fd, 0, 0, 1, 3, KARENA_NODE_ANY));
	EXPECT_TRUE(counts_are(fd, 1, 0, 0, 1));
}

/*
 * Old bytes. Boot with init_on_alloc=0, or the kernel hides what is missing here.
 */
#define MANY	8192

static unsigned int not_zero(char *map, unsigned int nr)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++)
		bad += !page_is(map + i * page_size, 0);
	return bad;
}

static void fill_and_free(int fd, char *map)
{
	memset(map, 0xa5, MANY * page_size);
	must(arena_free(fd, 0, MANY) == 0);
}

TEST(old_bytes_are_never_seen_again)
{
	int fd = arena_new(0, MANY);
	int other = arena_new(0, MANY);
	char *map = arena_map(fd, RDWR, 0, MANY);
	char *other_map = arena_map(other, RDWR, 0, MANY);

	/* By a touch, allocated at once, committed; here and in another arena. */
	fill_and_free(fd, map);
	EXPECT_EQ(0, not_zero(map, MANY));

	fill_and_free(fd, map);
	arena_take(fd, 0, 0, MANY);
	EXPECT_EQ(0, not_zero(map, MANY));

	fill_and_free(fd, map);
	must(arena_reserve(other, 0, 0, MANY) == 0);
	must(arena_commit(other, 0, 0, MANY) == 0);
	EXPECT_EQ(0, not_zero(other_map, MANY));

	fill_and_free(other, other_map);
	arena_take(fd, KARENA_ALLOC_F_LAZY, 0, MANY);
	EXPECT_EQ(0, not_zero(map, MANY));

	memset(map, 0xa5, MANY * page_size);
	must(arena_decommit(fd, 0, MANY) == 0);
	must(arena_commit(fd, 0, 0, MANY) == 0);
	EXPECT_EQ(0, not_zero(map, MANY));
}

/*
 * Interrupts to flush other CPUs' TLBs; none where CPUs need none for it, or do not
 * count them.
 */
static char *shootdowns_line(void)
{
	static char text[1 << 16];

	must(read_file("/proc/interrupts", text, sizeof(text)) > 0);
	return strstr(text, "TLB:");
}

static unsigned long shootdowns(void)
{
	char *at = shootdowns_line();
	unsigned long sum = 0;

	must(at);
	for (at += 4; at[strspn(at, " ")] >= '0' && at[strspn(at, " ")] <= '9'; )
		sum += strtoul(at, &at, 10);
	return sum;
}

static void *be_busy(void *stop)
{
	pin_to_cpu(1);
	while (!get_flag(stop))
		;
	return NULL;
}

static unsigned long interrupts_by_freeing(int fd, char *map, bool touched, unsigned int rounds)
{
	unsigned long before = shootdowns();
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		arena_take(fd, 0, 0, 16);
		if (touched)
			map[3 * page_size] = 1;
		must(arena_free(fd, 0, 16) == 0);
	}
	return shootdowns() - before;
}

/*
 * Others of the system interrupt now and then, and who is to be told may just not be
 * running: it has to come about once, of many times.
 */
TEST(pages_that_nobody_mapped_interrupt_nobody)
{
	const unsigned int rounds = 100;
	int fd = arena_new_batch(0, 64, 1);
	char *map = arena_map(fd, RDWR, 0, 64);
	int64_t end = now_ms() + HUNG_MS;
	unsigned long mapped, unmapped;
	unsigned int tries = 0;
	pthread_t other;
	int stop = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU only");
	if (!shootdowns_line())
		SKIP(return, "no interrupts to flush TLBs are counted here");
	pin_to_cpu(0);
	/* The same address space on the other CPU, so that there is somebody to tell. */
	must(pthread_create(&other, NULL, be_busy, &stop) == 0);
	do {
		mapped = interrupts_by_freeing(fd, map, true, rounds);
		unmapped = interrupts_by_freeing(fd, map, false, rounds);
	} while ((mapped < rounds / 4 || unmapped >= rounds / 10) &&
		 (++tries < 5 || now_ms() < end));
	EXPECT_LE(rounds / 4, mapped);
	EXPECT_GT(rounds / 10, unmapped);
	set_flag(&stop, 1);
	pthread_join(other, NULL);
}

/*
 * NUMA: two nodes, 0 and 1.
 */
static int node_of(void *where)
{
	int status = -1000;

	must(syscall(SYS_move_pages, 0, 1ul, &where, NULL, &status, 0) == 0);
	return status;
}

static unsigned int elsewhere(char *map, unsigned int nr, int node)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++) {
		peek(map + i * page_size);
		bad += node_of(map + i * page_size) != node;
	}
	return bad;
}

static int arena_on_node(int node)
{
	struct karena_arena_create args = {
		.length = 256 * page_size,
		.node = node,
	};

	return arena_create(&args);
}

static bool two_nodes(void)
{
	char text[32];

	return read_file("/sys/devices/system/node/has_memory", text, sizeof(text)) > 0 &&
	       !strcmp(text, "0-1\n");
}

TEST(pages_come_from_the_node_asked_for)
{
	int fd = arena_new(0, 256);
	char *map = arena_map(fd, RDWR, 0, 256);
	struct karena_arena_commit args = {
		.size = sizeof(args),
		.offset = 128 * page_size,
		.nr_pages = 16,
	};
	int node;

	if (!two_nodes())
		SKIP(return, "the machine has not two nodes with memory");
	for (node = 0; node < 2; node++) {
		EXPECT_EQ(0, arena_alloc_on(fd, 0, 0, 64, 0, node));
		EXPECT_EQ(0, elsewhere(map, 64, node));
		must(arena_reserve(fd, 0, 128, 16) == 0);
		args.node = node;
		EXPECT_EQ(0, call(fd, KARENA_IOC_ARENA_COMMIT, &args));
		EXPECT_EQ(0, elsewhere(map + 128 * page_size, 16, node));
		must(arena_free(fd, 0, 256) == 0);
	}
	EXPECT_EQ(-EINVAL, arena_alloc_on(fd, 0, 0, 1, 0, 2));
	EXPECT_EQ(-EINVAL, arena_alloc_on(fd, 0, 0, 1, 0, -2));
}

TEST(pages_come_from_the_node_of_the_arena)
{
	int fd, node;
	char *map;

	if (!two_nodes())
		SKIP(return, "the machine has not two nodes with memory");
	for (node = 0; node < 2; node++) {
		fd = arena_on_node(node);
		ASSERT_LE(0, fd);
		EXPECT_EQ(node, arena_stat(fd).out_node);
		map = arena_map(fd, RDWR, 0, 256);
		/* By touches, a batch, and a call that names none; on either CPU. */
		pin_to_cpu(!node);
		EXPECT_EQ(0, elsewhere(map, 16, node));
		arena_take(fd, KARENA_ALLOC_F_LAZY, 64, 64);
		EXPECT_EQ(0, elsewhere(map + 64 * page_size, 64, node));
		arena_take(fd, 0, 128, 16);
		EXPECT_EQ(0, elsewhere(map + 128 * page_size, 16, node));
		arena_alloc_on(fd, KARENA_ALLOC_F_FIXED, 200, 16, 0, !node);
		EXPECT_EQ(0, elsewhere(map + 200 * page_size, 16, !node));
	}
	EXPECT_EQ(-EINVAL, arena_on_node(2));
	EXPECT_EQ(-EINVAL, arena_on_node(1 << 20));
}

TEST(pages_of_no_node_come_from_the_caller_s)
{
	int fd = arena_new(0, 256);
	char *map = arena_map(fd, RDWR, 0, 256);
	int cpu;

	if (!two_nodes())
		SKIP(return, "the machine has not two nodes with memory");
	/* vm/run deals CPUs to nodes in turn. */
	for (cpu = 0; cpu < 2; cpu++) {
		pin_to_cpu(cpu);
		EXPECT_EQ(0, elsewhere(map + cpu * page_size, 1, cpu));
		arena_take(fd, 0, 64 + cpu * 16, 16);
		EXPECT_EQ(0, elsewhere(map + (64 + cpu * 16) * page_size, 16, cpu));
	}
}

/*
 * Between decommit and commit, and between alloc and free of others, pages belong to
 * somebody at every moment.
 */
struct contest {
	int fd;
	uint64_t nr_pages;
	unsigned int won;
	int stop;
};

static void *grab(void *data)
{
	struct contest *contest = data;
	int64_t got;

	while (!get_flag(&contest->stop)) {
		got = arena_alloc(contest->fd, KARENA_ALLOC_F_LAZY, 0, 1);
		if (got >= 0)
			contest->won++;
		must(got >= 0 || got == -ENOSPC);
		got = arena_alloc(contest->fd, KARENA_ALLOC_F_LAZY | KARENA_ALLOC_F_FIXED,
				  contest->nr_pages / 2, 1);
		if (got >= 0)
			contest->won++;
		must(got >= 0 || got == -EBUSY);
	}
	return NULL;
}

static unsigned int hold_against_grabber(uint64_t nr_pages, unsigned long rounds)
{
	struct contest contest = { .fd = arena_new(0, nr_pages), .nr_pages = nr_pages };
	pthread_t thread;

	arena_take(contest.fd, 0, 0, nr_pages);
	must(pthread_create(&thread, NULL, grab, &contest) == 0);
	while (rounds--) {
		must(arena_decommit(contest.fd, 0, nr_pages) == 0);
		must(arena_commit(contest.fd, rounds % 2 ? KARENA_COMMIT_F_LAZY : 0, 0,
				  nr_pages) == 0);
	}
	set_flag(&contest.stop, 1);
	pthread_join(thread, NULL);
	close(contest.fd);
	return contest.won;
}

TEST(nobody_gets_in_between_decommit_and_commit)
{
	EXPECT_EQ(0, hold_against_grabber(8, scaled(500)));
	/* Longer than what is taken away in one step. */
	EXPECT_EQ(0, hold_against_grabber(2048, scaled(20)));
}

/* All or none: whoever got a run has all of it, whatever others take and give. */
struct owners {
	int fd;
	uint8_t *owner;
	unsigned long rounds;
	unsigned int number;
	unsigned int clashes;
};

#define SHARED_PAGES	256

static void *take_and_give(void *data)
{
	struct owners *me = data;
	unsigned long round;
	uint64_t i, nr;
	int64_t got;

	for (round = 0; round < me->rounds; round++) {
		nr = 1 + (round * 7 + me->number) % 60;
		got = arena_alloc(me->fd, round % 2 ? KARENA_ALLOC_F_LAZY : 0,
				  round * 31 % SHARED_PAGES, nr);
		if (got == -ENOSPC)
			continue;
		must(got >= 0);
		for (i = got; i < got + nr; i++)
			me->clashes += __atomic_exchange_n(me->owner + i, me->number,
							   __ATOMIC_RELAXED) != 0;
		for (i = got; i < got + nr; i++)
			me->clashes += __atomic_exchange_n(me->owner + i, 0,
							   __ATOMIC_RELAXED) != me->number;
		must(arena_free_flags(me->fd, KARENA_FREE_F_STRICT, got, nr, NULL) == 0);
	}
	return NULL;
}

TEST(no_page_is_given_to_two)
{
	static uint8_t owner[SHARED_PAGES];
	struct owners owners[3];
	pthread_t threads[3];
	int fd = arena_new(0, SHARED_PAGES);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(owners); i++) {
		owners[i] = (struct owners) { fd, owner, scaled(1000), i + 1, 0 };
		must(pthread_create(&threads[i], NULL, take_and_give, &owners[i]) == 0);
	}
	for (i = 0; i < ARRAY_SIZE(owners); i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, owners[i].clashes);
	}
	EXPECT_TRUE(counts_are(fd, 0, 0, 0, 0));
}

TEST_HARNESS_MAIN
