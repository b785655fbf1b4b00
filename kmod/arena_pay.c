// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an arena's user pays for beside pages of memory: a page for each
 * ARENA_NODES ranges. The first so many come with the arena.
 *
 * What is paid for is in ranges->max_nodes: a multiple of ARENA_NODES that has
 * room for all nodes there are.
 */
#include <linux/kernel.h>
#include <linux/lockdep.h>

#include "account.h"
#include "arena.h"

/**
 * arena_settle() - pay for as many ranges as there are, and for fewer pages
 * @arena:	its lock is held exclusively
 * @nr_released: pages of memory that it no longer has
 *
 * A change that could not fail may have made a range more than was paid for. It
 * is paid for here whatever the limit is, mostly by a page that was released.
 *
 * Context: any.
 */
void arena_settle(struct karena_arena *arena, unsigned long nr_released)
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

/* Where there may be more ranges than are paid for. */
static noinline int set_state_paying(struct karena_arena *arena, unsigned long first,
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
	arena_settle(arena, 0);
	return err;
}

/**
 * arena_set_state() - change the state of pages and pay for the ranges
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
		return set_state_paying(arena, first, last, state);
	err = ranges_set(r, first, last, state, KARENA_GFP);
	/* As many ranges as before, or more that there was room for, are paid for. */
	if (r->nr_nodes < nr_nodes)
		arena_settle(arena, 0);
	return err;
}
