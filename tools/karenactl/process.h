/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells of processes.
 */
#ifndef KARENACTL_PROCESS_H
#define KARENACTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int parse_number(const char *text);
bool is_forbidden(int error);
bool is_kernel_thread(pid_t pid);
void command_of(pid_t pid, char *command, size_t bytes);
int visit_numbers(const char *path, int (*fn)(int number, void *data), void *data);

#endif /* KARENACTL_PROCESS_H */
