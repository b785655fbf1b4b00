// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of the table on rings, and a ring's life.
 */
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "account.h"
#include "call.h"
#include "compat.h"
#include "memory.h"
#include "objfd.h"
#include "pages.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_ops.h"
#include "ring_party.h"

/* Positions are read without the lock. */
static_assert(IS_ENABLED(CONFIG_64BIT));
static_assert(sizeof(struct record_slot) == KARENA_RECORD_HEADER_BYTES);
static_assert(sizeof(struct karena_record_header) == KARENA_RECORD_HEADER_BYTES);

static u64 data_bytes(const struct karena_ring *ring)
{
	return ring->records.mask + 1;
}

static void write_header(struct karena_ring *ring)
{
	struct karena_ring_header *header = ring_area_at(&ring->area, RING_HEADER_PAGE);
	u64 map_bytes = (u64)ring_area_pages(&ring->area) << PAGE_SHIFT;

	header->header_bytes = sizeof(*header);
	header->record_header_bytes = KARENA_RECORD_HEADER_BYTES;
	header->data_bytes = data_bytes(ring);
	header->consumer_offset = RING_CONSUMER_PAGE << PAGE_SHIFT;
	header->producer_offset = RING_PRODUCER_PAGE << PAGE_SHIFT;
	header->data_offset = RING_DATA_PAGE << PAGE_SHIFT;
	header->map_bytes = map_bytes;
	header->lanes = 1;
	header->flags = ring->flags;
	header->lane_stride = map_bytes - header->consumer_offset;
	memcpy(header->name, ring->object.name, KARENA_NAME_LEN);
}

static int ring_setup(struct karena_ring *ring, u64 size, u32 reserve_timeout_us)
{
	int err;

	ring->submitted = alloc_percpu_gfp(atomic64_t, KARENA_GFP);
	if (!ring->submitted)
		return -ENOMEM;
	err = ring_area_init(&ring->area, ring->object.account, size, ring_in_place(ring),
			     ring->node);
	if (err) {
		free_percpu(ring->submitted);
		return err;
	}

	ring->consumer_page = ring_area_at(&ring->area, RING_CONSUMER_PAGE);
	ring->producer_page = ring_area_at(&ring->area, RING_PRODUCER_PAGE);
	record_init(&ring->records, ring_area_at(&ring->area, RING_DATA_PAGE),
		    ring->area.slots, &ring->producer_page->position, size);
	ring->length_max = record_length_max(size);
	ring->quick_max = ring_in_place(ring) ? 0 : ring->length_max;
	write_header(ring);

	raw_spin_lock_init(&ring->lock);
	mutex_init(&ring->read_lock);
	ring_stuck_init(ring, reserve_timeout_us);
	ring_wake_init(ring);
	ring_parties_init(ring);
	return 0;
}

/**
 * ring_create() - a ring that nobody has yet
 * @size:	of the data area, bytes
 * @flags:	KARENA_RING_F_*
 * @reserve_timeout_us: how long a reservation may hold consumers up, 0: for ever
 * @node:	NUMA node preferred, or KARENA_NODE_ANY
 * @name:	KARENA_NAME_LEN bytes
 *
 * Context: may sleep.
 * Return: the ring, to be undone by ring_destroy(); or -EINVAL, -EDQUOT,
 * -ENOMEM, -EINTR as a pointer.
 */
struct karena_ring *ring_create(u64 size, u32 flags, u32 reserve_timeout_us, int node,
				const char *name)
{
	struct karena_ring *ring;
	int err;

	ring = kzalloc(sizeof(*ring), KARENA_GFP);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->flags = flags;
	ring->node = node;
	err = karena_object_init(&ring->object, &karena_ring_type, name);
	if (err)
		goto free_ring;
	err = ring_setup(ring, size, reserve_timeout_us);
	if (err)
		goto fini_object;
	return ring;

fini_object:
	karena_object_fini(&ring->object);
free_ring:
	kfree(ring);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_IF_KUNIT(ring_create);

/**
 * ring_destroy() - a ring that nobody has any more
 * @object:	the ring's
 *
 * Context: may sleep.
 */
void ring_destroy(struct karena_object *object)
{
	struct karena_ring *ring = to_ring(object);

	ring_stuck_fini(ring);
	ring_wake_fini(ring);
	ring_parties_fini(ring);
	ring_area_fini(&ring->area, object->account);
	free_percpu(ring->submitted);
	karena_object_fini(object);
	kfree(ring);
}
EXPORT_SYMBOL_IF_KUNIT(ring_destroy);

static int check_create(const struct karena_ring_create *args)
{
	if (!karena_node_valid(args->node))
		return -EINVAL;
	if (!is_power_of_2(args->data_bytes) || args->data_bytes < PAGE_SIZE ||
	    args->data_bytes > KARENA_RING_MAX_BYTES)
		return -EINVAL;
	return 0;
}

/**
 * ring_op_create() - KARENA_IOC_RING_CREATE
 * @call:	on a device fd
 * @argp:	struct karena_ring_create
 *
 * Context: may sleep.
 * Return: an fd, or -errno.
 */
long ring_op_create(struct karena_call *call, void *argp)
{
	const struct karena_ring_create *args = argp;
	struct karena_ring *ring;
	long ret;

	ret = check_create(args);
	if (ret)
		return ret;
	ring = ring_create(args->data_bytes, args->flags, args->reserve_timeout_us, args->node,
			   args->name);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = karena_object_publish(&ring->object,
				    (loff_t)ring_area_pages(&ring->area) << PAGE_SHIFT);
	if (ret < 0)
		ring_destroy(&ring->object);
	return ret;
}

/**
 * ring_producer() - the caller as one who reserves in place
 * @ring:	the ring
 * @call:	on its fd
 *
 * Context: may sleep, if not @call->nowait.
 * Return: the party; -EPERM, -KARENA_EWOULDSLEEP for the first call of a process, or
 * -errno as ring_party_get(), as a pointer.
 */
struct ring_party *ring_producer(struct karena_ring *ring, const struct karena_call *call)
{
	struct ring_party *party;

	/* Kernel code is no party: it has calls of its own. */
	if (!ring_in_place(ring) || !call->file)
		return ERR_PTR(-EPERM);
	party = ring_party_find(call->file);
	if (party)
		return party;
	return call->nowait ? ERR_PTR(-KARENA_EWOULDSLEEP) : ring_party_get(ring, call->file);
}

/**
 * ring_op_attach() - KARENA_IOC_RING_ATTACH
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_attach
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_attach(struct karena_call *call, void *argp)
{
	const struct karena_ring_attach *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	bool consume = args->flags & KARENA_ATTACH_F_CONSUME;
	u32 right = consume ? KARENA_RIGHT_CONSUME : KARENA_RIGHT_PRODUCE;

	if (!(karena_call_rights(call) & right) || !call->file)
		return -EPERM;
	if (consume)
		return ring_take_role(ring, call->file);
	return PTR_ERR_OR_ZERO(ring_producer(ring, call));
}

/* Where users find the payload of the record at @position, in the file. */
u64 ring_payload_offset(const struct karena_ring *ring, u64 position)
{
	return (RING_DATA_PAGE << PAGE_SHIFT) + KARENA_RECORD_HEADER_BYTES +
	       (position & ring->records.mask);
}

static long try_reserving(struct ring_attempt *attempt)
{
	struct ring_reserving *r = container_of(attempt, struct ring_reserving, attempt);

	return ring_try_reserve(r->ring, r->party, r->lengths, attempt->nr, attempt->bytes,
				r->position);
}

/**
 * ring_reserve_waiting() - reserve in place, and wait for space if the caller wants to
 * @reserving:	whole but for @attempt.run
 * @call:	the call under way
 * @flags:	the call's
 * @timeout_us:	as for ring_attempt()
 *
 * Context: may sleep.
 * Return: as ring_attempt().
 */
long ring_reserve_waiting(struct ring_reserving *reserving, struct karena_call *call, u32 flags,
			  u32 timeout_us)
{
	reserving->attempt.run = try_reserving;
	return ring_attempt(reserving->ring, call, &reserving->attempt, flags, timeout_us);
}

/**
 * ring_op_reserve() - KARENA_IOC_RING_RESERVE
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_reserve
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_reserve(struct karena_call *call, void *argp)
{
	struct karena_ring *ring = to_ring(call->object);
	struct karena_ring_reserve *args = argp;
	struct ring_reserving reserving = {
		.attempt = { .nr = 1, .payload = args->length },
		.ring = ring,
		.lengths = &args->length,
		.position = &args->out_position,
	};
	long ret;

	if (!ring_timeout_valid(args->flags, args->timeout_us))
		return -EINVAL;
	reserving.party = ring_producer(ring, call);
	if (IS_ERR(reserving.party))
		return PTR_ERR(reserving.party);
	ret = ring_check_length(ring, args->length);
	if (ret)
		return ret;
	reserving.attempt.bytes = record_bytes(args->length);
	ret = ring_reserve_waiting(&reserving, call, args->flags, args->timeout_us);
	if (ret)
		return ret;
	args->out_offset = ring_payload_offset(ring, args->out_position);
	return 0;
}

static long end(struct karena_call *call, const struct karena_ring_finish *args, u32 discard)
{
	struct karena_ring *ring = to_ring(call->object);

	if (!ring_wakeup_valid(args->flags) || !ring_in_place(ring))
		return -EINVAL;
	if (args->__reserved || (discard && args->length))
		return -EINVAL;
	return ring_end_for(ring, ring_party_find(call->file), args->position,
			    args->length, discard, args->flags);
}

/**
 * ring_op_submit() - KARENA_IOC_RING_SUBMIT
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_finish
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_submit(struct karena_call *call, void *argp)
{
	return end(call, argp, 0);
}

/**
 * ring_op_discard() - KARENA_IOC_RING_DISCARD
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_finish
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_discard(struct karena_call *call, void *argp)
{
	return end(call, argp, KARENA_RECORD_DISCARD);
}

/* A record to be copied. */
struct sending {
	struct ring_attempt attempt;
	struct karena_ring *ring;
	struct iov_iter *from;
	u32 flags;
};

static long try_sending(struct ring_attempt *attempt)
{
	struct sending *s = container_of(attempt, struct sending, attempt);
	ssize_t ret = ring_output(s->ring, s->from, s->flags);

	return ret < 0 ? ret : 0;
}

static long output_waiting(struct karena_ring *ring, struct karena_call *call,
			   const struct karena_ring_output *args)
{
	struct sending sending = {
		.attempt = {
			.run = try_sending,
			.bytes = record_bytes(args->buffer_bytes),
			.nr = 1,
			.payload = args->buffer_bytes,
		},
		.ring = ring,
		.from = call->payload,
		.flags = args->flags,
	};

	return ring_attempt(ring, call, &sending.attempt, args->flags, args->timeout_us);
}

/**
 * ring_op_output() - KARENA_IOC_RING_OUTPUT
 * @call:	on a ring's fd, with the payload
 * @argp:	struct karena_ring_output
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
long ring_op_output(struct karena_call *call, void *argp)
{
	const struct karena_ring_output *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	ssize_t ret;

	if (!ring_wakeup_valid(args->flags) || args->__reserved ||
	    !ring_timeout_valid(args->flags, args->timeout_us))
		return -EINVAL;
	/* The entry point may have brought less than was asked for. */
	ret = ring_check_length(ring, args->buffer_bytes);
	if (ret)
		return ret;
	if (args->flags & KARENA_RING_WAIT_SPACE)
		return output_waiting(ring, call, args);
	ret = ring_output(ring, call->payload, args->flags);
	return ret < 0 ? ret : 0;
}

/**
 * ring_op_policy() - KARENA_IOC_RING_POLICY
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_policy
 *
 * Context: may sleep.
 * Return: 0 or -EINVAL.
 */
long ring_op_policy(struct karena_call *call, void *argp)
{
	const struct karena_ring_policy *args = argp;
	struct karena_ring *ring = to_ring(call->object);
	struct ring_policy *policy = &ring->policy;

	if (args->__reserved || args->wake_bytes > ring->records.mask + 1)
		return -EINVAL;
	spin_lock(&ring->party_lock);
	WRITE_ONCE(policy->bytes, args->wake_bytes);
	WRITE_ONCE(policy->records, args->wake_records);
	WRITE_ONCE(policy->delay_us, args->wake_delay_us);
	WRITE_ONCE(policy->holds,
		   args->wake_bytes || args->wake_records || args->wake_delay_us);
	spin_unlock(&ring->party_lock);
	/*
	 * By the old policy consumers might have to wait for longer. This ends the old delay;
	 * the next record that is held back starts the timer anew.
	 */
	karena_ring_flush(ring);
	return 0;
}

/**
 * ring_op_flush() - KARENA_IOC_RING_FLUSH
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_flush
 *
 * Context: any.
 * Return: 0.
 */
long ring_op_flush(struct karena_call *call, void *argp)
{
	karena_ring_flush(to_ring(call->object));
	return 0;
}

static void ring_stat(struct karena_ring *ring, struct karena_ring_stat *stat)
{
	const struct karena_ring_producer *page = ring->producer_page;
	struct ring_history history;
	struct ring_view view;

	ring_look(ring, &view);
	ring_look_back(ring, &history);
	stat->out_flags = ring->flags;
	stat->out_data_bytes = data_bytes(ring);
	stat->out_available = view.producer - view.consumer;
	stat->out_consumer_position = view.consumer;
	stat->out_producer_position = view.producer;
	stat->out_records = view.nr_records;
	stat->out_submitted = ring_nr_submitted(ring);
	stat->out_discarded = atomic64_read(&ring->nr_discarded);
	stat->out_lost_full = READ_ONCE(page->lost_full);
	stat->out_lost_full_bytes = READ_ONCE(page->lost_full_bytes);
	stat->out_lost_too_big = READ_ONCE(page->lost_too_big);
	stat->out_lost_busy = READ_ONCE(page->lost_busy);
	stat->out_lost_dead = READ_ONCE(page->lost_dead);
	stat->out_wakeups = atomic64_read(&ring->nr_wakeups);
	memcpy(stat->out_name, ring->object.name, KARENA_NAME_LEN);
	stat->out_wake_bytes = READ_ONCE(ring->policy.bytes);
	stat->out_wake_records = READ_ONCE(ring->policy.records);
	stat->out_wake_delay_us = READ_ONCE(ring->policy.delay_us);
	stat->out_reserve_timeout_us = ring->patience.us;
	stat->out_lost_too_big_bytes = READ_ONCE(page->lost_too_big_bytes);
	stat->out_lost_busy_bytes = READ_ONCE(page->lost_busy_bytes);
	stat->out_lost_dead_bytes = READ_ONCE(page->lost_dead_bytes);
	stat->out_lost_timeout = READ_ONCE(page->lost_timeout);
	stat->out_lost_timeout_bytes = READ_ONCE(page->lost_timeout_bytes);
	stat->out_read = view.nr_read;
	stat->out_fill_most = history.fill_most;
	stat->out_unread_us = div_u64(history.unread_ns, NSEC_PER_USEC);
}

/**
 * ring_op_stat() - KARENA_IOC_RING_STAT
 * @call:	on a ring's fd
 * @argp:	struct karena_ring_stat
 *
 * Context: may sleep.
 * Return: 0.
 */
long ring_op_stat(struct karena_call *call, void *argp)
{
	struct karena_ring_stat *stat = argp;

	ring_stat(to_ring(call->object), stat);
	stat->out_rights = karena_call_rights(call);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ring_op_stat);

static void ring_show(struct karena_object *object, struct seq_file *m)
{
	struct karena_ring_stat stat;

	ring_stat(to_ring(object), &stat);
	seq_printf(m, "karena-flags:\t0x%x\n", stat.out_flags);
	seq_printf(m, "karena-data-bytes:\t%llu\n", stat.out_data_bytes);
	seq_printf(m, "karena-available:\t%llu\n", stat.out_available);
	seq_printf(m, "karena-consumer-position:\t%llu\n", stat.out_consumer_position);
	seq_printf(m, "karena-producer-position:\t%llu\n", stat.out_producer_position);
	seq_printf(m, "karena-records:\t%llu\n", stat.out_records);
	seq_printf(m, "karena-submitted:\t%llu\n", stat.out_submitted);
	seq_printf(m, "karena-discarded:\t%llu\n", stat.out_discarded);
	seq_printf(m, "karena-lost-full:\t%llu\n", stat.out_lost_full);
	seq_printf(m, "karena-lost-full-bytes:\t%llu\n", stat.out_lost_full_bytes);
	seq_printf(m, "karena-lost-too-big:\t%llu\n", stat.out_lost_too_big);
	seq_printf(m, "karena-lost-busy:\t%llu\n", stat.out_lost_busy);
	seq_printf(m, "karena-lost-dead:\t%llu\n", stat.out_lost_dead);
	seq_printf(m, "karena-wakeups:\t%llu\n", stat.out_wakeups);
	seq_printf(m, "karena-wake-bytes:\t%u\n", stat.out_wake_bytes);
	seq_printf(m, "karena-wake-records:\t%u\n", stat.out_wake_records);
	seq_printf(m, "karena-wake-delay-us:\t%u\n", stat.out_wake_delay_us);
	seq_printf(m, "karena-lost-too-big-bytes:\t%llu\n", stat.out_lost_too_big_bytes);
	seq_printf(m, "karena-lost-busy-bytes:\t%llu\n", stat.out_lost_busy_bytes);
	seq_printf(m, "karena-lost-dead-bytes:\t%llu\n", stat.out_lost_dead_bytes);
	seq_printf(m, "karena-reserve-timeout-us:\t%u\n", stat.out_reserve_timeout_us);
	seq_printf(m, "karena-lost-timeout:\t%llu\n", stat.out_lost_timeout);
	seq_printf(m, "karena-lost-timeout-bytes:\t%llu\n", stat.out_lost_timeout_bytes);
	seq_printf(m, "karena-read:\t%llu\n", stat.out_read);
	seq_printf(m, "karena-fill-most:\t%llu\n", stat.out_fill_most);
	seq_printf(m, "karena-unread-us:\t%llu\n", stat.out_unread_us);
}

/*
 * What read() and write() need not look after: a position, and, as for all pseudo files
 * of kernels from 6.14 on, who is notified. io_uring asks for NOWAIT before it tries to
 * read or write without waiting.
 */
static void ring_opened(struct file *file)
{
	const struct karena_handle *handle = karena_file_handle(file);

	stream_open(file_inode(file), file);
	file->f_mode |= FMODE_NOWAIT | FMODE_NONOTIFY;
	if (karena_may(handle, KARENA_RIGHT_PRODUCE))
		ring_add_producer(to_ring(handle->object));
}

static void ring_cut(struct karena_object *object, u32 rights)
{
	if (rights & KARENA_RIGHT_PRODUCE)
		ring_drop_producer(to_ring(object));
}

/* What it left open is discarded first. */
static void ring_closed(struct karena_object *object, struct file *file)
{
	ring_parties_close(to_ring(object), file);
	ring_cut(object, READ_ONCE(karena_file_handle(file)->rights));
}

static u64 ring_held_bytes(const struct karena_object *object)
{
	return ring_area_bytes(&container_of(object, struct karena_ring, object)->area);
}

const struct karena_object_type karena_ring_type = {
	.name = "ring",
	.kind = KARENA_KIND_RING,
	.rights = KARENA_RIGHTS_RING,
	.bytes = KARENA_SLAB_BYTES(sizeof(struct karena_ring)),
	.percpu_bytes = sizeof(u64),
	.fops = &ring_fops,
	.opened = ring_opened,
	.cut = ring_cut,
	.closed = ring_closed,
	.destroy = ring_destroy,
	.held_bytes = ring_held_bytes,
	.show = ring_show,
};
EXPORT_SYMBOL_IF_KUNIT(karena_ring_type);
