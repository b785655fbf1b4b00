// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records copied from memory and to memory that is not there, or not always.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#include "ring_kinds.h"

FIXTURE_SETUP(ring)
{
	self->ring = ring_new(variant->flags, 4 * page_size);
	self->fd = self->ring.fd;
	set_nonblock(self->fd);
}

/* Two pages, of which the second is not there. */
static char *half_a_mapping(void)
{
	char *map = mmap(NULL, 2 * page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED);
	must(munmap(map + page_size, page_size) == 0);
	return map;
}

TEST_F(ring, source_that_is_not_there_sends_nothing)
{
	char *half = half_a_mapping();
	struct karena_ring_stat stat;

	EXPECT_EQ(-EFAULT, ring_write(self->fd, half + page_size, 8));
	EXPECT_EQ(-EFAULT, ring_write(self->fd, half + page_size - 8, 16));
	/* About the length from which on it is copied in another way. */
	EXPECT_EQ(-EFAULT, ring_write(self->fd, half + page_size - 64, 128));
	EXPECT_EQ(-EFAULT, ring_write(self->fd, half + page_size - 64, 129));
	EXPECT_EQ(-EFAULT, ring_write(self->fd, half + page_size - 256, 512));
	EXPECT_EQ(-EFAULT, ring_write(self->fd, half, 2 * page_size));
	EXPECT_EQ(-EFAULT, ring_output(self->fd, half + page_size - 8, 16, 0));
	EXPECT_EQ(-EFAULT, ring_output(self->fd, (void *)-4096, 16, 0));
	stat = ring_stat(self->fd);
	EXPECT_EQ(0, stat.out_submitted);
	EXPECT_EQ(0, poll_now(self->fd) & POLLIN);
	/* To the last byte of it. */
	EXPECT_EQ(page_size, ring_write(self->fd, half, page_size));
}

TEST_F(ring, nothing_is_lost_where_memory_is_not_there)
{
	char *half = half_a_mapping();
	char got[128];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(1, ring_write(self->fd, &"abcd"[i], 1));
	EXPECT_EQ(-EFAULT, ring_read(self->fd, half + page_size, 64));
	EXPECT_EQ(-EFAULT, ring_read(self->fd, half + page_size - 8, 64));
	/* What whole records have space for is given. */
	ASSERT_EQ(32, ring_read(self->fd, half + page_size - 40, 64));
	EXPECT_EQ('a', half[page_size - 40 + HEADER_BYTES]);
	EXPECT_EQ('b', half[page_size - 24 + HEADER_BYTES]);
	ASSERT_EQ(32, ring_read(self->fd, got, sizeof(got)));
	EXPECT_EQ('c', got[HEADER_BYTES]);
	EXPECT_EQ('d', got[16 + HEADER_BYTES]);
}

TEST_F(ring, memory_that_was_never_touched_will_do)
{
	size_t bytes = 3 * page_size;
	char *from = mmap(NULL, bytes, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mmap(NULL, 4 * page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(bytes, ring_write(self->fd, from, bytes));
	EXPECT_EQ(record_size(bytes), ring_read(self->fd, to, 4 * page_size));
	EXPECT_EQ(bytes, ((struct karena_record_header *)to)->word);
}

struct flicker {
	char *page;
	bool ended;
};

/* Takes the page away and lets it come again, all the time. */
static void *flicker(void *arg)
{
	struct flicker *f = arg;

	while (!__atomic_load_n(&f->ended, __ATOMIC_ACQUIRE)) {
		must(mprotect(f->page, page_size, PROT_NONE) == 0);
		must(madvise(f->page, page_size, MADV_DONTNEED) == 0);
		must(mprotect(f->page, page_size, RDWR) == 0);
		sched_yield();
	}
	return NULL;
}

TEST_F(ring, memory_that_comes_and_goes_leaves_no_half_record)
{
	struct flicker f = { .page = half_a_mapping() };
	int64_t deadline = now_ms() + (int64_t)scaled(1500);
	unsigned char *got = malloc(4 * page_size);
	uint64_t sent = 0, faults = 0;
	pthread_t thread;

	set_nonblock(self->fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, flicker, &f));
	while (now_ms() < deadline) {
		ssize_t ret = ring_write(self->fd, f.page, page_size);

		ASSERT_TRUE(ret == (ssize_t)page_size || ret == -EFAULT);
		if (ret > 0) {
			ret = ring_read(self->fd, got, 4 * page_size);
			ASSERT_EQ(record_size(page_size), ret);
			sent++;
			/* And back into memory of that kind. */
			ASSERT_EQ(8, ring_write(self->fd, got, 8));
			do {
				ret = ring_read(self->fd, f.page, page_size);
			} while (ret == -EFAULT);
			ASSERT_EQ(16, ret);
		} else {
			faults++;
			/* Past what was discarded, or the ring fills with that. */
			ASSERT_EQ(-EAGAIN, ring_read(self->fd, got, 4 * page_size));
		}
	}
	__atomic_store_n(&f.ended, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	TH_LOG("%llu sent, %llu faults", (unsigned long long)sent, (unsigned long long)faults);
	EXPECT_EQ(2 * sent, ring_stat(self->fd).out_submitted);
	free(got);
}

static void *write_page(void *arg)
{
	char **page = arg;
	int fd = *(int *)page[1];

	must(ring_write(fd, page[0], page_size) == (ssize_t)page_size);
	return NULL;
}

/* The source is a page whose fault nobody answers: others send and read on. */
TEST_F(ring, source_that_never_comes_stops_nobody_else)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range;
	struct uffdio_zeropage zero;
	struct uffd_msg msg;
	char *page[2];
	char got[16];
	pthread_t thread;
	int uffd, i;

	page[0] = mmap(NULL, page_size, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[1] = (char *)&self->fd;
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	range = (struct uffdio_register) {
		.range = { .start = (uintptr_t)page[0], .len = page_size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_page, page));
	ASSERT_EQ(sizeof(msg), read(uffd, &msg, sizeof(msg)));

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(8, ring_write(self->fd, "meantime", 8));
		ASSERT_EQ(16, ring_read(self->fd, got, sizeof(got)));
	}
	zero = (struct uffdio_zeropage) { .range = range.range };
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(101, ring_stat(self->fd).out_submitted);
	close(uffd);
}

TEST_HARNESS_MAIN
