// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sys/syscall.h>

#include "fault_sweep.h"

/* So that the user's limit is kept account of. All else root still may. */
static void give_up_exemption(void)
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
static struct snapshot look(const struct sweep *what)
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

unsigned int count_maps(void)
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
static bool state_is_right(const struct sweep *what, int err, const struct snapshot *after,
			   const struct snapshot *before, const struct snapshot *success)
{
	if (!err)
		return what->partial || same_snapshot(after, success);
	if (what->stepwise || same_snapshot(after, before))
		return true;
	return err == EFAULT && what->out && same_snapshot(after, success);
}

static bool errno_is_right(const struct sweep *what, int err)
{
	return !err || err == EFAULT || (err == ENOMEM && !what->cannot_fail) ||
	       (err == EAGAIN && what->again) || (err == ECANCELED && what->canceled);
}

bool sweep_begin(void)
{
	if (!fault_points_begin())
		return false;
	give_up_exemption();
	world_build(&world);
	must(bytes_left(world.fd[DEVICE]) != ~0ull);
	return true;
}

static void sweep_prepare(const struct sweep *what)
{
	world_renew(&world);
	if (what->prepare)
		what->prepare();
}

static void sweep_tidy(const struct sweep *what)
{
	if (what->tidy)
		what->tidy();
}

static bool as_expected(bool is, unsigned int nth, int err, const char *what)
{
	if (!is)
		fprintf(stderr, "# %s:%d: point %u, errno %d: %s\n", __FILE__, __LINE__, nth, err,
			what);
	return is;
}

/* Returns whether the point was met, and adds to @wrong if it should not have come out so. */
static bool sweep_point(const struct sweep *what, unsigned int nth,
			const struct snapshot *success, int *err, unsigned int *wrong)
{
	struct snapshot before, after;
	unsigned int maps;
	bool met, right;

	sweep_prepare(what);
	before = look(what);
	maps = count_maps();
	fault_point_arm(nth);
	*err = what->run();
	met = fault_point_met();
	after = look(what);
	if (!*err)
		sweep_tidy(what);

	right = as_expected(!*err || what->splits || maps == count_maps(), nth, *err,
			    "wrong mappings");
	right &= as_expected(met || !*err, nth, *err, "failed by itself");
	right &= as_expected(errno_is_right(what, *err), nth, *err, "wrong errno");
	right &= as_expected(state_is_right(what, *err, &after, &before, success), nth, *err,
			     "wrong state");
	*wrong += !right;
	return met;
}

unsigned int sweep_points(const struct sweep *what)
{
	unsigned int nth = 0, failed = 0, wrong = 0;
	struct snapshot success;
	bool met;
	int err;

	sweep_prepare(what);
	must(what->run() == 0);
	success = look(what);
	sweep_tidy(what);

	do {
		met = sweep_point(what, ++nth, &success, &err, &wrong);
		failed += !!err;
	} while (met && nth < POINTS_MAX);
	wrong += !as_expected(!err, nth, err, "not through at the end");
	fprintf(stderr, "# %u points, %u failed it\n", nth - 1, failed);
	return wrong;
}
