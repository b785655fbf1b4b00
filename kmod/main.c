// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "dev.h"
#include "object_list.h"
#include "ring_party.h"

static int __init karena_init(void)
{
	int ret = ring_homes_init();

	if (ret)
		return ret;
	ret = karena_dev_init();
	if (ret) {
		ring_homes_exit();
		return ret;
	}
	pr_info("version " KARENA_VERSION "\n");
	return 0;
}

static void __exit karena_exit(void)
{
	karena_dev_exit();
	ring_homes_exit();
	karena_list_exit();
}

module_init(karena_init);
module_exit(karena_exit);

MODULE_DESCRIPTION("Sparse shared-memory arenas and rings of records");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(KARENA_VERSION);
