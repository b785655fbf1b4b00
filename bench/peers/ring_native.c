// SPDX-License-Identifier: GPL-2.0-only
/*
 * On this machine's own processors and kernel: what does a record of 8 bytes cost with
 * the record core, and with that of shared rings for each grain, compared with a BPF ring
 * buffer, a ring of Concurrency Kit, and a ring under a robust mutex?
 *
 * ring_native OBJECT: uses the programs of OBJECT (ring.bpf.c) if the kernel permits it.
 *
 * The core is used as in kmod/ring.c, except that user space cannot turn interrupts off;
 * the consumer is libkarena's. ck_ring carries a pointer, which is its whole record. Here
 * locked operations and cache misses have their real cost, unlike in the emulator.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <ck_ring.h>
#include <karena.h>

#include "../../kmod/record.c"
#include "../../userlib/internal.h"
#include "bpf_way.h"
#include "shared_way.h"

#define STEPS	128

/**
 * struct core - written by the producers of a ring, as in the kernel
 * @lock:	stands in for a spin lock
 * @records:	protected by @lock
 * @nr_records:	likewise
 */
struct core {
	uint32_t lock;
	struct records records;
	uint64_t nr_records;
};

static struct core core;
/* Nobody waits. */
static uint32_t armed __attribute__((aligned(64)));
static struct karena_ring_consumer *consumer_page;
static struct karena_ring_producer *producer_page;
static struct karena_ring handle;
static __thread uint64_t sent;
static uint64_t seen;

static void *pages(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static void core_make(unsigned int bytes)
{
	char *data = shared_way_data(bytes);

	consumer_page = pages(4096);
	producer_page = pages(4096);
	memset(&core, 0, sizeof(core));
	record_init(&core.records, data, NULL, &producer_page->position, bytes);
	handle = (struct karena_ring) {
		.fd = -1,
		.data_bytes = bytes,
		.mapped = true,
		.consumer = consumer_page,
		.producer = producer_page,
		.data = data,
	};
}

static void core_end(void)
{
	munmap((void *)handle.data, 2 * handle.data_bytes);
	munmap(consumer_page, 4096);
	munmap(producer_page, 4096);
}

/* Unlike in the kernel, the holder may lose its processor. */
static void core_lock(void)
{
	unsigned int spins = 0;
	uint32_t free = 0;

	while (!__atomic_compare_exchange_n(&core.lock, &free, 1, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		while (record_load(&core.lock)) {
			if (++spins % 1024 == 0)
				sched_yield();
			__builtin_ia32_pause();
		}
		free = 0;
	}
}

static void core_unlock(void)
{
	__atomic_store_n(&core.lock, 0, __ATOMIC_RELEASE);
}

static bool core_room(uint32_t bytes)
{
	uint64_t position;

	while (!record_fits(&core.records, bytes)) {
		position = record_load_acquire(&consumer_page->position);
		if (!record_accept(&core.records, position, STEPS))
			break;
	}
	return record_fits(&core.records, bytes);
}

static bool core_send(uint64_t value)
{
	const uint32_t length = sizeof(value);
	struct records *r = &core.records;
	struct karena_record_header *header;

	if (record_full(r, &consumer_page->position, record_bytes(length)))
		return false;
	core_lock();
	if (!core_room(record_bytes(length))) {
		core_unlock();
		return false;
	}
	header = record_open(r, length, RECORD_OWNER_KERNEL, false);
	core.nr_records++;
	core_unlock();
	*(uint64_t *)(header + 1) = value;
	record_close_as(r, header, length, false);
	sent++;
	if (record_load(&armed))
		errx(1, "nobody waits here");
	return true;
}

static unsigned int core_produce(void)
{
	unsigned int i, refused = 0;

	for (i = 0; i < PRODUCERS_BATCH; i++)
		refused += !core_send(i);
	return refused;
}

static int look(void *context, const void *data, size_t length)
{
	(void)context;
	(void)length;
	seen += *(const uint64_t *)data;
	return 0;
}

static void core_consume(void)
{
	int ret = karena_ring_consume(&handle, look, NULL, 0);

	if (ret < 0)
		errx(1, "karena_ring_consume: %s", karena_strerror(ret));
}

static ck_ring_t ck;
static ck_ring_buffer_t *ck_slots;
static size_t ck_bytes;

/* One entry per 16 bytes, which is what records of the others take. */
static void ck_make(unsigned int bytes)
{
	ck_bytes = bytes / 16 * sizeof(*ck_slots);
	ck_slots = pages(ck_bytes);
	ck_ring_init(&ck, bytes / 16);
}

static void ck_end(void)
{
	munmap(ck_slots, ck_bytes);
}

static unsigned int ck_produce(void)
{
	unsigned int i, refused = 0;

	for (i = 0; i < PRODUCERS_BATCH; i++)
		refused += !ck_ring_enqueue_mpsc(&ck, ck_slots, &ck);
	return refused;
}

static void ck_consume(void)
{
	void *got;

	while (ck_ring_dequeue_mpsc(&ck, ck_slots, &got))
		seen += (uintptr_t)got;
}

/* The ring has room for as many records as those of 16 bytes that others are made for. */
static void shared_8_make(unsigned int bytes)
{
	shared_way_make(bytes, 8);
}

static void shared_16_make(unsigned int bytes)
{
	shared_way_make(bytes, 16);
}

static void shared_32_make(unsigned int bytes)
{
	shared_way_make(2 * bytes, 32);
}

static void shared_64_make(unsigned int bytes)
{
	shared_way_make(4 * bytes, 64);
}

static unsigned int shared_produce(void)
{
	unsigned int i, refused = 0;
	uint64_t *payload;

	for (i = 0; i < PRODUCERS_BATCH; i++) {
		payload = shared_way_reserve(sizeof(*payload));
		if (!payload) {
			refused++;
			continue;
		}
		*payload = i;
		shared_way_submit(payload);
	}
	return refused;
}

static void shared_consume(void)
{
	shared_way_consume(~0u, &seen);
}

static void mutex_make(unsigned int bytes)
{
	mutex_way_make(bytes);
}

static unsigned int mutex_produce(void)
{
	unsigned int refused = 0;
	uint64_t i;

	for (i = 0; i < PRODUCERS_BATCH; i++)
		refused += !mutex_way_send(&i, sizeof(i));
	return refused;
}

static void mutex_consume(void)
{
	mutex_way_consume(~0u, &seen);
}

int main(int argc, char **argv)
{
	static const struct producers_way ways[] = {
		{ "record", core_make, core_end, core_produce, core_consume },
		{ "shared_8", shared_8_make, shared_way_end, shared_produce, shared_consume },
		{ "shared_16", shared_16_make, shared_way_end, shared_produce, shared_consume },
		{ "shared_32", shared_32_make, shared_way_end, shared_produce, shared_consume },
		{ "shared_64", shared_64_make, shared_way_end, shared_produce, shared_consume },
		{ "mutex", mutex_make, mutex_way_end, mutex_produce, mutex_consume },
		{ "ck_ring", ck_make, ck_end, ck_produce, ck_consume },
		BPF_WAY,
	};
	unsigned int nr = sizeof(ways) / sizeof(ways[0]);

	if (argc != 2)
		errx(1, "usage: ring_native OBJECT");
	libbpf_set_print(NULL);
	bpf_way_object = argv[1];
	if (bpf_way_load(CONSUMED_BYTES)) {
		bpf_way_end();
	} else {
		warn("no BPF ring buffer on this kernel");
		nr--;
	}
	producers_measure("native", ways, nr);
	return 0;
}
