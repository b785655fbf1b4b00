// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits the bytes of memory that all objects of a user take together.
 *
 * An object's memory is charged to the user who created the object, whoever populates it. So
 * what was charged is uncharged exactly, whichever process closes the object last. (The page
 * allocator charges the memory cgroup of the task that populates.)
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "account.h"
#include "compat.h"
#include "memory.h"

static unsigned long user_max_bytes;
module_param(user_max_bytes, ulong, 0644);
MODULE_PARM_DESC(user_max_bytes,
		 "Bytes that all objects of one user may take; 0 (default): a quarter of what is not movable");

/**
 * struct karena_account - memory of one user's objects
 * @node:	in accounts, under accounts_lock
 * @uid:	the user; fixed
 * @users:	number of references, one for each object, under accounts_lock
 * @bytes:	charged bytes; changed without a lock
 */
struct karena_account {
	struct hlist_node node;
	kuid_t uid;
	unsigned long users;
	atomic_long_t bytes;
};

/* Protects accounts, and @users of each account. No lock of the module nests inside. */
static DEFINE_MUTEX(accounts_lock);
static DEFINE_HASHTABLE(accounts, 6);

/* The limit if user_max_bytes is 0. Written under accounts_lock. */
static unsigned long default_bytes;

/* Updates the default limit, as memory may come and go; for each new object and query. */
static void update_default(void)
{
	lockdep_assert_held(&accounts_lock);
	WRITE_ONCE(default_bytes, karena_memory_unmovable() / 4 << PAGE_SHIFT);
}

static unsigned long limit_bytes(void)
{
	return READ_ONCE(user_max_bytes) ?: READ_ONCE(default_bytes);
}

static struct karena_account *account_find(kuid_t uid)
{
	struct karena_account *account;

	lockdep_assert_held(&accounts_lock);
	hash_for_each_possible(accounts, account, node, __kuid_val(uid)) {
		if (uid_eq(account->uid, uid))
			return account;
	}
	return NULL;
}

/* Does not audit: each user who creates an object is asked for the capability. */
static bool is_exempt(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
}

/**
 * karena_account_get() - get the account to charge for the caller's new object
 *
 * Context: may sleep.
 * Return: a reference; NULL if the caller is exempt from the limit; or an ERR_PTR():
 * -ENOMEM.
 */
struct karena_account *karena_account_get(void)
{
	struct karena_account *account;

	if (is_exempt())
		return NULL;

	mutex_lock(&accounts_lock);
	update_default();
	account = account_find(current_uid());
	if (!account) {
		account = kzalloc(sizeof(*account), KARENA_GFP);
		if (!account) {
			account = ERR_PTR(-ENOMEM);
			goto unlock;
		}
		account->uid = current_uid();
		hash_add(accounts, &account->node, __kuid_val(account->uid));
	}
	account->users++;
unlock:
	mutex_unlock(&accounts_lock);
	return account;
}

/**
 * karena_account_put() - give back a reference of karena_account_get()
 * @account: may be NULL
 *
 * Context: may sleep.
 */
void karena_account_put(struct karena_account *account)
{
	if (!account)
		return;

	mutex_lock(&accounts_lock);
	if (!--account->users) {
		WARN_ON_ONCE(atomic_long_read(&account->bytes));
		hash_del(&account->node);
		kfree(account);
	}
	mutex_unlock(&accounts_lock);
}

/**
 * karena_account_charge() - charge memory that is about to be allocated
 * @account:	may be NULL: exempt
 * @bytes:	number of bytes
 *
 * Context: any.
 * Return: 0, or -EDQUOT with nothing charged.
 */
int karena_account_charge(struct karena_account *account, unsigned long bytes)
{
	unsigned long limit = limit_bytes();
	unsigned long old;

	if (!account)
		return 0;
	old = atomic_long_read(&account->bytes);
	do {
		if (old > limit || bytes > limit - old)
			return -EDQUOT;
	} while (!atomic_long_try_cmpxchg(&account->bytes, (long *)&old, old + bytes));
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(karena_account_charge);

/**
 * karena_account_force() - charge memory, ignoring the limit
 * @account:	may be NULL
 * @bytes:	number of bytes
 *
 * Context: any.
 */
void karena_account_force(struct karena_account *account, unsigned long bytes)
{
	if (account)
		atomic_long_add(bytes, &account->bytes);
}

/**
 * karena_account_uncharge() - uncharge memory that was given back
 * @account:	may be NULL
 * @bytes:	number of bytes
 *
 * Context: any.
 */
void karena_account_uncharge(struct karena_account *account, unsigned long bytes)
{
	if (account)
		atomic_long_sub(bytes, &account->bytes);
}
EXPORT_SYMBOL_IF_KUNIT(karena_account_uncharge);

/**
 * karena_account_limit_bytes() - get the limit of each user
 *
 * Context: may sleep.
 * Return: bytes.
 */
u64 karena_account_limit_bytes(void)
{
	mutex_lock(&accounts_lock);
	update_default();
	mutex_unlock(&accounts_lock);
	return limit_bytes();
}

/**
 * karena_account_left() - get how much can still be charged to an account
 * @account:	may be NULL
 *
 * Context: any.
 * Return: bytes, or ULONG_MAX without an account.
 */
unsigned long karena_account_left(struct karena_account *account)
{
	unsigned long limit = limit_bytes();
	unsigned long held;

	if (!account)
		return ULONG_MAX;
	held = atomic_long_read(&account->bytes);
	return held < limit ? limit - held : 0;
}

/**
 * karena_account_left_bytes() - get how much can still be charged to the caller's user
 *
 * Context: may sleep.
 * Return: bytes, or U64_MAX if the caller is exempt.
 */
u64 karena_account_left_bytes(void)
{
	struct karena_account *account;
	unsigned long left;

	if (is_exempt())
		return U64_MAX;

	mutex_lock(&accounts_lock);
	update_default();
	account = account_find(current_uid());
	left = account ? karena_account_left(account) : limit_bytes();
	mutex_unlock(&accounts_lock);
	return left;
}
EXPORT_SYMBOL_IF_KUNIT(karena_account_left_bytes);
