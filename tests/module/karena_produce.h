/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module karena_produce and the program that tests by it agree upon.
 */
#ifndef KARENA_PRODUCE_H
#define KARENA_PRODUCE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PRODUCE_DEVICE		"/dev/karena_produce"

#define PRODUCE_PROCESS		0
#define PRODUCE_SOFTIRQ		1
#define PRODUCE_HARDIRQ		2
#define PRODUCE_NMI		3	/* on x86 alone, see nmi.h */
#ifdef __x86_64__
#define PRODUCE_CONTEXTS	4
#else
#define PRODUCE_CONTEXTS	3
#endif
#define PRODUCE_CPUS		4

/* Every fifth record is discarded, the others are submitted. */
#define PRODUCE_DISCARDED(number)	((number) % 5 == 4)

/**
 * struct produce_record - a payload begins with it
 * @context:	PRODUCE_*
 * @cpu:	where it was produced
 * @number:	counts the records that @context got on @cpu, from 0
 * @length:	of the payload; what follows is bytes of @number's lowest
 */
struct produce_record {
	__u32 context;
	__u32 cpu;
	__u32 number;
	__u32 length;
};

#define PRODUCE_LENGTH(number)	(sizeof(struct produce_record) + (number) * 7 % 200)

/**
 * struct produce_counts - what was done since START
 * @reserved:	records got, by context and CPU
 * @refused:	reservations refused, by context
 * @nmi_in_reserve: NMIs that came while another context was about to reserve on that
 *		CPU
 */
struct produce_counts {
	__aligned_u64 reserved[PRODUCE_CONTEXTS][PRODUCE_CPUS];
	__aligned_u64 refused[PRODUCE_CONTEXTS];
	__aligned_u64 nmi_in_reserve;
};

/**
 * struct produce_get - argument of PRODUCE_GET
 * @fd:		of a ring
 * @rights:	KARENA_RIGHT_* to ask for
 */
struct produce_get {
	__s32 fd;
	__u32 rights;
};

/* What produces when it is probed; of the ring's own, of locks, of what runs under one. */
#define PRODUCE_PROBE_RESERVED	0	/* tracepoint karena_ring_reserve */
#define PRODUCE_PROBE_FINISHED	1	/* tracepoint karena_ring_finish */
#define PRODUCE_PROBE_CONTENDS	2	/* tracepoint contention_begin, of the ring's lock */
#define PRODUCE_PROBE_CONTENDED	3	/* tracepoint contention_end, likewise */
#define PRODUCE_PROBE_RELEASES	4	/* tracepoint lock_release, likewise */
#define PRODUCE_PROBE_ACCEPTS	5	/* kprobe of record_accept() */
#define PRODUCE_PROBES		6

/**
 * struct produce_probed - what probes did since the first one
 * @sent:	records
 * @refused:	records
 */
struct produce_probed {
	__aligned_u64 sent;
	__aligned_u64 refused;
};

/**
 * struct produce_mark - argument of PRODUCE_MARK
 * @start:	address of pages of one mapping of the caller
 * @bytes:	of these pages
 * @on:		set markers where there is no page table entry, else remove them
 */
struct produce_mark {
	__aligned_u64 start;
	__aligned_u64 bytes;
	__aligned_u64 on;
};

#define PRODUCE_GET	_IOW('p', 0, struct produce_get)	/* karena_ring_get() */
#define PRODUCE_PUT	_IO('p', 1)				/* karena_ring_put() */
#define PRODUCE_START	_IO('p', 2)				/* everywhere at once */
#define PRODUCE_COUNTS	_IOR('p', 3, struct produce_counts)
#define PRODUCE_STOP	_IO('p', 4)
#define PRODUCE_DRAIN	_IO('p', 5)	/* the argument: how many at most */
#define PRODUCE_QUERY	_IO('p', 6)	/* the argument: enum karena_ring_figure */
#define PRODUCE_PROBE	_IO('p', 7)	/* the argument: PRODUCE_PROBE_* */
#define PRODUCE_UNPROBE	_IO('p', 8)
#define PRODUCE_PROBED	_IOR('p', 9, struct produce_probed)
#define PRODUCE_ATOMIC	_IO('p', 11)	/* one record, with preemption off, interrupts on */
#define PRODUCE_MARK	_IOW('p', 10, struct produce_mark)

#endif /* KARENA_PRODUCE_H */
