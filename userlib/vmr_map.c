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

static int map_locked(struct karena_vmr *vmr, size_t offset, size_t length,
		      const struct karena_vmr_source *source, struct vmr_entry *entry)
{
	int ret;

	if (!vmr_in_span(vmr, offset, length))
		return KARENA_E_OUT_OF_RANGE;
	if (vmr_occupied(vmr, offset, length))
		return KARENA_E_MAPPING_EXISTS;
	entry->start = vmr->address + offset;
	entry->end = entry->start + length;
	ret = check_granularity(entry, source);
	if (ret)
		return ret;

	ret = vmr_set_prepare(&vmr->maps);
	if (ret)
		return ret;
	ret = vmr_place(entry->start, length, source);
	if (ret)
		return ret;
	entry->id = ++vmr->last_id;
	vmr_set_insert(&vmr->maps, entry);
	return 0;
}

int karena_vmr_map(struct karena_vmr *vmr, size_t offset, size_t length,
		   const struct karena_vmr_source *source, struct karena_vmr_map *map)
{
	size_t page = karena_page_size();
	struct karena_vmr_source known;
	struct vmr_entry entry;
	int saved = errno;
	int ret;

	ret = vmr_source_look(&known, source);
	if (ret) {
		errno = saved;
		return ret;
	}
	ret = KARENA_E_OFFSET_UNALIGNED;
	if (vmr_unaligned(offset, page))
		goto out;
	ret = KARENA_E_LENGTH_UNALIGNED;
	if (vmr_length_unaligned(length, page))
		goto out;

	pthread_mutex_lock(&vmr->lock);
	ret = map_locked(vmr, offset, length, &known, &entry);
	pthread_mutex_unlock(&vmr->lock);
	if (!ret && map)
		describe_map(map, &entry);
out:
	if (ret)
		karena_set_reason("vmr_map: offset %zu, length %zu, source offset %llu of %zu: %s",
				  offset, length,
				  (unsigned long long)known.offset, known.granularity,
				  karena_strerror(ret));
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

static int unmap_locked(struct karena_vmr *vmr, const struct karena_vmr_map *map)
{
	uintptr_t start = (uintptr_t)map->address;
	const struct vmr_entry *entry = vmr_set_find(&vmr->maps, start, start + 1);
	int ret;

	if (!entry || entry->start != start || entry->id != map->id)
		return KARENA_E_MAPPING_NOT_FOUND;
	ret = vmr_clear(start, entry->end - start);
	if (ret == -ENOMEM)
		ret = clear_with_spare(vmr, entry);
	if (!ret)
		vmr_set_erase(&vmr->maps, start);
	return ret;
}

int karena_vmr_unmap(struct karena_vmr *vmr, const struct karena_vmr_map *map)
{
	int saved = errno;
	int ret;

	pthread_mutex_lock(&vmr->lock);
	ret = unmap_locked(vmr, map);
	pthread_mutex_unlock(&vmr->lock);
	if (ret)
		karena_set_reason("vmr_unmap: address %p, length %zu: %s", map->address,
				  map->length, karena_strerror(ret));
	errno = saved;
	return ret;
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
