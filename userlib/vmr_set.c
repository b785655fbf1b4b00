// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Disjoint ranges of addresses, in order: a B-tree of two levels.
 *
 * A leaf is a sorted array of at most LEAF_MAX entries, the root a sorted array of
 * leaves, so a find is two binary searches over contiguous memory. An insert moves at
 * most a leaf's worth of entries, and slots of the root only if a leaf splits or becomes
 * empty. The depth is fixed, so the root grows: with 10,000 ranges it has some 300 slots
 * (5 KiB), with a million some 30,000, of which every 32nd insert moves half. A single
 * sorted array would move 160 KiB on each insert at 10,000 ranges; a binary tree would
 * miss the cache on each of its 14 levels. Leaves are not joined when they empty, so in
 * the worst case each of them holds one range.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmr_set.h"

#define LEAF_MAX	64

struct vmr_leaf {
	size_t nr;
	struct vmr_entry entries[LEAF_MAX];
};

/* Slot and entry. The entry may be one past the leaf's last. */
struct vmr_pos {
	size_t slot;
	size_t entry;
};

/*
 * Binary search in a form that compilers turn into conditional moves: no predictor could
 * guess a branch on the comparison.
 */

/* Counts the slots that start at or before @at. */
static size_t slots_upto(const struct vmr_set *set, uintptr_t at)
{
	size_t low = 0, left = set->nr_slots;

	while (left > 1) {
		size_t half = left / 2;

		low = set->slots[low + half - 1].start <= at ? low + half : low;
		left -= half;
	}
	return low + (left && set->slots[low].start <= at);
}

/* Counts the entries of the leaf that start at or before @at. */
static size_t entries_upto(const struct vmr_leaf *leaf, uintptr_t at)
{
	size_t low = 0, left = leaf->nr;

	while (left > 1) {
		size_t half = left / 2;

		low = leaf->entries[low + half - 1].start <= at ? low + half : low;
		left -= half;
	}
	return low + (left && leaf->entries[low].start <= at);
}

/*
 * Finds the position for an entry that starts after @at: behind all that start at or
 * before @at. It is in the leaf of the entry's predecessor, if there is one.
 */
static struct vmr_pos pos_behind(const struct vmr_set *set, uintptr_t at)
{
	struct vmr_pos pos = { 0, 0 };
	size_t slots = slots_upto(set, at);

	if (slots) {
		pos.slot = slots - 1;
		pos.entry = entries_upto(set->slots[pos.slot].leaf, at);
	}
	return pos;
}

/* Returns the entry before a position, or NULL. */
static const struct vmr_entry *entry_left(const struct vmr_set *set, struct vmr_pos pos)
{
	const struct vmr_leaf *leaf;

	if (pos.entry)
		return &set->slots[pos.slot].leaf->entries[pos.entry - 1];
	if (!pos.slot)
		return NULL;
	leaf = set->slots[pos.slot - 1].leaf;
	return &leaf->entries[leaf->nr - 1];
}

/* Returns the entry at a position, or the first of the next leaf, or NULL. */
static const struct vmr_entry *entry_right(const struct vmr_set *set, struct vmr_pos pos)
{
	if (pos.slot < set->nr_slots && pos.entry == set->slots[pos.slot].leaf->nr)
		pos = (struct vmr_pos){ pos.slot + 1, 0 };
	if (pos.slot >= set->nr_slots)
		return NULL;
	return &set->slots[pos.slot].leaf->entries[pos.entry];
}

/* Returns the first entry that overlaps [start, end), or NULL. */
const struct vmr_entry *vmr_set_find(const struct vmr_set *set, uintptr_t start, uintptr_t end)
{
	struct vmr_pos pos = pos_behind(set, start);
	const struct vmr_entry *entry = entry_left(set, pos);

	if (entry && entry->end > start)
		return start < end ? entry : NULL;
	entry = entry_right(set, pos);
	return entry && entry->start < end ? entry : NULL;
}

/* Returns the last entry that starts before @start, or NULL. */
const struct vmr_entry *vmr_set_before(const struct vmr_set *set, uintptr_t start)
{
	return start ? entry_left(set, pos_behind(set, start - 1)) : NULL;
}

/* Returns the first entry that starts after @start, or NULL. */
const struct vmr_entry *vmr_set_after(const struct vmr_set *set, uintptr_t start)
{
	return entry_right(set, pos_behind(set, start));
}

static int grow_slots(struct vmr_set *set)
{
	size_t max = set->max_slots ? 2 * set->max_slots : 8;
	struct vmr_slot *slots;

	if (set->nr_slots < set->max_slots)
		return 0;
	slots = realloc(set->slots, max * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	set->slots = slots;
	set->max_slots = max;
	return 0;
}

/*
 * Ensures that the next insert needs no memory: an insert makes at most one leaf and one
 * slot.
 */
int vmr_set_prepare(struct vmr_set *set)
{
	if (!set->spare) {
		set->spare = malloc(sizeof(*set->spare));
		if (!set->spare)
			return -ENOMEM;
	}
	return grow_slots(set);
}

/* Turns the spare into the leaf at @slot, with a copy of @nr entries. */
static void add_leaf(struct vmr_set *set, size_t slot, const struct vmr_entry *entries, size_t nr)
{
	struct vmr_slot *at = &set->slots[slot];
	struct vmr_leaf *leaf = set->spare;

	set->spare = NULL;
	leaf->nr = nr;
	memcpy(leaf->entries, entries, nr * sizeof(*entries));
	memmove(at + 1, at, (set->nr_slots - slot) * sizeof(*at));
	at->start = entries->start;
	at->leaf = leaf;
	set->nr_slots++;
}

/* Moves the upper half of a full leaf to a new leaf, and @pos with it if need be. */
static void split_leaf(struct vmr_set *set, struct vmr_pos *pos)
{
	struct vmr_leaf *leaf = set->slots[pos->slot].leaf;

	leaf->nr = LEAF_MAX / 2;
	add_leaf(set, pos->slot + 1, &leaf->entries[leaf->nr], LEAF_MAX - leaf->nr);
	if (pos->entry > leaf->nr) {
		pos->slot++;
		pos->entry -= leaf->nr;
	}
}

/* Call vmr_set_prepare() first; @entry must not overlap any other. */
void vmr_set_insert(struct vmr_set *set, const struct vmr_entry *entry)
{
	struct vmr_pos pos = pos_behind(set, entry->start);
	struct vmr_entry *at;
	struct vmr_leaf *leaf;

	set->nr++;
	/* Ranges often come in order, so leave full leaves behind rather than halves. */
	if (!set->nr_slots ||
	    (pos.slot == set->nr_slots - 1 && pos.entry == LEAF_MAX)) {
		add_leaf(set, set->nr_slots, entry, 1);
		return;
	}
	if (set->slots[pos.slot].leaf->nr == LEAF_MAX)
		split_leaf(set, &pos);

	leaf = set->slots[pos.slot].leaf;
	at = &leaf->entries[pos.entry];
	memmove(at + 1, at, (leaf->nr - pos.entry) * sizeof(*at));
	*at = *entry;
	leaf->nr++;
	set->slots[pos.slot].start = leaf->entries[0].start;
}

/* Keeps an empty leaf as the spare, so that alternating map and unmap need no heap. */
static void drop_leaf(struct vmr_set *set, size_t slot)
{
	struct vmr_slot *at = &set->slots[slot];

	if (set->spare)
		free(at->leaf);
	else
		set->spare = at->leaf;
	set->nr_slots--;
	memmove(at, at + 1, (set->nr_slots - slot) * sizeof(*at));
}

/* Erases the entry that starts at @start, which must exist. */
void vmr_set_erase(struct vmr_set *set, uintptr_t start)
{
	struct vmr_pos pos = pos_behind(set, start);
	struct vmr_leaf *leaf = set->slots[pos.slot].leaf;
	struct vmr_entry *at = &leaf->entries[pos.entry - 1];

	set->nr--;
	leaf->nr--;
	if (!leaf->nr) {
		drop_leaf(set, pos.slot);
		return;
	}
	memmove(at, at + 1, (leaf->nr - (pos.entry - 1)) * sizeof(*at));
	set->slots[pos.slot].start = leaf->entries[0].start;
}

void vmr_set_clear(struct vmr_set *set)
{
	for (size_t i = 0; i < set->nr_slots; i++)
		free(set->slots[i].leaf);
	free(set->slots);
	free(set->spare);
	memset(set, 0, sizeof(*set));
}
