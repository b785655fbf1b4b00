/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings. The file operations, the operations of the table and callers inside the
 * kernel use what is declared here.
 *
 * Lock order: docs/source.md.
 */
#ifndef KARENA_RING_H
#define KARENA_RING_H

#include <linux/build_bug.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <linux/karena_kapi.h>

#include "objfd.h"
#include "record.h"
#include "ring_party.h"
#include "ring_wake.h"

struct iov_iter;

#define KARENA_RING_FLAGS	(KARENA_RING_F_IN_PLACE | KARENA_RING_F_END)
#define KARENA_RING_MAX_BYTES	BIT(30)

/* Records walked under the lock before interrupts are let in. */
#define RING_STEPS		128

static_assert(KARENA_RING_BATCH_MAX <= RING_STEPS);

#define RING_FINISH_FLAGS	(KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP)
#define RING_OUTPUT_FLAGS	(RING_FINISH_FLAGS | KARENA_RING_WAIT_SPACE)

/* What is mapped, in pages: a header, the two positions, the data twice. */
#define RING_HEADER_PAGE	0ul
#define RING_CONSUMER_PAGE	1ul
#define RING_PRODUCER_PAGE	2ul
#define RING_DATA_PAGE		3ul

/**
 * struct ring_area - a ring's memory; all fixed after init
 * @pages:	those of a mapping, in its order, hence data pages twice; before them
 *		those of @slots
 * @nr_data:	pages of the data area
 * @nr_slots:	pages of @slots
 * @table_bytes: charged for what comes with those
 * @base:	kernel mapping of @pages
 * @slots:	of an IN_PLACE ring, else NULL
 */
struct ring_area {
	struct page **pages;
	unsigned long nr_data;
	unsigned long nr_slots;
	unsigned long table_bytes;
	void *base;
	void *slots;
};

/**
 * struct ring_patience - for how long an open record may hold consumers up
 * @us:		microseconds, 0: for ever; fixed
 * @running:	@timer is going to run, or to be started; under ring->lock
 * @timer:	looks again
 */
struct ring_patience {
	u32 us;
	bool running;
	struct hrtimer timer;
};

/**
 * struct ring_settled - up to where all records are known to have ended; see
 * ring_settled.c
 * @position:	a border, up to the producer position
 * @submitted:	records submitted below it
 * @gaps:	gaps below it
 * @passed:	of those below the consumer position as many as are known
 */
struct ring_settled {
	u64 position;
	u64 submitted;
	u64 gaps;
	u64 passed;
};

/**
 * struct karena_ring - a ring
 * @lock:	protects @records and @nr_records. Taken in any context: where it
 *		may have interrupted a holder, in an NMI, it is only tried
 * @quick_max:	longest payload for the short way of karena_ring_reserve(); 0 if
 *		IN_PLACE; fixed
 * @nr_records:	reserved since create
 * @records:	see record.h; its last field no producer writes, nor what follows
 * @submitted:	records submitted, per CPU; only ever counted up, by NMIs too
 * @consumer_page: shared with the consumer, who writes there what it likes; fixed
 * @producer_page: shared with readers, who cannot write it; fixed
 * @length_max:	longest payload; fixed
 * @flags:	KARENA_RING_F_*; fixed
 * @armed:	RING_ARMED or 0: somebody waits for a record, or will without
 *		looking again; see ring_wake.c
 * @nr_wakeups:	times that waiters were woken
 * @wait:	waiters for records
 * @wake_work:	wakes them where that cannot be done at once
 * @space:	those who wait for space
 * @mixed:	there may be pollers on one queue that wait for the other; see
 *		ring_mix_queues()
 * @policy:	which records wake
 * @patience:	with producers that are stuck; see ring_stuck.c
 * @object:	what all objects have
 * @area:	memory; fixed
 * @node:	of create; fixed
 * @nr_discarded: records discarded, by whomever
 * @nr_trimmed:	records of the kernel that were submitted shorter than reserved
 * @settled:	under @lock
 * @fill_most:	most bytes between the positions that a look has met, under @lock
 * @lost_seen:	lost_full at the last look, under @lock
 * @unread_to:	producer position at @unread_since, or passed by the consumer; under
 *		@lock
 * @unread_since: when it was there, nanoseconds of CLOCK_MONOTONIC; under @lock
 * @read_lock:	one read() at a time. No user memory is faulted in under it
 * @party_lock:	protects @consumer, @nr_kernel and the parties of open files; held to set
 *		@policy
 * @consumer:	who has the consumer role; also compared without the lock
 * @nr_kernel:	karena_ring_get() without karena_ring_put(), under @party_lock
 * @party_ids:	parties by number, also read under RCU; locks itself
 * @nr_producers: open files with the right to produce, and @nr_kernel
 * @copier:	owns the records into which the kernel copies; never goes
 */
struct karena_ring {
	raw_spinlock_t lock;
	u32 quick_max;
	u64 nr_records;
	struct records records;
	atomic64_t __percpu *submitted;
	struct karena_ring_consumer *consumer_page;
	struct karena_ring_producer *producer_page;
	u32 length_max;
	u32 flags;

	u32 armed ____cacheline_aligned_in_smp;
	atomic64_t nr_wakeups;
	wait_queue_head_t wait;
	struct irq_work wake_work;
	struct ring_space space;
	bool mixed;
	struct ring_policy policy;
	struct ring_patience patience;

	struct karena_object object;
	struct ring_area area;
	int node;
	atomic64_t nr_discarded;
	atomic64_t nr_trimmed;
	struct ring_settled settled;
	u64 fill_most;
	u64 lost_seen;
	u64 unread_to;
	u64 unread_since;
	struct mutex read_lock;		/* one reader at a time */
	spinlock_t party_lock;		/* @consumer, @nr_kernel, files' parties, @policy */
	struct ring_party *consumer;
	unsigned int nr_kernel;
	struct xarray party_ids;
	atomic_t nr_producers;
	struct ring_party copier;
};

static inline struct karena_ring *to_ring(struct karena_object *object)
{
	return container_of(object, struct karena_ring, object);
}

/* Are the flags of a commit or an output what they may be? */
static inline bool ring_wakeup_valid(u32 flags)
{
	return (flags & RING_FINISH_FLAGS) != RING_FINISH_FLAGS;
}

static inline bool ring_in_place(const struct karena_ring *ring)
{
	return ring->flags & KARENA_RING_F_IN_PLACE;
}

extern const struct karena_object_type karena_ring_type;
extern const struct file_operations ring_fops;

/* ring_ops.c: the ring's life; ring_ops.h declares the operations of the table */
struct karena_ring *ring_create(u64 data_bytes, u32 flags, u32 reserve_timeout_us, int node,
				const char *name);
void ring_destroy(struct karena_object *object);

/* ring_end.c: who is left to produce */
void ring_add_producer(struct karena_ring *ring);
void ring_drop_producer(struct karena_ring *ring);
bool ring_has_ended(struct karena_ring *ring);

/* ring_settled.c: what is known of records without a walk */
u64 ring_nr_submitted(const struct karena_ring *ring);
bool ring_all_ended(const struct karena_ring *ring, u64 submitted);
bool ring_note_settled(struct karena_ring *ring);
u64 ring_run_settled(struct karena_ring *ring, u64 space, unsigned int *nr);
void ring_pass_settled(struct karena_ring *ring);

/* ring.c: records in, in any context. What kernel code calls is in <linux/karena_kapi.h> */
int ring_reserve_for(struct karena_ring *ring, struct ring_party *party, size_t length,
		     u64 *position);
int ring_end_for(struct karena_ring *ring, struct ring_party *party, u64 position,
		 u32 length, u32 discard, u32 flags);
int ring_end_batch(struct karena_ring *ring, struct ring_party *party,
		   struct karena_ring_finish_entry *entries, unsigned int *nr);

/**
 * struct ring_batch - records that are laid out one behind the other
 * @from:	a private copy, checked by record_check_batch()
 * @bytes:	that they take, not more than the ring's size
 * @nr:		how many
 */
struct ring_batch {
	void *from;
	u32 bytes;
	unsigned int nr;
};

int ring_put(struct karena_ring *ring, struct ring_batch *batch);
void ring_abandon(struct karena_ring *ring, struct ring_party *party);
int ring_try_reserve(struct karena_ring *ring, struct ring_party *party, const u32 *lengths,
		     unsigned int nr, u32 bytes, u64 *position);

/* ring_accept.c: what the consumer gives back, and figures taken then */

/**
 * struct ring_history - what looks at a ring have met
 * @fill_most:	most bytes that lay between the positions
 * @unread_ns:	for so long, at least, the oldest unread record has been there; 0: there
 *		is none, or nobody has looked
 */
struct ring_history {
	u64 fill_most;
	u64 unread_ns;
};

bool ring_accept(struct karena_ring *ring);
void ring_note_unread(struct karena_ring *ring);
void ring_note_woken(struct karena_ring *ring);
void ring_look_back(struct karena_ring *ring, struct ring_history *history);

/* ring_out.c: records out, and looks */

/**
 * struct ring_view - a ring at one moment
 * @consumer:	the consumer position, all that could be accepted of it
 * @producer:	the producer position
 * @space:	bytes that can be reserved
 * @nr_records:	reserved since create
 * @nr_read:	submitted and below @consumer
 * @there:	is the record at the consumer position there?
 * @ended:	will there be no more records? See ring_has_ended()
 */
struct ring_view {
	u64 consumer;
	u64 producer;
	u64 space;
	u64 nr_records;
	u64 nr_read;
	bool there;
	bool ended;
};

void ring_look(struct karena_ring *ring, struct ring_view *view);

/**
 * struct ring_tally - a count of the records that wait to be read
 * @from:	the consumer position then
 * @to:		how far it got
 * @nr:		so many lie between
 */
struct ring_tally {
	u64 from;
	u64 to;
	u64 nr;
};

void ring_count(struct karena_ring *ring, struct ring_tally *tally, u64 enough);

static inline u64 ring_view_available(const struct ring_view *view)
{
	return view->producer - view->consumer;
}

/**
 * struct ring_run - records that are read in one piece
 * @position:	of the first
 * @bytes:	that all of them take, headers included; 0 if nothing is there
 * @word:	of the first one's header; of a trimmed record of an IN_PLACE ring, which
 *		is one piece for itself, less than @bytes
 * @nr:		records
 * @last:	no record came after them then
 */
struct ring_run {
	u64 position;
	u64 bytes;
	u32 word;
	unsigned int nr;
	bool last;
};

int ring_read_begin(struct karena_ring *ring, size_t space, unsigned int steps,
		    struct ring_run *run);
bool ring_read_end(struct karena_ring *ring, const struct ring_run *run);
long ring_drain(struct karena_ring *ring, karena_record_fn fn, void *context,
		unsigned int max);

/* ring_copy.c: between records and the memory of users */
ssize_t ring_output(struct karena_ring *ring, struct iov_iter *from, u32 flags);
ssize_t ring_output_user(struct karena_ring *ring, const void __user *from, size_t length);
ssize_t ring_read(struct karena_ring *ring, struct iov_iter *to);

/*
 * Somebody found no space, or has gone: what the policy has held back is told. Any
 * context, NMI included.
 */
static inline void ring_flush_held(struct karena_ring *ring)
{
	if (unlikely(READ_ONCE(ring->policy.holds)) && atomic_read(&ring->policy.held) &&
	    READ_ONCE(ring->armed))
		karena_ring_flush(ring);
}

/* ring_stuck.c: open records that hold consumers up */
void ring_stuck_init(struct karena_ring *ring, u32 us);
void ring_stuck_fini(struct karena_ring *ring);
unsigned int ring_stuck_pass(struct karena_ring *ring, u64 *payload);
void ring_stuck_passed(struct karena_ring *ring, unsigned int nr, u64 payload);
u64 ring_stuck_watch(struct karena_ring *ring);
void ring_stuck_start(struct karena_ring *ring, u64 ns);
void ring_stuck_look(struct karena_ring *ring);

/* ring_area.c: memory */
int ring_area_init(struct ring_area *area, struct karena_account *account, u64 data_bytes,
		   bool in_place, int node);
void ring_area_fini(struct ring_area *area, struct karena_account *account);
u64 ring_area_bytes(const struct ring_area *area);

static inline void *ring_area_at(const struct ring_area *area, unsigned long page)
{
	return area->base + (page << PAGE_SHIFT);
}

/* The header page, the consumer's, the producer's, and the data twice. */
static inline unsigned long ring_area_pages(const struct ring_area *area)
{
	return RING_DATA_PAGE + 2 * area->nr_data;
}

#endif /* KARENA_RING_H */
