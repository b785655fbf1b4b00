// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call, with each thing that it takes from the system failing in turn: it
 * returns an error and changes nothing, or succeeds all the same.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

#define SPAN	(4096 * PAGE)

static struct maps before, after;

/* What the calls work on: a reservation with a map, and sources. */
struct world {
	struct karena_vmr *vmr;
	struct karena_vmr *made;
	char *free;
	struct karena_vmr_map map;
	struct karena_vmr_source source;
};

struct call {
	const char *name;
	int (*run)(struct world *world);
	/* Undoes it after it succeeded. */
	int (*undo)(struct world *world);
	int fd;
	uint32_t flags;
};

static int new_anywhere(struct world *world)
{
	return karena_vmr_new(&world->made, NULL, 3 * PAGE);
}

static int new_large(struct world *world)
{
	return karena_vmr_new(&world->made, NULL, 3 * GIB);
}

static int new_there(struct world *world)
{
	return karena_vmr_new(&world->made, world->free, 3 * PAGE);
}

static int delete_made(struct world *world)
{
	return karena_vmr_delete(&world->made);
}

static int extend(struct world *world)
{
	return karena_vmr_extend(world->vmr, 2 * PAGE);
}

static int shrink_end(struct world *world)
{
	return karena_vmr_shrink(world->vmr, karena_vmr_get_size(world->vmr) - 2 * PAGE, 2 * PAGE);
}

static int shrink_start(struct world *world)
{
	return karena_vmr_shrink(world->vmr, 0, 2 * PAGE);
}

static int map_source_there(struct world *world)
{
	return karena_vmr_map(world->vmr, 20 * PAGE, 2 * PAGE, &world->source, &world->map);
}

static int unmap_there(struct world *world)
{
	return karena_vmr_unmap(world->vmr, &world->map);
}

static int nothing(struct world *world)
{
	(void)world;
	return 0;
}

/* Same span, same maps, same address space? */
static bool unchanged(const struct karena_vmr *vmr, const struct karena_vmr *old)
{
	maps_read(&after);
	return maps_equal(&before, &after) && vmr->address == old->address &&
	       vmr->size == old->size && vmr->maps.nr == old->maps.nr &&
	       vmr->last_id == old->last_id;
}

/*
 * Makes the nth thing fail, for each n that there is. Returns how many there
 * were, or -n where the call did not behave.
 */
static int fail_each(struct world *world, const struct call *call)
{
	struct karena_vmr old = *world->vmr;

	for (int nth = 1; ; nth++) {
		int ret;

		maps_read(&before);
		fail_after = (unsigned long)nth;
		errno = 77;
		ret = call->run(world);
		if (errno != 77)
			return -nth;
		if (fail_after) {
			fail_after = 0;
			return ret || call->undo(world) ? -nth : nth - 1;
		}
		if (ret && (ret != -ENOMEM || !unchanged(world->vmr, &old)))
			return -nth;
		if (!ret && call->undo(world))
			return -nth;
		old = *world->vmr;
	}
}

static int world_setup(struct world *world)
{
	struct karena_vmr_source anon;
	int ret;

	world->free = remote_range();
	ret = karena_vmr_source_anon(&anon, RW, KARENA_VMR_PRIVATE);
	if (!ret)
		ret = karena_vmr_new(&world->vmr, world->free + 4 * SPAN, SPAN);
	if (!ret)
		ret = karena_vmr_map(world->vmr, 8 * PAGE, PAGE, &anon, NULL);
	return ret;
}

static void warm_heap(void)
{
	void *blocks[64];

	for (size_t i = 0; i < 64; i++)
		blocks[i] = malloc(i % 2 ? sizeof(struct vmr_leaf) : sizeof(struct karena_vmr));
	for (size_t i = 0; i < 64; i++)
		free(blocks[i]);
}

TEST(calls_on_spans_should_survive_every_failure)
{
	static const struct call all[] = {
		{ "new", new_anywhere, delete_made, -1, 0 },
		{ "new, large", new_large, delete_made, -1, 0 },
		{ "new at an address", new_there, delete_made, -1, 0 },
		{ "extend", extend, shrink_end, -1, 0 },
		{ "shrink at the end", shrink_end, extend, -1, 0 },
		{ "shrink at the start", shrink_start, nothing, -1, 0 },
	};
	struct world world;

	warm_heap();
	ASSERT_EQ(0, world_setup(&world));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int failures = fail_each(&world, &all[i]);

		EXPECT_LT(0, failures) {
			TH_LOG("%s: %d", all[i].name, failures);
		}
	}
}

/* With it the library takes its spare mappings. */
TEST(the_first_reservation_of_all_should_survive_every_failure)
{
	struct world world;
	unsigned long nth;

	warm_heap();
	maps_read(&before);
	for (nth = 1; ; nth++) {
		fail_after = nth;
		if (!new_large(&world))
			break;
		ASSERT_EQ(0, fail_after);
		maps_read(&after);
		ASSERT_TRUE(maps_equal(&before, &after));
	}
	/* Memory, lock, two spare mappings, the span, its ends. */
	EXPECT_LE(6, nth);
	fail_after = 0;
	ASSERT_EQ(0, delete_made(&world));
	maps_read(&after);
	ASSERT_TRUE(maps_equal(&before, &after));
}

static char *stolen;

/* Another thread maps a page where the first end of the span was given back. */
static void steal_page(void *at, size_t length)
{
	(void)length;
	if (stolen == MAP_FAILED)
		stolen = mmap(at, PAGE, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

TEST(a_new_that_fails_should_unmap_nothing_that_became_anothers)
{
	struct world world;
	size_t steals = 0;

	warm_heap();
	unmap_hook = steal_page;
	for (unsigned long nth = 1; ; nth++) {
		stolen = MAP_FAILED;
		fail_after = nth;
		if (!new_large(&world))
			break;
		if (stolen == MAP_FAILED)
			continue;
		steals++;
		maps_read(&after);
		ASSERT_FALSE(is_free(&after, stolen, PAGE));
		munmap(stolen, PAGE);
	}
	unmap_hook = NULL;
	EXPECT_LE(1, steals);
}

TEST(without_its_fork_handlers_the_library_should_make_no_reservation)
{
	struct karena_vmr *vmr = NULL;

	fail_after = 1;
	set_handlers();
	ASSERT_EQ(0, fail_after);
	maps_read(&before);
	EXPECT_EQ(-ENOMEM, karena_vmr_new(&vmr, NULL, PAGE));
	EXPECT_EQ(NULL, vmr);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

TEST(delete_should_survive_every_failure)
{
	struct world world;

	warm_heap();
	ASSERT_EQ(0, new_anywhere(&world));
	maps_read(&before);
	fail_on = true;
	fail_after = 1;
	ASSERT_EQ(-ENOMEM, karena_vmr_delete(&world.made));
	fail_on = false;
	fail_after = 0;
	ASSERT_NE(NULL, world.made);
	maps_read(&after);
	ASSERT_TRUE(maps_equal(&before, &after));
	/* With a spare mapping it succeeds at the second attempt. */
	fail_after = 1;
	ASSERT_EQ(0, karena_vmr_delete(&world.made));
	ASSERT_EQ(0, fail_after);
}

TEST(maps_should_survive_every_failure)
{
	const struct call all[] = {
		{ "memfd", map_source_there, unmap_there, numbered_memfd(4, 0, 0), 0 },
		{ "file", map_source_there, unmap_there, numbered_file(4, 0), 0 },
		{ "private file", map_source_there, unmap_there, numbered_file(4, 0),
		  KARENA_VMR_PRIVATE },
		{ "device", map_source_there, unmap_there, open("/dev/zero", O_RDWR), 0 },
		{ "private anonymous", map_source_there, unmap_there, -1, KARENA_VMR_PRIVATE },
		{ "shared anonymous", map_source_there, unmap_there, -1, 0 },
	};
	struct world world;

	warm_heap();
	ASSERT_EQ(0, world_setup(&world));
	/* Early: the kernel did nothing. Late: it had removed what was there. */
	for (int late = 0; late < 2; late++) {
		fail_late = late;
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			struct karena_vmr_source source = {
				.size = sizeof(source),
				.fd = all[i].fd,
				.prot = RW,
				.flags = all[i].flags,
			};
			int failures;

			world.source = source;
			failures = fail_each(&world, &all[i]);
			EXPECT_LT(0, failures) {
				TH_LOG("%s: %d", all[i].name, failures);
			}
		}
	}
}

/* Leaves and the array of leaves are grown in the middle of a run of maps. */
TEST(bookkeeping_should_survive_every_failure)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct world world;
	int refused = 0;

	warm_heap();
	ASSERT_EQ(0, world_setup(&world));
	ASSERT_EQ(0, karena_vmr_source_anon(&source, RW, KARENA_VMR_PRIVATE));
	for (size_t i = 0; i < 1200; i++) {
		size_t offset = (3000 - 2 * i) * PAGE;

		for (unsigned long nth = 1; nth <= 3; nth++) {
			int ret;

			fail_after = nth;
			ret = karena_vmr_map(world.vmr, offset, PAGE, &source, &map);
			fail_after = 0;
			if (!ret)
				break;
			ASSERT_EQ(-ENOMEM, ret);
			refused++;
			ASSERT_EQ(i + 1, world.vmr->maps.nr);
			ASSERT_TRUE(is_inaccessible((char *)world.vmr->address + offset));
		}
		ASSERT_EQ(0, karena_vmr_map_find(world.vmr, offset, PAGE, &map));
	}
	/* Each mprotect, some 20 leaves and two arrays of leaves. */
	EXPECT_LT(1220, refused);
	while (!karena_vmr_map_first(world.vmr, &map))
		ASSERT_EQ(0, karena_vmr_unmap(world.vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&world.vmr));
}

TEST(unmap_should_survive_every_failure)
{
	struct world world;

	warm_heap();
	ASSERT_EQ(0, world_setup(&world));
	ASSERT_EQ(0, karena_vmr_source_anon(&world.source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, map_source_there(&world));
	*(char *)world.map.address = 9;
	maps_read(&before);
	fail_errno = EAGAIN;
	fail_after = 1;
	errno = 77;
	ASSERT_EQ(-EAGAIN, unmap_there(&world));
	ASSERT_EQ(77, errno);
	maps_read(&after);
	ASSERT_TRUE(maps_equal(&before, &after));
	ASSERT_EQ(9, *(char *)world.map.address);
	/* Hole made and filled: what the caller wanted. */
	fail_late = true;
	fail_after = 1;
	ASSERT_EQ(0, unmap_there(&world));
	ASSERT_EQ(KARENA_E_MAPPING_NOT_FOUND, unmap_there(&world));
	maps_read(&after);
	ASSERT_TRUE(is_placeholder(&after, world.map.address, world.map.length));
	/* With no mapping left, a spare one is. */
	fail_late = false;
	fail_errno = ENOMEM;
	ASSERT_EQ(0, map_source_there(&world));
	fail_after = 1;
	ASSERT_EQ(0, unmap_there(&world));
	ASSERT_EQ(SPARES, nr_spares);
	maps_read(&after);
	ASSERT_TRUE(is_placeholder(&after, world.map.address, world.map.length));
}

TEST_HARNESS_MAIN
