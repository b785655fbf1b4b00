/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * Internal to VM reservations: vmr.c has the calls on spans, vmr_map.c those on maps,
 * vmr_set.c keeps the set of maps, vmr_source.c examines what can be mapped, vmr_place.c
 * maps it, vmr_spare.c keeps spare mappings, vmr_fork.c handles fork().
 */
#ifndef KARENA_VMR_INTERNAL_H
#define KARENA_VMR_INTERNAL_H

#include "internal.h"

#include <pthread.h>

#include "vmr_set.h"

/**
 * struct karena_vmr - a reservation
 * @lock:	protects all fields but @next and @prev; held around system calls that
 *		change the span. Nests inside the lock of the registry
 * @address:	of the span. Also read without the lock, hence stored atomically
 * @size:	of the span. As @address
 * @spare_size:	bytes of placeholder behind the span, for it to grow
 * @maps:	the maps, by address; everything else is placeholder
 * @last_id:	id of the newest map
 * @next:	in the registry, protected by the registry's lock
 * @prev:	as @next
 */
struct karena_vmr {
	pthread_mutex_t lock;
	uintptr_t address;
	size_t size;
	size_t spare_size;
	struct vmr_set maps;
	uint64_t last_id;
	struct karena_vmr *next;
	struct karena_vmr *prev;
};

static inline bool vmr_unaligned(uint64_t value, size_t granularity)
{
	return value & (granularity - 1);
}

static inline bool vmr_length_unaligned(size_t length, size_t granularity)
{
	return !length || vmr_unaligned(length, granularity);
}

static inline bool vmr_in_span(const struct karena_vmr *vmr, size_t offset, size_t length)
{
	return offset <= vmr->size && length <= vmr->size - offset;
}

/* Is something mapped in the range? The range is inside the span. */
static inline bool vmr_occupied(const struct karena_vmr *vmr, size_t offset, size_t length)
{
	uintptr_t start = vmr->address + offset;

	return vmr_set_find(&vmr->maps, start, start + length);
}

/*
 * Traits of a source, found by examining its file.
 */
/* The file was examined. */
#define VMR_KNOWN	0x1u
/* Moving a mapping of it cannot be refused. */
#define VMR_MOVES	0x2u
/* A shared mapping of it cannot fail, now or later. */
#define VMR_STEADY	0x4u
/* The file is one of our objects. */
#define VMR_ARENA	0x8u
#define VMR_RING	0x10u

int vmr_source_rest(const struct karena_vmr_source *known, size_t *length);
int vmr_source_look(struct karena_vmr_source *known, const struct karena_vmr_source *source);

int vmr_span_new(size_t size, uintptr_t *address);
int vmr_span_take(uintptr_t address, size_t size);
int vmr_span_release(uintptr_t address, size_t size);
int vmr_place(uintptr_t at, size_t length, const struct karena_vmr_source *source);
int vmr_move(uintptr_t at, size_t length, void *from);
int vmr_clear(uintptr_t at, size_t length);

int vmr_spare_fill(void);
void vmr_spare_drop(void);
bool vmr_spare_begin(unsigned int least);
void vmr_spare_end(void);

int vmr_registry_check(void);
void vmr_registry_lock(void);
void vmr_registry_unlock(void);
void vmr_registry_add(struct karena_vmr *vmr);
void vmr_registry_remove(struct karena_vmr *vmr);

#endif /* KARENA_VMR_INTERNAL_H */
