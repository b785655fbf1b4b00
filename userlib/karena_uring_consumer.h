/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * A ring's consumer in an io_uring that also serves others: the best way that the
 * kernel has, or one that is asked for. As karena_uring.h it needs liburing and has no
 * library code.
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

/* How a consumer learns of records, and how it gets them. */
enum karena_uring_way {
	KARENA_URING_BEST,	/* the first of these that the kernel has */
	KARENA_URING_WAIT_MULTISHOT, /* KARENA_IOC_RING_WAIT, armed once; the mapping */
	KARENA_URING_WAIT,	/* the same, armed for each batch */
	KARENA_URING_POLL,	/* multishot poll, armed once; the mapping */
	/* BEST takes these only for who may not map the ring. */
	KARENA_URING_READ_MULTISHOT, /* into buffers of its own, armed once */
	KARENA_URING_READ,	/* the same, armed for each batch */
};

/* In a group of buffers; and from where on kernels have what liburing may not name. */
#define KARENA_URING_BUFFERS		4
#define KARENA_URING_BUFFER_BYTES	65536u
#define KARENA_OP_READ_MULTISHOT	49	/* 6.7 */

/**
 * struct karena_uring_consumer - a ring's consumer in an io_uring
 * @ring:	which it consumes
 * @way:	how it learns of records; never KARENA_URING_BEST
 * @bytes:	with WAIT_MULTISHOT and WAIT, to complete when so many are there; may be
 *		changed while not @armed
 * @timeout_us:	with these, to complete by then at the latest; likewise
 * @flags:	with these, KARENA_WAIT_F_RECORDS or 0; likewise
 * @group:	with READ_MULTISHOT, number of a group of buffers that is not used in the
 *		io_uring; may be changed before it is armed first
 * @armed:	a request is in flight
 * @ended:	the ring was created with KARENA_RING_F_END, and all was taken
 * @buffer_bytes: with READ and READ_MULTISHOT, the longest record with its header
 * @buffers:	memory of these
 * @page_size:	bytes
 * @provided:	where the group is registered, NULL for none
 *
 * Its address is the user_data of its requests: it stays where it is until none is
 * in flight.
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

/* Has the kernel an io_uring operation? */
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

/* A page for the group, then the buffers. */
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
 * karena_uring_consumer_init() - choose the way
 * @consumer:	out; its @way says which was chosen
 * @device:	a device
 * @ring:	the ring
 * @way:	a way, or KARENA_URING_BEST
 *
 * To be undone by karena_uring_consumer_fini(). Errors: -EOPNOTSUPP: the kernel has
 * not got @way; -ENOMEM. Since 1.0.
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
 * @uring:	where it was armed; NULL: gone
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
 * karena_uring_consumer_arm() - have a request in flight
 * @consumer:	a consumer
 * @uring:	where; always the same
 *
 * Before each submission; does nothing if one is in flight, or the ring has ended.
 * Errors: -EBUSY: no entry is free; with READ_MULTISHOT also those of registering a
 * group of buffers. One thread. Since 1.0.
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
 * karena_uring_consumer_disarm() - have no request in flight
 * @consumer:	a consumer
 * @uring:	where it is armed
 *
 * Prepares the request that ends it; does nothing if none is in flight. Its completion
 * has the user_data NULL, and comes beside one of @consumer, which
 * karena_uring_consumer_take() is to be given as all are: -ECANCELED, unless it was done
 * just then. @consumer->armed says whether that came. Errors: -EBUSY: no entry is free.
 * One thread. Since 1.0.
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

/* Records that were read: their headers are the kernel's. */
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
	/* Of which nobody else knows, so that it can be kept in registers. */
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

/* The time was over, or all buffers were taken: no failures. */
static inline bool karena_uring_is_failure(int res)
{
	return res < 0 && res != -ETIMEDOUT && res != -ENOBUFS;
}

/**
 * karena_uring_consumer_take() - call a function for each record that is there
 * @consumer:	a consumer
 * @cqe:	a completion whose user_data it is
 * @fn:		see karena_ring_consume(); returns 0 or a negative value
 * @context:	for @fn
 *
 * In the mapping it takes all that is there when it begins; completions report what comes
 * later, when they are due by @bytes and by the ring's policy. Where the compiler knows
 * @fn no call is made for a record. Returns how many records were given to @fn, 0 also
 * when the time was over, or the ring has ended; or the completion's errno, or that of
 * karena_ring_consume(), or @fn's own negative value. After that the rest of what was
 * read is lost; in the mapping it stays, but no completion reports it again:
 * karena_ring_consume() takes it. -EMSGSIZE: with READ and READ_MULTISHOT, a record of
 * more than @consumer->buffer_bytes, which stays. One thread. Since 1.0.
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
