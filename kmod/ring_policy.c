// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which records wake. A consumer that need not be quick asks to be woken when so
 * many bytes or records are there, or after a time; see KARENA_IOC_RING_POLICY.
 *
 * A record that is held back leaves @armed as it is, so that the next one asks again;
 * the cost is with producers whose consumer sleeps. The first that is held back starts
 * the timer. No wake-up is lost between the two, since each side's last step is fully
 * ordered:
 *
 *   producer                       timer
 *   --------                       -----
 *   [end the record]               exchange delaying for 0
 *   full barrier                   exchange armed for 0; if it was set, wake all
 *   read armed: set
 *   read delaying: if not set,
 *     exchange it for 1; if
 *     it was not, start the timer
 *
 * A producer that finds @delaying set read it before the timer cleared it, hence its
 * record ended before those are woken who have armed, and they look afterwards. One that
 * finds @armed cleared is not held back: somebody else has woken, and whoever
 * waits looks after that.
 *
 * What cannot go on wakes, whatever the policy: a producer that finds no room, or waits
 * for it, or has died.
 */
#include <linux/hardirq.h>
#include <linux/irq_work.h>

#include "call.h"
#include "compat.h"
#include "ring.h"

static struct karena_ring *ring_of(struct ring_policy *policy)
{
	return container_of(policy, struct karena_ring, policy);
}

static void start_timer(struct ring_policy *policy)
{
	u64 ns = (u64)READ_ONCE(policy->delay_us) * NSEC_PER_USEC;

	hrtimer_start(&policy->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

static void start_deferred(struct irq_work *work)
{
	start_timer(container_of(work, struct ring_policy, start));
}

static enum hrtimer_restart delay_is_over(struct hrtimer *timer)
{
	struct ring_policy *policy = container_of(timer, struct ring_policy, timer);

	/* Fully ordered; see above. */
	xchg(&policy->delaying, 0);
	ring_wake_late(ring_of(policy));
	return HRTIMER_NORESTART;
}

/* With interrupts off the caller may hold what starting a timer takes. */
static void delay(struct ring_policy *policy)
{
	if (!READ_ONCE(policy->delay_us))
		return;
	if (READ_ONCE(policy->delaying) || xchg(&policy->delaying, 1))
		return;
	if (in_nmi() || irqs_disabled())
		irq_work_queue(&policy->start);
	else
		start_timer(policy);
}

/**
 * ring_policy_init() - each record wakes
 * @ring:	being built, zeroed
 *
 * Context: any.
 */
void ring_policy_init(struct karena_ring *ring)
{
	struct ring_policy *policy = &ring->policy;

	karena_hrtimer_setup(&policy->timer, delay_is_over, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	init_irq_work(&policy->start, start_deferred);
}

/**
 * ring_policy_fini() - nobody is woken any more
 * @ring:	has no open file and no producer
 *
 * Context: may sleep.
 */
void ring_policy_fini(struct karena_ring *ring)
{
	/* The first may still start the second. */
	irq_work_sync(&ring->policy.start);
	hrtimer_cancel(&ring->policy.timer);
}

/* Bytes and records are not of one moment, and need not be. */
static bool has_enough(struct karena_ring *ring)
{
	struct ring_policy *policy = &ring->policy;
	u32 bytes = READ_ONCE(policy->bytes), records = READ_ONCE(policy->records);

	if (bytes && karena_ring_query(ring, KARENA_RING_AVAILABLE) >= bytes)
		return true;
	return records && (u32)atomic_fetch_inc(&policy->held) >= records - 1;
}

/**
 * ring_holds_back() - a record ended, and is perhaps no reason to wake
 * @ring:	the ring; somebody waits
 *
 * Context: any, NMI included.
 * Return: whether it is none; then it is told later.
 */
bool ring_holds_back(struct karena_ring *ring)
{
	struct ring_policy *policy = &ring->policy;

	if (likely(!READ_ONCE(policy->holds)))
		return false;
	if (has_enough(ring)) {
		atomic_set(&policy->held, 0);
		return false;
	}
	delay(policy);
	return true;
}

/**
 * ring_op_policy() - KARENA_IOC_RING_POLICY
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_policy
 *
 * Context: may sleep.
 * Return: 0 or -EINVAL.
 */
long ring_op_policy(struct karena_call *call, void *argp)
{
	const struct karena_ring_policy *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	struct ring_policy *policy = &ring->policy;

	if (args->__reserved || args->wake_bytes > ring->records.mask + 1)
		return -EINVAL;
	spin_lock(&ring->party_lock);
	WRITE_ONCE(policy->bytes, args->wake_bytes);
	WRITE_ONCE(policy->records, args->wake_records);
	WRITE_ONCE(policy->delay_us, args->wake_delay_us);
	WRITE_ONCE(policy->holds,
		   args->wake_bytes || args->wake_records || args->wake_delay_us);
	spin_unlock(&ring->party_lock);
	/* By the policy that was, they might wait for longer. */
	karena_ring_flush(ring);
	return 0;
}

/**
 * ring_op_flush() - KARENA_IOC_RING_FLUSH
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_flush
 *
 * Context: any.
 * Return: 0.
 */
long ring_op_flush(struct karena_call *call, void *argp)
{
	karena_ring_flush(to_ring(call->object));
	return 0;
}
