// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctl entry point: copies arguments in, executes the operation, copies results out.
 * This file knows no operation by name. The io_uring entry point uses karena_execute_user(),
 * too, for arguments that are in user memory.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "compat.h"
#include "ioctl.h"
#include "objfd.h"
#include "ops.h"

/**
 * karena_import_buffer() - import the user memory that an argument points to
 * @op:		an operation with a buffer
 * @args:	kernel copy of the arguments
 * @iter:	out; shorter than the size in @args if that is more than MAX_RW_COUNT. An
 *		operation that needs the whole size compares the two
 *
 * Context: any.
 * Return: 0 or -EFAULT.
 */
int karena_import_buffer(const struct karena_op *op, const void *args, struct iov_iter *iter)
{
	const u64 *buffer = args + op->buffer;
	void __user *ubuf = u64_to_user_ptr(buffer[0]);
	size_t bytes = min_t(u64, buffer[1], MAX_RW_COUNT);

	if (!access_ok(ubuf, bytes))
		return -EFAULT;
	iov_iter_ubuf(iter, op->buffer_dest ? ITER_DEST : ITER_SOURCE, ubuf, bytes);
	return 0;
}

/*
 * Copies in an argument struct that has the size of this version's. copy_struct_from_user()
 * would add 150 instructions to each call, which is more than a tenth of a submit or an output.
 */
static int copy_words(void *args, const void __user *uarg, size_t size)
{
	size_t at;

	if (!user_read_access_begin(uarg, size))
		return -EFAULT;
	for (at = 0; at < size; at += sizeof(u64))
		unsafe_get_user(*(u64 *)(args + at), (u64 __user *)(uarg + at), fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/*
 * Copies out the outputs for which the user's struct has room. Does not call copy_to_user(),
 * two calls of which would make a free slower by more than a tenth.
 */
static int copy_results(const struct karena_op *op, const void *args, void __user *uarg, u32 size)
{
	size = min_t(u32, size, op->size);
	if (size <= op->out)
		return 0;
	if (!user_write_access_begin(uarg, size))
		return -EFAULT;
	unsafe_copy_to_user(uarg + op->out, args + op->out, size - op->out, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * karena_execute_user() - execute an operation whose argument struct is in user memory
 * @op:		from karena_op_find()
 * @call:	with object and file
 * @uarg:	the argument struct
 *
 * Context: may sleep.
 * Return: result of the operation, or -EFAULT, -E2BIG, -EINVAL.
 */
long karena_execute_user(const struct karena_op *op, struct karena_call *call, void __user *uarg)
{
	u64 args[KARENA_ARGS_MAX / sizeof(u64)] __uninitialized;
	struct iov_iter payload;
	u32 size;
	long ret;
	int err;

	if (get_user(size, (const u32 __user *)uarg))
		return -EFAULT;
	if (size < op->first_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size == op->size)
		err = copy_words(args, uarg, size);
	else
		err = copy_struct_from_user(args, op->size, uarg, size);
	if (err)
		return err;
	/* A call that cannot report its result must not happen, so try to write first. */
	err = copy_results(op, args, uarg, size);
	if (err)
		return err;
	if (op->buffer) {
		err = karena_import_buffer(op, args, &payload);
		if (err)
			return err;
		call->payload = &payload;
	}

	ret = karena_op_execute(op, call, args);
	call->payload = NULL;
	if (ret >= 0 || (ret == -EINTR && op->out_on_eintr))
		err = copy_results(op, args, uarg, size);
	return err ?: ret;
}

/*
 * Ends a call that a signal has interrupted, and writes the time that is left into the user's
 * struct. The kernel then makes the call again if no signal handler runs; else the call fails
 * with EINTR. If the time cannot be written, the call always fails with EINTR, as select() does.
 */
static long interrupted(const struct karena_op *op, const struct karena_call *call,
			void __user *uarg)
{
	if (op->timeout && call->until &&
	    put_user(karena_call_us_left(call), (u32 __user *)(uarg + op->timeout)))
		return -EINTR;
	return -ERESTARTNOHAND;
}

/**
 * karena_ioctl() - execute an ioctl on any karena file
 * @file:	open file of the device, an arena or a ring
 * @cmd:	KARENA_IOC_*
 * @arg:	pointer to the argument struct
 *
 * Context: may sleep.
 * Return: as karena_execute_user(), or -ENOTTY.
 */
long karena_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct karena_handle *handle = karena_file_handle(file);
	struct karena_call call = {
		.object = handle ? handle->object : NULL,
		.file = file,
	};
	const struct karena_op *op = karena_op_find(cmd, call.object);
	long ret;

	if (!op)
		return -ENOTTY;
	ret = karena_execute_user(op, &call, (void __user *)arg);
	return ret == -ERESTARTNOHAND ? interrupted(op, &call, (void __user *)arg) : ret;
}
