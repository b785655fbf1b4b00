/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who sends records to those who wait for them by io_uring, one by one.
 */
#ifndef URING_SENDER_H
#define URING_SENDER_H

#include <pthread.h>

#include "uring_util.h"

/* A record of eight bytes, with its header. */
#define RECORD		16

static inline void send_one(int fd)
{
	must(write(fd, "payload", 8) == 8);
}

struct hand_off {
	int fd;
	int rounds;
	int done;
};

/* The next record comes only when the last was read. */
void *hand_over(void *data);

#endif /* URING_SENDER_H */
