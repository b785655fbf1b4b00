// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers of a BPF ring buffer, and a drain of a user ring buffer. Each program repeats
 * its operation RECORDS times in a run; "nothing" is the loop alone. "send_64" sends one
 * record and wakes the consumer.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "ring_bpf.h"

#define MAP	__attribute__((section(".maps"), used))
#define PROGRAM	__attribute__((section("syscall"), used))

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring MAP;

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, RING_BYTES);
} user_ring MAP;

static char payload[1024];
__u64 drained;

PROGRAM int nothing(void)
{
	int i;

	for (i = 0; i < RECORDS; i++)
		asm volatile("" : : "r"(i));
	return 0;
}

/* Return the number of records that were refused. */
#define RESERVE_SUBMIT(_bytes)						\
PROGRAM int reserve_submit_##_bytes(void)					\
{									\
	int i, refused = 0;						\
	__u64 *record;							\
									\
	for (i = 0; i < RECORDS; i++) {					\
		record = bpf_ringbuf_reserve(&ring, _bytes, 0);		\
		if (!record) {						\
			refused++;					\
			continue;					\
		}							\
		*record = i;						\
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);		\
	}								\
	return refused;							\
}

#define OUTPUT(_bytes)							\
PROGRAM int output_##_bytes(void)						\
{									\
	int i;								\
									\
	for (i = 0; i < RECORDS; i++)					\
		bpf_ringbuf_output(&ring, payload, _bytes, BPF_RB_NO_WAKEUP); \
	return 0;							\
}

PROGRAM int send_64(void)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, 64, 0);

	if (!record)
		return 1;
	*record = 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

RESERVE_SUBMIT(8)
RESERVE_SUBMIT(64)
RESERVE_SUBMIT(1024)
OUTPUT(8)
OUTPUT(64)
OUTPUT(1024)

PROGRAM int dynptr_8(void)
{
	struct bpf_dynptr ptr;
	int i;

	for (i = 0; i < RECORDS; i++) {
		bpf_ringbuf_reserve_dynptr(&ring, 8, 0, &ptr);
		bpf_ringbuf_submit_dynptr(&ptr, BPF_RB_NO_WAKEUP);
	}
	return 0;
}

static long drain_one(struct bpf_dynptr *record, void *context)
{
	(void)record;
	(void)context;
	drained++;
	return 0;
}

PROGRAM int drain(void)
{
	bpf_user_ringbuf_drain(&user_ring, drain_one, NULL, BPF_RB_NO_WAKEUP);
	return 0;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
