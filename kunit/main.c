// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the suites a module, which runs them when it is loaded.
 */
#include <linux/module.h>

/*
 * Written out, as MODULE_IMPORT_NS() takes an identifier on older kernels and a string on
 * newer ones.
 */
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
MODULE_INFO(import_ns, "KARENA");
MODULE_DESCRIPTION("KUnit suites of karena");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
