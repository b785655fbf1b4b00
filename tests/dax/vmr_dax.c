// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations with a file on persistent memory. Run by vm/dax, in the directory
 * of a file system that is mounted with dax.
 */
#define _GNU_SOURCE
#include <errno.h>

#include <karena.h>

/* An emulated machine is slow; the host does ten times as many. */
#define ROUNDS		200

#include "vmr_hole.h"

#include "kselftest_harness.h"

#define PAGES	16
#define FILE_NAME "vmr-test"

static struct maps before, after;

FIXTURE(dax) {
	int fd;
	struct karena_vmr *vmr;
	char *at;
};

FIXTURE_SETUP(dax)
{
	self->fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT_LE(0, self->fd);
	number_pages(self->fd, PAGES, 100);
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, karena_vmr_new(&self->vmr, NULL, 2 * PAGES * PAGE));
	self->at = karena_vmr_get_address(self->vmr);
}

FIXTURE_TEARDOWN(dax)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(self->vmr, &map) &&
	       !karena_vmr_unmap(self->vmr, &map))
		;
	maps_read(&after);
	EXPECT_TRUE(is_placeholder(&after, self->at, 2 * PAGES * PAGE));
	EXPECT_EQ(0, karena_vmr_delete(&self->vmr));
	close(self->fd);
	unlink(FILE_NAME);
}

/* Does the kernel show the flag, of two letters, for the mapping at the address? */
static bool has_flag(const void *at, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool there = false, has = false;
	char line[256];

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			there = (unsigned long)at >= start && (unsigned long)at < end;
		if (there && !strncmp(line, "VmFlags:", 8))
			has = strstr(line, flag);
	}
	if (smaps)
		fclose(smaps);
	return has;
}

TEST_F(dax, a_file_should_be_mapped_where_its_bytes_are)
{
	struct karena_vmr_source source;
	uint64_t word = 7;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, self->fd, 2 * PAGE, RW, 0));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 4 * PAGE, 4 * PAGE, &source, NULL));
	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(102 + i, *(uint64_t *)(self->at + (4 + i) * PAGE));
	ASSERT_EQ(8, pwrite(self->fd, &word, 8, 3 * PAGE));
	EXPECT_EQ(7, *(uint64_t *)(self->at + 5 * PAGE));
	*(uint64_t *)(self->at + 6 * PAGE) = 8;
	ASSERT_EQ(8, pread(self->fd, &word, 8, 4 * PAGE));
	EXPECT_EQ(8, word);
}

TEST_F(dax, a_synchronous_map_should_be_one_also_after_it_was_moved)
{
	struct karena_vmr_source source;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, self->fd, 0, RW, KARENA_VMR_SYNC));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGES * PAGE, &source, NULL));
	EXPECT_TRUE(has_flag(self->at, " sf"));
	*(uint64_t *)self->at = 9;
	source.flags = 0;
	ASSERT_EQ(0, karena_vmr_map(self->vmr, PAGES * PAGE, PAGE, &source, NULL));
	EXPECT_FALSE(has_flag(self->at + PAGES * PAGE, " sf"));
	EXPECT_EQ(9, *(uint64_t *)(self->at + PAGES * PAGE));
}

TEST_F(dax, a_private_map_should_keep_its_writes_to_itself)
{
	struct karena_vmr_source source;
	uint64_t word;

	ASSERT_EQ(0, karena_vmr_source_fd(&source, self->fd, 0, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	*(uint64_t *)self->at = 1;
	ASSERT_EQ(8, pread(self->fd, &word, 8, 0));
	EXPECT_EQ(100, word);
}

TEST_F(dax, a_file_elsewhere_should_not_be_synchronous_and_leave_the_placeholder_whole)
{
	struct karena_vmr_source source;
	int fd = open("/proc/self/exe", O_RDONLY);

	ASSERT_EQ(0, karena_vmr_source_fd(&source, fd, 0, PROT_READ, KARENA_VMR_SYNC));
	maps_read(&before);
	EXPECT_EQ(-EOPNOTSUPP, karena_vmr_map(self->vmr, 0, PAGE, &source, NULL));
	maps_read(&after);
	EXPECT_TRUE(maps_equal(&before, &after));
	close(fd);
}

TEST_F(dax, no_thread_should_ever_get_an_address_in_the_span)
{
	struct attempt attempts[2] = { { .result = 0 }, { .result = 0 } };

	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[0].source, self->fd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[1].source, self->fd, 0, RW, KARENA_VMR_SYNC));
	EXPECT_EQ(0, count_holes(attempts, 2, ROUNDS));
}

TEST_HARNESS_MAIN
