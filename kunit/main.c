// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites need to be a module: they run when it is loaded.
 */
#include <linux/module.h>

/*
 * MODULE_IMPORT_NS() takes an identifier on older kernels and a string on newer
 * ones; this is what it writes on all of them.
 */
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
MODULE_INFO(import_ns, "KARENA");
MODULE_DESCRIPTION("KUnit suites of karena");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
