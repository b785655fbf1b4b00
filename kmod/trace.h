/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of arenas and rings; trace_object.h has those of all objects. The inode number
 * identifies an object, as in /proc/PID/fdinfo; addresses are never shown. There must be no
 * padding between the fields or behind them: the trace buffer does not clear its pages, so
 * padding would leak their earlier contents.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM karena

#if !defined(KARENA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KARENA_TRACE_H

#include <linux/tracepoint.h>

#include "arena_types.h"
#include "ring.h"

#define karena_show_state(state)			\
	__print_symbolic(state,				\
		{ KARENA_PAGE_FREE,	 "free" },	\
		{ KARENA_PAGE_ALLOCATED, "allocated" },	\
		{ KARENA_PAGE_RESERVED,	 "reserved" },	\
		{ KARENA_PAGE_GUARD,	 "guard" })

/* A range changed its state. */
TRACE_EVENT(karena_arena_state,
	TP_PROTO(const struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
		 u32 state),
	TP_ARGS(arena, first, nr_pages, state),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(unsigned long, first)
		__field(unsigned long, nr_pages)
		__field(u64, state)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&arena->object);
		__entry->first = first;
		__entry->nr_pages = nr_pages;
		__entry->state = state;
	),
	TP_printk("ino=%lu first=%lu nr_pages=%lu state=%s", __entry->ino, __entry->first,
		  __entry->nr_pages, karena_show_state(__entry->state))
);

/* A fault; result is the number of pages it populated, or -errno if it was refused. */
TRACE_EVENT(karena_arena_fault,
	TP_PROTO(const struct karena_arena *arena, unsigned long index, bool write, int result),
	TP_ARGS(arena, index, write, result),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(unsigned long, index)
		__field(u32, write)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&arena->object);
		__entry->index = index;
		__entry->write = write;
		__entry->result = result;
	),
	TP_printk("ino=%lu index=%lu %s result=%d", __entry->ino, __entry->index,
		  __entry->write ? "write" : "read", __entry->result)
);

TRACE_EVENT(karena_ring_reserve,
	TP_PROTO(const struct karena_ring *ring, u64 position, u32 length),
	TP_ARGS(ring, position, length),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, position)
		__field(u64, length)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->position = position;
		__entry->length = length;
	),
	TP_printk("ino=%lu position=%llu length=%llu", __entry->ino, __entry->position,
		  __entry->length)
);

/* A record was submitted or discarded. */
TRACE_EVENT(karena_ring_finish,
	TP_PROTO(const struct karena_ring *ring, u64 offset, u32 word),
	TP_ARGS(ring, offset, word),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, offset)
		__field(u64, word)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->offset = offset;
		__entry->word = word;
	),
	TP_printk("ino=%lu offset=%llu length=%llu %s", __entry->ino, __entry->offset,
		  __entry->word & KARENA_RECORD_LEN_MASK,
		  __entry->word & KARENA_RECORD_DISCARD ? "discarded" : "submitted")
);

/* A record could not be reserved; error is EBUSY in an NMI, else the caller's errno. */
TRACE_EVENT(karena_ring_lost,
	TP_PROTO(const struct karena_ring *ring, u64 length, int error),
	TP_ARGS(ring, length, error),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, length)
		__field(s64, error)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->length = length;
		__entry->error = error;
	),
	TP_printk("ino=%lu length=%llu error=%lld", __entry->ino, __entry->length,
		  __entry->error)
);

/* The owner of these reservations is gone. */
TRACE_EVENT(karena_ring_abandon,
	TP_PROTO(const struct karena_ring *ring, u32 count),
	TP_ARGS(ring, count),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, count)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->count = count;
	),
	TP_printk("ino=%lu count=%llu", __entry->ino, __entry->count)
);

TRACE_EVENT(karena_ring_wake,
	TP_PROTO(const struct karena_ring *ring, u32 events),
	TP_ARGS(ring, events),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, events)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->events = events;
	),
	TP_printk("ino=%lu events=0x%llx", __entry->ino, __entry->events)
);

/* read() returned records. */
TRACE_EVENT(karena_ring_read,
	TP_PROTO(const struct karena_ring *ring, u64 position, u64 bytes),
	TP_ARGS(ring, position, bytes),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(u64, position)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&ring->object);
		__entry->position = position;
		__entry->bytes = bytes;
	),
	TP_printk("ino=%lu position=%llu bytes=%llu", __entry->ino, __entry->position,
		  __entry->bytes)
);

#endif /* KARENA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
