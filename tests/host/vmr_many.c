// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many maps: 10,000 in one reservation, what a find among them takes, and what
 * happens when the kernel lets the process have no more mappings.
 */
#include "vmr_lib.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#define MANY	10000

static struct maps before, after;

static struct karena_vmr *make_reservation(size_t nr, int fd)
{
	struct karena_vmr_source source;
	struct karena_vmr *vmr;

	if (karena_vmr_source_fd(&source, fd, 0, PROT_READ, 0) ||
	    karena_vmr_new(&vmr, NULL, 2 * nr * PAGE))
		return NULL;
	/* In an order that has nothing to do with addresses; @nr is no multiple of 7919. */
	for (size_t i = 0; i < nr; i++) {
		size_t at = i * 7919 % nr;

		source.offset = at % 8 * PAGE;
		if (karena_vmr_map(vmr, 2 * at * PAGE, PAGE, &source, NULL))
			return NULL;
	}
	return vmr;
}

static int empty(struct karena_vmr **vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(*vmr, &map))
		if (karena_vmr_unmap(*vmr, &map))
			return -1;
	return karena_vmr_delete(vmr);
}

TEST(ten_thousand_maps_should_each_be_found)
{
	int fd = numbered_memfd(8, 0, 0);
	struct karena_vmr *vmr;
	struct karena_vmr_map map;
	size_t nr = 0;
	char *at;

	maps_read(&before);
	vmr = make_reservation(MANY, fd);
	ASSERT_NE(NULL, vmr);
	at = karena_vmr_get_address(vmr);
	for (size_t i = 0; i < MANY; i++) {
		ASSERT_EQ(0, karena_vmr_map_find(vmr, 2 * i * PAGE, PAGE, &map));
		ASSERT_EQ(at + 2 * i * PAGE, map.address);
		ASSERT_EQ(i % 8, *(uint64_t *)map.address);
		ASSERT_EQ(KARENA_E_MAPPING_NOT_FOUND,
			  karena_vmr_map_find(vmr, (2 * i + 1) * PAGE, PAGE, &map));
	}
	for (karena_vmr_map_last(vmr, &map); map.address; karena_vmr_map_prev(vmr, &map, &map))
		nr++;
	ASSERT_EQ(MANY, nr);
	ASSERT_EQ(0, empty(&vmr));
	maps_read(&after);
	ASSERT_EQ(NULL, strstr(after.text, "vmr-test"));
}

/*
 * Steps of a find, counted by executing it instruction by instruction.
 */
#define FINDS	16

static void be_stepped(struct karena_vmr *vmr, size_t nr)
{
	struct karena_vmr_map map;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	for (size_t i = 0; i < FINDS; i++) {
		raise(SIGSTOP);
		karena_vmr_map_find(vmr, 2 * (i * nr / FINDS) * PAGE, PAGE, &map);
	}
	raise(SIGSTOP);
	_exit(0);
}

/* Instructions from one SIGSTOP of the child to the next; -1 if it ended. */
static long step_over(pid_t child)
{
	long steps = 0;
	int status;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) ||
		    waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
			return -1;
		if (WSTOPSIG(status) == SIGSTOP)
			return steps;
		steps++;
	}
}

static long steps_of_find(size_t nr, int fd)
{
	struct karena_vmr *vmr = make_reservation(nr, fd);
	long steps = 0;
	int status;
	pid_t child;

	if (!vmr)
		return -1;
	child = fork();
	if (!child)
		be_stepped(vmr, nr);
	waitpid(child, &status, 0);
	for (int i = 0; i < FINDS; i++) {
		long more = step_over(child);

		if (more < 0)
			return -1;
		steps += more;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return empty(&vmr) ? -1 : steps / FINDS;
}

TEST(a_find_should_take_logarithmic_time)
{
	int fd = numbered_memfd(8, 0, 0);
	long tens[4];

	for (size_t i = 0, nr = 10; i < 4; i++, nr *= 10) {
		tens[i] = steps_of_find(nr, fd);
		ASSERT_LT(0, tens[i]);
	}
	TH_LOG("instructions of a find in 10, 100, 1,000, 10,000 maps: %ld %ld %ld %ld",
	       tens[0], tens[1], tens[2], tens[3]);
	EXPECT_LE(tens[3], 3 * tens[0]);
	/* Each power of ten costs what the one before did, not ten times that. */
	EXPECT_LE(tens[3] - tens[2], 2 * (tens[2] - tens[1]) + 50);
	EXPECT_LE(tens[2] - tens[1], 2 * (tens[1] - tens[0]) + 50);
}

/*
 * The limit of mappings, vm.max_map_count.
 */

/* Uses up mappings, each a page apart. Returns where, with room for @left more. */
static char *use_up_mappings(size_t limit, size_t left)
{
	size_t length = 2 * (limit + 2) * PAGE;
	char *at = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	size_t nr = 0;

	/* Each takes two: itself, and what is behind it. */
	while (!mprotect(at + (2 * nr + 1) * PAGE, PAGE, PROT_READ))
		nr++;
	/* The last one that fits may be a single one, at the end of all. */
	mprotect(at + length - PAGE, PAGE, PROT_READ);
	for (; left > 1; left -= 2, nr--)
		mprotect(at + (2 * nr - 1) * PAGE, PAGE, PROT_NONE);
	if (left)
		mprotect(at + length - PAGE, PAGE, PROT_NONE);
	return at;
}

static size_t map_limit(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY);

	if (read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	close(fd);
	return strtoul(text, NULL, 10);
}

FIXTURE(limit) {
	size_t limit;
	struct karena_vmr *vmr;
	char *at;
	struct karena_vmr_source sources[4];
	struct karena_vmr_map maps[4];
};

typedef FIXTURE_DATA(limit) limit_data;

FIXTURE_SETUP(limit)
{
	int memfd = numbered_memfd(8, 0, 0), file = numbered_file(8, 100);

	self->limit = map_limit();
	ASSERT_LT(0, self->limit);
	ASSERT_EQ(0, karena_vmr_source_fd(&self->sources[0], memfd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&self->sources[1], file, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&self->sources[2], file, 0, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_anon(&self->sources[3], RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&self->vmr, NULL, 64 * PAGE));
	self->at = karena_vmr_get_address(self->vmr);
	for (size_t i = 0; i < 4; i++)
		ASSERT_EQ(0, karena_vmr_map(self->vmr, (2 + 4 * i) * PAGE, PAGE,
					    &self->sources[i], &self->maps[i]));
	*(uint64_t *)self->maps[3].address = 300;
	ASSERT_EQ(0, vmr_set_prepare(&self->vmr->maps));
}

FIXTURE_TEARDOWN(limit)
{
}

TEST_F_TIMEOUT(limit, a_map_beyond_the_limit_should_be_enomem_and_lose_nothing, 900)
{
	static const uint64_t words[] = { 0, 100, 100, 300 };
	int refused = 0, done = 0;

	if (self->limit > 500000)
		SKIP(return, "vm.max_map_count is too large to be used up");
	for (size_t left = 0; left < 10; left++) {
		char *used = use_up_mappings(self->limit, left);

		for (size_t i = 0; i < 4; i++) {
			struct karena_vmr_map map;
			int ret;

			maps_read(&before);
			ret = karena_vmr_map(self->vmr, 40 * PAGE, PAGE, &self->sources[i], &map);
			if (!ret) {
				done++;
				ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
			} else {
				refused++;
				ASSERT_EQ(-ENOMEM, ret);
			}
			maps_read(&after);
			ASSERT_TRUE(maps_equal(&before, &after)) {
				TH_LOG("room for %zu, source %zu: %d", left, i, ret);
			}
			ASSERT_EQ(words[i], *(uint64_t *)self->maps[i].address);
		}
		munmap(used, 2 * (self->limit + 2) * PAGE);
	}
	TH_LOG("%d refused, %d done", refused, done);
	EXPECT_LE(4, refused);
	EXPECT_LE(4, done);
}

TEST_F(limit, all_can_be_unmapped_and_deleted_at_the_limit)
{
	if (self->limit > 500000)
		SKIP(return, "vm.max_map_count is too large to be used up");
	use_up_mappings(self->limit, 0);
	ASSERT_EQ(-ENOMEM, karena_vmr_map(self->vmr, 40 * PAGE, PAGE, &self->sources[1], NULL));
	for (size_t i = 0; i < 4; i++)
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &self->maps[i]));
	maps_read(&after);
	ASSERT_TRUE(is_placeholder(&after, self->at, 64 * PAGE));
	ASSERT_EQ(0, karena_vmr_delete(&self->vmr));
}

/* To the kernel the placeholders are one mapping, of which the middle is cut out. */
TEST_F(limit, reservation_between_two_others_can_be_deleted_at_the_limit)
{
	struct karena_vmr *rows[3];
	char *at = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (self->limit > 500000)
		SKIP(return, "vm.max_map_count is too large to be used up");
	munmap(at, 3 * PAGE);
	for (size_t i = 0; i < 3; i++)
		ASSERT_EQ(0, karena_vmr_new(&rows[i], at + i * PAGE, PAGE));
	use_up_mappings(self->limit, 0);
	ASSERT_EQ(0, karena_vmr_delete(&rows[1]));
	ASSERT_EQ(0, karena_vmr_delete(&rows[0]));
	ASSERT_EQ(0, karena_vmr_delete(&rows[2]));
}

/* Three pages of the file in a row: to the kernel they are one mapping. */
static int map_joined(limit_data *self, size_t page, struct karena_vmr_map joined[3])
{
	int ret = 0;

	for (size_t i = 0; i < 3 && !ret; i++) {
		self->sources[0].offset = i * PAGE;
		ret = karena_vmr_map(self->vmr, (page + i) * PAGE, PAGE, &self->sources[0],
				     &joined[i]);
	}
	return ret;
}

TEST_F(limit, only_the_middle_of_joined_maps_may_have_to_stay_mapped_at_the_limit)
{
	struct karena_vmr_map rows[4][3];
	size_t stayed = 0;
	char *used;

	if (self->limit > 500000)
		SKIP(return, "vm.max_map_count is too large to be used up");
	for (size_t i = 0; i < 4; i++)
		ASSERT_EQ(0, map_joined(self, 20 + 3 * i, rows[i]));
	used = use_up_mappings(self->limit, 0);
	for (size_t i = 0; i < 4; i++) {
		int ret = karena_vmr_unmap(self->vmr, &rows[i][1]);

		if (!ret)
			continue;
		ASSERT_EQ(-ENOMEM, ret);
		ASSERT_EQ(1, *(uint64_t *)rows[i][1].address);
		stayed++;
	}
	EXPECT_LE(1, stayed);
	/* From the ends on, all can go. */
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 3; j++) {
			int ret = karena_vmr_unmap(self->vmr, &rows[i][j]);

			ASSERT_TRUE(!ret || (j == 1 && ret == KARENA_E_MAPPING_NOT_FOUND));
		}
	for (size_t i = 0; i < 4; i++)
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &self->maps[i]));
	ASSERT_EQ(0, karena_vmr_delete(&self->vmr));
	munmap(used, 2 * (self->limit + 2) * PAGE);
}

/* Maps until there are no more mappings, none of which continues its neighbour. */
static size_t fill_up(struct karena_vmr *vmr, struct karena_vmr_source *source,
		      struct karena_vmr_map *maps)
{
	size_t nr = 0;

	do
		source->offset = nr % 2 ? 0 : 2 * PAGE;
	while (!karena_vmr_map(vmr, nr * PAGE, PAGE, source, &maps[nr]) && ++nr);
	return nr;
}

/* Unmaps in an order that has nothing to do with addresses; @nr is no multiple of 7919. */
static int empty_in_disorder(struct karena_vmr *vmr, const struct karena_vmr_map *maps, size_t nr)
{
	int failed = 0;

	for (size_t i = 0; i < nr; i++)
		failed += !!karena_vmr_unmap(vmr, &maps[i * 7919 % nr]);
	failed += !!karena_vmr_delete(&vmr);
	return failed;
}

TEST_F_TIMEOUT(limit, a_reservation_that_reached_the_limit_can_be_emptied_and_deleted, 900)
{
	size_t span = self->limit + 2;
	struct karena_vmr_map *maps = malloc(span * sizeof(*maps));
	struct karena_vmr *vmr;
	int status;

	if (self->limit > 500000)
		SKIP(return, "vm.max_map_count is too large to be used up");
	/* What is mapped in place, and what is moved there. */
	for (size_t i = 0; i < 2; i++) {
		pid_t child;
		size_t nr;

		ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, span * PAGE));
		nr = fill_up(vmr, &self->sources[i], maps);
		ASSERT_LT(self->limit / 2, nr);
		/* The application takes what the library left. */
		while (mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
			;
		child = fork();
		if (!child)
			_exit(empty_in_disorder(vmr, maps, nr) ? 1 : 0);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
		ASSERT_EQ(0, empty_in_disorder(vmr, maps, nr));
	}
	free(maps);
}

TEST_HARNESS_MAIN
