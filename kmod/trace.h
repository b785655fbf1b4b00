/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. An object is told by the number of its inode, as in
 * /proc/PID/fdinfo; never by an address.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM karena

#if !defined(KARENA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KARENA_TRACE_H

#include <linux/tracepoint.h>

#include "arena.h"

#define karena_show_state(state)			\
	__print_symbolic(state,				\
		{ KARENA_PAGE_FREE,	 "free" },	\
		{ KARENA_PAGE_ALLOCATED, "allocated" },	\
		{ KARENA_PAGE_RESERVED,	 "reserved" },	\
		{ KARENA_PAGE_GUARD,	 "guard" })

DECLARE_EVENT_CLASS(karena_arena,
	TP_PROTO(const struct karena_arena *arena),
	TP_ARGS(arena),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(unsigned long, nr_pages)
		__field(u32, flags)
		__array(char, name, KARENA_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ino = karena_object_ino(&arena->object);
		__entry->nr_pages = arena->nr_pages;
		__entry->flags = arena->flags;
		memcpy(__entry->name, arena->object.name, KARENA_NAME_LEN);
	),
	TP_printk("ino=%lu name=%s nr_pages=%lu flags=0x%x", __entry->ino, __entry->name,
		  __entry->nr_pages, __entry->flags)
);

DEFINE_EVENT(karena_arena, karena_arena_create,
	TP_PROTO(const struct karena_arena *arena),
	TP_ARGS(arena)
);

DEFINE_EVENT(karena_arena, karena_arena_destroy,
	TP_PROTO(const struct karena_arena *arena),
	TP_ARGS(arena)
);

/* A range took on a state. */
TRACE_EVENT(karena_arena_state,
	TP_PROTO(const struct karena_arena *arena, unsigned long first, unsigned long nr_pages,
		 u32 state),
	TP_ARGS(arena, first, nr_pages, state),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(unsigned long, first)
		__field(unsigned long, nr_pages)
		__field(u32, state)
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

/* A fault: how many pages it populated, or -errno if it was refused. */
TRACE_EVENT(karena_arena_fault,
	TP_PROTO(const struct karena_arena *arena, unsigned long index, bool write, int result),
	TP_ARGS(arena, index, write, result),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__field(unsigned long, index)
		__field(bool, write)
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

#endif /* KARENA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
