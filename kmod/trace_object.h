/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of all objects. What trace.h says of its tracepoints holds for these, too.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM karena
/* For names in trace.c, which defines the tracepoints of several headers. */
#undef TRACE_SYSTEM_VAR
#define TRACE_SYSTEM_VAR karena_object

#if !defined(KARENA_TRACE_OBJECT_H) || defined(TRACE_HEADER_MULTI_READ)
#define KARENA_TRACE_OBJECT_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "objfd.h"

/* A multiple of eight, so that no padding follows. */
#define KARENA_TYPE_LEN		8

DECLARE_EVENT_CLASS(karena_object,
	TP_PROTO(const struct karena_object *object),
	TP_ARGS(object),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__array(char, type, KARENA_TYPE_LEN)
		__field(u64, length)
		__array(char, name, KARENA_NAME_LEN)
	),
	TP_fast_assign(
		__entry->ino = object->inode->i_ino;
		strscpy_pad(__entry->type, object->type->name, KARENA_TYPE_LEN);
		__entry->length = i_size_read(object->inode);
		memcpy(__entry->name, object->name, KARENA_NAME_LEN);
	),
	TP_printk("ino=%lu %s name=%s length=%llu", __entry->ino, __entry->type,
		  __entry->name, __entry->length)
);

/* An object is about to get its first fd. */
DEFINE_EVENT(karena_object, karena_object_create,
	TP_PROTO(const struct karena_object *object),
	TP_ARGS(object)
);

/* The last open file of an object is gone, and kernel code has put it, too. */
DEFINE_EVENT(karena_object, karena_object_destroy,
	TP_PROTO(const struct karena_object *object),
	TP_ARGS(object)
);

#endif /* KARENA_TRACE_OBJECT_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace_object
#include <trace/define_trace.h>
