/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The short way of a record into a ring that is not IN_PLACE, has room, and whose lock
 * is free. With the inline half of record.h it calls nothing, and leaves for the long
 * way of ring.c when something is otherwise. So a leaf function, which saves no
 * register, can reserve a record.
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

/*
 * An NMI may have interrupted whoever holds the lock or waits for it, so it can
 * only try.
 */
static __always_inline bool ring_lock(struct karena_ring *ring, unsigned long *flags)
{
	if (unlikely(in_nmi()))
		return raw_spin_trylock_irqsave(&ring->lock, *flags);
	raw_spin_lock_irqsave(&ring->lock, *flags);
	return true;
}

#define LOCKS_ARE_CHECKED \
	(IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))

/*
 * The short way takes the lock with interrupts off, as raw_spin_lock_irqsave() does, but
 * without its calls and without counting a hold of preemption, as interrupts are off
 * for as long: a quarter of what a record costs. Where locks are checked, those calls are
 * what checks them.
 */
static __always_inline bool ring_trylock_short(struct karena_ring *ring)
{
	if (LOCKS_ARE_CHECKED)
		return raw_spin_trylock(&ring->lock);
	return do_raw_spin_trylock(&ring->lock);
}

static __always_inline void ring_lock_short(struct karena_ring *ring)
{
	if (LOCKS_ARE_CHECKED)
		raw_spin_lock(&ring->lock);
	else
		do_raw_spin_lock(&ring->lock);
}

static __always_inline void ring_unlock_short(struct karena_ring *ring, unsigned long flags)
{
	if (LOCKS_ARE_CHECKED)
		raw_spin_unlock(&ring->lock);
	else
		do_raw_spin_unlock(&ring->lock);
	local_irq_restore(flags);
}

/* How the reservation ended. */
enum ring_short {
	RING_RESERVED,
	RING_NO_ROOM,	/* below the limit that was given out */
	RING_TAKEN,	/* the lock is; interrupts are off, for ring_reserve_queued() */
	RING_LONG_WAY,	/* not tried */
};

/* Gives the lock back. */
static __always_inline enum ring_short
ring_reserve_locked(struct karena_ring *ring, size_t length, unsigned long flags,
		    struct karena_record_header **header)
{
	if (unlikely(!record_fits(&ring->records, record_bytes(length)))) {
		ring_unlock_short(ring, flags);
		return RING_LONG_WAY;
	}
	*header = record_open(&ring->records, length, RECORD_OWNER_KERNEL, false);
	ring->nr_records++;
	ring_unlock_short(ring, flags);
	return RING_RESERVED;
}

static __always_inline enum ring_short
ring_reserve_short(struct karena_ring *ring, size_t length,
		   struct karena_record_header **header, u64 *limit, unsigned long *flags)
{
	/* No bytes are the greatest number here. */
	if (unlikely(length - 1 >= ring->quick_max))
		return RING_LONG_WAY;
	if (unlikely(!record_may_fit(&ring->records, record_bytes(length), limit)))
		return RING_NO_ROOM;
	local_irq_save(*flags);
	if (unlikely(!ring_trylock_short(ring)))
		return RING_TAKEN;
	return ring_reserve_locked(ring, length, *flags, header);
}

/*
 * After RING_TAKEN, which with two producers is every other time: waits, and holds the
 * lock for no longer than who found it free.
 */
static __always_inline enum ring_short
ring_reserve_queued(struct karena_ring *ring, size_t length, unsigned long flags,
		    struct karena_record_header **header)
{
	/* It may have interrupted whoever holds the lock. */
	if (unlikely(in_nmi())) {
		local_irq_restore(flags);
		return RING_LONG_WAY;
	}
	ring_lock_short(ring);
	return ring_reserve_locked(ring, length, flags, header);
}

/*
 * A record has ended. record_close() was a full barrier between that and the
 * look at @armed; see ring_wait.c. One comparison serves both: RING_ARMED is the
 * flag that demands a wake-up, and with NO_WAKEUP added it is neither.
 */
static __always_inline void ring_tell(struct karena_ring *ring, u32 flags)
{
	BUILD_BUG_ON(RING_ARMED != KARENA_RING_FORCE_WAKEUP);
	if (unlikely((READ_ONCE(ring->armed) | flags) == KARENA_RING_FORCE_WAKEUP))
		ring_wake(ring, flags);
}

void ring_submit_traced(struct karena_ring *ring, const struct karena_record_header *header,
			u32 word, u32 flags);

/*
 * Count a submitted record on this CPU, in any context: an NMI that comes meanwhile counts
 * its own. As srcu_read_lock_nmisafe() does.
 */
static __always_inline void ring_count_submitted(struct karena_ring *ring)
{
	if (KARENA_NMI_SAFE_THIS_CPU_OPS)
		this_cpu_inc(ring->submitted->counter);
	else
		atomic64_inc(raw_cpu_ptr(ring->submitted));
}

/* Of a record that was reserved by the short way, or could have been. */
static __always_inline void ring_submit_short(struct karena_ring *ring,
					      struct karena_record_header *header, u32 word,
					      u32 flags)
{
	record_close_as(&ring->records, header, word, false);
	ring_count_submitted(ring);
	if (trace_karena_ring_finish_enabled())
		ring_submit_traced(ring, header, word, flags);
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
	unsigned long irq;
	u64 limit;

	if (trace_karena_ring_reserve_enabled())
		return false;
	switch (ring_reserve_short(ring, length, &header, &limit, &irq)) {
	case RING_RESERVED:
		ring_copy_short(header + 1, data, length);
		ring_submit_short(ring, header, length, flags);
		return true;
	case RING_TAKEN:
		/* Or both ways would test it at once, between the exchange and its branch. */
		OPTIMIZER_HIDE_VAR(irq);
		local_irq_restore(irq);
		return false;
	default:
		return false;
	}
}

#endif /* KARENA_RING_SHORT_H */
