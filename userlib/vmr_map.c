// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * VM reservations: maps.
 *
 * Mapping first checks, and allocates the memory that its entry will need. Then it makes
 * the system calls, which may fail, and last it enters the map, which cannot.
 */
#include "vmr.h"

#include <errno.h>

static void describe_map(struct karena_vmr_map *map, const struct vmr_entry *entry)
{
	map->address = (void *)entry->start;
	map->length = entry->end - entry->start;
	map->id = entry->id;
}

/* Addresses and length are page aligned; the source may require more. */
static int check_granularity(const struct vmr_entry *entry, const struct karena_vmr_source *source)
{
	if (vmr_unaligned(entry->start, source->granularity))
		return KARENA_E_ADDRESS_UNALIGNED;
	if (vmr_length_unaligned(entry->end - entry->start, source->granularity))
		return KARENA_E_LENGTH_UNALIGNED;
	if (vmr_unaligned(source->offset, source->granularity))
		return KARENA_E_OFFSET_UNALIGNED;
	return 0;
}

/* Maps @source, or moves the mapping at @from if that is not NULL. */
static int map_locked(struct karena_vmr *vmr, size_t offset, size_t length,
		      const struct karena_vmr_source *source, void *from, struct vmr_entry *entry)
{
	int ret;

	if (!vmr_in_span(vmr, offset, length))
		return KARENA_E_OUT_OF_RANGE;
	if (vmr_occupied(vmr, offset, length))
		return KARENA_E_MAPPING_EXISTS;
	if (from && (uintptr_t)from < vmr->address + vmr->size + vmr->spare_size &&
	    (uintptr_t)from + length > vmr->address)
		return -EINVAL;
	entry->start = vmr->address + offset;
	entry->end = entry->start + length;
	ret = from ? 0 : check_granularity(entry, source);
	if (ret)
		return ret;

	ret = vmr_set_prepare(&vmr->maps);
	if (ret)
		return ret;
	ret = from ? vmr_move(entry->start, length, from) : vmr_place(entry->start, length, source);
	if (ret)
		return ret;
	entry->id = ++vmr->last_id;
	vmr_set_insert(&vmr->maps, entry);
	return 0;
}

static int map_checked(struct karena_vmr *vmr, size_t offset, size_t length,
		       const struct karena_vmr_source *source, void *from,
		       struct karena_vmr_map *map)
{
	size_t page = karena_page_size();
	struct vmr_entry entry = {
		.offset = source->offset,
		.fd = source->fd,
		.prot = from ? VMR_UNKNOWN : (uint16_t)source->prot,
		.flags = (uint16_t)source->flags,
	};
	int ret;

	if (vmr_unaligned(offset, page))
		return KARENA_E_OFFSET_UNALIGNED;
	if (vmr_length_unaligned(length, page))
		return KARENA_E_LENGTH_UNALIGNED;
	pthread_mutex_lock(&vmr->lock);
	ret = map_locked(vmr, offset, length, source, from, &entry);
	pthread_mutex_unlock(&vmr->lock);
	if (!ret && map)
		describe_map(map, &entry);
	return ret;
}

int karena_vmr_map(struct karena_vmr *vmr, size_t offset, size_t length,
		   const struct karena_vmr_source *source, struct karena_vmr_map *map)
{
	struct karena_vmr_source known;
	int saved = errno;
	int ret;

	ret = vmr_source_look(&known, source);
	if (!ret && !length)
		ret = vmr_source_rest(&known, &length);
	if (ret) {
		errno = saved;
		return ret;
	}
	ret = map_checked(vmr, offset, length, &known, NULL, map);
	if (ret)
		karena_set_reason("vmr_map: offset %zu, length %zu, source offset %llu of %zu: %s",
				  offset, length, (unsigned long long)known.offset,
				  known.granularity, karena_strerror(ret));
	errno = saved;
	return ret;
}

int karena_vmr_adopt(struct karena_vmr *vmr, size_t offset, size_t length, void *address,
		     struct karena_vmr_map *map)
{
	static const struct karena_vmr_source unknown = KARENA_VMR_SOURCE_INIT;
	int ret = KARENA_E_ADDRESS_UNALIGNED;
	int saved = errno;

	if (address && !vmr_unaligned((uintptr_t)address, karena_page_size()))
		ret = map_checked(vmr, offset, length, &unknown, address, map);
	if (ret)
		karena_set_reason("vmr_adopt: offset %zu, length %zu, address %p: %s", offset,
				  length, address, karena_strerror(ret));
	errno = saved;
	return ret;
}

/*
 * Unmaps at the limit of mappings. That can only add mappings between two other maps,
 * with which the kernel may have joined this one.
 */
static int clear_with_spare(const struct karena_vmr *vmr, const struct vmr_entry *entry)
{
	bool between = vmr_set_find(&vmr->maps, entry->start - 1, entry->start) &&
		       vmr_set_find(&vmr->maps, entry->end, entry->end + 1);
	int ret;

	if (!vmr_spare_begin(between ? 2 : 1))
		return -ENOMEM;
	ret = vmr_clear(entry->start, entry->end - entry->start);
	vmr_spare_end();
	return ret;
}

static int unmap_entry(struct karena_vmr *vmr, const struct vmr_entry *entry)
{
	int ret = vmr_clear(entry->start, entry->end - entry->start);

	if (ret == -ENOMEM)
		ret = clear_with_spare(vmr, entry);
	if (!ret)
		vmr_set_erase(&vmr->maps, entry->start);
	return ret;
}

/* Returns the map at an address, or NULL. */
static const struct vmr_entry *entry_at(const struct karena_vmr *vmr, const void *address)
{
	uintptr_t at = (uintptr_t)address;

	return at == UINTPTR_MAX ? NULL : vmr_set_find(&vmr->maps, at, at + 1);
}

/* Returns a map if it is still there, or NULL. */
static const struct vmr_entry *listed_map(const struct karena_vmr *vmr,
					  const struct karena_vmr_map *map)
{
	const struct vmr_entry *entry = entry_at(vmr, map->address);

	if (!entry || entry->start != (uintptr_t)map->address || entry->id != map->id)
		return NULL;
	return entry;
}

int karena_vmr_unmap(struct karena_vmr *vmr, const struct karena_vmr_map *map)
{
	const struct vmr_entry *entry;
	int saved = errno;
	int ret;

	pthread_mutex_lock(&vmr->lock);
	entry = listed_map(vmr, map);
	ret = entry ? unmap_entry(vmr, entry) : KARENA_E_MAPPING_NOT_FOUND;
	pthread_mutex_unlock(&vmr->lock);
	if (ret)
		karena_set_reason("vmr_unmap: address %p, length %zu: %s", map->address,
				  map->length, karena_strerror(ret));
	errno = saved;
	return ret;
}

int karena_vmr_unmap_at(struct karena_vmr *vmr, const void *address)
{
	const struct vmr_entry *entry;
	int saved = errno;
	int ret;

	pthread_mutex_lock(&vmr->lock);
	entry = entry_at(vmr, address);
	ret = entry ? unmap_entry(vmr, entry) : KARENA_E_MAPPING_NOT_FOUND;
	pthread_mutex_unlock(&vmr->lock);
	if (ret)
		karena_set_reason("vmr_unmap_at: address %p: %s", address, karena_strerror(ret));
	errno = saved;
	return ret;
}

int karena_vmr_map_source(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			  struct karena_vmr_source *source)
{
	struct karena_vmr_source found = KARENA_VMR_SOURCE_INIT;
	const struct vmr_entry *entry;
	int ret = 0;

	pthread_mutex_lock(&vmr->lock);
	entry = listed_map(vmr, map);
	if (!entry) {
		ret = KARENA_E_MAPPING_NOT_FOUND;
	} else if (entry->prot == VMR_UNKNOWN) {
		ret = KARENA_E_NOT_SUPPORTED;
	} else {
		found.fd = entry->fd;
		found.offset = entry->offset;
		found.prot = entry->prot;
		found.flags = entry->flags;
	}
	pthread_mutex_unlock(&vmr->lock);
	if (ret)
		return karena_refuse(ret, "vmr_map_source: address %p: %s", map->address,
				     karena_strerror(ret));
	*source = found;
	return 0;
}

/* Ends a find: stores the result and releases the lock. */
static int end_find(struct karena_vmr *vmr, const struct vmr_entry *entry,
		    struct karena_vmr_map *map)
{
	if (entry)
		describe_map(map, entry);
	else
		*map = (struct karena_vmr_map){ NULL, 0, 0 };
	pthread_mutex_unlock(&vmr->lock);
	if (entry)
		return 0;
	return karena_refuse_as(KARENA_E_MAPPING_NOT_FOUND, "vmr_map_find", NULL);
}

int karena_vmr_map_find(struct karena_vmr *vmr, size_t offset, size_t length,
			struct karena_vmr_map *map)
{
	const struct vmr_entry *entry = NULL;

	pthread_mutex_lock(&vmr->lock);
	if (offset < vmr->size) {
		uintptr_t start = vmr->address + offset;
		size_t left = vmr->size - offset;

		entry = vmr_set_find(&vmr->maps, start, start + (length < left ? length : left));
	}
	return end_find(vmr, entry, map);
}

int karena_vmr_map_first(struct karena_vmr *vmr, struct karena_vmr_map *map)
{
	pthread_mutex_lock(&vmr->lock);
	return end_find(vmr, vmr_set_after(&vmr->maps, 0), map);
}

int karena_vmr_map_last(struct karena_vmr *vmr, struct karena_vmr_map *map)
{
	pthread_mutex_lock(&vmr->lock);
	return end_find(vmr, vmr_set_before(&vmr->maps, UINTPTR_MAX), map);
}

int karena_vmr_map_next(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *next)
{
	pthread_mutex_lock(&vmr->lock);
	return end_find(vmr, vmr_set_after(&vmr->maps, (uintptr_t)map->address), next);
}

int karena_vmr_map_prev(struct karena_vmr *vmr, const struct karena_vmr_map *map,
			struct karena_vmr_map *prev)
{
	pthread_mutex_lock(&vmr->lock);
	return end_find(vmr, vmr_set_before(&vmr->maps, (uintptr_t)map->address), prev);
}
