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
 * What tells of a process's end is registered once, by the first call by which the process
 * becomes a party anywhere, and stays until then. It takes all locks of the process's
 * mappings, for which it needs long where there are many; so ->mmap registers nobody. It
 * gives way to signals, of which there may be always one; so a kernel thread does it.
 *
 * Nothing lighter tells all that is needed. ->flush runs whenever any duplicate is closed,
 * a file in the process's table or a pidfd tell nothing of exec, and a mapping that is made
 * for its ->close ends when the user unmaps it, or after all other memory was freed.
 *
 * The two ends may come at once. Both take home->lock, and whoever finds the party
 * in home->parties ends it. What closes a file waits for that lock before it lets
 * the ring go; the last thing that the other does to the ring is to take the party
 * off the file's, without which closing goes on.
 */
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/rhashtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "memory.h"
#include "ring.h"
#include "ring_party.h"

#define PARTY_IDS	XA_LIMIT(RECORD_OWNER_COPY + 1, RECORD_OWNER_MAX)

/* Homes whose notifier is not freed yet: its functions are the module's. */
static atomic_t nr_homes = ATOMIC_INIT(0);

/* Registers processes. */
static struct workqueue_struct *registrar;

static u32 hash_home(const void *data, u32 length, u32 seed)
{
	return hash_ptr(*(void *const *)data, 32) ^ seed;
}

static u32 hash_party(const void *data, u32 length, u32 seed)
{
	const struct ring_party_key *key = data;

	return hash_long((unsigned long)key->file ^ (unsigned long)key->mm << 1, 32) ^ seed;
}

/* Processes that are parties, or have been. */
static DEFINE_MUTEX(homes_lock);
static LIST_HEAD(homes_list);
static struct rhashtable homes;
static const struct rhashtable_params homes_params = {
	.key_len = sizeof(void *),
	.key_offset = offsetof(struct ring_home, mm),
	.head_offset = offsetof(struct ring_home, by_mm),
	.hashfn = hash_home,
	.automatic_shrinking = true,
};

/* Parties of all rings; looked up under RCU. */
static struct rhashtable parties;
static const struct rhashtable_params parties_params = {
	.key_len = sizeof(struct ring_party_key),
	.key_offset = offsetof(struct ring_party, key),
	.head_offset = offsetof(struct ring_party, in_parties),
	.hashfn = hash_party,
	.automatic_shrinking = true,
};

/**
 * ring_homes_init() - nobody is a party
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int ring_homes_init(void)
{
	int err = -ENOMEM;

	registrar = alloc_workqueue("karena", WQ_UNBOUND, 0);
	if (!registrar)
		return err;
	err = rhashtable_init(&homes, &homes_params);
	if (err)
		goto destroy_registrar;
	err = rhashtable_init(&parties, &parties_params);
	if (err)
		goto destroy_homes;
	return 0;

destroy_homes:
	rhashtable_destroy(&homes);
destroy_registrar:
	destroy_workqueue(registrar);
	return err;
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
	WARN_ON_ONCE(!xa_empty(&ring->party_ids));
	xa_destroy(&ring->party_ids);
}

/**
 * ring_home_init() - a home without parties
 * @home:	zeroed
 * @mm:		the process
 *
 * Context: any.
 */
void ring_home_init(struct ring_home *home, const struct mm_struct *mm)
{
	home->mm = mm;
	kref_init(&home->refs);
	mutex_init(&home->lock);
	INIT_LIST_HEAD(&home->in_homes);
	INIT_LIST_HEAD(&home->parties);
}
EXPORT_SYMBOL_IF_KUNIT(ring_home_init);

static void home_free(struct kref *refs)
{
	struct ring_home *home = container_of(refs, struct ring_home, refs);

	mutex_destroy(&home->lock);
	kfree(home);
}

static void home_free_notifier(struct mmu_notifier *notifier)
{
	struct ring_home *home = container_of(notifier, struct ring_home, notifier);

	kref_put(&home->refs, home_free);
	if (atomic_dec_and_test(&nr_homes))
		wake_up_var(&nr_homes);
}

/* Of a process that is gone, or was not registered; or the module goes. Once. */
static void home_leave(struct ring_home *home)
{
	lockdep_assert_held(&homes_lock);
	if (list_empty(&home->in_homes))
		return;
	list_del_init(&home->in_homes);
	rhashtable_remove_fast(&homes, &home->by_mm, homes_params);
	if (home->registered)
		mmu_notifier_put(&home->notifier);
	kref_put(&home->refs, home_free);
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
	list_for_each_entry_safe(party, next, &home->parties, in_home)
		ring_party_retire(party);
	mutex_unlock(&home->lock);

	mutex_lock(&homes_lock);
	home_leave(home);
	mutex_unlock(&homes_lock);
}

static const struct mmu_notifier_ops home_ops = {
	.release = home_release,
	.free_notifier = home_free_notifier,
};

/**
 * ring_party_find() - find the party that the caller is
 * @file:	the open file of a ring that the call came by
 *
 * Context: process; any but NMI.
 * Return: the party, which lives as long as the caller's process and @file; NULL
 * if the caller never was one.
 */
struct ring_party *ring_party_find(const struct file *file)
{
	struct ring_party_key key = { .file = file, .mm = current->mm };
	struct hlist_head *list = &karena_file_handle(file)->parties;
	struct ring_party *party;

	rcu_read_lock();
	/* Few files are used by more than one process. */
	party = hlist_entry_safe(rcu_dereference(hlist_first_rcu(list)), struct ring_party,
				 in_file);
	if (party && party->key.mm != key.mm)
		party = rhashtable_lookup(&parties, &key, parties_params);
	rcu_read_unlock();
	return party;
}

/**
 * ring_party_add() - a new party
 * @ring:	the ring
 * @home:	its process's
 * @file:	its open file
 *
 * Context: may sleep; under home->lock.
 * Return: the party, or -ENOMEM as a pointer.
 */
struct ring_party *ring_party_add(struct karena_ring *ring, struct ring_home *home,
				  const struct file *file)
{
	struct ring_party *party;

	lockdep_assert_held(&home->lock);
	party = kzalloc(sizeof(*party), KARENA_GFP);
	if (!party)
		return ERR_PTR(-ENOMEM);
	party->ring = ring;
	party->home = home;
	party->key.file = file;
	party->key.mm = home->mm;
	INIT_HLIST_NODE(&party->in_file);
	if (xa_alloc(&ring->party_ids, &party->id, party, PARTY_IDS, KARENA_GFP))
		goto free_party;
	if (rhashtable_insert_fast(&parties, &party->in_parties, parties_params))
		goto erase_id;
	list_add(&party->in_home, &home->parties);
	return party;

erase_id:
	xa_erase(&ring->party_ids, party->id);
free_party:
	/* Others may have found it by its number. */
	kfree_rcu(party, rcu);
	return ERR_PTR(-ENOMEM);
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

	rhashtable_remove_fast(&parties, &party->in_parties, parties_params);

	spin_lock(&ring->party_lock);
	if (ring->consumer == party)
		WRITE_ONCE(ring->consumer, NULL);
	hlist_del_init_rcu(&party->in_file);
	spin_unlock(&ring->party_lock);
	/* From here on the ring may be gone. */
	kfree_rcu(party, rcu);
}
EXPORT_SYMBOL_IF_KUNIT(ring_party_retire);

/* A process to be registered, by a kernel thread. */
struct registering {
	struct work_struct work;
	struct ring_home *home;
	struct mm_struct *mm;
	int err;
};

static void register_home(struct work_struct *work)
{
	struct registering *r = container_of(work, struct registering, work);

	r->err = mmu_notifier_register(&r->home->notifier, r->mm);
}

/* Under home->lock. */
static int home_register(struct ring_home *home)
{
	struct registering r = { .home = home, .mm = current->mm };

	lockdep_assert_held(&home->lock);
	if (home->registered)
		return 0;
	/* It could not be for another thread, and has left. */
	if (list_empty(&home->in_homes))
		return -ENOMEM;
	atomic_inc(&nr_homes);
	kref_get(&home->refs);
	INIT_WORK_ONSTACK(&r.work, register_home);
	queue_work(registrar, &r.work);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	home->registered = !r.err;
	if (!r.err)
		return 0;

	home_free_notifier(&home->notifier);
	mutex_lock(&homes_lock);
	home_leave(home);
	mutex_unlock(&homes_lock);
	return r.err;
}

/* Returns the caller's home, with a reference, or -ENOMEM as a pointer. */
static struct ring_home *home_get(void)
{
	const struct mm_struct *mm = current->mm;
	struct ring_home *home;

	mutex_lock(&homes_lock);
	home = rhashtable_lookup_fast(&homes, &mm, homes_params);
	if (home)
		goto found;
	home = kzalloc(sizeof(*home), KARENA_GFP);
	if (!home)
		goto no_memory;
	ring_home_init(home, mm);
	home->notifier.ops = &home_ops;
	if (rhashtable_insert_fast(&homes, &home->by_mm, homes_params)) {
		kfree(home);
		goto no_memory;
	}
	list_add(&home->in_homes, &homes_list);
found:
	kref_get(&home->refs);
	mutex_unlock(&homes_lock);
	return home;

no_memory:
	mutex_unlock(&homes_lock);
	return ERR_PTR(-ENOMEM);
}

/* Under home->lock: nobody else of the process makes a party. */
static struct ring_party *party_get_locked(struct karena_ring *ring, struct ring_home *home,
					   const struct file *file)
{
	struct ring_party *party = ring_party_find(file);
	int err;

	if (party)
		return party;
	err = home_register(home);
	if (err)
		return ERR_PTR(err);
	party = ring_party_add(ring, home, file);
	if (IS_ERR(party))
		return party;
	spin_lock(&ring->party_lock);
	hlist_add_head_rcu(&party->in_file, &karena_file_handle(file)->parties);
	spin_unlock(&ring->party_lock);
	return party;
}

/**
 * ring_party_get() - the caller as a party, made one if it never was
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: may sleep, for long in a process of many mappings that never was one.
 * Return: the party; -ENOMEM, or -EPERM if there is no process, as a pointer.
 */
struct ring_party *ring_party_get(struct karena_ring *ring, const struct file *file)
{
	struct ring_party *party = ring_party_find(file);
	struct ring_home *home;

	if (party)
		return party;
	if (!current->mm)
		return ERR_PTR(-EPERM);
	home = home_get();
	if (IS_ERR(home))
		return ERR_CAST(home);
	mutex_lock(&home->lock);
	party = party_get_locked(ring, home, file);
	mutex_unlock(&home->lock);
	kref_put(&home->refs, home_free);
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
 * Context: may sleep.
 * Return: 0; -EBUSY if another is; -ENOMEM, -EPERM.
 */
int ring_take_role(struct karena_ring *ring, const struct file *file)
{
	struct ring_party *party = ring_party_find(file);

	if (party && READ_ONCE(ring->consumer) == party)
		return 0;
	if (role_is_taken(ring, party))
		return -EBUSY;
	return take_role(ring, ring_party_get(ring, file));
}

/**
 * ring_has_role() - check whether the caller is the consumer
 * @ring:	the ring
 * @file:	the open file it came by
 *
 * Context: process; any but NMI.
 * Return: 0; -EBUSY if another is; -EPERM if nobody is.
 */
int ring_has_role(struct karena_ring *ring, const struct file *file)
{
	const struct ring_party *consumer = READ_ONCE(ring->consumer);

	if (!consumer)
		return -EPERM;
	return consumer == ring_party_find(file) ? 0 : -EBUSY;
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

/* The home of a party that @file has, with a reference; NULL: none. */
static struct ring_home *home_of_file(struct karena_ring *ring, struct karena_handle *handle)
{
	struct ring_home *home = NULL;

	spin_lock(&ring->party_lock);
	if (!hlist_empty(&handle->parties)) {
		home = hlist_entry(handle->parties.first, struct ring_party, in_file)->home;
		kref_get(&home->refs);
	}
	spin_unlock(&ring->party_lock);
	return home;
}

/* The party of that process; NULL: it went with its process. While the lock is held it stays. */
static struct ring_party *party_of_home(struct karena_ring *ring, struct karena_handle *handle,
					const struct ring_home *home)
{
	struct ring_party *party = NULL;

	lockdep_assert_held(&home->lock);
	spin_lock(&ring->party_lock);
	if (!hlist_empty(&handle->parties))
		party = hlist_entry(handle->parties.first, struct ring_party, in_file);
	spin_unlock(&ring->party_lock);
	return party && party->home == home ? party : NULL;
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
	struct karena_handle *handle = karena_file_handle(file);
	struct ring_party *party;
	struct ring_home *home;

	while ((home = home_of_file(ring, handle))) {
		mutex_lock(&home->lock);
		party = party_of_home(ring, handle, home);
		if (party)
			ring_party_retire(party);
		mutex_unlock(&home->lock);
		kref_put(&home->refs, home_free);
		cond_resched();
	}
}

/**
 * ring_homes_exit() - stop watching all processes, when the module is unloaded
 *
 * Notifiers are freed by callbacks that run some time after the last file was
 * closed; the module's text must stay until the last of them has returned.
 *
 * Context: may sleep.
 */
void ring_homes_exit(void)
{
	struct ring_home *home, *next;

	mutex_lock(&homes_lock);
	list_for_each_entry_safe(home, next, &homes_list, in_homes)
		home_leave(home);
	mutex_unlock(&homes_lock);
	mmu_notifier_synchronize();
	wait_var_event(&nr_homes, !atomic_read(&nr_homes));
	/* They run with softirqs off, for which RCU waits. */
	synchronize_rcu();
	rhashtable_destroy(&parties);
	rhashtable_destroy(&homes);
	destroy_workqueue(registrar);
}
