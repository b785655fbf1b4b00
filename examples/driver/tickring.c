// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * tickring: a driver that reports events to a program through a ring.
 *
 * The program passes its ring and consumes. The driver produces from a timer in hard
 * interrupt, a timer in softirq, and the program's own call, concurrently and without a
 * lock between them. Each of the three shows a different way to send.
 */
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/karena_kapi.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "compat.h"
#include "tickring.h"

#define HARDIRQ_NS	(NSEC_PER_MSEC)
#define SOFTIRQ_NS	(3 * NSEC_PER_MSEC)

/**
 * struct tick - an open file
 * @lock:	serializes calls
 * @ring:	NULL until attached
 * @number:	number of the next event, by source; each source uses only its own
 * @hardirq:	runs from ATTACH to release
 * @softirq:	likewise
 */
struct tick {
	struct mutex lock;
	struct karena_ring *ring;
	u64 number[TICKRING_SOURCES];
	struct hrtimer hardirq;
	struct hrtimer softirq;
};

static struct tickring_event next_event(struct tick *tick, u32 source)
{
	return (struct tickring_event) {
		.source = source,
		.number = tick->number[source]++,
		.now = ktime_get_ns(),
	};
}

/* Sends in place: writes the event where the program will read it. */
static enum hrtimer_restart tick_in_hardirq(struct hrtimer *timer)
{
	struct tick *tick = container_of(timer, struct tick, hardirq);
	struct tickring_event event = next_event(tick, TICKRING_HARDIRQ);
	struct tickring_event *record = karena_ring_reserve(tick->ring, sizeof(*record));

	if (!IS_ERR(record)) {
		*record = event;
		karena_ring_submit(tick->ring, record, 0);
	}
	hrtimer_forward_now(timer, ns_to_ktime(HARDIRQ_NS));
	return HRTIMER_RESTART;
}

/* Sends by dynptr: bounds are checked, and a failed reserve makes the write harmless. */
static enum hrtimer_restart tick_in_softirq(struct hrtimer *timer)
{
	struct tick *tick = container_of(timer, struct tick, softirq);
	struct tickring_event event = next_event(tick, TICKRING_SOFTIRQ);
	struct karena_dynptr record;

	karena_ring_reserve_dynptr(tick->ring, sizeof(event), &record);
	karena_dynptr_write(&record, 0, &event, sizeof(event));
	karena_ring_submit_dynptr(&record, 0);
	hrtimer_forward_now(timer, ns_to_ktime(SOFTIRQ_NS));
	return HRTIMER_RESTART;
}

/* Sends by copy, and wakes the program at once, whatever it waits for. */
static long tick_note(struct tick *tick)
{
	struct tickring_event event;

	if (!tick->ring)
		return -EINVAL;
	event = next_event(tick, TICKRING_PROCESS);
	return karena_ring_output(tick->ring, &event, sizeof(event),
				  KARENA_RING_FORCE_WAKEUP);
}

static long tick_attach(struct tick *tick, int fd)
{
	struct karena_ring *ring;

	if (tick->ring)
		return -EBUSY;
	ring = karena_ring_get(fd, KARENA_RIGHT_PRODUCE);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	tick->ring = ring;
	hrtimer_start(&tick->hardirq, ns_to_ktime(HARDIRQ_NS), HRTIMER_MODE_REL_HARD);
	hrtimer_start(&tick->softirq, ns_to_ktime(SOFTIRQ_NS), HRTIMER_MODE_REL_SOFT);
	return 0;
}

static long tick_call(struct tick *tick, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case TICKRING_IOC_ATTACH:
		return tick_attach(tick, arg);
	case TICKRING_IOC_NOTE:
		return tick_note(tick);
	}
	return -ENOTTY;
}

static long tick_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tick *tick = file->private_data;
	long ret;

	mutex_lock(&tick->lock);
	ret = tick_call(tick, cmd, arg);
	mutex_unlock(&tick->lock);
	return ret;
}

static int tick_open(struct inode *inode, struct file *file)
{
	struct tick *tick = kzalloc(sizeof(*tick), GFP_KERNEL_ACCOUNT);

	if (!tick)
		return -ENOMEM;
	mutex_init(&tick->lock);
	hrtimer_setup(&tick->hardirq, tick_in_hardirq, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	hrtimer_setup(&tick->softirq, tick_in_softirq, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
	file->private_data = tick;
	return 0;
}

static int tick_release(struct inode *inode, struct file *file)
{
	struct tick *tick = file->private_data;

	if (tick->ring) {
		hrtimer_cancel(&tick->hardirq);
		hrtimer_cancel(&tick->softirq);
		/* Records that were sent stay in the ring. */
		karena_ring_put(tick->ring);
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
	.name = "tickring",
	.fops = &tick_fops,
	.mode = 0660,
};
module_misc_device(tick_misc);

MODULE_DESCRIPTION("Ticks as records of a program's ring");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("Dual MIT/GPL");
/* Written out, as the argument of MODULE_IMPORT_NS() differs between kernels. */
MODULE_INFO(import_ns, "KARENA");
