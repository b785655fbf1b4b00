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

struct file;
struct karena_ring;

/**
 * struct ring_home - the parties of one process; it is told of the process's end
 * @notifier:	each party holds a user of it
 * @refs:	the notifier's one, and of whoever closes a file
 * @lock:	protects @parties, and their end. Taken under mmap_lock, never the
 *		other way round
 * @parties:	in any ring
 */
struct ring_home {
	struct mmu_notifier notifier;
	struct kref refs;
	struct mutex lock;	/* @parties, and their end */
	struct list_head parties;
};

/**
 * struct ring_party - a process and an open file of a ring
 * @in_ring:	ring->parties, under ring->party_lock or RCU
 * @in_home:	home->parties, under home->lock
 * @ring:	fixed
 * @home:	fixed
 * @file:	fixed; compared only
 * @mm:		fixed; compared only
 * @id:		fixed; stands in the slots of its records
 * @gone:	it makes no call any more
 * @nr_open:	records it has reserved and not ended, under ring->lock
 * @first_open:	none of those is below, under ring->lock
 * @rcu:	for its end
 */
struct ring_party {
	struct hlist_node in_ring;
	struct list_head in_home;
	struct karena_ring *ring;
	struct ring_home *home;
	const struct file *file;
	const struct mm_struct *mm;
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

void ring_parties_init(struct karena_ring *ring);
void ring_parties_fini(struct karena_ring *ring);
struct ring_party *ring_party_find(struct karena_ring *ring, const struct file *file);
struct ring_party *ring_party_get(struct karena_ring *ring, const struct file *file);
int ring_take_role(struct karena_ring *ring, const struct file *file);
int ring_take_role_locked(struct karena_ring *ring, const struct file *file);
int ring_take_role_kernel(struct karena_ring *ring);
void ring_kernel_begin(struct karena_ring *ring);
void ring_kernel_end(struct karena_ring *ring);
void ring_parties_close(struct karena_ring *ring, const struct file *file);

/* For those above and for KUnit, which has no process to lose. */
void ring_home_init(struct ring_home *home);
struct ring_party *ring_party_add(struct karena_ring *ring, struct ring_home *home,
				  const struct file *file, const struct mm_struct *mm);
void ring_party_retire(struct ring_party *party);

#endif /* KARENA_RING_PARTY_H */
