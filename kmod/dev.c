// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/karena, and the operations that are not specific to arenas or rings.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "account.h"
#include "arena.h"
#include "call.h"
#include "dev.h"
#include "ioctl.h"
#include "objfd.h"
#include "ring.h"
#include "uring.h"

long karena_op_query(struct karena_call *call, void *args)
{
	struct karena_query *query = args;

	query->out_abi_version = KARENA_ABI_VERSION;
	query->out_page_size = PAGE_SIZE;
	query->out_features = KARENA_FEAT_ARENA | KARENA_FEAT_RING;
	if (IS_ENABLED(CONFIG_IO_URING))
		query->out_features |= karena_uring_features();
	query->out_arena_flags = KARENA_ARENA_FLAGS;
	query->out_ring_flags = KARENA_RING_FLAGS;
	query->out_arena_max_bytes = KARENA_ARENA_MAX_BYTES;
	query->out_ring_max_bytes = KARENA_RING_MAX_BYTES;
	query->out_user_limit_bytes = karena_account_limit_bytes();
	query->out_user_left_bytes = karena_account_left_bytes();
	return 0;
}

long karena_op_reopen(struct karena_call *call, void *args)
{
	const struct karena_rights *rights = args;

	if (rights->__reserved)
		return -EINVAL;
	return karena_object_reopen(karena_file_handle(call->file), rights->rights);
}

long karena_op_restrict(struct karena_call *call, void *args)
{
	const struct karena_rights *rights = args;

	if (rights->__reserved || rights->rights & ~call->object->type->rights)
		return -EINVAL;
	karena_object_restrict(karena_file_handle(call->file), rights->rights);
	return 0;
}

static int dev_open(struct inode *inode, struct file *file)
{
	/* A device fd has no object; misc_open() left its own pointer there. */
	file->private_data = NULL;
	return karena_objfs_pin();
}

static int dev_release(struct inode *inode, struct file *file)
{
	karena_objfs_unpin();
	return 0;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.unlocked_ioctl = karena_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = karena_file_uring_cmd,
	.llseek = noop_llseek,
};

static struct miscdevice dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "karena",
	.fops = &dev_fops,
	.mode = 0660,
};

/**
 * karena_dev_init() - register /dev/karena
 *
 * Must be the last step of module init, as users can open the device from here on.
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int __init karena_dev_init(void)
{
	return misc_register(&dev_misc);
}

void karena_dev_exit(void)
{
	misc_deregister(&dev_misc);
}
