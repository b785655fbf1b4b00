// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <karena.h>

#include "text.h"

/* Prints to standard error, after flushing standard output. */
void complain(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("karenactl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Returns "512 KiB", "48.2 MiB". The last four results are valid. */
const char *size_text(uint64_t bytes)
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

void field(const char *name, const char *format, ...)
{
	va_list args;

	printf("  %-10s ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

const struct bit feature_bits[] = {
	{ KARENA_FEAT_ARENA, "arena" },
	{ KARENA_FEAT_RING, "ring" },
	{ KARENA_FEAT_URING_CMD, "uring-cmd" },
	{ KARENA_FEAT_URING_WAIT, "uring-wait" },
	{ KARENA_FEAT_URING_MULTISHOT, "uring-multishot" },
	{ KARENA_FEAT_URING_BUFFERS, "uring-buffers" },
	{ 0, NULL },
};

const struct bit arena_bits[] = {
	{ KARENA_ARENA_F_SEGV_ON_FAULT, "segv-on-fault" },
	{ KARENA_ARENA_F_FIXED_ADDR, "fixed-addr" },
	{ KARENA_ARENA_F_INHERIT, "inherit" },
	{ KARENA_ARENA_F_NULL_PAGE, "null-page" },
	{ 0, NULL },
};

const struct bit ring_bits[] = {
	{ KARENA_RING_F_IN_PLACE, "in-place" },
	{ KARENA_RING_F_END, "end" },
	{ 0, NULL },
};

const struct bit right_bits[] = {
	{ KARENA_RIGHT_MAP, "map" },
	{ KARENA_RIGHT_MAP_WRITE, "map-write" },
	{ KARENA_RIGHT_ALLOC, "alloc" },
	{ KARENA_RIGHT_FREE, "free" },
	{ KARENA_RIGHT_PRODUCE, "produce" },
	{ KARENA_RIGHT_CONSUME, "consume" },
	{ 0, NULL },
};

/* Bits without a name are newer than this program, and shown as numbers. */
const char *bits_text(const struct bit *bits, uint64_t value)
{
	static char text[160];
	size_t length = 0;

	text[0] = '\0';
	for (; bits->name && length < sizeof(text); bits++) {
		if (!(value & bits->bit))
			continue;
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
					   length ? " " : "", bits->name);
		value &= ~bits->bit;
	}
	if (value && length < sizeof(text))
		snprintf(text + length, sizeof(text) - length, "%s0x%llx", length ? " " : "",
			 (unsigned long long)value);
	return text[0] ? text : "none";
}
