// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit: a ladder, up and down.
 */
#include <linux/module.h>

#include "dev.h"
#include "ring.h"
#include "store.h"

static int __init karena_init(void)
{
	int err;

	err = store_module_init();
	if (err)
		return err;
	err = karena_dev_init();
	if (err)
		goto exit_store;
	return 0;

exit_store:
	store_module_exit();
	return err;
}

static void __exit karena_exit(void)
{
	karena_dev_exit();
	ring_exit();
	store_module_exit();
}

module_init(karena_init);
module_exit(karena_exit);

MODULE_DESCRIPTION("Sparse shared-memory arenas and rings of records");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
