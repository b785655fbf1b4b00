/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Differences between kernels from 6.1 on, for the modules that show and test karena's
 * calls.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <linux/hrtimer.h>

/* <linux/hrtimer.h>: two steps before 6.13, only one since 6.15. */
#ifndef KARENA_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#endif /* COMPAT_H */
