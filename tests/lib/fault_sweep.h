/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sweep over fault points: what passes is repeated with its first point failing,
 * then its second, until it comes through without meeting one. Whatever fails says
 * ENOMEM or EFAULT and has changed nothing; whatever succeeds has done all of it.
 */
#ifndef KARENA_TESTS_FAULT_SWEEP_H
#define KARENA_TESTS_FAULT_SWEEP_H

#include <linux/capability.h>
#include <sys/syscall.h>

#include "calls.h"
#include "fault_points.h"
#include "kselftest_harness.h"

#define POINTS_MAX	2000

/**
 * struct sweep - something to be done to a world just built
 * @prepare:	done before; may be NULL
 * @run:	0 or errno
 * @tidy:	undoes what @run did if it succeeded; may be NULL
 * @out:	it has outputs, whose copy may fail when all is done
 * @cannot_fail: for want of memory, that is
 * @partial:	a success may have done less than it could, or more than it had to
 * @stepwise:	a failure keeps what was done before it
 * @splits:	a failure may leave the process's mappings in other pieces
 * @again:	it may ask to be called again
 * @canceled:	it is, if io_uring can make no thread that would do it
 * @late:	objects may go a moment after it, and what they were charged with
 */
struct sweep {
	void (*prepare)(void);
	int (*run)(void);
	void (*tidy)(void);
	bool out;
	bool cannot_fail;
	bool partial;
	bool stepwise;
	bool splits;
	bool again;
	bool canceled;
	bool late;
};

static struct world world;

/* So that the user's limit is kept account of. All else root still may. */
static inline void give_up_exemption(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &header, data) == 0);
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	must(syscall(SYS_capset, &header, data) == 0);
}

/*
 * Faults that were refused are counted, which is no change; nor is it that the peak
 * tells of a page which was taken back.
 */
static inline struct snapshot look(const struct sweep *what)
{
	struct snapshot shot = take_snapshot(&world);

	shot.arena.out_populated_peak = 0;
	shot.arena.out_faults = 0;
	shot.arena.out_faults_mapped = 0;
	shot.arena.out_faults_segv = 0;
	shot.arena.out_faults_bus = 0;
	if (what->late)
		shot.left = 0;
	return shot;
}

/* How many lines /proc/self/maps has: mappings that are there. */
static inline unsigned int count_maps(void)
{
	static char text[1 << 16];
	unsigned int lines = 0;
	char *at;

	must(read_file("/proc/self/maps", text, sizeof(text)) > 0);
	for (at = text; *at; at++)
		lines += *at == '\n';
	return lines;
}

/*
 * With EFAULT all may be done, and only its result not reported: of the last copy the
 * header says so.
 */
static inline bool state_is_right(const struct sweep *what, int err,
				  const struct snapshot *after,
				  const struct snapshot *before,
				  const struct snapshot *success)
{
	if (!err)
		return what->partial || same_snapshot(after, success);
	if (what->stepwise || same_snapshot(after, before))
		return true;
	return err == EFAULT && what->out && same_snapshot(after, success);
}

static inline bool errno_is_right(const struct sweep *what, int err)
{
	return !err || err == EFAULT || (err == ENOMEM && !what->cannot_fail) ||
	       (err == EAGAIN && what->again) || (err == ECANCELED && what->canceled);
}

/* False if this kernel has no fault points. */
static inline bool sweep_begin(void)
{
	if (!fault_points_begin())
		return false;
	give_up_exemption();
	world_build(&world);
	must(bytes_left(world.fd[DEVICE]) != ~0ull);
	return true;
}

static inline void sweep_prepare(const struct sweep *what)
{
	world_renew(&world);
	if (what->prepare)
		what->prepare();
}

static inline void sweep_tidy(const struct sweep *what)
{
	if (what->tidy)
		what->tidy();
}

static inline void sweep_points(struct __test_metadata *_metadata, const struct sweep *what)
{
	struct snapshot before, success, after;
	unsigned int nth, maps, failed = 0;
	bool met = true;
	int err;

	sweep_prepare(what);
	ASSERT_EQ(0, what->run());
	success = look(what);
	sweep_tidy(what);

	for (nth = 1; met && nth < POINTS_MAX; nth++) {
		sweep_prepare(what);
		before = look(what);
		maps = count_maps();
		fault_point_arm(nth);
		err = what->run();
		met = fault_point_met();
		after = look(what);
		if (!err)
			sweep_tidy(what);
		else if (!what->splits)
			EXPECT_EQ(maps, count_maps());

		EXPECT_TRUE(met || !err);
		EXPECT_TRUE(errno_is_right(what, err))
			TH_LOG("point %u: errno %d", nth, err);
		EXPECT_TRUE(state_is_right(what, err, &after, &before, &success))
			TH_LOG("point %u: errno %d, wrong state", nth, err);
		failed += !!err;
	}
	EXPECT_EQ(0, err);
	TH_LOG("%u points, %u failed it", nth - 2, failed);
}

#endif /* KARENA_TESTS_FAULT_SWEEP_H */
