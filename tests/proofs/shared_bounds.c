// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core of shared rings on hostile memory, for CBMC: each load of a word that members
 * write gives any value, another one each time. Each operation (OPERATION) is called once, by
 * a caller whose own copies are in order. CBMC proves that nothing outside of the words and
 * the data area is touched, and that no loop goes on beyond what is counted here.
 */
#include <stddef.h>

#include "../../kmod/record.h"

/* Of CBMC: any value; what is assumed; what is to be proved. */
__u64 nondet_u64(void);
__u32 nondet_u32(void);
#ifdef __CPROVER__
#define assume(what)	__CPROVER_assume(what)
#define prove(what)	__CPROVER_assert(what, #what)
#define readable(p)	__CPROVER_r_ok(p, sizeof(*(p)))
#define writable(p)	__CPROVER_w_ok(p, sizeof(*(p)))
#else
#define assume(what)	((void)(what))
#define prove(what)	((void)(what))
#define readable(p)	((p) != NULL)
#define writable(p)	((p) != NULL)
#endif

/* What lies at @p does not matter, that @p may be used does. */
#define any_of(p)	({ prove(readable(p)); (__typeof__(*(p)))nondet_u64(); })
#define put_at(p, v)	do { prove(writable(p)); (void)(v); } while (0)

#undef record_load
#undef record_load_acquire
#undef record_store
#undef record_store_release
#undef record_exchange
#define record_load(p)			any_of(p)
#define record_load_acquire(p)		any_of(p)
#define record_load_ordered(p)		any_of(p)
#define record_store(p, v)		put_at(p, v)
#define record_store_release(p, v)	put_at(p, v)
#define record_exchange(p, v)		put_at(p, v)
#define record_swap(p, old, new)	({ put_at(p, new); *(old) = nondet_u64(); *(old) & 1; })
#define record_wmb()			((void)0)
#define record_mb()			((void)0)

/* Up to 7 bytes, which are the caller's. */
#ifdef __CPROVER__
#define __builtin_memset(at, value, bytes)	prove(__CPROVER_w_ok(at, bytes))
#endif

#define LOADS_MAX	2

#include "../../kmod/record_shared.c"

#ifndef OPERATION
#define OPERATION	reserve
#endif
#define SIZE		64u
#define STEPS		3u

static char data[2 * SIZE];
static struct shared_consumer words;
static struct shared_armed armed;
static __u64 hint;
static struct shared_ring ring;
static struct shared_reader reader;

static void make_ring(void)
{
	__u32 grain = nondet_u32();

	ring.data = data;
	ring.consumer = &words;
	ring.armed = &armed;
	ring.hint = &hint;
	ring.key = nondet_u64();
	assume(!shared_init(&ring, SIZE, grain));
	prove(grain == 8 || grain == 16 || grain == 32 || grain == 64);
	reader.freed = nondet_u64() * grain;
	reader.at = reader.freed + nondet_u32() % (SIZE / grain + 1) * grain;
}

static bool is_inside(const shared_unit *unit, __u64 bytes)
{
	const char *at = (const char *)unit;

	return at >= data && at + bytes <= data + sizeof(data);
}

/* Its payload is the caller's to write; then it finishes it in each way. */
static void reserve(void)
{
	__u32 length = nondet_u32(), keep = nondet_u32();
	shared_unit *unit;
	int ret;

	assume(length);
	ret = shared_reserve(&ring, length, nondet_u32(), nondet_u32() % STEPS, &unit);
	prove(!ret || ret == -EAGAIN || ret == -ENOSPC || ret == -EBADMSG);
	if (ret)
		return;
	prove(length <= SIZE - SHARED_UNIT);
	prove(is_inside(unit, shared_bytes(&ring, length)));
	assume(keep && keep <= length);
	shared_submit_trimmed(&ring, unit, nondet_u64(), keep);
	shared_submit(&ring, unit);
	shared_discard(&ring, unit);
}

static void split(void)
{
	__u32 lengths[2] = { nondet_u32(), nondet_u32() };
	shared_unit *unit;
	__u64 bytes;

	assume(lengths[0] && lengths[0] <= SIZE && lengths[1] && lengths[1] <= SIZE);
	bytes = shared_bytes(&ring, lengths[0]) + shared_bytes(&ring, lengths[1]);
	if (shared_reserve(&ring, bytes - SHARED_UNIT, 1, nondet_u32() % STEPS, &unit))
		return;
	shared_split(&ring, unit, lengths, 2, nondet_u32() % 2);
}

/* What it is given lies inside, and it never passes what was freed by more than the ring. */
static void consume(void)
{
	__u64 before = reader.at, header;
	int ret = shared_next(&ring, &reader, &header);

	prove(ret == 1 || !ret || ret == -EBADMSG);
	prove(reader.at - reader.freed <= SIZE);
	prove(reader.at - before <= SIZE);
	if (ret != 1)
		return;
	prove(is_inside(shared_at(&ring, reader.at), shared_header_bytes(&ring, header)));
	prove(reader.at + shared_header_bytes(&ring, header) - reader.freed <= SIZE);
}

static bool is_given(void *context, const void *payload, __u32 length)
{
	(void)context;
	prove(is_inside((const shared_unit *)payload - 1, SHARED_UNIT + length));
	return nondet_u32() % 2;
}

static void give(void)
{
	__u64 before = reader.at;
	int ret = shared_give(&ring, &reader, is_given, NULL);

	prove(!ret || ret == -EBADMSG);
	prove(reader.at - reader.freed <= SIZE);
	prove(reader.at - before <= SIZE);
}

static void release(void)
{
	shared_release(&ring, &reader);
	prove(reader.freed == reader.at);
}

static void take_over(void)
{
	struct shared_reader next;
	int ret = shared_take_over(&ring, &next);

	prove(!ret || ret == -EBADMSG);
	if (ret)
		return;
	prove(next.at - next.freed <= SIZE);
	shared_release(&ring, &next);
}

static void count(void)
{
	struct shared_fill fill = { .bytes = 0 };
	int ret = shared_count(&ring, &fill, nondet_u32() % STEPS);

	prove(!ret || ret == -EAGAIN || ret == -EBADMSG);
	shared_count(&ring, &fill, nondet_u32() % STEPS);
}

static bool is_gone(void *context, __u32 owner)
{
	(void)context;
	return owner % 2;
}

static void abandon(void)
{
	struct shared_death death = { .gone = is_gone };
	int ret = shared_abandon(&ring, &death, nondet_u32() % STEPS);

	prove(!ret || ret == -EAGAIN || ret == -EBADMSG);
	prove(death.records < STEPS);
	shared_abandon(&ring, &death, nondet_u32() % STEPS);
}

int main(void)
{
	make_ring();
	OPERATION();
	return 0;
}

/* Those that this program is not made for. */
void (*const operations[])(void) = {
	reserve, split, consume, give, release, take_over, count, abandon,
};
