// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leaves the kernel is what the header says, and no byte that was left over
 * from something else: on the stack, in the heap, in a page. The tests' kernels
 * do not clear memory when they allocate it, which would hide a missing
 * initialisation: page_poison=1 turns init_on_alloc off.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/uio.h>

#include "calls.h"
#include "kselftest_harness.h"

/*
 * Fills a few hundred bytes of the kernel's stack, which the next call finds
 * there: system calls that copy small arguments onto it and then fail, or have
 * nothing to do.
 */
static void poison_stack(unsigned char byte)
{
	unsigned char junk[512];
	struct pollfd fds[24];
	int i;

	/* Negative fds are passed over by poll(). */
	memset(fds, byte | 0x80, sizeof(fds));
	poll(fds, ARRAY_LEN(fds), 0);
	memset(junk, byte, sizeof(junk));
	for (i = 0; i < 3; i++)
		select(320, (fd_set *)junk, (fd_set *)(junk + 64), (fd_set *)(junk + 128),
		       &(struct timeval){ 0, 0 });
	pwritev(-1, (struct iovec *)junk, 8, 0);
	preadv(world.fd[DEVICE], (struct iovec *)junk, 8, 0);
}

/* The same for blocks of the heap: arrays that are copied in and given back. */
static void poison_heap(unsigned char byte)
{
	static unsigned char junk[16 * 1024];
	int bytes, i;

	memset(junk, byte, sizeof(junk));
	for (bytes = 16 * 16; bytes <= (int)sizeof(junk); bytes *= 2) {
		for (i = 0; i < 8; i++)
			preadv(STDIN_FILENO, (struct iovec *)junk, bytes / 16, 0);
	}
}

/* And for pages. */
static void poison_pages(unsigned char byte)
{
	const size_t bytes = 64 << 20;
	void *map = mmap(NULL, bytes, RDWR, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(map != MAP_FAILED);
	memset(map, byte, bytes);
	munmap(map, bytes);
}

struct output {
	union args args;
	struct karena_arena_range ranges[8];
	char fdinfo[2048];
};

/* What the line of @key says is left out, and zeroes follow the text. */
static void cut(char *text, size_t room, const char *key)
{
	char *line = strstr(text, key);
	char *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return;
	memmove(line, end, strlen(end) + 1);
	end = text + strlen(text);
	memset(end, 0, room - (end - text));
}

static void read_fdinfo(int fd, char *text, size_t room)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	must(read_file(path, text, room) > 0);
	/* The inode is another one each time, and time goes on. */
	cut(text, room, "ino:");
	cut(text, room, "karena-unread-us:");
}

static void gather(const struct call *call, unsigned char byte, struct output *output)
{
	enum kind kind = call_kind(call);

	memset(output, 0, sizeof(*output));
	memset(world.ranges, byte, sizeof(world.ranges));
	world_renew(&world);
	call_prepare(&world, call, &output->args);
	if (call->out)
		memset(output->args.bytes + call->out, byte, call->size - call->out);
	if (call->reserved)
		memset(output->args.bytes + call->reserved, 0, 4);
	poison_heap(byte);
	poison_stack(byte);
	must(try_call(world.fd[kind], call, &output->args) == 0);
	memcpy(output->ranges, world.ranges, sizeof(world.ranges));
	if (kind != DEVICE)
		read_fdinfo(world.fd[kind], output->fdinfo, sizeof(output->fdinfo));
}

/* One world, one call, one answer, whatever lay about. */
TEST(answers_do_not_depend_on_what_lay_about)
{
	static const unsigned char bytes[] = { 0xaa, 0x55, 0xff, 0x00 };
	static struct output outputs[ARRAY_LEN(bytes)];
	const struct call *call;
	unsigned int i;

	world_build(&world);
	for (call = calls; call < calls + NR_CALLS; call++) {
		for (i = 0; i < ARRAY_LEN(bytes); i++) {
			gather(call, bytes[i], &outputs[i]);
			/* Behind its last entry WALK leaves alone what is there. */
			if (call == &calls[CALL_arena_walk])
				memset(outputs[i].ranges + outputs[i].args.walk.out_count, 0,
				       sizeof(outputs[i].ranges) -
				       outputs[i].args.walk.out_count *
				       sizeof(outputs[i].ranges[0]));
			else
				memset(outputs[i].ranges, 0, sizeof(outputs[i].ranges));
			EXPECT_TRUE(cut_clock(call, &outputs[i].args));
			EXPECT_EQ(0, memcmp(&outputs[0], &outputs[i], sizeof(outputs[0])))
				TH_LOG("%s with 0x%02x", call->name, bytes[i]);
		}
	}
	world_end(&world);
}

/* All of an output, against what it must be in a world as it was just built. */
TEST(every_byte_of_a_stat_is_accounted_for)
{
	struct karena_arena_stat expected = {
		.size = sizeof(expected),
		.out_length = WORLD_PAGES * page_size,
		.out_allocated = 6,
		.out_reserved = 4,
		.out_guard = 1,
		.out_populated = 4,
		.out_populated_peak = 4,
		.out_node = KARENA_NODE_ANY,
		.out_rights = KARENA_RIGHTS_ARENA,
		.out_name = "test",
	};
	struct karena_ring_stat ring_expected = {
		.size = sizeof(ring_expected),
		.out_flags = KARENA_RING_F_IN_PLACE,
		.out_rights = KARENA_RIGHTS_RING,
		.out_data_bytes = page_size,
		.out_available = 40,
		.out_producer_position = 40,
		.out_records = 1,
		.out_submitted = 1,
		.out_fill_most = 40,
		.out_name = "test",
	};
	struct karena_arena_stat stat;
	struct karena_ring_stat ring_stat;

	world_build(&world);
	memset(&stat, 0xaa, sizeof(stat));
	stat.size = sizeof(stat);
	stat.flags = 0;
	poison_stack(0xaa);
	ASSERT_EQ(0, ioctl(world.fd[ARENA], KARENA_IOC_ARENA_STAT, &stat));
	expected.out_fault_pages = stat.out_fault_pages;
	EXPECT_EQ(0, memcmp(&expected, &stat, sizeof(stat)));

	memset(&ring_stat, 0xaa, sizeof(ring_stat));
	ring_stat.size = sizeof(ring_stat);
	ring_stat.flags = 0;
	poison_stack(0xaa);
	ASSERT_EQ(0, ioctl(world.fd[RING], KARENA_IOC_RING_STAT, &ring_stat));
	EXPECT_TRUE(cut_clock(&calls[CALL_ring_stat], &ring_stat));
	EXPECT_EQ(0, memcmp(&ring_expected, &ring_stat, sizeof(ring_stat)));
	world_end(&world);
}

TEST(every_byte_of_a_walk_is_accounted_for)
{
	struct karena_arena_range expected[] = {
		{ 0, 4, 4, 0, KARENA_PAGE_ALLOCATED, 0 },
		{ WORLD_RESERVED * page_size, 4, 0, 0, KARENA_PAGE_RESERVED, 0 },
		{ WORLD_GUARD * page_size, 1, 0, 0, KARENA_PAGE_GUARD, 0 },
	};
	struct karena_arena_range ranges[4];

	/* Lazy pages go on from those that are populated: one range. */
	expected[0].nr_pages = 6;
	world_build(&world);
	memset(ranges, 0xaa, sizeof(ranges));
	poison_stack(0xaa);
	ASSERT_EQ(3, arena_walk(world.fd[ARENA], 0, ranges, ARRAY_LEN(ranges), NULL));
	EXPECT_EQ(0, memcmp(expected, ranges, sizeof(expected)));
	EXPECT_EQ(0xaaaaaaaaaaaaaaaa, ranges[3].offset);
	world_end(&world);
}

static bool all_zero(const char *map, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++) {
		if (map[i])
			return false;
	}
	return true;
}

TEST(pages_of_an_arena_come_zeroed)
{
	const unsigned int pages = 512;
	char *map;
	int fd;

	poison_pages(0xa5);
	fd = arena_new(0, 4 * pages);
	map = arena_map(fd, RDWR, 0, 4 * pages);
	arena_take(fd, 0, 0, pages);
	arena_take(fd, KARENA_ALLOC_F_LAZY, pages, pages);
	ASSERT_EQ(0, arena_reserve(fd, 0, 2 * pages, pages));
	ASSERT_EQ(0, arena_commit(fd, 0, 2 * pages, pages));
	EXPECT_TRUE(all_zero(map, 4 * pages * page_size));

	/* And again once they were written, freed and taken anew. */
	memset(map, 0xa5, 4 * pages * page_size);
	ASSERT_EQ(0, arena_free(fd, 0, 4 * pages));
	arena_take(fd, 0, 0, 2 * pages);
	EXPECT_TRUE(all_zero(map, 4 * pages * page_size));
	memset(map, 0xa5, 4 * pages * page_size);
	ASSERT_EQ(0, arena_decommit(fd, 0, 4 * pages));
	ASSERT_EQ(0, arena_commit(fd, 0, 0, 2 * pages));
	EXPECT_TRUE(all_zero(map, 4 * pages * page_size));
	close(fd);
}

/* Of a new ring all is zero but what is in the header page. */
TEST(pages_of_a_ring_come_zeroed)
{
	struct karena_ring_header header;
	unsigned int flags;
	char *map;
	int fd;

	poison_pages(0xa5);
	for (flags = 0; flags <= KARENA_RING_F_IN_PLACE; flags++) {
		fd = ring_on(device_open(), 64 * page_size, flags);
		map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		memcpy(&header, map, sizeof(header));
		EXPECT_EQ(sizeof(header), header.header_bytes);
		EXPECT_TRUE(all_zero(map + sizeof(header), page_size - sizeof(header)));
		map = mmap(NULL, header.map_bytes, PROT_READ, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_TRUE(all_zero(map + page_size, header.map_bytes - page_size));
		munmap(map, header.map_bytes);
		close(fd);
	}
}

/* The padding of a record in a ring that nothing was in before. */
TEST(padding_of_a_record_is_zero)
{
	unsigned char record[24];
	unsigned int length, flags;
	int fd;

	for (flags = 0; flags <= KARENA_RING_F_IN_PLACE; flags++) {
		for (length = 1; length <= 16; length++) {
			fd = ring_on(device_open(), page_size, flags);
			poison_stack(0xaa);
			ASSERT_EQ((int)length, write(fd, "0123456789abcdef", length));
			memset(record, 0xaa, sizeof(record));
			ASSERT_EQ(8 + (length + 7) / 8 * 8, read(fd, record, sizeof(record)));
			EXPECT_EQ(0, memcmp(record + 8, "0123456789abcdef", length));
			EXPECT_TRUE(all_zero((char *)record + 8 + length,
					     (length + 7) / 8 * 8 - length));
			close(fd);
		}
	}
}

TEST_HARNESS_MAIN
