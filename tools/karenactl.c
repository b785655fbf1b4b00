// SPDX-License-Identifier: GPL-2.0-only
/*
 * karenactl: what the module can do, and what the arenas and rings of running
 * processes look like. It reaches an object of another process by a duplicate
 * of its descriptor, so it may look at whatever it may trace.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <karena.h>

#define ROW_CELLS	64
#define MAP_ROWS	6
#define LIST_ROWS	16

static void usage(FILE *out)
{
	fprintf(out,
		"usage: karenactl query             what module and kernel can do\n"
		"       karenactl list [PID]...     arenas and rings of processes, else of all\n"
		"       karenactl show PID [FD]...  map of each arena, fill of each ring\n");
}

static int complain(const char *what, int error)
{
	fflush(stdout);
	fprintf(stderr, "karenactl: %s: %s\n", what, strerror(-error));
	return 1;
}

/* "512 KiB", "48.2 MiB". Two of them fit into one line of output. */
static const char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	static char texts[4][16];
	static unsigned int turn;
	char *text = texts[turn++ % 4];
	uint64_t divisor = 1;
	unsigned int unit = 0;

	while (unit < 6 && bytes / divisor >= 1024) {
		divisor <<= 10;
		unit++;
	}
	if (bytes % divisor)
		snprintf(text, sizeof(texts[0]), "%.1f %s", (double)bytes / (double)divisor,
			 units[unit]);
	else
		snprintf(text, sizeof(texts[0]), "%llu %s", (unsigned long long)(bytes / divisor),
			 units[unit]);
	return text;
}

static void field(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void field(const char *name, const char *format, ...)
{
	va_list args;

	printf("  %-10s ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/**
 * struct bit - a flag and its name
 * @bit:	the flag
 * @name:	of it
 */
struct bit {
	uint64_t bit;
	const char *name;
};

static const struct bit feature_bits[] = {
	{ KARENA_FEAT_ARENA, "arena" },
	{ KARENA_FEAT_RING, "ring" },
	{ KARENA_FEAT_URING_CMD, "uring-cmd" },
	{ KARENA_FEAT_URING_WAIT, "uring-wait" },
	{ KARENA_FEAT_URING_REPEAT, "uring-repeat" },
	{ KARENA_FEAT_URING_BUFFERS, "uring-buffers" },
	{ 0, NULL },
};

static const struct bit arena_bits[] = {
	{ KARENA_ARENA_F_SEGV_ON_FAULT, "segv-on-fault" },
	{ KARENA_ARENA_F_FIXED_ADDR, "fixed-addr" },
	{ KARENA_ARENA_F_INHERIT, "inherit" },
	{ 0, NULL },
};

static const struct bit ring_bits[] = {
	{ KARENA_RING_F_IN_PLACE, "in-place" },
	{ KARENA_RING_F_END, "end" },
	{ 0, NULL },
};

static const struct bit right_bits[] = {
	{ KARENA_RIGHT_MAP, "map" },
	{ KARENA_RIGHT_MAP_WRITE, "map-write" },
	{ KARENA_RIGHT_ALLOC, "alloc" },
	{ KARENA_RIGHT_FREE, "free" },
	{ KARENA_RIGHT_PRODUCE, "produce" },
	{ KARENA_RIGHT_CONSUME, "consume" },
	{ 0, NULL },
};

/* Those that have no name here are newer than this program, and shown as bits. */
static const char *bits_text(const struct bit *bits, uint64_t value)
{
	static char text[160];
	size_t length = 0;

	text[0] = '\0';
	for (; bits->name; bits++) {
		if (!(value & bits->bit))
			continue;
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
					   length ? " " : "", bits->name);
		value &= ~bits->bit;
	}
	if (value)
		snprintf(text + length, sizeof(text) - length, "%s0x%llx", length ? " " : "",
			 (unsigned long long)value);
	return text[0] ? text : "none";
}

static int do_query(void)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *device;
	int ret;

	ret = karena_open(NULL, &device);
	if (ret < 0)
		return complain(KARENA_DEVICE, ret);
	ret = karena_query(device, &query);
	karena_close(device);
	if (ret < 0)
		return complain("query", ret);
	printf(KARENA_DEVICE ", ABI version %u\n", query.out_abi_version);
	field("features", "%s", bits_text(feature_bits, query.out_features));
	field("arenas", "up to %s; flags %s", size_text(query.out_arena_max_bytes),
	      bits_text(arena_bits, query.out_arena_flags));
	field("rings", "up to %s; flags %s", size_text(query.out_ring_max_bytes),
	      bits_text(ring_bits, query.out_ring_flags));
	field("page", "%s", size_text(query.out_page_size));
	if (query.out_user_left_bytes == UINT64_MAX)
		field("limit", "%s per user, but none for this one (CAP_IPC_LOCK)",
		      size_text(query.out_user_limit_bytes));
	else
		field("limit", "%s per user, %s left", size_text(query.out_user_limit_bytes),
		      size_text(query.out_user_left_bytes));
	return 0;
}

/*
 * A map of an arena: a cell is as many pages as it takes for all that is not
 * free to fit in a few rows. Long free stretches are left out.
 */

/**
 * struct map - an arena as it is drawn
 * @ranges:	what is not free, in order
 * @count:	of @ranges
 * @page:	its size
 * @nr_pages:	in the arena
 * @cell:	pages in a cell
 */
struct map {
	struct karena_arena_range *ranges;
	size_t count;
	uint64_t page;
	uint64_t nr_pages;
	uint64_t cell;
};

static int read_map(const struct karena_arena *arena, struct map *map)
{
	struct karena_arena_range range;
	struct karena_walk *walk;
	size_t room = 0;
	int ret;

	memset(map, 0, sizeof(*map));
	map->page = karena_arena_page_size(arena);
	map->nr_pages = karena_arena_length(arena) / map->page;
	ret = karena_walk_new(arena, 0, &walk);
	while (!ret && (ret = karena_walk_next(walk, &range)) > 0) {
		if (map->count == room) {
			room = room ? 2 * room : 64;
			map->ranges = realloc(map->ranges, room * sizeof(range));
			if (!map->ranges)
				abort();
		}
		map->ranges[map->count++] = range;
		ret = 0;
	}
	karena_walk_free(walk);
	return ret;
}

static uint64_t first_cell(const struct map *map, const struct karena_arena_range *range)
{
	return range->offset / map->page / map->cell;
}

static uint64_t last_cell(const struct map *map, const struct karena_arena_range *range)
{
	return (range->offset / map->page + range->nr_pages - 1) / map->cell;
}

/*
 * The ranges from @from on that are drawn together: no gap between them is
 * longer than a row. Returns the first one behind them.
 */
static size_t stretch_end(const struct map *map, size_t from)
{
	size_t to = from + 1;

	while (to < map->count && first_cell(map, &map->ranges[to]) -
				  last_cell(map, &map->ranges[to - 1]) <= ROW_CELLS)
		to++;
	return to;
}

static uint64_t stretch_rows(const struct map *map, size_t from, size_t to)
{
	uint64_t cells = last_cell(map, &map->ranges[to - 1]) -
			 first_cell(map, &map->ranges[from]) + 1;

	return (cells + ROW_CELLS - 1) / ROW_CELLS;
}

static void choose_cell(struct map *map)
{
	uint64_t rows;

	map->cell = 1;
	for (;;) {
		rows = 0;
		for (size_t from = 0, to; from < map->count; from = to) {
			to = stretch_end(map, from);
			rows += stretch_rows(map, from, to);
		}
		if (rows <= MAP_ROWS || map->cell >= map->nr_pages)
			return;
		map->cell *= 2;
	}
}

static char range_char(const struct karena_arena_range *range)
{
	switch (range->state) {
	case KARENA_PAGE_RESERVED:
		return 'r';
	case KARENA_PAGE_GUARD:
		return 'X';
	case KARENA_PAGE_ALLOCATED:
		if (range->nr_populated == range->nr_pages)
			return '#';
		return range->nr_populated ? '+' : '-';
	default:
		return '?';
	}
}

/* In a cell of several ranges a guard is shown first, else the first of them. */
static void draw_row(const struct map *map, uint64_t row, size_t from, size_t to)
{
	uint64_t cells = (map->nr_pages + map->cell - 1) / map->cell - row;
	char text[ROW_CELLS + 1];

	memset(text, '.', sizeof(text));
	text[cells < ROW_CELLS ? cells : ROW_CELLS] = '\0';
	for (size_t i = from; i < to; i++) {
		const struct karena_arena_range *range = &map->ranges[i];
		uint64_t cell = first_cell(map, range), last = last_cell(map, range);

		if (cell < row)
			cell = row;
		for (; cell <= last && cell < row + ROW_CELLS; cell++)
			if (text[cell - row] == '.' || range->state == KARENA_PAGE_GUARD)
				text[cell - row] = range_char(range);
	}
	printf("  %10s |%s|\n", size_text(row * map->cell * map->page), text);
}

static void draw_gap(const struct map *map, uint64_t from_page, uint64_t to_page)
{
	if (from_page < to_page)
		printf("  %10s  %s free\n", "", size_text((to_page - from_page) * map->page));
}

static void draw_map(struct map *map)
{
	uint64_t drawn = 0;

	choose_cell(map);
	for (size_t from = 0, to; from < map->count; from = to) {
		uint64_t row = first_cell(map, &map->ranges[from]);
		uint64_t rows;

		to = stretch_end(map, from);
		rows = stretch_rows(map, from, to);
		draw_gap(map, drawn, row * map->cell);
		for (; rows--; row += ROW_CELLS)
			draw_row(map, row, from, to);
		drawn = row * map->cell;
	}
	draw_gap(map, drawn, map->nr_pages);
	printf("  %10s  # resident  + partly  - not resident  r reserved  X guard  . free\n", "");
	printf("  %10s  a character is %s\n", "", size_text(map->cell * map->page));
}

static void list_ranges(const struct map *map)
{
	static const char *const states[] = { "free", "allocated", "reserved", "guard" };

	printf("  %14s %10s %10s  %-10s %10s %8s\n", "offset", "pages", "size", "state",
	       "resident", "pinned");
	for (size_t i = 0; i < map->count && i < LIST_ROWS; i++) {
		const struct karena_arena_range *range = &map->ranges[i];

		printf("  %#14llx %10llu %10s  %-10s %10llu %8llu\n",
		       (unsigned long long)range->offset,
		       (unsigned long long)range->nr_pages,
		       size_text(range->nr_pages * map->page),
		       range->state < 4 ? states[range->state] : "?",
		       (unsigned long long)range->nr_populated,
		       (unsigned long long)range->nr_pinned);
	}
	if (map->count > LIST_ROWS)
		printf("  %14s %zu more\n", "and", map->count - LIST_ROWS);
}

static int show_arena(struct karena_arena *arena, pid_t pid, int fd)
{
	struct karena_arena_stat stat = {
		.size = sizeof(stat),
		.flags = KARENA_STAT_F_PINNED,
	};
	struct map map;
	int ret;

	ret = karena_arena_stat(arena, &stat);
	if (ret < 0)
		return ret;
	printf("arena \"%s\", %s; pid %d fd %d\n", stat.out_name, size_text(stat.out_length), pid,
	       fd);
	field("flags", "%s", bits_text(arena_bits, stat.out_flags));
	field("rights", "%s", bits_text(right_bits, stat.out_rights));
	if (stat.out_address)
		field("address", "%#llx", (unsigned long long)stat.out_address);
	field("pages", "%llu allocated, %llu reserved, %llu guard",
	      (unsigned long long)stat.out_allocated, (unsigned long long)stat.out_reserved,
	      (unsigned long long)stat.out_guard);
	field("resident", "%llu pages, %llu at most", (unsigned long long)stat.out_populated,
	      (unsigned long long)stat.out_populated_peak);
	field("pinned", "%llu pages", (unsigned long long)stat.out_pinned);
	field("faults", "%llu populated, %llu found a page, %llu SIGSEGV, %llu SIGBUS",
	      (unsigned long long)stat.out_faults, (unsigned long long)stat.out_faults_mapped,
	      (unsigned long long)stat.out_faults_segv, (unsigned long long)stat.out_faults_bus);
	ret = read_map(arena, &map);
	if (!ret) {
		draw_map(&map);
		list_ranges(&map);
	}
	free(map.ranges);
	return ret;
}

static void draw_fill(uint64_t used, uint64_t bytes)
{
	uint64_t cells = (used * ROW_CELLS + bytes - 1) / bytes;
	char text[ROW_CELLS + 1];

	memset(text, '.', ROW_CELLS);
	memset(text, '#', cells < ROW_CELLS ? cells : ROW_CELLS);
	text[ROW_CELLS] = '\0';
	printf("  %10s |%s|\n", size_text(used), text);
}

static int show_ring(struct karena_ring *ring, pid_t pid, int fd)
{
	struct karena_ring_stat stat = { .size = sizeof(stat) };
	int ret;

	ret = karena_ring_stat(ring, &stat);
	if (ret < 0)
		return ret;
	printf("ring \"%s\", %s; pid %d fd %d\n", stat.out_name, size_text(stat.out_data_bytes),
	       pid, fd);
	field("flags", "%s", bits_text(ring_bits, stat.out_flags));
	field("rights", "%s", bits_text(right_bits, stat.out_rights));
	field("records", "%llu reserved: %llu submitted, %llu discarded",
	      (unsigned long long)stat.out_records, (unsigned long long)stat.out_submitted,
	      (unsigned long long)stat.out_discarded);
	field("refused", "%llu no room (%s), %llu too big, %llu met a reservation",
	      (unsigned long long)stat.out_lost_full, size_text(stat.out_lost_full_bytes),
	      (unsigned long long)stat.out_lost_too_big, (unsigned long long)stat.out_lost_busy);
	field("died", "%llu reservations left behind", (unsigned long long)stat.out_lost_dead);
	field("wake-ups", "%llu", (unsigned long long)stat.out_wakeups);
	field("positions", "consumer %llu, producer %llu",
	      (unsigned long long)stat.out_consumer_position,
	      (unsigned long long)stat.out_producer_position);
	draw_fill(stat.out_available, stat.out_data_bytes);
	return 0;
}

/*
 * Objects of processes
 */

/* 'a' for an arena, 'r' for a ring, 0 for all else. */
static char kind_of_fd(pid_t pid, int fd)
{
	char path[64], line[256], kind = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	file = fopen(path, "re");
	while (file && !kind && fgets(line, sizeof(line), file))
		sscanf(line, "karena-type: %c", &kind);
	if (file)
		fclose(file);
	return kind;
}

/* A duplicate of another process's descriptor, or -errno. */
static int take_fd(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int taken, error;

	if (pidfd < 0)
		return -errno;
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	error = errno;
	close(pidfd);
	return taken < 0 ? -error : taken;
}

/**
 * struct object - an arena or a ring that some process has open
 * @pid:	the process
 * @fd:		its descriptor
 * @arena:	ours, or NULL
 * @ring:	ours, or NULL
 */
struct object {
	pid_t pid;
	int fd;
	struct karena_arena *arena;
	struct karena_ring *ring;
};

static int open_object(pid_t pid, int fd, struct object *object)
{
	char kind = kind_of_fd(pid, fd);
	int taken, ret;

	memset(object, 0, sizeof(*object));
	object->pid = pid;
	object->fd = fd;
	if (!kind)
		return -EINVAL;
	taken = take_fd(pid, fd);
	if (taken < 0)
		return taken;
	if (kind == 'a')
		ret = karena_arena_from_fd(taken, &object->arena);
	else
		ret = karena_ring_from_fd(taken, &object->ring);
	if (ret < 0)
		close(taken);
	return ret;
}

static void close_object(struct object *object)
{
	karena_arena_close(object->arena);
	karena_ring_close(object->ring);
}

static int show_object(const struct object *object)
{
	if (object->arena)
		return show_arena(object->arena, object->pid, object->fd);
	return show_ring(object->ring, object->pid, object->fd);
}

static void command_of(pid_t pid, char *command, size_t bytes)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(command, (int)bytes, file))
		snprintf(command, bytes, "?");
	if (file)
		fclose(file);
	command[strcspn(command, "\n")] = '\0';
}

static void list_line(const struct object *object, const char *kind, const char *name,
		      uint64_t bytes, uint64_t used, uint32_t rights)
{
	char command[32];

	command_of(object->pid, command, sizeof(command));
	printf("%7d %-15s %4d %-5s %-15s %10s %10s  %s\n", object->pid, command, object->fd, kind,
	       name, size_text(bytes), size_text(used), bits_text(right_bits, rights));
}

static int list_object(const struct object *object)
{
	struct karena_arena_stat arena = { .size = sizeof(arena) };
	struct karena_ring_stat ring = { .size = sizeof(ring) };
	int ret;

	if (object->arena) {
		ret = karena_arena_stat(object->arena, &arena);
		if (!ret)
			list_line(object, "arena", arena.out_name, arena.out_length,
				  arena.out_populated * karena_arena_page_size(object->arena),
				  arena.out_rights);
	} else {
		ret = karena_ring_stat(object->ring, &ring);
		if (!ret)
			list_line(object, "ring", ring.out_name, ring.out_data_bytes,
				  ring.out_available, ring.out_rights);
	}
	return ret;
}

typedef int (*object_fn)(const struct object *object);

static int do_fd(pid_t pid, int fd, object_fn fn)
{
	struct object object;
	char what[64];
	int ret;

	ret = open_object(pid, fd, &object);
	if (!ret) {
		ret = fn(&object);
		close_object(&object);
	}
	if (!ret)
		return 0;
	snprintf(what, sizeof(what), "pid %d fd %d", pid, fd);
	return complain(what, ret);
}

/* A number that names an entry of a directory of /proc, or -1. */
static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && value <= INT32_MAX ? (int)value : -1;
}

/* Returns 1 if anything went wrong. @found counts the objects. */
static int do_process(pid_t pid, object_fn fn, unsigned int *found)
{
	struct dirent *entry;
	int bad = 0, fd;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	if (!dir)
		return complain(path, -errno);
	while ((entry = readdir(dir))) {
		fd = number(entry->d_name);
		if (fd < 0 || !kind_of_fd(pid, fd))
			continue;
		(*found)++;
		bad |= do_fd(pid, fd, fn);
	}
	closedir(dir);
	return bad;
}

static pid_t parse_pid(const char *text)
{
	if (!strcmp(text, "self"))
		return getpid();
	return number(text);
}

static void list_header(void)
{
	printf("%7s %-15s %4s %-5s %-15s %10s %10s  %s\n", "PID", "COMMAND", "FD", "KIND", "NAME",
	       "SIZE", "USED", "RIGHTS");
}

/* Processes that end meanwhile, or may not be looked into, have nothing to list. */
static int list_all(void)
{
	struct dirent *entry;
	unsigned int found = 0;
	char path[64];
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return complain("/proc", -errno);
	while ((entry = readdir(dir))) {
		pid_t pid = number(entry->d_name);

		snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
		if (pid > 0 && !access(path, R_OK | X_OK))
			do_process(pid, list_object, &found);
	}
	closedir(dir);
	return 0;
}

static int do_list(int count, char **pids)
{
	unsigned int found = 0;
	int bad = 0;

	list_header();
	if (!count)
		return list_all();
	for (int i = 0; i < count; i++)
		bad |= do_process(parse_pid(pids[i]), list_object, &found);
	return bad;
}

static int do_show(const char *pid_text, int count, char **fds)
{
	pid_t pid = parse_pid(pid_text);
	unsigned int found = 0;
	int bad = 0;

	if (!count) {
		bad = do_process(pid, show_object, &found);
		if (!bad && !found)
			printf("pid %d has neither arena nor ring open\n", pid);
		return bad;
	}
	for (int i = 0; i < count; i++)
		bad |= do_fd(pid, number(fds[i]), show_object);
	return bad;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "query") && argc == 2)
		return do_query();
	if (!strcmp(command, "list"))
		return do_list(argc - 2, argv + 2);
	if (!strcmp(command, "show") && argc > 2)
		return do_show(argv[2], argc - 3, argv + 3);
	if (!strcmp(command, "help") || !strcmp(command, "--help") || !strcmp(command, "-h")) {
		usage(stdout);
		return 0;
	}
	usage(stderr);
	return 2;
}
