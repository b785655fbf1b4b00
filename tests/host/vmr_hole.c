// SPDX-License-Identifier: GPL-2.0-only
/*
 * Never a hole, whatever is mapped and however it fails.
 */
#include "vmr_lib.h"

#include "vmr_hole.h"

#include "kselftest_harness.h"

TEST(no_thread_should_ever_get_an_address_in_the_span)
{
	int memfd = numbered_memfd(8, 0, 0), file = numbered_file(8, 0);
	int sealed = numbered_memfd(8, 0, MFD_ALLOW_SEALING), zero = open("/dev/zero", O_RDWR);
	struct attempt attempts[9] = {
		/* No DAX: an error of the driver's. */
		[6].result = -EOPNOTSUPP,
		/* Sealed: an error of shmem's. */
		[7].result = -EPERM,
		/* Further than any file goes: an error before all others. */
		[8].result = -EOVERFLOW,
	};

	ASSERT_EQ(0, fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[0].source, memfd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[1].source, file, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[2].source, file, 0, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_anon(&attempts[3].source, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_source_anon(&attempts[4].source, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[5].source, zero, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[6].source, file, 0, RW, KARENA_VMR_SYNC));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[7].source, sealed, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_fd(&attempts[8].source, memfd, INT64_MAX - PAGE + 1, RW, 0));
	EXPECT_EQ(0, count_holes(attempts, 9, 10000));
}

TEST(the_same_probes_should_find_holes_where_there_are_some)
{
	EXPECT_LT(0, count_careless_holes());
}

TEST_HARNESS_MAIN
