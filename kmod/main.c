// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit.
 */
#include <linux/module.h>

#include "dev.h"
#include "ranges.h"
#include "ring.h"

static int __init karena_init(void)
{
	int err;

	err = ranges_setup();
	if (err)
		return err;
	err = karena_dev_init();
	if (err)
		ranges_teardown();
	return err;
}

static void __exit karena_exit(void)
{
	karena_dev_exit();
	ring_exit();
	ranges_teardown();
}

module_init(karena_init);
module_exit(karena_exit);

MODULE_DESCRIPTION("Sparse shared-memory arenas and rings of records");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
