/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas and rings of running processes.
 */
#ifndef KARENACTL_OBJECT_H
#define KARENACTL_OBJECT_H

#include <sys/types.h>

#include <karena.h>

/**
 * struct object - an arena or a ring that some process has open
 * @pid:	the process
 * @fd:		its descriptor
 * @arena:	our handle, or NULL
 * @ring:	our handle, or NULL
 */
struct object {
	pid_t pid;
	int fd;
	struct karena_arena *arena;
	struct karena_ring *ring;
};

int open_object(pid_t pid, int fd, struct object *object);
void close_object(struct object *object);
void list_header(void);
int list_object(const struct object *object);
int show_object(const struct object *object);

#endif /* KARENACTL_OBJECT_H */
