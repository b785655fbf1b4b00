// SPDX-License-Identifier: GPL-2.0-only
/*
 * karena_bench: produces to a ring from kernel code, a number of records per call, for a
 * program that takes the time.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/karena_kapi.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/uaccess.h>

#include "karena_bench.h"

static u8 payload[BENCH_LENGTH_MAX];

static void nothing(struct bench_run *run)
{
	u32 i;

	for (i = 0; i < run->times; i++)
		barrier();
}

static void reserve_submit(struct karena_ring *ring, struct bench_run *run)
{
	u64 *record;
	u32 i;

	for (i = 0; i < run->times; i++) {
		record = karena_ring_reserve(ring, run->length);
		if (IS_ERR(record)) {
			run->refused++;
			continue;
		}
		*record = i;
		karena_ring_submit(ring, record, KARENA_RING_NO_WAKEUP);
	}
}

static void output(struct karena_ring *ring, struct bench_run *run)
{
	u32 i;

	for (i = 0; i < run->times; i++) {
		if (karena_ring_output(ring, payload, run->length, KARENA_RING_NO_WAKEUP))
			run->refused++;
	}
}

/* Writes nothing, as the BPF program does. */
static void dynptr(struct karena_ring *ring, struct bench_run *run)
{
	struct karena_dynptr record;
	u32 i;

	for (i = 0; i < run->times; i++) {
		if (karena_ring_reserve_dynptr(ring, run->length, &record))
			run->refused++;
		karena_ring_submit_dynptr(&record, KARENA_RING_NO_WAKEUP);
	}
}

static int do_run(struct karena_ring *ring, struct bench_run *run)
{
	if (!ring || run->length < sizeof(u64) || run->length > BENCH_LENGTH_MAX)
		return -EINVAL;
	run->refused = 0;
	switch (run->what) {
	case BENCH_NOTHING:
		nothing(run);
		return 0;
	case BENCH_RESERVE_SUBMIT:
		reserve_submit(ring, run);
		return 0;
	case BENCH_OUTPUT:
		output(ring, run);
		return 0;
	case BENCH_DYNPTR:
		dynptr(ring, run);
		return 0;
	}
	return -EINVAL;
}

static long bench_run(struct karena_ring *ring, struct bench_run __user *urun)
{
	struct bench_run run;
	int err;

	if (copy_from_user(&run, urun, sizeof(run)))
		return -EFAULT;
	/* BPF programs run with preemption disabled, too. */
	preempt_disable();
	err = do_run(ring, &run);
	preempt_enable();
	if (!err && copy_to_user(urun, &run, sizeof(run)))
		err = -EFAULT;
	return err;
}

static long bench_ring(struct file *file, int fd)
{
	struct karena_ring *ring = karena_ring_get(fd, KARENA_RIGHT_PRODUCE);

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (cmpxchg(&file->private_data, NULL, ring)) {
		karena_ring_put(ring);
		return -EEXIST;
	}
	return 0;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case BENCH_RING:
		return bench_ring(file, arg);
	case BENCH_RUN:
		return bench_run(READ_ONCE(file->private_data), (void __user *)arg);
	}
	return -ENOTTY;
}

static int bench_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return nonseekable_open(inode, file);
}

static int bench_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		karena_ring_put(file->private_data);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "karena_bench",
	.fops = &bench_fops,
};
module_misc_device(bench_misc);

MODULE_DESCRIPTION("Kernel code that produces to karena's rings, for the bench");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
/* Written out, as the argument of MODULE_IMPORT_NS() differs between kernels. */
MODULE_INFO(import_ns, "KARENA");
