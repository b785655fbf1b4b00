// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "vmr_util.h"

int effort(int all)
{
	const char *scale = getenv("SCALE");

	if (scale)
		all = (int)(all * strtod(scale, NULL));
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		all /= 10;
	return all ? all : 1;
}

uint64_t pick_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)getpid() * 2654435761u;

	fprintf(stderr, "# SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

char *remote_range(void)
{
	size_t length = (size_t)1 << 30;
	char *at = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(at, length);
	return at + 64 * PAGE;
}

void maps_read(struct maps *maps)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	maps->length = 0;
	while ((got = read(fd, maps->text + maps->length,
			   sizeof(maps->text) - 1 - maps->length)) > 0)
		maps->length += (size_t)got;
	maps->text[maps->length] = '\0';
	close(fd);
}

/* Returns the next line, NULL at the end. */
static const char *maps_line(const char *text, struct maps_line *line)
{
	const char *end = strchr(text, '\n');
	char copy[128];

	if (!end)
		return NULL;
	snprintf(copy, sizeof(copy), "%.*s", (int)(end - text), text);
	if (sscanf(copy, "%lx-%lx %4s %*x %*s %lu", &line->start, &line->end, line->prot,
		   &line->inode) != 4)
		abort();
	return end + 1;
}

bool is_placeholder(const struct maps *maps, const void *at, size_t length)
{
	unsigned long from = (unsigned long)at, to = from + length;
	const char *text = maps->text;
	struct maps_line line;

	while (from < to && (text = maps_line(text, &line))) {
		if (line.start > from || from >= line.end)
			continue;
		if (strcmp(line.prot, "---p") || line.inode)
			return false;
		from = line.end;
	}
	return from >= to;
}

bool is_free(const struct maps *maps, const void *at, size_t length)
{
	unsigned long from = (unsigned long)at, to = from + length;
	const char *text = maps->text;
	struct maps_line line;

	while ((text = maps_line(text, &line)))
		if (line.start < to && from < line.end)
			return false;
	return true;
}

bool is_inaccessible(const void *at)
{
	char byte;
	struct iovec here = { &byte, 1 };
	struct iovec there = { (void *)at, 1 };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) < 0 && errno == EFAULT;
}

void number_pages(int fd, size_t pages, uint64_t first)
{
	for (size_t i = 0; i < pages; i++) {
		uint64_t number = first + i;

		if (pwrite(fd, &number, sizeof(number), (off_t)(i * PAGE)) != sizeof(number))
			abort();
	}
	if (ftruncate(fd, (off_t)(pages * PAGE)))
		abort();
}

int numbered_memfd(size_t pages, uint64_t first, unsigned int flags)
{
	int fd = memfd_create("vmr-test", MFD_CLOEXEC | flags);

	number_pages(fd, pages, first);
	return fd;
}

int numbered_file(size_t pages, uint64_t first)
{
	char name[4096];
	ssize_t length = readlink("/proc/self/exe", name, sizeof(name) - 32);
	int fd;

	if (length < 0)
		abort();
	strcpy(name + length, ".vmr-test.XXXXXX");
	fd = mkstemp(name);
	if (fd < 0 || unlink(name))
		abort();
	number_pages(fd, pages, first);
	return fd;
}
