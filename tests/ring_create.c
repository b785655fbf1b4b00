// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making rings: what is refused, where the memory lies, and that it comes back.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "ring_util.h"

static struct karena_ring_create good(void)
{
	return (struct karena_ring_create) {
		.data_bytes = page_size,
		.node = KARENA_NODE_ANY,
		.name = "good",
	};
}

static uint64_t ring_max_bytes(void)
{
	struct karena_query query = { .size = sizeof(query) };
	int dev = device_open();

	must(call(dev, KARENA_IOC_QUERY, &query) == 0);
	close(dev);
	return query.out_ring_max_bytes;
}

static int create_and_close(const struct karena_ring_create *args)
{
	int fd = ring_create(args);

	if (fd >= 0) {
		must(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		close(fd);
	}
	return fd < 0 ? fd : 0;
}

TEST(sizes_that_are_no_power_of_two_or_out_of_range_are_refused)
{
	uint64_t sizes[] = {
		0, 1, 8, page_size - 1, page_size + 1, page_size / 2, 3 * page_size,
		2 * ring_max_bytes(), ring_max_bytes() + page_size, 1ull << 32, 1ull << 63, ~0ull,
	};
	struct karena_ring_create args;
	uint64_t size;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		args = good();
		args.data_bytes = sizes[i];
		EXPECT_EQ(-EINVAL, create_and_close(&args));
	}
	for (size = page_size; size <= 1 << 22; size *= 2) {
		args = good();
		args.data_bytes = size;
		EXPECT_EQ(0, create_and_close(&args));
		args.flags = KARENA_RING_F_IN_PLACE;
		EXPECT_EQ(0, create_and_close(&args));
	}
}

TEST(wrong_arguments_are_refused)
{
	static const int32_t nodes[] = { -2, 64, 1024, 0x7fffffff, -0x7fffffff - 1 };
	struct karena_ring_create args;
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		args = good();
		args.node = nodes[i];
		EXPECT_EQ(-EINVAL, create_and_close(&args));
	}
	for (i = 2; i < 32; i++) {
		args = good();
		args.flags = 1u << i;
		EXPECT_EQ(-EINVAL, create_and_close(&args));
	}
	args = good();
	memset(args.name, 'n', sizeof(args.name));
	EXPECT_EQ(-EINVAL, create_and_close(&args));
	args.name[KARENA_NAME_LEN - 1] = '\0';
	EXPECT_EQ(0, create_and_close(&args));
}

TEST(no_fd_left_is_emfile)
{
	struct rlimit limit = { .rlim_cur = 20, .rlim_max = 20 };
	struct karena_ring_create args = good();
	int dev = device_open(), ret;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	args.size = sizeof(args);
	do {
		ret = call(dev, KARENA_IOC_RING_CREATE, &args);
	} while (ret >= 0);
	EXPECT_EQ(-EMFILE, ret);
}

TEST(size_beyond_all_memory_is_refused_at_once)
{
	long long total = file_number("/proc/meminfo", "MemTotal:") * 1024;
	struct karena_ring_create args = good();
	int64_t begin = now_ms();

	args.data_bytes = ring_max_bytes();
	if ((long long)args.data_bytes <= total)
		SKIP(return, "this machine has memory for the largest ring");
	EXPECT_EQ(-ENOMEM, create_and_close(&args));
	EXPECT_GT(HUNG_MS, now_ms() - begin);
}

static int node_of(const void *address)
{
	int node = -1;

	must(touch_read((void *)address).sig == 0);
	/* MPOL_F_NODE | MPOL_F_ADDR */
	must(syscall(SYS_get_mempolicy, &node, NULL, 0, address, 3) == 0);
	return node;
}

TEST(memory_lies_on_the_node_asked_for)
{
	struct karena_ring_create args = good();
	int node, page;

	args.data_bytes = 8 * page_size;
	for (node = 0; node < 2; node++) {
		struct ring ring;

		args.node = node;
		ring.fd = ring_create(&args);
		if (node && ring.fd == -EINVAL)
			SKIP(return, "this machine has one node");
		ASSERT_LE(0, ring.fd);
		ring = ring_open(ring.fd);
		for (page = 0; page < 3 + 8; page++)
			EXPECT_EQ(node, node_of(ring.map + page * page_size));
		ring_close(&ring);
	}
}

TEST(new_ring_is_zeroed)
{
	uint64_t size = 64 * page_size;
	char zero[page_size];
	struct ring ring;
	uint64_t page;
	int round;

	memset(zero, 0, page_size);
	for (round = 0; round < 3; round++) {
		ring = ring_new(KARENA_RING_F_IN_PLACE, size);
		for (page = 1; page < 3 + 128; page++)
			ASSERT_EQ(0, memcmp(ring.map + page * page_size, zero, page_size));
		/* What the next one must not find. */
		memset(ring_data(&ring), 0xee, size);
		ring_close(&ring);
	}
}

TEST(memory_comes_back)
{
	long long before = 0, after;
	unsigned long i;

	for (i = 0; i < scaled(200); i++) {
		struct ring ring = ring_new(i % 2, 1 << 20);
		struct karena_ring_consumer *consumer = ring_consumer(&ring);
		char payload[page_size];

		must(consumer);
		memset(payload, 1, page_size);
		while (ring_write(ring.fd, payload, page_size) > 0)
			;
		munmap(consumer, page_size);
		ring_close(&ring);
		if (i == 20)
			before = file_number("/proc/meminfo", "MemAvailable:");
	}
	after = file_number("/proc/meminfo", "MemAvailable:");
	/* One ring in five that stayed would be more; KASAN keeps some of what is freed. */
	EXPECT_GT(32768, before - after);
}

TEST(fdinfo_says_what_stat_says)
{
	struct ring ring = ring_new(KARENA_RING_F_IN_PLACE, page_size);
	struct karena_ring_stat stat;
	char path[64], payload[1000] = "";
	uint64_t position;

	ASSERT_EQ(0, ring_reserve(ring.fd, 8, &position));
	ASSERT_EQ(0, ring_discard(ring.fd, position));
	while (ring_write(ring.fd, payload, sizeof(payload)) > 0)
		;
	ring_output(ring.fd, payload, 2 * page_size, 0);
	stat = ring_stat(ring.fd);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring.fd);
	EXPECT_EQ(stat.out_rights, file_number(path, "karena-rights:"));
	EXPECT_EQ(stat.out_flags, file_number(path, "karena-flags:"));
	EXPECT_EQ(stat.out_data_bytes, file_number(path, "karena-data-bytes:"));
	EXPECT_EQ(stat.out_available, file_number(path, "karena-available:"));
	EXPECT_EQ(stat.out_consumer_position, file_number(path, "karena-consumer-position:"));
	EXPECT_EQ(stat.out_producer_position, file_number(path, "karena-producer-position:"));
	EXPECT_EQ(stat.out_records, file_number(path, "karena-records:"));
	EXPECT_EQ(stat.out_submitted, file_number(path, "karena-submitted:"));
	EXPECT_EQ(stat.out_discarded, file_number(path, "karena-discarded:"));
	EXPECT_EQ(stat.out_lost_full, file_number(path, "karena-lost-full:"));
	EXPECT_EQ(stat.out_lost_full_bytes, file_number(path, "karena-lost-full-bytes:"));
	EXPECT_EQ(stat.out_lost_too_big, file_number(path, "karena-lost-too-big:"));
	EXPECT_EQ(stat.out_lost_busy, file_number(path, "karena-lost-busy:"));
	EXPECT_EQ(stat.out_lost_dead, file_number(path, "karena-lost-dead:"));
	EXPECT_EQ(stat.out_wakeups, file_number(path, "karena-wakeups:"));
	EXPECT_EQ(stat.out_lost_too_big_bytes, file_number(path, "karena-lost-too-big-bytes:"));
	EXPECT_EQ(stat.out_lost_busy_bytes, file_number(path, "karena-lost-busy-bytes:"));
	EXPECT_EQ(stat.out_lost_dead_bytes, file_number(path, "karena-lost-dead-bytes:"));
	EXPECT_EQ(stat.out_reserve_timeout_us, file_number(path, "karena-reserve-timeout-us:"));
	EXPECT_EQ(stat.out_lost_timeout, file_number(path, "karena-lost-timeout:"));
	EXPECT_EQ(stat.out_lost_timeout_bytes, file_number(path, "karena-lost-timeout-bytes:"));
	EXPECT_EQ(stat.out_read, file_number(path, "karena-read:"));
	EXPECT_EQ(stat.out_fill_most, file_number(path, "karena-fill-most:"));
	EXPECT_LE(stat.out_unread_us, file_number(path, "karena-unread-us:"));
	EXPECT_EQ(stat.out_wake_bytes, file_number(path, "karena-wake-bytes:"));
	EXPECT_EQ(stat.out_wake_records, file_number(path, "karena-wake-records:"));
	EXPECT_EQ(stat.out_wake_delay_us, file_number(path, "karena-wake-delay-us:"));
	EXPECT_EQ(1, stat.out_lost_full);
	EXPECT_EQ(1, stat.out_lost_too_big);
	EXPECT_EQ(2 * page_size, stat.out_lost_too_big_bytes);
	ring_close(&ring);
}

TEST_HARNESS_MAIN
