/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * The consumer of a ring in an io_uring that also serves other requests. Uses the best
 * way to wait that the kernel has, or the one that the caller asks for. Needs liburing,
 * as karena_uring.h does.
 */
#ifndef KARENA_URING_CONSUMER_H
#define KARENA_URING_CONSUMER_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "karena_uring.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum karena_uring_way - how a consumer learns of records and gets them
 */
enum karena_uring_way {
	KARENA_URING_BEST,	/* the first of these that the kernel has */
	KARENA_URING_WAIT_MULTISHOT, /* KARENA_IOC_RING_WAIT, armed once; the mapping */
	KARENA_URING_WAIT,	/* the same, armed for each batch */
	KARENA_URING_POLL,	/* multishot poll, armed once; the mapping */
	/* BEST uses these only if the consumer may not map the ring. */
	KARENA_URING_READ_MULTISHOT, /* into buffers of its own, armed once */
	KARENA_URING_READ,	/* the same, armed for each batch */
};

/* Buffers of a group, and an operation for which older liburing has no name. */
#define KARENA_URING_BUFFERS		4
#define KARENA_URING_BUFFER_BYTES	65536u
#define KARENA_OP_READ_MULTISHOT	49	/* 6.7 */

/**
 * struct karena_uring_consumer - a ring's consumer in an io_uring
 * @ring:	the ring to consume
 * @way:	how it learns of records; never KARENA_URING_BEST
 * @bytes:	with WAIT_MULTISHOT and WAIT: complete when this many are there; may be
 *		changed while not @armed
 * @timeout_us:	with these: complete after this time at the latest; likewise
 * @flags:	with these: KARENA_WAIT_F_RECORDS or 0; likewise
 * @group:	with READ_MULTISHOT: number of a group of buffers that the io_uring does
 *		not use otherwise; may be changed before the first arm
 * @armed:	a request is in flight
 * @ended:	the ring was created with KARENA_RING_F_END, and all records were taken
 * @buffer_bytes: with READ and READ_MULTISHOT: size of the longest record with its header
 * @buffers:	with these: the buffers' memory
 * @page_size:	bytes
 * @provided:	io_uring where the group is registered, or NULL
 *
 * The struct's address is the user_data of its requests, so it must not move while one
 * is in flight.
 */
struct karena_uring_consumer {
	struct karena_ring *ring;
	enum karena_uring_way way;
	uint32_t bytes;
	uint32_t timeout_us;
	uint32_t flags;
	uint16_t group;
	bool armed;
	bool ended;
	uint32_t buffer_bytes;
	char *buffers;
	size_t page_size;
	struct io_uring *provided;
};

static inline bool karena_uring_has(int op)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	bool has = probe && io_uring_opcode_supported(probe, op);

	io_uring_free_probe(probe);
	return has;
}

static inline bool karena_uring_can(enum karena_uring_way way, uint64_t features)
{
	switch (way) {
	case KARENA_URING_WAIT_MULTISHOT:
		return features & KARENA_FEAT_URING_MULTISHOT;
	case KARENA_URING_WAIT:
		return features & KARENA_FEAT_URING_WAIT;
	case KARENA_URING_READ_MULTISHOT:
		return karena_uring_has(KARENA_OP_READ_MULTISHOT);
	default:
		return true;
	}
}

static inline bool karena_uring_reads(enum karena_uring_way way)
{
	return way == KARENA_URING_READ || way == KARENA_URING_READ_MULTISHOT;
}

static inline enum karena_uring_way karena_uring_best(uint64_t features, uint32_t rights)
{
	int way = rights & KARENA_RIGHT_MAP ? KARENA_URING_WAIT_MULTISHOT
					    : KARENA_URING_READ_MULTISHOT;

	while (!karena_uring_can((enum karena_uring_way)way, features))
		way++;
	return (enum karena_uring_way)way;
}

/* Allocate a page for the group, followed by the buffers. */
static inline int karena_uring_make_buffers(struct karena_uring_consumer *consumer)
{
	uint64_t most = karena_ring_data_bytes(consumer->ring);
	void *buffers;

	consumer->buffer_bytes = most < KARENA_URING_BUFFER_BYTES ? (uint32_t)most
							      : KARENA_URING_BUFFER_BYTES;
	if (posix_memalign(&buffers, consumer->page_size, consumer->page_size +
			   (size_t)KARENA_URING_BUFFERS * consumer->buffer_bytes))
		return -ENOMEM;
	consumer->buffers = (char *)buffers;
	return 0;
}

/**
 * karena_uring_consumer_init() - set up a consumer, choosing its way
 * @consumer:	out; @way is the chosen one
 * @device:	a device
 * @ring:	the ring
 * @way:	a way, or KARENA_URING_BEST
 *
 * Undo with karena_uring_consumer_fini(). Errors: -EOPNOTSUPP if the kernel does not
 * have @way; -ENOMEM. Since 1.0.
 */
static inline int karena_uring_consumer_init(struct karena_uring_consumer *consumer,
					     const struct karena_device *device,
					     struct karena_ring *ring,
					     enum karena_uring_way way)
{
	struct karena_ring_stat stat;
	struct karena_query query;
	int ret;

	memset(&query, 0, sizeof(query));
	query.size = sizeof(query);
	ret = karena_query(device, &query);
	if (ret)
		return ret;
	memset(&stat, 0, sizeof(stat));
	stat.size = sizeof(stat);
	ret = karena_ring_stat(ring, &stat);
	if (ret)
		return ret;
	if (way == KARENA_URING_BEST)
		way = karena_uring_best(query.out_features, stat.out_rights);
	if (!karena_uring_can(way, query.out_features))
		return -EOPNOTSUPP;
	memset(consumer, 0, sizeof(*consumer));
	consumer->ring = ring;
	consumer->way = way;
	consumer->page_size = query.out_page_size;
	return karena_uring_reads(way) ? karena_uring_make_buffers(consumer) : 0;
}

/**
 * karena_uring_consumer_fini() - undo karena_uring_consumer_init()
 * @consumer:	has no request in flight, or its io_uring is gone
 * @uring:	io_uring where it was armed; NULL if gone
 *
 * Since 1.0.
 */
static inline void karena_uring_consumer_fini(struct karena_uring_consumer *consumer,
					      struct io_uring *uring)
{
	if (uring && consumer->provided)
		io_uring_unregister_buf_ring(uring, consumer->group);
	free(consumer->buffers);
	memset(consumer, 0, sizeof(*consumer));
}

static inline char *karena_uring_buffer(const struct karena_uring_consumer *consumer,
					unsigned int index)
{
	return consumer->buffers + consumer->page_size + (size_t)index * consumer->buffer_bytes;
}

static inline void karena_uring_give_back(struct karena_uring_consumer *consumer,
					  unsigned int index)
{
	struct io_uring_buf_ring *group = (struct io_uring_buf_ring *)consumer->buffers;

	io_uring_buf_ring_add(group, karena_uring_buffer(consumer, index),
			      consumer->buffer_bytes, (unsigned short)index,
			      io_uring_buf_ring_mask(KARENA_URING_BUFFERS), 0);
	io_uring_buf_ring_advance(group, 1);
}

static inline int karena_uring_provide(struct karena_uring_consumer *consumer,
				       struct io_uring *uring)
{
	struct io_uring_buf_reg reg;
	unsigned int i;
	int ret;

	if (consumer->way != KARENA_URING_READ_MULTISHOT || consumer->provided)
		return 0;
	memset(&reg, 0, sizeof(reg));
	reg.ring_addr = (uintptr_t)consumer->buffers;
	reg.ring_entries = KARENA_URING_BUFFERS;
	reg.bgid = consumer->group;
	io_uring_buf_ring_init((struct io_uring_buf_ring *)consumer->buffers);
	ret = io_uring_register_buf_ring(uring, &reg, 0);
	if (ret)
		return ret;
	consumer->provided = uring;
	for (i = 0; i < KARENA_URING_BUFFERS; i++)
		karena_uring_give_back(consumer, i);
	return 0;
}

static inline void karena_uring_prep_consumer(struct io_uring_sqe *sqe,
					      const struct karena_uring_consumer *consumer)
{
	int fd = karena_ring_fd(consumer->ring);

	switch (consumer->way) {
	case KARENA_URING_WAIT_MULTISHOT:
		karena_prep_ring_wait_multishot(sqe, consumer->ring, consumer->flags,
						consumer->bytes, consumer->timeout_us);
		break;
	case KARENA_URING_WAIT:
		karena_prep_ring_wait_flags(sqe, consumer->ring, consumer->flags,
					    consumer->bytes, consumer->timeout_us);
		break;
	case KARENA_URING_READ_MULTISHOT:
		io_uring_prep_rw(KARENA_OP_READ_MULTISHOT, sqe, fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = consumer->group;
		break;
	case KARENA_URING_READ:
		io_uring_prep_read(sqe, fd, karena_uring_buffer(consumer, 0),
				   consumer->buffer_bytes, 0);
		break;
	default:
		io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	}
}

/**
 * karena_uring_consumer_arm() - put a request in flight unless one is
 * @consumer:	a consumer
 * @uring:	always the same io_uring
 *
 * Call it before each submission. Does nothing if the ring has ended. Errors: -EBUSY if
 * no entry is free; with READ_MULTISHOT also those of registering a group of buffers. One
 * thread. Since 1.0.
 */
static inline int karena_uring_consumer_arm(struct karena_uring_consumer *consumer,
					    struct io_uring *uring)
{
	struct io_uring_sqe *sqe;
	int ret;

	if (consumer->armed || consumer->ended)
		return 0;
	ret = karena_uring_provide(consumer, uring);
	if (ret)
		return ret;
	sqe = io_uring_get_sqe(uring);
	if (!sqe)
		return -EBUSY;
	karena_uring_prep_consumer(sqe, consumer);
	io_uring_sqe_set_data(sqe, consumer);
	consumer->armed = true;
	return 0;
}

/**
 * karena_uring_consumer_disarm() - cancel the request in flight, if there is one
 * @consumer:	a consumer
 * @uring:	where it is armed
 *
 * Prepares a request that cancels the one in flight. Its own completion has the
 * user_data NULL. The cancelled request completes, too, with -ECANCELED unless it was
 * done at that moment; pass this completion to karena_uring_consumer_take() as all
 * others. It has come when @consumer->armed is false. Errors: -EBUSY if no entry is
 * free. One thread. Since 1.0.
 */
static inline int karena_uring_consumer_disarm(struct karena_uring_consumer *consumer,
					       struct io_uring *uring)
{
	struct io_uring_sqe *sqe;

	if (!consumer->armed)
		return 0;
	sqe = io_uring_get_sqe(uring);
	if (!sqe)
		return -EBUSY;
	if (consumer->way == KARENA_URING_WAIT_MULTISHOT || consumer->way == KARENA_URING_WAIT)
		karena_prep_ring_wait_cancel(sqe, consumer->ring, (uintptr_t)consumer);
	else
		io_uring_prep_cancel(sqe, consumer, 0);
	io_uring_sqe_set_data(sqe, NULL);
	return 0;
}

/* Handle records that were read. The kernel wrote their headers, so trust them. */
static inline int karena_uring_take_read(const char *from, int bytes, karena_record_fn fn,
					 void *context)
{
	int ret = 0, total = 0;

	while (bytes > 0 && ret >= 0) {
		struct karena_record_header header;
		uint32_t length;

		memcpy(&header, from, sizeof(header));
		length = header.word & KARENA_RECORD_LEN_MASK;
		ret = fn(context, from + sizeof(header), length);
		length = (length + (uint32_t)sizeof(header) + 7) & ~7u;
		from += length;
		bytes -= (int)length;
		total++;
	}
	return ret < 0 ? ret : total;
}

static inline int karena_uring_take_mapped(struct karena_ring *ring, karena_record_fn fn,
					   void *context)
{
	struct karena_ring_walk walk, copy;
	struct karena_record record;
	int ret, total = 0;

	ret = karena_ring_walk_begin(ring, &walk);
	if (ret < 0)
		return ret;
	/* A copy of which no other function has the address can stay in registers. */
	copy = walk;
	for (;;) {
		ret = karena_ring_walk_next(&copy, &record);
		if (ret <= 0)
			break;
		total++;
		ret = fn(context, record.data, record.length);
		if (ret < 0)
			break;
	}
	walk = copy;
	karena_ring_walk_end(ring, &walk);
	return ret < 0 ? ret : total;
}

/* A timeout, or a lack of buffers, is no failure. */
static inline bool karena_uring_is_failure(int res)
{
	return res < 0 && res != -ETIMEDOUT && res != -ENOBUFS;
}

/**
 * karena_uring_consumer_take() - call a function for each record that is there
 * @consumer:	a consumer
 * @cqe:	a completion with the consumer's user_data
 * @fn:		see karena_ring_consume(); returns 0 or a negative value
 * @context:	for @fn
 *
 * A consumer that maps the ring takes all records that are there at the start. Further
 * completions report later ones, when @bytes or the ring's policy makes them due. If the
 * compiler knows @fn, it can inline it.
 *
 * Returns the number of records passed to @fn; it is 0 also on timeout or if the ring has
 * ended. Errors: those of the completion, of karena_ring_consume(), or the negative value
 * of @fn; -EMSGSIZE with READ and READ_MULTISHOT for a record of more than
 * @consumer->buffer_bytes, which stays in the ring. After an error the rest of what was
 * read is lost. In a mapped ring the rest stays, but no completion reports it again; take
 * it with karena_ring_consume(). One thread. Since 1.0.
 */
static inline int karena_uring_consumer_take(struct karena_uring_consumer *consumer,
					     const struct io_uring_cqe *cqe,
					     karena_record_fn fn, void *context)
{
	bool reads = karena_uring_reads(consumer->way);
	unsigned int index = 0;
	int ret;

	if (!(cqe->flags & IORING_CQE_F_MORE))
		consumer->armed = false;
	if (karena_uring_is_failure(cqe->res))
		return cqe->res;
	if (consumer->way == KARENA_URING_POLL)
		consumer->ended = cqe->res & POLLHUP;
	else
		consumer->ended = !cqe->res;
	if (!reads)
		return karena_uring_take_mapped(consumer->ring, fn, context);

	if (cqe->flags & IORING_CQE_F_BUFFER)
		index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	ret = karena_uring_take_read(karena_uring_buffer(consumer, index), cqe->res, fn,
				     context);
	if (cqe->flags & IORING_CQE_F_BUFFER)
		karena_uring_give_back(consumer, index);
	return ret;
}

#ifdef __cplusplus
}
#endif

#endif /* KARENA_URING_CONSUMER_H */
