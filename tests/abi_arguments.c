// SPDX-License-Identifier: GPL-2.0-only
/*
 * What holds for the arguments of every call: sizes, flags, reserved fields,
 * pointers, numbers, and what is written where. A variant per call; built for 64
 * and for 32 bit.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>

#include "calls.h"
#include "kselftest_harness.h"

#define POISON		0xaa

/*
 * What a case works on: each has a process of its own. @area is two pages for
 * the argument struct and a third that cannot be touched; @copy is what it held
 * before a call, @before the world then.
 */
static struct {
	struct world world;
	union args args;
	unsigned char *area;
	unsigned char *copy;
	struct snapshot before;
} trial;

FIXTURE(arguments) {
};

FIXTURE_VARIANT(arguments) {
	const struct call *call;
};

FIXTURE_VARIANT_ADD(arguments, query) { .call = &calls[CALL_query] };
FIXTURE_VARIANT_ADD(arguments, arena_create) { .call = &calls[CALL_arena_create] };
FIXTURE_VARIANT_ADD(arguments, ring_create) { .call = &calls[CALL_ring_create] };
FIXTURE_VARIANT_ADD(arguments, reopen) { .call = &calls[CALL_reopen] };
FIXTURE_VARIANT_ADD(arguments, restrict) { .call = &calls[CALL_restrict] };
FIXTURE_VARIANT_ADD(arguments, arena_alloc) { .call = &calls[CALL_arena_alloc] };
FIXTURE_VARIANT_ADD(arguments, arena_free) { .call = &calls[CALL_arena_free] };
FIXTURE_VARIANT_ADD(arguments, arena_reserve) { .call = &calls[CALL_arena_reserve] };
FIXTURE_VARIANT_ADD(arguments, arena_commit) { .call = &calls[CALL_arena_commit] };
FIXTURE_VARIANT_ADD(arguments, arena_decommit) { .call = &calls[CALL_arena_decommit] };
FIXTURE_VARIANT_ADD(arguments, arena_stat) { .call = &calls[CALL_arena_stat] };
FIXTURE_VARIANT_ADD(arguments, arena_walk) { .call = &calls[CALL_arena_walk] };
FIXTURE_VARIANT_ADD(arguments, ring_reserve) { .call = &calls[CALL_ring_reserve] };
FIXTURE_VARIANT_ADD(arguments, ring_submit) { .call = &calls[CALL_ring_submit] };
FIXTURE_VARIANT_ADD(arguments, ring_discard) { .call = &calls[CALL_ring_discard] };
FIXTURE_VARIANT_ADD(arguments, ring_output) { .call = &calls[CALL_ring_output] };
FIXTURE_VARIANT_ADD(arguments, ring_stat) { .call = &calls[CALL_ring_stat] };
FIXTURE_VARIANT_ADD(arguments, ring_wait) { .call = &calls[CALL_ring_wait] };
FIXTURE_VARIANT_ADD(arguments, ring_output_batch) { .call = &calls[CALL_ring_output_batch] };
FIXTURE_VARIANT_ADD(arguments, ring_reserve_batch) { .call = &calls[CALL_ring_reserve_batch] };
FIXTURE_VARIANT_ADD(arguments, ring_finish_batch) { .call = &calls[CALL_ring_finish_batch] };
FIXTURE_VARIANT_ADD(arguments, ring_policy) { .call = &calls[CALL_ring_policy] };
FIXTURE_VARIANT_ADD(arguments, ring_flush) { .call = &calls[CALL_ring_flush] };
FIXTURE_VARIANT_ADD(arguments, ring_wait_cancel) { .call = &calls[CALL_ring_wait_cancel] };

FIXTURE_SETUP(arguments)
{
	world_build(&trial.world);
	trial.area = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, trial.area);
	ASSERT_EQ(0, mprotect(trial.area + 2 * page_size, page_size, PROT_NONE));
	trial.copy = malloc(2 * page_size);
	ASSERT_NE(NULL, trial.copy);
}

FIXTURE_TEARDOWN(arguments)
{
	world_end(&trial.world);
}

/* The call's kind of fd; of RESTRICT and REOPEN that of the arena. */
static int call_fd(const struct call *call)
{
	return trial.world.fd[call_kind(call)];
}

/* A world as new, arguments that would succeed. */
static void prepare(const struct call *call)
{
	world_renew(&trial.world);
	call_prepare(&trial.world, call, &trial.args);
}

/* The arguments at some offset of the area, which is @fill all around. */
static void *place(const struct call *call, size_t at,
		   int fill)
{
	memset(trial.area, fill, 2 * page_size);
	memcpy(trial.area + at, &trial.args, call->size);
	return trial.area + at;
}

/* The call with the struct at @arg fails with @err and leaves all as it was. */
static void refused(struct __test_metadata *_metadata, const struct call *call, void *arg, int err)
{
	struct snapshot after;
	size_t bytes = 2 * page_size;

	memcpy(trial.copy, trial.area, bytes);
	EXPECT_EQ(err, try_call(call_fd(call), call, arg));
	EXPECT_EQ(0, memcmp(trial.copy, trial.area, bytes));
	after = take_snapshot(&trial.world);
	EXPECT_TRUE(same_snapshot(&trial.before, &after));
}

/* prepare() for calls that are going to be refused, the world noted down. */
static void prepare_refusal(const struct call *call)
{
	prepare(call);
	trial.before = take_snapshot(&trial.world);
}

TEST_F(arguments, exact_size_is_accepted)
{
	const struct call *call = variant->call;
	void *arg;

	prepare(call);
	arg = place(call, 0, POISON);
	EXPECT_EQ(0, try_call(call_fd(call), call, arg));
}

TEST_F(arguments, struct_at_the_very_end_of_memory_is_accepted)
{
	const struct call *call = variant->call;
	void *arg;

	prepare(call);
	arg = place(call, 2 * page_size - call->size, 0);
	EXPECT_EQ(0, try_call(call_fd(call), call, arg));
}

TEST_F(arguments, shorter_struct_is_einval)
{
	const struct call *call = variant->call;
	__u32 size;

	prepare_refusal(call);
	for (size = 0; size < first_size(call); size++) {
		trial.args.size = size;
		refused(_metadata, call, place(call, 0, 0), EINVAL);
	}
}

TEST_F(arguments, longer_struct_with_zero_tail_is_accepted)
{
	const struct call *call = variant->call;
	const __u32 sizes[] = { call->size + 1, call->size + 7, call->size + 8,
				2 * call->size, page_size - 1, page_size };
	unsigned int i;
	void *arg;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		prepare(call);
		trial.args.size = sizes[i];
		arg = place(call, 0, 0);
		memset(trial.area + sizes[i], POISON, 2 * page_size - sizes[i]);
		EXPECT_EQ(0, try_call(call_fd(call), call, arg))
			TH_LOG("size %u", sizes[i]);
	}
}

TEST_F(arguments, longer_struct_with_junk_tail_is_e2big)
{
	const struct call *call = variant->call;
	__u32 tail;

	prepare_refusal(call);
	for (tail = call->size; tail < call->size + 24; tail++) {
		trial.args.size = call->size + 24;
		place(call, 0, 0);
		trial.area[tail] = 0x80;
		refused(_metadata, call, trial.area, E2BIG);
	}
	trial.args.size = page_size;
	place(call, 0, 0);
	trial.area[page_size - 1] = 1;
	refused(_metadata, call, trial.area, E2BIG);
}

TEST_F(arguments, struct_longer_than_a_page_is_e2big)
{
	const struct call *call = variant->call;
	const __u32 sizes[] = { page_size + 1, 2 * page_size, 0x7fffffff,
				0x80000000, 0xfffffff8, 0xffffffff };
	unsigned int i;

	prepare_refusal(call);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		trial.args.size = sizes[i];
		refused(_metadata, call, place(call, 0, 0), E2BIG);
	}
}

TEST_F(arguments, unknown_flag_is_einval)
{
	const struct call *call = variant->call;
	unsigned int bit;

	prepare_refusal(call);
	for (bit = 0; bit < 32; bit++) {
		if (call->flags & BIT(bit))
			continue;
		trial.args.flags = BIT(bit);
		refused(_metadata, call, place(call, 0, 0), EINVAL);
		trial.args.flags = BIT(bit) | call->flags;
		refused(_metadata, call, place(call, 0, 0), EINVAL);
	}
}

TEST_F(arguments, known_flag_is_accepted)
{
	const struct call *call = variant->call;
	unsigned int bit;
	int err;

	for (bit = 0; bit < 32; bit++) {
		if (!(call->flags & BIT(bit)))
			continue;
		prepare(call);
		trial.args.flags = BIT(bit);
		/* The prepared offset of ALLOC is not free. */
		if (call == &calls[CALL_arena_alloc])
			trial.args.alloc.offset = 40 * page_size;
		err = try_call(call_fd(call), call, place(call, 0, 0));
		EXPECT_EQ(0, err) TH_LOG("flag 0x%x", BIT(bit));
	}
}

TEST_F(arguments, reserved_field_that_is_not_zero_is_einval)
{
	const struct call *call = variant->call;
	unsigned int bit;

	prepare_refusal(call);
	for (bit = 0; call->reserved && bit < 32; bit++) {
		place(call, 0, 0);
		trial.area[call->reserved + bit / 8] |= BIT(bit % 8);
		refused(_metadata, call, trial.area, EINVAL);
	}
}

TEST_F(arguments, bad_pointer_is_efault)
{
	const struct call *call = variant->call;
	const uintptr_t bad[] = {
		0, 1, page_size - 4, (uintptr_t)trial.area + 2 * page_size, -page_size, -4, -1,
#ifdef __LP64__
		0x7fffffffeffc, 0x7ffffffff000, 0x800000000000, 0x8000000000000000,
		0xffff800000000000, 0xffff888000000000, 0xffffffff81000000,
#endif
	};
	unsigned int i;

	prepare_refusal(call);
	place(call, 0, POISON);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		refused(_metadata, call, (void *)bad[i], EFAULT);
}

TEST_F(arguments, struct_that_runs_out_of_memory_is_efault)
{
	const struct call *call = variant->call;
	size_t end = 2 * page_size;
	size_t there;

	prepare_refusal(call);
	for (there = 1; there < call->size; there++) {
		memset(trial.area, 0, end);
		memcpy(trial.area + end - there, &trial.args, there);
		refused(_metadata, call, trial.area + end - there, EFAULT);
	}
}

/* A call that cannot report its result does not happen. */
TEST_F(arguments, struct_that_cannot_be_written_is_efault_if_it_has_outputs)
{
	const struct call *call = variant->call;
	struct snapshot after;
	bool has_outputs = call->out;
	int err;

	prepare_refusal(call);
	place(call, 0, 0);
	ASSERT_EQ(0, mprotect(trial.area, 2 * page_size, PROT_READ));
	err = try_call(call_fd(call), call, trial.area);
	EXPECT_EQ(has_outputs ? EFAULT : 0, err);
	after = take_snapshot(&trial.world);
	if (has_outputs)
		EXPECT_TRUE(same_snapshot(&trial.before, &after));
}

TEST_F(arguments, bad_buffer_is_efault)
{
	const struct call *call = variant->call;
	const __u64 bad[] = {
		0, 8, (uintptr_t)trial.area + 2 * page_size, -page_size, -8,
		0x7ffffffff000, 0x800000000000, 0xffff888000000000,
	};
	unsigned int i;

	prepare_refusal(call);
	for (i = 0; call->buffer && i < ARRAY_LEN(bad); i++) {
		place(call, 0, POISON);
		memcpy(trial.area + call->buffer, &bad[i], sizeof(bad[i]));
		refused(_metadata, call, trial.area, EFAULT);
	}
}

/* The number with other bits set than those of the header's is another call. */
TEST_F(arguments, number_is_exact)
{
	const struct call *call = variant->call;
	const unsigned int numbers[] = {
		_IOR(KARENA_IOC_TYPE, call->number & 0xff, union args),
		_IOW(KARENA_IOC_TYPE, call->number & 0xff, union args),
		_IOWR(KARENA_IOC_TYPE, call->number & 0xff, __u32),
		_IOC(_IOC_NONE, KARENA_IOC_TYPE, call->number & 0xff, call->size),
		_IOC(_IOC_NONE, KARENA_IOC_TYPE - 1, call->number & 0xff, 0),
	};
	struct call other = *call;
	unsigned int i;

	prepare_refusal(call);
	place(call, 0, POISON);
	for (i = 0; i < ARRAY_LEN(numbers); i++) {
		other.number = numbers[i];
		refused(_metadata, &other, trial.area, ENOTTY);
	}
}

TEST_F(arguments, other_kinds_of_fd_are_enotty)
{
	const struct call *call = variant->call;
	enum kind kind;
	int fd;

	prepare(call);
	place(call, 0, POISON);
	for (kind = DEVICE; kind < KINDS; kind++) {
		if (!(call->on & BIT(kind)))
			EXPECT_EQ(ENOTTY, try_call(trial.world.fd[kind], call, trial.area));
	}
	fd = eventfd(0, 0);
	EXPECT_EQ(ENOTTY, try_call(fd, call, trial.area));
	close(fd);
	EXPECT_EQ(EBADF, try_call(fd, call, trial.area));
}

/* REOPEN and RESTRICT are the ring's too; any call is by whatever open mode. */
TEST_F(arguments, every_kind_of_fd_that_has_it_has_it)
{
	const struct call *call = variant->call;
	enum kind kind;
	int dev;

	for (kind = DEVICE; kind < KINDS; kind++) {
		if (!(call->on & BIT(kind)))
			continue;
		prepare(call);
		EXPECT_EQ(0, try_call(trial.world.fd[kind], call, place(call, 0, 0)));
	}
	if (call->on & BIT(DEVICE)) {
		prepare(call);
		dev = open(KARENA_DEVICE, O_RDONLY | O_CLOEXEC);
		EXPECT_EQ(0, try_call(dev, call, place(call, 0, 0)));
		close(dev);
	}
}

/* Success: the out_ fields change, all of them, and nothing beside them. */
TEST_F(arguments, outputs_alone_are_written)
{
	const struct call *call = variant->call;
	unsigned int out = call->out ? call->out : call->size;
	unsigned char outputs[2][sizeof(union args)] = {};
	size_t bytes = 2 * page_size;
	size_t end = 64 + call->size;
	unsigned int pass;

	for (pass = 0; pass < 2; pass++) {
		prepare(call);
		memset(trial.args.bytes + out, pass ? 0x55 : POISON, call->size - out);
		if (call->reserved > out)
			memset(trial.args.bytes + call->reserved, 0, 4);
		place(call, 64, POISON);
		memcpy(trial.copy, trial.area, bytes);
		ASSERT_EQ(0, try_call(call_fd(call), call, trial.area + 64));

		EXPECT_EQ(0, memcmp(trial.copy, trial.area, 64 + out));
		EXPECT_EQ(0, memcmp(trial.copy + end, trial.area + end, bytes - end));
		EXPECT_TRUE(cut_clock(call, trial.area + 64));
		memcpy(outputs[pass], trial.area + 64 + out, call->size - out);
	}
	EXPECT_EQ(0, memcmp(outputs[0], outputs[1], sizeof(outputs[0])));
}

/* An fd that a call makes is not passed on by exec. */
TEST_F(arguments, new_fd_is_close_on_exec)
{
	const struct call *call = variant->call;
	enum kind kind;
	int fd;

	for (kind = DEVICE; call->makes_fd && kind < KINDS; kind++) {
		if (!(call->on & BIT(kind)))
			continue;
		prepare(call);
		fd = ioctl(trial.world.fd[kind], call->number, &trial.args);
		ASSERT_GE(fd, 0);
		EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
		EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & O_ACCMODE);
		close(fd);
	}
}

/* Numbers that are nobody's, on every kind of fd. */
TEST(unknown_number_is_enotty)
{
	struct world world;
	union args args;
	unsigned int nr, i;
	enum kind kind;
	bool known;

	world_build(&world);
	for (nr = 0; nr < 256; nr++) {
		known = false;
		for (i = 0; i < NR_CALLS; i++)
			known |= (calls[i].number & 0xff) == nr;
		for (kind = DEVICE; !known && kind < KINDS; kind++) {
			memset(&args, 0, sizeof(args));
			args.size = sizeof(args);
			EXPECT_EQ(ENOTTY, outcome(ioctl(world.fd[kind],
							_IO(KARENA_IOC_TYPE, nr), &args)));
		}
	}
	world_end(&world);
}

TEST(no_two_calls_have_one_number)
{
	unsigned int i, k;

	for (i = 0; i < NR_CALLS; i++) {
		for (k = 0; k < i; k++)
			EXPECT_NE(calls[i].number, calls[k].number);
	}
}

TEST_HARNESS_MAIN
