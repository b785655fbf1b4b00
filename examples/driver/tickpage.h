/* SPDX-License-Identifier: MIT */
/*
 * Interface between tickpage and programs: a page in the program's own arena, and one
 * ioctl that makes the driver update it.
 */
#ifndef TICKPAGE_H
#define TICKPAGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TICKPAGE_DEVICE		"/dev/tickpage"

/**
 * struct tickpage - at the offset in the arena that TICKPAGE_IOC_ATTACH returns
 * @ticks:	incremented by each tick
 * @now:	CLOCK_MONOTONIC at the last tick, in nanoseconds
 */
struct tickpage {
	__aligned_u64 ticks;
	__aligned_u64 now;
};

/* The argument is an arena fd with KARENA_RIGHT_ALLOC; once per open file. */
#define TICKPAGE_IOC_ATTACH	_IO(0xBE, 0x00)

#endif /* TICKPAGE_H */
