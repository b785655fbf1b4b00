// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core of shared rings beside a naive queue. Producers, consumer, an observer and the
 * kernel's walk for the dead are coroutines, which change places at the core's named points,
 * as a random number says. So everything repeats itself with its seed (SEED=N), and each
 * member may die at each point, or be held up there for many laps.
 *
 * The queue knows the records in the order of their reservations. After each step all
 * memory of the ring must be what follows from it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static void at_point(const char *name);
#define shared_point(name) at_point(name)

#include "../../kmod/record_shared.c"
#include "kselftest_harness.h"
#include "shared_ring.h"

#define SIZE		4096u
#define PRODUCERS	3
#define OWNER_FIRST	2u
#define OWNERS		4u
/* So many times round the ring: SCALE=N as many. */
#define LAPS		2500u
#define STEPS_MAX	(LAPS * 100000)
#define STACK_BYTES	(64 << 10)
#define BATCH_MAX	3
/* Headers that the kernel and the observer look at in a call. */
#define FEW_STEPS	5u
#define ENTRIES_MAX	(SIZE / SHARED_UNIT)

enum state { OPEN, SUBMITTED, DISCARDED };
enum way { SUBMIT, DISCARD, TRIM, BATCH, NOTHING };
enum role { PRODUCER, CONSUMER, KERNEL, OBSERVER };

/**
 * struct entry - a record, as the queue knows it
 * @position:	of its header
 * @length:	payload bytes
 * @owner:	who reserved it
 * @state:	of it
 * @value:	the payload follows from it
 * @given_to:	the consumer that was given it last; each has another number
 */
struct entry {
	uint64_t position;
	uint32_t length;
	uint32_t owner;
	enum state state;
	uint64_t value;
	unsigned int given_to;
};

/**
 * struct actor - a member, or the kernel
 * @role:	what it does
 * @context:	where it is
 * @stack:	its own
 * @lives:	it is to be run
 * @held:	not before so many steps
 * @r:		its view of the ring
 * @owner:	its number
 * @way:	how it is about to finish the record at @position
 * @position:	of that record, or of the one it has just reserved
 * @lengths:	of that record, trimmed, or of the batch
 * @values:	of the batch
 * @nr:		how many
 * @c:		of a consumer
 */
struct actor {
	enum role role;
	ucontext_t context;
	char *stack;
	bool lives;
	unsigned int held;
	struct shared_ring r;
	uint32_t owner;
	enum way way;
	uint64_t position;
	uint32_t lengths[BATCH_MAX];
	uint64_t values[BATCH_MAX];
	unsigned int nr;
	struct shared_reader c;
};

static struct shared_memory memory;
/* The test's own view. */
static struct shared_ring ring;
static struct actor actors[PRODUCERS + 3], *current;
static ucontext_t scheduler;
static bool stopping;
static unsigned int switches, consumers, nr_delivered;

static struct entry entries[ENTRIES_MAX];
static unsigned int nr_entries;
static uint64_t queue_end;

/* A number is free, taken, or of somebody who is gone and whose records may be there. */
static enum { FREE, TAKEN, GONE } numbers[OWNERS];

/* Points at which members have died; the observer and the kernel do not. */
static const char *const points[] = {
	"hint loaded", "before the swap", "reserved", "hint stored", "limit loaded",
	"header loaded", "before the finish", "finished", "rest written",
	"header inside written", "split", "filled", "record taken", "before read is stored",
	"read stored", "mark stored", "freed stored",
};

#define POINTS	(sizeof(points) / sizeof(points[0]))
static unsigned int deaths[POINTS];

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % below;
}

static void check_at(bool what, const char *said, int line)
{
	if (what)
		return;
	printf("# line %d: not so: %s; end of the chain %llx, read %llx, freed %llx\n", line, said,
	       (unsigned long long)queue_end, memory.consumer.read, memory.consumer.freed);
	fflush(stdout);
	_exit(1);
}

#define check(what)	check_at(what, #what, __LINE__)

static uint64_t hash(uint64_t value)
{
	value = (value + 1) * 0xbf58476d1ce4e5b9ull;
	return value ^ value >> 29;
}

/*
 * A word of a payload: any number, or what would be the mark of this lap, the one before
 * or behind if marks held nothing but the lap.
 */
static uint64_t payload_word(uint64_t value, uint64_t position, unsigned int i)
{
	uint64_t lap = (position + SHARED_UNIT * (i + 1)) / SIZE, number = hash(value + i);

	return i && number % 2 ? (lap + number % 8 / 2 - 1) | SHARED_FREE : number;
}

static struct entry *entry_at(uint64_t position)
{
	unsigned int i;

	for (i = 0; i < nr_entries; i++) {
		if (entries[i].position == position)
			return &entries[i];
	}
	check(!"a record of the queue");
	return NULL;
}

static uint64_t entry_bytes(const struct entry *entry)
{
	return shared_bytes(&ring, entry->length);
}

static uint64_t entry_header(const struct entry *entry)
{
	static const uint32_t flags[] = { KARENA_RECORD_BUSY, 0, KARENA_RECORD_DISCARD };

	return shared_header(entry->length | flags[entry->state], entry->owner);
}

/* Room for @nr entries behind @entry. */
static void insert_behind(struct entry *entry, unsigned int nr)
{
	unsigned int behind = nr_entries - (entry - entries) - 1;

	check(nr_entries + nr <= ENTRIES_MAX);
	memmove(entry + 1 + nr, entry + 1, behind * sizeof(*entry));
	nr_entries += nr;
}

/* The swap of @current has succeeded: at the end of the chain, with space below the limit. */
static void queue_reserved(void)
{
	struct entry entry = {
		.position = queue_end,
		.length = current->lengths[0],
		.owner = current->owner,
		.state = OPEN,
	};

	check(*shared_at(&ring, queue_end) == entry_header(&entry));
	check(queue_end + entry_bytes(&entry) - memory.consumer.freed <= SIZE);
	check(numbers[current->owner - OWNER_FIRST] == TAKEN);
	current->position = queue_end;
	queue_end += entry_bytes(&entry);
	check(nr_entries < ENTRIES_MAX);
	entries[nr_entries++] = entry;
}

/* One becomes several. */
static void queue_split(enum state state)
{
	struct entry *entry = entry_at(current->position);
	unsigned int i;

	insert_behind(entry, current->nr - 1);
	for (i = 0; i < current->nr; i++) {
		if (i) {
			entry[i] = entry[i - 1];
			entry[i].position += entry_bytes(&entry[i - 1]);
		}
		entry[i].length = current->lengths[i];
		entry[i].value = current->values[i];
		entry[i].state = state;
	}
}

static void queue_trim(void)
{
	struct entry *entry = entry_at(current->position), rest = *entry;
	uint64_t bytes = entry_bytes(entry);

	entry->length = current->lengths[0];
	entry->value = current->values[0];
	entry->state = SUBMITTED;
	bytes -= entry_bytes(entry);
	if (!bytes)
		return;
	insert_behind(entry, 1);
	rest.position += entry_bytes(entry);
	rest.length = bytes - SHARED_UNIT;
	rest.owner = SHARED_OWNER_NOBODY;
	rest.state = DISCARDED;
	entry[1] = rest;
}

static void queue_finished(void)
{
	struct entry *entry = entry_at(current->position);

	check(entry->state == OPEN && entry->owner == current->owner);
	if (current->way == TRIM) {
		queue_trim();
	} else if (current->way == BATCH) {
		queue_split(SUBMITTED);
	} else {
		entry->value = current->values[0];
		entry->state = current->way == SUBMIT ? SUBMITTED : DISCARDED;
	}
	current->way = NOTHING;
}

/* The kernel has discarded one record, of an owner that is gone. */
static void queue_abandoned(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_entries; i++) {
		if (entries[i].state != OPEN ||
		    *shared_at(&ring, entries[i].position) == entry_header(&entries[i]))
			continue;
		check(numbers[entries[i].owner - OWNER_FIRST] == GONE);
		entries[i].state = DISCARDED;
		nr++;
	}
	check(nr == 1);
}

/* All below was given out once to this consumer, or discarded. */
static void queue_read(void)
{
	unsigned int nr = 0;

	for (; nr < nr_entries && entries[nr].position != memory.consumer.read; nr++) {
		check(entries[nr].state == DISCARDED ||
		      (entries[nr].state == SUBMITTED && entries[nr].given_to == consumers));
	}
	check(nr < nr_entries || memory.consumer.read == queue_end);
	nr_entries -= nr;
	memmove(entries, entries + nr, nr_entries * sizeof(entries[0]));
}

/* What members may rely on. */
static void check_ring(void)
{
	uint64_t position = memory.consumer.read;
	unsigned int i;

	check(position - memory.consumer.freed <= SIZE);
	for (i = 0; i < nr_entries; i++) {
		check(entries[i].position == position);
		check(*shared_at(&ring, position) == entry_header(&entries[i]));
		position += entry_bytes(&entries[i]);
	}
	check(position == queue_end);
	for (; position != memory.consumer.freed + SIZE; position += ring.grain)
		check(*shared_at(&ring, position) == shared_mark(&ring, position));
}

static void update_queue(const char *name)
{
	if (!strcmp(name, "reserved"))
		queue_reserved();
	else if (!strcmp(name, "finished"))
		queue_finished();
	else if (!strcmp(name, "split") && current->way != BATCH)
		queue_split(OPEN);
	else if (!strcmp(name, "dead one's swapped"))
		queue_abandoned();
	else if (!strcmp(name, "read stored"))
		queue_read();
}

static void change_places(void)
{
	swapcontext(&current->context, &scheduler);
}

static void die(const char *name)
{
	unsigned int i;

	for (i = 0; i < POINTS; i++)
		deaths[i] += !strcmp(points[i], name);
	current->lives = false;
	if (current->role == PRODUCER)
		numbers[current->owner - OWNER_FIRST] = GONE;
	change_places();
}

static void at_point(const char *name)
{
	/* Of marks there are many. */
	if (!current || (!strcmp(name, "mark stored") && draw(32)))
		return;
	update_queue(name);
	check_ring();
	if (current->role <= CONSUMER && !stopping && !draw(300))
		die(name);
	/* Those that are late shall be so by laps. */
	if (current->role == PRODUCER && !draw(!strcmp(name, "before the swap") ? 40 : 1000))
		current->held = draw(2000);
	if (draw(4))
		change_places();
}

/* In pieces: others may look meanwhile. */
static void fill(shared_unit *unit, uint64_t position, uint32_t length, uint64_t value)
{
	char *payload = (char *)(unit + 1);
	uint32_t at;

	for (at = 0; at < length; at += SHARED_UNIT) {
		uint64_t word = payload_word(value, position, at / SHARED_UNIT);

		memcpy(payload + at, &word, length - at < SHARED_UNIT ? length - at : SHARED_UNIT);
		if (!draw(16))
			at_point("filled");
	}
}

static void check_payload(const struct entry *entry)
{
	const shared_unit *unit = shared_at(&ring, entry->position);
	uint32_t at;

	for (at = 0; at < entry->length; at += SHARED_UNIT) {
		uint64_t word = payload_word(entry->value, entry->position, at / SHARED_UNIT);

		if (entry->length - at < SHARED_UNIT)
			word &= (1ull << (entry->length - at) % SHARED_UNIT * 8) - 1;
		check(unit[1 + at / SHARED_UNIT] == word);
	}
}

static uint32_t draw_length(void)
{
	return draw(16) ? 1 + draw(draw(2) ? 40 : 400) : 1 + draw(SIZE - 8);
}

static uint64_t draw_value(void)
{
	return (uint64_t)draw(1u << 31) << 31;
}

/* Is refused only if at some time during the call there was no space. */
static shared_unit *reserve(uint32_t length)
{
	unsigned int before = switches;
	uint64_t end = queue_end;
	shared_unit *unit;
	int ret;

	current->lengths[0] = length;
	ret = shared_reserve(&current->r, length, current->owner, shared_steps(&ring), &unit);
	check(!ret || ret == -EAGAIN);
	if (!ret) {
		check(unit == shared_at(&ring, current->position));
		return unit;
	}
	if (switches == before)
		check(end + shared_bytes(&ring, length) - memory.consumer.freed > SIZE);
	return NULL;
}

static void finish(shared_unit *unit, enum way way)
{
	uint32_t armed = memory.armed.records;
	unsigned int before = switches;
	bool wake;

	current->way = way;
	if (way == TRIM)
		wake = shared_submit_trimmed(&current->r, unit, *unit,
					     current->lengths[0]);
	else if (way == DISCARD)
		wake = shared_discard(&current->r, unit);
	else
		wake = shared_submit(&current->r, unit);
	if (switches == before)
		check(wake == !!armed);
}

/* Those of a batch that are yet to be filled, the first or the last first. */
static void finish_batch(shared_unit *unit)
{
	uint64_t first = current->position, offset, position;
	unsigned int i, j, which, nr = current->nr;
	bool back = draw(2);
	uint32_t lengths[BATCH_MAX];
	uint64_t values[BATCH_MAX];

	memcpy(lengths, current->lengths, sizeof(lengths));
	memcpy(values, current->values, sizeof(values));
	for (i = 0; i < nr; i++) {
		which = back ? nr - 1 - i : i;
		for (j = 0, offset = 0; j < which; j++)
			offset += shared_bytes(&ring, lengths[j]);
		position = first + offset;
		fill(unit + offset / SHARED_UNIT, position, lengths[which], values[which]);
		current->position = position;
		current->values[0] = values[which];
		finish(unit + offset / SHARED_UNIT, draw(4) ? SUBMIT : DISCARD);
	}
}

static void produce_batch(void)
{
	uint64_t bytes = 0, offset = 0;
	uint32_t lengths[BATCH_MAX];
	bool open = draw(2);
	shared_unit *unit;
	unsigned int i;

	current->nr = 1 + draw(BATCH_MAX);
	for (i = 0; i < current->nr; i++) {
		lengths[i] = 1 + draw(100);
		current->values[i] = draw_value();
		bytes += shared_bytes(&ring, lengths[i]);
	}
	unit = reserve(bytes - SHARED_UNIT);
	if (!unit)
		return;
	for (i = 0; !open && i < current->nr; i++) {
		fill(unit + offset / SHARED_UNIT, current->position + offset, lengths[i],
		     current->values[i]);
		offset += shared_bytes(&ring, lengths[i]);
	}
	memcpy(current->lengths, lengths, sizeof(lengths));
	current->way = open ? NOTHING : BATCH;
	shared_split(&current->r, unit, lengths, current->nr, open);
	if (open)
		finish_batch(unit);
	else
		shared_finish(&current->r, unit, shared_header(lengths[0], current->owner));
}

static void produce_one(enum way way)
{
	uint32_t length = draw_length();
	shared_unit *unit = reserve(length);

	if (!unit)
		return;
	current->values[0] = draw_value();
	if (way == TRIM)
		length = 1 + draw(length);
	current->lengths[0] = length;
	fill(unit, current->position, length, current->values[0]);
	finish(unit, way);
}

static void attach(struct actor *actor)
{
	check(!shared_ring_of(&actor->r, &memory, SIZE, ring.grain));
	check(!shared_attach(&actor->r));
}

static void run_producer(void)
{
	attach(current);
	while (!stopping) {
		enum way way = draw(8);

		if (way == BATCH)
			produce_batch();
		else
			produce_one(way < BATCH ? way : SUBMIT);
		change_places();
	}
	numbers[current->owner - OWNER_FIRST] = FREE;
}

static bool consume_one(void)
{
	struct shared_reader *c = &current->c;
	struct entry *entry;
	__u64 header = 0;
	int ret = shared_next(&current->r, c, &header);

	check(ret >= 0);
	if (!ret)
		return false;
	entry = entry_at(c->at);
	check(entry->state == SUBMITTED && header == entry_header(entry));
	check(entry->given_to != consumers);
	at_point("record taken");
	entry = entry_at(c->at);
	check_payload(entry);
	entry->given_to = consumers;
	c->at += shared_header_bytes(&current->r, header);
	nr_delivered++;
	return true;
}

static void run_consumer(void)
{
	unsigned int max;

	consumers++;
	attach(current);
	check(!shared_take_over(&current->r, &current->c));
	while (!stopping || nr_entries) {
		for (max = 1 + draw(8); max && consume_one(); max--)
			;
		if (draw(2) || stopping)
			shared_release(&current->r, &current->c);
		change_places();
	}
	shared_release(&current->r, &current->c);
	check(memory.consumer.freed == memory.consumer.read);
}

static bool batch_is_gone[OWNERS];

static bool is_gone(void *context, uint32_t owner)
{
	(void)context;
	return owner >= OWNER_FIRST && batch_is_gone[owner - OWNER_FIRST];
}

static bool find_gone(void)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < OWNERS; i++) {
		batch_is_gone[i] = numbers[i] == GONE;
		found |= batch_is_gone[i];
	}
	return found;
}

/* One walk for all that are gone. Only then are their numbers given to others. */
static void run_kernel(void)
{
	unsigned int i;
	int ret;

	attach(current);
	while (find_gone() || !stopping) {
		struct shared_death death = { .gone = is_gone };

		do {
			ret = shared_abandon(&current->r, &death, FEW_STEPS);
			check(!ret || ret == -EAGAIN);
			change_places();
		} while (ret);
		for (i = 0; i < nr_entries; i++)
			check(entries[i].state != OPEN || !is_gone(NULL, entries[i].owner));
		for (i = 0; i < OWNERS; i++) {
			if (batch_is_gone[i])
				numbers[i] = FREE;
		}
		memory.armed.records = draw(2);
		change_places();
	}
}

static void check_fill(const struct shared_fill *fill)
{
	unsigned int i, nr = 0;
	bool ready = false, open = false;

	for (i = 0; i < nr_entries; i++) {
		nr += entries[i].state == SUBMITTED;
		open |= entries[i].state == OPEN;
		ready |= entries[i].state == SUBMITTED && !open;
	}
	check(fill->records == nr && fill->ready == ready && fill->open == open);
	check(fill->bytes == queue_end - memory.consumer.read);
}

/* What it counts is so if nobody else has run. */
static void run_observer(void)
{
	attach(current);
	while (!stopping) {
		unsigned int before = switches, calls = 0;
		struct shared_fill fill = { .bytes = 0 };
		int ret;

		do {
			ret = shared_count(&current->r, &fill, FEW_STEPS);
			check(!ret || ret == -EAGAIN);
		} while (ret && ++calls < SIZE);
		check(!ret);
		if (switches == before)
			check_fill(&fill);
		current->held = draw(300);
		change_places();
	}
}

static void run_actor(void)
{
	static void (*const runs[])(void) = {
		run_producer, run_consumer, run_kernel, run_observer,
	};

	runs[current->role]();
	current->lives = false;
	setcontext(&scheduler);
}

/* Is there a number for a new producer? */
static bool take_number(struct actor *actor)
{
	unsigned int i, from = draw(OWNERS);

	for (i = 0; i < OWNERS; i++) {
		unsigned int which = (from + i) % OWNERS;

		if (numbers[which] != FREE)
			continue;
		numbers[which] = TAKEN;
		actor->owner = OWNER_FIRST + which;
		return true;
	}
	return false;
}

static void revive(struct actor *actor)
{
	if (actor->role == PRODUCER && (stopping || !take_number(actor)))
		return;
	actor->lives = true;
	actor->held = 0;
	actor->way = NOTHING;
	getcontext(&actor->context);
	actor->context.uc_stack.ss_sp = actor->stack;
	actor->context.uc_stack.ss_size = STACK_BYTES;
	actor->context.uc_link = NULL;
	makecontext(&actor->context, run_actor, 0);
}

static unsigned int nr_living(enum role first, enum role last)
{
	unsigned int i, nr = 0;

	for (i = 0; i < PRODUCERS + 3; i++)
		nr += actors[i].lives && actors[i].role >= first && actors[i].role <= last;
	return nr;
}

static void run_once(struct actor *actor)
{
	if (actor->held && !stopping) {
		actor->held--;
		return;
	}
	if (!actor->lives) {
		if (!stopping || actor->role == CONSUMER)
			revive(actor);
		return;
	}
	current = actor;
	switches++;
	swapcontext(&scheduler, &actor->context);
	current = NULL;
}

static void make_actors(void)
{
	static const enum role roles[] = {
		PRODUCER, PRODUCER, PRODUCER, CONSUMER, KERNEL, OBSERVER,
	};
	unsigned int i;

	for (i = 0; i < PRODUCERS + 3; i++) {
		actors[i].role = roles[i];
		actors[i].stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		check(actors[i].stack != MAP_FAILED);
	}
}

/* First the producers end, then the kernel has seen to the dead, then all is consumed. */
static void stop_all(void)
{
	unsigned int i;

	stopping = true;
	while (nr_living(PRODUCER, PRODUCER) + nr_living(KERNEL, OBSERVER) || find_gone()) {
		for (i = 0; i < PRODUCERS + 3; i++) {
			if (actors[i].lives)
				run_once(&actors[i]);
		}
		check(++switches < STEPS_MAX);
	}
	do {
		run_once(&actors[PRODUCERS]);
	} while (actors[PRODUCERS].lives);
}

static void run_all(uint32_t grain, uint64_t position)
{
	const char *seed = getenv("SEED"), *scale = getenv("SCALE");
	unsigned int step, laps = LAPS * (scale ? strtod(scale, NULL) : 1) + LAPS / 5;

	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)getpid() << 20 | 12345;
	printf("# SEED=%llu\n", (unsigned long long)random_state);
	fflush(stdout);
	check(shared_memory_map(&memory, SIZE));
	check(!shared_ring_of(&ring, &memory, SIZE, grain));
	shared_ring_create(&ring, position);
	queue_end = position;
	make_actors();
	for (step = 0; (queue_end - position) / SIZE < laps; step++) {
		check(step / STEPS_MAX <= laps / LAPS);
		run_once(&actors[draw(PRODUCERS + 3)]);
	}
	stop_all();
	check(!nr_entries);
	check_ring();
}

FIXTURE(shared)
{
	int unused;
};

FIXTURE_VARIANT(shared)
{
	uint32_t grain;
	uint64_t position;
};

FIXTURE_SETUP(shared)
{
	self->unused = 0;
}

FIXTURE_TEARDOWN(shared)
{
}

FIXTURE_VARIANT_ADD(shared, grain_8)
{
	.grain = 8,
	.position = 0,
};

FIXTURE_VARIANT_ADD(shared, grain_16_before_2_to_32)
{
	.grain = 16,
	.position = (1ull << 32) - 4 * SIZE,
};

FIXTURE_VARIANT_ADD(shared, grain_64_before_2_to_62)
{
	.grain = 64,
	.position = (1ull << 62) - 4 * SIZE,
};

FIXTURE_VARIANT_ADD(shared, grain_8_before_2_to_64)
{
	.grain = 8,
	.position = -4ull * SIZE,
};

TEST_F(shared, records_come_out_as_of_a_queue_whoever_dies_where)
{
	unsigned int i;

	run_all(variant->grain, variant->position);
	TH_LOG("%u records given out, %u consumers", nr_delivered, consumers);
	for (i = 0; i < POINTS; i++) {
		EXPECT_LT(0, deaths[i])
			TH_LOG("nobody died at: %s", points[i]);
	}
}

TEST_HARNESS_MAIN
