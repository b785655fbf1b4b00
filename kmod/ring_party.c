// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who reserves and who consumes.
 *
 * An open file alone does not tell: fork, dup and SCM_RIGHTS share it, and a file
 * in flight, a registered one, or a mapping in a child keep it open after the
 * process that reserved through it is dead. So a party is a process, told by its
 * mm, and an open file. It ends with either:
 *
 *   the process	exit, exec, kill: an mmu notifier's ->release, by way of
 *			the ring_home. (->flush would not do: it runs whenever any
 *			duplicate is closed.) The end of one thread changes nothing.
 *   the open file	->release, by way of the ring
 *
 * A party that ends has its open records discarded and gives the consumer role
 * back.
 *
 * Within a call that came through the file by a thread of the process the party
 * cannot end, as the caller holds both. That is why a party is used without a
 * reference, and why nothing is ever ended by it at the same time as it ends.
 *
 * The two ends may come at once. Both take home->lock, and whoever finds the party
 * in home->parties ends it. What closes a file waits for that lock before it lets
 * the ring go; the last thing that the other does to the ring is to take the party
 * off ring->parties, without which closing goes on.
 */
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "memory.h"
#include "ring.h"
#include "ring_party.h"

#define PARTY_IDS	XA_LIMIT(RECORD_OWNER_COPY + 1, RECORD_OWNER_MAX)

/* Homes whose notifier is not freed yet: its functions are the module's. */
static atomic_t nr_homes = ATOMIC_INIT(0);

static unsigned long party_key(const struct file *file, const struct mm_struct *mm)
{
	return (unsigned long)file ^ (unsigned long)mm;
}

/**
 * ring_parties_init() - a ring without parties
 * @ring:	being built
 *
 * Context: may sleep.
 */
void ring_parties_init(struct karena_ring *ring)
{
	spin_lock_init(&ring->party_lock);
	hash_init(ring->parties);
	ring->copier.id = RECORD_OWNER_COPY;
	xa_init_flags(&ring->party_ids, XA_FLAGS_ALLOC1);
}

/**
 * ring_parties_fini() - undo ring_parties_init()
 * @ring:	all its files are closed
 *
 * Context: may sleep.
 */
void ring_parties_fini(struct karena_ring *ring)
{
	WARN_ON_ONCE(!hash_empty(ring->parties));
	xa_destroy(&ring->party_ids);
}

/**
 * ring_home_init() - a home without parties
 * @home:	zeroed
 *
 * Context: any.
 */
void ring_home_init(struct ring_home *home)
{
	kref_init(&home->refs);
	mutex_init(&home->lock);
	INIT_LIST_HEAD(&home->parties);
}
EXPORT_SYMBOL_IF_KUNIT(ring_home_init);

static void home_free(struct kref *refs)
{
	struct ring_home *home = container_of(refs, struct ring_home, refs);

	mutex_destroy(&home->lock);
	kfree(home);
}

static struct mmu_notifier *home_alloc_notifier(struct mm_struct *mm)
{
	struct ring_home *home = kzalloc(sizeof(*home), KARENA_GFP);

	if (!home)
		return ERR_PTR(-ENOMEM);
	ring_home_init(home);
	atomic_inc(&nr_homes);
	return &home->notifier;
}

static void home_free_notifier(struct mmu_notifier *notifier)
{
	struct ring_home *home = container_of(notifier, struct ring_home, notifier);

	kref_put(&home->refs, home_free);
	if (atomic_dec_and_test(&nr_homes))
		wake_up_var(&nr_homes);
}

/* The process is gone. The notifier itself is kept until this is over. */
static void home_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct ring_home *home = container_of(notifier, struct ring_home, notifier);
	struct ring_party *party, *next;

	mutex_lock(&home->lock);
	/* All first: who has many in one ring has it walked over once. */
	list_for_each_entry(party, &home->parties, in_home)
		WRITE_ONCE(party->gone, true);
	list_for_each_entry_safe(party, next, &home->parties, in_home) {
		ring_party_retire(party);
		mmu_notifier_put(notifier);
	}
	mutex_unlock(&home->lock);
}

static const struct mmu_notifier_ops home_ops = {
	.release = home_release,
	.alloc_notifier = home_alloc_notifier,
	.free_notifier = home_free_notifier,
};

/**
 * ring_party_find() - the caller as a party
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: process; any but NMI.
 * Return: the party, which lives as long as the caller's process and @file; NULL
 * if it never was one.
 */
struct ring_party *ring_party_find(struct karena_ring *ring, const struct file *file)
{
	const struct mm_struct *mm = current->mm;
	struct ring_party *party;

	rcu_read_lock();
	hash_for_each_possible_rcu(ring->parties, party, in_ring, party_key(file, mm)) {
		if (party->file == file && party->mm == mm)
			break;
	}
	rcu_read_unlock();
	return party;
}

/**
 * ring_party_add() - a new party
 * @ring:	the ring
 * @home:	its process's
 * @file:	its open file
 * @mm:		its process
 *
 * Context: may sleep; nobody else adds the same one.
 * Return: the party, or -ENOMEM as a pointer.
 */
struct ring_party *ring_party_add(struct karena_ring *ring, struct ring_home *home,
				  const struct file *file, const struct mm_struct *mm)
{
	struct ring_party *party;

	party = kzalloc(sizeof(*party), KARENA_GFP);
	if (!party)
		return ERR_PTR(-ENOMEM);
	party->ring = ring;
	party->home = home;
	party->file = file;
	party->mm = mm;
	if (xa_alloc(&ring->party_ids, &party->id, party, PARTY_IDS, KARENA_GFP)) {
		kfree(party);
		return ERR_PTR(-ENOMEM);
	}

	mutex_lock(&home->lock);
	list_add(&party->in_home, &home->parties);
	mutex_unlock(&home->lock);
	spin_lock(&ring->party_lock);
	hash_add_rcu(ring->parties, &party->in_ring, party_key(file, mm));
	spin_unlock(&ring->party_lock);
	return party;
}
EXPORT_SYMBOL_IF_KUNIT(ring_party_add);

/**
 * ring_party_retire() - a party's process or open file is gone
 * @party:	makes no call any more; gone afterwards
 *
 * Context: may sleep; under home->lock.
 */
void ring_party_retire(struct ring_party *party)
{
	struct karena_ring *ring = party->ring;

	lockdep_assert_held(&party->home->lock);
	WRITE_ONCE(party->gone, true);
	ring_abandon(ring, party);
	xa_erase(&ring->party_ids, party->id);
	list_del(&party->in_home);

	spin_lock(&ring->party_lock);
	if (ring->consumer == party)
		WRITE_ONCE(ring->consumer, NULL);
	hash_del_rcu(&party->in_ring);
	spin_unlock(&ring->party_lock);
	/* From here on the ring may be gone. */
	kfree_rcu(party, rcu);
}
EXPORT_SYMBOL_IF_KUNIT(ring_party_retire);

/*
 * Registering a notifier gives way to whatever is pending for the task. Signals
 * could come faster than the call is made again, so all but a fatal one wait
 * until it is over; so does work that is queued for the task, since io_uring's
 * multishot read, done by such work, would not come again. What is left, to be
 * frozen or traced, is seen to, and then the call is made again.
 */
static struct mmu_notifier *home_get_notifier(struct mm_struct *mm)
{
	struct mmu_notifier *notifier;
	sigset_t others, blocked;
	bool notified;

	siginitsetinv(&others, sigmask(SIGKILL));
	do {
		sigprocmask(SIG_BLOCK, &others, &blocked);
		notified = test_and_clear_thread_flag(TIF_NOTIFY_SIGNAL);
		notifier = mmu_notifier_get_locked(&home_ops, mm);
		if (notified)
			set_thread_flag(TIF_NOTIFY_SIGNAL);
		sigprocmask(SIG_SETMASK, &blocked, NULL);
		if (notifier != ERR_PTR(-EINTR))
			return notifier;
		/* With nothing pending the call would not be made again. */
	} while (!task_sigpending(current));
	return ERR_PTR(-ERESTARTNOINTR);
}

/*
 * All parties of a process are made under its mmap_lock, so that there is one
 * of each, and mmap(), which comes with the lock held, can make one.
 */
static struct ring_party *party_get_locked(struct karena_ring *ring, const struct file *file)
{
	struct mm_struct *mm = current->mm;
	struct mmu_notifier *notifier;
	struct ring_party *party;

	lockdep_assert_held_write(&mm->mmap_lock);
	party = ring_party_find(ring, file);
	if (party)
		return party;

	notifier = home_get_notifier(mm);
	if (IS_ERR(notifier))
		return ERR_CAST(notifier);
	party = ring_party_add(ring, container_of(notifier, struct ring_home, notifier),
			       file, mm);
	if (IS_ERR(party))
		mmu_notifier_put(notifier);
	return party;
}

/**
 * ring_party_get() - the caller as a party, made one if it never was
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: may sleep; takes mmap_lock if it was none.
 * Return: the party; -ENOMEM, -EINTR, -ERESTARTNOINTR, or -EPERM if there is no
 * process, as a pointer.
 */
struct ring_party *ring_party_get(struct karena_ring *ring, const struct file *file)
{
	struct ring_party *party = ring_party_find(ring, file);

	if (party)
		return party;
	if (!current->mm)
		return ERR_PTR(-EPERM);
	if (mmap_write_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	party = party_get_locked(ring, file);
	mmap_write_unlock(current->mm);
	return party;
}

static int take_role(struct karena_ring *ring, struct ring_party *party)
{
	int err = 0;

	if (IS_ERR(party))
		return PTR_ERR(party);
	spin_lock(&ring->party_lock);
	if (!ring->consumer)
		WRITE_ONCE(ring->consumer, party);
	else if (ring->consumer != party)
		err = -EBUSY;
	spin_unlock(&ring->party_lock);
	return err;
}

/* Spares whoever comes too late the making of a party. */
static bool role_is_taken(const struct karena_ring *ring, const struct ring_party *party)
{
	const struct ring_party *consumer = READ_ONCE(ring->consumer);

	return consumer && consumer != party;
}

/**
 * ring_take_role() - the caller becomes the consumer, unless it is
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: may sleep; takes mmap_lock if the caller was no party.
 * Return: 0; -EBUSY if another is; -ENOMEM, -EINTR, -ERESTARTNOINTR, -EPERM.
 */
int ring_take_role(struct karena_ring *ring, const struct file *file)
{
	struct ring_party *party = ring_party_find(ring, file);

	if (party && READ_ONCE(ring->consumer) == party)
		return 0;
	if (role_is_taken(ring, party))
		return -EBUSY;
	return take_role(ring, ring_party_get(ring, file));
}

/**
 * ring_take_role_locked() - the same for mmap()
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: may sleep; under mmap_lock.
 * Return: 0; -EBUSY if another is; -ENOMEM, -ERESTARTNOINTR.
 */
int ring_take_role_locked(struct karena_ring *ring, const struct file *file)
{
	if (role_is_taken(ring, ring_party_find(ring, file)))
		return -EBUSY;
	return take_role(ring, party_get_locked(ring, file));
}

/* Kernel code as the consumer of any ring: without process, file or records. */
static struct ring_party kernel_party;

/**
 * ring_take_role_kernel() - kernel code becomes the consumer, unless it is
 * @ring:	between ring_kernel_begin() and ring_kernel_end()
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if a process is.
 */
int ring_take_role_kernel(struct karena_ring *ring)
{
	return take_role(ring, &kernel_party);
}
EXPORT_SYMBOL_IF_KUNIT(ring_take_role_kernel);

/**
 * ring_kernel_begin() - kernel code begins to use a ring
 * @ring:	the ring
 *
 * Context: may sleep.
 */
void ring_kernel_begin(struct karena_ring *ring)
{
	ring_add_producer(ring);
	spin_lock(&ring->party_lock);
	ring->nr_kernel++;
	spin_unlock(&ring->party_lock);
}
EXPORT_SYMBOL_IF_KUNIT(ring_kernel_begin);

/**
 * ring_kernel_end() - the end of a ring_kernel_begin()
 * @ring:	the ring
 *
 * The last one gives the consumer role back.
 *
 * Context: may sleep.
 */
void ring_kernel_end(struct karena_ring *ring)
{
	spin_lock(&ring->party_lock);
	if (!--ring->nr_kernel && ring->consumer == &kernel_party)
		WRITE_ONCE(ring->consumer, NULL);
	spin_unlock(&ring->party_lock);
	ring_drop_producer(ring);
}
EXPORT_SYMBOL_IF_KUNIT(ring_kernel_end);

/*
 * The home of a party that @file has in @ring, with a reference; NULL: none.
 * While a party is among the ring's, its notifier is kept.
 */
static struct ring_home *home_of_file(struct karena_ring *ring, const struct file *file)
{
	struct ring_home *home = NULL;
	struct ring_party *party;
	int bucket;

	spin_lock(&ring->party_lock);
	hash_for_each(ring->parties, bucket, party, in_ring) {
		if (party->file != file)
			continue;
		home = party->home;
		kref_get(&home->refs);
		break;
	}
	spin_unlock(&ring->party_lock);
	return home;
}

static bool retire_file(struct ring_home *home, const struct karena_ring *ring,
			const struct file *file)
{
	struct ring_party *party;

	lockdep_assert_held(&home->lock);
	list_for_each_entry(party, &home->parties, in_home) {
		if (party->ring == ring && party->file == file) {
			ring_party_retire(party);
			return true;
		}
	}
	return false;
}

/**
 * ring_parties_close() - an open file goes, and its parties with it
 * @ring:	the ring
 * @file:	the open file, in use by nobody
 *
 * Context: may sleep.
 */
void ring_parties_close(struct karena_ring *ring, const struct file *file)
{
	struct ring_home *home;
	bool retired;

	while ((home = home_of_file(ring, file))) {
		mutex_lock(&home->lock);
		retired = retire_file(home, ring, file);
		mutex_unlock(&home->lock);
		if (retired)
			mmu_notifier_put(&home->notifier);
		kref_put(&home->refs, home_free);
		cond_resched();
	}
}

/**
 * ring_exit() - for the module's exit
 *
 * Notifiers are freed by callbacks that run some time after the last file was
 * closed; the module's text must stay until the last of them has returned.
 *
 * Context: may sleep.
 */
void ring_exit(void)
{
	mmu_notifier_synchronize();
	wait_var_event(&nr_homes, !atomic_read(&nr_homes));
	/* They run with softirqs off, for which RCU waits. */
	synchronize_rcu();
}
