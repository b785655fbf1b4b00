// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries that are neither empty nor of a page: markers, by which userfaultfd
 * write-protects pages that are not mapped, asynchronously, in mappings of any kind. Some
 * kernels make them in an arena's.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#include "arena_util.h"
#include "kselftest_harness.h"

/* Newer than the headers of the oldest kernel. */
#define WP_UNPOPULATED	(1 << 13)
#define WP_ASYNC	(1 << 15)
#define PAGES		16

#define HAS_NONE	77

static int faults;

static bool protect(char *map, bool on)
{
	struct uffdio_writeprotect args = {
		.range = { (uintptr_t)map, PAGES * page_size },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(faults, UFFDIO_WRITEPROTECT, &args) == 0;
}

/* A mapping of @fd all of whose entries are markers. Ends the process if there are none. */
static char *map_of_markers(int fd)
{
	struct uffdio_api api = { .api = UFFD_API, .features = WP_ASYNC | WP_UNPOPULATED };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	char *map = arena_map(fd, RDWR, 0, PAGES);

	faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	must(faults >= 0);
	range.range.start = (uintptr_t)map;
	range.range.len = PAGES * page_size;
	/* Kernels that do not know of it, and those that refuse it for such mappings. */
	if (ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &range)) {
		must(errno == EINVAL);
		printf("# features 0x%llx\n", (unsigned long long)api.features);
		_exit(HAS_NONE);
	}
	must(protect(map, true));
	return map;
}

static void touch_all(void)
{
	struct uffdio_range range = { .len = PAGES * page_size };
	int fd = arena_new(0, PAGES);
	char *map = map_of_markers(fd), *other;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		must(touch_write(map + i * page_size, 1).sig == SIGBUS);
		must(touch_read(map + i * page_size).sig == SIGBUS);
		must(touch_in_kernel(map + i * page_size, true) == EFAULT);
		must(touch_in_kernel(map + i * page_size, false) == EFAULT);
	}
	must(arena_stat(fd).out_faults_bus >= 4 * PAGES);
	must(arena_stat(fd).out_populated == 0);
	must(arena_stat(fd).out_allocated == 0);

	/* What is populated is shown where there is no marker, and nowhere else. */
	other = arena_map(fd, RDWR, 0, PAGES);
	for (i = 0; i < PAGES; i++)
		must(touch_write(other + i * page_size, 1).sig == 0);
	must(touch_write(map, 1).sig == SIGBUS);

	must(protect(map, false));
	range.start = (uintptr_t)map;
	must(ioctl(faults, UFFDIO_UNREGISTER, &range) == 0);
	for (i = 0; i < PAGES; i++)
		must(touch_read(map + i * page_size).sig == 0);
}

/* In a child, as a touch that goes round for ever does not come back. */
TEST(a_touch_of_a_marker_is_sigbus_and_comes_back)
{
	int64_t end = now_ms() + HUNG_MS;
	int status = 0;
	pid_t pid;

	pid = fork_child();
	if (!pid) {
		touch_all();
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end)
			kill(pid, SIGKILL);
		usleep(1000);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == HAS_NONE)
		SKIP(return, "this kernel makes no markers in an arena's mapping");
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
