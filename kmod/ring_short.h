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

#include "ring.h"
#include "trace.h"

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
 * For the short way: takes the lock if it is free, also in an NMI. It is what
 * raw_spin_trylock_irqsave() does, without its calls and without counting a hold of
 * preemption, as interrupts are off for as long: a quarter of what a record costs.
 * Where locks are checked, those calls are what checks them.
 */
static __always_inline bool ring_lock_if_free(struct karena_ring *ring, unsigned long *flags)
{
	if (LOCKS_ARE_CHECKED)
		return ring_lock(ring, flags);
	local_irq_save(*flags);
	if (likely(do_raw_spin_trylock(&ring->lock)))
		return true;
	/* Or both ways would test it at once, between the exchange and its branch. */
	OPTIMIZER_HIDE_VAR(*flags);
	local_irq_restore(*flags);
	return false;
}

static __always_inline void ring_unlock_short(struct karena_ring *ring, unsigned long flags)
{
	if (LOCKS_ARE_CHECKED) {
		raw_spin_unlock_irqrestore(&ring->lock, flags);
		return;
	}
	do_raw_spin_unlock(&ring->lock);
	local_irq_restore(flags);
}

/* How the reservation ended. */
enum ring_short {
	RING_RESERVED,
	RING_NO_ROOM,	/* below the limit that was given out */
	RING_LONG_WAY,	/* not tried */
};

/* Under the lock, where there is room. */
static __always_inline struct karena_record_header *ring_open_short(struct karena_ring *ring,
								    size_t length)
{
	struct karena_record_header *header;

	header = record_open(&ring->records, length, RECORD_OWNER_KERNEL, false);
	ring->nr_records++;
	return header;
}

/*
 * For who has to wait for the lock, which with two producers is every other one: to hold
 * it for no longer than the short way does. NULL if there is more to it.
 */
static __always_inline struct karena_record_header *
ring_reserve_queued(struct karena_ring *ring, size_t length)
{
	struct karena_record_header *header = NULL;
	unsigned long flags;

	if (length - 1 >= ring->quick_max || !ring_lock(ring, &flags))
		return NULL;
	if (likely(record_fits(&ring->records, record_bytes(length))))
		header = ring_open_short(ring, length);
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	return header;
}

static __always_inline enum ring_short
ring_reserve_short(struct karena_ring *ring, size_t length,
		   struct karena_record_header **header, u64 *limit)
{
	struct records *r = &ring->records;
	unsigned long flags;

	/* No bytes are the greatest number here. */
	if (unlikely(length - 1 >= ring->quick_max))
		return RING_LONG_WAY;
	if (unlikely(!record_may_fit(r, record_bytes(length), limit)))
		return RING_NO_ROOM;
	if (unlikely(!ring_lock_if_free(ring, &flags)))
		return RING_LONG_WAY;
	if (unlikely(!record_fits(r, record_bytes(length)))) {
		ring_unlock_short(ring, flags);
		return RING_LONG_WAY;
	}
	*header = ring_open_short(ring, length);
	ring_unlock_short(ring, flags);
	return RING_RESERVED;
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

/* Of a record that was reserved by the short way, or could have been. */
static __always_inline void ring_submit_short(struct karena_ring *ring,
					      struct karena_record_header *header, u32 word,
					      u32 flags)
{
	record_close_as(&ring->records, header, word, false);
	this_cpu_inc(*ring->submitted);
	if (trace_karena_ring_end_enabled())
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
	u64 limit;

	if (trace_karena_ring_reserve_enabled())
		return false;
	if (unlikely(ring_reserve_short(ring, length, &header, &limit) != RING_RESERVED))
		return false;
	ring_copy_short(header + 1, data, length);
	ring_submit_short(ring, header, length, flags);
	return true;
}

#endif /* KARENA_RING_SHORT_H */
