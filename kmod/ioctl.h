/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl door.
 */
#ifndef KARENA_IOCTL_H
#define KARENA_IOCTL_H

struct file;

long karena_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* KARENA_IOCTL_H */
