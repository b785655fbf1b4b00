// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <karena.h>

#include "list.h"
#include "process.h"
#include "text.h"

/**
 * struct holder - a process that has descriptors or mappings of an object
 * @pid:	the process
 * @fds:	its descriptors
 * @nr_fds:	number of @fds
 * @nr_maps:	its mappings
 */
struct holder {
	pid_t pid;
	int *fds;
	unsigned int nr_fds;
	unsigned int nr_maps;
};

/**
 * struct listed - an object, and who holds it
 * @entry:	what the module tells
 * @holders:	processes
 * @nr_holders:	number of @holders
 * @nr_found:	references of all @holders
 */
struct listed {
	struct karena_list_entry entry;
	struct holder *holders;
	unsigned int nr_holders;
	unsigned int nr_found;
};

/**
 * struct listing - all objects
 * @objects:	ordered by id
 * @nr_objects:	number of @objects
 * @nr_forbidden: processes that could not be looked at
 * @pid:	the process that is being looked at
 */
struct listing {
	struct listed *objects;
	size_t nr_objects;
	unsigned int nr_forbidden;
	pid_t pid;
};

static void *grow(void *array, size_t nr, size_t bytes)
{
	/* Doubles at each power of two, and else has space left. */
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? 2 * nr : 1) * bytes);
	if (!array) {
		complain("%s", strerror(ENOMEM));
		exit(1);
	}
	return array;
}

/* Returns 0 or -errno. */
static int read_objects(struct listing *listing)
{
	struct karena_list_entry entries[64];
	struct karena_device *device;
	uint64_t after = 0;
	int ret, i;

	ret = karena_open(NULL, &device);
	if (ret)
		return ret;
	while ((ret = karena_list(device, after, entries, 64)) > 0) {
		for (i = 0; i < ret; i++) {
			listing->objects = grow(listing->objects, listing->nr_objects,
						sizeof(*listing->objects));
			listing->objects[listing->nr_objects++] =
				(struct listed){ .entry = entries[i] };
		}
		after = entries[ret - 1].id;
	}
	karena_close(device);
	return ret;
}

/* Returns the process being looked at among those that hold an object; NULL: no such object. */
static struct holder *holder_of(struct listing *listing, unsigned long long ino)
{
	struct listed *object = NULL;
	struct holder *last;
	size_t i;

	for (i = 0; i < listing->nr_objects; i++)
		if (listing->objects[i].entry.ino == ino)
			object = &listing->objects[i];
	if (!object)
		return NULL;
	object->nr_found++;
	last = object->holders + object->nr_holders;
	if (object->nr_holders && last[-1].pid == listing->pid)
		return last - 1;
	object->holders = grow(object->holders, object->nr_holders, sizeof(*object->holders));
	last = object->holders + object->nr_holders++;
	*last = (struct holder){ .pid = listing->pid };
	return last;
}

static int look_at_fd(int fd, void *data)
{
	struct listing *listing = data;
	unsigned long long ino = 0;
	char path[64], line[256];
	struct holder *holder;
	bool ours = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", listing->pid, fd);
	file = fopen(path, "re");
	if (!file)
		return 0;	/* closed meanwhile */
	/* The inode comes first; the objects of other file systems have no such type. */
	while (!ours && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "ino: %llu", &ino) == 1)
			continue;
		ours = !strncmp(line, "karena-type:", 12);
	}
	fclose(file);
	holder = ours ? holder_of(listing, ino) : NULL;
	if (holder) {
		holder->fds = grow(holder->fds, holder->nr_fds, sizeof(*holder->fds));
		holder->fds[holder->nr_fds++] = fd;
	}
	return 0;
}

static void look_at_maps(struct listing *listing)
{
	unsigned long long ino;
	char path[64], *line = NULL;
	struct holder *holder;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", listing->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		const char *name = strchr(line, '/');

		if (!name || (strncmp(name, "/karena-arena:", 14) &&
			      strncmp(name, "/karena-ring:", 13)))
			continue;
		if (sscanf(line, "%*s %*s %*s 00:%*s %llu", &ino) != 1)
			continue;
		holder = holder_of(listing, ino);
		if (holder)
			holder->nr_maps++;
	}
	free(line);
	fclose(file);
}

static int look_at_process(int pid, void *data)
{
	struct listing *listing = data;
	char path[64];

	if (!pid)
		return 0;
	listing->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	if (is_forbidden(visit_numbers(path, look_at_fd, listing)))
		listing->nr_forbidden += !is_kernel_thread(pid);
	else
		look_at_maps(listing);
	return 0;
}

/* Returns a user's name if the machine itself knows it, else the number. */
static const char *user_text(uint32_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *user = NULL;
	static char text[33];

	while (file && (user = fgetpwent(file)) && user->pw_uid != uid)
		;
	if (user)
		snprintf(text, sizeof(text), "%s", user->pw_name);
	else
		snprintf(text, sizeof(text), "%u", uid);
	if (file)
		fclose(file);
	return text;
}

static const char *kind_text(uint32_t kind)
{
	return kind == KARENA_KIND_ARENA ? "arena" : "ring";
}

static void print_holder(const struct holder *holder)
{
	char command[32];
	unsigned int i;

	command_of(holder->pid, command, sizeof(command));
	printf("%d:%s", holder->pid, command);
	for (i = 0; i < holder->nr_fds; i++)
		printf("%s%d", i ? "," : " fd ", holder->fds[i]);
	if (holder->nr_maps)
		printf(" %u map%s", holder->nr_maps, holder->nr_maps == 1 ? "" : "s");
}

/* References that no process has: of messages under way, io_uring, calls. */
static unsigned long long elsewhere(const struct listed *object)
{
	uint64_t all = object->entry.nr_references;

	return all > object->nr_found ? all - object->nr_found : 0;
}

static void print_object(const struct listed *object, bool all_seen)
{
	const struct karena_list_entry *entry = &object->entry;
	const char *comma = "";
	unsigned int i;

	printf("%6llu %-5s %-15s %10s %10s %-10s %7d  ", (unsigned long long)entry->id,
	       kind_text(entry->kind), entry->name, size_text(entry->length),
	       size_text(entry->bytes), user_text(entry->uid), entry->pid);
	for (i = 0; i < object->nr_holders; i++, comma = "; ") {
		fputs(comma, stdout);
		print_holder(&object->holders[i]);
	}
	if (elsewhere(object)) {
		printf("%s%llu more, in no process%s", comma, elsewhere(object),
		       all_seen ? "" : " that you may look at");
		comma = "; ";
	}
	if (entry->nr_kernel) {
		printf("%s%u in the kernel", comma, entry->nr_kernel);
		comma = "; ";
	}
	if (entry->nr_parked)
		printf("%s%u parked", comma, entry->nr_parked);
	putchar('\n');
}

static void print_total(const struct listing *listing, const char *who, bool all, uint32_t uid)
{
	uint64_t bytes = 0;
	size_t i, nr = 0;

	for (i = 0; i < listing->nr_objects; i++) {
		if (!all && listing->objects[i].entry.uid != uid)
			continue;
		bytes += listing->objects[i].entry.bytes;
		nr++;
	}
	printf("%s: %zu object%s, %s\n", who, nr, nr == 1 ? "" : "s", size_text(bytes));
}

static bool is_first_of_user(const struct listing *listing, size_t at)
{
	size_t i;

	for (i = 0; i < at; i++)
		if (listing->objects[i].entry.uid == listing->objects[at].entry.uid)
			return false;
	return true;
}

static void print_text(const struct listing *listing)
{
	size_t i;

	printf("%6s %-5s %-15s %10s %10s %-10s %7s  %s\n", "ID", "KIND", "NAME", "SIZE", "MEMORY",
	       "USER", "CREATOR", "HELD BY");
	for (i = 0; i < listing->nr_objects; i++)
		print_object(&listing->objects[i], !listing->nr_forbidden);
	for (i = 0; i < listing->nr_objects; i++)
		if (is_first_of_user(listing, i))
			print_total(listing, user_text(listing->objects[i].entry.uid), false,
				    listing->objects[i].entry.uid);
	print_total(listing, "all", true, 0);
}

/* Names have printable characters only. */
static void print_string(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text; text++)
		printf("%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	putchar('"');
}

static void print_number(const char *name, unsigned long long value)
{
	printf(",\"%s\":%llu", name, value);
}

static void print_json_holder(const struct holder *holder)
{
	char command[32];
	unsigned int i;

	command_of(holder->pid, command, sizeof(command));
	printf("{\"pid\":%d,", holder->pid);
	print_string("command", command);
	fputs(",\"fds\":[", stdout);
	for (i = 0; i < holder->nr_fds; i++)
		printf("%s%d", i ? "," : "", holder->fds[i]);
	printf("],\"mappings\":%u}", holder->nr_maps);
}

static void print_json_object(const struct listed *object)
{
	const struct karena_list_entry *entry = &object->entry;
	unsigned int i;

	printf("{\"id\":%llu,", (unsigned long long)entry->id);
	print_string("kind", kind_text(entry->kind));
	putchar(',');
	print_string("name", entry->name);
	print_number("inode", entry->ino);
	print_number("size", entry->length);
	print_number("memory", entry->bytes);
	print_number("uid", entry->uid);
	print_number("creator", (unsigned int)entry->pid);
	print_number("open_files", entry->nr_files);
	print_number("references", entry->nr_references);
	print_number("in_kernel", entry->nr_kernel);
	print_number("parked", entry->nr_parked);
	fputs(",\"holders\":[", stdout);
	for (i = 0; i < object->nr_holders; i++) {
		fputs(i ? "," : "", stdout);
		print_json_holder(&object->holders[i]);
	}
	fputs("]}", stdout);
}

static void print_json(const struct listing *listing)
{
	size_t i;

	fputs("{\"objects\":[", stdout);
	for (i = 0; i < listing->nr_objects; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		print_json_object(&listing->objects[i]);
	}
	printf("\n],\"processes_not_seen\":%u}\n", listing->nr_forbidden);
}

static void free_listing(struct listing *listing)
{
	unsigned int j;
	size_t i;

	for (i = 0; i < listing->nr_objects; i++) {
		for (j = 0; j < listing->objects[i].nr_holders; j++)
			free(listing->objects[i].holders[j].fds);
		free(listing->objects[i].holders);
	}
	free(listing->objects);
}

/* Prints all objects that the caller may know of. Returns 0, or -errno of the module. */
int list_objects(bool json)
{
	struct listing listing = {};
	int ret = read_objects(&listing);

	if (!ret) {
		visit_numbers("/proc", look_at_process, &listing);
		if (json)
			print_json(&listing);
		else
			print_text(&listing);
	}
	free_listing(&listing);
	return ret;
}
