// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel code that produces where it is called by a probe: of the ring's tracepoints, of
 * those of locks, of a function that runs under the ring's lock. One probe at a time.
 */
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "probe.h"

static const char *const names[PRODUCE_PROBES] = {
	[PRODUCE_PROBE_RESERVED] = "karena_ring_reserve",
	[PRODUCE_PROBE_FINISHED] = "karena_ring_finish",
	[PRODUCE_PROBE_CONTENDS] = "contention_begin",
	[PRODUCE_PROBE_CONTENDED] = "contention_end",
	[PRODUCE_PROBE_RELEASES] = "lock_release",
	[PRODUCE_PROBE_ACCEPTS] = "record_accept",
};

static struct karena_ring *target;
static const char *wanted;
static void *handler;
static struct tracepoint *tracepoint;
static bool probing;
static atomic64_t sent, refused;
/* A record of the probe's own is no reason for another. */
static DEFINE_PER_CPU(unsigned int, in_probe);

static void produce(void)
{
	preempt_disable_notrace();
	if (this_cpu_inc_return(in_probe) == 1) {
		if (karena_ring_output(target, "probe", 5, 0))
			atomic64_inc(&refused);
		else
			atomic64_inc(&sent);
	}
	this_cpu_dec(in_probe);
	preempt_enable_notrace();
}

/* Whatever a tracepoint's arguments are: they come after this one. */
static void produce_traced(void *data)
{
	produce();
}

/* A ring begins with its lock. */
static void produce_contended(void *data, void *lock)
{
	if (lock == target)
		produce();
}

/* With the lock held, still. */
static void produce_released(void *data, struct lockdep_map *map)
{
#ifdef CONFIG_LOCKDEP
	if (!strcmp(map->name, "&ring->lock"))
		produce();
#endif
}

static void *const handlers[PRODUCE_PROBES] = {
	[PRODUCE_PROBE_RESERVED] = produce_traced,
	[PRODUCE_PROBE_FINISHED] = produce_traced,
	[PRODUCE_PROBE_CONTENDS] = produce_contended,
	[PRODUCE_PROBE_CONTENDED] = produce_contended,
	[PRODUCE_PROBE_RELEASES] = produce_released,
};

static int produce_kprobed(struct kprobe *kprobe, struct pt_regs *regs)
{
	produce();
	return 0;
}

static struct kprobe kprobe;

static void find_traced(struct tracepoint *candidate, void *unused)
{
	if (!strcmp(candidate->name, wanted))
		tracepoint = candidate;
}

/* Is called for each module that is there. */
static int find_in_module(struct notifier_block *self, unsigned long event, void *data)
{
	struct module *module = ((struct tp_module *)data)->mod;
	unsigned int i;

	for (i = 0; i < module->num_tracepoints; i++)
		find_traced(tracepoint_ptr_deref(&module->tracepoints_ptrs[i]), NULL);
	return NOTIFY_DONE;
}

static struct notifier_block modules = { .notifier_call = find_in_module };

static int trace_begin(void)
{
	int err;

	tracepoint = NULL;
	for_each_kernel_tracepoint(find_traced, NULL);
	err = register_tracepoint_module_notifier(&modules);
	if (err)
		return err;
	unregister_tracepoint_module_notifier(&modules);
	if (!tracepoint)
		return -EOPNOTSUPP;
	return tracepoint_probe_register(tracepoint, handler, NULL);
}

/* A kprobe cannot be registered again as it was left. */
static int kprobe_begin(void)
{
	kprobe = (struct kprobe) {
		.symbol_name = wanted,
		.pre_handler = produce_kprobed,
	};
	return register_kprobe(&kprobe);
}

/**
 * probe_begin() - produce whenever something happens
 * @ring:	into which, until probe_end()
 * @what:	PRODUCE_PROBE_*
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP: this kernel has no such probe; -EINVAL; -EBUSY.
 */
int probe_begin(struct karena_ring *ring, unsigned long what)
{
	int err;

	if (!ring || what >= PRODUCE_PROBES)
		return -EINVAL;
	if (probing)
		return -EBUSY;
	target = ring;
	wanted = names[what];
	handler = handlers[what];
	atomic64_set(&sent, 0);
	atomic64_set(&refused, 0);
	err = handler ? trace_begin() : kprobe_begin();
	probing = !err;
	return err;
}

/**
 * probe_end() - remove the probes
 *
 * Context: may sleep.
 */
void probe_end(void)
{
	if (!probing)
		return;
	probing = false;
	if (!handler) {
		unregister_kprobe(&kprobe);
		return;
	}
	tracepoint_probe_unregister(tracepoint, handler, NULL);
	tracepoint_synchronize_unregister();
}

/**
 * probe_counts() - report what the probes did since probe_begin()
 * @counts:	out
 *
 * Context: any.
 */
void probe_counts(struct produce_probed *counts)
{
	counts->sent = atomic64_read(&sent);
	counts->refused = atomic64_read(&refused);
}
