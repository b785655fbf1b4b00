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

/*
 * Copies in the user's struct and writes its outputs, if it has the size known here. For
 * a few words this is cheaper than copy_from_user(). Returns 1 for any other size.
 */
static __always_inline int copy_known(const struct karena_op *op, void *args, void __user *uarg)
{
	size_t at, size = op->size;

	if (!user_access_begin(uarg, size))
		return 1;
	unsafe_get_user(*(u64 *)args, (u64 __user *)uarg, fault);
	if (*(u32 *)args != size)
		goto other_size;
	for (at = sizeof(u64); at < size; at += sizeof(u64))
		unsafe_get_user(*(u64 *)(args + at), (u64 __user *)(uarg + at), fault);
	for (at = op->out; at < size; at += sizeof(u64))
		unsafe_put_user(*(u64 *)(args + at), (u64 __user *)(uarg + at), fault);
	user_access_end();
	return 0;

other_size:
	user_access_end();
	return 1;
fault:
	user_access_end();
	return -EFAULT;
}

/**
 * karena_import_buffer() - import the user memory that an argument points to
 * @op:		an operation with a buffer
 * @args:	kernel copy of the arguments
 * @iter:	out; may be shorter than the size in @args, which the operation checks if
 *		need be
 *		that it was given
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

/* Imports the payload for this execution only: a call that waits may be executed again. */
static noinline long execute_imported(const struct karena_op *op, struct karena_call *call,
				      void *args)
{
	struct iov_iter payload;
	long ret;

	ret = karena_import_buffer(op, args, &payload);
	if (ret)
		return ret;
	call->payload = &payload;
	ret = karena_op_execute(op, call, args);
	call->payload = NULL;
	return ret;
}

/* Returns whether the outputs must be written. */
static __always_inline bool execute_op(const struct karena_op *op, struct karena_call *call,
				       void *args, long *ret)
{
	if (op->buffer && !call->payload)
		*ret = execute_imported(op, call, args);
	else
		*ret = karena_op_execute(op, call, args);
	return *ret >= 0 || (*ret == -EINTR && op->out_on_eintr);
}

/* A struct that ends early need not end at a whole word. */
static int copy_out(void __user *to, const void *from, size_t bytes)
{
	if (!user_write_access_begin(to, bytes))
		return -EFAULT;
	unsafe_copy_to_user(to, from, bytes, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

static int copy_results(const struct karena_op *op, const void *args, void __user *uarg, u32 size)
{
	size = min_t(u32, size, op->size);
	return size > op->out ? copy_out(uarg + op->out, args + op->out, size - op->out) : 0;
}

/*
 * Executes with a struct of another size. The size is read again with the rest of the
 * struct, but only the first value counts.
 */
static noinline long execute_other(const struct karena_op *op, struct karena_call *call, void *args,
				   void __user *uarg)
{
	u32 size;
	long ret;
	int err;

	if (get_user(size, (const u32 __user *)uarg))
		return -EFAULT;
	if (size < op->first_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(args, op->size, uarg, size);
	if (err)
		return err;
	*(u32 *)args = size;
	err = copy_results(op, args, uarg, size);
	if (err)
		return err;

	if (execute_op(op, call, args, &ret))
		err = copy_results(op, args, uarg, size);
	return err ?: ret;
}

/* Writes the outputs of a struct of the size known here. */
static __always_inline int put_results(const struct karena_op *op, const void *args,
				       void __user *uarg)
{
	size_t at = op->out, size = op->size;

	if (at >= size)
		return 0;
	if (!user_write_access_begin(uarg, size))
		return -EFAULT;
	for (; at < size; at += sizeof(u64))
		unsafe_put_user(*(u64 *)(args + at), (u64 __user *)(uarg + at), fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * Executes with the user's struct, of whatever size. A call that cannot report its result
 * must not happen, so the outputs are written once before, as a test.
 */
static __always_inline long execute_user(const struct karena_op *op, struct karena_call *call,
					 void __user *uarg)
{
	u64 args[KARENA_ARGS_MAX / sizeof(u64)] __uninitialized;
	long ret;
	int err;

	err = copy_known(op, args, uarg);
	if (err)
		return err < 0 ? err : execute_other(op, call, args, uarg);
	if (execute_op(op, call, args, &ret))
		err = put_results(op, args, uarg);
	return err ?: ret;
}

/**
 * karena_execute_user() - execute an operation whose argument struct is in user memory
 * @op:		from karena_op_find()
 * @call:	with object and file, and the payload if the entry point has imported it
 * @uarg:	the argument struct
 *
 * Context: may sleep.
 * Return: result of the operation, or -EFAULT, -E2BIG, -EINVAL.
 */
long karena_execute_user(const struct karena_op *op, struct karena_call *call, void __user *uarg)
{
	return execute_user(op, call, uarg);
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

	if (!op)
		return -ENOTTY;
	return execute_user(op, &call, (void __user *)arg);
}
