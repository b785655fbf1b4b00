/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl entry point.
 */
#ifndef KARENA_IOCTL_H
#define KARENA_IOCTL_H

#include <linux/compiler.h>

struct file;
struct iov_iter;
struct karena_call;
struct karena_op;

int karena_import_buffer(const struct karena_op *op, const void *args, struct iov_iter *iter);
long karena_execute_user(const struct karena_op *op, struct karena_call *call, void __user *uarg);
long karena_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* KARENA_IOCTL_H */
