// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of all objects, so that each can be found, even one that only a mapping keeps.
 *
 * Objects and open files leave the list under objects_lock, so what is on the list can be
 * looked at under this lock without a reference.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "compat.h"
#include "memory.h"
#include "object_list.h"
#include "objfd.h"

/*
 * Held to look at an object, to remove one, and to change an object's list of open files. Only
 * the xarray's lock nests inside. No memory is allocated under it: who reclaims may take long.
 */
static DEFINE_MUTEX(objects_lock);
/* By id. An id is never used again. */
static DEFINE_XARRAY_FLAGS(objects, XA_FLAGS_ACCOUNT);
static atomic_long_t last_id;

/**
 * karena_list_add() - add a new object to the list
 * @object:	has its inode
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int karena_list_add(struct karena_object *object)
{
	object->id = atomic_long_inc_return(&last_id);
	return xa_insert(&objects, object->id, object, KARENA_GFP);
}

/**
 * karena_list_del() - remove an object
 * @object:	about to be destroyed
 *
 * Context: may sleep.
 */
void karena_list_del(struct karena_object *object)
{
	mutex_lock(&objects_lock);
	xa_erase(&objects, object->id);
	mutex_unlock(&objects_lock);
}

/**
 * karena_list_add_file() - add an open file to those of its object
 * @handle:	of the open file
 * @file:	the open file
 *
 * Context: may sleep.
 */
void karena_list_add_file(struct karena_handle *handle, struct file *file)
{
	mutex_lock(&objects_lock);
	handle->file = file;
	list_add_tail(&handle->opened, &handle->object->files);
	mutex_unlock(&objects_lock);
}

/**
 * karena_list_del_file() - remove an open file that is about to go
 * @handle:	of the open file
 *
 * Context: may sleep.
 */
void karena_list_del_file(struct karena_handle *handle)
{
	mutex_lock(&objects_lock);
	list_del(&handle->opened);
	mutex_unlock(&objects_lock);
}

/*
 * Whoever administrates the machine sees all objects. Others see those of their user, but not
 * from a container in which the creator does not exist.
 */
static bool may_see(const struct karena_object *object, bool sees_all)
{
	return sees_all || (uid_eq(object->uid, current_uid()) && pid_vnr(object->creator));
}

static void count_files(const struct karena_object *object, struct karena_list_entry *entry)
{
	const struct karena_handle *handle;

	list_for_each_entry(handle, &object->files, opened) {
		entry->nr_files++;
		entry->nr_references += file_count(handle->file);
		cond_resched();
	}
}

static void describe(const struct karena_object *object, struct karena_list_entry *entry)
{
	*entry = (struct karena_list_entry) {
		.id = object->id,
		.ino = object->inode->i_ino,
		.kind = object->type->kind,
		.uid = from_kuid_munged(current_user_ns(), object->uid),
		.length = i_size_read(object->inode),
		.bytes = object->type->held_bytes(object),
		.pid = pid_vnr(object->creator),
		.nr_kernel = atomic_read(&object->nr_kernel),
		.nr_parked = atomic_read(&object->nr_parked),
	};
	memcpy(entry->name, object->name, KARENA_NAME_LEN);
	count_files(object, entry);
}

/**
 * karena_list_next() - describe the next object that the caller may see
 * @after:	id of an object, which may be gone; or 0 to begin
 * @entry:	out
 *
 * Context: may sleep.
 * Return: whether there is such an object; if not, @entry is not written. Also false, for a
 * caller that is being killed.
 */
bool karena_list_next(u64 after, struct karena_list_entry *entry)
{
	bool sees_all = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct karena_object *object;
	unsigned long id = after;
	bool found = false;

	do {
		if (mutex_lock_killable(&objects_lock))
			return false;
		object = xa_find_after(&objects, &id, ULONG_MAX, XA_PRESENT);
		found = object && may_see(object, sees_all);
		if (found)
			describe(object, entry);
		mutex_unlock(&objects_lock);
		cond_resched();
	} while (object && !found);
	return found;
}

/**
 * karena_list_exit() - free what the empty list still has
 *
 * An xa_insert() that failed may have left nodes on the way to its object.
 *
 * Context: may sleep; no object is left.
 */
void karena_list_exit(void)
{
	xa_destroy(&objects);
}
