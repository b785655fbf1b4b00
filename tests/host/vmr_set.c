// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of maps against a plain array of bits, with the invariants of its
 * leaves checked after each step.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

#define SLOTS	2048
#define STEPS	200000

static uint64_t seed;

static unsigned int roll(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((seed >> 33) % below);
}

/* Ranges of 1 to 3 units lie in slots of 4 units each. */
static uintptr_t slot_start(unsigned int slot)
{
	return ((uintptr_t)slot + 1) * 4;
}

static struct vmr_entry entry_of(unsigned int slot)
{
	struct vmr_entry entry = {
		.start = slot_start(slot),
		.end = slot_start(slot) + 1 + slot % 3,
		.id = slot,
	};

	return entry;
}

/* How many entries there are, or -1 if the leaves are not as they must be. */
static long validate(const struct vmr_set *set)
{
	uintptr_t last = 0;
	long nr = 0;

	for (size_t i = 0; i < set->nr_slots; i++) {
		const struct vmr_leaf *leaf = set->slots[i].leaf;

		if (!leaf->nr || leaf->nr > LEAF_MAX ||
		    set->slots[i].start != leaf->entries[0].start)
			return -1;
		for (size_t k = 0; k < leaf->nr; k++) {
			if (leaf->entries[k].start < last ||
			    leaf->entries[k].end <= leaf->entries[k].start)
				return -1;
			last = leaf->entries[k].end;
			nr++;
		}
	}
	return set->nr_slots <= set->max_slots && nr == (long)set->nr ? nr : -1;
}

static long model_find(const bool *present, uintptr_t start, uintptr_t end)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct vmr_entry entry = entry_of(i);

		if (present[i] && entry.start < end && start < entry.end && start < end)
			return i;
	}
	return -1;
}

static long model_after(const bool *present, uintptr_t at)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (present[i] && slot_start(i) > at)
			return i;
	return -1;
}

static long model_before(const bool *present, uintptr_t at)
{
	for (unsigned int i = SLOTS; i-- > 0;)
		if (present[i] && slot_start(i) < at)
			return i;
	return -1;
}

static long found_slot(const struct vmr_entry *entry)
{
	return entry ? (long)entry->id : -1;
}

TEST(random_ranges_should_be_found_as_in_an_array)
{
	static bool present[SLOTS];
	struct vmr_set set = { 0 };
	long nr = 0;

	seed = pick_seed();
	for (int step = 0; step < STEPS; step++) {
		/* Waves of growth and decline fill and empty leaves. */
		bool grow = (step / 10000) % 2 ? !roll(4) : roll(4);
		unsigned int slot = roll(SLOTS);
		struct vmr_entry entry = entry_of(slot);
		uintptr_t from = roll(4 * SLOTS + 8), to = from + roll(12);

		if (grow && !present[slot]) {
			ASSERT_EQ(0, vmr_set_prepare(&set));
			vmr_set_insert(&set, &entry);
			present[slot] = true;
			nr++;
		} else if (!grow && present[slot]) {
			vmr_set_erase(&set, entry.start);
			present[slot] = false;
			nr--;
		}
		if (step % 64 == 0)
			ASSERT_EQ(nr, validate(&set));
		if (step % 16)
			continue;
		ASSERT_EQ(model_find(present, from, to), found_slot(vmr_set_find(&set, from, to)));
		ASSERT_EQ(model_after(present, from), found_slot(vmr_set_after(&set, from)));
		ASSERT_EQ(model_before(present, from), found_slot(vmr_set_before(&set, from)));
	}
	vmr_set_clear(&set);
	ASSERT_EQ(0, set.nr);
}

TEST(ranges_in_order_should_fill_their_leaves)
{
	struct vmr_set set = { 0 };

	for (unsigned int i = 0; i < 10 * LEAF_MAX; i++) {
		struct vmr_entry entry = entry_of(i);

		ASSERT_EQ(0, vmr_set_prepare(&set));
		vmr_set_insert(&set, &entry);
	}
	ASSERT_EQ(10 * LEAF_MAX, validate(&set));
	ASSERT_EQ(10, set.nr_slots);
	vmr_set_clear(&set);
}

TEST(an_insert_after_prepare_should_take_no_memory)
{
	struct vmr_set set = { 0 };

	for (unsigned int i = 20 * LEAF_MAX; i-- > 0;) {
		struct vmr_entry entry = entry_of(i);

		ASSERT_EQ(0, vmr_set_prepare(&set));
		calls = 0;
		fail_after = 1000;
		vmr_set_insert(&set, &entry);
		fail_after = 0;
		ASSERT_EQ(0, calls);
	}
	ASSERT_EQ(20 * LEAF_MAX, validate(&set));
	vmr_set_clear(&set);
}

TEST(failing_allocations_should_leave_the_set_as_it_was)
{
	struct vmr_set set = { 0 };
	unsigned int refused = 0;

	for (unsigned int i = 0; i < 20 * LEAF_MAX; i++) {
		struct vmr_entry entry = entry_of(i);

		for (int nth = 1; nth <= 2; nth++) {
			fail_after = (unsigned long)nth;
			if (vmr_set_prepare(&set) == -ENOMEM)
				refused++;
			fail_after = 0;
			ASSERT_EQ(i, validate(&set));
		}
		ASSERT_EQ(0, vmr_set_prepare(&set));
		vmr_set_insert(&set, &entry);
	}
	ASSERT_LT(20, refused);
	vmr_set_clear(&set);
}

TEST_HARNESS_MAIN
