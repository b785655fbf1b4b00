/* SPDX-License-Identifier: MIT */
/*
 * Interface between tickring and programs: the records that it sends through the
 * program's own ring, and two ioctls.
 */
#ifndef TICKRING_H
#define TICKRING_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TICKRING_DEVICE		"/dev/tickring"

/* struct tickring_event: source of the event */
#define TICKRING_HARDIRQ	0
#define TICKRING_SOFTIRQ	1
#define TICKRING_PROCESS	2
#define TICKRING_SOURCES	3

/**
 * struct tickring_event - a record
 * @source:	TICKRING_*
 * @reserved:	0
 * @number:	counts the events of @source from 0; a gap means that the ring was
 *		full
 * @now:	CLOCK_MONOTONIC, in nanoseconds
 */
struct tickring_event {
	__u32 source;
	__u32 reserved;
	__aligned_u64 number;
	__aligned_u64 now;
};

/* The argument is a ring fd with KARENA_RIGHT_PRODUCE; once per open file. */
#define TICKRING_IOC_ATTACH	_IO(0xBE, 0x01)
/* Sends an event from the caller's context. Fails as KARENA_IOC_RING_OUTPUT does. */
#define TICKRING_IOC_NOTE	_IO(0xBE, 0x02)

#endif /* TICKRING_H */
