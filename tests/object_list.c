// SPDX-License-Identifier: GPL-2.0-only
/*
 * KARENA_IOC_LIST: it tells of every object, right up to the last mapping, and only to
 * those who may know of it.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <karena.h>

#include "../module/karena_produce.h"
#include "kselftest_harness.h"
#include "module_util.h"
#include "process.h"
#include "produce_util.h"
#include "ring_util.h"
#include "uring_util.h"

enum { ALICE = 65534, BOB = 1001 };

static int device;

/* Lists what comes after an id; @nr may be 0. Returns the number of entries, or -errno. */
static int list(uint64_t after, struct karena_list_entry *entries, size_t nr)
{
	struct karena_list args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)entries,
		.buffer_bytes = nr * sizeof(*entries),
		.after = after,
	};
	int ret = call(device, KARENA_IOC_LIST, &args);

	return ret < 0 ? ret : (int)args.out_count;
}

static uint64_t ino_of(int fd)
{
	struct stat st;

	must(fstat(fd, &st) == 0);
	return st.st_ino;
}

/* Finds an object, one entry a call. Returns false if it is not listed. */
static bool find(uint64_t ino, struct karena_list_entry *entry)
{
	uint64_t after = 0;

	while (list(after, entry, 1) == 1) {
		must(entry->id > after);
		if (entry->ino == ino)
			return true;
		after = entry->id;
	}
	return false;
}

static struct karena_list_entry entry_of(int fd)
{
	struct karena_list_entry entry;

	must(find(ino_of(fd), &entry));
	return entry;
}

static bool is_listed(uint64_t ino)
{
	struct karena_list_entry entry;

	return find(ino, &entry);
}

/* Objects go a little later than their last descriptor if another task has it, too. */
static bool goes_away(uint64_t ino)
{
	int64_t end = now_ms() + HUNG_MS;

	while (is_listed(ino))
		if (now_ms() > end)
			return false;
	return true;
}

FIXTURE(list) {
	int arena;
	int ring;
};

FIXTURE_SETUP(list)
{
	device = device_open();
	self->arena = arena_new(0, 64);
	self->ring = ring_new_fd(KARENA_RING_F_IN_PLACE, 4 * page_size);
	ASSERT_LE(0, self->arena);
	ASSERT_LE(0, self->ring);
}

FIXTURE_TEARDOWN(list)
{
	close(self->arena);
	close(self->ring);
	close(device);
}

TEST_F(list, tells_what_create_was_told)
{
	struct karena_list_entry arena = entry_of(self->arena), ring = entry_of(self->ring);

	EXPECT_EQ(KARENA_KIND_ARENA, arena.kind);
	EXPECT_STREQ("test", arena.name);
	EXPECT_EQ(64 * page_size, arena.length);
	EXPECT_EQ(KARENA_KIND_RING, ring.kind);
	EXPECT_LT(4 * page_size, ring.length);
	EXPECT_EQ((uint32_t)getuid(), arena.uid);
	EXPECT_EQ(getpid(), arena.pid);
	EXPECT_EQ(getpid(), ring.pid);
	EXPECT_LT(arena.id, ring.id);
}

TEST_F(list, tells_what_the_pages_take)
{
	EXPECT_EQ(0, entry_of(self->arena).bytes);
	arena_take(self->arena, 0, 0, 10);
	arena_take(self->arena, KARENA_ALLOC_F_LAZY, 20, 10);
	EXPECT_EQ(10 * page_size, entry_of(self->arena).bytes);
	EXPECT_EQ(0, arena_free(self->arena, 0, 4));
	EXPECT_EQ(6 * page_size, entry_of(self->arena).bytes);
	/* The data area, the page of the positions and the consumer's, and those of slots. */
	EXPECT_LE(6 * page_size, entry_of(self->ring).bytes);
	EXPECT_GE(16 * page_size, entry_of(self->ring).bytes);
}

TEST_F(list, counts_open_files_and_references_on_them)
{
	int again, other;
	pid_t child;
	char *map;

	EXPECT_EQ(1, entry_of(self->arena).nr_files);
	EXPECT_EQ(1, entry_of(self->arena).nr_references);
	again = dup(self->arena);
	EXPECT_EQ(1, entry_of(self->arena).nr_files);
	EXPECT_EQ(2, entry_of(self->arena).nr_references);
	other = ring_reopen(self->arena, KARENA_RIGHT_MAP);
	EXPECT_EQ(2, entry_of(self->arena).nr_files);
	EXPECT_EQ(3, entry_of(self->arena).nr_references);
	map = arena_map(other, PROT_READ, 0, 64);
	EXPECT_EQ(4, entry_of(self->arena).nr_references);
	child = fork_child();
	if (!child)
		pause();
	EXPECT_LE(7, entry_of(self->arena).nr_references);
	end_child(child);
	munmap(map, 64 * page_size);
	close(other);
	close(again);
	EXPECT_EQ(1, entry_of(self->arena).nr_files);
}

TEST_F(list, has_what_a_mapping_alone_keeps)
{
	uint64_t ino = ino_of(self->arena);
	char *map = arena_map(self->arena, RDWR, 0, 64);
	struct karena_list_entry entry;

	map[0] = 1;
	close(self->arena);
	ASSERT_TRUE(find(ino, &entry));
	EXPECT_EQ(1, entry.nr_files);
	EXPECT_EQ(1, entry.nr_references);
	EXPECT_LE(page_size, entry.bytes);
	munmap(map, 64 * page_size);
	EXPECT_TRUE(goes_away(ino));
}

TEST_F(list, remembers_a_creator_that_is_gone)
{
	struct karena_list_entry entry;
	int ends[2], fd;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	child = fork_child();
	if (!child)
		_exit(karena_send_fd(ends[1], arena_new(0, 1)) != 0);
	fd = karena_recv_fd(ends[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, reap(child));
	entry = entry_of(fd);
	EXPECT_EQ(child, entry.pid);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(list, counts_references_of_kernel_code)
{
	int produce;

	ASSERT_EQ(0, module_load("karena_produce", ""));
	produce = open(PRODUCE_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, produce);
	EXPECT_EQ(0, entry_of(self->ring).nr_kernel);
	ASSERT_EQ(0, get_ring(produce, self->ring, KARENA_RIGHT_PRODUCE));
	EXPECT_EQ(1, entry_of(self->ring).nr_kernel);
	EXPECT_EQ(1, entry_of(self->ring).nr_files);
	EXPECT_EQ(0, produce_call(produce, PRODUCE_PUT, 0));
	EXPECT_EQ(0, entry_of(self->ring).nr_kernel);
	close(produce);
	EXPECT_EQ(0, module_unload("karena_produce"));
}

TEST_F(list, counts_parked_commands)
{
	struct io_uring uring;

	if (!(features() & KARENA_FEAT_URING_WAIT))
		SKIP(return, "this kernel cannot park commands");
	ASSERT_EQ(0, io_uring_queue_init(8, &uring, 0));
	EXPECT_EQ(0, entry_of(self->ring).nr_parked);
	prep_wait(&uring, self->ring, 0, 0);
	prep_wait(&uring, self->ring, 0, 0);
	ASSERT_EQ(2, io_uring_submit(&uring));
	EXPECT_EQ(2, entry_of(self->ring).nr_parked);
	io_uring_queue_exit(&uring);
}

TEST_F(list, goes_on_where_it_was_told_to)
{
	struct karena_list_entry entries[3], next;
	int more = arena_new(0, 1);
	uint64_t id = entry_of(self->arena).id;

	ASSERT_EQ(2, list(id, entries, 3));
	EXPECT_EQ(ino_of(self->ring), entries[0].ino);
	EXPECT_EQ(ino_of(more), entries[1].ino);
	ASSERT_EQ(1, list(id, &next, 1));
	EXPECT_EQ(0, memcmp(&next, &entries[0], sizeof(next)));
	/* Also where the object that it went to has gone. */
	close(self->ring);
	ASSERT_EQ(1, list(entries[0].id, &next, 1));
	EXPECT_EQ(ino_of(more), next.ino);
	EXPECT_EQ(0, list(next.id, &next, 1));
	EXPECT_EQ(0, list(UINT64_MAX, &next, 1));
	EXPECT_EQ(0, list(0, &next, 0));
	close(more);
}

TEST_F(list, gives_no_id_again)
{
	uint64_t last = entry_of(self->ring).id;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		int fd = arena_new(0, 1);
		uint64_t id = entry_of(fd).id;

		ASSERT_LT(last, id);
		last = id;
		close(fd);
	}
}

TEST_F(list, does_not_write_past_whole_entries)
{
	unsigned char bytes[sizeof(struct karena_list_entry) + 40];
	struct karena_list args = {
		.size = sizeof(args), .buffer = (uintptr_t)bytes, .buffer_bytes = sizeof(bytes),
	};
	size_t i;

	memset(bytes, 0x5a, sizeof(bytes));
	ASSERT_EQ(0, call(device, KARENA_IOC_LIST, &args));
	EXPECT_EQ(1, args.out_count);
	for (i = sizeof(struct karena_list_entry); i < sizeof(bytes); i++)
		EXPECT_EQ(0x5a, bytes[i]);
	args.buffer_bytes = sizeof(struct karena_list_entry) - 1;
	ASSERT_EQ(0, call(device, KARENA_IOC_LIST, &args));
	EXPECT_EQ(0, args.out_count);
}

static int sees_only_own(void *data)
{
	const int *of_others = data;
	int fd = arena_new(0, 1);
	uint64_t own = ino_of(fd);
	struct karena_list_entry entry;
	uint64_t after = 0;

	must(is_listed(own));
	must(!is_listed(ino_of(*of_others)));
	while (list(after, &entry, 1) == 1) {
		must(entry.uid == (uint32_t)getuid());
		after = entry.id;
	}
	return 0;
}

TEST_F(list, shows_users_their_own)
{

	EXPECT_EQ(0, as_user(ALICE, sees_only_own, &self->arena));
	EXPECT_EQ(0, as_user(BOB, sees_only_own, &self->arena));
}

TEST_F(list, shows_root_those_of_all_users)
{
	int *ino = shared_memory(page_size);
	struct karena_list_entry entry;
	pid_t child = fork_user(ALICE);

	if (!child) {
		int fd = arena_new(0, 1);

		set_flag(ino, (int)ino_of(fd));
		pause();
	}
	while (!get_flag(ino))
		pause_ms(1);
	ASSERT_TRUE(find(*ino, &entry));
	EXPECT_EQ(ALICE, entry.uid);
	EXPECT_EQ(child, entry.pid);
	end_child(child);
	EXPECT_TRUE(goes_away(*ino));
	munmap(ino, page_size);
}

static int hides_outside(int *ino)
{
	struct karena_list_entry entry;
	int fd = arena_new(0, 1);
	pid_t child;

	must(unshare(CLONE_NEWPID) == 0);
	child = fork();	/* fork_child() would miss its parent, which has no pid inside */
	must(child >= 0);
	if (!child) {
		int inside;

		must(setresuid(ALICE, ALICE, ALICE) == 0);
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		inside = arena_new(0, 1);
		/* The container's own is seen, but not what its user has made outside. */
		must(entry_of(inside).pid == getpid());
		must(!is_listed(ino_of(fd)));
		set_flag(ino, (int)ino_of(inside));
		pause();
	}
	while (!get_flag(ino))
		pause_ms(1);
	/* From outside it is seen, with the pid that its creator has there. */
	must(find(*ino, &entry));
	must(entry.pid == child);
	end_child(child);
	return 0;
}

TEST_F(list, hides_what_was_made_outside_a_container)
{
	int *ino = shared_memory(page_size);
	pid_t child = fork_child();

	if (!child) {
		/* ALICE, who is charged, but with root's rights. */
		must(setresuid(ALICE, 0, 0) == 0);
		_exit(hides_outside(ino));
	}
	EXPECT_EQ(0, reap(child));
	munmap(ino, page_size);
}

#define NOT_ALLOWED	77

static int is_root_of_own(void *data)
{
	const int *of_others = data;
	int fd;

	if (unshare(CLONE_NEWUSER))
		return NOT_ALLOWED;
	fd = arena_new(0, 1);
	/* No id is mapped: the user has the one that stands for those. */
	must(entry_of(fd).uid == 65534);
	must(!is_listed(ino_of(*of_others)));
	return 0;
}

TEST_F(list, does_not_take_the_root_of_a_user_namespace_for_root)
{
	int status = as_user(BOB, is_root_of_own, &self->arena);

	if (status == NOT_ALLOWED)
		SKIP(return, "users may not make user namespaces here");
	EXPECT_EQ(0, status);
}

static void come_and_go(void)
{
	for (;;) {
		int fd = arena_new(0, 4), ring = ring_new_fd(0, page_size);
		int again = ring_reopen(fd, KARENA_RIGHT_MAP);
		char *map = arena_map(fd, RDWR, 0, 4);

		close(ring);
		close(fd);
		map[0] = 1;
		close(again);
		munmap(map, 4 * page_size);
	}
}

TEST_F(list, while_objects_come_and_go)
{
	struct karena_list_entry entries[4];
	int64_t end = now_ms() + scaled(2000);
	unsigned long seen = 0;
	pid_t children[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		children[i] = fork_child();
		if (!children[i])
			come_and_go();
	}
	do {
		uint64_t after = 0;
		int nr, at;

		while ((nr = list(after, entries, 4)) > 0) {
			for (at = 0; at < nr; at++) {
				ASSERT_LT(after, entries[at].id);
				after = entries[at].id;
				ASSERT_LE(1, entries[at].kind);
				ASSERT_GE(2, entries[at].kind);
				ASSERT_EQ(0, entries[at].nr_kernel);
				seen++;
			}
		}
		ASSERT_EQ(0, nr);
	} while (now_ms() < end);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-SIGKILL, end_child(children[i]));
	EXPECT_LT(0, seen);
}

TEST_HARNESS_MAIN
