/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * The set of maps of a reservation: disjoint ranges of addresses, in order.
 *
 * It knows nothing of mapped memory or of locks: the caller holds a lock shared around
 * finds and exclusively around everything else.
 *
 * To insert, call vmr_set_prepare(), which may fail; then do what must not be done
 * unless the insert succeeds; then call vmr_set_insert(), which cannot fail.
 */
#ifndef KARENA_VMR_SET_H
#define KARENA_VMR_SET_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct vmr_entry - a range
 * @start:	address of the first byte
 * @end:	address behind the last byte
 * @id:		this and what follows is not used by the set
 * @offset:	of the source
 * @fd:		of the source
 * @prot:	of the source; VMR_UNKNOWN if it was adopted
 * @flags:	of the source
 */
struct vmr_entry {
	uintptr_t start;
	uintptr_t end;
	uint64_t id;
	uint64_t offset;
	int fd;
	uint16_t prot;
	uint16_t flags;
};

#define VMR_UNKNOWN	UINT16_MAX

struct vmr_leaf;

/**
 * struct vmr_slot - a leaf, and what is needed to skip it
 * @start:	start of the leaf's first entry
 * @leaf:	never empty
 */
struct vmr_slot {
	uintptr_t start;
	struct vmr_leaf *leaf;
};

/**
 * struct vmr_set - ranges in leaves, leaves in an array; a zeroed set is empty
 * @slots:	leaves in order
 * @nr_slots:	number of leaves
 * @max_slots:	capacity of @slots
 * @nr:		number of ranges
 * @spare:	a leaf for the next insert, or NULL
 */
struct vmr_set {
	struct vmr_slot *slots;
	size_t nr_slots;
	size_t max_slots;
	size_t nr;
	struct vmr_leaf *spare;
};

int vmr_set_prepare(struct vmr_set *set);
void vmr_set_insert(struct vmr_set *set, const struct vmr_entry *entry);
void vmr_set_erase(struct vmr_set *set, uintptr_t start);
void vmr_set_clear(struct vmr_set *set);

const struct vmr_entry *vmr_set_find(const struct vmr_set *set, uintptr_t start, uintptr_t end);
const struct vmr_entry *vmr_set_before(const struct vmr_set *set, uintptr_t start);
const struct vmr_entry *vmr_set_after(const struct vmr_set *set, uintptr_t start);

#endif /* KARENA_VMR_SET_H */
