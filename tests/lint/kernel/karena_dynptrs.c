// SPDX-License-Identifier: GPL-2.0-only
/*
 * For vm/lint: kernel code that uses dynptrs rightly, and two mistakes that sparse is
 * to report.
 */
#include <linux/karena_kapi.h>
#include <linux/module.h>

static int __used karena_right(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;
	int err;

	err = karena_ring_reserve_dynptr(ring, length, &record);
	if (err) {
		karena_ring_discard_dynptr(&record, 0);
		return err;
	}
	err = karena_dynptr_write(&record, 0, name, length);
	karena_ring_submit_dynptr(&record, 0);
	return err;
}

static int __used karena_forgotten(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;
	int err;

	err = karena_ring_reserve_dynptr(ring, length, &record);
	if (err)
		return err;
	err = karena_dynptr_write(&record, 0, name, length);
	karena_ring_submit_dynptr(&record, 0);
	return err;
}

static int __used karena_finished_twice(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;
	int err;

	err = karena_ring_reserve_dynptr(ring, length, &record);
	if (!err)
		err = karena_dynptr_write(&record, 0, name, length);
	if (err)
		karena_ring_discard_dynptr(&record, 0);
	karena_ring_submit_dynptr(&record, 0);
	return err;
}

MODULE_DESCRIPTION("Right and wrong uses of dynptrs");
MODULE_AUTHOR("The karena developers");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS() writes it, whose argument is not the same on all kernels. */
MODULE_INFO(import_ns, "KARENA");
