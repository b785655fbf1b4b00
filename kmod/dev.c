// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/karena.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "dev.h"
#include "ioctl.h"
#include "objfd.h"
#include "uring.h"

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
