// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arenas and rings in reservations: what is seen through such a map, how it is
 * refused, and what a child has of it.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/wait.h>

#include <karena.h>

#include "kselftest_harness.h"
#include "vmr_objects.h"

#define PAGES	16

static struct maps before, after;

FIXTURE(vmr) {
	struct karena_vmr *vmr;
	char *at;
	struct karena_arena *arena;
	struct karena_ring *ring;
	struct karena_ring_header header;
};

FIXTURE_SETUP(vmr)
{
	self->arena = make_arena(PAGES, 0);
	self->ring = make_ring(PAGES);
	self->header = ring_header(karena_ring_fd(self->ring));
	ASSERT_EQ(0, karena_vmr_new(&self->vmr, NULL, 64 * PAGE));
	self->at = karena_vmr_get_address(self->vmr);
}

FIXTURE_TEARDOWN(vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(self->vmr, &map) &&
	       !karena_vmr_unmap(self->vmr, &map))
		;
	maps_read(&after);
	EXPECT_TRUE(is_placeholder(&after, self->at, 64 * PAGE));
	EXPECT_EQ(0, karena_vmr_delete(&self->vmr));
	maps_read(&after);
	EXPECT_TRUE(is_free(&after, self->at, 64 * PAGE));
	karena_arena_close(self->arena);
	karena_ring_close(self->ring);
}

static int source_arena(struct karena_vmr_source *source, const struct karena_arena *arena,
			uint64_t offset)
{
	return karena_vmr_source_arena(source, karena_arena_fd(arena), offset, RW);
}

static int source_ring(struct karena_vmr_source *source, const struct karena_ring *ring,
		       uint64_t offset, int prot)
{
	return karena_vmr_source_ring(source, karena_ring_fd(ring), offset, prot);
}

TEST_F(vmr, windows_of_an_arena_should_show_its_pages)
{
	struct karena_vmr_source source;
	struct karena_view view;

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &view));
	*(int *)((char *)view.address + 3 * PAGE) = 33;
	ASSERT_EQ(0, source_arena(&source, self->arena, 2 * PAGE));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 8 * PAGE, 4 * PAGE, &source, NULL));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 20 * PAGE, 2 * PAGE, &source, NULL));

	EXPECT_EQ(33, *(int *)(self->at + 9 * PAGE));
	*(int *)(self->at + 8 * PAGE) = 22;
	EXPECT_EQ(22, *(int *)((char *)view.address + 2 * PAGE));
	EXPECT_EQ(22, *(int *)(self->at + 20 * PAGE));
	EXPECT_EQ(0, karena_arena_free(self->arena, 2 * PAGE, 1, 0));
	EXPECT_EQ(0, *(int *)(self->at + 8 * PAGE));
	EXPECT_EQ(0, karena_view_unmap(&view));
}

TEST_F(vmr, a_length_of_0_should_be_all_of_an_arena_and_of_a_ring)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;

	ASSERT_EQ(0, source_arena(&source, self->arena, 2 * PAGE));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 0, &source, &map));
	EXPECT_EQ((PAGES - 2) * PAGE, map.length);
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	ASSERT_EQ(0, source_ring(&source, self->ring, 0, PROT_READ));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 0, &source, &map));
	EXPECT_EQ(self->header.map_bytes, map.length);
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
}

TEST_F(vmr, a_window_at_4_gib_should_not_be_the_one_at_the_beginning)
{
	uint64_t far = 1ull << 32, pages = 2 * far / PAGE;
	struct karena_arena *arena;
	struct karena_vmr_source source;

	ASSERT_EQ(0, karena_arena_create(the_device(), pages * PAGE, NULL, &arena));
	ASSERT_EQ(0, source_arena(&source, arena, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	ASSERT_EQ(0, source_arena(&source, arena, far));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 8 * PAGE, PAGE, &source, NULL));
	*(int *)self->at = 11;
	*(int *)(self->at + 8 * PAGE) = 88;
	EXPECT_EQ(11, *(int *)self->at);
	karena_arena_close(arena);
}

/* A 32-bit program has a call of its own for dates beyond 2038. */
TEST_F(vmr, a_file_of_any_date_should_be_a_source)
{
	int64_t dates[4] = { 1ll << 33, 0, 1ll << 33, 0 };
	int memfd = numbered_memfd(1, 33, 0);
	struct karena_vmr_source source;

	ASSERT_EQ(0, syscall(sizeof(long) == 4 ? 412 : SYS_utimensat, memfd, NULL, dates, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&source, memfd, 0, PROT_READ, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	EXPECT_EQ(33, *(uint64_t *)self->at);
	close(memfd);
}

/* A ring as its users map it, in one reservation: header to data in a row. */
TEST_F(vmr, a_ring_should_work_from_where_it_is_mapped)
{
	struct karena_ring_producer *producer;
	struct karena_ring_consumer *consumer;
	struct karena_vmr_source source;
	char *data;

	ASSERT_GE(64 * PAGE, self->header.map_bytes);
	ASSERT_EQ(0, karena_ring_attach(self->ring, KARENA_ATTACH_F_CONSUME));
	ASSERT_EQ(0, source_ring(&source, self->ring, 0, PROT_READ));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	ASSERT_EQ(0, source_ring(&source, self->ring, self->header.consumer_offset, RW));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, self->header.consumer_offset, PAGE, &source, NULL));
	ASSERT_EQ(0, source_ring(&source, self->ring, self->header.producer_offset, PROT_READ));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, self->header.producer_offset, PAGE, &source, NULL));
	ASSERT_EQ(0, source_ring(&source, self->ring, self->header.data_offset, RW));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, self->header.data_offset,
				    2 * self->header.data_bytes, &source, NULL));

	producer = (void *)(self->at + self->header.producer_offset);
	consumer = (void *)(self->at + self->header.consumer_offset);
	data = self->at + self->header.data_offset;
	ASSERT_EQ(0, karena_ring_output(self->ring, "record", 7, 0));
	EXPECT_EQ(16, producer->position);
	EXPECT_EQ(7, ((struct karena_record_header *)data)->word);
	EXPECT_STREQ("record", data + KARENA_RECORD_HEADER_BYTES);
	EXPECT_STREQ("record", data + self->header.data_bytes + KARENA_RECORD_HEADER_BYTES);
	data[KARENA_RECORD_HEADER_BYTES] = 'R';
	EXPECT_STREQ("Record", data + self->header.data_bytes + KARENA_RECORD_HEADER_BYTES);
	__atomic_store_n(&consumer->position, 16, __ATOMIC_RELEASE);
	EXPECT_EQ(0, karena_ring_wait(self->ring, 1, 0));
}

/* A reservation of windows and of all parts of a ring, made and taken down. */
static int come_and_go(const struct karena_arena *arena, const struct karena_ring *ring)
{
	struct karena_vmr_source window, part;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	int ret;

	ret = source_arena(&window, arena, PAGE) ?: source_ring(&part, ring, 0, PROT_READ) ?:
	      karena_vmr_new(&vmr, remote_range(), 512 * PAGE);
	for (size_t i = 0; i < 100 && !ret; i++)
		ret = karena_vmr_map(vmr, 4 * i * PAGE, (1 + i % 3) * PAGE,
				     i % 2 ? &window : &part, NULL);
	ret = ret ?: karena_vmr_extend(vmr, 8 * PAGE);
	ret = ret ?: karena_vmr_shrink(vmr, 512 * PAGE, 8 * PAGE);
	while (!ret && !karena_vmr_map_last(vmr, &map))
		ret = karena_vmr_unmap(vmr, &map);
	return ret ?: karena_vmr_delete(&vmr);
}

TEST_F(vmr, the_address_space_should_be_the_same_before_and_after)
{
	/* What the heap takes for the first, it has for the second. */
	ASSERT_EQ(0, come_and_go(self->arena, self->ring));
	maps_read(&before);
	ASSERT_EQ(0, come_and_go(self->arena, self->ring));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

TEST_F(vmr, a_fixed_address_arena_should_be_refused_before_its_address_is_picked)
{
	struct karena_arena *fixed = make_arena(PAGES, KARENA_ARENA_F_FIXED_ADDR);
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	struct karena_vmr_source source = {
		.size = sizeof(source),
		.fd = karena_arena_fd(fixed),
		.prot = RW,
	}, made;

	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, source_arena(&made, fixed, 0));
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED,
		  karena_vmr_source_fd(&made, karena_arena_fd(fixed), 0, RW, 0));
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	EXPECT_EQ(0, karena_arena_stat(fixed, &stat));
	EXPECT_EQ(0, stat.out_address);
	karena_arena_close(fixed);
}

TEST_F(vmr, each_kind_should_be_told_from_all_else)
{
	struct karena_vmr_source source;
	int memfd = numbered_memfd(1, 0, 0);

	EXPECT_EQ(-ENOTTY, karena_vmr_source_ring(&source, karena_arena_fd(self->arena), 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_arena(&source, karena_ring_fd(self->ring), 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_arena(&source, memfd, 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_ring(&source, memfd, 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_arena(&source, karena_device_fd(the_device()), 0, RW));
	close(memfd);
}

TEST_F(vmr, what_an_arena_or_ring_refuses_should_leave_the_placeholder_whole)
{
	int arena = karena_arena_fd(self->arena), ring = karena_ring_fd(self->ring);
	uint64_t data = self->header.data_offset, consumer = self->header.consumer_offset;
	struct {
		int fd;
		uint64_t offset;
		size_t pages;
		int prot;
		uint32_t flags;
		int error;
	} cases[] = {
		{ arena, 0, PAGES + 1, RW, 0, -EINVAL },
		{ arena, PAGES * PAGE, 1, RW, 0, -EINVAL },
		{ arena, 0, 1, RW, KARENA_VMR_PRIVATE, -EINVAL },
		{ arena, 0, 1, PROT_READ | PROT_EXEC, 0, -EPERM },
		{ arena, 0, 1, RW, KARENA_VMR_SYNC, -EOPNOTSUPP },
		{ arena, 1, 1, RW, 0, KARENA_E_OFFSET_UNALIGNED },
		{ read_only_arena(PAGES), 0, 1, RW, 0, -EACCES },
		{ ring, data, 1, RW, 0, -EPERM },
		{ ring, consumer, 2, RW, 0, -EPERM },
		{ ring, 0, 1, RW, 0, -EPERM },
		{ ring, 0, 64, PROT_READ, 0, -EINVAL },
		{ ring, 0, 1, PROT_READ, KARENA_VMR_PRIVATE, -EINVAL },
		{ karena_device_fd(the_device()), 0, 1, PROT_READ, 0, -ENODEV },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct karena_vmr_source source = {
			.size = sizeof(source),
			.fd = cases[i].fd,
			.offset = cases[i].offset,
			.prot = cases[i].prot,
			.flags = cases[i].flags,
		};

		maps_read(&before);
		EXPECT_EQ(cases[i].error,
			  karena_vmr_map(self->vmr, 0, cases[i].pages * PAGE, &source, NULL)) {
			TH_LOG("case %zu", i);
		}
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}
}

static int wait_for(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The consumer role is another process's. */
TEST_F(vmr, a_consumer_page_that_another_has_should_be_ebusy)
{
	struct karena_vmr_source source;
	int go[2], done[2];
	char byte = 0;
	pid_t child;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(done));
	child = fork();
	if (!child) {
		int ret = karena_ring_attach(self->ring, KARENA_ATTACH_F_CONSUME);

		if (write(done[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(!!ret);
	}
	ASSERT_EQ(1, read(done[0], &byte, 1));
	ASSERT_EQ(0, source_ring(&source, self->ring, self->header.consumer_offset, RW));
	maps_read(&before);
	EXPECT_EQ(-EBUSY, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	ASSERT_EQ(1, write(go[1], &byte, 1));
	EXPECT_EQ(0, wait_for(child));
}

/* Exits with the number of the first thing that is not as it should be. */
static void child_checks(struct karena_vmr *vmr, const struct karena_vmr_map *inherited)
{
	char *at = karena_vmr_get_address(vmr);
	struct karena_vmr_map map;

	maps_read(&after);
	if (!is_placeholder(&after, at, 8 * PAGE))
		_exit(1);
	if (!is_placeholder(&after, at + 9 * PAGE, 31 * PAGE))
		_exit(2);
	if (karena_vmr_map_first(vmr, &map) || map.id != inherited->id)
		_exit(3);
	if (*(int *)map.address != 88)
		_exit(4);
	if (karena_vmr_map_next(vmr, &map, &map) || map.address != at + 40 * PAGE)
		_exit(5);
	if (karena_vmr_map_next(vmr, &map, &map) != KARENA_E_MAPPING_NOT_FOUND)
		_exit(6);
	while (!karena_vmr_map_first(vmr, &map))
		if (karena_vmr_unmap(vmr, &map))
			_exit(7);
	_exit(karena_vmr_delete(&vmr) ? 8 : 0);
}

TEST_F(vmr, a_child_should_have_placeholder_where_maps_are_not_inherited)
{
	struct karena_arena *inherit = make_arena(PAGES, KARENA_ARENA_F_INHERIT);
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	pid_t child;

	/* Pages 2-3: an arena, not passed on. 8: one that is. */
	ASSERT_EQ(0, source_arena(&source, self->arena, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 2 * PAGE, 2 * PAGE, &source, NULL));
	*(int *)(self->at + 2 * PAGE) = 22;
	ASSERT_EQ(0, source_arena(&source, inherit, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 8 * PAGE, PAGE, &source, &map));
	*(int *)map.address = 88;
	ASSERT_EQ(0, karena_ring_attach(self->ring, KARENA_ATTACH_F_CONSUME));
	/* 12: a ring's consumer page, not passed on. 40: its header, which is. */
	ASSERT_EQ(0, source_ring(&source, self->ring, self->header.consumer_offset, RW));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 12 * PAGE, PAGE, &source, NULL));
	ASSERT_EQ(0, source_ring(&source, self->ring, 0, PROT_READ));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 40 * PAGE, PAGE, &source, NULL));

	child = fork();
	if (!child)
		child_checks(self->vmr, &map);
	EXPECT_EQ(0, wait_for(child));
	EXPECT_EQ(22, *(int *)(self->at + 2 * PAGE));
	karena_arena_close(inherit);
}

/* Exits with the number of the first thing that is not as it should be. */
static void child_of_halves(struct karena_vmr *vmr, bool first_half)
{
	char *at = karena_vmr_get_address(vmr);
	struct karena_vmr_map map;

	maps_read(&after);
	if (!is_placeholder(&after, at, 8 * PAGE))
		_exit(1);
	if (!is_placeholder(&after, at + (first_half ? 10 : 8) * PAGE, 2 * PAGE))
		_exit(2);
	if (!is_placeholder(&after, at + 12 * PAGE, 52 * PAGE))
		_exit(3);
	if (mmap(at + 8 * PAGE, 4 * PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED)
		_exit(4);
	while (!karena_vmr_map_first(vmr, &map))
		if (karena_vmr_unmap(vmr, &map))
			_exit(5);
	_exit(karena_vmr_delete(&vmr) ? 6 : 0);
}

/* By MADV_DOFORK where the kernel has it for a window, by MADV_DONTFORK on all kernels. */
TEST_F(vmr, a_window_of_which_half_is_inherited_should_leave_no_hole_in_the_child)
{
	struct karena_arena *inherit = make_arena(PAGES, KARENA_ARENA_F_INHERIT);
	struct karena_arena *arenas[] = { self->arena, inherit };
	static const int advice[] = { MADV_DOFORK, MADV_DONTFORK };
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	int forks = 0;

	for (int i = 0; i < 4; i++) {
		char *half = self->at + (i % 2 ? 8 : 10) * PAGE;
		pid_t child;

		ASSERT_EQ(0, source_arena(&source, arenas[i / 2], 0));
		ASSERT_EQ(0, karena_vmr_map(self->vmr, 8 * PAGE, 4 * PAGE, &source, &map));
		if (!madvise(half, 2 * PAGE, advice[i / 2])) {
			forks++;
			child = fork();
			if (!child)
				child_of_halves(self->vmr, i == 1 || i == 2);
			EXPECT_EQ(0, wait_for(child));
		}
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	}
	EXPECT_LE(2, forks);
	karena_arena_close(inherit);
}

TEST_F(vmr, hundreds_of_windows_of_one_arena_should_each_be_its_own)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	char *at;

	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 600 * PAGE));
	at = karena_vmr_get_address(vmr);
	for (size_t i = 0; i < 300; i++) {
		ASSERT_EQ(0, source_arena(&source, self->arena, i % PAGES * PAGE));
		ASSERT_EQ(0, karena_vmr_map(vmr, 2 * i * PAGE, PAGE, &source, NULL));
	}
	for (size_t i = 0; i < PAGES; i++)
		*(size_t *)(at + 2 * i * PAGE) = i;
	for (size_t i = 0; i < 300; i++) {
		ASSERT_EQ(i % PAGES, *(size_t *)(at + 2 * i * PAGE));
		ASSERT_EQ(0, karena_vmr_map_find(vmr, 2 * i * PAGE, 2 * PAGE, &map));
		ASSERT_EQ(at + 2 * i * PAGE, map.address);
	}
	while (!karena_vmr_map_last(vmr, &map))
		ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
}

TEST_HARNESS_MAIN
