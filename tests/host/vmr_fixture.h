/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reservation of 16 pages and what can be mapped there, for the tests of maps.
 */
#ifndef TESTS_VMR_FIXTURE_H
#define TESTS_VMR_FIXTURE_H

#include "vmr_lib.h"

#include "kselftest_harness.h"

static struct maps before, after;

static inline uint64_t word(const void *at)
{
	return *(const volatile uint64_t *)at;
}

FIXTURE(vmr) {
	struct karena_vmr *vmr;
	char *at;
	int memfd;
	int file;
	struct karena_vmr_source memory;
	struct karena_vmr_source disk;
	struct karena_vmr_source anon;
};

FIXTURE_SETUP(vmr)
{
	self->memfd = numbered_memfd(16, 100, 0);
	self->file = numbered_file(16, 200);
	ASSERT_EQ(0, karena_vmr_source_fd(&self->memory, self->memfd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&self->disk, self->file, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_anon(&self->anon, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&self->vmr, NULL, 16 * PAGE));
	self->at = karena_vmr_get_address(self->vmr);
	/* What the first map takes from the heap, it keeps. */
	ASSERT_EQ(0, vmr_set_prepare(&self->vmr->maps));
}

FIXTURE_TEARDOWN(vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(self->vmr, &map) &&
	       !karena_vmr_unmap(self->vmr, &map))
		;
	maps_read(&after);
	EXPECT_TRUE(is_placeholder(&after, karena_vmr_get_address(self->vmr),
				   karena_vmr_get_size(self->vmr)));
	EXPECT_EQ(0, karena_vmr_delete(&self->vmr));
	close(self->memfd);
	close(self->file);
}

#endif /* TESTS_VMR_FIXTURE_H */
