// SPDX-License-Identifier: GPL-2.0-only
/*
 * karena_produce: kernel code that uses a ring of the program that tests it. It
 * produces in every context at once: threads on each CPU, a timer in softirq and
 * one in hard interrupt on each, and in the NMIs by which the latter interrupts the
 * next CPU wherever that is; and by probes, see probe.c.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/karena_kapi.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../examples/driver/compat.h"
#include "karena_produce.h"
#include "mark.h"
#include "nmi.h"
#include "probe.h"

#define PERIOD_NS	(100 * NSEC_PER_USEC)

/**
 * struct producer - of one CPU, used there alone
 * @hard:	fires in hard interrupt
 * @soft:	fires in softirq
 * @thread:	bound to the CPU
 * @number:	of the next record, by context
 * @refused:	by context
 * @in_reserve:	how many contexts below NMI are about to reserve
 * @nmi_in_reserve: NMIs that saw one
 */
struct producer {
	struct hrtimer hard;
	struct hrtimer soft;
	struct task_struct *thread;
	u32 number[PRODUCE_CONTEXTS];
	u64 refused[PRODUCE_CONTEXTS];
	u32 in_reserve;
	u64 nmi_in_reserve;
};

static DEFINE_PER_CPU(struct producer, producers);

/* Keeps the calls of programs apart. */
static DEFINE_MUTEX(lock);
static struct karena_ring *ring;
static bool started;
static bool stopping;

static void *reserve(u32 context, size_t length)
{
	void *payload;

	if (context == PRODUCE_NMI)
		return karena_ring_reserve(ring, length);
	this_cpu_inc(producers.in_reserve);
	payload = karena_ring_reserve(ring, length);
	this_cpu_dec(producers.in_reserve);
	return payload;
}

static bool produce(u32 context)
{
	struct producer *p = this_cpu_ptr(&producers);
	u32 number = p->number[context];
	struct produce_record record = {
		.context = context,
		.cpu = smp_processor_id(),
		.number = number,
		.length = PRODUCE_LENGTH(number),
	};
	void *payload = reserve(context, record.length);

	if (IS_ERR(payload)) {
		p->refused[context]++;
		return false;
	}
	p->number[context]++;
	memset(payload, number, record.length);
	memcpy(payload, &record, sizeof(record));
	if (PRODUCE_DISCARDED(number))
		karena_ring_discard(ring, payload, 0);
	else
		karena_ring_submit(ring, payload, 0);
	return true;
}

static int produce_in_thread(void *unused)
{
	bool sent;

	while (!kthread_should_stop()) {
		migrate_disable();
		sent = produce(PRODUCE_PROCESS);
		migrate_enable();
		if (!sent)
			schedule_timeout_interruptible(1);
		cond_resched();
	}
	return 0;
}

static void interrupt_next_cpu(void)
{
	int cpu = cpumask_next(smp_processor_id(), cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		cpu = cpumask_first(cpu_online_mask);
	nmi_send(cpu);
}

static enum hrtimer_restart produce_in_softirq(struct hrtimer *timer)
{
	produce(PRODUCE_SOFTIRQ);
	interrupt_next_cpu();
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return READ_ONCE(stopping) ? HRTIMER_NORESTART : HRTIMER_RESTART;
}

static enum hrtimer_restart produce_in_hardirq(struct hrtimer *timer)
{
	produce(PRODUCE_HARDIRQ);
	interrupt_next_cpu();
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return READ_ONCE(stopping) ? HRTIMER_NORESTART : HRTIMER_RESTART;
}

static void produce_in_nmi(void)
{
	if (this_cpu_read(producers.in_reserve))
		this_cpu_inc(producers.nmi_in_reserve);
	produce(PRODUCE_NMI);
}

static void start_timers(void *unused)
{
	struct producer *p = this_cpu_ptr(&producers);

	hrtimer_start(&p->hard, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&p->soft, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_PINNED_SOFT);
}

static void answer(void *unused)
{
}

static void stop(void)
{
	struct producer *p;
	int cpu;

	WRITE_ONCE(stopping, true);
	for_each_online_cpu(cpu) {
		p = per_cpu_ptr(&producers, cpu);
		if (p->thread)
			kthread_stop(p->thread);
		p->thread = NULL;
		hrtimer_cancel(&p->hard);
		hrtimer_cancel(&p->soft);
	}
	/* NMIs go before interrupts: who has answered one has had all that were sent. */
	on_each_cpu(answer, NULL, 1);
	nmi_end();
	started = false;
}

static int start_cpu(int cpu)
{
	struct producer *p = per_cpu_ptr(&producers, cpu);
	struct task_struct *thread;

	thread = kthread_create_on_cpu(produce_in_thread, NULL, cpu, "karena_produce/%u");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	p->thread = thread;
	wake_up_process(thread);
	return smp_call_function_single(cpu, start_timers, NULL, 1);
}

static void reset(int cpu)
{
	struct producer *p = per_cpu_ptr(&producers, cpu);

	memset(p, 0, sizeof(*p));
	hrtimer_setup(&p->hard, produce_in_hardirq, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_setup(&p->soft, produce_in_softirq, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_SOFT);
}

static int start(void)
{
	int cpu, err;

	if (!ring || started || num_possible_cpus() > PRODUCE_CPUS)
		return -EINVAL;
	for_each_possible_cpu(cpu)
		reset(cpu);
	err = nmi_begin(produce_in_nmi);
	if (err)
		return err;
	WRITE_ONCE(stopping, false);
	started = true;
	for_each_online_cpu(cpu) {
		err = start_cpu(cpu);
		if (err) {
			stop();
			return err;
		}
	}
	return 0;
}

static int get(const struct produce_get __user *uget)
{
	struct produce_get args;
	struct karena_ring *got;

	if (copy_from_user(&args, uget, sizeof(args)))
		return -EFAULT;
	if (ring)
		return -EEXIST;
	got = karena_ring_get(args.fd, args.rights);
	if (IS_ERR(got))
		return PTR_ERR(got);
	ring = got;
	return 0;
}

static void put(void)
{
	probe_end();
	if (started)
		stop();
	if (ring)
		karena_ring_put(ring);
	ring = NULL;
}

static int counts(struct produce_counts __user *ucounts)
{
	struct produce_counts sum = {};
	struct producer *p;
	int cpu, context;

	for_each_possible_cpu(cpu) {
		p = per_cpu_ptr(&producers, cpu);
		sum.nmi_in_reserve += READ_ONCE(p->nmi_in_reserve);
		for (context = 0; context < PRODUCE_CONTEXTS; context++) {
			sum.reserved[context][cpu] = READ_ONCE(p->number[context]);
			sum.refused[context] += READ_ONCE(p->refused[context]);
		}
	}
	return copy_to_user(ucounts, &sum, sizeof(sum)) ? -EFAULT : 0;
}

static int probed(struct produce_probed __user *ucounts)
{
	struct produce_probed counts;

	probe_counts(&counts);
	return copy_to_user(ucounts, &counts, sizeof(counts)) ? -EFAULT : 0;
}

/* The records are the program's: it knows how many bytes it sent. */
static int add_length(void *context, const void *payload, size_t length)
{
	*(u64 *)context += length;
	return 0;
}

static long drain(unsigned long max)
{
	u64 bytes = 0;
	long ret;

	if (!ring)
		return -EINVAL;
	ret = karena_ring_drain(ring, add_length, &bytes, max);
	return ret < 0 ? ret : (long)bytes;
}

static long produce_atomic(void)
{
	long ret;

	if (!ring)
		return -EINVAL;
	preempt_disable();
	ret = karena_ring_output(ring, "atomic", 6, 0);
	preempt_enable();
	return ret;
}

static int mark_pages(const struct produce_mark __user *umark)
{
	struct produce_mark args;

	if (copy_from_user(&args, umark, sizeof(args)))
		return -EFAULT;
	return mark(args.start, args.bytes, args.on);
}

static long call(unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case PRODUCE_GET:
		return get((const void __user *)arg);
	case PRODUCE_PUT:
		put();
		return 0;
	case PRODUCE_START:
		return start();
	case PRODUCE_COUNTS:
		return counts((void __user *)arg);
	case PRODUCE_STOP:
		if (started)
			stop();
		return 0;
	case PRODUCE_DRAIN:
		return drain(arg);
	case PRODUCE_QUERY:
		return ring ? (long)karena_ring_query(ring, arg) : -EINVAL;
	case PRODUCE_PROBE:
		return probe_begin(ring, arg);
	case PRODUCE_UNPROBE:
		probe_end();
		return 0;
	case PRODUCE_PROBED:
		return probed((void __user *)arg);
	case PRODUCE_ATOMIC:
		return produce_atomic();
	case PRODUCE_MARK:
		return mark_pages((const void __user *)arg);
	}
	return -ENOTTY;
}

static long produce_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long ret;

	mutex_lock(&lock);
	ret = call(cmd, arg);
	mutex_unlock(&lock);
	return ret;
}

static int produce_release(struct inode *inode, struct file *file)
{
	mutex_lock(&lock);
	put();
	mutex_unlock(&lock);
	return 0;
}

static const struct file_operations produce_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.release = produce_release,
	.unlocked_ioctl = produce_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice produce_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "karena_produce",
	.fops = &produce_fops,
};
module_misc_device(produce_misc);

MODULE_DESCRIPTION("Tests karena's calls from every context");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS() writes it, whose argument is not the same on all kernels. */
MODULE_INFO(import_ns, "KARENA");
