/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An arena of libkarena's, and what its tests look at.
 */
#ifndef KARENA_TESTS_LIBRARY_ARENA_H
#define KARENA_TESTS_LIBRARY_ARENA_H

#include "kselftest_harness.h"
#include "library_util.h"

#define NR_PAGES	256
#define UNTOUCHED	0x5a5a5a5a5a5a5a5aull

FIXTURE(library) {
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_arena *other;
	struct karena_view view;
	uint64_t page;
	uint64_t offset;
};

typedef FIXTURE_DATA(library) library_data;

FIXTURE_SETUP(library)
{
	struct karena_arena_opts opts = KARENA_ARENA_OPTS_INIT;

	opts.use_page_0 = true;
	self->page = (uint64_t)sysconf(_SC_PAGESIZE);
	self->offset = UNTOUCHED;
	self->other = NULL;
	memset(&self->view, 0, sizeof(self->view));
	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_arena_create(self->device, NR_PAGES * self->page, &opts, &self->arena));
}

FIXTURE_TEARDOWN(library)
{
	karena_view_unmap(&self->view);
	karena_arena_close(self->other);
	karena_arena_close(self->arena);
	karena_close(self->device);
}

#endif /* KARENA_TESTS_LIBRARY_ARENA_H */
