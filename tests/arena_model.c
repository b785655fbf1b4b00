// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole arena under random operations, against a plain model: what each page's
 * state is and which bytes it has. Several processes take part, each with windows
 * of its own, one operation at a time, so that the model is exact. Every page
 * that is written carries a number never used before: bytes that come back after
 * they were freed are seen at once.
 *
 * SEED repeats a run, SCALE multiplies the steps.
 */
#define _GNU_SOURCE
#include <limits.h>

#include "arena_worker.h"
#include "kselftest_harness.h"

#define STEPS		50000

static const int lengths[] = { 1, 1, 2, 2, 3, 5, 8, 16 };

/* The model */

static bool all_are(const struct model *m, int first, int nr, uint32_t mask)
{
	int i;

	for (i = first; i < first + nr; i++) {
		if (!(mask & 1u << m->page[i].state))
			return false;
	}
	return true;
}

static void become(struct model *m, int first, int nr, uint32_t state, bool populated)
{
	int i;

	for (i = first; i < first + nr; i++)
		m->page[i] = (struct model_page) { .state = state, .populated = populated };
}

#define FREE		(1u << KARENA_PAGE_FREE)
#define ALLOCATED	(1u << KARENA_PAGE_ALLOCATED)
#define RESERVED	(1u << KARENA_PAGE_RESERVED)

static int lowest_gap(const struct model *m, int from, int nr, int align)
{
	int i;

	for (i = (from + align - 1) / align * align; i + nr <= PAGES; i += align) {
		if (all_are(m, i, nr, FREE))
			return i;
	}
	return from ? lowest_gap(m, 0, nr, align) : -ENOSPC;
}

static int pick_length(void)
{
	if (random_below(100) == 0)
		return PAGES;
	return lengths[random_below(sizeof(lengths) / sizeof(lengths[0]))];
}

static void pick(int *first, int *nr)
{
	*nr = pick_length();
	*first = random_below(PAGES);
	if (*nr > PAGES - *first)
		*nr = PAGES - *first;
}

#define describe(m, ...) snprintf((m)->step, sizeof((m)->step), __VA_ARGS__)

/* Steps: each returns whether the arena did as the model does. */

static bool step_alloc(struct model *m)
{
	uint32_t flags = random_below(2) ? KARENA_ALLOC_F_LAZY : 0;
	int align = random_below(3) ? 1 : 1 << random_below(6);
	int hint, nr, want, got;

	pick(&hint, &nr);
	want = lowest_gap(m, hint, nr, align);
	got = arena_alloc_on(m->fd, flags, hint, nr, align, KARENA_NODE_ANY);
	describe(m, "alloc %d from %d, align %d, flags %u: %d, lowest %d", nr, hint, align, flags,
		 got, want);
	/* With an alignment another gap than the lowest will do. */
	if (got < 0 || align == 1 ? got != want :
	    got % align || got + nr > PAGES || !all_are(m, got, nr, FREE))
		return false;
	if (got >= 0)
		become(m, got, nr, KARENA_PAGE_ALLOCATED, !flags);
	return true;
}

static bool step_alloc_fixed(struct model *m)
{
	uint32_t flags = random_below(2) ? KARENA_ALLOC_F_LAZY : 0;
	int first, nr, want, got;

	pick(&first, &nr);
	want = all_are(m, first, nr, FREE) ? first : -EBUSY;
	got = arena_alloc(m->fd, flags | KARENA_ALLOC_F_FIXED, first, nr);
	describe(m, "alloc %d at %d, flags %u: %d, not %d", nr, first, flags, got, want);
	if (got >= 0)
		become(m, first, nr, KARENA_PAGE_ALLOCATED, !flags);
	return got == want;
}

static bool step_free(struct model *m)
{
	uint32_t flags = random_below(3) ? 0 : KARENA_FREE_F_STRICT;
	int first, nr, want, got;
	uint64_t done;

	pick(&first, &nr);
	want = flags && !all_are(m, first, nr, ALLOCATED) ? -ENOENT : 0;
	got = arena_free_flags(m->fd, flags, first, nr, &done);
	describe(m, "free %d at %d, flags %u: %d, not %d", nr, first, flags, got, want);
	if (!got)
		become(m, first, nr, KARENA_PAGE_FREE, false);
	return got == want && (got || done == (uint64_t)nr);
}

static bool step_reserve(struct model *m)
{
	uint32_t flags = random_below(2) ? KARENA_RESERVE_F_GUARD : 0;
	int first, nr, want, got;

	pick(&first, &nr);
	want = all_are(m, first, nr, FREE) ? 0 : -EBUSY;
	got = arena_reserve(m->fd, flags, first, nr);
	describe(m, "reserve %d at %d, flags %u: %d, not %d", nr, first, flags, got, want);
	if (!got)
		become(m, first, nr, flags ? KARENA_PAGE_GUARD : KARENA_PAGE_RESERVED, false);
	return got == want;
}

static bool step_commit(struct model *m)
{
	uint32_t flags = random_below(2) ? KARENA_COMMIT_F_LAZY : 0;
	int first, nr, want, got;

	pick(&first, &nr);
	want = all_are(m, first, nr, RESERVED) ? 0 : -EBUSY;
	got = arena_commit(m->fd, flags, first, nr);
	describe(m, "commit %d at %d, flags %u: %d, not %d", nr, first, flags, got, want);
	if (!got)
		become(m, first, nr, KARENA_PAGE_ALLOCATED, !flags);
	return got == want;
}

static bool step_decommit(struct model *m)
{
	int first, nr, want, got;

	pick(&first, &nr);
	want = all_are(m, first, nr, ALLOCATED | RESERVED) ? 0 : -EBUSY;
	got = arena_decommit(m->fd, first, nr);
	describe(m, "decommit %d at %d: %d, not %d", nr, first, got, want);
	if (!got)
		become(m, first, nr, KARENA_PAGE_RESERVED, false);
	return got == want;
}

static struct worker *some_worker(struct model *m)
{
	uint32_t dice = random_below(256);

	if (dice == 0)
		return &m->worker[WORKERS - 1];
	return &m->worker[dice < 64 ? 1 + dice % (WORKERS - 2) : 0];
}

/* Some worker's page in one of its windows. */
static struct worker *aim(struct model *m, struct request *r, int nr)
{
	struct worker *worker = some_worker(m);
	const struct window *w;

	r->window = random_below(WINDOWS);
	w = &worker->windows[r->window];
	r->page = w->first + random_below(w->nr);
	r->nr = nr < w->first + w->nr - r->page ? nr : w->first + w->nr - r->page;
	return worker;
}

/* Does the table let a touch of the page through? If so it is allocated then. */
static bool let_through(struct model *m, struct model_page *page)
{
	if (page->state == KARENA_PAGE_GUARD)
		return false;
	if (page->state != KARENA_PAGE_ALLOCATED && m->segv_on_fault)
		return false;
	page->state = KARENA_PAGE_ALLOCATED;
	page->populated = true;
	return true;
}

static bool step_touch(struct model *m)
{
	struct request r = { .what = random_below(2) ? READ : WRITE };
	struct worker *worker = aim(m, &r, 1);
	struct model_page *page = &m->page[r.page];
	bool through = let_through(m, page);

	r.magic = r.what == WRITE ? ++m->last_magic : page->magic;
	describe(m, "%s %d in state %u, magic %llu", r.what == WRITE ? "write" : "read", r.page,
		 page->state, (unsigned long long)r.magic);
	ask(m, worker, &r);
	if (!through)
		return r.touch.sig == SIGSEGV;
	if (r.what == READ)
		return !r.touch.sig && r.as_expected;
	page->magic = r.magic;
	return !r.touch.sig;
}

static bool step_touch_by_kernel(struct model *m)
{
	struct request r = { .what = SEND };
	struct worker *worker = aim(m, &r, 1);
	struct model_page *page = &m->page[r.page];
	bool through = let_through(m, page);

	r.magic = page->magic;
	describe(m, "send %d in state %u, magic %llu", r.page, page->state,
		 (unsigned long long)r.magic);
	ask(m, worker, &r);
	return through ? !r.err && r.as_expected : r.err == EFAULT;
}

static bool step_zap(struct model *m)
{
	struct request r = { .what = random_below(4) ? ZAP : REMOVE };
	struct worker *worker = aim(m, &r, pick_length());

	describe(m, "%s %d at %d", r.what == ZAP ? "zap" : "remove", r.nr, r.page);
	ask(m, worker, &r);
	if (r.what == REMOVE)
		become(m, r.page, r.nr, KARENA_PAGE_FREE, false);
	return !r.err;
}

static bool step_window(struct model *m)
{
	struct request r = { .what = random_below(2) ? MOVE : REMAP };
	struct worker *worker = aim(m, &r, 1);

	if (r.what == REMAP)
		pick(&r.page, &r.nr);
	describe(m, "%s %d", r.what == MOVE ? "move a window at" : "map from", r.page);
	ask(m, worker, &r);
	if (r.what == REMAP) {
		worker->windows[r.window].first = r.page;
		worker->windows[r.window].nr = r.nr;
	}
	return true;
}

/* Every byte of what is allocated; afterwards it is mapped there. */
static bool bytes_match(struct model *m, const char *map)
{
	int i;

	for (i = 0; i < PAGES; i++) {
		if (m->page[i].state != KARENA_PAGE_ALLOCATED)
			continue;
		if (!filled(map + i * page_size, m->page[i].magic))
			return false;
		m->page[i].populated = true;
	}
	return true;
}

/*
 * Another process takes a worker's place. Its windows are those over the whole
 * arena that its parent has all the time, page table entries included.
 */
static bool step_fork(struct model *m)
{
	struct worker *worker = &m->worker[1 + random_below(WORKERS - 1)];
	int i;

	describe(m, "fork");
	stop_worker(worker);
	for (i = 0; i < WINDOWS; i++) {
		worker->windows[i].first = 0;
		worker->windows[i].nr = PAGES;
	}
	if (!bytes_match(m, worker->windows[0].map))
		return false;
	start_worker(m, worker);
	return true;
}

static bool step(struct model *m)
{
	uint32_t dice = random_below(1000);

	if (dice < 90)
		return step_alloc(m);
	if (dice < 180)
		return step_alloc_fixed(m);
	if (dice < 300)
		return step_free(m);
	if (dice < 370)
		return step_reserve(m);
	if (dice < 440)
		return step_commit(m);
	if (dice < 500)
		return step_decommit(m);
	if (dice < 900)
		return step_touch(m);
	if (dice < 940)
		return step_touch_by_kernel(m);
	if (dice < 985)
		return step_zap(m);
	if (dice < 999)
		return step_window(m);
	return step_fork(m);
}

/* The whole, as walk and stat show it. */

static bool range_matches(const struct model *m, const struct karena_arena_range *range)
{
	uint64_t first = range->offset / page_size;
	uint64_t populated = 0;
	uint64_t i;

	for (i = first; i < first + range->nr_pages; i++) {
		if (m->page[i].state != range->state)
			return false;
		populated += m->page[i].populated;
	}
	return m->single ? range->nr_populated == populated :
	       range->nr_populated >= populated && range->nr_populated <= range->nr_pages;
}

static bool walk_matches(const struct model *m)
{
	struct karena_arena_range ranges[PAGES];
	uint64_t end = 0, next;
	uint32_t i, count = arena_walk(m->fd, 0, ranges, PAGES, &next);

	for (i = 0; i < count; i++) {
		uint64_t first = ranges[i].offset / page_size;

		if (first < end || !all_are(m, end, first - end, FREE) ||
		    !range_matches(m, &ranges[i]))
			return false;
		end = first + ranges[i].nr_pages;
	}
	return next == PAGES && all_are(m, end, PAGES - end, FREE);
}

static bool stat_matches(const struct model *m)
{
	struct karena_arena_stat stat = arena_stat(m->fd);
	uint64_t count[4] = { 0 };
	int i;

	for (i = 0; i < PAGES; i++)
		count[m->page[i].state]++;
	return stat.out_allocated == count[KARENA_PAGE_ALLOCATED] &&
	       stat.out_reserved == count[KARENA_PAGE_RESERVED] &&
	       stat.out_guard == count[KARENA_PAGE_GUARD] &&
	       stat.out_populated <= count[KARENA_PAGE_ALLOCATED] &&
	       stat.out_populated_peak >= stat.out_populated;
}

FIXTURE(arena)
{
	struct model m;
};

FIXTURE_VARIANT(arena)
{
	uint32_t flags;
	uint32_t fault_pages;
};

FIXTURE_VARIANT_ADD(arena, single)
{
	.fault_pages = 1,
};

FIXTURE_VARIANT_ADD(arena, batch)
{
	.fault_pages = 16,
};

FIXTURE_VARIANT_ADD(arena, single_segv_on_fault)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT,
	.fault_pages = 1,
};

FIXTURE_VARIANT_ADD(arena, batch_segv_on_fault)
{
	.flags = KARENA_ARENA_F_SEGV_ON_FAULT,
	.fault_pages = 16,
};

FIXTURE_SETUP(arena)
{
	struct karena_arena_create args = {
		.flags = variant->flags | KARENA_ARENA_F_INHERIT,
		.length = PAGES * page_size,
		.node = KARENA_NODE_ANY,
		.fault_pages = variant->fault_pages,
		.name = "model",
	};
	struct model *m = &self->m;
	int i, j;

	random_begin();
	m->segv_on_fault = variant->flags & KARENA_ARENA_F_SEGV_ON_FAULT;
	m->single = variant->fault_pages == 1;
	m->fd = arena_create(&args);
	ASSERT_LE(0, m->fd);
	pin_to_cpu(0);
	for (i = 0; i < WORKERS; i++) {
		for (j = 0; j < WINDOWS; j++)
			remap(m->fd, &m->worker[i].windows[j], 0, PAGES);
		if (!i)
			continue;
		m->worker[i].request = shared_memory(page_size);
		start_worker(m, &m->worker[i]);
	}
}

FIXTURE_TEARDOWN(arena)
{
	int i;

	for (i = 1; i < WORKERS; i++) {
		stop_worker(&self->m.worker[i]);
		munmap(self->m.worker[i].request, page_size);
	}
	close(self->m.fd);
}

TEST_F_TIMEOUT(arena, random_operations_match_the_model, INT_MAX)
{
	unsigned long i, steps = scaled(STEPS);
	struct model *m = &self->m;

	for (i = 0; i < steps; i++) {
		ASSERT_TRUE(step(m)) TH_LOG("step %lu: %s", i, m->step);
		if (i % 256 == 0) {
			ASSERT_TRUE(walk_matches(m)) TH_LOG("walk after step %lu: %s", i, m->step);
			ASSERT_TRUE(stat_matches(m)) TH_LOG("stat after step %lu: %s", i, m->step);
		}
	}
	EXPECT_TRUE(walk_matches(m));
	EXPECT_TRUE(bytes_match(m, m->worker[1].windows[0].map));
}

TEST_HARNESS_MAIN
