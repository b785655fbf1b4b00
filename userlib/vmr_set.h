/* SPDX-License-Identifier: LGPL-2.1-only OR MIT */
/*
 * The set of maps of a reservation: disjoint ranges of addresses, in order.
 *
 * Knows nothing of memory that is mapped, nor of locks: the caller's lock is
 * held shared around finds and exclusively around the rest.
 *
 * To insert: vmr_set_prepare(), which may fail; then whatever must not be begun
 * without certainty; then vmr_set_insert(), which cannot.
 */
#ifndef KARENA_VMR_SET_H
#define KARENA_VMR_SET_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct vmr_entry - a range
 * @start:	address of its first byte
 * @end:	address behind its last byte
 * @id:		of no meaning to the set
 */
struct vmr_entry {
	uintptr_t start;
	uintptr_t end;
	uint64_t id;
};

struct vmr_leaf;

/**
 * struct vmr_slot - a leaf and what is needed to pass it by
 * @start:	of the leaf's first entry
 * @leaf:	never empty
 */
struct vmr_slot {
	uintptr_t start;
	struct vmr_leaf *leaf;
};

/**
 * struct vmr_set - ranges in leaves, leaves in an array; zeroed: empty
 * @slots:	the leaves in order
 * @nr_slots:	how many there are
 * @max_slots:	how many @slots has room for
 * @nr:		ranges
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
