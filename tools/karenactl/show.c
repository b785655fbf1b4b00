// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "object.h"
#include "text.h"

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
	field("read", "%llu", (unsigned long long)stat.out_read);
	field("refused", "%llu no space (%s)", (unsigned long long)stat.out_lost_full,
	      size_text(stat.out_lost_full_bytes));
	field("", "%llu too big (%s)", (unsigned long long)stat.out_lost_too_big,
	      size_text(stat.out_lost_too_big_bytes));
	field("", "%llu met a reservation (%s)", (unsigned long long)stat.out_lost_busy,
	      size_text(stat.out_lost_busy_bytes));
	field("died", "%llu reservations left behind (%s)",
	      (unsigned long long)stat.out_lost_dead, size_text(stat.out_lost_dead_bytes));
	field("timed out", "%llu reservations (%s)",
	      (unsigned long long)stat.out_lost_timeout, size_text(stat.out_lost_timeout_bytes));
	if (stat.out_reserve_timeout_us)
		field("", "after %u us", stat.out_reserve_timeout_us);
	field("wake-ups", "%llu", (unsigned long long)stat.out_wakeups);
	field("positions", "consumer %llu, producer %llu",
	      (unsigned long long)stat.out_consumer_position,
	      (unsigned long long)stat.out_producer_position);
	field("woken by", "%u bytes, %u records, or after %u us", stat.out_wake_bytes,
	      stat.out_wake_records, stat.out_wake_delay_us);
	field("fill", "%s at most", size_text(stat.out_fill_most));
	field("unread", "for %llu us", (unsigned long long)stat.out_unread_us);
	draw_fill(stat.out_available, stat.out_data_bytes);
	return 0;
}

int show_object(const struct object *object)
{
	if (object->arena)
		return show_arena(object->arena, object->pid, object->fd);
	return show_ring(object->ring, object->pid, object->fd);
}
