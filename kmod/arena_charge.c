// SPDX-License-Identifier: GPL-2.0-only
/*
 * Charges an arena's ranges to its user: a page for each ARENA_NODES of them. The
 * first ARENA_NODES come with the arena.
 *
 * ranges->max_nodes is how many are charged: a multiple of ARENA_NODES, and not less
 * than there are.
 */
#include <linux/kernel.h>
#include <linux/lockdep.h>

#include "account.h"
#include "arena.h"

/**
 * arena_reconcile() - charge for as many ranges as there are, and for fewer pages
 * @arena:	its lock is held exclusively
 * @nr_released: pages of memory that it no longer has
 *
 * A change that could not fail may have made one range more than was charged. It is
 * charged here whatever the limit is; mostly a page that was released makes up for it.
 *
 * Context: any.
 */
void arena_reconcile(struct karena_arena *arena, unsigned long nr_released)
{
	struct ranges *r = &arena->ranges;
	unsigned long max_nodes = roundup(max(r->nr_nodes, 1ul), ARENA_NODES);
	unsigned long held = nr_released + r->max_nodes / ARENA_NODES;
	unsigned long due = max_nodes / ARENA_NODES;

	lockdep_assert_held_write(&arena->lock);
	r->max_nodes = max_nodes;
	if (due < held)
		karena_account_uncharge(arena->object.account, held - due);
	else if (unlikely(due > held))
		karena_account_force(arena->object.account, due - held);
}

/* Sets a state where there may be more ranges than are charged. */
static noinline int set_state_charging(struct karena_arena *arena, unsigned long first,
				       unsigned long last, u32 state)
{
	struct ranges *r = &arena->ranges;
	int err;

	err = ranges_set(r, first, last, state, KARENA_GFP);
	if (err == -EDQUOT) {
		err = karena_account_charge(arena->object.account, 1);
		if (err)
			return err;
		r->max_nodes += ARENA_NODES;
		err = ranges_set(r, first, last, state, KARENA_GFP);
	}
	arena_reconcile(arena, 0);
	return err;
}

/**
 * arena_set_state() - change the state of pages and charge for the ranges
 * @arena:	its lock is held exclusively
 * @first:	index of the first page
 * @last:	index of the last page
 * @state:	KARENA_PAGE_* that all of them get
 *
 * Context: may sleep.
 * Return: 0; with nothing changed -ENOMEM or -EDQUOT, if it takes another range.
 */
int arena_set_state(struct karena_arena *arena, unsigned long first, unsigned long last,
		    u32 state)
{
	struct ranges *r = &arena->ranges;
	unsigned long nr_nodes = r->nr_nodes;
	int err;

	if (r->max_nodes - nr_nodes < RANGES_ADDED_MAX)
		return set_state_charging(arena, first, last, state);
	err = ranges_set(r, first, last, state, KARENA_GFP);
	/* As many ranges as before, or as max_nodes allows, are charged already. */
	if (r->nr_nodes < nr_nodes)
		arena_reconcile(arena, 0);
	return err;
}
