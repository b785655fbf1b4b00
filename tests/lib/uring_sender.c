// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "uring_sender.h"

void *hand_over(void *data)
{
	struct hand_off *hand_off = data;
	int i;

	for (i = 0; i < hand_off->rounds; i++) {
		while (__atomic_load_n(&hand_off->done, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		send_one(hand_off->fd);
	}
	return NULL;
}
