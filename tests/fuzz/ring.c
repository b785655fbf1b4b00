// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring in place under whatever hostile users do, for libFuzzer: the kernel's record
 * core on one side, libkarena's consumer on the other, with the same pages between
 * them. The input is a sequence of operations. Users write any word anywhere into data
 * and consumer page, also while the consumer walks.
 *
 * What must hold: nothing outside the pages is touched, every walk ends, open records
 * share no byte and stay as the kernel knows them, records given out lie inside the
 * data area.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kmod/record.c"
#include "../../userlib/consumer.c"

#define PAGE		4096u
#define SIZE		PAGE
#define OWNERS		3u
#define BATCH		16u
#define MAP_BYTES	(3 * PAGE + 2 * SIZE)

/* Every record, and every 8 bytes that could be taken for one. */
#define RECORDS_MAX	(SIZE / RECORD_MIN_BYTES)
#define TAKEN_MAX	(SIZE / RECORD_ALIGN)

/* Of the pages: header, consumer, producer, data twice. Nothing is mapped around them. */
static char *pages;
static struct karena_ring_consumer *consumer_page;
static struct karena_ring_producer *producer_page;
static char *data;

/* The kernel's own. */
static struct records records;
static struct record_slot slots[SIZE / RECORD_MIN_BYTES];
static struct {
	uint64_t position;
	uint32_t length;
	uint32_t owner;
	bool stuck;
} opened[RECORDS_MAX];
static unsigned int nr_opened;
static uint64_t consumer_before;

static struct karena_ring library;

/* What is left of the input. */
static const uint8_t *input, *input_end;

static void check(bool what)
{
	if (!what)
		abort();
}

static uint64_t take(unsigned int bytes)
{
	uint64_t value = 0;

	for (; bytes && input != input_end; bytes--)
		value = value << 8 | *input++;
	return value;
}

/* Anything; more often something near a position. */
static uint64_t take_position(void)
{
	uint64_t near = take(1) % 2 ? record_consumer(&records) : records.producer;

	return take(1) % 4 ? near + take(2) - SIZE : take(8);
}

static void make_pages(void)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	char *room = mmap(NULL, MAP_BYTES + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	check(fd >= 0 && room != MAP_FAILED && !ftruncate(fd, 3 * PAGE + SIZE));
	pages = room + PAGE;
	check(mmap(pages, 3 * PAGE + SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
	      MAP_FAILED);
	check(mmap(pages + 3 * PAGE + SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   fd, 3 * PAGE) != MAP_FAILED);
	close(fd);
	consumer_page = (void *)(pages + PAGE);
	producer_page = (void *)(pages + 2 * PAGE);
	data = pages + 3 * PAGE;
}

static void begin_anew(void)
{
	if (!pages)
		make_pages();
	memset(pages, 0, 3 * PAGE + SIZE);
	memset(slots, 0, sizeof(slots));
	memset(&library, 0, sizeof(library));
	library.data_bytes = SIZE;
	nr_opened = 0;
	consumer_before = 0;
	record_init(&records, data, slots, &producer_page->position, SIZE);
}

/* As ring_look() does it. */
static void look(void)
{
	while (record_accept(&records, record_load_acquire(&consumer_page->position), 16))
		;
}

/* What the consumer asks the kernel for, and where it finds the pages. */
int karena_ring_stat(const struct karena_ring *ring, struct karena_ring_stat *stat)
{
	(void)ring;
	look();
	stat->out_consumer_position = record_consumer(&records);
	stat->out_producer_position = records.producer;
	return 0;
}

int karena_ring_map_consumer(struct karena_ring *ring)
{
	look();
	ring->consumer = consumer_page;
	ring->producer = producer_page;
	ring->data = data;
	ring->taken = record_consumer(&records);
	ring->released = ring->taken;
	ring->mapped = true;
	return 0;
}

/* As reserve_any() does it. */
static void reserve(void)
{
	uint32_t length = 1 + take(2) % (SIZE - KARENA_RECORD_HEADER_BYTES);
	uint32_t bytes = record_bytes(length), owner = take(1) % OWNERS;
	unsigned int i;

	if (record_full(&records, &consumer_page->position, bytes))
		return;
	if (!record_fits(&records, bytes))
		look();
	if (!record_fits(&records, bytes))
		return;
	for (i = 0; i < nr_opened; i++)
		check(records.producer + bytes - opened[i].position <= SIZE);
	check(nr_opened < RECORDS_MAX);
	opened[nr_opened].position = records.producer;
	opened[nr_opened].length = length;
	opened[nr_opened].owner = owner;
	opened[nr_opened].stuck = false;
	nr_opened++;
	record_open(&records, length, owner, true);
}

static void forget(unsigned int which)
{
	opened[which] = opened[--nr_opened];
}

static int find(uint64_t position, uint32_t owner)
{
	unsigned int i;

	for (i = 0; i < nr_opened; i++) {
		if (opened[i].position == position)
			return opened[i].owner == owner ? (int)i : -EPERM;
	}
	return -EINVAL;
}

/* As ring_end_for() does it. */
static void end_record(void)
{
	uint64_t position = take_position();
	uint32_t owner = 1 + take(1) % (OWNERS - 1), way = take(1);
	int expected, ret;

	if (nr_opened && way % 4)
		position = opened[way % nr_opened].position;
	expected = find(position, owner);
	ret = record_find(&records, position, owner, true);
	if (expected < 0) {
		check(ret == expected);
		return;
	}
	check(ret == (opened[expected].stuck ? -ESTALE : 0));
	if (ret)
		record_end_stuck(&records, position);
	else
		record_close(&records, record_header(&records, position),
			     way & 128 ? KARENA_RECORD_DISCARD : 0, true);
	forget(expected);
}

/* The kernel's own copy of a write() is ended by nobody else. */
static void end_kernels(void)
{
	unsigned int i;

	for (i = 0; i < nr_opened; i++) {
		if (opened[i].owner != RECORD_OWNER_KERNEL)
			continue;
		record_close(&records, record_header(&records, opened[i].position), 0, true);
		forget(i);
		return;
	}
}

static bool is_owner(void *context, __u32 owner)
{
	return owner == *(uint32_t *)context;
}

static void abandon(void)
{
	uint32_t owner = 1 + take(1) % (OWNERS - 1);
	unsigned int i, expected = 0, got = 0;
	__u64 position = 0;

	for (i = nr_opened; i-- > 0;) {
		if (opened[i].owner == owner) {
			expected += !opened[i].stuck;
			forget(i);
		}
	}
	do {
		got += record_abandon(&records, is_owner, &owner, &position, 16);
	} while (position != records.producer);
	check(got == expected);
}

/* As the timer of a ring with reserve_timeout_us does it. */
static void pass_stuck(void)
{
	uint64_t from = record_consumer(&records);
	uint64_t below = from + take(2) % (records.producer - from + 1);
	unsigned int i, nr = 0, got;
	__u64 payload, bytes = 0;

	got = record_pass_stuck(&records, below, 1 + take(1), &payload);
	for (i = 0; i < nr_opened; i++) {
		const struct record_slot *slot = slot_at(&records, opened[i].position);

		if (opened[i].stuck || !(slot->word & KARENA_RECORD_DISCARD))
			continue;
		check(opened[i].owner != RECORD_OWNER_KERNEL);
		check(opened[i].position - from < below - from);
		opened[i].stuck = true;
		bytes += opened[i].length;
		nr++;
	}
	check(got == nr && payload == bytes);
}

/* As read() does it. */
static void read_some(void)
{
	unsigned int nr = 16;
	uint64_t bytes;

	look();
	while (record_skip(&records, 16))
		;
	bytes = record_run(&records, take(2), &nr);
	check(bytes <= records.producer - record_consumer(&records));
	record_advance(&records, record_consumer(&records) + bytes, nr);
	record_store_release(&consumer_page->position, record_consumer(&records));
}

static void scribble(void)
{
	uint32_t word = take(4), where = take(2) % (SIZE / sizeof(word));

	if (word % 4)
		word = (word >> 8) % 64 | (word & 0xc0000000);
	__atomic_store_n((uint32_t *)(void *)data + where, word, __ATOMIC_RELAXED);
}

static void store_position(void)
{
	record_store_release(&consumer_page->position, take_position());
}

static void check_record(const void *payload, size_t length)
{
	const char *bytes = payload;

	check(bytes >= data + KARENA_RECORD_HEADER_BYTES && bytes + length <= data + 2 * SIZE);
	if (length)
		check(*(volatile const char *)bytes + *(volatile const char *)(bytes + length - 1) <
		      256);
}

static void take_some(void)
{
	struct karena_record got[BATCH];
	unsigned int max = take(1) % (BATCH + 1);
	int i, nr = karena_ring_take(&library, got, max);

	check(nr <= (int)max && (nr >= 0 || nr == -EBADMSG));
	for (i = 0; i < nr; i++)
		check_record(got[i].data, got[i].length);
}

static unsigned int nr_consumed;

static int consume_one(void *context, const void *payload, size_t length)
{
	(void)context;
	check(++nr_consumed <= TAKEN_MAX);
	check_record(payload, length);
	scribble();
	return take(1) % 16 ? 0 : 1;
}

static void consume_some(void)
{
	int ret;

	nr_consumed = 0;
	ret = karena_ring_consume(&library, consume_one, NULL, take(1));
	check(ret >= 0 ? (unsigned int)ret == nr_consumed : ret == -EBADMSG || ret == -EINVAL);
}

static void walk_some(void)
{
	struct karena_ring_walk walk;
	struct karena_record record;
	unsigned int nr = 0;
	int ret = karena_ring_walk_begin(&library, &walk);

	check(!ret || ret == -EBADMSG || ret == -EINVAL);
	if (ret)
		return;
	while (ret >= 0 && take(1) % 16) {
		ret = karena_ring_walk_next(&walk, &record);
		if (ret <= 0)
			break;
		check(++nr <= TAKEN_MAX);
		check_record(record.data, record.length);
		scribble();
	}
	check(ret >= 0 || ret == -EBADMSG);
	karena_ring_walk_end(&library, &walk);
}

static void release_taken(void)
{
	producer_page->space_wanted = take(1) % 2;
	karena_ring_release(&library);
}

static void check_kernel(void)
{
	uint64_t given_back = record_given_back(&records);
	unsigned int i, nr_stuck = 0;

	check(record_consumer(&records) >= consumer_before);
	check(record_consumer(&records) >= given_back);
	check(records.producer >= record_consumer(&records));
	check(records.producer - given_back <= SIZE);
	check(producer_page->position == records.producer);
	consumer_before = record_consumer(&records);
	for (i = 0; i < nr_opened; i++) {
		const struct record_slot *slot = slot_at(&records, opened[i].position);

		check(opened[i].position - given_back < SIZE);
		check(opened[i].stuck || opened[i].position >= consumer_before);
		check(slot->word == (opened[i].length | KARENA_RECORD_BUSY |
				     (opened[i].stuck ? KARENA_RECORD_DISCARD : 0)));
		nr_stuck += opened[i].stuck;
	}
	check(nr_stuck == records.nr_stuck);
	check(nr_stuck || given_back == consumer_before);
}

/* By the name that libFuzzer knows. */
int test_input(const uint8_t *bytes, size_t length) __asm__("LLVMFuzzerTestOneInput");

int test_input(const uint8_t *bytes, size_t length)
{
	static void (*const operations[])(void) = {
		reserve, reserve, end_record, end_record, end_kernels, abandon, read_some,
		scribble, scribble, store_position, take_some, take_some, consume_some,
		release_taken, look, pass_stuck, walk_some,
	};

	begin_anew();
	input = bytes;
	input_end = bytes + length;
	while (input != input_end) {
		operations[take(1) % (sizeof(operations) / sizeof(operations[0]))]();
		check_kernel();
	}
	return 0;
}
