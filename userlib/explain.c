// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Why the kernel refused a call: one table of calls says what each argument must be. It is
 * asked only after the kernel has refused, to find the argument; it refuses nothing by
 * itself. If it knows less than the kernel, the message is less exact.
 */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * struct refused - a call that the kernel has refused
 * @row:	of the table
 * @fd:		on which it was made
 * @args:	its argument struct
 * @flags:	in @args
 */
struct refused {
	const struct row *row;
	int fd;
	const void *args;
	uint32_t flags;
};

/**
 * struct rule - what an argument must be
 * @broken:	reports whether it is something else, by karena_refuse()
 * @name:	the argument's name in the library
 * @at:		offset of its field
 * @bytes:	size of its field
 * @limit:	for @broken
 * @flag:	for @broken
 * @flag_name:	its name
 */
struct rule {
	bool (*broken)(const struct refused *refused, const struct rule *rule);
	const char *name;
	uint16_t at;
	uint16_t bytes;
	uint64_t limit;
	uint32_t flag;
	const char *flag_name;
};

/* What an errno means if it comes from a certain call. */
struct meaning {
	int error;
	const char *text;
};

#define MOST_RULES	7
#define MOST_MEANINGS	4
/* In the largest struct, rounded up. */
#define MOST_BYTES	256

/**
 * struct row - a call
 * @nr:		KARENA_IOC_*
 * @name:	in messages
 * @rights:	KARENA_RIGHT_* that it needs
 * @flags:	all that it takes
 * @least:	size of its struct as first published
 * @size:	size of its struct
 * @not_permitted: explains an EPERM that is not about @rights
 * @rules:	of its arguments
 * @meanings:	of its errors
 */
struct row {
	uint32_t nr;
	const char *name;
	uint32_t rights;
	uint32_t flags;
	uint16_t least;
	uint16_t size;
	void (*not_permitted)(const struct refused *refused);
	struct rule rules[MOST_RULES];
	struct meaning meanings[MOST_MEANINGS];
};

static uint64_t value_of(const struct refused *refused, const struct rule *rule)
{
	const char *field = (const char *)refused->args + rule->at;
	uint32_t word;
	uint64_t value;

	if (rule->bytes == sizeof(word)) {
		memcpy(&word, field, sizeof(word));
		return word;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

__attribute__((format(printf, 3, 4)))
static bool report(const struct refused *refused, const struct rule *rule, const char *format, ...)
{
	char must[160];
	va_list args;

	va_start(args, format);
	vsnprintf(must, sizeof(must), format, args);
	va_end(args);
	karena_refuse(-EINVAL, "%s: %s %llu: must be %s", refused->row->name, rule->name,
		      (unsigned long long)value_of(refused, rule), must);
	return true;
}

static bool is_zero(const struct refused *refused, const struct rule *rule)
{
	return !value_of(refused, rule) && report(refused, rule, "at least 1");
}

static bool is_not_zero(const struct refused *refused, const struct rule *rule)
{
	return value_of(refused, rule) && report(refused, rule, "0");
}

static bool is_over(const struct refused *refused, const struct rule *rule)
{
	return value_of(refused, rule) > rule->limit &&
	       report(refused, rule, "at most %llu", (unsigned long long)rule->limit);
}

static bool is_no_page(const struct refused *refused, const struct rule *rule)
{
	return value_of(refused, rule) % karena_page_size() &&
	       report(refused, rule, "a multiple of the page size, %zu", karena_page_size());
}

static bool is_no_multiple(const struct refused *refused, const struct rule *rule)
{
	return value_of(refused, rule) % rule->limit &&
	       report(refused, rule, "a multiple of %llu", (unsigned long long)rule->limit);
}

static bool is_no_power(const struct refused *refused, const struct rule *rule)
{
	uint64_t value = value_of(refused, rule);

	return (value & (value - 1) || value < karena_page_size()) && (value || rule->limit) &&
	       report(refused, rule, "a power of two and at least the page size, %zu",
		      karena_page_size());
}

static bool lacks_flag(const struct refused *refused, const struct rule *rule)
{
	return !(refused->flags & rule->flag) && value_of(refused, rule) &&
	       report(refused, rule, "0 without %s", rule->flag_name);
}

static bool has_flag(const struct refused *refused, const struct rule *rule)
{
	return refused->flags & rule->flag && value_of(refused, rule) &&
	       report(refused, rule, "0 with %s", rule->flag_name);
}

static bool is_pair(const struct refused *refused, const struct rule *rule)
{
	return (refused->flags & rule->flag) == rule->flag &&
	       report(refused, rule, "%s", rule->flag_name);
}

/* The machine's nodes are where the kernel lists them. */
static bool is_no_node(const struct refused *refused, const struct rule *rule)
{
	int32_t node = (int32_t)value_of(refused, rule);
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
	if (node == KARENA_NODE_ANY || (node >= 0 && !access(path, F_OK)))
		return false;
	karena_refuse(-EINVAL, "%s: node %d: the machine has no such NUMA node",
		      refused->row->name, node);
	return true;
}

static bool is_no_name(const struct refused *refused, const struct rule *rule)
{
	const char *name = (const char *)refused->args + rule->at;
	size_t length = strnlen(name, KARENA_NAME_LEN);

	for (size_t i = 0; i < length; i++) {
		if (name[i] > ' ' && name[i] <= '~' && name[i] != '/')
			continue;
		karena_refuse(-EINVAL,
			      "%s: name: byte %zu is 0x%02x: must be printable, no space and no '/'",
			      refused->row->name, i, (unsigned char)name[i]);
		return true;
	}
	return length == KARENA_NAME_LEN &&
	       (karena_refuse(-EINVAL, "%s: name: must be at most %d characters",
			      refused->row->name, KARENA_NAME_LEN - 1), true);
}

static bool get_arena_stat(int fd, struct karena_arena_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	return !karena_call(fd, KARENA_IOC_ARENA_STAT, stat);
}

static bool get_ring_stat(int fd, struct karena_ring_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	return !karena_call(fd, KARENA_IOC_RING_STAT, stat);
}

static bool range_passes_end(const struct refused *refused, uint64_t offset, uint64_t nr_pages)
{
	struct karena_arena_stat stat;
	uint64_t left;

	if (!get_arena_stat(refused->fd, &stat))
		return false;
	left = offset < stat.out_length ? stat.out_length - offset : 0;
	if (offset <= stat.out_length && nr_pages <= left / karena_page_size())
		return false;
	karena_refuse(-EINVAL,
		      "%s: offset %llu, nr_pages %llu: must not pass the arena's end, %llu",
		      refused->row->name, (unsigned long long)offset,
		      (unsigned long long)nr_pages, (unsigned long long)stat.out_length);
	return true;
}

/* @rule: of the offset, with @limit as the offset of the number of pages. */
static bool passes_end(const struct refused *refused, const struct rule *rule)
{
	uint64_t nr_pages = 0;

	if (rule->limit)
		memcpy(&nr_pages, (const char *)refused->args + rule->limit, sizeof(nr_pages));
	return range_passes_end(refused, value_of(refused, rule), nr_pages);
}

static bool alloc_passes_end(const struct refused *refused, const struct rule *rule)
{
	const struct karena_arena_alloc *args = refused->args;

	/* A hint must be in the arena; the range at the hint need not. */
	if (!(args->flags & KARENA_ALLOC_F_FIXED))
		return range_passes_end(refused, args->offset, 0) ||
		       range_passes_end(refused, 0, args->nr_pages);
	if (args->align && args->offset % args->align)
		return report(refused, rule, "a multiple of align, %llu, with KARENA_ALLOC_F_FIXED",
			      (unsigned long long)args->align);
	return range_passes_end(refused, args->offset, args->nr_pages);
}

/* Rights that the kind of object does not have. */
static bool is_no_right(const struct refused *refused, const struct rule *rule)
{
	uint32_t rights = (uint32_t)value_of(refused, rule), all = KARENA_RIGHTS_ARENA;
	struct karena_ring_stat stat;

	if (get_ring_stat(refused->fd, &stat))
		all = KARENA_RIGHTS_RING;
	if (!(rights & ~all))
		return false;
	karena_refuse(-EINVAL, "%s: rights 0x%x: must be some of 0x%x, KARENA_RIGHTS_%s",
		      refused->row->name, rights, all,
		      all == KARENA_RIGHTS_RING ? "RING" : "ARENA");
	return true;
}

static bool passes_ring(const struct refused *refused, const struct rule *rule)
{
	struct karena_ring_stat stat;

	return get_ring_stat(refused->fd, &stat) && value_of(refused, rule) > stat.out_data_bytes &&
	       report(refused, rule, "at most the ring's size, %llu",
		      (unsigned long long)stat.out_data_bytes);
}

static const struct {
	uint32_t right;
	const char *name;
} right_names[] = {
	{ KARENA_RIGHT_MAP, "KARENA_RIGHT_MAP" },
	{ KARENA_RIGHT_MAP_WRITE, "KARENA_RIGHT_MAP_WRITE" },
	{ KARENA_RIGHT_ALLOC, "KARENA_RIGHT_ALLOC" },
	{ KARENA_RIGHT_FREE, "KARENA_RIGHT_FREE" },
	{ KARENA_RIGHT_PRODUCE, "KARENA_RIGHT_PRODUCE" },
	{ KARENA_RIGHT_CONSUME, "KARENA_RIGHT_CONSUME" },
};

/**
 * karena_explain_rights() - report the right that an open file lacks
 * @name:	of the call
 * @fd:		of the object
 * @rights:	that the call needs
 * @error:	to report
 *
 * Return: whether it lacks one.
 */
bool karena_explain_rights(const char *name, int fd, uint32_t rights, int error)
{
	struct karena_arena_stat arena;
	struct karena_ring_stat ring;
	uint32_t has = rights;

	if (get_arena_stat(fd, &arena))
		has = arena.out_rights;
	else if (get_ring_stat(fd, &ring))
		has = ring.out_rights;
	for (size_t i = 0; i < COUNT(right_names); i++) {
		if (!(rights & ~has & right_names[i].right))
			continue;
		karena_refuse(error,
			      "%s: the open file lacks %s: it was made or restricted without, perhaps through another descriptor of it",
			      name, right_names[i].name);
		return true;
	}
	return false;
}

/* Reports that a ring is of the other mode. Returns whether it is. */
bool karena_explain_mode(const char *name, int fd, int error)
{
	struct karena_ring_stat stat;

	if (!get_ring_stat(fd, &stat) || stat.out_flags & KARENA_RING_F_IN_PLACE)
		return false;
	karena_refuse(error,
		      "%s: the ring was made without KARENA_RING_F_IN_PLACE: it takes records by copy only",
		      name);
	return true;
}

static void not_in_place(const struct refused *refused)
{
	karena_explain_mode(refused->row->name, refused->fd, -EPERM);
}

static void not_the_owner(const struct refused *refused)
{
	karena_refuse(-EPERM, "%s: the reservation belongs to another process or open file",
		      refused->row->name);
}

static void not_all_rights(const struct refused *refused)
{
	const struct karena_rights *args = refused->args;

	karena_explain_rights(refused->row->name, refused->fd, args->rights, -EPERM);
}

/* Which right the call needs depends on what the caller wants to become. */
static void cannot_attach(const struct refused *refused)
{
	uint32_t right = refused->flags & KARENA_ATTACH_F_CONSUME ? KARENA_RIGHT_CONSUME
								 : KARENA_RIGHT_PRODUCE;

	if (!karena_explain_rights(refused->row->name, refused->fd, right, -EPERM))
		not_in_place(refused);
}

static bool is_by_copy(const struct refused *refused, const struct rule *rule)
{
	(void)rule;
	return karena_explain_mode(refused->row->name, refused->fd, -EINVAL);
}

#define FIELD(_struct, _field, _name) \
	.name = _name, .at = offsetof(struct _struct, _field), \
	.bytes = sizeof(((struct _struct *)0)->_field)
#define MUST(_broken, _struct, _field, ...) \
	{ .broken = _broken, FIELD(_struct, _field, #_field), __VA_ARGS__ }
#define NAMED(_broken, _struct, _field, _name, ...) \
	{ .broken = _broken, FIELD(_struct, _field, _name), __VA_ARGS__ }
#define FLAG(_flag)		.flag = _flag, .flag_name = #_flag
#define RESERVED(_struct)	MUST(is_not_zero, _struct, __reserved)
#define SIZES(_struct)		.least = sizeof(struct _struct), .size = sizeof(struct _struct)
#define SIZES_FROM(_struct, _field) \
	.least = offsetof(struct _struct, _field), .size = sizeof(struct _struct)

#define WAKEUPS		(KARENA_RING_NO_WAKEUP | KARENA_RING_FORCE_WAKEUP)
#define ONE_WAKEUP(_struct) \
	MUST(is_pair, _struct, flags, .flag = WAKEUPS, \
	     .flag_name = "one of KARENA_RING_NO_WAKEUP and KARENA_RING_FORCE_WAKEUP, not both")
#define TIMEOUT(_struct) \
	MUST(lacks_flag, _struct, timeout_us, FLAG(KARENA_RING_WAIT_SPACE))
#define NOT_FREE		{ EBUSY, "a page of the range is not free" }
#define TOO_LONG	{ ENOSPC, "the record can never fit: it has more bytes than the ring" }
#define NO_SPACE		{ EAGAIN, "the ring has no space for it just now" }
#define TOO_LATE \
	{ ESTALE, "it took longer than the ring's reserve_timeout_us: the record is lost" }

static const struct row rows[] = {
	{
		KARENA_IOC_QUERY, "query", SIZES(karena_query),
	}, {
		KARENA_IOC_LIST, "list", SIZES(karena_list),
		.rules = {
			RESERVED(karena_list),
		},
	}, {
		KARENA_IOC_ARENA_CREATE, "arena_create", SIZES(karena_arena_create),
		.flags = KARENA_ARENA_F_SEGV_ON_FAULT | KARENA_ARENA_F_FIXED_ADDR |
			 KARENA_ARENA_F_INHERIT | KARENA_ARENA_F_NULL_PAGE,
		.rules = {
			MUST(is_zero, karena_arena_create, length),
			MUST(is_no_page, karena_arena_create, length),
			MUST(lacks_flag, karena_arena_create, address,
			     FLAG(KARENA_ARENA_F_FIXED_ADDR)),
			MUST(is_no_page, karena_arena_create, address),
			MUST(is_over, karena_arena_create, fault_pages, .limit = 64),
			MUST(is_no_node, karena_arena_create, node),
			MUST(is_no_name, karena_arena_create, name),
		},
	}, {
		KARENA_IOC_RING_CREATE, "ring_create", SIZES(karena_ring_create),
		.flags = KARENA_RING_F_IN_PLACE | KARENA_RING_F_END,
		.rules = {
			MUST(is_no_power, karena_ring_create, data_bytes, .limit = 1),
			MUST(is_no_node, karena_ring_create, node),
			MUST(is_no_name, karena_ring_create, name),
		},
	}, {
		KARENA_IOC_REOPEN, "reopen", SIZES(karena_rights),
		.not_permitted = not_all_rights,
		.rules = {
			RESERVED(karena_rights),
			MUST(is_no_right, karena_rights, rights),
		},
	}, {
		KARENA_IOC_RESTRICT, "restrict", SIZES(karena_rights),
		.rules = {
			RESERVED(karena_rights),
			MUST(is_no_right, karena_rights, rights),
		},
	}, {
		KARENA_IOC_ARENA_ALLOC, "arena_alloc", KARENA_RIGHT_ALLOC,
		KARENA_ALLOC_F_FIXED | KARENA_ALLOC_F_LAZY, SIZES(karena_arena_alloc),
		.rules = {
			MUST(is_zero, karena_arena_alloc, nr_pages),
			MUST(is_no_power, karena_arena_alloc, align),
			MUST(is_no_page, karena_arena_alloc, offset),
			MUST(is_no_node, karena_arena_alloc, node),
			MUST(alloc_passes_end, karena_arena_alloc, offset),
			RESERVED(karena_arena_alloc),
		},
		.meanings = {
			NOT_FREE,
			{ ENOSPC, "no gap has so many free pages in a row, so aligned" },
		},
	}, {
		KARENA_IOC_ARENA_FREE, "arena_free", KARENA_RIGHT_FREE, KARENA_FREE_F_STRICT,
		SIZES(karena_arena_free),
		.rules = {
			MUST(is_no_page, karena_arena_free, offset),
			MUST(passes_end, karena_arena_free, offset,
			     .limit = offsetof(struct karena_arena_free, nr_pages)),
		},
		.meanings = { { ENOENT, "a page of the range is not allocated" } },
	}, {
		KARENA_IOC_ARENA_RESERVE, "arena_reserve", KARENA_RIGHT_ALLOC,
		KARENA_RESERVE_F_GUARD, SIZES(karena_arena_reserve),
		.rules = {
			MUST(is_no_page, karena_arena_reserve, offset),
			MUST(passes_end, karena_arena_reserve, offset,
			     .limit = offsetof(struct karena_arena_reserve, nr_pages)),
		},
		.meanings = { NOT_FREE },
	}, {
		KARENA_IOC_ARENA_COMMIT, "arena_commit", KARENA_RIGHT_ALLOC, KARENA_COMMIT_F_LAZY,
		SIZES(karena_arena_commit),
		.rules = {
			MUST(is_no_page, karena_arena_commit, offset),
			MUST(passes_end, karena_arena_commit, offset,
			     .limit = offsetof(struct karena_arena_commit, nr_pages)),
			MUST(is_no_node, karena_arena_commit, node),
			RESERVED(karena_arena_commit),
		},
		.meanings = { { EBUSY, "a page of the range is not reserved" } },
	}, {
		KARENA_IOC_ARENA_DECOMMIT, "arena_decommit", KARENA_RIGHT_FREE, 0,
		SIZES(karena_arena_decommit),
		.rules = {
			MUST(is_no_page, karena_arena_decommit, offset),
			MUST(passes_end, karena_arena_decommit, offset,
			     .limit = offsetof(struct karena_arena_decommit, nr_pages)),
		},
		.meanings = { { EBUSY, "a page of the range is free or a guard page" } },
	}, {
		KARENA_IOC_ARENA_STAT, "arena_stat", 0, KARENA_STAT_F_PINNED,
		SIZES(karena_arena_stat),
	}, {
		KARENA_IOC_ARENA_WALK, "arena_walk", KARENA_RIGHT_MAP, 0, SIZES(karena_arena_walk),
		.rules = {
			MUST(is_no_page, karena_arena_walk, offset),
			MUST(passes_end, karena_arena_walk, offset),
			RESERVED(karena_arena_walk),
		},
	}, {
		KARENA_IOC_RING_ATTACH, "ring_attach", 0, KARENA_ATTACH_F_CONSUME,
		SIZES(karena_ring_attach),
		.not_permitted = cannot_attach,
		.meanings = { { EBUSY, "another process or open file is the consumer" } },
	}, {
		KARENA_IOC_RING_RESERVE, "ring_reserve", KARENA_RIGHT_PRODUCE,
		KARENA_RING_WAIT_SPACE, SIZES(karena_ring_reserve),
		.not_permitted = not_in_place,
		.rules = {
			MUST(is_zero, karena_ring_reserve, length),
			TIMEOUT(karena_ring_reserve),
		},
		.meanings = { NO_SPACE, TOO_LONG },
	}, {
		KARENA_IOC_RING_SUBMIT, "ring_submit", KARENA_RIGHT_PRODUCE, WAKEUPS,
		SIZES(karena_ring_finish),
		.not_permitted = not_the_owner,
		.rules = {
			ONE_WAKEUP(karena_ring_finish),
			RESERVED(karena_ring_finish),
			{ .broken = is_by_copy },
		},
		.meanings = {
			{ EINVAL, "data is no open reservation of the handle, or length too much" },
			TOO_LATE,
		},
	}, {
		KARENA_IOC_RING_DISCARD, "ring_discard", KARENA_RIGHT_PRODUCE, WAKEUPS,
		SIZES(karena_ring_finish),
		.not_permitted = not_the_owner,
		.rules = {
			ONE_WAKEUP(karena_ring_finish),
			RESERVED(karena_ring_finish),
			MUST(is_not_zero, karena_ring_finish, length),
			{ .broken = is_by_copy },
		},
		.meanings = {
			{ EINVAL, "data is no open reservation of this handle" },
			TOO_LATE,
		},
	}, {
		KARENA_IOC_RING_OUTPUT, "ring_output", KARENA_RIGHT_PRODUCE,
		WAKEUPS | KARENA_RING_WAIT_SPACE, SIZES(karena_ring_output),
		.rules = {
			ONE_WAKEUP(karena_ring_output),
			NAMED(is_zero, karena_ring_output, buffer_bytes, "length"),
			TIMEOUT(karena_ring_output),
			RESERVED(karena_ring_output),
		},
		.meanings = { NO_SPACE, TOO_LONG, TOO_LATE },
	}, {
		KARENA_IOC_RING_STAT, "ring_stat", SIZES_FROM(karena_ring_stat, out_wake_bytes),
	}, {
		KARENA_IOC_RING_WAIT, "ring_wait", KARENA_RIGHT_CONSUME, KARENA_WAIT_F_RECORDS,
		SIZES(karena_ring_wait),
		.rules = { MUST(passes_ring, karena_ring_wait, bytes) },
		.meanings = {
			{ EINVAL, "bytes counts more records than the ring can have" },
			{ ECANCELED, "KARENA_IOC_RING_WAIT_CANCEL ended the wait" },
		},
	}, {
		KARENA_IOC_RING_OUTPUT_BATCH, "ring_output_batch", KARENA_RIGHT_PRODUCE,
		WAKEUPS | KARENA_RING_WAIT_SPACE, SIZES(karena_ring_output_batch),
		.rules = {
			ONE_WAKEUP(karena_ring_output_batch),
			TIMEOUT(karena_ring_output_batch),
			RESERVED(karena_ring_output_batch),
		},
		.meanings = {
			{ EINVAL, "records: the first one's length or header is not valid" },
			NO_SPACE, TOO_LONG, TOO_LATE,
		},
	}, {
		KARENA_IOC_RING_RESERVE_BATCH, "ring_reserve_batch", KARENA_RIGHT_PRODUCE,
		KARENA_RING_WAIT_SPACE, SIZES(karena_ring_reserve_batch),
		.not_permitted = not_in_place,
		.rules = {
			NAMED(is_zero, karena_ring_reserve_batch, buffer_bytes, "nr"),
			NAMED(is_no_multiple, karena_ring_reserve_batch, buffer_bytes, "4 * nr",
			      .limit = 4),
			NAMED(is_over, karena_ring_reserve_batch, buffer_bytes, "4 * nr",
			      .limit = 4 * KARENA_RING_BATCH_MAX),
			TIMEOUT(karena_ring_reserve_batch),
			RESERVED(karena_ring_reserve_batch),
		},
		.meanings = {
			{ EINVAL, "lengths: one of them is 0" },
			NO_SPACE,
			{ ENOSPC, "the records can never fit together" },
		},
	}, {
		KARENA_IOC_RING_FINISH_BATCH, "ring_finish_batch", KARENA_RIGHT_PRODUCE, WAKEUPS,
		SIZES(karena_ring_finish_batch),
		.not_permitted = not_the_owner,
		.rules = {
			ONE_WAKEUP(karena_ring_finish_batch),
			NAMED(is_zero, karena_ring_finish_batch, buffer_bytes, "nr"),
			NAMED(is_no_multiple, karena_ring_finish_batch, buffer_bytes, "16 * nr",
			      .limit = sizeof(struct karena_ring_finish_entry)),
			{ .broken = is_by_copy },
		},
		.meanings = {
			{ EINVAL, "finish: the first entry is no open reservation, or too short" },
			TOO_LATE,
		},
	}, {
		KARENA_IOC_RING_POLICY, "ring_set_policy", KARENA_RIGHT_CONSUME, 0,
		SIZES(karena_ring_policy),
		.rules = {
			RESERVED(karena_ring_policy),
			NAMED(passes_ring, karena_ring_policy, wake_bytes, "bytes"),
		},
	}, {
		KARENA_IOC_RING_FLUSH, "ring_flush", KARENA_RIGHT_PRODUCE, 0,
		SIZES(karena_ring_flush),
	}, {
		KARENA_IOC_RING_WAIT_CANCEL, "ring_wait_cancel", 0, KARENA_WAIT_CANCEL_F_ALL,
		SIZES(karena_ring_wait_cancel),
		.rules = {
			MUST(has_flag, karena_ring_wait_cancel, user_data,
			     FLAG(KARENA_WAIT_CANCEL_F_ALL)),
		},
	},
};

static const struct row *find_row(uint32_t nr)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].nr == nr)
			return &rows[i];
	return NULL;
}

/* Reports the first rule that an argument breaks. Returns whether there is one. */
static bool explain_invalid(const struct refused *refused)
{
	const struct row *row = refused->row;
	uint32_t size;

	memcpy(&size, refused->args, sizeof(size));
	if (size < row->least) {
		karena_refuse(-EINVAL, "%s: size %u: must be sizeof() of the struct, %u",
			      row->name, size, row->size);
		return true;
	}
	if (refused->flags & ~row->flags) {
		karena_refuse(-EINVAL, "%s: flags 0x%x: the call knows only 0x%x",
			      row->name, refused->flags, row->flags);
		return true;
	}
	for (size_t i = 0; i < MOST_RULES && row->rules[i].broken; i++)
		if (row->rules[i].broken(refused, &row->rules[i]))
			return true;
	return false;
}

static bool explain_not_permitted(const struct refused *refused)
{
	const struct row *row = refused->row;

	if (karena_explain_rights(row->name, refused->fd, row->rights, -EPERM))
		return true;
	if (row->not_permitted)
		row->not_permitted(refused);
	return row->not_permitted;
}

/* Completes the struct of a caller that knows only its beginning. */
static void copy_args(unsigned char *copy, const struct row *row, const void *args)
{
	uint32_t size;

	memset(copy, 0, MOST_BYTES);
	memcpy(&size, args, sizeof(size));
	if (size < row->least)
		memcpy(copy, &size, sizeof(size));
	else
		memcpy(copy, args, size < row->size ? size : row->size);
}

static bool explain_args(const struct row *row, int fd, const void *args, int error)
{
	uint64_t copy[MOST_BYTES / sizeof(uint64_t)];
	struct refused refused = { .row = row, .fd = fd, .args = copy };

	copy_args((unsigned char *)copy, row, args);
	/* Behind the size, every struct has its flags. */
	memcpy(&refused.flags, (const char *)copy + sizeof(uint32_t), sizeof(refused.flags));
	return error == -EINVAL ? explain_invalid(&refused) : explain_not_permitted(&refused);
}

int karena_explain(int fd, uint32_t nr, const void *args, int error)
{
	const struct row *row = find_row(nr);

	if (error >= 0)
		return error;
	if (!row)
		return karena_refuse_as(error, "ioctl", NULL);
	/* With other errors the arguments may not even be readable. */
	if ((error == -EINVAL || error == -EPERM) && explain_args(row, fd, args, error))
		return error;
	for (size_t i = 0; i < MOST_MEANINGS && row->meanings[i].error; i++)
		if (row->meanings[i].error == -error)
			return karena_refuse_as(error, row->name, row->meanings[i].text);
	return karena_refuse_as(error, row->name, NULL);
}
