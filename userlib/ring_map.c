// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The mappings of a ring's handle for a consumer and for a producer in place. The first
 * call that needs a mapping makes it. Ring, consumer and producers call this file; it
 * calls none of them.
 */
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

/* Linux has it since 5.14, glibc since 2.35. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
/* All handles, protected by registry_lock. */
static struct karena_ring *registry;
/* Negative errno if the handlers could not be installed. Constant once main() runs. */
static int handlers_error;

static void before_fork(void)
{
	pthread_mutex_lock(&registry_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&registry_lock);
}

static void forget_mappings(struct karena_ring *ring)
{
	ring->in_place = NULL;
	ring->newest = 0;
	ring->mapped = false;
	ring->taken = 0;
	ring->released = 0;
}

/*
 * A child inherits no mapping of a ring, and neither the role nor the reservations, so
 * its handles become as new. Other threads of the parent may have been changing them.
 */
static void after_fork_in_child(void)
{
	for (struct karena_ring *ring = registry; ring; ring = ring->next)
		forget_mappings(ring);
	after_fork();
}

__attribute__((constructor))
static void set_fork_handlers(void)
{
	handlers_error = -pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/*
 * Registers a handle that has no mapping yet. Returns 0, or -ENOMEM if fork() would not
 * handle it.
 */
int karena_ring_map_init(struct karena_ring *ring)
{
	if (handlers_error)
		return handlers_error;
	pthread_mutex_lock(&registry_lock);
	ring->prev = NULL;
	ring->next = registry;
	if (registry)
		registry->prev = ring;
	registry = ring;
	pthread_mutex_unlock(&registry_lock);
	return 0;
}

static void unregister(struct karena_ring *ring)
{
	pthread_mutex_lock(&registry_lock);
	if (ring->next)
		ring->next->prev = ring->prev;
	if (ring->prev)
		ring->prev->next = ring->next;
	else
		registry = ring->next;
	pthread_mutex_unlock(&registry_lock);
}

static bool layout_is_known(const struct karena_ring *ring, const struct karena_ring_header *layout)
{
	return layout->header_bytes >= sizeof(*layout) &&
	       layout->record_header_bytes == KARENA_RECORD_HEADER_BYTES &&
	       !layout->features && layout->lanes == 1 &&
	       layout->data_bytes == ring->data_bytes;
}

/* Sets the message for a window that was not mapped. Returns @error. */
static int explain_map(const struct karena_ring *ring, uint32_t rights, int error)
{
	rights |= KARENA_RIGHT_MAP;
	if (error == -EACCES && karena_explain_rights("ring", ring->fd, rights, error))
		return error;
	if (error == -EPERM && karena_explain_mode("ring_reserve", ring->fd, error))
		return error;
	if (error == -EBUSY)
		return karena_refuse_as(error,
					"ring",
					"another process or open file is the consumer");
	return karena_refuse_as(error, "ring", NULL);
}

static int read_layout(const struct karena_ring *ring, struct karena_ring_header *layout)
{
	void *page = NULL;
	int ret;

	ret = karena_mmap(ring->fd, 0, karena_page_size(), PROT_READ, &page);
	if (ret < 0)
		return explain_map(ring, 0, ret);
	memcpy(layout, page, sizeof(*layout));
	munmap(page, karena_page_size());
	if (!layout_is_known(ring, layout))
		return karena_refuse_as(-EOPNOTSUPP, "ring",
					"the module lays rings out as this library does not know");
	return 0;
}

static void unmap_shown(struct karena_ring *ring)
{
	munmap(ring->shown, ring->shown_bytes);
}

/*
 * Maps everything read-only: the producer page and the data. All pages exist since create,
 * so MADV_POPULATE_READ sets all entries at once; if it fails, faults will. The kernel
 * keeps the writable mappings from children, MADV_DONTFORK this one.
 */
static int map_shown(struct karena_ring *ring, const struct karena_ring_header *layout)
{
	void *address = NULL;
	int ret;

	ret = karena_mmap(ring->fd, 0, layout->map_bytes, PROT_READ, &address);
	if (ret < 0)
		return explain_map(ring, 0, ret);
	madvise(address, (size_t)layout->map_bytes, MADV_DONTFORK);
	madvise(address, (size_t)layout->map_bytes, MADV_POPULATE_READ);
	ring->shown = address;
	ring->shown_bytes = (size_t)layout->map_bytes;
	ring->producer = (void *)((char *)address + layout->producer_offset);
	ring->data = (char *)address + layout->data_offset;
	return 0;
}

int karena_ring_attach(const struct karena_ring *ring, uint32_t flags)
{
	struct karena_ring_attach args = { .size = sizeof(args), .flags = flags };

	return karena_ioctl(ring->fd, KARENA_IOC_RING_ATTACH, &args);
}

/* Takes the role, and maps the consumer page. */
static int map_consumer(struct karena_ring *ring, const struct karena_ring_header *layout)
{
	void *address = NULL;
	int ret;

	ret = karena_ring_attach(ring, KARENA_ATTACH_F_CONSUME);
	if (ret < 0)
		return ret;
	ret = karena_mmap(ring->fd, layout->consumer_offset, karena_page_size(),
			  PROT_READ | PROT_WRITE, &address);
	if (ret < 0)
		return explain_map(ring, KARENA_RIGHT_CONSUME, ret);
	ring->consumer = address;
	return 0;
}

/* Begins at the last position of the previous consumer that the kernel has accepted. */
static int find_position(struct karena_ring *ring)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	int ret;

	ret = karena_ioctl(ring->fd, KARENA_IOC_RING_STAT, &stat);
	if (ret < 0)
		return ret;
	ring->taken = stat.out_consumer_position;
	ring->released = stat.out_consumer_position;
	return 0;
}

/*
 * Maps what a consumer needs, and takes the role. Returns 0; -EOPNOTSUPP for a layout that
 * this library does not know; errors of KARENA_IOC_RING_ATTACH and of mmap(2).
 */
int karena_ring_map_consumer(struct karena_ring *ring)
{
	struct karena_ring_header layout;
	int ret;

	ret = read_layout(ring, &layout);
	if (ret < 0)
		return ret;
	ret = map_shown(ring, &layout);
	if (ret < 0)
		return ret;
	ret = map_consumer(ring, &layout);
	if (ret < 0)
		goto err_shown;
	ret = find_position(ring);
	if (ret < 0)
		goto err_consumer;
	ring->mapped = true;
	return 0;

err_consumer:
	munmap(ring->consumer, karena_page_size());
err_shown:
	unmap_shown(ring);
	return ret;
}

/*
 * Maps the data writable, for a producer in place. If several threads do so at once, one
 * of their mappings stays. Returns as karena_ring_map_consumer().
 */
int karena_ring_map_producer(struct karena_ring *ring, char **data)
{
	struct karena_ring_header layout;
	void *address = NULL;
	char *current;
	int ret;

	ret = read_layout(ring, &layout);
	if (ret < 0)
		return ret;
	ret = karena_mmap(ring->fd, layout.data_offset, 2 * ring->data_bytes,
			  PROT_READ | PROT_WRITE, &address);
	if (ret < 0)
		return explain_map(ring, KARENA_RIGHT_MAP_WRITE | KARENA_RIGHT_PRODUCE, ret);
	*data = address;
	current = NULL;
	if (!__atomic_compare_exchange_n(&ring->in_place, &current, *data, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		munmap(*data, (size_t)(2 * ring->data_bytes));
		*data = current;
	}
	return 0;
}

/* Unmaps all, and takes the handle out of the registry. */
void karena_ring_unmap(struct karena_ring *ring)
{
	unregister(ring);
	if (ring->in_place)
		munmap(ring->in_place, (size_t)(2 * ring->data_bytes));
	if (ring->mapped) {
		munmap(ring->consumer, karena_page_size());
		unmap_shown(ring);
	}
}
