// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * tickpage: a driver that shares memory with a program through an arena.
 *
 * The program passes its arena; the driver allocates a page there and updates it
 * from a timer interrupt. The program reads the page without a system call.
 */
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/karena_kapi.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "compat.h"
#include "tickpage.h"

#define PERIOD_NS	(NSEC_PER_MSEC)

/**
 * struct tick - an open file
 * @lock:	serializes ATTACH calls
 * @arena:	NULL until attached
 * @page:	kernel mapping of the page; the program can write the page, so the
 *		driver never reads back from it what it relies on
 * @ticks:	ticks so far
 * @timer:	runs from ATTACH to release
 */
struct tick {
	struct mutex lock;
	struct karena_arena *arena;
	struct tickpage *page;
	u64 ticks;
	struct hrtimer timer;
};

static enum hrtimer_restart tick_expired(struct hrtimer *timer)
{
	struct tick *tick = container_of(timer, struct tick, timer);

	WRITE_ONCE(tick->page->now, ktime_get_ns());
	/* Pairs with the reader's acquire: a reader that sees the count sees its time. */
	smp_store_release(&tick->page->ticks, ++tick->ticks);
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

static long tick_attach(struct tick *tick, int fd)
{
	struct karena_arena *arena;
	struct tickpage *page;
	s64 offset;

	if (tick->arena)
		return -EBUSY;

	arena = karena_arena_get(fd, KARENA_RIGHT_ALLOC);
	if (IS_ERR(arena))
		return PTR_ERR(arena);
	offset = karena_arena_alloc(arena, 0, 1, 0, KARENA_NODE_ANY, 0);
	if (offset < 0)
		goto put;
	page = karena_arena_map(arena, offset, 1);
	if (IS_ERR(page)) {
		karena_arena_free(arena, offset, 1, 0, NULL);
		offset = PTR_ERR(page);
		goto put;
	}

	tick->arena = arena;
	tick->page = page;
	hrtimer_start(&tick->timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL);
	return offset;

put:
	karena_arena_put(arena);
	return offset;
}

static long tick_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tick *tick = file->private_data;
	long ret;

	if (cmd != TICKPAGE_IOC_ATTACH)
		return -ENOTTY;
	mutex_lock(&tick->lock);
	ret = tick_attach(tick, arg);
	mutex_unlock(&tick->lock);
	return ret;
}

static int tick_open(struct inode *inode, struct file *file)
{
	struct tick *tick = kzalloc(sizeof(*tick), GFP_KERNEL_ACCOUNT);

	if (!tick)
		return -ENOMEM;
	mutex_init(&tick->lock);
	hrtimer_setup(&tick->timer, tick_expired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	file->private_data = tick;
	return 0;
}

static int tick_release(struct inode *inode, struct file *file)
{
	struct tick *tick = file->private_data;

	if (tick->arena) {
		hrtimer_cancel(&tick->timer);
		/* The page stays in the arena, with its last values. */
		karena_arena_unmap(tick->page);
		karena_arena_put(tick->arena);
	}
	kfree(tick);
	return 0;
}

static const struct file_operations tick_fops = {
	.owner = THIS_MODULE,
	.open = tick_open,
	.release = tick_release,
	.unlocked_ioctl = tick_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice tick_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tickpage",
	.fops = &tick_fops,
	.mode = 0660,
};
module_misc_device(tick_misc);

MODULE_DESCRIPTION("Ticks in a page of a program's arena");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("Dual MIT/GPL");
/* Written out, as the argument of MODULE_IMPORT_NS() differs between kernels. */
MODULE_INFO(import_ns, "KARENA");
