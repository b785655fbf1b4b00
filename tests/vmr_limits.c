// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations where the system has no more to give: memory that must not be
 * promised, pages that are locked, addresses, huge pages, mappings.
 */
#define _GNU_SOURCE
#include <linux/memfd.h>
#include <sys/resource.h>

#include <karena.h>

#include "kselftest_harness.h"
#include "vmr_objects.h"

#define MIB	((size_t)1 << 20)

static struct maps before, after;

static void write_setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
		_exit(1);
	}
	close(fd);
}

static int become_nobody(void)
{
	return setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534);
}

TEST(an_address_below_the_lowest_should_be_eperm)
{
	struct karena_vmr *vmr;

	write_setting("/proc/sys/vm/mmap_min_addr", "65536");
	ASSERT_EQ(0, become_nobody());
	EXPECT_EQ(-EPERM, karena_vmr_new(&vmr, (void *)PAGE, PAGE));
}

TEST(an_address_space_that_is_full_should_be_enomem)
{
	struct rlimit limit = { 256 * MIB, 256 * MIB };
	struct karena_vmr_source source;
	char *at = remote_range();
	struct karena_vmr *vmr;
	int memfd = numbered_memfd(1, 0, MFD_ALLOW_SEALING);

	ASSERT_EQ(0, karena_vmr_source_fd(&source, memfd, 0, RW, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	EXPECT_EQ(-ENOMEM, karena_vmr_new(&vmr, NULL, 256 * MIB));
	ASSERT_EQ(0, karena_vmr_new(&vmr, at, 150 * MIB));
	maps_read(&before);
	EXPECT_EQ(-ENOMEM, karena_vmr_extend(vmr, 128 * MIB));
	/* It is mapped elsewhere first, and there is no room for that. */
	EXPECT_EQ(-ENOMEM, karena_vmr_map(vmr, 0, 128 * MIB, &source, NULL));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	EXPECT_EQ(0, karena_vmr_map(vmr, 0, MIB, &source, NULL));
}

TEST(memory_that_may_not_be_promised_should_leave_the_placeholder_whole)
{
	struct karena_vmr_source sources[3];
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	int memfd = numbered_memfd(1, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_anon(&sources[0], RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_anon(&sources[1], RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&sources[2], memfd, 0, RW, KARENA_VMR_PRIVATE));
	/* Without access a span is no promise, however large. */
	write_setting("/proc/sys/vm/overcommit_memory", "2");
	EXPECT_EQ(0, karena_vmr_new(&vmr, NULL, 65536 * MIB));
	for (size_t i = 0; i < 3; i++) {
		maps_read(&before);
		EXPECT_EQ(-ENOMEM, karena_vmr_map(vmr, 0, 65536 * MIB, &sources[i], NULL)) {
			TH_LOG("source %zu", i);
		}
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
		ASSERT_EQ(0, karena_vmr_map(vmr, 0, PAGE, &sources[i], &map));
		ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	}
	write_setting("/proc/sys/vm/overcommit_memory", "0");
}

/* What is accounted when mapped is given back when unmapped. */
TEST(memory_should_be_promised_only_while_it_is_mapped)
{
	struct karena_vmr_source sources[2];
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	int memfd = numbered_memfd(1, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_anon(&sources[0], RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_fd(&sources[1], memfd, 0, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 64 * MIB));
	write_setting("/proc/sys/vm/overcommit_memory", "2");
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, karena_vmr_map(vmr, 0, 64 * MIB, &sources[i % 2], &map));
		ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	}
	write_setting("/proc/sys/vm/overcommit_memory", "0");
}

TEST(memory_that_may_not_be_locked_should_be_eagain)
{
	struct rlimit limit = { 8 * MIB, 8 * MIB };
	char *at = remote_range();
	struct karena_vmr *vmr;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, become_nobody());
	ASSERT_EQ(0, mlockall(MCL_FUTURE));
	EXPECT_EQ(-EAGAIN, karena_vmr_new(&vmr, NULL, 32 * MIB));
	ASSERT_EQ(0, karena_vmr_new(&vmr, at, 3 * MIB));
	maps_read(&before);
	EXPECT_EQ(-EAGAIN, karena_vmr_extend(vmr, 8 * MIB));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

/* Of the four that vm/run has the kernel set aside. */
TEST(huge_pages_should_be_mapped_where_they_fit)
{
	int fd = memfd_create("vmr-test", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	char *at;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 8 * MIB));
	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, RW, 0));
	ASSERT_EQ(2 * MIB, source.granularity);
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 16 * MIB));
	at = karena_vmr_get_address(vmr);
	ASSERT_EQ(0, (uintptr_t)at % (2 * MIB));

	maps_read(&before);
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_map(vmr, MIB, 2 * MIB, &source, NULL));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_map(vmr, 0, MIB, &source, NULL));
	source.offset = MIB;
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_map(vmr, 0, 2 * MIB, &source, NULL));
	source.offset = 0;
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));

	for (uint32_t flags = 0; flags <= KARENA_VMR_PRIVATE; flags++) {
		source.flags = flags;
		source.offset = 2 * MIB;
		ASSERT_EQ(0, karena_vmr_map(vmr, 4 * MIB, 4 * MIB, &source, &map));
		EXPECT_TRUE(is_inaccessible(at + 4 * MIB - 1));
		EXPECT_TRUE(is_inaccessible(at + 8 * MIB));
		memset(map.address, 7, 2 * MIB);
		ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
		maps_read(&after);
		EXPECT_TRUE(is_placeholder(&after, at, 16 * MIB));
	}
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	close(fd);
}

/*
 * The limit of mappings, set low so as to be reached soon.
 */
TEST(windows_beyond_the_limit_of_mappings_should_be_enomem_and_lose_nothing)
{
	struct karena_arena *arena = make_arena(16, 0);
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	size_t nr = 0, refused = 0;
	int ret = 0;
	char *at;

	ASSERT_EQ(0, karena_vmr_source_arena(&source, karena_arena_fd(arena), 0, RW));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 10000 * PAGE));
	at = karena_vmr_get_address(vmr);
	write_setting("/proc/sys/vm/max_map_count", "600");
	while (!ret) {
		ret = karena_vmr_map(vmr, 2 * nr * PAGE, PAGE, &source, NULL);
		nr += !ret;
	}
	ASSERT_EQ(-ENOMEM, ret);
	maps_read(&before);
	ASSERT_TRUE(is_placeholder(&before, at + 2 * nr * PAGE, PAGE));
	/* Two mappings a window, but for the program's and the few that moving needs. */
	EXPECT_LT(200, nr);
	for (int i = 0; i < 10; i++)
		refused += karena_vmr_map(vmr, (5000 + 2 * i) * PAGE, PAGE, &source,
					  NULL) == -ENOMEM;
	EXPECT_EQ(10, refused);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));

	*(int *)at = 5;
	for (size_t i = 0; i < nr; i++) {
		ASSERT_EQ(0, karena_vmr_map_find(vmr, 2 * i * PAGE, PAGE, &map));
		ASSERT_EQ(5, *(int *)map.address);
	}
	while (!karena_vmr_map_first(vmr, &map))
		ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	EXPECT_EQ(0, karena_vmr_map(vmr, 0, PAGE, &source, &map));
	EXPECT_EQ(0, karena_vmr_unmap(vmr, &map));
	EXPECT_EQ(0, karena_vmr_delete(&vmr));
	write_setting("/proc/sys/vm/max_map_count", "65530");
}

TEST_HARNESS_MAIN
