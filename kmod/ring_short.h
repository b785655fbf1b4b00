/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lock of a ring, and the short way of a record into one that is not IN_PLACE and has
 * space. With the inline half of record.h it calls the lock's functions alone, and leaves
 * for the long way of ring.c when something is otherwise.
 */
#ifndef KARENA_RING_SHORT_H
#define KARENA_RING_SHORT_H

#include <linux/hardirq.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "compat.h"
#include "ring.h"
#include "trace.h"

#ifndef CONFIG_SMP
#error "karena needs CONFIG_SMP: without it locks are nothing that an NMI could find taken"
#endif

/* How many holds of a ring's lock this CPU has, or waits for; interrupts are off. */
DECLARE_PER_CPU(unsigned int, ring_holds);

/*
 * Must the caller, itself counted in @ring_holds, not wait for a ring's lock? An NMI may
 * have interrupted the holder; so may a probe of what runs under a lock, or while waiting
 * for one: a tracepoint of locks, a kprobe. That two rings do not wait for each other it is
 * so for any two.
 */
static __always_inline bool ring_only_tries(void)
{
	return in_nmi() || __this_cpu_read(ring_holds) > 1;
}

bool ring_lock_try(struct karena_ring *ring, unsigned long flags);

/*
 * Take the lock, in any context. System calls, timers and irq_works have interrupted no
 * holder, so for them it does not fail; nor for whoever comes with interrupts on.
 */
static __always_inline bool ring_lock(struct karena_ring *ring, unsigned long *flags)
{
	local_irq_save(*flags);
	__this_cpu_inc(ring_holds);
	if (unlikely(irqs_disabled_flags(*flags)) && ring_only_tries())
		return ring_lock_try(ring, *flags);
	raw_spin_lock(&ring->lock);
	/* Hide the lock from sparse: most callers do not look at the result. */
	__release(&ring->lock);
	return true;
}

static __always_inline void ring_unlock(struct karena_ring *ring, unsigned long flags)
{
	__acquire(&ring->lock);
	raw_spin_unlock(&ring->lock);
	__this_cpu_dec(ring_holds);
	local_irq_restore(flags);
}

/* How the reservation ended. */
enum ring_short {
	RING_RESERVED,
	RING_NO_SPACE,	/* below the limit that was given out */
	RING_LONG_WAY,	/* not tried, or the lock was not to be had */
};

static __always_inline enum ring_short
ring_reserve_short(struct karena_ring *ring, size_t length,
		   struct karena_record_header **header, u64 *limit)
{
	unsigned long flags;

	/* No bytes are the greatest number here. */
	if (unlikely(length - 1 >= ring->quick_max))
		return RING_LONG_WAY;
	if (unlikely(!record_may_fit(&ring->records, record_bytes(length), limit)))
		return RING_NO_SPACE;
	if (unlikely(!ring_lock(ring, &flags)))
		return RING_LONG_WAY;
	if (unlikely(!record_fits(&ring->records, record_bytes(length)))) {
		ring_unlock(ring, flags);
		return RING_LONG_WAY;
	}
	*header = record_open(&ring->records, length, RECORD_OWNER_KERNEL, false);
	ring->nr_records++;
	ring_unlock(ring, flags);
	return RING_RESERVED;
}

/*
 * A record has ended. record_close() was a full barrier between that and the
 * look at @armed; see ring_wake.c. One comparison serves both: RING_ARMED is the
 * flag that demands a wake-up, and with NO_WAKEUP added it is neither.
 */
static __always_inline void ring_tell_many(struct karena_ring *ring, u32 flags,
					   unsigned int nr)
{
	BUILD_BUG_ON(RING_ARMED != KARENA_RING_FORCE_WAKEUP);
	if (unlikely((READ_ONCE(ring->armed) | flags) == KARENA_RING_FORCE_WAKEUP))
		ring_wake(ring, flags, nr);
}

static __always_inline void ring_tell(struct karena_ring *ring, u32 flags)
{
	ring_tell_many(ring, flags, 1);
}

void ring_tell_traced(struct karena_ring *ring, const struct karena_record_header *header,
		      u32 word, u32 flags);

/*
 * Count submitted records on this CPU, in any context: an NMI that comes meanwhile counts
 * its own. As srcu_read_lock_nmisafe() does. The choice is an argument for tests only.
 */
static __always_inline void ring_count_submitted_by(struct karena_ring *ring, unsigned int nr,
						    bool nmi_safe_this_cpu)
{
	if (nmi_safe_this_cpu)
		this_cpu_add(ring->submitted->counter, nr);
	else
		atomic64_add(nr, raw_cpu_ptr(ring->submitted));
}

static __always_inline void ring_count_submitted(struct karena_ring *ring, unsigned int nr)
{
	ring_count_submitted_by(ring, nr, KARENA_NMI_SAFE_THIS_CPU_OPS);
}

/* Of a record that was reserved by the short way, or could have been. */
static __always_inline void ring_submit_short(struct karena_ring *ring,
					      struct karena_record_header *header, u32 word,
					      u32 flags)
{
	record_close_as(&ring->records, header, word, false);
	ring_count_submitted(ring, 1);
	if (trace_karena_ring_finish_enabled())
		ring_tell_traced(ring, header, word, flags);
	else
		ring_tell(ring, flags);
}

/* For a few bytes that is less than a call. */
static __always_inline void ring_copy_short(void *to, const void *from, size_t length)
{
	size_t words = round_down(length, sizeof(u64)), i;

	for (i = words; i; i -= sizeof(u64))
		memcpy(to + i - sizeof(u64), from + i - sizeof(u64), sizeof(u64));
	for (i = words; i < length; i++)
		*(u8 *)(to + i) = *(const u8 *)(from + i);
}

/* Returns whether the record was sent; if not, nothing is done. */
static __always_inline bool ring_output_short(struct karena_ring *ring, const void *data,
					      size_t length, u32 flags)
{
	struct karena_record_header *header;
	u64 limit;

	if (trace_karena_ring_reserve_enabled())
		return false;
	if (ring_reserve_short(ring, length, &header, &limit) != RING_RESERVED)
		return false;
	ring_copy_short(header + 1, data, length);
	ring_submit_short(ring, header, length, flags);
	return true;
}

#endif /* KARENA_RING_SHORT_H */
