// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * VM reservations: spans.
 */
#include "vmr.h"

#include <errno.h>
#include <stdlib.h>

static void set_span(struct karena_vmr *vmr, uintptr_t address, size_t size)
{
	__atomic_store_n(&vmr->address, address, __ATOMIC_RELAXED);
	__atomic_store_n(&vmr->size, size, __ATOMIC_RELAXED);
}

static int reserve_span(struct karena_vmr *vmr, void *address, size_t size, size_t most)
{
	uintptr_t at = (uintptr_t)address;
	int ret = at ? vmr_span_take(at, most) : vmr_span_new(most, &at);

	if (!ret)
		set_span(vmr, at, size);
	vmr->spare_size = most - size;
	return ret;
}

static int create_vmr(struct karena_vmr **vmr, void *address, size_t size, size_t most)
{
	struct karena_vmr *made;
	int ret;

	if (vmr_unaligned((uintptr_t)address, karena_page_size()))
		return KARENA_E_ADDRESS_UNALIGNED;
	if (vmr_length_unaligned(size, karena_page_size()) ||
	    vmr_length_unaligned(most, karena_page_size()))
		return KARENA_E_LENGTH_UNALIGNED;
	if (most < size)
		return -EINVAL;
	ret = vmr_registry_check();
	if (ret)
		return ret;

	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	ret = -pthread_mutex_init(&made->lock, NULL);
	if (ret)
		goto free_made;
	/* Before taking the span, so that a child that inherits the span knows of it. */
	vmr_registry_lock();
	ret = vmr_spare_fill();
	if (!ret)
		ret = reserve_span(made, address, size, most);
	if (ret)
		goto unlock_registry;
	vmr_registry_add(made);
	vmr_registry_unlock();
	*vmr = made;
	return 0;

unlock_registry:
	vmr_registry_unlock();
	pthread_mutex_destroy(&made->lock);
free_made:
	free(made);
	return ret;
}

int karena_vmr_new_growing(struct karena_vmr **vmr, void *address, size_t size, size_t most)
{
	int saved = errno;
	int ret = create_vmr(vmr, address, size, most);

	if (ret)
		karena_set_reason("vmr_new: address %p, size %zu, most %zu: %s", address, size,
				  most, karena_strerror(ret));
	errno = saved;
	return ret;
}

int karena_vmr_new(struct karena_vmr **vmr, void *address, size_t size)
{
	return karena_vmr_new_growing(vmr, address, size, size);
}

/* Holds the registry's lock, so that fork() never sees half a reservation. */
static int release_vmr(struct karena_vmr *vmr)
{
	int ret = KARENA_E_RESERVATION_NOT_EMPTY;

	pthread_mutex_lock(&vmr->lock);
	if (!vmr->maps.nr)
		ret = vmr_span_release(vmr->address, vmr->size + vmr->spare_size);
	if (!ret)
		vmr_registry_remove(vmr);
	pthread_mutex_unlock(&vmr->lock);
	return ret;
}

int karena_vmr_delete(struct karena_vmr **vmr)
{
	struct karena_vmr *gone = *vmr;
	int saved = errno;
	int ret;

	if (!gone)
		return 0;
	vmr_registry_lock();
	ret = release_vmr(gone);
	vmr_registry_unlock();
	if (!ret) {
		vmr_set_clear(&gone->maps);
		pthread_mutex_destroy(&gone->lock);
		free(gone);
		*vmr = NULL;
	} else {
		karena_set_meaning(ret, "vmr_delete", NULL);
	}
	errno = saved;
	return ret;
}

void *karena_vmr_get_address(const struct karena_vmr *vmr)
{
	return (void *)__atomic_load_n(&vmr->address, __ATOMIC_RELAXED);
}

size_t karena_vmr_get_size(const struct karena_vmr *vmr)
{
	return __atomic_load_n(&vmr->size, __ATOMIC_RELAXED);
}

static int extend_locked(struct karena_vmr *vmr, size_t size)
{
	uintptr_t end = vmr->address + vmr->size + vmr->spare_size;
	size_t spare = size < vmr->spare_size ? size : vmr->spare_size;
	int ret = 0;

	if (end + (size - spare) < end)
		return -ENOMEM;
	if (size > spare)
		ret = vmr_span_take(end, size - spare);
	if (ret)
		return ret;
	vmr->spare_size -= spare;
	set_span(vmr, vmr->address, vmr->size + size);
	return 0;
}

int karena_vmr_extend(struct karena_vmr *vmr, size_t size)
{
	int ret = KARENA_E_LENGTH_UNALIGNED;
	int saved = errno;

	if (!vmr_length_unaligned(size, karena_page_size())) {
		pthread_mutex_lock(&vmr->lock);
		ret = extend_locked(vmr, size);
		pthread_mutex_unlock(&vmr->lock);
	}
	if (ret)
		karena_set_reason("vmr_extend: size %zu: %s", size, karena_strerror(ret));
	errno = saved;
	return ret;
}

static int shrink_locked(struct karena_vmr *vmr, size_t offset, size_t size)
{
	bool from_start = !offset;
	size_t page = karena_page_size();
	int ret;

	if (vmr_unaligned(offset, page))
		return KARENA_E_OFFSET_UNALIGNED;
	if (vmr_length_unaligned(size, page))
		return KARENA_E_LENGTH_UNALIGNED;
	if (!vmr_in_span(vmr, offset, size))
		return KARENA_E_OUT_OF_RANGE;
	if (size == vmr->size || (!from_start && offset + size != vmr->size))
		return KARENA_E_NOT_SUPPORTED;
	if (vmr_occupied(vmr, offset, size))
		return KARENA_E_RESERVATION_NOT_EMPTY;

	/* What the reservation can grow by stays with it. */
	if (!from_start && vmr->spare_size) {
		vmr->spare_size += size;
		set_span(vmr, vmr->address, vmr->size - size);
		return 0;
	}
	ret = vmr_span_release(vmr->address + offset, size);
	if (!ret)
		set_span(vmr, vmr->address + (from_start ? size : 0), vmr->size - size);
	return ret;
}

int karena_vmr_shrink(struct karena_vmr *vmr, size_t offset, size_t size)
{
	int saved = errno;
	int ret;

	pthread_mutex_lock(&vmr->lock);
	ret = shrink_locked(vmr, offset, size);
	pthread_mutex_unlock(&vmr->lock);
	if (ret)
		karena_set_reason("vmr_shrink: offset %zu, size %zu: %s", offset, size,
				  karena_strerror(ret));
	errno = saved;
	return ret;
}
