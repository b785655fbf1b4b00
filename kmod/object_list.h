/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of all objects, for KARENA_IOC_LIST.
 */
#ifndef KARENA_OBJECT_LIST_H
#define KARENA_OBJECT_LIST_H

#include <linux/types.h>

struct file;
struct karena_handle;
struct karena_list_entry;
struct karena_object;

int karena_list_add(struct karena_object *object);
void karena_list_del(struct karena_object *object);
void karena_list_add_file(struct karena_handle *handle, struct file *file);
void karena_list_del_file(struct karena_handle *handle);
bool karena_list_next(u64 after, struct karena_list_entry *entry);
void karena_list_exit(void);

#endif /* KARENA_OBJECT_LIST_H */
