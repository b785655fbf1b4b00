// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects as files.
 *
 * Every object has its own inode in a pseudo file system, so that unmap_mapping_range()
 * on the inode reaches the mappings of this object and no others. The object lives as
 * long as one of its open files, on which mappings have references, or as kernel code
 * that has asked for it.
 */
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pid.h>
#include <linux/pseudo_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "account.h"
#include "compat.h"
#include "memory.h"
#include "object_list.h"
#include "objfd.h"
#include "trace_object.h"

static struct vfsmount *objfs_mnt;
static int objfs_pins;

/*
 * Nothing may be executed from an object: mmap() then refuses PROT_EXEC with EPERM and
 * clears VM_MAYEXEC. Later kernels set this for all such file systems.
 */
static int objfs_init_fs_context(struct fs_context *fc)
{
	if (!init_pseudo(fc, KARENA_FS_MAGIC))
		return -ENOMEM;
	fc->s_iflags |= SB_I_NOEXEC;
	return 0;
}

/*
 * With an owner: the superblock holds the module until the last inode is gone, which may
 * be later than the last release().
 */
static struct file_system_type objfs_type = {
	.name = "karena",
	.owner = THIS_MODULE,
	.init_fs_context = objfs_init_fs_context,
	.kill_sb = kill_anon_super,
};

/**
 * karena_objfs_pin() - keep the pseudo file system mounted
 *
 * The first pin mounts it and the last unpin unmounts it. It cannot stay mounted for the
 * module's life: a mount holds the module, which could never be unloaded then.
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int karena_objfs_pin(void)
{
	return simple_pin_fs(&objfs_type, &objfs_mnt, &objfs_pins);
}

void karena_objfs_unpin(void)
{
	simple_release_fs(&objfs_mnt, &objfs_pins);
}

/* Size of an object from one of the kernel's caches, with its memory cgroup's pointer. */
#define CACHE_BYTES(size)	(L1_CACHE_ALIGN(size) + sizeof(void *))

/* Memory of an open file. */
#define FILE_BYTES		(CACHE_BYTES(sizeof(struct file)) + \
				 CACHE_BYTES(sizeof(struct dentry)) + \
				 KARENA_SLAB_BYTES(sizeof(struct karena_handle)))

/*
 * Returns the memory of an object, without what its kind charges as it grows: as if the creator's
 * process was gone, and no other object shared the node in the list of objects.
 */
static unsigned long object_bytes(const struct karena_object_type *type)
{
	return type->bytes + CACHE_BYTES(sizeof(struct inode)) + CACHE_BYTES(sizeof(struct pid)) +
	       CACHE_BYTES(sizeof(struct xa_node)) +
	       nr_cpu_ids * (type->percpu_bytes + sizeof(void *));
}

/**
 * karena_object_init() - set up the common part of a new object
 * @object:	zeroed
 * @type:	its kind
 * @name:	KARENA_NAME_LEN bytes, from the caller of create
 *
 * Undone by karena_object_fini(), or handed over by karena_object_publish().
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if the name has no NUL, bytes after the NUL, or characters that
 * are not printable; -EDQUOT, -ENOMEM.
 */
int karena_object_init(struct karena_object *object,
		       const struct karena_object_type *type, const char *name)
{
	size_t len = strnlen(name, KARENA_NAME_LEN);
	size_t i;
	int err;

	if (len == KARENA_NAME_LEN || memchr_inv(name + len, 0, KARENA_NAME_LEN - len))
		return -EINVAL;
	/* Names appear in /proc/PID/maps and fdinfo: no line ends, no escapes. */
	for (i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return -EINVAL;
	}

	object->account = karena_account_get();
	if (IS_ERR(object->account))
		return PTR_ERR(object->account);
	err = karena_account_charge(object->account, object_bytes(type));
	if (err) {
		karena_account_put(object->account);
		return err;
	}
	object->type = type;
	INIT_LIST_HEAD(&object->files);
	object->creator = get_pid(task_tgid(current));
	object->uid = current_uid();
	memcpy(object->name, name, KARENA_NAME_LEN);
	return 0;
}

/**
 * karena_object_fini() - undo karena_object_init()
 * @object:	not published, or its last open file is gone
 *
 * Context: may sleep.
 */
void karena_object_fini(struct karena_object *object)
{
	put_pid(object->creator);
	karena_account_uncharge(object->account, object_bytes(object->type));
	karena_account_put(object->account);
}

/*
 * Makes a new open file on @object. Takes over one of object->users and a reference on
 * the inode; on failure the caller keeps both.
 */
static struct file *object_open(struct karena_object *object, u32 rights)
{
	const struct karena_object_type *type = object->type;
	struct karena_handle *handle;
	struct file *file;
	char label[32 + KARENA_NAME_LEN];
	int err;

	err = karena_account_charge(object->account, FILE_BYTES);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	handle = kzalloc(sizeof(*handle), KARENA_GFP);
	if (!handle)
		goto uncharge;
	handle->object = object;
	handle->rights = rights;
	INIT_HLIST_HEAD(&handle->parties);

	err = karena_objfs_pin();
	if (err)
		goto free_handle;

	scnprintf(label, sizeof(label), "karena-%s:%s", type->name, object->name);
	__module_get(type->fops->owner);	/* put by the file when it goes */
	file = alloc_file_pseudo(object->inode, objfs_mnt, label, O_RDWR, type->fops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto put_module;
	}
	file->private_data = handle;
	karena_list_add_file(handle, file);
	if (type->opened)
		type->opened(file);
	return file;

put_module:
	module_put(type->fops->owner);
	karena_objfs_unpin();
free_handle:
	kfree(handle);
uncharge:
	karena_account_uncharge(object->account, FILE_BYTES);
	return ERR_PTR(err);
}

/*
 * Size, owner and mode cannot change: rights belong to the open file. As a ring is no
 * regular file, the kernel already refuses to change its size, with the same error.
 */
static int object_setattr(struct karena_mnt_idmap *idmap, struct dentry *dentry,
			  struct iattr *attr)
{
	return attr->ia_valid & ATTR_SIZE ? -EINVAL : -EPERM;
}

static const struct inode_operations object_inode_ops = {
	.setattr = object_setattr,
};

static struct inode *object_inode(struct karena_object *object, loff_t length)
{
	struct inode *inode;

	inode = alloc_anon_inode(objfs_mnt->mnt_sb);
	if (!IS_ERR(inode)) {
		inode->i_mode |= object->type->mode;
		inode->i_op = &object_inode_ops;
		i_size_write(inode, length);
	}
	return inode;
}

/**
 * karena_object_publish() - give a finished object its first fd
 * @object:	ready for use by any process
 * @length:	size that the inode shows, bytes
 *
 * The last step of create: nothing can fail after it. On success the open files own the
 * object.
 *
 * Context: may sleep.
 * Return: an fd of the calling process; or -EMFILE, -ENFILE, -EDQUOT, -ENOMEM, and the
 * caller still owns the object.
 */
int karena_object_publish(struct karena_object *object, loff_t length)
{
	struct inode *inode;
	struct file *file;
	int fd, err;

	/* The inode and the file must be in the same mount. */
	err = karena_objfs_pin();
	if (err)
		return err;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		goto unpin;
	}

	inode = object_inode(object, length);
	err = PTR_ERR_OR_ZERO(inode);
	if (err)
		goto put_fd;
	object->inode = inode;
	refcount_set(&object->users, 1);
	err = karena_list_add(object);
	if (err)
		goto put_inode;

	file = object_open(object, object->type->rights);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto unlist;
	/* Trace before the fd is there, as another thread may close it at once. */
	trace_karena_object_create(object);
	fd_install(fd, file);
	/* From here on the open file's own pin keeps the file system mounted. */
	goto unpin;

unlist:
	karena_list_del(object);
put_inode:
	object->inode = NULL;
	iput(inode);
put_fd:
	put_unused_fd(fd);
unpin:
	karena_objfs_unpin();
	return err ?: fd;
}

/**
 * karena_object_reopen() - make a second open file on an object
 * @handle:	the open file that was asked
 * @rights:	KARENA_RIGHT_* of the new one
 *
 * Context: may sleep.
 * Return: an fd of the calling process; -EPERM if @handle lacks one of @rights;
 * -EINVAL for rights of another kind of object; -EMFILE, -ENFILE, -EDQUOT, -ENOMEM.
 */
int karena_object_reopen(struct karena_handle *handle, u32 rights)
{
	struct karena_object *object = handle->object;
	struct file *file;
	int fd;

	if (rights & ~object->type->rights)
		return -EINVAL;
	if (!karena_may(handle, rights))
		return -EPERM;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	/* @handle's own reference keeps the count above zero. */
	refcount_inc(&object->users);
	ihold(object->inode);
	file = object_open(object, rights);
	if (IS_ERR(file)) {
		iput(object->inode);
		refcount_dec(&object->users);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

/**
 * karena_object_restrict() - take rights from an open file for good
 * @handle:	the open file
 * @rights:	KARENA_RIGHT_* to keep
 *
 * Calls under way on other CPUs may still have read the earlier rights.
 *
 * Context: any.
 */
void karena_object_restrict(struct karena_handle *handle, u32 rights)
{
	const struct karena_object_type *type = handle->object->type;
	u32 old = READ_ONCE(handle->rights);

	while (!try_cmpxchg(&handle->rights, &old, old & rights))
		;
	if (type->cut)
		type->cut(handle->object, old & ~rights);
}

/**
 * karena_object_get() - get an object by a fd of the calling process
 * @fd:		of the calling process
 * @type:	kind of object
 * @rights:	KARENA_RIGHT_* that the open file must have
 *
 * Context: may sleep.
 * Return: the object, for karena_object_put(); or an ERR_PTR(): -EBADF if @fd is not
 * open, -ENOTTY if it is not of this kind, -EPERM, or errors of mounting.
 */
struct karena_object *karena_object_get(int fd, const struct karena_object_type *type,
					u32 rights)
{
	struct karena_object *object;
	struct file *file = fget(fd);
	int err;

	if (!file)
		return ERR_PTR(-EBADF);
	/* Only files with these operations have a handle in private_data. */
	err = -ENOTTY;
	if (file->f_op != type->fops)
		goto put_file;
	err = -EPERM;
	if (!karena_may(karena_file_handle(file), rights))
		goto put_file;
	err = karena_objfs_pin();
	if (err)
		goto put_file;

	object = karena_file_handle(file)->object;
	refcount_inc(&object->users);
	atomic_inc(&object->nr_kernel);
	ihold(object->inode);
	fput(file);
	return object;

put_file:
	fput(file);
	return ERR_PTR(err);
}

/* The caller still has its reference on the inode. */
static void drop_user(struct karena_object *object)
{
	if (!refcount_dec_and_test(&object->users))
		return;
	trace_karena_object_destroy(object);
	karena_list_del(object);
	object->type->destroy(object);
}

/**
 * karena_object_put() - put an object of karena_object_get()
 * @object:	must not be used any more
 *
 * Context: may sleep.
 */
void karena_object_put(struct karena_object *object)
{
	struct inode *inode = object->inode;

	atomic_dec(&object->nr_kernel);
	drop_user(object);
	/* Without a file only the pin keeps the inode's file system mounted. */
	iput(inode);
	karena_objfs_unpin();
}

/**
 * karena_object_release() - release an open file of an arena or ring
 * @inode:	the object's
 * @file:	the open file that goes
 *
 * Context: may sleep.
 * Return: 0.
 */
int karena_object_release(struct inode *inode, struct file *file)
{
	struct karena_handle *handle = karena_file_handle(file);
	struct karena_object *object = handle->object;

	if (object->type->closed)
		object->type->closed(object, file);
	karena_list_del_file(handle);
	kfree(handle);
	karena_account_uncharge(object->account, FILE_BYTES);
	drop_user(object);
	/* The file puts the inode after this. */
	karena_objfs_unpin();
	return 0;
}

/**
 * karena_object_show_fdinfo() - print fdinfo of an open file of an arena or ring
 * @m:		/proc/PID/fdinfo/FD
 * @file:	the open file shown
 *
 * Context: may sleep.
 */
void karena_object_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct karena_handle *handle = karena_file_handle(file);
	struct karena_object *object = handle->object;

	seq_printf(m, "karena-type:\t%s\n", object->type->name);
	seq_printf(m, "karena-name:\t%s\n", object->name);
	seq_printf(m, "karena-rights:\t0x%x\n", READ_ONCE(handle->rights));
	object->type->show(object, m);
}
