// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkarena: each refusal has a message that tells the call, the argument and the rule.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>

#include <karena.h>

#include "calls.h"
#include "kselftest_harness.h"

static union args args;

FIXTURE(calls) {
};

FIXTURE_SETUP(calls)
{
	world_build(&world);
}

FIXTURE_TEARDOWN(calls)
{
	world_end(&world);
}

static bool says(const char *part)
{
	if (strstr(karena_errormsg(), part))
		return true;
	printf("# \"%s\" is not in \"%s\"\n", part, karena_errormsg());
	return false;
}

/*
 * The call fails with @err on @fd, and the message begins with its name and has @part.
 * The arguments are those of the call, so that what the kernel refuses is explained.
 */
static bool explained(const struct call *call, int fd, int err, const char *part)
{
	int got = try_call(fd, call, &args);

	if (got != err || karena_explain(fd, call->number, &args, -got) != -err) {
		printf("# %s: %d instead of %d\n", call->name, got, err);
		return false;
	}
	if (!strncmp(karena_errormsg(), call->name, 4) && says(part))
		return true;
	printf("# %s: \"%s\"\n", call->name, karena_errormsg());
	return false;
}

static int fd_of(const struct call *call)
{
	return world.fd[call_kind(call)];
}

#define for_each_call(_call) for (_call = calls; _call < calls + NR_CALLS; _call++)

TEST_F(calls, an_unknown_flag_is_named)
{
	const struct call *call;

	for_each_call(call) {
		call_prepare(&world, call, &args);
		args.flags = 1u << 30;
		EXPECT_TRUE(explained(call, fd_of(call), EINVAL, "flags 0x40000000"));
	}
}

TEST_F(calls, a_size_that_was_forgotten_is_named)
{
	const struct call *call;

	for_each_call(call) {
		call_prepare(&world, call, &args);
		args.size = 0;
		EXPECT_TRUE(explained(call, fd_of(call), EINVAL, "size 0: must be sizeof()"));
	}
}

TEST_F(calls, a_reserved_field_is_named)
{
	const struct call *call;

	for_each_call(call) {
		if (!call->reserved)
			continue;
		call_prepare(&world, call, &args);
		args.bytes[call->reserved] = 7;
		EXPECT_TRUE(explained(call, fd_of(call), EINVAL, "__reserved 7: must be 0"));
	}
}

TEST_F(calls, a_newer_struct_is_named)
{
	const struct call *call;

	for_each_call(call) {
		call_prepare(&world, call, &args);
		args.size = call->size + 8;
		args.bytes[call->size] = 1;
		EXPECT_TRUE(explained(call, fd_of(call), E2BIG, "newer"));
	}
}

TEST_F(calls, a_missing_right_is_named)
{
	const struct call *call;
	int fd;

	for_each_call(call) {
		if (!call->rights)
			continue;
		call_prepare(&world, call, &args);
		fd = reopen_with(fd_of(call), 0);
		EXPECT_TRUE(explained(call, fd, EPERM, "lacks KARENA_RIGHT_"));
		close(fd);
	}
}

TEST_F(calls, another_kind_of_descriptor_is_named)
{
	const struct call *call;
	int fd = open("/dev/null", O_RDONLY);

	for_each_call(call) {
		call_prepare(&world, call, &args);
		EXPECT_TRUE(explained(call, fd, ENOTTY, "of another kind"));
	}
	close(fd);
}

TEST_F(calls, a_bad_buffer_is_named)
{
	const struct call *call;
	__u64 bad = 8;

	for_each_call(call) {
		if (!call->buffer)
			continue;
		call_prepare(&world, call, &args);
		memcpy(args.bytes + call->buffer, &bad, sizeof(bad));
		EXPECT_TRUE(explained(call, fd_of(call), EFAULT, "a pointer cannot be"));
	}
}

/* As older programs have it: what is behind @size is not looked at. */
TEST_F(calls, a_short_struct_is_not_read_beyond_its_size)
{
	static const __u32 size = 4;
	long page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct call *call;

	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, mprotect(at + page, page, PROT_NONE));
	memcpy(at + page - size, &size, sizeof(size));
	for_each_call(call)
		EXPECT_EQ(-EINVAL, karena_explain(fd_of(call), call->number, at + page - size,
						  -EINVAL));
	EXPECT_TRUE(says("size 4"));
	munmap(at, 2 * page);
}

TEST_F(calls, a_result_that_is_none_of_an_error_is_left_alone)
{
	ASSERT_EQ(-EINVAL, karena_explain(-1, 0, NULL, -EINVAL));
	EXPECT_TRUE(says("ioctl"));
	EXPECT_EQ(5, karena_explain(-1, 0, NULL, 5));
	EXPECT_TRUE(says("ioctl"));
}

FIXTURE(library) {
	struct karena_device *device;
	struct karena_arena *arena;
	struct karena_ring *ring;
	struct karena_ring *in_place;
	size_t page;
};

FIXTURE_SETUP(library)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_IN_PLACE };

	self->page = (size_t)sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, karena_open(NULL, &self->device));
	ASSERT_EQ(0, karena_arena_create(self->device, 8 * self->page, NULL, &self->arena));
	ASSERT_EQ(0, karena_ring_create(self->device, self->page, NULL, &self->ring));
	ASSERT_EQ(0, karena_ring_create(self->device, self->page, &opts, &self->in_place));
}

FIXTURE_TEARDOWN(library)
{
	karena_ring_close(self->in_place);
	karena_ring_close(self->ring);
	karena_arena_close(self->arena);
	karena_close(self->device);
}

/* The call fails with @error, and its message has @part. */
#define REFUSED(error, part, call) do { \
	EXPECT_EQ(error, call); \
	EXPECT_TRUE(says(part)); \
} while (0)

TEST_F(library, arena_create_names_what_is_wrong)
{
	struct karena_arena_opts opts = { .size = sizeof(opts) };
	struct karena_arena *made;

	REFUSED(-EINVAL, "arena_create: length 0: must be at least 1",
		karena_arena_create(self->device, 0, NULL, &made));
	REFUSED(-EINVAL, "length 5: must be a multiple of the page size",
		karena_arena_create(self->device, 5, NULL, &made));
	opts.address = self->page;
	REFUSED(-EINVAL, "must be 0 without KARENA_ARENA_F_FIXED_ADDR",
		karena_arena_create(self->device, self->page, &opts, &made));
	opts.address = 0;
	opts.fault_pages = 65;
	REFUSED(-EINVAL, "fault_pages 65: must be at most 64",
		karena_arena_create(self->device, self->page, &opts, &made));
	opts.fault_pages = 0;
	opts.name = "a name";
	REFUSED(-EINVAL, "name: byte 1 is 0x20",
		karena_arena_create(self->device, self->page, &opts, &made));
	opts.name = "much-longer-than-a-name-may-be";
	REFUSED(-ENAMETOOLONG, "must be at most 15 characters",
		karena_arena_create(self->device, self->page, &opts, &made));
	opts.name = NULL;
	opts.on_node = true;
	opts.node = 1000;
	REFUSED(-EINVAL, "node 1000: the machine has no such NUMA node",
		karena_arena_create(self->device, self->page, &opts, &made));
	opts.size = 0;
	REFUSED(-EINVAL, "karena_arena_opts: size 0: must be sizeof()",
		karena_arena_create(self->device, self->page, &opts, &made));
}

TEST_F(library, calls_on_arenas_name_what_is_wrong)
{
	struct karena_alloc_opts opts = { .size = sizeof(opts), .align = 3 };
	struct karena_walk *walk;
	uint64_t at;

	REFUSED(-EINVAL, "arena_alloc: nr_pages 0: must be at least 1",
		karena_arena_alloc(self->arena, 0, NULL, &at));
	REFUSED(-EINVAL, "offset 0, nr_pages 9: must not pass the arena's end",
		karena_arena_alloc(self->arena, 9, NULL, &at));
	REFUSED(-EINVAL, "align 3: must be a power of two",
		karena_arena_alloc(self->arena, 1, &opts, &at));
	opts.align = 2 * self->page;
	opts.offset = self->page;
	opts.flags = KARENA_ALLOC_F_FIXED;
	REFUSED(-EINVAL, "must be a multiple of align",
		karena_arena_alloc(self->arena, 1, &opts, &at));
	opts.align = 0;
	ASSERT_EQ(0, karena_arena_alloc(self->arena, 1, &opts, &at));
	REFUSED(-EBUSY, "a page of the range is not free",
		karena_arena_alloc(self->arena, 1, &opts, &at));
	REFUSED(-ENOSPC, "no gap has so many free pages",
		karena_arena_alloc(self->arena, 8, NULL, &at));
	REFUSED(-ENOENT, "is not allocated",
		karena_arena_free(self->arena, 0, 2, KARENA_FREE_F_STRICT));
	REFUSED(-EINVAL, "arena_free: offset 1: must be a multiple",
		karena_arena_free(self->arena, 1, 1, 0));
	REFUSED(-EINVAL, "arena_reserve: offset 0, nr_pages 9: must not pass",
		karena_arena_reserve(self->arena, 0, 9));
	REFUSED(-EBUSY, "is not reserved",
		karena_arena_commit(self->arena, 0, 1, NULL));
	REFUSED(-EBUSY, "is free or a guard page",
		karena_arena_decommit(self->arena, 0, 1));
	REFUSED(-EINVAL, "walk_new: offset 3: must be",
		karena_walk_new(self->arena, 3, &walk));
}

TEST_F(library, arena_map_names_what_is_wrong)
{
	struct karena_view_opts opts = { .size = sizeof(opts), .offset = 1 };
	struct karena_view view, bad = { .address = (void *)1, .length = 1 };
	struct karena_arena *other;

	REFUSED(-EINVAL, "arena_map: offset 1, address",
		karena_arena_map(self->arena, &opts, &view));
	opts.offset = 8 * self->page;
	REFUSED(-EINVAL, "must not pass the arena's end",
		karena_arena_map(self->arena, &opts, &view));
	opts.offset = 0;
	ASSERT_EQ(0, karena_arena_map(self->arena, &opts, &view));
	opts.address = view.address;
	REFUSED(-EEXIST, "something is mapped at the address",
		karena_arena_map(self->arena, &opts, &view));
	opts.address = NULL;
	opts.prot = PROT_READ | PROT_EXEC;
	REFUSED(-EPERM, "must not have PROT_EXEC", karena_arena_map(self->arena, &opts, &view));
	ASSERT_EQ(0, karena_arena_reopen(self->arena, KARENA_RIGHT_MAP, &other));
	REFUSED(-EACCES, "lacks KARENA_RIGHT_MAP_WRITE", karena_arena_map(other, NULL, &view));
	REFUSED(-EPERM, "lacks KARENA_RIGHT_MAP_WRITE",
		karena_arena_reopen(other, KARENA_RIGHT_MAP_WRITE, &other));
	REFUSED(-EINVAL, "must be some of 0xf, KARENA_RIGHTS_ARENA",
		karena_arena_restrict(other, KARENA_RIGHT_PRODUCE));
	karena_arena_close(other);
	REFUSED(-EINVAL, "view_unmap: address 0x1", karena_view_unmap(&bad));
}

TEST_F(library, ring_create_names_what_is_wrong)
{
	struct karena_ring *made;

	REFUSED(-EINVAL, "ring_create: data_bytes 65544: must be a power of two",
		karena_ring_create(self->device, 65544, NULL, &made));
	REFUSED(-EINVAL, "data_bytes 0: must be a power of two",
		karena_ring_create(self->device, 0, NULL, &made));
}

TEST_F(library, producers_by_copy_are_told_what_is_wrong)
{
	uint32_t both = KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP;
	static char big[1 << 17];

	REFUSED(-EINVAL, "ring_output: length 0: must be at least 1",
		karena_ring_output(self->ring, big, 0, 0));
	REFUSED(-EINVAL, "not both", karena_ring_output(self->ring, big, 1, both));
	REFUSED(-ENOSPC, "more bytes than the ring",
		karena_ring_output(self->ring, big, sizeof(big), 0));
	ASSERT_EQ(0, karena_ring_output(self->ring, big, self->page - 8, 0));
	REFUSED(-EAGAIN, "has no space for it just now",
		karena_ring_output(self->ring, big, 1, 0));
	REFUSED(-ETIMEDOUT, "the time was over first",
		karena_ring_output_wait(self->ring, big, 1, 0, 1));
	REFUSED(-EINVAL, "the first one's length",
		karena_ring_output_batch(self->ring, big, 64, 0));
	REFUSED(-EINVAL, "ring_wait: events 0x0", karena_ring_wait(self->ring, 0, 0));
	REFUSED(-EINVAL, "ring_set_policy: bytes 1000000: must be at most",
		karena_ring_set_policy(self->ring, 1000000, 0, 0));
}

TEST_F(library, producers_in_place_are_told_what_is_wrong)
{
	uint32_t lengths[2] = { 8, 0 };
	struct karena_finish finish;
	struct karena_ring *other;
	void *data, *batch[2];
	char stray;

	REFUSED(NULL, "made without KARENA_RING_F_IN_PLACE", karena_ring_reserve(self->ring, 8));
	REFUSED(-EPERM, "made without KARENA_RING_F_IN_PLACE",
		karena_ring_reserve_batch(self->ring, lengths, 1, batch));
	ASSERT_EQ(0, karena_ring_reopen(self->in_place, KARENA_RIGHT_MAP | KARENA_RIGHT_MAP_WRITE,
					&other));
	REFUSED(NULL, "lacks KARENA_RIGHT_PRODUCE", karena_ring_reserve(other, 8));
	karena_ring_close(other);
	REFUSED(NULL, "length 0: must be at least 1", karena_ring_reserve(self->in_place, 0));
	REFUSED(NULL, "more bytes than the ring", karena_ring_reserve(self->in_place, 1 << 20));
	REFUSED(-EINVAL, "lengths: one of them is 0",
		karena_ring_reserve_batch(self->in_place, lengths, 2, batch));
	REFUSED(-EINVAL, "nr 0: must be at least 1",
		karena_ring_reserve_batch(self->in_place, lengths, 0, batch));
	REFUSED(-EINVAL, "is no reservation of this handle",
		karena_ring_submit(self->in_place, &stray, 0));
	data = karena_ring_reserve(self->in_place, 8);
	REFUSED(-EINVAL, "or length too much",
		karena_ring_submit_trimmed(self->in_place, data, 9, 0));
	REFUSED(-EINVAL, "ring_submit_trimmed: length 0",
		karena_ring_submit_trimmed(self->in_place, data, 0, 0));
	ASSERT_EQ(0, karena_ring_submit(self->in_place, data, 0));
	REFUSED(-EINVAL, "ring_discard: data is no open",
		karena_ring_discard(self->in_place, data, 0));
	finish = (struct karena_finish){ .data = data };
	REFUSED(-EINVAL, "the first entry is no",
		karena_ring_finish_batch(self->in_place, &finish, 1, 0));
}

static int nothing(void *context, const void *data, size_t length)
{
	(void)context;
	(void)data;
	return length ? 0 : 1;
}

TEST_F(library, consumers_are_told_what_is_wrong)
{
	struct karena_record record;
	struct karena_ring *other;

	ASSERT_EQ(0, karena_ring_output(self->ring, "x", 1, 0));
	ASSERT_EQ(1, karena_ring_take(self->ring, &record, 1));
	REFUSED(-EINVAL, "taken and not released",
		karena_ring_consume(self->ring, nothing, NULL, 0));
	ASSERT_EQ(0, karena_ring_reopen(self->ring, KARENA_RIGHTS_RING, &other));
	REFUSED(-EBUSY, "is the consumer", karena_ring_take(other, &record, 1));
	ASSERT_EQ(0, karena_ring_restrict(other, KARENA_RIGHT_MAP));
	REFUSED(-EPERM, "lacks KARENA_RIGHT_CONSUME", karena_ring_take(other, &record, 1));
	karena_ring_close(other);
}

TEST_F(library, dynptrs_tell_what_is_wrong)
{
	struct karena_dynptr dynptr, clone;
	char bytes[32];

	ASSERT_EQ(0, karena_ring_reserve_dynptr(self->in_place, 8, &dynptr));
	karena_dynptr_clone(&dynptr, &clone);
	REFUSED(-ERANGE, "offset 5, length 4: must not pass its end, 8",
		karena_dynptr_read(&dynptr, 5, bytes, 4));
	REFUSED(-EPERM, "a clone is read-only", karena_dynptr_write(&clone, 0, bytes, 1));
	REFUSED(-EINVAL, "a clone cannot finish", karena_ring_submit_dynptr(&clone, 0));
	REFUSED(-EINVAL, "end 1: must be at least start, 2", karena_dynptr_adjust(&dynptr, 2, 1));
	REFUSED(-ERANGE, "end 9: must be at most its size, 8", karena_dynptr_adjust(&dynptr, 2, 9));
	ASSERT_EQ(0, karena_ring_submit_dynptr(&dynptr, 0));
	REFUSED(-EINVAL, "it is null", karena_dynptr_read(&dynptr, 0, bytes, 1));
}

TEST_F(library, reservations_tell_what_is_wrong)
{
	struct karena_vmr_source source;
	struct karena_vmr_map map;
	struct karena_vmr *vmr;
	size_t page = self->page;

	REFUSED(KARENA_E_LENGTH_UNALIGNED, "vmr_new: address (nil), size 5",
		karena_vmr_new(&vmr, NULL, 5));
	ASSERT_EQ(0, karena_vmr_new(&vmr, NULL, 4 * page));
	REFUSED(-EINVAL, "vmr_source: flags 0x2: must be", karena_vmr_source_anon(&source, 0, 2));
	REFUSED(-EINVAL, "vmr_source: prot 0x80", karena_vmr_source_anon(&source, 128, 0));
	REFUSED(-ENOTTY, "of another kind", karena_vmr_source_ring(&source, 0, 0, PROT_READ));
	ASSERT_EQ(0, karena_vmr_source_anon(&source, PROT_READ, KARENA_VMR_PRIVATE));
	REFUSED(KARENA_E_OFFSET_UNALIGNED, "vmr_map: offset 7, length",
		karena_vmr_map(vmr, 7, page, &source, &map));
	ASSERT_EQ(0, karena_vmr_map(vmr, 0, page, &source, &map));
	REFUSED(KARENA_E_MAPPING_EXISTS, "vmr_map: offset 0, length",
		karena_vmr_map(vmr, 0, page, &source, NULL));
	REFUSED(KARENA_E_RESERVATION_NOT_EMPTY, "vmr_delete: ", karena_vmr_delete(&vmr));
	REFUSED(KARENA_E_RESERVATION_NOT_EMPTY, "vmr_shrink: offset 0, size",
		karena_vmr_shrink(vmr, 0, page));
	REFUSED(KARENA_E_LENGTH_UNALIGNED, "vmr_extend: size 3", karena_vmr_extend(vmr, 3));
	ASSERT_EQ(0, karena_vmr_unmap(vmr, &map));
	REFUSED(KARENA_E_MAPPING_NOT_FOUND, "vmr_unmap: address", karena_vmr_unmap(vmr, &map));
	REFUSED(KARENA_E_MAPPING_NOT_FOUND, "No such map", karena_vmr_map_first(vmr, &map));
	ASSERT_EQ(0, karena_vmr_delete(&vmr));
}

TEST_F(library, open_tells_what_is_wrong)
{
	struct karena_device *device;

	REFUSED(-ENOTTY, "/dev/null: is not the device of karena",
		karena_open("/dev/null", &device));
	REFUSED(-ENOENT, "the module is loaded, but there is no such device",
		karena_open("/dev/no-karena", &device));
}

static void *message_of_thread(void *context)
{
	int *pipe = context;

	must(write(pipe[1], karena_errormsg(), 1) == 1);
	return NULL;
}

TEST_F(library, each_thread_has_its_own_message)
{
	pthread_t thread;
	char first = 'x';
	int fd[2];

	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(-EINVAL, karena_ring_wait(self->ring, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, message_of_thread, fd));
	/* Not joined: kernels without CONFIG_COMPAT_32BIT_TIME lack futex() of 32 bits. */
	ASSERT_EQ(1, read(fd[0], &first, 1));
	EXPECT_EQ('\0', first);
	EXPECT_TRUE(says("ring_wait: events 0x0"));
	EXPECT_TRUE(says("ring_wait: events 0x0"));
}

TEST_HARNESS_MAIN
