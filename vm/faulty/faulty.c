// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does wrong, one way each time it is loaded, for vm/selftest to see
 * whether the kernel reports and vm/run hears.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *fault = "";
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "leak, use_after_free, lock_order, sleep_in_atomic, warn or message");

static DEFINE_MUTEX(outer);
static DEFINE_MUTEX(inner);
static DEFINE_SPINLOCK(spin);

/* Where the compiler does not see that nobody looks. */
static void *volatile place;

static void leak(void)
{
	place = kmalloc(100, GFP_KERNEL);
	place = NULL;
}

static void use_after_free(void)
{
	char *block = kzalloc(100, GFP_KERNEL);

	place = block;
	kfree(block);
	if (block)
		READ_ONCE(*(char *)place);
}

static void lock_order(void)
{
	mutex_lock(&outer);
	mutex_lock(&inner);
	mutex_unlock(&inner);
	mutex_unlock(&outer);

	mutex_lock(&inner);
	mutex_lock(&outer);
	mutex_unlock(&outer);
	mutex_unlock(&inner);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void warn(void)
{
	WARN_ON(1);
}

static void message(void)
{
	pr_info("a line\n");
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "leak", leak },
	{ "use_after_free", use_after_free },
	{ "lock_order", lock_order },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "warn", warn },
	{ "message", message },
};

static int __init faulty_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		faults[i].commit();
		return 0;
	}
	return -EINVAL;
}

static void __exit faulty_exit(void)
{
}

module_init(faulty_init);
module_exit(faulty_exit);

MODULE_DESCRIPTION("faults for a test harness to find");
MODULE_LICENSE("GPL");
