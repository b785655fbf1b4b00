/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who reserves and who consumes: a process through an open file. The rest of the
 * ring knows parties by what is declared here.
 */
#ifndef KARENA_RING_PARTY_H
#define KARENA_RING_PARTY_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>

struct file;
struct karena_ring;

/**
 * struct ring_home - the parties of one process; it is told of the process's end
 * @notifier:	tells of it
 * @mm:		the process; compared only, fixed
 * @by_mm:	among the homes; under homes_lock, as is the next
 * @in_homes:	all of them; empty: it has left
 * @refs:	one of the table's, one of the notifier's, and of whoever uses it
 * @lock:	protects @parties, their end, and registration. Never taken under mmap_lock
 * @parties:	in any ring
 * @registered:	its end will be told; under @lock
 */
struct ring_home {
	struct mmu_notifier notifier;
	const struct mm_struct *mm;
	struct rhash_head by_mm;
	struct list_head in_homes;
	struct kref refs;
	struct mutex lock;	/* @parties, their end, registration */
	struct list_head parties;
	bool registered;
};

/* A party is found by these two, which are compared only. */
struct ring_party_key {
	const struct file *file;
	const struct mm_struct *mm;
};

/**
 * struct ring_party - a process and an open file of a ring
 * @in_parties:	among all parties, by @key
 * @in_home:	home->parties, under home->lock
 * @in_file:	the parties of the open file, under ring->party_lock; also read under RCU
 * @ring:	fixed
 * @home:	fixed
 * @key:	fixed
 * @id:		fixed; stands in the slots of its records
 * @gone:	it makes no call any more
 * @nr_open:	records it has reserved and not ended, under ring->lock
 * @first_open:	none of those is below, under ring->lock
 * @rcu:	for its end
 */
struct ring_party {
	struct rhash_head in_parties;
	struct list_head in_home;
	struct hlist_node in_file;
	struct karena_ring *ring;
	struct ring_home *home;
	struct ring_party_key key;
	u32 id;
	bool gone;
	u32 nr_open;
	u64 first_open;
	struct rcu_head rcu;
};

/* Under ring->lock: the party has reserved records from @position on. */
static inline void ring_party_opened(struct ring_party *party, u64 position, unsigned int nr)
{
	if (!party->nr_open)
		party->first_open = position;
	party->nr_open += nr;
}

int ring_homes_init(void);
void ring_homes_exit(void);
void ring_parties_init(struct karena_ring *ring);
void ring_parties_fini(struct karena_ring *ring);
struct ring_party *ring_party_find(const struct file *file);
struct ring_party *ring_party_get(struct karena_ring *ring, const struct file *file);
int ring_take_role(struct karena_ring *ring, const struct file *file);
int ring_has_role(struct karena_ring *ring, const struct file *file);
int ring_take_role_kernel(struct karena_ring *ring);
void ring_kernel_begin(struct karena_ring *ring);
void ring_kernel_end(struct karena_ring *ring);
void ring_parties_close(struct karena_ring *ring, const struct file *file);

/* For those above and for KUnit, which has no process to lose. */
void ring_home_init(struct ring_home *home, const struct mm_struct *mm);
struct ring_party *ring_party_add(struct karena_ring *ring, struct ring_home *home,
				  const struct file *file);
void ring_party_retire(struct ring_party *party);

#endif /* KARENA_RING_PARTY_H */
