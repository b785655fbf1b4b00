// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps in a reservation: every kind of source, every error.
 */
#include "vmr_fixture.h"

#include <linux/memfd.h>
#include <sys/sysinfo.h>

/* Twice as much as the machine has, of which no request can be granted. */
static size_t too_much(void)
{
	struct sysinfo info;
	size_t size = 4 * GIB;

	sysinfo(&info);
	while (size < 2 * (info.totalram + info.totalswap) * info.mem_unit)
		size *= 2;
	return size;
}

/*
 * Sources.
 */

TEST_F(vmr, a_memfd_should_be_mapped_in_one_step)
{
	struct karena_vmr_map map;

	self->memory.offset = 3 * PAGE;
	ASSERT_TRUE(self->memory.traits & VMR_STEADY);
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 2 * PAGE, 4 * PAGE, &self->memory, &map));
	ASSERT_EQ(self->at + 2 * PAGE, map.address);
	ASSERT_EQ(4 * PAGE, map.length);
	ASSERT_EQ(103, word(self->at + 2 * PAGE));
	ASSERT_EQ(106, word(self->at + 5 * PAGE));
	ASSERT_TRUE(is_inaccessible(self->at + PAGE));
	ASSERT_TRUE(is_inaccessible(self->at + 6 * PAGE));
}

TEST_F(vmr, a_file_should_be_moved_into_place)
{
	struct karena_vmr_map map;

	self->disk.offset = PAGE;
	ASSERT_FALSE(self->disk.traits & VMR_STEADY);
	ASSERT_TRUE(self->disk.traits & VMR_MOVES);
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 2 * PAGE, &self->disk, &map));
	ASSERT_EQ(201, word(self->at));
	ASSERT_EQ(202, word(self->at + PAGE));
	ASSERT_TRUE(is_inaccessible(self->at + 2 * PAGE));
}

TEST_F(vmr, writes_should_reach_a_shared_file_and_not_a_private_one)
{
	int fds[] = { self->memfd, self->file };
	uint64_t found;

	for (size_t i = 0; i < 2; i++) {
		struct karena_vmr_source source;

		ASSERT_EQ(0, karena_vmr_source_fd(&source, fds[i], 0, RW, 0));
		ASSERT_EQ(0, karena_vmr_map(self->vmr, 4 * i * PAGE, PAGE, &source, NULL));
		*(uint64_t *)(self->at + 4 * i * PAGE) = 7;
		ASSERT_EQ(8, pread(fds[i], &found, 8, 0));
		ASSERT_EQ(7, found);

		source.flags = KARENA_VMR_PRIVATE;
		ASSERT_EQ(0, karena_vmr_map(self->vmr, (4 * i + 1) * PAGE, PAGE, &source, NULL));
		ASSERT_EQ(7, word(self->at + (4 * i + 1) * PAGE));
		*(uint64_t *)(self->at + (4 * i + 1) * PAGE) = 8;
		ASSERT_EQ(8, pread(fds[i], &found, 8, 0));
		ASSERT_EQ(7, found);
	}
}

TEST_F(vmr, protection_should_be_as_asked)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, PROT_READ | PROT_EXEC };
	static const char *const shown[] = { "---", "r--", "rw-", "r-x" };
	struct karena_vmr_source *sources[] = { &self->memory, &self->disk, &self->anon };
	struct karena_vmr_map map;

	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 6; k++) {
			struct karena_vmr_source source = *sources[k / 2];
			char line[64];

			source.prot = prots[i];
			if (k % 2)
				source.flags ^= KARENA_VMR_PRIVATE;
			ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, PAGE, &source, &map));
			maps_read(&after);
			if (prots[i] == PROT_NONE && source.fd < 0 && source.flags) {
				/* Just what the placeholder is. */
				ASSERT_TRUE(is_placeholder(&after, map.address, PAGE));
			} else {
				snprintf(line, sizeof(line), "%lx-%lx %s%c ",
					 (unsigned long)map.address,
					 (unsigned long)((char *)map.address + PAGE), shown[i],
					 source.flags ? 'p' : 's');
				ASSERT_NE(NULL, strstr(after.text, line)) {
					TH_LOG("no %s", line);
				}
			}
			ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
		}
	}
}

TEST_F(vmr, anonymous_memory_should_be_zero_also_when_it_comes_again)
{
	struct karena_vmr_map map;

	for (int i = 0; i < 4; i++) {
		self->anon.flags = i % 2 ? KARENA_VMR_PRIVATE : 0;
		ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, 3 * PAGE, &self->anon, &map));
		for (size_t k = 0; k < 3 * PAGE; k++)
			ASSERT_EQ(0, ((char *)map.address)[k]);
		memset(map.address, 0x5a, 3 * PAGE);
		ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
		ASSERT_TRUE(is_inaccessible(self->at + PAGE));
	}
}

TEST_F(vmr, a_device_should_be_moved_twice)
{
	int fd = open("/dev/zero", O_RDWR);
	struct karena_vmr_source source;
	struct karena_vmr_map map;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, RW, 0));
	ASSERT_FALSE(source.traits & VMR_MOVES);
	maps_read(&before);
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 2 * PAGE, &source, &map));
	memset(map.address, 1, 2 * PAGE);
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	maps_read(&after);
	ASSERT_TRUE(maps_equal(&before, &after));
	close(fd);
}

TEST_F(vmr, the_descriptor_may_be_closed_after_the_map)
{
	int fd = numbered_memfd(1, 55, 0);
	struct karena_vmr_source source;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, PROT_READ, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	close(fd);
	ASSERT_EQ(55, word(self->at));
}

TEST_F(vmr, a_source_filled_in_by_hand_should_do)
{
	struct karena_vmr_source source = {
		.size = sizeof(source),
		.fd = self->memfd,
		.prot = PROT_READ,
		.offset = 5 * PAGE,
	};

	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	ASSERT_EQ(105, word(self->at));
	/* It is not written to. */
	ASSERT_EQ(0, source.traits);
	source.fd = -1;
	source.offset = 0;
	ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, PAGE, &source, NULL));
	ASSERT_EQ(0, word(self->at + PAGE));
}

TEST_F(vmr, a_source_struct_may_be_newer_but_not_older)
{
	struct {
		struct karena_vmr_source known;
		uint64_t tail;
	} source = { self->memory, 0 };

	source.known.size = sizeof(source);
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source.known, NULL));
	source.tail = 1;
	ASSERT_EQ(-E2BIG, karena_vmr_map(self->vmr, PAGE, PAGE, &source.known, NULL));
	source.known.size = sizeof(source.known) - 1;
	ASSERT_EQ(-EINVAL, karena_vmr_map(self->vmr, PAGE, PAGE, &source.known, NULL));
	source.known.size = 0;
	ASSERT_EQ(-EINVAL, karena_vmr_map(self->vmr, PAGE, PAGE, &source.known, NULL));
}

TEST_F(vmr, sources_that_are_wrong_should_be_refused)
{
	struct karena_vmr_source source, poison;
	int zero = open("/dev/zero", O_RDWR);

	memset(&poison, 0xcc, sizeof(poison));
	source = poison;
	errno = 77;
	EXPECT_EQ(-EBADF, karena_vmr_source_fd(&source, -1, 0, RW, 0));
	EXPECT_EQ(-EBADF, karena_vmr_source_fd(&source, 9999, 0, RW, 0));
	EXPECT_EQ(-EINVAL, karena_vmr_source_fd(&source, self->memfd, 0, 0x1000, 0));
	EXPECT_EQ(-EINVAL, karena_vmr_source_fd(&source, self->memfd, 0, PROT_GROWSDOWN, 0));
	EXPECT_EQ(-EINVAL, karena_vmr_source_fd(&source, self->memfd, 0, RW, 4));
	EXPECT_EQ(-EINVAL, karena_vmr_source_fd(&source, self->memfd, 0, RW,
						KARENA_VMR_PRIVATE | KARENA_VMR_SYNC));
	EXPECT_EQ(-EINVAL, karena_vmr_source_anon(&source, 0x1000, 0));
	EXPECT_EQ(-EINVAL, karena_vmr_source_anon(&source, RW, KARENA_VMR_SYNC));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_arena(&source, self->memfd, 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_arena(&source, zero, 0, RW));
	EXPECT_EQ(-ENOTTY, karena_vmr_source_ring(&source, self->file, 0, RW));
	EXPECT_EQ(-EBADF, karena_vmr_source_arena(&source, -1, 0, RW));
	EXPECT_EQ(-EBADF, karena_vmr_source_ring(&source, 9999, 0, RW));
	EXPECT_EQ(77, errno);
	EXPECT_EQ(0, memcmp(&source, &poison, sizeof(source)));

	source = self->anon;
	source.offset = PAGE;
	EXPECT_EQ(-EINVAL, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	source = self->memory;
	source.prot = 0x1000;
	EXPECT_EQ(-EINVAL, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	source = self->memory;
	source.flags = 0x80;
	EXPECT_EQ(-EINVAL, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	close(zero);
}

/*
 * Errors of map.
 */

TEST_F(vmr, a_map_should_refuse_what_is_wrong_and_change_nothing)
{
	struct karena_vmr_map map, poison;

	memset(&poison, 0xcc, sizeof(poison));
	map = poison;
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 4 * PAGE, 2 * PAGE, &self->memory, NULL));
	maps_read(&before);
	errno = 77;
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED,
		  karena_vmr_map(self->vmr, 1, PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_map(self->vmr, 1, 0, &self->memory, &map));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED,
		  karena_vmr_map(self->vmr, 0, PAGE + 1, &self->memory, &map));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE,
		  karena_vmr_map(self->vmr, 0, 17 * PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE,
		  karena_vmr_map(self->vmr, 16 * PAGE, PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE,
		  karena_vmr_map(self->vmr, -PAGE, 2 * PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS,
		  karena_vmr_map(self->vmr, 4 * PAGE, PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS,
		  karena_vmr_map(self->vmr, 3 * PAGE, 2 * PAGE, &self->memory, &map));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS,
		  karena_vmr_map(self->vmr, 5 * PAGE, 2 * PAGE, &self->anon, &map));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS,
		  karena_vmr_map(self->vmr, 0, 16 * PAGE, &self->disk, &map));
	self->memory.offset = 1;
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED,
		  karena_vmr_map(self->vmr, 0, PAGE, &self->memory, &map));
	EXPECT_EQ(77, errno);
	EXPECT_EQ(0, memcmp(&map, &poison, sizeof(map)));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
}

TEST_F(vmr, files_that_cannot_be_mapped_should_leave_the_placeholder_whole)
{
	struct {
		int fd;
		int prot;
		uint32_t flags;
		int error;
	} cases[] = {
		/* No DAX: found by the driver, after a MAP_FIXED would have removed. */
		{ self->file, RW, KARENA_VMR_SYNC, -EOPNOTSUPP },
		{ self->memfd, RW, KARENA_VMR_SYNC, -EOPNOTSUPP },
		{ numbered_memfd(4, 0, MFD_ALLOW_SEALING), RW, 0, -EPERM },
		{ numbered_memfd(4, 0, MFD_ALLOW_SEALING), RW, 0, -EPERM },
		{ open("/proc/self/exe", O_RDONLY), RW, 0, -EACCES },
		{ open("/proc/self/maps", O_RDONLY), PROT_READ, 0, -ENODEV },
		{ open("/", O_RDONLY), PROT_READ, 0, -ENODEV },
		{ open("/dev/null", O_RDWR), RW, 0, -ENODEV },
	};

	ASSERT_EQ(0, fcntl(cases[2].fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	ASSERT_EQ(0, fcntl(cases[3].fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL));
	maps_read(&before);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct karena_vmr_source source;

		ASSERT_EQ(0, karena_vmr_source_fd(&source, cases[i].fd, 0, cases[i].prot,
						  cases[i].flags));
		ASSERT_FALSE(source.traits & VMR_STEADY && !source.flags);
		EXPECT_EQ(cases[i].error,
			  karena_vmr_map(self->vmr, PAGE, 2 * PAGE, &source, NULL)) {
			TH_LOG("case %zu", i);
		}
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}
	for (size_t i = 2; i < sizeof(cases) / sizeof(cases[0]); i++)
		close(cases[i].fd);
}

TEST_F(vmr, a_memfd_whose_seals_can_change_should_be_moved_into_place)
{
	int fd = numbered_memfd(4, 30, MFD_ALLOW_SEALING);
	struct karena_vmr_source source;
	struct karena_vmr_map map;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, RW, 0));
	ASSERT_FALSE(source.traits & VMR_STEADY);
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, &map));
	ASSERT_EQ(30, word(self->at));
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	maps_read(&before);
	ASSERT_EQ(-EPERM, karena_vmr_map(self->vmr, 0, PAGE, &source, &map));
	maps_read(&after);
	ASSERT_TRUE(maps_equal(&before, &after));
	close(fd);
}

TEST_F(vmr, more_memory_than_there_is_should_leave_the_placeholder_whole)
{
	uint32_t flags[] = { 0, KARENA_VMR_PRIVATE };
	struct karena_vmr *huge;
	size_t size = too_much();

	ASSERT_EQ(0, karena_vmr_new(&huge, NULL, size));
	maps_read(&before);
	for (size_t i = 0; i < 2; i++) {
		self->anon.flags = flags[i];
		EXPECT_EQ(-ENOMEM, karena_vmr_map(huge, 0, size, &self->anon, NULL));
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}
	ASSERT_EQ(0, karena_vmr_delete(&huge));
}

TEST_F(vmr, huge_pages_should_ask_for_their_alignment)
{
	int fd = memfd_create("vmr-test", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	struct karena_vmr_source source;
	struct karena_vmr *vmr;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, RW, 0));
	ASSERT_EQ(2 * MIB, source.granularity);
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 8 * MIB));
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_map(vmr, PAGE, 2 * MIB, &source, NULL));
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_map(vmr, PAGE, PAGE, &source, NULL));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_map(vmr, 0, PAGE, &source, NULL));
	source.offset = PAGE;
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_map(vmr, 0, 2 * MIB, &source, NULL));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));

	/* More than anybody can have set aside. */
	source.offset = 0;
	EXPECT_EQ(0, karena_vmr_new(&vmr, NULL, too_much()));
	maps_read(&before);
	EXPECT_EQ(-ENOMEM, karena_vmr_map(vmr, 0, too_much(), &source, NULL));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
	close(fd);
}

/*
 * What a driver or a kernel out of memory does in the middle of a step.
 */

static void *landed;

static void land(void *at, size_t length)
{
	landed = mmap(at, length, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	strcpy(landed, "not ours");
}

TEST_F(vmr, a_driver_that_refuses_a_move_should_be_found_out_elsewhere)
{
	int fd = open("/dev/zero", O_RDWR);
	struct karena_vmr_source source;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, RW, 0));
	maps_read(&before);
	fail_errno = EPERM;
	for (int late = 0; late < 2; late++) {
		/* The calls are: mmap of the source, mmap of the place, mremap. */
		fail_late = late;
		fail_after = 3;
		EXPECT_EQ(KARENA_E_NOT_SUPPORTED,
			  karena_vmr_map(self->vmr, 0, 2 * PAGE, &source, NULL));
		EXPECT_EQ(0, fail_after);
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}

	/* Another thread's mapping that comes into that hole is left alone. */
	fail_hook = land;
	fail_after = 3;
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED,
		  karena_vmr_map(self->vmr, 0, 2 * PAGE, &source, NULL));
	EXPECT_STREQ("not ours", landed);
	munmap(landed, 2 * PAGE);
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));

	fail_hook = NULL;
	fail_errno = ENOMEM;
	fail_after = 3;
	EXPECT_EQ(-ENOMEM, karena_vmr_map(self->vmr, 0, 2 * PAGE, &source, NULL));
	close(fd);
}

TEST_F(vmr, a_hole_left_by_the_last_step_should_be_filled)
{
	struct karena_vmr_source *sources[] = { &self->memory, &self->disk };

	maps_read(&before);
	fail_late = true;
	for (size_t i = 0; i < 2; i++) {
		fail_after = 1 + i;
		EXPECT_EQ(-ENOMEM, karena_vmr_map(self->vmr, PAGE, PAGE, sources[i], NULL));
		EXPECT_EQ(0, fail_after);
		maps_read(&after);
		EXPECT_TRUE(maps_equal(&before, &after));
	}
}

TEST_F(vmr, length_0_should_map_all_from_the_offset_to_the_end)
{
	struct karena_vmr_map map;

	self->memory.offset = 3 * PAGE;
	ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGE, 0, &self->memory, &map));
	EXPECT_EQ(13 * PAGE, map.length);
	EXPECT_EQ(115, word(self->at + 13 * PAGE));
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	self->memory.offset = 0;
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_map(self->vmr, PAGE, 0, &self->memory, &map));
	self->memory.offset = 16 * PAGE;
	EXPECT_EQ(-EINVAL, karena_vmr_map(self->vmr, 0, 0, &self->memory, &map));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_map(self->vmr, 0, 0, &self->anon, &map));
	/* A page is mapped as a whole, be the file shorter. */
	ASSERT_EQ(0, ftruncate(self->file, 2 * PAGE + 1));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, 0, &self->disk, &map));
	EXPECT_EQ(3 * PAGE, map.length);
}

TEST_F(vmr, a_found_map_should_tell_its_source)
{
	struct karena_vmr_source source, again;
	struct karena_vmr_map map, found;

	self->disk.offset = 2 * PAGE;
	self->disk.flags = KARENA_VMR_PRIVATE;
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 4 * PAGE, PAGE, &self->disk, &map));
	ASSERT_EQ(0, karena_vmr_map_find(self->vmr, 0, 16 * PAGE, &found));
	ASSERT_EQ(0, karena_vmr_map_source(self->vmr, &found, &source));
	EXPECT_EQ(self->file, source.fd);
	EXPECT_EQ(2 * PAGE, source.offset);
	EXPECT_EQ(RW, source.prot);
	EXPECT_EQ(KARENA_VMR_PRIVATE, source.flags);
	/* As one that was filled in by hand, it can be mapped again. */
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	EXPECT_EQ(202, word(self->at));
	ASSERT_EQ(0, karena_vmr_unmap(self->vmr, &map));
	again.fd = -7;
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_map_source(self->vmr, &map, &again));
	EXPECT_EQ(-7, again.fd);
}

TEST_F(vmr, unmap_at_should_take_any_byte_of_a_map)
{
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 2 * PAGE, 2 * PAGE, &self->memory, NULL));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap_at(self->vmr, self->at));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND,
		  karena_vmr_unmap_at(self->vmr, self->at + 4 * PAGE));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap_at(self->vmr, NULL));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND, karena_vmr_unmap_at(self->vmr, (void *)UINTPTR_MAX));
	EXPECT_EQ(0, karena_vmr_unmap_at(self->vmr, self->at + 4 * PAGE - 1));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND,
		  karena_vmr_unmap_at(self->vmr, self->at + 2 * PAGE));
}

TEST_F(vmr, adopt_should_move_a_mapping_in_and_refuse_what_is_wrong)
{
	char *at = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, self->memfd, 0), *gone = at;
	struct karena_vmr_source source;
	struct karena_vmr_map map;

	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_adopt(self->vmr, 0, PAGE, NULL, &map));
	EXPECT_EQ(KARENA_E_ADDRESS_UNALIGNED, karena_vmr_adopt(self->vmr, 0, PAGE, at + 1, &map));
	EXPECT_EQ(KARENA_E_OFFSET_UNALIGNED, karena_vmr_adopt(self->vmr, 1, PAGE, at, &map));
	EXPECT_EQ(KARENA_E_LENGTH_UNALIGNED, karena_vmr_adopt(self->vmr, 0, 0, at, &map));
	EXPECT_EQ(KARENA_E_OUT_OF_RANGE, karena_vmr_adopt(self->vmr, 15 * PAGE, 2 * PAGE, at,
							  &map));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &self->memory, NULL));
	EXPECT_EQ(KARENA_E_MAPPING_EXISTS, karena_vmr_adopt(self->vmr, 0, PAGE, at, &map));
	EXPECT_EQ(-EINVAL, karena_vmr_adopt(self->vmr, PAGE, PAGE, self->at, &map));
	EXPECT_EQ(100, word(at));

	ASSERT_EQ(0, karena_vmr_adopt(self->vmr, 4 * PAGE, 2 * PAGE, at, &map));
	EXPECT_EQ(self->at + 4 * PAGE, map.address);
	EXPECT_EQ(2 * PAGE, map.length);
	EXPECT_EQ(101, word(self->at + 5 * PAGE));
	maps_read(&after);
	EXPECT_TRUE(is_free(&after, gone, 2 * PAGE));
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, karena_vmr_map_source(self->vmr, &map, &source));
	/* Nothing is there any more. */
	EXPECT_EQ(KARENA_E_NOT_SUPPORTED, karena_vmr_adopt(self->vmr, 8 * PAGE, PAGE, gone, &map));
	maps_read(&after);
	EXPECT_TRUE(is_placeholder(&after, self->at + 6 * PAGE, 10 * PAGE));
	EXPECT_EQ(0, karena_vmr_unmap(self->vmr, &map));
}

TEST_HARNESS_MAIN
