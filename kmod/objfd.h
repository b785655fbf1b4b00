/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects as files: arenas and rings, their inodes, their open files and rights. Entry
 * points and objects share this.
 */
#ifndef KARENA_OBJFD_H
#define KARENA_OBJFD_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/karena_kapi.h>

struct karena_account;
struct karena_handle;
struct karena_object;
struct seq_file;

/**
 * struct karena_object_type - differences between arenas and rings here
 * @name:	of the kind, for people
 * @kind:	KARENA_KIND_*
 * @mode:	file type bits of the inode, 0 for none
 * @rights:	KARENA_RIGHT_* that an open file of this kind can have
 * @bytes:	memory of an object of this kind itself
 * @percpu_bytes: likewise, for each CPU
 * @fops:	of its open files
 * @opened:	called for a new open file before anybody has it; optional
 * @cut:	called when an open file has lost these KARENA_RIGHT_*; optional
 * @closed:	called when an open file goes; optional. May sleep
 * @destroy:	frees the object when the last user, hence the last mapping, is gone. May
 *		sleep
 * @held_bytes:	returns the memory of the pages that an object holds; takes no lock
 * @show:	prints lines of fdinfo
 */
struct karena_object_type {
	const char *name;
	u32 kind;
	umode_t mode;
	u32 rights;
	unsigned long bytes;
	unsigned long percpu_bytes;
	const struct file_operations *fops;
	void (*opened)(struct file *file);
	void (*cut)(struct karena_object *object, u32 rights);
	void (*closed)(struct karena_object *object, struct file *file);
	void (*destroy)(struct karena_object *object);
	u64 (*held_bytes)(const struct karena_object *object);
	void (*show)(struct karena_object *object, struct seq_file *m);
};

/*
 * Limits the io_uring commands that wait on an object: a wake-up walks over all of them
 * with a lock held and interrupts off.
 */
#define KARENA_PARKED_MAX	1024

/**
 * struct karena_object - common part of arenas and rings
 * @type:	fixed after init
 * @account:	charged for the object; fixed after init, one reference
 * @inode:	fixed once published; each of @users holds a reference
 * @users:	open files, on which mappings hold references, and kernel code. The last
 *		one destroys the object
 * @nr_kernel:	those of @users that are kernel code
 * @nr_parked:	io_uring commands that wait, up to KARENA_PARKED_MAX
 * @id:		no other object has had it; fixed once published
 * @files:	open files, under the lock of object_list.c
 * @creator:	the process; fixed after init, one reference
 * @uid:	the user who created the object; fixed after init
 * @name:	fixed after init, NUL-terminated
 */
struct karena_object {
	const struct karena_object_type *type;
	struct karena_account *account;
	struct inode *inode;
	refcount_t users;
	atomic_t nr_kernel;
	atomic_t nr_parked;
	unsigned long id;
	struct list_head files;
	struct pid *creator;
	kuid_t uid;
	char name[KARENA_NAME_LEN];
};

/**
 * struct karena_handle - an open file, in its private_data
 * @object:	fixed; the open file keeps it alive
 * @rights:	KARENA_RIGHT_*; only ever reduced, read once per call
 * @file:	the open file itself; fixed
 * @opened:	in @files of the object
 * @polled_records_only: of a ring: a poller has queued for records, and not for space
 * @polled_space_only: likewise, the other way round
 * @parties:	of a ring, see ring_party.c
 */
struct karena_handle {
	struct karena_object *object;
	u32 rights;
	struct file *file;
	struct list_head opened;
	bool polled_records_only;
	bool polled_space_only;
	struct hlist_head parties;
};

static inline struct karena_handle *karena_file_handle(const struct file *file)
{
	return file->private_data;
}

/* Identifies the object in tracepoints; 0 before it is published. */
static inline unsigned long karena_object_ino(const struct karena_object *object)
{
	return object->inode ? object->inode->i_ino : 0;
}

static inline bool karena_may(const struct karena_handle *handle, u32 rights)
{
	return (READ_ONCE(handle->rights) & rights) == rights;
}

/* The pseudo file system is mounted while there is a device fd or an object. */
int karena_objfs_pin(void);
void karena_objfs_unpin(void);

int karena_object_init(struct karena_object *object,
		       const struct karena_object_type *type, const char *name);
void karena_object_fini(struct karena_object *object);
int karena_object_publish(struct karena_object *object, loff_t length);
int karena_object_reopen(struct karena_handle *handle, u32 rights);
void karena_object_restrict(struct karena_handle *handle, u32 rights);

struct karena_object *karena_object_get(int fd, const struct karena_object_type *type,
					u32 rights);
void karena_object_put(struct karena_object *object);

/* File operations of both kinds. */
int karena_object_release(struct inode *inode, struct file *file);
void karena_object_show_fdinfo(struct seq_file *m, struct file *file);

#endif /* KARENA_OBJFD_H */
