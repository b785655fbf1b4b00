// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctl entry point: copies arguments in, executes the operation, copies results out.
 * It knows no operation by name. The io_uring entry point uses it for the same.
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
 * @iter:	out; may be shorter than the size in @args, which the operation checks if
 *		need be
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
 * Copies in a struct of the size known here. By copy_struct_from_user() each call would
 * take 150 instructions more, which is more than a tenth of a submit or an output.
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

/* Inline, as two calls of copy_to_user() would make a free slower by more than a tenth. */
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
	/* A call that cannot report its result must not happen, so try that before. */
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
 * Has a call that a signal has interrupted made again, if no handler runs, and else fail with
 * EINTR; in both cases with what is left of its time. As select(), only the latter where that
 * cannot be written.
 */
static long interrupted(const struct karena_op *op, const struct karena_call *call,
			void __user *uarg)
{
	if (call->until &&
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
