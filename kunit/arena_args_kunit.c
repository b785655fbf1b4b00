// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that the arena's operations refuse before they check the states of pages.
 */
#include <linux/sched/signal.h>

#include "arena_fixture.h"
#include "../kmod/account.h"
#include "../kmod/call.h"

/* Create */

struct create {
	const char *name;
	struct karena_arena_create args;
	long err;
};

#define CREATE(_name, _err, _length, ...) \
	{ _name, { .length = _length, .node = KARENA_NODE_ANY, __VA_ARGS__ }, _err }

static const struct create creates[] = {
	CREATE("a page", 0, PAGE_SIZE),
	CREATE("the largest", 0, KARENA_ARENA_MAX_BYTES),
	CREATE("no length", -EINVAL, 0),
	CREATE("half a page", -EINVAL, PAGE_SIZE / 2),
	CREATE("a page and a byte", -EINVAL, PAGE_SIZE + 1),
	CREATE("a page too large", -EINVAL, KARENA_ARENA_MAX_BYTES + PAGE_SIZE),
	CREATE("all there is", -EINVAL, PAGE_MASK),
	CREATE("unknown flag", -EINVAL, PAGE_SIZE, .flags = 0x80000000),
	CREATE("address", 0, PAGE_SIZE, .flags = KARENA_ARENA_F_FIXED_ADDR,
	       .address = 1UL << 30),
	CREATE("address without FIXED_ADDR", -EINVAL, PAGE_SIZE, .address = 1UL << 30),
	CREATE("address not aligned", -EINVAL, PAGE_SIZE, .flags = KARENA_ARENA_F_FIXED_ADDR,
	       .address = (1UL << 30) + 1),
	CREATE("address that no process has", -EINVAL, PAGE_SIZE,
	       .flags = KARENA_ARENA_F_FIXED_ADDR, .address = 1UL << (BITS_PER_LONG - 1)),
	CREATE("address from which it wraps", -EINVAL, PAGE_SIZE,
	       .flags = KARENA_ARENA_F_FIXED_ADDR, .address = PAGE_MASK),
	CREATE("most fault pages", 0, PAGE_SIZE, .fault_pages = KARENA_FAULT_PAGES_MAX),
	CREATE("too many fault pages", -EINVAL, PAGE_SIZE,
	       .fault_pages = KARENA_FAULT_PAGES_MAX + 1),
	CREATE("longest name", 0, PAGE_SIZE, .name = "fifteen.letters"),
	CREATE("name without an end", -EINVAL, PAGE_SIZE,
	       .name = { [0 ... KARENA_NAME_LEN - 1] = 'n' }),
	CREATE("bytes after the name", -EINVAL, PAGE_SIZE, .name = "name\0rest"),
	CREATE("name that does not print", -EINVAL, PAGE_SIZE, .name = "line\nend"),
	{ "node 0", { .length = PAGE_SIZE, .node = 0 }, 0 },
	{ "no such node", { .length = PAGE_SIZE, .node = MAX_NUMNODES }, -EINVAL },
	{ "node below any", { .length = PAGE_SIZE, .node = KARENA_NODE_ANY - 1 }, -EINVAL },
};

static void create_name(const struct create *create, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "create: %s", create->name);
}

KUNIT_ARRAY_PARAM(create, creates, create_name);

static void create_should_check_its_arguments(struct kunit *test)
{
	const struct create *create = test->param_value;
	struct karena_arena_create args = create->args;

	KUNIT_EXPECT_EQ(test, at_create(test, &args), create->err);
}

/* The other operations, on an arena of "A.r.". */

#define PAGES			4
#define AT(page)		((page) * PAGE_SIZE)
/* Number of pages whose size is 2^64 bytes. */
#define WRAP			(1ULL << (64 - PAGE_SHIFT))

union args {
	struct karena_arena_alloc alloc;
	struct karena_arena_free free;
	struct karena_arena_reserve reserve;
	struct karena_arena_commit commit;
	struct karena_arena_decommit decommit;
};

struct refused {
	const char *name;
	unsigned int cmd;
	union args args;
};

#define ALLOC(_name, _nr, ...)							\
	{ "alloc: " _name, KARENA_IOC_ARENA_ALLOC,				\
	  { .alloc = { .nr_pages = _nr, .node = KARENA_NODE_ANY, __VA_ARGS__ } } }
#define FREE(_name, _nr, ...)							\
	{ "free: " _name, KARENA_IOC_ARENA_FREE,				\
	  { .free = { .nr_pages = _nr, __VA_ARGS__ } } }
#define RESERVE(_name, _nr, ...)						\
	{ "reserve: " _name, KARENA_IOC_ARENA_RESERVE,				\
	  { .reserve = { .nr_pages = _nr, __VA_ARGS__ } } }
#define COMMIT(_name, _nr, ...)							\
	{ "commit: " _name, KARENA_IOC_ARENA_COMMIT,				\
	  { .commit = { .nr_pages = _nr, .node = KARENA_NODE_ANY, __VA_ARGS__ } } }
#define DECOMMIT(_name, _nr, ...)						\
	{ "decommit: " _name, KARENA_IOC_ARENA_DECOMMIT,			\
	  { .decommit = { .nr_pages = _nr, __VA_ARGS__ } } }

static const struct refused refuseds[] = {
	ALLOC("no pages", 0),
	ALLOC("more than the arena", PAGES + 1),
	ALLOC("count wraps to nothing", WRAP),
	ALLOC("count wraps to a page", WRAP + 1),
	ALLOC("largest count", U64_MAX),
	ALLOC("hint not aligned", 1, .offset = AT(1) + 1),
	ALLOC("hint past the end", 1, .offset = AT(PAGES + 1)),
	ALLOC("largest hint", 1, .offset = PAGE_MASK),
	ALLOC("unknown flag", 1, .flags = 0x4),
	ALLOC("reserved field", 1, .__reserved = 1),
	ALLOC("alignment of less than a page", 1, .align = PAGE_SIZE / 2),
	ALLOC("alignment that is no power of 2", 1, .align = 3 * PAGE_SIZE),
	ALLOC("FIXED not aligned", 1, .flags = KARENA_ALLOC_F_FIXED, .offset = AT(1) + 512),
	ALLOC("FIXED against its alignment", 1, .flags = KARENA_ALLOC_F_FIXED,
	      .offset = AT(1), .align = AT(2)),
	ALLOC("FIXED across the end", 2, .flags = KARENA_ALLOC_F_FIXED, .offset = AT(3)),
	ALLOC("FIXED at the end", 1, .flags = KARENA_ALLOC_F_FIXED, .offset = AT(PAGES)),
	ALLOC("FIXED end wraps", U64_MAX, .flags = KARENA_ALLOC_F_FIXED, .offset = AT(1)),
	ALLOC("FIXED bytes wrap", WRAP, .flags = KARENA_ALLOC_F_FIXED, .offset = AT(1)),
	{ "alloc: no such node", KARENA_IOC_ARENA_ALLOC,
	  { .alloc = { .nr_pages = 1, .node = MAX_NUMNODES } } },
	{ "alloc: node below any", KARENA_IOC_ARENA_ALLOC,
	  { .alloc = { .nr_pages = 1, .node = KARENA_NODE_ANY - 1 } } },

	FREE("not aligned", 1, .offset = 1),
	FREE("across the end", PAGES + 1),
	FREE("past the end", 0, .offset = AT(PAGES + 1)),
	FREE("end wraps", U64_MAX, .offset = AT(1)),
	FREE("bytes wrap", WRAP),
	FREE("unknown flag", 1, .flags = 0x2),

	RESERVE("not aligned", 1, .offset = AT(1) + 8),
	RESERVE("across the end", PAGES, .offset = AT(1)),
	RESERVE("past the end", 0, .offset = AT(PAGES + 1)),
	RESERVE("end wraps", U64_MAX, .offset = AT(1)),
	RESERVE("bytes wrap", WRAP, .offset = AT(1)),
	RESERVE("unknown flag", 1, .flags = 0x2, .offset = AT(1)),

	COMMIT("not aligned", 1, .offset = AT(2) + 1),
	COMMIT("across the end", PAGES, .offset = AT(2)),
	COMMIT("past the end", 0, .offset = AT(PAGES + 1)),
	COMMIT("end wraps", U64_MAX - 1, .offset = AT(2)),
	COMMIT("bytes wrap", WRAP, .offset = AT(2)),
	COMMIT("unknown flag", 1, .flags = 0x1, .offset = AT(2)),
	COMMIT("reserved field", 1, .__reserved = 1, .offset = AT(2)),
	{ "commit: no such node", KARENA_IOC_ARENA_COMMIT,
	  { .commit = { .offset = AT(2), .nr_pages = 1, .node = MAX_NUMNODES } } },

	DECOMMIT("not aligned", 1, .offset = 1),
	DECOMMIT("across the end", PAGES + 1),
	DECOMMIT("past the end", 0, .offset = AT(PAGES + 1)),
	DECOMMIT("end wraps", U64_MAX, .offset = AT(1)),
	DECOMMIT("bytes wrap", WRAP),
	DECOMMIT("unknown flag", 1, .flags = 0x1),
};

static void refused_name(const struct refused *refused, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", refused->name);
}

KUNIT_ARRAY_PARAM(refused, refuseds, refused_name);

static void wrong_arguments_should_change_nothing(struct kunit *test)
{
	const struct refused *refused = test->param_value;
	struct arena_fixture *f = test->priv;
	union args args = refused->args;

	at_draw(test, "A.r.");
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, refused->cmd, &args, NULL), -EINVAL);
	at_expect(test, "A.r.");
}

static void no_pages_should_do_nothing(struct kunit *test)
{
	unsigned long i;

	at_draw(test, "Arg.");
	for (i = 0; i <= PAGES; i++) {
		KUNIT_EXPECT_EQ(test, at_free(test, 0, i, 0), 0);
		KUNIT_EXPECT_EQ(test, at_free(test, KARENA_FREE_F_STRICT, i, 0), 0);
		KUNIT_EXPECT_EQ(test, at_reserve(test, 0, i, 0), 0);
		KUNIT_EXPECT_EQ(test, at_commit(test, 0, i, 0), 0);
		KUNIT_EXPECT_EQ(test, at_decommit(test, i, 0), 0);
	}
	at_expect(test, "Arg.");
}

/* Numbers */

static void an_arena_should_have_its_own_calls_only(struct kunit *test)
{
	struct arena_fixture *f = test->priv;
	union args args = {};

	at_draw(test, ".");
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, KARENA_IOC_QUERY, &args, NULL), -ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, KARENA_IOC_ARENA_CREATE, &args, NULL),
			-ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, KARENA_IOC_RING_STAT, &args, NULL),
			-ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, NULL, KARENA_IOC_ARENA_STAT, &args, NULL), -ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, _IO(KARENA_IOC_TYPE, 0x2f), &args, NULL),
			-ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, _IO(KARENA_IOC_TYPE, 0xff), &args, NULL),
			-ENOTTY);
	KUNIT_EXPECT_EQ(test, at_execute(test, f->file, _IOR(KARENA_IOC_TYPE, 0x25, u64), &args,
					 NULL), -ENOTTY);
}

/* Rights */

static void restrict_to(struct kunit *test, u32 rights)
{
	struct arena_fixture *f = test->priv;
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	KUNIT_ASSERT_EQ(test, at_execute(test, f->file, KARENA_IOC_RESTRICT, &args, NULL), 0);
}

static long walk_nowhere(struct kunit *test)
{
	struct arena_fixture *f = test->priv;
	struct karena_arena_walk args = { .size = sizeof(args) };
	struct iov_iter payload;

	iov_iter_kvec(&payload, ITER_DEST, NULL, 0, 0);
	return at_execute(test, f->file, KARENA_IOC_ARENA_WALK, &args, &payload);
}

static void alloc_should_need_its_right(struct kunit *test)
{
	at_draw(test, "Ar..");
	restrict_to(test, KARENA_RIGHTS_ARENA & ~KARENA_RIGHT_ALLOC);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 1), -EPERM);
	KUNIT_EXPECT_EQ(test, at_reserve(test, 0, 2, 1), -EPERM);
	KUNIT_EXPECT_EQ(test, at_commit(test, 0, 1, 1), -EPERM);
	at_expect(test, "Ar..");
	KUNIT_EXPECT_EQ(test, at_decommit(test, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 0, 4), 0);
}

static void free_should_need_its_right(struct kunit *test)
{
	at_draw(test, "Ar..");
	restrict_to(test, KARENA_RIGHTS_ARENA & ~KARENA_RIGHT_FREE);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 0, 1), -EPERM);
	KUNIT_EXPECT_EQ(test, at_decommit(test, 0, 1), -EPERM);
	at_expect(test, "Ar..");
	KUNIT_EXPECT_EQ(test, at_commit(test, 0, 1, 1), 0);
}

static void walk_should_need_the_right_to_map(struct kunit *test)
{
	at_draw(test, "A");
	KUNIT_EXPECT_EQ(test, walk_nowhere(test), 0);
	restrict_to(test, KARENA_RIGHTS_ARENA & ~KARENA_RIGHT_MAP);
	KUNIT_EXPECT_EQ(test, walk_nowhere(test), -EPERM);
}

static void stat_should_need_no_right(struct kunit *test)
{
	at_draw(test, "A");
	restrict_to(test, 0);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_rights, 0U);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_allocated, 1ULL);
}

static void restrict_should_not_give_back(struct kunit *test)
{
	at_draw(test, "A");
	restrict_to(test, KARENA_RIGHT_MAP);
	restrict_to(test, KARENA_RIGHTS_ARENA);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_rights, KARENA_RIGHT_MAP);
}

/* A fatal signal */

static void set_fatal(bool fatal)
{
	if (fatal) {
		sigaddset(&current->pending.signal, SIGKILL);
		set_thread_flag(TIF_SIGPENDING);
	} else {
		sigdelset(&current->pending.signal, SIGKILL);
		clear_thread_flag(TIF_SIGPENDING);
	}
}

static void a_fatal_signal_should_leave_all_as_it_was(struct kunit *test)
{
	long err[4];

	/* More pages than one batch, as the signal is checked between batches. */
	at_make(test, 2000);
	KUNIT_ASSERT_EQ(test, at_reserve(test, 0, 1000, 1000), 0);
	set_fatal(true);
	err[0] = at_alloc_pages(test, 0, 0, 1000);
	err[1] = at_commit(test, 0, 1000, 1000);
	err[2] = at_free(test, 0, 0, 2000);
	err[3] = at_decommit(test, 1000, 1000);
	set_fatal(false);
	KUNIT_EXPECT_EQ(test, err[0], -EINTR);
	KUNIT_EXPECT_EQ(test, err[1], -EINTR);
	KUNIT_EXPECT_EQ(test, err[2], -EINTR);
	KUNIT_EXPECT_EQ(test, err[3], -EINTR);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_allocated, 0ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_populated, 0ULL);
	KUNIT_EXPECT_EQ(test, at_stat(test).out_reserved, 1000ULL);
}

/* The user's limit */

/* What pages of an arena's beginning cost that has none yet: the first leaf, too. */
static unsigned long cost_of_pages(struct kunit *test, unsigned long nr_pages)
{
	struct arena_fixture *f = test->priv;

	return nr_pages ? nr_pages * PAGE_SIZE + f->arena->pages.leaf_bytes : 0;
}

/* Charges the user's limit but for @nr_pages and @nr_ranges. Returns the bytes charged. */
static unsigned long spend_all_but(struct kunit *test, unsigned long nr_pages,
				   unsigned long nr_ranges)
{
	struct arena_fixture *f = test->priv;
	unsigned long bytes = karena_account_left_bytes() - cost_of_pages(test, nr_pages) -
			      nr_ranges * RANGES_NODE_BYTES;

	KUNIT_ASSERT_NOT_NULL(test, f->arena->object.account);
	KUNIT_ASSERT_EQ(test, karena_account_charge(f->arena->object.account, bytes), 0);
	return bytes;
}

static void give_back(struct kunit *test, unsigned long bytes)
{
	struct arena_fixture *f = test->priv;

	karena_account_uncharge(f->arena->object.account, bytes);
}

static void the_ceiling_should_be_exact(struct kunit *test)
{
	unsigned long spent;

	at_become_user(test);
	at_draw(test, "............");
	spent = spend_all_but(test, 8, 1);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 9), -EDQUOT);
	at_expect(test, "............");
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 1), -EDQUOT);
	KUNIT_EXPECT_EQ(test, karena_account_left_bytes(), 0ULL);
	at_expect(test, "AAAAAAAA....");
	give_back(test, spent);
}

static void the_ceiling_should_hold_for_commit(struct kunit *test)
{
	unsigned long spent;

	at_become_user(test);
	at_draw(test, "rrrr");
	spent = spend_all_but(test, 3, 1);
	KUNIT_EXPECT_EQ(test, at_commit(test, 0, 0, 4), -EDQUOT);
	at_expect(test, "rrrr");
	KUNIT_EXPECT_EQ(test, at_commit(test, 0, 0, 3), 0);
	at_expect(test, "AAAr");
	give_back(test, spent);
}

static void what_has_no_pages_should_be_charged_for_ranges_alone(struct kunit *test)
{
	unsigned long spent;

	at_become_user(test);
	at_draw(test, "....");
	spent = spend_all_but(test, 0, 3);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, KARENA_ALLOC_F_LAZY, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, at_reserve(test, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, at_reserve(test, KARENA_RESERVE_F_GUARD, 2, 1), 0);
	at_expect(test, "arg.");
	KUNIT_EXPECT_EQ(test, at_reserve(test, 0, 3, 1), -EDQUOT);
	at_expect(test, "arg.");
	give_back(test, spent);
}

static void what_is_freed_should_be_given_back(struct kunit *test)
{
	u64 before, left;

	at_become_user(test);
	before = karena_account_left_bytes();
	at_draw(test, "........");
	left = karena_account_left_bytes();
	KUNIT_EXPECT_LT(test, left, before);
	KUNIT_EXPECT_EQ(test, at_alloc_pages(test, 0, 0, 8), 0);
	KUNIT_EXPECT_EQ(test, karena_account_left_bytes(),
			left - cost_of_pages(test, 8) - RANGES_NODE_BYTES);
	KUNIT_EXPECT_EQ(test, at_free(test, 0, 0, 3), 0);
	KUNIT_EXPECT_EQ(test, at_decommit(test, 3, 2), 0);
	KUNIT_EXPECT_EQ(test, karena_account_left_bytes(),
			left - cost_of_pages(test, 3) - 2 * RANGES_NODE_BYTES);
	at_close(test);
	KUNIT_EXPECT_EQ(test, karena_account_left_bytes(), before);
}

static void the_exempt_should_have_no_ceiling(struct kunit *test)
{
	struct arena_fixture *f = test->priv;

	at_draw(test, "A");
	KUNIT_EXPECT_NULL(test, f->arena->object.account);
	KUNIT_EXPECT_EQ(test, karena_account_left_bytes(), U64_MAX);
}

static struct kunit_case arena_args_cases[] = {
	KUNIT_CASE_PARAM(create_should_check_its_arguments, create_gen_params),
	KUNIT_CASE_PARAM(wrong_arguments_should_change_nothing, refused_gen_params),
	KUNIT_CASE(no_pages_should_do_nothing),
	KUNIT_CASE(an_arena_should_have_its_own_calls_only),
	KUNIT_CASE(alloc_should_need_its_right),
	KUNIT_CASE(free_should_need_its_right),
	KUNIT_CASE(walk_should_need_the_right_to_map),
	KUNIT_CASE(stat_should_need_no_right),
	KUNIT_CASE(restrict_should_not_give_back),
	KUNIT_CASE(a_fatal_signal_should_leave_all_as_it_was),
	KUNIT_CASE(the_ceiling_should_be_exact),
	KUNIT_CASE(the_ceiling_should_hold_for_commit),
	KUNIT_CASE(what_has_no_pages_should_be_charged_for_ranges_alone),
	KUNIT_CASE(what_is_freed_should_be_given_back),
	KUNIT_CASE(the_exempt_should_have_no_ceiling),
	{}
};

static struct kunit_suite arena_args_suite = {
	.name = "karena_arena_args",
	.init = at_init,
	.exit = at_exit,
	.test_cases = arena_args_cases,
};

kunit_test_suite(arena_args_suite);
