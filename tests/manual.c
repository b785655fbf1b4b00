// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of the manual's pages, which are in docs/man/examples, do what they say.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <karena.h>

#include "kselftest_harness.h"

/* Runs a shell command. Returns its exit status, and what it printed in @said. */
static int run(const char *command, char *said, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t length;

	if (!pipe)
		return -1;
	length = fread(said, 1, size - 1, pipe);
	said[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

FIXTURE(page)
{
	char said[1024];
};

/* @says: what it prints or, without a newline at the end, how that begins. */
FIXTURE_VARIANT(page)
{
	const char *program;
	const char *says;
};

FIXTURE_VARIANT_ADD(page, libkarena_3)
{
	.program = "libkarena.3",
	.says = "1000 records, and the end\n",
};

FIXTURE_VARIANT_ADD(page, karena_device_3)
{
	.program = "karena_device.3",
	.says = "registered buffers: ",
};

FIXTURE_VARIANT_ADD(page, karena_passing_descriptors_3)
{
	.program = "karena_passing_descriptors.3",
	.says = "shared\narena_alloc: ",
};

FIXTURE_VARIANT_ADD(page, karena_arenas_3)
{
	.program = "karena_arenas.3",
	.says = "repaired\n2 and 2\n",
};

FIXTURE_VARIANT_ADD(page, karena_rings_3)
{
	.program = "karena_rings.3",
	.says = "511 by copy, 512 submitted, 1 lost\n",
};

FIXTURE_VARIANT_ADD(page, karena_consuming_3)
{
	.program = "karena_consuming.3",
	.says = "999000\n",
};

FIXTURE_VARIANT_ADD(page, karena_dynptr_3)
{
	.program = "karena_dynptr.3",
	.says = "two records\n",
};

FIXTURE_VARIANT_ADD(page, karena_uring_3)
{
	.program = "karena_uring.3",
	.says = "2 pages from page 1 on\narena_alloc: align 3: ",
};

FIXTURE_VARIANT_ADD(page, karena_uring_consumer_3)
{
	.program = "karena_uring_consumer.3",
	.says = "500500\n",
};

FIXTURE_VARIANT_ADD(page, karena_4)
{
	.program = "karena.4",
	.says = "8 bytes: a record\n",
};

FIXTURE_VARIANT_ADD(page, karena_ioctl_4)
{
	.program = "karena_ioctl.4",
	.says = "3 pages, 3 of them with memory\n",
};

FIXTURE_VARIANT_ADD(page, karena_7)
{
	.program = "first",
	.says = "hello from ",
};

FIXTURE_VARIANT_ADD(page, karena_uring_7)
{
	.program = "karena_uring.7",
	.says = "9900\n",
};

FIXTURE_SETUP(page)
{
}

FIXTURE_TEARDOWN(page)
{
}

TEST_F(page, example_should_run)
{
	ASSERT_EQ(0, run(variant->program, self->said, sizeof(self->said)));
	if (variant->says[strlen(variant->says) - 1] != '\n')
		self->said[strlen(variant->says)] = '\0';
	EXPECT_STREQ(variant->says, self->said);
}

TEST(karenactl_8_example_should_tell_what_takes_the_most_memory)
{
	struct karena_ring_opts opts = { .size = sizeof(opts) };
	struct karena_device *device;
	struct karena_ring *rings[2];
	char said[1024];

	ASSERT_EQ(0, karena_open(NULL, &device));
	opts.name = "small";
	ASSERT_EQ(0, karena_ring_create(device, 65536, &opts, &rings[0]));
	opts.name = "large";
	ASSERT_EQ(0, karena_ring_create(device, 1 << 20, &opts, &rings[1]));
	ASSERT_EQ(0, run("karenactl.8", said, sizeof(said)));
	ASSERT_NE(NULL, strstr(said, "\"large\""));
	EXPECT_LT(strstr(said, "\"large\""), strstr(said, "\"small\""));
}

TEST_HARNESS_MAIN
