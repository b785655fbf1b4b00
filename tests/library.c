// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: the device, arenas and views of them. Each call, what it returns, and
 * what it leaves alone when it fails.
 */
#define _GNU_SOURCE
#include "library_arena.h"

static int open_device(void *context)
{
	struct karena_device *device;

	(void)context;
	return karena_open(NULL, &device);
}

TEST(open_takes_a_path)
{
	struct karena_device *device = NULL;

	EXPECT_EQ(0, karena_open(KARENA_DEVICE, &device));
	EXPECT_NE(0, fcntl(karena_device_fd(device), F_GETFD) & FD_CLOEXEC);
	karena_close(device);
}

TEST(open_tells_why_it_fails)
{
	struct karena_device *device = (void *)UNTOUCHED;

	EXPECT_EQ(-ENOENT, karena_open("/dev/no-such-device", &device));
	EXPECT_EQ(-ENOTTY, karena_open("/dev/null", &device));
	EXPECT_EQ((void *)UNTOUCHED, device);
	EXPECT_EQ(-EACCES, as_nobody(open_device, NULL));
	fill_descriptors();
	EXPECT_EQ(-EMFILE, karena_open(NULL, &device));
}

TEST(header_library_and_module_are_of_one_version)
{
	char text[64];
	FILE *file;

	snprintf(text, sizeof(text), "%d.%d.%d", KARENA_VERSION_MAJOR, KARENA_VERSION_MINOR,
		 KARENA_VERSION_PATCH);
	EXPECT_STREQ(KARENA_VERSION, text);
	EXPECT_STREQ(KARENA_VERSION, karena_version());
	file = fopen("/sys/module/karena/version", "r");
	ASSERT_NE(NULL, file);
	ASSERT_NE(NULL, fgets(text, sizeof(text), file));
	EXPECT_STREQ(KARENA_VERSION "\n", text);
	fclose(file);
}

TEST(close_takes_null)
{
	karena_close(NULL);
	karena_arena_close(NULL);
	karena_walk_free(NULL);
}

TEST_F(library, query_tells_features)
{
	struct karena_query query = { .size = sizeof(query) };

	EXPECT_EQ(0, karena_query(self->device, &query));
	EXPECT_EQ(KARENA_ABI_VERSION, query.out_abi_version);
	EXPECT_EQ(self->page, query.out_page_size);
	EXPECT_EQ(KARENA_FEAT_ARENA, query.out_features & KARENA_FEAT_ARENA);
	EXPECT_EQ(KARENA_FEAT_RING, query.out_features & KARENA_FEAT_RING);
	query.size = 8;
	EXPECT_EQ(-EINVAL, karena_query(self->device, &query));
}

/*
 * Options that begin with their size: too short, as a later version may have
 * them with one more field that is set, and with that field zero.
 */
static void check_opts(struct __test_metadata *_metadata, library_data *self,
		       size_t bytes, int (*call)(library_data *self, void *opts))
{
	unsigned char opts[128] = { 8 };
	size_t longer = bytes + 8;

	EXPECT_EQ(-EINVAL, call(self, opts));
	memcpy(opts, &longer, sizeof(longer));
	opts[bytes] = 1;
	EXPECT_EQ(-E2BIG, call(self, opts));
	opts[bytes] = 0;
	EXPECT_EQ(0, call(self, opts));
}

static int create_with(library_data *self, void *opts)
{
	return karena_arena_create(self->device, self->page, opts, &self->other);
}

static int map_with(library_data *self, void *opts)
{
	return karena_arena_map(self->arena, opts, &self->view);
}

static int alloc_with(library_data *self, void *opts)
{
	return karena_arena_alloc(self->arena, 1, opts, &self->offset);
}

static int commit_with(library_data *self, void *opts)
{
	return karena_arena_commit(self->arena, 8 * self->page, 1, opts);
}

TEST_F(library, options_grow)
{
	check_opts(_metadata, self, sizeof(struct karena_arena_opts), create_with);
	check_opts(_metadata, self, sizeof(struct karena_view_opts), map_with);
	check_opts(_metadata, self, sizeof(struct karena_alloc_opts), alloc_with);
	EXPECT_EQ(0, karena_arena_reserve(self->arena, 8 * self->page, 1));
	check_opts(_metadata, self, sizeof(struct karena_commit_opts), commit_with);
}

TEST_F(library, create_passes_options_on)
{
	struct karena_arena_opts opts = {
		.size = sizeof(opts),
		.name = "fifteen-letters",
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT,
		.fault_pages = 7,
		.node = 0,
		.on_node = true,
	};
	struct karena_arena_stat stat;

	ASSERT_EQ(0, karena_arena_create(self->device, 3 * self->page, &opts, &self->other));
	stat = arena_stat_of(self->other);
	EXPECT_STREQ("fifteen-letters", stat.out_name);
	EXPECT_EQ(KARENA_ARENA_F_SEGV_ON_FAULT | KARENA_ARENA_F_NULL_PAGE, stat.out_flags);
	EXPECT_EQ(7, stat.out_fault_pages);
	EXPECT_EQ(0, stat.out_node);
	EXPECT_EQ(3 * self->page, stat.out_length);
	EXPECT_EQ(KARENA_RIGHTS_ARENA, stat.out_rights);
	EXPECT_EQ(KARENA_NODE_ANY, arena_stat_of(self->arena).out_node);
}

TEST_F(library, create_tells_why_it_fails)
{
	struct karena_arena_opts opts = { .size = sizeof(opts), .name = "sixteen-letters!" };
	struct karena_arena *arena = NULL;

	EXPECT_EQ(-ENAMETOOLONG, karena_arena_create(self->device, self->page, &opts, &arena));
	opts.name = NULL;
	EXPECT_EQ(-EINVAL, karena_arena_create(self->device, 0, &opts, &arena));
	EXPECT_EQ(-EINVAL, karena_arena_create(self->device, self->page + 1, &opts, &arena));
	opts.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, karena_arena_create(self->device, self->page, &opts, &arena));
	opts.flags = 0;
	opts.node = 12345;
	EXPECT_EQ(0, karena_arena_create(self->device, self->page, &opts, &self->other));
	opts.on_node = true;
	EXPECT_EQ(-EINVAL, karena_arena_create(self->device, self->page, &opts, &arena));
	fill_descriptors();
	EXPECT_EQ(-EMFILE, karena_arena_create(self->device, self->page, NULL, &arena));
	EXPECT_EQ(NULL, arena);
}

TEST_F(library, from_fd_takes_the_descriptor)
{
	int fd = dup(karena_arena_fd(self->arena));

	ASSERT_EQ(0, karena_arena_from_fd(fd, &self->other));
	EXPECT_EQ(fd, karena_arena_fd(self->other));
	EXPECT_EQ(NR_PAGES * self->page, karena_arena_length(self->other));
	EXPECT_EQ(self->page, karena_arena_page_size(self->other));
	karena_arena_close(self->other);
	self->other = NULL;
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
}

TEST_F(library, from_fd_leaves_others_alone)
{
	int fd = open("/dev/null", O_RDWR);
	struct karena_ring *ring;

	EXPECT_EQ(-ENOTTY, karena_arena_from_fd(fd, &self->other));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, karena_arena_from_fd(fd, &self->other));
	EXPECT_EQ(-ENOTTY, karena_arena_from_fd(karena_device_fd(self->device), &self->other));
	ASSERT_EQ(0, karena_ring_create(self->device, self->page, NULL, &ring));
	EXPECT_EQ(-ENOTTY, karena_arena_from_fd(karena_ring_fd(ring), &self->other));
	karena_ring_close(ring);
	EXPECT_EQ(NULL, self->other);
}

TEST_F(library, reopen_gives_a_part_of_the_rights)
{
	uint32_t rights = KARENA_RIGHT_MAP | KARENA_RIGHT_ALLOC;
	struct karena_arena *more = NULL;

	ASSERT_EQ(0, karena_arena_reopen(self->arena, rights, &self->other));
	EXPECT_EQ(rights, arena_stat_of(self->other).out_rights);
	EXPECT_EQ(KARENA_RIGHTS_ARENA, arena_stat_of(self->arena).out_rights);
	EXPECT_EQ(-EPERM, karena_arena_reopen(self->other, rights | KARENA_RIGHT_FREE, &more));
	EXPECT_EQ(-EINVAL, karena_arena_reopen(self->other, 1u << 31, &more));
	fill_descriptors();
	EXPECT_EQ(-EMFILE, karena_arena_reopen(self->arena, rights, &more));
	EXPECT_EQ(NULL, more);
}

TEST_F(library, restrict_cuts_rights_for_good)
{
	EXPECT_EQ(-EINVAL, karena_arena_restrict(self->arena, 1u << 31));
	EXPECT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHT_MAP));
	EXPECT_EQ(0, karena_arena_restrict(self->arena, KARENA_RIGHTS_ARENA));
	EXPECT_EQ(KARENA_RIGHT_MAP, arena_stat_of(self->arena).out_rights);
	EXPECT_EQ(-EPERM, karena_arena_alloc(self->arena, 1, NULL, &self->offset));
	EXPECT_EQ(-EPERM, karena_arena_free(self->arena, 0, 1, 0));
	EXPECT_EQ(-EPERM, karena_arena_reserve(self->arena, 0, 1));
	EXPECT_EQ(-EPERM, karena_arena_guard(self->arena, 0, 1));
	EXPECT_EQ(-EPERM, karena_arena_commit(self->arena, 0, 1, NULL));
	EXPECT_EQ(-EPERM, karena_arena_decommit(self->arena, 0, 1));
	EXPECT_EQ(-EACCES, karena_arena_map(self->arena, NULL, &self->view));
	EXPECT_EQ(UNTOUCHED, self->offset);
}

TEST_F(library, map_without_options_maps_all)
{
	volatile char *last;

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &self->view));
	EXPECT_EQ(0, self->view.offset);
	EXPECT_EQ(NR_PAGES * self->page, self->view.length);
	last = karena_view_ptr(&self->view, self->view.length - 1, 1);
	*last = 1;
	EXPECT_EQ(1, arena_stat_of(self->arena).out_populated);
}

TEST_F(library, map_gives_the_window_asked_for)
{
	struct karena_view_opts opts = { .size = sizeof(opts), .offset = 5 * self->page };
	struct karena_view whole;
	char *there;

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &self->view));
	ASSERT_EQ(0, karena_arena_map(self->arena, &opts, &whole));
	EXPECT_EQ((NR_PAGES - 5) * self->page, whole.length);
	EXPECT_EQ(0, karena_view_unmap(&whole));
	opts.length = 2 * self->page;
	opts.prot = PROT_READ;
	ASSERT_EQ(0, karena_arena_map(self->arena, &opts, &whole));
	EXPECT_EQ(2 * self->page, whole.length);
	there = karena_view_ptr(&self->view, 6 * self->page, 1);
	*there = 'x';
	EXPECT_EQ('x', *(char *)karena_view_ptr(&whole, 6 * self->page, 1));
	EXPECT_EQ(0, karena_view_unmap(&whole));
}

TEST_F(library, map_tells_why_it_fails)
{
	struct karena_view_opts opts = { .size = sizeof(opts), .offset = 1 };
	struct karena_view view = { .length = 77 };
	void *taken = mmap(NULL, self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(-EINVAL, karena_arena_map(self->arena, &opts, &view));
	opts.offset = NR_PAGES * self->page;
	EXPECT_EQ(-EINVAL, karena_arena_map(self->arena, &opts, &view));
	opts.offset = self->page;
	opts.length = NR_PAGES * self->page;
	EXPECT_EQ(-EINVAL, karena_arena_map(self->arena, &opts, &view));
	opts.length = self->page;
	opts.address = taken;
	EXPECT_EQ(-EEXIST, karena_arena_map(self->arena, &opts, &view));
	opts.address = NULL;
	opts.prot = PROT_READ | PROT_EXEC;
	EXPECT_EQ(-EPERM, karena_arena_map(self->arena, &opts, &view));
	EXPECT_EQ(77, view.length);
}

TEST_F(library, map_at_an_address)
{
	struct karena_view_opts opts = { .size = sizeof(opts) };

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &self->view));
	opts.address = self->view.address;
	ASSERT_EQ(0, karena_view_unmap(&self->view));
	ASSERT_EQ(0, karena_arena_map(self->arena, &opts, &self->view));
	EXPECT_EQ(opts.address, self->view.address);
}

/* A 32-bit program has file offsets of 44 bits: 32 of page numbers. */
TEST_F(library, windows_beyond_4_gib_are_not_those_at_the_beginning)
{
	static const uint64_t offsets[] = { 0, 1ull << 31, 1ull << 32, 3ull << 32, 1ull << 44 };
	struct karena_view_opts opts = { .size = sizeof(opts), .length = self->page };
	struct karena_view views[5];
	unsigned int i, nr = sizeof(void *) == 4 ? 4 : 5;

	ASSERT_EQ(0, karena_arena_create(self->device, 1ull << 45, NULL, &self->other));
	for (i = 0; i < nr; i++) {
		opts.offset = offsets[i];
		ASSERT_EQ(0, karena_arena_map(self->other, &opts, &views[i]));
		EXPECT_EQ(opts.offset, views[i].offset);
		*(uint64_t *)views[i].address = opts.offset + 1;
	}
	opts.offset = offsets[4];
	EXPECT_EQ(nr == 4 ? -EINVAL : 0, karena_arena_map(self->other, &opts, &self->view));
	opts.length = 1ull << 32;
	EXPECT_EQ(nr == 4 ? -EOVERFLOW : 0, karena_arena_map(self->other, &opts, &self->view));
	EXPECT_EQ(nr, arena_stat_of(self->other).out_populated);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(offsets[i] + 1, *(uint64_t *)views[i].address);
		EXPECT_EQ(0, karena_view_unmap(&views[i]));
	}
}

TEST_F(library, fixed_arena_maps_at_its_own_address)
{
	uint64_t free = sizeof(void *) == 4 ? 1ull << 30 : 1ull << 45;
	struct karena_arena_opts opts = {
		.size = sizeof(opts),
		.flags = KARENA_ARENA_F_FIXED_ADDR,
		.address = free,
	};
	struct karena_view second;

	ASSERT_EQ(0, karena_arena_create(self->device, 4 * self->page, &opts, &self->other));
	ASSERT_EQ(0, karena_arena_map(self->other, NULL, &self->view));
	EXPECT_EQ(free, (uintptr_t)self->view.address);
	EXPECT_EQ(-EEXIST, karena_arena_map(self->other, NULL, &second));
}

TEST_F(library, unmap_empties_the_view)
{
	struct karena_view unaligned = { .address = (void *)1, .length = 1 };

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &self->view));
	EXPECT_EQ(0, karena_view_unmap(&self->view));
	EXPECT_EQ(NULL, self->view.address);
	EXPECT_EQ(0, self->view.length);
	EXPECT_EQ(0, karena_view_unmap(&self->view));
	EXPECT_EQ(-EINVAL, karena_view_unmap(&unaligned));
}

TEST(pointers_stay_inside_the_view)
{
	static char around[102];
	char *memory = &around[1];
	struct karena_view view = { .address = memory, .offset = 4096, .length = 100 };

	EXPECT_EQ(memory, karena_view_ptr(&view, 4096, 100));
	EXPECT_EQ(memory + 99, karena_view_ptr(&view, 4195, 1));
	EXPECT_EQ(memory + 100, karena_view_ptr(&view, 4196, 0));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4096, 101));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4195, 2));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4197, 0));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4095, 1));
	EXPECT_EQ(NULL, karena_view_ptr(&view, UINT64_MAX, 1));
	EXPECT_EQ(NULL, karena_view_ptr(&view, 4100, SIZE_MAX));
	EXPECT_EQ(4096, karena_view_offset(&view, memory));
	EXPECT_EQ(4195, karena_view_offset(&view, memory + 99));
	EXPECT_EQ(KARENA_NO_OFFSET, karena_view_offset(&view, memory + 100));
	EXPECT_EQ(KARENA_NO_OFFSET, karena_view_offset(&view, memory - 1));
	EXPECT_EQ(KARENA_NO_OFFSET, karena_view_offset(&view, NULL));
}

TEST_F(library, arena_outlives_its_handle)
{
	char *byte;

	ASSERT_EQ(0, karena_arena_map(self->arena, NULL, &self->view));
	byte = karena_view_ptr(&self->view, 0, 1);
	*byte = 'x';
	karena_arena_close(self->arena);
	self->arena = NULL;
	byte[self->page] = 'y';
	EXPECT_EQ('x', *byte);
}

TEST_F(library, offset_0_stands_for_none_unless_the_arena_is_made_otherwise)
{
	uint64_t offset;

	ASSERT_EQ(0, karena_arena_create(self->device, 2 * self->page, NULL, &self->other));
	ASSERT_EQ(0, karena_arena_alloc(self->other, 1, NULL, &offset));
	EXPECT_EQ(self->page, offset);
	EXPECT_EQ(-ENOSPC, karena_arena_alloc(self->other, 1, NULL, &offset));
	karena_arena_close(self->other);
	ASSERT_EQ(0, karena_arena_create(self->device, self->page, NULL, &self->other));
	ASSERT_EQ(0, karena_arena_alloc(self->other, 1, NULL, &offset));
	EXPECT_EQ(0, offset);
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 1, NULL, &offset));
	EXPECT_EQ(0, offset);
}

TEST_HARNESS_MAIN
