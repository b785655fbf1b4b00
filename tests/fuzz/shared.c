// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared ring whose members write anything anywhere, for libFuzzer: every call of the
 * core, as the kernel and the library make it, on hostile memory. The input is a sequence of
 * operations; members write over any word between two of them, and at each of the core's
 * named points in their midst.
 *
 * What must hold: nothing outside the pages is touched, every call ends after the headers
 * that it may look at, records that are given out lie inside the data area.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void at_point(void);
#define shared_point(name) at_point()

#include "../../kmod/record_shared.c"

#define PAGE	4096u
#define SIZE	PAGE
#define OWNERS	4u

/* Nothing is mapped around them: words, then data twice. */
static char *pages;
static struct shared_consumer *consumer;
static __u64 *hint;
static struct shared_armed *armed;
static char *data;

static struct shared_ring ring;
static struct shared_reader reader;
/* What the caller has reserved last. */
static shared_unit *reserved;
static uint32_t reserved_length;
static unsigned int looked;
/* The ring is there, and members may write. */
static bool begun;

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

static void make_pages(void)
{
	int fd = memfd_create("shared", MFD_CLOEXEC);
	char *room = mmap(NULL, 5 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = MAP_SHARED | MAP_FIXED, rw = PROT_READ | PROT_WRITE;

	check(fd >= 0 && room != MAP_FAILED && !ftruncate(fd, 2 * PAGE));
	pages = room + PAGE;
	check(mmap(pages, 2 * PAGE, rw, flags, fd, 0) != MAP_FAILED);
	check(mmap(pages + 2 * PAGE, PAGE, rw, flags, fd, PAGE) != MAP_FAILED);
	close(fd);
	consumer = (void *)pages;
	hint = (void *)(pages + 64);
	armed = (void *)(pages + 128);
	data = pages + PAGE;
}

/* Positions near those that are there, headers that may be, marks; or anything. */
static uint64_t take_word(void)
{
	uint64_t kind = take(1);

	switch (kind % 6) {
	case 0:
		return consumer->read + take(2) - SIZE;
	case 1:
		return reader.freed + take(2) - SIZE;
	case 2:
		return shared_header(take(2) | kind << 24, take(1) % OWNERS);
	case 3:
		return shared_mark(&ring, consumer->freed + take(2));
	case 4:
		return *hint & -(uint64_t)ring.grain;
	default:
		return take(8);
	}
}

static void scribble(void)
{
	unsigned int where = take(2);
	uint64_t *words[] = { (void *)&consumer->read, (void *)&consumer->freed, (void *)hint };
	uint64_t *at = (void *)data;

	if (where % 4 == 3)
		__atomic_store_n(words[where / 4 % 3], take_word(), __ATOMIC_RELAXED);
	else
		__atomic_store_n(at + where % (SIZE / SHARED_UNIT), take_word(), __ATOMIC_RELAXED);
}

static void at_point(void)
{
	looked++;
	if (begun && take(1) % 8 == 7)
		scribble();
}

static void begin_anew(void)
{
	if (!pages)
		make_pages();
	begun = false;
	memset(pages, 0, 2 * PAGE);
	memset(&ring, 0, sizeof(ring));
	ring.data = data;
	ring.consumer = consumer;
	ring.hint = hint;
	ring.armed = armed;
	ring.key = 0x8f3a94d1c07b62e5ull;
	check(!shared_init(&ring, SIZE, 8 << take(1) % 4));
	/* Some laps before 2^64, or after 0. */
	shared_create(&ring, (take(1) - 128) * SIZE);
	shared_put_marks(&ring, ring.limit - 2 * SIZE, ring.limit - SIZE);
	check(!shared_take_over(&ring, &reader));
	reserved = NULL;
	begun = true;
}

static void check_inside(const void *unit, uint64_t length)
{
	const char *payload = (const char *)unit + SHARED_UNIT;

	check(payload >= data + SHARED_UNIT && payload + length <= data + 2 * SIZE);
}

static void reserve(void)
{
	uint32_t length = 1 + take(2), steps = take(1) % 4 ? shared_steps(&ring) : take(1);
	int ret = shared_reserve(&ring, length, 1 + take(1) % (OWNERS - 1), steps, &reserved);

	check(!ret || ret == -EAGAIN || ret == -ENOSPC || ret == -EBADMSG);
	check(ret || length <= SIZE - SHARED_UNIT);
	reserved_length = length;
	if (ret)
		reserved = NULL;
	else
		check_inside(reserved, length);
}

/* As the library does it: only what it is told to be its own record. */
static void finish(void)
{
	uint32_t way = take(1), length;

	if (!reserved)
		return;
	memset(reserved + 1, 1, reserved_length);
	length = 1 + take(2) % reserved_length;
	if (way % 4 == 0)
		shared_discard(&ring, reserved);
	else if (way % 4 == 1)
		shared_submit(&ring, reserved);
	else
		shared_submit_trimmed(&ring, reserved, record_load(reserved), length);
	reserved = NULL;
}

static void split(void)
{
	uint32_t lengths[2];

	if (!reserved || reserved_length < 300)
		return;
	lengths[0] = 1 + take(1) % 100;
	lengths[1] = 1 + take(1) % 100;
	shared_split(&ring, reserved, lengths, 2, take(1) % 2);
	reserved_length = lengths[0];
}

static void consume(void)
{
	unsigned int nr = 0, max = take(1);
	__u64 header = 0, from = reader.at;
	int ret = 0;

	while (nr++ < max) {
		ret = shared_next(&ring, &reader, &header);
		check(ret == 1 || !ret || ret == -EBADMSG);
		if (ret <= 0)
			break;
		check_inside(shared_at(&ring, reader.at), shared_word(header));
		reader.at += shared_header_bytes(&ring, header);
		check(reader.at - reader.freed <= SIZE);
		scribble();
	}
	check(reader.at - from <= SIZE);
}

static unsigned int nr_given;

static bool give(void *context, const void *payload, __u32 length)
{
	(void)context;
	check_inside((const char *)payload - SHARED_UNIT, length);
	check(++nr_given <= SIZE / SHARED_UNIT);
	scribble();
	return !(take(1) % 16);
}

static void give_some(void)
{
	int ret;

	nr_given = 0;
	ret = shared_give(&ring, &reader, give, NULL);
	check(!ret || ret == -EBADMSG);
	check(reader.at - reader.freed <= SIZE);
}

static void release(void)
{
	shared_release(&ring, &reader);
}

static void take_over(void)
{
	struct shared_reader next;

	if (!shared_take_over(&ring, &next))
		reader = next;
	check(reader.at - reader.freed <= SIZE);
}

static void count(void)
{
	struct shared_fill fill = { .bytes = 0 };
	unsigned int steps = take(1), calls = take(1) % 4;
	int ret;

	do {
		looked = 0;
		ret = shared_count(&ring, &fill, steps);
		check(!ret || ret == -EAGAIN || ret == -EBADMSG);
		/* Two points for each header and each begin. */
		check(looked <= 2 * steps + 2 * LOADS_MAX * (steps + 1));
	} while (ret == -EAGAIN && calls--);
}

static bool is_gone(void *context, __u32 owner)
{
	(void)context;
	return owner % 2;
}

static void abandon(void)
{
	struct shared_death death = { .gone = is_gone };
	unsigned int steps = take(1), calls = take(1) % 4;
	int ret;

	do {
		looked = 0;
		ret = shared_abandon(&ring, &death, steps);
		check(!ret || ret == -EAGAIN || ret == -EBADMSG);
		check(looked <= 4 * steps + 2 * LOADS_MAX * (steps + 1));
	} while (ret == -EAGAIN && calls--);
}

static void attach(void)
{
	int ret = shared_attach(&ring);

	check(!ret || ret == -EAGAIN || ret == -EBADMSG);
}

/* By the name that libFuzzer knows. */
int test_input(const uint8_t *bytes, size_t length) __asm__("LLVMFuzzerTestOneInput");

int test_input(const uint8_t *bytes, size_t length)
{
	static void (*const operations[])(void) = {
		reserve, reserve, finish, finish, split, consume, give_some, release, take_over,
		count, abandon, attach, scribble, scribble,
	};

	input = bytes;
	input_end = bytes + length;
	begin_anew();
	while (input != input_end)
		operations[take(1) % (sizeof(operations) / sizeof(operations[0]))]();
	return 0;
}
